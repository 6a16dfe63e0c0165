//! The parts of the server, put together once at start-up.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use tokio::sync::Notify;

use crate::client::{BlockedClients, Client, Pause, Registry};
use crate::commands::Catalog;
use crate::config::{Config, Settings};
use crate::keyspace::Keyspace;
use crate::observe::log::Log;
use crate::observe::{LatencyMonitor, SlowLog, Stats};
use crate::pubsub::Broker;

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
    /// CLIENT PAUSE.
    pub pause: Pause,
    /// Publish and subscribe.
    pub pubsub: Arc<Broker>,
    /// The listening sockets, once they are bound.
    pub listening: OnceLock<Box<dyn Listening>>,
    /// The counters.
    pub stats: Stats,
    /// Commands that took long.
    pub slow_log: SlowLog,
    /// When what took long.
    pub latency: LatencyMonitor,
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

impl Server {
    /// The full name of the last command that a client ran.
    pub fn command_name(&self, client: &Client) -> Option<&'static str> {
        let id = client.last_command.load(Ordering::Relaxed);
        self.catalog.get(id as usize).map(|listed| listed.command.spec.name)
    }
}

/// The listening sockets, as CONFIG SET reaches them.
pub trait Listening: Send + Sync {
    /// Listens on the port and addresses that the settings name and no longer on others. If that fails, all
    /// stays as it was. Called from within the runtime.
    ///
    /// # Errors
    /// Why an address can't be listened on.
    fn rebind(&self, settings: &Settings) -> io::Result<()>;
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

/// How the process is asked to stop.
#[derive(Default)]
pub struct Shutdown {
    asked: AtomicBool,
    notify: Notify,
}

impl Shutdown {
    /// Asks the process to stop.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }

    /// Whether the process is stopping.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// Waits until the process is asked to stop.
    pub async fn asked(&self) {
        let notified = self.notify.notified();
        if !self.is_asked() {
            notified.await;
        }
    }
}
