//! Who may do what: users, their rules, and the check of a request against them. No sockets, no replies.
//!
//! ```text
//! rule text ──► User::apply ──► User ── root Selector and others ──► User::check(request) ── Denied
//!                                │           commands (bits), first arguments, keys, channels
//! Users (by name, a version) ────┤
//! Identity (of one session) ─────┘ holds its user; asks for it again when the version has moved
//! ```
//!
//! **Who owns what.** A [`User`] never changes: a new one takes its place in [`Users`] and the version moves. So a
//! session reads its user without a lock, and what it costs to see a change is one load. Which commands there are is
//! told once, by the [`Vocabulary`]; `rename-command` doesn't touch it, so that rules mean the same everywhere.
//!
//! **Allowed.** One selector must allow the whole request: the command, each key in the way in which it is used, each
//! channel. When none does, what is told is what came furthest: a channel rather than a key, a key rather than the
//! command.

mod check;
mod error;
mod file;
mod identity;
mod log;
mod password;
mod pattern;
mod selector;
#[cfg(test)]
mod tests;
mod user;
mod users;
mod vocabulary;

pub use self::check::{Channels, Denied, KeyUse, Request, allows_channel};
pub use self::error::{RuleError, SetError};
pub use self::file::{FileError, read_users};
pub use self::identity::{Change, Identity};
pub use self::log::{Context, Entry, Log, Reason};
pub use self::pattern::{Access, KeyPattern, has_blanks};
pub use self::selector::{Rules, Selector};
pub use self::user::User;
pub use self::users::{Replaced, Table, Users};
pub use self::vocabulary::Vocabulary;

/// The user of connections that have not said who they are.
pub const DEFAULT_USER: &[u8] = b"default";
