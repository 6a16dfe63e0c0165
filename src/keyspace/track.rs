//! Keys that clients remember: who must hear that a key has changed, for client-side caching.
//!
//! Each shard has a table of the keys that tracking clients have read, with the numbers of those clients. As in
//! Redis it doesn't tell databases apart: clients cache by name. An entry lives until its key changes once, until
//! the databases are emptied, or until the table is too large; clients that have gone or stopped tracking stay in
//! it so long and are passed over then.
//!
//! **Why under the shard's lock.** A reader is entered while the lock of its read is held, so there is no moment
//! between reading a value and being entered in which a change could pass unheard. The lock is one that reader and
//! writer take anyway: with few clients that track, nobody else pays for it more than one branch per change.
//!
//! **Who hears when.** A change takes the key's entry out and notes it in [`Effects`]; the messages are sent after
//! unlocking, before the writer's own reply leaves. A reader that comes between is entered anew and hears of a
//! change that it has seen already, which is harmless; the other way round can't happen.
//!
//! In broadcast mode clients hear of all keys with a prefix and nothing is entered: the shards only know that
//! somebody listens. Who begins to listen and then reads a key under its lock is noticed by whoever locks it next.

use std::collections::HashMap;

use smallvec::SmallVec;

use super::effects::Effects;
use super::view::View;
use super::{Counts, Keyspace};

/// Numbers of clients, ascending.
pub type Readers = SmallVec<[u64; 2]>;

/// A key that has changed while somebody tracked it, or listened to all changes.
#[derive(Debug, PartialEq, Eq)]
pub struct Stale {
    /// The key.
    pub key: Box<[u8]>,
    /// The number of the client that changed it; 0: nobody did, time or the lack of memory.
    pub by: u64,
    /// Those who have read it since it last changed.
    pub readers: Readers,
    /// Whether it is about a change; otherwise the key is only not tracked any longer.
    pub changed: bool,
}

/// The table of one shard.
#[derive(Default)]
pub(super) struct Tracked {
    keys: HashMap<Box<[u8]>, Readers>,
    /// Readers of all keys.
    items: usize,
}

impl Tracked {
    fn add(&mut self, key: &[u8], reader: u64) {
        let Some(readers) = self.keys.get_mut(key) else {
            self.keys.insert(key.into(), SmallVec::from_slice(&[reader]));
            self.items += 1;
            return;
        };
        if let Err(at) = readers.binary_search(&reader) {
            readers.insert(at, reader);
            self.items += 1;
        }
    }

    /// Whether nobody wants to hear of any key.
    #[inline]
    pub(super) fn is_empty(&self, counts: &Counts) -> bool {
        self.keys.is_empty() && !counts.is_broadcasting()
    }

    /// Notes that a key was changed by a client, if anybody wants to hear of it.
    pub(super) fn changed(&mut self, key: &[u8], by: u64, counts: &Counts, effects: &mut Effects) {
        let entry = self.keys.remove_entry(key);
        if entry.is_none() && !counts.is_broadcasting() {
            return;
        }
        let (key, readers) = entry.unwrap_or_else(|| (key.into(), Readers::new()));
        self.items -= readers.len();
        counts.publish_tracked(self.keys.len(), self.items);
        effects.stale.push(Stale { key, by, readers, changed: true });
    }

    fn clear(&mut self, counts: &Counts) {
        self.keys = HashMap::new();
        self.items = 0;
        counts.publish_tracked(0, 0);
    }

    /// Takes out at most `max` keys, whichever come first in the order of their hashes.
    fn evict(&mut self, max: usize, counts: &Counts, effects: &mut Effects) -> usize {
        let victims: Vec<Box<[u8]>> = self.keys.keys().take(max).cloned().collect();
        for victim in &victims {
            if let Some((key, readers)) = self.keys.remove_entry(victim) {
                self.items -= readers.len();
                effects.stale.push(Stale { key, by: 0, readers, changed: false });
            }
        }
        counts.publish_tracked(self.keys.len(), self.items);
        victims.len()
    }
}

impl View<'_> {
    /// Enters a client as a reader of a key, whose shard is held.
    pub fn remember(&mut self, key: &[u8], reader: u64) {
        let place = self.place(key);
        place.tracked.add(key, reader);
        place.counts.publish_tracked(place.tracked.keys.len(), place.tracked.items);
    }

    /// Forgets all readers and has every tracking client hear that all keys have changed. The view must hold
    /// everything.
    pub fn forget_readers(&mut self) {
        let keyspace = self.keyspace();
        for index in 0..keyspace.shards() {
            self.with_shard(index, |shard, _| shard.tracked.clear(keyspace.counts(index)));
        }
        self.effects.all_stale = true;
    }
}

