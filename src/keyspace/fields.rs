//! Expiry of the fields of hashes: when a reader meets them, and when their time comes.
//!
//! A hash keeps its expired fields until somebody removes them. Readers of single fields do, HRANDFIELD does, and
//! active expiry does by the wheel: a hash has an item there at or before the first deadline among its fields.

use super::table::Position;
use super::view::{Access, Place, View};
use crate::config::EventClasses;
use crate::types::hash::Hash;

impl View<'_> {
    /// Removes fields that a reader of a hash has found expired, and the key with its last field.
    #[cold]
    pub fn expire_fields(&mut self, key: &[u8], fields: &[&[u8]]) {
        let Ok(Some(mut hash)) = self.write::<Hash>(key) else { return };
        let removed: Vec<_> = fields.iter().copied().filter(|field| hash.remove(field)).collect();
        let emptied = hash.is_empty();
        drop(hash);
        let db = self.db();
        for field in &removed {
            self.effects.propagation.expired_field(db, key, field);
        }
        self.count_expired_fields(key, removed.len() as u64);
        self.event(key, EventClasses::HASH, "hexpired");
        if emptied {
            self.event(key, EventClasses::GENERIC, "del");
        }
        self.touch(key);
    }

    /// Removes all fields of a hash whose deadline has passed, if one has, and the key with its last field.
    pub fn expire_due_fields(&mut self, key: &[u8]) {
        let now = self.now();
        let mut place = self.place(key);
        let Some(at) = place.find(key, Access::Silent) else { return };
        if place.database.table.entry(at).field_deadline().is_some_and(|first| first < now) {
            place.expire_fields(at, usize::MAX);
        }
    }

    /// Counts fields that were removed because their deadline had passed.
    pub fn count_expired_fields(&mut self, key: &[u8], fields: u64) {
        self.place(key).counts.count_expired_fields(fields);
    }
}

impl Place<'_> {
    /// Removes fields of the entry here whose deadline has passed, at most `budget`, and the entry with its last
    /// field; notes what that causes. Returns how many fields it were.
    pub(super) fn expire_fields(&mut self, at: Position, budget: usize) -> usize {
        self.database.preserve(self.local);
        let table = &mut self.database.table;
        let Some(hash) = table.large_mut::<Hash>(at) else { return 0 };
        let before = hash.next_expiry();
        let fields = hash.expire_due(self.clock.now, budget);
        let removed = fields.len();
        if removed == 0 {
            return 0;
        }
        let (after, emptied) = (hash.next_expiry(), hash.is_empty());
        let key: Box<[u8]> = table.entry(at).key().into();
        self.database.field_deadline_moved(self.local, before, after);
        for field in &fields {
            self.effects.propagation.put_down(self.db, &[b"HDEL", &key, field]);
        }
        self.tell(&key, 0);
        self.note(EventClasses::HASH, "hexpired", &key);
        if emptied {
            self.note(EventClasses::GENERIC, "del", &key);
            self.effects.garbage.push(self.database.remove(at).into_value());
        }
        self.counts.count_expired_fields(removed as u64);
        self.publish();
        removed
    }
}
