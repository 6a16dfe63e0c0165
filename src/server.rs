//! Putting the server together, running it until it is asked to stop.

mod clients;
mod container;
mod crew;
mod end;
pub mod image;
mod report;
mod surroundings;

use std::fs::File;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::runtime::Runtime;

use self::clients::adjust_maxclients;
use self::end::{Signals, wait_for_the_end};
use self::surroundings::{PidFile, Supervisor};
use crate::base::{alloc, task, worker};
use crate::commands::server::{SPARE_THREADS, aof, follow_oom_score, give_back_unused, rdb};
use crate::commands::{Server, acl};
use crate::config::{Config, REDIS_VERSION, Settings, Veto};
use crate::net;
use crate::observe::crash;
use crate::observe::log::Log;

/// Of a worker thread, in bytes: scripts convert values that nest a thousand levels deep.
const STACK_SIZE: usize = 8 << 20;

/// After so many steps of tasks a worker looks at the network, even if more tasks are ready: clients that send without
/// end must not keep others from being noticed.
const EVENT_INTERVAL: u32 = 32;

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

/// Runs a server with this configuration until it is asked to stop.
pub fn run(config: Config) -> ExitCode {
    let settings = config.settings();
    if settings.replication.replicaof.is_some() {
        // As a primary it would take writes that nobody looks for there, and show none of those to its own.
        eprintln!("Can't be a replica: this version of Redstart doesn't replicate, so 'replicaof' must go");
        return ExitCode::FAILURE;
    }
    if let Err(error) = surroundings::go_to_background(&settings.process) {
        eprintln!("Can't go to the background: {error}");
        return ExitCode::FAILURE;
    }
    if let Err(error) = std::env::set_current_dir(&settings.snapshots.dir) {
        eprintln!("Can't chdir to '{}': {error}", settings.snapshots.dir.display());
        return ExitCode::FAILURE;
    }
    // Two at least, so that a long command never strands everybody.
    let workers = worker::count();
    let server = match assemble(config, workers) {
        Ok(server) => server,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    report::prepare(&server);
    announce();
    if let Err(code) = adjust_maxclients(&server.config) {
        return code;
    }
    if settings.memory.maxmemory == 0 {
        container::warn_of_its_limit();
    }
    if settings.memory.active_defrag {
        tracing::warn!("activedefrag is set but changes nothing: {}", Veto::ActiveDefrag);
    }
    give_back_unused(&settings);
    // A server that is ended too soon or too late is still a server.
    follow_oom_score(&settings);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .max_blocking_threads(SPARE_THREADS)
        .event_interval(EVENT_INTERVAL)
        .thread_name("redstart")
        .thread_stack_size(STACK_SIZE)
        .on_thread_start(prepare_thread)
        .on_thread_unpark(worker::wake_up)
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            crew::watch(Arc::clone(&server), runtime.handle().clone(), workers);
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

fn prepare_thread() {
    alloc::share_arena();
    crash::protect_thread();
}

fn announce() {
    let pid = std::process::id();
    tracing::info!("oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo");
    tracing::info!(
        "Redis version={REDIS_VERSION}, bits=64, commit=00000000, modified=0, pid={pid}, just started"
    );
    if std::env::args_os().len() > 1 {
        tracing::info!("Configuration loaded");
    } else {
        tracing::warn!(
            "Warning: no config file specified, using the default config. In order to specify a config file use redis-server /path/to/redis.conf"
        );
    }
}

fn greet(settings: &Settings) {
    let port = settings.main_port();
    if settings.process.always_show_logo {
        tracing::info!("Redis {REDIS_VERSION}, 64 bit, as Redstart speaks it");
        tracing::info!("Running in standalone mode");
        tracing::info!("Port: {port}");
        tracing::info!("PID: {}", std::process::id());
    } else {
        tracing::info!("Running mode=standalone, port={port}.");
    }
}

/// Puts the parts together for a number of worker threads; nothing runs yet but the log.
///
/// # Errors
/// A `rename-command` that names no command, or one that is taken; users that can't be made.
pub fn assemble(config: Config, workers: usize) -> Result<Arc<Server>, String> {
    let settings = config.settings();
    let log = Log::start(settings.log.level, settings.log.file.clone());
    let supervised = Supervisor::find(&settings.process).map_or("no", |_| "systemd");
    let server = Server::new(config, log, workers, supervised).map_err(|error| error.to_string())?;
    acl::load_at_start(&server)?;
    // The only one who sets it.
    let _ = server.aof.replayer.set(crate::dispatch::replayer);
    Ok(Arc::new(server))
}

fn serve(runtime: &Runtime, server: &Arc<Server>) -> ExitCode {
    runtime.block_on(async {
        let settings = server.config.settings();
        greet(&settings);
        // From here on, so that a signal during the start isn't lost.
        let signals = Signals::listen();
        let Ok(listeners) = net::bind(&settings) else { return ExitCode::FAILURE };
        if let Err(error) = server.metrics.serve(&settings.observe, server) {
            tracing::warn!("Failed listening: {error}");
            return ExitCode::FAILURE;
        }
        // Not before the addresses are ours: a second server that can't start must not touch the first one's file.
        let _pid_file = PidFile::write(&settings.process);
        tracing::info!("Server initialized");
        let Ok(source) = Source::find(server) else { return ExitCode::FAILURE };
        let kinds = listeners.kinds();
        // Clients are told that the data is being loaded.
        listeners.accept(server);
        let mut end = pin!(wait_for_the_end(server, signals));
        tokio::select! {
            code = &mut end => return code,
            loaded = load(server, source) => if !loaded {
                tracing::warn!("Fatal error loading the DB, check server logs. Exiting.");
                return ExitCode::FAILURE;
            },
        }
        task::spawn(crate::dispatch::housekeeping(Arc::clone(server)));
        server.ready.store(true, Ordering::Relaxed);
        for kind in kinds {
            tracing::info!("Ready to accept connections {kind}");
        }
        if let Some(supervisor) = Supervisor::find(&settings.process) {
            supervisor.tell_ready();
        }
        end.await
    })
}

/// Where the data comes from.
enum Source {
    Nowhere,
    Rdb(File),
    /// With so many bytes, which are to be gone on with in any case.
    Aof(Option<u64>),
}

impl Source {
    /// The append only file if that is on, whether it is there or not; else the RDB file.
    fn find(server: &Arc<Server>) -> Result<Source, ()> {
        if server.config.settings().aof.enabled {
            let total = aof::is_there(server).map_err(|_| ())?;
            server.loading.begin(total.unwrap_or(0));
            return Ok(Source::Aof(total));
        }
        let file = rdb::open(server).map_err(|_| ())?;
        Ok(file.map_or(Source::Nowhere, Source::Rdb))
    }
}

/// Loads what is on disk and goes on behind it; false if that can't be.
async fn load(server: &Arc<Server>, source: Source) -> bool {
    let server = Arc::clone(server);
    let work = move || match source {
        Source::Nowhere => true,
        Source::Rdb(file) => rdb::load(&server, file).is_ok(),
        Source::Aof(total) => {
            let loaded = total.is_none() || aof::load(&server).is_ok();
            // Before anybody is let in: their changes are to be kept.
            let opened = loaded && aof::open(&server).is_ok();
            server.loading.end();
            opened
        }
    };
    tokio::task::spawn_blocking(work).await.unwrap_or(false)
}

#[cfg(test)]
mod tests;
