//! What MULTI queues and what WATCH watches.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::handle::{Client, ClientFlags};
use super::request::OwnedRequest;
use crate::command::spec::Flags;
use crate::keyspace::watch::WatchFlag;

/// A transaction between MULTI and EXEC.
#[derive(Default)]
pub struct Transaction {
    /// The commands, by catalog number, in order.
    pub queued: Vec<(usize, OwnedRequest)>,
    /// Whether a command was refused: EXEC will abort.
    pub refused: bool,
    /// Bytes of the queued requests.
    pub bytes: usize,
    /// The flags of all queued commands together.
    pub flags: Flags,
}

impl Transaction {
    /// Queues a command; none is kept once it is clear that EXEC aborts.
    pub fn queue(&mut self, id: usize, flags: Flags, args: &[&[u8]], client: &Client) {
        if !self.refused {
            let request = OwnedRequest::new(args);
            self.bytes += request.memory_bytes();
            self.flags |= flags;
            self.queued.push((id, request));
        }
        client.queued.store(self.queued.len() as i64, Ordering::Relaxed);
        client.transaction_bytes.store(self.bytes, Ordering::Relaxed);
    }
}

/// The keys a client watches.
#[derive(Default)]
pub struct Watch {
    /// Raised when one of them changes.
    pub flag: Arc<WatchFlag>,
    /// Database and key, each once.
    pub keys: Vec<(usize, Box<[u8]>)>,
}

/// Marks in the registry whether a client is within MULTI.
pub(super) fn mark(client: &Client, open: bool) {
    client.set_flags(ClientFlags::MULTI, open);
    client.queued.store(if open { 0 } else { -1 }, Ordering::Relaxed);
    client.transaction_bytes.store(0, Ordering::Relaxed);
}
