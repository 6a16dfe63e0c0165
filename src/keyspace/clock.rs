//! The time under which a command runs, and the access clocks of entries: LRU seconds, or LFU counters that decay.

use crate::config::{EvictionPolicy, Settings};

/// The time and the switches under which a command runs.
#[derive(Clone, Copy, Default)]
pub struct Clock {
    /// Unix time in ms: constant while a command, a transaction or a script runs. A replay of the journal has
    /// [`NEVER`](crate::types::hash::NEVER) instead: what has expired since was there then.
    pub now: i64,
    /// Unix time in ms, even for a replay.
    pub wall: i64,
    /// Whether access clocks hold LFU counters instead of LRU seconds.
    pub lfu: Option<Lfu>,
    /// Whether the client asked not to touch access clocks.
    pub no_touch: bool,
    /// Whether reading leaves keys that have expired where they are: they count as absent all the same.
    pub keep_expired: bool,
    /// Classes of keyspace events that somebody listens to.
    pub events: u32,
}

/// The constants of LFU counting.
#[derive(Clone, Copy)]
pub struct Lfu {
    /// `lfu-log-factor`.
    pub log_factor: u32,
    /// `lfu-decay-time`, in minutes.
    pub decay_minutes: u32,
}

impl Clock {
    /// The clock at a time in Unix ms under given settings.
    pub fn under(settings: &Settings, now: i64) -> Clock {
        let lfu = matches!(
            settings.memory.maxmemory_policy,
            EvictionPolicy::AllkeysLfu | EvictionPolicy::VolatileLfu
        );
        Clock {
            now,
            wall: now,
            lfu: lfu.then_some(Lfu {
                log_factor: settings.memory.lfu_log_factor,
                decay_minutes: settings.memory.lfu_decay_minutes,
            }),
            no_touch: false,
            keep_expired: false,
            events: settings.observe.keyspace_events.0,
        }
    }

    /// The access clock of a new entry.
    pub fn fresh(&self) -> u32 {
        match self.lfu {
            None => lru_seconds(self.wall),
            // A new key starts at 5, so that it is not the first to go.
            Some(_) => minutes(self.wall) << 8 | 5,
        }
    }

    /// The access clock of an entry that is touched now.
    #[inline]
    pub fn touched(&self, old: u32) -> u32 {
        match self.lfu {
            None => lru_seconds(self.wall),
            Some(lfu) => {
                let counter = lfu.counter(old, self.wall);
                minutes(self.wall) << 8 | lfu.increment(counter)
            }
        }
    }
}

/// Seconds of the 24-bit LRU clock.
#[inline]
pub fn lru_seconds(now_ms: i64) -> u32 {
    (now_ms / 1000) as u32 & 0xFF_FFFF
}

fn minutes(now_ms: i64) -> u32 {
    (now_ms / 60_000) as u32 & 0xFFFF
}

impl Lfu {
    /// The access counter of an entry now, after the decay since its last access.
    pub fn counter(self, clock: u32, now_ms: i64) -> u32 {
        let elapsed = minutes(now_ms).wrapping_sub(clock >> 8) & 0xFFFF;
        let periods = elapsed.checked_div(self.decay_minutes).unwrap_or(0);
        (clock & 0xFF).saturating_sub(periods)
    }

    /// Counts an access: the higher the counter, the less likely it grows (Morris's approximate counting).
    fn increment(self, counter: u32) -> u32 {
        if counter == 255 {
            return 255;
        }
        let base = f64::from(counter.saturating_sub(5));
        let grows = fastrand::f64() < 1.0 / (base * f64::from(self.log_factor) + 1.0);
        counter + u32::from(grows)
    }
}
