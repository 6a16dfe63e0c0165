//! The journal: what commands have changed, in order, on its way to those who keep it.
//!
//! ```text
//! commands, under the locks of what they changed         one writer thread (persist::aof)
//!   append ──▶ [ bytes ......... mark ..... ] ──▶ drain ──▶ write ──▶ fsync
//!              position: bytes ever appended           written      durable
//! ```
//!
//! Its mutex is taken last, within the locks of shards, and held only for copying: nobody waits for a disk under a
//! lock. A position is the number of bytes appended since the start. A *mark* stands between two bytes and tells the
//! writer to go on elsewhere: it is how a rewrite's new file begins exactly at a snapshot's cut. Behind a mark the
//! database is selected anew, so that what follows can be read alone.
//!
//! **Replies and the disk.** With `appendfsync always` a connection lets its replies leave when everything that had
//! been appended by then is durable ([`Journal::must_wait`]): nobody sees a write that a crash takes back, neither
//! who wrote nor who read. Those who wait share one fsync (group commit), each is woken when its own position is reached.
//! Otherwise they only wait when the writer is far behind.
//!
//! **Orderings.** The positions only grow; who reads `written` or `durable` needs to see nothing but the number, as the
//! bytes are in a file. `on` is changed behind the closed gate, whose lanes order it with every command.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use parking_lot::{Condvar, Mutex};

use super::progress::Waiters;
use super::propagate::{Propagation, Verbs, encode};
use crate::base::clock;

/// Replies wait when so many bytes have not been written.
const FAR_BEHIND: u64 = 64 << 20;

/// See the head of this file.
pub struct Journal {
    on: AtomicBool,
    verbs: AtomicU8,
    /// Whether replies wait until what they tell is durable.
    always: AtomicBool,
    /// Whether times are noted.
    timestamps: AtomicBool,
    pending: CachePadded<Mutex<Pending>>,
    /// The writer waits here.
    news: Condvar,
    end: CachePadded<AtomicU64>,
    written: AtomicU64,
    durable: AtomicU64,
    /// Whether the writer can't write at the moment.
    failing: AtomicBool,
    waiters: Waiters,
}

/// What the writer does at a mark.
pub enum Mark {
    /// Goes on in this file, which is this long.
    GoOn(File, u64),
    /// Keeps nothing any more.
    End,
}

struct Pending {
    bytes: Vec<u8>,
    marks: VecDeque<(u64, Mark)>,
    /// The database that the last command ran in; none: it must be said again.
    selected: Option<usize>,
    /// The second that was last noted.
    noted: i64,
    /// Whether the writer sleeps until there is something.
    asleep: bool,
}

/// What the writer gets.
pub enum Drained {
    /// Bytes to write.
    Bytes,
    /// A mark: everything before it has been handed out.
    Mark(Mark),
    /// Nothing came in time.
    Nothing,
}

impl Default for Journal {
    fn default() -> Self {
        Journal {
            on: AtomicBool::new(false),
            verbs: AtomicU8::new(0),
            always: AtomicBool::new(false),
            timestamps: AtomicBool::new(false),
            pending: CachePadded::new(Mutex::new(Pending {
                bytes: Vec::new(),
                marks: VecDeque::new(),
                selected: None,
                noted: 0,
                asleep: false,
            })),
            news: Condvar::new(),
            end: CachePadded::new(AtomicU64::new(0)),
            written: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            waiters: Waiters::default(),
        }
    }
}

/// How the journal is kept; from the configuration.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct JournalSettings {
    /// Replies wait until what they tell is durable.
    pub always: bool,
    /// Times are noted, so that a log can be cut back to one.
    pub timestamps: bool,
    /// How deletions are put down.
    pub verbs: Verbs,
}

