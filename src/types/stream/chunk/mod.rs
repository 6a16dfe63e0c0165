//! A chunk: up to a hundred entries in one listpack, byte for byte as Redis has them in memory and in RDB files.
//!
//! ```text
//!   master   count | deleted | n | field 1 .. field n | 0
//!   entry    flags | ms | seq |      value 1 .. value n         | pieces      same fields as the master
//!   entry    flags | ms | seq | m |  field 1 | value 1 .. value m | pieces    other fields
//! ```
//!
//! The master entry holds the fields of the first entry, which following entries with the same fields
//! don't repeat. `count` and `deleted` are the numbers of living entries and of tombstones. An entry's ID
//! is its difference to the chunk's master ID, which the owner of the chunk knows, with the overflow of
//! two's complement. `pieces` is the number of elements from `flags` on, so that a walk can go backwards;
//! the master's 0 ends it.
//!
//! Every chunk that came from outside was checked as a whole, so reading needs no further checks.

mod load;
mod tombstone;
mod walk;

pub use load::ChunkError;
pub use walk::{Cursor, Entry, Fields, Walk, WalkBack};

use std::sync::Arc;

use super::StreamLimits;
use super::id::StreamId;
use crate::base::size_class::size_class;
use crate::types::listpack::{Item, Iter, Listpack, Pos};

/// Flag of an entry that was deleted.
const DELETED: u8 = 1;
/// Flag of an entry that has the master's fields.
const SAME_FIELDS: u8 = 2;

const WHOLE: &str = "a chunk has its master entry";

/// Entries in one listpack; the ID to which theirs are relative is kept with the chunk.
#[derive(Clone, Debug)]
pub struct Chunk {
    listpack: Listpack,
    /// The first living entry, when tombstones before it are known of. So trimming entry by entry doesn't
    /// walk over the same tombstones time and again.
    first_living: Option<Pos>,
}

/// What the master entry says.
#[derive(Clone, Debug)]
struct Master<'a> {
    count: u64,
    deleted: u64,
    /// Number of fields.
    fields: usize,
    /// The elements from the first field on.
    rest: Iter<'a>,
}

impl Chunk {
    /// A chunk of one entry, whose ID is the master ID. Its buffer holds `capacity` bytes at once.
    pub fn new<T: AsRef<[u8]>>(id: StreamId, fields: &[T], capacity: usize) -> Self {
        let fields = fields.chunks_exact(2);
        let mut listpack = Listpack::with_capacity(capacity);
        listpack.push_back(0);
        listpack.push_back(0);
        listpack.push_back(fields.len() as i64);
        for field in fields.clone() {
            listpack.push_back(field[0].as_ref());
        }
        listpack.push_back(0);
        let mut chunk = Self { listpack, first_living: None };
        chunk.append(id, id, fields);
        chunk
    }

    /// The listpack.
    pub fn bytes(&self) -> &[u8] {
        self.listpack.as_ref().bytes()
    }

    /// Bytes that the chunk takes.
    pub fn memory_bytes(&self) -> usize {
        const OVERHEAD: usize = 16 + size_of::<Chunk>();
        OVERHEAD + self.listpack.allocated()
    }

    /// Number of living entries.
    #[inline]
    pub fn living(&self) -> u64 {
        count(self.listpack.iter().next())
    }

    /// Whether one more entry with so many bytes of fields and values belongs into this chunk.
    pub fn has_room(&self, payload: usize, limits: &StreamLimits) -> bool {
        let max_bytes = match limits.max_bytes {
            0 => Listpack::MAX_BYTES,
            limit => limit.min(Listpack::MAX_BYTES),
        };
        if self.listpack.byte_len() + payload >= max_bytes {
            return false;
        }
        let master = self.master();
        limits.max_entries == 0 || master.count + master.deleted < limits.max_entries
    }

