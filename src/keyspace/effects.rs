//! What a write causes, collected while it runs and handed over at one place after unlocking.

use super::propagate::Propagation;
use super::track::Stale;
use super::value::Value;

/// A keyspace event: class, name and key, as notifications need them.
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
    /// Keys that changed and that clients with client-side caching want to hear of.
    pub stale: Vec<Stale>,
    /// Whether such clients must hear that all keys have changed.
    pub all_stale: bool,
    /// The number of the client whose command runs; 0: nobody's.
    pub actor: u64,
}

impl Effects {
    /// Notes a keyspace event that somebody listens to.
    #[cold]
    pub fn note(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Whether nothing waits to be handed over; `dirty` is a count, not a task.
    #[inline]
    pub fn is_settled(&self) -> bool {
        self.events.is_empty()
            && self.ready.is_empty()
            && self.garbage.is_empty()
            && self.stale.is_empty()
            && !self.all_stale
    }
}
