//! What writers hand over to the walker of a snapshot, and what happens when they are faster than it.
//!
//! **Crowding.** If more is handed over than the walker can take (a slow disk, writers with deep pipelines), what
//! waits would grow towards a copy of the data; and so would what writers copy of large values while the walker is at
//! them. So beyond a few percent of the memory in use the snapshot is *crowded*: connections that are about to write wait
//! until the walker has caught up, outside of all locks, and for a bounded time each, so that a disk that hangs slows
//! writers down but doesn't stop them. Readers don't wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{Cut, Frozen};
use crate::base::alloc;
use crate::keyspace::table::Table;
use crate::keyspace::value::{Str, Value};
use crate::types::spent_bytes;

/// What may wait for the walker: one part of so many of the memory in use at the cut, ...
const SHARE: usize = 32;
/// ... and in any case so many bytes.
const LEAST: usize = 4 << 20;
/// For how long a writer waits at the most, and how often it looks.
const PATIENCE: Duration = Duration::from_millis(100);
const POLL: Duration = Duration::from_millis(2);

/// What writers hand over to the walker.
pub(in crate::keyspace) struct Inbox {
    items: Mutex<Vec<Handed>>,
    /// How many items there are, for a look without the lock. Relaxed: who misses one finds it at the next look, and
    /// the last look comes after the locks of all shards.
    waiting: AtomicUsize,
    /// Bytes that writers have copied for the walker.
    copied: AtomicUsize,
    crowd: Arc<Crowd>,
    /// Nobody will take anything any more.
    abandoned: AtomicBool,
}

/// Something handed over.
pub(super) enum Handed {
    /// An entry, and how many bytes it holds.
    Entry(Frozen, usize),
    /// A part of a database that was flushed.
    Part(Table, Box<Cut>),
}

/// Whether writers have to wait for a walker; one for all snapshots of a keyspace, of which there is one at a time.
#[derive(Default)]
pub struct Crowd {
    /// Bytes that may be held for a snapshot under way; 0 without one.
    limit: AtomicUsize,
    /// Bytes that writers have handed over and the walker hasn't visited. Signed, since the walker of an abandoned
    /// snapshot may count down once too often.
    held: AtomicIsize,
}

/// What a snapshot costs.
pub struct Meter(Arc<Inbox>);

impl Meter {
    pub(super) fn of(inbox: &Arc<Inbox>) -> Meter {
        Meter(Arc::clone(inbox))
    }

    /// Ends the snapshot: its walker may still be busy, but there can be another one.
    pub fn abandon(&self) {
        self.0.abandon();
    }

    /// Whether writers will soon have to wait: the walker had better get on.
    pub fn presses(&self) -> bool {
        self.0.presses()
    }

    /// Bytes that writers have copied so far because the walker had not come to them.
    pub fn copied_bytes(&self) -> usize {
        self.0.copied.load(Ordering::Relaxed)
    }
}

impl Crowd {
    /// Whether whoever is about to write has to wait.
    #[inline]
    pub fn is_crowded(&self) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        limit > 0 && self.held.load(Ordering::Relaxed).max(0).cast_unsigned() + spent_bytes() > limit
    }

    /// Whether half of the room is taken.
    fn presses(&self) -> bool {
        let held = self.held.load(Ordering::Relaxed).max(0).cast_unsigned() + spent_bytes();
        held > self.limit.load(Ordering::Relaxed) / 2
    }

    /// Waits until there is room again, for a bounded time.
    pub async fn relieved(&self) {
        let until = Instant::now() + PATIENCE;
        while self.is_crowded() && Instant::now() < until {
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Inbox {
    pub fn new(crowd: &Arc<Crowd>) -> Inbox {
        crowd.held.store(0, Ordering::Relaxed);
        crowd.limit.store((alloc::used() / SHARE).max(LEAST), Ordering::Relaxed);
        Inbox {
            items: Mutex::default(),
            waiting: AtomicUsize::new(0),
            copied: AtomicUsize::new(0),
            crowd: Arc::clone(crowd),
            abandoned: AtomicBool::new(false),
        }
    }

    /// Takes an entry for which so many bytes were copied.
    pub fn put_entry(&self, frozen: Frozen, copied: usize) {
        let shared = match &frozen.value {
            Value::Str(Str::Shared(bytes)) => bytes.len(),
            _ => 0,
        };
        let bytes = copied + shared;
        self.copied.fetch_add(copied, Ordering::Relaxed);
        self.crowd.held.fetch_add(bytes.cast_signed(), Ordering::Relaxed);
        self.put(Handed::Entry(frozen, bytes));
    }

    /// Takes a part of a database.
    pub fn put_part(&self, table: Table, cut: Box<Cut>) {
        self.put(Handed::Part(table, cut));
    }

    fn put(&self, handed: Handed) {
        self.items.lock().push(handed);
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether so much has been handed over that the walker must not be slow.
    pub(super) fn presses(&self) -> bool {
        self.crowd.presses()
    }

    /// Gives away what is there.
    pub(super) fn take(&self) -> Vec<Handed> {
        if self.waiting.load(Ordering::Relaxed) == 0 {
            return Vec::new();
        }
        let items = std::mem::take(&mut *self.items.lock());
        self.waiting.fetch_sub(items.len(), Ordering::Relaxed);
        items
    }

    /// The walker has visited an entry that held so many bytes.
    pub fn visited(&self, bytes: usize) {
        if !self.is_abandoned() {
            self.crowd.held.fetch_sub(bytes.cast_signed(), Ordering::Relaxed);
        }
    }

    /// Takes nothing any more.
    pub fn abandon(&self) {
        // Once: by the second time there may be another one.
        if !self.abandoned.swap(true, Ordering::AcqRel) {
            self.crowd.limit.store(0, Ordering::Relaxed);
        }
    }

    /// Whether it takes nothing any more.
    pub fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::task::Poll;

    use super::*;

    fn frozen() -> Frozen {
        Frozen { db: 0, key: Box::default(), value: Value::string(Vec::new()), deadline: None, clock: 0 }
    }

    #[tokio::test]
    async fn writers_wait_while_more_is_held_than_may_be() {
        let crowd = Arc::new(Crowd::default());
        let inbox = Inbox::new(&crowd);
        let limit = crowd.limit.load(Ordering::Relaxed);
        crowd.relieved().await;
        assert!(!crowd.is_crowded());
        inbox.put_entry(frozen(), limit + 1);
        assert!(crowd.is_crowded() && inbox.take().len() == 1);
        // Whoever waits goes on, even if nobody takes anything, ...
        crowd.relieved().await;
        assert!(crowd.is_crowded());
        // ... and soon when there is room.
        let mut waiting = Box::pin(crowd.relieved());
        assert!(
            std::future::poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context))).await.is_pending()
        );
        inbox.visited(limit + 1);
        waiting.await;
        assert!(!crowd.is_crowded());
        inbox.put_entry(frozen(), limit + 1);
        inbox.abandon();
        assert!(!crowd.is_crowded());
    }
}
