//! The rope: the chunks of a large list, in order, those at its ends at hand.
//!
//! ```text
//!   head ─ chunk      tree ─ chunk chunk ... chunk      tail ─ chunk
//! ```
//!
//! Lists are mostly pushed to and popped from: so the first and the last chunk stand beside the [tree](super::tree)
//! of all others, and work at an end needs no way down. A chunk enters the tree when one is pushed in front of it or
//! behind it, and leaves it when it has become the outermost.
//!
//! **Invariants.** Who has an element has a head, who has two chunks has a tail too, and the tree has a chunk only
//! between the two.
//!
//! **Sharing.** A clone of the rope shares the chunks at the ends and the tree's root. Changes copy what is shared,
//! in the tree from the root down. So holding a clone costs its holder nothing, and a writer the path that it
//! touches, once.
//!
//! Addresses are element indexes: "the chunk of `index`" is the one that holds this element, and a boundary
//! `at` is the index of a chunk's first element, or the length for the end.

use std::ops::Range;
use std::sync::Arc;

use super::End;
use super::chunk::Chunk;
use super::tree::{Slot, Tree};

#[derive(Clone, Debug)]
pub(super) struct Rope {
    head: Option<Slot<Chunk>>,
    tree: Tree,
    tail: Option<Slot<Chunk>>,
    len: usize,
}

/// Where an element lies: in which part, and where that begins.
enum Part {
    Head,
    Tree(usize),
    Tail(usize),
}

impl Rope {
    pub fn new() -> Rope {
        Rope { head: None, tree: Tree::new(), tail: None, len: 0 }
    }

    /// Number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether they are the same chunks: who writes while a clone is alive gets some of its own.
    pub fn is_same(&self, other: &Rope) -> bool {
        let same = |a: &Option<Slot<Chunk>>, b: &Option<Slot<Chunk>>| match (a, b) {
            (Some(a), Some(b)) => Arc::ptr_eq(&a.child, &b.child),
            (None, None) => true,
            _ => false,
        };
        same(&self.head, &other.head) && self.tree.is_same(&other.tree) && same(&self.tail, &other.tail)
    }

    /// Whether the chunks are more than one node of the tree holds.
    pub fn is_deep(&self) -> bool {
        self.tree.is_deep()
    }

    /// Bytes that it takes beside itself and its chunks.
    pub fn node_bytes(&self) -> usize {
        self.tree.node_bytes()
    }

    /// The chunk of `index`, and the index of its first element.
    #[inline]
    pub fn chunk_at(&self, index: usize) -> Option<(&Chunk, usize)> {
        if index >= self.len {
            return None;
        }
        match self.part(index) {
            Part::Head => Some((&self.head.as_ref()?.child, 0)),
            Part::Tree(start) => {
                let (chunk, begin) = self.tree.chunk_at(index - start)?;
                Some((chunk, start + begin))
            }
            Part::Tail(start) => Some((&self.tail.as_ref()?.child, start)),
        }
    }

    /// The chunk, if it is the only one.
    pub fn only_chunk(&self) -> Option<&Chunk> {
        if self.tail.is_some() { None } else { self.head.as_ref().map(|head| &*head.child) }
    }

    /// Changes the chunk of `index`, which is below `len`. If no element remains, the chunk goes.
    #[inline]
    pub fn edit<R>(&mut self, index: usize, change: impl FnOnce(&mut Chunk) -> R) -> R {
        match self.part(index) {
            Part::Tree(start) => {
                let before = self.tree.len();
                let result = self.tree.edit(index - start, change);
                self.len = self.len - before + self.tree.len();
                result
            }
            Part::Head => self.edit_end(End::Head, change).expect("the index is below the length"),
            Part::Tail(_) => self.edit_end(End::Tail, change).expect("the index is below the length"),
        }
    }

    /// Has `add` add one element to the chunk at an end, if there is one and it and its number of elements are to the
    /// liking of `admits`; tells whether it was.
    #[inline]
    pub fn add_at_end(
        &mut self,
        end: End,
        admits: impl FnOnce(&Chunk, usize) -> bool,
        add: impl FnOnce(&mut Chunk),
    ) -> bool {
        let slot = outermost(end, &mut self.head, &mut self.tail);
        let Some(slot) = slot.filter(|slot| admits(&slot.child, slot.count)) else { return false };
        add(Arc::make_mut(&mut slot.child));
        slot.count += 1;
        self.len += 1;
        true
    }

