//! RDB files: when they are written and how.

use std::path::PathBuf;

use crate::config::choices::Names;
use crate::config::directive::{Directive, Kind, choice, text, yes_no};
use crate::config::errors::ValueError;
use crate::config::value::{SavePoint, Value};
use crate::config::values::Values;

const SANITIZE: Names = &[("no", 0), ("yes", 1), ("clients", 2)];

pub(in crate::config) const ROWS: &[Directive] = &[
    Directive::new(
        "save",
        Kind::Save(&[(3600, 1), (300, 100), (60, 10000)]),
        "Save after so many seconds if so many changes were made; \"\" never.",
    ),
    Directive::new("dir", Kind::Dir, "Directory of the RDB and of the AOF's directory.")
        .protected()
        .deny_loading(),
    text("dbfilename", "dump.rdb", "Name of the RDB.").checked(check_dbfilename).protected(),
    yes_no("stop-writes-on-bgsave-error", true, "Refuse writes after a background save failed."),
    yes_no("rdbcompression", true, "Compress long strings in the RDB."),
    yes_no("rdbchecksum", true, "Write and check a checksum at the end of the RDB.").immutable(),
    yes_no(
        "rdb-save-incremental-fsync",
        true,
        "Fsync every 4 mb while saving, so that the disk isn't flooded at the end.",
    ),
    choice("sanitize-dump-payload", SANITIZE, 0, "What is loaded or restored is always checked in full.")
        .kept(),
];

/// RDB files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshots {
    /// Empty: never saved by itself.
    pub save: Vec<SavePoint>,
    /// Absolute; it existed when it was set.
    pub dir: PathBuf,
    /// A name without a path.
    pub dbfilename: PathBuf,
    /// Refuse writes after a background save failed.
    pub stop_writes_on_bgsave_error: bool,
    /// Compress long strings.
    pub compression: bool,
    /// Checksum at the end.
    pub checksum: bool,
    /// Fsync every 4 MiB.
    pub incremental_fsync: bool,
}

impl Snapshots {
    pub(in crate::config) fn read(values: &Values) -> Self {
        Snapshots {
            save: match values.named("save") {
                Value::Save(points) => points.clone(),
                _ => vec![],
            },
            dir: values.dir().to_owned(),
            dbfilename: values.path("dbfilename").unwrap_or_default(),
            stop_writes_on_bgsave_error: values.yes("stop-writes-on-bgsave-error"),
            compression: values.yes("rdbcompression"),
            checksum: values.yes("rdbchecksum"),
            incremental_fsync: values.yes("rdb-save-incremental-fsync"),
        }
    }
}

fn check_dbfilename(name: &[u8]) -> Result<(), ValueError> {
    if is_base_name(name) { Ok(()) } else { Err(ValueError::Path("dbfilename", "filename")) }
}

/// Whether a file's name leads nowhere else.
pub(super) fn is_base_name(name: &[u8]) -> bool {
    !name.iter().any(|byte| matches!(byte, b'/' | b'\\'))
}
