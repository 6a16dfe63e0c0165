//! From the bytes of an RDB file into the keyspace.
//!
//! The calling thread reads and checks, others insert: finding a place in memory for a key takes about as long as
//! reading it. Batches go to them through short queues, so that neither runs far ahead. Tables get their size
//! beforehand, by what the file says, for growing costs more than all the rest.

use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use parking_lot::Mutex;

use super::rest::Rest;
use crate::base::clock::unix_ms;
use crate::keyspace::{Arrival, Clock, Keyspace, View};
use crate::persist::rdb::{self, Item, Limits, Reader, Record};

/// Keys that go to another thread together.
const BATCH: usize = 256;
/// Batches that wait for a thread at the most.
const QUEUE: usize = 16;
/// So many empty keys are told one by one.
const EMPTY_TOLD: u64 = 10;
/// Threads that insert at the most; reading isn't faster than so many.
const THREADS: usize = 4;

/// How a file is loaded.
#[derive(Clone, Copy)]
pub struct LoadOptions {
    /// The thresholds of the types.
    pub limits: Limits,
    /// Whether the checksum is verified.
    pub checksum: bool,
    /// The time, and how access clocks count. Keys that have expired by then are left out.
    pub clock: Clock,
    /// Whether expired keys are loaded nevertheless: commands that follow were run while they were there.
    pub keeps_expired: bool,
    /// Whether a key that is there already is replaced; else it is an error.
    pub replaces: bool,
    /// Follows each key.
    pub rest: Rest,
}

/// What came of loading a file.
pub struct Loaded<R> {
    /// Keys that were loaded.
    pub keys: u64,
    /// Keys that had expired.
    pub expired: u64,
    /// Collections without elements, which were left out.
    pub empty: u64,
    /// The code of libraries of functions.
    pub libraries: Vec<Vec<u8>>,
    /// What comes behind the file: the commands of an AOF that begins with one.
    pub rest: R,
    /// The offset at which that begins.
    pub end: u64,
}

/// Why a file isn't loaded. What came before the damage is in the keyspace.
#[derive(Debug)]
pub enum LoadError {
    /// It can't be read: why, and the key whose value it is that can't, if it is one.
    Rdb(rdb::Error, Option<Box<[u8]>>),
    /// It has a database that the server hasn't.
    Database(usize),
    /// It has a key twice: in this database.
    Duplicate(usize, Box<[u8]>),
    /// Loading was given up.
    Cancelled,
}

/// The progress of loading, for whoever asks meanwhile.
#[derive(Default)]
pub struct Loading {
    active: AtomicBool,
    cancelled: AtomicBool,
    /// Unix seconds.
    begun: AtomicI64,
    total: AtomicU64,
    read: AtomicU64,
    memory_when_written: AtomicU64,
    keys: AtomicU64,
    expired: AtomicU64,
}

/// Loads a file: every key of it, or an error.
///
/// # Errors
/// The file is damaged, or doesn't fit into the keyspace.
pub fn load<'l, R: Read>(
    keyspace: &Keyspace,
    input: R,
    options: &LoadOptions,
    loading: &'l Loading,
) -> Result<Loaded<impl Read + use<'l, R>>, LoadError> {
    let threads = std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).clamp(1, THREADS));
    let failure: Mutex<Option<LoadError>> = Mutex::new(None);
    let loaded = std::thread::scope(|scope| {
        let queues: Vec<SyncSender<Vec<Record>>> = (0..threads)
            .map(|_| {
                let (sender, receiver) = sync_channel(QUEUE);
                scope.spawn(|| insert_all(keyspace, receiver, options, &failure));
                sender
            })
            .collect();
        let mut turn = 0;
        let mut batch = Vec::with_capacity(BATCH);
        let mut send = |record: Option<Record>| {
            let flush = record.is_none();
            batch.extend(record);
            if batch.len() < BATCH && !flush {
                return true;
            }
            turn = (turn + 1) % threads;
            // A thread that met an error takes no more.
            queues[turn].send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH))).is_ok()
        };
        let loaded = {
            let reserve = |db, keys| keyspace.reserve(db, keys);
            read(keyspace.databases(), input, options, loading, &reserve, &mut |record| send(Some(record)))
        };
        send(None);
        loaded
    });
    match failure.into_inner() {
        Some(failure) => Err(failure),
        None => loaded,
    }
}

