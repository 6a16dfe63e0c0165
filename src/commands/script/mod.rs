//! Scripts and functions: EVAL, EVALSHA, FCALL, their read-only forms, SCRIPT and FUNCTION.

mod function;
#[cfg(test)]
mod hostile;
mod run;
#[cfg(test)]
mod tests;

use crate::command::row::*;
use crate::command::{Error, error};
use crate::script::{Kill, Kind, Refused, sha_of};

use super::{Call, Command, DONE, Outcome, Server, help};

const GROUP: &str = "scripting";
const COST: &str = "Depends on the script that is executed.";

const FUNCTION_COST: &str = "Depends on the function that is executed.";

const ANY_USE: &[KeySpec] = &[KeySpec::counted(2, &[RW, ACCESS, UPDATE])];
const NOTED_USE: &[KeySpec] = &[KeySpec::counted(2, &[RW, ACCESS, UPDATE])
    .notes("We cannot tell how the keys will be used so we assume the worst, RW and UPDATE")];
const READING: &[KeySpec] = &[KeySpec::counted(2, &[RO, ACCESS])];
const NOTED_READING: &[KeySpec] = &[KeySpec::counted(2, &[RO, ACCESS])
    .notes("We cannot tell how the keys will be used so we assume the worst, RO and ACCESS")];

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    Command::new(
        eval_row("eval")
            .keys(NOTED_USE)
            .doc(GROUP, "2.6.0", COST, "Runs a Lua script on the server.")
            .syntax("script numkeys:integer [key*] [arg*]"),
        run::eval,
    )
    .declared_flags(run::eval_flags),
    Command::new(
        eval_row("evalsha")
            .keys(ANY_USE)
            .doc(GROUP, "2.6.0", COST, "Runs a Lua script known by its SHA1.")
            .syntax("sha1 numkeys:integer [key*] [arg*]"),
        run::evalsha,
    )
    .declared_flags(run::evalsha_flags),
    Command::new(
        eval_ro_row("eval_ro")
            .keys(NOTED_READING)
            .doc(GROUP, "7.0.0", COST, "Runs a Lua script that only reads.")
            .syntax("script numkeys:integer [key*] [arg*]"),
        run::eval_ro,
    ),
    Command::new(
        eval_ro_row("evalsha_ro")
            .keys(READING)
            .doc(GROUP, "7.0.0", COST, "Runs a Lua script that only reads, known by its SHA1.")
            .syntax("sha1 numkeys:integer [key*] [arg*]"),
        run::evalsha_ro,
    ),
    Command::new(
        eval_row("fcall")
            .keys(NOTED_USE)
            .doc(GROUP, "7.0.0", FUNCTION_COST, "Runs a function.")
            .syntax("function numkeys:integer [key*] [arg*]"),
        run::fcall,
    )
    .declared_flags(run::fcall_flags),
    Command::new(
        eval_ro_row("fcall_ro")
            .keys(NOTED_READING)
            .doc(GROUP, "7.0.0", FUNCTION_COST, "Runs a function that only reads.")
            .syntax("function numkeys:integer [key*] [arg*]"),
        run::fcall_ro,
    ),
    Command::container(
        Spec::new("script", -2).doc(
            GROUP,
            "2.6.0",
            "Depends on subcommand.",
            "Groups the commands about scripts.",
        ),
        SCRIPT,
    ),
    function::FUNCTION,
];

const SCRIPT: &[Command] = &[
    Command::new(
        script_row("script|debug", 3, &[NOSCRIPT])
            .doc(GROUP, "3.2.0", "O(1)", "Would set the debug mode; refused.")
            .syntax("mode:<YES|SYNC|NO>"),
        debug,
    ),
    Command::new(
        script_row("script|exists", -3, &[NOSCRIPT])
            .tips(&["request_policy:all_shards", "response_policy:agg_logical_and"])
            .doc(
                GROUP,
                "2.6.0",
                "O(N) with N being the number of scripts to check",
                "Tells which scripts the server knows.",
            )
            .syntax("sha1*"),
        exists,
    ),
    Command::new(
        script_row("script|flush", -2, &[NOSCRIPT])
            .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
            .doc(GROUP, "2.6.0", "O(N) with N being the number of scripts in cache", "Forgets all scripts.")
            .syntax("[flush-type:<ASYNC|SYNC>@6.2.0]"),
        flush,
    ),
    Command::new(help::row("script|help", GROUP, "5.0.0").categories(&[Categories::SCRIPTING]), tell_help),
    Command::new(
        script_row("script|kill", 2, &[ALLOW_BUSY, NOSCRIPT])
            .tips(&["request_policy:all_shards", "response_policy:one_succeeded"])
            .doc(GROUP, "2.6.0", "O(1)", "Ends the script that runs."),
        kill,
    ),
    Command::new(
        script_row("script|load", 3, &[NOSCRIPT, STALE])
            .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
            .doc(
                GROUP,
                "2.6.0",
                "O(N) with N being the length in bytes of the script body",
                "Makes a script known without running it.",
            )
            .syntax("script"),
        load,
    ),
];

