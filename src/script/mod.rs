//! Lua scripts: the interpreter, its sandbox and its libraries.
//!
//! ```text
//! commands/script ── Scripts (cache by SHA1) ── Vm (one Lua state) ── prelude.lua (what scripts see)
//!        ▲                                        │
//!        └──────────── Host (runs commands) ◄─────┘ redis.call
//! ```
//!
//! Scripts run one at a time, behind the closed gate. All of them share one Lua state whose tables they can't
//! change, so that no script sees what another one did. What a script's errors say is told by [`Failure`].

mod api;
mod arguments;
mod bits;
mod cache;
mod cjson;
mod cmsgpack;
mod functions;
mod guards;
mod heap;
mod library;
mod number;
mod push;
mod raise;
mod raw;
mod register;
mod running;
mod scopes;
mod shebang;
mod structs;
mod views;
mod vm;
mod write;

pub use self::cache::{Refused, Script, Scripts, Sha, sha_of};
pub use self::functions::{Callable, FunctionFigures, Functions, Libraries, Library, RestorePolicy};
#[cfg(test)]
pub use self::raw::forced;
pub use self::running::{Kill, Running};
pub use self::shebang::{ScriptFlags, promises};
pub use self::vm::{Code, Kind, Registered, Vm};

use std::time::Duration;

use crate::resp::Reply;

/// The longest text or reply that a library makes of values, in bytes. Tables that contain others more than once
/// would make it as long as one likes.
const OUTPUT_MAX: usize = if cfg!(test) { 6_100_000 } else { 512 << 20 };

/// The most values that a library returns at once: what a C function's stack holds, with some room.
const RETURNED_MAX: usize = 7900;

/// What runs the commands that scripts call.
pub trait Host {
    /// Runs a command and writes its reply, which may be an error, in the given protocol.
    ///
    /// # Errors
    /// The text, its code in front, if a script may not run the command.
    fn call(&mut self, args: &[&[u8]], reply: &mut Reply) -> Result<(), Vec<u8>>;

    /// Hears of an error that the script answers, its code in front. One of a command that it has called is
    /// counted already.
    fn answers_error(&mut self, text: &[u8], counted: bool);

    /// The client's command that runs the script.
    fn command(&self) -> Vec<Box<[u8]>>;

    /// For how long others wait for the script before they are told that it is busy; none: for ever.
    fn patience(&self) -> Option<Duration>;

    /// Hears now and then that others wait no longer: the time, which stands still for a script, goes on for this one,
    /// as it may be waiting for that.
    fn time_goes_on(&mut self);

    /// Has the commands that follow put down for the journal, or not. At first they are.
    fn journal(&mut self, kept: bool);

    /// Whether the user may run a command; none if there is no such command.
    fn may_call(&mut self, args: &[&[u8]]) -> Option<bool>;
}

/// One run of a script.
pub struct Run<'a> {
    /// Its SHA1, or the name of the function: what its errors tell.
    pub name: &'a [u8],
    /// `KEYS`.
    pub keys: &'a [&'a [u8]],
    /// `ARGV`.
    pub args: &'a [&'a [u8]],
}

/// An error that ended a script.
pub struct Failure {
    /// Its text, the code in front.
    pub text: Vec<u8>,
    /// Whether it is that of a command, which has been counted.
    pub counted: bool,
}
