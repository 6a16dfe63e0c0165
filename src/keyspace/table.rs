//! The hash table of one shard and database: extendible hashing over cache-line buckets.
//!
//! ```text
//! hash      | shard bits | directory bits | position in the segment ...      | tag: low 16 bits |
//!
//! directory   [0][0][1][2]          2^depth indices; several may name one segment
//! segment     buckets of 64 bytes: 8 slots of (tag 16 bits, entry address 48 bits)
//! ```
//!
//! **Growth.** A segment begins with one bucket and grows by about a quarter at a time, so its slots are
//! between 68% and 85% full; at 128 buckets, about nine hundred entries, it splits in two by the next hash
//! bit. Only one segment is ever moved, never the table: no pause grows with the number of keys.
//!
//! **Order.** Directory index and bucket are monotone in the hash, whatever the sizes of segments. So "a
//! position in hash order" stays meaningful while segments grow and split: that is SCAN's cursor, and the
//! order in which a snapshot walks.
//!
//! **Overflow.** An entry that finds its home bucket full lies in one of the next buckets (round the end of
//! the segment). A bit per bucket tells that something once overflowed from it; the bits are set afresh
//! whenever the segment is rebuilt. A search ends at the first bucket whose bit is clear.
//!
//! **Ownership.** Each non-empty slot owns its entry. Addresses are multiples of 8 below 2^48.
//!
//! Source of the scheme: Fagin, Nievergelt, Pippenger, Strong, "Extendible hashing" (1979); tags in front of
//! entries as in F14 and Swiss tables.
#![allow(unsafe_code)]

mod segment;

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut, Range};

pub use self::segment::Span;
use self::segment::{SLOTS, Segment, roomy, tag_of};
use super::entry::{Entry, EntryRef};
use super::value::Stored;
use crate::base::hash;

/// An entry's share of a table, in bytes: slots of 8 bytes, about three quarters full.
pub const BYTES_PER_ENTRY: usize = 11;
/// Entries that a segment made beforehand is meant for: chance may bring some more.
const RESERVED: usize = 640;
const ADDRESS_MASK: u64 = (1 << 48) - 1;

/// Where an entry lies; good until the table is changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    segment: u32,
    bucket: u16,
    slot: u16,
}

/// A table of entries; see the head of this file. Hashes given to it are without the shard's bits:
/// shifted left by their number.
pub struct Table {
    directory: Vec<u32>,
    segments: Vec<Segment>,
    depth: u8,
    shard_bits: u8,
    len: usize,
    /// Cells of the directory whose segments' buckets lie elsewhere than when this was last asked for.
    moved: Range<usize>,
    /// What was found last. A key that was looked up is often the next one, too: within a command, in a pipeline, in a
    /// script.
    last: Cell<Last>,
}

/// A hash and where the entry of a key with this hash was: something else may be there by now.
#[derive(Clone, Copy)]
struct Last {
    hash: u64,
    at: Position,
}

impl Last {
    const NOTHING: Last = Last { hash: 0, at: Position { segment: u32::MAX, bucket: 0, slot: 0 } };
}

#[inline]
fn pack(tag: u64, entry: Entry) -> u64 {
    let address = entry.into_address() as u64;
    debug_assert!(address & !ADDRESS_MASK == 0);
    tag << 48 | address
}

#[inline]
fn address(slot: u64) -> usize {
    (slot & ADDRESS_MASK) as usize
}

/// Borrows the entry of a slot; the caller's borrow of the table keeps it alive.
#[inline]
fn peek<'a>(slot: u64) -> EntryRef<'a> {
    debug_assert!(slot != 0);
    // SAFETY: a non-empty slot holds an address from `Entry::into_address`. This is private to the file, whose
    // functions hand the result out only with the lifetime of a borrow of the table.
    unsafe { EntryRef::from_address(address(slot)) }
}

