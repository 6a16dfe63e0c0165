//! List: a listpack while it is small, a rope of listpack chunks when it is large.
//!
//! ```text
//! List ─ Packed(Listpack)                          OBJECT ENCODING "listpack"
//!      └ Quick(Quicklist ─ Rope ─ Tree ... Arc<Chunk>)              "quicklist"
//! ```
//!
//! A large list is shared, not copied, by `clone`: a reader takes a clone under the lock and walks it later,
//! and a writer copies the one chunk it touches if someone else still holds it ([`rope`]).
//!
//! The form, and so what OBJECT ENCODING tells, changes at the commands at which it changes in Redis: to a
//! quicklist before an operation that would exceed [`ListLimits`], and back to a listpack after an operation
//! that left a single chunk of half the limit. For this the borders between chunks follow Redis's rules
//! ([`quicklist`]).
//!
//! Operations with `limits` are whole commands in this respect. An operation that leaves the list empty
//! leaves the removal of its key to the caller.

mod chunk;
mod iter;
mod limits;
mod quicklist;
mod rope;
mod tree;

#[cfg(test)]
mod tests;

pub use chunk::ChunkRef;
pub use iter::{Chunks, Positions, Range};
pub use limits::ListLimits;

use smallvec::SmallVec;

use crate::base::num::IntText;
use crate::base::size_class::size_class;
use crate::types::listpack::{Encoded, Item, Listpack, ListpackRef};
use chunk::Chunk;
use limits::Fill;
use quicklist::Quicklist;

/// An end of a list, LEFT and RIGHT in commands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Where index 0 is.
    Head,
    /// Where index -1 is.
    Tail,
}

/// Where LINSERT puts an element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Nearer to the head.
    Before,
    /// Nearer to the tail.
    After,
}

/// A list of byte strings.
#[derive(Clone, Debug)]
pub struct List(Form);

#[derive(Clone, Debug)]
enum Form {
    Packed(Listpack),
    Quick(Quicklist),
}

impl List {
    /// An empty list.
    pub fn new() -> Self {
        List::from_listpack(Listpack::new())
    }

    /// A small list.
    pub fn from_listpack(listpack: Listpack) -> Self {
        List(Form::Packed(listpack))
    }

    /// The listpack of a small list, or the list itself if it is large.
    pub fn into_listpack(self) -> Result<Listpack, List> {
        match self.0 {
            Form::Packed(listpack) => Ok(listpack),
            Form::Quick(_) => Err(self),
        }
    }

