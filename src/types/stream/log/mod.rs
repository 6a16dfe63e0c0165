//! The entries of a stream and what is counted about them.
//!
//! Entries lie in chunks ([`Chunk`]), ordered by the ID of each chunk's first entry, in a persistent
//! tree. A deleted entry stays in its chunk as a tombstone; a chunk goes when its last entry is deleted
//! or when a trim takes it whole.
//!
//! Usually the IDs ascend from chunk to chunk and within them. But XSETID can set the last ID below that
//! of a tombstone, and then entries may follow that lie before it. So only *living* entries are in order
//! for sure, and a walk ends at a living entry beyond its end, as it does in Redis.

mod range;
mod trim;

pub use range::{Finder, Range, RangeBack};
pub use trim::{Keep, Trim};

use std::sync::Arc;

use super::StreamLimits;
use super::chunk::{Chunk, ChunkError};
pub use super::chunk::{Entry, Fields};
use super::id::{NewId, StreamId};
use super::tree::Tree;

/// Most bytes that a chunk gets beforehand.
const MAX_PREALLOCATED: usize = 4096;
/// Most bytes of fields and values in one entry.
const MAX_PAYLOAD: usize = 1 << 30;

/// The entries of a stream, cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Log {
    chunks: Tree<StreamId, Arc<Chunk>>,
    length: u64,
    counters: Counters,
}

/// What a stream remembers beside its entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// The last ID given to an entry, or set by XSETID.
    pub last_id: StreamId,
    /// The first entry that is not deleted; 0-0 without entries.
    pub first_id: StreamId,
    /// The largest ID ever deleted by XDEL; trims don't count.
    pub max_deleted_id: StreamId,
    /// How many entries were ever added.
    pub entries_added: u64,
}

/// Why an entry can't be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendError {
    /// The last ID is the largest there is.
    Exhausted,
    /// The ID isn't larger than the last one.
    NotGreater,
    /// The entry is larger than 1 GB.
    TooLarge,
}

/// Why the last ID can't be set so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetIdError {
    /// An entry with a larger ID was deleted.
    BelowMaxDeleted,
    /// There is an entry with a larger ID.
    BelowTop,
    /// There are more entries than were ever added, it says.
    AddedBelowLength,
}

impl Log {
    /// Number of entries, without tombstones.
    #[inline]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there are no entries.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The last ID given to an entry, or set by [`Log::set_id`].
    #[inline]
    pub fn last_id(&self) -> StreamId {
        self.counters.last_id
    }

    /// How many entries were ever added.
    #[inline]
    pub fn entries_added(&self) -> u64 {
        self.counters.entries_added
    }

    /// What is remembered beside the entries.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Whether `then`, a clone made earlier, shows that nothing has changed since.
    pub fn is_unchanged_since(&self, then: &Log) -> bool {
        self.counters == then.counters && self.chunks.is_same(&then.chunks)
    }

    /// Number of chunks.
    pub fn chunk_count(&self) -> usize {
        self.chunks.len()
    }

    /// The chunks as RDB files hold them: the ID to which the entries' IDs are relative, and the listpack.
    pub fn chunks(&self) -> impl Iterator<Item = (StreamId, Vec<u8>)> {
        self.chunks.iter().map(|(master, chunk)| (*master, chunk.to_listpack(*master)))
    }