const fn eval_row(name: &'static str) -> Spec {
    Spec::new(name, -3)
        .flags(&[NOSCRIPT, SKIP_MONITOR, STALE, MOVABLEKEYS, NO_MANDATORY_KEYS, MAY_REPLICATE, EXCLUSIVE])
        .categories(&[Categories::SCRIPTING])
}

const fn eval_ro_row(name: &'static str) -> Spec {
    Spec::new(name, -3)
        .flags(&[NOSCRIPT, SKIP_MONITOR, STALE, MOVABLEKEYS, NO_MANDATORY_KEYS, READONLY, EXCLUSIVE])
        .categories(&[Categories::SCRIPTING])
}

const fn script_row(name: &'static str, arity: i32, flags: &[Flags]) -> Spec {
    Spec::new(name, arity).flags(flags).categories(&[Categories::SCRIPTING])
}

impl From<Refused> for Error {
    fn from(Refused(text): Refused) -> Error {
        Error::new(text)
    }
}

/// There is no debugger: it can only be switched off, as some clients do.
fn debug(call: &mut Call<'_>) -> Outcome {
    let mode = call.args[2];
    if mode.eq_ignore_ascii_case(b"no") {
        call.reply.ok();
        DONE
    } else if mode.eq_ignore_ascii_case(b"yes") || mode.eq_ignore_ascii_case(b"sync") {
        Err(error::SCRIPT_DEBUG)
    } else {
        Err(error::SCRIPT_DEBUG_MODE)
    }
}

fn exists(call: &mut Call<'_>) -> Outcome {
    let shas = &call.args[2..];
    let scripts = call.server.scripts.lock();
    call.reply.array(shas.len());
    for sha in shas {
        call.reply.int(i64::from(scripts.contains(sha)));
    }
    DONE
}

fn flush(call: &mut Call<'_>) -> Outcome {
    match call.args {
        [_, _] => {}
        [_, _, mode] if mode.eq_ignore_ascii_case(b"sync") || mode.eq_ignore_ascii_case(b"async") => {}
        _ => return Err(error::SCRIPT_FLUSH_MODE),
    }
    call.server.scripts.lock().flush();
    call.reply.ok();
    DONE
}

fn kill(call: &mut Call<'_>) -> Outcome {
    end(call, Kind::Scripts)
}

/// Ends what runs, if it is of this kind.
fn end(call: &mut Call<'_>, kind: Kind) -> Outcome {
    match call.server.scripts.running.kill(kind) {
        Kill::Killed => call.reply.ok(),
        Kill::NotBusy => return Err(error::NOTBUSY),
        Kill::Unkillable => return Err(error::UNKILLABLE),
        Kill::OtherKind => return Err(busy(call.server)),
    }
    DONE
}

/// What others are told while a script or a function runs for too long.
pub fn busy(server: &Server) -> Error {
    match server.scripts.running.kind() {
        Kind::Scripts => error::BUSY,
        Kind::Functions => error::BUSY_FUNCTION,
    }
}

fn load(call: &mut Call<'_>) -> Outcome {
    let body = call.args[2];
    let sha = sha_of(body);
    let scripts = &call.server.scripts;
    scripts.lock().add(&scripts.running, body, sha, true)?;
    call.reply.bulk(&sha);
    DONE
}

fn tell_help(call: &mut Call<'_>) -> Outcome {
    help::answer(
        call,
        &[
            ("DEBUG (YES|SYNC|NO)", "Set the debug mode for subsequent scripts executed."),
            (
                "EXISTS <sha1> [<sha1> ...]",
                "Return information about the existence of the scripts in the script cache.",
            ),
            (
                "FLUSH [ASYNC|SYNC]",
                "Flush the Lua scripts cache. Very dangerous on replicas.\n\
                 When called without the optional mode argument, the behavior is determined by the\n\
                 lazyfree-lazy-user-flush configuration directive. Valid modes are:\n\
                 * ASYNC: Asynchronously flush the scripts cache.\n\
                 * SYNC: Synchronously flush the scripts cache.",
            ),
            ("KILL", "Kill the currently executing Lua script."),
            ("LOAD <script>", "Load a script into the scripts cache without executing it."),
        ],
    )
}
