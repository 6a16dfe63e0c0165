//! Counters of the server, kept per thread so that counting costs no shared cache line.
//!
//! Each thread writes only its own lane, by plain loads and stores; a reader adds the lanes up. Threads beyond
//! the number of lanes share the last one, with atomic additions. Relaxed is enough everywhere: each counter is
//! a figure of its own.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_utils::CachePadded;
use hdrhistogram::Histogram;
use parking_lot::Mutex;

use super::latencies::{Latencies, bump};
use crate::base::{reaper, worker};

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
    /// Connections closed because of `maxmemory-clients`.
    EvictedClients,
    /// Nanoseconds for which more memory was in use than `maxmemory` allows, although keys could go.
    ExceededNanos,
    /// AUTH attempts that failed.
    DeniedAuth,
    /// Commands that users may not run.
    DeniedCommand,
    /// Commands about keys that users may not use.
    DeniedKey,
    /// Commands about channels that users may not use.
    DeniedChannel,
    /// Turns of connections and rounds of the housekeeper.
    Turns,
    /// Nanoseconds spent in those.
    TurnNanos,
    /// Nanoseconds spent in rounds of the housekeeper.
    HousekeepingNanos,
    /// Nanoseconds spent on deleting keys in the background because their deadline had passed.
    ExpiryNanos,
    /// How often that took so long that others were let through.
    ExpiryPauses,
}

/// What [`Stats::reset`] leaves alone, as Redis does.
const LASTING: [Counter; 4] =
    [Counter::DeniedAuth, Counter::DeniedCommand, Counter::DeniedKey, Counter::DeniedChannel];

const COUNTERS: usize = Counter::ExpiryPauses as usize + 1;

struct Lane {
    counters: [AtomicU64; COUNTERS],
    /// The longest turn in ns, and the most commands of one.
    largest_turn: [AtomicU64; 2],
    commands: Box<[CommandLane]>,
}

/// Figures per second over the last moments. The housekeeper writes them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum Rate {
    /// Commands.
    Commands,
    /// Bytes received.
    NetInput,
    /// Bytes sent.
    NetOutput,
    /// Turns.
    Turns,
    /// Nanoseconds spent in turns.
    TurnNanos,
}

impl Rate {
    /// How many there are.
    pub const COUNT: usize = Rate::TurnNanos as usize + 1;

    /// What each is the rate of, by number.
    pub const COUNTERS: [Counter; Rate::COUNT] =
        [Counter::Commands, Counter::NetInput, Counter::NetOutput, Counter::Turns, Counter::TurnNanos];
}

#[derive(Default)]
struct CommandLane {
    calls: AtomicU64,
    nanos: AtomicU64,
    rejected: AtomicU64,
    failed: AtomicU64,
    latency: OnceLock<Box<Latencies>>,
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
    errors: Mutex<Errors>,
    rates: [AtomicU64; Rate::COUNT],
    /// Most memory seen in use, in bytes.
    pub peak_memory: AtomicU64,
}

/// Error replies by their code.
#[derive(Default)]
struct Errors {
    by_code: BTreeMap<String, u64>,
    /// There were too many kinds: new ones aren't told apart any more.
    full: bool,
}

impl Stats {
    /// Counters for a number of commands and threads.
    pub fn new(commands: usize, threads: usize) -> Stats {
        let lane = |_| {
            CachePadded::new(Lane {
                counters: [const { AtomicU64::new(0) }; COUNTERS],
                largest_turn: [const { AtomicU64::new(0) }; 2],
                commands: (0..commands).map(|_| CommandLane::default()).collect(),
            })
        };
        Stats {
            lanes: (0..threads + 1).map(lane).collect(),
            errors: Mutex::default(),
            rates: [const { AtomicU64::new(0) }; Rate::COUNT],
            peak_memory: AtomicU64::new(0),
        }
    }

    /// The calling thread's lane, and whether it is shared.
    #[inline]
    fn lane(&self) -> (&Lane, bool) {
        let last = self.lanes.len() - 1;
        let index = worker::index();
        (&self.lanes[index.min(last)], index >= last)
    }

