//! What is done to a database as a whole: emptying it, exchanging it with another.

use super::Keyspace;
use super::effects::Effects;
use super::shard::{Database, Remains};
use super::view::{Clock, View};

impl View<'_> {
    /// Empties the selected database and returns what was in it, part by part, to be freed after unlocking. The
    /// view must hold everything.
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
                    let comes = shard.db_mut(other);
                    for key in &watched {
                        comes.expire_if_due(keyspace, key, (index, other), &clock, effects);
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
                    keyspace.counts(index).publish(db, shard.db(db));
                }
            });
        }
    }
}

impl Database {
    /// Deletes a key that has expired, so that it doesn't come to those who watch its name elsewhere.
    fn expire_if_due(
        &mut self,
        keyspace: &Keyspace,
        key: &[u8],
        (shard, db): (usize, usize),
        clock: &Clock,
        effects: &mut Effects,
    ) {
        let Some(at) = self.table.find(keyspace.local(Keyspace::hash(key)), key) else { return };
        let is_due = self.table.entry(at).deadline().is_some_and(|deadline| deadline <= clock.now);
        if is_due && !clock.keep_expired {
            self.expire(at, db, clock, keyspace.counts(shard), effects);
        }
    }

    fn holds(&self, keyspace: &Keyspace, key: &[u8]) -> bool {
        self.table.find(keyspace.local(Keyspace::hash(key)), key).is_some()
    }
}