    /// The first entry.
    pub fn first(&self) -> Option<Entry<'_>> {
        self.range(StreamId::MIN, StreamId::MAX).next()
    }

    /// The last entry; its ID may be smaller than [`Log::last_id`].
    pub fn last(&self) -> Option<Entry<'_>> {
        self.range_back(StreamId::MIN, StreamId::MAX).next()
    }

    /// For looking up many entries by ID.
    pub fn finder(&self) -> Finder<'_> {
        Finder::new(&self.chunks)
    }

    /// The entries from `start` to `end`, both included, in ascending order.
    pub fn range(&self, start: StreamId, end: StreamId) -> Range<'_> {
        Range::new(&self.chunks, start, end)
    }

    /// The entries from `end` down to `start`, both included.
    pub fn range_back(&self, start: StreamId, end: StreamId) -> RangeBack<'_> {
        RangeBack::new(&self.chunks, start, end)
    }

    /// Adds an entry of alternating fields and values; returns its ID.
    ///
    /// # Errors
    /// If there is no such ID to give, or the entry is too large; then nothing has changed.
    pub fn append<T: AsRef<[u8]>>(
        &mut self,
        id: NewId,
        fields: &[T],
        limits: &StreamLimits,
        now: i64,
    ) -> Result<StreamId, AppendError> {
        debug_assert!(fields.len().is_multiple_of(2));
        let id = self.new_id(id, now)?;
        let payload = fields.iter().map(|part| part.as_ref().len()).sum();
        if payload > MAX_PAYLOAD {
            return Err(AppendError::TooLarge);
        }
        match self.chunks.last_mut() {
            Some((master, chunk)) if chunk.has_room(payload, limits) => {
                Arc::make_mut(chunk).append(*master, id, fields.chunks_exact(2));
            }
            full => {
                let mut capacity = 0;
                if let Some((_, chunk)) = full {
                    Chunk::release_slack(chunk);
                    // The next chunk will probably get as large as this one.
                    capacity = chunk.byte_len().min(MAX_PREALLOCATED);
                }
                // Only after XSETID went below a tombstone can there be a chunk of this name.
                let replaced = self.chunks.insert(id, Arc::new(Chunk::new(id, fields, capacity)));
                self.length -= replaced.map_or(0, |chunk| chunk.living());
            }
        }
        self.length += 1;
        self.counters.entries_added = self.counters.entries_added.wrapping_add(1);
        self.counters.last_id = id;
        if self.length == 1 {
            self.counters.first_id = id;
        }
        Ok(id)
    }

    /// Deletes entries; returns how many there were.
    pub fn delete(&mut self, ids: &[StreamId]) -> u64 {
        let mut deleted = 0;
        let mut first_went = false;
        for &id in ids {
            if self.delete_one(id) {
                deleted += 1;
                first_went |= id == self.counters.first_id;
                self.counters.max_deleted_id = self.counters.max_deleted_id.max(id);
            }
        }
        if first_went || self.is_empty() {
            self.find_first_id();
        }
        deleted
    }

    /// Sets the last ID and, if given, the number of entries ever added and the largest ID deleted (XSETID).
    /// A `max_deleted_id` of 0-0 counts as not given.
    ///
    /// # Errors
    /// If that contradicts what is in the stream; then nothing has changed.
    pub fn set_id(
        &mut self,
        last_id: StreamId,
        entries_added: Option<u64>,
        max_deleted_id: Option<StreamId>,
    ) -> Result<(), SetIdError> {
        if last_id < self.counters.max_deleted_id {
            return Err(SetIdError::BelowMaxDeleted);
        }
        if self.last().is_some_and(|top| last_id < top.id()) {
            return Err(SetIdError::BelowTop);
        }
        if entries_added.is_some_and(|added| added < self.length) {
            return Err(SetIdError::AddedBelowLength);
        }
        self.counters.last_id = last_id;
        if let Some(added) = entries_added {
            self.counters.entries_added = added;
        }
        if let Some(id) = max_deleted_id.filter(|id| *id != StreamId::MIN) {
            self.counters.max_deleted_id = id;
        }
        Ok(())
    }

    /// How many entries had been added when this ID was reached, if the counters tell.
    ///
    /// They do for the last ID and, unless an entry was deleted after the first one, for the first ID and
    /// what lies before it.
    pub fn entries_added_until(&self, id: StreamId) -> Option<i64> {
        let Counters { last_id, first_id, max_deleted_id, entries_added } = self.counters;
        let added = entries_added as i64;
        if added == 0 {
            return Some(0);
        }
        if id == last_id || (self.is_empty() && id < last_id) {
            return Some(added);
        }
        let whole = max_deleted_id == StreamId::MIN || max_deleted_id < first_id;
        if id > last_id || id > first_id || !whole {
            return None;
        }
        let removed = added.wrapping_sub(self.length as i64);
        Some(if id == first_id { removed.wrapping_add(1) } else { removed })
    }

    /// Whether an entry at or after this ID, yet not before the first one, was deleted.
    pub fn has_tombstones_from(&self, id: StreamId) -> bool {
        let Counters { first_id, max_deleted_id, .. } = self.counters;
        !self.is_empty()
            && max_deleted_id != StreamId::MIN
            && max_deleted_id >= first_id
            && max_deleted_id >= id
    }

    /// Adds a chunk from a file: the ID to which its entries' IDs are relative, and its listpack.
    ///
    /// # Errors
    /// If the listpack is none or isn't such a chunk, or there is one with this ID.
    pub fn load_chunk(&mut self, master: StreamId, listpack: Vec<u8>) -> Result<(), ChunkError> {
        if self.chunks.contains(&master) {
            return Err(ChunkError::DuplicateMaster);
        }
        let chunk = Chunk::from_listpack(master, listpack)?;
        self.length += chunk.living();
        self.chunks.insert(master, Arc::new(chunk));
        Ok(())
    }

    /// Sets what a file says beside the entries.
    pub fn load_counters(&mut self, counters: Counters) {
        self.counters = counters;
    }

    /// Works out what older files don't say: the first entry, and that none was ever deleted.
    pub fn load_last_id(&mut self, last_id: StreamId) {
        self.counters = Counters { last_id, entries_added: self.length, ..Counters::default() };
        self.find_first_id();
    }

    /// About how many bytes all this takes, judged by the first chunks and the last one.
    pub fn memory_bytes(&self) -> usize {
        const SAMPLES: usize = 8;
        let size = |(_, chunk): (&StreamId, &Arc<Chunk>)| chunk.memory_bytes();
        let sampled = self.chunks.iter().take(SAMPLES);
        let count = self.chunks.len().min(SAMPLES);
        let sum: usize = sampled.map(size).sum();
        let chunks = match self.chunks.len() - count {
            0 => sum,
            others => sum + sum / count * (others - 1) + self.chunks.last().map_or(0, size),
        };
        self.chunks.memory_bytes() + chunks
    }

    /// About how many allocations there are to free.
    pub(super) fn weight(&self) -> usize {
        2 * self.chunks.len() + self.chunks.nodes()
    }

    fn new_id(&self, wanted: NewId, now: i64) -> Result<StreamId, AppendError> {
        let last = self.counters.last_id;
        let after_last = last.next().ok_or(AppendError::Exhausted)?;
        let id = match wanted {
            NewId::Auto => after_last.max(StreamId::new(u64::try_from(now).unwrap_or(0), 0)),
            NewId::AutoSeq(ms) if ms == last.ms => {
                StreamId::new(ms, last.seq.checked_add(1).ok_or(AppendError::NotGreater)?)
            }
            NewId::AutoSeq(ms) => StreamId::new(ms, 0),
            NewId::Given(id) => id,
        };
        if id > last { Ok(id) } else { Err(AppendError::NotGreater) }
    }

    fn delete_one(&mut self, id: StreamId) -> bool {
        let mut found = self.range(id, id);
        if found.next().is_none() {
            return false;
        }
        let Some(master) = found.master_id() else { return false };
        let Some(chunk) = self.chunks.get_mut(&master) else { return false };
        self.length -= 1;
        if chunk.living() > 1 {
            Arc::make_mut(chunk).delete(master, id)
        } else {
            self.chunks.remove(&master).is_some()
        }
    }

    fn find_first_id(&mut self) {
        self.counters.first_id = self.first().map_or(StreamId::MIN, |entry| entry.id());
    }
}

#[cfg(test)]
mod tests;