/// For commands.
impl Journal {
    /// How deletions are to be put down; none while nobody reads the journal.
    #[inline]
    pub fn verbs(&self) -> Option<Verbs> {
        if !self.on.load(Ordering::Relaxed) {
            return None;
        }
        let bits = self.verbs.load(Ordering::Relaxed);
        Some(Verbs { unlink_expired: bits & 1 != 0, unlink_evicted: bits & 2 != 0 })
    }

    /// Appends what has been put down, as one unit. To be called under the locks of what was changed.
    pub fn append(&self, propagation: &mut Propagation) {
        let transaction = propagation.is_transaction();
        self.append_as(transaction, propagation);
    }

    /// Appends what has been put down, each command for itself: deletions that have nothing to do with one another.
    pub fn append_each(&self, propagation: &mut Propagation) {
        self.append_as(false, propagation);
    }

    fn append_as(&self, transaction: bool, propagation: &mut Propagation) {
        if propagation.is_empty() {
            return;
        }
        let mut pending = self.pending.lock();
        let before = pending.bytes.len();
        if self.timestamps.load(Ordering::Relaxed) {
            pending.note_time();
        }
        if transaction {
            encode(&mut pending.bytes, &[b"MULTI"]);
        }
        propagation.take_each(|db, command| {
            pending.select(db);
            pending.bytes.extend_from_slice(command);
        });
        if transaction {
            encode(&mut pending.bytes, &[b"EXEC"]);
        }
        let grown = (pending.bytes.len() - before) as u64;
        self.end.fetch_add(grown, Ordering::Release);
        let asleep = std::mem::take(&mut pending.asleep);
        drop(pending);
        if asleep {
            self.news.notify_one();
        }
    }
}

impl Pending {
    fn select(&mut self, db: usize) {
        if self.selected != Some(db) {
            self.selected = Some(db);
            encode(&mut self.bytes, &[b"SELECT", itoa::Buffer::new().format(db).as_bytes()]);
        }
    }

    fn note_time(&mut self) {
        let now = clock::unix_ms() / 1000;
        if now > self.noted {
            self.noted = now;
            self.bytes.extend_from_slice(b"#TS:");
            self.bytes.extend_from_slice(itoa::Buffer::new().format(now).as_bytes());
            self.bytes.extend_from_slice(b"\r\n");
        }
    }
}

/// For those who send replies.
impl Journal {
    /// Whether replies that tell of what is appended by now have to wait; if so, for this position.
    #[inline]
    pub fn must_wait(&self) -> Option<u64> {
        if !self.on.load(Ordering::Relaxed) {
            return None;
        }
        let end = self.end.load(Ordering::Acquire);
        self.is_behind(end).then_some(end)
    }

    fn is_behind(&self, position: u64) -> bool {
        if !self.on.load(Ordering::Relaxed) {
            return false;
        }
        match self.always.load(Ordering::Relaxed) {
            true => self.durable.load(Ordering::Acquire) < position,
            false => {
                position.saturating_sub(self.written.load(Ordering::Relaxed)) > FAR_BEHIND
                    && !self.failing.load(Ordering::Relaxed)
            }
        }
    }

    /// Waits until replies that tell of a position may leave.
    pub async fn may_tell(&self, position: u64) {
        self.waiters.wait(position, || !self.is_behind(position)).await;
    }

    /// Waits until everything up to a position is durable, or nobody keeps the journal any more.
    pub async fn durable(&self, position: u64) {
        let done = || self.is_durable(position) || !self.on.load(Ordering::Relaxed);
        self.waiters.wait(position, done).await;
    }

    /// Whether everything up to a position is durable.
    pub fn is_durable(&self, position: u64) -> bool {
        self.durable.load(Ordering::Acquire) >= position
    }

    /// The number of bytes appended so far.
    pub fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    /// Bytes that wait for being written.
    pub fn backlog(&self) -> u64 {
        self.end().saturating_sub(self.written.load(Ordering::Relaxed))
    }
}

/// For its writer and those who direct it.
impl Journal {
    /// Begins or ends keeping the journal. Behind the closed gate, or before there are commands.
    pub fn switch(&self, on: bool) {
        self.on.store(on, Ordering::SeqCst);
        self.waiters.wake(|_| true);
    }

