//! What clients may take as of this moment, where whoever sends to a client can look at it: each by itself
//! (`client-output-buffer-limit`) and all together (`maxmemory-clients`).

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::memory::ClientMemory;
use crate::config::{OutputLimit, Settings};

/// Replies up to this size, in bytes, are nobody's burden: the limits count what is longer. (Redis counts blocks
/// of this size, the first one excepted.)
pub const OUTPUT_FREE: usize = 16 * 1024;

/// The classes of `client-output-buffer-limit`, which CLIENT LIST and CLIENT KILL call types.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutputClass {
    /// Ordinary clients.
    Normal,
    /// Replicas.
    Replica,
    /// Subscribers.
    Pubsub,
}

/// The limits, shared by all clients. They follow the configuration: whoever notices that it has
/// changed, at the start of a turn, hands it over, so a turn never works with older limits than it knows.
#[derive(Default)]
pub struct ClientLimits {
    version: Mutex<u64>,
    classes: [Limit; 3],
    /// `maxmemory-clients`.
    pub memory: ClientMemory,
}

/// One class. Relaxed accesses: half of a change being seen for a moment is as good as the change a moment later.
#[derive(Default)]
struct Limit {
    hard_bytes: AtomicU64,
    soft_bytes: AtomicU64,
    soft_seconds: AtomicU64,
}

impl ClientLimits {
    /// Takes over the settings of a version, unless newer ones are known.
    pub fn refresh(&self, version: u64, settings: &Settings) {
        let mut known = self.version.lock();
        if version < *known {
            return;
        }
        *known = version;
        self.memory.set_limit(settings);
        let clients = &settings.clients;
        let new = [clients.output_normal, clients.output_replica, clients.output_pubsub];
        for (limit, new) in self.classes.iter().zip(new) {
            limit.hard_bytes.store(new.hard_bytes, Ordering::Relaxed);
            limit.soft_bytes.store(new.soft_bytes, Ordering::Relaxed);
            limit.soft_seconds.store(new.soft_seconds, Ordering::Relaxed);
        }
    }

    /// The limit of a class.
    #[inline]
    pub fn of(&self, class: OutputClass) -> OutputLimit {
        let limit = &self.classes[class as usize];
        OutputLimit {
            hard_bytes: limit.hard_bytes.load(Ordering::Relaxed),
            soft_bytes: limit.soft_bytes.load(Ordering::Relaxed),
            soft_seconds: limit.soft_seconds.load(Ordering::Relaxed),
        }
    }
}
