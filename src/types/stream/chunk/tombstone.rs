//! Deleting entries: they stay in their chunk, marked.

use super::super::id::StreamId;
use super::{Chunk, Cursor, DELETED, WHOLE};
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
    cursor: Cursor<'a>,
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
        let cursor = Cursor::new(master_id, &self.master());
        Places { listpack: self.listpack.as_ref(), cursor, next: from }
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
        let first = self.set_living(living);
        let second = self.listpack.as_ref().next(first).expect(WHOLE);
        self.set_number(second, deleted);
    }

    /// Writes the number of living entries; returns where it stands.
    pub(super) fn set_living(&mut self, living: u64) -> Pos {
        let first = self.listpack.as_ref().first().expect(WHOLE);
        self.set_number(first, living);
        first
    }

    fn set_number(&mut self, at: Pos, number: u64) {
        let before = self.listpack.byte_len();
        self.listpack.replace(at, number as i64);
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
        self.cursor.read(self.listpack.iter_from(at))?;
        self.next = (0..self.cursor.elements()).try_fold(at, |at, _| self.listpack.next(at));
        Some(Place { at, id: self.cursor.id(), flags: self.cursor.flags() })
    }
}
