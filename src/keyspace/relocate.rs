//! Moving a value from one key to another, or to another database, with what belongs to it.

use super::entry::Entry;
use super::value::Value;
use super::view::{Access, View};

/// A value without a key.
pub struct Lifted {
    value: Value,
    /// When it expires, in Unix ms.
    pub deadline: Option<i64>,
    /// The access clock that its new entry begins with.
    clock: u32,
}

impl Lifted {
    /// A value from elsewhere, with its deadline in Unix ms and its access clock.
    pub fn new(value: Value, deadline: Option<i64>, clock: u32) -> Lifted {
        Lifted { value, deadline, clock }
    }
}

impl View<'_> {
    /// Takes a key out with all that belongs to it, without counting that as a deletion. Where it goes it is new to
    /// eviction: how often it was used is forgotten.
    pub fn lift(&mut self, key: &[u8]) -> Option<Lifted> {
        let clock = self.clock().fresh();
        let mut place = self.place(key);
        let at = place.find(key, Access::Silent)?;
        let entry = place.database.remove(at);
        place.publish();
        let deadline = entry.as_ref().deadline();
        Some(Lifted { value: entry.into_value(), deadline, clock })
    }

    /// Copies the value of a key with its deadline: in O(1) what is large. Counts as reading it.
    pub fn duplicate(&mut self, key: &[u8]) -> Option<Lifted> {
        let clock = self.clock().fresh();
        let entry = self.find(key, Access::Read)?;
        Some(Lifted { value: entry.share_value(), deadline: entry.deadline(), clock })
    }

    /// Puts a value down at a key that is absent.
    ///
    /// # Panics
    /// If the key is there.
    pub fn put_down(&mut self, key: &[u8], lifted: Lifted) {
        let mut place = self.place(key);
        assert!(place.find(key, Access::Silent).is_none(), "a value is put down on another");
        place.insert(Entry::new(key, lifted.value, lifted.deadline, lifted.clock));
    }
}