    /// Adds to a counter.
    #[inline]
    pub fn add(&self, counter: Counter, by: u64) {
        let (lane, shared) = self.lane();
        bump(&lane.counters[counter as usize], by, shared);
    }

    /// Adds to several counters.
    #[inline]
    pub fn add_all<const N: usize>(&self, counters: [(Counter, u64); N]) {
        let (lane, shared) = self.lane();
        for (counter, by) in counters {
            bump(&lane.counters[counter as usize], by, shared);
        }
    }

    /// A counter's total.
    pub fn total(&self, counter: Counter) -> u64 {
        self.lanes.iter().map(|lane| lane.counters[counter as usize].load(Ordering::Relaxed)).sum()
    }

    /// Counts a turn of a connection, or a round of the housekeeper, that ran a number of commands.
    #[inline]
    pub fn turned(&self, commands: u64, nanos: u64) {
        let (lane, shared) = self.lane();
        bump(&lane.counters[Counter::Turns as usize], 1, shared);
        bump(&lane.counters[Counter::TurnNanos as usize], nanos, shared);
        for (largest, this) in lane.largest_turn.iter().zip([nanos, commands]) {
            if this > largest.load(Ordering::Relaxed) {
                // On the shared lane a larger one may get lost; it is a figure for people.
                largest.store(this, Ordering::Relaxed);
            }
        }
    }

    /// The longest turn, and the most commands of one.
    pub fn largest_turns(&self) -> (Duration, u64) {
        let largest = |which: usize| {
            let lanes = self.lanes.iter().map(|lane| lane.largest_turn[which].load(Ordering::Relaxed));
            lanes.max().unwrap_or(0)
        };
        (Duration::from_nanos(largest(0)), largest(1))
    }

    /// A figure per second.
    pub fn rate(&self, rate: Rate) -> u64 {
        self.rates[rate as usize].load(Ordering::Relaxed)
    }

    /// Sets the figures per second, by number.
    pub fn set_rates(&self, rates: [u64; Rate::COUNT]) {
        self.rates.iter().zip(rates).for_each(|(rate, value)| rate.store(value, Ordering::Relaxed));
    }

    /// Counts a command that ran, in so many ns.
    #[inline]
    pub fn ran(&self, command: usize, nanos: u64, failed: bool, track_latency: bool) {
        self.ran_often(command, &[nanos], track_latency);
        if failed {
            self.failed(command);
        }
    }

    /// Counts a command that ran as often as there are times, each in ns.
    #[inline]
    pub fn ran_often(&self, command: usize, nanos: &[u64], track_latency: bool) {
        let (lane, shared) = self.lane();
        let counters = &lane.commands[command];
        let times = nanos.len() as u64;
        bump(&lane.counters[Counter::Commands as usize], times, shared);
        bump(&counters.calls, times, shared);
        bump(&counters.nanos, nanos.iter().sum(), shared);
        if track_latency {
            let latency = counters.latency.get_or_init(Box::default);
            nanos.iter().for_each(|&nanos| latency.record(nanos, shared));
        }
    }

    /// Counts a command that was refused before it ran.
    pub fn rejected(&self, command: usize) {
        let (lane, shared) = self.lane();
        bump(&lane.commands[command].rejected, 1, shared);
    }

    /// Counts a command as failed that has not returned an error: a script that answers one.
    pub fn failed(&self, command: usize) {
        let (lane, shared) = self.lane();
        bump(&lane.commands[command].failed, 1, shared);
    }

    /// Counts an error reply by its code.
    pub fn error(&self, code: &[u8]) {
        self.add(Counter::ErrorReplies, 1);
        let code = String::from_utf8_lossy(code);
        let mut errors = self.errors.lock();
        if let Some(count) = errors.by_code.get_mut(&*code) {
            *count += 1;
        } else if !errors.full {
            if errors.by_code.len() < ERROR_KINDS_MAX {
                errors.by_code.insert(code.into_owned(), 1);
            } else {
                errors.give_up();
            }
        }
    }

