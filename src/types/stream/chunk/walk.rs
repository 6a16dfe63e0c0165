//! Reading a chunk, forward and backward.

use super::super::id::StreamId;
use super::{Chunk, DELETED, MS_MOVES, Place, SAME_FIELDS, SEQ_FOLLOWS, usual_step};
use crate::types::listpack::{Item, back_len_size, decode, read_back_len};

/// Fields and values, as they lie one behind the other, and what is behind them.
#[derive(Clone, Debug)]
pub(super) struct Items<'a> {
    rest: &'a [u8],
}

/// An entry as it lies in its chunk.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    id: StreamId,
    fields: Fields<'a>,
}

/// The fields of an entry with their values, in the order in which they were given.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    left: usize,
    /// The fields, if they lie apart from the values.
    fields: Option<Items<'a>>,
    values: Items<'a>,
}

/// The entry at which a walk stands, spread over its parts: putting every entry together that a walk
/// passes would take longer than reading it.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    id: StreamId,
    flags: u8,
    pairs: usize,
    values: Items<'a>,
    /// The names of the first entry's fields, and their number.
    names: Items<'a>,
    first_fields: usize,
}

/// A walk from an entry to the last, tombstones included; stands before its first one at first.
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    cursor: Cursor<'a>,
    bytes: &'a [u8],
    here: Place,
    /// Where the next entry begins.
    next: usize,
    master_id: StreamId,
}

/// A walk from the last entry to the first, tombstones included unless they are before all living entries; stands
/// behind the last one at first.
#[derive(Clone, Debug)]
pub struct WalkBack<'a> {
    cursor: Cursor<'a>,
    bytes: &'a [u8],
    here: Place,
    /// Where the first entry begins.
    first: usize,
}

impl<'a> Items<'a> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Items { rest: bytes }
    }

    /// Steps over the next one; returns the bytes in which it is encoded.
    #[inline]
    pub(super) fn next_bare(&mut self) -> Option<&'a [u8]> {
        let (_, size) = decode(self.rest)?;
        let (bare, rest) = self.rest.split_at_checked(size)?;
        self.rest = rest;
        Some(bare)
    }

    /// How many bytes are left, those of what isn't fields and values included.
    #[inline]
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    fn skip_items(&mut self, count: usize) -> Option<()> {
        for _ in 0..count {
            self.next_bare()?;
        }
        Some(())
    }

    #[inline]
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for (group, &byte) in self.rest.iter().enumerate().take(10) {
            number |= u64::from(byte & 0x7F) << (7 * group);
            if byte < 0x80 {
                self.rest = &self.rest[group + 1..];
                return Some(number);
            }
        }
        None
    }

    /// A number that stands for a difference in either direction.
    #[inline]
    fn difference(&mut self) -> Option<u64> {
        let number = self.number()?;
        Some(number >> 1 ^ (number & 1).wrapping_neg())
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        let (item, size) = decode(self.rest)?;
        self.rest = &self.rest[size..];
        Some(item)
    }
}

impl<'a> Entry<'a> {
    /// The entry's ID.
    #[inline]
    pub fn id(&self) -> StreamId {
        self.id
    }

    /// Number of fields.
    #[inline]
    pub fn len(&self) -> usize {
        self.fields.left
    }

