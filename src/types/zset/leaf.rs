//! One leaf of the tree: a run of entries packed into one allocation.
//!
//! ```text
//! header | tag, tag, ... | offset, offset, ... | score, score, ...   | free | record ... record
//!  8     | 1 byte a slot | 2 bytes a slot      | 8 bytes a slot      |      | length, bytes
//! ```
//!
//! The slots are in order of `(score, member)`, a column for each field, so that a search by score reads
//! scores only and a search by hash reads tags only, beside the header. Records lie anywhere behind the
//! slots; an offset counts from the *end* of the leaf, hence growing copies the records as they are. Removed
//! records leave holes, which the next rebuild closes.
//!
//! A leaf is as long as it needs to be, in the allocator's size classes, up to `LEAF_BYTES`; so a tree of
//! half full leaves wastes no memory, and no entries move between neighbours to fill them.
//!
//! Members longer than `INLINE_MAX` are stored apart, and the record is a number in [`Apart`].
//! Scores compare as Redis compares them: `-0.0` equals `0.0`. None is NaN.

use std::ops::Range;
use std::sync::Arc;

use super::slab::Slab;
use crate::base::size_class::size_class;
use crate::types::parting::Shared;

/// Two counters before the bytes of an `Arc<[u8]>`.
const ARC: usize = 16;
/// The allocation of the longest leaf, a size class.
const ALLOCATION: usize = if cfg!(test) { 192 } else { 3072 };
/// The longest leaf.
const LEAF_BYTES: usize = ALLOCATION - ARC;
/// The longest member that lies in a leaf.
const INLINE_MAX: usize = if cfg!(test) { 24 } else { 512 };

const HEADER: usize = 8;
/// Bytes of a slot in all three columns.
const SLOT: usize = 11;

/// Half a leaf and what does not fit the other half leave room for one more, whatever their lengths.
const _: () = assert!(4 * (SLOT + 2 + INLINE_MAX) <= LEAF_BYTES);

/// Members that are too long for a leaf.
pub(super) type Apart = Slab<Arc<[u8]>>;

/// A member as it is about to be stored.
#[derive(Clone, Copy)]
pub(super) enum Record<'a> {
    /// The bytes, at most `INLINE_MAX`.
    Inline(&'a [u8]),
    /// Its number in [`Apart`].
    Apart(u32),
}

impl<'a> Record<'a> {
    /// Puts the member where it belongs by its length.
    pub fn store(member: &'a [u8], apart: &mut Apart) -> Record<'a> {
        if member.len() <= INLINE_MAX {
            Record::Inline(member)
        } else {
            Record::Apart(apart.insert(member.into()))
        }
    }

    fn bytes(self) -> usize {
        match self {
            Record::Inline(member) if member.len() < 0x80 => 1 + member.len(),
            Record::Inline(member) => 2 + member.len(),
            Record::Apart(_) => 5,
        }
    }
}

/// First byte of a record that is a number in `Apart`. Other first bytes are a length below 128, or the
/// upper seven bits of a length and the top bit.
const IS_APART: u8 = 0xff;

/// A decoded record.
enum Stored<'a> {
    Inline(&'a [u8]),
    Apart(u32),
}

/// What an insertion answers.
pub(super) enum Room {
    /// The entry is in.
    Made,
    /// The leaf must be split first; it is unchanged.
    None,
}

/// One leaf; cloning counts a reference, writing copies it if a clone shares it.
#[derive(Clone)]
pub(super) struct Leaf(Arc<[u8]>);

impl Shared for Leaf {
    fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    fn bytes(&self) -> usize {
        ARC + self.0.len()
    }
}

impl Leaf {
    /// An empty leaf of at least `len` bytes, with room for `count` entries whose records take `data` bytes,
    /// and for about `spare` more if there may be so many.
    fn with_room(count: usize, data: usize, spare: usize, len: usize) -> Leaf {
        let average = data.div_ceil(count.max(1));
        let need = bytes_for(count, data);
        let wanted = (need + spare * (SLOT + average)).min(LEAF_BYTES).max(need);
        let len = len.max(size_class(ARC + wanted) - ARC);
        let slots = ((len - HEADER) / (SLOT + average)).max(count).min((len - HEADER - data) / SLOT);
        let mut leaf = Leaf(std::iter::repeat_n(0, len).collect());
        Header { count: 0, slots, heap: 0, dead: 0 }.write(leaf.bytes_mut());
        leaf
    }

    /// A leaf of one entry.
    pub fn of_one(score: f64, tag: u8, record: Record) -> Leaf {
        let mut leaf = Leaf::with_room(1, record.bytes(), 1, 0);
        leaf.put(0, score, tag, record);
        leaf
    }

