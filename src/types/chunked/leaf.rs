//! A leaf: one page with whatever it keeps apart, and all that changes a page.
//!
//! A change in place needs the page to itself: `Arc::make_mut` copies it when a clone of the table shares
//! it. Growing, splitting and joining write a new block anyway and so never copy twice.

use std::sync::Arc;

use super::page::{self, Apart, HEAD, Page, Place, slot_size};
use super::{Shape, position_tag, record};
use crate::base::size_class::size_class;
use crate::types::parting::Shared;

/// A leaf with this many elements is split before it takes another.
pub(super) const FULL_LEN: usize = if cfg!(test) { 8 } else { 64 };
/// So is one whose elements take this many bytes.
pub(super) const FULL_BYTES: usize = 4096;
/// Records from this length on are kept apart.
const APART_FROM: usize = 1024;
/// The two counters before the bytes of an `Arc<[u8]>`.
const ARC: usize = 16;

/// Some dozens of elements; see the head of [`page`](super::page).
pub(super) struct Leaf<S: Shape> {
    block: Arc<[u8]>,
    /// Records kept apart, in no order; a slot names each of them once.
    apart: Option<Arc<Vec<Apart>>>,
    len: u32,
    summary: S::Summary,
}

impl<S: Shape> Clone for Leaf<S> {
    fn clone(&self) -> Self {
        Leaf { block: self.block.clone(), apart: self.apart.clone(), ..*self }
    }
}

impl<S: Shape> Shared for Leaf<S> {
    fn is_alone(&self) -> bool {
        Arc::strong_count(&self.block) == 1
    }

    fn bytes(&self) -> usize {
        self.memory()
    }
}

impl<S: Shape> Default for Leaf<S> {
    fn default() -> Self {
        Leaf { block: Arc::default(), apart: None, len: 0, summary: S::NOTHING }
    }
}

impl<S: Shape> Leaf<S> {
    #[inline]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    #[inline]
    pub fn summary(&self) -> S::Summary {
        self.summary
    }