/// The same for who holds every shard and goes on holding them.
///
/// # Errors
/// As for [`load`].
pub fn load_held<'l, R: Read>(
    keys: &mut View<'_>,
    input: R,
    options: &LoadOptions,
    loading: &'l Loading,
) -> Result<Loaded<impl Read + use<'l, R>>, LoadError> {
    let mut failure = None;
    let loaded = read(keys.keyspace().databases(), input, options, loading, &|_, _| (), &mut |record| {
        let db = record.db;
        failure = insert(record, options, |arrival| keys.arrive(db, arrival, options.replaces)).err();
        failure.is_none()
    });
    failure.map_or(loaded, Err)
}

/// Reads a file and hands its keys to `put`, until that is false; before, `reserve` hears how many a database has.
fn read<'l, R: Read>(
    databases: usize,
    input: R,
    options: &LoadOptions,
    loading: &'l Loading,
    reserve: &dyn Fn(usize, usize),
    put: &mut dyn FnMut(Record) -> bool,
) -> Result<Loaded<impl Read + use<'l, R>>, LoadError> {
    let counted = Counted { input, read: &loading.read };
    let mut reader = Reader::new(counted, options.limits).map_err(|error| LoadError::Rdb(error, None))?;
    if !options.checksum {
        reader = reader.without_checksum();
    }
    let (mut libraries, mut db) = (Vec::new(), 0);
    let (mut keys, mut expired, mut empty) = (0, 0, 0);
    loop {
        let item = match reader.next() {
            Ok(Some(item)) => item,
            Ok(None) => break,
            Err(error) => return Err(LoadError::Rdb(error, reader.failed_key().map(Box::from))),
        };
        match item {
            Item::Key(record) if !options.keeps_expired && has_expired(&record, options.clock.now) => {
                expired += 1;
                loading.expired.store(expired, Ordering::Relaxed);
            }
            Item::Key(record) => {
                keys += 1;
                loading.keys.store(keys, Ordering::Relaxed);
                options.rest.after_key(|| loading.is_cancelled());
                if !put(record) || loading.is_cancelled() {
                    return Err(LoadError::Cancelled);
                }
            }
            Item::Select(db) if db >= databases => return Err(LoadError::Database(db)),
            Item::Select(selected) => db = selected,
            Item::Resize { keys, .. } => reserve(db, loading.possible_keys(keys)),
            Item::Function(library) => libraries.push(library),
            Item::Aux(name, value) => loading.note(&name, &value),
            Item::Empty(key) => {
                empty += 1;
                tell_empty(&key, empty);
            }
        }
    }
    let end = reader.offset();
    let rest = reader.into_rest();
    Ok(Loaded { end, keys, expired, empty, libraries, rest })
}

/// Tells the log of the first few collections without elements: those aren't stored.
fn tell_empty(key: &[u8], count: u64) {
    if count <= EMPTY_TOLD {
        tracing::info!("Loading the RDB file, skipping empty key: {}", String::from_utf8_lossy(key));
    }
}

fn has_expired(record: &Record, now: i64) -> bool {
    record.deadline.is_some_and(|deadline| deadline < now)
}

/// Inserts what comes, until a key is there twice.
fn insert_all(
    keyspace: &Keyspace,
    batches: Receiver<Vec<Record>>,
    options: &LoadOptions,
    failure: &Mutex<Option<LoadError>>,
) {
    for record in batches.into_iter().flatten() {
        let db = record.db;
        if let Err(error) = insert(record, options, |arrival| keyspace.arrive(db, arrival, options.replaces))
        {
            failure.lock().get_or_insert(error);
            return;
        }
    }
}