    /// Changes the chunk at an end, if there is one. If no element remains, the chunk goes.
    #[inline]
    pub fn edit_end<R>(&mut self, end: End, change: impl FnOnce(&mut Chunk) -> R) -> Option<R> {
        let slot = outermost(end, &mut self.head, &mut self.tail)?;
        let before = slot.count;
        let result = slot.edit(change);
        self.len = self.len - before + slot.count;
        if slot.count == 0 {
            self.refill();
        }
        Some(result)
    }

    /// Puts a chunk at the boundary `at`.
    pub fn insert(&mut self, at: usize, chunk: Chunk) {
        let slot = Slot::new(chunk);
        let (before, count) = (self.len, slot.count);
        self.len += count;
        let head_len = self.head.as_ref().map_or(0, |head| head.count);
        if at == 0 {
            // What was the head goes behind the new one.
            match self.head.replace(slot) {
                Some(head) if self.tail.is_none() => self.tail = Some(head),
                Some(head) => self.tree.insert(0, head),
                None => {}
            }
        } else if at == before {
            if let Some(tail) = self.tail.replace(slot) {
                self.tree.insert(self.tree.len(), tail);
            }
        } else {
            self.tree.insert(at - head_len, slot);
        }
    }

    /// Takes the chunk of `index`, which is below `len`, out.
    pub fn take(&mut self, index: usize) -> Arc<Chunk> {
        let slot = match self.part(index) {
            Part::Head => self.head.take().expect("the index is below the length"),
            Part::Tree(start) => self.tree.take(index - start),
            Part::Tail(_) => self.tail.take().expect("the index is below the length"),
        };
        self.len -= slot.count;
        self.refill();
        slot.child
    }

    /// Removes the elements of `range`, which is not empty; chunks that lie in it are let go unread.
    pub fn cut(&mut self, range: Range<usize>) {
        let tree_start = self.head.as_ref().map_or(0, |head| head.count);
        let tail_start = tree_start + self.tree.len();
        let within = |start: usize, end: usize| {
            let cut = range.start.clamp(start, end)..range.end.clamp(start, end);
            cut.start - start..cut.end - start
        };
        let (of_head, of_tree) = (within(0, tree_start), within(tree_start, tail_start));
        let of_tail = within(tail_start, self.len);
        cut_end(&mut self.head, of_head);
        self.tree.cut(of_tree);
        cut_end(&mut self.tail, of_tail);
        self.len -= range.len();
        self.refill();
    }

    /// The part in which the element `index` lies, which is below `len`.
    #[inline]
    fn part(&self, index: usize) -> Part {
        let tree_start = self.head.as_ref().map_or(0, |head| head.count);
        let tail_start = tree_start + self.tree.len();
        if index < tree_start {
            Part::Head
        } else if index < tail_start {
            Part::Tree(tree_start)
        } else {
            Part::Tail(tail_start)
        }
    }

    /// Lets an end without elements go and puts the next chunk in its place.
    fn refill(&mut self) {
        self.head.take_if(|head| head.count == 0);
        self.tail.take_if(|tail| tail.count == 0);
        if self.head.is_none() {
            self.head = if self.tree.len() > 0 { Some(self.tree.take(0)) } else { self.tail.take() };
        }
        if self.tail.is_none() && self.tree.len() > 0 {
            self.tail = Some(self.tree.take(self.tree.len() - 1));
        }
    }
}

/// The chunk at an end.
#[inline]
fn outermost<'s>(
    end: End,
    head: &'s mut Option<Slot<Chunk>>,
    tail: &'s mut Option<Slot<Chunk>>,
) -> Option<&'s mut Slot<Chunk>> {
    match end {
        End::Tail if tail.is_some() => tail.as_mut(),
        _ => head.as_mut(),
    }
}

/// Removes a part of the elements of a chunk at an end, or all.
fn cut_end(end: &mut Option<Slot<Chunk>>, range: Range<usize>) {
    match end {
        Some(slot) if range.len() == slot.count => *end = None,
        Some(slot) if !range.is_empty() => slot.cut(range.start, range.end),
        _ => {}
    }
}

#[cfg(test)]
impl Rope {
    /// Panics unless the counts and the shape of the rope are right.
    pub fn check(&self) {
        self.tree.check();
        let ends = self.head.iter().chain(&self.tail);
        ends.clone().for_each(|slot| assert!(slot.count > 0 && slot.count == slot.child.len()));
        assert_eq!(ends.map(|slot| slot.count).sum::<usize>() + self.tree.len(), self.len);
        assert!(self.tail.is_none() || self.head.is_some());
        assert!(self.tree.len() == 0 || self.tail.is_some());
    }
}
