//! Eviction: making room by deleting the keys that will be missed least.
//!
//! A victim is chosen as Redis does, from samples: some random entries of a random shard join the shard's pool
//! of the best candidates seen so far, and the best of the pool goes. The pool makes few samples behave like
//! many: a bad key that was seen once stays a candidate. Its members are remembered by hash and access clock;
//! one that was touched since no longer matches and is passed over.
//!
//! Each step locks one shard, for one victim: nobody waits for eviction longer than that.

use super::Keyspace;
use super::clock::{Clock, lru_seconds};
use super::effects::Effects;
use super::entry::EntryRef;
use super::shard::Shard;
use super::table::Position;
use super::view::Place;
use crate::config::EventClasses;

/// Candidates that a shard's pool remembers.
const POOL: usize = 16;
/// How many random entries to look at for one with a deadline.
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
    fn offer(&mut self, candidate: Candidate) {
        let known = |other: &Candidate| other.local == candidate.local && other.db == candidate.db;
        if self.0.iter().any(known) {
            return;
        }
        if self.0.len() == POOL {
            if self.0[0].badness >= candidate.badness {
                return;
            }
            self.0.remove(0);
        }
        let at = self.0.partition_point(|other| other.badness <= candidate.badness);
        self.0.insert(at, candidate);
    }
}

impl Keyspace {
    /// Deletes one key and returns about how many bytes that frees; none if no key may go.
    pub fn evict_one(&self, rule: Eviction, clock: Clock, effects: &mut Effects) -> Option<usize> {
        effects.propagation.listen(self.journal.verbs());
        let shards = self.shards();
        let first = fastrand::usize(..shards);
        (0..shards).map(|step| (first + step) % shards).find_map(|index| {
            let mut shard = self.lock(index);
            self.sample(&mut shard, rule, clock);
            let (db, at) = best(&mut shard)?;
            let (database, tracked) = shard.parts(db);
            let entry = database.remove(at);
            let key = entry.as_ref().key();
            effects.propagation.evicted(db, key);
            self.journal.append(&mut effects.propagation);
            let (counts, local) = (self.counts(index), self.local(Keyspace::hash(key)));
            let mut place = Place { database, tracked, counts, effects, clock, db, local };
            place.gone(key);
            place.note(EventClasses::EVICTED, "evicted", key);
            place.publish();
            counts.count_evicted();
            let bytes = entry.as_ref().memory_bytes();
            effects.dirty += 1;
            effects.garbage.push(entry.into_value());
            Some(bytes)
        })
    }

    /// Offers random entries of every database to the shard's pool.
    fn sample(&self, shard: &mut Shard, rule: Eviction, clock: Clock) {
        for db in 0..self.databases() {
            let wanted = if rule.volatile_only { shard.db(db).volatile } else { shard.db(db).table.len() };
            for _ in 0..rule.samples.min(wanted) {
                let database = shard.db(db);
                let tries = if rule.volatile_only { VOLATILE_TRIES } else { 1 };
                let may_go = |entry: &EntryRef<'_>| !rule.volatile_only || entry.deadline().is_some();
                let sampled = (0..tries).find_map(|_| database.table.random().filter(may_go));
                // Where few keys have deadlines, luck may fail: walk on from a random place instead.
                let Some(entry) = sampled.or_else(|| database.table.next_where(fastrand::u64(..), may_go))
                else {
                    continue;
                };
                let candidate = Candidate {
                    badness: badness(entry, rule.measure, clock),
                    local: self.local(Keyspace::hash(entry.key())),
                    db,
                    clock: entry.clock(),
                };
                shard.pool.offer(candidate);
            }
        }
    }
}

fn badness(entry: EntryRef<'_>, measure: Measure, clock: Clock) -> u64 {
    match measure {
        Measure::Recency => u64::from(lru_seconds(clock.now).wrapping_sub(entry.clock()) & 0xFF_FFFF),
        Measure::Frequency => {
            255 - clock.lfu.map_or(0, |lfu| u64::from(lfu.counter(entry.clock(), clock.now)))
        }
        Measure::Random => fastrand::u64(..),
        Measure::Deadline => entry.deadline().map_or(0, |deadline| u64::MAX - deadline.max(0) as u64),
    }
}

/// Takes the best candidate that is still there and untouched out of the pool.
fn best(shard: &mut Shard) -> Option<(usize, Position)> {
    while let Some(candidate) = shard.pool.0.pop() {
        let same = |entry: EntryRef<'_>| entry.clock() == candidate.clock;
        if let Some(at) = shard.db(candidate.db).table.find_by(candidate.local, same) {
            return Some((candidate.db, at));
        }
    }
    None
}
