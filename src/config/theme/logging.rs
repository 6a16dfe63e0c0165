//! What is logged, and where to.

use std::path::PathBuf;

use crate::config::choices::{LogLevel, SYSLOG_FACILITIES};
use crate::config::directive::{Directive, choice, text, yes_no};
use crate::config::values::Values;

pub(in crate::config) const ROWS: &[Directive] = &[
    choice("loglevel", LogLevel::NAMES, 2, "The least important messages to log."),
    text("logfile", "", "File to log to; empty for standard output.").immutable(),
    yes_no("syslog-enabled", false, "The log goes to a file or to standard output.").immutable().kept(),
    text("syslog-ident", "redis", "Name of the server in syslog.").immutable().kept(),
    choice("syslog-facility", SYSLOG_FACILITIES, 16, "Facility in syslog.").immutable().kept(),
    yes_no("hide-user-data-from-log", false, "Keep keys and arguments out of the log."),
];

/// The log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logging {
    /// The least important message.
    pub level: LogLevel,
    /// `None` for standard output.
    pub file: Option<PathBuf>,
    /// Keep keys and arguments out of the log.
    pub hide_user_data: bool,
}

impl Logging {
    pub(in crate::config) fn read(values: &Values) -> Self {
        Logging {
            level: LogLevel::from_code(values.code("loglevel")),
            file: values.path("logfile"),
            hide_user_data: values.yes("hide-user-data-from-log"),
        }
    }
}
