//! Taking over a chunk from a file or a client: everything is checked before anything relies on it.

use super::{Chunk, DELETED, SAME_FIELDS, int};
use crate::types::listpack::{Iter, Listpack, ListpackError};

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

/// Steps over elements of unknown meaning.
struct Reader<'a>(Iter<'a>);

impl Chunk {
    /// Takes over a listpack. Counts of living and deleted entries that disagree with the entries' flags
    /// are corrected.
    pub fn from_listpack(bytes: Vec<u8>) -> Result<Self, ChunkError> {
        let listpack = Listpack::from_foreign(bytes).map_err(ChunkError::Listpack)?;
        let tombstones = Reader(listpack.iter()).check().ok_or(ChunkError::Entries)?;
        let mut chunk = Self { listpack, first_living: None };
        let master = chunk.master();
        if master.deleted != tombstones {
            let living = master.count + master.deleted - tombstones;
            chunk.set_counts(living, tombstones);
        }
        Ok(chunk)
    }
}

impl Reader<'_> {
    /// Checks all there is; returns the number of tombstones.
    fn check(mut self) -> Option<u64> {
        let living = self.count()?;
        let deleted = self.count()?;
        let entries = living.checked_add(deleted)?;
        let master_fields = self.count()?;
        self.skip(master_fields)?;
        if self.count()? != 0 {
            return None;
        }
        let mut tombstones = 0;
        for _ in 0..entries {
            tombstones += u64::from(self.entry(master_fields)?);
        }
        self.0.next().is_none().then_some(tombstones)
    }

    /// Checks an entry; says whether it is deleted.
    fn entry(&mut self, master_fields: u64) -> Option<bool> {
        // Larger numbers would not stay in their byte.
        let flags = self.count().filter(|flags| *flags < 0x80)? as u8;
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
        (self.count()? == pieces).then_some(flags & DELETED != 0)
    }

    fn skip(&mut self, elements: u64) -> Option<()> {
        for _ in 0..elements {
            self.0.next()?;
        }
        Some(())
    }

    fn int(&mut self) -> Option<i64> {
        int(self.0.next()?)
    }

    fn count(&mut self) -> Option<u64> {
        u64::try_from(self.int()?).ok()
    }
}
