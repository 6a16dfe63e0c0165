//! Consumer groups: who was given which entry and hasn't confirmed it yet.
//!
//! ```text
//!   pending     id -> Delivery { time, count, consumer }       the one record of a pending entry
//!   names       name -> ConsumerKey
//!   consumers   ConsumerKey -> Consumer { name, times, pending: { id } }
//! ```
//!
//! The group's list holds the record; a consumer only has the set of IDs that are its own, and the
//! record names its consumer by a key that is never used again. So either side finds the other in
//! O(log n) without pointers to and fro, and everything is a persistent [`Tree`]: cloning a group is
//! O(1), and a writer copies a path of nodes, never the list.
//!
//! Invariant: an ID is in a consumer's set exactly when the group's record of it names that consumer.
//!
//! Operations that look at entries take the stream's [`Log`]; they return what happened, by ID, for
//! the handlers to answer and to propagate.

mod claim;
mod load;
mod pending;
mod read;

pub use claim::{AutoClaim, AutoClaimed, Claim, Claimed, ClaimedEntry};
pub use load::{GroupError, GroupLoader};
pub use pending::{PendingEntries, PendingEntry};
pub use read::{History, HistoryRow, NewEntries};

use std::sync::Arc;

use super::id::StreamId;
use super::log::Log;
use super::tree::Tree;

/// The name of a group or of a consumer; cheap to clone.
pub type Name = Arc<[u8]>;

/// A consumer's identity within its group; never given to another one.
type ConsumerKey = u64;

/// A consumer group.
#[derive(Clone, Debug)]
pub struct Group {
    last_id: StreamId,
    entries_read: Option<i64>,
    pending: Tree<StreamId, Delivery>,
    names: Tree<Name, ConsumerKey>,
    consumers: Tree<ConsumerKey, Consumer>,
    next_key: ConsumerKey,
}

/// A member of a group.
#[derive(Clone, Debug)]
pub struct Consumer {
    name: Name,
    seen_time: i64,
    active_time: Option<i64>,
    pending: Tree<StreamId, ()>,
}

/// The last time an entry was handed out, and to whom.
#[derive(Clone, Copy, Debug)]
struct Delivery {
    /// Milliseconds since the Unix epoch.
    time: i64,
    count: u64,
    consumer: ConsumerKey,
}

impl Group {
    /// A group that has been given the entries up to `last_id`, which were `entries_read` (if known).
    pub fn new(last_id: StreamId, entries_read: Option<i64>) -> Self {
        Self {
            last_id,
            entries_read,
            pending: Tree::default(),
            names: Tree::default(),
            consumers: Tree::default(),
            next_key: 0,
        }
    }

    /// The last entry handed out.
    pub fn last_id(&self) -> StreamId {
        self.last_id
    }

    /// How many entries were added to the stream up to the last one handed out; `None` when that can't
    /// be known (Redis keeps -1).
    pub fn entries_read(&self) -> Option<i64> {
        self.entries_read
    }

    /// Moves the group to another place in the stream (XGROUP SETID).
    pub fn set_id(&mut self, last_id: StreamId, entries_read: Option<i64>) {
        self.last_id = last_id;
        self.entries_read = entries_read;
    }

    /// How many entries of the stream wait for the group, if that can be known.
    pub fn lag(&self, log: &Log) -> Option<i64> {
        let added = log.entries_added() as i64;
        if added == 0 {
            return Some(0);
        }
        let read = match self.entries_read {
            Some(read) if !log.has_tombstones_from(self.last_id) => read,
            _ => log.entries_added_until(self.last_id)?,
        };
        Some(added.wrapping_sub(read))
    }

    /// Number of consumers.
    pub fn consumer_count(&self) -> usize {
        self.names.len()
    }

    /// The consumers, ordered by name.
    pub fn consumers(&self) -> impl Iterator<Item = &Consumer> {
        self.names.iter().filter_map(|(_, key)| self.consumers.get(key))
    }

    /// The consumer of that name.
    pub fn consumer(&self, name: &[u8]) -> Option<&Consumer> {
        self.consumers.get(self.names.get(name)?)
    }

    /// Makes a consumer, unless there is one of that name already; says whether it did.
    pub fn create_consumer(&mut self, name: &[u8], now: i64) -> bool {
        if self.names.contains(name) {
            return false;
        }
        self.add_consumer(name, now, None);
        true
    }

