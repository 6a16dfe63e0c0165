//! Lock plans: which shards a command needs, and holding them.

use std::ops::{Deref, DerefMut};

use parking_lot::MutexGuard;
use smallvec::SmallVec;

use super::entry::Entry;
use super::shard::Shard;
use super::value::Type;
use super::{Counts, Keyspace};
use crate::base::prefetch::prefetch;

/// What a command needs to hold while it runs.
#[derive(Clone, Copy)]
pub enum Plan<'a> {
    /// The shards of these key hashes; none of them: no shard.
    Keys(&'a [u64]),
    /// Every shard; the caller holds the closed gate.
    Everything,
}

/// Locked shards.
pub enum Held<'a> {
    /// No shard.
    Nothing,
    /// One shard.
    One(usize, Hold<'a>),
    /// Several, in ascending order of their numbers.
    Several(Vec<(usize, Hold<'a>)>),
    /// All of them.
    Everything(All<'a>),
}

/// All shards, behind the closed gate.
pub enum All<'a> {
    /// By their locks.
    Own(Box<Whole<'a>>),
    /// By somebody who has them: a command that runs this one as a part of itself, or who runs several.
    Lent(&'a mut (dyn Shards + 'a)),
}

/// Finds any shard; lets what is lent forget for how long its owner holds it.
pub trait Shards {
    /// A shard by its number.
    fn shard(&mut self, index: usize) -> &mut Shard;

    /// Gives back all of them until the next look; see [`Held::let_go`].
    fn let_go(&mut self);
}

/// All shards, each locked when it is touched first.
///
/// Nobody who reads or changes keys is about while the gate is closed, so a lock that is not taken yet guards
/// nothing; a command of one key would pay for the locks of all shards.
pub struct Whole<'a> {
    keyspace: &'a Keyspace,
    /// In ascending order of their numbers. Most scripts touch a few.
    guards: SmallVec<[(usize, MutexGuard<'a, Shard>); 4]>,
}

impl Whole<'_> {
    /// Lends all shards.
    pub fn lend(&mut self) -> Held<'_> {
        Held::Everything(All::Lent(self))
    }
}

impl Shards for Whole<'_> {
    #[inline]
    fn shard(&mut self, index: usize) -> &mut Shard {
        let at = self.guards.partition_point(|(held, _)| *held < index);
        if self.guards.get(at).is_none_or(|(held, _)| *held != index) {
            self.guards.insert(at, (index, self.keyspace.lock(index)));
        }
        &mut self.guards[at].1
    }

    fn let_go(&mut self) {
        self.guards.clear();
    }
}

impl All<'_> {
    #[inline]
    fn shard(&mut self, index: usize) -> &mut Shard {
        match self {
            All::Own(whole) => whole.shard(index),
            All::Lent(shards) => shards.shard(index),
        }
    }

    fn let_go(&mut self) {
        match self {
            All::Own(whole) => whole.let_go(),
            All::Lent(shards) => shards.let_go(),
        }
    }

    fn lend(&mut self) -> All<'_> {
        match self {
            All::Own(whole) => All::Lent(&mut **whole),
            All::Lent(shards) => All::Lent(&mut **shards),
        }
    }
}

/// One shard that is held: by its lock, or lent by somebody who holds it.
pub enum Hold<'a> {
    /// By its lock.
    Guard(MutexGuard<'a, Shard>),
    /// By a command that runs this one as a part of itself.
    Lent(&'a mut Shard),
}

impl Deref for Hold<'_> {
    type Target = Shard;

    #[inline]
    fn deref(&self) -> &Shard {
        match self {
            Hold::Guard(guard) => guard,
            Hold::Lent(shard) => shard,
        }
    }
}

impl DerefMut for Hold<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Shard {
        match self {
            Hold::Guard(guard) => guard,
            Hold::Lent(shard) => shard,
        }
    }
}

/// Lets go of shards of which somebody else has reserved one: whoever has the reservation needs it next, and waiting
/// for it must not be in its way.
#[cold]
fn let_past<T>(held: T) {
    drop(held);
    std::thread::yield_now();
}

impl Keyspace {
    /// Locks what a plan needs, in ascending order, so that no two tasks wait for each other in a circle.
    #[inline]
    pub fn hold(&self, plan: Plan<'_>) -> Held<'_> {
        match plan {
            Plan::Keys([]) => Held::Nothing,
            Plan::Keys([hash]) => {
                let shard = self.shard_of(*hash);
                Held::One(shard, self.hold_one(shard))
            }
            Plan::Keys(hashes) => Held::Several(self.hold_several(&self.shards_of(hashes))),
            Plan::Everything => Held::Everything(All::Own(Box::new(self.whole()))),
        }
    }

    /// Locks a single shard.
    #[inline]
    pub fn hold_one(&self, shard: usize) -> Hold<'_> {
        loop {
            let guard = self.lock(shard);
            if guard.reserved == 0 {
                return Hold::Guard(guard);
            }
            let_past(guard);
        }
    }

