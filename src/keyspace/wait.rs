//! Clients blocked on keys, as tickets in the order of their arrival.
//!
//! The keyspace knows only numbers; who holds a ticket and what it waits for is known to `dispatch`.

use std::collections::{BTreeSet, HashMap};

/// Tickets per key of one shard and database. Nobody waits most of the time, so it is one pointer until then.
#[derive(Default)]
pub(super) struct Waiters(Option<Box<Tickets>>);

type Tickets = HashMap<Box<[u8]>, BTreeSet<u64>>;

impl Waiters {
    pub(super) fn add(&mut self, key: &[u8], ticket: u64) {
        self.0.get_or_insert_default().entry(key.into()).or_default().insert(ticket);
    }

    pub(super) fn remove(&mut self, key: &[u8], ticket: u64) {
        let Some(keys) = &mut self.0 else { return };
        if let Some(tickets) = keys.get_mut(key) {
            tickets.remove(&ticket);
            if tickets.is_empty() {
                keys.remove(key);
            }
        }
        if keys.is_empty() {
            self.0 = None;
        }
    }

    /// The oldest ticket on a key that is younger than `after`.
    pub(super) fn next(&self, key: &[u8], after: Option<u64>) -> Option<u64> {
        let tickets = self.0.as_ref()?.get(key)?;
        match after {
            None => tickets.first().copied(),
            Some(after) => tickets.range(after + 1..).next().copied(),
        }
    }

    /// Whether nobody waits for a key.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn is_waited_for(&self, key: &[u8]) -> bool {
        self.0.as_ref().is_some_and(|keys| keys.contains_key(key))
    }

    /// Keys with waiters.
    pub(super) fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().flat_map(|keys| keys.keys()).map(AsRef::as_ref)
    }
}