    /// Entries in the leaf.
    #[inline]
    pub fn len(&self) -> usize {
        self.header().count
    }

    /// Score of an entry.
    #[inline]
    pub fn score(&self, slot: usize) -> f64 {
        score_at(&self.0, self.header().scores() + 8 * slot)
    }

    /// Member of an entry.
    #[inline]
    pub fn member<'a>(&'a self, slot: usize, apart: &'a Apart) -> &'a [u8] {
        match self.stored(slot) {
            Stored::Inline(member) => member,
            Stored::Apart(id) => apart.get(id),
        }
    }

    /// Where the member is; its tag narrows the search.
    #[inline]
    pub fn find(&self, tag: u8, member: &[u8], apart: &Apart) -> Option<usize> {
        self.tagged(tag).find(|&slot| self.member(slot, apart) == member)
    }

    /// The slots that carry a tag.
    #[inline]
    pub fn tagged(&self, tag: u8) -> impl Iterator<Item = usize> {
        let header = self.header();
        memchr::memchr_iter(tag, &self.0[HEADER..HEADER + header.count])
    }

    /// Where the leaf lies, for prefetching.
    #[inline]
    pub fn as_ptr(&self) -> *const u8 {
        self.0.as_ptr()
    }

    /// Where in the leaf the score and the record of an entry begin.
    #[inline]
    pub fn parts_at(&self, slot: usize) -> [usize; 2] {
        [self.header().scores() + 8 * slot, self.record_begin(slot)]
    }

    /// The first slot for which `precedes` is false; it must be true of no slot after one it is false of.
    #[inline]
    pub fn partition_point(&self, precedes: impl Fn(usize) -> bool) -> usize {
        partition_point(0..self.len(), precedes)
    }

    /// The first slot that is not below an entry. Members are looked at only where the score is met.
    #[inline]
    pub fn lower_bound(&self, score: f64, member: &[u8], apart: &Apart) -> usize {
        let Header { count, .. } = self.header();
        let slot = scores_below(count, score, |slot| self.score(slot));
        if slot == count || self.score(slot) != score {
            return slot;
        }
        partition_point(slot..count, |slot| self.score(slot) == score && self.member(slot, apart) < member)
    }

    /// Inserts an entry before `slot`, if it fits into one leaf.
    pub fn insert(&mut self, slot: usize, score: f64, tag: u8, record: Record) -> Room {
        let header = self.header();
        let end = header.data() + header.heap + record.bytes();
        if header.count == header.slots || end > self.0.len() {
            let (count, data) = (header.count + 1, header.live() + record.bytes());
            if bytes_for(count, data) > LEAF_BYTES {
                return Room::None;
            }
            // Where entries come and go, room for some more of them before the holes have to be closed again.
            let spare = if header.dead > 0 { 1 + count / 16 } else { 1 };
            self.rebuild(Leaf::with_room(count, data, spare, self.0.len()));
        }
        self.put(slot, score, tag, record);
        Room::Made
    }

    /// Gives an entry a new score and the place `to`, counted without the entry.
    pub fn reorder(&mut self, from: usize, to: usize, score: f64) {
        let header = self.header();
        let bytes = self.bytes_mut();
        let (start, end) = (from.min(to), from.max(to) + 1);
        for (column, width) in header.columns() {
            let moved = &mut bytes[column + width * start..column + width * end];
            if from < to { moved.rotate_left(width) } else { moved.rotate_right(width) }
        }
        write_score(bytes, header.scores() + 8 * to, score);
    }

    /// The numbers of those members that are stored apart.
    pub fn apart_in(&self, slots: Range<usize>) -> impl Iterator<Item = u32> {
        slots.filter_map(|slot| match self.stored(slot) {
            Stored::Apart(id) => Some(id),
            Stored::Inline(_) => None,
        })
    }

    /// Removes entries, but not what is stored apart.
    pub fn remove(&mut self, slots: Range<usize>) {
        let mut header = self.header();
        header.dead += slots.clone().map(|slot| self.record(slot).len()).sum::<usize>();
        let bytes = self.bytes_mut();
        for (column, width) in header.columns() {
            bytes.copy_within(
                column + width * slots.end..column + width * header.count,
                column + width * slots.start,
            );
        }
        header.count -= slots.len();
        header.write(bytes);
        if header.count > 0 && self.used() < self.0.len() / 3 * 2 {
            self.rebuild(Leaf::with_room(header.count, header.live(), 1, 0));
        }
    }

    /// Bytes that the entries need, holes not counted.
    pub fn used(&self) -> usize {
        let header = self.header();
        bytes_for(header.count, header.live())
    }

