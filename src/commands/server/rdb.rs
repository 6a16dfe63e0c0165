//! The RDB file of a server: writing it on demand, by itself, at the end; reading it at the start.
//!
//! A save takes the entries as of one instant. Mostly that is a snapshot, cut while everything was held and walked
//! while others go on. Who holds everything until the file is there (the end of the process, DEBUG RELOAD, a
//! snapshot of somebody else's under way) walks what it holds.

use std::fs::File;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::super::Call;
use super::Server;
use crate::base::{alloc, clock::unix_ms};
use crate::command::{Error, error};
use crate::config::{EvictionPolicy, Settings};
use crate::keyspace::{Clock, Frozen, Held, Keyspace, Meter, Plan, Size, Snapshot, View};
use crate::persist::rdb;
use crate::persist::snapshot::{
    Ages, Draft, Encoder, LoadError, LoadOptions, Loaded, Preface, Rest, Run, SaveError, load as load_file,
    load_held,
};
use crate::types::hash::HashLimits;
use crate::types::list::ListLimits;
use crate::types::set::SetLimits;
use crate::types::zset::ZsetLimits;

/// Gives the entries of a save to a function, until that fails.
type Walk<'w> = &'w mut dyn FnMut(Frozen) -> Result<(), SaveError>;

/// What a save is of.
pub enum Source<'a, 'h> {
    /// A snapshot, which is walked without any lock held.
    Snapshot(Snapshot),
    /// What is held: everything.
    Held(&'a mut Held<'h>),
    /// A keyspace that has just been flushed.
    Nothing,
}

/// The server's file can't be loaded; the log says why.
#[derive(Debug)]
pub struct Unloadable;

impl Source<'_, '_> {
    fn sizes(&self, keyspace: &Keyspace) -> Box<[Size]> {
        match self {
            Source::Snapshot(snapshot) => snapshot.sizes().into(),
            Source::Held(_) => keyspace.sizes(),
            Source::Nothing => Box::default(),
        }
    }

    fn walk(self, keyspace: &Keyspace, visit: Walk<'_>) -> Result<(), SaveError> {
        match self {
            Source::Snapshot(snapshot) => snapshot.walk(keyspace, visit),
            Source::Held(held) => keyspace.each(held, visit),
            Source::Nothing => Ok(()),
        }
    }
}

/// What belongs to the instant of a save besides its keys. To be taken by who has closed the gate.
pub struct Moment {
    /// Its number.
    number: u64,
    /// Changes from the start until then: they are no longer to be saved when the file is there.
    changes: u64,
    /// The code of each library of functions.
    libraries: Vec<Vec<u8>>,
}

impl Moment {
    /// Now.
    pub fn now(server: &Server) -> Moment {
        let libraries = server.functions.lock().libraries().map(|library| library.code.to_vec()).collect();
        let (number, changes) = (server.saves.number_moment(), server.dirty.load(Ordering::Relaxed));
        Moment { number, changes, libraries }
    }

    /// Now, with the changes that the running command has made.
    pub fn of(call: &Call<'_>) -> Moment {
        let moment = Moment::now(call.server);
        Moment { changes: moment.changes + call.keys.effects.dirty, ..moment }
    }
}

/// Saves on the calling thread.
///
/// # Errors
/// There is no new file. The log says why.
pub fn save(server: &Server, source: Source<'_, '_>, moment: Moment) -> Result<(), SaveError> {
    let run = begin(server, &source.sizes(&server.keyspace), None);
    let changes = moment.changes;
    let saved = write(server, &run, source, moment);
    end(server, &run, &saved, changes);
    saved
}

