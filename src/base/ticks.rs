//! The monotonic clock by the processor's time stamp counter, which is read in less than half the time that asking the
//! system takes: 11 ns against 25, of the few hundred that a command of a pipeline has.
//!
//! Each thread asks the system once a millisecond and reckons with the counter in between. How fast that runs is
//! measured from the first reading on, so ever more exactly. It is used only where the system makes its own clock of
//! it, which vouches for an even pace that is the same on all cores; elsewhere there are no ticks, and the system is
//! asked.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::sync::LazyLock;

use nix::time::{ClockId, clock_gettime};

/// For how long a thread goes without asking the system, in ns.
const LASTS: u64 = 1_000_000;
/// For how long the pace is measured before anybody relies on it, in ns.
const LEARNING: u64 = 10_000_000;
/// How often both clocks are read at most to get them of one moment.
const ATTEMPTS: usize = 4;
/// Between two readings of one moment there are fewer ticks.
const MOMENT: u64 = 1000;

/// One moment by both clocks.
#[derive(Clone, Copy)]
struct Both {
    ns: u64,
    ticks: u64,
}

/// What a thread reckons from.
#[derive(Clone, Copy)]
struct Anchor {
    at: Both,
    /// For how many ticks it is good.
    lasts: u64,
    /// The length of a tick, in ns / 2^32.
    length: u64,
}

/// The first moment; none if the system doesn't make its clock of the counter.
static FIRST: LazyLock<Option<Both>> = LazyLock::new(|| is_trusted().then(both).flatten());

thread_local! {
    static ANCHOR: Cell<Anchor> =
        const { Cell::new(Anchor { at: Both { ns: 0, ticks: 0 }, lasts: 0, length: 0 }) };
}

/// Nanoseconds of the monotonic clock; where they begin is the system's affair. For measuring what is as short as a
/// command: a difference of two is one subtraction, which must saturate, for the later of two readings may be some ten
/// ns before the other.
#[inline]
pub fn monotonic_ns() -> u64 {
    reckoned_ns().unwrap_or_else(system_ns)
}

/// The same, asked of the system.
fn system_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC)
        .map_or(0, |time| time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
}

/// The same, reckoned with the counter; `None` if the system must be asked.
#[inline]
fn reckoned_ns() -> Option<u64> {
    let anchor = ANCHOR.get();
    if anchor.lasts > 0
        && let Some(since) = counter()?.checked_sub(anchor.at.ticks)
        && since < anchor.lasts
    {
        return Some(anchor.at.ns + ((since * anchor.length) >> 32));
    }
    renew()
}

/// Asks the system, and begins to reckon from there.
#[cold]
fn renew() -> Option<u64> {
    let first = (*FIRST)?;
    let now = both()?;
    let ns = now.ns.saturating_sub(first.ns);
    let ticks = now.ticks.saturating_sub(first.ticks);
    if ns > LEARNING && ticks > 0 {
        let scaled =
            |value: u64, by: u64, of: u64| (u128::from(value) * u128::from(by) / u128::from(of)) as u64;
        ANCHOR.set(Anchor { at: now, lasts: scaled(LASTS, ticks, ns), length: scaled(1 << 32, ns, ticks) });
    }
    Some(now.ns)
}

/// Reads both clocks, as near to each other as may be: the thread may lose its core in between.
fn both() -> Option<Both> {
    let mut before = counter()?;
    for _ in 0..ATTEMPTS {
        let (ns, ticks) = (system_ns(), counter()?);
        if ticks.wrapping_sub(before) < MOMENT {
            return Some(Both { ns, ticks });
        }
        before = ticks;
    }
    Some(Both { ns: system_ns(), ticks: counter()? })
}

/// Whether the system makes its own clock of the counter.
fn is_trusted() -> bool {
    let source = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    std::fs::read_to_string(source).is_ok_and(|source| source.trim() == "tsc")
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn counter() -> Option<u64> {
    // SAFETY: every processor of this architecture has the instruction, and it only reads.
    Some(unsafe { std::arch::x86_64::_rdtsc() })
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn counter() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_tell_the_time_of_the_system() {
        // Within a millisecond the pace of either may be slightly off.
        const SLACK: u64 = 20_000;
        let begun = system_ns();
        while system_ns() - begun < 40_000_000 {
            let before = system_ns();
            let told = monotonic_ns();
            let after = system_ns();
            assert!((before - SLACK..=after + SLACK).contains(&told), "{before} {told} {after}");
        }
    }
}
