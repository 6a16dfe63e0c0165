//! The append only file.

use std::path::PathBuf;

use super::snapshots::is_base_name;
use crate::config::choices::AppendFsync;
use crate::config::directive::Unit::Percent;
use crate::config::directive::{Directive, INT_MAX, choice, integer, size, text, yes_no};
use crate::config::errors::ValueError;
use crate::config::values::Values;

pub(in crate::config) const ROWS: &[Directive] = &[
    yes_no("appendonly", false, "Log every write.").deny_loading(),
    choice("appendfsync", AppendFsync::NAMES, 0, "When the log is forced to disk."),
    text("appenddirname", "appendonlydir", "Directory of the log, inside dir.")
        .checked(check_dirname)
        .immutable(),
    text("appendfilename", "appendonly.aof", "How the names of the log's files begin.")
        .checked(check_filename)
        .immutable(),
    yes_no(
        "no-appendfsync-on-rewrite",
        false,
        "Don't force the log to disk while a rewrite or a save writes.",
    ),
    integer(
        "auto-aof-rewrite-percentage",
        100,
        (0, INT_MAX),
        Percent,
        "Rewrite when the log grew by this much; 0 never.",
    ),
    size(
        "auto-aof-rewrite-min-size",
        64 << 20,
        (0, i64::MAX.cast_unsigned()),
        "Don't rewrite a smaller log.",
    ),
    yes_no("aof-load-truncated", true, "Start although the end of the log is cut off."),
    yes_no("aof-use-rdb-preamble", true, "Rewrite into an RDB rather than commands."),
    yes_no("aof-timestamp-enabled", false, "Note times in the log, so that it can be cut back to one."),
    yes_no("aof-rewrite-incremental-fsync", true, "Fsync every 4 mb while rewriting."),
];

/// The append only file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aof {
    /// Log every write.
    pub enabled: bool,
    /// When to force it to disk.
    pub fsync: AppendFsync,
    /// A name inside `dir`.
    pub dirname: PathBuf,
    /// How file names begin.
    pub filename: PathBuf,
    /// No fsync while a rewrite or a save writes.
    pub no_fsync_on_rewrite: bool,
    /// Growth in percent; 0 never.
    pub rewrite_percentage: u32,
    /// Bytes.
    pub rewrite_min_size: u64,
    /// Start although the end is cut off.
    pub load_truncated: bool,
    /// The base file is an RDB.
    pub rdb_preamble: bool,
    /// Note times.
    pub timestamps: bool,
    /// Fsync every 4 MiB while rewriting.
    pub incremental_fsync: bool,
}

impl Aof {
    pub(in crate::config) fn read(values: &Values) -> Self {
        Aof {
            enabled: values.yes("appendonly"),
            fsync: AppendFsync::from_code(values.code("appendfsync")),
            dirname: values.path("appenddirname").unwrap_or_default(),
            filename: values.path("appendfilename").unwrap_or_default(),
            no_fsync_on_rewrite: values.yes("no-appendfsync-on-rewrite"),
            rewrite_percentage: values.integer("auto-aof-rewrite-percentage"),
            rewrite_min_size: values.size("auto-aof-rewrite-min-size"),
            load_truncated: values.yes("aof-load-truncated"),
            rdb_preamble: values.yes("aof-use-rdb-preamble"),
            timestamps: values.yes("aof-timestamp-enabled"),
            incremental_fsync: values.yes("aof-rewrite-incremental-fsync"),
        }
    }
}

fn check_filename(name: &[u8]) -> Result<(), ValueError> {
    check_name(name, "appendfilename", "filename")
}

fn check_dirname(name: &[u8]) -> Result<(), ValueError> {
    check_name(name, "appenddirname", "dirname")
}

fn check_name(name: &[u8], directive: &'static str, noun: &'static str) -> Result<(), ValueError> {
    if name.is_empty() {
        Err(ValueError::Empty(directive))
    } else if is_base_name(name) {
        Ok(())
    } else {
        Err(ValueError::Path(directive, noun))
    }
}