    /// The listpack of a small list.
    pub fn as_listpack(&self) -> Option<ListpackRef<'_>> {
        match &self.0 {
            Form::Packed(listpack) => Some(listpack.as_ref()),
            Form::Quick(_) => None,
        }
    }

    /// What OBJECT ENCODING tells: "listpack" or "quicklist".
    pub fn encoding(&self) -> &'static str {
        match self.0 {
            Form::Packed(_) => "listpack",
            Form::Quick(_) => "quicklist",
        }
    }

    /// Number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Packed(listpack) => listpack.len(),
            Form::Quick(quick) => quick.rope.len(),
        }
    }

    /// Whether there is no element.
    #[inline]
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Form::Packed(listpack) => listpack.is_empty(),
            Form::Quick(quick) => quick.rope.len() == 0,
        }
    }

    /// Whether freeing it takes long enough to leave it to the background thread.
    pub fn is_large(&self) -> bool {
        match &self.0 {
            Form::Packed(_) => false,
            Form::Quick(quick) => quick.rope.is_deep(),
        }
    }

    /// Bytes in the allocator beside the `List` itself; a large list is extrapolated from 64 of its chunks.
    pub fn memory_bytes(&self) -> usize {
        const SAMPLES: usize = 64;
        let quick = match &self.0 {
            Form::Packed(listpack) => return size_class(listpack.byte_len()),
            Form::Quick(quick) => quick,
        };
        let (mut bytes, mut elements) = (0, 0);
        for sample in 0..SAMPLES {
            // Without overflow, and evenly enough.
            let index = (quick.rope.len() / SAMPLES * sample).max(elements);
            let Some((chunk, _)) = quick.rope.chunk_at(index) else { break };
            bytes += chunk.memory_bytes();
            elements += chunk.len();
        }
        let chunks =
            if elements == 0 { 0 } else { (bytes as f64 / elements as f64 * self.len() as f64) as usize };
        chunks + quick.rope.node_bytes()
    }

    /// Whether `other`, a clone of this list made earlier, shows that nothing has changed since.
    pub fn is_unchanged_since(&self, other: &List) -> bool {
        match (&self.0, &other.0) {
            (Form::Packed(a), Form::Packed(b)) => a == b,
            (Form::Quick(a), Form::Quick(b)) => a.rope.is_same(&b.rope),
            _ => false,
        }
    }

    /// The element at `index`, counted from the tail (-1 is the last) if negative.
    pub fn get(&self, index: i64) -> Option<Item<'_>> {
        let index = self.absolute(index)?;
        let (chunk, start) = self.chunk_at(index)?;
        chunk.get(index - start)
    }

    /// The elements from `start` to `stop`, both included and counted from the tail if negative; what lies
    /// outside the list is left out. Can be read from either end and knows its length.
    pub fn range(&self, start: i64, stop: i64) -> Range<'_> {
        let (front, back) = self.bounds(start, stop);
        Range::new(self, front, back)
    }

    /// All elements.
    pub fn iter(&self) -> Range<'_> {
        Range::new(self, 0, self.len())
    }

    /// The chunks in order, as an RDB file stores them; a small list is one chunk.
    pub fn chunks(&self) -> Chunks<'_> {
        Chunks::new(self)
    }

    /// Indexes of the elements equal to `element` among the first `most` from the end `from`, nearest first.
    pub fn positions<'n>(&self, element: &'n [u8], from: End, most: usize) -> Positions<'_, 'n> {
        Positions::new(self, element, from, most)
    }

    /// Adds elements one after the other at `end`.
    pub fn push<'v, I>(&mut self, end: End, values: I, limits: &ListLimits)
    where
        I: Iterator<Item = &'v [u8]> + Clone,
    {
        self.grow(values.clone(), limits);
        match &mut self.0 {
            Form::Packed(listpack) => {
                for value in values {
                    match end {
                        End::Head => listpack.push_front(value),
                        End::Tail => listpack.push_back(value),
                    }
                }
            }
            Form::Quick(quick) => quick.push(end, values, limits.packed_threshold),
        }
    }

    /// Removes the element at `end` after `see` has seen it.
    pub fn pop<R>(&mut self, end: End, limits: &ListLimits, see: impl FnOnce(Item<'_>) -> R) -> Option<R> {
        let seen = self.pop_as_is(end, see)?;
        self.shrink(limits);
        Some(seen)
    }

    /// Moves the element at `from` to the end `to`, as LMOVE does within one list.
    pub fn rotate<R>(
        &mut self,
        from: End,
        to: End,
        limits: &ListLimits,
        see: impl FnOnce(Item<'_>) -> R,
    ) -> Option<R> {
        let mut value = SmallVec::<[u8; 64]>::new();
        let seen = self.pop_as_is(from, |item| {
            value.extend_from_slice(item.as_bytes(&mut IntText::new()));
            see(item)
        })?;
        self.push(to, std::iter::once(&value[..]), limits);
        self.shrink(limits);
        Some(seen)
    }

    /// Removes up to `count` elements at `end`; returns how many.
    pub fn discard(&mut self, end: End, count: usize, limits: &ListLimits) -> usize {
        let len = self.len();
        let count = count.min(len);
        match end {
            End::Head => self.cut(0..count),
            End::Tail => self.cut(len - count..len),
        }
        self.shrink(limits);
        count
    }

    /// Keeps the elements from `start` to `stop` only (as for [`range`](Self::range)); returns how many went.
    pub fn trim(&mut self, start: i64, stop: i64, limits: &ListLimits) -> usize {
        let len = self.len();
        let (front, back) = self.bounds(start, stop);
        self.cut(back..len);
        self.cut(0..front);
        self.shrink(limits);
        len - (back - front)
    }

    /// Puts `value` in the place of the element at `index`; tells whether there is one.
    #[must_use]
    pub fn set(&mut self, index: i64, value: &[u8], limits: &ListLimits) -> bool {
        self.grow(std::iter::once(value), limits);
        let Some(index) = self.absolute(index) else { return false };
        match &mut self.0 {
            Form::Packed(listpack) => {
                let Some(pos) = listpack.as_ref().seek(index as i64) else { return false };
                listpack.replace(pos, value);
            }
            Form::Quick(quick) => quick.replace(index, value, limits.packed_threshold),
        }
        self.shrink(limits);
        true
    }

    /// Adds `value` next to the first element equal to `pivot`; tells whether there is one.
    #[must_use]
    pub fn insert(&mut self, side: Side, pivot: &[u8], value: &[u8], limits: &ListLimits) -> bool {
        // As in Redis, room is made even if the pivot turns out to be missing.
        self.grow(std::iter::once(value), limits);
        match &mut self.0 {
            Form::Packed(listpack) => {
                let Some(pos) = listpack.as_ref().find(pivot, 0) else { return false };
                match side {
                    Side::Before => listpack.insert_before(pos, value),
                    Side::After => {
                        listpack.insert_after(pos, value);
                    }
                }
            }
            Form::Quick(_) => {
                let Some(index) = self.positions(pivot, End::Head, usize::MAX).next() else { return false };
                if let Form::Quick(quick) = &mut self.0 {
                    quick.insert(side, index, value, limits.packed_threshold);
                }
            }
        }
        true
    }

    /// Removes elements equal to `element`: the first `count`, the last -`count` if negative, all if zero.
    /// Returns how many.
    pub fn remove(&mut self, element: &[u8], count: i64, limits: &ListLimits) -> usize {
        let end = if count < 0 { End::Tail } else { End::Head };
        let most = match count {
            0 => usize::MAX,
            _ => usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX),
        };
        let removed = match &mut self.0 {
            Form::Packed(listpack) => {
                let positions =
                    ChunkRef::Packed(listpack.as_ref()).matches(&Encoded::from(element), end, most);
                listpack.delete_each(&positions);
                positions.len()
            }
            Form::Quick(quick) => quick.remove(element, end, most),
        };
        if removed > 0 {
            self.shrink(limits);
        }
        removed
    }

    /// The chunk of `index`, and the index of its first element.
    #[inline]
    fn chunk_at(&self, index: usize) -> Option<(ChunkRef<'_>, usize)> {
        match &self.0 {
            Form::Packed(listpack) => {
                let chunk = ChunkRef::Packed(listpack.as_ref());
                (index < chunk.len()).then_some((chunk, 0))
            }
            Form::Quick(quick) => {
                let (chunk, start) = quick.rope.chunk_at(index)?;
                Some((chunk.view(), start))
            }
        }
    }

    fn absolute(&self, index: i64) -> Option<usize> {
        let len = self.len();
        let index = match index {
            0.. => usize::try_from(index).ok()?,
            _ => len.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?,
        };
        (index < len).then_some(index)
    }

    /// The part `front..back` of the list that lies between two indexes.
    fn bounds(&self, start: i64, stop: i64) -> (usize, usize) {
        let len = self.len() as i64;
        let absolute = |index: i64| if index < 0 { index.saturating_add(len) } else { index };
        let (start, stop) = (absolute(start).max(0), absolute(stop).min(len - 1));
        if start > stop { (0, 0) } else { (start as usize, stop as usize + 1) }
    }

    fn pop_as_is<R>(&mut self, end: End, see: impl FnOnce(Item<'_>) -> R) -> Option<R> {
        let quick = match &mut self.0 {
            Form::Packed(listpack) => return pop_listpack(listpack, end, see),
            Form::Quick(quick) => quick,
        };
        quick.rope.edit_end(end, |chunk| match chunk {
            Chunk::Packed(listpack) if end == End::Head => listpack.pop_front(see),
            Chunk::Packed(listpack) => pop_listpack(listpack, end, see),
            Chunk::Plain(element) => {
                let seen = see(Item::Bytes(element));
                *chunk = Chunk::empty();
                Some(seen)
            }
        })?
    }

    fn cut(&mut self, range: std::ops::Range<usize>) {
        if range.is_empty() {
            return;
        }
        match &mut self.0 {
            Form::Packed(listpack) => listpack.delete_range(range.start as i64, range.len()),
            Form::Quick(quick) => quick.cut(range),
        }
    }

    /// Becomes a quicklist if a listpack with `values` added to it would exceed the limit.
    fn grow<'v>(&mut self, values: impl Iterator<Item = &'v [u8]>, limits: &ListLimits) {
        let Form::Packed(listpack) = &mut self.0 else { return };
        let fill = Fill::of(limits);
        let (bytes, count) = values.fold((0, 0), |(bytes, count), value| (bytes + value.len(), count + 1));
        if fill.is_exceeded(listpack.byte_len() + bytes, listpack.len() + count) {
            let mut quick = Quicklist::new(fill);
            if !listpack.is_empty() {
                quick.push_chunk(Chunk::Packed(std::mem::take(listpack)));
            }
            self.0 = Form::Quick(quick);
        }
    }

    /// Becomes a listpack if what remains is one chunk of half the limit.
    fn shrink(&mut self, limits: &ListLimits) {
        self.try_pack(limits, true);
    }

    fn try_pack(&mut self, limits: &ListLimits, shrinking: bool) {
        if let Form::Quick(quick) = &mut self.0
            && let Some(listpack) = quick.small_listpack(Fill::of(limits), shrinking)
        {
            self.0 = Form::Packed(listpack.clone());
        }
    }
}

