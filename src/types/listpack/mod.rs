//! Listpack: a list of elements packed into one run of bytes, as Redis lays it out and RDB files hold it.
//!
//! ```text
//! size u32 | count u16 | entry | entry | ... | 0xFF
//!                        encoding, data, back length
//! ```
//!
//! Little-endian. `size` counts all bytes; `count` is 65535 when it is that many or more. The first byte of
//! an entry tells what it is and how long:
//!
//! ```text
//! 0xxxxxxx                 integer 0..127          11110000 + u32   string of any length
//! 10xxxxxx                 string up to 63 bytes   11110001         integer of 16 bits
//! 110xxxxx xxxxxxxx        integer of 13 bits      11110010         ...           24 bits
//! 1110xxxx xxxxxxxx        string up to 4095       11110011, ...100 ...    32, 64 bits
//! ```
//!
//! The back length at an entry's end is the length of what stands before it in the entry, in groups of
//! seven bits that are read from the right; so one walks in both directions.
//!
//! Invariant: every element is in its shortest encoding, and what is the canonical text of an integer is
//! encoded as one. So each element has exactly one encoding, and [`ListpackRef::find`] compares bytes
//! without decoding. Redis writes the same but accepts longer encodings from elsewhere;
//! [`Listpack::from_foreign`] rewrites those on their way in.
//!
//! Memory: the buffer grows to the allocator's size classes and so never holds more than the bytes need. What a
//! class leaves free lies behind the bytes, or in front of them once elements come and go there:
//!
//! ```text
//! buffer   | gap | size | count | entry | ... | 0xFF | free |
//! ```
//!
//! [`push_front_near`](Listpack::push_front_near) and [`pop_front`](Listpack::pop_front) move the six bytes of the
//! header instead of all entries; whoever wants the bytes as a buffer of their own closes the gap.

mod entry;
mod view;

#[cfg(test)]
mod tests;

pub use entry::{Encoded, Item, encoded_len};
pub(in crate::types) use entry::{append_back_len, back_len_size, decode, read_back_len};
pub use view::{Iter, ListpackError, ListpackRef, Pos};

use crate::base::size_class::size_class;
use entry::END;

/// Bytes before the first entry.
const HEADER: usize = 6;
/// The count of a listpack that has too many elements for the field.
const UNKNOWN_COUNT: u16 = u16::MAX;

/// An owned listpack.
///
/// Positions ([`Pos`]) come from [`as_ref`](Self::as_ref) and stay good until an element before them changes.
pub struct Listpack {
    /// The gap, and then the bytes up to the buffer's end.
    buffer: Vec<u8>,
    /// Length of the gap.
    gap: usize,
}

impl Listpack {
    /// Callers keep a listpack below this size (1 GiB); the format ends at 4 GiB.
    pub const MAX_BYTES: usize = 1 << 30;

    /// An empty listpack.
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// An empty listpack whose buffer holds `bytes` bytes in all.
    pub fn with_capacity(bytes: usize) -> Self {
        let mut buffer = Vec::with_capacity(size_class(bytes.max(HEADER + 1)));
        buffer.extend_from_slice(&[(HEADER + 1) as u8, 0, 0, 0, 0, 0, END]);
        Listpack { buffer, gap: 0 }
    }

    /// Takes bytes that are known to be a listpack in canonical encoding. Copies nothing.
    #[inline]
    pub fn from_vec(bytes: Vec<u8>) -> Self {
        debug_assert!(view::frame_is_sound(&bytes));
        Listpack { buffer: bytes, gap: 0 }
    }

