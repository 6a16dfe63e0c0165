//! Removal from the tree of a large sorted set: of one entry, and of a run of ranks.

use std::ops::Range;
use std::sync::Arc;

use super::tree::{Child, Inner, Node, Store, hash_of};

impl Inner {
    /// Removes an entry from the tree but not from the index. `choose` leads to its leaf, child by child.
    pub fn remove(
        node: &mut Arc<Inner>,
        slot: usize,
        store: &mut Store,
        mut choose: impl FnMut(&Inner) -> usize,
    ) {
        Inner::remove_below(node, slot, store, &mut choose);
    }

    fn remove_below(
        node: &mut Arc<Inner>,
        slot: usize,
        store: &mut Store,
        choose: &mut impl FnMut(&Inner) -> usize,
    ) {
        let inner = Arc::make_mut(node);
        let at = choose(inner);
        inner.counts[at] -= 1;
        match &mut inner.children[at] {
            Node::Inner(child) => Inner::remove_below(child, slot, store, choose),
            Node::Leaf(leaf) => store.remove(*leaf, slot..slot + 1),
        }
        inner.mend(at, store);
    }

    /// Removes the entries of a run of ranks below the node, from the index too. Children that lie in the
    /// run as a whole go as a whole.
    pub fn remove_ranks(node: &mut Arc<Inner>, ranks: Range<usize>, store: &mut Store) {
        let inner = Arc::make_mut(node);
        let mut first = 0;
        for at in 0..inner.children.len() {
            let count = inner.counts[at];
            let start = ranks.start.clamp(first, first + count) - first;
            let end = ranks.end.clamp(first, first + count) - first;
            first += count;
            inner.counts[at] -= end - start;
            match &mut inner.children[at] {
                _ if start == end => {}
                child if end - start == count => store.forget(child),
                Node::Inner(child) => Inner::remove_ranks(child, start..end, store),
                Node::Leaf(leaf) => {
                    store.unindex(*leaf, start..end);
                    store.remove(*leaf, start..end);
                }
            }
        }
        inner.close_gap(ranks.start, store);
    }

    /// Mends the children on either side of the gap that a removed run of ranks has left.
    fn close_gap(&mut self, start: usize, store: &mut Store) {
        self.drop_empty();
        if self.children.is_empty() {
            return;
        }
        let (seam, _) = self.child_with(start.min(self.len() - 1));
        self.mend(seam, store);
        if let Some(before) = seam.checked_sub(1) {
            self.mend(before.min(self.children.len() - 1), store);
        }
    }

    /// Takes the child out if it is empty, and joins it with a neighbour if it is nearly so.
    fn mend(&mut self, at: usize, store: &mut Store) {
        if self.counts[at] == 0 {
            let child = self.remove_child(at);
            store.forget(&child.node);
            return;
        }
        let is_sparse = match &self.children[at] {
            Node::Inner(inner) => inner.is_sparse(),
            Node::Leaf(leaf) => store.leaves.get(*leaf).is_sparse(),
        };
        if is_sparse && !(at + 1 < self.children.len() && self.join(at, store)) && at > 0 {
            self.join(at - 1, store);
        }
    }

    /// Joins a child with the next, if both fit into one.
    fn join(&mut self, at: usize, store: &mut Store) -> bool {
        match (&self.children[at], &self.children[at + 1]) {
            (Node::Leaf(left), Node::Leaf(right)) => match store.join(*left, *right) {
                Some(kept) => self.children[at] = Node::Leaf(kept),
                None => return false,
            },
            (Node::Inner(left), Node::Inner(right)) if left.can_join(right) => {}
            _ => return false,
        }
        let Child { separator, count, node } = self.remove_child(at + 1);
        if let (Node::Inner(left), Node::Inner(right)) = (&mut self.children[at], node) {
            Arc::make_mut(left).append(Arc::unwrap_or_clone(right), separator);
        }
        self.counts[at] += count;
        true
    }
}

impl Store {
    /// Removes entries from a leaf and frees what they have apart.
    fn remove(&mut self, leaf: u32, slots: Range<usize>) {
        self.free_apart(leaf, slots.clone());
        self.leaves.get_mut(leaf).remove(slots);
    }

    fn free_apart(&mut self, leaf: u32, slots: Range<usize>) {
        for id in self.leaves.get(leaf).apart_in(slots) {
            self.apart.remove(id);
        }
    }

    /// Removes entries of a leaf from the index.
    fn unindex(&mut self, leaf: u32, slots: Range<usize>) {
        for slot in slots {
            let (member, _) = self.entry(leaf, slot);
            self.index.remove(hash_of(member), leaf);
        }
    }

    /// Frees the leaves of a node and removes their entries from the index.
    fn forget(&mut self, node: &Node) {
        match node {
            Node::Inner(inner) => inner.children.iter().for_each(|child| self.forget(child)),
            Node::Leaf(leaf) => {
                let all = 0..self.leaves.get(*leaf).len();
                self.unindex(*leaf, all.clone());
                self.free_apart(*leaf, all);
                self.leaves.remove(*leaf);
            }
        }
    }

    /// Joins two neighbouring leaves if both fit into one; answers which of the two is left. The entries of
    /// the smaller one move.
    fn join(&mut self, left: u32, right: u32) -> Option<u32> {
        let (low, high) = (self.leaves.get(left), self.leaves.get(right));
        if !low.can_join(high) {
            return None;
        }
        let (low_len, len) = (low.len(), low.len() + high.len());
        let (kept, gone, moved) =
            if low_len * 2 < len { (right, left, 0..low_len) } else { (left, right, low_len..len) };
        let mut joined = low.clone();
        joined.append(high);
        *self.leaves.get_mut(kept) = joined;
        self.relocate(kept, moved, gone, kept);
        self.leaves.remove(gone);
        Some(kept)
    }
}