/// Saves a snapshot on a thread of its own; false if there is no thread to be had.
pub fn save_in_background(server: &Arc<Server>, snapshot: Snapshot, moment: Moment) -> bool {
    server.saves.count();
    let run = begin(server, snapshot.sizes(), Some(snapshot.meter()));
    let (theirs, their_run) = (Arc::clone(server), Arc::clone(&run));
    let work = move || {
        let id = nix::unistd::gettid();
        tracing::info!("Background saving started by pid {id}");
        let changes = moment.changes;
        let write = || write(&theirs, &their_run, Source::Snapshot(snapshot), moment);
        let panicked = || SaveError::Write("panic", ErrorKind::Other.into());
        let saved = catch_unwind(AssertUnwindSafe(write)).unwrap_or_else(|_| Err(panicked()));
        match &saved {
            Ok(()) => tracing::info!("Background saving terminated with success"),
            // What Redis says of a child that it has ended with SIGUSR1.
            Err(SaveError::Cancelled) => tracing::warn!("Background saving terminated by signal 10"),
            Err(_) => tracing::warn!("Background saving error"),
        }
        end(&theirs, &their_run, &saved, changes);
    };
    match std::thread::Builder::new().name("redstart-save".into()).spawn(work) {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!("Can't save in background: {error}");
            end(server, &run, &Err(SaveError::Write("thread", error)), 0);
            false
        }
    }
}

fn begin(server: &Server, sizes: &[Size], meter: Option<Meter>) -> Arc<Run> {
    let total = sizes.iter().map(|size| size.keys as u64).sum();
    server.saves.begin(total, meter)
}

fn end(server: &Server, run: &Arc<Run>, saved: &Result<(), SaveError>, changes: u64) {
    if saved.is_ok() {
        server.saves.note_saved(changes);
    }
    server.saves.end(run, saved);
}

fn write(server: &Server, run: &Run, source: Source<'_, '_>, moment: Moment) -> Result<(), SaveError> {
    let written = write_draft(server, run, source, moment);
    match &written {
        Ok(()) => tracing::info!("DB saved on disk"),
        Err(error) => error.log(),
    }
    written
}

fn write_draft(server: &Server, run: &Run, source: Source<'_, '_>, moment: Moment) -> Result<(), SaveError> {
    let settings = server.config.settings();
    let snapshots = &settings.snapshots;
    let sizes = source.sizes(&server.keyspace);
    // More than one thread may be about to write a file, but one at a time holds everything.
    let id = match source {
        Source::Held(_) => nix::unistd::getpid(),
        _ => nix::unistd::gettid(),
    };
    let temporary = snapshots.dir.join(format!("temp-{id}.rdb"));
    let mut draft = Draft::create(temporary, snapshots.incremental_fsync, &server.drafts)?;
    if let Source::Snapshot(snapshot) = &source {
        draft.mind_others(snapshot.meter());
    }
    let failed = |error| SaveError::Write("rdbSaveRio", error);
    let options = options(&settings, &sizes);
    let Moment { number, libraries, .. } = moment;
    let preface = Preface { notes: notes(false), libraries, sizes };
    let mut encoder = Encoder::new(draft, preface, options, ages(&settings)).map_err(failed)?;
    let rest = Rest(settings.debug.save_rest);
    source.walk(&server.keyspace, &mut |frozen| {
        encoder.key(frozen).map_err(failed)?;
        run.advance(rest)
    })?;
    let draft = encoder.finish().map_err(failed)?;
    draft.sync()?;
    server.saves.install(run, number, draft, &path(&settings))
}

/// Why nothing may be written at the moment, if that is so: what can't be saved any more must not change.
#[inline]
pub fn write_refusal(server: &Server, settings: &Settings) -> Option<Error> {
    if must_not_write(server, settings) {
        return Some(error::MISCONF);
    }
    server.aof.status.error().map(|why| error::aof_writes_fail(&why))
}

/// Why scripts that may write are refused, if they are: as [`write_refusal`], in other words.
pub fn script_refusal(server: &Server, settings: &Settings) -> Option<Error> {
    if must_not_write(server, settings) {
        return Some(error::SCRIPT_MISCONF);
    }
    server.aof.status.error().map(|why| error::script_on_failing_aof(&why))
}

