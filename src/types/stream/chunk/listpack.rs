//! A chunk as RDB files and DUMP hold it: the listpack that Redis has in memory, byte for byte.
//!
//! ```text
//!   master   living | deleted | n | field 1 .. field n | 0
//!   entry    flags | ms | seq |      value 1 .. value n         | pieces      same fields as the master
//!   entry    flags | ms | seq | m |  field 1 | value 1 .. value m | pieces    other fields
//! ```
//!
//! The master entry holds the fields of the first entry. `ms` and `seq` lead from the chunk's master ID to the entry's.
//! `pieces` is the number of elements from `flags` on; the master's 0 ends a walk backwards.
//!
//! What comes from a file or a client is checked as a whole before anything relies on it.

use super::super::id::StreamId;
use super::walk::Items;
use super::{Chunk, DELETED, Place, SAME_FIELDS, Walk};
use crate::types::listpack::{Encoded, Item, Iter, Listpack, ListpackError, back_len_size};

/// Why bytes are no chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkError {
    /// They are no listpack.
    Listpack(ListpackError),
    /// The listpack's elements aren't a master entry and the entries it counts.
    Entries,
    /// There is a chunk with this master ID already.
    DuplicateMaster,
}

/// Header and end of a listpack, and the zero behind the master entry.
const FRAME: usize = 7 + 2;

/// Bytes of a listpack's entry whose encoding takes `size` bytes.
#[inline]
pub(super) fn element_len(size: usize) -> usize {
    size + back_len_size(size)
}

/// Bytes of a listpack's entry for an integer.
#[inline]
pub(super) fn int_len(number: i64) -> usize {
    // All these encodings are short: their back length is a byte.
    Encoded::from(number).size() + 1
}

/// Bytes of a listpack's entry for a number of things.
#[inline]
pub(super) fn count_len(count: usize) -> usize {
    if count < 0x80 { 2 } else { int_len(count as i64) }
}

impl Chunk {
    /// Bytes of the listpack that stands for it in RDB files.
    #[inline]
    pub fn packed_len(&self) -> usize {
        FRAME + count_len(self.living as usize) + count_len(self.deleted as usize) + self.packed as usize
    }

    /// The listpack that stands for it in RDB files.
    pub fn to_listpack(&self, master_id: StreamId) -> Vec<u8> {
        let mut listpack = Listpack::with_capacity(self.packed_len());
        let mut names = self.names();
        listpack.push_back(i64::from(self.living));
        listpack.push_back(i64::from(self.deleted));
        listpack.push_back(i64::from(self.fields));
        copy(&mut listpack, &mut names, self.fields as usize);
        listpack.push_back(0);
        let first = Place { at: (self.bytes.len() - names.left()) as u32, before: master_id };
        let mut walk = Walk::new(self, master_id, first);
        while let Some(entry) = walk.advance() {
            let id = entry.id();
            listpack.push_back(i64::from(entry.flags()));
            listpack.push_back(id.ms.wrapping_sub(master_id.ms) as i64);
            listpack.push_back(id.seq.wrapping_sub(master_id.seq) as i64);
            if !entry.has_first_fields() {
                listpack.push_back(entry.pairs() as i64);
            }
            copy(&mut listpack, &mut entry.own_items(), entry.contents());
            let pieces = entry.contents() + if entry.has_first_fields() { 3 } else { 4 };
            listpack.push_back(pieces as i64);
        }
        debug_assert_eq!(listpack.byte_len(), self.packed_len());
        listpack.into_vec()
    }

    /// Makes a chunk of a listpack. Counts of living and deleted entries that disagree with the entries' flags
    /// are corrected.
    pub fn from_listpack(master_id: StreamId, bytes: Vec<u8>) -> Result<Self, ChunkError> {
        let listpack = Listpack::from_foreign(bytes).map_err(ChunkError::Listpack)?;
        let elements = Reader(listpack.iter());
        elements.clone().check().ok_or(ChunkError::Entries)?;
        elements.read(master_id).ok_or(ChunkError::Entries)
    }
}

fn copy(listpack: &mut Listpack, items: &mut Items<'_>, count: usize) {
    for bare in std::iter::from_fn(|| items.next_bare()).take(count) {
        listpack.push_back(Encoded::from_bare(bare));
    }
}

/// Steps over elements of unknown meaning.
#[derive(Clone)]
struct Reader<'a>(Iter<'a>);

impl Reader<'_> {
    /// Checks all there is.
    fn check(mut self) -> Option<()> {
        let living = self.count()?;
        let deleted = self.count()?;
        let entries = living.checked_add(deleted)?;
        let master_fields = self.count()?;
        self.skip(master_fields)?;
        if self.count()? != 0 {
            return None;
        }
        for _ in 0..entries {
            self.check_entry(master_fields)?;
        }
        self.0.next().is_none().then_some(())
    }

    fn check_entry(&mut self, master_fields: u64) -> Option<()> {
        let flags = self.flags()?;
        self.int()?;
        self.int()?;
        let pieces = if flags & SAME_FIELDS != 0 {
            self.skip(master_fields)?;
            master_fields + 3
        } else {
            let contents = self.count()?.checked_mul(2)?;
            self.skip(contents)?;
            contents + 4
        };
        (self.count()? == pieces).then_some(())
    }

    /// Makes a chunk of what has been checked.
    fn read(mut self, master_id: StreamId) -> Option<Chunk> {
        let entries = self.count()? + self.count()?;
        let fields = self.count()? as usize;
        let mut chunk = Chunk::with_fields(master_id, self.0.by_ref().take(fields).map(Encoded::from), 0);
        self.skip(1)?;
        for _ in 0..entries {
            self.read_entry(master_id, &mut chunk)?;
        }
        chunk.shrink_to_fit();
        Some(chunk)
    }

    fn read_entry(&mut self, master_id: StreamId, chunk: &mut Chunk) -> Option<()> {
        let flags = self.flags()?;
        let same_fields = flags & SAME_FIELDS != 0;
        let ms = master_id.ms.wrapping_add(self.int()? as u64);
        let seq = master_id.seq.wrapping_add(self.int()? as u64);
        let (fields, contents) = if same_fields {
            (chunk.fields as usize, chunk.fields as usize)
        } else {
            let fields = self.count()? as usize;
            (fields, 2 * fields)
        };
        let begin = chunk.begin(master_id, StreamId::new(ms, seq), same_fields, fields);
        for item in self.0.by_ref().take(contents) {
            chunk.write(item.into());
        }
        chunk.end(begin);
        self.skip(1)?;
        if flags & DELETED == 0 {
            chunk.living += 1;
        } else {
            chunk.bury(begin);
        }
        Some(())
    }

    /// Larger numbers would not stay in their byte.
    fn flags(&mut self) -> Option<u8> {
        self.count().filter(|flags| *flags < 0x80).map(|flags| flags as u8)
    }

    fn skip(&mut self, elements: u64) -> Option<()> {
        for _ in 0..elements {
            self.0.next()?;
        }
        Some(())
    }

    fn int(&mut self) -> Option<i64> {
        match self.0.next()? {
            Item::Int(number) => Some(number),
            Item::Bytes(_) => None,
        }
    }

    fn count(&mut self) -> Option<u64> {
        u64::try_from(self.int()?).ok()
    }
}
