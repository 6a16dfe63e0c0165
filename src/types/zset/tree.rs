//! The counted B+ tree of a large sorted set: entries by `(score, member)`, found by key or by rank.
//!
//! ```text
//!            Inner: counts 90 41 77, separators - (7,"") (9,"mb"), children
//!                     │      │           └──▶ leaf 5      entries from (9,"mb") on
//!                     │      └──▶ leaf 2                  entries from (7,"") to before (9,"mb")
//!                     └──▶ leaf 0                         entries before (7,"")
//! ```
//!
//! Inner nodes are in `Arc`s and name their leaves by number: leaves live in the [`Store`], where the index
//! finds them too. Who writes copies the nodes on its path if a clone shares them, else nothing.
//!
//! Invariants
//! - No child is empty, except that the root of an empty tree has no children. All leaves are equally deep.
//! - A child holds the entries from its separator (inclusive) to the next one (exclusive). The first
//!   separator of a node says nothing; the parent's does.
//! - A separator is as short as it can be: a score alone where it differs from the one before.
//! - `counts[i]` is the number of entries below `children[i]`.
//! - For every entry the index has `(hash of the member, number of the leaf)`. So an entry that changes
//!   leaves when leaves split or join takes its index entry with it.
//!
//! Leaves that fall below a quarter join a neighbour if both fit, so two neighbours are never both nearly
//! empty; nodes likewise. More balance isn't needed, since leaves are allocated by need.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use super::bounds::Cut;
use super::index::Index;
use super::leaf::{Apart, Leaf, Record, Room, partition_point, scores_below};
use super::slab::Slab;
use crate::base::hash::hash;

/// A node with as many children splits.
const FANOUT: usize = if cfg!(test) { 8 } else { 128 };

/// 32 bits of a member's hash. The lowest eight are its tag in the leaf.
pub(super) fn hash_of(member: &[u8]) -> u32 {
    let bits = (hash(member) >> 32) as u32;
    // Tests see collisions all the time.
    if cfg!(test) { bits & 0xff00_003f } else { bits }
}

/// What the inner nodes refer to.
#[derive(Clone)]
pub(super) struct Store {
    pub leaves: Slab<Leaf>,
    pub apart: Apart,
    pub index: Index,
}

/// The least key of a child, cut short.
pub(super) struct Separator {
    pub score: f64,
    pub member: Box<[u8]>,
}

impl Separator {
    /// The shortest key above `(low_score, low)` and not above `(score, member)`.
    pub fn between(low_score: f64, low: &[u8], score: f64, member: &[u8]) -> Separator {
        let len = match low_score.partial_cmp(&score) {
            Some(Ordering::Less) => 0,
            _ => 1 + low.iter().zip(member).take_while(|(a, b)| a == b).count(),
        };
        Separator { score, member: member[..len.min(member.len())].into() }
    }
}

#[derive(Clone)]
pub(super) enum Node {
    Leaf(u32),
    Inner(Arc<Inner>),
}

/// A node with what its parent keeps of it.
pub(super) struct Child {
    pub separator: Separator,
    pub count: usize,
    pub node: Node,
}

/// An inner node, its children's fields in columns.
#[derive(Clone, Default)]
pub(super) struct Inner {
    pub counts: Vec<usize>,
    /// The separators' scores, ...
    scores: Vec<f64>,
    /// ... and what they have of members, mostly nothing.
    members: Vec<Box<[u8]>>,
    pub children: Vec<Node>,
}

/// An entry on its way in.
pub(super) struct Entry<'a> {
    pub score: f64,
    pub member: &'a [u8],
    pub hash: u32,
    pub record: Record<'a>,
}

impl Inner {
    /// Children that a node under construction gets.
    pub const FILLED: usize = FANOUT / 4 * 3;

    pub fn of(children: Vec<Child>) -> Inner {
        let mut inner = Inner::default();
        for child in children {
            inner.insert_child(inner.children.len(), child);
        }
        inner
    }

    pub fn len(&self) -> usize {
        self.counts.iter().sum()
    }