/// Whether snapshots fail, and nothing must change then.
fn must_not_write(server: &Server, settings: &Settings) -> bool {
    let snapshots = &settings.snapshots;
    let unsaved = !server.saves.last_succeeded();
    unsaved && snapshots.stop_writes_on_bgsave_error && !snapshots.save.is_empty()
}

/// Where the file is.
pub fn path(settings: &Settings) -> PathBuf {
    settings.snapshots.dir.join(&settings.snapshots.dbfilename)
}

/// How files of databases of these sizes are written.
pub fn options(settings: &Settings, sizes: &[Size]) -> rdb::Options {
    rdb::Options {
        compress: settings.snapshots.compression,
        checksum: settings.snapshots.checksum,
        version: rdb::version_for(sizes.iter().any(|size| size.timed > 0)),
    }
}

/// What files tell about the last use of keys.
pub fn ages(settings: &Settings) -> Ages {
    let clock = Clock::under(settings, unix_ms());
    match (settings.memory.maxmemory_policy, clock.lfu) {
        (EvictionPolicy::AllkeysLru | EvictionPolicy::VolatileLru, _) => Ages::Idle(clock.now),
        (_, Some(lfu)) => Ages::Frequency(clock.now, lfu),
        _ => Ages::Untold,
    }
}

/// What files say about themselves; one may be the beginning of an AOF.
pub fn notes(begins_aof: bool) -> Vec<(&'static str, String)> {
    vec![
        ("redis-ver", "7.4.1".to_owned()),
        ("redis-bits", "64".to_owned()),
        ("ctime", (unix_ms() / 1000).to_string()),
        ("used-mem", alloc::used().to_string()),
        ("aof-base", u8::from(begins_aof).to_string()),
    ]
}

/// Begins a save in the background if one is due: by `save`, or because BGSAVE SCHEDULE wanted it. To be called now
/// and then, by somebody who holds neither gate nor locks.
pub fn save_if_due(server: &Arc<Server>) {
    let now = unix_ms() / 1000;
    let saves = &server.saves;
    if saves.running().is_some() || !saves.may_retry(now) {
        return;
    }
    let settings = server.config.settings();
    let (changes, since) = (server.unsaved_changes(), now - saves.last_save());
    let due = settings
        .snapshots
        .save
        .iter()
        .find(|point| changes >= point.changes && since > point.seconds.cast_signed());
    if due.is_none() && !saves.is_scheduled() {
        return;
    }
    // If it is taken, there will be another opportunity soon.
    let Some(closed) = server.keyspace.gate.try_close() else { return };
    let mut held = server.keyspace.hold(Plan::Everything);
    let Some(snapshot) = server.keyspace.cut(&mut held) else { return };
    let moment = Moment::now(server);
    drop(held);
    drop(closed);
    if let Some(point) = due {
        tracing::info!("{} changes in {} seconds. Saving...", point.changes, point.seconds);
    }
    saves.schedule(false);
    save_in_background(server, snapshot, moment);
}

