//! Rewriting the log: a new base from a snapshot, on a thread of its own.
//!
//! The next increment is opened, and named in the manifest, before the cut: at the instant of the cut nothing is left
//! to do but a mark in the journal. Until the new base has its name the manifest has the old one and all increments.

use std::fs;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::super::Server;
use super::super::rdb::{ages, notes, options};
use super::{Impossible, Phase, folder};
use crate::base::clock::unix_ms;
use crate::config::Settings;
use crate::keyspace::journal::Mark;
use crate::keyspace::{Frozen, Plan, Snapshot};
use crate::persist::aof::{BaseWriter, Folder};
use crate::persist::snapshot::{Draft, Encoder, Preface, Rest, SaveError};

/// How often a closed gate is tried again.
const GATE_RETRY: Duration = Duration::from_millis(1);

/// Why a rewrite has come to nothing.
enum Failure {
    /// Something of the system, which this says.
    System(String),
    /// Another snapshot is under way: later.
    Busy,
    /// The log was switched on or off meanwhile.
    Overtaken,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::System(error.to_string())
    }
}

impl From<SaveError> for Failure {
    fn from(error: SaveError) -> Failure {
        if matches!(error, SaveError::Cancelled) {
            return Failure::Overtaken;
        }
        log(&error);
        Failure::System("the base can't be written".to_owned())
    }
}

/// Writes to the log what Redis writes when there is no new base.
fn log(error: &SaveError) {
    match error {
        SaveError::Open(path, error) => {
            tracing::warn!("Opening the temp file for AOF rewrite {}: {error}", path.display());
        }
        SaveError::Write(_, error) => {
            tracing::warn!("Write error writing append only file on disk: {error}");
        }
        SaveError::Rename(path, error) => {
            tracing::warn!(
                "Error moving temp append only file on the final destination {}: {error}",
                path.display()
            );
        }
        SaveError::Folder(error) => tracing::warn!("Fail to fsync AOF directory: {error}"),
        SaveError::Cancelled => {}
    }
}

/// Begins a rewrite in the background.
///
/// # Errors
/// One is under way, the folder can't be made, or there is no thread to be had.
pub fn begin(server: &Arc<Server>) -> Result<(), Impossible> {
    let (status, folder) = (&server.aof.status, folder(&server.config.settings()));
    if let Err(error) = folder.create() {
        tracing::warn!("Can't open or create append-only dir {}: {error}", folder.dir().display());
        status.rewrite_failed.store(true, Ordering::Relaxed);
        return Err(Impossible);
    }
    if !status.begin_rewrite() {
        return Err(Impossible);
    }
    let theirs = Arc::clone(server);
    let work = move || {
        tracing::info!("Background append only file rewriting started by pid {}", nix::unistd::gettid());
        let rewritten = catch_unwind(AssertUnwindSafe(|| rewrite(&theirs)));
        let rewritten = rewritten.unwrap_or_else(|_| Err(Failure::System("panic".to_owned())));
        conclude(&theirs, &rewritten);
    };
    let started = std::thread::Builder::new().name("redstart-aofrw".into()).spawn(work);
    started.map(drop).map_err(|error| {
        tracing::warn!("Can't rewrite append only file in background: {error}");
        status.end_rewrite(false);
        Impossible
    })
}

fn conclude(server: &Server, rewritten: &Result<(), Failure>) {
    let status = &server.aof.status;
    match rewritten {
        Ok(()) => tracing::info!("Background AOF rewrite finished successfully"),
        Err(Failure::System(error)) => {
            tracing::warn!("Background AOF rewrite terminated with error: {error}");
        }
        Err(Failure::Busy) => tracing::info!("The AOF is rewritten when the save under way is over"),
        Err(Failure::Overtaken) => tracing::warn!("Background AOF rewrite terminated by signal 10"),
    }
    status.end_rewrite(!matches!(rewritten, Err(Failure::System(_))));
    let waiting = server.aof.state.lock().phase == Phase::Waiting;
    if matches!(rewritten, Err(Failure::Busy)) || waiting {
        status.rewrite_scheduled.store(true, Ordering::Relaxed);
    }
}

