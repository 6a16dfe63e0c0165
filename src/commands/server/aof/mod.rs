//! The append only file of a server: switching it on and off, its settings, when it is rewritten.
//!
//! ```text
//!          switch_on                       the first base is complete
//!   off ─────────────▶ waiting ──────────────────────────────────────▶ on
//!    ▲                   │  changes go to a temporary increment        │ changes go to the last increment
//!    └───────────────────┴──────────────── switch_off ────────────────┘
//! ```
//!
//! At the start of the process the files that are there are loaded and gone on with; see `start`. Everything that makes
//! a new base is a rewrite, on a thread of its own; see `rewrite`.

mod rewrite;
mod start;

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::Mutex;

use self::rewrite::begin;
use super::Server;
use crate::command::error;
use crate::command::row::*;
use crate::commands::account::note_latency;
use crate::commands::{Call, Command, DONE, Outcome};
use crate::config::{AppendFsync, Settings};
use crate::keyspace::Verbs;
use crate::keyspace::journal::{Journal, JournalSettings, Mark};
use crate::observe::info::AofFacts;
use crate::persist::aof::{self, Folder, Manifest, Replay, Status, WriterSettings};

pub use self::start::{is_there, load, load_again, open};

/// How long switching off, and the end of the process, wait for the disk.
const PATIENCE: Duration = Duration::from_secs(10);
/// After so many failures in a row the next rewrite by itself isn't begun at once.
const FAILURES_ALLOWED: u64 = 3;

pub(super) const BGREWRITEAOF: Command = Command::new(
    Spec::new("bgrewriteaof", 1).flags(&[ADMIN, NO_ASYNC_LOADING, NOSCRIPT]).doc(
        "server",
        "1.0.0",
        "O(1)",
        "Begins to rewrite the append only file in the background.",
    ),
    bgrewriteaof,
);

/// See the head of this file.
pub struct Aof {
    /// How it is doing.
    pub status: Arc<Status>,
    /// Makes what replays the commands of a file; set by whoever knows the road.
    pub replayer: OnceLock<MakeReplay>,
    state: Mutex<State>,
}

/// Makes what replays the commands of a file.
pub type MakeReplay = fn(&Arc<Server>) -> Box<dyn Replay>;

struct State {
    manifest: Manifest,
    phase: Phase,
    /// How often it was switched on or off: a rewrite that began before is of no use.
    generation: u64,
    /// Whether there is a writer.
    has_writer: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Off,
    Waiting,
    On,
}

impl Default for Aof {
    fn default() -> Self {
        Aof {
            status: Arc::new(Status::new()),
            replayer: OnceLock::new(),
            state: Mutex::new(State {
                manifest: Manifest::default(),
                phase: Phase::Off,
                generation: 0,
                has_writer: false,
            }),
        }
    }
}

/// Where the log is.
fn folder(settings: &Settings) -> Folder {
    Folder::new(&settings.aof.dirname, &settings.aof.filename)
}

fn bgrewriteaof(call: &mut Call<'_>) -> Outcome {
    let server = call.server;
    let status = &server.aof.status;
    if status.is_rewriting.load(Ordering::Relaxed) {
        return Err(error::AOF_REWRITE_IN_PROGRESS);
    }
    if server.saves.running().is_some() || call.nested {
        status.rewrite_scheduled.store(true, Ordering::Relaxed);
        status.failures.store(0, Ordering::Relaxed);
        call.reply.simple("Background append only file rewriting scheduled");
        return DONE;
    }
    begin(server).map_err(|_| error::AOF_REWRITE_IMPOSSIBLE)?;
    call.reply.simple("Background append only file rewriting started");
    DONE
}

/// Switches the log on. Its first base is made in the background.
///
/// # Errors
/// It can't be. The log says why.
pub fn switch_on(server: &Arc<Server>) -> Result<(), Impossible> {
    let aof = &server.aof;
    let mut state = aof.state.lock();
    if state.phase != Phase::Off {
        return Ok(());
    }
    start_writer(server, &mut state)?;
    state.phase = Phase::Waiting;
    state.generation += 1;
    drop(state);
    if aof.status.note_error(None) {
        tracing::warn!("AOF reopen, just ignore the last error.");
    }
    aof.status.enabled.store(true, Ordering::Relaxed);
    if server.saves.running().is_some() || aof.status.is_rewriting.load(Ordering::Relaxed) {
        aof.status.rewrite_scheduled.store(true, Ordering::Relaxed);
        tracing::info!(
            "AOF was enabled but there is already another background operation. An AOF background was scheduled to start when possible."
        );
        return Ok(());
    }
    begin(server).inspect_err(|_| {
        aof.state.lock().phase = Phase::Off;
        aof.status.enabled.store(false, Ordering::Relaxed);
        tracing::warn!(
            "Redis needs to enable the AOF but can't trigger a background AOF rewrite operation. Check the above logs for more info about the error."
        );
    })
}

/// Switches the log off: what was appended by then is on disk when this returns, unless the disk fails. If it is known
/// to fail, nobody waits for it: switching off is how operators have writes go on.
pub fn switch_off(server: &Server) {
    let mut state = server.aof.state.lock();
    if state.phase == Phase::Off {
        return;
    }
    state.phase = Phase::Off;
    state.generation += 1;
    drop(state);
    if server.aof.status.cancel_rewrite() {
        tracing::info!("Killing AOF child: the rewrite under way is of no use any more");
    }
    let journal = &server.keyspace.journal;
    let patience = if server.aof.status.error().is_some() { Duration::ZERO } else { PATIENCE };
    close_within(journal, patience, || false);
    journal.switch(false);
    server.aof.status.enabled.store(false, Ordering::Relaxed);
    server.aof.status.rewrite_scheduled.store(false, Ordering::Relaxed);
    server.aof.status.note_error(None);
}

