//! What the server tells about itself: counters, INFO, slow log, latency, /metrics, crash reports.

pub mod crash;
pub mod facts;
pub mod info;
pub mod latency;
pub mod log;
pub mod machine;
pub mod metrics;

mod latencies;
mod slow_log;
mod stats;

pub use self::facts::Facts;
pub use self::latencies::whole_histogram;
pub use self::latency::LatencyMonitor;
pub use self::slow_log::{SlowEntry, SlowLog, SlowLogSummary, clipped};
pub use self::stats::{CommandTotals, Counter, Rate, Stats};
