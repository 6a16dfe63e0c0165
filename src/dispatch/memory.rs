//! Staying within `maxmemory`: evicting before a command that may need memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::blocking::serve_ready;
use super::effects::settle;
use super::execute::clock;
use crate::base::{alloc, clock::unix_ms};
use crate::commands::Server;
use crate::config::{EvictionPolicy, Settings};
use crate::keyspace::{Effects, Eviction, Held, Measure};

/// How long one command may be held up by evicting for it, at the default tenacity of 10.
const PATIENCE: Duration = Duration::from_micros(500);

/// What looking after memory came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Room {
    /// There is room, or there will be soon: eviction has more to delete.
    Enough,
    /// The limit is exceeded and no key may go.
    None,
}

/// How a policy chooses; none for `noeviction`.
fn rule(settings: &Settings) -> Option<Eviction> {
    let (volatile_only, measure) = match settings.memory.maxmemory_policy {
        EvictionPolicy::NoEviction => return None,
        EvictionPolicy::AllkeysLru => (false, Measure::Recency),
        EvictionPolicy::AllkeysLfu => (false, Measure::Frequency),
        EvictionPolicy::AllkeysRandom => (false, Measure::Random),
        EvictionPolicy::VolatileLru => (true, Measure::Recency),
        EvictionPolicy::VolatileLfu => (true, Measure::Frequency),
        EvictionPolicy::VolatileRandom => (true, Measure::Random),
        EvictionPolicy::VolatileTtl => (true, Measure::Deadline),
    };
    Some(Eviction { volatile_only, measure, samples: settings.memory.maxmemory_samples as usize })
}

/// Deletes keys until memory is within the limit, for a short time at most. The caller holds no shard.
#[inline]
pub fn make_room(server: &Arc<Server>, settings: &Settings) -> Room {
    if !is_exceeded(settings) {
        return Room::Enough;
    }
    evict(server, settings, settings.memory.maxmemory as usize)
}

/// Whether more memory is used than `maxmemory` allows.
#[inline]
pub fn is_exceeded(settings: &Settings) -> bool {
    let limit = settings.memory.maxmemory as usize;
    limit != 0 && alloc::used() > limit
}

#[cold]
fn evict(server: &Arc<Server>, settings: &Settings, limit: usize) -> Room {
    if server.pause.is_on() {
        return Room::Enough;
    }
    let Some(rule) = rule(settings) else { return Room::None };
    let begun = Instant::now();
    let mut effects = Effects::default();
    // Large values are freed in the background: they count as gone already.
    let mut leaving = 0;
    while alloc::used().saturating_sub(leaving) > limit {
        let clock = clock(unix_ms(), settings, true);
        let Some(bytes) = server.keyspace.evict_one(rule, clock, &mut effects) else { return Room::None };
        if effects.garbage.iter().any(|value| value.is_large()) {
            leaving += bytes;
        }
        if !effects.ready.is_empty() {
            serve_ready(server, &mut Held::Nothing, clock, &mut effects);
        }
        settle(server, &mut effects);
        if begun.elapsed() > PATIENCE {
            break;
        }
    }
    Room::Enough
}
