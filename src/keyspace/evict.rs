//! Eviction: making room by deleting the keys that will be missed least.
//!
//! A victim is chosen as Redis does, from samples: some random entries of a random shard join the shard's pool
//! of the best candidates seen so far, and the best of the pool goes. The pool makes few samples behave like
//! many: a bad key that was seen once stays a candidate. Its members are remembered by hash and access clock;
//! one that was touched since no longer matches and is passed over.
//!
//! Where only keys with a deadline may go and few have one, samples come from the timing wheel instead of the table.
//!
//! Each step locks one shard, for one victim, and rather one that nobody else has: nobody waits for eviction longer
//! than that, and eviction for nobody.

use super::Keyspace;
use super::clock::{Clock, lru_seconds};
use super::effects::Effects;
use super::entry::EntryRef;
use super::shard::{Database, Shard};
use super::table::Position;
use super::view::Place;
use crate::config::EventClasses;

/// Candidates that a shard's pool remembers.
const POOL: usize = 16;
/// Keys with deadlines are rare if fewer than one in so many has one.
const RARE: usize = 8;
/// How many random entries or deadlines to look at for an entry with a deadline.
const VOLATILE_TRIES: usize = 32;

/// Which keys may go, and which go first.
#[derive(Clone, Copy, Debug)]
pub struct Eviction {
    /// Whether only keys with a deadline may go.
    pub volatile_only: bool,
    /// Which go first.
    pub measure: Measure,
    /// How many entries are sampled for one victim.
    pub samples: usize,
}

/// Which keys go first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Measure {
    /// The least recently used.
    Recency,
    /// The least frequently used.
    Frequency,
    /// Any.
    Random,
    /// The nearest to its deadline.
    Deadline,
}

/// A member of a shard's pool.
#[derive(Clone, Copy)]
struct Candidate {
    /// The higher, the sooner it goes.
    badness: u64,
    local: u64,
    db: usize,
    clock: u32,
}

/// The best candidates of a shard, the best one last.
#[derive(Default)]
pub(super) struct Pool(Vec<Candidate>);

impl Pool {
    /// Whether it would take a candidate that is this bad.
    fn wants(&self, badness: u64) -> bool {
        self.0.len() < POOL || self.0[0].badness < badness
    }

    fn offer(&mut self, candidate: Candidate) {
        let known = |other: &Candidate| other.local == candidate.local && other.db == candidate.db;
        if !self.wants(candidate.badness) || self.0.iter().any(known) {
            return;
        }
        if self.0.len() == POOL {
            self.0.remove(0);
        }
        let at = self.0.partition_point(|other| other.badness <= candidate.badness);
        self.0.insert(at, candidate);
    }
}

impl Keyspace {
    /// Deletes one key and tells about how many bytes it took; none if no key may go.
    pub fn evict_one(&self, rule: Eviction, clock: Clock, effects: &mut Effects) -> Option<usize> {
        effects.propagation.listen(self.journal.verbs());
        let shards = self.shards();
        let first = fastrand::usize(..shards);
        // First those that are free, then all.
        (0..2 * shards).find_map(|step| {
            let index = (first + step) % shards;
            let shard = if step < shards { self.try_lock(index) } else { Some(self.lock(index)) };
            let mut shard = shard?;
            self.sample(&mut shard, rule, clock);
            let found = self.best(&mut shard, rule).or_else(|| self.any(&shard, rule));
            let (db, at) = found?;
            let (database, tracked) = shard.parts(db);
            let entry = database.remove(at);
            let (key, bytes) = (entry.as_ref().key(), entry.as_ref().memory_bytes());
            let local = self.local(Keyspace::hash(key));
            database.deadlines.forget(local);
            effects.propagation.evicted(db, key);
            self.journal.append(&mut effects.propagation);
            let counts = self.counts(index);
            let mut place = Place { database, tracked, counts, effects, clock: &clock, db, local };
            place.tell(key, 0);
            place.note(EventClasses::EVICTED, "evicted", key);
            place.publish();
            counts.count_evicted();
            effects.dirty += 1;
            effects.garbage.push(entry.into_value());
            Some(bytes)
        })
    }

    /// Takes the best candidate that is still there, untouched, and may still go out of the pool.
    fn best(&self, shard: &mut Shard, rule: Eviction) -> Option<(usize, Position)> {
        while let Some(Candidate { local, db, clock, .. }) = shard.pool.0.pop() {
            // The table offers others with the same tag, too, and many were touched in the same second.
            let same = |entry: EntryRef<'_>| {
                entry.clock() == clock
                    && rule.may_go(&entry)
                    && self.local(Keyspace::hash(entry.key())) == local
            };
            if let Some(at) = shard.db(db).table.find_by(local, same) {
                return Some((db, at));
            }
        }
        None
    }

    /// Any key that may go, found by a walk: for when luck has failed.
    #[cold]
    fn any(&self, shard: &Shard, rule: Eviction) -> Option<(usize, Position)> {
        (0..self.databases()).filter(|&db| rule.eligible(shard.db(db)) > 0).find_map(|db| {
            let table = &shard.db(db).table;
            let entry = table.next_where(fastrand::u64(..), |entry| rule.may_go(entry))?;
            let at = table.find(self.local(Keyspace::hash(entry.key())), entry.key())?;
            Some((db, at))
        })
    }

    /// Offers random entries of every database to the shard's pool.
    fn sample(&self, shard: &mut Shard, rule: Eviction, clock: Clock) {
        for db in 0..self.databases() {
            for _ in 0..rule.samples.min(rule.eligible(shard.db(db))) {
                let database = shard.db(db);
                let sampled =
                    if rule.volatile_only { random_volatile(database) } else { database.table.random() };
                let Some(entry) = sampled else { continue };
                let badness = badness(entry, rule.measure, clock);
                if !shard.pool.wants(badness) {
                    continue;
                }
                let local = self.local(Keyspace::hash(entry.key()));
                let candidate = Candidate { badness, local, db, clock: entry.clock() };
                shard.pool.offer(candidate);
            }
        }
    }
}

