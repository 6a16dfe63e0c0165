//! A page: up to some dozens of elements in one block of bytes, a slotted page as in databases.
//!
//! ```text
//! 0     4      8                                low
//! | low | dead | slot 0 | slot 1 | ... |  free  | record | record | ... |
//!                        slots grow ─▶    ◀─ records grow
//! ```
//!
//! A slot is a tag of 16 bits of the element's position, and where its record begins, counted from the end
//! of the block, so that a block can grow without touching its slots. Slots are sorted by tag, hence the
//! page is in hash order. `dead` counts bytes of records that are no longer in use.
//!
//! A record too long for a block is kept apart, in an allocation of its own, and its slot holds the number
//! of that allocation. Slots are four bytes in blocks below 32 KB (narrow) and eight in longer ones, which
//! only elements make whose positions nearly all agree.
//!
//! The searched slots are few and lie together: finding a tag counts the slots below it, without a branch. As positions
//! are spread evenly, those around the place where the tag is to be expected are nearly always enough.

use std::sync::Arc;

use super::record;

/// A record kept apart. A box within, so that writing a long one copies it once only.
pub(super) type Apart = Arc<Box<[u8]>>;

pub(super) const HEAD: usize = 8;
/// Blocks below this length have slots of four bytes: one bit of kind, fifteen of place, sixteen of tag.
const NARROW_BELOW: usize = 1 << 15;
const NARROW_APART: u32 = 1 << 15;
const WIDE_APART: u64 = 1 << 47;
/// As many slots are looked at around the place where one is to be expected. By simulation, of 40 slots one in a hundred
/// and sixty lies further off, of 63 one in thirty.
pub(super) const WINDOW: usize = if cfg!(test) { 4 } else { 16 };

/// Where a record is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// In the block, this many bytes before its end.
    Within(usize),
    /// Apart, under this number.
    Apart(usize),
}

/// A view for reading.
#[derive(Clone, Copy)]
pub(super) struct Page<'a> {
    pub block: &'a [u8],
    pub len: usize,
    pub apart: &'a [Apart],
}

/// Bytes of a slot in a block of given length.
#[inline]
pub(super) const fn slot_size(block: usize) -> usize {
    if block < NARROW_BELOW { 4 } else { 8 }
}

impl<'a> Page<'a> {
    /// The first slot whose tag is not below `tag`.
    #[inline]
    pub fn rank(self, tag: u16) -> usize {
        if self.is_wide() {
            return self.wide_rank(tag);
        }
        let (slots, _) = self.slots().as_chunks();
        count_below(slots, tag)
    }

    /// The same. If it is close to slot `near`, that reads a line or two of memory, and not all slots.
    #[inline]
    pub fn rank_near(self, tag: u16, near: usize) -> usize {
        let from = self.window(near);
        let (slots, _) = self.slots().as_chunks();
        let Some(window) = slots[from..].first_chunk::<WINDOW>().filter(|_| !self.is_wide()) else {
            return self.rank(tag);
        };
        let below = count_below(window, tag);
        let begins_before = below == 0 && from > 0;
        let ends_behind = below == WINDOW && from + WINDOW < self.len;
        if begins_before || ends_behind { self.rank(tag) } else { from + below }
    }

    /// Where the slots begin that are looked at for one that is to be expected at `near`.
    #[inline]
    pub fn window(self, near: usize) -> usize {
        near.saturating_sub(WINDOW / 2).min(self.len.saturating_sub(WINDOW))
    }

    #[cold]
    fn wide_rank(self, tag: u16) -> usize {
        let (slots, _) = self.slots().as_chunks();
        slots.partition_point(|&slot| u64::from_le_bytes(slot) >> 48 < u64::from(tag))
    }

    /// The tag and the place in slot `i`.
    #[inline]
    pub fn slot(self, i: usize) -> (u16, Place) {
        if self.is_wide() {
            return self.wide_slot(i);
        }
        let slot = read_u32(&self.block[HEAD + i * 4..]);
        let value = (slot & (NARROW_APART - 1)) as usize;
        let place = if slot & NARROW_APART == 0 { Place::Within(value) } else { Place::Apart(value) };
        ((slot >> 16) as u16, place)
    }

    #[cold]
    fn wide_slot(self, i: usize) -> (u16, Place) {
        let (slots, _) = self.slots().as_chunks();
        let slot = u64::from_le_bytes(slots[i]);
        let value = (slot & (WIDE_APART - 1)) as usize;
        let place = if slot & WIDE_APART == 0 { Place::Within(value) } else { Place::Apart(value) };
        ((slot >> 48) as u16, place)
    }

