//! Bringing near what several look-ups will read.
//!
//! A look-up in a large table waits for memory two or three times, each time for what the wait before has told: a node,
//! the slots of a page, a record. Several look-ups that are known beforehand wait together: all nodes, all slots, all
//! records.

use smallvec::SmallVec;

use super::page::{HEAD, Page, Place, WINDOW, slot_size};
use super::{Landing, Shape, Table};
use crate::base::prefetch::prefetch;

/// A table of fewer elements is near anyway.
const FAR_FROM: usize = 4096;
/// As many look-ups are made ready for at a time as callers have at the most.
const AT_ONCE: usize = 32;

impl<S: Shape> Table<S> {
    /// Asks for what looking for these keys will read. Some dozens at a time: more would push each other out again.
    pub fn approach<'k>(&self, keys: impl Iterator<Item = &'k [u8]>) {
        if self.len() < FAR_FROM {
            return;
        }
        let mut landings: SmallVec<[Landing<'_, S>; AT_ONCE]> = SmallVec::new();
        for key in keys {
            let landing = self.land(S::position(key));
            landing.leaf.page().approach_slots(landing.near);
            landings.push(landing);
        }
        for Landing { leaf, tag, near, .. } in landings {
            leaf.page().approach_record(tag, near);
        }
    }
}

impl Page<'_> {
    /// Asks for the slots that are looked at for one that is to be expected at `near`.
    fn approach_slots(self, near: usize) {
        let slot = slot_size(self.block.len());
        let first = HEAD + self.window(near) * slot;
        prefetch(self.block.as_ptr().wrapping_add(first));
        prefetch(self.block.as_ptr().wrapping_add(first + WINDOW * slot - 1));
    }

    /// Asks for the first record of a tag.
    fn approach_record(self, tag: u16, near: usize) {
        let slot = self.rank_near(tag, near);
        if slot < self.len
            && let (found, Place::Within(back)) = self.slot(slot)
            && found == tag
        {
            prefetch(self.block.as_ptr().wrapping_add(self.block.len() - back));
        }
    }
}