    /// Whether so little is left that it should join a neighbour.
    pub fn is_sparse(&self) -> bool {
        self.used() < LEAF_BYTES / 4
    }

    /// Whether two leaves fit into one and leave room.
    pub fn can_join(&self, other: &Leaf) -> bool {
        self.used() + other.used() <= LEAF_BYTES / 4 * 3
    }

    /// Whether a leaf under construction has as much as it should get.
    pub fn is_filled(&self) -> bool {
        self.used() >= LEAF_BYTES / 4 * 3
    }

    /// The slot that halves the leaf by bytes; both halves have an entry.
    pub fn middle(&self) -> usize {
        let count = self.len();
        let (half, mut sum) = (self.used() / 2, HEADER);
        for slot in 0..count {
            if sum >= half {
                return slot.clamp(1, count - 1);
            }
            sum += SLOT + self.record(slot).len();
        }
        count - 1
    }

    /// Cuts the leaf in two before `slot`; answers the upper part.
    pub fn split_off(&mut self, slot: usize) -> Leaf {
        let upper = self.copy_of(slot..self.len(), 0, 0);
        *self = self.copy_of(0..slot, 0, 0);
        upper
    }

    /// Appends the entries of the next leaf, whose members stored apart now belong to this one.
    pub fn append(&mut self, next: &Leaf) {
        let (header, added) = (self.header(), next.header());
        let mut joined = self.copy_of(0..header.count, added.count, added.live());
        joined.copy_from(next, 0..added.count);
        *self = joined;
    }

    /// Bytes of the allocation.
    pub fn memory_bytes(&self) -> usize {
        size_class(ARC + self.0.len())
    }

    /// Moves everything into an empty leaf with enough room, without holes.
    fn rebuild(&mut self, mut leaf: Leaf) {
        let old = self.header();
        if old.dead > 0 {
            leaf.copy_from(self, 0..old.count);
            *self = leaf;
            return;
        }
        let new = Header { slots: leaf.header().slots, ..old };
        let bytes = leaf.bytes_mut();
        for ((from, width), (to, _)) in old.columns().into_iter().zip(new.columns()) {
            let len = width * old.count;
            bytes[to..to + len].copy_from_slice(&self.0[from..from + len]);
        }
        let start = bytes.len() - old.heap;
        bytes[start..].copy_from_slice(&self.0[self.0.len() - old.heap..]);
        new.write(bytes);
        *self = leaf;
    }

    /// A new leaf of some of the entries, with room for more.
    fn copy_of(&self, slots: Range<usize>, more: usize, more_data: usize) -> Leaf {
        let data: usize = slots.clone().map(|slot| self.record(slot).len()).sum();
        let mut leaf = Leaf::with_room(slots.len() + more, data + more_data, 1, 0);
        leaf.copy_from(self, slots);
        leaf
    }

    /// Appends entries of another leaf; there must be room.
    fn copy_from(&mut self, other: &Leaf, slots: Range<usize>) {
        let mut header = self.header();
        let from = other.header();
        let bytes = self.bytes_mut();
        for ((to, width), (from, _)) in header.columns().into_iter().zip(from.columns()) {
            let to = to + width * header.count;
            bytes[to..to + width * slots.len()]
                .copy_from_slice(&other.0[from + width * slots.start..from + width * slots.end]);
        }
        for slot in slots {
            let record = other.record(slot);
            header.heap += record.len();
            let start = bytes.len() - header.heap;
            bytes[start..start + record.len()].copy_from_slice(record);
            write_u16(bytes, header.offsets() + 2 * header.count, header.heap);
            header.count += 1;
        }
        header.write(bytes);
    }

    /// Writes an entry before `slot`; there must be room.
    #[inline]
    fn put(&mut self, slot: usize, score: f64, tag: u8, record: Record) {
        let mut header = self.header();
        header.heap += record.bytes();
        let bytes = self.bytes_mut();
        for (column, width) in header.columns() {
            bytes.copy_within(
                column + width * slot..column + width * header.count,
                column + width * (slot + 1),
            );
        }
        bytes[HEADER + slot] = tag;
        write_u16(bytes, header.offsets() + 2 * slot, header.heap);
        write_score(bytes, header.scores() + 8 * slot, score);
        let start = bytes.len() - header.heap;
        let place = &mut bytes[start..start + record.bytes()];
        match record {
            Record::Inline(member) => {
                let prefix = place.len() - member.len();
                if prefix == 1 {
                    place[0] = member.len() as u8;
                } else {
                    place[..2].copy_from_slice(&(member.len() as u16 | 0x8000).to_be_bytes());
                }
                place[prefix..].copy_from_slice(member);
            }
            Record::Apart(id) => {
                place[0] = IS_APART;
                place[1..].copy_from_slice(&id.to_le_bytes());
            }
        }
        header.count += 1;
        header.write(bytes);
    }

