//! The keyspace: the only owner of shared data.
//!
//! ```text
//! Keyspace ── shards (2^bits, each behind its own lock, padded to cache lines)
//!                └─ 16 logical databases, each:
//!                      Table   entries by key hash            (table, entry)
//!                      Wheel   deadlines by time              (wheel, deadlines)
//!                      Watched keys that a WATCH looks at     (watch)
//!                      Waiters clients blocked on keys        (wait)
//!                and Tracked: the keys that clients remember  (track)
//!          ├─ Gate       lets one task have everything        (gate)
//!          ├─ Journal    what was changed, in order           (propagate, journal)
//!          └─ Snapshot   all entries as of one instant        (snapshot)
//! ```
//!
//! **Locks.** Only `dispatch` and the background tasks take them, by a [`Plan`]: no shard, one, several in
//! ascending order, or all of them behind the closed gate. A command sees a [`View`], on which it finds keys
//! as in a single-threaded server. Counters that others read without a lock (keys per database, hits) are
//! atomics that only the holder of the shard's lock writes.
//!
//! **Hash.** One keyed hash per key: its high bits choose the shard, the next ones segment and bucket, lower
//! ones the tag. A shard is given hashes without its own bits (`local`).

mod arrive;
mod clock;
pub mod effects;
pub mod entry;
pub mod gate;
mod guard;
mod guide;
pub mod journal;
mod progress;
pub mod propagate;
pub mod shard;
pub mod snapshot;
mod stored;
pub mod table;
pub mod value;
pub mod view;
pub mod wait;
pub mod watch;
pub mod wheel;

mod deadlines;
mod digest;
mod evict;
mod expire;
mod fields;
mod leftover;
mod lock;
mod relocate;
mod scan;
mod track;
mod whole;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Weak};

use crossbeam_utils::CachePadded;
use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;

pub use self::arrive::Arrival;
pub use self::clock::{Clock, Lfu, lru_seconds};
pub use self::digest::Digest;
pub use self::effects::{Effects, Event};
pub use self::entry::{Entry, EntryRef};
pub use self::evict::{Eviction, Measure};
pub use self::expire::{ExpiryReport, Lateness};
pub use self::gate::Gate;
pub use self::guard::RefMut;
pub use self::journal::Journal;
pub use self::leftover::Leftover;
pub use self::lock::{Held, Hold, Plan};
pub use self::propagate::{Propagation, Verbs};
pub use self::relocate::Lifted;
pub use self::shard::{Counts, Remains, Shard};
use self::snapshot::Inbox;
pub use self::snapshot::{Crowd, Frozen, Meter, Size, Snapshot};
pub use self::track::{Readers, Stale};
pub use self::value::{Ref, Stored, Str, StrRef, Type, Value, WrongType};
pub use self::view::{Access, Expiry, View};

use crate::base::prefetch::prefetch;
use crate::base::{hash, reaper};

/// The keys of all databases; see the head of this file.
pub struct Keyspace {
    shards: Box<[CachePadded<Cell>]>,
    bits: u8,
    databases: usize,
    /// The latest snapshot, which is under way unless it has been abandoned.
    snapshot: Mutex<Weak<Inbox>>,
    /// Whether writers are too fast for it.
    pub crowd: Arc<Crowd>,
    lateness: Mutex<Lateness>,
    /// Lets one task have all shards for itself.
    pub gate: Gate,
    /// What has been changed, in order.
    pub journal: Journal,
    /// What clients have left while all shards were in use.
    leftovers: Mutex<Vec<Leftover>>,
}

/// With so many keys in a database at the most its buckets and entries are taken to be in a core's caches.
const CACHED: usize = 8 << 10;

/// How often a lock is tried before the thread is put to sleep, with a pause of some ten ns after each. MSETs of ten
/// keys on two threads cost a fifth more with 64, for the kernel puts threads to sleep that could go on at once.
const SPINS: usize = 256;

/// Locks what somebody else has. Shards are held for some microseconds: to sleep and be woken costs more than that.
#[cold]
fn lock_contended(mutex: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    for _ in 0..SPINS {
        std::hint::spin_loop();
        if let Some(guard) = mutex.try_lock() {
            return guard;
        }
    }
    mutex.lock()
}

/// A shard behind its lock, with the counters that are read without it.
struct Cell {
    shard: Mutex<Shard>,
    counts: Counts,
}

impl Keyspace {
    /// A keyspace of `2^bits` shards (`bits` at most 12) with a number of databases, for a number of threads.
    pub fn new(bits: u8, databases: usize, threads: usize) -> Keyspace {
        assert!(bits <= 12, "a table's tag lies below 12 bits of shard number");
        let now = crate::base::clock::unix_ms();
        let cell = |_| {
            CachePadded::new(Cell {
                shard: Mutex::new(Shard::new(bits, databases, now)),
                counts: Counts::new(databases),
            })
        };
        Keyspace {
            shards: (0..1usize << bits).map(cell).collect(),
            bits,
            databases,
            snapshot: Mutex::default(),
            crowd: Arc::default(),
            lateness: Mutex::default(),
            gate: Gate::new(threads),
            journal: Journal::default(),
            leftovers: Mutex::default(),
        }
    }

