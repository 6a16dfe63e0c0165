//! The members of a run of ranks, whatever form the set has.

use std::ops::Range;

use super::walk::Walk;
use super::{Direction, Form, small};
use crate::types::listpack::{self, Item};

/// Members with their scores; made by [`Zset::iter`](super::Zset::iter).
pub struct Iter<'a>(Source<'a>);

enum Source<'a> {
    Forward { items: listpack::Iter<'a>, left: usize },
    Reverse { items: listpack::Iter<'a>, left: usize },
    Large(Walk<'a>),
}

impl<'a> Iter<'a> {
    /// `ranks` lies within the set.
    pub(super) fn new(form: &'a Form, ranks: Range<usize>, direction: Direction) -> Iter<'a> {
        let is_reverse = direction == Direction::Reverse;
        let listpack = match form {
            Form::Large(large) => return Iter(Source::Large(large.walk(ranks, is_reverse))),
            Form::Small(listpack) => listpack.as_ref(),
        };
        let at = |rank: usize| listpack.seek(2 * rank as i64).unwrap_or(listpack.end());
        let left = ranks.len();
        Iter(if is_reverse {
            Source::Reverse { items: listpack.iter_before(at(ranks.end)), left }
        } else {
            Source::Forward { items: listpack.iter_from(at(ranks.start)), left }
        })
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = (Item<'a>, f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Source::Large(walk) => walk.next().map(|(member, score)| (Item::Bytes(member), score)),
            Source::Forward { items, left } => {
                *left = left.checked_sub(1)?;
                Some((items.next()?, small::score_of(items.next()?)))
            }
            Source::Reverse { items, left } => {
                *left = left.checked_sub(1)?;
                let score = small::score_of(items.next_back()?);
                Some((items.next_back()?, score))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.0 {
            Source::Large(walk) => walk.len(),
            Source::Forward { left, .. } | Source::Reverse { left, .. } => *left,
        };
        (left, Some(left))
    }
}

impl ExactSizeIterator for Iter<'_> {}
