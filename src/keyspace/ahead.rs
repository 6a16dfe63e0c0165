//! Fetching keys ahead of the commands about them.
//!
//! A key that nobody has used for a while is two trips to memory away: its bucket, then the entry that the bucket
//! points to. Between two requests of different clients lie system calls, in which both trips could be made:
//!
//! ```text
//! client 1   read, bucket?                        entry  run, write
//! client 2                read, entry? bucket?           ...        run, write
//!                               ▲
//!                               client 1's bucket has come meanwhile
//! ```
//!
//! So each thread remembers the keys whose buckets it has asked for, and asks for their entries when it comes by
//! again, at the latest before it runs commands.

use std::cell::RefCell;

use smallvec::SmallVec;

use super::Keyspace;

/// Hashes of keys whose buckets were asked for, with their databases.
type Expected = SmallVec<[(usize, u64); 64]>;

thread_local! {
    static EXPECTED: RefCell<Expected> = const { RefCell::new(SmallVec::new_const()) };
}

impl Keyspace {
    /// Says that commands about keys of a database, by their hashes, will run soon on this thread.
    pub fn expect(&self, db: usize, hashes: impl Iterator<Item = u64>) {
        EXPECTED.with_borrow_mut(|expected| {
            self.fetch_entries(expected);
            expected.extend(hashes.map(|hash| (db, hash)));
            for &(db, hash) in &*expected {
                // Only a hint: a shard that somebody else has is passed over.
                if let Some(shard) = self.try_lock(self.shard_of(hash)) {
                    shard.db(db).table.prefetch_bucket(self.local(hash));
                }
            }
        });
    }

    /// Says that the commands begin.
    pub fn fetch_expected(&self) {
        EXPECTED.with_borrow_mut(|expected| self.fetch_entries(expected));
    }

    fn fetch_entries(&self, expected: &mut Expected) {
        for (db, hash) in expected.drain(..) {
            if let Some(shard) = self.try_lock(self.shard_of(hash)) {
                shard.db(db).table.prefetch_entry(self.local(hash));
            }
        }
    }
}
