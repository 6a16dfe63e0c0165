//! How the append only file is doing: figures for INFO and for the admission of writes.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// See the head of this file. Figures are relaxed atomics: each stands for itself.
#[derive(Default)]
pub struct Status {
    /// Whether changes are kept.
    pub enabled: AtomicBool,
    /// Bytes of the base and the increments.
    pub size: AtomicU64,
    /// The same when the last rewrite ended.
    pub size_after_rewrite: AtomicU64,
    /// How often data waited for an fsync that took more than two seconds.
    pub delayed_fsyncs: AtomicU64,
    /// Whether something written isn't known to be on disk.
    pub fsync_pending: AtomicBool,
    /// The system's number of the error that keeps the writer from writing; 0 for none.
    error: AtomicI32,
    /// A rewrite is to begin when nothing else is under way.
    pub rewrite_scheduled: AtomicBool,
    /// The rewrite under way.
    rewriting: Mutex<Option<Instant>>,
    /// Whether there is one, for a look without the lock.
    pub is_rewriting: AtomicBool,
    /// Whether the one under way is of no use any more.
    rewrite_cancelled: AtomicBool,
    /// When the last one ended.
    ended: Mutex<Option<Instant>>,
    /// Whether the last rewrite failed.
    pub rewrite_failed: AtomicBool,
    /// How many seconds it took; -1 for none.
    last_rewrite: AtomicI64,
    /// How many rewrites have begun.
    pub rewrites: AtomicU64,
    /// How many in a row have failed by now.
    pub failures: AtomicU64,
    /// DEBUG AOF-FLUSH-SLEEP: for how many µs the writer sleeps before it writes.
    pub flush_rest: AtomicU32,
}

impl Status {
    /// Nothing has happened yet.
    pub fn new() -> Status {
        Status { last_rewrite: AtomicI64::new(-1), ..Status::default() }
    }

    /// The error that keeps the writer from writing.
    #[inline]
    pub fn error(&self) -> Option<std::io::Error> {
        match self.error.load(Ordering::Relaxed) {
            0 => None,
            number => Some(std::io::Error::from_raw_os_error(number)),
        }
    }

    /// Notes that the writer can't write, or can again; tells whether that is news.
    pub fn note_error(&self, error: Option<&std::io::Error>) -> bool {
        let number = error.map_or(0, |error| error.raw_os_error().unwrap_or(libc::EIO));
        (self.error.swap(number, Ordering::Relaxed) != 0) != (number != 0)
    }

    /// Notes that a rewrite begins; false if one is under way.
    pub fn begin_rewrite(&self) -> bool {
        let mut rewriting = self.rewriting.lock();
        if rewriting.is_some() {
            return false;
        }
        *rewriting = Some(Instant::now());
        self.is_rewriting.store(true, Ordering::Relaxed);
        self.rewrite_cancelled.store(false, Ordering::Relaxed);
        self.rewrite_scheduled.store(false, Ordering::Relaxed);
        self.rewrites.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Has the rewrite under way end without a result; false if there is none.
    pub fn cancel_rewrite(&self) -> bool {
        let rewriting = self.rewriting.lock();
        self.rewrite_cancelled.store(rewriting.is_some(), Ordering::Relaxed);
        rewriting.is_some()
    }

    /// Whether the rewrite under way is to end without a result.
    pub fn is_rewrite_cancelled(&self) -> bool {
        self.rewrite_cancelled.load(Ordering::Relaxed)
    }

    /// Notes how the rewrite ended.
    pub fn end_rewrite(&self, succeeded: bool) {
        let begun = self.rewriting.lock().take();
        *self.ended.lock() = Some(Instant::now());
        self.is_rewriting.store(false, Ordering::Relaxed);
        let seconds = begun.map_or(-1, |begun| begun.elapsed().as_secs() as i64);
        self.last_rewrite.store(seconds, Ordering::Relaxed);
        self.rewrite_failed.store(!succeeded, Ordering::Relaxed);
        match succeeded {
            true => self.failures.store(0, Ordering::Relaxed),
            false => _ = self.failures.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// For how many seconds the rewrite under way has been running; -1 for none.
    pub fn rewriting_for(&self) -> i64 {
        self.rewriting.lock().map_or(-1, |begun| begun.elapsed().as_secs() as i64)
    }

    /// How long ago the last rewrite ended.
    pub fn since_last_rewrite(&self) -> Option<Duration> {
        self.ended.lock().map(|ended| ended.elapsed())
    }

    /// How many seconds the last rewrite took; -1 for none.
    pub fn last_rewrite(&self) -> i64 {
        self.last_rewrite.load(Ordering::Relaxed)
    }
}
