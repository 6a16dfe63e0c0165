//! Members at random.

use super::{Direction, Form, Zset, small};
use crate::types::chunked::distinct_ranks;
use crate::types::listpack::Item;

/// Below this share of the members a sample is looked up one by one, above it is picked out of a walk.
const WALK_SHARE: usize = 16;

impl Zset {
    /// A member at random, each as likely as any other, and its score.
    pub fn random(&self) -> Option<(Item<'_>, f64)> {
        if self.is_empty() { None } else { self.at(fastrand::usize(..self.len())) }
    }

    /// Visits `count` members at random, the same one perhaps several times; none if there are none.
    pub fn sample_with_repeats<'a>(&'a self, count: usize, mut visit: impl FnMut(Item<'a>, f64)) {
        if self.is_empty() {
            return;
        }
        if let Form::Small(listpack) = &self.0 {
            let pairs: Vec<_> = small::pairs(listpack.as_ref()).collect();
            for _ in 0..count {
                let (member, score) = pairs[fastrand::usize(..pairs.len())];
                visit(member, score);
            }
            return;
        }
        for (member, score) in (0..count).filter_map(|_| self.random()) {
            visit(member, score);
        }
    }

    /// Visits `count` different members at random, or all if there are no more, in order.
    pub fn sample<'a>(&'a self, count: usize, mut visit: impl FnMut(Item<'a>, f64)) {
        let ranks = distinct_ranks(self.len(), count);
        if matches!(self.0, Form::Large(_)) && count < self.len() / WALK_SHARE {
            for (member, score) in ranks.iter().filter_map(|&rank| self.at(rank)) {
                visit(member, score);
            }
            return;
        }
        let mut entries = self.iter(0..self.len(), Direction::Forward);
        let mut next = 0;
        for rank in ranks {
            if let Some((member, score)) = entries.nth(rank - next) {
                visit(member, score);
            }
            next = rank + 1;
        }
    }
}
