//! The parts of the server, put together once at start-up.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::time::Instant;

use tokio::sync::Notify;

use crate::client::{BlockedClients, Registry};
use crate::commands::Catalog;
use crate::config::{Config, Settings};
use crate::keyspace::Keyspace;
use crate::observe::log::Log;
use crate::observe::{LatencyMonitor, SlowLog, Stats};

/// What handlers and tasks share. Each part guards itself; this only holds them together.
pub struct Server {
    /// The data.
    pub keyspace: Keyspace,
    /// The configuration.
    pub config: Config,
    /// The commands.
    pub catalog: Catalog,
    /// The connections.
    pub clients: Registry,
    /// Those of them that are blocked on keys.
    pub blocked: BlockedClients,
    /// The counters.
    pub stats: Stats,
    /// Commands that took long.
    pub slow_log: SlowLog,
    /// When what took long.
    pub latency: LatencyMonitor,
    /// Moves the listening sockets; set when they listen.
    pub listening: OnceLock<Box<dyn Listening>>,
    /// When the process started and who it is.
    pub identity: Identity,
    /// The log's switches.
    pub log: Log,
    /// Stopping the process.
    pub shutdown: Shutdown,
    /// Changes since the last save.
    pub dirty: AtomicU64,
    /// Cleared by DEBUG SET-ACTIVE-EXPIRE 0.
    pub active_expire: AtomicBool,
    /// The time of the last save, in Unix seconds.
    pub last_save: AtomicI64,
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
    pub replid: String,
    /// Who supervises it: `systemd` or `no`.
    pub supervised: &'static str,
    /// Bytes in use before the first client came.
    pub startup_memory: usize,
}

/// Who owns the listening sockets: what CONFIG SET asks of it.
pub trait Listening: Send + Sync {
    /// Listens where these settings say and nowhere else.
    ///
    /// # Errors
    /// Where it can't listen; then it listens where it did before.
    fn rebind(&self, settings: &Settings) -> io::Result<()>;
}

/// How the process is asked to stop.
#[derive(Default)]
pub struct Shutdown {
    asked: AtomicBool,
    notify: Notify,
}

impl Shutdown {
    /// Asks the process to stop.
    pub fn ask(&self) {
        self.asked.store(true, std::sync::atomic::Ordering::Release);
        self.notify.notify_waiters();
    }

    /// Whether the process is stopping.
    pub fn is_asked(&self) -> bool {
        self.asked.load(std::sync::atomic::Ordering::Acquire)
    }

    /// Waits until the process is asked to stop.
    pub async fn asked(&self) {
        let notified = self.notify.notified();
        if !self.is_asked() {
            notified.await;
        }
    }
}
