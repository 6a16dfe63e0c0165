//! What INFO and /metrics ask for, gathered from the parts of the server.

use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::Ordering;

use hdrhistogram::Histogram;

use super::Server;
use crate::base::{alloc, clock, reaper};
use crate::client::ClientFlags;
use crate::config::Settings;
use crate::keyspace::table::BYTES_PER_ENTRY;
use crate::keyspace::wheel::BYTES_PER_DEADLINE;
use crate::keyspace::{Counts, Lateness, lru_seconds};
use crate::observe::facts::{DatabaseFacts, Readiness};
use crate::observe::info::{
    ClientFacts, CpuFacts, CurrentSave, Listener, LoadingFacts, MemoryFacts, PersistenceFacts,
    ReplicationFacts, ServerFacts, StatsFacts,
};
use crate::observe::latency::Sample;
use crate::observe::{CommandTotals, Counter, Facts, Rate, SlowLogSummary, machine, whole_histogram};
use crate::pubsub::Kind;

impl Facts for Server {
    fn server(&self) -> ServerFacts {
        let settings = self.config.settings();
        let now_usec = clock::unix_us();
        ServerFacts {
            supervised: self.identity.supervised,
            run_id: self.identity.run_id.clone(),
            tcp_port: settings.main_port(),
            now_usec,
            started: self.identity.started_unix,
            uptime_s: self.identity.started.elapsed().as_secs(),
            hz: settings.execution.hz,
            lru_clock: lru_seconds(now_usec / 1000),
            executable: executable().to_owned(),
            config_file: self.config.file().map_or_else(String::new, |file| file.display().to_string()),
            listeners: listeners(&settings),
        }
    }

    fn clients(&self) -> ClientFacts {
        let (blocking_keys, blocking_keys_on_loss) = self.blocked.keys();
        let mut facts = ClientFacts {
            connected: self.clients.len() as u64,
            max: self.config.settings().clients.maxclients.into(),
            impatient: self.blocked.impatient() as u64,
            blocking_keys: blocking_keys as u64,
            blocking_keys_on_loss: blocking_keys_on_loss as u64,
            ..ClientFacts::default()
        };
        self.clients.for_each(|client| {
            let flags = client.flags();
            let (watched, _) = client.watched();
            let input = [&client.query.used, &client.query.free].map(|bytes| bytes.load(Ordering::Relaxed));
            facts.largest_input = facts.largest_input.max(input.iter().sum::<usize>() as u64);
            facts.largest_output = facts.largest_output.max(client.output_bytes() as u64);
            facts.blocked += u64::from(flags.contains(ClientFlags::BLOCKED));
            facts.tracking += u64::from(flags.contains(ClientFlags::TRACKING));
            facts.subscribed += u64::from(flags.contains(ClientFlags::PUBSUB));
            facts.watching += u64::from(watched > 0);
            facts.watched_keys += watched as u64;
        });
        facts
    }

    fn memory(&self) -> MemoryFacts {
        let settings = self.config.settings();
        let used = alloc::used() as u64;
        let peak = self.stats.peak_memory.fetch_max(used, Ordering::Relaxed).max(used);
        let databases = self.databases();
        let keys: u64 = databases.iter().map(|db| db.keys).sum();
        let expires: u64 = databases.iter().map(|db| db.expires).sum();
        let mut clients = 0;
        self.clients.for_each(|client| clients += client.memory_bytes() as u64);
        let (scripts, functions) = (self.scripts.figures(), self.functions.figures());
        MemoryFacts {
            used,
            peak,
            resident: machine::resident_bytes(),
            startup: self.identity.startup_memory as u64,
            clients,
            tables: keys * BYTES_PER_ENTRY as u64,
            deadlines: expires * BYTES_PER_DEADLINE as u64,
            script_vm: scripts.vm as u64,
            script_texts: scripts.texts as u64,
            scripts: scripts.known as u64,
            function_vm: functions.vm as u64,
            function_texts: functions.texts as u64,
            functions: functions.functions as u64,
            libraries: functions.libraries as u64,
            // Without statistics, as under AddressSanitizer, there are none to tell.
            allocator: alloc::stats().unwrap_or_default(),
            system: machine::memory_bytes(),
            max: settings.memory.maxmemory,
            policy: settings.memory.maxmemory_policy.name(),
            uncounted: self.uncounted_memory() as u64,
            aof_buffer: self.keyspace.journal.backlog(),
            pending_frees: reaper::pending() as u64,
            frees: reaper::freed(),
        }
    }

