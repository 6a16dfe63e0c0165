//! How a server ends: what asks for it, the replies that still leave, the socket that goes.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::commands::Server;
use crate::commands::server::rdb::save_finally;
use crate::commands::server::{ShutdownRequest, aof};
use crate::config::{Settings, ShutdownFlags};

/// How long clients may take for replies that they have earned.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often is looked whether what is waited for has come.
const POLL: Duration = Duration::from_millis(5);

/// The signals that end a server.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens to them from now on; none if the system doesn't let us, and they end the process at once.
    pub fn listen() -> Option<Signals> {
        let terminate = signal(SignalKind::terminate()).ok()?;
        // A file that reaches its limit is an error of writing like others, and not the end. Once caught, always
        // caught.
        drop(signal(SignalKind::from_raw(libc::SIGXFSZ)));
        Some(Signals { terminate, interrupt: signal(SignalKind::interrupt()).ok()? })
    }
}

/// Waits until the server is asked to end, and ends it. Who insists, by a second SIGINT, isn't made to wait.
pub async fn wait_for_the_end(server: &Arc<Server>, mut signals: Option<Signals>) -> ExitCode {
    loop {
        let Some((request, refuse)) = wait_for_a_request(server, &mut signals).await else { continue };
        let insisting = async {
            match &mut signals {
                Some(signals) => signals.interrupt.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = finish(server, request, refuse) => if ended { return ExitCode::SUCCESS },
            _ = insisting => {
                tracing::warn!("You insist... exiting now.");
                server.saves.cancel();
                wait_for_drafts(server).await;
                return ExitCode::FAILURE;
            }
        }
    }
}

/// What is asked for, and whom to tell if it comes to nothing; none if it was given up.
async fn wait_for_a_request(
    server: &Server,
    signals: &mut Option<Signals>,
) -> Option<(ShutdownRequest, Option<Sender<()>>)> {
    let Some(signals) = signals else {
        let (request, refuse) = server.shutdown.requested().await;
        return Some((request, Some(refuse)));
    };
    let signal = tokio::select! {
        _ = signals.terminate.recv() => "SIGTERM",
        _ = signals.interrupt.recv() => "SIGINT",
        (request, refuse) = server.shutdown.requested() => return Some((request, Some(refuse))),
    };
    if server.loading.is_active() {
        tracing::warn!("Received shutdown signal during loading, scheduling shutdown.");
    } else {
        tracing::warn!("Received {signal} scheduling shutdown...");
    }
    let process = &server.config.settings().process;
    let asked = if signal == "SIGTERM" { process.shutdown_on_sigterm } else { process.shutdown_on_sigint };
    let ShutdownFlags { save, nosave, now, force } = asked;
    server.shutdown.announce(ShutdownRequest { save, nosave, now, force });
    // Signals are heeded by what DEBUG PAUSE-CRON pauses; a command doesn't wait for it.
    tokio::select! {
        (request, refuse) = server.shutdown.requested() => return Some((request, Some(refuse))),
        () = unpaused(server) => {}
    }
    server.shutdown.take_announced().map(|request| (request, None))
}

async fn unpaused(server: &Server) {
    while server.housekeeping_paused.load(Ordering::Relaxed) && !server.loading.is_active() {
        tokio::time::sleep(POLL).await;
    }
}

/// Ends the server, unless what has to be saved first can't be: then it goes on, whoever asked is told, and that is
/// false.
async fn finish(server: &Arc<Server>, request: ShutdownRequest, refuse: Option<Sender<()>>) -> bool {
    tracing::info!("User requested shutdown...");
    let settings = server.config.settings();
    if !prepare(server, request, &settings).await {
        tracing::warn!("Errors trying to shut down the server. Check the logs for more information.");
        // A client that has gone needs no answer.
        let _ = refuse.map(|refuse| refuse.send(()));
        return false;
    }
    server.shutdown.ask();
    drop(refuse);
    drain(server).await;
    close_log(server).await;
    wait_for_drafts(server).await;
    remove_socket(&settings);
    tracing::warn!("Redis is now ready to exit, bye bye...");
    true
}

/// Does what must be done first; false if that fails and there must be no end.
async fn prepare(server: &Arc<Server>, request: ShutdownRequest, settings: &Settings) -> bool {
    if server.loading.is_active() {
        // Half of the data must not take the place of the whole.
        server.loading.cancel();
        return true;
    }
    if server.saves.cancel() {
        tracing::warn!("There is a child saving an .rdb. Killing it!");
    }
    if aof::writes_first_base(server) {
        if !request.force {
            tracing::warn!("Writing initial AOF, can't exit.");
            return false;
        }
        tracing::warn!("Writing initial AOF. Exit anyway.");
    }
    if server.aof.status.cancel_rewrite() {
        tracing::warn!("There is a child rewriting the AOF. Killing it!");
    }
    if !request.saves(settings) || save(server).await {
        return true;
    }
    if request.force {
        tracing::warn!("Error trying to save the DB. Exit anyway.");
    } else {
        tracing::warn!("Error trying to save the DB, can't exit.");
    }
    request.force
}

/// Saves all there is; nothing is written to the keyspace afterwards.
async fn save(server: &Arc<Server>) -> bool {
    tracing::info!("Saving the final RDB snapshot before exiting.");
    let server = Arc::clone(server);
    let saved = tokio::task::spawn_blocking(move || save_finally(&server)).await;
    matches!(saved, Ok(Ok(())))
}

/// Has the last changes on disk.
async fn close_log(server: &Arc<Server>) {
    if !server.keyspace.journal.is_on() {
        return;
    }
    tracing::info!("Calling fsync() on the AOF file.");
    let server = Arc::clone(server);
    // Whether it has worked, the log says.
    let _ = tokio::task::spawn_blocking(move || aof::close(&server)).await;
}

/// Lets connections write the replies of commands that have run.
async fn drain(server: &Server) {
    server.scripts.running.stop();
    server.clients.for_each(|client| client.outbox.wake());
    let until = Instant::now() + PATIENCE;
    while !server.clients.is_empty() && Instant::now() < until {
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until files that won't be complete any more are removed.
async fn wait_for_drafts(server: &Server) {
    let until = Instant::now() + PATIENCE;
    while !server.drafts.is_empty() && Instant::now() < until {
        tokio::time::sleep(POLL).await;
    }
}

fn remove_socket(settings: &Settings) {
    let Some(path) = &settings.network.unixsocket else { return };
    tracing::info!("Removing the unix socket file.");
    if let Err(error) = std::fs::remove_file(path) {
        tracing::warn!("Error removing the unix socket file: {error}");
    }
}