    #[inline]
    fn stored(&self, slot: usize) -> Stored<'_> {
        let (record, first) = self.record_at(slot);
        match first {
            0..0x80 => Stored::Inline(&record[1..=usize::from(first)]),
            IS_APART => Stored::Apart(u32::from_le_bytes(record[1..5].try_into().expect("4 bytes"))),
            _ => {
                let len = usize::from(u16::from_be_bytes([first & 0x7f, record[1]]));
                Stored::Inline(&record[2..2 + len])
            }
        }
    }

    /// The bytes of a record.
    #[inline]
    fn record(&self, slot: usize) -> &[u8] {
        let (record, first) = self.record_at(slot);
        let len = match first {
            0..0x80 => 1 + usize::from(first),
            IS_APART => 5,
            _ => 2 + usize::from(u16::from_be_bytes([first & 0x7f, record[1]])),
        };
        &record[..len]
    }

    #[inline]
    fn record_begin(&self, slot: usize) -> usize {
        let at = self.header().offsets() + 2 * slot;
        let offset = u16::from_le_bytes([self.0[at], self.0[at + 1]]);
        self.0.len() - usize::from(offset)
    }

    /// What lies from the beginning of a record on, and its first byte.
    #[inline]
    fn record_at(&self, slot: usize) -> (&[u8], u8) {
        let record = &self.0[self.record_begin(slot)..];
        (record, record[0])
    }

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        Arc::make_mut(&mut self.0)
    }

    #[inline]
    fn header(&self) -> Header {
        let fields = u64::from_le_bytes(*self.0.first_chunk().expect("a leaf begins with its header"));
        let field = |at: usize| usize::from((fields >> (16 * at)) as u16);
        Header { count: field(0), slots: field(1), heap: field(2), dead: field(3) }
    }
}

/// The first eight bytes: entries, slots there is room for, bytes of records with their holes, bytes of holes.
#[derive(Clone, Copy)]
struct Header {
    count: usize,
    slots: usize,
    heap: usize,
    dead: usize,
}

impl Header {
    #[inline]
    fn write(self, bytes: &mut [u8]) {
        for (field, value) in [self.count, self.slots, self.heap, self.dead].into_iter().enumerate() {
            write_u16(bytes, 2 * field, value);
        }
    }

    fn live(&self) -> usize {
        self.heap - self.dead
    }

    #[inline]
    fn offsets(&self) -> usize {
        HEADER + self.slots
    }

    #[inline]
    fn scores(&self) -> usize {
        HEADER + 3 * self.slots
    }

    #[inline]
    fn data(&self) -> usize {
        HEADER + SLOT * self.slots
    }

    /// Where each column begins, and the bytes of its fields.
    #[inline]
    fn columns(&self) -> [(usize, usize); 3] {
        [(HEADER, 1), (self.offsets(), 2), (self.scores(), 8)]
    }
}

/// How many of `count` ascending scores are below `score`.
///
/// Looks at one score per cache line, then at those of one line. That is more than a binary search looks
/// at, but the loads don't wait for one another, and no branch depends on what they find.
#[inline]
pub(super) fn scores_below(count: usize, score: f64, get: impl Fn(usize) -> f64) -> usize {
    const LINE: usize = 8;
    let lines = (1..=count / LINE).filter(|line| get(line * LINE - 1) < score).count();
    let start = lines * LINE;
    start + (start..count.min(start + LINE)).filter(|&at| get(at) < score).count()
}

/// The first of the slots for which `precedes` is false. The loop has no branch that depends on the answers.
#[inline]
pub(super) fn partition_point(slots: Range<usize>, precedes: impl Fn(usize) -> bool) -> usize {
    let (mut first, mut len) = (slots.start, slots.len());
    while len > 1 {
        let half = len / 2;
        first += half * usize::from(precedes(first + half - 1));
        len -= half;
    }
    first + usize::from(len == 1 && precedes(first))
}

/// Bytes that so many entries with so many bytes of records need at least.
fn bytes_for(count: usize, data: usize) -> usize {
    HEADER + SLOT * count + data
}

#[inline]
fn score_at(bytes: &[u8], at: usize) -> f64 {
    f64::from_bits(u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes")))
}

#[inline]
fn write_score(bytes: &mut [u8], at: usize, score: f64) {
    bytes[at..at + 8].copy_from_slice(&score.to_bits().to_le_bytes());
}

#[inline]
fn write_u16(bytes: &mut [u8], at: usize, value: usize) {
    let value = u16::try_from(value).expect("a leaf is shorter than 64 KiB");
    bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests;
