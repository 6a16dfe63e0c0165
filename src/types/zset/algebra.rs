//! Union, intersection and difference of sorted sets and sets, with weights and aggregates.
//!
//! Results are lists in order that borrow the members from the inputs: a reply is written from them, and
//! [`Scored::to_zset`] makes a set to store. Keys that don't exist are [`Source::Missing`].

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, hash_map::Entry};
use std::hash::{BuildHasherDefault, Hasher};

use super::{Zset, ZsetLimits};
use crate::base::hash::hash;
use crate::base::num::IntText;
use crate::types::listpack::Item;
use crate::types::set::Set;

/// An input of a set operation.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// Members with their scores.
    Zset(&'a Zset),
    /// Members that all have the score 1.
    Set(&'a Set),
    /// Nothing.
    Missing,
}

/// A source with the factor that WEIGHTS gives its scores, 1 by default. Never NaN.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The members.
    pub source: Source<'a>,
    /// The factor.
    pub weight: f64,
}

/// How the scores of one member are made one.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Aggregate {
    /// Their sum; 0 if that is not a number.
    #[default]
    Sum,
    /// The lowest.
    Min,
    /// The highest.
    Max,
}

/// The members of a result with their scores, in order.
pub struct Scored<'a>(Vec<(Cow<'a, [u8]>, f64)>);

impl<'a> Scored<'a> {
    /// Number of members.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The members.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], f64)> + Clone {
        self.0.iter().map(|(member, score)| (&**member, *score))
    }

    /// A set of its own: what the STORE forms store.
    pub fn to_zset(&self, limits: &ZsetLimits) -> Zset {
        Zset::from_sorted(self.iter(), limits)
    }

    /// Puts members in order.
    fn sorted(mut entries: Vec<(Cow<'a, [u8]>, f64)>) -> Self {
        let order = |score: f64, than: f64| score.partial_cmp(&than).expect("no score is NaN");
        entries.sort_unstable_by(|a, b| order(a.1, b.1).then_with(|| a.0.cmp(&b.0)));
        Scored(entries)
    }
}

/// The members of all inputs together.
pub fn union<'a>(inputs: &[Input<'a>], aggregate: Aggregate) -> Scored<'a> {
    let inputs = by_size(inputs);
    let largest = inputs.last().map_or(0, |input| input.source.len());
    let mut scores: HashMap<Cow<'a, [u8]>, f64, Hashing> =
        HashMap::with_capacity_and_hasher(largest, Hashing::default());
    for Input { source, weight } in inputs {
        source.for_each(|member, score| {
            let score = zero_if_nan(score * weight);
            match scores.entry(text_of(member)) {
                Entry::Vacant(place) => drop(place.insert(score)),
                Entry::Occupied(mut place) => *place.get_mut() = aggregate.of(*place.get(), score),
            }
        });
    }
    Scored::sorted(scores.into_iter().collect())
}

/// The members that all inputs have.
pub fn intersection<'a>(inputs: &[Input<'a>], aggregate: Aggregate) -> Scored<'a> {
    let mut entries = Vec::new();
    intersect(inputs, aggregate, |member, score| {
        entries.push((text_of(member), score));
        true
    });
    Scored::sorted(entries)
}

/// How many members all inputs have; stops counting at `limit`.
pub fn intersection_len(inputs: &[Input<'_>], limit: usize) -> usize {
    let mut count = 0;
    if limit > 0 {
        intersect(inputs, Aggregate::Sum, |_, _| {
            count += 1;
            count < limit
        });
    }
    count
}

/// The members of the first input, with their scores, that none of the others has. Weights don't count.
pub fn difference<'a>(inputs: &[Source<'a>]) -> Scored<'a> {
    let Some((first, others)) = inputs.split_first() else { return Scored(Vec::new()) };
    let to_remove = others.iter().fold(0usize, |sum, other| sum.saturating_add(other.len()));
    let mut entries = Vec::new();
    if first.len().saturating_mul(inputs.len()) / 2 <= to_remove.saturating_add(first.len()) {
        first.for_each(|member, score| {
            let text = text_of(member);
            if others.iter().all(|other| other.score(&text).is_none()) {
                entries.push((text, score));
            }
        });
    } else {
        // Many small sets to subtract: cheaper to have them as one.
        let mut gone: HashSet<Cow<'a, [u8]>, Hashing> = HashSet::default();
        for other in others {
            other.for_each(|member, _| {
                gone.insert(text_of(member));
            });
        }
        first.for_each(|member, score| {
            let text = text_of(member);
            if !gone.contains(&text) {
                entries.push((text, score));
            }
        });
    }
    Scored::sorted(entries)
}

/// Visits the members that all inputs have, until `visit` says stop. The smallest input is walked and the
/// others are asked.
fn intersect<'a>(inputs: &[Input<'a>], aggregate: Aggregate, mut visit: impl FnMut(Item<'a>, f64) -> bool) {
    let inputs = by_size(inputs);
    let Some((smallest, others)) = inputs.split_first() else { return };
    let mut text = IntText::new();
    smallest.source.try_for_each(|member, score| {
        let bytes = member.as_bytes(&mut text);
        let first = zero_if_nan(score * smallest.weight);
        let all = others.iter().try_fold(first, |sum, Input { source, weight }| {
            source.score(bytes).map(|score| aggregate.of(sum, score * weight))
        });
        all.is_none_or(|score| visit(member, score))
    });
}

/// Smallest first, as Redis aggregates them.
fn by_size<'a>(inputs: &[Input<'a>]) -> Vec<Input<'a>> {
    let mut inputs = inputs.to_vec();
    inputs.sort_by_key(|input| input.source.len());
    inputs
}

/// A member's bytes, borrowed where they lie somewhere as bytes.
pub(super) fn text_of(member: Item<'_>) -> Cow<'_, [u8]> {
    match member {
        Item::Bytes(bytes) => Cow::Borrowed(bytes),
        Item::Int(_) => Cow::Owned(member.to_vec()),
    }
}

/// An infinite weight times a score of zero, or the reverse.
fn zero_if_nan(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

impl Aggregate {
    /// `value` may be NaN: then the sum is 0, and the others leave it out.
    fn of(self, score: f64, value: f64) -> f64 {
        match self {
            Aggregate::Sum => zero_if_nan(score + value),
            Aggregate::Min => {
                if value < score {
                    value
                } else {
                    score
                }
            }
            Aggregate::Max => {
                if value > score {
                    value
                } else {
                    score
                }
            }
        }
    }
}

impl<'a> Source<'a> {
    fn len(self) -> usize {
        match self {
            Source::Zset(zset) => zset.len(),
            Source::Set(set) => set.len(),
            Source::Missing => 0,
        }
    }

    fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            Source::Zset(zset) => zset.score(member),
            Source::Set(set) => set.contains(member).then_some(1.0),
            Source::Missing => None,
        }
    }

    fn for_each(self, mut visit: impl FnMut(Item<'a>, f64)) {
        self.try_for_each(|member, score| {
            visit(member, score);
            true
        });
    }

    fn try_for_each(self, mut visit: impl FnMut(Item<'a>, f64) -> bool) {
        let _ = match self {
            Source::Zset(zset) => zset.iter_all().all(|(member, score)| visit(member, score)),
            Source::Set(set) => set.iter().all(|member| visit(member, 1.0)),
            Source::Missing => true,
        };
    }
}

type Hashing = BuildHasherDefault<MemberHasher>;

/// The process's hash of bytes, for tables of members.
#[derive(Default)]
struct MemberHasher(u64);

impl Hasher for MemberHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash(bytes);
    }

    /// The length that precedes the bytes.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