/// The state in which a rewrite has begun.
#[derive(Clone, Copy)]
struct Begun {
    phase: Phase,
    generation: u64,
}

fn rewrite(server: &Server) -> Result<(), Failure> {
    let settings = server.config.settings();
    let folder = folder(&settings);
    let (begun, increment) = next_increment(server, &folder)?;
    let moment = cut(server, begun, increment)?;
    let temporary = settings.snapshots.dir.join(format!("temp-rewriteaof-bg-{}.aof", std::process::id()));
    let draft = write_base(server, &settings, moment, temporary)?;
    install(server, &settings, &folder, begun, draft)
}

/// What a base is made of: everything as of the cut.
struct Moment {
    snapshot: Snapshot,
    /// The code of each library of functions.
    libraries: Vec<Vec<u8>>,
}

impl Moment {
    /// To be called behind the closed gate, at the cut.
    fn new(server: &Server, snapshot: Snapshot) -> Moment {
        Moment { snapshot, libraries: server.functions.lock().codes() }
    }
}

fn temporary_increment(folder: &Folder) -> String {
    format!("temp-{}.incr", folder.prefix)
}

/// Opens the file that changes go to from the cut on; none if the log is off.
fn next_increment(server: &Server, folder: &Folder) -> Result<(Begun, Option<fs::File>), Failure> {
    let mut state = server.aof.state.lock();
    let begun = Begun { phase: state.phase, generation: state.generation };
    let file = match state.phase {
        Phase::Off => None,
        Phase::Waiting => Some(folder.create_file(&temporary_increment(folder))?),
        Phase::On => {
            let mut manifest = state.manifest.clone();
            let name = manifest.add_increment(&folder.prefix);
            let file = folder.create_file(&name)?;
            folder.write_manifest(&manifest)?;
            state.manifest = manifest;
            tracing::info!("Creating AOF incr file {name} on background rewrite");
            Some(file)
        }
    };
    Ok((begun, file))
}

/// Cuts a snapshot, and the journal at the same instant.
fn cut(server: &Server, begun: Begun, increment: Option<fs::File>) -> Result<Moment, Failure> {
    let keyspace = &server.keyspace;
    let mut closer = keyspace.gate.closer();
    let _closed = loop {
        match closer.close_soon() {
            Some(closed) => break closed,
            None => std::thread::sleep(GATE_RETRY),
        }
    };
    let mut held = keyspace.hold(Plan::Everything);
    let state = server.aof.state.lock();
    if state.generation != begun.generation {
        return Err(Failure::Overtaken);
    }
    let snapshot = keyspace.cut(&mut held).ok_or(Failure::Busy)?;
    if let Some(file) = increment {
        keyspace.journal.mark(Mark::GoOn(file, 0));
        keyspace.journal.switch(true);
    }
    Ok(Moment::new(server, snapshot))
}

/// A base that is being written, in the form that `aof-use-rdb-preamble` asks for.
enum Base {
    Rdb(Encoder<Draft>),
    Commands(BaseWriter<Draft>),
}

impl Base {
    fn begin(settings: &Settings, moment: &Moment, draft: Draft) -> io::Result<Base> {
        let Moment { snapshot, libraries } = moment;
        if !settings.aof.rdb_preamble {
            let time = settings.aof.timestamps.then(|| unix_ms() / 1000);
            return BaseWriter::new(draft, time, libraries).map(Base::Commands);
        }
        let sizes = snapshot.sizes();
        let preface = Preface { notes: notes(true), libraries: libraries.clone(), sizes: sizes.into() };
        Encoder::new(draft, preface, options(settings, sizes), ages(settings)).map(Base::Rdb)
    }

