//! The parts of the server, put together once at start-up.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use parking_lot::Mutex;

use super::aof::Aof;
use super::shutdown::Shutdown;
use crate::acl::{self, Users, Vocabulary};
use crate::base::{alloc, clock};
use crate::client::{BlockedClients, Client, Listeners, Monitors, Pause, Registry, Running, Session, Watch};
use crate::commands::key::Targets;
use crate::commands::{Catalog, MISSING};
use crate::config::{Config, LoadError, Settings};
use crate::keyspace::{Keyspace, Leftover};
use crate::observe::log::Log;
use crate::observe::metrics::MetricsServer;
use crate::observe::{Counter, LatencyMonitor, SlowLog, Stats};
use crate::persist::snapshot::{Drafts, Loading, Saves};
use crate::pubsub::Broker;
use crate::script::{Functions, Scripts};

/// What handlers and tasks share. Each part guards itself; this only holds them together.
pub struct Server {
    /// The data.
    pub keyspace: Keyspace,
    /// The configuration.
    pub config: Config,
    /// The commands.
    pub catalog: Catalog,
    /// The users.
    pub acl: Users,
    /// ACL LOG.
    pub acl_log: acl::Log,
    /// The connections.
    pub clients: Registry,
    /// Those of them that are blocked on keys.
    pub blocked: BlockedClients,
    /// CLIENT PAUSE.
    pub pause: Pause,
    /// Clients with client-side caching in broadcast mode.
    pub listeners: Listeners,
    /// MONITOR.
    pub monitors: Monitors,
    /// Publish and subscribe.
    pub pubsub: Arc<Broker>,
    /// The interpreter and its scripts.
    pub scripts: Scripts,
    /// The libraries of functions.
    pub functions: Functions,
    /// The counters.
    pub stats: Stats,
    /// Commands that took long.
    pub slow_log: SlowLog,
    /// When what took long.
    pub latency: LatencyMonitor,
    /// Serves /metrics.
    pub metrics: MetricsServer,
    /// Moves the listening sockets; set when they listen.
    pub listening: OnceLock<Box<dyn Listening>>,
    /// When the process started and who it is.
    pub identity: Identity,
    /// The log's switches.
    pub log: Log,
    /// Stopping the process.
    pub shutdown: Shutdown,
    /// Changes since the start; `saves` knows how many of them are in the file.
    pub dirty: AtomicU64,
    /// Cleared by DEBUG SET-ACTIVE-EXPIRE 0.
    pub active_expire: AtomicBool,
    /// Since when eviction hasn't kept up with `maxmemory`, in monotonic ns; 0 while it does.
    pub exceeded_since: AtomicU64,
    /// Set by DEBUG PAUSE-CRON 1.
    pub housekeeping_paused: AtomicBool,
    /// Set by DEBUG REPLYBUFFER RESIZING 0.
    pub buffers_kept: AtomicBool,
    /// Set by DEBUG SET-SKIP-CHECKSUM-VALIDATION 1.
    pub checksums_skipped: AtomicBool,
    /// Saving: what is under way, and how the last one went.
    pub saves: Saves,
    /// Files that are being written.
    pub drafts: Drafts,
    /// The append only file.
    pub aof: Aof,
    /// Connections of MIGRATE.
    pub targets: Targets,
    /// Loading the data at the start.
    pub loading: Loading,
    /// Set once all data is there.
    pub ready: AtomicBool,
    /// DEBUG QUICKLIST-PACKED-THRESHOLD: bytes from which on an element of a list gets a chunk of its own; 0
    /// leaves that to `list-max-listpack-size`.
    pub list_packed_threshold: AtomicUsize,
}

/// Threads beyond the workers that may run commands: those that take over while a worker does long work.
pub const SPARE_THREADS: usize = 16;

impl Server {
    /// Puts the parts together for a number of worker threads; nothing runs yet.
    ///
    /// # Errors
    /// A `rename-command` that names no command, or one that is taken.
    pub fn new(
        config: Config,
        log: Log,
        workers: usize,
        supervised: &'static str,
    ) -> Result<Server, LoadError> {
        let catalog = Catalog::new(config.renames())?;
        let threads = workers + SPARE_THREADS;
        let specs = catalog.all().iter().map(|listed| &listed.command.spec);
        let acl = Users::new(Vocabulary::new(specs, MISSING));
        if let Some(password) = &config.settings().security.requirepass {
            acl.set_default_password(Some(password));
        }
        // About sixteen shards per worker: contention stays rare, idle memory small.
        let bits = (workers * 16).next_power_of_two().trailing_zeros().min(12) as u8;
        let now = clock::unix_ms() / 1000;
        Ok(Server {
            keyspace: Keyspace::new(bits, config.settings().process.databases as usize, threads),
            stats: Stats::new(catalog.len(), threads),
            slow_log: SlowLog::default(),
            latency: LatencyMonitor::default(),
            metrics: MetricsServer::default(),
            listening: OnceLock::new(),
            catalog,
            acl,
            acl_log: acl::Log::default(),
            clients: Registry::default(),
            blocked: BlockedClients::default(),
            pause: Pause::default(),
            listeners: Listeners::default(),
            monitors: Monitors::default(),
            pubsub: Arc::new(Broker::new()),
            scripts: Scripts::default(),
            functions: Functions::default(),
            identity: Identity {
                started: Instant::now(),
                started_unix: now,
                run_id: random_id(),
                replid: Mutex::new(random_id()),
                supervised,
                startup_memory: alloc::used(),
            },
            shutdown: Shutdown::default(),
            dirty: AtomicU64::new(0),
            active_expire: AtomicBool::new(true),
            exceeded_since: AtomicU64::new(0),
            housekeeping_paused: AtomicBool::new(false),
            buffers_kept: AtomicBool::new(false),
            checksums_skipped: AtomicBool::new(false),
            saves: Saves::new(now),
            drafts: Drafts::default(),
            aof: Aof::default(),
            targets: Targets::default(),
            loading: Loading::default(),
            ready: AtomicBool::new(false),
            list_packed_threshold: AtomicUsize::new(0),
            config,
            log,
        })
    }

