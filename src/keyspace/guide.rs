//! Where the buckets of a table lie, told without its shard's lock: for prefetching, and for nothing else.
//!
//! ```text
//! levels   [0] -> [w]   [1] -> [w][w]   [2] -> [w][w][w][w]  ...     level d is a directory of 2^d words
//! word     address of the first bucket: 48 bits | buckets: 8 | hash bits shared by the segment: 8
//! ```
//!
//! It is a copy of the table's directory in words that are read and written as a whole. The holder of the shard's lock
//! brings it up to date; others may read what was true a moment ago, or a word of before beside one of now. So what it
//! gives may be the address of a bucket that has gone: asking the processor for that does no harm.
//!
//! A level stays when the table has outgrown it, so nobody can lose it while reading: all levels together take 16 bytes
//! per segment of the largest table there ever was, a fiftieth of a byte per key.

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use super::table::{Span, Table};

/// Directories of more levels aren't copied: no shard has half a billion segments.
const LEVELS: usize = 30;

type Level = OnceLock<Box<[AtomicU64]>>;

/// A copy of a table's directory; see the head of this file.
#[derive(Default)]
pub struct Guide {
    /// The level to read.
    depth: AtomicU8,
    /// None for a database that never had a key.
    levels: OnceLock<Box<[Level; LEVELS]>>,
}

impl Guide {
    /// Where the bucket of a hash probably lies.
    #[inline]
    pub fn bucket_address(&self, hash: u64) -> Option<*const u8> {
        let depth = self.depth.load(Ordering::Acquire);
        let level = self.levels.get()?.get(usize::from(depth))?.get()?;
        // A double shift: depth 0 has one word.
        let word = level.get((hash >> 1 >> (63 - u32::from(depth))) as usize)?.load(Ordering::Relaxed);
        Some(unpack(word).bucket_address(hash))
    }

    /// Takes over what has changed in the table since the last time.
    #[inline]
    pub fn follow(&self, table: &mut Table) {
        let changed = table.take_moved();
        if !changed.is_empty() {
            self.copy(table, changed);
        }
    }

    #[cold]
    fn copy(&self, table: &Table, mut changed: Range<usize>) {
        let depth = table.depth();
        let levels = self.levels.get_or_init(Box::default);
        let Some(level) = levels.get(usize::from(depth)) else { return };
        if depth != self.depth.load(Ordering::Relaxed) || level.get().is_none() {
            changed = 0..1 << depth;
        }
        let words = level.get_or_init(|| (0..1usize << depth).map(|_| AtomicU64::new(0)).collect());
        for (word, span) in words[changed.clone()].iter().zip(table.spans(changed)) {
            word.store(pack(span), Ordering::Relaxed);
        }
        self.depth.store(depth, Ordering::Release);
    }
}

fn pack(span: Span) -> u64 {
    (span.address as u64) << 16 | (span.buckets as u64) << 8 | u64::from(span.depth)
}

#[inline]
fn unpack(word: u64) -> Span {
    let [depth, buckets, ..] = word.to_le_bytes();
    Span { address: (word >> 16) as usize, buckets: buckets.into(), depth: depth & 63 }
}

#[cfg(test)]
mod tests {
    use super::super::entry::Entry;
    use super::super::value::{Str, Value};
    use super::*;
    use crate::base::hash::hash;

    const SHARD_BITS: u8 = 3;

    fn key(i: usize) -> (Vec<u8>, u64) {
        let key = format!("key:{i}").into_bytes();
        let hash = hash(&key) << SHARD_BITS;
        (key, hash)
    }

    #[test]
    fn it_leads_to_the_buckets_while_the_table_grows_and_shrinks() {
        const KEYS: usize = 20_000;
        let (guide, mut table) = (Guide::default(), Table::new(SHARD_BITS));
        let agree = |guide: &Guide, table: &Table, upto: usize| {
            (0..upto)
                .step_by(37)
                .map(key)
                .all(|(_, hash)| guide.bucket_address(hash) == table.bucket_address(hash))
        };
        assert_eq!(guide.bucket_address(key(0).1), None);
        for i in 0..KEYS {
            let (key, hash) = key(i);
            table.insert(hash, Entry::new(&key, Value::Str(Str::Int(1)), None, 0));
            guide.follow(&mut table);
            assert!(!i.is_multiple_of(997) || agree(&guide, &table, i));
        }
        assert!(table.depth() > 3 && table.take_moved().is_empty());
        for i in (1..KEYS).rev() {
            let (key, hash) = key(i);
            let at = table.find(hash, &key).expect("a key that is there");
            table.remove(at);
            guide.follow(&mut table);
            assert!(!i.is_multiple_of(997) || agree(&guide, &table, KEYS));
        }
    }

    #[test]
    fn it_follows_another_table() {
        let guide = Guide::default();
        for keys in [5000, 10, 3000] {
            let mut table = Table::new(SHARD_BITS);
            table.reserve(keys);
            guide.follow(&mut table);
            for i in 0..keys {
                assert_eq!(guide.bucket_address(key(i).1), table.bucket_address(key(i).1));
            }
        }
    }
}
