//! Reading a listpack: positions, iteration, search, and the check of foreign bytes.

use std::fmt;

use smallvec::SmallVec;

use super::entry::{self, END, Encoded, Item};
use super::{HEADER, UNKNOWN_COUNT};

/// Where an element lies: the byte offset of its entry.
///
/// Good for the listpack it came from until an element before it changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Pos(pub(super) usize);

/// Why bytes are not a listpack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListpackError {
    /// Too short for a header, or the header's size isn't the size of the bytes, or the end mark is missing.
    Frame,
    /// An entry of unknown encoding, or one that reaches beyond the end, or whose back length is wrong.
    Entry,
    /// The header's count isn't the number of entries.
    Count,
}

/// A borrowed listpack. Copying it copies a reference.
#[derive(Clone, Copy)]
pub struct ListpackRef<'a> {
    bytes: &'a [u8],
}

impl<'a> ListpackRef<'a> {
    /// Takes bytes that are known to be a listpack in canonical encoding, made by this program or checked
    /// before. Of other bytes the answers are wrong, and positions may panic.
    #[inline]
    pub fn from_bytes(bytes: &'a [u8]) -> Self {
        debug_assert!(frame_is_sound(bytes));
        ListpackRef { bytes }
    }

    /// The bytes, as they stand in an RDB file.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Length of the bytes.
    #[inline]
    pub fn byte_len(self) -> usize {
        self.bytes.len()
    }

    /// Number of elements. The header knows it up to 65,534; beyond, the entries are counted.
    #[inline]
    pub fn len(self) -> usize {
        match self.header_count() {
            UNKNOWN_COUNT => self.iter().count(),
            count => usize::from(count),
        }
    }

    /// Whether there is no element.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.bytes.len() == HEADER + 1
    }

    #[inline]
    pub(super) fn header_count(self) -> u16 {
        u16::from_le_bytes([self.bytes[4], self.bytes[5]])
    }

    /// The entries without header and end mark.
    #[inline]
    fn body(self) -> &'a [u8] {
        &self.bytes[HEADER..self.bytes.len() - 1]
    }

    /// The elements in order, from either end.
    #[inline]
    pub fn iter(self) -> Iter<'a> {
        Iter { rest: self.body() }
    }

    /// The elements from `pos` to the last.
    #[inline]
    pub fn iter_from(self, pos: Pos) -> Iter<'a> {
        Iter { rest: &self.bytes[pos.0..self.bytes.len() - 1] }
    }

    /// The elements from the first up to but without the one at `pos`; read backwards, those before `pos`.
    #[inline]
    pub fn iter_before(self, pos: Pos) -> Iter<'a> {
        Iter { rest: &self.bytes[HEADER..pos.0] }
    }

    /// The element at `index`, counted from the head, or from the tail (-1 is the last) if negative.
    #[inline]
    pub fn get(self, index: i64) -> Option<Item<'a>> {
        self.seek(index).map(|pos| self.at(pos))
    }

    /// The element at `pos`.
    #[inline]
    pub fn at(self, pos: Pos) -> Item<'a> {
        entry::decode(&self.bytes[pos.0..]).expect("a position of this listpack").0
    }

    /// Whether the element at `pos` is `element`.
    #[inline]
    pub fn is_at(self, pos: Pos, element: &Encoded<'_>) -> bool {
        element.matches(&self.bytes[pos.0..])
    }

    /// Position of the first element.
    #[inline]
    pub fn first(self) -> Option<Pos> {
        (!self.is_empty()).then_some(Pos(HEADER))
    }

    /// Position of the last element.
    #[inline]
    pub fn last(self) -> Option<Pos> {
        self.prev(self.end())
    }

    /// The position behind the last element: to insert there, or to walk back from.
    #[inline]
    pub fn end(self) -> Pos {
        Pos(self.bytes.len() - 1)
    }

    /// Position of the element after the one at `pos`.
    #[inline]
    pub fn next(self, pos: Pos) -> Option<Pos> {
        let span = entry::span_at(&self.bytes[pos.0..])?;
        (pos.0 + span < self.bytes.len() - 1).then_some(Pos(pos.0 + span))
    }

    /// Position of the element before the one at `pos`.
    #[inline]
    pub fn prev(self, pos: Pos) -> Option<Pos> {
        let (size, back) = entry::read_back_len(&self.bytes[HEADER..pos.0])?;
        Some(Pos(pos.0 - size - back))
    }

    /// Position of the element at `index`, counted from the head, or from the tail (-1 is the last) if
    /// negative. Walks from the nearer end.
    pub fn seek(self, index: i64) -> Option<Pos> {
        let (mut from_head, mut steps) = match index {
            0.. => (true, index.unsigned_abs()),
            _ => (false, index.unsigned_abs() - 1),
        };
        let count = self.header_count();
        if count != UNKNOWN_COUNT {
            let count = u64::from(count);
            if steps >= count {
                return None;
            }
            if steps > count / 2 {
                from_head = !from_head;
                steps = count - 1 - steps;
            }
        }
        let mut pos = if from_head { self.first()? } else { self.last()? };
        for _ in 0..steps {
            pos = if from_head { self.next(pos)? } else { self.prev(pos)? };
        }
        Some(pos)
    }

    /// Whether two of the elements 0, `step`, 2 `step`, ... are the same.
    pub fn has_repeats(self, step: usize) -> bool {
        let mut rest = self.body();
        let mut entries = SmallVec::<[&[u8]; 64]>::new();
        while !rest.is_empty() {
            let Some((entry, after)) = entry::span_at(rest).and_then(|span| rest.split_at_checked(span))
            else {
                break;
            };
            entries.push(entry);
            rest = after;
            for _ in 1..step {
                rest = entry::span_at(rest).and_then(|span| rest.get(span..)).unwrap_or_default();
            }
        }
        // Equal elements have equal bytes.
        entries.sort_unstable();
        entries.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// Finds `element` among the elements 0, `skip` + 1, 2 (`skip` + 1), ...; 1 looks at every other one,
    /// as the fields of a hash lie.
    #[inline]
    pub fn find(self, element: &[u8], skip: usize) -> Option<Pos> {
        self.find_encoded(&element.into(), skip)
    }

    /// Like [`find`](Self::find), for an element that is encoded already.
    pub fn find_encoded(self, element: &Encoded<'_>, skip: usize) -> Option<Pos> {
        let body = self.body();
        let mut rest = body;
        loop {
            if element.matches(rest) {
                return Some(Pos(HEADER + body.len() - rest.len()));
            }
            for _ in 0..=skip {
                rest = rest.get(entry::span_at(rest)?..)?;
            }
        }
    }
}

