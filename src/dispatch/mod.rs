//! The one road that every command takes: look up, admit, lock, execute, hand over its effects.
//!
//! ```text
//! batch of requests ── enter the gate ── for some at a time: find their rows, prefetch all keys ── for each, in order:
//!     admission checks ── lock plan ── handler ── unlock ── effects ── count
//! ```
//!
//! Requests that repeat one command about single keys are admitted and counted once, and what they look for in one
//! large collection is prefetched together (execute/repeat.rs).
//!
//! It is synchronous: nothing awaits while a shard is locked or a lane of the gate is occupied. Where a command
//! needs to wait (the closed gate, blocked keys), [`Turn::run`] stops and tells the connection's task why.

mod admit;
mod blocking;
mod effects;
mod execute;
mod hold;
mod housekeeping;
mod local;
mod memory;
mod replay;
mod requests;
mod run;
mod turn;

pub use self::effects::settle;
pub use self::execute::clock;
pub use self::housekeeping::housekeeping;
pub use self::local::Local;
pub use self::replay::replayer;
pub use self::run::Suspended;
pub use self::turn::{Stop, TURN_REPLY, Turn};