    /// How many logical databases there are.
    pub fn databases(&self) -> usize {
        self.databases
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// The shard of a key's hash.
    #[inline]
    pub fn shard_of(&self, hash: u64) -> usize {
        // A double shift: with one shard, `bits` is 0 and a single shift by 64 would overflow.
        (hash >> 1 >> (63 - u32::from(self.bits))) as usize
    }

    #[inline]
    fn local(&self, hash: u64) -> u64 {
        hash << self.bits
    }

    #[inline]
    fn lock(&self, shard: usize) -> MutexGuard<'_, Shard> {
        let mutex = &self.shards[shard].shard;
        mutex.try_lock().unwrap_or_else(|| lock_contended(mutex))
    }

    /// The same, unless somebody else has it.
    fn try_lock(&self, shard: usize) -> Option<MutexGuard<'_, Shard>> {
        self.shards[shard].shard.try_lock()
    }

    /// Hashes a key the way the keyspace does.
    #[inline]
    pub fn hash(key: &[u8]) -> u64 {
        hash::hash(key)
    }

    /// Asks the processor for the buckets of keys that a batch is about to touch. They lead to the entries, so
    /// something should be done before these are asked for.
    pub fn prefetch_buckets(&self, db: usize, hashes: impl Iterator<Item = u64>) {
        for hash in self.far(db, hashes) {
            let guide = self.counts(self.shard_of(hash)).guide(db);
            guide.bucket_address(self.local(hash)).into_iter().for_each(prefetch);
        }
    }

    /// Asks the processor for the entries of keys whose buckets should be there by now.
    ///
    /// All are located first: a lock between two requests would have the second wait until the address of the first is
    /// translated, and that is what takes longest.
    pub fn prefetch_entries(&self, db: usize, hashes: impl Iterator<Item = u64>) {
        let mut addresses: SmallVec<[*const u8; 64]> = SmallVec::new();
        for hash in self.far(db, hashes) {
            // Only a hint: a shard that somebody else has is passed over.
            if let Some(shard) = self.try_lock(self.shard_of(hash))
                && let Some(address) = shard.db(db).table.entry_address(self.local(hash))
            {
                addresses.push(address);
            }
        }
        addresses.into_iter().for_each(Entry::prefetch);
    }

    /// The hashes of what is worth prefetching: nothing in a database of so few keys that they are near anyway, and no
    /// key that comes again at once.
    fn far(&self, db: usize, hashes: impl Iterator<Item = u64>) -> impl Iterator<Item = u64> {
        let mut hashes = hashes.peekable();
        // Shards have about the same number of keys.
        let near = hashes
            .peek()
            .is_none_or(|&first| self.counts(self.shard_of(first)).keys(db) <= CACHED >> self.bits);
        std::iter::from_fn(move || {
            loop {
                let hash = hashes.next().filter(|_| !near)?;
                if hashes.peek() != Some(&hash) {
                    return Some(hash);
                }
            }
        })
    }

    /// Number of keys in a database, summed over the shards one after the other.
    pub fn len(&self, db: usize) -> usize {
        self.shards.iter().map(|cell| cell.counts.keys(db)).sum()
    }

    /// Whether a database has no key.
    pub fn is_empty(&self, db: usize) -> bool {
        self.len(db) == 0
    }

    /// Number of keys with a deadline in a database.
    pub fn volatile(&self, db: usize) -> usize {
        self.shards.iter().map(|cell| cell.counts.volatile(db)).sum()
    }

    /// Number of hashes with field deadlines in a database.
    pub fn timed(&self, db: usize) -> usize {
        self.shards.iter().map(|cell| cell.counts.timed(db)).sum()
    }

    /// The sizes of all databases: of one instant if nobody changes anything meanwhile.
    pub fn sizes(&self) -> Box<[Size]> {
        let size = |db| Size { keys: self.len(db), volatile: self.volatile(db), timed: self.timed(db) };
        (0..self.databases).map(size).collect()
    }

    /// The mean of the deadlines in a database, in Unix ms; none if no key has one.
    pub fn mean_deadline(&self, db: usize) -> Option<u64> {
        let sum: u128 = self.shards.iter().map(|cell| u128::from(cell.counts.deadline_sum(db))).sum();
        let mean = sum.checked_div(self.volatile(db) as u128)?;
        u64::try_from(mean).ok()
    }

    /// Sums a counter over the shards.
    pub fn total(&self, counter: impl Fn(&Counts) -> u64) -> u64 {
        self.shards.iter().map(|cell| counter(&cell.counts)).sum()
    }

    /// Number of keys in each shard, of all databases together.
    pub fn shard_sizes(&self) -> Vec<usize> {
        let keys = |cell: &CachePadded<Cell>| (0..self.databases).map(|db| cell.counts.keys(db)).sum();
        self.shards.iter().map(keys).collect()
    }

    /// Sets the counters of hits, misses and expired keys to zero.
    pub fn reset_counters(&self) {
        for (index, cell) in self.shards.iter().enumerate() {
            let _locked = self.lock(index);
            cell.counts.reset();
        }
        *self.lateness.lock() = Lateness::default();
    }

    /// Sends values to the background thread that frees them, or frees them here when that is quick.
    pub fn discard(values: impl IntoIterator<Item = Value>) {
        for value in values {
            if value.is_large() {
                reaper::bury(1, value.memory_bytes(), value);
            }
        }
    }
}