impl<'a> IntoIterator for ListpackRef<'a> {
    type Item = Item<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl fmt::Debug for ListpackRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The elements of a listpack, from either end.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    /// Whole entries that are still to come.
    rest: &'a [u8],
}

impl Iter<'_> {
    /// Steps over the next element and tells whether it is `element`.
    #[inline]
    pub fn next_is(&mut self, element: &Encoded<'_>) -> Option<bool> {
        let is = element.matches(self.rest);
        self.rest = self.rest.get(entry::span_at(self.rest)?..)?;
        Some(is)
    }

    /// Steps over the last element and tells whether it is `element`.
    #[inline]
    pub fn next_back_is(&mut self, element: &Encoded<'_>) -> Option<bool> {
        let start = self.last_start()?;
        let is = element.matches(&self.rest[start..]);
        self.rest = &self.rest[..start];
        Some(is)
    }

    #[inline]
    fn last_start(&self) -> Option<usize> {
        let (size, back) = entry::read_back_len(self.rest)?;
        self.rest.len().checked_sub(size + back)
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        let (item, size) = entry::decode(self.rest)?;
        self.rest = self.rest.get(size + entry::back_len_size(size)..)?;
        Some(item)
    }

    /// Skips without decoding.
    #[inline]
    fn nth(&mut self, n: usize) -> Option<Item<'a>> {
        for _ in 0..n {
            self.rest = self.rest.get(entry::span_at(self.rest)?..)?;
        }
        self.next()
    }

    fn count(self) -> usize {
        let mut rest = self.rest;
        let mut count = 0;
        while let Some(next) = entry::span_at(rest).and_then(|span| rest.get(span..)) {
            rest = next;
            count += 1;
        }
        count
    }
}

impl<'a> DoubleEndedIterator for Iter<'a> {
    #[inline]
    fn next_back(&mut self) -> Option<Item<'a>> {
        let start = self.last_start()?;
        let (item, _) = entry::decode(&self.rest[start..])?;
        self.rest = &self.rest[..start];
        Some(item)
    }
}

/// Whether size and end mark are right: what a listpack made by this program has in any case.
pub(super) fn frame_is_sound(bytes: &[u8]) -> bool {
    bytes.len() > HEADER
        && bytes.first_chunk().map(|size| u32::from_le_bytes(*size) as usize) == Some(bytes.len())
        && bytes.last() == Some(&END)
}

/// Checks every entry; tells whether all are in their shortest encoding.
pub(super) fn check(bytes: &[u8]) -> Result<bool, ListpackError> {
    if !frame_is_sound(bytes) {
        return Err(ListpackError::Frame);
    }
    let this = ListpackRef { bytes };
    let mut rest = this.body();
    let mut count = 0;
    let mut canonical = true;
    while !rest.is_empty() {
        let (item, size) = entry::decode(rest).ok_or(ListpackError::Entry)?;
        let back = entry::back_len_size(size);
        let whole = rest.get(..size + back).ok_or(ListpackError::Entry)?;
        if entry::read_back_len(whole) != Some((size, back)) {
            return Err(ListpackError::Entry);
        }
        canonical &= Encoded::from(item).matches(whole);
        rest = &rest[size + back..];
        count += 1;
    }
    let told = this.header_count();
    if told != UNKNOWN_COUNT && usize::from(told) != count {
        return Err(ListpackError::Count);
    }
    Ok(canonical)
}
