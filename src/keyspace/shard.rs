//! One shard: its part of every logical database, and the counters read without its lock.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::deadlines::Deadlines;
use super::entry::Entry;
use super::evict::Pool;
use super::guide::Guide;
use super::snapshot::Cut;
use super::table::{Open, Position, Table};
use super::track::Tracked;
use super::value::{Stored, Value};
use super::wait::Waiters;
use super::watch::Watched;

/// The latest deadline that counts in full for the mean: the year 2109.
const DEADLINE_MAX: i64 = 1 << 42;

/// What one lock protects: a slice of each database.
pub struct Shard {
    databases: Box<[Database]>,
    /// How many commands have let go of this shard only to take it again at once: meanwhile no other command may
    /// have it; see [`Keyspace::widen`](super::Keyspace::widen).
    pub(super) reserved: u32,
    /// Candidates for eviction.
    pub(super) pool: Pool,
    /// Keys that clients remember, of all databases.
    pub(super) tracked: Tracked,
}

/// A shard's part of one logical database.
pub struct Database {
    pub(super) table: Table,
    pub(super) deadlines: Deadlines,
    /// Keys of this part that have a deadline.
    pub(super) volatile: usize,
    /// Those deadlines added up, for their mean.
    deadline_sum: u64,
    /// Hashes of this part with fields that have a deadline.
    pub(super) timed: usize,
    pub(super) watched: Watched,
    pub(super) waiters: Waiters,
    /// A snapshot that has not been through with the table yet.
    pub(super) cut: Option<Box<Cut>>,
}

impl Shard {
    pub(super) fn new(bits: u8, databases: usize, now: i64) -> Shard {
        Shard {
            databases: (0..databases).map(|_| Database::new(bits, now)).collect(),
            reserved: 0,
            pool: Pool::default(),
            tracked: Tracked::default(),
        }
    }

    #[inline]
    pub(super) fn db(&self, db: usize) -> &Database {
        &self.databases[db]
    }

    #[inline]
    pub(super) fn db_mut(&mut self, db: usize) -> &mut Database {
        &mut self.databases[db]
    }

    /// A database, and who remembers keys.
    #[inline]
    pub(super) fn parts(&mut self, db: usize) -> (&mut Database, &mut Tracked) {
        (&mut self.databases[db], &mut self.tracked)
    }

    pub(super) fn databases_mut(&mut self) -> &mut [Database] {
        &mut self.databases
    }

    /// Exchanges the keys of two databases; what clients watch and wait for stays with the number.
    pub(super) fn swap(&mut self, a: usize, b: usize) {
        let [a, b] = self.databases.get_disjoint_mut([a, b]).expect("two different databases");
        std::mem::swap(&mut a.table, &mut b.table);
        a.table.move_all();
        b.table.move_all();
        std::mem::swap(&mut a.deadlines, &mut b.deadlines);
        std::mem::swap(&mut a.volatile, &mut b.volatile);
        std::mem::swap(&mut a.deadline_sum, &mut b.deadline_sum);
        std::mem::swap(&mut a.timed, &mut b.timed);
        std::mem::swap(&mut a.cut, &mut b.cut);
    }
}

impl Database {
    fn new(bits: u8, now: i64) -> Database {
        Database {
            table: Table::new(bits),
            deadlines: Deadlines::new(now),
            volatile: 0,
            deadline_sum: 0,
            timed: 0,
            watched: Watched::default(),
            waiters: Waiters::default(),
            cut: None,
        }
    }

    /// Adds an entry whose key is absent.
    pub(super) fn insert(&mut self, local: u64, entry: Entry) -> Position {
        self.preserve(local);
        let view = entry.as_ref();
        self.count_deadline(None, view.deadline());
        self.timed += usize::from(view.field_deadline().is_some());
        if let Some(due) = view.due() {
            self.deadlines.insert(due, local);
        }
        self.table.insert(local, entry)
    }

    /// Takes an entry out. The item of its deadline stays and finds nothing when it fires.
    pub(super) fn remove(&mut self, at: Position) -> Entry {
        self.preserve_at(at);
        let entry = self.table.remove(at);
        self.count_deadline(entry.as_ref().deadline(), None);
        self.timed -= usize::from(entry.as_ref().field_deadline().is_some());
        entry
    }