    fn persistence(&self) -> PersistenceFacts {
        let (saves, loading) = (&self.saves, &self.loading);
        let (loaded, expired) = loading.keys();
        let (read, total) = loading.bytes();
        let current = saves.running().filter(|run| run.in_background()).map(|run| CurrentSave {
            keys: run.keys(),
            seconds: run.seconds(),
            copied: run.copied_bytes(),
        });
        PersistenceFacts {
            changes: self.unsaved_changes(),
            aof: super::aof::facts(self),
            last_save: saves.last_save(),
            last_save_succeeded: saves.last_succeeded(),
            last_save_seconds: saves.last_duration(),
            last_copied: saves.last_copied_bytes(),
            saves: saves.counted(),
            current,
            loaded_keys: loaded,
            expired_keys: expired,
            loading: loading.is_active().then(|| LoadingFacts {
                begun: loading.begun(),
                now: clock::unix_ms() / 1000,
                total,
                read,
                memory_when_written: loading.memory_when_written(),
            }),
        }
    }

    fn stats(&self) -> StatsFacts {
        let total = |counter| self.stats.total(counter);
        let rate = |rate| self.stats.rate(rate);
        let (longest_turn, largest_turn) = self.stats.largest_turns();
        let (tracked_keys, tracked_items) = self.keyspace.tracked();
        StatsFacts {
            connections: total(Counter::Connections),
            commands: total(Counter::Commands),
            commands_per_s: rate(Rate::Commands),
            input: total(Counter::NetInput),
            output: total(Counter::NetOutput),
            input_per_s: rate(Rate::NetInput),
            output_per_s: rate(Rate::NetOutput),
            rejected: total(Counter::RejectedConnections),
            expired: self.keyspace.total(Counts::expired),
            expired_fields: self.keyspace.total(Counts::expired_fields),
            expire_pauses: total(Counter::ExpiryPauses),
            expire_usec: total(Counter::ExpiryNanos) / 1000,
            evicted: self.keyspace.total(Counts::evicted),
            evicted_scripts: self.scripts.figures().evicted,
            hits: self.keyspace.total(Counts::hits),
            misses: self.keyspace.total(Counts::misses),
            channels: self.pubsub.names(Kind::Channel) as u64,
            patterns: self.pubsub.names(Kind::Pattern) as u64,
            shard_channels: self.pubsub.names(Kind::ShardChannel) as u64,
            tracked_keys: tracked_keys as u64,
            tracked_items: tracked_items as u64,
            tracked_prefixes: self.listeners.prefixes() as u64,
            migrate_sockets: self.targets.len() as u64,
            errors: total(Counter::ErrorReplies),
            reads: total(Counter::Reads),
            writes: total(Counter::Writes),
            query_buffer_closes: total(Counter::QueryBufferDisconnections),
            output_buffer_closes: total(Counter::OutputBufferDisconnections),
            evicted_clients: total(Counter::EvictedClients),
            exceeded_ms: self.exceeded_ms(),
            turns: total(Counter::Turns),
            turn_usec: total(Counter::TurnNanos) / 1000,
            command_usec: self.stats.command_nanos() / 1000,
            turns_per_s: rate(Rate::Turns),
            usec_per_turn: rate(Rate::TurnNanos) / rate(Rate::Turns).max(1) / 1000,
            longest_turn_usec: longest_turn.as_micros() as u64,
            largest_turn,
            housekeeping_usec: total(Counter::HousekeepingNanos) / 1000,
            denied_auth: total(Counter::DeniedAuth),
            denied_commands: total(Counter::DeniedCommand),
            denied_keys: total(Counter::DeniedKey),
            denied_channels: total(Counter::DeniedChannel),
        }
    }