    /// Adds an entry of fields, each with its value.
    pub fn append<T: AsRef<[u8]>>(
        &mut self,
        master_id: StreamId,
        id: StreamId,
        fields: std::slice::ChunksExact<'_, T>,
    ) {
        let master = self.master();
        let living = master.count + 1;
        let same = master.has_fields(fields.clone());
        let pairs = fields.len();
        let lp = &mut self.listpack;
        lp.push_back(i64::from(if same { SAME_FIELDS } else { 0 }));
        lp.push_back(id.ms.wrapping_sub(master_id.ms) as i64);
        lp.push_back(id.seq.wrapping_sub(master_id.seq) as i64);
        if same {
            for field in fields {
                lp.push_back(field[1].as_ref());
            }
            lp.push_back((3 + pairs) as i64);
        } else {
            lp.push_back(pairs as i64);
            for field in fields {
                lp.push_back(field[0].as_ref());
                lp.push_back(field[1].as_ref());
            }
            lp.push_back((4 + 2 * pairs) as i64);
        }
        self.set_living(living);
    }

    /// The entries from `start` on, and perhaps some before it, in ascending order. Tombstones are included
    /// unless they are before all living entries.
    pub fn walk_from(&self, master_id: StreamId, start: StreamId) -> Walk<'_> {
        let listpack = self.listpack.as_ref();
        let from = self.seek(master_id, start).unwrap_or(listpack.end());
        Walk::new(master_id, &self.master(), listpack.iter_from(from))
    }

    /// The entries, tombstones included, in descending order.
    pub fn walk_back(&self, master_id: StreamId) -> WalkBack<'_> {
        WalkBack::new(master_id, &self.master(), self.listpack.as_ref())
    }

    /// The ID of the last entry, be it a tombstone.
    pub fn last_id(&self, master_id: StreamId) -> Option<StreamId> {
        self.walk_back(master_id).advance().map(Cursor::id)
    }

    /// Gives back memory kept for growing.
    pub fn release_slack(chunk: &mut Arc<Self>) {
        if chunk.listpack.allocated() > size_class(chunk.listpack.byte_len()) {
            Arc::make_mut(chunk).listpack.shrink_to_fit();
        }
    }

    /// A place from which a walk meets all living entries from `start` on: the first place, or the right one
    /// if it is probably nearer to the end.
    fn seek(&self, master_id: StreamId, start: StreamId) -> Option<Pos> {
        if start <= master_id {
            return self.first_place();
        }
        let last = self.last_id(master_id)?;
        let distance = |from: StreamId, to: StreamId| match last.ms > master_id.ms {
            true => to.ms.saturating_sub(from.ms),
            false => to.seq.saturating_sub(from.seq),
        };
        if distance(master_id, start) < distance(start, last) {
            return self.first_place();
        }
        let mut walk = self.walk_back(master_id);
        let mut place = None;
        while walk.advance().is_some_and(|at| !at.is_living() || at.id() >= start) {
            place = Some(walk.position());
        }
        place
    }

    #[inline]
    fn master(&self) -> Master<'_> {
        let mut items = self.listpack.iter();
        let living = count(items.next());
        let deleted = count(items.next());
        let fields = count(items.next()) as usize;
        Master { count: living, deleted, fields, rest: items }
    }
}

/// An element that is an integer by its role.
#[inline]
fn int(item: Item<'_>) -> Option<i64> {
    match item {
        Item::Int(value) => Some(value),
        Item::Bytes(_) => None,
    }
}

/// An element that is a number of things by its role.
#[inline]
fn count(item: Option<Item<'_>>) -> u64 {
    item.and_then(int).unwrap_or(0) as u64
}

impl Master<'_> {
    fn has_fields<T: AsRef<[u8]>>(&self, fields: std::slice::ChunksExact<'_, T>) -> bool {
        let names = self.rest.clone();
        fields.len() == self.fields && names.zip(fields).all(|(name, field)| name.eq_bytes(field[0].as_ref()))
    }
}

#[cfg(test)]
mod tests;
