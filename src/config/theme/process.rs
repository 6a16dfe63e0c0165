//! The process: how it starts, how it stops, and what surrounds it.

use std::path::PathBuf;

use crate::config::choices::{OomScore, ShutdownFlags, Supervised};
use crate::config::directive::Unit::{Count, Seconds};
use crate::config::directive::{Directive, INT_MAX, Kind, choice, integer, optional, text, yes_no};
use crate::config::errors::ValueError;
use crate::config::values::Values;

pub(in crate::config) const ROWS: &[Directive] = &[
    yes_no("daemonize", false, "Run in the background.").immutable(),
    choice("supervised", Supervised::NAMES, 3, "Tell this supervisor when the server is ready.").immutable(),
    optional("pidfile", "File for the process number; in the background /var/run/redis.pid if not set.")
        .immutable(),
    integer("databases", 16, (1, INT_MAX), Count, "Logical databases, chosen by SELECT.").immutable(),
    integer("shutdown-timeout", 10, (0, INT_MAX), Seconds, "There are no replicas to wait for.").kept(),
    Directive::new("shutdown-on-sigint", Kind::ShutdownFlags, "What SIGINT asks of SHUTDOWN."),
    Directive::new("shutdown-on-sigterm", Kind::ShutdownFlags, "What SIGTERM asks of SHUTDOWN."),
    yes_no("set-proc-title", true, "The process title stays as it was started.").immutable().kept(),
    text(
        "proc-title-template",
        "{title} {listen-addr} {server-mode}",
        "The process title stays as it was started.",
    )
    .checked(check_title)
    .kept(),
    yes_no("always-show-logo", false, "Greet at the start with more lines in the log.").immutable(),
    yes_no("crash-log-enabled", true, "Report to the log what ends the server by SIGSEGV and the like."),
    yes_no("crash-memcheck-enabled", true, "There is no memory test after a crash.").kept(),
    yes_no("disable-thp", true, "Transparent huge pages hurt fork only, and there is no fork.")
        .immutable()
        .kept(),
    choice(
        "oom-score-adj",
        OomScore::NAMES,
        0,
        "Tell the kernel how readily to end the server when memory runs out; yes is relative.",
    ),
    Directive::new(
        "oom-score-adj-values",
        Kind::OomScores([0, 200, 800]),
        "That score; then those of a replica and of a background child, which there are none of.",
    ),
    optional("server-cpulist", "Use taskset or cgroups to choose cores.")
        .alias("server_cpulist")
        .immutable()
        .kept(),
    optional("bio-cpulist", "Use taskset or cgroups to choose cores.")
        .alias("bio_cpulist")
        .immutable()
        .kept(),
    optional("aof-rewrite-cpulist", "Use taskset or cgroups to choose cores.")
        .alias("aof_rewrite_cpulist")
        .immutable()
        .kept(),
    optional("bgsave-cpulist", "Use taskset or cgroups to choose cores.")
        .alias("bgsave_cpulist")
        .immutable()
        .kept(),
    text("ignore-warnings", "", "The warnings it silences don't exist.").kept(),
    yes_no("jemalloc-bg-thread", true, "Give freed memory back to the system by itself."),
];

/// Start, stop and surroundings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Run in the background.
    pub daemonize: bool,
    /// Who is told about readiness.
    pub supervised: Supervised,
    /// Greet at the start with more lines in the log: tools wait for that of the process number.
    pub always_show_logo: bool,
    /// File for the process number.
    pub pidfile: Option<PathBuf>,
    /// Number of logical databases, at least 1 and up to 2^31 - 1.
    pub databases: u32,
    /// Whether freed memory goes back to the system by itself.
    pub jemalloc_bg_thread: bool,
    /// What SIGINT asks for.
    pub shutdown_on_sigint: ShutdownFlags,
    /// What SIGTERM asks for.
    pub shutdown_on_sigterm: ShutdownFlags,
    /// Whether crashes are reported to the log.
    pub crash_log: bool,
    /// How the next is meant.
    pub oom_score: OomScore,
    /// How readily the kernel ends the server when memory runs out, from -2000 to 2000.
    pub oom_score_value: i32,
}

impl Process {
    pub(in crate::config) fn read(values: &Values) -> Self {
        Process {
            daemonize: values.yes("daemonize"),
            supervised: Supervised::from_code(values.code("supervised")),
            always_show_logo: values.yes("always-show-logo"),
            pidfile: values.path("pidfile"),
            databases: values.integer("databases"),
            jemalloc_bg_thread: values.yes("jemalloc-bg-thread"),
            shutdown_on_sigint: ShutdownFlags::from_bits(values.code("shutdown-on-sigint")),
            shutdown_on_sigterm: ShutdownFlags::from_bits(values.code("shutdown-on-sigterm")),
            crash_log: values.yes("crash-log-enabled"),
            oom_score: OomScore::from_code(values.code("oom-score-adj")),
            oom_score_value: values.primary_oom_score(),
        }
    }
}

/// A title must not come out blank, and knows these variables only; `{{` is a brace.
fn check_title(template: &[u8]) -> Result<(), ValueError> {
    let mut rest = template;
    let mut blank = true;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'{' {
            blank &= byte == b' ';
            continue;
        }
        if let [b'{', after @ ..] = rest {
            rest = after;
            blank = false;
            continue;
        }
        let end = rest.iter().position(|&byte| byte == b'}').ok_or(ValueError::TitleTemplate)?;
        match &rest[..end] {
            b"title" | b"server-mode" | b"unixsocket" => {}
            b"listen-addr" | b"config-file" | b"port" | b"tls-port" => blank = false,
            _ => return Err(ValueError::TitleTemplate),
        }
        rest = &rest[end + 1..];
    }
    if blank { Err(ValueError::TitleTemplate) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::check_title;

    #[test]
    fn titles_know_their_variables() {
        for good in ["{title} {listen-addr} {server-mode}", "x", "{{", "{port}", "--my--title"] {
            assert!(check_title(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in ["", "  ", "{title}", "{", "{x}", "a {title"] {
            assert!(check_title(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