    fn replication(&self) -> ReplicationFacts {
        let settings = self.config.settings();
        let replication = &settings.replication;
        ReplicationFacts {
            replid: self.identity.replid.lock().clone(),
            backlog_size: replication.backlog_size,
            wants_good_replicas: replication.wants_good_replicas(),
        }
    }

    fn cpu(&self) -> CpuFacts {
        CpuFacts { own: machine::cpu_time(), children: machine::cpu_time_of_children() }
    }

    fn commands(&self) -> Vec<(&'static str, CommandTotals)> {
        let totals =
            self.catalog.all().iter().map(|listed| (listed.command.spec.name, self.stats.command(listed.id)));
        totals.filter(|(_, totals)| totals.calls + totals.rejected + totals.failed > 0).collect()
    }

    fn latencies(&self, tell: &mut dyn FnMut(&'static str, &Histogram<u64>)) {
        let mut histogram = whole_histogram();
        for listed in self.catalog.all() {
            if self.stats.latency(listed.id, &mut histogram) {
                tell(listed.command.spec.name, &histogram);
            }
        }
    }

    fn errors(&self) -> Vec<(String, u64)> {
        self.stats.errors()
    }

    fn databases(&self) -> Vec<DatabaseFacts> {
        let now = clock::unix_ms().max(0).unsigned_abs();
        let facts = |db| DatabaseFacts {
            keys: self.keyspace.len(db) as u64,
            expires: self.keyspace.volatile(db) as u64,
            avg_ttl: self.keyspace.mean_deadline(db).map_or(0, |mean| mean.saturating_sub(now)),
            subexpiry: self.keyspace.timed(db) as u64,
        };
        (0..self.keyspace.databases()).map(facts).collect()
    }

    fn latency_events(&self) -> Vec<(&'static str, Sample, u64)> {
        self.latency.latest()
    }

    fn slow_log(&self) -> SlowLogSummary {
        self.slow_log.summary()
    }

    fn settings(&self) -> Arc<Settings> {
        self.config.settings()
    }

    fn lateness(&self) -> Lateness {
        self.keyspace.lateness()
    }

    fn shard_sizes(&self) -> Vec<usize> {
        self.keyspace.shard_sizes()
    }

    fn readiness(&self) -> Readiness {
        match (self.shutdown.is_asked(), self.ready.load(Ordering::Relaxed)) {
            (true, _) => Readiness::Stopping,
            (false, true) => Readiness::Ready,
            (false, false) => Readiness::Loading,
        }
    }
}

/// The program's path, as it was when it was first asked for.
fn executable() -> &'static str {
    static PATH: LazyLock<String> = LazyLock::new(|| {
        std::env::current_exe().map_or_else(|_| String::new(), |path| path.display().to_string())
    });
    &PATH
}

fn listeners(settings: &Settings) -> Vec<Listener> {
    let network = &settings.network;
    let tcp = (network.port != 0).then(|| Listener {
        kind: "tcp",
        addresses: network.bind.clone(),
        port: network.port,
    });
    let unix = network.unixsocket.as_ref().map(|path| Listener {
        kind: "unix",
        addresses: vec![path.display().to_string()],
        port: 0,
    });
    let tls = (settings.tls.port != 0).then(|| Listener {
        kind: "tls",
        addresses: network.bind.clone(),
        port: settings.tls.port,
    });
    [tcp, unix, tls].into_iter().flatten().collect()
}
