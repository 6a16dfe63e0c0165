//! Counters of the server, kept per thread so that counting costs no shared cache line.
//!
//! Each thread writes only its own lane, by plain loads and stores; a reader adds the lanes up. Threads beyond
//! the number of lanes share the last one, with atomic additions. Relaxed is enough everywhere: each counter is
//! a figure of its own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_utils::CachePadded;
use hdrhistogram::Histogram;
use parking_lot::Mutex;

use crate::base::worker;

/// Highest latency a histogram tells apart: one second, in ns, as in Redis.
const LATENCY_MAX_NS: u64 = 1_000_000_000;
/// How many kinds of error replies are told apart.
const ERROR_KINDS_MAX: usize = 128;

/// Server-wide counters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum Counter {
    /// Commands that ran.
    Commands,
    /// Connections accepted.
    Connections,
    /// Connections refused because of `maxclients`.
    RejectedConnections,
    /// Bytes received from clients.
    NetInput,
    /// Bytes sent to clients.
    NetOutput,
    /// Error replies.
    ErrorReplies,
    /// Turns that read something.
    Reads,
    /// Turns that wrote something.
    Writes,
    /// Connections closed because of `client-query-buffer-limit`.
    QueryBufferDisconnections,
    /// Connections closed because of `client-output-buffer-limit`.
    OutputBufferDisconnections,
    /// AUTH attempts that failed.
    DeniedAuth,
    /// Microseconds spent in turns.
    TurnMicros,
    /// Microseconds spent in commands.
    CommandMicros,
    /// Turns.
    Turns,
}

const COUNTERS: usize = Counter::Turns as usize + 1;

struct Lane {
    counters: [AtomicU64; COUNTERS],
    commands: Box<[CommandLane]>,
}

#[derive(Default)]
struct CommandLane {
    calls: AtomicU64,
    nanos: AtomicU64,
    rejected: AtomicU64,
    failed: AtomicU64,
    latency: Mutex<Option<Box<Histogram<u64>>>>,
}

/// Totals of one command.
#[derive(Default, Clone, Copy, Debug)]
pub struct CommandTotals {
    /// How often it ran.
    pub calls: u64,
    /// Microseconds it took in all.
    pub usec: u64,
    /// How often it was refused before running.
    pub rejected: u64,
    /// How often it ran and answered an error.
    pub failed: u64,
}

/// See the head of this file.
pub struct Stats {
    lanes: Box<[CachePadded<Lane>]>,
    errors: Mutex<BTreeMap<String, u64>>,
    /// Most memory seen in use, in bytes.
    pub peak_memory: AtomicU64,
    /// Operations per second over the last moments, written by the housekeeper.
    pub ops_per_second: AtomicI64,
    /// Bytes per second received and sent over the last moments; likewise.
    pub bytes_per_second: [AtomicI64; 2],
}

impl Stats {
    /// Counters for a number of commands and threads.
    pub fn new(commands: usize, threads: usize) -> Stats {
        let lane = |_| {
            CachePadded::new(Lane {
                counters: [const { AtomicU64::new(0) }; COUNTERS],
                commands: (0..commands).map(|_| CommandLane::default()).collect(),
            })
        };
        Stats {
            lanes: (0..threads + 1).map(lane).collect(),
            errors: Mutex::new(BTreeMap::new()),
            peak_memory: AtomicU64::new(0),
            ops_per_second: AtomicI64::new(0),
            bytes_per_second: [const { AtomicI64::new(0) }; 2],
        }
    }

    /// The calling thread's lane, and whether it is shared.
    #[inline]
    fn lane(&self) -> (&Lane, bool) {
        let last = self.lanes.len() - 1;
        let index = worker::index();
        (&self.lanes[index.min(last)], index >= last)
    }

    #[inline]
    fn bump(counter: &AtomicU64, by: u64, shared: bool) {
        if shared {
            counter.fetch_add(by, Ordering::Relaxed);
        } else {
            counter.store(counter.load(Ordering::Relaxed) + by, Ordering::Relaxed);
        }
    }

