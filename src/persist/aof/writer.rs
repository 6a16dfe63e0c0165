//! The thread that writes the journal to its file and has the system put it on disk.
//!
//! It takes whatever has been appended, writes it in one go, and syncs: before anything else with `appendfsync
//! always`, so that all connections that wait share one fsync, for which it gathers them for about as long as an fsync
//! takes; once a second with `everysec`; never with `no`.
//! While it syncs, the journal grows in memory. Unless replies wait for it, it pauses for a millisecond after each
//! write, so that a busy server pays for a system call now and then and not for one per command.
//!
//! **Failing.** What can't be written stays in memory, a part that was written is cut off again, and the writer tries
//! again ten times a second; meanwhile writing commands are refused, so nothing is lost and little piles up.
//! With `always` somebody has been promised more than that: the server ends, as Redis does. Once the log is switched
//! off, nobody wants the rest: it is given up.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::status::Status;
use crate::config::AppendFsync;
use crate::keyspace::Journal;
use crate::keyspace::journal::{Drained, Mark};

/// How long the writer lets changes gather when nobody waits.
const PAUSE: Duration = Duration::from_millis(1);
/// How often it tries again what has failed.
const RETRY: Duration = Duration::from_millis(100);
/// How often it syncs with `everysec`.
const SECOND: Duration = Duration::from_secs(1);
/// An fsync that takes longer than this is worth a line in the log.
const LONG_FSYNC: Duration = Duration::from_secs(2);
/// How long it gathers those who share an fsync at the most; and how long an fsync takes for which that is worth it.
const GATHER: Duration = Duration::from_millis(1);
const SHORT_FSYNC: Duration = Duration::from_micros(50);
/// How often the same error is written to the log.
const LOG_EVERY: Duration = Duration::from_secs(30);
/// The buffer keeps so many bytes between writes.
const KEPT: usize = 1 << 20;

/// What the writer asks for before each step.
#[derive(Clone, Copy)]
pub struct WriterSettings {
    /// `appendfsync`.
    pub fsync: AppendFsync,
    /// Whether syncing waits for something else that writes: `no-appendfsync-on-rewrite`.
    pub holds_fsync: bool,
}

/// Starts the thread. It runs as long as the process; `journal` finds the journal in what it keeps alive,
/// `note_latency` is told how long the steps of the latency monitor's events took.
///
/// # Errors
/// The system has no thread left.
pub fn start<K: Send + 'static>(
    keeper: K,
    journal: fn(&K) -> &Journal,
    settings: fn(&K) -> WriterSettings,
    note_latency: fn(&K, &'static str, Duration),
    status: Arc<Status>,
) -> io::Result<()> {
    let run = move || {
        let mut writer = Writer::new(status);
        loop {
            let settings = settings(&keeper);
            writer.step(journal(&keeper), settings);
            if let Some(took) = writer.write_took.take() {
                note_latency(&keeper, "aof-write", took);
            }
            if let Some(took) = writer.sync_took.take().filter(|_| settings.fsync == AppendFsync::Always) {
                note_latency(&keeper, "aof-fsync-always", took);
            }
        }
    };
    std::thread::Builder::new().name("aof".into()).spawn(run).map(drop)
}

struct Writer {
    file: Option<File>,
    /// Its length as far as it is good.
    len: u64,
    /// Bytes taken from the journal that are to be written.
    buffer: Vec<u8>,
    /// The position up to which the journal has been taken.
    handed: u64,
    /// The position up to which it is on disk.
    durable: u64,
    /// A mark that waits until all before it is written.
    mark: Option<Mark>,
    last_sync: Instant,
    last_logged: Option<Instant>,
    /// What the last write and the last fsync took.
    write_took: Option<Duration>,
    sync_took: Option<Duration>,
    /// What an fsync takes, about.
    fsync_time: Duration,
    status: Arc<Status>,
}

impl Writer {
    fn new(status: Arc<Status>) -> Writer {
        Writer {
            file: None,
            len: 0,
            buffer: Vec::new(),
            handed: 0,
            durable: 0,
            mark: None,
            last_sync: Instant::now(),
            last_logged: None,
            write_took: None,
            sync_took: None,
            fsync_time: Duration::ZERO,
            status,
        }
    }

    fn written(&self) -> u64 {
        self.handed - self.buffer.len() as u64
    }

