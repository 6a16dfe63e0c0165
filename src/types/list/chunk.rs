//! One chunk of a large list: a listpack, or an element too large for one.

use std::sync::Arc;

use smallvec::SmallVec;

use super::End;
use crate::base::size_class::size_class;
use crate::types::listpack::{self, Encoded, Item, Listpack, ListpackRef, Pos};

/// A run of elements that is stored, shared and copied as one.
#[derive(Clone, Debug)]
pub(super) enum Chunk {
    Packed(Listpack),
    /// A single element that is too large for a listpack; never copied.
    Plain(Arc<[u8]>),
}

impl Chunk {
    /// A chunk without elements, which a rope lets go.
    pub fn empty() -> Chunk {
        Chunk::Packed(Listpack::new())
    }

    /// A listpack of one element.
    pub fn of(element: &[u8]) -> Chunk {
        let mut listpack = Listpack::new();
        listpack.push_back(element);
        Chunk::Packed(listpack)
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.view().len()
    }

    #[inline]
    pub fn view(&self) -> ChunkRef<'_> {
        match self {
            Chunk::Packed(listpack) => ChunkRef::Packed(listpack.as_ref()),
            Chunk::Plain(element) => ChunkRef::Plain(element),
        }
    }

    /// Bytes in the allocator, counters of the `Arc` around it included.
    pub fn memory_bytes(&self) -> usize {
        let own = size_class(size_of::<Chunk>() + 2 * size_of::<usize>());
        own + match self {
            Chunk::Packed(listpack) => listpack.allocated(),
            Chunk::Plain(element) => size_class(2 * size_of::<usize>() + element.len()),
        }
    }

    /// Removes the elements `from..to`, which are not all.
    pub fn cut(&mut self, from: usize, to: usize) {
        if let Chunk::Packed(listpack) = self {
            listpack.delete_range(from as i64, to - from);
        }
    }

    /// Gives back the buffer's free part when it is more than half.
    #[inline]
    pub fn limit_slack(&mut self) {
        if let Chunk::Packed(listpack) = self
            && listpack.has_slack()
        {
            listpack.shrink_to_fit();
        }
    }
}

/// A chunk as a reader sees it; what an RDB file stores as one node of a quicklist.
#[derive(Clone, Copy, Debug)]
pub enum ChunkRef<'a> {
    /// A listpack of one or more elements.
    Packed(ListpackRef<'a>),
    /// A single element that is too large for a listpack.
    Plain(&'a [u8]),
}

impl<'a> ChunkRef<'a> {
    /// Number of elements.
    #[inline]
    pub fn len(self) -> usize {
        match self {
            ChunkRef::Packed(listpack) => listpack.len(),
            ChunkRef::Plain(_) => 1,
        }
    }

    /// Whether it has no element, as only the one chunk of an empty list has not.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The bytes of the listpack or element.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        match self {
            ChunkRef::Packed(listpack) => listpack.bytes(),
            ChunkRef::Plain(element) => element,
        }
    }

    /// The element at `offset`, which is below `len`.
    #[inline]
    pub(super) fn get(self, offset: usize) -> Option<Item<'a>> {
        match self {
            ChunkRef::Packed(listpack) => listpack.get(offset as i64),
            ChunkRef::Plain(element) => Some(Item::Bytes(element)),
        }
    }

    /// The elements from `offset` on.
    #[inline]
    pub(super) fn iter_from(self, offset: usize) -> ChunkIter<'a> {
        match self {
            ChunkRef::Packed(listpack) => {
                let pos = listpack.seek(offset as i64).unwrap_or(listpack.end());
                ChunkIter::Packed(listpack.iter_from(pos))
            }
            ChunkRef::Plain(element) => ChunkIter::Plain((offset == 0).then_some(element)),
        }
    }

    /// The elements before `offset`.
    #[inline]
    pub(super) fn iter_before(self, offset: usize) -> ChunkIter<'a> {
        match self {
            ChunkRef::Packed(listpack) => {
                let pos = listpack.seek(offset as i64).unwrap_or(listpack.end());
                ChunkIter::Packed(listpack.iter_before(pos))
            }
            ChunkRef::Plain(element) => ChunkIter::Plain((offset > 0).then_some(element)),
        }
    }

    /// Positions of the elements equal to `element`, in order: the first `most` from `end`.
    pub(super) fn matches(self, element: &Encoded<'_>, end: End, most: usize) -> SmallVec<[Pos; 16]> {
        let ChunkRef::Packed(listpack) = self else { return SmallVec::new() };
        let mut found = SmallVec::new();
        let mut at = if end == End::Head { listpack.first() } else { listpack.last() };
        while let Some(pos) = at.filter(|_| found.len() < most) {
            if listpack.is_at(pos, element) {
                found.push(pos);
            }
            at = if end == End::Head { listpack.next(pos) } else { listpack.prev(pos) };
        }
        if end == End::Tail {
            found.reverse();
        }
        found
    }
}

/// The elements of a chunk, or of its beginning or end.
#[derive(Clone, Debug)]
pub(super) enum ChunkIter<'a> {
    Packed(listpack::Iter<'a>),
    Plain(Option<&'a [u8]>),
}

impl ChunkIter<'_> {
    /// Steps over the next element from `end` and tells whether it is `element`.
    #[inline]
    pub fn step(&mut self, end: End, element: &Needle<'_>) -> Option<bool> {
        match (self, end) {
            (ChunkIter::Packed(iter), End::Head) => iter.next_is(&element.encoded),
            (ChunkIter::Packed(iter), End::Tail) => iter.next_back_is(&element.encoded),
            (ChunkIter::Plain(plain), _) => plain.take().map(|plain| plain == element.bytes),
        }
    }
}

impl<'a> Iterator for ChunkIter<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        match self {
            ChunkIter::Packed(iter) => iter.next(),
            ChunkIter::Plain(element) => element.take().map(Item::Bytes),
        }
    }
}

impl DoubleEndedIterator for ChunkIter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        match self {
            ChunkIter::Packed(iter) => iter.next_back(),
            ChunkIter::Plain(element) => element.take().map(Item::Bytes),
        }
    }
}

/// An element that is searched for, in both forms in which a chunk may hold it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needle<'a> {
    pub bytes: &'a [u8],
    pub encoded: Encoded<'a>,
}

impl<'a> From<&'a [u8]> for Needle<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Needle { bytes, encoded: bytes.into() }
    }
}
