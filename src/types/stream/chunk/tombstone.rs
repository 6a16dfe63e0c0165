//! Deleting entries: they stay in their chunk, marked.

use super::super::id::StreamId;
use super::{Chunk, DELETED, Place, Walk};

impl Chunk {
    /// Makes a living entry a tombstone; says whether it was found.
    pub fn delete(&mut self, master_id: StreamId, id: StreamId) -> bool {
        let mut walk = self.walk_from(master_id, id);
        let found = loop {
            match walk.advance() {
                Some(entry) if entry.is_living() && entry.id() == id => break walk.place(),
                Some(_) => {}
                None => return false,
            }
        };
        self.mark(found);
        if found == self.start {
            self.skip_tombstones();
        }
        true
    }

    /// Makes entries tombstones as long as `wanted`, told how many died so far and the next ID, says so;
    /// returns how many died.
    pub fn delete_first(&mut self, wanted: impl Fn(u64, StreamId) -> bool) -> u64 {
        let mut walk = self.walk_from_start();
        let mut dying = Vec::new();
        while let Some(entry) = walk.advance().filter(|entry| wanted(dying.len() as u64, entry.id())) {
            if entry.is_living() {
                dying.push(walk.place());
            }
        }
        dying.iter().for_each(|place| self.mark(*place));
        self.skip_tombstones();
        dying.len() as u64
    }

    fn walk_from_start(&self) -> Walk<'_> {
        // Nobody asks this walk for the master ID.
        Walk::new(self, StreamId::MIN, self.start)
    }

    fn mark(&mut self, place: Place) {
        self.living -= 1;
        self.bury(place.at as usize);
    }

    /// Makes the entry that begins there a tombstone; it isn't counted among the living.
    pub(super) fn bury(&mut self, at: usize) {
        self.bytes[at] |= DELETED;
        self.deleted += 1;
    }

    fn skip_tombstones(&mut self) {
        let mut walk = self.walk_from_start();
        while let Some(entry) = walk.advance() {
            if entry.is_living() {
                self.start = walk.place();
                return;
            }
        }
    }
}