/// Whether the log has been switched on and its first base is being written: what is kept by then isn't complete.
pub fn writes_first_base(server: &Server) -> bool {
    server.aof.state.lock().phase == Phase::Waiting && server.aof.status.is_rewriting.load(Ordering::Relaxed)
}

/// Has everything on disk, however long that takes as long as it gets on; what is appended later isn't kept.
pub fn close(server: &Server) {
    let journal = &server.keyspace.journal;
    let mut left = journal.backlog();
    close_within(journal, PATIENCE, || {
        let before = std::mem::replace(&mut left, journal.backlog());
        left < before
    });
}

/// Waits for the disk, and as long again whenever `gets_on` says so.
fn close_within(journal: &Journal, patience: Duration, mut gets_on: impl FnMut() -> bool) {
    if !journal.is_on() {
        return;
    }
    journal.mark(Mark::End);
    while !journal.flush(patience) {
        if !gets_on() {
            tracing::warn!("Fail to fsync the AOF file: it takes too long");
            return;
        }
    }
}

/// The log can't be; why is in the server's log.
#[derive(Debug)]
pub struct Impossible;

fn start_writer(server: &Arc<Server>, state: &mut State) -> Result<(), Impossible> {
    if state.has_writer {
        return Ok(());
    }
    let status = Arc::clone(&server.aof.status);
    aof::start(
        Arc::clone(server),
        |server| &server.keyspace.journal,
        |server| writer_settings(server),
        |server, event, took| note_latency(server, &server.config.settings(), event, took),
        status,
    )
    .map_err(|error| {
        tracing::warn!("Can't start the AOF's thread: {error}");
        Impossible
    })?;
    state.has_writer = true;
    Ok(())
}

fn writer_settings(server: &Server) -> WriterSettings {
    let settings = server.config.settings();
    let writes_elsewhere =
        || server.aof.status.is_rewriting.load(Ordering::Relaxed) || server.saves.running().is_some();
    WriterSettings {
        fsync: settings.aof.fsync,
        holds_fsync: settings.aof.no_fsync_on_rewrite && writes_elsewhere(),
    }
}

/// Has the journal follow the settings.
pub fn follow(journal: &Journal, settings: &Settings) {
    journal.set(JournalSettings {
        always: settings.aof.fsync == AppendFsync::Always,
        timestamps: settings.aof.timestamps,
        verbs: Verbs {
            unlink_expired: settings.memory.lazyfree_expire,
            unlink_evicted: settings.memory.lazyfree_eviction,
        },
    });
}

/// Removes the files that rewrites have left behind, if they may go.
pub fn remove_history(server: &Server, settings: &Settings) {
    if !settings.debug.aof_keep_history {
        folder(settings).remove_history(&mut server.aof.state.lock().manifest);
    }
}

/// Begins a rewrite if one is due: because the log has grown, or because one was put off. To be called now and then,
/// by somebody who holds neither gate nor locks.
pub fn rewrite_if_due(server: &Arc<Server>) {
    let status = &server.aof.status;
    if status.is_rewriting.load(Ordering::Relaxed) || server.saves.running().is_some() {
        return;
    }
    let scheduled = status.rewrite_scheduled.load(Ordering::Relaxed);
    if scheduled || has_grown(server) {
        // What keeps it from beginning is in the log.
        let _ = begin(server);
    }
}

fn has_grown(server: &Server) -> bool {
    let (status, settings) = (&server.aof.status, server.config.settings());
    let size = status.size.load(Ordering::Relaxed);
    if settings.aof.rewrite_percentage == 0
        || size <= settings.aof.rewrite_min_size
        || !status.enabled.load(Ordering::Relaxed)
        || server.aof.state.lock().phase != Phase::On
    {
        return false;
    }
    let base = status.size_after_rewrite.load(Ordering::Relaxed).max(1);
    let growth = (u128::from(size) * 100 / u128::from(base)).saturating_sub(100);
    if growth < u128::from(settings.aof.rewrite_percentage) || is_too_soon(status) {
        return false;
    }
    tracing::info!("Starting automatic rewriting of AOF on {growth}% growth");
    true
}

/// Whether rewrites have failed so often that the next one had better wait: a minute, then two, up to an hour.
fn is_too_soon(status: &Status) -> bool {
    let failures = status.failures.load(Ordering::Relaxed);
    let Some(doublings) = failures.checked_sub(FAILURES_ALLOWED) else { return false };
    let minutes = (1 << doublings.min(6)).min(60);
    status.since_last_rewrite().is_some_and(|since| since < Duration::from_secs(60 * minutes))
}

/// What INFO tells.
pub fn facts(server: &Server) -> AofFacts {
    let (status, journal) = (&server.aof.status, &server.keyspace.journal);
    let flag = |flag: &std::sync::atomic::AtomicBool| flag.load(Ordering::Relaxed);
    AofFacts {
        enabled: flag(&status.enabled),
        rewriting: flag(&status.is_rewriting),
        scheduled: flag(&status.rewrite_scheduled),
        last_rewrite_seconds: status.last_rewrite(),
        current_rewrite_seconds: status.rewriting_for(),
        last_rewrite_failed: flag(&status.rewrite_failed),
        rewrites: status.rewrites.load(Ordering::Relaxed),
        failures: status.failures.load(Ordering::Relaxed),
        writes_fail: status.error().is_some(),
        size: status.size.load(Ordering::Relaxed),
        base_size: status.size_after_rewrite.load(Ordering::Relaxed),
        buffer: journal.backlog(),
        pending_fsync: flag(&status.fsync_pending),
        delayed_fsyncs: status.delayed_fsyncs.load(Ordering::Relaxed),
    }
}
