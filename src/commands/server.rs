//! The parts of the server, put together once at start-up.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::time::Instant;

use tokio::sync::Notify;

use super::Catalog;
use crate::client::{BlockedClients, Registry};
use crate::config::Config;
use crate::keyspace::Keyspace;
use crate::observe::Stats;
use crate::observe::log::Log;
use crate::script::Scripts;

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
    /// The interpreter and its scripts.
    pub scripts: Scripts,
    /// The counters.
    pub stats: Stats,
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