    /// Removes a consumer with all that is pending for it; returns how many entries that were.
    pub fn delete_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let key = self.names.remove(name)?;
        let consumer = self.consumers.remove(&key)?;
        if consumer.pending.len() == self.pending.len() {
            self.pending = Tree::default();
        } else {
            for (id, ()) in consumer.pending.iter() {
                self.pending.remove(id);
            }
        }
        Some(consumer.pending.len())
    }

    /// Confirms an entry: it is no longer pending. Says whether it was.
    pub fn ack(&mut self, id: StreamId) -> bool {
        self.release(id).is_some()
    }

    /// Bytes of the group's structures.
    pub fn memory_bytes(&self) -> usize {
        const NAME_OVERHEAD: usize = 16;
        let consumers: usize = self
            .consumers()
            .map(|consumer| NAME_OVERHEAD + consumer.name.len() + consumer.pending.memory_bytes())
            .sum();
        size_of::<Self>()
            + self.pending.memory_bytes()
            + self.names.memory_bytes()
            + self.consumers.memory_bytes()
            + consumers
    }

    /// Whether freeing it takes long enough to be left to a background thread.
    pub fn is_large(&self) -> bool {
        self.weight() > super::LARGE
    }

    /// About how many allocations there are to free. Counts the pending entries' once more for the
    /// consumers instead of visiting them.
    pub(super) fn weight(&self) -> usize {
        1 + 2 * self.pending.nodes() + self.names.nodes() + 2 * self.consumers.len()
    }

    fn add_consumer(&mut self, name: &[u8], seen_time: i64, active_time: Option<i64>) -> ConsumerKey {
        let key = self.next_key;
        self.next_key += 1;
        let name = Name::from(name);
        self.names.insert(Arc::clone(&name), key);
        self.consumers.insert(key, Consumer { name, seen_time, active_time, pending: Tree::default() });
        key
    }

    /// The consumer of that name, made if need be, seen now; and whether it was made.
    fn see_consumer(&mut self, name: &[u8], now: i64) -> (ConsumerKey, bool) {
        match self.names.get(name).copied() {
            Some(key) => {
                if let Some(consumer) = self.consumers.get_mut(&key) {
                    consumer.seen_time = now;
                }
                (key, false)
            }
            None => (self.add_consumer(name, now, None), true),
        }
    }

    /// Marks a consumer as having got something.
    fn activate(&mut self, key: ConsumerKey, now: i64) {
        if let Some(consumer) = self.consumers.get_mut(&key) {
            consumer.active_time = Some(now);
        }
    }

    /// Records that an entry was handed out, whoever had it before.
    fn assign(&mut self, id: StreamId, delivery: Delivery) {
        let before = self.pending.insert(id, delivery).map(|before| before.consumer);
        if before == Some(delivery.consumer) {
            return;
        }
        if let Some(owner) = before.and_then(|key| self.consumers.get_mut(&key)) {
            owner.pending.remove(&id);
        }
        if let Some(owner) = self.consumers.get_mut(&delivery.consumer) {
            owner.pending.insert(id, ());
        }
    }

    /// Forgets that an entry was handed out.
    fn release(&mut self, id: StreamId) -> Option<Delivery> {
        let delivery = self.pending.remove(&id)?;
        if let Some(owner) = self.consumers.get_mut(&delivery.consumer) {
            owner.pending.remove(&id);
        }
        Some(delivery)
    }
}

impl Consumer {
    /// The consumer's name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// When it last asked for something, in milliseconds since the Unix epoch.
    pub fn seen_time(&self) -> i64 {
        self.seen_time
    }

    /// When it last was given something, in milliseconds since the Unix epoch; `None` for never
    /// (Redis keeps -1).
    pub fn active_time(&self) -> Option<i64> {
        self.active_time
    }

    /// Number of entries pending for it.
    pub fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// The IDs pending for it, in ascending order.
    pub fn pending_ids(&self) -> impl Iterator<Item = StreamId> {
        self.pending.iter().map(|(id, ())| *id)
    }
}

#[cfg(test)]
impl Group {
    /// Checks that both sides of the pending list agree.
    pub(super) fn check(&self) {
        assert_eq!(self.names.len(), self.consumers.len());
        let mut owned = 0;
        for (name, key) in self.names.iter() {
            let consumer = self.consumers.get(key).expect("every name has its consumer");
            assert_eq!(consumer.name, *name);
            assert!(*key < self.next_key);
            owned += consumer.pending.len();
            for (id, ()) in consumer.pending.iter() {
                let delivery = self.pending.get(id).expect("what a consumer has, the group has");
                assert_eq!(delivery.consumer, *key);
            }
        }
        assert_eq!(owned, self.pending.len());
    }
}

#[cfg(test)]
mod tests;
