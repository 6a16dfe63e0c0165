//! Streams: entries in order of their IDs, and the consumer groups that work them off.
//!
//! ```text
//!   Stream
//!     log      Log     chunks of entries, and counters           log/, chunk/
//!     groups   Group   last ID, pending entries, consumers       group/
//! ```
//!
//! All of it consists of persistent trees ([`tree`]): a clone is O(1) and stays as it was, while a writer
//! copies the nodes, and the one chunk, that it touches. Whoever saves, copies or frees a stream takes a
//! clone and needs no lock.
//!
//! The log knows nothing of groups, and groups refer to entries by ID only: an entry may go while it is
//! pending. Group operations that need entries are given the log, see [`Stream::group_mut`].

mod chunk;
mod group;
pub mod id;
mod log;
mod tree;

pub use chunk::ChunkError;
pub use group::{
    AutoClaim, AutoClaimed, Claim, Claimed, ClaimedEntry, Consumer, Group, GroupError, GroupLoader, History,
    HistoryRow, Name, NewEntries, PendingEntries, PendingEntry,
};
pub use id::{NewId, StreamId};
pub use log::{AppendError, Counters, Entry, Fields, Keep, Log, Range, RangeBack, SetIdError, Trim};

use tree::Tree;

/// What weighs more is freed by the background thread.
const LARGE: usize = 64;

/// How large chunks get (`stream-node-max-bytes`, `stream-node-max-entries`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// Most bytes of a chunk; 0 for no limit.
    pub max_bytes: usize,
    /// Most entries of a chunk, tombstones included; 0 for no limit.
    pub max_entries: u64,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self { max_bytes: 4096, max_entries: 100 }
    }
}

impl StreamLimits {
    /// Most entries that an approximate trim without LIMIT removes: a hundred chunks' worth.
    pub fn default_trim_limit(&self) -> u64 {
        match self.max_entries.saturating_mul(100) {
            0 => 10_000,
            limit => limit.min(1_000_000),
        }
    }
}

/// A stream; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    log: Log,
    groups: Tree<Name, Group>,
}

impl Stream {
    /// The entries.
    #[inline]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The entries, to be changed.
    #[inline]
    pub fn log_mut(&mut self) -> &mut Log {
        &mut self.log
    }

    /// Number of consumer groups.
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// The consumer groups, ordered by name.
    pub fn groups(&self) -> impl Iterator<Item = (&[u8], &Group)> {
        self.groups.iter().map(|(name, group)| (&**name, group))
    }

    /// The group of that name.
    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.groups.get(name)
    }

    /// The group of that name, to be changed, and the entries it works on.
    pub fn group_mut(&mut self, name: &[u8]) -> Option<(&Log, &mut Group)> {
        if !self.groups.contains(name) {
            return None;
        }
        Some((&self.log, self.groups.get_mut(name)?))
    }

    /// Adds a group, unless there is one of that name already; says whether it did.
    pub fn add_group(&mut self, name: &[u8], group: Group) -> bool {
        if self.groups.contains(name) {
            return false;
        }
        self.groups.insert(Name::from(name), group);
        true
    }

    /// Removes a group; returns it, since it may be large to free.
    pub fn remove_group(&mut self, name: &[u8]) -> Option<Group> {
        self.groups.remove(name)
    }

    /// Whether `then`, a clone made earlier, shows that nothing has changed since.
    pub fn is_unchanged_since(&self, then: &Stream) -> bool {
        self.log.is_unchanged_since(&then.log) && self.groups.is_same(&then.groups)
    }

    /// About how many bytes the stream takes.
    pub fn memory_bytes(&self) -> usize {
        let groups: usize = self.groups.iter().map(|(name, group)| name.len() + group.memory_bytes()).sum();
        size_of::<Self>() + self.log.memory_bytes() + self.groups.memory_bytes() + groups
    }

    /// About how many allocations there are to free.
    pub fn weight(&self) -> usize {
        let groups: usize = self.groups.iter().map(|(_, group)| group.weight()).sum();
        self.log.weight() + self.groups.nodes() + groups
    }

    /// Whether freeing takes long enough to be left to a background thread.
    pub fn is_large(&self) -> bool {
        self.weight() > LARGE
    }
}

#[cfg(test)]
mod tests;
