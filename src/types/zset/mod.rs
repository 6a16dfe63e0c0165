//! Sorted sets: members with scores, in order of `(score, member)`.
//!
//! Two forms, chosen by [`ZsetLimits`] as Redis chooses them:
//! - small: a listpack of member, score, member, score, ... in order, byte for byte as in RDB files (`small.rs`);
//! - large: a counted B+ tree and an index from members to its leaves, all in shared chunks (`large.rs`).
//!   Cloning it takes O(1), and who writes while a clone is alive copies only the chunks it touches.
//!
//! A set only ever grows out of the small form; results of set operations are given the form that fits.
//! Everything that asks for a range asks for *ranks*: [`Zset::score_range`] and [`Zset::lex_range`] turn
//! bounds into ranks in O(log n), whose number is the count, which [`Zset::iter`] walks in either direction,
//! and [`Zset::remove_ranks`] removes.
//!
//! No score is NaN. `-0.0` equals `0.0`, so replacing one by the other changes nothing; a listpack knows
//! only the latter, as in Redis.

mod add;
mod algebra;
mod approach;
mod bounds;
mod consume;
mod index;
mod iter;
mod large;
mod leaf;
mod prune;
mod range;
mod sample;
mod slab;
mod small;
mod tree;
mod walk;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

pub use self::add::{AddFlags, AddOutcome, NotANumber};
pub use self::algebra::{
    Aggregate, Input, Scored, Source, difference, intersection, intersection_len, union,
};
pub use self::bounds::{LexBound, ScoreBound};
pub use self::iter::Iter;
pub use self::range::{Direction, End};

use self::large::Large;
use crate::base::size_class::size_class;
use crate::types::listpack::{Item, Listpack, ListpackRef};

/// A set of more allocations than this is better freed elsewhere than under a lock.
const SLOW_TO_FREE: usize = 64;

/// Up to which sizes the small form is used: the directives `zset-max-listpack-...`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ZsetLimits {
    /// Members.
    pub max_listpack_entries: usize,
    /// Bytes of a member.
    pub max_listpack_value: usize,
}

impl Default for ZsetLimits {
    fn default() -> Self {
        ZsetLimits { max_listpack_entries: 128, max_listpack_value: 64 }
    }
}

/// A sorted set.
#[derive(Clone)]
pub struct Zset(Form);

#[derive(Clone)]
enum Form {
    Small(Listpack),
    Large(Arc<Large>),
}

/// Bytes from outside don't make a sorted set: a member twice, a score that is none, or half a pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed;

impl Zset {
    /// An empty set.
    pub fn new() -> Self {
        Zset(Form::Small(Listpack::new()))
    }

    /// A small set of its own bytes, as [`into_listpack`](Zset::into_listpack) gave them.
    pub fn from_listpack(listpack: Listpack) -> Self {
        Zset(Form::Small(listpack))
    }

    /// The bytes of a small set, or the set itself if it is large.
    pub fn into_listpack(self) -> Result<Listpack, Zset> {
        match self.0 {
            Form::Small(listpack) => Ok(listpack),
            Form::Large(_) => Err(self),
        }
    }