impl Keyspace {
    /// Says whether somebody listens to the changes of all keys: holds for every change from now on.
    pub fn broadcast_changes(&self, on: bool) {
        self.shards.iter().for_each(|cell| cell.counts.broadcast(on));
    }

    /// Keys that are tracked, and their readers, summed over the shards one after the other.
    pub fn tracked(&self) -> (usize, usize) {
        let counts = self.shards.iter().map(|cell| cell.counts.tracked());
        counts.fold((0, 0), |(keys, items), (more_keys, more_items)| (keys + more_keys, items + more_items))
    }

    /// Takes keys out of the tables until there are no more than `max`, but no more than `budget` of them.
    pub fn limit_tracked(&self, max: usize, budget: usize, effects: &mut Effects) {
        let mut left = self.tracked().0.saturating_sub(max).min(budget);
        let first = fastrand::usize(..self.shards());
        for step in 0..self.shards() {
            if left == 0 {
                return;
            }
            let shard = (first + step) % self.shards();
            let counts = self.counts(shard);
            if counts.tracked().0 > 0 {
                left -= self.lock(shard).tracked.evict(left, counts, effects);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Clock, Plan};
    use super::*;

    const CLOCK: Clock =
        Clock { now: 1, lfu: None, no_touch: false, keep_expired: false, events: 0, wall: 1 };

    fn with<R>(keyspace: &Keyspace, effects: &mut Effects, work: impl FnOnce(&mut View<'_>) -> R) -> R {
        let held = keyspace.hold(Plan::Everything);
        work(&mut View::new(keyspace, held, 0, CLOCK, effects))
    }

    fn stale(effects: &mut Effects) -> Vec<(String, Vec<u64>, u64)> {
        let told = |stale: Stale| {
            (String::from_utf8_lossy(&stale.key).into_owned(), stale.readers.to_vec(), stale.by)
        };
        effects.stale.drain(..).map(told).collect()
    }

    #[test]
    fn readers_hear_of_one_change() {
        let (keyspace, mut effects) = (Keyspace::new(2, 2, 1), Effects::default());
        with(&keyspace, &mut effects, |view| {
            [(b"a", 7), (b"a", 3), (b"a", 7), (b"b", 3)]
                .iter()
                .for_each(|(key, by)| view.remember(*key, *by));
        });
        assert_eq!(keyspace.tracked(), (2, 3));
        effects.actor = 9;
        with(&keyspace, &mut effects, |view| {
            // In whatever database.
            view.select(1);
            [b"a", b"a", b"c"].iter().for_each(|key| view.touch(*key));
        });
        assert_eq!(stale(&mut effects), [("a".to_owned(), vec![3, 7], 9)]);
        assert_eq!(keyspace.tracked(), (1, 1));
        with(&keyspace, &mut effects, |view| view.forget_readers());
        assert!(effects.all_stale && effects.stale.is_empty() && keyspace.tracked() == (0, 0));
    }

    #[test]
    fn with_listeners_every_change_is_noted() {
        let (keyspace, mut effects) = (Keyspace::new(2, 1, 1), Effects::default());
        keyspace.broadcast_changes(true);
        with(&keyspace, &mut effects, |view| view.touch(b"a"));
        assert_eq!(stale(&mut effects), [("a".to_owned(), vec![], 0)]);
        keyspace.broadcast_changes(false);
        with(&keyspace, &mut effects, |view| view.touch(b"a"));
        assert!(effects.is_settled());
    }

    #[test]
    fn too_many_keys_go_with_a_word_to_their_readers() {
        let (keyspace, mut effects) = (Keyspace::new(2, 1, 1), Effects::default());
        with(&keyspace, &mut effects, |view| (0..250u32).for_each(|n| view.remember(&n.to_be_bytes(), 1)));
        keyspace.limit_tracked(300, 100, &mut effects);
        assert!(effects.is_settled());
        keyspace.limit_tracked(1, 100, &mut effects);
        assert_eq!((keyspace.tracked(), effects.stale.len()), ((150, 150), 100));
        keyspace.limit_tracked(1, 1000, &mut effects);
        assert_eq!((keyspace.tracked(), effects.stale.len()), ((1, 1), 249));
    }
}
