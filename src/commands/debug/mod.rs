//! DEBUG: what test suites need of a server. It runs behind the closed gate, so nothing else runs meanwhile.

mod digest;
mod fail;
mod object;
mod populate;
mod protocol;
mod reload;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::base::num::parse_f64;
use crate::command::row::*;
use crate::command::{Error, error};
use crate::config::{Scope, parse_size};

use super::help;
use super::server::config;
use super::{Call, Command, DONE, Outcome, Server};

/// The family's row.
pub const COMMANDS: &[Command] = &[Command::new(
    Spec::new("debug", -2)
        .flags(&[ADMIN, NOSCRIPT, LOADING, STALE, PROTECTED, EXCLUSIVE])
        .doc("server", "1.0.0", "Depends on subcommand.", "Helps testing and debugging.")
        .internal(),
    run,
)];

/// A subcommand. They are no commands of their own: COMMAND knows only DEBUG.
struct Subcommand {
    name: &'static str,
    /// The least and the most arguments after the name.
    arguments: (usize, usize),
    run: fn(&mut Call<'_>) -> Outcome,
    usage: &'static str,
    meaning: &'static str,
}

const SUBCOMMANDS: &[Subcommand] = &[
    Subcommand {
        name: "aof-flush-sleep",
        arguments: (1, 1),
        run: aof_flush_sleep,
        usage: "AOF-FLUSH-SLEEP <microsec>",
        meaning: "Sleep before the append only file is written, so that writing takes long.",
    },
    Subcommand {
        name: "assert",
        arguments: (0, usize::MAX),
        run: fail::by_assertion,
        usage: "ASSERT",
        meaning: "End the server as a failed assertion does.",
    },
    Subcommand {
        name: "change-repl-id",
        arguments: (0, 0),
        run: change_replid,
        usage: "CHANGE-REPL-ID",
        meaning: "Take another replication id: replicas will need a full resynchronization.",
    },
    Subcommand {
        name: "config-rewrite-force-all",
        arguments: (0, 0),
        run: |call| config::rewrite(call, Scope::All),
        usage: "CONFIG-REWRITE-FORCE-ALL",
        meaning: "Write the configuration into its file as CONFIG REWRITE does, directives at their defaults\n\
                  included.",
    },
    Subcommand {
        name: "digest",
        arguments: (0, 0),
        run: digest::all,
        usage: "DIGEST",
        meaning: "Tell a digest of all data, equal wherever the data are.",
    },
    Subcommand {
        name: "digest-value",
        arguments: (0, usize::MAX),
        run: digest::values,
        usage: "DIGEST-VALUE <key> [<key> ...]",
        meaning: "Tell digests of the values of keys; zeros for an absent one.",
    },
    Subcommand {
        name: "error",
        arguments: (1, 1),
        run: answer_error,
        usage: "ERROR <string>",
        meaning: "Answer <string> as an error.",
    },
    Subcommand {
        name: "listpack",
        arguments: (1, 1),
        run: object::listpack,
        usage: "LISTPACK <key>",
        meaning: "Write the elements of a listpack to the log.",
    },
    Subcommand {
        name: "loadaof",
        arguments: (0, 0),
        run: reload::load_log,
        usage: "LOADAOF",
        meaning: "Flush and load the append only file.",
    },
    Subcommand {
        name: "log",
        arguments: (1, 1),
        run: log,
        usage: "LOG <message>",
        meaning: "Write <message> to the log.",
    },
    Subcommand {
        name: "object",
        arguments: (1, 1),
        run: object::object,
        usage: "OBJECT <key>",
        meaning: "Tell how <key> and its value are kept.",
    },
    Subcommand {
        name: "panic",
        arguments: (0, usize::MAX),
        run: fail::by_panic,
        usage: "PANIC",
        meaning: "End the server as a failure does that it can't go on after.",
    },
    Subcommand {
        name: "pause-cron",
        arguments: (1, 1),
        run: |call| switch(call, |server| &server.housekeeping_paused),
        usage: "PAUSE-CRON <0|1>",
        meaning: "Whether what happens by itself doesn't: expiry, eviction, looking after clients.",
    },
    Subcommand {
        name: "populate",
        arguments: (1, 3),
        run: populate::populate,
        usage: "POPULATE <count> [<prefix>] [<size>]",
        meaning: "Create <count> strings named <prefix>:<number>, \"key\" if no <prefix> is given.\n\
                  Keys that exist stay as they are.",
    },
    Subcommand {
        name: "protocol",
        arguments: (1, 1),
        run: protocol::protocol,
        usage: "PROTOCOL <type>",
        meaning: "Answer a value of a type: string, integer, double, bignum, null, array, set, map,\n\
                  attrib, push, verbatim, true, false.",
    },
    Subcommand {
        name: "quicklist-packed-threshold",
        arguments: (1, 1),
        run: set_list_packed_threshold,
        usage: "QUICKLIST-PACKED-THRESHOLD <size>",
        meaning: "Elements of lists from <size> on get chunks of their own; 0 leaves that to the\n\
                  configuration.",
    },
    Subcommand {
        name: "reload",
        arguments: (0, usize::MAX),
        run: reload::reload,
        usage: "RELOAD [MERGE] [NOFLUSH] [NOSAVE]",
        meaning: "Save, flush and load the RDB file. With NOSAVE the file is taken as it is, with NOFLUSH the\n\
                  keys stay, with MERGE keys of the file replace those that are there.",
    },
    Subcommand {
        name: "replybuffer",
        arguments: (2, 2),
        run: resize_buffers,
        usage: "REPLYBUFFER RESIZING <0|1>",
        meaning: "Whether clients that are idle give back the buffers of their requests and replies.",
    },
    Subcommand {
        name: "segfault",
        arguments: (0, usize::MAX),
        run: fail::by_signal,
        usage: "SEGFAULT",
        meaning: "End the server by SIGSEGV.",
    },
    Subcommand {
        name: "set-active-expire",
        arguments: (1, 1),
        run: |call| switch(call, |server| &server.active_expire),
        usage: "SET-ACTIVE-EXPIRE <0|1>",
        meaning: "Whether keys expire by themselves, without being looked at.",
    },
    Subcommand {
        name: "set-disable-deny-scripts",
        arguments: (1, 1),
        run: |call| switch(call, |server| &server.scripts.unbound),
        usage: "SET-DISABLE-DENY-SCRIPTS <0|1>",
        meaning: "Whether scripts may call commands that are not for them, but for those that run scripts.",
    },
    Subcommand {
        name: "set-skip-checksum-validation",
        arguments: (1, 1),
        run: |call| switch(call, |server| &server.checksums_skipped),
        usage: "SET-SKIP-CHECKSUM-VALIDATION <0|1>",
        meaning: "Whether RESTORE and loading don't look at checksums.",
    },
    Subcommand {
        name: "sleep",
        arguments: (1, 1),
        run: sleep,
        usage: "SLEEP <seconds>",
        meaning: "Stop everything for <seconds>, which may have decimals.",
    },
];

/// Subcommands of Redis that would look into what is built otherwise here, or would start the server anew.
const UNSUPPORTED: &[&str] = &[
    "client-eviction",
    "crash-and-recover",
    "dict-resizing",
    "drop-cluster-packet-filter",
    "htstats",
    "htstats-key",
    "jmap",
    "leak",
    "mallctl",
    "mallctl-str",
    "oom",
    "quicklist",
    "replicate",
    "restart",
    "script",
    "sdslen",
    "stringmatch-test",
    "structsize",
];

fn run(call: &mut Call<'_>) -> Outcome {
    let (name, arguments) = (call.args[1], call.args.len() - 2);
    let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
    if is("help") && arguments == 0 {
        let lines: Vec<(&str, &str)> = SUBCOMMANDS.iter().map(|sub| (sub.usage, sub.meaning)).collect();
        return help::answer(call, &lines);
    }
    let fits = |sub: &&Subcommand| is(sub.name) && (sub.arguments.0..=sub.arguments.1).contains(&arguments);
    match SUBCOMMANDS.iter().find(fits) {
        Some(subcommand) => (subcommand.run)(call),
        None if UNSUPPORTED.iter().any(|other| is(other)) => Err(error::debug_unsupported(name)),
        None => Err(error::subcommand_syntax(call.args)),
    }
}

fn change_replid(call: &mut Call<'_>) -> Outcome {
    tracing::info!("Changing replication IDs after receiving DEBUG change-repl-id");
    call.server.identity.change_replid();
    call.reply.ok();
    DONE
}

/// Not counted as an error, since it is what was asked for.
fn answer_error(call: &mut Call<'_>) -> Outcome {
    call.reply.error(call.args[2]);
    DONE
}

fn log(call: &mut Call<'_>) -> Outcome {
    tracing::warn!("DEBUG LOG: {}", String::from_utf8_lossy(call.args[2]));
    call.reply.ok();
    DONE
}

fn set_list_packed_threshold(call: &mut Call<'_>) -> Outcome {
    // The largest element of a listpack stays some way below 4 GiB.
    const MAX: u64 = (1 << 32) - (1 << 20);
    let size = parse_size(call.args[2]).filter(|&size| size <= MAX).ok_or(error::PACKED_THRESHOLD)?;
    call.server.list_packed_threshold.store(size as usize, Ordering::Relaxed);
    call.reply.ok();
    DONE
}

/// Turns something on or off, as the argument says.
fn switch(call: &mut Call<'_>, flag: fn(&Server) -> &AtomicBool) -> Outcome {
    flag(call.server).store(is_on(call.args[2]), Ordering::Relaxed);
    call.reply.ok();
    DONE
}

fn resize_buffers(call: &mut Call<'_>) -> Outcome {
    if !call.args[2].eq_ignore_ascii_case(b"resizing") {
        return Err(error::subcommand_syntax(call.args));
    }
    call.server.buffers_kept.store(!is_on(call.args[3]), Ordering::Relaxed);
    call.reply.ok();
    DONE
}

fn aof_flush_sleep(call: &mut Call<'_>) -> Outcome {
    let micros = std::str::from_utf8(call.args[2]).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    call.server.aof.status.flush_rest.store(micros, Ordering::Relaxed);
    call.reply.ok();
    DONE
}

/// A switch as C's atoi reads it, which Redis uses: text that is no number is 0.
fn is_on(switch: &[u8]) -> bool {
    let text = String::from_utf8_lossy(switch);
    let digits = text.trim_start().trim_start_matches(['+', '-']);
    let digits = digits.split(|char: char| !char.is_ascii_digit()).next().unwrap_or_default();
    digits.bytes().any(|digit| digit != b'0')
}

fn sleep(call: &mut Call<'_>) -> Outcome {
    // Text that is no number is 0, and a time below 0 has passed.
    let seconds = parse_f64(call.args[2]).unwrap_or(0.0).max(0.0);
    let time = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    // Connections are still read by the other threads; they wait at the gate.
    tokio::task::block_in_place(|| std::thread::sleep(time));
    call.reply.ok();
    DONE
}

/// An argument as a number that isn't negative.
fn not_negative(arg: &[u8]) -> Result<usize, Error> {
    let number = crate::base::num::parse_i64(arg).and_then(|number| usize::try_from(number).ok());
    number.ok_or(error::NOT_POSITIVE)
}

#[cfg(test)]
mod tests;
