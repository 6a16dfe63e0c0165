//! Walking over the living entries between two IDs.

use std::sync::Arc;

use super::super::chunk::{Chunk, Entry, Walk, WalkBack};
use super::super::id::StreamId;
use super::super::tree::{Backward, Forward, Tree};

type Chunks = Tree<StreamId, Arc<Chunk>>;

/// Living entries in ascending order.
pub struct Range<'a> {
    chunks: Forward<'a, StreamId, Arc<Chunk>>,
    walk: Option<Walk<'a>>,
    start: StreamId,
    end: StreamId,
}

/// Living entries in descending order.
pub struct RangeBack<'a> {
    chunks: Backward<'a, StreamId, Arc<Chunk>>,
    walk: Option<WalkBack<'a>>,
    start: StreamId,
    end: StreamId,
}

impl<'a> Range<'a> {
    pub(super) fn new(chunks: &'a Chunks, start: StreamId, end: StreamId) -> Self {
        // The entry at `start` is in the last chunk that doesn't begin after it.
        let chunks = match chunks.iter_back_from(&start).next() {
            Some((master, _)) => chunks.iter_from(master),
            None => chunks.iter(),
        };
        Self { chunks, walk: None, start, end }
    }

    /// The chunk of the entry that came last.
    pub(super) fn master_id(&self) -> Option<StreamId> {
        self.walk.as_ref().map(Walk::master_id)
    }
}

impl<'a> Iterator for Range<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            if let Some(walk) = &mut self.walk {
                while let Some(at) = walk.advance() {
                    if at.is_living() && at.id() >= self.start {
                        return (at.id() <= self.end).then(|| at.entry());
                    }
                }
            }
            let (master, chunk) = self.chunks.next()?;
            self.walk = Some(chunk.walk_from(*master, self.start));
        }
    }
}

impl<'a> RangeBack<'a> {
    pub(super) fn new(chunks: &'a Chunks, start: StreamId, end: StreamId) -> Self {
        Self { chunks: chunks.iter_back_from(&end), walk: None, start, end }
    }
}

impl<'a> Iterator for RangeBack<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            if let Some(walk) = &mut self.walk {
                while let Some(at) = walk.advance() {
                    if at.is_living() && at.id() <= self.end {
                        return (at.id() >= self.start).then(|| at.entry());
                    }
                }
            }
            let (_, chunk) = self.chunks.next()?;
            self.walk = Some(chunk.walk_back());
        }
    }
}