    /// Whether somebody keeps the journal.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Takes over settings.
    pub fn set(&self, settings: JournalSettings) {
        let Verbs { unlink_expired, unlink_evicted } = settings.verbs;
        self.verbs.store(u8::from(unlink_expired) | u8::from(unlink_evicted) << 1, Ordering::Relaxed);
        self.timestamps.store(settings.timestamps, Ordering::Relaxed);
        if self.always.swap(settings.always, Ordering::SeqCst) != settings.always {
            self.news.notify_one();
            self.waiters.wake(|_| true);
        }
    }

    /// Sets a mark at the end. Behind the closed gate if commands are appended meanwhile.
    pub fn mark(&self, mark: Mark) {
        let mut pending = self.pending.lock();
        pending.selected = None;
        pending.noted = 0;
        let end = self.end.load(Ordering::Relaxed);
        pending.marks.push_back((end, mark));
        drop(pending);
        self.news.notify_one();
    }

    /// Moves what is pending, up to the next mark, behind `into`; waits for it until `until`. `handed` is the
    /// position up to which the writer has got everything.
    pub fn drain(&self, into: &mut Vec<u8>, handed: &mut u64, until: Option<Instant>) -> Drained {
        let mut pending = self.pending.lock();
        while pending.bytes.is_empty() && pending.marks.is_empty() {
            pending.asleep = true;
            let late = match until {
                Some(until) => self.news.wait_until(&mut pending, until).timed_out(),
                None => {
                    self.news.wait(&mut pending);
                    false
                }
            };
            if late || pending.bytes.is_empty() && pending.marks.is_empty() {
                pending.asleep = false;
                return Drained::Nothing;
            }
        }
        match pending.marks.front() {
            Some((at, _)) if *at == *handed => {
                let mark = pending.marks.pop_front().expect("looked at");
                return Drained::Mark(mark.1);
            }
            Some((at, _)) => {
                let count = usize::try_from(*at - *handed).unwrap_or(usize::MAX).min(pending.bytes.len());
                into.extend(pending.bytes.drain(..count));
                *handed += count as u64;
            }
            None => {
                *handed += pending.bytes.len() as u64;
                match into.is_empty() {
                    true => std::mem::swap(into, &mut pending.bytes),
                    false => into.append(&mut pending.bytes),
                }
            }
        }
        Drained::Bytes
    }

    /// Waits, no longer than this, for those who have just been told that what they wrote is durable to write again.
    pub fn gather(&self, patience: Duration) {
        self.waiters.gather(patience);
    }

    /// Wakes the writer, though nothing is there.
    pub fn wake(&self) {
        let _pending = self.pending.lock();
        self.news.notify_one();
    }

    /// Says how far the writer is, and whether it fails to get on.
    pub fn report(&self, written: u64, durable: u64, failing: bool) {
        self.written.store(written, Ordering::Relaxed);
        self.durable.store(durable, Ordering::Release);
        self.failing.store(failing, Ordering::Relaxed);
        self.waiters.wake(|position| durable >= position || !self.is_behind(position));
    }

    /// Waits, blocking the thread, until everything appended so far is durable or time is up.
    pub fn flush(&self, patience: Duration) -> bool {
        self.wait_blocking(patience, |end| self.is_durable(end))
    }

    /// Waits, blocking the thread, until everything appended so far is in a file or time is up.
    pub fn flush_to_file(&self, patience: Duration) -> bool {
        self.wait_blocking(patience, |end| self.written.load(Ordering::Relaxed) >= end)
    }

    fn wait_blocking(&self, patience: Duration, done: impl Fn(u64) -> bool) -> bool {
        let (end, until) = (self.end(), Instant::now() + patience);
        while self.is_on() && !done(end) {
            if Instant::now() > until {
                return false;
            }
            self.wake();
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }
}
