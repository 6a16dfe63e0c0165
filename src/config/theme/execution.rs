//! How commands and scripts run, and what goes on beside them.

use crate::config::directive::Unit::{Count, Millis};
use crate::config::directive::{Directive, INT_MAX, integer, text, yes_no};
use crate::config::values::Values;

pub(in crate::config) const ROWS: &[Directive] = &[
    integer(
        "busy-reply-threshold",
        5000,
        (0, i64::MAX),
        Millis,
        "After this time of a script others are told BUSY; 0 never.",
    )
    .alias("lua-time-limit"),
    integer("hz", 10, (0, INT_MAX), Count, "Rounds of housekeeping a second, 1 to 500; told by INFO.")
        .clamped(1, 500),
    yes_no("dynamic-hz", true, "Housekeeping doesn't depend on the number of clients.").kept(),
    integer("active-expire-effort", 1, (1, 10), Count, "Keys always expire on time.").kept(),
    yes_no("activerehashing", true, "Tables grow segment by segment; there is no rehashing.").kept(),
    text("locale-collate", "", "SORT ALPHA compares bytes.").kept(),
];

/// Execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// Milliseconds a script may run before others are told BUSY; 0 for ever.
    pub busy_reply_threshold_ms: u64,
    /// Rounds of housekeeping a second, 1 to 500.
    pub hz: u32,
}

impl Execution {
    pub(in crate::config) fn read(values: &Values) -> Self {
        Execution {
            busy_reply_threshold_ms: values.integer("busy-reply-threshold"),
            hz: values.integer("hz"),
        }
    }
}