/// Whether two keys are equal. Most are this short, and calling for the comparison takes longer than to make it.
#[inline]
fn are_equal(a: &[u8], b: &[u8]) -> bool {
    match a.len() {
        len if len != b.len() => false,
        4..=7 => a.first_chunk::<4>() == b.first_chunk() && a.last_chunk::<4>() == b.last_chunk(),
        8..=16 => a.first_chunk::<8>() == b.first_chunk() && a.last_chunk::<8>() == b.last_chunk(),
        17..=32 => a.first_chunk::<16>() == b.first_chunk() && a.last_chunk::<16>() == b.last_chunk(),
        _ => a == b,
    }
}

impl Table {
    /// An empty table: it allocates nothing.
    ///
    /// `shard_bits` is how many high bits of a key's hash chose the shard, at most 12.
    pub const fn new(shard_bits: u8) -> Table {
        Table {
            directory: Vec::new(),
            segments: Vec::new(),
            depth: 0,
            shard_bits,
            len: 0,
            moved: 0..0,
            last: Cell::new(Last::NOTHING),
        }
    }

    /// Makes room for about `len` entries in a table that has none, so that filling it moves nothing.
    pub fn reserve(&mut self, len: usize) {
        if !self.segments.is_empty() || len == 0 {
            return;
        }
        let count = len.div_ceil(RESERVED).next_power_of_two();
        let depth = count.trailing_zeros() as u8;
        let size = roomy(len.div_ceil(count));
        self.segments = (0..count).map(|_| Segment::new(size, depth)).collect();
        self.directory = (0..count as u32).collect();
        self.depth = depth;
        self.move_all();
    }

