//! `# Commandstats`, `# Errorstats`, `# Latencystats`: a line for each command or error.

use std::fmt::Write;

use hdrhistogram::Histogram;

use crate::observe::{CommandTotals, Facts};

/// Nanoseconds at which the first bucket ends; each further one ends at twice that.
const FIRST_BUCKET_NS: u64 = 1024;
/// How many there are.
const BUCKETS: u32 = 21;
/// The end of the last bucket.
const LAST_BUCKET_NS: u64 = (FIRST_BUCKET_NS << (BUCKETS - 1)) - 1;

pub(super) fn write_totals(out: &mut String, commands: &[(&'static str, CommandTotals)]) {
    for (name, totals) in commands {
        let CommandTotals { calls, usec, rejected, failed } = totals;
        // Redis divides in single precision.
        let per_call = if *calls == 0 { 0.0 } else { *usec as f32 / *calls as f32 };
        // Writing to a string can't fail.
        let _ = write!(
            out,
            "cmdstat_{name}:calls={calls},usec={usec},usec_per_call={per_call:.2},rejected_calls={rejected},failed_calls={failed}\r\n"
        );
    }
}

pub(super) fn write_errors(out: &mut String, errors: &[(String, u64)]) {
    for (code, count) in errors {
        // A script may answer with any code: it must not look like other lines.
        let code = code.replace(['#', ':', '\n', '\r'], "_");
        // Writing to a string can't fail.
        let _ = write!(out, "errorstat_{code}:count={count}\r\n");
    }
}

pub(super) fn write_latencies(out: &mut String, facts: &dyn Facts) {
    let settings = facts.settings();
    if !settings.observe.latency_tracking {
        return;
    }
    facts.latencies(&mut |name, histogram| {
        let show = |&percent: &f64| format!("p{}={:.3}", decimal(percent), usec_at(histogram, percent));
        let percentiles: Vec<String> = settings.observe.latency_percentiles.iter().map(show).collect();
        // Writing to a string can't fail.
        let _ = write!(out, "latency_percentiles_usec_{name}:{}\r\n", percentiles.join(","));
    });
}

/// At most six decimals, without trailing zeros.
fn decimal(number: f64) -> String {
    let text = format!("{number:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The duration in µs that this percentage of calls did not exceed, by the rounding of Redis: to the nearest call.
pub fn usec_at(histogram: &Histogram<u64>, percent: f64) -> f64 {
    let calls = histogram.len() as f64;
    let nth = (percent / 100.0 * calls + 0.5).floor().max(1.0);
    // Half a call less is in the middle of the nth, where no rounding can go wrong.
    histogram.value_at_quantile((nth - 0.5) / calls) as f64 / 1000.0
}

/// The durations of a command as a cumulative distribution: the ends of all buckets in µs, and how many calls took
/// no longer.
pub fn distribution(histogram: &Histogram<u64>) -> Vec<(u64, u64)> {
    let (mut steps, mut count) = (histogram.iter_recorded().peekable(), 0);
    let bucket = |index| {
        let end = histogram.highest_equivalent(FIRST_BUCKET_NS << index);
        while let Some(step) = steps.next_if(|step| step.value_iterated_to() <= end) {
            count += step.count_at_value();
        }
        (end.min(LAST_BUCKET_NS) / 1000, count)
    };
    (0..BUCKETS).map(bucket).collect()
}

/// That distribution without the buckets that add nothing.
pub fn buckets(histogram: &Histogram<u64>) -> Vec<(u64, u64)> {
    let mut before = 0;
    let mut found = distribution(histogram);
    found.retain(|(_, count)| std::mem::replace(&mut before, *count) < *count);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_end_where_those_of_redis_end() {
        let mut histogram = Histogram::new_with_bounds(1, 1_000_000_000, 2).unwrap();
        for nanos in [900, 1000, 3000, 30_000, 40_000, 1_000_000, 999_999_999] {
            histogram.record(nanos).unwrap();
        }
        assert_eq!(buckets(&histogram), [(1, 2), (4, 3), (33, 4), (66, 5), (1056, 6), (1_073_741, 7)]);
        let all = distribution(&histogram);
        assert_eq!((all.len(), all[1], all[20]), (21, (2, 2), (1_073_741, 7)));
        let empty = Histogram::new_with_bounds(1, 1_000_000_000, 2).unwrap();
        assert_eq!(buckets(&empty), []);
        let ends = |histogram| distribution(histogram).into_iter().map(|(end, _)| end).collect::<Vec<_>>();
        assert_eq!(ends(&empty), ends(&histogram));
    }

    #[test]
    fn percentiles_are_those_of_redis() {
        let mut histogram = Histogram::new_with_bounds(1, 1_000_000_000, 2).unwrap();
        (1..=151).for_each(|usec| histogram.record(usec * 1000).unwrap());
        assert!((usec_at(&histogram, 50.0) - 76.287).abs() < 1e-9, "{}", usec_at(&histogram, 50.0));
        assert!((usec_at(&histogram, 99.0) - 149.503).abs() < 1e-9, "{}", usec_at(&histogram, 99.0));
        assert!((usec_at(&histogram, 0.0) - 1.003).abs() < 1e-9);
        assert_eq!([50.0, 99.9, 99.999_999_9, 0.0].map(decimal), ["50", "99.9", "100", "0"]);
    }

    #[test]
    fn totals_and_errors_have_their_lines() {
        let mut out = String::new();
        let totals = CommandTotals { calls: 3, usec: 10, rejected: 1, failed: 2 };
        write_totals(&mut out, &[("config|get", totals), ("get", CommandTotals::default())]);
        write_errors(&mut out, &[("A:B#C".to_owned(), 7)]);
        let expected = "cmdstat_config|get:calls=3,usec=10,usec_per_call=3.33,rejected_calls=1,failed_calls=2\r\n\
                        cmdstat_get:calls=0,usec=0,usec_per_call=0.00,rejected_calls=0,failed_calls=0\r\n\
                        errorstat_A_B_C:count=7\r\n";
        assert_eq!(out, expected);
    }
}
