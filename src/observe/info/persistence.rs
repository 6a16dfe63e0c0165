//! `# Persistence`: snapshots, the append only file, loading.
//!
//! What Redis calls copy-on-write
//! is here what writers had to copy for a snapshot.

use super::row::{Row, Value, zero};

/// What `# Persistence` tells.
#[derive(Clone, Copy, Default, Debug)]
pub struct PersistenceFacts {
    /// Changes since the last save.
    pub changes: u64,
    /// When that was, in Unix seconds: the start if nothing was ever saved.
    pub last_save: i64,
    /// Whether the last save in the background succeeded; true if there was none.
    pub last_save_succeeded: bool,
    /// How long it took; -1 if there was none.
    pub last_save_seconds: i64,
    /// Bytes that writers copied for it.
    pub last_copied: u64,
    /// How many saves there were.
    pub saves: u64,
    /// The save in the background that is under way.
    pub current: Option<CurrentSave>,
    /// Keys loaded by the last loading, or so far.
    pub loaded_keys: u64,
    /// Keys that had expired.
    pub expired_keys: u64,
    /// The loading that is under way.
    pub loading: Option<LoadingFacts>,
    /// The append only file.
    pub aof: AofFacts,
}

/// The append only file.
#[derive(Clone, Copy, Default, Debug)]
pub struct AofFacts {
    /// Whether changes are kept.
    pub enabled: bool,
    /// Whether a rewrite is under way.
    pub rewriting: bool,
    /// Whether one begins when nothing else is under way.
    pub scheduled: bool,
    /// How long the last one took, in seconds; -1 if there was none.
    pub last_rewrite_seconds: i64,
    /// For how long the one under way has been running; -1 if there is none.
    pub current_rewrite_seconds: i64,
    /// Whether the last one failed.
    pub last_rewrite_failed: bool,
    /// How many have begun.
    pub rewrites: u64,
    /// How many in a row have failed.
    pub failures: u64,
    /// Whether changes can't be written at the moment.
    pub writes_fail: bool,
    /// Bytes of all files.
    pub size: u64,
    /// The same after the last rewrite.
    pub base_size: u64,
    /// Bytes that wait for being written.
    pub buffer: u64,
    /// Whether something written may not be on disk.
    pub pending_fsync: bool,
    /// Fsyncs that took too long.
    pub delayed_fsyncs: u64,
}

/// A save in the background.
#[derive(Clone, Copy, Default, Debug)]
pub struct CurrentSave {
    /// Keys done, and all of them.
    pub keys: (u64, u64),
    /// For how long it has been running.
    pub seconds: u64,
    /// Bytes that writers have copied for it.
    pub copied: u64,
}

/// Loading a file.
#[derive(Clone, Copy, Default, Debug)]
pub struct LoadingFacts {
    /// When it began, in Unix seconds.
    pub begun: i64,
    /// Unix seconds.
    pub now: i64,
    /// Bytes of the file.
    pub total: u64,
    /// Bytes read.
    pub read: u64,
    /// Bytes of memory that its writer used.
    pub memory_when_written: u64,
}

impl LoadingFacts {
    fn percent(&self) -> f64 {
        if self.total == 0 { 0.0 } else { self.read as f64 / self.total as f64 * 100.0 }
    }

    /// How many seconds it goes on, as far as can be told.
    fn eta(&self) -> i64 {
        let (elapsed, left) = (self.now - self.begun, self.total.saturating_sub(self.read));
        // At first there is nothing to tell it by.
        if elapsed <= 0 { 1 } else { (elapsed as f64 * left as f64 / (self.read + 1) as f64) as i64 }
    }
}

/// Of the save that is under way; 0 without one.
fn of_current(facts: &PersistenceFacts, value: fn(CurrentSave) -> u64) -> Value {
    Value::Count(facts.current.map_or(0, value))
}

/// Of the append only file; no line without one.
fn of_aof(facts: &PersistenceFacts, value: fn(AofFacts) -> u64) -> Value {
    if facts.aof.enabled { Value::Count(value(facts.aof)) } else { Value::Absent }
}

/// Of the loading that is under way; no line without one.
fn of_loading(facts: &PersistenceFacts, value: fn(LoadingFacts) -> Value) -> Value {
    facts.loading.map_or(Value::Absent, value)
}

const fn row(name: &'static str, value: fn(&PersistenceFacts) -> Value) -> Row<PersistenceFacts> {
    Row::new(name, value)
}