    #[inline]
    pub fn page(&self) -> Page<'_> {
        let apart = self.apart.as_ref().map_or(&[][..], |apart| &apart[..]);
        Page { block: &self.block, len: self.len(), apart }
    }

    /// The key and the value of element `i`.
    #[inline]
    pub fn get(&self, i: usize) -> (&[u8], S::Value<'_>) {
        let (key, value, _) = record::read::<S>(self.page().record(i));
        (key, value)
    }

    /// Whether it must be split before it takes another element.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.len() >= FULL_LEN || self.bytes() >= FULL_BYTES
    }

    /// Whether it and `other` together make a leaf that won't be split soon.
    pub fn may_join(&self, other: &Leaf<S>) -> bool {
        self.len() + other.len() <= FULL_LEN / 2 && self.bytes() + other.bytes() <= FULL_BYTES / 2
    }

    /// Bytes of the block in use.
    fn bytes(&self) -> usize {
        let page = self.page();
        page.live() + page.len * slot_size(page.block.len())
    }

    /// Allocations that it consists of.
    pub fn allocations(&self) -> usize {
        1 + self.apart.as_ref().map_or(0, |apart| 2 + 2 * apart.len())
    }

    /// Whether both are the same in memory.
    pub fn is_same(&self, other: &Leaf<S>) -> bool {
        Arc::ptr_eq(&self.block, &other.block) && self.len == other.len
    }

    /// Bytes that it occupies in memory.
    pub fn memory(&self) -> usize {
        let block = if self.block.is_empty() { 0 } else { size_class(ARC + self.block.len()) };
        let apart = self.apart.as_ref().map_or(0, |apart| {
            let records: usize = apart.iter().map(|a| size_class(ARC + 16) + size_class(a.len())).sum();
            size_class(ARC + 24) + size_class(8 * apart.capacity()) + records
        });
        block + apart
    }

    /// Adds an element whose key is not here, as number `i`, where its tag belongs.
    #[inline]
    pub fn insert(&mut self, i: usize, tag: u16, key: &[u8], value: S::Value<'_>) {
        let size = record::size::<S>(key, value);
        let within = if size < APART_FROM { size } else { 0 };
        if self.page().free() < within + slot_size(self.block.len()) {
            self.rebuild(1, within, None);
        }
        let place = if size < APART_FROM { None } else { Some(self.write_apart(key, value, size)) };
        let block = Arc::make_mut(&mut self.block);
        let place = place.unwrap_or_else(|| write_within::<S>(block, key, value, size));
        page::insert_slot(block, self.len as usize, i, tag, place);
        self.len += 1;
        self.summary = S::join(self.summary, S::summary(value));
    }

    /// Gives element `i`, whose key this is, another value.
    pub fn replace(&mut self, i: usize, key: &[u8], value: S::Value<'_>) {
        let (_, old, old_size) = record::read::<S>(self.page().record(i));
        let (summary, old_summary) = (S::summary(value), S::summary(old));
        let size = record::size::<S>(key, value);
        match self.page().place(i) {
            Place::Within(back) if size == old_size => {
                let block = Arc::make_mut(&mut self.block);
                let at = block.len() - back;
                record::write::<S>(key, value, &mut block[at..]);
            }
            _ => {
                let tag = self.page().tag(i);
                self.release(i);
                let within = if size < APART_FROM { size } else { 0 };
                if self.page().free() < within {
                    self.rebuild(0, within, Some(i));
                }
                let place = self.write_record(key, value, size);
                page::set_slot(Arc::make_mut(&mut self.block), i, tag, place);
                self.compact();
            }
        }
        if old_summary == S::NOTHING {
            self.summary = S::join(self.summary, summary);
        } else if old_summary != summary {
            self.sum_up();
        }
    }

    /// Removes element `i`.
    pub fn remove(&mut self, i: usize) {
        let had_summary = S::summary(self.get(i).1) != S::NOTHING;
        self.release(i);
        let slot = slot_size(self.block.len());
        let (at, end) = (HEAD + i * slot, HEAD + self.len() * slot);
        Arc::make_mut(&mut self.block).copy_within(at + slot..end, at);
        self.len -= 1;
        if self.len == 0 {
            *self = Leaf::default();
        } else {
            self.compact();
        }
        if had_summary {
            self.sum_up();
        }
    }

    /// Moves the elements with tags from `tag` on to a leaf of their own.
    pub fn split_off(&mut self, tag: u16) -> Leaf<S> {
        let m = self.page().rank(tag);
        if m == 0 {
            return std::mem::take(self);
        }
        if m == self.len() {
            return Leaf::default();
        }
        let tail = self.part(m..self.len());
        *self = self.part(0..m);
        tail
    }

    /// Takes the elements of `tail`, whose tags are not below its own.
    pub fn append(&mut self, tail: &Leaf<S>) {
        if self.len == 0 {
            *self = tail.clone();
        } else if tail.len != 0 {
            let (head, tail, tail_summary) = (self.page(), tail.page(), tail.summary);
            let joined = Written::with_room(head.len + tail.len, head.live() + tail.live(), |to| {
                for page in [head, tail] {
                    for i in 0..page.len {
                        let (tag, place) = page.slot(i);
                        to.copy::<S>(page, tag, place);
                    }
                }
            });
            *self = joined.into_leaf(S::join(self.summary, tail_summary));
        }
    }

    /// The same elements with the tags they have at `level`.
    pub fn at_level(&self, level: u32) -> Leaf<S> {
        let page = self.page();
        let tag = |i| position_tag(S::position(record::key(page.record(i))), level);
        let mut order: Vec<(u16, usize)> = (0..page.len).map(|i| (tag(i), i)).collect();
        order.sort_unstable();
        let sorted = Written::with_room(page.len, page.live(), |to| {
            order.iter().for_each(|&(tag, i)| to.copy::<S>(page, tag, page.place(i)));
        });
        sorted.into_leaf(self.summary)
    }

    /// A leaf of some of the elements, in order.
    pub fn part(&self, elements: impl Iterator<Item = usize> + Clone) -> Leaf<S> {
        let page = self.page();
        let mut room = (0, 0);
        for i in elements.clone() {
            room.0 += 1;
            if let place @ Place::Within(_) = page.place(i) {
                room.1 += record::read::<S>(page.record_at(place)).2;
            }
        }
        let part = Written::with_room(room.0, room.1, |to| {
            for i in elements {
                let (tag, place) = page.slot(i);
                to.copy::<S>(page, tag, place);
            }
        });
        let mut part = part.into_leaf(self.summary);
        if self.summary != S::NOTHING {
            part.sum_up();
        }
        part
    }

    /// Writes a record where there is room for it, and tells the place.
    fn write_record(&mut self, key: &[u8], value: S::Value<'_>, size: usize) -> Place {
        if size >= APART_FROM {
            return self.write_apart(key, value, size);
        }
        write_within::<S>(Arc::make_mut(&mut self.block), key, value, size)
    }

    /// Keeps a record apart, and tells the place.
    #[cold]
    fn write_apart(&mut self, key: &[u8], value: S::Value<'_>, size: usize) -> Place {
        let mut bytes = vec![0; size];
        record::write::<S>(key, value, &mut bytes);
        let apart = Arc::make_mut(self.apart.get_or_insert_default());
        apart.push(Arc::new(bytes.into_boxed_slice()));
        Place::Apart(apart.len() - 1)
    }

    /// Gives up the record of element `i`; its slot is of no use until it is overwritten.
    fn release(&mut self, i: usize) {
        let page = self.page();
        match page.place(i) {
            Place::Within(back) => {
                let (low, dead) = (page.low(), page.dead());
                let (_, _, size) = record::read::<S>(page.record(i));
                let block = Arc::make_mut(&mut self.block);
                if block.len() - back == low {
                    page::set_low(block, low + size);
                } else {
                    page::set_dead(block, dead + size);
                }
            }
            Place::Apart(number) => {
                let last = page.apart.len() - 1;
                let slot = (0..page.len).find(|&i| page.place(i) == Place::Apart(last));
                let slot = slot.expect("a slot names each record that is apart");
                let tag = page.tag(slot);
                page::set_slot(Arc::make_mut(&mut self.block), slot, tag, Place::Apart(number));
                let apart = self.apart.as_mut().expect("the record is apart");
                Arc::make_mut(apart).swap_remove(number);
                if last == 0 {
                    self.apart = None;
                }
            }
        }
    }

    /// Writes a new block if a quarter of this one is dead.
    fn compact(&mut self) {
        if self.page().dead() * 4 > self.block.len() {
            self.rebuild(0, 0, None);
        }
    }

    /// Writes a new block without dead records, with room for `slots` more slots and `bytes` more of
    /// records. The record of `without`, given up before, is not copied.
    fn rebuild(&mut self, slots: usize, bytes: usize, without: Option<usize>) {
        let page = self.page();
        // Growing takes the next size class. Where records come and go, some room keeps that from
        // happening at every turn.
        let slack = if page.dead() > 0 { page.live() / 8 } else { 0 };
        let written = Written::with_room(page.len + slots, page.live() + bytes + slack, |to| {
            if page.dead() == 0
                && without.is_none()
                && slot_size(to.block.len()) == slot_size(page.block.len())
            {
                return to.copy_all(page);
            }
            for i in 0..page.len {
                match page.slot(i) {
                    (tag, place @ Place::Within(_)) if Some(i) != without => to.copy::<S>(page, tag, place),
                    (tag, place) => to.push_slot(tag, place),
                }
            }
        });
        self.block = written.block;
    }

    fn sum_up(&mut self) {
        let page = self.page();
        let summaries = (0..page.len).map(|i| S::summary(record::read::<S>(page.record(i)).1));
        self.summary = summaries.fold(S::NOTHING, S::join);
    }
}

