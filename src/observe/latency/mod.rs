//! The latency monitor: for each kind of event, when it took long of late and how long.
//!
//! Who does something that may take long measures it and, if it took `latency-monitor-threshold` or longer, notes
//! it here under a name that operators know: `command`, `fast-command`, `expire-cycle`, ...

mod doctor;
mod graph;

use std::collections::{BTreeMap, VecDeque};

use parking_lot::Mutex;

pub use self::doctor::{Circumstances, report};
pub use self::graph::graph;

/// Seconds of which each event keeps the worst latency.
const SAMPLES_MAX: usize = 160;

/// The worst latency of an event within one second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sample {
    /// Unix seconds.
    pub time: i64,
    /// Milliseconds.
    pub latency: u64,
}

/// The latest samples of one event.
#[derive(Clone, Default, Debug)]
pub struct Series {
    /// The oldest in front; at most one for each second.
    pub samples: VecDeque<Sample>,
    /// The worst since the series began, in ms.
    pub worst: u64,
}

/// See the head of this file.
#[derive(Default)]
pub struct LatencyMonitor {
    events: Mutex<BTreeMap<&'static str, Series>>,
}

impl LatencyMonitor {
    /// Notes that an event took so many ms; `now` is in Unix seconds.
    pub fn note(&self, event: &'static str, latency: u64, now: i64) {
        self.events.lock().entry(event).or_default().note(latency, now);
    }

    /// All events and their samples, by name.
    pub fn events(&self) -> Vec<(&'static str, Series)> {
        self.events.lock().iter().map(|(event, series)| (*event, series.clone())).collect()
    }

    /// The samples of one event, with its name.
    pub fn event(&self, name: &[u8]) -> Option<(&'static str, Series)> {
        let name = std::str::from_utf8(name).ok()?;
        self.events.lock().get_key_value(name).map(|(event, series)| (*event, series.clone()))
    }

    /// The last sample of each event and its worst latency ever.
    pub fn latest(&self) -> Vec<(&'static str, Sample, u64)> {
        let events = self.events.lock();
        let latest = |(event, series): (&&'static str, &Series)| {
            series.samples.back().map(|sample| (*event, *sample, series.worst))
        };
        events.iter().filter_map(latest).collect()
    }

    /// Forgets one event, in any case of letters, or all; tells how many were forgotten.
    pub fn forget(&self, event: Option<&[u8]>) -> usize {
        let mut events = self.events.lock();
        let before = events.len();
        events.retain(|name, _| event.is_some_and(|event| !event.eq_ignore_ascii_case(name.as_bytes())));
        before - events.len()
    }
}

impl Series {
    fn note(&mut self, latency: u64, now: i64) {
        self.worst = self.worst.max(latency);
        if let Some(last) = self.samples.back_mut()
            && last.time == now
        {
            last.latency = last.latency.max(latency);
            return;
        }
        if self.samples.len() == SAMPLES_MAX {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { time: now, latency });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sample_a_second_and_the_worst_is_kept() {
        let monitor = LatencyMonitor::default();
        for (latency, now) in [(5, 100), (9, 100), (7, 100), (3, 101)] {
            monitor.note("command", latency, now);
        }
        let (_, series) = monitor.event(b"command").unwrap();
        let samples: Vec<_> = series.samples.iter().map(|sample| (sample.time, sample.latency)).collect();
        assert_eq!((samples, series.worst), (vec![(100, 9), (101, 3)], 9));
        assert_eq!(monitor.latest(), [("command", Sample { time: 101, latency: 3 }, 9)]);
        assert!(monitor.event(b"COMMAND").is_none());
    }

    #[test]
    fn old_samples_go() {
        let monitor = LatencyMonitor::default();
        (0..200).for_each(|second| monitor.note("fork", 1, second));
        let (_, series) = monitor.event(b"fork").unwrap();
        assert_eq!((series.samples.len(), series.samples[0].time), (SAMPLES_MAX, 40));
    }

    #[test]
    fn events_are_forgotten_one_by_one_or_all() {
        let monitor = LatencyMonitor::default();
        ["a", "b", "c"].iter().for_each(|event| monitor.note(event, 1, 1));
        assert_eq!(monitor.forget(Some(b"B")), 1);
        assert_eq!(monitor.forget(Some(b"nothing")), 0);
        assert_eq!(monitor.forget(None), 2);
        assert!(monitor.events().is_empty());
    }
}
