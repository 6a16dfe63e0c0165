//! LATENCY DOCTOR: the samples of all events in words, and what may help.

use std::fmt::Write;

use super::Series;

/// What the doctor knows besides the samples.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// `latency-monitor-threshold` in ms; 0 is off.
    pub threshold_ms: u64,
    /// `slowlog-log-slower-than` in µs; none if the slow log is off.
    pub slow_log_us: Option<u64>,
    /// Unix seconds.
    pub now: i64,
}

/// An event, and what to look at when it shows up.
const ADVICE: [(&str, &str); 3] = [
    (
        "command",
        "Commands took long. SLOWLOG GET shows which ones: look for those whose cost grows with the size of a value \
         or with the number of keys.",
    ),
    (
        "fast-command",
        "Commands that can't take long did. Then it is usually not the server that is slow but the machine that \
         doesn't let it run: too much else runs on it, or on the host of a virtual machine. `redis-cli \
         --intrinsic-latency 100` on this machine shows what delays it causes by itself.",
    ),
    (
        "expire-cycle",
        "Many keys expired at the same moment. Where that matters, spread their deadlines by some random seconds.",
    ),
];

/// The report.
pub fn report(events: &[(&'static str, Series)], facts: &Circumstances) -> String {
    if events.is_empty() {
        return if facts.threshold_ms == 0 {
            "Latencies are not being watched. CONFIG SET latency-monitor-threshold <milliseconds> changes that.\n"
        } else {
            "Nothing has taken as long as latency-monitor-threshold says since it was set.\n"
        }
        .to_owned();
    }
    let mut text = "Some events took longer than latency-monitor-threshold says:\n\n".to_owned();
    for (index, (event, series)) in events.iter().enumerate() {
        describe(&mut text, index + 1, event, series, facts.now);
    }
    let advice = advice(events, facts);
    if !advice.is_empty() {
        text.push_str("\nWhat may help:\n\n");
        advice.iter().for_each(|advice| text.push_str(&format!("- {advice}\n")));
    }
    text
}

/// One line, in the form that tools know.
fn describe(text: &mut String, number: usize, event: &str, series: &Series, now: i64) {
    let count = series.samples.len().max(1) as u64;
    let latencies = || series.samples.iter().map(|sample| sample.latency);
    let average = latencies().sum::<u64>() / count;
    let deviation = latencies().map(|latency| latency.abs_diff(average)).sum::<u64>() / count;
    let since = series.samples.front().map_or(1, |oldest| (now - oldest.time).max(1));
    // Writing to a string can't fail.
    let _ = writeln!(
        text,
        "{number}. {event}: {} latency spikes (average {average}ms, mean deviation {deviation}ms, period {:.2} sec). \
         Worst all time event {}ms.",
        series.samples.len(),
        since as f64 / count as f64,
        series.worst
    );
}

fn advice(events: &[(&'static str, Series)], facts: &Circumstances) -> Vec<String> {
    let happened = |name| events.iter().any(|(event, _)| *event == name);
    let mut advice: Vec<String> =
        ADVICE.iter().filter(|(event, _)| happened(*event)).map(|(_, text)| (*text).to_owned()).collect();
    let threshold_us = facts.threshold_ms.saturating_mul(1000);
    if happened("command") && facts.slow_log_us.is_none_or(|limit| limit > threshold_us) {
        advice.push(format!(
            "The slow log doesn't note all commands that count as slow here. CONFIG SET slowlog-log-slower-than \
             {threshold_us} makes it do so."
        ));
    }
    advice
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::latency::Sample;

    fn facts(threshold_ms: u64, slow_log_us: Option<u64>) -> Circumstances {
        Circumstances { threshold_ms, slow_log_us, now: 110 }
    }

    #[test]
    fn samples_are_summed_up() {
        let samples = [(100, 10), (105, 30)].map(|(time, latency)| Sample { time, latency }).into();
        let events = [("command", Series { samples, worst: 50 })];
        let text = report(&events, &facts(10, Some(10_000)));
        let line = "1. command: 2 latency spikes (average 20ms, mean deviation 10ms, period 5.00 sec). \
                    Worst all time event 50ms.\n";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("SLOWLOG GET") && !text.contains("CONFIG SET"), "{text}");
        assert!(report(&events, &facts(10, None)).contains("slowlog-log-slower-than 10000 "));
    }

    #[test]
    fn without_events_it_says_why() {
        assert!(report(&[], &facts(0, None)).contains("not being watched"));
        assert!(report(&[], &facts(5, None)).contains("Nothing has taken"));
    }
}
