//! Walks through a run of ranks of a large sorted set, in either direction.

use std::ops::Range;

use smallvec::SmallVec;

use super::leaf::Leaf;
use super::tree::{Inner, Node, Store};

/// Levels of inner nodes that need no allocation: enough for ten million leaves.
const LEVELS: usize = 4;

/// The entries of a run of ranks; it borrows a set, which costs nothing to clone beforehand.
pub(super) struct Walk<'a> {
    store: &'a Store,
    /// From the root down: a node and which of its children the walk is in.
    path: SmallVec<[(&'a Inner, usize); LEVELS]>,
    leaf: Option<&'a Leaf>,
    slot: usize,
    left: usize,
    reverse: bool,
}

impl<'a> Walk<'a> {
    /// `ranks` lies within the set; in reverse the highest rank comes first.
    pub fn new(root: &'a Inner, store: &'a Store, ranks: Range<usize>, reverse: bool) -> Walk<'a> {
        let mut walk = Walk { store, path: SmallVec::new(), leaf: None, slot: 0, left: ranks.len(), reverse };
        if ranks.is_empty() {
            return walk;
        }
        let mut rank = if reverse { ranks.end - 1 } else { ranks.start };
        let mut inner = root;
        loop {
            let (at, before) = inner.child_with(rank);
            rank -= before;
            walk.path.push((inner, at));
            match &inner.children[at] {
                Node::Inner(child) => inner = child,
                Node::Leaf(leaf) => {
                    walk.leaf = Some(store.leaves.get(*leaf));
                    break;
                }
            }
        }
        walk.slot = rank;
        walk
    }

    /// Goes to the next entry in the walk's direction, which must exist.
    #[inline]
    fn advance(&mut self, leaf: &Leaf) {
        if self.reverse {
            match self.slot.checked_sub(1) {
                Some(slot) => self.slot = slot,
                None => self.next_leaf(),
            }
        } else {
            self.slot += 1;
            if self.slot == leaf.len() {
                self.next_leaf();
            }
        }
    }

    #[cold]
    fn next_leaf(&mut self) {
        // Up to the first node with another child in this direction, ...
        while let Some((inner, at)) = self.path.pop() {
            let next = if self.reverse { at.checked_sub(1) } else { Some(at + 1) };
            let Some(next) = next.filter(|&next| next < inner.children.len()) else { continue };
            self.path.push((inner, next));
            break;
        }
        // ... and down along the near edge.
        while let Some(&(inner, at)) = self.path.last() {
            match &inner.children[at] {
                Node::Inner(child) => {
                    let at = if self.reverse { child.children.len() - 1 } else { 0 };
                    self.path.push((child, at));
                }
                Node::Leaf(leaf) => {
                    let leaf = self.store.leaves.get(*leaf);
                    self.slot = if self.reverse { leaf.len() - 1 } else { 0 };
                    self.leaf = Some(leaf);
                    return;
                }
            }
        }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = (&'a [u8], f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let leaf = self.leaf?;
        let entry = (leaf.member(self.slot, &self.store.apart), leaf.score(self.slot));
        if self.left > 0 {
            self.advance(leaf);
        }
        Some(entry)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Walk<'_> {}