/// Writes a record before the others of a block that has room for it, and tells the place.
#[inline]
fn write_within<S: Shape>(block: &mut [u8], key: &[u8], value: S::Value<'_>, size: usize) -> Place {
    let low = page::low(block) - size;
    page::set_low(block, low);
    record::write::<S>(key, value, &mut block[low..]);
    Place::Within(block.len() - low)
}

/// A block just written: what a leaf is made of.
struct Written {
    block: Arc<[u8]>,
    len: usize,
    apart: Vec<Apart>,
}

impl Written {
    /// Writes a block of the smallest size class that has room for `slots` and for `bytes` of records.
    fn with_room(slots: usize, bytes: usize, fill: impl FnOnce(&mut Writer<'_>)) -> Written {
        let fit = |slot: usize| size_class(ARC + HEAD + slots * slot + bytes) - ARC;
        let size = if slot_size(fit(4)) == 4 { fit(4) } else { fit(8) };
        let mut block = blank(size);
        let to = Arc::get_mut(&mut block).expect("the block is new");
        let mut writer = Writer { block: to, len: 0, low: size, apart: Vec::new() };
        fill(&mut writer);
        let Writer { len, low, apart, .. } = writer;
        page::set_low(to, low);
        Written { block, len, apart }
    }

    fn into_leaf<S: Shape>(self, summary: S::Summary) -> Leaf<S> {
        if self.len == 0 {
            return Leaf::default();
        }
        let apart = if self.apart.is_empty() { None } else { Some(Arc::new(self.apart)) };
        Leaf { block: self.block, apart, len: self.len as u32, summary }
    }
}

/// Appends elements to a block, in the order of their tags.
struct Writer<'b> {
    block: &'b mut [u8],
    len: usize,
    low: usize,
    apart: Vec<Apart>,
}