impl Eviction {
    /// How many keys may go.
    fn eligible(self, database: &Database) -> usize {
        if self.volatile_only { database.volatile } else { database.table.len() }
    }

    fn may_go(self, entry: &EntryRef<'_>) -> bool {
        !self.volatile_only || entry.deadline().is_some()
    }
}

/// A random key with a deadline, if luck doesn't fail. Where such keys are rare it comes from the wheel, in which
/// those that are due soon are met more often.
fn random_volatile(database: &Database) -> Option<EntryRef<'_>> {
    let Database { table, deadlines, volatile: count, .. } = database;
    let volatile = |entry: &EntryRef<'_>| entry.deadline().is_some();
    if table.len() / RARE <= *count {
        return (0..VOLATILE_TRIES).find_map(|_| table.random().filter(volatile));
    }
    (0..VOLATILE_TRIES).find_map(|_| {
        let at = table.find_by(deadlines.random()?, |entry| volatile(&entry))?;
        Some(table.entry(at))
    })
}

fn badness(entry: EntryRef<'_>, measure: Measure, clock: Clock) -> u64 {
    match measure {
        // When it was used, not how long ago: members of the pool were sampled at different times.
        Measure::Recency => {
            let idle = lru_seconds(clock.now).wrapping_sub(entry.clock()) & 0xFF_FFFF;
            u64::MAX - (clock.now / 1000 - i64::from(idle)).max(0).unsigned_abs()
        }
        Measure::Frequency => {
            255 - clock.lfu.map_or(0, |lfu| u64::from(lfu.counter(entry.clock(), clock.now)))
        }
        Measure::Random => fastrand::u64(..),
        Measure::Deadline => entry.deadline().map_or(0, |deadline| u64::MAX - deadline.max(0) as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::{Access, Expiry, Held, Plan, View};

    const NOW: i64 = 1_700_000_000_000;
    const KEYS: usize = 2000;

    fn clock(now: i64) -> Clock {
        Clock { now, lfu: None, no_touch: false, keep_expired: false, events: 0, wall: now }
    }

    fn key(n: usize) -> Vec<u8> {
        format!("key:{n}").into_bytes()
    }

    /// Runs `work` on a view at a moment.
    fn at(keyspace: &Keyspace, now: i64, work: impl FnOnce(&mut View<'_>)) {
        let mut effects = Effects::default();
        let held: Held<'_> = keyspace.hold(Plan::Everything);
        work(&mut View::new(keyspace, held, 0, clock(now), &mut effects));
    }

    /// Evicts so many and tells which of [`KEYS`] keys are left.
    fn left_after(keyspace: &Keyspace, rule: Eviction, now: i64, count: usize) -> Vec<bool> {
        let mut effects = Effects::default();
        for _ in 0..count {
            assert!(keyspace.evict_one(rule, clock(now), &mut effects).is_some());
        }
        assert_eq!(effects.dirty, count as u64);
        let mut left = Vec::new();
        at(keyspace, now, |view| {
            left.extend((0..KEYS).map(|n| view.find(&key(n), Access::Silent).is_some()));
        });
        left
    }

    fn filled() -> Keyspace {
        let keyspace = Keyspace::new(2, 1, 1);
        for n in 0..KEYS {
            at(&keyspace, NOW + n as i64 * 1000, |view| view.set_string(&key(n), b"value", Expiry::Clear));
        }
        keyspace
    }

    #[test]
    fn the_least_recently_used_go_first() {
        let rule = Eviction { volatile_only: false, measure: Measure::Recency, samples: 5 };
        let left = left_after(&filled(), rule, NOW + KEYS as i64 * 1000, KEYS / 2);
        let old = left[..KEYS / 2].iter().filter(|left| **left).count();
        // By chance alone half of them would be left; Redis's samples leave about a tenth.
        assert!(old < KEYS / 16, "{old}");
    }

    #[test]
    fn volatile_policies_spare_the_others() {
        let keyspace = filled();
        for n in (0..KEYS).step_by(100) {
            at(&keyspace, NOW, |view| {
                view.set_string(&key(n), b"value", Expiry::At(NOW + 1_000_000_000 + n as i64));
            });
        }
        let rule = Eviction { volatile_only: true, measure: Measure::Deadline, samples: 5 };
        let left = left_after(&keyspace, rule, NOW, KEYS / 100);
        assert!((0..KEYS).all(|n| left[n] != n.is_multiple_of(100)));
        assert!(keyspace.evict_one(rule, clock(NOW), &mut Effects::default()).is_none());
    }

    #[test]
    fn few_keys_with_deadlines_are_found() {
        let keyspace = filled();
        // Most of the deadlines are out of date: their keys have become persistent.
        for n in 0..KEYS {
            at(&keyspace, NOW, |view| {
                view.set_string(&key(n), b"value", Expiry::At(NOW + 1_000_000 + n as i64 * 1000));
                if n % 500 != 7 {
                    view.set_string(&key(n), b"value", Expiry::Clear);
                }
            });
        }
        let rule = Eviction { volatile_only: true, measure: Measure::Recency, samples: 5 };
        let left = left_after(&keyspace, rule, NOW, KEYS / 500);
        assert!((0..KEYS).all(|n| left[n] == (n % 500 != 7)));
    }
}
