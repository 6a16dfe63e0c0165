//! Lock plans: which shards a command needs, and holding them.

use parking_lot::MutexGuard;
use smallvec::SmallVec;

use super::shard::Shard;
use super::{Counts, Keyspace};

/// What a command needs to hold while it runs.
pub enum Plan<'a> {
    /// No shard.
    Nothing,
    /// The shards of these key hashes.
    Keys(&'a [u64]),
    /// Every shard; the caller holds the closed gate.
    Everything,
}

/// Locked shards.
pub enum Held<'a> {
    /// No shard.
    Nothing,
    /// One shard.
    One(usize, MutexGuard<'a, Shard>),
    /// Several, in ascending order of their numbers.
    Several(SmallVec<[(usize, MutexGuard<'a, Shard>); 4]>),
    /// All of them, in order.
    Everything(Vec<MutexGuard<'a, Shard>>),
}

impl Keyspace {
    /// Locks what a plan needs, in ascending order, so that no two tasks wait for each other in a circle.
    #[inline]
    pub fn hold(&self, plan: &Plan<'_>) -> Held<'_> {
        match plan {
            Plan::Nothing => Held::Nothing,
            Plan::Keys([hash]) => {
                let shard = self.shard_of(*hash);
                Held::One(shard, self.lock(shard))
            }
            Plan::Keys(hashes) => self.hold_several(hashes),
            Plan::Everything => {
                Held::Everything((0..self.shards.len()).map(|shard| self.lock(shard)).collect())
            }
        }
    }

    fn hold_several(&self, hashes: &[u64]) -> Held<'_> {
        let mut shards: SmallVec<[usize; 16]> = hashes.iter().map(|&hash| self.shard_of(hash)).collect();
        shards.sort_unstable();
        shards.dedup();
        match shards.as_slice() {
            [] => Held::Nothing,
            &[shard] => Held::One(shard, self.lock(shard)),
            shards => Held::Several(shards.iter().map(|&shard| (shard, self.lock(shard))).collect()),
        }
    }

    pub(super) fn counts(&self, shard: usize) -> &Counts {
        &self.shards[shard].counts
    }
}

impl Held<'_> {
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
            Held::One(held, guard) if *held == index => Some(guard),
            Held::Nothing | Held::One(..) => None,
            Held::Several(guards) => {
                guards.iter_mut().find(|(held, _)| *held == index).map(|(_, guard)| &mut **guard)
            }
            Held::Everything(guards) => guards.get_mut(index).map(|guard| &mut **guard),
        }
    }

    /// Whether every shard is held.
    pub fn is_everything(&self) -> bool {
        matches!(self, Held::Everything(_))
    }
}