/// Saves with everything held and, if that succeeds, never lets go of the gate again: what clients write from here on
/// would be lost. Waits for whoever has the gate, on the calling thread.
///
/// # Errors
/// There is no new file, and the gate is open. The log says why.
pub fn save_finally(server: &Server) -> Result<(), SaveError> {
    let closed = loop {
        match server.keyspace.gate.try_close() {
            Some(closed) => break closed,
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    let mut held = server.keyspace.hold(Plan::Everything);
    save(server, Source::Held(&mut held), Moment::now(server))?;
    std::mem::forget(closed);
    Ok(())
}

/// How files are loaded at this moment.
pub fn load_options(server: &Server) -> LoadOptions {
    let settings = server.config.settings();
    LoadOptions {
        limits: limits(server, &settings),
        checksum: settings.snapshots.checksum && !server.checksums_skipped.load(Ordering::Relaxed),
        clock: Clock::under(&settings, unix_ms()),
        keeps_expired: false,
        replaces: false,
        rest: Rest(settings.debug.load_rest),
    }
}

fn limits(server: &Server, settings: &Settings) -> rdb::Limits {
    let encodings = &settings.encodings;
    rdb::Limits {
        list: ListLimits {
            max_listpack_size: encodings.list_max_listpack_size,
            packed_threshold: server.list_packed_threshold.load(Ordering::Relaxed),
        },
        set: SetLimits {
            max_intset_entries: encodings.set_max_intset_entries,
            max_listpack_entries: encodings.set_max_listpack_entries,
            max_listpack_value: encodings.set_max_listpack_value,
        },
        hash: HashLimits {
            max_listpack_entries: encodings.hash_max_listpack_entries,
            max_listpack_value: encodings.hash_max_listpack_value,
        },
        zset: ZsetLimits {
            max_listpack_entries: encodings.zset_max_listpack_entries,
            max_listpack_value: encodings.zset_max_listpack_value,
        },
    }
}

/// Opens the server's file and notes that loading begins; none if there is no file.
///
/// # Errors
/// It can't be read. The log says why.
pub fn open(server: &Server) -> Result<Option<File>, Unloadable> {
    let path = path(&server.config.settings());
    let opened = File::open(&path).and_then(|file| {
        let size = file.metadata()?.len();
        Ok((file, size))
    });
    match opened {
        Ok((file, size)) => {
            server.loading.begin(size);
            Ok(Some(file))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let path = path.display();
            tracing::warn!("Fatal error: can't open the RDB file {path} for reading: {error}");
            Err(Unloadable)
        }
    }
}

/// Loads the server's file, which `open` has opened, into its keyspace.
///
/// # Errors
/// The file is damaged. The log says where and how. What came before that is in the keyspace.
pub fn load(server: &Server, file: File) -> Result<(), Unloadable> {
    let begun = Instant::now();
    let loaded = load_file(&server.keyspace, file, &load_options(server), &server.loading);
    server.loading.end();
    conclude(server, loaded, false).inspect_err(|_| {
        if !server.loading.is_cancelled() {
            tracing::warn!("Terminating server after rdb file reading failure.");
        }
    })?;
    tracing::info!("DB loaded from disk: {:.3} seconds", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Loads the server's file for who holds everything and goes on holding it. Without a file there is nothing to do.
///
/// # Errors
/// As for `load`.
pub fn reload(server: &Server, keys: &mut View<'_>, replaces: bool) -> Result<(), Unloadable> {
    let Some(file) = open(server)? else { return Ok(()) };
    let options = LoadOptions { replaces, ..load_options(server) };
    let loaded = load_held(keys, file, &options, &server.loading);
    server.loading.end();
    conclude(server, loaded, replaces)
}

/// Takes what came of loading into account.
fn conclude<R>(
    server: &Server,
    loaded: Result<Loaded<R>, LoadError>,
    replaces: bool,
) -> Result<(), Unloadable> {
    match loaded {
        Ok(loaded) => {
            let (keys, expired) = (loaded.keys, loaded.expired);
            let empty = match loaded.empty {
                0 => String::new(),
                empty => format!(", empty keys skipped: {empty}"),
            };
            tracing::info!("Done loading RDB, keys loaded: {keys}, keys expired: {expired}{empty}.");
            load_libraries(server, &loaded.libraries, replaces)
        }
        Err(LoadError::Cancelled) => Err(Unloadable),
        Err(error) => {
            let path = path(&server.config.settings());
            tracing::error!("Can't load the RDB file {}: {error}", path.display());
            Err(Unloadable)
        }
    }
}

/// Loads libraries of functions from their code.
///
/// # Errors
/// One is no good. The log says why.
pub fn load_libraries(server: &Server, libraries: &[Vec<u8>], replaces: bool) -> Result<(), Unloadable> {
    let mut functions = server.functions.lock();
    for code in libraries {
        if let Err(refused) = functions.load(&server.scripts.running, code, replaces) {
            tracing::warn!("Failed loading library, {}", String::from_utf8_lossy(&refused.0));
            return Err(Unloadable);
        }
    }
    Ok(())
}