    /// Takes foreign bytes after a check of every entry; elements in longer encodings than need be are
    /// encoded anew.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn from_foreign(bytes: Vec<u8>) -> Result<Self, ListpackError> {
        let canonical = view::check(&bytes)?;
        let foreign = Listpack { buffer: bytes, gap: 0 };
        if canonical {
            return Ok(foreign);
        }
        let mut made = Listpack::with_capacity(foreign.byte_len());
        for item in foreign.as_ref() {
            made.push_back(item);
        }
        Ok(made)
    }

    /// The bytes, as they stand in an RDB file.
    #[inline]
    pub fn into_vec(mut self) -> Vec<u8> {
        self.move_to(0);
        self.buffer
    }

    /// The view through which it is read.
    #[inline]
    pub fn as_ref(&self) -> ListpackRef<'_> {
        ListpackRef::from_bytes(self.bytes())
    }

    /// Length of the bytes.
    #[inline]
    pub fn byte_len(&self) -> usize {
        self.buffer.len() - self.gap
    }

    /// Number of elements; see [`ListpackRef::len`].
    #[inline]
    pub fn len(&self) -> usize {
        self.as_ref().len()
    }

    /// Whether there is no element.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.as_ref().is_empty()
    }

    /// The elements in order, from either end.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        self.as_ref().iter()
    }

    /// Bytes that the buffer occupies in the allocator.
    #[inline]
    pub fn allocated(&self) -> usize {
        size_class(self.buffer.capacity())
    }

    /// Whether `bytes` more bytes of entries ([`encoded_len`]) keep it below [`MAX_BYTES`](Self::MAX_BYTES).
    #[inline]
    pub fn has_room_for(&self, bytes: usize) -> bool {
        self.byte_len() + bytes <= Self::MAX_BYTES
    }

    /// Adds an element behind the last.
    #[inline]
    pub fn push_back<'e>(&mut self, element: impl Into<Encoded<'e>>) {
        let element = element.into();
        let span = element.span();
        if self.buffer.len() + span > self.buffer.capacity() {
            self.make_room(span);
        }
        self.buffer.pop();
        element.append_to(&mut self.buffer);
        self.buffer.push(END);
        self.write_size();
        self.add_to_count(1);
    }

    /// Adds an element before the first.
    #[inline]
    pub fn push_front<'e>(&mut self, element: impl Into<Encoded<'e>>) {
        self.splice(HEADER, 0, &element.into());
        self.add_to_count(1);
    }

    /// The same for a listpack whose front is pushed to again and again: the entries are moved only when the
    /// buffer has no room in front of them, to its end, once for each of its size classes.
    #[inline]
    pub fn push_front_near<'e>(&mut self, element: impl Into<Encoded<'e>>) {
        let element = element.into();
        let span = element.span();
        if self.gap < span {
            self.open_gap(span);
        }
        self.begin_at(self.gap - span, self.count_with(1));
        element.write(&mut self.bytes_mut()[HEADER..HEADER + span]);
    }

    /// Removes the first element, if there is one, after `see` has seen it. Moves no other.
    #[inline]
    pub fn pop_front<R>(&mut self, see: impl FnOnce(Item<'_>) -> R) -> Option<R> {
        let view = self.as_ref();
        let first = view.first()?;
        let seen = see(view.at(first));
        self.begin_at(self.gap + self.span(first), self.count_without(1));
        Some(seen)
    }

    /// Adds an element before the one at `pos`, which may be [`ListpackRef::end`]; `pos` is then the position
    /// of the new one.
    #[inline]
    pub fn insert_before<'e>(&mut self, pos: Pos, element: impl Into<Encoded<'e>>) {
        self.splice(pos.0, 0, &element.into());
        self.add_to_count(1);
    }

    /// Adds an element after the one at `pos`; returns the position of the new one.
    #[inline]
    pub fn insert_after<'e>(&mut self, pos: Pos, element: impl Into<Encoded<'e>>) -> Pos {
        let after = Pos(pos.0 + self.span(pos));
        self.insert_before(after, element);
        after
    }

    /// Puts an element in the place of the one at `pos`, which remains its position.
    #[inline]
    pub fn replace<'e>(&mut self, pos: Pos, element: impl Into<Encoded<'e>>) {
        self.splice(pos.0, self.span(pos), &element.into());
    }

    /// Removes the element at `pos`; returns the position of the one that followed it.
    #[inline]
    pub fn delete(&mut self, pos: Pos) -> Option<Pos> {
        self.delete_from(pos, 1)
    }

    /// Removes `count` elements from `pos` on, or as many as there are; returns the position of the one that
    /// followed them.
    pub fn delete_from(&mut self, pos: Pos, count: usize) -> Option<Pos> {
        let last = self.byte_len() - 1;
        let mut end = pos.0;
        let mut deleted = 0;
        while deleted < count && end < last {
            end += self.span(Pos(end));
            deleted += 1;
        }
        self.cut(pos.0, end, deleted);
        (pos.0 < self.byte_len() - 1).then_some(pos)
    }

    /// Removes `count` elements from `index` on (counted from the tail if negative), or as many as there are.
    pub fn delete_range(&mut self, index: i64, count: usize) {
        if let Some(pos) = self.as_ref().seek(index) {
            self.delete_from(pos, count);
        }
    }

    /// Removes the elements at `positions`, which ascend, in one pass.
    pub fn delete_each(&mut self, positions: &[Pos]) {
        self.move_to(0);
        let len = self.byte_len();
        let mut kept = positions.first().map_or(len, |pos| pos.0);
        for (index, &pos) in positions.iter().enumerate() {
            let from = pos.0 + self.span(pos);
            let to = positions.get(index + 1).map_or(len, |next| next.0);
            self.buffer.copy_within(from..to, kept);
            kept += to - from;
        }
        self.buffer.truncate(kept);
        self.write_size();
        self.subtract_from_count(positions.len());
    }

    /// Adds all elements of `other` behind the last.
    pub fn append(&mut self, other: ListpackRef<'_>) {
        self.insert_all(self.byte_len() - 1, other);
    }

    /// Cuts off the elements from `pos` on and returns them.
    pub fn split_off(&mut self, pos: Pos) -> Listpack {
        let last = self.byte_len() - 1;
        let mut tail = Listpack::with_capacity(HEADER + self.byte_len() - pos.0);
        tail.buffer.truncate(HEADER);
        tail.buffer.extend_from_slice(&self.bytes()[pos.0..]);
        tail.write_size();
        let moved = tail.iter().count();
        tail.add_to_count(moved);
        self.cut(pos.0, last, moved);
        tail
    }

    /// Whether more than half of the buffer is free.
    #[inline]
    pub fn has_slack(&self) -> bool {
        // Cheap to ask, and nearly always false.
        self.buffer.capacity() / 2 >= self.byte_len() && self.allocated() > 2 * size_class(self.byte_len())
    }

    /// Gives back what the buffer has beyond the size class that the bytes need.
    pub fn shrink_to_fit(&mut self) {
        let fitting = size_class(self.byte_len());
        if self.buffer.capacity() > fitting {
            self.move_to(0);
            self.buffer.shrink_to(fitting);
        }
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        &self.buffer[self.gap..]
    }

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[self.gap..]
    }

    /// Makes the gap smaller by moving the bytes to the front.
    #[inline]
    fn move_to(&mut self, gap: usize) {
        if gap < self.gap {
            let len = self.byte_len();
            self.buffer.copy_within(self.gap.., gap);
            self.buffer.truncate(gap + len);
            self.gap = gap;
        }
    }

    /// Makes all that the buffer has free a gap, at least `least` bytes.
    #[cold]
    fn open_gap(&mut self, least: usize) {
        self.move_to(0);
        let len = self.byte_len();
        self.grow_to(len + least);
        let gap = self.buffer.capacity() - len;
        self.buffer.resize(len + gap, 0);
        self.buffer.copy_within(..len, gap);
        self.gap = gap;
    }

    /// Has the listpack begin at `gap` in the buffer, with a header that tells `count`.
    #[inline]
    fn begin_at(&mut self, gap: usize, count: u16) {
        self.gap = gap;
        let size = u32::try_from(self.byte_len()).expect("callers keep to MAX_BYTES");
        let [a, b, c, d] = size.to_le_bytes();
        let [low, high] = count.to_le_bytes();
        self.bytes_mut()[..HEADER].copy_from_slice(&[a, b, c, d, low, high]);
    }

    #[inline]
    fn span(&self, pos: Pos) -> usize {
        entry::span_at(&self.bytes()[pos.0..]).expect("a position of this listpack")
    }

    /// Writes `element` over the `old` bytes at `at`; the count is the caller's.
    #[inline]
    fn splice(&mut self, at: usize, old: usize, element: &Encoded<'_>) {
        let new = element.span();
        self.resize_gap(at, old, new);
        element.write(&mut self.bytes_mut()[at..at + new]);
    }

    /// Makes the `old` bytes at `at` into `new` bytes of any content, and sets the size.
    #[inline]
    fn resize_gap(&mut self, at: usize, old: usize, new: usize) {
        if new > old {
            self.make_room(new - old);
        }
        let (at, len) = (self.gap + at, self.buffer.len());
        let len_after = len - old + new;
        if new > old {
            self.buffer.resize(len_after, 0);
        }
        self.buffer.copy_within(at + old..len, at + new);
        self.buffer.truncate(len_after);
        self.write_size();
    }

    /// Has the buffer hold `more` bytes more behind those there are.
    #[inline]
    fn make_room(&mut self, more: usize) {
        if self.buffer.len() + more <= self.buffer.capacity() {
            return;
        }
        if self.gap > 0 {
            // Half of the gap stays, for those who push at both ends by turns; all goes if that isn't enough.
            let half = self.gap / 2;
            self.move_to(if half >= more { half } else { 0 });
        }
        self.grow_to(self.buffer.len() + more);
    }

    /// Has the buffer hold `len` bytes, in steps of the allocator's classes: a quarter of a doubling each.
    #[inline]
    fn grow_to(&mut self, len: usize) {
        if len > self.buffer.capacity() {
            self.buffer.reserve_exact(size_class(len) - self.buffer.len());
        }
    }

    fn cut(&mut self, start: usize, end: usize, elements: usize) {
        self.resize_gap(start, end - start, 0);
        self.subtract_from_count(elements);
    }

    fn insert_all(&mut self, at: usize, other: ListpackRef<'_>) {
        let body = &other.bytes()[HEADER..other.byte_len() - 1];
        self.resize_gap(at, 0, body.len());
        self.bytes_mut()[at..at + body.len()].copy_from_slice(body);
        self.add_to_count(other.len());
    }

    #[inline]
    fn add_to_count(&mut self, elements: usize) {
        self.write_count(self.count_with(elements));
    }

    #[inline]
    fn subtract_from_count(&mut self, elements: usize) {
        self.write_count(self.count_without(elements));
    }

    /// The header's count with `elements` more. Saturates at the mark for "unknown", and stays there.
    #[inline]
    fn count_with(&self, elements: usize) -> u16 {
        let added = u16::try_from(elements).unwrap_or(UNKNOWN_COUNT);
        self.as_ref().header_count().saturating_add(added)
    }

    /// The header's count with `elements` less.
    #[inline]
    fn count_without(&self, elements: usize) -> u16 {
        match self.as_ref().header_count() {
            UNKNOWN_COUNT => UNKNOWN_COUNT,
            count => count - elements as u16,
        }
    }

    #[inline]
    fn write_count(&mut self, count: u16) {
        self.bytes_mut()[4..HEADER].copy_from_slice(&count.to_le_bytes());
    }

    #[inline]
    fn write_size(&mut self) {
        let size = u32::try_from(self.byte_len()).expect("callers keep to MAX_BYTES");
        self.bytes_mut()[..4].copy_from_slice(&size.to_le_bytes());
    }
}

/// A clone's buffer holds the bytes and nothing else.
impl Clone for Listpack {
    fn clone(&self) -> Self {
        Listpack { buffer: self.bytes().to_vec(), gap: 0 }
    }
}

impl PartialEq for Listpack {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Listpack {}

impl Default for Listpack {
    fn default() -> Self {
        Listpack::new()
    }
}

impl std::fmt::Debug for Listpack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_ref().fmt(f)
    }
}
