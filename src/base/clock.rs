//! Time: wall clock for deadlines, monotonic clock for durations.

use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Microseconds since the Unix epoch.
#[inline]
pub fn unix_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}

/// Milliseconds since the Unix epoch.
#[inline]
pub fn unix_ms() -> i64 {
    unix_us() / 1000
}

/// Milliseconds of the monotonic clock since the first use in this process.
pub fn monotonic_ms() -> i64 {
    START.elapsed().as_millis() as i64
}
