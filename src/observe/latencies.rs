//! How long the runs of one command took on one thread, in little memory and without a lock.
//!
//! There is one of these for each command and each thread, so their size is what a server that runs many commands pays
//! for having threads. The times are told apart as in a [`whole_histogram`]: 128 steps from each power of two to the
//! next.
//!
//! ```text
//! octave 0: 0..128 by 1      1: 128..256 by 1      2: 256..512 by 2      3: 512..1024 by 4  ...
//! ```
//!
//! An octave takes memory once there was a time in it. A command's times lie in a few of them, which makes some KB
//! where the whole histogram takes 24. Only the thread itself counts, by plain loads and stores, unless it shares the
//! counters; others read them. Relaxed is enough: each count is a figure of its own.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use hdrhistogram::Histogram;

/// Highest latency that is told apart: one second, in ns, as in Redis.
pub const LATENCY_MAX_NS: u64 = 1_000_000_000;
/// Decimal digits to which latencies are exact.
const DIGITS: u8 = 2;

/// A histogram of all latencies, in ns.
pub fn whole_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAX_NS, DIGITS).expect("constant bounds are valid")
}

/// Steps of an octave, as many as two digits need.
const STEPS: usize = 128;
/// Octaves up to the highest latency.
const OCTAVES: usize = (u64::BITS - LATENCY_MAX_NS.leading_zeros()) as usize - STEPS.ilog2() as usize + 1;

type Octave = [AtomicU64; STEPS];

/// See the head of this file.
#[derive(Default)]
pub struct Latencies([OnceLock<Box<Octave>>; OCTAVES]);

impl Latencies {
    /// Counts a time up to [`LATENCY_MAX_NS`]; `shared` says that other threads count here, too.
    #[inline]
    pub fn record(&self, nanos: u64, shared: bool) {
        let (octave, step) = place(nanos.min(LATENCY_MAX_NS));
        let octave = self.0[octave].get_or_init(|| Box::new([const { AtomicU64::new(0) }; STEPS]));
        bump(&octave[step], 1, shared);
    }

    /// Adds the counts to a whole histogram; tells whether there are any.
    pub fn add_to(&self, sum: &mut Histogram<u64>) -> bool {
        let mut any = false;
        for (number, octave) in self.0.iter().enumerate() {
            let Some(octave) = octave.get() else { continue };
            for (step, count) in octave.iter().enumerate() {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    any = true;
                    // Within the bounds of `whole_histogram`.
                    let _ = sum.record_n(highest(number, step).clamp(1, LATENCY_MAX_NS), count);
                }
            }
        }
        any
    }

    /// Forgets all counts.
    pub fn reset(&self) {
        self.0.iter().filter_map(OnceLock::get).flat_map(|octave| &**octave).for_each(|count| {
            count.store(0, Ordering::Relaxed);
        });
    }
}

/// Adds to a counter that only the calling thread writes, unless it is shared.
#[inline]
pub fn bump(counter: &AtomicU64, by: u64, shared: bool) {
    if shared {
        counter.fetch_add(by, Ordering::Relaxed);
    } else {
        counter.store(counter.load(Ordering::Relaxed) + by, Ordering::Relaxed);
    }
}

/// The octave of a time and the step within it.
#[inline]
fn place(nanos: u64) -> (usize, usize) {
    let octave = (u64::BITS - (nanos / STEPS as u64).leading_zeros()) as usize;
    (octave, (nanos >> octave.saturating_sub(1)) as usize % STEPS)
}

/// The highest time of a step.
fn highest(octave: usize, step: usize) -> u64 {
    let shift = octave.saturating_sub(1);
    let first = if octave == 0 { step } else { STEPS + step };
    ((first as u64 + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_a_whole_histogram_tells() {
        let (latencies, mut whole) = (Latencies::default(), whole_histogram());
        assert!(!latencies.add_to(&mut whole));
        for n in 0..10_000u64 {
            let nanos = 1 + fastrand::u64(..1 << (n % 30)).min(LATENCY_MAX_NS - 1);
            latencies.record(nanos, n % 2 == 0);
            whole.record(nanos).unwrap();
        }
        for nanos in [1, LATENCY_MAX_NS, u64::MAX] {
            latencies.record(nanos, false);
            whole.record(nanos.min(LATENCY_MAX_NS)).unwrap();
        }
        let mut sum = whole_histogram();
        assert!(latencies.add_to(&mut sum));
        assert!(sum.iter_recorded().eq(whole.iter_recorded()));
        latencies.reset();
        assert!(!latencies.add_to(&mut sum));
    }

    #[test]
    fn short_times_take_little() {
        let latencies = Latencies::default();
        (1000..=60_000).for_each(|nanos| latencies.record(nanos, false));
        let octaves = latencies.0.iter().filter(|octave| octave.get().is_some()).count();
        assert!(size_of::<Latencies>() + octaves * size_of::<Octave>() < 8000);
    }
}
