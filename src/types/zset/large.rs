//! The large form of a sorted set: the tree in order, the index by member.
//!
//! ```text
//! Arc<Large> ── root: tree of Arcs, ordered, counted ──┐ numbers of leaves
//!            ├─ index: hash of member ─────────────────┤
//!            ├─ leaves: slab ◀─────────────────────────┘
//!            └─ apart: slab of members too long for a leaf
//! ```
//!
//! Finding a member takes its hash to a leaf, and a byte of the hash to its slot there: the tree isn't
//! touched. Finding a rank goes down the tree by counts. Every part is made of shared chunks, so a clone
//! costs a few references, and a writer copies the chunks that it touches while a clone is alive.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use super::bounds::Cut;
use super::index::{Index, hash_in, leaf_in};
use super::leaf::{Apart, Leaf, Record, Room};
use super::slab::Slab;
use super::tree::{Child, Entry, Inner, Node, Separator, Store, hash_of};
use super::walk::Walk;

/// A sorted set of any size.
#[derive(Clone)]
pub(super) struct Large {
    root: Arc<Inner>,
    store: Store,
    len: usize,
}

/// A member that was found: where, and its score.
#[derive(Clone, Copy)]
pub(super) struct Found {
    hash: u32,
    leaf: u32,
    slot: usize,
    pub score: f64,
}

impl Large {
    /// Builds it from entries in order, without duplicates.
    pub fn build<M: AsRef<[u8]>>(entries: impl Iterator<Item = (M, f64)>) -> Large {
        let mut builder = Builder::default();
        for (member, score) in entries {
            builder.push(member.as_ref(), score);
        }
        builder.finish()
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Looks a member up.
    pub fn find(&self, member: &[u8]) -> Option<Found> {
        let Store { leaves, apart, index } = &self.store;
        let hash = hash_of(member);
        index.candidates(hash).find_map(|leaf| {
            let bytes = leaves.get(leaf);
            let slot = bytes.find(hash as u8, member, apart)?;
            Some(Found { hash, leaf, slot, score: bytes.score(slot) })
        })
    }

    /// Whether a member is there twice, which only entries from outside can bring about.
    pub fn has_duplicates(&self) -> bool {
        let mut found = false;
        self.store.index.walk(0, |_, run| {
            found = run.len() > 1 && self.has_equals(run);
            !found
        });
        found
    }

    /// Whether two members of one hash are the same.
    fn has_equals(&self, run: &[u64]) -> bool {
        let mut seen = HashSet::new();
        let mut again = false;
        self.visit_run(run, |member, _| again |= !seen.insert(member));
        again
    }

    /// Adds a member that is not there.
    pub fn insert(&mut self, member: &[u8], score: f64) {
        let record = Record::store(member, &mut self.store.apart);
        let hash = hash_of(member);
        let leaf = self.insert_in_tree(&Entry { score, member, hash, record });
        self.store.index.insert(hash, leaf);
        self.len += 1;
    }

    /// Gives a member another score.
    pub fn update(&mut self, member: &[u8], found: Found, score: f64) {
        let leaf = self.store.leaves.get(found.leaf);
        if leaf.score(0) <= score && score <= leaf.score(leaf.len() - 1) {
            // Among the others of its leaf, if it stays between two of them, so that no other leaf can be meant.
            let before = leaf.lower_bound(score, member, &self.store.apart);
            let to = before - usize::from(found.slot < before);
            if to > 0 && to + 1 < leaf.len() {
                self.store.leaves.get_mut(found.leaf).reorder(found.slot, to, score);
                return;
            }
        }
        self.remove_from_tree(member, found);
        let record = Record::store(member, &mut self.store.apart);
        let hash = found.hash;
        let leaf = self.insert_in_tree(&Entry { score, member, hash, record });
        // Its old leaf may be gone by now, but the index still names it.
        self.store.index.relocate(hash, found.leaf, leaf);
    }

    /// Removes a member that was found.
    pub fn remove(&mut self, member: &[u8], found: Found) {
        self.store.index.remove(found.hash, found.leaf);
        self.remove_from_tree(member, found);
        self.len -= 1;
        self.shrink();
    }

    /// Removes the entry of a rank, which must exist; `visit` sees it first.
    pub fn remove_rank<T>(&mut self, rank: usize, visit: impl FnOnce(&[u8], f64) -> T) -> T {
        let (leaf, slot) = self.place(rank);
        let (member, score) = self.store.entry(leaf, slot);
        let (hash, result) = (hash_of(member), visit(member, score));
        self.store.index.remove(hash, leaf);
        let mut rank = rank;
        Inner::remove(&mut self.root, slot, &mut self.store, |inner| {
            let (at, before) = inner.child_with(rank);
            rank -= before;
            at
        });
        self.lower_root();
        self.len -= 1;
        self.shrink();
        result
    }

    /// Removes a run of ranks within the set. If less is left than goes, what is left is built anew.
    pub fn remove_ranks(&mut self, ranks: Range<usize>) {
        let left = self.len - ranks.len();
        if ranks.len() > left {
            let kept = self.walk(0..ranks.start, false).chain(self.walk(ranks.end..self.len, false));
            *self = Large::build(kept);
            return;
        }
        if !ranks.is_empty() {
            Inner::remove_ranks(&mut self.root, ranks, &mut self.store);
            self.lower_root();
            self.len = left;
            self.shrink();
        }
    }

    /// Entries before a member that was found.
    pub fn rank(&self, member: &[u8], found: Found) -> usize {
        let (_, before) = self.descend(|inner| {
            let at = inner.child_of(found.score, member);
            (at, inner.before(at))
        });
        before + found.slot
    }

    /// Entries before a cut.
    pub fn rank_of_cut(&self, cut: &Cut) -> usize {
        if self.len == 0 {
            return 0;
        }
        let (leaf, before) = self.descend(|inner| {
            let at = inner.child_at(cut);
            (at, inner.before(at))
        });
        before + self.store.slot_at(leaf, cut)
    }

    /// Member and score of a rank, which must exist.
    pub fn at(&self, rank: usize) -> (&[u8], f64) {
        let (leaf, slot) = self.place(rank);
        self.store.entry(leaf, slot)
    }

    /// What it consists of.
    pub fn parts(&self) -> (&Inner, &Store) {
        (&self.root, &self.store)
    }

    /// The entries of a run of ranks within the set; in reverse the highest rank comes first.
    pub fn walk(&self, ranks: Range<usize>, reverse: bool) -> Walk<'_> {
        Walk::new(&self.root, &self.store, ranks, reverse)
    }