    /// The child that an entry belongs to. Members are looked at only where the score is met.
    #[inline]
    pub fn child_of(&self, score: f64, member: &[u8]) -> usize {
        let scores = self.scores.get(1..).unwrap_or_default();
        let at = scores_below(scores.len(), score, |at| scores[at]);
        if scores.get(at) != Some(&score) {
            return at;
        }
        // Equal to the separator is in the child that it begins.
        partition_point(at..scores.len(), |at| scores[at] == score && *self.members[at + 1] <= *member)
    }

    /// The child that a cut falls into.
    #[inline]
    pub fn child_at(&self, cut: &Cut) -> usize {
        let count = self.scores.len().saturating_sub(1);
        partition_point(0..count, |at| cut.is_after(self.scores[at + 1], || &self.members[at + 1]))
    }

    /// The child in which a rank lies, and the entries before that child.
    #[inline]
    pub fn child_with(&self, rank: usize) -> (usize, usize) {
        let (mut child, mut before) = (0, 0);
        while child + 1 < self.counts.len() && rank - before >= self.counts[child] {
            before += self.counts[child];
            child += 1;
        }
        (child, before)
    }

    /// The entries before a child.
    #[inline]
    pub fn before(&self, child: usize) -> usize {
        self.counts[..child].iter().sum()
    }

    /// Inserts an entry below the node; answers its leaf, and a new right neighbour of the node if it split.
    pub fn insert(node: &mut Arc<Inner>, entry: &Entry, store: &mut Store) -> (u32, Option<Child>) {
        let inner = Arc::make_mut(node);
        if inner.children.is_empty() {
            let (leaf, child) = store.first_leaf(entry);
            inner.insert_child(0, child);
            return (leaf, None);
        }
        let at = inner.child_of(entry.score, entry.member);
        let is_last = at + 1 == inner.children.len();
        inner.counts[at] += 1;
        let (leaf, split) = match &mut inner.children[at] {
            Node::Inner(child) => Inner::insert(child, entry, store),
            Node::Leaf(leaf) => store.insert(*leaf, entry, is_last),
        };
        if let Some(child) = split {
            inner.counts[at] -= child.count;
            inner.insert_child(at + 1, child);
        }
        (leaf, inner.split_if_full(is_last))
    }

    pub fn insert_child(&mut self, at: usize, child: Child) {
        self.counts.insert(at, child.count);
        self.scores.insert(at, child.separator.score);
        self.members.insert(at, child.separator.member);
        self.children.insert(at, child.node);
    }

    pub fn remove_child(&mut self, at: usize) -> Child {
        let separator = Separator { score: self.scores.remove(at), member: self.members.remove(at) };
        Child { separator, count: self.counts.remove(at), node: self.children.remove(at) }
    }

    /// Gives the upper children to a new neighbour if there are too many. Where entries come in order, the
    /// lower node keeps nearly all, since nothing will be added to it.
    fn split_if_full(&mut self, grows_at_end: bool) -> Option<Child> {
        let len = self.children.len();
        if len < FANOUT {
            return None;
        }
        let at = if grows_at_end { len - len / 8 - 1 } else { len / 2 };
        let upper = Inner {
            counts: self.counts.split_off(at),
            scores: self.scores.split_off(at),
            members: self.members.split_off(at),
            children: self.children.split_off(at),
        };
        let separator = upper.separator(0);
        Some(Child { separator, count: upper.len(), node: Node::Inner(Arc::new(upper)) })
    }

    /// A copy of the separator before a child.
    pub fn separator(&self, at: usize) -> Separator {
        Separator { score: self.scores[at], member: self.members[at].clone() }
    }

    /// Appends the children of the right neighbour, which began with `separator`.
    pub fn append(&mut self, mut next: Inner, separator: Separator) {
        next.scores[0] = separator.score;
        next.members[0] = separator.member;
        self.counts.append(&mut next.counts);
        self.scores.append(&mut next.scores);
        self.members.append(&mut next.members);
        self.children.append(&mut next.children);
    }

    pub fn is_sparse(&self) -> bool {
        self.children.len() < FANOUT / 4
    }

    pub fn can_join(&self, other: &Inner) -> bool {
        self.children.len() + other.children.len() <= FANOUT / 4 * 3
    }