    /// Whether there are no fields.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The fields with their values.
    #[inline]
    pub fn fields(&self) -> Fields<'a> {
        self.fields.clone()
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Item<'a>, Item<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let field = match &mut self.fields {
            Some(fields) => fields.next()?,
            None => self.values.next()?,
        };
        Some((field, self.values.next()?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Fields<'_> {}

impl<'a> Cursor<'a> {
    fn new(chunk: &'a Chunk) -> Self {
        let names = chunk.names();
        Self {
            id: chunk.last,
            flags: DELETED,
            pairs: 0,
            values: names.clone(),
            names,
            first_fields: chunk.fields as usize,
        }
    }

    /// Reads the entry at the head of `bytes` but for its ID, of which it returns what leads there from the ID
    /// before.
    #[inline]
    fn read(&mut self, bytes: &'a [u8]) -> Option<StreamId> {
        let (&head, rest) = bytes.split_first()?;
        let mut rest = Items::new(rest);
        let ms_moves = head & MS_MOVES != 0;
        let ms = if ms_moves { rest.difference()? } else { 0 };
        let seq = if head & SEQ_FOLLOWS != 0 { rest.difference()? } else { usual_step(ms_moves) };
        self.flags = head;
        self.pairs = if self.has_first_fields() { self.first_fields } else { rest.number()? as usize };
        self.values = rest;
        Some(StreamId::new(ms, seq))
    }

    /// The ID of the entry.
    #[inline]
    pub fn id(&self) -> StreamId {
        self.id
    }

    /// Whether the entry isn't a tombstone.
    #[inline]
    pub fn is_living(&self) -> bool {
        self.flags & DELETED == 0
    }

    /// The entry.
    #[inline]
    pub fn entry(&self) -> Entry<'a> {
        let fields = self.has_first_fields().then(|| self.names.clone());
        Entry { id: self.id, fields: Fields { left: self.pairs, fields, values: self.values.clone() } }
    }

    /// Redis's flags of the entry.
    pub(super) fn flags(&self) -> u8 {
        self.flags & (DELETED | SAME_FIELDS)
    }

    /// Number of fields.
    pub(super) fn pairs(&self) -> usize {
        self.pairs
    }

    /// The fields and values that the entry doesn't share with the first one.
    pub(super) fn own_items(&self) -> Items<'a> {
        self.values.clone()
    }

    /// Number of elements that are fields and values of its own.
    #[inline]
    pub(super) fn contents(&self) -> usize {
        if self.has_first_fields() { self.pairs } else { 2 * self.pairs }
    }

    /// Whether it has the first entry's fields.
    #[inline]
    pub(super) fn has_first_fields(&self) -> bool {
        self.flags & SAME_FIELDS != 0
    }
}

impl<'a> Walk<'a> {
    pub(super) fn new(chunk: &'a Chunk, master_id: StreamId, from: Place) -> Self {
        let cursor = Cursor { id: from.before, ..Cursor::new(chunk) };
        Self { cursor, bytes: &chunk.bytes, here: from, next: from.at as usize, master_id }
    }

    /// Steps to the next entry.
    #[inline]
    pub fn advance(&mut self) -> Option<&Cursor<'a>> {
        let bytes = &self.bytes[self.next..];
        let before = self.cursor.id;
        let step = self.cursor.read(bytes)?;
        self.cursor.id = StreamId::new(before.ms.wrapping_add(step.ms), before.seq.wrapping_add(step.seq));
        self.here = Place { at: self.next as u32, before };
        let mut items = self.cursor.own_items();
        items.skip_items(self.cursor.contents())?;
        let size = bytes.len() - items.left();
        self.next += size + back_len_size(size);
        Some(&self.cursor)
    }

    /// The ID from which the entries' IDs lead on.
    pub fn master_id(&self) -> StreamId {
        self.master_id
    }

    /// Where the entry is.
    pub(super) fn place(&self) -> Place {
        self.here
    }
}

impl<'a> WalkBack<'a> {
    pub(super) fn new(chunk: &'a Chunk) -> Self {
        let end = Place { at: chunk.bytes.len() as u32, before: chunk.last };
        Self { cursor: Cursor::new(chunk), bytes: &chunk.bytes, here: end, first: chunk.start.at as usize }
    }

    /// Steps to the entry before.
    #[inline]
    pub fn advance(&mut self) -> Option<&Cursor<'a>> {
        let Place { at: end, before: id } = self.here;
        let bytes = self.bytes.get(self.first..end as usize).filter(|bytes| !bytes.is_empty())?;
        let (size, back) = read_back_len(bytes)?;
        let at = end as usize - back - size;
        let step = self.cursor.read(&self.bytes[at..])?;
        self.cursor.id = id;
        let before = StreamId::new(id.ms.wrapping_sub(step.ms), id.seq.wrapping_sub(step.seq));
        self.here = Place { at: at as u32, before };
        Some(&self.cursor)
    }

    /// Where the entry is.
    pub(super) fn place(&self) -> Place {
        self.here
    }
}
