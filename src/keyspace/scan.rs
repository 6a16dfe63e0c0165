//! Walking the keys of a database in hash order, shard after shard.

use super::Keyspace;
use super::entry::EntryRef;
use super::shard::Shard;
use super::table::Table;
use super::view::View;

/// Low bits of the 64-bit position that a cursor drops, so that clients which keep it in a double don't lose
/// any. Buckets are far wider than that.
const CURSOR_SHIFT: u32 = 11;

/// How many buckets a walk visits before it lets go of the shard.
const BUCKETS_PER_STEP: usize = 64;

impl View<'_> {
    /// Visits at least `count` entries of the selected database from `cursor` on, or as many as there are, and
    /// returns the next cursor, 0 at the end. A key that is there from the first call to the last is visited.
    pub fn scan(&mut self, cursor: u64, count: usize, visit: &mut dyn FnMut(EntryRef<'_>)) -> u64 {
        let (keyspace, db) = (self.keyspace(), self.db());
        let mut position = cursor << CURSOR_SHIFT;
        let mut visited = 0;
        // Empty buckets cost time as well: a sparse table must not make one call walk it whole.
        let mut buckets = count.saturating_mul(10);
        loop {
            let shard = keyspace.shard_of(position);
            let mut local = Some(keyspace.local(position));
            self.with_shard(shard, |shard: &mut Shard| {
                let table = &shard.db(db).table;
                while let Some(at) = local.filter(|_| visited < count && buckets > 0) {
                    local = table.scan(at, &mut |entry| {
                        visited += 1;
                        visit(entry);
                    });
                    buckets -= 1;
                }
            });
            match local.or_else(|| (shard + 1 < keyspace.shards()).then_some(0)) {
                None => return 0,
                Some(next) => {
                    let shard = if local.is_none() { shard + 1 } else { shard };
                    position = keyspace.global(shard, next);
                }
            }
            if visited >= count || buckets == 0 {
                // A position inside the first bucket would be cursor 0, which means the end.
                return (position >> CURSOR_SHIFT).max(1);
            }
        }
    }

    /// Visits every entry of the selected database once, a few buckets per lock.
    pub fn walk(&mut self, visit: &mut dyn FnMut(EntryRef<'_>)) {
        let db = self.db();
        for shard in 0..self.keyspace().shards() {
            let mut next = Some(0);
            while next.is_some() {
                self.with_shard(shard, |shard: &mut Shard| {
                    for _ in 0..BUCKETS_PER_STEP {
                        let Some(at) = next else { break };
                        next = shard.db(db).table.scan(at, visit);
                    }
                });
            }
        }
    }

    /// A random key of the selected database that has not expired; none if there is none.
    pub fn random_key(&mut self) -> Option<Vec<u8>> {
        let (keyspace, db, now) = (self.keyspace(), self.db(), self.now());
        // Like Redis, it gives up looking for a live key where nearly all have expired.
        for _ in 0..100 {
            let total = keyspace.len(db);
            if total == 0 {
                return None;
            }
            let mut nth = fastrand::usize(..total);
            let by_weight = (0..keyspace.shards()).find(|&shard| {
                let keys = keyspace.counts(shard).keys(db);
                let here = nth < keys;
                nth = nth.saturating_sub(keys);
                here
            });
            let Some(shard) = by_weight else { continue };
            let found = self.with_shard(shard, |shard| {
                let entry = shard.db(db).table.random()?;
                Some((entry.key().to_vec(), entry.deadline().is_none_or(|deadline| deadline > now)))
            });
            if let Some((key, true)) = found {
                return Some(key);
            }
        }
        None
    }

    /// Empties the selected database; the values are returned table by table, to be freed after unlocking.
    pub fn clear(&mut self) -> Vec<Table> {
        let (keyspace, db, now) = (self.keyspace(), self.db(), self.now());
        let mut ready = Vec::new();
        let mut tables = Vec::new();
        for index in 0..keyspace.shards() {
            let table = self.with_shard(index, |shard| {
                let database = shard.db_mut(db);
                let table = &database.table;
                database
                    .watched
                    .touch_where(|key| table.find(keyspace.local(Keyspace::hash(key)), key).is_some());
                ready.extend(database.waiters.keys().map(Box::from));
                let table = database.clear(keyspace.bits, now);
                keyspace.counts(index).publish(db, database);
                table
            });
            tables.push(table);
        }
        self.effects.ready.extend(ready.into_iter().map(|key| (db, key)));
        tables
    }

    /// Exchanges two databases. The view must hold everything.
    pub fn swap(&mut self, a: usize, b: usize) {
        let keyspace = self.keyspace();
        for index in 0..keyspace.shards() {
            self.with_shard(index, |shard| {
                shard.swap(a, b);
                let [one, other] = [a, b].map(|db| shard.db(db));
                for (db, database) in [(a, one), (b, other)] {
                    database.watched.touch_where(|key| {
                        let local = keyspace.local(Keyspace::hash(key));
                        [one, other].iter().any(|database| database.table.find(local, key).is_some())
                    });
                    keyspace.counts(index).publish(db, database);
                }
            });
        }
    }
}

impl Keyspace {
    /// The position in hash order of a position within a shard.
    fn global(&self, shard: usize, local: u64) -> u64 {
        ((shard as u64) << 1 << (63 - u32::from(self.bits))) | local >> self.bits
    }
}