fn pop_listpack<R>(listpack: &mut Listpack, end: End, see: impl FnOnce(Item<'_>) -> R) -> Option<R> {
    let view = listpack.as_ref();
    let pos = if end == End::Head { view.first() } else { view.last() }?;
    let seen = see(view.at(pos));
    listpack.delete(pos);
    Some(seen)
}

impl Default for List {
    fn default() -> Self {
        List::new()
    }
}

/// Builds a list from its parts in order: what loading and SORT ... STORE do.
#[derive(Debug)]
pub struct ListBuilder {
    quick: Quicklist,
    limits: ListLimits,
}

impl ListBuilder {
    /// A builder of a list under these limits.
    pub fn new(limits: ListLimits) -> Self {
        ListBuilder { quick: Quicklist::new(Fill::of(&limits)), limits }
    }

    /// Adds an element.
    pub fn push(&mut self, element: &[u8]) {
        self.quick.push(End::Tail, std::iter::once(element), self.limits.packed_threshold);
    }

    /// Adds the elements of a listpack as one chunk, whatever its size.
    pub fn push_listpack(&mut self, listpack: Listpack) {
        if !listpack.is_empty() {
            self.quick.push_chunk(Chunk::Packed(listpack));
        }
    }

    /// Adds an element as a chunk of its own, whatever its size.
    pub fn push_plain(&mut self, element: Vec<u8>) {
        self.quick.push_chunk(Chunk::Plain(element.into()));
    }

    /// The list in the form that fits its size.
    pub fn finish(self) -> List {
        let mut list = List(Form::Quick(self.quick));
        list.try_pack(&self.limits, false);
        list
    }
}