    /// Opens an entry for changing its value, but neither its deadline nor that of a field.
    #[inline]
    pub(super) fn open(&mut self, at: Position, local: u64) -> Open<'_> {
        self.preserve(local);
        self.table.open(at)
    }

    /// The large collection of an entry for the same, if it has one of type `T`.
    #[inline]
    pub(super) fn large_mut<T: Stored>(&mut self, at: Position, local: u64) -> Option<&mut T> {
        self.preserve(local);
        self.table.large_mut(at)
    }

    /// Replaces the value of an entry and returns the old one.
    pub(super) fn replace(&mut self, at: Position, local: u64, value: Value) -> Value {
        let before = self.table.entry(at).field_deadline();
        let old = self.open(at, local).replace(value);
        let after = self.table.entry(at).field_deadline();
        self.field_deadline_moved(local, before, after);
        old
    }

    /// Takes note that the first deadline among the fields of a hash is another one than before.
    #[inline]
    pub(super) fn field_deadline_moved(&mut self, local: u64, before: Option<i64>, after: Option<i64>) {
        self.timed -= usize::from(before.is_some());
        self.timed += usize::from(after.is_some());
        if let Some(after) = after.filter(|&after| before.is_none_or(|before| before > after)) {
            self.deadlines.insert(after, local);
        }
    }

    /// Sets or clears the deadline of an entry. A new item is needed only when none fires in time: when there
    /// was no deadline, or a later one.
    pub(super) fn set_deadline(&mut self, at: Position, local: u64, deadline: Option<i64>) {
        let old = self.table.entry(at).deadline();
        self.count_deadline(old, deadline);
        self.open(at, local).set_deadline(deadline);
        if let Some(new) = deadline
            && old.is_none_or(|old| old > new)
        {
            self.deadlines.insert(new, local);
        }
    }

    /// Counts that a key has another deadline than before.
    #[inline]
    fn count_deadline(&mut self, before: Option<i64>, after: Option<i64>) {
        // What lies beyond is so far away that it would only spoil the mean, or overflow the sum.
        let weight =
            |deadline: Option<i64>| deadline.map_or(0, |deadline| deadline.clamp(0, DEADLINE_MAX) as u64);
        self.volatile = self.volatile + usize::from(after.is_some()) - usize::from(before.is_some());
        self.deadline_sum = self.deadline_sum.wrapping_add(weight(after)).wrapping_sub(weight(before));
    }

    /// Empties this part and returns what was in it, to be freed outside the lock.
    pub(super) fn clear(&mut self, shard_bits: u8, now: i64) -> Remains {
        self.volatile = 0;
        self.deadline_sum = 0;
        self.timed = 0;
        let table = std::mem::replace(&mut self.table, Table::new(shard_bits));
        Remains {
            keys: table.len(),
            table: self.bequeath(table),
            _deadlines: std::mem::replace(&mut self.deadlines, Deadlines::new(now)),
        }
    }
}

/// What a shard's part of a database held before it was emptied. Dropping it takes as long as there were keys.
pub struct Remains {
    keys: usize,
    /// None if a snapshot has it: then it is freed when that is through with it.
    table: Option<Table>,
    _deadlines: Deadlines,
}

impl Remains {
    /// How many keys there were.
    pub fn len(&self) -> usize {
        self.keys
    }

    /// Whether there was no key.
    pub fn is_empty(&self) -> bool {
        self.keys == 0
    }

    /// The values, to be freed one by one.
    pub fn into_values(mut self) -> Vec<Value> {
        self.table.iter_mut().flat_map(Table::drain).map(Entry::into_value).collect()
    }
}

/// Counters of one shard. Only the holder of the shard's lock writes them, with plain loads and stores;
/// anyone may read them. Relaxed is enough: each is a figure of its own.
pub struct Counts {
    databases: Box<[DatabaseCounts]>,
    hits: AtomicU64,
    misses: AtomicU64,
    expired: AtomicU64,
    expired_fields: AtomicU64,
    evicted: AtomicU64,
    tracked_keys: AtomicUsize,
    tracked_items: AtomicUsize,
    /// Whether somebody listens to all changes; the one figure here that anybody may set.
    broadcasting: AtomicBool,
}