    fn hold_several(&self, shards: &[usize]) -> Vec<(usize, Hold<'_>)> {
        loop {
            let holds = self.lock_all(shards);
            if holds.iter().all(|(_, hold)| hold.reserved == 0) {
                return holds;
            }
            let_past(holds);
        }
    }

    /// All shards, for who holds the closed gate and lends them to one command after the other.
    #[inline]
    pub fn whole(&self) -> Whole<'_> {
        Whole { keyspace: self, guards: SmallVec::new() }
    }

    /// Locks shards, which are in ascending order.
    fn lock_all(&self, shards: &[usize]) -> Vec<(usize, Hold<'_>)> {
        shards.iter().map(|&shard| (shard, Hold::Guard(self.lock(shard)))).collect()
    }

    /// Adds the shards of more keys to what is held, without any other command coming between.
    ///
    /// A shard may be locked out of order if it is free. If one is not, all are let go and locked in order; for
    /// that moment those held so far are reserved, so that only others who widen what they hold can have them.
    /// Not for what is lent.
    pub fn widen<'a>(&'a self, held: &mut Held<'a>, hashes: &[u64]) {
        if held.is_everything() {
            return;
        }
        let mut missing = self.shards_of(hashes);
        missing.retain(|shard| held.shard_if_held(*shard).is_none());
        if missing.is_empty() {
            return;
        }
        let mut holds = match std::mem::replace(held, Held::Nothing) {
            Held::Nothing => Vec::new(),
            Held::One(shard, hold) => vec![(shard, hold)],
            Held::Several(holds) => holds,
            Held::Everything(_) => unreachable!("nothing is missing"),
        };
        let kept = holds.len();
        for &shard in &missing {
            let Some(guard) = self.shards[shard].shard.try_lock() else {
                holds.truncate(kept);
                *held = Held::Several(self.lock_again(holds, &missing));
                return;
            };
            holds.push((shard, Hold::Guard(guard)));
        }
        holds.sort_unstable_by_key(|(shard, _)| *shard);
        *held = Held::Several(holds);
    }

    fn lock_again<'a>(
        &'a self,
        mut holds: Vec<(usize, Hold<'a>)>,
        missing: &[usize],
    ) -> Vec<(usize, Hold<'a>)> {
        let kept: SmallVec<[usize; 16]> = holds.iter().map(|(shard, _)| *shard).collect();
        holds.iter_mut().for_each(|(_, hold)| hold.reserved += 1);
        drop(holds);
        let mut all: SmallVec<[usize; 16]> = kept.iter().chain(missing).copied().collect();
        all.sort_unstable();
        let mut holds = self.lock_all(&all);
        for (shard, hold) in &mut holds {
            hold.reserved -= u32::from(kept.contains(shard));
        }
        holds
    }

    /// The shards of several keys, ascending, each once.
    fn shards_of(&self, hashes: &[u64]) -> SmallVec<[usize; 16]> {
        let mut shards: SmallVec<[usize; 16]> = hashes.iter().map(|&hash| self.shard_of(hash)).collect();
        shards.sort_unstable();
        shards.dedup();
        shards
    }

    pub(super) fn counts(&self, shard: usize) -> &Counts {
        &self.shards[shard].counts
    }
}