    #[inline]
    fn is_wide(self) -> bool {
        slot_size(self.block.len()) != 4
    }

    /// The tag of slot `i`.
    #[inline]
    pub fn tag(self, i: usize) -> u16 {
        self.slot(i).0
    }

    /// The place in slot `i`.
    #[inline]
    pub fn place(self, i: usize) -> Place {
        self.slot(i).1
    }

    /// The bytes from the record of slot `i` on.
    #[inline]
    pub fn record(self, i: usize) -> &'a [u8] {
        self.record_at(self.place(i))
    }

    /// The bytes from the record at a place on.
    #[inline]
    pub fn record_at(self, place: Place) -> &'a [u8] {
        match place {
            Place::Within(back) => &self.block[self.block.len() - back..],
            Place::Apart(number) => &self.apart[number],
        }
    }

    /// The slot of `key`, whose tag is given and where that is to be expected, and the bytes that follow the key in the
    /// page; or the slot that it would get.
    // As a call it costs a tenth of a look-up more.
    #[inline(always)]
    pub fn find(self, tag: u16, near: usize, key: &[u8]) -> (usize, Option<&'a [u8]>) {
        let mut i = self.rank_near(tag, near);
        while i < self.len {
            let (other, place) = self.slot(i);
            if other != tag {
                break;
            }
            let (stored, rest) = record::split(self.record_at(place));
            if stored == key {
                return (i, Some(rest));
            }
            i += 1;
        }
        (i, None)
    }

    /// Where the records begin.
    #[inline]
    pub fn low(self) -> usize {
        low(self.block)
    }

    /// Bytes of records no longer in use.
    #[inline]
    pub fn dead(self) -> usize {
        head(self.block, 4)
    }

    /// Bytes of records in use, in the block.
    #[inline]
    pub fn live(self) -> usize {
        self.block.len() - self.low() - self.dead()
    }

    /// Bytes between the slots and the records.
    #[inline]
    pub fn free(self) -> usize {
        self.low().saturating_sub(HEAD + self.len * slot_size(self.block.len()))
    }

    /// The bytes of the slots.
    #[inline]
    pub fn slots(self) -> &'a [u8] {
        let end = HEAD + self.len * slot_size(self.block.len());
        if self.len == 0 { &[] } else { &self.block[HEAD..end] }
    }
}

/// How many of these narrow slots have tags below `tag`.
#[inline(always)]
fn count_below(slots: &[[u8; 4]], tag: u16) -> usize {
    let below = u32::from(tag) << 16;
    // The sum stays in 32 bits, so that the comparison and the sum use lanes of one width.
    slots.iter().map(|&slot| u32::from(u32::from_le_bytes(slot) < below)).sum::<u32>() as usize
}

/// Where the records begin.
#[inline]
pub(super) fn low(block: &[u8]) -> usize {
    head(block, 0)
}

/// Sets where the records begin.
#[inline]
pub(super) fn set_low(block: &mut [u8], low: usize) {
    block[..4].copy_from_slice(&(low as u32).to_le_bytes());
}

/// Sets the bytes of records no longer in use.
#[inline]
pub(super) fn set_dead(block: &mut [u8], dead: usize) {
    block[4..8].copy_from_slice(&(dead as u32).to_le_bytes());
}

/// Puts a slot before slot `i` of `len`.
#[inline]
pub(super) fn insert_slot(block: &mut [u8], len: usize, i: usize, tag: u16, place: Place) {
    let slot = slot_size(block.len());
    let (at, end) = (HEAD + i * slot, HEAD + len * slot);
    block.copy_within(at..end, at + slot);
    set_slot(block, i, tag, place);
}

/// Writes slot `i`.
#[inline]
pub(super) fn set_slot(block: &mut [u8], i: usize, tag: u16, place: Place) {
    let at = HEAD + i * slot_size(block.len());
    if slot_size(block.len()) == 4 {
        let place = match place {
            Place::Within(back) => back as u32,
            Place::Apart(number) => NARROW_APART | number as u32,
        };
        block[at..at + 4].copy_from_slice(&(u32::from(tag) << 16 | place).to_le_bytes());
    } else {
        let place = match place {
            Place::Within(back) => back as u64,
            Place::Apart(number) => WIDE_APART | number as u64,
        };
        block[at..at + 8].copy_from_slice(&(u64::from(tag) << 48 | place).to_le_bytes());
    }
}

/// A field of the head.
#[inline]
fn head(block: &[u8], at: usize) -> usize {
    // An empty block has no head, and every field of it is 0.
    if block.is_empty() { 0 } else { read_u32(&block[at..]) as usize }
}

#[inline]
fn read_u32(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(*bytes.first_chunk().expect("four bytes"))
}
