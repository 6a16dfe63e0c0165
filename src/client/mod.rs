//! What the server knows of its connections.
//!
//! A connection's task owns its [`Session`], the state that commands change. What others may see or do, CLIENT
//! LIST, CLIENT KILL, a published message, goes through the shared [`Client`] in the [`Registry`].

mod blocked;
mod outbox;
mod registry;
mod request;
mod session;
mod transaction;

pub use self::blocked::{Blocked, BlockedClients, Waiting};
pub use self::outbox::{Outbox, OutputClass};
pub use self::registry::{Client, ClientFlags, Registry};
pub use self::request::OwnedRequest;
pub use self::session::{ReplyMode, Session};
pub use self::transaction::{Transaction, Watch};
