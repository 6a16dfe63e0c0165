//! Bytes to requests and replies to bytes: RESP2, RESP3 and inline commands.
//!
//! Pure: nothing here knows of sockets, clients or commands. A [`Parser`] cuts what was read into the arguments
//! of a [`Batch`] of requests; [`Reply`] is the only place that makes reply bytes.

mod batch;
mod reply;
mod request;

pub use batch::{ArgRange, Batch};
pub use reply::{Deferred, Reply};
pub use request::{Limits, Parser, Progress, ProtocolError};

/// The protocol that a client speaks; its number is the one in `HELLO`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[repr(u8)]
pub enum Protocol {
    /// What every connection begins with.
    #[default]
    Resp2 = 2,
    /// Chosen by `HELLO 3`: maps, sets, doubles, nulls and pushes have types of their own.
    Resp3 = 3,
}
