//! `# Persistence`: snapshots, the append only file, loading.
//!
//! Neither snapshots nor the append only file exist yet: their fields tell what a Redis without either tells.

use super::row::{Row, Value};

/// What `# Persistence` tells.
#[derive(Clone, Copy, Default, Debug)]
pub struct PersistenceFacts {
    /// Changes since the last save.
    pub changes: u64,
    /// When that was, in Unix seconds: the start if nothing was ever saved.
    pub last_save: i64,
}

fn zero<F>(_: &F) -> Value {
    Value::Count(0)
}

/// A time that was never measured.
fn never<F>(_: &F) -> Value {
    Value::Int(-1)
}

fn good<F>(_: &F) -> Value {
    Value::Status(true)
}

const fn row(name: &'static str, value: fn(&PersistenceFacts) -> Value) -> Row<PersistenceFacts> {
    Row::new(name, value)
}

/// The fields.
pub const ROWS: &[Row<PersistenceFacts>] = &[
    row("loading", zero).gauge("loading_dump_file"),
    row("async_loading", zero).gauge("async_loading"),
    row("current_cow_peak", zero),
    row("current_cow_size", zero),
    row("current_cow_size_age", zero),
    row("current_fork_perc", |_| Value::Ratio(0.0)),
    row("current_save_keys_processed", zero),
    row("current_save_keys_total", zero),
    row("rdb_changes_since_last_save", |facts| Value::Count(facts.changes))
        .gauge("rdb_changes_since_last_save"),
    row("rdb_bgsave_in_progress", zero).gauge("rdb_bgsave_in_progress"),
    row("rdb_last_save_time", |facts| Value::Int(facts.last_save)).gauge("rdb_last_save_timestamp_seconds"),
    row("rdb_last_bgsave_status", good).gauge("rdb_last_bgsave_status"),
    row("rdb_last_bgsave_time_sec", never).gauge("rdb_last_bgsave_duration_sec"),
    row("rdb_current_bgsave_time_sec", never).gauge("rdb_current_bgsave_duration_sec"),
    row("rdb_saves", zero).gauge("rdb_saves_total"),
    row("rdb_last_cow_size", zero).gauge("rdb_last_cow_size_bytes"),
    row("rdb_last_load_keys_expired", zero).gauge("rdb_last_load_expired_keys"),
    row("rdb_last_load_keys_loaded", zero).gauge("rdb_last_load_loaded_keys"),
    row("aof_enabled", zero).gauge("aof_enabled"),
    row("aof_rewrite_in_progress", zero).gauge("aof_rewrite_in_progress"),
    row("aof_rewrite_scheduled", zero).gauge("aof_rewrite_scheduled"),
    row("aof_last_rewrite_time_sec", never).gauge("aof_last_rewrite_duration_sec"),
    row("aof_current_rewrite_time_sec", never).gauge("aof_current_rewrite_duration_sec"),
    row("aof_last_bgrewrite_status", good).gauge("aof_last_bgrewrite_status"),
    row("aof_rewrites", zero),
    row("aof_rewrites_consecutive_failures", zero),
    row("aof_last_write_status", good).gauge("aof_last_write_status"),
    row("aof_last_cow_size", zero).gauge("aof_last_cow_size_bytes"),
    row("module_fork_in_progress", zero).gauge("module_fork_in_progress"),
    row("module_fork_last_cow_size", zero).gauge("module_fork_last_cow_size"),
];