impl Held<'_> {
    /// Gives back, between two commands behind the closed gate, what the first has locked: whoever works on single
    /// shards can have them until the next one touches them.
    pub fn let_go(&mut self) {
        if let Held::Everything(all) = self {
            all.let_go();
        }
    }

    /// A shard that is held.
    ///
    /// # Panics
    /// If it is not: a command touched a key that its key specs don't name.
    #[inline]
    pub(super) fn shard(&mut self, index: usize) -> &mut Shard {
        self.shard_if_held(index).expect("a command touched a key outside of its lock plan")
    }

    #[inline]
    fn shard_if_held(&mut self, index: usize) -> Option<&mut Shard> {
        match self {
            Held::One(held, hold) if *held == index => Some(hold),
            Held::Nothing | Held::One(..) => None,
            Held::Several(holds) => {
                let at = holds.partition_point(|(held, _)| *held < index);
                holds.get_mut(at).filter(|(held, _)| *held == index).map(|(_, hold)| &mut **hold)
            }
            Held::Everything(all) => Some(all.shard(index)),
        }
    }

    /// Asks the processor for the buckets, then for the entries, of several keys of a database: one after the other
    /// they would be waited for as often. What isn't locked one by one is passed over.
    pub fn prefetch(&self, keyspace: &Keyspace, db: usize, hashes: &[u64]) {
        let table = |&hash: &u64| {
            let shard = keyspace.shard_of(hash);
            let hold = match self {
                Held::One(_, hold) => hold,
                Held::Several(holds) => &holds[holds.binary_search_by_key(&shard, |held| held.0).ok()?].1,
                Held::Nothing | Held::Everything(_) => return None,
            };
            Some((&hold.db(db).table, keyspace.local(hash)))
        };
        if hashes.len() > 1 {
            let places: SmallVec<[_; 16]> = hashes.iter().filter_map(table).collect();
            places.iter().filter_map(|(table, local)| table.bucket_address(*local)).for_each(prefetch);
            places.iter().filter_map(|(table, local)| table.entry_address(*local)).for_each(Entry::prefetch);
        }
    }

    /// The type of the value at a key and the oldest ticket on the key that is younger than `after`. The key's
    /// shard must be held.
    pub fn next_waiter(
        &mut self,
        keyspace: &Keyspace,
        (db, key): (usize, &[u8]),
        after: Option<u64>,
    ) -> (Option<Type>, Option<u64>) {
        let hash = Keyspace::hash(key);
        let database = self.shard(keyspace.shard_of(hash)).db(db);
        let at = database.table.find(keyspace.local(hash), key);
        (at.map(|at| database.table.entry(at).type_of()), database.waiters.next(key, after))
    }

    /// Takes a blocked client's ticket back from its keys, whose shards must be held.
    pub fn stop_waiting(&mut self, keyspace: &Keyspace, db: usize, keys: &[Vec<u8>], ticket: u64) {
        for key in keys {
            let shard = keyspace.shard_of(Keyspace::hash(key));
            self.shard(shard).db_mut(db).waiters.remove(key, ticket);
        }
    }

    /// Lends what a part of the command needs.
    ///
    /// # Panics
    /// If something of it is not held.
    pub fn lend(&mut self, keyspace: &Keyspace, plan: Plan<'_>) -> Held<'_> {
        match plan {
            Plan::Keys([]) => Held::Nothing,
            Plan::Keys([hash]) => {
                let shard = keyspace.shard_of(*hash);
                Held::One(shard, Hold::Lent(self.shard(shard)))
            }
            Plan::Keys(_) | Plan::Everything => self.lend_all(),
        }
    }

    /// Lends all that is held.
    #[inline]
    pub fn lend_all(&mut self) -> Held<'_> {
        match self {
            Held::Nothing => Held::Nothing,
            Held::One(shard, hold) => Held::One(*shard, Hold::Lent(hold)),
            Held::Several(holds) => {
                Held::Several(holds.iter_mut().map(|(shard, hold)| (*shard, Hold::Lent(hold))).collect())
            }
            Held::Everything(all) => Held::Everything(all.lend()),
        }
    }

    /// Whether every shard is held.
    pub fn is_everything(&self) -> bool {
        matches!(self, Held::Everything(_))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// A hash of each of the four shards.
    const HASHES: [u64; 4] = [0, 1 << 62, 2 << 62, 3 << 62];

    #[test]
    fn widening_adds_what_is_missing() {
        let keyspace = Keyspace::new(2, 1, 1);
        let mut held = Held::Nothing;
        for hashes in [&HASHES[2..3], &HASHES[2..3], &HASHES[..3], &[]] {
            keyspace.widen(&mut held, hashes);
            hashes.iter().for_each(|hash| assert!(held.shard_if_held(keyspace.shard_of(*hash)).is_some()));
        }
        assert!(held.shard_if_held(3).is_none() && keyspace.shards[3].shard.try_lock().is_some());
        assert!(matches!(&held, Held::Several(holds) if holds.iter().map(|(shard, _)| *shard).eq(0..3)));
        drop(held);
        let mut held = keyspace.hold(Plan::Everything);
        keyspace.widen(&mut held, &HASHES);
        assert!(held.is_everything());
    }

    #[test]
    fn nobody_comes_between_holding_and_widening() {
        const ROUNDS: usize = 3000;
        let keyspace = Keyspace::new(2, 1, 1);
        let busy = [const { AtomicBool::new(false) }; 4];
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let widening = [0, 1, 2].map(|own| {
                let (keyspace, busy) = (&keyspace, &busy);
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        let mut held = keyspace.hold(Plan::Keys(&HASHES[own..=own]));
                        assert!(!busy[own].swap(true, Ordering::Relaxed), "two commands in one shard");
                        keyspace.widen(&mut held, &[HASHES[(own + 1 + round % 3) % 4]]);
                        keyspace.widen(&mut held, &HASHES);
                        busy[own].store(false, Ordering::Relaxed);
                    }
                })
            });
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let _held = keyspace.hold(Plan::Keys(&HASHES));
                    assert!(busy.iter().all(|busy| !busy.load(Ordering::Relaxed)), "came between");
                }
            });
            let ended = widening.map(|thread| thread.join());
            over.store(true, Ordering::Relaxed);
            ended.into_iter().for_each(|end| end.expect("no thread saw what it must not see"));
        });
        assert!((0..4).all(|shard| keyspace.lock(shard).reserved == 0));
    }
}
