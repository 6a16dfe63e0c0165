//! The trie above the leaves.
//!
//! A node stands for the positions that share a prefix of `6 * level` bits, and divides them by the next
//! six bits into 64 spots. A leaf below it covers a power of two of spots in a row, so that it can be split
//! bit by bit; a node below it covers one spot. `starts` has a bit for each spot at which a child begins,
//! and the children stand in a vector without gaps.
//!
//! ```text
//! first spot   0       32      40      44      46      47      48
//! covers       32      8       4       2       1       1       16
//! child        leaf    leaf    leaf    leaf    node    leaf    leaf
//! ```
//!
//! A leaf's tags are the sixteen bits of the position from its parent's level on, so splitting within a
//! node leaves them alone. Level 0 is the root; below level 9 no bits are left, and a leaf there grows on.

use std::sync::Arc;

use smallvec::SmallVec;

use super::Shape;
use super::leaf::{FULL_LEN, Leaf};
use crate::base::size_class::size_class;

pub(super) const BITS: u32 = 6;
const SPOTS: u32 = 1 << BITS;
/// The last level whose six bits are all in a position.
pub(super) const LAST_LEVEL: u32 = u64::BITS / BITS - 1;

/// A leaf, or a node with what is known of everything below it.
pub(super) enum Child<S: Shape> {
    Leaf(Leaf<S>),
    Branch(Branch<S>),
}

/// A shared node with the number and the summary of the elements below it.
pub(super) struct Branch<S: Shape> {
    pub node: Arc<Node<S>>,
    pub len: usize,
    pub summary: S::Summary,
}

/// See the head of this file.
pub(super) struct Node<S: Shape> {
    starts: u64,
    pub children: Vec<Child<S>>,
}

/// A child of a node: its number, its first spot and how many spots it covers.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    pub index: usize,
    pub start: u32,
    pub span: u32,
}

/// The way from the root down to a leaf: the numbers of the children, six bits each, those of the root lowest.
#[derive(Clone, Copy, Default)]
pub(super) struct Way {
    indexes: u64,
    len: u32,
}

/// Where an element is or would be: in which leaf, with which tag, in which slot.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub way: Way,
    pub tag: u16,
    pub slot: usize,
}

impl Spot {
    /// Where a leaf without a parent stands.
    pub(super) const WHOLE: Spot = Spot { index: 0, start: 0, span: SPOTS };

    /// The share of `len` elements below it that have lower tags than this one, if they are spread evenly.
    #[inline]
    pub fn share(self, tag: u16, len: usize) -> usize {
        let spot_bits = u16::BITS - BITS;
        let above = usize::from(tag).saturating_sub((self.start as usize) << spot_bits);
        (above * len) >> (spot_bits + self.span.trailing_zeros())
    }
}

impl Way {
    /// Goes on to a child of the node that it has come to.
    #[inline]
    pub fn go_on(&mut self, index: usize) {
        self.indexes |= (index as u64) << self.len;
        self.len += BITS;
    }

    /// The next child, seen from the root, which is left behind.
    #[inline]
    fn step(&mut self) -> usize {
        let index = self.indexes & u64::from(SPOTS - 1);
        self.indexes >>= BITS;
        index as usize
    }
}

impl<S: Shape> Clone for Child<S> {
    fn clone(&self) -> Self {
        match self {
            Child::Leaf(leaf) => Child::Leaf(leaf.clone()),
            Child::Branch(branch) => Child::Branch(branch.clone()),
        }
    }
}

impl<S: Shape> Clone for Branch<S> {
    fn clone(&self) -> Self {
        Branch { node: self.node.clone(), ..*self }
    }
}

impl<S: Shape> Clone for Node<S> {
    fn clone(&self) -> Self {
        let mut children = Vec::with_capacity(self.children.capacity());
        children.extend_from_slice(&self.children);
        Node { starts: self.starts, children }
    }
}