    /// Visits at least `count` entries in the order of their hashes, from the hash `cursor` on; answers the
    /// cursor to go on from, 0 at the end. Who is there from the first call to the last is visited once.
    pub fn scan<'a>(&'a self, cursor: u32, count: usize, mut visit: impl FnMut(&'a [u8], f64)) -> u32 {
        let mut seen = 0;
        let next = self.store.index.walk(cursor, |_, run| {
            self.visit_run(run, &mut visit);
            seen += run.len();
            seen < count
        });
        next.unwrap_or(0)
    }

    /// Visits the members of one hash.
    fn visit_run<'a>(&'a self, run: &[u64], mut visit: impl FnMut(&'a [u8], f64)) {
        let Store { leaves, apart, .. } = &self.store;
        for same_leaf in run.chunk_by(|a, b| a == b) {
            let (hash, leaf) = (hash_in(same_leaf[0]), leaves.get(leaf_in(same_leaf[0])));
            for slot in leaf.tagged(hash as u8) {
                let member = leaf.member(slot, apart);
                if hash_of(member) == hash {
                    visit(member, leaf.score(slot));
                }
            }
        }
    }

    /// Chunks there are to free.
    pub fn weight(&self) -> usize {
        self.store.leaves.used() * 2 + self.store.apart.used()
    }

    /// Bytes it occupies; takes time in proportion to the chunks.
    pub fn memory_bytes(&self) -> usize {
        let Store { leaves, apart, index } = &self.store;
        let in_leaves: usize = leaves.iter().map(Leaf::memory_bytes).sum();
        let in_apart: usize = apart.iter().map(|member| 16 + member.len()).sum();
        let own = 16 + size_of::<Large>() + self.root.memory_bytes();
        own + leaves.memory_bytes() + in_leaves + apart.memory_bytes() + in_apart + index.memory_bytes()
    }

