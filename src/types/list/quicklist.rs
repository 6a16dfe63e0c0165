//! The large form: where Redis draws the borders between chunks.
//!
//! Everything that depends on the borders can be seen from outside in one place only: a list becomes a
//! listpack again when a single chunk is left. So that this happens at the same command as in Redis, chunks
//! are filled, split and merged by the rules of its quicklist.

use std::ops::Range;

use super::chunk::{Chunk, ChunkRef, Needle};
use super::limits::Fill;
use super::rope::Rope;
use super::{End, Side};
use crate::types::listpack::Listpack;

/// A list of chunks. `packed_threshold` is that of [`ListLimits`](super::ListLimits) throughout.
#[derive(Clone, Debug)]
pub(super) struct Quicklist {
    pub rope: Rope,
    /// Stays what it was when the quicklist was made, whatever is configured later.
    fill: Fill,
}

impl Quicklist {
    pub fn new(fill: Fill) -> Quicklist {
        Quicklist { rope: Rope::new(), fill }
    }

    /// Adds a chunk behind the last, as it is.
    pub fn push_chunk(&mut self, chunk: Chunk) {
        self.rope.insert(self.rope.len(), chunk);
    }

    /// Adds elements one by one at `end`.
    #[inline]
    pub fn push<'v>(&mut self, end: End, values: impl Iterator<Item = &'v [u8]>, packed_threshold: usize) {
        for value in values {
            let oversized = self.fill.is_oversized(value, packed_threshold);
            if oversized || !self.fill_end(end, value) {
                self.rope.insert(self.border(end), new_chunk(value, oversized));
            }
        }
    }

    /// Adds `value` to the chunk at `end`, if that takes it.
    #[inline]
    fn fill_end(&mut self, end: End, value: &[u8]) -> bool {
        let fill = self.fill;
        self.rope.add_at_end(
            end,
            |chunk, count| match chunk {
                Chunk::Packed(listpack) => fill.admits(listpack.byte_len(), count, value),
                Chunk::Plain(_) => false,
            },
            |chunk| push_into(chunk, end, value),
        )
    }

    fn border(&self, end: End) -> usize {
        match end {
            End::Head => 0,
            End::Tail => self.rope.len(),
        }
    }

    /// Adds `value` next to the element at `index`.
    pub fn insert(&mut self, side: Side, index: usize, value: &[u8], packed_threshold: usize) {
        let Some((chunk, start)) = self.rope.chunk_at(index) else { return };
        let view = chunk.view();
        let end = start + view.len();
        let at = if side == Side::After { index + 1 } else { index };
        let at_border = (side == Side::After && at == end) || (side == Side::Before && at == start);
        let oversized = self.fill.is_oversized(value, packed_threshold);

        if !oversized && admits(self.fill, view, value) {
            self.rope.edit(index, |chunk| insert_into(chunk, at - start, value));
        } else if at_border {
            let neighbour = if side == Side::After { Some(end) } else { start.checked_sub(1) };
            let neighbour = neighbour.filter(|_| !oversized).and_then(|index| {
                let (chunk, _) = self.rope.chunk_at(index)?;
                admits(self.fill, chunk.view(), value).then_some(index)
            });
            match neighbour {
                Some(index) => {
                    let near = if side == Side::After { End::Head } else { End::Tail };
                    self.rope.edit(index, |chunk| push_into(chunk, near, value));
                }
                None => self.rope.insert(at, new_chunk(value, oversized)),
            }
        } else {
            self.split(at);
            if oversized {
                self.rope.insert(at, new_chunk(value, true));
                return;
            }
            // The value joins the half that the pivot is not in; merging starts from the pivot's.
            match side {
                Side::After => self.rope.edit(at, |chunk| push_into(chunk, End::Head, value)),
                Side::Before => self.rope.edit(at - 1, |chunk| push_into(chunk, End::Tail, value)),
            }
            self.merge_around(if side == Side::After { index } else { index + 1 });
        }
    }

    /// Puts `value` in the place of the element at `index`.
    pub fn replace(&mut self, index: usize, value: &[u8], packed_threshold: usize) {
        let Some((chunk, start)) = self.rope.chunk_at(index) else { return };
        let oversized = self.fill.is_oversized(value, packed_threshold);
        let len = chunk.len();
        match (chunk, oversized) {
            (Chunk::Packed(_), false) => self.rope.edit(index, |chunk| {
                if let Chunk::Packed(listpack) = chunk {
                    let pos = listpack.as_ref().seek((index - start) as i64);
                    listpack.replace(pos.expect("the chunk holds the index"), value);
                }
            }),
            (Chunk::Plain(_), false) => {
                self.insert(Side::After, index, value, packed_threshold);
                self.rope.take(index);
            }
            (_, true) if len == 1 => {
                self.rope.take(index);
                self.rope.insert(index, new_chunk(value, true));
            }
            (_, true) => {
                if index + 1 < start + len {
                    self.split(index + 1);
                }
                self.rope.insert(index + 1, new_chunk(value, true));
                self.rope.cut(index..index + 1);
                if index > start {
                    self.merge_around(index);
                }
            }
        }
    }

    /// Removes a range of elements; merges nothing.
    pub fn cut(&mut self, range: Range<usize>) {
        self.rope.cut(range);
    }

    /// Removes up to `most` elements equal to `element`, counted from `end`; merges nothing.
    pub fn remove(&mut self, element: &[u8], end: End, most: usize) -> usize {
        let needle = Needle::from(element);
        let mut removed = 0;
        // What is still to be looked at lies before or behind this index.
        let mut index = self.border(end);
        while removed < most {
            let inside = if end == End::Head { Some(index) } else { index.checked_sub(1) };
            let Some((chunk, start)) = inside.and_then(|inside| self.rope.chunk_at(inside)) else { break };
            let count = chunk.len();
            let gone = self.remove_in_chunk(start, &needle, end, most - removed);
            removed += gone;
            index = if end == End::Head { start + count - gone } else { start };
        }
        removed
    }

    fn remove_in_chunk(&mut self, start: usize, needle: &Needle<'_>, end: End, most: usize) -> usize {
        let Some((chunk, _)) = self.rope.chunk_at(start) else { return 0 };
        if let Chunk::Plain(plain) = chunk {
            let is = **plain == *needle.bytes;
            if is {
                self.rope.take(start);
            }
            return usize::from(is);
        }
        let positions = chunk.view().matches(&needle.encoded, end, most);
        if !positions.is_empty() {
            self.rope.edit(start, |chunk| {
                if let Chunk::Packed(listpack) = chunk {
                    listpack.delete_each(&positions);
                }
            });
        }
        positions.len()
    }

    /// The listpack, if it is all there is and within the limit.
    pub fn small_listpack(&self, fill: Fill, shrinking: bool) -> Option<&Listpack> {
        let Chunk::Packed(listpack) = self.rope.only_chunk()? else { return None };
        fill.admits_listpack(listpack.byte_len(), listpack.len(), shrinking).then_some(listpack)
    }

    /// Makes a border before the element `at`, which lies inside a listpack.
    fn split(&mut self, at: usize) {
        let start = self.rope.chunk_at(at).map_or(at, |(_, start)| start);
        let tail = self.rope.edit(at, |chunk| match chunk {
            Chunk::Packed(listpack) => {
                let pos = listpack.as_ref().seek((at - start) as i64);
                let tail = listpack.split_off(pos.expect("the chunk holds the index"));
                Some(Chunk::Packed(tail))
            }
            Chunk::Plain(_) => None,
        });
        if let Some(tail) = tail {
            self.rope.insert(at, tail);
        }
    }

    /// Merges around the chunk of `index` what fits together: first its two neighbours on the left with each
    /// other, then those on the right, then the chunk with what is now left and right of it.
    fn merge_around(&mut self, index: usize) {
        let Some((center, start)) = self.rope.chunk_at(index) else { return };
        let end = start + center.len();
        if let Some((_, left)) = start.checked_sub(1).and_then(|last| self.rope.chunk_at(last)) {
            self.merge_at(left);
        }
        if let Some((right, _)) = self.rope.chunk_at(end) {
            self.merge_at(end + right.len());
        }
        self.merge_at(start);
        self.merge_at(end);
    }

    /// Merges the chunks on both sides of the border `at`, if they fit into one.
    fn merge_at(&mut self, at: usize) {
        let Some((left, _)) = at.checked_sub(1).and_then(|last| self.rope.chunk_at(last)) else { return };
        let Some((right, _)) = self.rope.chunk_at(at) else { return };
        let (Chunk::Packed(left), Chunk::Packed(right)) = (left, right) else { return };
        let size = |listpack: &Listpack| (listpack.byte_len(), listpack.len());
        if !self.fill.admits_merge(size(left), size(right)) {
            return;
        }
        let right = self.rope.take(at);
        self.rope.edit(at - 1, |left| {
            if let (Chunk::Packed(left), Chunk::Packed(right)) = (left, &*right) {
                left.append(right.as_ref());
            }
        });
    }
}

#[inline]
fn admits(fill: Fill, chunk: ChunkRef<'_>, value: &[u8]) -> bool {
    match chunk {
        ChunkRef::Packed(listpack) => fill.admits(listpack.byte_len(), listpack.len(), value),
        ChunkRef::Plain(_) => false,
    }
}

fn new_chunk(value: &[u8], oversized: bool) -> Chunk {
    if oversized { Chunk::Plain(value.into()) } else { Chunk::of(value) }
}

#[inline]
fn push_into(chunk: &mut Chunk, end: End, value: &[u8]) {
    if let Chunk::Packed(listpack) = chunk {
        match end {
            End::Head => listpack.push_front_near(value),
            End::Tail => listpack.push_back(value),
        }
    }
}

fn insert_into(chunk: &mut Chunk, offset: usize, value: &[u8]) {
    if let Chunk::Packed(listpack) = chunk {
        let view = listpack.as_ref();
        let pos = view.seek(offset as i64).unwrap_or(view.end());
        listpack.insert_before(pos, value);
    }
}
