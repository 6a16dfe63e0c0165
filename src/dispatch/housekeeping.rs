//! What has to happen by itself: keys that expire, figures per second.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::blocking::serve_ready;
use super::effects::limit_tracked;
use super::execute::clock;
use super::memory::{Room, is_exceeded, make_room};
use super::settle;
use crate::base::clock::unix_ms;
use crate::base::{alloc, task};
use crate::commands::Server;
use crate::commands::account::note_latency;
use crate::commands::server::aof::rewrite_if_due;
use crate::commands::server::rdb::save_if_due;
use crate::keyspace::{Effects, Held};
use crate::observe::{Counter, Rate};

/// How often deadlines are looked at.
const EXPIRY_PERIOD: Duration = Duration::from_millis(20);
/// The same while no key has a deadline: a first one that is due sooner is looked at this late.
const IDLE_PERIOD: Duration = Duration::from_millis(50);
/// How many items of one shard's wheel are looked at before the time is: about 100 µs of work.
const EXPIRY_BUDGET: usize = 512;
/// For how long expiry goes on, from shard to shard, before it lets others run.
const EXPIRY_RUN: Duration = Duration::from_micros(100);
/// How long one round evicts before it looks after other things.
const EVICTION_BUDGET: Duration = Duration::from_millis(20);
/// How often the slow things are looked at.
const SLOW_PERIOD_MS: i64 = 100;

/// So many clients are looked after at every opportunity.
const FEW_CLIENTS: usize = 200;

/// Runs until the server stops.
pub async fn housekeeping(server: Arc<Server>) {
    let mut rates = Rates::new(&server);
    let mut next_slow = 0;
    let mut next_clients = 0;
    let mut tidy = 0;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause(&server)) => {}
            () = server.shutdown.asked() => return,
        }
        if server.housekeeping_paused.load(Ordering::Relaxed) {
            continue;
        }
        let (now, begun) = (unix_ms(), Instant::now());
        if let Some(_pass) = server.keyspace.gate.enter_soon() {
            server.keyspace.take_back_leftovers();
        }
        shrink(&server).await;
        if server.active_expire.load(Ordering::Relaxed) {
            expire(&server).await;
        }
        limit_tracked(&server, server.config.settings().clients.tracking_table_max_keys);
        if now >= next_slow {
            next_slow = now + SLOW_PERIOD_MS;
            rates.sample(&server, now);
            server.stats.peak_memory.fetch_max(alloc::used() as u64, Ordering::Relaxed);
            renew_deadlines(&server, tidy % server.keyspace.shards()).await;
            tidy += 1;
            tend_clients(&server, now, &mut next_clients);
            save_if_due(&server);
            rewrite_if_due(&server);
            server.targets.close_idle();
            server.stats.turned(0, begun.elapsed().as_nanos() as u64);
        }
        server.stats.add(Counter::HousekeepingNanos, begun.elapsed().as_nanos() as u64);
    }
}

/// How long nothing has to be done: where nothing expires, an idle server sleeps longer.
fn pause(server: &Server) -> Duration {
    let keyspace = &server.keyspace;
    let expires = |db| keyspace.volatile(db) > 0 || keyspace.timed(db) > 0;
    let busy = (0..keyspace.databases()).any(expires) || is_exceeded(server, &server.config.settings());
    if busy { EXPIRY_PERIOD } else { IDLE_PERIOD }
}

/// Evicts until memory is within `maxmemory`, in short steps: that is where a limit that was lowered, or commands that
/// need no room, leave much to do.
async fn shrink(server: &Arc<Server>) {
    let settings = server.config.settings();
    let begun = Instant::now();
    while begun.elapsed() < EVICTION_BUDGET {
        let Some(pass) = server.keyspace.gate.enter_soon() else { return };
        let room = make_room(server, &settings);
        drop(pass);
        if room != Room::Soon {
            break;
        }
        task::defer().await;
    }
    if !is_exceeded(server, &settings) {
        server.note_exceeded(false);
    }
}

/// Looks after clients: at once if they are few, else once a second.
fn tend_clients(server: &Server, now: i64, next: &mut i64) {
    if now < *next {
        return;
    }
    *next = now + if server.clients.len() <= FEW_CLIENTS { SLOW_PERIOD_MS } else { 1000 };
    let version = server.config.version();
    let settings = server.config.settings();
    server.clients.limits.refresh(version, &settings);
    server.clients.weigh();
    server.evict_clients();
    let keep_buffers = server.buffers_kept.load(Ordering::Relaxed);
    server.clients.tend(i64::from(settings.network.timeout_s) * 1000, keep_buffers);
}

/// Deletes what is due, shard by shard, until nothing is.
async fn expire(server: &Arc<Server>) {
    let settings = server.config.settings();
    let mut effects = Effects::default();
    let mut spent = Duration::ZERO;
    let mut run = Duration::ZERO;
    'shards: for shard in 0..server.keyspace.shards() {
        loop {
            // Behind a closed gate a script runs: time stands still for it, so nothing expires meanwhile.
            let Some(pass) = server.keyspace.gate.enter_soon() else { break 'shards };
            if server.pause.is_on() {
                break 'shards;
            }
            let begun = Instant::now();
            let clock = clock(unix_ms(), &settings, true);
            let report = server.keyspace.expire_due(shard, clock, EXPIRY_BUDGET, &mut effects);
            if !effects.ready.is_empty() {
                serve_ready(server, &mut Held::Nothing, clock, &mut effects);
            }
            drop(pass);
            settle(server, &mut effects);
            let took = begun.elapsed();
            spent += took;
            run += took;
            if run >= EXPIRY_RUN {
                run = Duration::ZERO;
                server.stats.add(Counter::ExpiryPauses, u64::from(report.more));
                task::defer().await;
            }
            if !report.more {
                break;
            }
        }
    }
    server.stats.add(Counter::ExpiryNanos, spent.as_nanos() as u64);
    note_latency(server, &settings, "expire-cycle", spent);
}

/// Clears what has piled up in the wheels of one shard, in short steps.
async fn renew_deadlines(server: &Server, shard: usize) {
    loop {
        let Some(pass) = server.keyspace.gate.enter_soon() else { return };
        let more = server.keyspace.renew_deadlines(shard, unix_ms());
        drop(pass);
        if !more {
            return;
        }
        task::defer().await;
    }
}

/// Figures per second, averaged over some samples.
struct Rates {
    last: [u64; Rate::COUNT],
    at: i64,
    smooth: [f64; Rate::COUNT],
}

impl Rates {
    fn new(server: &Server) -> Rates {
        Rates { last: Rates::totals(server), at: unix_ms(), smooth: [0.0; Rate::COUNT] }
    }

    fn totals(server: &Server) -> [u64; Rate::COUNT] {
        Rate::COUNTERS.map(|counter| server.stats.total(counter))
    }

    fn sample(&mut self, server: &Server, now: i64) {
        let totals = Rates::totals(server);
        let seconds = (now - self.at).max(1) as f64 / 1000.0;
        if totals.iter().zip(self.last).any(|(total, last)| *total < last) {
            // The counters began anew, and so do the means.
            self.smooth = [0.0; Rate::COUNT];
            self.last = [0; Rate::COUNT];
        }
        for (index, total) in totals.iter().enumerate() {
            let rate = total.saturating_sub(self.last[index]) as f64 / seconds;
            // About the mean of Redis's sixteen samples.
            self.smooth[index] += (rate - self.smooth[index]) / 8.0;
        }
        (self.last, self.at) = (totals, now);
        server.stats.set_rates(self.smooth.map(|rate| rate.round() as u64));
    }
}
