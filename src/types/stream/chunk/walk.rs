//! Reading a chunk, forward and backward.

use super::super::id::StreamId;
use super::{DELETED, Master, SAME_FIELDS, int};
use crate::types::listpack::{Item, Iter, ListpackRef, Pos};

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
    fields: Option<Iter<'a>>,
    values: Iter<'a>,
}

/// The entry at which a walk stands, spread over its parts: putting every entry together that a walk
/// passes would take longer than reading it.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    master_id: StreamId,
    master_fields: usize,
    /// The elements from the master's first field on.
    fields: Iter<'a>,
    id: StreamId,
    flags: u8,
    pairs: usize,
    values: Iter<'a>,
}

/// A walk from the first entry to the last, tombstones included; stands before the first one at first.
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    cursor: Cursor<'a>,
    rest: Iter<'a>,
}

/// A walk from the last entry to the first, tombstones included; stands behind the last one at first.
#[derive(Clone, Debug)]
pub struct WalkBack<'a> {
    cursor: Cursor<'a>,
    listpack: ListpackRef<'a>,
    /// Where the entry begins.
    at: Pos,
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
    pub(super) fn new(master_id: StreamId, master: &Master<'a>) -> Self {
        Self {
            master_id,
            master_fields: master.fields,
            fields: master.rest.clone(),
            id: master_id,
            flags: DELETED,
            pairs: 0,
            values: master.rest.clone(),
        }
    }

    /// Stands at the entry of which `elements` are the first ones.
    #[inline]
    pub(super) fn read(&mut self, mut elements: Iter<'a>) -> Option<()> {
        self.flags = int(elements.next()?)? as u8;
        self.id.ms = self.master_id.ms.wrapping_add(int(elements.next()?)? as u64);
        self.id.seq = self.master_id.seq.wrapping_add(int(elements.next()?)? as u64);
        self.pairs = self.master_fields;
        if !self.has_master_fields() {
            self.pairs = int(elements.next()?)? as usize;
        }
        self.values = elements;
        Some(())
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
        let fields = self.has_master_fields().then(|| self.fields.clone());
        Entry { id: self.id, fields: Fields { left: self.pairs, fields, values: self.values.clone() } }
    }

    /// The entry's flags.
    pub(super) fn flags(&self) -> u8 {
        self.flags
    }

    /// Number of the entry's elements. Beside fields and values these are the flags, the ID's two parts,
    /// perhaps the number of fields, and the number of pieces.
    pub(super) fn elements(&self) -> usize {
        self.contents() + if self.has_master_fields() { 4 } else { 5 }
    }

    /// Number of elements that are fields and values.
    #[inline]
    fn contents(&self) -> usize {
        if self.has_master_fields() { self.pairs } else { 2 * self.pairs }
    }

    #[inline]
    fn has_master_fields(&self) -> bool {
        self.flags & SAME_FIELDS != 0
    }
}

impl<'a> Walk<'a> {
    pub(super) fn new(master_id: StreamId, master: &Master<'a>, from: Iter<'a>) -> Self {
        Self { cursor: Cursor::new(master_id, master), rest: from }
    }

    /// Steps to the next entry.
    #[inline]
    pub fn advance(&mut self) -> Option<&Cursor<'a>> {
        self.cursor.read(self.rest.clone())?;
        self.rest = self.cursor.values.clone();
        // After the values comes the number of pieces.
        self.rest.nth(self.cursor.contents())?;
        Some(&self.cursor)
    }

    /// The ID to which the entries' IDs are relative.
    pub fn master_id(&self) -> StreamId {
        self.cursor.master_id
    }
}

impl<'a> WalkBack<'a> {
    pub(super) fn new(master_id: StreamId, master: &Master<'a>, listpack: ListpackRef<'a>) -> Self {
        Self { cursor: Cursor::new(master_id, master), listpack, at: listpack.end() }
    }

    /// Steps to the entry before.
    #[inline]
    pub fn advance(&mut self) -> Option<&Cursor<'a>> {
        let mut at = self.listpack.prev(self.at)?;
        let pieces = int(self.listpack.at(at))?;
        if pieces == 0 {
            return None;
        }
        for _ in 0..pieces {
            at = self.listpack.prev(at)?;
        }
        self.at = at;
        self.cursor.read(self.listpack.iter_from(at))?;
        Some(&self.cursor)
    }

    /// Where the entry is.
    pub(super) fn position(&self) -> Pos {
        self.at
    }
}
