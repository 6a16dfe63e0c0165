//! The middle of a rope: chunks in a tree that knows how many elements lie under each branch.
//!
//! ```text
//!              [ 900 | 850 ]                     Inner: elements below, child
//!              /           \
//!   [ 300 | 250 | 350 ]   [ 450 | 400 ]          Leaf: elements, chunk
//!      |     |     |         |     |
//!    chunk chunk chunk     chunk chunk           listpacks, or a large element each
//! ```
//!
//! Like a B+ tree whose keys are positions. All leaves are equally deep; a node has up to `FANOUT` children.
//!
//! **Sharing.** Nodes and chunks are behind `Arc`. A change goes down with `Arc::make_mut`: what nobody else
//! holds is changed in place, what is shared is copied first, node by node on the way and in the end one chunk.
//!
//! **Balance.** A full node that grows at its outer end is left full and gets a neighbour with the one new
//! child, so that pushing fills nodes to the brim; elsewhere it is halved. A node that lost children joins a
//! neighbour if both fit into one, so that the height shrinks with the list. There is no least number of
//! children but one.
//!
//! Addresses are element indexes, as in a [rope](super::rope), counted from the tree's own first element.

use std::ops::Range;
use std::sync::Arc;

use super::chunk::Chunk;

/// The most children of a node.
const FANOUT: usize = if cfg!(test) { 4 } else { 32 };

#[derive(Clone, Debug)]
pub(super) struct Tree {
    root: Arc<Node>,
    len: usize,
}

#[derive(Clone, Debug)]
enum Node {
    Leaf(Vec<Slot<Chunk>>),
    Inner(Vec<Slot<Node>>),
}

/// A child and the number of elements in it, which is never zero.
#[derive(Debug)]
pub(super) struct Slot<T> {
    pub count: usize,
    pub child: Arc<T>,
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Slot { count: self.count, child: Arc::clone(&self.child) }
    }
}

impl Tree {
    /// A tree without chunks.
    pub fn new() -> Tree {
        Tree { root: Arc::new(Node::Leaf(Vec::new())), len: 0 }
    }

    /// Number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether they are the same nodes: who writes while a clone is alive gets a root of its own.
    pub fn is_same(&self, other: &Tree) -> bool {
        Arc::ptr_eq(&self.root, &other.root)
    }

    /// Number of chunks. Visits the nodes, not the chunks.
    pub fn chunks(&self) -> usize {
        self.root.chunks()
    }

    /// Whether the chunks are more than one node holds.
    pub fn is_deep(&self) -> bool {
        matches!(*self.root, Node::Inner(_))
    }

    /// The chunk of `index`, and the index of its first element.
    #[inline]
    pub fn chunk_at(&self, index: usize) -> Option<(&Chunk, usize)> {
        if index >= self.len {
            return None;
        }
        let (mut node, mut total, mut start) = (&*self.root, self.len, 0);
        loop {
            match node {
                Node::Leaf(slots) => {
                    let (at, before) = find(slots, index - start, total);
                    return Some((&slots[at].child, start + before));
                }
                Node::Inner(slots) => {
                    let (at, before) = find(slots, index - start, total);
                    start += before;
                    total = slots[at].count;
                    node = &slots[at].child;
                }
            }
        }
    }

    /// Bytes of the nodes.
    pub fn node_bytes(&self) -> usize {
        // A full leaf's share; the levels above add a thirtieth.
        let chunks = self.chunks();
        chunks * size_of::<Slot<Chunk>>() + chunks.div_ceil(FANOUT) * 64
    }

    /// Changes the chunk of `index`, which is below `len`. If no element remains, the chunk goes.
    #[inline]
    pub fn edit<R>(&mut self, index: usize, change: impl FnOnce(&mut Chunk) -> R) -> R {
        let (result, len) = Arc::make_mut(&mut self.root).edit(index, self.len, change);
        let shrank = len < self.len;
        self.len = len;
        if shrank {
            self.lower();
        }
        result
    }

    /// Puts a chunk at the boundary `at`.
    pub fn insert(&mut self, at: usize, slot: Slot<Chunk>) {
        self.len += slot.count;
        let total = self.len - slot.count;
        if let Some(right) = Arc::make_mut(&mut self.root).insert(at, total, slot) {
            let left = Slot { count: self.len - right.count, child: Arc::clone(&self.root) };
            self.root = Arc::new(Node::Inner(vec![left, right]));
        }
    }

    /// Takes the chunk of `index`, which is below `len`, out.
    pub fn take(&mut self, index: usize) -> Slot<Chunk> {
        let slot = Arc::make_mut(&mut self.root).take(index, self.len);
        self.len -= slot.count;
        self.lower();
        slot
    }

    /// Removes the elements of `range`; chunks that lie in it are let go unread.
    pub fn cut(&mut self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        if range.len() == self.len {
            *self = Tree::new();
            return;
        }
        Arc::make_mut(&mut self.root).cut(range.start, range.end, self.len);
        self.len -= range.len();
        self.lower();
    }

