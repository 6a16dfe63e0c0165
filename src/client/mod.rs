//! What the server knows of its connections.
//!
//! A connection's task owns its [`Session`], the state that commands change. What others may see or do, CLIENT
//! LIST, CLIENT KILL, a published message, goes through the shared [`Client`] in the [`Registry`].

mod blocked;
mod describe;
mod handle;
mod limits;
mod memory;
mod monitors;
mod outbox;
mod pause;
mod registry;
mod request;
mod session;
mod tracking;
mod transaction;

pub use self::blocked::{Blocked, BlockedClients, Waiting};
pub use self::describe::{Running, TASK_BYTES};
pub use self::handle::{Client, ClientFlags, Ending, Names};
pub use self::limits::{ClientLimits, OUTPUT_FREE, OutputClass};
pub use self::monitors::{Monitors, Source};
pub use self::outbox::{Outbox, Sink};
pub use self::pause::{Pause, Paused};
pub use self::registry::Registry;
pub use self::request::OwnedRequest;
pub use self::session::{ReplyMode, Session};
pub use self::tracking::{Listeners, Tracking, TrackingMode};
pub use self::transaction::{Transaction, Watch};
