//! Deleting entries: they stay in their chunk, marked.

use super::super::id::StreamId;
use super::{Chunk, DELETED, SAME_FIELDS, WHOLE, int};
use crate::types::listpack::{ListpackRef, Pos};

/// Where an entry is and what is needed to judge it.
struct Place {
    at: Pos,
    id: StreamId,
    flags: u8,
}

/// The places of a chunk's entries in ascending order.
struct Places<'a> {
    listpack: ListpackRef<'a>,
    master_id: StreamId,
    master_fields: usize,
    next: Option<Pos>,
}

impl Chunk {
    /// Makes a living entry a tombstone; says whether it was found.
    pub fn delete(&mut self, master_id: StreamId, id: StreamId) -> bool {
        let mut places = self.places(master_id, self.seek(master_id, id));
        let found = places.find(|place| place.id == id && place.is_living());
        let Some(place) = found else { return false };
        self.mark(&place);
        self.count_deleted(1);
        if Some(place.at) == self.first_place() {
            self.skip_tombstones(master_id);
        }
        true
    }

    /// Makes entries tombstones as long as `wanted`, told how many died so far and the next ID, says so;
    /// returns how many died.
    pub fn delete_first(&mut self, master_id: StreamId, wanted: impl Fn(u64, StreamId) -> bool) -> u64 {
        let mut places = self.places(master_id, self.first_place());
        let mut dying = Vec::new();
        while let Some(place) = places.next().filter(|place| wanted(dying.len() as u64, place.id)) {
            if place.is_living() {
                dying.push(place);
            }
        }
        for place in &dying {
            self.mark(place);
        }
        self.count_deleted(dying.len() as u64);
        self.skip_tombstones(master_id);
        dying.len() as u64
    }

    /// Where walks begin: at the first entry, or behind tombstones known to be before the first living one.
    pub(super) fn first_place(&self) -> Option<Pos> {
        if self.first_living.is_some() {
            return self.first_living;
        }
        let listpack = self.listpack.as_ref();
        // The master entry: three numbers, the fields, and a zero.
        (0..self.master().fields + 4).try_fold(listpack.first()?, |at, _| listpack.next(at))
    }

    fn places(&self, master_id: StreamId, from: Option<Pos>) -> Places<'_> {
        Places {
            listpack: self.listpack.as_ref(),
            master_id,
            master_fields: self.master().fields,
            next: from,
        }
    }

    fn mark(&mut self, place: &Place) {
        self.listpack.replace(place.at, i64::from(place.flags | DELETED));
    }

    fn skip_tombstones(&mut self, master_id: StreamId) {
        let mut places = self.places(master_id, self.first_place());
        self.first_living = places.find(Place::is_living).map(|place| place.at);
    }

    fn count_deleted(&mut self, deleted: u64) {
        let master = self.master();
        let (living, dead) = (master.count - deleted, master.deleted + deleted);
        self.set_counts(living, dead);
    }

    /// Writes the numbers of living entries and tombstones.
    pub(super) fn set_counts(&mut self, living: u64, deleted: u64) {
        let before = self.listpack.byte_len();
        let first = self.listpack.as_ref().first().expect(WHOLE);
        self.listpack.replace(first, living as i64);
        let second = self.listpack.as_ref().next(first).expect(WHOLE);
        self.listpack.replace(second, deleted as i64);
        if self.listpack.byte_len() != before {
            // The entries have moved.
            self.first_living = None;
        }
    }
}

impl Place {
    fn is_living(&self) -> bool {
        self.flags & DELETED == 0
    }
}

impl Iterator for Places<'_> {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        let at = self.next?;
        let mut elements = self.listpack.iter_from(at);
        let flags = int(elements.next()?)? as u8;
        let ms = self.master_id.ms.wrapping_add(int(elements.next()?)? as u64);
        let seq = self.master_id.seq.wrapping_add(int(elements.next()?)? as u64);
        // Beside the contents: the three numbers above, perhaps the number of pairs, and the number of pieces.
        let pieces = if flags & SAME_FIELDS == 0 {
            5 + 2 * int(elements.next()?)? as usize
        } else {
            4 + self.master_fields
        };
        self.next = (0..pieces).try_fold(at, |at, _| self.listpack.next(at));
        Some(Place { at, id: StreamId::new(ms, seq), flags })
    }
}