    /// Takes what there is and writes and syncs it.
    fn step(&mut self, journal: &Journal, settings: WriterSettings) {
        let failing = self.status.error().is_some();
        if failing {
            std::thread::sleep(RETRY);
        }
        if settings.fsync == AppendFsync::Always && self.fsync_time > SHORT_FSYNC {
            journal.gather(self.fsync_time.min(GATHER));
        }
        if self.mark.is_none() {
            let until = match failing {
                true => Some(Instant::now()),
                false => self.next_sync(settings),
            };
            match journal.drain(&mut self.buffer, &mut self.handed, until) {
                Drained::Bytes | Drained::Nothing => {}
                Drained::Mark(mark) => self.mark = Some(mark),
            }
        }
        let advanced = self.advance(settings).or_else(|error| match self.mark {
            Some(Mark::End) if !journal.is_on() => {
                self.give_up(&error);
                Ok(())
            }
            _ => Err(error),
        });
        if let Err(error) = advanced {
            self.fail(&error, settings);
        } else if self.status.note_error(None) {
            tracing::info!("AOF write error looks solved. The server can write again.");
            self.last_logged = None;
        }
        let told = match settings.fsync {
            // Nobody waits for an fsync that is put off.
            AppendFsync::Always if settings.holds_fsync => self.written(),
            _ => self.durable,
        };
        self.status.fsync_pending.store(self.durable < self.written(), Ordering::Relaxed);
        journal.report(self.written(), told, self.status.error().is_some());
        if settings.fsync != AppendFsync::Always {
            std::thread::sleep(PAUSE);
        }
    }

    /// When there is something to sync; none if not before something has been written.
    fn next_sync(&self, settings: WriterSettings) -> Option<Instant> {
        let unsynced = self.durable < self.written();
        match settings.fsync {
            _ if !unsynced => None,
            AppendFsync::No => None,
            _ if settings.holds_fsync => Some(Instant::now() + RETRY),
            AppendFsync::Always => Some(Instant::now()),
            AppendFsync::Everysec => Some(self.last_sync + SECOND),
        }
    }

    fn advance(&mut self, settings: WriterSettings) -> io::Result<()> {
        self.write()?;
        if let Some(mark) = self.mark.take() {
            // Whatever the policy, a file that is left behind is complete.
            if let Err(error) = self.sync() {
                self.mark = Some(mark);
                return Err(error);
            }
            match mark {
                Mark::GoOn(file, len) => (self.file, self.len) = (Some(file), len),
                Mark::End => self.file = None,
            }
        }
        let due = match settings.fsync {
            AppendFsync::Always => true,
            AppendFsync::Everysec => self.last_sync.elapsed() >= SECOND,
            AppendFsync::No => false,
        };
        if due && !settings.holds_fsync { self.sync() } else { Ok(()) }
    }

