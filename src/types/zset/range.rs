//! Ranges of a sorted set: bounds into ranks, removal of ranks, the ends.

use std::ops::Range;
use std::sync::Arc;

use super::algebra::text_of;
use super::bounds::{Cut, LexBound, ScoreBound};
use super::{Form, Iter, Zset, ZsetLimits, small};
use crate::types::listpack::Item;

/// The order in which a range is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From low scores to high ones.
    Forward,
    /// From high scores to low ones.
    Reverse,
}

/// An end of the order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The lowest score.
    Min,
    /// The highest score.
    Max,
}

impl Zset {
    /// The ranks of the members whose scores are within bounds; empty if none is.
    pub fn score_range(&self, min: ScoreBound, max: ScoreBound) -> Range<usize> {
        match &self.0 {
            Form::Small(listpack) => small::score_range(listpack.as_ref(), min, max),
            Form::Large(large) => {
                let start = large.rank_of_cut(&Cut::FromScore(min));
                start..large.rank_of_cut(&Cut::ToScore(max)).max(start)
            }
        }
    }

    /// The ranks of the members that are within bounds themselves, where all have the same score.
    ///
    /// Where scores differ the result is some range. For a small set it is the one that Redis finds reading
    /// in this direction, for a large one whatever a binary search gives.
    pub fn lex_range(&self, min: LexBound<'_>, max: LexBound<'_>, direction: Direction) -> Range<usize> {
        match &self.0 {
            Form::Small(listpack) => {
                small::lex_range(listpack.as_ref(), min, max, direction == Direction::Reverse)
            }
            Form::Large(large) => {
                let start = large.rank_of_cut(&Cut::FromMember(min));
                start..large.rank_of_cut(&Cut::ToMember(max)).max(start)
            }
        }
    }

    /// The members of a run of ranks, which is cut to the size of the set, read in a direction.
    pub fn iter(&self, ranks: Range<usize>, direction: Direction) -> Iter<'_> {
        Iter::new(&self.0, self.within(ranks), direction)
    }

    /// All members, from low scores to high ones.
    pub fn iter_all(&self) -> Iter<'_> {
        self.iter(0..usize::MAX, Direction::Forward)
    }

    /// The member of a rank, and its score.
    pub fn at(&self, rank: usize) -> Option<(Item<'_>, f64)> {
        match &self.0 {
            Form::Large(large) if rank < large.len() => {
                let (member, score) = large.at(rank);
                Some((Item::Bytes(member), score))
            }
            Form::Large(_) => None,
            Form::Small(_) => self.iter(rank..rank.saturating_add(1), Direction::Forward).next(),
        }
    }

    /// The members of a run of ranks as a set of its own: what ZRANGESTORE stores.
    pub fn slice(&self, ranks: Range<usize>, limits: &ZsetLimits) -> Zset {
        let ranks = self.within(ranks);
        if matches!(self.0, Form::Large(_))
            && ranks.len() == self.len()
            && ranks.len() > limits.max_listpack_entries
        {
            return self.clone();
        }
        let entries: Vec<_> =
            self.iter(ranks, Direction::Forward).map(|(member, score)| (text_of(member), score)).collect();
        Zset::from_sorted(entries.iter().map(|(member, score)| (&**member, *score)), limits)
    }

    /// Removes a run of ranks, which is cut to the size of the set; answers how many there were.
    pub fn remove_ranks(&mut self, ranks: Range<usize>) -> usize {
        let ranks = self.within(ranks);
        let count = ranks.len();
        if count > 0 {
            match &mut self.0 {
                Form::Small(listpack) => {
                    let first = listpack.as_ref().seek(2 * ranks.start as i64);
                    first.map(|pos| listpack.delete_from(pos, 2 * count));
                }
                Form::Large(large) => Arc::make_mut(large).remove_ranks(ranks),
            }
        }
        count
    }

    /// Removes the member at one end, and answers it with its score.
    pub fn pop(&mut self, end: End) -> Option<(Vec<u8>, f64)> {
        let last = self.len().checked_sub(1)?;
        let rank = if end == End::Min { 0 } else { last };
        match &mut self.0 {
            Form::Small(listpack) => {
                let view = listpack.as_ref();
                let pos = view.seek(2 * rank as i64)?;
                let popped = (view.at(pos).to_vec(), small::score_of(view.at(view.next(pos)?)));
                listpack.delete_from(pos, 2);
                Some(popped)
            }
            Form::Large(large) => {
                Some(Arc::make_mut(large).remove_rank(rank, |member, score| (member.to_vec(), score)))
            }
        }
    }

    fn within(&self, ranks: Range<usize>) -> Range<usize> {
        let end = ranks.end.min(self.len());
        ranks.start.min(end)..end
    }
}
