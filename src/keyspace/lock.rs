//! Lock plans: which shards a command needs, and holding them.

use std::ops::{Deref, DerefMut};

use parking_lot::MutexGuard;
use smallvec::SmallVec;

use super::shard::Shard;
use super::{Counts, Keyspace};

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
    /// All of them, in order.
    Everything(Vec<Hold<'a>>),
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

impl Keyspace {
    /// Locks what a plan needs, in ascending order, so that no two tasks wait for each other in a circle.
    #[inline]
    pub fn hold(&self, plan: Plan<'_>) -> Held<'_> {
        match plan {
            Plan::Keys([]) => Held::Nothing,
            Plan::Keys([hash]) => {
                let shard = self.shard_of(*hash);
                Held::One(shard, Hold::Guard(self.lock(shard)))
            }
            Plan::Keys(hashes) => {
                let shards = self.shards_of(hashes);
                Held::Several(shards.iter().map(|&shard| (shard, Hold::Guard(self.lock(shard)))).collect())
            }
            Plan::Everything => {
                Held::Everything((0..self.shards.len()).map(|shard| Hold::Guard(self.lock(shard))).collect())
            }
        }
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
                holds.iter_mut().find(|(held, _)| *held == index).map(|(_, hold)| &mut **hold)
            }
            Held::Everything(holds) => holds.get_mut(index).map(|hold| &mut **hold),
        }
    }

    /// Lends what a part of the command needs.
    ///
    /// # Panics
    /// If something of it is not held.
    pub(super) fn lend(&mut self, keyspace: &Keyspace, plan: Plan<'_>) -> Held<'_> {
        match plan {
            Plan::Keys([]) => Held::Nothing,
            Plan::Keys([hash]) => {
                let shard = keyspace.shard_of(*hash);
                Held::One(shard, Hold::Lent(self.shard(shard)))
            }
            Plan::Keys(_) | Plan::Everything => match self {
                Held::Nothing => Held::Nothing,
                Held::One(shard, hold) => Held::One(*shard, Hold::Lent(hold)),
                Held::Several(holds) => {
                    Held::Several(holds.iter_mut().map(|(shard, hold)| (*shard, Hold::Lent(hold))).collect())
                }
                Held::Everything(holds) => {
                    Held::Everything(holds.iter_mut().map(|hold| Hold::Lent(hold)).collect())
                }
            },
        }
    }

    /// Whether every shard is held.
    pub fn is_everything(&self) -> bool {
        matches!(self, Held::Everything(_))
    }
}
