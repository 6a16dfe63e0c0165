//! Time: wall clock for deadlines, monotonic clock for durations.

use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

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

/// Nanoseconds of the monotonic clock; where they begin is the system's affair. For measuring what is as short as a
/// command: a difference of two is one subtraction.
#[inline]
pub fn monotonic_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC)
        .map_or(0, |time| time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
}
