//! Walking the keys of a database in hash order, shard after shard.
//!
//! A walk lets go of a shard every few buckets, so nobody waits long for it, however many keys there are. In
//! between, keys may come and go and tables may grow: a position in hash order stays meaningful. A key that is
//! there from the first call to the last is visited.

use super::Keyspace;
use super::entry::EntryRef;
use super::view::{Place, View};

/// Low bits of the 64-bit position that a cursor drops, so that clients which keep it in a double don't lose
/// any. Buckets are far wider than that.
const CURSOR_SHIFT: u32 = 11;

/// How many buckets a walk visits before it lets go of the shard.
const BUCKETS_PER_STEP: usize = 64;

/// Where a walk goes on, and what it may still visit.
struct Walk {
    /// A position in hash order over all shards; none at the end.
    position: Option<u64>,
    /// Entries to visit at the least, if there are as many.
    entries: usize,
    /// Buckets to visit at the most.
    buckets: usize,
}

impl View<'_> {
    /// Visits at least `count` entries of the selected database from `cursor` on, or as many as there are, and
    /// returns the next cursor, 0 at the end. A key that is there from the first call to the last is visited.
    pub fn scan(&mut self, cursor: u64, count: usize, visit: &mut dyn FnMut(EntryRef<'_>)) -> u64 {
        // Empty buckets cost time as well: a sparse table must not make one call walk it whole.
        let buckets = count.saturating_mul(10);
        let start = cursor << CURSOR_SHIFT;
        let mut walk = Walk { position: Some(start), entries: count, buckets };
        while let Some(position) = walk.position {
            // A cursor drops bits, so it may fall back to where this call began: then there is more to do.
            let next = position >> CURSOR_SHIFT;
            if (walk.entries == 0 || walk.buckets == 0) && next > start >> CURSOR_SHIFT {
                return next;
            }
            walk.entries = walk.entries.max(1);
            walk.buckets = walk.buckets.max(1);
            self.step(&mut walk, visit);
        }
        0
    }

    /// Visits every entry of the selected database once.
    pub fn walk(&mut self, visit: &mut dyn FnMut(EntryRef<'_>)) {
        let mut walk = Walk { position: Some(0), entries: usize::MAX, buckets: usize::MAX };
        while walk.position.is_some() {
            self.step(&mut walk, visit);
        }
    }

    /// Visits some buckets of the shard at the walk's position, within its limits.
    fn step(&mut self, walk: &mut Walk, visit: &mut dyn FnMut(EntryRef<'_>)) {
        let Some(position) = walk.position else { return };
        let (keyspace, db) = (self.keyspace(), self.db());
        let shard = keyspace.shard_of(position);
        let mut local = Some(keyspace.local(position));
        if keyspace.counts(shard).keys(db) > 0 {
            self.with_shard(shard, |shard, _| {
                let table = &shard.db(db).table;
                for _ in 0..walk.buckets.min(BUCKETS_PER_STEP) {
                    let Some(at) = local.filter(|_| walk.entries > 0) else { break };
                    local = table.scan(at, &mut |_, entry| {
                        walk.entries = walk.entries.saturating_sub(1);
                        visit(entry);
                    });
                    walk.buckets -= 1;
                }
            });
        } else {
            local = None;
        }
        walk.position = match local {
            Some(local) => Some(keyspace.global(shard, local)),
            None => (shard + 1 < keyspace.shards()).then(|| keyspace.global(shard + 1, 0)),
        };
    }

    /// A random key of the selected database that has not expired; none if there is none. Expired keys that it
    /// meets are deleted.
    pub fn random_key(&mut self) -> Option<Vec<u8>> {
        let (keyspace, db) = (self.keyspace(), self.db());
        loop {
            let total = keyspace.len(db);
            if total == 0 {
                return None;
            }
            let mut nth = fastrand::usize(..total);
            // Counts may change while they are read: then no shard is found, and another number is drawn.
            let by_weight = (0..keyspace.shards()).find(|&shard| {
                let keys = keyspace.counts(shard).keys(db);
                let here = nth < keys;
                nth = nth.saturating_sub(keys);
                here
            });
            let Some(shard) = by_weight else { continue };
            let key = self.with_shard(shard, |shard, _| Some(shard.db(db).table.random()?.key().to_vec()));
            if let Some(key) = key.filter(|key| !self.delete_if_expired(key)) {
                return Some(key);
            }
        }
    }

    /// Deletes a key if it has expired, and tells whether it had. For keys that a walk has met: their shard need
    /// not be held.
    pub fn delete_if_expired(&mut self, key: &[u8]) -> bool {
        let (keyspace, db, clock) = (self.keyspace(), self.db(), self.clock());
        let hash = Keyspace::hash(key);
        let index = keyspace.shard_of(hash);
        let holds = self.holds_shards();
        self.with_shard(index, |shard, effects| {
            let (database, tracked) = shard.parts(db);
            let (counts, local) = (keyspace.counts(index), keyspace.local(hash));
            let Some(at) = database.table.find(local, key) else { return false };
            let expired = database.table.entry(at).deadline().is_some_and(|deadline| deadline <= clock.now);
            if expired {
                Place { database, tracked, counts, effects: &mut *effects, clock: &clock, db, local }
                    .expire_entry(at);
                if !holds {
                    // The shard's lock ends here.
                    keyspace.journal.append(&mut effects.propagation);
                }
            }
            expired
        })
    }
}

impl Keyspace {
    /// The position in hash order of a position within a shard.
    fn global(&self, shard: usize, local: u64) -> u64 {
        ((shard as u64) << 1 << (63 - u32::from(self.bits))) | local >> self.bits
    }
}
