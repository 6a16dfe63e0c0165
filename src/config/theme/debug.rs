//! Directives of test suites; CONFIG GET tells them only by their exact names.

use crate::config::directive::Unit::{Count, Micros, Millis};
use crate::config::directive::{Directive, INT_MAX, integer, yes_no};
use crate::config::values::Values;

const ANY_INT: (i64, i64) = (i32::MIN as i64, INT_MAX);

pub(in crate::config) const ROWS: &[Directive] = &[
    integer("key-load-delay", 0, ANY_INT, Micros, "How long loading rests after each key.").hidden(),
    integer("rdb-key-save-delay", 0, ANY_INT, Micros, "How long saving rests after each key.").hidden(),
    integer(
        "loading-process-events-interval-bytes",
        2 << 20,
        (1024, INT_MAX),
        Count,
        "Clients are answered all the time while loading.",
    )
    .hidden()
    .kept(),
    yes_no("aof-disable-auto-gc", false, "Leave the files of older AOFs.").hidden(),
    integer("watchdog-period", 0, (0, INT_MAX), Millis, "There is no watchdog.").hidden().kept(),
    yes_no("use-exit-on-panic", false, "End by a status and not by SIGABRT after a failure.").hidden(),
    integer("cluster-ping-interval", 0, (0, i64::MAX), Millis, "There is no cluster mode.").hidden().kept(),
];

/// For tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Debugging {
    /// Leave the files of older AOFs.
    pub aof_keep_history: bool,
    /// End by status 1 and not by SIGABRT after a failure.
    pub exit_on_panic: bool,
    /// What follows each key that is loaded, see [`Rest`](crate::persist::snapshot::Rest).
    pub load_rest: i32,
    /// What follows each key that is saved.
    pub save_rest: i32,
}

impl Debugging {
    pub(in crate::config) fn read(values: &Values) -> Self {
        Debugging {
            aof_keep_history: values.yes("aof-disable-auto-gc"),
            exit_on_panic: values.yes("use-exit-on-panic"),
            load_rest: values.integer("key-load-delay"),
            save_rest: values.integer("rdb-key-save-delay"),
        }
    }
}
