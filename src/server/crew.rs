//! The crew: as few worker threads at work as do it, and another one at once when those are stuck.
//!
//! A second thread has its price. It fights for the lock of a key that all want; it takes connections one by one as
//! they come, where one thread alone would serve a batch of them between two looks at the network; and on a small
//! machine it takes the core that a client would use. Measured with 50 clients on two cores: HSET on one key takes
//! 0.83 us of processor time with one worker and 1.4 with two, INCR on many keys 0.66 and 0.72. So most workers sit
//! until they are called:
//!
//! - by the [`Foreman`], when more workers get more done;
//! - when no command has come to its end for some milliseconds, although somebody is in a turn or does
//!   long work for a command: that must not keep the others waiting.
//!
//! **How a worker sits.** Tokio wakes a worker whenever it thinks that there is work for two, so one that isn't to work
//! must look busy: a task blocks it. A worker keeps tasks in three places, and none may be left there:
//!
//! - its queue: others take from it when they have nothing to do. They look when they are given a task, so they get an
//!   empty one after somebody has sat down;
//! - its slot for the task that was woken last: the task that is about to block goes to the back of the queue first,
//!   and what comes from the queue runs only while the slot is empty. It does so twice, since a full queue spills over
//!   into the common one, for which that doesn't hold;
//! - the tasks it has deferred: [`task`] sees to it that there are none.
//!
//! The same threads sit again and again, if that can be had: the allocator keeps memory by thread, and what one thread
//! has allocated while another one goes on leaves its pages half empty.
//!
//! As this rests on how tokio works inside, all who sit get up for a moment every [`STRETCH`] while there is traffic.
//! A task that was left behind in spite of all that comes late, but it comes.

mod foreman;

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::runtime::Handle;

use self::foreman::Foreman;
use crate::base::{task, worker};
use crate::commands::Server;
use crate::observe::{Counter, machine};

/// How often somebody looks whether all are stuck, while there is traffic.
const TICK: Duration = Duration::from_millis(2);
/// How long it takes to find that the traffic is over, in ticks.
const QUIET: u32 = 100;
/// The longest sleep when it is.
const LONG: Duration = Duration::from_millis(500);
/// How often the foreman looks.
const LOOK: Duration = Duration::from_millis(20);
/// How often those who sit get up.
const STRETCH: Duration = Duration::from_millis(500);
/// How often the task of one who is to sit looks for a thread that sat before.
const SEARCHES: usize = 32;
/// For how long those who were called because others were stuck stay.
const HELP: Duration = Duration::from_millis(20);

/// The workers that sit.
#[derive(Default)]
struct Bench {
    places: Mutex<Places>,
    called: Condvar,
}

#[derive(Default)]
struct Places {
    /// How many are to sit.
    wanted: usize,
    /// How many do.
    taken: usize,
    /// Tasks that see to it.
    sitters: usize,
    /// Counts how often all were told to get up.
    stretches: u64,
    /// The threads that sat last.
    regulars: Vec<usize>,
}

impl Bench {
    /// Has so many workers sit.
    fn seat(self: &Arc<Bench>, wanted: usize, runtime: &Handle) {
        let mut places = self.places.lock();
        places.wanted = wanted;
        let missing = wanted.saturating_sub(places.sitters);
        places.sitters += missing;
        drop(places);
        self.called.notify_all();
        for _ in 0..missing {
            let bench = Arc::clone(self);
            runtime.spawn(tokio::task::unconstrained(async move { bench.sit_while_wanted().await }));
        }
    }

    /// Has all get up for a moment.
    fn stretch(&self) {
        self.places.lock().stretches += 1;
        self.called.notify_all();
    }

    async fn sit_while_wanted(&self) {
        while self.is_wanted() {
            task::requeue().await;
            for _ in 0..SEARCHES {
                task::requeue().await;
                if self.is_regular(worker::index()) {
                    break;
                }
            }
            if task::is_any_deferred() {
                tokio::time::sleep(TICK).await;
            } else {
                self.sit();
            }
        }
    }

    /// Whether one of the tasks that see to it that workers sit is still needed.
    fn is_wanted(&self) -> bool {
        let mut places = self.places.lock();
        let wanted = places.sitters <= places.wanted;
        places.sitters -= usize::from(!wanted);
        wanted
    }

    /// Whether a thread is one of those that sat last, or there are too few of them.
    fn is_regular(&self, thread: usize) -> bool {
        let places = self.places.lock();
        places.regulars.len() < places.wanted || places.regulars.contains(&thread)
    }

