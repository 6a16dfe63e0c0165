//! A chunk: up to a hundred entries, one behind the other, in fewer bytes than in the listpack that an RDB file holds
//! of them.
//!
//! ```text
//!   fields   name 1 .. name n                                            of the first entry
//!   entry    head | ms | seq |     value 1 .. value n          | back    same fields as the first
//!   entry    head | ms | seq | m | name 1 | value 1 .. value m | back    other fields
//! ```
//!
//! `head` says whether the entry was deleted and whether it has the first entry's fields, which aren't repeated then,
//! and which of the numbers behind it are there. `ms` and `seq` lead from the ID of the entry before, for the first
//! one from the chunk's master ID, which the owner of the chunk knows, with the overflow of two's complement. Mostly
//! nothing of them is written: the millisecond is the same and the sequence number the next one, or the first one of
//! a later millisecond. `back` is the length of what stands before it in the entry, so that a walk can go backwards.
//! Names and values are encoded as in a listpack, without the lengths at their ends, since nobody walks backwards
//! over them. `m` and what is written of `ms` and `seq` are numbers of seven bits a byte, the low ones first.
//!
//! A deleted entry stays, marked, so that what leads from ID to ID stays good.
//!
//! **As Redis has it.** How full a chunk is, is judged by the size of Redis's listpack, which [`Chunk::to_listpack`]
//! makes for RDB files and [`Chunk::from_listpack`] takes apart. See `listpack.rs`.
//!
//! Every chunk that came from outside was checked as a whole, so reading needs no further checks.

mod listpack;
mod tombstone;
mod walk;
mod write;

pub use listpack::ChunkError;
pub use walk::{Entry, Fields, Walk, WalkBack};

use std::sync::Arc;

use super::StreamLimits;
use super::id::StreamId;
use crate::base::size_class::size_class;
use crate::types::listpack::Listpack;
use walk::Items;

/// In an entry's head: it was deleted.
const DELETED: u8 = 1;
/// In an entry's head: it has the first entry's fields.
const SAME_FIELDS: u8 = 2;
/// In an entry's head: its millisecond isn't that of the entry before; the difference follows.
const MS_MOVES: u8 = 4;
/// In an entry's head: the difference of the sequence numbers follows; else it is [`usual_step`].
const SEQ_FOLLOWS: u8 = 8;

/// Entries in a row; the ID from which theirs lead on is kept with the chunk.
#[derive(Clone, Debug)]
pub struct Chunk {
    bytes: Vec<u8>,
    /// The first living entry, when tombstones before it are known of, else the first one. So trimming entry by
    /// entry doesn't walk over the same tombstones time and again.
    start: Place,
    /// The ID of the last entry, be it a tombstone.
    last: StreamId,
    living: u32,
    deleted: u32,
    /// Number of fields of the first entry.
    fields: u32,
    /// Bytes of Redis's listpack but for its frame and its two counts of entries.
    packed: u32,
}

/// Where an entry begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    at: u32,
    /// The ID from which the entry's leads on.
    before: StreamId,
}

/// By how much a sequence number usually grows.
#[inline]
fn usual_step(ms_moves: bool) -> u64 {
    if ms_moves { 0 } else { 1 }
}

impl Chunk {
    /// A chunk of one entry, whose ID is the master ID. Its buffer holds `capacity` bytes at once.
    pub fn new<T: AsRef<[u8]>>(id: StreamId, fields: &[T], capacity: usize) -> Self {
        let fields = fields.chunks_exact(2);
        let mut chunk =
            Chunk::with_fields(id, fields.clone().map(|field| field[0].as_ref().into()), capacity);
        chunk.append(id, id, fields);
        chunk
    }

    /// Bytes of the entries and the first one's fields.
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes that the chunk takes.
    pub fn memory_bytes(&self) -> usize {
        size_class(16 + size_of::<Chunk>()) + size_class(self.bytes.capacity())
    }

    /// Number of living entries.
    #[inline]
    pub fn living(&self) -> u64 {
        self.living.into()
    }

    /// Whether one more entry with so many bytes of fields and values belongs into this chunk.
    #[inline]
    pub fn has_room(&self, payload: usize, limits: &StreamLimits) -> bool {
        let max_bytes = match limits.max_bytes {
            0 => Listpack::MAX_BYTES,
            limit => limit.min(Listpack::MAX_BYTES),
        };
        if self.packed_len() + payload >= max_bytes {
            return false;
        }
        limits.max_entries == 0 || u64::from(self.living) + u64::from(self.deleted) < limits.max_entries
    }

    /// The entries from `start` on, and perhaps some before it, in ascending order. Tombstones are included
    /// unless they are before all living entries.
    pub fn walk_from(&self, master_id: StreamId, start: StreamId) -> Walk<'_> {
        Walk::new(self, master_id, self.seek(master_id, start))
    }

    /// The entries, tombstones included unless they are before all living entries, in descending order.
    pub fn walk_back(&self) -> WalkBack<'_> {
        WalkBack::new(self)
    }

    /// The ID of the last entry, be it a tombstone.
    #[inline]
    pub fn last_id(&self) -> StreamId {
        self.last
    }

    /// Gives back memory kept for growing.
    pub fn release_slack(chunk: &mut Arc<Self>) {
        if chunk.bytes.capacity() > size_class(chunk.bytes.len()) {
            Arc::make_mut(chunk).shrink_to_fit();
        }
    }

    /// Gives the buffer the size class that its bytes need.
    fn shrink_to_fit(&mut self) {
        self.bytes.shrink_to(size_class(self.bytes.len()));
    }

    /// A place from which a walk meets all living entries from `start` on: the first place, or the right one
    /// if it is probably nearer to the end.
    fn seek(&self, master_id: StreamId, start: StreamId) -> Place {
        if start <= master_id {
            return self.start;
        }
        let distance = |from: StreamId, to: StreamId| match self.last.ms > master_id.ms {
            true => to.ms.saturating_sub(from.ms),
            false => to.seq.saturating_sub(from.seq),
        };
        if distance(master_id, start) < distance(start, self.last) {
            return self.start;
        }
        let mut walk = self.walk_back();
        let mut place = Place { at: self.bytes.len() as u32, before: self.last };
        while walk.advance().is_some_and(|at| !at.is_living() || at.id() >= start) {
            place = walk.place();
        }
        place
    }

    /// The names of the first entry's fields, and after them the entries.
    #[inline]
    fn names(&self) -> Items<'_> {
        Items::new(&self.bytes)
    }
}

#[cfg(test)]
mod tests;
