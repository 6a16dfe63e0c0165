//! What a write causes, collected while it runs and handed over at one place after unlocking.

use super::propagate::Propagation;
use super::value::Value;

/// A keyspace event: class, name and key, as notifications and client tracking need them.
pub struct Event {
    /// The class bit, one of `config`'s notification flags.
    pub class: u32,
    /// The event's name: "set", "expired", ...
    pub name: &'static str,
    /// The database of the key.
    pub db: usize,
    /// The key.
    pub key: Box<[u8]>,
}

/// What the commands of one locked stretch have caused.
#[derive(Default)]
pub struct Effects {
    /// How many changes the running commands have made: `rdb_changes_since_last_save` counts them.
    pub dirty: u64,
    /// Keyspace events in the order in which they happened.
    pub events: Vec<Event>,
    /// Keys that got data while clients were blocked on them: database and key.
    pub ready: Vec<(usize, Box<[u8]>)>,
    /// Values taken out of the keyspace, to be freed after unlocking.
    pub garbage: Vec<Value>,
    /// What the journal gets, before the locks are released.
    pub propagation: Propagation,
}

impl Effects {
    /// Whether nothing waits to be handed over; `dirty` is a count, not a task.
    #[inline]
    pub fn is_settled(&self) -> bool {
        self.events.is_empty() && self.ready.is_empty() && self.garbage.is_empty()
    }
}