    /// Forgets a client, with all that it has registered anywhere.
    pub fn forget(&self, session: &mut Session) {
        self.unwatch(session);
        session.end_tracking(&self.listeners, &self.keyspace);
        session.end_monitoring(&self.monitors);
        self.clients.remove(session.client.id);
    }

    /// Forgets what a client watches.
    pub fn unwatch(&self, session: &mut Session) {
        let Watch { keys, flag } = session.end_watch();
        if !keys.is_empty() {
            self.keyspace.take_back(Leftover::Watched(keys, flag));
        }
    }

    /// Ends the largest clients if all together take more than `maxmemory-clients`.
    #[inline]
    pub fn evict_clients(&self) {
        for client in self.clients.evict() {
            self.stats.add(Counter::EvictedClients, 1);
            let line = client.describe(self.command_name(&client), Running::default());
            tracing::info!("Evicting client: {line}");
        }
    }

    /// Changes since the last save.
    pub fn unsaved_changes(&self) -> u64 {
        self.dirty.load(Ordering::Relaxed).saturating_sub(self.saves.saved_changes())
    }

    /// Bytes that count for `maxmemory`.
    #[inline]
    pub fn counted_memory(&self) -> usize {
        alloc::used().saturating_sub(self.uncounted_memory())
    }

    /// Bytes that don't: what waits to be written to the AOF. Evicting for that would only make more wait.
    #[inline]
    pub fn uncounted_memory(&self) -> usize {
        self.keyspace.journal.backlog() as usize
    }

    /// Notes whether eviction lags behind `maxmemory`.
    pub fn note_exceeded(&self, exceeded: bool) {
        let now = clock::monotonic_ns();
        if exceeded {
            // The first who notices it wins.
            let _ = self.exceeded_since.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        } else if self.exceeded_since.load(Ordering::Relaxed) != 0 {
            let since = self.exceeded_since.swap(0, Ordering::Relaxed);
            if since != 0 {
                self.stats.add(Counter::ExceededNanos, now.saturating_sub(since));
            }
        }
    }

    /// For how many ms eviction has lagged behind `maxmemory`: all times together, and this time.
    pub fn exceeded_ms(&self) -> (u64, u64) {
        let current = match self.exceeded_since.load(Ordering::Relaxed) {
            0 => 0,
            since => clock::monotonic_ns().saturating_sub(since) / 1_000_000,
        };
        (self.stats.total(Counter::ExceededNanos) / 1_000_000 + current, current)
    }

    /// The full name of the last command that a client ran.
    pub fn command_name(&self, client: &Client) -> Option<&'static str> {
        let id = client.last_command.load(Ordering::Relaxed);
        self.catalog.get(id as usize).map(|listed| listed.command.spec.name)
    }
}

/// 40 hexadecimal digits.
fn random_id() -> String {
    (0..5).map(|_| format!("{:08x}", fastrand::u32(..))).collect()
}

/// What tells this process from others.
pub struct Identity {
    /// When it started.
    pub started: Instant,
    /// The same as Unix seconds.
    pub started_unix: i64,
    /// 40 hexadecimal digits, random.
    pub run_id: String,
    /// The replication id: 40 hexadecimal digits, random.
    pub replid: Mutex<String>,
    /// Who supervises it: `systemd` or `no`.
    pub supervised: &'static str,
    /// Bytes in use before the first client came.
    pub startup_memory: usize,
}

impl Identity {
    /// Takes another replication id, so that no replica goes on where it was.
    pub fn change_replid(&self) {
        *self.replid.lock() = random_id();
    }
}

/// Who owns the listening sockets: what CONFIG SET asks of it.
pub trait Listening: Send + Sync {
    /// Listens where these settings say and nowhere else.
    ///
    /// # Errors
    /// Where it can't listen; then it listens where it did before.
    fn rebind(&self, settings: &Settings) -> io::Result<()>;

    /// Reads the certificates and all else that TLS needs; new connections use it. With no `tls-port` it reads
    /// nothing.
    ///
    /// # Errors
    /// What can't be used; then everything is as before.
    fn renew_tls(&self, settings: &Settings) -> Result<PutBack, String>;
}

/// Puts in force again what was before.
pub type PutBack = Box<dyn FnOnce() + Send>;
