//! Entries that arrive from outside whole: from files, from other servers.

use super::clock::{Clock, lru_seconds};
use super::entry::Entry;
use super::shard::Database;
use super::value::Value;
use super::view::View;
use super::{Keyspace, Shard};

/// A key with all that belongs to it.
pub struct Arrival<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value; not an empty collection.
    pub value: Value,
    /// When it expires, in Unix ms.
    pub deadline: Option<i64>,
    /// The access clock; see [`Clock::arrived`].
    pub clock: u32,
}

impl Keyspace {
    /// Stores what arrives, under the lock of its shard. A key that is there is replaced, if that is wanted; else it
    /// is left, and the answer is false. Nobody hears of it: neither watchers nor blocked clients.
    pub fn arrive(&self, db: usize, arrival: Arrival<'_>, replaces: bool) -> bool {
        let hash = Keyspace::hash(arrival.key);
        let index = self.shard_of(hash);
        self.settle_in(&mut self.lock(index), (index, db), hash, arrival, replaces)
    }

    /// Makes room for so many keys in a database that has none yet.
    pub fn reserve(&self, db: usize, keys: usize) {
        for index in 0..self.shards() {
            self.lock(index).db_mut(db).table.reserve(keys / self.shards());
        }
    }

    fn settle_in(
        &self,
        shard: &mut Shard,
        (index, db): (usize, usize),
        hash: u64,
        arrival: Arrival<'_>,
        replaces: bool,
    ) -> bool {
        let database: &mut Database = shard.db_mut(db);
        let local = self.local(hash);
        if let Some(at) = database.table.find(local, arrival.key) {
            if !replaces {
                return false;
            }
            database.remove(at);
        }
        let entry = Entry::new(arrival.key, arrival.value, arrival.deadline, arrival.clock);
        database.insert(local, entry);
        self.counts(index).publish(db, database);
        true
    }
}

impl View<'_> {
    /// As [`Keyspace::arrive`], for who holds the shard already.
    pub fn arrive(&mut self, db: usize, arrival: Arrival<'_>, replaces: bool) -> bool {
        let keyspace = self.keyspace();
        let hash = Keyspace::hash(arrival.key);
        let index = keyspace.shard_of(hash);
        self.with_shard(index, |shard, _| keyspace.settle_in(shard, (index, db), hash, arrival, replaces))
    }
}

impl Clock {
    /// The access clock of an entry that was last used so many seconds ago, or so often, as far as that is known and
    /// counts here.
    pub fn arrived(&self, idle_seconds: Option<u64>, frequency: Option<u8>) -> u32 {
        match (self.lfu, idle_seconds, frequency) {
            (Some(_), _, Some(frequency)) => self.fresh() & !0xFF | u32::from(frequency),
            (None, Some(idle), _) => {
                // The clock goes round within 194 days: what was idle for longer is as idle as can be.
                let idle = u32::try_from(idle).unwrap_or(u32::MAX).min(0xFF_FFFF);
                lru_seconds(self.wall).wrapping_sub(idle) & 0xFF_FFFF
            }
            _ => self.fresh(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::hash::NEVER;

    #[test]
    fn what_arrives_during_a_replay_has_been_idle_until_now() {
        let live = Clock { now: 5_000_000, wall: 5_000_000, ..Clock::default() };
        let replay = Clock { now: NEVER, ..live };
        assert_eq!(live.arrived(Some(1000), None), 4000);
        assert_eq!(replay.arrived(Some(1000), None), 4000);
    }
}