    fn insert_in_tree(&mut self, entry: &Entry) -> u32 {
        let (leaf, split) = Inner::insert(&mut self.root, entry, &mut self.store);
        if let Some(upper) = split {
            let lower = std::mem::take(&mut self.root);
            let separator = Separator::between(f64::NEG_INFINITY, b"", f64::NEG_INFINITY, b"");
            let lower = Child { separator, count: lower.len(), node: Node::Inner(lower) };
            self.root = Arc::new(Inner::of(vec![lower, upper]));
        }
        leaf
    }

    fn remove_from_tree(&mut self, member: &[u8], found: Found) {
        let choose = |inner: &Inner| inner.child_of(found.score, member);
        Inner::remove(&mut self.root, found.slot, &mut self.store, choose);
        self.lower_root();
    }

    /// Takes levels away that have one node only.
    fn lower_root(&mut self) {
        while let [Node::Inner(only)] = &self.root.children[..] {
            self.root = Arc::clone(only);
        }
    }

    /// Gives back what a much larger set once needed, when little is left to build anew.
    fn shrink(&mut self) {
        let (used, slots) = (self.store.leaves.used(), self.store.leaves.slots());
        if used < 4 && slots > 64 {
            *self = Large::build(self.walk(0..self.len, false));
        }
    }

    /// Leaf and slot of a rank, which must exist.
    fn place(&self, rank: usize) -> (u32, usize) {
        let mut rest = rank;
        let (leaf, before) = self.descend(|inner| {
            let (at, before) = inner.child_with(rest);
            rest -= before;
            (at, before)
        });
        (leaf, rank - before)
    }

    /// Goes down to a leaf by choosing a child, and the entries before it, at each node; answers the leaf and
    /// the entries before it. The tree is not empty.
    #[inline]
    fn descend(&self, mut choose: impl FnMut(&Inner) -> (usize, usize)) -> (u32, usize) {
        let mut inner = &*self.root;
        let mut rank = 0;
        loop {
            let (at, before) = choose(inner);
            rank += before;
            match &inner.children[at] {
                Node::Inner(child) => inner = child,
                Node::Leaf(leaf) => return (*leaf, rank),
            }
        }
    }
}

/// Entries in order on their way into a tree.
#[derive(Default)]
struct Builder {
    leaves: Slab<Leaf>,
    apart: Apart,
    /// `(hash, leaf)` of all entries.
    pairs: Vec<(u32, u32)>,
    /// The finished leaves.
    level: Vec<Child>,
    open: Option<(Leaf, Separator)>,
}

impl Builder {
    fn push(&mut self, member: &[u8], score: f64) {
        let hash = hash_of(member);
        let record = Record::store(member, &mut self.apart);
        self.pairs.push((hash, self.leaves.slots() as u32));
        if let Some((leaf, _)) = &mut self.open
            && !leaf.is_filled()
            && matches!(leaf.insert(leaf.len(), score, hash as u8, record), Room::Made)
        {
            return;
        }
        let separator = match &self.open {
            Some((leaf, _)) => {
                let last = leaf.len() - 1;
                Separator::between(leaf.score(last), leaf.member(last, &self.apart), score, member)
            }
            None => Separator::between(score, b"", score, b""),
        };
        self.close();
        let number = self.leaves.slots() as u32;
        if let Some(pair) = self.pairs.last_mut() {
            pair.1 = number;
        }
        self.open = Some((Leaf::of_one(score, hash as u8, record), separator));
    }

    /// Puts the open leaf with the finished ones; its number is the one that its entries were given.
    fn close(&mut self) {
        if let Some((leaf, separator)) = self.open.take() {
            let count = leaf.len();
            let node = Node::Leaf(self.leaves.insert(leaf));
            self.level.push(Child { separator, count, node });
        }
    }

    fn finish(mut self) -> Large {
        self.close();
        let len = self.pairs.len();
        let mut level = self.level;
        while level.len() > Inner::FILLED {
            let mut children = level.into_iter().peekable();
            level = Vec::new();
            while children.peek().is_some() {
                let part: Vec<Child> = children.by_ref().take(Inner::FILLED).collect();
                let inner = Inner::of(part);
                let (separator, count) = (inner.separator(0), inner.len());
                level.push(Child { separator, count, node: Node::Inner(Arc::new(inner)) });
            }
        }
        let store =
            Store { leaves: self.leaves, apart: self.apart, index: Index::build(self.pairs.into_iter()) };
        Large { root: Arc::new(Inner::of(level)), store, len }
    }
}

#[cfg(test)]
mod tests;