    /// Error replies by code.
    pub fn errors(&self) -> Vec<(String, u64)> {
        self.errors.lock().by_code.iter().map(|(code, count)| (code.clone(), *count)).collect()
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

    /// Nanoseconds that all commands took.
    pub fn command_nanos(&self) -> u64 {
        let commands = self.lanes.iter().flat_map(|lane| &lane.commands);
        commands.map(|counters| counters.nanos.load(Ordering::Relaxed)).sum()
    }

    /// Puts the latencies of a command in ns into a [whole histogram](super::whole_histogram), in place of what is
    /// there; false if the command never ran.
    pub fn latency(&self, command: usize, sum: &mut Histogram<u64>) -> bool {
        let mut ran = false;
        for latencies in self.lanes.iter().filter_map(|lane| lane.commands[command].latency.get()) {
            if !ran {
                sum.reset();
            }
            ran |= latencies.add_to(sum);
        }
        ran
    }

    /// Sets everything to zero, as CONFIG RESETSTAT does, but for the refusals of users.
    pub fn reset(&self) {
        for lane in &self.lanes {
            let counters = lane.counters.iter().enumerate();
            let counters = counters.filter(|(index, _)| !LASTING.iter().any(|kept| *kept as usize == *index));
            let counters = counters.map(|(_, counter)| counter);
            counters.chain(&lane.largest_turn).for_each(|counter| counter.store(0, Ordering::Relaxed));
            for command in &lane.commands {
                for counter in [&command.calls, &command.nanos, &command.rejected, &command.failed] {
                    counter.store(0, Ordering::Relaxed);
                }
                command.latency.get().into_iter().for_each(|latencies| latencies.reset());
            }
        }
        self.set_rates([0; Rate::COUNT]);
        *self.errors.lock() = Errors::default();
    }
}

impl Errors {
    /// Somebody makes up codes, a script most likely: from now on there is only one line that says so.
    fn give_up(&mut self) {
        let codes: Vec<&str> = self.by_code.keys().map(String::as_str).collect();
        tracing::warn!(
            "Errorstats stopped adding new errors because there are too many kinds of them; CONFIG RESETSTAT starts anew."
        );
        tracing::warn!("Current errors code list: {}", codes.join(", "));
        let codes = std::mem::take(&mut self.by_code);
        reaper::free_here(codes.len(), codes);
        *self = Errors { by_code: BTreeMap::from([("ERRORSTATS_DISABLED".to_owned(), 1)]), full: true };
    }
}

#[cfg(test)]
mod tests {
    use super::super::latencies::whole_histogram;
    use super::*;

    #[test]
    fn kinds_of_errors_are_limited() {
        let stats = Stats::new(1, 1);
        for number in 0..ERROR_KINDS_MAX {
            stats.error(format!("E{number}").as_bytes());
        }
        stats.error(b"E0");
        assert_eq!(stats.errors().len(), ERROR_KINDS_MAX);
        assert_eq!(stats.errors()[0], ("E0".to_owned(), 2));
        stats.error(b"ONE_TOO_MANY");
        stats.error(b"E0");
        assert_eq!(stats.errors(), [("ERRORSTATS_DISABLED".to_owned(), 1)]);
        stats.reset();
        stats.error(b"E0");
        assert_eq!(stats.errors(), [("E0".to_owned(), 1)]);
        assert_eq!(stats.total(Counter::ErrorReplies), 1);
    }

    #[test]
    fn threads_beyond_the_lanes_are_counted() {
        let stats = Stats::new(2, 1);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        stats.ran(1, 3_000, false, true);
                        stats.turned(5, 4_000);
                    }
                });
            }
        });
        let totals = stats.command(1);
        assert_eq!((totals.calls, totals.usec, stats.command_nanos()), (8000, 24_000, 24_000_000));
        let mut latencies = whole_histogram();
        assert!(stats.latency(1, &mut latencies));
        assert_eq!(latencies.len(), 8000);
        assert!(!stats.latency(0, &mut latencies));
        assert_eq!(stats.largest_turns(), (Duration::from_micros(4), 5));
        assert_eq!(stats.total(Counter::Turns), 8000);
    }
}
