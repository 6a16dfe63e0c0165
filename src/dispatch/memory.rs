//! Staying within `maxmemory`: evicting before a command that may need memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::blocking::serve_ready;
use super::effects::settle;
use super::execute::clock;
use crate::base::{clock::unix_ms, reaper};
use crate::commands::Server;
use crate::commands::account::note_latency;
use crate::config::{EvictionPolicy, Settings};
use crate::keyspace::{Effects, Eviction, Held, Measure};

/// What looking after memory came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Room {
    /// There is room, or there will be when what was deleted is gone.
    Enough,
    /// There will be: eviction has more to delete and ran out of time.
    Soon,
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
    if !is_exceeded(server, settings) {
        return Room::Enough;
    }
    evict(server, settings, settings.memory.maxmemory as usize)
}

/// Whether more memory is used than `maxmemory` allows.
#[inline]
pub fn is_exceeded(server: &Server, settings: &Settings) -> bool {
    let limit = settings.memory.maxmemory as usize;
    limit != 0 && server.counted_memory() > limit
}

/// How long one command may be held up by evicting for it, by `maxmemory-eviction-tenacity`: as in Redis up to 500 µs
/// at 10, the default, then 15 % more a step, and any time at 100.
fn patience(tenacity: u32) -> Duration {
    match tenacity {
        0..=10 => Duration::from_micros(50) * tenacity,
        11..100 => Duration::from_micros((500.0 * 1.15f64.powi(tenacity as i32 - 10)) as u64),
        _ => Duration::MAX,
    }
}

#[cold]
fn evict(server: &Arc<Server>, settings: &Settings, limit: usize) -> Room {
    if server.pause.is_on() {
        return Room::Enough;
    }
    let Some(rule) = rule(settings) else { return Room::None };
    let (begun, patience) = (Instant::now(), patience(settings.memory.eviction_tenacity));
    let mut effects = Effects::default();
    let mut room = Room::Enough;
    // Large values are freed in the background: what waits for that counts as gone.
    let excess = || server.counted_memory().saturating_sub(reaper::pending_bytes()).saturating_sub(limit);
    // Telling clients of what was deleted takes memory for a while: evicting for that, too, would never end.
    let (wanted, mut freed) = (excess(), 0);
    while freed < wanted && excess() > 0 {
        let clock = clock(unix_ms(), settings, true);
        let Some(bytes) = server.keyspace.evict_one(rule, clock, &mut effects) else {
            room = Room::None;
            break;
        };
        freed += bytes;
        if !effects.ready.is_empty() {
            serve_ready(server, &mut Held::Nothing, clock, &mut effects);
        }
        settle(server, &mut effects);
        if begun.elapsed() > patience {
            server.note_exceeded(true);
            room = Room::Soon;
            break;
        }
    }
    note_latency(server, settings, "eviction-cycle", begun.elapsed());
    room
}