impl Writer<'_> {
    /// Appends an element of `page`.
    #[inline]
    fn copy<S: Shape>(&mut self, page: Page<'_>, tag: u16, place: Place) {
        let place = match place {
            Place::Within(_) => self.copy_record::<S>(page.record_at(place)),
            Place::Apart(number) => {
                self.apart.push(page.apart[number].clone());
                Place::Apart(self.apart.len() - 1)
            }
        };
        self.push_slot(tag, place);
    }

    /// Copies the record at the front of `bytes`.
    #[inline]
    fn copy_record<S: Shape>(&mut self, bytes: &[u8]) -> Place {
        let (_, _, size) = record::read::<S>(bytes);
        let end = self.low;
        self.low -= size;
        self.block[self.low..end].copy_from_slice(&bytes[..size]);
        Place::Within(self.block.len() - self.low)
    }

    /// Takes over slots and records as they are, into an empty block.
    fn copy_all(&mut self, page: Page<'_>) {
        let (slots, records) = (page.slots(), &page.block[page.low()..]);
        self.block[HEAD..HEAD + slots.len()].copy_from_slice(slots);
        self.low -= records.len();
        self.block[self.low..].copy_from_slice(records);
        self.len = page.len;
    }

    #[inline]
    fn push_slot(&mut self, tag: u16, place: Place) {
        page::set_slot(self.block, self.len, tag, place);
        self.len += 1;
    }
}

/// A block of zeros. Copying them is how safe code fills an `Arc<[u8]>` at the speed of memory.
fn blank(len: usize) -> Arc<[u8]> {
    static ZEROS: [u8; 2 * FULL_BYTES] = [0; 2 * FULL_BYTES];
    match ZEROS.get(..len) {
        Some(zeros) => Arc::from(zeros),
        None => Arc::from(vec![0; len]),
    }
}
