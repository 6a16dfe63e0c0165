//! How long the runs of one command took on one thread, in little memory.
//!
//! There is one of these for each command and each thread, so their size is what a server that runs many commands pays
//! for having threads. It holds 32-bit counts and covers only as long times as there were, which makes 4 to 6 KB where
//! the whole histogram takes 24. When its counts could overflow they are moved to a whole one.

use hdrhistogram::Histogram;

/// Highest latency that is told apart: one second, in ns, as in Redis.
pub const LATENCY_MAX_NS: u64 = 1_000_000_000;
/// Decimal digits to which latencies are exact.
const DIGITS: u8 = 2;

/// A histogram of all latencies, in ns.
pub fn whole_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAX_NS, DIGITS).expect("constant bounds are valid")
}

/// See the head of this file.
pub struct Latencies {
    recent: Histogram<u32>,
    earlier: Option<Box<Histogram<u64>>>,
}

impl Default for Latencies {
    fn default() -> Self {
        // It grows with the values, by `record`.
        let mut recent = Histogram::new(DIGITS).expect("constant digits are valid");
        recent.auto(true);
        Latencies { recent, earlier: None }
    }
}

impl Latencies {
    /// Counts a time from 1 ns to [`LATENCY_MAX_NS`].
    #[inline]
    pub fn record(&mut self, nanos: u64) {
        if self.recent.len() >= u64::from(u32::MAX) {
            self.spill();
        }
        // It grows to any value.
        let _ = self.recent.record(nanos);
    }

    /// Adds the counts to a whole histogram.
    pub fn add_to(&self, sum: &mut Histogram<u64>) {
        // Both have the same bounds, those of `whole_histogram`.
        let _ = self.earlier.as_ref().map_or(Ok(()), |earlier| sum.add(&**earlier));
        for step in self.recent.iter_recorded() {
            let _ = sum.record_n(step.value_iterated_to().min(LATENCY_MAX_NS), step.count_at_value().into());
        }
    }

    #[cold]
    fn spill(&mut self) {
        let mut whole = whole_histogram();
        self.add_to(&mut whole);
        *self = Latencies { earlier: Some(Box::new(whole)), ..Latencies::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_a_whole_histogram_tells() {
        let (mut latencies, mut whole) = (Latencies::default(), whole_histogram());
        for n in 0..10_000u64 {
            let nanos = 1 + fastrand::u64(..1 << (n % 30)).min(LATENCY_MAX_NS - 1);
            latencies.record(nanos);
            whole.record(nanos).unwrap();
            if n == 5000 {
                latencies.spill();
            }
        }
        let mut sum = whole_histogram();
        latencies.add_to(&mut sum);
        assert_eq!(sum.len(), 10_000);
        for percent in [0.0, 50.0, 90.0, 99.0, 99.9, 100.0] {
            let [sum, whole] = [&sum, &whole].map(|histogram| histogram.value_at_percentile(percent));
            assert_eq!(sum, whole, "{percent}");
        }
    }

    #[test]
    fn short_times_take_little() {
        let mut latencies = Latencies::default();
        (1..=60_000).for_each(|nanos| latencies.record(nanos));
        assert!(latencies.recent.distinct_values() * size_of::<u32>() < 6000);
    }
}