    /// Adds to a counter.
    #[inline]
    pub fn add(&self, counter: Counter, by: u64) {
        let (lane, shared) = self.lane();
        Self::bump(&lane.counters[counter as usize], by, shared);
    }

    /// A counter's total.
    pub fn total(&self, counter: Counter) -> u64 {
        self.lanes.iter().map(|lane| lane.counters[counter as usize].load(Ordering::Relaxed)).sum()
    }

    /// Counts a command that ran.
    #[inline]
    pub fn ran(&self, command: usize, took: Duration, failed: bool, track_latency: bool) {
        let (lane, shared) = self.lane();
        let counters = &lane.commands[command];
        let nanos = took.as_nanos() as u64;
        Self::bump(&lane.counters[Counter::Commands as usize], 1, shared);
        Self::bump(&counters.calls, 1, shared);
        Self::bump(&counters.nanos, nanos, shared);
        if failed {
            Self::bump(&counters.failed, 1, shared);
        }
        if track_latency {
            let mut latency = counters.latency.lock();
            let histogram = latency.get_or_insert_with(|| {
                Box::new(Histogram::new_with_bounds(1, LATENCY_MAX_NS, 2).expect("constant bounds are valid"))
            });
            // The bounds contain every clamped value.
            let _ = histogram.record(nanos.clamp(1, LATENCY_MAX_NS));
        }
    }

    /// Counts a command that was refused before it ran.
    pub fn rejected(&self, command: usize) {
        let (lane, shared) = self.lane();
        Self::bump(&lane.commands[command].rejected, 1, shared);
    }

    /// Counts an error reply by its code.
    pub fn error(&self, code: &[u8]) {
        self.add(Counter::ErrorReplies, 1);
        let code = String::from_utf8_lossy(code);
        let mut errors = self.errors.lock();
        if let Some(count) = errors.get_mut(&*code) {
            *count += 1;
        } else if errors.len() < ERROR_KINDS_MAX {
            errors.insert(code.into_owned(), 1);
        }
    }

    /// Error replies by code.
    pub fn errors(&self) -> Vec<(String, u64)> {
        self.errors.lock().iter().map(|(code, count)| (code.clone(), *count)).collect()
    }

    /// Totals of a command.
    pub fn command(&self, command: usize) -> CommandTotals {
        let mut totals = CommandTotals::default();
        let mut nanos = 0;
        for lane in &self.lanes {
            let counters = &lane.commands[command];
            totals.calls += counters.calls.load(Ordering::Relaxed);
            nanos += counters.nanos.load(Ordering::Relaxed);
            totals.rejected += counters.rejected.load(Ordering::Relaxed);
            totals.failed += counters.failed.load(Ordering::Relaxed);
        }
        totals.usec = nanos / 1000;
        totals
    }

    /// The latencies of a command in ns; none if it never ran.
    pub fn latency(&self, command: usize) -> Option<Histogram<u64>> {
        let mut sum: Option<Histogram<u64>> = None;
        for lane in &self.lanes {
            if let Some(histogram) = &*lane.commands[command].latency.lock() {
                let sum = sum.get_or_insert_with(|| {
                    Histogram::new_with_bounds(1, LATENCY_MAX_NS, 2).expect("constant bounds are valid")
                });
                // Both have the same bounds.
                let _ = sum.add(&**histogram);
            }
        }
        sum
    }

    /// Sets everything to zero, as CONFIG RESETSTAT does.
    pub fn reset(&self) {
        for lane in &self.lanes {
            lane.counters.iter().for_each(|counter| counter.store(0, Ordering::Relaxed));
            for command in &lane.commands {
                for counter in [&command.calls, &command.nanos, &command.rejected, &command.failed] {
                    counter.store(0, Ordering::Relaxed);
                }
                *command.latency.lock() = None;
            }
        }
        self.errors.lock().clear();
    }

    /// Forgets the latencies of one command, as LATENCY RESET's histogram does.
    pub fn reset_errors(&self) {
        self.errors.lock().clear();
    }
}
