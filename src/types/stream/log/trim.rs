//! Trimming: removing the oldest entries (XTRIM, and XADD with MAXLEN or MINID).

use std::sync::Arc;

use super::super::chunk::Chunk;
use super::super::id::StreamId;
use super::Log;

/// What a trim leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The newest so many entries (MAXLEN).
    Newest(u64),
    /// The entries with this ID and larger ones (MINID).
    From(StreamId),
}

/// A trim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trim {
    /// What is to be left.
    pub keep: Keep,
    /// Only whole chunks are removed, so a few entries more may be left (`~`).
    pub whole_chunks: bool,
    /// Most entries to remove; 0 for no limit. It never divides a chunk either. Redis limits only `~`.
    pub limit: u64,
}

impl Log {
    /// Removes the oldest entries, chunk by chunk; returns how many.
    pub fn trim(&mut self, trim: &Trim) -> u64 {
        let before = self.length;
        while let Some((&master, chunk)) = self.chunks.first() {
            let living = chunk.living();
            let done = matches!(trim.keep, Keep::Newest(keep) if self.length <= keep);
            if done || (trim.limit > 0 && before - self.length + living > trim.limit) {
                break;
            }
            let whole = match trim.keep {
                Keep::Newest(keep) => self.length - living >= keep,
                Keep::From(id) => chunk.last_id() < id,
            };
            if !whole {
                if !trim.whole_chunks {
                    self.trim_first_chunk(master, trim.keep);
                }
                break;
            }
            self.chunks.remove(&master);
            self.length -= living;
        }
        let removed = before - self.length;
        if removed > 0 {
            self.find_first_id();
        }
        removed
    }

    /// Turns the first entries of a chunk into tombstones.
    fn trim_first_chunk(&mut self, master: StreamId, keep: Keep) {
        let Some(chunk) = self.chunks.get_mut(&master) else { return };
        let chunk: &mut Chunk = Arc::make_mut(chunk);
        let excess = match keep {
            Keep::Newest(keep) => self.length - keep,
            Keep::From(_) => u64::MAX,
        };
        self.length -= chunk.delete_first(|deleted, id| match keep {
            Keep::Newest(_) => deleted < excess,
            Keep::From(first) => id < first,
        });
    }
}
