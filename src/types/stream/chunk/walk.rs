//! Reading a chunk, forward and backward.

use super::super::super::listpack::{Item, Iter, ListpackRef, Pos};
use super::super::id::StreamId;
use super::{DELETED, Master, SAME_FIELDS};

/// An entry as it lies in its chunk.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    id: StreamId,
    flags: u8,
    /// Number of field-value pairs.
    pairs: usize,
    /// The elements from the first field on.
    fields: Iter<'a>,
    /// The elements from the first value on; from the first field on if fields and values alternate.
    values: Iter<'a>,
}

/// The fields of an entry with their values.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    left: usize,
    /// The fields, if they lie apart from the values.
    fields: Option<Iter<'a>>,
    values: Iter<'a>,
}

/// The entries of a chunk in ascending order, tombstones included.
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    source: Source<'a>,
    /// Where the entry that came last begins.
    entry_at: Option<Pos>,
    next_at: Option<Pos>,
}

/// The entries of a chunk in descending order, tombstones included.
#[derive(Clone, Debug)]
pub struct WalkBack<'a> {
    source: Source<'a>,
    /// Position behind the entry to come.
    end: Pos,
}

/// What all entries of a chunk share.
#[derive(Clone, Debug)]
struct Source<'a> {
    listpack: ListpackRef<'a>,
    master_id: StreamId,
    master_fields: usize,
    fields: Iter<'a>,
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
        self.pairs
    }

    /// Whether there are no fields.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.pairs == 0
    }

    /// The fields with their values, in the order in which they were given.
    #[inline]
    pub fn fields(&self) -> Fields<'a> {
        let fields = self.has_master_fields().then(|| self.fields.clone());
        Fields { left: self.pairs, fields, values: self.values.clone() }
    }

    /// Whether the entry isn't a tombstone.
    #[inline]
    pub(in super::super) fn is_living(&self) -> bool {
        self.flags & DELETED == 0
    }

    #[inline]
    fn has_master_fields(&self) -> bool {
        self.flags & SAME_FIELDS != 0
    }

    /// Number of elements, the last of which tells the number of the others.
    #[inline]
    fn elements(&self) -> usize {
        if self.has_master_fields() { 4 + self.pairs } else { 5 + 2 * self.pairs }
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

impl<'a> Source<'a> {
    fn new(listpack: ListpackRef<'a>, master_id: StreamId, master: &Master<'a>) -> Self {
        Self { listpack, master_id, master_fields: master.fields, fields: master.rest.clone() }
    }

    /// The entry at a position.
    #[inline]
    fn entry(&self, at: Pos) -> Option<Entry<'a>> {
        let mut items = self.listpack.iter_from(at);
        let flags = int(items.next()?)? as u8;
        let ms = self.master_id.ms.wrapping_add(int(items.next()?)? as u64);
        let seq = self.master_id.seq.wrapping_add(int(items.next()?)? as u64);
        let (pairs, fields) = if flags & SAME_FIELDS != 0 {
            (self.master_fields, self.fields.clone())
        } else {
            let pairs = int(items.next()?)? as usize;
            (pairs, items.clone())
        };
        Some(Entry { id: StreamId::new(ms, seq), flags, pairs, fields, values: items })
    }
}

#[inline]
fn int(item: Item<'_>) -> Option<i64> {
    match item {
        Item::Int(value) => Some(value),
        Item::Bytes(_) => None,
    }
}

impl<'a> Walk<'a> {
    pub(super) fn new(listpack: ListpackRef<'a>, master_id: StreamId, master: &Master<'a>) -> Self {
        let source = Source::new(listpack, master_id, master);
        // The master entry ends with a zero.
        let first = (0..master.fields + 4).try_fold(listpack.first(), |at, _| Some(listpack.next(at?)));
        Self { source, entry_at: None, next_at: first.flatten() }
    }

    /// Where the entry that came last is.
    pub fn position(&self) -> Option<Pos> {
        self.entry_at
    }

    /// The ID to which the entries' IDs are relative.
    pub fn master(&self) -> StreamId {
        self.source.master_id
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        let at = self.next_at?;
        let entry = self.source.entry(at)?;
        self.entry_at = self.next_at;
        let mut next = at;
        for _ in 1..entry.elements() {
            next = self.source.listpack.next(next)?;
        }
        self.next_at = self.source.listpack.next(next);
        Some(entry)
    }
}

impl<'a> WalkBack<'a> {
    pub(super) fn new(listpack: ListpackRef<'a>, master_id: StreamId, master: &Master<'a>) -> Self {
        Self { source: Source::new(listpack, master_id, master), end: listpack.end() }
    }
}

impl<'a> Iterator for WalkBack<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        let listpack = self.source.listpack;
        let mut at = listpack.prev(self.end)?;
        let pieces = int(listpack.at(at))?;
        if pieces == 0 {
            return None;
        }
        for _ in 0..pieces {
            at = listpack.prev(at)?;
        }
        self.end = at;
        self.source.entry(at)
    }
}
