//! Snapshots: every entry as it was at one instant, given out while writers go on. No fork, no copy of the data.
//!
//! ```text
//!                       hash order of one shard's part of a database
//!             |========= walked =========|============ not yet ============|
//!                                     frontier
//! writer      changes what it likes       hands over the old state first, unless the hash is settled
//! walker                                  skips what is settled
//! ```
//!
//! **The cut.** Whoever holds everything marks a [`Cut`] in each part that has keys. What it does before it lets go
//! (noting the journal's position, say) belongs to the same instant.
//!
//! **The walk.** The walker locks a shard for a few buckets, takes references to what is large and copies of what
//! is small, moves the frontier, unlocks, and gives the entries to its caller. Databases are walked one after
//! the other, so that a file has each of them in one piece but for what writers hand over.
//!
//! **Writers.** Whatever is about to change, replace or delete an entry, or to add one, first calls
//! [`Database::preserve`] with its hash. Beyond the frontier, the first such call for a hash freezes all entries that
//! have it and *settles* the hash: entries that existed at the cut are with the walker, and whatever has that hash from
//! now on is newer than the cut. So the settled hashes, of keys handed over and keys created alike, are the only
//! state; they die with the part's walk. Without a snapshot a call is one branch.
//!
//! **Whole databases.** The cut belongs to the table and not to the number: SWAPDB moves it along, and a flush
//! hands the table over as it is.
//!
//! **What is not of the instant:** access clocks, which reads move; they are those of the time of the visit.
//!
//! **Memory.** Eight bytes and a fraction for a key that was changed before the walker came to it; its old state until
//! the walker has taken it, which it does before each of its steps. Writers who are faster than the walker wait for it
//! before it has become much, see [`inbox`]. Who visits a large value lets go of it part by part, beginning with what
//! writers have changed since.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use self::inbox::Handed;
pub(super) use self::inbox::Inbox;
pub use self::inbox::{Crowd, Meter};
use super::entry::EntryRef;
use super::shard::{Database, Shard};
use super::table::{Position, Table};
use super::value::Value;
use super::view::View;
use super::{Held, Keyspace};
use crate::base::manners::Manners;

/// How many buckets one locked step visits at the most: about fifty entries.
const BUCKETS_PER_STEP: usize = 8;
/// How many bytes one locked step copies, about.
const BYTES_PER_STEP: usize = 64 << 10;

/// An entry as it was at the cut.
pub struct Frozen {
    /// The number that its database had.
    pub db: usize,
    /// The key.
    pub key: Box<[u8]>,
    /// The value; what is large is shared with the keyspace.
    pub value: Value,
    /// When it expires, in Unix ms. It may have passed: an expired key counts until it is deleted.
    pub deadline: Option<i64>,
    /// The access clock, 24 bits: LRU seconds, or LFU minutes and counter.
    pub clock: u32,
}

/// How many keys a database had at the cut.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Size {
    /// All of them.
    pub keys: usize,
    /// Those with a deadline.
    pub volatile: usize,
    /// Hashes with fields that have one.
    pub timed: usize,
}

/// A snapshot that waits to be walked. There is one at a time; dropping it makes room for the next.
pub struct Snapshot {
    inbox: Arc<Inbox>,
    sizes: Box<[Size]>,
}

/// A snapshot under way in one shard's part of a database.
pub(super) struct Cut {
    /// The number that the database had.
    db: usize,
    /// Hashes below are done with.
    frontier: u64,
    /// Hashes from the frontier on whose entries are with the walker or newer than the cut.
    settled: HashSet<u64, BuildHasherDefault<Rotated>>,
    inbox: Arc<Inbox>,
}

/// Hashes of keys are good enough for a set, but lack low bits.
#[derive(Default)]
struct Rotated(u64);

