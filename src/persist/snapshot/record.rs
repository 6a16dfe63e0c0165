//! What is known of saving: the save under way, how the last one went, how many changes there have been since.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use super::draft::{Draft, SaveError};
use super::rest::Rest;
use crate::base::clock::unix_ms;
use crate::keyspace::Meter;

/// After a background save has failed, the next one by itself waits for so long, in seconds.
const RETRY_AFTER: i64 = 5;

/// See the head of this file. Figures are relaxed atomics: each stands for itself.
pub struct Saves {
    running: Mutex<Option<Arc<Run>>>,
    /// The moment of which the file is that is there. Held from the last look whether a save was given up to its file's
    /// final name: whoever gives it up and then writes a file of his own must not find it replaced by an older one.
    installed: Mutex<u64>,
    /// How many moments have been numbered.
    moments: AtomicU64,
    /// How many changes, of all since the start, are in the file.
    saved_changes: AtomicU64,
    /// BGSAVE SCHEDULE: to begin when nothing else is under way.
    scheduled: AtomicBool,
    last_succeeded: AtomicBool,
    /// Unix seconds.
    last_save: AtomicI64,
    last_try: AtomicI64,
    /// Seconds; -1 for never.
    last_duration: AtomicI64,
    last_copied: AtomicU64,
    saves: AtomicU64,
}

/// A save under way.
pub struct Run {
    begun: Instant,
    cancelled: AtomicBool,
    done: AtomicU64,
    total: u64,
    /// Of a save in the background.
    meter: Option<Meter>,
}

impl Run {
    /// Counts a key that is done, and rests after it.
    ///
    /// # Errors
    /// If somebody has given the save up.
    pub fn advance(&self, rest: Rest) -> Result<(), SaveError> {
        // One thread counts.
        self.done.store(self.done.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        let is_cancelled = || self.cancelled.load(Ordering::Relaxed);
        rest.after_key(is_cancelled);
        if is_cancelled() { Err(SaveError::Cancelled) } else { Ok(()) }
    }

    /// Keys that are done, and all of them.
    pub fn keys(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.total)
    }

    /// Whether it is on a thread of its own.
    pub fn in_background(&self) -> bool {
        self.meter.is_some()
    }

    /// Since when it has been running, in seconds.
    pub fn seconds(&self) -> u64 {
        self.begun.elapsed().as_secs()
    }

    /// Bytes that writers have copied for it.
    pub fn copied_bytes(&self) -> u64 {
        self.meter.as_ref().map_or(0, |meter| meter.copied_bytes() as u64)
    }
}

impl Saves {
    /// Nothing has been saved; `now` in Unix seconds counts as the last save.
    pub fn new(now: i64) -> Saves {
        Saves {
            running: Mutex::new(None),
            installed: Mutex::new(0),
            moments: AtomicU64::new(0),
            saved_changes: AtomicU64::new(0),
            scheduled: AtomicBool::new(false),
            last_succeeded: AtomicBool::new(true),
            last_save: AtomicI64::new(now),
            last_try: AtomicI64::new(0),
            last_duration: AtomicI64::new(-1),
            last_copied: AtomicU64::new(0),
            saves: AtomicU64::new(0),
        }
    }

    /// Notes that a save of `total` keys begins; with a meter if it runs in the background.
    pub fn begin(&self, total: u64, meter: Option<Meter>) -> Arc<Run> {
        if meter.is_some() {
            self.last_try.store(unix_ms() / 1000, Ordering::Relaxed);
        }
        let run = Run {
            begun: Instant::now(),
            cancelled: AtomicBool::new(false),
            done: AtomicU64::new(0),
            total,
            meter,
        };
        let run = Arc::new(run);
        *self.running.lock() = Some(Arc::clone(&run));
        run
    }