    /// Number of entries.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    fn directory_index(&self, hash: u64) -> usize {
        // A shift by 64 would overflow: depth 0 has one cell.
        if self.depth == 0 { 0 } else { (hash >> (64 - u32::from(self.depth))) as usize }
    }

    #[inline]
    fn segment_of(&self, hash: u64) -> Option<usize> {
        self.directory.get(self.directory_index(hash)).map(|&index| index as usize)
    }

    /// The directory has `2^depth` cells.
    #[inline]
    pub fn depth(&self) -> u8 {
        self.depth
    }

    /// The cells of the directory whose buckets have moved since this was last asked: at least those.
    #[inline]
    pub fn take_moved(&mut self) -> Range<usize> {
        std::mem::replace(&mut self.moved, 0..0)
    }

    /// Has all cells count as moved: the table itself has another place.
    pub fn move_all(&mut self) {
        self.moved = 0..self.directory.len();
    }

    /// The buckets behind cells of the directory.
    pub fn spans(&self, cells: Range<usize>) -> impl Iterator<Item = Span> + '_ {
        self.directory[cells].iter().map(|&index| self.segments[index as usize].span())
    }

    /// Where the bucket of a hash lies, for prefetching.
    #[inline]
    pub fn bucket_address(&self, hash: u64) -> Option<*const u8> {
        Some(self.segments[self.segment_of(hash)?].span().bucket_address(hash))
    }

    /// Where the entry lies whose tag is the first to match in the home bucket of a hash, for prefetching.
    #[inline]
    pub fn entry_address(&self, hash: u64) -> Option<*const u8> {
        let segment = &self.segments[self.segment_of(hash)?];
        let line = &segment.buckets[segment.home(hash)];
        let slot = line.candidates(tag_of(hash)).next()?;
        Some(std::ptr::with_exposed_provenance(address(line.0[slot])))
    }

    /// Finds the entry of a key.
    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<Position> {
        let last = self.last.get();
        if last.hash == hash && self.is_at(last.at, key) {
            return Some(last.at);
        }
        let at = self.find_by(hash, |entry| are_equal(entry.key(), key))?;
        self.last.set(Last { hash, at });
        Some(at)
    }

    /// Whether the entry of a key lies at a position, which may be anything.
    #[inline]
    fn is_at(&self, at: Position, key: &[u8]) -> bool {
        let Some(segment) = self.segments.get(at.segment as usize) else { return false };
        let Some(bucket) = segment.buckets.get(usize::from(at.bucket)) else { return false };
        let slot = bucket.0[usize::from(at.slot)];
        slot != 0 && are_equal(peek(slot).key(), key)
    }

    /// Finds an entry of a hash that `matches`: how the expiry wheel, which knows no keys, finds its own.
    /// Other hashes with the same tag may be offered too.
    #[inline]
    pub fn find_by(&self, hash: u64, matches: impl FnMut(EntryRef<'_>) -> bool) -> Option<Position> {
        let index = self.segment_of(hash)?;
        let (bucket, slot) = self.segments[index].find(hash, matches)?;
        Some(Position { segment: index as u32, bucket: bucket as u16, slot: slot as u16 })
    }

    #[inline]
    fn slot(&self, at: Position) -> u64 {
        self.segments[at.segment as usize].buckets[usize::from(at.bucket)].0[usize::from(at.slot)]
    }

    /// The entry at a position that [`Table::find`] gave.
    #[inline]
    pub fn entry(&self, at: Position) -> EntryRef<'_> {
        peek(self.slot(at))
    }

    /// Opens the entry at a position for changing; the slot follows it when the guard is dropped.
    #[inline]
    pub fn open(&mut self, at: Position) -> Open<'_> {
        let slot =
            &mut self.segments[at.segment as usize].buckets[usize::from(at.bucket)].0[usize::from(at.slot)];
        debug_assert!(*slot != 0);
        // SAFETY: the slot owns the entry; the guard borrows the table until it has written the address back.
        let entry = ManuallyDrop::new(unsafe { Entry::from_address(address(*slot)) });
        Open { slot, entry }
    }

    /// The large collection of an entry, if it has one of type `T`.
    #[inline]
    pub fn large<T: Stored>(&self, at: Position) -> Option<&T> {
        // SAFETY: the entry owns the collection, and the result borrows the table, so nobody changes it.
        self.entry(at).large().map(|pointer| unsafe { pointer.as_ref() })
    }

    /// The large collection of an entry for changing, if it has one of type `T`.
    #[inline]
    pub fn large_mut<T: Stored>(&mut self, at: Position) -> Option<&mut T> {
        // SAFETY: as above, and the exclusive borrow of the table makes this the only reference.
        self.entry(at).large().map(|mut pointer| unsafe { pointer.as_mut() })
    }

    /// Adds an entry whose key is not in the table.
    pub fn insert(&mut self, hash: u64, entry: Entry) -> Position {
        debug_assert!(self.find(hash, entry.as_ref().key()).is_none());
        if self.segments.is_empty() {
            self.segments.push(Segment::new(1, 0));
            self.directory.push(0);
            self.move_all();
        }
        let mut packed = pack(tag_of(hash), entry);
        self.len += 1;
        loop {
            let index = self.directory[self.directory_index(hash)] as usize;
            let segment = &mut self.segments[index];
            // Over 7/8 full, long probes begin.
            let crowded = (segment.len as usize + 1) * 8 > segment.buckets.len() * SLOTS * 7;
            if !crowded || segment.buckets.len() == 1 {
                match segment.place(hash, packed) {
                    Ok((bucket, slot)) => {
                        return Position { segment: index as u32, bucket: bucket as u16, slot: slot as u16 };
                    }
                    Err(back) => packed = back,
                }
            }
            self.grow(hash);
        }
    }

    /// Removes and returns the entry at a position.
    pub fn remove(&mut self, at: Position) -> Entry {
        let segment = &mut self.segments[at.segment as usize];
        let slot = std::mem::take(&mut segment.buckets[usize::from(at.bucket)].0[usize::from(at.slot)]);
        segment.len -= 1;
        self.len -= 1;
        debug_assert!(slot != 0);
        // SAFETY: the slot held the entry's address and has just been emptied.
        let entry = unsafe { Entry::from_address(address(slot)) };
        if self.len == 0 {
            *self = Table::new(self.shard_bits);
        } else if segment.buckets.len() > 1 && (segment.len as usize) * 3 < segment.buckets.len() * SLOTS {
            self.shrink(self.rehash(entry.as_ref()));
        }
        entry
    }

    /// Makes the segment of a hash as small as it may be.
    fn shrink(&mut self, hash: u64) {
        let index = self.directory[self.directory_index(hash)] as usize;
        let hashes = self.hashes_of(index);
        let segment = &self.segments[index];
        let fresh = segment.fitting(roomy(hashes.len()), segment.depth, &hashes);
        if let Some(fresh) = fresh.filter(|fresh| fresh.buckets.len() < segment.buckets.len()) {
            self.replace(hash, fresh);
        }
    }

    /// The cells of the directory that name the segment of a hash.
    fn cells_of(&self, hash: u64) -> Range<usize> {
        let index = self.directory_index(hash);
        let cells = 1 << (self.depth - self.segments[self.directory[index] as usize].depth);
        let first = index & !(cells - 1);
        first..first + cells
    }

    /// Puts another segment in the place of that of a hash.
    fn replace(&mut self, hash: u64, fresh: Segment) {
        let cells = self.cells_of(hash);
        self.segments[self.directory[cells.start] as usize] = fresh;
        self.moved = match self.moved.is_empty() {
            true => cells,
            false => self.moved.start.min(cells.start)..self.moved.end.max(cells.end),
        };
    }

    /// The slots of a segment with their hashes, in the form this table is given hashes.
    fn hashes_of(&self, index: usize) -> Vec<(u64, u64)> {
        self.segments[index].slots().map(|slot| (self.rehash(peek(slot)), slot)).collect()
    }

    fn rehash(&self, entry: EntryRef<'_>) -> u64 {
        hash::hash(entry.key()) << self.shard_bits
    }

    /// Makes the segment of a hash larger, or two of it.
    fn grow(&mut self, hash: u64) {
        let index = self.directory[self.directory_index(hash)] as usize;
        let hashes = self.hashes_of(index);
        let segment = &self.segments[index];
        let floor = segment.buckets.len() + 1;
        match segment.fitting(floor, segment.depth, &hashes) {
            Some(larger) => self.replace(hash, larger),
            None => self.split(hash, &hashes),
        }
    }

    fn split(&mut self, hash: u64, hashes: &[(u64, u64)]) {
        let depth = self.segments[self.directory[self.directory_index(hash)] as usize].depth;
        if depth == self.depth {
            self.directory = self.directory.iter().flat_map(|&cell| [cell, cell]).collect();
            self.depth += 1;
        }
        let bit = 1u64 << (63 - u32::from(depth));
        let (high, low): (Vec<_>, Vec<_>) = hashes.iter().partition(|(hash, _)| hash & bit != 0);
        let cells = self.cells_of(hash);
        let segment = &self.segments[self.directory[cells.start] as usize];
        let fresh = |half: &[(u64, u64)]| {
            segment
                .fitting(roomy(half.len()), depth + 1, half)
                .expect("half of a segment, or a keyed hash with hundreds of equal prefixes")
        };
        let (high, low) = (fresh(&high), fresh(&low));
        self.replace(hash, low);
        let new = self.segments.len() as u32;
        self.segments.push(high);
        // The cells of the old segment are a run; its upper half is the new one's.
        self.directory[cells.start + cells.len() / 2..cells.end].fill(new);
    }

    /// Visits all entries whose home is the bucket at `cursor`, a position in hash order, with their hashes,
    /// and returns the position of the next bucket; none at the end. Entries that stay are visited once per
    /// round, however the table grows or shrinks between the calls.
    pub fn scan(&self, cursor: u64, visit: &mut dyn FnMut(u64, EntryRef<'_>)) -> Option<u64> {
        let index = self.segment_of(cursor)?;
        let segment = &self.segments[index];
        let home = segment.home(cursor);
        let mut bucket = home;
        for _ in 0..segment.buckets.len() {
            for &slot in segment.buckets[bucket].0.iter().filter(|&&slot| slot != 0) {
                let entry = peek(slot);
                let hash = self.rehash(entry);
                if segment.home(hash) == home && hash >= cursor {
                    visit(hash, entry);
                }
            }
            if !segment.overflowed(bucket) {
                break;
            }
            bucket = segment.next(bucket);
        }
        self.after_bucket(cursor, segment, home)
    }

    /// The first position in hash order behind a bucket.
    fn after_bucket(&self, cursor: u64, segment: &Segment, home: usize) -> Option<u64> {
        let depth = u32::from(segment.depth);
        let buckets = segment.buckets.len() as u64;
        // The smallest 32-bit position p with p * buckets >> 32 == home + 1.
        let next = ((home as u64 + 1) << 32).div_ceil(buckets);
        let prefix = if depth == 0 { 0 } else { cursor >> (64 - depth) << (64 - depth) };
        if next < 1 << 32 {
            return Some(prefix | next << 32 >> depth);
        }
        if depth == 0 {
            return None;
        }
        prefix.checked_add(1 << (64 - depth))
    }

    /// Visits the entries of one hash: of more than one key only if their hashes are equal in all bits.
    pub fn for_each_of(&self, hash: u64, mut visit: impl FnMut(EntryRef<'_>)) {
        self.find_by(hash, |entry| {
            if self.rehash(entry) == hash {
                visit(entry);
            }
            false
        });
    }

    /// The hash of the entry at a position.
    pub fn hash_at(&self, at: Position) -> u64 {
        self.rehash(self.entry(at))
    }

    /// A random entry, nearly uniform: a random place in hash order, then a random slot there.
    pub fn random(&self) -> Option<EntryRef<'_>> {
        if self.len == 0 {
            return None;
        }
        loop {
            let index = self.segment_of(fastrand::u64(..))?;
            let segment = &self.segments[index];
            if segment.len == 0 {
                continue;
            }
            // Segments are at least a third full, so a few tries find a slot.
            let bucket = &segment.buckets[fastrand::usize(..segment.buckets.len())];
            let slot = bucket.0[fastrand::usize(..SLOTS)];
            if slot != 0 {
                return Some(peek(slot));
            }
        }
    }

    /// The first entry from a place in hash order on, round the end, that `matches`.
    pub fn next_where(&self, from: u64, matches: impl Fn(&EntryRef<'_>) -> bool) -> Option<EntryRef<'_>> {
        let first = self.segment_of(from)?;
        let segments = self.segments[first..].iter().chain(&self.segments[..first]);
        segments.flat_map(Segment::slots).map(peek).find(matches)
    }

    /// Takes all entries out, in no particular order.
    pub fn drain(&mut self) -> Vec<Entry> {
        let mut emptied = std::mem::replace(self, Table::new(self.shard_bits));
        // Without segments the old table has nothing to drop.
        let segments = std::mem::take(&mut emptied.segments);
        let slots = segments.iter().flat_map(Segment::slots);
        // SAFETY: each non-empty slot owned its entry; it is taken over once, and the slots go with `segments`.
        slots.map(|slot| unsafe { Entry::from_address(address(slot)) }).collect()
    }

    /// All entries, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = EntryRef<'_>> + '_ {
        self.segments.iter().flat_map(Segment::slots).map(peek)
    }
}

/// An entry opened for changing.
pub struct Open<'a> {
    slot: &'a mut u64,
    entry: ManuallyDrop<Entry>,
}

impl Deref for Open<'_> {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        &self.entry
    }
}

impl DerefMut for Open<'_> {
    fn deref_mut(&mut self) -> &mut Entry {
        &mut self.entry
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        // SAFETY: the entry is moved out once, here, and the guard is gone afterwards.
        let entry = unsafe { ManuallyDrop::take(&mut self.entry) };
        *self.slot = pack(*self.slot >> 48, entry);
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        for slot in self.segments.iter().flat_map(Segment::slots) {
            // SAFETY: each non-empty slot owns its entry, and the slots die with the table.
            drop(unsafe { Entry::from_address(address(slot)) });
        }
    }
}

#[cfg(test)]
mod tests;