impl Hasher for Rotated {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only hashes are hashed");
    }

    fn write_u64(&mut self, local: u64) {
        self.0 = local.rotate_left(32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Keyspace {
    /// Marks the instant of a snapshot; none if one is under way. The caller holds everything.
    ///
    /// # Panics
    /// If it doesn't.
    pub fn cut(&self, held: &mut Held<'_>) -> Option<Snapshot> {
        assert!(held.is_everything(), "a cut concerns all shards");
        let mut latest = self.snapshot.lock();
        if latest.upgrade().is_some_and(|inbox| !inbox.is_abandoned()) {
            return None;
        }
        let inbox = Arc::new(Inbox::new(&self.crowd));
        *latest = Arc::downgrade(&inbox);
        let mut sizes = vec![Size::default(); self.databases()].into_boxed_slice();
        for index in 0..self.shards() {
            let shard = held.shard(index);
            for (db, size) in sizes.iter_mut().enumerate() {
                let database = shard.db_mut(db);
                size.keys += database.table.len();
                size.volatile += database.volatile;
                size.timed += database.timed;
                // An empty part has nothing to hand over, and its new keys are newer than the cut.
                database.cut = (!database.table.is_empty()).then(|| Box::new(Cut::new(db, &inbox)));
            }
        }
        Some(Snapshot { inbox, sizes })
    }
}

impl View<'_> {
    /// Marks the instant of a snapshot; none if one is under way. The view holds everything.
    ///
    /// # Panics
    /// If it doesn't.
    pub fn cut(&mut self) -> Option<Snapshot> {
        let keyspace = self.keyspace();
        keyspace.cut(self.held_mut())
    }
}

impl Keyspace {
    /// Every entry, for who holds everything and goes on holding it.
    ///
    /// # Errors
    /// What `visit` says.
    pub fn each<E>(
        &self,
        held: &mut Held<'_>,
        mut visit: impl FnMut(Frozen) -> Result<(), E>,
    ) -> Result<(), E> {
        for db in 0..self.databases() {
            for index in 0..self.shards() {
                let table = &held.shard(index).db(db).table;
                table.iter().try_for_each(|entry| visit(Frozen::new(db, entry)))?;
            }
        }
        Ok(())
    }
}

impl Snapshot {
    /// How many keys each database had.
    pub fn sizes(&self) -> &[Size] {
        &self.sizes
    }

    /// Tells what the snapshot costs, also while it is being walked.
    pub fn meter(&self) -> Meter {
        Meter::of(&self.inbox)
    }

    /// Gives every entry that `keyspace`, which the cut was made in, had at the cut to `visit`; until that fails.
    ///
    /// It takes the locks of shards for short times, one at a time, and none while it visits. Whoever calls it holds
    /// none.
    ///
    /// # Errors
    /// What `visit` says.
    pub fn walk<E>(
        self,
        keyspace: &Keyspace,
        mut visit: impl FnMut(Frozen) -> Result<(), E>,
    ) -> Result<(), E> {
        let done = self.walk_all(keyspace, &mut visit);
        if done.is_err() {
            self.withdraw(keyspace);
        }
        done
    }

    fn walk_all<E>(
        &self,
        keyspace: &Keyspace,
        visit: &mut impl FnMut(Frozen) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut batch, mut manners) = (Vec::new(), Manners::default());
        for db in (0..self.sizes.len()).filter(|&db| self.sizes[db].keys > 0) {
            for index in 0..keyspace.shards() {
                let mut more = true;
                while more {
                    // First what memory is spent on.
                    self.take_in(visit)?;
                    more = self.step(&mut keyspace.lock(index), db, &mut batch);
                    batch.drain(..).try_for_each(&mut *visit)?;
                    if !self.inbox.presses() {
                        manners.mind();
                    }
                }
            }
        }
        self.take_in(visit)
    }

    /// Visits a few buckets; true if the part has more.
    fn step(&self, shard: &mut Shard, db: usize, batch: &mut Vec<Frozen>) -> bool {
        // Elsewhere than at its number after SWAPDB; nowhere if it was flushed or had no keys.
        let Some(database) = self.part(shard, db) else { return false };
        let Database { table, cut, .. } = database;
        let more = cut.as_mut().is_some_and(|cut| cut.advance(table, batch));
        if !more {
            *cut = None;
        }
        more
    }

    fn part<'s>(&self, shard: &'s mut Shard, db: usize) -> Option<&'s mut Database> {
        shard.databases_mut().iter_mut().find(|database| {
            database.cut.as_ref().is_some_and(|cut| cut.db == db && Arc::ptr_eq(&cut.inbox, &self.inbox))
        })
    }

    /// Visits what writers have handed over.
    fn take_in<E>(&self, visit: &mut impl FnMut(Frozen) -> Result<(), E>) -> Result<(), E> {
        for handed in self.inbox.take() {
            match handed {
                Handed::Entry(frozen, bytes) => {
                    visit(frozen)?;
                    self.inbox.visited(bytes);
                }
                Handed::Part(table, mut cut) => {
                    let mut batch = Vec::new();
                    let mut more = true;
                    while more {
                        more = cut.advance(&table, &mut batch);
                        batch.drain(..).try_for_each(&mut *visit)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes the marks back from all parts that still have one.
    fn withdraw(&self, keyspace: &Keyspace) {
        self.inbox.abandon();
        for index in 0..keyspace.shards() {
            for db in 0..self.sizes.len() {
                if let Some(database) = self.part(&mut keyspace.lock(index), db) {
                    database.cut = None;
                }
            }
        }
    }
}

impl Drop for Snapshot {
    /// A snapshot that was never walked leaves marks; writers who meet them remove them.
    fn drop(&mut self) {
        self.inbox.abandon();
    }
}

impl Cut {
    fn new(db: usize, inbox: &Arc<Inbox>) -> Cut {
        Cut { db, frontier: 0, settled: HashSet::default(), inbox: Arc::clone(inbox) }
    }

    /// Moves the frontier over some buckets and freezes what was beyond it; true if there is more.
    fn advance(&mut self, table: &Table, batch: &mut Vec<Frozen>) -> bool {
        let (db, settled) = (self.db, &self.settled);
        let mut bytes = 0;
        for _ in 0..BUCKETS_PER_STEP {
            let next = table.scan(self.frontier, &mut |local, entry| {
                if !settled.contains(&local) {
                    let frozen = Frozen::new(db, entry);
                    // What is shared is best held one at a time: writers copy it as long as it is.
                    bytes += if frozen.value.is_large() { BYTES_PER_STEP } else { entry.bytes_to_copy() };
                    batch.push(frozen);
                }
            });
            let Some(next) = next else { return false };
            self.frontier = next;
            if bytes >= BYTES_PER_STEP {
                break;
            }
        }
        true
    }

    /// Settles a hash: hands over the entries that have it, once.
    fn settle(&mut self, table: &Table, local: u64) {
        if local < self.frontier || !self.settled.insert(local) {
            return;
        }
        table.for_each_of(local, |entry| {
            let bytes = size_of::<Frozen>() + entry.key().len() + entry.bytes_to_copy();
            self.inbox.put_entry(Frozen::new(self.db, entry), bytes);
        });
    }

    fn is_abandoned(&self) -> bool {
        self.inbox.is_abandoned()
    }
}

impl Database {
    /// To be called before anything changes about the entries of a hash, or one is added: a snapshot under way gets
    /// them as they are.
    #[inline]
    pub(super) fn preserve(&mut self, local: u64) {
        if self.cut.is_some() {
            self.settle(local);
        }
    }

    #[cold]
    fn settle(&mut self, local: u64) {
        match &mut self.cut {
            Some(cut) if !cut.is_abandoned() => cut.settle(&self.table, local),
            _ => self.cut = None,
        }
    }

    /// The same for the entry at a position.
    #[inline]
    pub(super) fn preserve_at(&mut self, at: Position) {
        if self.cut.is_some() {
            self.preserve(self.table.hash_at(at));
        }
    }

    /// Gives the table to a snapshot under way if there is one, else back.
    pub(super) fn bequeath(&mut self, table: Table) -> Option<Table> {
        match self.cut.take() {
            Some(cut) if !cut.is_abandoned() => {
                let inbox = Arc::clone(&cut.inbox);
                inbox.put_part(table, cut);
                None
            }
            _ => Some(table),
        }
    }
}

impl Frozen {
    fn new(db: usize, entry: EntryRef<'_>) -> Frozen {
        Frozen {
            db,
            key: entry.key().into(),
            value: entry.share_value(),
            deadline: entry.deadline(),
            clock: entry.clock(),
        }
    }
}

mod inbox;
#[cfg(test)]
mod tests;
