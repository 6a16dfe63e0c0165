//! What is done to a database as a whole: emptying it, exchanging it with another.

use super::Keyspace;
use super::clock::Clock;
use super::effects::Effects;
use super::shard::{Database, Remains, Shard};
use super::view::{Place, View};

impl View<'_> {
    /// Empties the selected database and returns what was in it, part by part, to be freed after unlocking. Clients
    /// that remember keys hear of it by [`View::forget_readers`]. The view must hold everything.
    pub fn clear(&mut self) -> Vec<Remains> {
        let (keyspace, db, now) = (self.keyspace(), self.db(), self.now());
        let mut remains = Vec::new();
        for index in (0..keyspace.shards()).filter(|&index| keyspace.counts(index).keys(db) > 0) {
            self.with_shard(index, |shard, effects| {
                let database = shard.db_mut(db);
                database.watched.touch_where(|key| database.holds(keyspace, key));
                effects.ready.extend(database.waiters.keys().map(|key| (db, key.into())));
                remains.push(database.clear(keyspace.bits, now));
                keyspace.counts(index).publish(db, database);
            });
        }
        remains
    }

    /// Exchanges two databases; watchers and blocked clients stay with the number. The view must hold everything.
    pub fn swap(&mut self, a: usize, b: usize) {
        let (keyspace, clock) = (self.keyspace(), self.clock());
        for index in 0..keyspace.shards() {
            self.with_shard(index, |shard, effects| {
                for (db, other) in [(a, b), (b, a)] {
                    let watched: Vec<Box<[u8]>> = shard.db(db).watched.keys().map(Into::into).collect();
                    for key in &watched {
                        expire_if_due(shard, keyspace, key, (index, other), clock, effects);
                    }
                }
                for (db, other) in [(a, b), (b, a)] {
                    let (old, new) = (shard.db(db), shard.db(other));
                    let changes = |key: &[u8]| old.holds(keyspace, key) || new.holds(keyspace, key);
                    old.watched.touch_where(changes);
                    effects.ready.extend(old.waiters.keys().map(|key| (db, key.into())));
                }
                shard.swap(a, b);
                for db in [a, b] {
                    keyspace.counts(index).publish(db, shard.db_mut(db));
                }
            });
        }
        // Redis doesn't, and what clients remember of the other database stays wrong.
        self.forget_readers();
    }
}

/// Deletes a key that has expired, so that it doesn't come to those who watch its name elsewhere.
fn expire_if_due(
    shard: &mut Shard,
    keyspace: &Keyspace,
    key: &[u8],
    (index, db): (usize, usize),
    clock: Clock,
    effects: &mut Effects,
) {
    let (database, tracked) = shard.parts(db);
    let (counts, local) = (keyspace.counts(index), keyspace.local(Keyspace::hash(key)));
    let Some(at) = database.table.find(local, key) else { return };
    let is_due = database.table.entry(at).deadline().is_some_and(|deadline| deadline <= clock.now);
    if is_due && !clock.keep_expired {
        Place { database, tracked, counts, effects, clock: &clock, db, local }.expire_entry(at);
    }
}

impl Database {
    fn holds(&self, keyspace: &Keyspace, key: &[u8]) -> bool {
        self.table.find(keyspace.local(Keyspace::hash(key)), key).is_some()
    }
}
