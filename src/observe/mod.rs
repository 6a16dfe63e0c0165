//! What the server tells about itself: counters, INFO, slow log, latency, /metrics.

pub mod log;
mod stats;

pub use self::stats::{CommandTotals, Counter, Stats};
