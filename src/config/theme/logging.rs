//! What is logged, and where to.

use std::path::PathBuf;

use crate::config::choices::{LogLevel, SYSLOG_FACILITIES};
use crate::config::directive::{Directive, choice, text, yes_no};
use crate::config::values::Values;

pub(in crate::config) const ROWS: &[Directive] = &[
    choice("loglevel", LogLevel::NAMES, 2, "The least important messages to log."),
    text("logfile", "", "File to log to; empty for standard output.").immutable(),
    yes_no("syslog-enabled", false, "Log to syslog as well.").immutable(),
    text("syslog-ident", "redis", "Name of the server in syslog.").immutable(),
    choice("syslog-facility", SYSLOG_FACILITIES, 16, "Facility in syslog.").immutable(),
    yes_no("hide-user-data-from-log", false, "Keep keys and arguments out of the log."),
];

/// The log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logging {
    /// The least important message.
    pub level: LogLevel,
    /// `None` for standard output.
    pub file: Option<PathBuf>,
    /// Log to syslog as well.
    pub syslog: bool,
    /// Name in syslog.
    pub syslog_ident: String,
    /// Facility by its number in the protocol: 1 user, 16 to 23 local0 to local7.
    pub syslog_facility: u32,
    /// Keep keys and arguments out of the log.
    pub hide_user_data: bool,
}

impl Logging {
    pub(in crate::config) fn read(values: &Values) -> Self {
        Logging {
            level: LogLevel::from_code(values.code("loglevel")),
            file: values.path("logfile"),
            syslog: values.yes("syslog-enabled"),
            syslog_ident: values.string("syslog-ident").unwrap_or_default(),
            syslog_facility: values.code("syslog-facility"),
            hide_user_data: values.yes("hide-user-data-from-log"),
        }
    }
}
