//! What the server knows of its connections.
//!
//! A connection's task owns its [`Session`], the state that commands change. What others may see or do, CLIENT
//! LIST, CLIENT KILL, a published message, goes through the shared [`Client`] in the [`Registry`].

mod describe;
mod handle;
mod limits;
mod outbox;
mod pause;
mod registry;
mod session;

pub use self::describe::{Running, TASK_BYTES};
pub use self::handle::{Client, ClientFlags, Ending, Names};
pub use self::limits::{OUTPUT_FREE, OutputClass, OutputLimits};
pub use self::outbox::Outbox;
pub use self::pause::{Pause, Paused};
pub use self::registry::Registry;
pub use self::session::{ReplyMode, Session};