    /// Takes out the children without entries.
    pub fn drop_empty(&mut self) {
        let mut counts = self.counts.iter();
        self.scores.retain(|_| counts.next() != Some(&0));
        let mut counts = self.counts.iter();
        self.members.retain(|_| counts.next() != Some(&0));
        let mut counts = self.counts.iter();
        self.children.retain(|_| counts.next() != Some(&0));
        self.counts.retain(|&count| count != 0);
    }

    /// Bytes of the node and all nodes below, without leaves.
    pub fn memory_bytes(&self) -> usize {
        let names: usize = self.members.iter().map(|member| member.len()).sum();
        let below = self.children.iter().map(|child| match child {
            Node::Inner(inner) => inner.memory_bytes(),
            Node::Leaf(_) => 0,
        });
        let columns = size_of::<usize>() + size_of::<Separator>() + size_of::<Node>();
        16 + size_of::<Inner>() + names + self.children.capacity() * columns + below.sum::<usize>()
    }
}

impl Store {
    /// Where in a leaf a cut falls.
    pub fn slot_at(&self, leaf: u32, cut: &Cut) -> usize {
        let leaf = self.leaves.get(leaf);
        leaf.partition_point(|slot| cut.is_after(leaf.score(slot), || leaf.member(slot, &self.apart)))
    }

    /// Member and score at a place.
    #[inline]
    pub fn entry(&self, leaf: u32, slot: usize) -> (&[u8], f64) {
        let leaf = self.leaves.get(leaf);
        (leaf.member(slot, &self.apart), leaf.score(slot))
    }

    fn first_leaf(&mut self, entry: &Entry) -> (u32, Child) {
        let leaf = self.leaves.insert(Leaf::of_one(entry.score, entry.hash as u8, entry.record));
        let separator = Separator::between(entry.score, b"", entry.score, b"");
        (leaf, Child { separator, count: 1, node: Node::Leaf(leaf) })
    }

    /// Inserts an entry into a leaf; answers the leaf that it came to, and the new one if the leaf split.
    fn insert(&mut self, leaf: u32, entry: &Entry, is_last: bool) -> (u32, Option<Child>) {
        let slot = self.leaves.get(leaf).lower_bound(entry.score, entry.member, &self.apart);
        if self.put(leaf, slot, entry) {
            return (leaf, None);
        }
        let lower = self.leaves.get_mut(leaf);
        if is_last && slot == lower.len() {
            // Entries come in order: the full leaf stays as it is.
            let separator = self.separator_after(leaf, entry.score, entry.member);
            let (upper, child) = self.first_leaf(entry);
            return (upper, Some(Child { separator, ..child }));
        }
        let middle = lower.middle();
        let upper = lower.split_off(middle);
        let upper = self.leaves.insert(upper);
        self.relocate(upper, 0..self.leaves.get(upper).len(), leaf, upper);
        let (to, at) = if slot <= middle { (leaf, slot) } else { (upper, slot - middle) };
        assert!(self.put(to, at, entry), "half a leaf has room for a record");
        let (member, score) = self.entry(upper, 0);
        let separator = self.separator_after(leaf, score, member);
        let child = Child { separator, count: self.leaves.get(upper).len(), node: Node::Leaf(upper) };
        (to, Some(child))
    }

    fn put(&mut self, leaf: u32, slot: usize, entry: &Entry) -> bool {
        let room = self.leaves.get_mut(leaf).insert(slot, entry.score, entry.hash as u8, entry.record);
        matches!(room, Room::Made)
    }

    /// The separator between a leaf and a key above it.
    fn separator_after(&self, leaf: u32, score: f64, member: &[u8]) -> Separator {
        let (low, low_score) = self.entry(leaf, self.leaves.get(leaf).len() - 1);
        Separator::between(low_score, low, score, member)
    }

    /// Tells the index that entries which lie in leaf `at` belong no longer to leaf `from` but to `to`.
    pub fn relocate(&mut self, at: u32, slots: Range<usize>, from: u32, to: u32) {
        let leaf = self.leaves.get(at);
        let hashes: SmallVec<[u32; 128]> =
            slots.map(|slot| hash_of(leaf.member(slot, &self.apart))).collect();
        self.index.warm(&hashes);
        for hash in hashes {
            self.index.relocate(hash, from, to);
        }
    }
}
