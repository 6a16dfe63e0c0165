//! A persistent ordered map: a B+ tree whose nodes are shared between clones.
//!
//! Everything ordered in a stream is such a tree: chunks by ID, pending entries by ID, groups and
//! consumers by name.
//!
//! ```text
//!              branch [ -inf | 640-0 | 1280-0 ]          firsts: a lower bound per child
//!                    /        |         \                children: Arc<Node>
//!     leaf [1-0 .. 639-0]  leaf [..]  leaf [1280-0 ..]   keys and values, 1 to 64 of each
//! ```
//!
//! * A clone takes a reference to the root: O(1). A writer copies the nodes on its path that somebody
//!   else still holds (`Arc::make_mut`), at most one per level, and never changes a node that a clone can see.
//! * Lookups, insertions and removals are O(log n). No node is empty, and all leaves are equally deep.
//! * `firsts[i]` is at most every key under child i and more than every key under child i - 1;
//!   `firsts[0]` is never looked at: whatever lies below `firsts[1]` belongs to child 0. So removals need
//!   not touch the bounds.
//! * Keys mostly arrive in ascending order: a full node at the right edge starts a new one rather than
//!   halving itself, so nodes filled in order stay full.
//! * A node that got small joins a neighbour if both fit comfortably. So any two neighbours of which one
//!   is small (< 16) hold more than 48 together, and stragglers don't keep an emptied tree large.
//! * Iterators hold a leaf, not a path: the next leaf is found from the root, once in 64 steps.

mod iter;
mod node;

pub use iter::{Backward, Forward};

use std::borrow::Borrow;
use std::sync::Arc;

use node::{Inserted, Node};

/// Most entries of a leaf, and most children of a branch.
const MAX: usize = 64;
/// A node with fewer entries than this tries to join a neighbour.
const SMALL: usize = MAX / 4;
/// Joined nodes don't exceed this, so that they don't split again at once.
const JOINED: usize = MAX * 3 / 4;

/// An ordered map with O(1) clones and O(log n) updates.
#[derive(Clone, Debug)]
pub struct Tree<K, V> {
    root: Option<Arc<Node<K, V>>>,
    len: usize,
}

impl<K, V> Default for Tree<K, V> {
    fn default() -> Self {
        Self { root: None, len: 0 }
    }
}

impl<K, V> Tree<K, V> {
    /// Number of entries.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no entries.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether they are the same nodes: who writes while a clone is alive gets a root of its own.
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.root, &other.root) {
            (Some(root), Some(others)) => Arc::ptr_eq(root, others),
            (None, None) => true,
            _ => false,
        }
    }

    /// Bytes of all nodes, as if they were filled as usual; without what keys and values point to.
    pub fn memory_bytes(&self) -> usize {
        const NODE: usize = 80;
        if self.is_empty() {
            return 0;
        }
        self.len * (size_of::<K>() + size_of::<V>()) + self.nodes() * NODE
    }

    /// About how many nodes there are.
    pub fn nodes(&self) -> usize {
        if self.is_empty() { 0 } else { self.len / JOINED + 1 }
    }
}

impl<K: Ord, V> Tree<K, V> {
    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.root.as_ref()?.get(key)
    }

    /// Whether the key is there.
    pub fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// The entry with the smallest key.
    pub fn first(&self) -> Option<(&K, &V)> {
        self.iter().next()
    }

    /// The entry with the largest key.
    pub fn last(&self) -> Option<(&K, &V)> {
        self.iter_back().next()
    }

    /// All entries in ascending order.
    pub fn iter(&self) -> Forward<'_, K, V> {
        Forward::from_first(self.root.as_deref())
    }

    /// All entries in descending order.
    pub fn iter_back(&self) -> Backward<'_, K, V> {
        Backward::from_last(self.root.as_deref())
    }

    /// The entries with this key and larger ones, in ascending order.
    pub fn iter_from<Q: Ord + ?Sized>(&self, key: &Q) -> Forward<'_, K, V>
    where
        K: Borrow<Q>,
    {
        Forward::from_key(self.root.as_deref(), key)
    }

    /// The entries with this key and smaller ones, in descending order.
    pub fn iter_back_from<Q: Ord + ?Sized>(&self, key: &Q) -> Backward<'_, K, V>
    where
        K: Borrow<Q>,
    {
        Backward::from_key(self.root.as_deref(), key)
    }
}

impl<K: Ord + Clone, V: Clone> Tree<K, V> {
    /// The value of a key, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        node::get_mut(self.root.as_mut()?, key)
    }

    /// The value of the largest key, to be changed.
    pub fn last_mut(&mut self) -> Option<(&K, &mut V)> {
        self.root.as_mut().map(node::last_mut)
    }

    /// Sets the value of a key; returns the value it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let Some(root) = &mut self.root else {
            self.root = Some(Arc::new(Node::leaf(key, value)));
            self.len = 1;
            return None;
        };
        match node::insert(root, key, value, true) {
            Inserted::Replaced(old) => return Some(old),
            Inserted::Added => {}
            Inserted::Split(bound, right) => {
                let left = Arc::clone(root);
                *root = Arc::new(Node::branch(left, bound, right));
            }
        }
        self.len += 1;
        None
    }

    /// Removes a key; returns the value it had.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let root = self.root.as_mut()?;
        let removed = node::remove(root, key)?;
        self.len -= 1;
        if self.len == 0 {
            self.root = None;
        } else {
            node::drop_levels(root);
        }
        Some(removed)
    }
}

#[cfg(test)]
mod tests;
