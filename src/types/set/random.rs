//! Random members: SRANDMEMBER and SPOP.

use super::{Form, Packed, Set, SetLimits};
use crate::types::chunked::distinct_ranks;
use crate::types::intset::IntSet;
use crate::types::listpack::{Item, Listpack};

/// SPOP builds a new set of the members that stay if these times this are no more than those that go.
const MOVE_FACTOR: usize = 5;
/// Below this share of the members a sample is looked up one by one, above it is picked out of a walk.
const WALK_SHARE: usize = 16;

impl Set {
    /// A member at random, each as likely as any other.
    pub fn random(&self) -> Option<Item<'_>> {
        match &self.0 {
            Form::Ints(ints) => ints.random().map(Item::Int),
            Form::Packed(listpack) if listpack.is_empty() => None,
            Form::Packed(listpack) => listpack.as_ref().get(fastrand::i64(0..listpack.len() as i64)),
            Form::Large(table) => table.random().map(|(member, ())| Item::Bytes(member)),
        }
    }

    /// Visits `count` members at random, the same one perhaps several times; none if there are none.
    pub fn sample_with_repeats<'a>(&'a self, count: usize, mut visit: impl FnMut(Item<'a>)) {
        if self.is_empty() {
            return;
        }
        if let Form::Packed(listpack) = &self.0 {
            let members: Vec<_> = listpack.iter().collect();
            return (0..count).for_each(|_| visit(members[fastrand::usize(..members.len())]));
        }
        (0..count).filter_map(|_| self.random()).for_each(visit);
    }

    /// Visits `count` different members at random, or all if there are no more.
    pub fn sample<'a>(&'a self, count: usize, mut visit: impl FnMut(Item<'a>)) {
        let ranks = distinct_ranks(self.len(), count);
        match &self.0 {
            Form::Ints(ints) => {
                ranks.iter().filter_map(|&rank| ints.get(rank)).map(Item::Int).for_each(visit);
            }
            Form::Large(table) if count < table.len() / WALK_SHARE => {
                let members = ranks.iter().filter_map(|&rank| table.nth(rank));
                members.for_each(|(member, ())| visit(Item::Bytes(member)));
            }
            Form::Large(_) | Form::Packed(_) => self.partition(&ranks, visit, |_| ()),
        }
    }

    /// Removes a member at random.
    pub fn pop(&mut self) -> Option<Vec<u8>> {
        if let Form::Packed(listpack) = &mut self.0 {
            let rank = fastrand::i64(0..(listpack.len() as i64).max(1));
            let pos = listpack.as_ref().seek(rank)?;
            let member = listpack.as_ref().at(pos).to_vec();
            listpack.delete(pos);
            return Some(member);
        }
        let member = self.random()?.to_vec();
        self.remove(&member);
        Some(member)
    }

    /// Removes `count` members at random and visits them; all if there are no more.
    ///
    /// As in Redis, what remains is in the smallest form again if few of many remain.
    pub fn pop_many(&mut self, count: usize, limits: &SetLimits, mut visit: impl FnMut(Item<'_>)) {
        let rest = self.len().saturating_sub(count);
        if rest == 0 {
            return std::mem::take(self).iter().for_each(visit);
        }
        let few = rest.saturating_mul(MOVE_FACTOR) > count;
        match &mut self.0 {
            Form::Packed(listpack) if few => pop_from_listpack(listpack, count, visit),
            _ if few => (0..count).filter_map(|_| self.pop()).for_each(|member| visit(Item::Bytes(&member))),
            form => {
                let mut remaining = Set::from_packed(match form {
                    Form::Ints(_) => Packed::IntSet(IntSet::new()),
                    _ => Packed::Listpack(Listpack::new()),
                });
                let stay = distinct_ranks(self.len(), rest);
                let keep = |member| {
                    remaining.insert_item(member, limits);
                };
                self.partition(&stay, keep, visit);
                *self = remaining;
            }
        }
    }

    /// Walks over all members: those whose ranks are chosen go one way, the rest the other.
    fn partition<'a>(
        &'a self,
        ranks: &[usize],
        mut chosen: impl FnMut(Item<'a>),
        mut rest: impl FnMut(Item<'a>),
    ) {
        let mut ranks = ranks.iter().copied().peekable();
        for (rank, member) in self.iter().enumerate() {
            match ranks.next_if_eq(&rank) {
                Some(_) => chosen(member),
                None => rest(member),
            }
        }
    }
}

fn pop_from_listpack(listpack: &mut Listpack, count: usize, mut visit: impl FnMut(Item<'_>)) {
    let ranks = distinct_ranks(listpack.len(), count);
    let view = listpack.as_ref();
    let mut wanted = ranks.iter().copied().peekable();
    let mut positions = Vec::with_capacity(ranks.len());
    let all = std::iter::successors(view.first(), |&pos| view.next(pos));
    for (rank, pos) in all.enumerate() {
        if wanted.next_if_eq(&rank).is_some() {
            visit(view.at(pos));
            positions.push(pos);
        }
    }
    listpack.delete_each(&positions);
}
