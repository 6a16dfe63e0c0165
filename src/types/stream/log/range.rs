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

/// How many entries are read on over before a look-up begins anew.
const NEAR: usize = 32;

/// Looks up entries by ID. A chunk is read from its beginning for each, unless the IDs ascend: then reading goes on
/// from one to the next.
pub struct Finder<'a> {
    chunks: &'a Chunks,
    range: Range<'a>,
    /// The first living entry from `last` on, once something was looked up.
    ahead: Option<Entry<'a>>,
    /// What was looked up last.
    last: Option<StreamId>,
}

impl<'a> Finder<'a> {
    pub(super) fn new(chunks: &'a Chunks) -> Self {
        Self { chunks, range: Range::new(chunks, StreamId::MAX, StreamId::MAX), ahead: None, last: None }
    }

    /// The entry with this ID.
    pub fn get(&mut self, id: StreamId) -> Option<Entry<'a>> {
        if self.last.is_none_or(|last| id <= last) || !self.reaches(id) {
            self.range = Range::new(self.chunks, id, StreamId::MAX);
            self.ahead = self.range.next();
        }
        self.last = Some(id);
        self.ahead.clone().filter(|entry| entry.id() == id)
    }

    /// Reads on to the first entry that isn't before an ID; tells whether that was near.
    fn reaches(&mut self, id: StreamId) -> bool {
        for _ in 0..NEAR {
            match &self.ahead {
                Some(entry) if entry.id() < id => self.ahead = self.range.next(),
                _ => return true,
            }
        }
        false
    }
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