/// What is known without the lock of a shard's part of one logical database: a cache line.
#[derive(Default)]
#[repr(align(64))]
struct DatabaseCounts {
    keys: AtomicUsize,
    volatile: AtomicUsize,
    deadline_sum: AtomicU64,
    timed: AtomicUsize,
    guide: Guide,
}

const _: () = assert!(size_of::<DatabaseCounts>() == 64);

fn bump(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Ordering::Relaxed) + by, Ordering::Relaxed);
}

impl Counts {
    pub(super) fn new(databases: usize) -> Counts {
        Counts {
            databases: (0..databases).map(|_| DatabaseCounts::default()).collect(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            expired: AtomicU64::new(0),
            expired_fields: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
            tracked_keys: AtomicUsize::new(0),
            tracked_items: AtomicUsize::new(0),
            broadcasting: AtomicBool::new(false),
        }
    }

    /// Keys of this shard in a database.
    pub fn keys(&self, db: usize) -> usize {
        self.databases[db].keys.load(Ordering::Relaxed)
    }

    /// Keys with a deadline of this shard in a database.
    pub fn volatile(&self, db: usize) -> usize {
        self.databases[db].volatile.load(Ordering::Relaxed)
    }

    /// The deadlines of those keys added up, in Unix ms.
    pub fn deadline_sum(&self, db: usize) -> u64 {
        self.databases[db].deadline_sum.load(Ordering::Relaxed)
    }

    /// Hashes with field deadlines of this shard in a database.
    pub fn timed(&self, db: usize) -> usize {
        self.databases[db].timed.load(Ordering::Relaxed)
    }

    /// Look-ups for reading that found a key.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Look-ups for reading that found none.
    pub fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }

    /// Keys deleted because their deadline had passed.
    pub fn expired(&self) -> u64 {
        self.expired.load(Ordering::Relaxed)
    }

    /// Fields of hashes deleted because their deadline had passed.
    pub fn expired_fields(&self) -> u64 {
        self.expired_fields.load(Ordering::Relaxed)
    }

    /// Keys deleted to make room.
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// Keys that clients remember, and how many remember each, added up.
    pub fn tracked(&self) -> (usize, usize) {
        (self.tracked_keys.load(Ordering::Relaxed), self.tracked_items.load(Ordering::Relaxed))
    }

    #[inline]
    pub(super) fn is_broadcasting(&self) -> bool {
        self.broadcasting.load(Ordering::Relaxed)
    }

    pub(super) fn broadcast(&self, on: bool) {
        self.broadcasting.store(on, Ordering::Relaxed);
    }

    pub(super) fn publish_tracked(&self, keys: usize, items: usize) {
        self.tracked_keys.store(keys, Ordering::Relaxed);
        self.tracked_items.store(items, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn looked_up(&self, found: bool) {
        bump(if found { &self.hits } else { &self.misses }, 1);
    }

    pub(super) fn count_expired(&self) {
        bump(&self.expired, 1);
    }

    pub(super) fn count_expired_fields(&self, fields: u64) {
        bump(&self.expired_fields, fields);
    }

    pub(super) fn count_evicted(&self) {
        bump(&self.evicted, 1);
    }

    /// Where the buckets of a database lie.
    #[inline]
    pub(super) fn guide(&self, db: usize) -> &Guide {
        &self.databases[db].guide
    }

    /// Tells what has become of a database.
    pub(super) fn publish(&self, db: usize, database: &mut Database) {
        let counts = &self.databases[db];
        counts.keys.store(database.table.len(), Ordering::Relaxed);
        counts.volatile.store(database.volatile, Ordering::Relaxed);
        counts.deadline_sum.store(database.deadline_sum, Ordering::Relaxed);
        counts.timed.store(database.timed, Ordering::Relaxed);
        counts.guide.follow(&mut database.table);
    }

    pub(super) fn reset(&self) {
        for counter in [&self.hits, &self.misses, &self.expired, &self.expired_fields, &self.evicted] {
            counter.store(0, Ordering::Relaxed);
        }
    }
}