/// The fields.
pub const ROWS: &[Row<PersistenceFacts>] = &[
    row("loading", |facts| Value::Flag(facts.loading.is_some())).gauge("loading_dump_file"),
    row("async_loading", zero).gauge("async_loading"),
    row("current_cow_peak", |facts| of_current(facts, |save| save.copied)),
    row("current_cow_size", |facts| of_current(facts, |save| save.copied)),
    row("current_cow_size_age", zero),
    row("current_fork_perc", |facts| {
        let keys = facts.current.map_or((0, 0), |save| save.keys);
        Value::Ratio(if keys.1 == 0 { 0.0 } else { keys.0 as f64 / keys.1 as f64 * 100.0 })
    }),
    row("current_save_keys_processed", |facts| of_current(facts, |save| save.keys.0)),
    row("current_save_keys_total", |facts| of_current(facts, |save| save.keys.1)),
    row("rdb_changes_since_last_save", |facts| Value::Count(facts.changes))
        .gauge("rdb_changes_since_last_save"),
    row("rdb_bgsave_in_progress", |facts| Value::Flag(facts.current.is_some()))
        .gauge("rdb_bgsave_in_progress"),
    row("rdb_last_save_time", |facts| Value::Int(facts.last_save)).gauge("rdb_last_save_timestamp_seconds"),
    row("rdb_last_bgsave_status", |facts| Value::Status(facts.last_save_succeeded))
        .gauge("rdb_last_bgsave_status"),
    row("rdb_last_bgsave_time_sec", |facts| Value::Int(facts.last_save_seconds))
        .gauge("rdb_last_bgsave_duration_sec"),
    row("rdb_current_bgsave_time_sec", |facts| {
        Value::Int(facts.current.map_or(-1, |save| save.seconds.cast_signed()))
    })
    .gauge("rdb_current_bgsave_duration_sec"),
    row("rdb_saves", |facts| Value::Count(facts.saves)).gauge("rdb_saves_total"),
    row("rdb_last_cow_size", |facts| Value::Count(facts.last_copied)).gauge("rdb_last_cow_size_bytes"),
    row("rdb_last_load_keys_expired", |facts| Value::Count(facts.expired_keys))
        .gauge("rdb_last_load_expired_keys"),
    row("rdb_last_load_keys_loaded", |facts| Value::Count(facts.loaded_keys))
        .gauge("rdb_last_load_loaded_keys"),
    row("aof_enabled", |facts| Value::Count(facts.aof.enabled.into())).gauge("aof_enabled"),
    row("aof_rewrite_in_progress", |facts| Value::Count(facts.aof.rewriting.into()))
        .gauge("aof_rewrite_in_progress"),
    row("aof_rewrite_scheduled", |facts| Value::Count(facts.aof.scheduled.into()))
        .gauge("aof_rewrite_scheduled"),
    row("aof_last_rewrite_time_sec", |facts| Value::Int(facts.aof.last_rewrite_seconds))
        .gauge("aof_last_rewrite_duration_sec"),
    row("aof_current_rewrite_time_sec", |facts| Value::Int(facts.aof.current_rewrite_seconds))
        .gauge("aof_current_rewrite_duration_sec"),
    row("aof_last_bgrewrite_status", |facts| Value::Status(!facts.aof.last_rewrite_failed))
        .gauge("aof_last_bgrewrite_status"),
    row("aof_rewrites", |facts| Value::Count(facts.aof.rewrites)),
    row("aof_rewrites_consecutive_failures", |facts| Value::Count(facts.aof.failures)),
    row("aof_last_write_status", |facts| Value::Status(!facts.aof.writes_fail))
        .gauge("aof_last_write_status"),
    row("aof_last_cow_size", zero).gauge("aof_last_cow_size_bytes"),
    row("module_fork_in_progress", zero).gauge("module_fork_in_progress"),
    row("module_fork_last_cow_size", zero).gauge("module_fork_last_cow_size"),
    row("aof_current_size", |facts| of_aof(facts, |aof| aof.size)).gauge("aof_current_size_bytes"),
    row("aof_base_size", |facts| of_aof(facts, |aof| aof.base_size)).gauge("aof_base_size_bytes"),
    row("aof_pending_rewrite", |facts| of_aof(facts, |aof| aof.scheduled.into()))
        .gauge("aof_pending_rewrite"),
    row("aof_buffer_length", |facts| of_aof(facts, |aof| aof.buffer)).gauge("aof_buffer_length"),
    row("aof_pending_bio_fsync", |facts| of_aof(facts, |aof| aof.pending_fsync.into()))
        .gauge("aof_pending_bio_fsync"),
    row("aof_delayed_fsync", |facts| of_aof(facts, |aof| aof.delayed_fsyncs)).gauge("aof_delayed_fsync"),
    row("loading_start_time", |facts| of_loading(facts, |loading| Value::Int(loading.begun))),
    row("loading_total_bytes", |facts| of_loading(facts, |loading| Value::Count(loading.total))),
    row("loading_rdb_used_mem", |facts| {
        of_loading(facts, |loading| Value::Count(loading.memory_when_written))
    }),
    row("loading_loaded_bytes", |facts| of_loading(facts, |loading| Value::Count(loading.read))),
    row("loading_loaded_perc", |facts| of_loading(facts, |loading| Value::Ratio(loading.percent()))),
    row("loading_eta_seconds", |facts| of_loading(facts, |loading| Value::Int(loading.eta()))),
];