    /// A root with one child gives way to it.
    fn lower(&mut self) {
        while let Node::Inner(slots) = &*self.root {
            let [only] = &slots[..] else { break };
            self.root = Arc::clone(&only.child);
        }
    }
}

impl Node {
    /// Number of children.
    fn len(&self) -> usize {
        match self {
            Node::Leaf(slots) => slots.len(),
            Node::Inner(slots) => slots.len(),
        }
    }

    fn chunks(&self) -> usize {
        match self {
            Node::Leaf(slots) => slots.len(),
            Node::Inner(slots) => slots.iter().map(|slot| slot.child.chunks()).sum(),
        }
    }

    /// Changes a chunk; returns the number of elements then below this node.
    fn edit<R>(&mut self, index: usize, total: usize, change: impl FnOnce(&mut Chunk) -> R) -> (R, usize) {
        match self {
            Node::Leaf(slots) => {
                let (at, _) = find(slots, index, total);
                edit_slot(slots, at, total, change)
            }
            Node::Inner(slots) => {
                let (at, before) = find(slots, index, total);
                edit_below(slots, at, total, |child, count| child.edit(index - before, count, change))
            }
        }
    }

    /// Adds a chunk; returns the right half if the node had to be split.
    fn insert(&mut self, at: usize, total: usize, new: Slot<Chunk>) -> Option<Slot<Node>> {
        match self {
            Node::Leaf(slots) => {
                let index = if at == 0 { 0 } else { find(slots, at - 1, total).0 + 1 };
                insert_slot(slots, index, new).map(|right| Slot::of(Node::Leaf(right)))
            }
            Node::Inner(slots) => {
                let (index, before) = if at == 0 { (0, 0) } else { find(slots, at - 1, total) };
                let slot = &mut slots[index];
                let total = slot.count;
                slot.count += new.count;
                let right = Arc::make_mut(&mut slot.child).insert(at - before, total, new)?;
                slot.count -= right.count;
                insert_slot(slots, index + 1, right).map(|right| Slot::of(Node::Inner(right)))
            }
        }
    }

    fn take(&mut self, index: usize, total: usize) -> Slot<Chunk> {
        match self {
            Node::Leaf(slots) => {
                let (at, _) = find(slots, index, total);
                slots.remove(at)
            }
            Node::Inner(slots) => {
                let (at, before) = find(slots, index, total);
                let slot = &mut slots[at];
                let taken = Arc::make_mut(&mut slot.child).take(index - before, slot.count);
                slot.count -= taken.count;
                mend(slots, at);
                taken
            }
        }
    }
}

/// Changes the chunk `at` of a leaf of `total` elements; returns the number of elements then in the leaf.
#[inline]
fn edit_slot<R>(
    slots: &mut Vec<Slot<Chunk>>,
    at: usize,
    total: usize,
    change: impl FnOnce(&mut Chunk) -> R,
) -> (R, usize) {
    let slot = &mut slots[at];
    let before = slot.count;
    let result = slot.edit(change);
    let count = slot.count;
    if count == 0 {
        slots.remove(at);
    }
    (result, total - before + count)
}

/// Lets `edit` change something below the child `at` of a node of `total` elements; it gets the child's number
/// of elements and returns the new one. Returns the number of elements then below the node.
#[inline]
fn edit_below<R>(
    slots: &mut Vec<Slot<Node>>,
    at: usize,
    total: usize,
    edit: impl FnOnce(&mut Node, usize) -> (R, usize),
) -> (R, usize) {
    let slot = &mut slots[at];
    let (result, count) = edit(Arc::make_mut(&mut slot.child), slot.count);
    let total_after = total - slot.count + count;
    slot.count = count;
    if total_after < total {
        mend(slots, at);
    }
    (result, total_after)
}

/// What can lose some of its elements, but not all.
pub(super) trait Part: Clone {
    fn cut(&mut self, from: usize, to: usize, total: usize);
}

impl Part for Chunk {
    fn cut(&mut self, from: usize, to: usize, _total: usize) {
        Chunk::cut(self, from, to);
        self.limit_slack();
    }
}

impl Part for Node {
    fn cut(&mut self, from: usize, to: usize, total: usize) {
        match self {
            Node::Leaf(slots) => {
                cut_slots(slots, from, to, total);
            }
            Node::Inner(slots) => {
                let first = cut_slots(slots, from, to, total);
                // The two that were cut into are neighbours now.
                for at in [first + 1, first] {
                    if at < slots.len() {
                        mend(slots, at);
                    }
                }
            }
        }
    }
}

impl Slot<Node> {
    fn of(node: Node) -> Slot<Node> {
        let count = match &node {
            Node::Leaf(slots) => slots.iter().map(|slot| slot.count).sum(),
            Node::Inner(slots) => slots.iter().map(|slot| slot.count).sum(),
        };
        Slot { count, child: Arc::new(node) }
    }
}