    /// The number of this moment. To be asked for behind the closed gate, so that what is of a later moment has a
    /// higher number.
    pub fn number_moment(&self) -> u64 {
        self.moments.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Gives a complete file, which is of this moment, its name, unless the save has been given up or the file of a
    /// later moment is there.
    ///
    /// # Errors
    /// The system's, or that it is of no use any more.
    pub fn install(&self, run: &Run, moment: u64, draft: Draft, target: &Path) -> Result<(), SaveError> {
        let mut installed = self.installed.lock();
        if run.cancelled.load(Ordering::Relaxed) || moment < *installed {
            return Err(SaveError::Cancelled);
        }
        draft.install(target)?;
        *installed = moment;
        Ok(())
    }

    /// Notes how a save ended. One that was given up is as if it had never been.
    pub fn end(&self, run: &Arc<Run>, outcome: &Result<(), SaveError>) {
        match outcome {
            Ok(()) => {
                self.last_save.store(unix_ms() / 1000, Ordering::Relaxed);
                self.last_succeeded.store(true, Ordering::Relaxed);
            }
            Err(SaveError::Cancelled) => {}
            Err(_) if !run.in_background() => {}
            Err(_) => self.last_succeeded.store(false, Ordering::Relaxed),
        }
        if run.in_background() {
            self.last_duration.store(run.seconds() as i64, Ordering::Relaxed);
            self.last_copied.store(run.copied_bytes(), Ordering::Relaxed);
        }
        let mut running = self.running.lock();
        if running.as_ref().is_some_and(|other| Arc::ptr_eq(other, run)) {
            *running = None;
        }
    }

    /// Gives up the save under way: its file won't appear any more. Tells whether there was one.
    pub fn cancel(&self) -> bool {
        let Some(run) = self.running.lock().take() else { return false };
        let _not_installing = self.installed.lock();
        run.cancelled.store(true, Ordering::Relaxed);
        if let Some(meter) = &run.meter {
            meter.abandon();
        }
        true
    }

    /// The save under way.
    pub fn running(&self) -> Option<Arc<Run>> {
        self.running.lock().clone()
    }

    /// Notes that so many changes, of all since the start, are saved.
    pub fn note_saved(&self, changes: u64) {
        // Saves may overlap: one of a later moment has them all.
        self.saved_changes.fetch_max(changes, Ordering::Relaxed);
    }

    /// How many changes, of all since the start, are saved.
    pub fn saved_changes(&self) -> u64 {
        self.saved_changes.load(Ordering::Relaxed)
    }

    /// Has a save begin when nothing else is under way, or not.
    pub fn schedule(&self, wanted: bool) {
        self.scheduled.store(wanted, Ordering::Relaxed);
    }

    /// Whether a save is to begin when nothing else is under way.
    pub fn is_scheduled(&self) -> bool {
        self.scheduled.load(Ordering::Relaxed)
    }

    /// Whether a save may begin by itself at a time in Unix seconds: after one that failed not at once.
    pub fn may_retry(&self, now: i64) -> bool {
        self.last_succeeded() || now - self.last_try.load(Ordering::Relaxed) > RETRY_AFTER
    }

    /// Whether the last save succeeded.
    #[inline]
    pub fn last_succeeded(&self) -> bool {
        self.last_succeeded.load(Ordering::Relaxed)
    }

    /// When the last save succeeded, in Unix seconds: the start if none has.
    pub fn last_save(&self) -> i64 {
        self.last_save.load(Ordering::Relaxed)
    }

    /// How long the last save took, in seconds; -1 if there was none.
    pub fn last_duration(&self) -> i64 {
        self.last_duration.load(Ordering::Relaxed)
    }

    /// Bytes that writers have copied for the last save.
    pub fn last_copied_bytes(&self) -> u64 {
        self.last_copied.load(Ordering::Relaxed)
    }

    /// Counts a save that somebody asked for, or `save` did.
    pub fn count(&self) {
        self.saves.fetch_add(1, Ordering::Relaxed);
    }

    /// How many saves there were.
    pub fn counted(&self) -> u64 {
        self.saves.load(Ordering::Relaxed)
    }

    /// Begins the count of saves anew.
    pub fn reset_count(&self) {
        self.saves.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::super::draft::Drafts;
    use super::*;

    #[test]
    fn the_file_is_never_replaced_by_one_of_an_earlier_moment() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("dump.rdb");
        let saves = Saves::new(0);
        let run = saves.begin(0, None);
        let moments: Vec<u64> = (0..3).map(|_| saves.number_moment()).collect();
        let install = |at: usize| {
            let mut draft = Draft::create(folder.path().join("temp"), false, &Drafts::default()).unwrap();
            draft.write_all(&[b'0' + at as u8]).unwrap();
            let installed = saves.install(&run, moments[at], draft, &target).is_ok();
            (installed, fs::read_to_string(&target).unwrap())
        };
        assert_eq!(install(1), (true, "1".to_owned()));
        assert_eq!(install(0), (false, "1".to_owned()));
        assert_eq!(install(2), (true, "2".to_owned()));
        saves.cancel();
        assert_eq!(install(2), (false, "2".to_owned()));
    }
}
