//! What the server knows of its connections.
//!
//! A connection's task owns its [`Session`], the state that commands change. What others may see or do, CLIENT
//! LIST, CLIENT KILL, a published message, goes through the shared [`Client`] in the [`Registry`].

mod outbox;
mod registry;
mod session;

pub use self::outbox::{Outbox, OutputClass};
pub use self::registry::{Client, ClientFlags, Registry};
pub use self::session::{ReplyMode, Session};
