//! Writing the RDB file: on demand, by itself, at the end.
//!
//! A save takes the entries as of one instant. Mostly that is a snapshot, cut while everything was held and walked
//! while others go on. Who holds everything until the file is there (the end of the process, DEBUG RELOAD, a
//! snapshot of somebody else's under way) walks what it holds.

use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::super::super::Call;
use super::super::Server;
use super::{ages, notes, options, path};
use crate::base::clock::unix_ms;
use crate::keyspace::{Frozen, Held, Keyspace, Meter, Plan, Size, Snapshot};
use crate::persist::snapshot::{Draft, Encoder, Preface, Rest, Run, SaveError};

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
        let libraries = server.functions.lock().codes();
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