impl Slot<Chunk> {
    /// A chunk that nobody else has.
    pub fn new(chunk: Chunk) -> Self {
        Slot { count: chunk.len(), child: Arc::new(chunk) }
    }

    /// Changes the chunk. Whoever has the slot must let it go if no element remains.
    #[inline]
    pub fn edit<R>(&mut self, change: impl FnOnce(&mut Chunk) -> R) -> R {
        let chunk = Arc::make_mut(&mut self.child);
        let result = change(chunk);
        chunk.limit_slack();
        self.count = chunk.len();
        result
    }
}

impl<T: Part> Slot<T> {
    /// Removes the elements `from..to`, which are not all.
    pub fn cut(&mut self, from: usize, to: usize) {
        Arc::make_mut(&mut self.child).cut(from, to, self.count);
        self.count -= to - from;
    }
}

/// The slot of the element `index` out of `total`, and the number of elements before that slot.
#[inline]
fn find<T>(slots: &[Slot<T>], index: usize, total: usize) -> (usize, usize) {
    // The last slot first, for work at the tail.
    let last = slots.len() - 1;
    let before_last = total - slots[last].count;
    if index >= before_last {
        return (last, before_last);
    }
    let mut before = 0;
    let mut at = 0;
    while index - before >= slots[at].count {
        before += slots[at].count;
        at += 1;
    }
    (at, before)
}

/// Inserts a slot; returns what no longer fits, for a new neighbour on the right.
fn insert_slot<T>(slots: &mut Vec<Slot<T>>, index: usize, new: Slot<T>) -> Option<Vec<Slot<T>>> {
    if slots.len() < FANOUT {
        slots.insert(index, new);
        return None;
    }
    if index == slots.len() {
        return Some(vec![new]);
    }
    if index == 0 {
        return Some(std::mem::replace(slots, vec![new]));
    }
    let middle = FANOUT / 2;
    let mut right = slots.split_off(middle);
    if index <= middle {
        slots.insert(index, new);
    } else {
        right.insert(index - middle, new);
    }
    Some(right)
}

/// Removes the elements `from..to`, which are not all; returns the slot in which they began.
fn cut_slots<T: Part>(slots: &mut Vec<Slot<T>>, from: usize, to: usize, total: usize) -> usize {
    let (first, first_start) = find(slots, from, total);
    let (last, last_start) = find(slots, to - 1, total);
    let mut whole = first..last + 1;
    if first < last && to - last_start < slots[last].count {
        slots[last].cut(0, to - last_start);
        whole.end = last;
    }
    let end = slots[first].count.min(to - first_start);
    if from > first_start || end < slots[first].count {
        slots[first].cut(from - first_start, end);
        whole.start = first + 1;
    }
    slots.drain(whole);
    first
}

/// After a loss in the child `at`: an empty child goes, a sparse one joins a neighbour if both fit in one.
fn mend(slots: &mut Vec<Slot<Node>>, at: usize) {
    let len = slots[at].child.len();
    if len == 0 {
        slots.remove(at);
        return;
    }
    if len > FANOUT / 2 {
        return;
    }
    let fits = |left: usize| {
        slots.get(left + 1).is_some_and(|right| slots[left].child.len() + right.child.len() <= FANOUT)
    };
    if fits(at) {
        join(slots, at);
    } else if at > 0 && fits(at - 1) {
        join(slots, at - 1);
    }
}

fn join(slots: &mut Vec<Slot<Node>>, left: usize) {
    let right = slots.remove(left + 1);
    slots[left].count += right.count;
    match (Arc::make_mut(&mut slots[left].child), Arc::unwrap_or_clone(right.child)) {
        (Node::Leaf(left), Node::Leaf(right)) => left.extend(right),
        (Node::Inner(left), Node::Inner(right)) => left.extend(right),
        _ => unreachable!("all leaves are equally deep"),
    }
}

#[cfg(test)]
impl Tree {
    /// Panics unless the counts and the shape of the tree are right.
    pub fn check(&self) {
        let (count, _) = self.root.check(true);
        assert_eq!(count, self.len);
    }
}

#[cfg(test)]
impl Node {
    fn check(&self, is_root: bool) -> (usize, usize) {
        assert!(self.len() <= FANOUT && (is_root || self.len() > 0));
        match self {
            Node::Leaf(slots) => {
                for slot in slots {
                    assert!(slot.count > 0 && slot.count == slot.child.len());
                }
                (slots.iter().map(|slot| slot.count).sum(), 0)
            }
            Node::Inner(slots) => {
                assert!(!is_root || slots.len() > 1);
                let below: Vec<_> = slots.iter().map(|slot| slot.child.check(false)).collect();
                for (slot, (count, height)) in slots.iter().zip(&below) {
                    assert_eq!((slot.count, *height), (*count, below[0].1));
                }
                (slots.iter().map(|slot| slot.count).sum(), below[0].1 + 1)
            }
        }
    }
}