    /// Writes the buffer, whole or not at all if the system lets us.
    fn write(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            self.buffer.clear();
            return Ok(());
        };
        if self.buffer.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        std::thread::sleep(Duration::from_micros(self.status.flush_rest.load(Ordering::Relaxed).into()));
        let mut done = 0;
        let outcome = loop {
            if done == self.buffer.len() {
                break Ok(());
            }
            match file.write(&self.buffer[done..]) {
                Ok(0) => break Err(io::Error::from_raw_os_error(libc::ENOSPC)),
                Ok(count) => done += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.write_took = Some(begun.elapsed());
        if outcome.is_err() && done > 0 && self.takes_back(done) {
            done = 0;
        }
        self.len += done as u64;
        self.status.size.fetch_add(done as u64, Ordering::Relaxed);
        self.buffer.drain(..done);
        if self.buffer.is_empty() {
            self.buffer.shrink_to(KEPT);
        }
        outcome
    }

    /// Takes the beginning of the buffer out of the file again; tells whether that is done.
    fn takes_back(&self, written: usize) -> bool {
        if self.last_logged.is_none_or(|logged| logged.elapsed() > LOG_EVERY) {
            let wanted = self.buffer.len();
            tracing::warn!(
                "Short write while writing to the AOF file: (nwritten={written}, expected={wanted})"
            );
        }
        let cut = self.file.as_ref().map_or(Ok(()), |file| file.set_len(self.len));
        if let Err(error) = &cut {
            tracing::warn!(
                "Could not remove short write from the append-only file. The server may refuse to load the AOF the next time it starts. ftruncate: {error}"
            );
        }
        cut.is_ok()
    }

    fn sync(&mut self) -> io::Result<()> {
        let written = self.written();
        if self.durable == written {
            return Ok(());
        }
        let begun = Instant::now();
        if let Some(file) = &self.file {
            file.sync_data()?;
        }
        let took = begun.elapsed();
        self.sync_took = Some(took);
        self.fsync_time = (self.fsync_time * 7 + took) / 8;
        if took > LONG_FSYNC {
            self.status.delayed_fsyncs.fetch_add(1, Ordering::Relaxed);
            tracing::info!(
                "Asynchronous AOF fsync is taking too long (disk is busy?): {:.1} seconds.",
                took.as_secs_f64()
            );
        }
        self.last_sync = Instant::now();
        self.durable = written;
        Ok(())
    }

    /// Lets go of what can't be written: the log has been switched off.
    fn give_up(&mut self, error: &io::Error) {
        let lost = self.buffer.len();
        tracing::warn!("The AOF is switched off, {lost} bytes of it could not be written: {error}");
        (self.file, self.mark) = (None, None);
        self.buffer = Vec::new();
        self.durable = self.handed;
    }

    fn fail(&mut self, error: &io::Error, settings: WriterSettings) {
        if self.last_logged.is_none_or(|logged| logged.elapsed() > LOG_EVERY) {
            self.last_logged = Some(Instant::now());
            tracing::warn!("Error writing to the AOF file: {error}");
        }
        if settings.fsync == AppendFsync::Always {
            tracing::warn!(
                "Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting..."
            );
            std::process::exit(1);
        }
        self.status.note_error(Some(error));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::keyspace::{Propagation, Verbs};

    fn append(journal: &Journal, db: usize, args: &[&[u8]]) {
        let mut propagation = Propagation::default();
        propagation.listen(Some(Verbs::default()));
        propagation.put_down(db, args);
        journal.append(&mut propagation);
    }

    const EVERYSEC: WriterSettings = WriterSettings { fsync: AppendFsync::Everysec, holds_fsync: false };
    const ALWAYS: WriterSettings = WriterSettings { fsync: AppendFsync::Always, holds_fsync: false };

    #[test]
    fn a_mark_parts_two_files_and_the_database_is_said_in_both() {
        let dir = tempfile::tempdir().unwrap();
        let open = |name: &str| File::create(dir.path().join(name)).unwrap();
        let (journal, mut writer) = (Journal::default(), Writer::new(Arc::default()));
        journal.switch(true);
        journal.mark(Mark::GoOn(open("a"), 0));
        append(&journal, 1, &[b"x"]);
        append(&journal, 1, &[b"y"]);
        journal.mark(Mark::GoOn(open("b"), 0));
        append(&journal, 1, &[b"z"]);
        while writer.written() < journal.end() {
            writer.step(&journal, EVERYSEC);
        }
        let select = "*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n";
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(read("a"), format!("{select}*1\r\n$1\r\nx\r\n*1\r\n$1\r\ny\r\n"));
        assert_eq!(read("b"), format!("{select}*1\r\n$1\r\nz\r\n"));
        writer.step(&journal, ALWAYS);
        assert!(journal.is_durable(journal.end()));
    }

    #[test]
    fn a_full_disk_is_told_and_nothing_is_lost_when_it_is_over() {
        let dir = tempfile::tempdir().unwrap();
        let status = Arc::new(Status::new());
        let (journal, mut writer) = (Journal::default(), Writer::new(Arc::clone(&status)));
        journal.switch(true);
        // Every write to it fails with ENOSPC.
        journal.mark(Mark::GoOn(fs::OpenOptions::new().write(true).open("/dev/full").unwrap(), 0));
        append(&journal, 0, &[b"kept"]);
        for _ in 0..4 {
            writer.step(&journal, EVERYSEC);
        }
        assert_eq!(status.error().and_then(|error| error.raw_os_error()), Some(libc::ENOSPC));
        assert_eq!(journal.backlog(), journal.end());
        writer.file = Some(File::create(dir.path().join("a")).unwrap());
        writer.step(&journal, EVERYSEC);
        assert!(status.error().is_none());
        assert!(fs::read_to_string(dir.path().join("a")).unwrap().ends_with("*1\r\n$4\r\nkept\r\n"));
    }
}