    /// The listpack, in that form.
    pub fn as_listpack(&self) -> Option<ListpackRef<'_>> {
        match &self.0 {
            Form::Small(listpack) => Some(listpack.as_ref()),
            Form::Large(_) => None,
        }
    }

    /// Takes pairs from an RDB file or a payload, in the form of a listpack. Pairs that are out of order are
    /// put in order, and too many make the set large.
    ///
    /// # Errors
    /// If the elements don't come out even, a score is no number, or a member is there twice.
    pub fn from_foreign(listpack: Listpack, limits: &ZsetLimits) -> Result<Zset, Malformed> {
        let pairs = small::check(listpack.as_ref()).ok_or(Malformed)?;
        if pairs.is_in_order && !pairs.has_duplicates && pairs.len <= limits.max_listpack_entries {
            return Ok(Zset(Form::Small(listpack)));
        }
        let pairs = small::pairs(listpack.as_ref()).map(|(member, score)| (member.to_vec(), score)).collect();
        let loose = ZsetLimits { max_listpack_value: usize::MAX, ..*limits };
        Zset::from_pairs(pairs, &loose)
    }

    /// Takes pairs in any order, as an RDB file lists those of a large set.
    ///
    /// # Errors
    /// If a score is no number, or a member is there twice.
    pub fn from_pairs(mut pairs: Vec<(Vec<u8>, f64)>, limits: &ZsetLimits) -> Result<Zset, Malformed> {
        if pairs.iter().any(|(_, score)| score.is_nan()) {
            return Err(Malformed);
        }
        // Files list them in order or in reverse, which costs nothing to sort.
        let order = |score: f64, than: f64| score.partial_cmp(&than).expect("no score is NaN");
        pairs.sort_by(|(member, score), (other, than)| order(*score, *than).then_with(|| member.cmp(other)));
        let set = Zset::from_sorted(pairs.iter().map(|(member, score)| (&member[..], *score)), limits);
        if set.has_duplicates() { Err(Malformed) } else { Ok(set) }
    }

    /// What OBJECT ENCODING tells: "listpack" or "skiplist".
    pub fn encoding(&self) -> &'static str {
        match self.0 {
            Form::Small(_) => "listpack",
            Form::Large(_) => "skiplist",
        }
    }

    /// Number of members.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Small(listpack) => listpack.len() / 2,
            Form::Large(large) => large.len(),
        }
    }

    /// Whether there is no member.
    #[inline]
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Form::Small(listpack) => listpack.is_empty(),
            Form::Large(large) => large.len() == 0,
        }
    }

    /// Whether freeing it takes long enough to leave it to the background thread.
    pub fn is_large(&self) -> bool {
        self.weight() > SLOW_TO_FREE
    }

    /// Number of allocations that freeing it frees, about.
    pub fn weight(&self) -> usize {
        match &self.0 {
            Form::Small(_) => 1,
            Form::Large(large) => large.weight(),
        }
    }

    /// Bytes in the allocator beside the `Zset` itself.
    pub fn memory_bytes(&self) -> usize {
        match &self.0 {
            Form::Small(listpack) => size_class(listpack.byte_len()),
            Form::Large(large) => large.memory_bytes(),
        }
    }

    /// Whether `other`, a clone of this set made earlier, shows that nothing has changed since.
    pub fn is_unchanged_since(&self, other: &Zset) -> bool {
        match (&self.0, &other.0) {
            (Form::Small(a), Form::Small(b)) => a == b,
            (Form::Large(a), Form::Large(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// The score of a member.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match &self.0 {
            Form::Small(listpack) => small::find(listpack.as_ref(), member).map(|found| found.score),
            Form::Large(large) => large.find(member).map(|found| found.score),
        }
    }

    /// Asks for what looking for these members will read, so that the look-ups don't wait for memory one after the other.
    pub fn approach<'m>(&self, members: impl Iterator<Item = &'m [u8]>) {
        if let Form::Large(large) = &self.0 {
            large.approach(members);
        }
    }

    /// How many are before a member, and its score.
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        match &self.0 {
            Form::Small(listpack) => {
                let found = small::find(listpack.as_ref(), member)?;
                Some((small::rank(listpack.as_ref(), found), found.score))
            }
            Form::Large(large) => {
                let found = large.find(member)?;
                Some((large.rank(member, found), found.score))
            }
        }
    }

    /// How many are after a member, and its score.
    pub fn reverse_rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        self.rank(member).map(|(rank, score)| (self.len() - 1 - rank, score))
    }

    /// Removes a member and answers its score.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        match &mut self.0 {
            Form::Small(listpack) => {
                let found = small::find(listpack.as_ref(), member)?;
                listpack.delete_from(found.pos, 2);
                Some(found.score)
            }
            Form::Large(large) => {
                // Who isn't there costs no copy.
                let found = large.find(member)?;
                Arc::make_mut(large).remove(member, found);
                Some(found.score)
            }
        }
    }

    /// Visits members from a cursor on and returns the next cursor, 0 at the end. A small set is visited
    /// whole. Of a large one at least `count` are visited, if there are so many; whoever is there from the
    /// first call to the last is visited once, whatever is added, removed or changed meanwhile.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(Item<'a>, f64)) -> u64 {
        match &self.0 {
            Form::Small(listpack) => {
                small::pairs(listpack.as_ref()).for_each(|(member, score)| visit(member, score));
                0
            }
            Form::Large(large) => {
                let Ok(cursor) = u32::try_from(cursor) else { return 0 };
                let visit = |member, score| visit(Item::Bytes(member), score);
                large.scan(cursor, count, visit).into()
            }
        }
    }

    /// Takes entries in order, without duplicates, into the form that fits them.
    pub fn from_sorted<'m>(
        entries: impl Iterator<Item = (&'m [u8], f64)> + Clone,
        limits: &ZsetLimits,
    ) -> Zset {
        let mut bytes = 0;
        let fits = entries.clone().enumerate().all(|(at, (member, _))| {
            bytes += member.len();
            at < limits.max_listpack_entries && member.len() <= limits.max_listpack_value
        });
        if !fits || bytes > Listpack::MAX_BYTES {
            return Zset(Form::Large(Arc::new(Large::build(entries))));
        }
        let mut listpack = Listpack::new();
        entries.for_each(|(member, score)| small::push(&mut listpack, member, score));
        Zset(Form::Small(listpack))
    }

    fn has_duplicates(&self) -> bool {
        match &self.0 {
            Form::Small(listpack) => small::check(listpack.as_ref()).is_none_or(|pairs| pairs.has_duplicates),
            Form::Large(large) => large.has_duplicates(),
        }
    }

    fn enlarge(&mut self) {
        if let Form::Small(listpack) = &self.0 {
            let entries = small::pairs(listpack.as_ref()).map(|(member, score)| (member.to_vec(), score));
            self.0 = Form::Large(Arc::new(Large::build(entries)));
        }
    }
}

impl fmt::Debug for Zset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter_all()).finish()
    }
}

impl Default for Zset {
    fn default() -> Self {
        Zset::new()
    }
}
