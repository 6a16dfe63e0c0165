//! Time: wall clock for deadlines, monotonic clock for durations.

use std::cell::Cell;
use std::sync::LazyLock;

use nix::time::{ClockId, clock_gettime};

pub use super::ticks::monotonic_ns;

/// When [`monotonic_ms`] was first asked, by [`monotonic_ns`].
static START: LazyLock<u64> = LazyLock::new(monotonic_ns);

/// Microseconds since the Unix epoch.
#[inline]
pub fn unix_us() -> i64 {
    clock_gettime(ClockId::CLOCK_REALTIME).map_or(0, |time| time.tv_sec() * 1_000_000 + time.tv_nsec() / 1000)
}

/// Milliseconds since the Unix epoch.
#[inline]
pub fn unix_ms() -> i64 {
    unix_us() / 1000
}

/// [`unix_ms`] at a moment that [`monotonic_ns`] has just told. The wall clock is read once a millisecond by each
/// thread: who puts it forward or back is followed as soon.
#[inline]
pub fn unix_ms_at(monotonic_ns: u64) -> i64 {
    const LASTS: u64 = 1_000_000;
    thread_local! {
        /// One moment by both clocks: ns, and us since the Unix epoch.
        static MOMENT: Cell<(u64, i64)> = const { Cell::new((0, 0)) };
    }
    let (ns, us) = MOMENT.get();
    let since = monotonic_ns.wrapping_sub(ns);
    if since < LASTS {
        return (us + since as i64 / 1000) / 1000;
    }
    let us = unix_us();
    MOMENT.set((monotonic_ns, us));
    us / 1000
}

/// Milliseconds of the monotonic clock since the first use in this process.
pub fn monotonic_ms() -> i64 {
    ms_of(monotonic_ns())
}

/// What [`monotonic_ms`] was when [`monotonic_ns`] was this.
pub fn ms_of(monotonic_ns: u64) -> i64 {
    // The first call may come with an earlier reading.
    (monotonic_ns.saturating_sub(*START) / 1_000_000) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_tell_the_same_time() {
        let begun = monotonic_ns();
        while monotonic_ns() - begun < 20_000_000 {
            let before = unix_ms();
            let told = unix_ms_at(monotonic_ns());
            let after = unix_ms();
            assert!((before - 1..=after + 1).contains(&told), "{before} {told} {after}");
        }
    }
}
