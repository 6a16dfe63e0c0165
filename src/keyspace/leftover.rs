//! Registrations of clients that are gone, or that wait no longer: taken back at once if no script holds all shards,
//! else by the housekeeper. Nothing depends on when: flags and tickets are never used twice.

use std::sync::Arc;

use super::Keyspace;
use super::watch::WatchFlag;

/// What a client has left in shards.
pub enum Leftover {
    /// Watched keys by database, and the flag that their changes raise.
    Watched(Vec<(usize, Box<[u8]>)>, Arc<WatchFlag>),
    /// The database and the keys on which a client was blocked, and its ticket.
    Waiting(usize, Vec<Vec<u8>>, u64),
}

impl Keyspace {
    /// Takes something back, each key under its own lock, or has it taken back later if all shards are in use.
    pub fn take_back(&self, leftover: Leftover) {
        match self.gate.enter_soon() {
            Some(_pass) => self.take_back_here(&leftover),
            None => self.take_back_later(leftover),
        }
    }

    /// Has something taken back by whoever calls [`Self::take_back_leftovers`] next: for those who may hold shards.
    pub fn take_back_later(&self, leftover: Leftover) {
        self.leftovers.lock().push(leftover);
    }

    /// Takes back what was put off. The caller has passed the gate.
    pub fn take_back_leftovers(&self) {
        let leftovers = std::mem::take(&mut *self.leftovers.lock());
        leftovers.iter().for_each(|leftover| self.take_back_here(leftover));
    }

    fn take_back_here(&self, leftover: &Leftover) {
        match leftover {
            Leftover::Watched(keys, flag) => {
                for (db, key) in keys {
                    let mut shard = self.lock(self.shard_of(Self::hash(key)));
                    shard.db_mut(*db).watched.remove(key, flag);
                }
            }
            Leftover::Waiting(db, keys, ticket) => {
                for key in keys {
                    let mut shard = self.lock(self.shard_of(Self::hash(key)));
                    shard.db_mut(*db).waiters.remove(key, *ticket);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Keyspace, Leftover, WatchFlag};

    #[test]
    fn nobody_waits_for_shards_that_a_script_holds() {
        let keyspace = Keyspace::new(2, 1, 1);
        let flag = Arc::new(WatchFlag::default());
        let at = keyspace.shard_of(Keyspace::hash(b"k"));
        keyspace.lock(at).db_mut(0).watched.add(b"k", &flag);
        let closed = keyspace.gate.try_close().expect("an open gate");
        let held = keyspace.lock(at);
        keyspace.take_back(Leftover::Watched(vec![(0, (*b"k").into())], Arc::clone(&flag)));
        drop(held);
        drop(closed);
        assert_eq!(Arc::strong_count(&flag), 3);
        keyspace.take_back_leftovers();
        assert_eq!(Arc::strong_count(&flag), 1);
    }
}
