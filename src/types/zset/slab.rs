//! Vectors in shared chunks: cheap to clone, and a write copies one chunk while a clone is alive.
//!
//! ```text
//! ChunkedVec ─▶ [Arc, Arc, Arc, ...]        copied by a clone
//!                 │    └──▶ [T; 256]
//!                 └──▶ [T; 256]             copied by the first write into it after a clone
//! ```
//!
//! Two levels only. A sorted set of a million members has about 13,000 leaves, hence 50 chunks to count a
//! reference of. Its readers share it in an `Arc` as a whole, so that even this waits for the first write.

use std::sync::Arc;

const CHUNK: usize = if cfg!(test) { 4 } else { 256 };

/// A vector that clones by counting references.
#[derive(Clone)]
pub(super) struct ChunkedVec<T> {
    chunks: Vec<Arc<Vec<T>>>,
    len: usize,
}

impl<T> Default for ChunkedVec<T> {
    fn default() -> Self {
        ChunkedVec { chunks: Vec::new(), len: 0 }
    }
}

impl<T: Clone> ChunkedVec<T> {
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub fn get(&self, at: usize) -> &T {
        &self.chunks[at / CHUNK][at % CHUNK]
    }

    /// The element for writing; its chunk is copied if a clone shares it.
    #[inline]
    pub fn get_mut(&mut self, at: usize) -> &mut T {
        &mut Arc::make_mut(&mut self.chunks[at / CHUNK])[at % CHUNK]
    }

    /// Appends, and answers where. The last chunk grows in steps, so that short vectors stay short.
    pub fn push(&mut self, value: T) -> usize {
        if self.len.is_multiple_of(CHUNK) {
            self.chunks.push(Arc::new(Vec::new()));
        }
        let last = self.chunks.last_mut().expect("a chunk was just made sure of");
        Arc::make_mut(last).push(value);
        self.len += 1;
        self.len - 1
    }

    pub fn pop(&mut self) -> Option<T> {
        let last = Arc::make_mut(self.chunks.last_mut()?);
        let value = last.pop();
        if last.is_empty() {
            self.chunks.pop();
        }
        self.len -= usize::from(value.is_some());
        value
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// Bytes of the two levels, without what the elements own.
    pub fn memory_bytes(&self) -> usize {
        let chunk = |chunk: &Arc<Vec<T>>| 40 + chunk.capacity() * size_of::<T>();
        self.chunks.capacity() * size_of::<usize>() + self.chunks.iter().map(chunk).sum::<usize>()
    }
}

/// A chunked vector whose places keep their number until they are freed, and are then used again.
#[derive(Clone)]
pub(super) struct Slab<T> {
    slots: ChunkedVec<Slot<T>>,
    first_free: u32,
    used: usize,
}

#[derive(Clone)]
enum Slot<T> {
    Used(T),
    /// The next free slot, or `NONE`.
    Free(u32),
}

const NONE: u32 = u32::MAX;

impl<T: Clone> Default for Slab<T> {
    fn default() -> Self {
        Slab { slots: ChunkedVec::default(), first_free: NONE, used: 0 }
    }
}

impl<T: Clone> Slab<T> {
    /// Slots in use.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Slots there are, used or free.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    pub fn insert(&mut self, value: T) -> u32 {
        self.used += 1;
        if self.first_free == NONE {
            let id = self.slots.push(Slot::Used(value));
            return u32::try_from(id).expect("four thousand million chunks exceed any memory");
        }
        let id = self.first_free;
        let slot = self.slots.get_mut(id as usize);
        let Slot::Free(next) = std::mem::replace(slot, Slot::Used(value)) else {
            unreachable!("the free list names free slots");
        };
        self.first_free = next;
        id
    }

    /// Frees the slot, which must be in use, and gives back what was in it.
    pub fn remove(&mut self, id: u32) -> T {
        let slot = self.slots.get_mut(id as usize);
        let Slot::Used(value) = std::mem::replace(slot, Slot::Free(self.first_free)) else {
            unreachable!("a slot is freed once");
        };
        self.first_free = id;
        self.used -= 1;
        value
    }

    /// The value of a slot in use.
    #[inline]
    pub fn get(&self, id: u32) -> &T {
        match self.slots.get(id as usize) {
            Slot::Used(value) => value,
            Slot::Free(_) => unreachable!("only slots in use are referred to"),
        }
    }

    #[inline]
    pub fn get_mut(&mut self, id: u32) -> &mut T {
        match self.slots.get_mut(id as usize) {
            Slot::Used(value) => value,
            Slot::Free(_) => unreachable!("only slots in use are referred to"),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Used(value) => Some(value),
            Slot::Free(_) => None,
        })
    }

    /// Bytes of the slab itself, without what the values own.
    pub fn memory_bytes(&self) -> usize {
        self.slots.memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_keeps_what_it_had() {
        let mut numbers = ChunkedVec::default();
        for n in 0..50 {
            assert_eq!(numbers.push(n), n);
        }
        let clone = numbers.clone();
        *numbers.get_mut(7) = 700;
        assert_eq!(numbers.pop(), Some(49));
        assert!(clone.iter().copied().eq(0..50));
        assert_eq!((*numbers.get(7), numbers.len()), (700, 49));
        let shared = numbers.chunks.iter().zip(&clone.chunks).filter(|(a, b)| Arc::ptr_eq(a, b)).count();
        assert_eq!(shared, clone.chunks.len() - 2, "only the chunks written to are copied");
        while numbers.pop().is_some() {}
        assert_eq!((numbers.len(), numbers.chunks.len()), (0, 0));
    }

    #[test]
    fn freed_slots_are_used_again() {
        let mut slab = Slab::default();
        let ids: Vec<u32> = (0..10).map(|n| slab.insert(n)).collect();
        assert_eq!(slab.remove(ids[3]), 3);
        assert_eq!(slab.remove(ids[8]), 8);
        assert_eq!((slab.insert(80), slab.insert(30)), (ids[8], ids[3]));
        assert_eq!((slab.used(), slab.slots()), (10, 10));
        assert_eq!((*slab.get(ids[8]), *slab.get(ids[3])), (80, 30));
    }
}
