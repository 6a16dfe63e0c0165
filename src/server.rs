//! Putting the server together, running it until it is asked to stop.

mod end;
mod surroundings;

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use tokio::runtime::Runtime;

use self::end::{Signals, wait_for_the_end};
use self::surroundings::{PidFile, Supervisor};
use crate::base::{alloc, clock};
use crate::client::{BlockedClients, Pause, Registry};
use crate::commands::server::{Identity, Shutdown};
use crate::commands::{Catalog, Server};
use crate::config::Config;
use crate::keyspace::Keyspace;
use crate::net;
use crate::observe::{LatencyMonitor, SlowLog, Stats, log::Log, metrics};
use crate::pubsub::Broker;

/// What `--help` prints.
pub const USAGE: &str = "\
Usage: ./redis-server [/path/to/redis.conf] [options] [-]
       ./redis-server - (read config from stdin)
       ./redis-server -v or --version
       ./redis-server -h or --help

Examples:
       ./redis-server (run the server with default conf)
       echo 'maxmemory 128mb' | ./redis-server -
       ./redis-server /etc/redis/6379.conf
       ./redis-server --port 7777
       ./redis-server /etc/myredis.conf --loglevel verbose
";

/// Threads beyond the workers that may run commands: those that take over while a worker does long work.
const SPARE_THREADS: usize = 16;

/// Runs a server with this configuration until it is asked to stop.
pub fn run(config: Config) -> ExitCode {
    let settings = config.settings();
    if let Err(error) = surroundings::go_to_background(&settings.process) {
        eprintln!("Can't go to the background: {error}");
        return ExitCode::FAILURE;
    }
    if let Err(error) = std::env::set_current_dir(&settings.snapshots.dir) {
        eprintln!("Can't chdir to '{}': {error}", settings.snapshots.dir.display());
        return ExitCode::FAILURE;
    }
    // Two at least, so that a long command never strands everybody.
    let workers = std::thread::available_parallelism().map_or(2, usize::from).max(2);
    let server = match assemble(config, workers) {
        Ok(server) => server,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    announce();
    if let Err(error) = surroundings::allow_clients(&server.config) {
        tracing::warn!("{error}");
        return ExitCode::FAILURE;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .max_blocking_threads(SPARE_THREADS)
        .thread_name("redstart")
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            let _pid_file = PidFile::write(&settings.process);
            let code = serve(&runtime, &server);
            // A command that still runs is not waited for.
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            tracing::warn!("Can't start the worker threads: {error}");
            ExitCode::FAILURE
        }
    }
}

fn announce() {
    let pid = std::process::id();
    tracing::info!("oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo");
    tracing::info!("Redis version=7.4.1, bits=64, commit=00000000, modified=0, pid={pid}, just started");
    if std::env::args_os().len() > 1 {
        tracing::info!("Configuration loaded");
    } else {
        tracing::warn!(
            "Warning: no config file specified, using the default config. In order to specify a config file use redis-server /path/to/redis.conf"
        );
    }
}

/// Puts the parts together for a number of worker threads; nothing runs yet but the log.
///
/// # Errors
/// A `rename-command` that names no command, or one that is taken.
pub fn assemble(config: Config, workers: usize) -> Result<Arc<Server>, String> {
    let settings = config.settings();
    let catalog = Catalog::new(config.renames()).map_err(|error| error.to_string())?;
    let log = Log::start(settings.log.level, settings.log.file.clone());
    let threads = workers + SPARE_THREADS;
    // About sixteen shards per worker: contention stays rare, idle memory small.
    let bits = (workers * 16).next_power_of_two().trailing_zeros().min(12) as u8;
    Ok(Arc::new(Server {
        keyspace: Keyspace::new(bits, settings.process.databases as usize, threads),
        stats: Stats::new(catalog.len(), threads),
        slow_log: SlowLog::default(),
        latency: LatencyMonitor::default(),
        catalog,
        clients: Registry::default(),
        blocked: BlockedClients::default(),
        pause: Pause::default(),
        pubsub: Arc::new(Broker::new()),
        listening: OnceLock::new(),
        identity: Identity {
            started: Instant::now(),
            started_unix: clock::unix_ms() / 1000,
            run_id: random_id(),
            replid: random_id(),
            supervised: Supervisor::find(&settings.process).map_or("no", |_| "systemd"),
            startup_memory: alloc::used(),
        },
        shutdown: Shutdown::default(),
        dirty: AtomicU64::new(0),
        active_expire: AtomicBool::new(true),
        last_save: AtomicI64::new(clock::unix_ms() / 1000),
        config,
        log,
    }))
}

/// 40 hexadecimal digits.
fn random_id() -> String {
    (0..5).map(|_| format!("{:08x}", fastrand::u32(..))).collect()
}

fn serve(runtime: &Runtime, server: &Arc<Server>) -> ExitCode {
    runtime.block_on(async {
        let settings = server.config.settings();
        tracing::info!("Running mode=standalone, port={}.", settings.network.port);
        // From here on, so that a signal during the start isn't lost.
        let signals = Signals::listen();
        let Ok(listeners) = net::bind(&settings) else { return ExitCode::FAILURE };
        if let Err(error) = metrics::serve(&settings.observe, server) {
            tracing::warn!("Failed listening: {error}");
            return ExitCode::FAILURE;
        }
        tracing::info!("Server initialized");
        let (tcp, unix) = listeners.summary();
        if tcp > 0 {
            tracing::info!("Ready to accept connections tcp");
        }
        if unix.is_some() {
            tracing::info!("Ready to accept connections unix");
        }
        tokio::spawn(crate::dispatch::housekeeping(Arc::clone(server)));
        listeners.accept(server);
        if let Some(supervisor) = Supervisor::find(&settings.process) {
            supervisor.tell_ready();
        }
        wait_for_the_end(server, signals).await
    })
}

#[cfg(test)]
mod tests;