fn insert(
    record: Record,
    options: &LoadOptions,
    arrive: impl FnOnce(Arrival<'_>) -> bool,
) -> Result<(), LoadError> {
    let Record { db, key, value, deadline, idle_seconds, frequency } = record;
    let clock = options.clock.arrived(idle_seconds, frequency);
    let arrived = arrive(Arrival { key: &key, value, deadline, clock });
    if arrived { Ok(()) } else { Err(LoadError::Duplicate(db, key.into())) }
}

impl Loading {
    /// Notes that loading `total` bytes begins.
    pub fn begin(&self, total: u64) {
        self.begun.store(unix_ms() / 1000, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
        for figure in [&self.read, &self.memory_when_written, &self.keys, &self.expired] {
            figure.store(0, Ordering::Relaxed);
        }
        self.cancelled.store(false, Ordering::Relaxed);
        self.active.store(true, Ordering::Release);
    }

    /// Counts bytes that were read elsewhere than by [`load`].
    pub fn advance(&self, bytes: u64) {
        self.read.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether somebody wants it to end.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Notes that it has ended.
    pub fn end(&self) {
        self.active.store(false, Ordering::Release);
    }

    /// Has it end soon, as an error.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether data is being loaded.
    #[inline]
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire)
    }

    /// How many keys there can be, of those that a file promises: each takes some bytes.
    fn possible_keys(&self, promised: u64) -> usize {
        const LEAST: u64 = 4;
        usize::try_from(promised.min(self.total.load(Ordering::Relaxed) / LEAST)).unwrap_or(0)
    }

    /// When it began, in Unix seconds.
    pub fn begun(&self) -> i64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Bytes read, and all of them.
    pub fn bytes(&self) -> (u64, u64) {
        (self.read.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    /// Bytes of memory that the writer of the file used, by its own word.
    pub fn memory_when_written(&self) -> u64 {
        self.memory_when_written.load(Ordering::Relaxed)
    }

    /// Keys loaded and keys expired, now or in the last loading.
    pub fn keys(&self) -> (u64, u64) {
        (self.keys.load(Ordering::Relaxed), self.expired.load(Ordering::Relaxed))
    }

    /// Takes a note of a file into account, and writes to the log what Redis writes.
    fn note(&self, name: &[u8], value: &[u8]) {
        let text = String::from_utf8_lossy(value);
        let number = text.parse::<i64>().ok();
        match (name, number) {
            (b"redis-ver", _) => tracing::info!("Loading RDB produced by version {text}"),
            (b"ctime", Some(written)) => {
                tracing::info!("RDB age {} seconds", (unix_ms() / 1000).saturating_sub(written).max(0));
            }
            (b"used-mem", Some(bytes)) => {
                let mb = bytes as f64 / f64::from(1 << 20);
                tracing::info!("RDB memory usage when created {mb:.2} Mb");
                self.memory_when_written.store(bytes.max(0).unsigned_abs(), Ordering::Relaxed);
            }
            (b"aof-base", Some(1)) => tracing::info!("RDB is base AOF"),
            _ if name.starts_with(b"%") => {
                tracing::info!("RDB '{}': {text}", String::from_utf8_lossy(name));
            }
            _ => {}
        }
    }
}

/// Counts what is read.
struct Counted<'a, R> {
    input: R,
    read: &'a AtomicU64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl std::error::Error for LoadError {}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LoadError::Rdb(error, None) => error.fmt(f),
            LoadError::Rdb(error, Some(key)) => {
                write!(f, "{error}, in the value of key '{}'", key.escape_ascii())
            }
            LoadError::Database(db) => {
                write!(f, "the file has a database {db}, which needs a higher 'databases'")
            }
            LoadError::Duplicate(db, key) => {
                write!(f, "RDB has duplicated key '{}' in DB {db}", key.escape_ascii())
            }
            LoadError::Cancelled => f.write_str("given up"),
        }
    }
}
