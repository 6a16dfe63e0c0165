//! Reading a list in order: ranges from both ends, searches, and the chunks as an RDB file stores them.

use super::chunk::{ChunkIter, ChunkRef, Needle};
use super::{End, List};
use crate::types::listpack::Item;

/// A range of a list's elements, from either end.
///
/// Within a chunk a step is a step in a listpack; at its border the next chunk is looked up by its index.
#[derive(Clone, Debug)]
pub struct Range<'a> {
    list: &'a List,
    /// Indexes of the elements still to come.
    front: usize,
    back: usize,
    /// The elements of a chunk from `front` on, perhaps beyond `back`.
    ahead: ChunkIter<'a>,
    /// The elements of a chunk before `back`, perhaps from before `front`.
    behind: ChunkIter<'a>,
}

impl<'a> Range<'a> {
    /// The elements `front..back`, which are within the list.
    pub(super) fn new(list: &'a List, front: usize, back: usize) -> Self {
        let nothing = ChunkIter::Plain(None);
        Range { list, front, back, ahead: nothing.clone(), behind: nothing }
    }

    /// Visits the elements still to come, until `visit` returns false: what `next` does, chunk by chunk.
    #[inline]
    pub fn visit_while(&mut self, mut visit: impl FnMut(Item<'a>) -> bool) {
        while self.front < self.back {
            let left = self.back - self.front;
            let (visited, goes_on) = match &mut self.ahead {
                ChunkIter::Packed(items) => visit_some(items, left, &mut visit),
                ChunkIter::Plain(element) => {
                    visit_some(&mut element.take().map(Item::Bytes).into_iter(), left, &mut visit)
                }
            };
            self.front += visited;
            if !goes_on {
                return;
            }
            if visited < left {
                let Some((chunk, start)) = self.list.chunk_at(self.front) else { return };
                self.ahead = chunk.iter_from(self.front - start);
            }
        }
    }

    /// Indexes of the elements still to come.
    pub fn indexes(&self) -> std::ops::Range<usize> {
        self.front..self.back
    }
}

/// Visits up to `most` items until `visit` returns false; tells how many it visited, and whether it is to go on.
#[inline]
fn visit_some<'a>(
    items: &mut impl Iterator<Item = Item<'a>>,
    most: usize,
    visit: &mut impl FnMut(Item<'a>) -> bool,
) -> (usize, bool) {
    for visited in 0..most {
        let Some(item) = items.next() else { return (visited, true) };
        if !visit(item) {
            return (visited + 1, false);
        }
    }
    (most, true)
}

impl<'a> Iterator for Range<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        if self.front == self.back {
            return None;
        }
        let item = match self.ahead.next() {
            Some(item) => item,
            None => {
                let (chunk, start) = self.list.chunk_at(self.front)?;
                self.ahead = chunk.iter_from(self.front - start);
                self.ahead.next()?
            }
        };
        self.front += 1;
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.back - self.front, Some(self.back - self.front))
    }
}

impl DoubleEndedIterator for Range<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front == self.back {
            return None;
        }
        let item = match self.behind.next_back() {
            Some(item) => item,
            None => {
                let (chunk, start) = self.list.chunk_at(self.back - 1)?;
                self.behind = chunk.iter_before(self.back - start);
                self.behind.next_back()?
            }
        };
        self.back -= 1;
        Some(item)
    }
}

impl ExactSizeIterator for Range<'_> {}

/// Indexes of the elements equal to one, in the order in which they are met.
#[derive(Clone, Debug)]
pub struct Positions<'a, 'n> {
    list: &'a List,
    needle: Needle<'n>,
    from: End,
    /// Elements looked at so far, and how many at most.
    seen: usize,
    most: usize,
    chunk: ChunkIter<'a>,
}

impl<'a, 'n> Positions<'a, 'n> {
    pub(super) fn new(list: &'a List, element: &'n [u8], from: End, most: usize) -> Self {
        let most = most.min(list.len());
        Positions { list, needle: element.into(), from, seen: 0, most, chunk: ChunkIter::Plain(None) }
    }

    /// The index of the element to be looked at next.
    fn index(&self) -> usize {
        match self.from {
            End::Head => self.seen,
            End::Tail => self.list.len() - 1 - self.seen,
        }
    }

    fn enter_chunk(&mut self) -> Option<()> {
        let index = self.index();
        let (chunk, start) = self.list.chunk_at(index)?;
        self.chunk = match self.from {
            End::Head => chunk.iter_from(index - start),
            End::Tail => chunk.iter_before(index - start + 1),
        };
        Some(())
    }
}

impl Iterator for Positions<'_, '_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.seen < self.most {
            let Some(is) = self.chunk.step(self.from, &self.needle) else {
                self.enter_chunk()?;
                continue;
            };
            let index = self.index();
            self.seen += 1;
            if is {
                return Some(index);
            }
        }
        None
    }
}

/// The chunks of a list in order.
#[derive(Clone, Debug)]
pub struct Chunks<'a> {
    list: &'a List,
    next: usize,
}

impl<'a> Chunks<'a> {
    pub(super) fn new(list: &'a List) -> Self {
        Chunks { list, next: 0 }
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = ChunkRef<'a>;

    fn next(&mut self) -> Option<ChunkRef<'a>> {
        let (chunk, start) = self.list.chunk_at(self.next)?;
        self.next = start + chunk.len();
        Some(chunk)
    }
}