impl<S: Shape> Child<S> {
    /// Elements below.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Child::Leaf(leaf) => leaf.len(),
            Child::Branch(branch) => branch.len,
        }
    }

    /// The summary of the elements below.
    #[inline]
    pub fn summary(&self) -> S::Summary {
        match self {
            Child::Leaf(leaf) => leaf.summary(),
            Child::Branch(branch) => branch.summary,
        }
    }

    /// Adds an element in the place that looking for it from here, the root, has found.
    #[inline]
    pub fn insert(&mut self, place: Place, key: &[u8], value: S::Value<'_>) {
        let (mut child, mut way) = (self, place.way);
        loop {
            match child {
                Child::Leaf(leaf) => return leaf.insert(place.slot, place.tag, key, value),
                Child::Branch(branch) => {
                    branch.len += 1;
                    branch.summary = S::join(branch.summary, S::summary(value));
                    let node = Arc::make_mut(&mut branch.node);
                    child = &mut node.children[way.step()];
                }
            }
        }
    }

    /// Gives an element a value of the same size and summary as the one it has, so that nothing else changes. The
    /// child is the root.
    pub fn overwrite(&mut self, place: Place, key: &[u8], value: S::Value<'_>) {
        let (mut child, mut way) = (self, place.way);
        while let Child::Branch(branch) = child {
            child = &mut Arc::make_mut(&mut branch.node).children[way.step()];
        }
        if let Child::Leaf(leaf) = child {
            leaf.replace(place.slot, key, value);
        }
    }

    /// Splits the leaf of `position`, which is full, until it has room for an element or can't be split. The child is
    /// the root.
    #[cold]
    pub fn make_room(&mut self, position: u64) {
        self.grow_root();
        let (mut child, mut level) = (self, 0);
        while let Child::Branch(branch) = child {
            let node = Arc::make_mut(&mut branch.node);
            let index = node.make_room(position, level);
            (child, level) = (&mut node.children[index], level + 1);
        }
    }

    /// Calls `change` with the leaf of `position`, then puts right what is known of it on the way up.
    /// The depth of the recursion is the number of levels.
    pub fn change(&mut self, position: u64, level: u32, change: impl FnOnce(&mut Leaf<S>)) {
        let branch = match self {
            Child::Leaf(leaf) => return change(leaf),
            Child::Branch(branch) => branch,
        };
        let node = Arc::make_mut(&mut branch.node);
        let spot = node.spot(spot_of(position, level));
        let child = &mut node.children[spot.index];
        let (len, summary) = (child.len(), child.summary());
        child.change(position, level + 1, change);
        branch.len = branch.len - len + child.len();
        let summary_changed = child.summary() != summary;
        node.join_buddies(spot);
        if summary_changed {
            branch.summary = node.sum_up();
        }
        self.flatten(level);
    }

    /// Removes elements that `due` tells, from below children whose summary is `worth` a look, at most
    /// `budget` of them, and gives their keys to `removed`.
    pub fn extract(&mut self, level: u32, budget: &mut usize, extract: &mut Extract<'_, S>) {
        let branch = match self {
            Child::Leaf(leaf) => return extract.take_from(leaf, budget),
            Child::Branch(branch) => branch,
        };
        let node = Arc::make_mut(&mut branch.node);
        let mut changed = 0u64;
        for (at, child) in ones(node.starts).zip(&mut node.children) {
            if *budget > 0 && (extract.worth)(child.summary()) {
                child.extract(level + 1, budget, extract);
                changed |= 1 << at;
            }
        }
        for at in ones(changed) {
            node.join_buddies(node.spot(at));
        }
        branch.len = node.children.iter().map(Child::len).sum();
        branch.summary = node.sum_up();
        self.flatten(level);
    }

    /// Turns a full leaf that has no parent into the only child of a node.
    fn grow_root(&mut self) {
        match self {
            Child::Leaf(leaf) if leaf.is_full() => {
                *self = Child::Branch(Branch::over(std::mem::take(leaf)));
            }
            _ => {}
        }
    }

    /// Turns a node at `level` with a single leaf into that leaf.
    fn flatten(&mut self, level: u32) {
        let Child::Branch(branch) = self else { return };
        if let [Child::Leaf(leaf)] = &branch.node.children[..] {
            *self = Child::Leaf(if level == 0 { leaf.clone() } else { leaf.at_level(level - 1) });
        }
    }

    /// Allocations below, about.
    pub fn allocations(&self) -> usize {
        match self {
            Child::Leaf(leaf) => leaf.allocations(),
            Child::Branch(branch) => 2 + branch.node.children.iter().map(Child::allocations).sum::<usize>(),
        }
    }

    /// Whether both are the same in memory.
    pub fn is_same(&self, other: &Child<S>) -> bool {
        match (self, other) {
            (Child::Leaf(a), Child::Leaf(b)) => a.is_same(b),
            (Child::Branch(a), Child::Branch(b)) => Arc::ptr_eq(&a.node, &b.node),
            _ => false,
        }
    }

    /// Bytes that everything below occupies, without the child itself.
    pub fn memory(&self) -> usize {
        match self {
            Child::Leaf(leaf) => leaf.memory(),
            Child::Branch(branch) => {
                let children = branch.node.children.capacity() * size_of::<Child<S>>();
                let below: usize = branch.node.children.iter().map(Child::memory).sum();
                size_class(16 + size_of::<Node<S>>()) + size_class(children) + below
            }
        }
    }
}

