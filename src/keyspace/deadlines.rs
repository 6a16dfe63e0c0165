//! When to look at which key of a table: a timing wheel, and its renewal in small steps.
//!
//! The wheel isn't told when a key goes or loses its deadline: the item stays until it fires and finds nothing.
//! Where keys go long before their time, as released locks do, such items pile up. When they weigh more than it
//! costs to clear them, a fresh wheel is filled by a walk over the table in hash order, a few buckets at a time:
//!
//! ```text
//! hash order   |======= walked =======|======== not yet =========|
//! in charge           fresh       frontier         old
//! ```
//!
//! Each key is the business of one wheel, by its place in hash order. New items go to that wheel; what the old
//! one fires below the frontier is nobody's business any more. At the end the fresh wheel takes the old one's
//! place. Keys that stay are on time all along, and no step is longer than its buckets.
//!
//! **Invariant.** For every key with a deadline of its own or of a field, the wheel in charge has an item that fires
//! at the first of them or before it.

use super::table::Table;
use super::wheel::Wheel;

/// Items of no use that are never worth clearing.
const CHEAP: usize = 4096;

/// See the head of this file.
pub(super) struct Deadlines {
    wheel: Wheel,
    renewal: Option<Box<Renewal>>,
}

struct Renewal {
    fresh: Wheel,
    /// Where the walk goes on.
    frontier: u64,
}

/// What a step of renewal left to do.
pub(super) enum Renewed {
    /// Nothing: no renewal is under way.
    Idle,
    /// More steps.
    More,
    /// Only to free the old wheel, best outside the lock.
    Done(Wheel),
}

impl Deadlines {
    /// No deadlines, at a time in Unix ms.
    pub(super) fn new(now: i64) -> Deadlines {
        Deadlines { wheel: Wheel::new(now), renewal: None }
    }

    /// Has `local`, a key's hash, fire once its deadline has come.
    #[inline]
    pub(super) fn insert(&mut self, deadline: i64, local: u64) {
        match &mut self.renewal {
            Some(renewal) if local < renewal.frontier => renewal.fresh.insert(deadline, local),
            _ => self.wheel.insert(deadline, local),
        }
    }

    /// Hands the hashes that are due to `fired`, handling at most `budget` items (twice that while the wheel is
    /// being renewed); true if some remain to be handled.
    pub(super) fn advance(&mut self, now: i64, budget: usize, fired: &mut impl FnMut(u64)) -> bool {
        let Some(renewal) = &mut self.renewal else { return self.wheel.advance(now, budget, fired) };
        let frontier = renewal.frontier;
        let more = self.wheel.advance(now, budget, &mut |local| {
            if local >= frontier {
                fired(local);
            }
        });
        renewal.fresh.advance(now, budget, fired) || more
    }

    /// Takes note that a key is gone, where that is cheap.
    #[inline]
    pub(super) fn forget(&mut self, local: u64) {
        self.wheel.forget(local);
    }

    /// A random key that has, or had, a deadline; see [`Wheel::random`].
    pub(super) fn random(&self) -> Option<u64> {
        self.wheel.random()
    }

    /// Items in the wheels, useful or not.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.wheel.len() + self.renewal.as_ref().map_or(0, |renewal| renewal.fresh.len())
    }

    /// Goes on with a renewal, by a number of buckets of `table`, in which `volatile` deadlines count; or
    /// begins one if it is worth it.
    pub(super) fn renew(&mut self, table: &Table, volatile: usize, now: i64, buckets: usize) -> Renewed {
        // A walk costs as much as there are keys, so what it clears must be in proportion.
        let worth_it = || self.wheel.len() > 2 * volatile + table.len() / 2 + CHEAP;
        if self.renewal.is_none() && !worth_it() {
            return Renewed::Idle;
        }
        let renewal =
            self.renewal.get_or_insert_with(|| Box::new(Renewal { fresh: Wheel::new(now), frontier: 0 }));
        for _ in 0..buckets {
            let fresh = &mut renewal.fresh;
            let next = table.scan(renewal.frontier, &mut |local, entry| {
                if let Some(due) = entry.due() {
                    fresh.insert(due, local);
                }
            });
            let Some(next) = next else { return Renewed::Done(self.finish()) };
            renewal.frontier = next;
        }
        Renewed::More
    }

    fn finish(&mut self) -> Wheel {
        let fresh = self.renewal.take().map(|renewal| renewal.fresh).expect("a renewal is under way");
        std::mem::replace(&mut self.wheel, fresh)
    }
}
