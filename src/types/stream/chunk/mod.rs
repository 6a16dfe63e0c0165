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
mod walk;

pub use load::ChunkError;
pub use walk::{Entry, Fields, Walk, WalkBack};

use std::sync::Arc;

use super::super::listpack::{Item, Iter, Listpack, Pos};
use super::StreamLimits;
use super::id::StreamId;

/// Flag of an entry that was deleted.
const DELETED: u8 = 1;
/// Flag of an entry that has the master's fields.
const SAME_FIELDS: u8 = 2;

const WHOLE: &str = "a chunk has its master entry";

/// Entries in one listpack; the ID to which theirs are relative is kept with the chunk.
#[derive(Clone, Debug)]
pub struct Chunk {
    listpack: Listpack,
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
        let mut listpack = Listpack::with_capacity(capacity);
        listpack.push_back(0);
        listpack.push_back(0);
        listpack.push_back((fields.len() / 2) as i64);
        for field in fields.iter().step_by(2) {
            listpack.push_back(field.as_ref());
        }
        listpack.push_back(0);
        let mut chunk = Self { listpack };
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

    /// Adds an entry of alternating fields and values.
    pub fn append<T: AsRef<[u8]>>(&mut self, master_id: StreamId, id: StreamId, fields: &[T]) {
        let master = self.master();
        let living = master.count as i64 + 1;
        let same = master.has_fields(fields);
        let lp = &mut self.listpack;
        lp.push_back(i64::from(if same { SAME_FIELDS } else { 0 }));
        lp.push_back(id.ms.wrapping_sub(master_id.ms) as i64);
        lp.push_back(id.seq.wrapping_sub(master_id.seq) as i64);
        let pairs = fields.len() / 2;
        if same {
            for value in fields.iter().skip(1).step_by(2) {
                lp.push_back(value.as_ref());
            }
            lp.push_back((3 + pairs) as i64);
        } else {
            lp.push_back(pairs as i64);
            for part in &fields[..2 * pairs] {
                lp.push_back(part.as_ref());
            }
            lp.push_back((4 + 2 * pairs) as i64);
        }
        lp.replace(lp.as_ref().first().expect(WHOLE), living);
    }

    /// Makes a living entry a tombstone.
    pub fn delete(&mut self, position: Pos) {
        self.mark_deleted(position);
        self.count_deleted(1);
    }

    /// Makes entries tombstones as long as `wanted`, told how many died so far and the next ID, says so;
    /// returns how many died.
    pub fn delete_first(&mut self, master_id: StreamId, wanted: impl Fn(u64, StreamId) -> bool) -> u64 {
        let mut positions = Vec::new();
        let mut walk = self.walk(master_id);
        while let Some(entry) = walk.next().filter(|entry| wanted(positions.len() as u64, entry.id())) {
            if entry.is_living() {
                positions.extend(walk.position());
            }
        }
        for position in &positions {
            self.mark_deleted(*position);
        }
        self.count_deleted(positions.len() as u64);
        positions.len() as u64
    }

    /// The entries, tombstones included, in ascending order.
    pub fn walk(&self, master_id: StreamId) -> Walk<'_> {
        Walk::new(self.listpack.as_ref(), master_id, &self.master())
    }

    /// The entries, tombstones included, in descending order.
    pub fn walk_back(&self, master_id: StreamId) -> WalkBack<'_> {
        WalkBack::new(self.listpack.as_ref(), master_id, &self.master())
    }

    /// The ID of the last entry, be it a tombstone.
    pub fn last_id(&self, master_id: StreamId) -> Option<StreamId> {
        self.walk_back(master_id).next().map(|entry| entry.id())
    }

    /// Gives back memory kept for growing.
    pub fn release_slack(chunk: &mut Arc<Self>) {
        Arc::make_mut(chunk).listpack.shrink_to_fit();
    }

    #[inline]
    fn master(&self) -> Master<'_> {
        let mut items = self.listpack.iter();
        let living = count(items.next());
        let deleted = count(items.next());
        let fields = count(items.next()) as usize;
        Master { count: living, deleted, fields, rest: items }
    }

    fn mark_deleted(&mut self, position: Pos) {
        let flags = self.listpack.as_ref().at(position).integer().unwrap_or(0);
        self.listpack.replace(position, flags | i64::from(DELETED));
    }

    fn count_deleted(&mut self, deleted: u64) {
        let master = self.master();
        let (living, dead) = (master.count - deleted, master.deleted + deleted);
        self.set_counts(living, dead);
    }

    fn set_counts(&mut self, living: u64, deleted: u64) {
        let lp = &mut self.listpack;
        let first = lp.as_ref().first().expect(WHOLE);
        lp.replace(first, living as i64);
        lp.replace(lp.as_ref().next(first).expect(WHOLE), deleted as i64);
    }
}

#[inline]
fn count(item: Option<Item<'_>>) -> u64 {
    match item {
        Some(Item::Int(value)) => value as u64,
        _ => 0,
    }
}

impl Master<'_> {
    fn has_fields<T: AsRef<[u8]>>(&self, fields: &[T]) -> bool {
        fields.len() / 2 == self.fields
            && fields.iter().step_by(2).zip(self.rest.clone()).all(|(field, item)| item.eq_bytes(field.as_ref()))
    }
}

#[cfg(test)]
mod tests;