impl<S: Shape> Branch<S> {
    fn over(leaf: Leaf<S>) -> Branch<S> {
        let (len, summary) = (leaf.len(), leaf.summary());
        let node = Arc::new(Node { starts: 1, children: vec![Child::Leaf(leaf)] });
        Branch { node, len, summary }
    }
}

impl<S: Shape> Node<S> {
    /// The child that covers the spot `at`.
    #[inline]
    pub fn child(&self, at: u32) -> usize {
        let below = self.starts & (u64::MAX >> (SPOTS - 1 - at));
        below.count_ones() as usize - 1
    }

    #[inline]
    pub fn spot(&self, at: u32) -> Spot {
        let below = self.starts & (u64::MAX >> (SPOTS - 1 - at));
        let start = SPOTS - 1 - below.leading_zeros();
        let above = (self.starts ^ below).trailing_zeros();
        Spot { index: self.child(at), start, span: above - start }
    }

    /// The child for `position`, after splitting until it has room for an element.
    fn make_room(&mut self, position: u64, level: u32) -> usize {
        loop {
            let spot = self.spot(spot_of(position, level));
            match &mut self.children[spot.index] {
                Child::Leaf(leaf) if leaf.is_full() && spot.span > 1 => self.split(spot),
                Child::Leaf(leaf) if leaf.is_full() && level < LAST_LEVEL => {
                    let branch = Branch::over(leaf.at_level(level + 1));
                    self.children[spot.index] = Child::Branch(branch);
                    return spot.index;
                }
                _ => return spot.index,
            }
        }
    }

    fn split(&mut self, spot: Spot) {
        let Child::Leaf(leaf) = &mut self.children[spot.index] else { return };
        let middle = spot.start + spot.span / 2;
        let tail = leaf.split_off((middle << (u16::BITS - BITS)) as u16);
        if self.children.len() == self.children.capacity() {
            self.children.reserve_exact(1 + self.children.len() / 8);
        }
        self.starts |= 1 << middle;
        self.children.insert(spot.index + 1, Child::Leaf(tail));
    }

    /// Joins the child at `spot` with its buddy, the other half of a range twice as long, while both are
    /// leaves and small.
    fn join_buddies(&mut self, mut spot: Spot) {
        while spot.span < SPOTS {
            let is_tail = spot.start & spot.span != 0;
            let head = Spot {
                index: spot.index - usize::from(is_tail),
                start: spot.start & !spot.span,
                span: spot.span * 2,
            };
            let range = (u64::MAX >> (SPOTS - head.span)) << head.start;
            let middle = 1 << (head.start + spot.span);
            if self.starts & range != 1 << head.start | middle {
                return;
            }
            match &mut self.children[head.index..head.index + 2] {
                [Child::Leaf(leaf), Child::Leaf(tail)] if leaf.may_join(tail) => leaf.append(tail),
                _ => return,
            }
            self.children.remove(head.index + 1);
            self.starts &= !middle;
            spot = head;
        }
    }

    /// All children's spots.
    #[cfg(test)]
    pub fn spots(&self) -> impl Iterator<Item = Spot> {
        ones(self.starts).map(|at| self.spot(at))
    }

    fn sum_up(&self) -> S::Summary {
        self.children.iter().map(Child::summary).fold(S::NOTHING, S::join)
    }
}

/// What [`Child::extract`] looks for.
pub(super) struct Extract<'f, S: Shape> {
    pub worth: &'f dyn Fn(S::Summary) -> bool,
    pub due: &'f dyn Fn(S::Value<'_>) -> bool,
    pub removed: &'f mut dyn FnMut(&[u8]),
}

impl<S: Shape> Extract<'_, S> {
    fn take_from(&mut self, leaf: &mut Leaf<S>, budget: &mut usize) {
        let mut stays = |i: &usize| {
            let (key, value) = leaf.get(*i);
            if *budget == 0 || !(self.due)(value) {
                return true;
            }
            *budget -= 1;
            (self.removed)(key);
            false
        };
        let rest: SmallVec<[usize; FULL_LEN]> = (0..leaf.len()).filter(&mut stays).collect();
        match leaf.len() - rest.len() {
            0 => {}
            1 => {
                // The first rank that is missing among the rest.
                let gone = rest.iter().enumerate().take_while(|(i, rank)| i == *rank).count();
                leaf.remove(gone);
            }
            _ => *leaf = leaf.part(rest.iter().copied()),
        }
    }
}

/// The numbers of the bits that are set.
fn ones(mut bits: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let at = bits.trailing_zeros();
        bits &= bits.wrapping_sub(1);
        (at < u64::BITS).then_some(at)
    })
}

/// The spot of a position in a node at `level`.
#[inline]
pub(super) fn spot_of(position: u64, level: u32) -> u32 {
    ((position << (BITS * level)) >> (u64::BITS - BITS)) as u32
}