    /// Blocks the calling worker until it is called, or until all get up.
    fn sit(&self) {
        let mut places = self.places.lock();
        if places.taken >= places.wanted {
            return;
        }
        places.taken += 1;
        let thread = worker::index();
        if !places.regulars.contains(&thread) {
            let excess = (places.regulars.len() + 1).saturating_sub(places.wanted);
            places.regulars.drain(..excess);
            places.regulars.push(thread);
        }
        let stretches = places.stretches;
        while places.taken <= places.wanted && places.stretches == stretches {
            self.called.wait(&mut places);
        }
        places.taken -= 1;
    }
}

/// Watches over the workers of a runtime, as long as the process lives.
pub fn watch(server: Arc<Server>, runtime: Handle, workers: usize) {
    let run = move || Watch::new(server, runtime, workers).run();
    if let Err(error) = std::thread::Builder::new().name("redstart-crew".into()).spawn(run) {
        tracing::warn!("All {workers} workers are at work all the time: {error}");
    }
}

struct Watch {
    server: Arc<Server>,
    runtime: Handle,
    workers: usize,
    bench: Arc<Bench>,
    foreman: Foreman,
    /// Those whom the foreman wants at work.
    at_work: usize,
    /// Those who were called because all were stuck, and when.
    helpers: usize,
    helped: Instant,
    last: Snapshot,
}

/// What had been done by a moment.
#[derive(Clone, Copy)]
struct Snapshot {
    at: Instant,
    cpu: Duration,
    commands: u64,
}

impl Watch {
    fn new(server: Arc<Server>, runtime: Handle, workers: usize) -> Watch {
        let last = Snapshot::take(&server);
        Watch {
            server,
            runtime,
            workers,
            bench: Arc::default(),
            foreman: Foreman::new(workers),
            at_work: 1,
            helpers: 0,
            helped: last.at,
            last,
        }
    }

    fn run(mut self) {
        self.seat();
        let mut quiet = 0;
        let mut commands = 0;
        let mut was_busy = false;
        let mut stretched = Instant::now();
        loop {
            if quiet < QUIET {
                std::thread::sleep(TICK);
            } else if worker::sleep_until_ring(LONG) {
                quiet = 0;
            }
            let now = Instant::now();
            let before = std::mem::replace(&mut commands, self.server.stats.total(Counter::Commands));
            let busy = self.server.keyspace.gate.is_busy() || worker::is_any_away();
            let idle = commands == before;
            quiet = if idle && !busy { quiet + 1 } else { 0 };
            self.look_after_the_stuck(now, idle && busy && was_busy);
            was_busy = busy;
            if now - self.last.at >= LOOK {
                self.look();
            }
            if now - stretched >= STRETCH && quiet <= QUIET {
                stretched = now;
                self.bench.stretch();
                // Somebody looks what lies in the queues of those who sit.
                self.runtime.spawn(async {});
            }
        }
    }

    /// Calls another worker if all at work are stuck, and lets those who were called so sit down again.
    fn look_after_the_stuck(&mut self, now: Instant, stuck: bool) {
        if stuck && self.at_work + self.helpers < self.workers {
            self.helpers += 1;
            self.helped = now;
            self.seat();
        } else if stuck {
            self.helped = now;
        } else if self.helpers > 0 && now - self.helped > HELP {
            self.helpers = 0;
            self.seat();
        }
    }

    fn look(&mut self) {
        let now = Snapshot::take(&self.server);
        let seconds = (now.at - self.last.at).as_secs_f64();
        let cores = now.cpu.saturating_sub(self.last.cpu).as_secs_f64() / seconds;
        let rate = now.commands.saturating_sub(self.last.commands) as f64 / seconds;
        self.last = now;
        let at_work = self.foreman.look(cores, rate);
        if at_work != self.at_work {
            self.at_work = at_work;
            self.seat();
        }
    }

    fn seat(&self) {
        let at_work = (self.at_work + self.helpers).min(self.workers);
        self.bench.seat(self.workers - at_work, &self.runtime);
    }
}

impl Snapshot {
    fn take(server: &Server) -> Snapshot {
        let cpu = machine::cpu_time();
        let commands = server.stats.total(Counter::Commands);
        Snapshot { at: Instant::now(), cpu: cpu.system + cpu.user, commands }
    }
}

#[cfg(test)]
mod tests;
