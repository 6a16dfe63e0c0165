//! Going through the chunks of a large collection and letting go of each: how a snapshot reads what others change.
//!
//! As long as two hold a chunk it costs nothing. Whoever changes the collection copies the chunk first, and from then
//! on the old one is there for the reader alone. So those come first: about as much memory is spent as is written
//! between two looks, and not as much as is written while the whole collection is read. What has been found to be spent
//! is told by [`spent_bytes`], so that writers can be slowed down.
//!
//! ```text
//! reader   | gone | gone | gone | alone! | shared | shared | alone! | shared |
//!                        next ──▶
//! ```

use std::sync::atomic::{AtomicUsize, Ordering};

/// What can be shared with others who don't change it.
pub(super) trait Shared {
    /// Whether everybody else has let go of it.
    fn is_alone(&self) -> bool;
    /// Bytes that it takes.
    fn bytes(&self) -> usize;
}

/// Bytes of what was found alone and hasn't been given away, of all collections that are gone through. A gauge of the
/// process, as the allocator's are: who goes through a collection and who writes know nothing of each other.
static SPENT: AtomicUsize = AtomicUsize::new(0);

/// Bytes that are kept, as of the last looks, only for those who go through collections.
#[inline]
pub fn spent_bytes() -> usize {
    SPENT.load(Ordering::Relaxed)
}

/// See the head of this file. It gives chunks away in order, but for those that are alone.
pub(super) struct Parting<C: Shared> {
    chunks: Vec<Option<C>>,
    /// Those before have been given away.
    next: usize,
    /// Found alone, in reverse order.
    alone: Vec<C>,
    /// So many are given away between two looks.
    stride: usize,
    until_look: usize,
}

/// How often all chunks are looked at, ...
const LOOKS: usize = 64;
/// ... unless there are so few that it isn't worth it.
const LEAST_STRIDE: usize = 64;

impl<C: Shared> Parting<C> {
    /// Goes through chunks. Whoever had the collection of the reader's must have let go of it.
    pub fn of(chunks: impl Iterator<Item = C>) -> Self {
        let chunks: Vec<Option<C>> = chunks.map(Some).collect();
        let stride = (chunks.len() / LOOKS).max(LEAST_STRIDE);
        Parting { chunks, next: 0, alone: Vec::new(), stride, until_look: 0 }
    }

    fn look(&mut self) {
        self.until_look = self.stride;
        let left = &mut self.chunks[self.next..];
        let found = self.alone.len();
        self.alone.extend(left.iter_mut().rev().filter_map(|chunk| chunk.take_if(|chunk| chunk.is_alone())));
        let bytes = self.alone[found..].iter().map(Shared::bytes).sum();
        SPENT.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl<C: Shared> Drop for Parting<C> {
    fn drop(&mut self) {
        SPENT.fetch_sub(self.alone.iter().map(Shared::bytes).sum(), Ordering::Relaxed);
    }
}

impl<C: Shared> Iterator for Parting<C> {
    type Item = C;

    fn next(&mut self) -> Option<C> {
        if self.until_look == 0 {
            self.look();
        }
        self.until_look -= 1;
        if let Some(chunk) = self.alone.pop() {
            SPENT.fetch_sub(chunk.bytes(), Ordering::Relaxed);
            return Some(chunk);
        }
        loop {
            let chunk = self.chunks.get_mut(self.next)?.take();
            self.next += 1;
            if chunk.is_some() {
                return chunk;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    impl Shared for Arc<usize> {
        fn is_alone(&self) -> bool {
            Arc::strong_count(self) == 1
        }

        fn bytes(&self) -> usize {
            size_of::<usize>()
        }
    }

    #[test]
    fn each_comes_once_and_those_that_cost_memory_come_soon() {
        let mut others: Vec<Option<Arc<usize>>> = (0..10_000).map(|n| Some(Arc::new(n))).collect();
        let mut parting = Parting::of(others.clone().into_iter().flatten());
        let mut seen = vec![false; others.len()];
        let mut spent = 0;
        for step in 0.. {
            // Somebody changes one in two steps, and what is there for us alone doesn't pile up.
            if step % 2 == 0
                && let Some(other) = others.get_mut(9_999usize.wrapping_sub(step))
            {
                *other = None;
            }
            let Some(chunk) = parting.next() else { break };
            assert!(!std::mem::replace(&mut seen[*chunk], true), "{chunk} comes twice");
            drop(chunk);
            let alone = parting.chunks.iter().flatten().filter(|chunk| chunk.is_alone()).count();
            if step % 100 == 0 {
                spent = spent.max(alone + parting.alone.len());
            }
        }
        assert!(seen.iter().all(|&seen| seen));
        // Two strides' worth of changes.
        assert!(spent <= 2 * parting.stride / 2, "{spent}");
    }
}
