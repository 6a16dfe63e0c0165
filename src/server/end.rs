//! How a server ends: what asks for it, the replies that still leave, the socket that goes.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::commands::Server;
use crate::config::Settings;

/// How long clients may take for replies that they have earned.
const PATIENCE: Duration = Duration::from_secs(1);

/// The signals that end a server.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens to them from now on; none if the system doesn't let us, and they end the process at once.
    pub fn listen() -> Option<Signals> {
        let terminate = signal(SignalKind::terminate()).ok()?;
        Some(Signals { terminate, interrupt: signal(SignalKind::interrupt()).ok()? })
    }
}

/// Waits until the server is asked to end, and ends it. Who insists, by a second SIGINT, isn't made to wait.
pub async fn wait_for_the_end(server: &Server, mut signals: Option<Signals>) -> ExitCode {
    match &mut signals {
        None => server.shutdown.asked().await,
        Some(signals) => wait_for_a_signal(server, signals).await,
    }
    let insisting = async {
        match &mut signals {
            Some(signals) => signals.interrupt.recv().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = finish(server) => ExitCode::SUCCESS,
        _ = insisting => {
            tracing::warn!("You insist... exiting now.");
            ExitCode::FAILURE
        }
    }
}

async fn wait_for_a_signal(server: &Server, signals: &mut Signals) {
    let process = &server.config.settings().process;
    let asked = tokio::select! {
        _ = signals.terminate.recv() => ("SIGTERM", process.shutdown_on_sigterm),
        _ = signals.interrupt.recv() => ("SIGINT", process.shutdown_on_sigint),
        () = server.shutdown.asked() => return,
    };
    let (signal, asked) = asked;
    tracing::warn!("Received {signal} scheduling shutdown...");
    let saves = asked.save || !asked.nosave && !server.config.settings().snapshots.save.is_empty();
    if saves {
        tracing::warn!("There is no saving yet: what is in memory ends with the server");
    }
    server.shutdown.ask();
}

async fn finish(server: &Server) {
    tracing::info!("User requested shutdown...");
    drain(server).await;
    remove_socket(&server.config.settings());
    tracing::warn!("Redis is now ready to exit, bye bye...");
}

/// Lets connections write the replies of commands that have run.
async fn drain(server: &Server) {
    server.scripts.running.stop();
    server.clients.for_each(|client| client.outbox.wake());
    let until = Instant::now() + PATIENCE;
    while !server.clients.is_empty() && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn remove_socket(settings: &Settings) {
    let Some(path) = &settings.network.unixsocket else { return };
    tracing::info!("Removing the unix socket file.");
    if let Err(error) = std::fs::remove_file(path) {
        tracing::warn!("Error removing the unix socket file: {error}");
    }
}