    fn key(&mut self, frozen: Frozen) -> io::Result<()> {
        match self {
            Base::Rdb(encoder) => encoder.key(frozen),
            Base::Commands(writer) => writer.key(frozen),
        }
    }

    fn finish(self) -> io::Result<Draft> {
        match self {
            Base::Rdb(encoder) => encoder.finish(),
            Base::Commands(writer) => writer.finish(),
        }
    }
}

/// Writes the base, on disk under a temporary name when this returns.
fn write_base(
    server: &Server,
    settings: &Settings,
    moment: Moment,
    temporary: PathBuf,
) -> Result<Draft, SaveError> {
    let failed = |error| SaveError::Write("base", error);
    let mut draft = Draft::create(temporary, settings.aof.incremental_fsync, &server.drafts)?;
    draft.mind_others(moment.snapshot.meter());
    let mut base = Base::begin(settings, &moment, draft).map_err(failed)?;
    let is_cancelled = || server.aof.status.is_rewrite_cancelled();
    moment.snapshot.walk(&server.keyspace, |frozen| {
        base.key(frozen).map_err(failed)?;
        Rest(settings.debug.save_rest).after_key(is_cancelled);
        if is_cancelled() { Err(SaveError::Cancelled) } else { Ok(()) }
    })?;
    let draft = base.finish().map_err(failed)?;
    draft.sync()?;
    Ok(draft)
}

/// Gives the base its name, has the manifest begin with it, and removes what it replaces.
fn install(
    server: &Server,
    settings: &Settings,
    folder: &Folder,
    begun: Begun,
    draft: Draft,
) -> Result<(), Failure> {
    let (aof, status) = (&server.aof, &server.aof.status);
    let mut state = aof.state.lock();
    if state.generation != begun.generation {
        return Err(Failure::Overtaken);
    }
    let mut manifest = state.manifest.clone();
    let base = manifest.add_base(&folder.prefix, settings.aof.rdb_preamble);
    draft.install(&folder.path(&base))?;
    if begun.phase == Phase::Waiting {
        let name = manifest.add_increment(&folder.prefix);
        fs::rename(folder.path(&temporary_increment(folder)), folder.path(&name))?;
    }
    manifest.retire_increments(usize::from(begun.phase != Phase::Off));
    if let Err(error) = folder.write_manifest(&manifest) {
        // The old manifest is in force, if only in memory, and doesn't know the new base.
        folder.remove_unnamed(&base);
        return Err(error.into());
    }
    tracing::info!("Successfully renamed the temporary AOF base file into {base}");
    state.manifest = manifest;
    if begun.phase == Phase::Waiting {
        state.phase = Phase::On;
    }
    let sizes = state.manifest.parts().map(|part| folder.len(&part.name).unwrap_or(0));
    let size: u64 = sizes.sum();
    status.size.store(size, Ordering::Relaxed);
    status.size_after_rewrite.store(size, Ordering::Relaxed);
    if !settings.debug.aof_keep_history {
        folder.remove_history(&mut state.manifest);
    }
    Ok(())
}

/// Makes the first base of an empty server: at the start, when nobody else is about.
///
/// # Errors
/// The system's.
pub fn write_empty_base(server: &Server, folder: &Folder, name: &str) -> io::Result<()> {
    let settings = server.config.settings();
    let closed = server.keyspace.gate.try_close();
    let mut held = server.keyspace.hold(Plan::Everything);
    let snapshot = server.keyspace.cut(&mut held);
    let moment = snapshot.map(|snapshot| Moment::new(server, snapshot));
    drop((held, closed));
    let moment = moment.ok_or(ErrorKind::ResourceBusy)?;
    let temporary = folder.path(&format!("temp-{name}"));
    let done = write_base(server, &settings, moment, temporary);
    done.and_then(|draft| draft.install(&folder.path(name))).map_err(|error| {
        log(&error);
        io::Error::other("the base can't be written")
    })
}
