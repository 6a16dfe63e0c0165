//! FUNCTION: the libraries of functions, of which there are none yet.
//!
//! Libraries can't be loaded, so FCALL and FUNCTION LOAD, DUMP and RESTORE don't exist: they are unknown commands.
//! What asks about libraries, or clears them, answers as for a server without any: clients and test suites
//! do so without using functions.

use crate::command::error;
use crate::command::row::*;

use super::super::{Call, Command, DONE, Outcome, help};
use super::GROUP;

/// The container's row.
pub const FUNCTION: Command = Command::container(
    Spec::new("function", -2).doc(
        GROUP,
        "7.0.0",
        "Depends on subcommand.",
        "Groups the commands about functions.",
    ),
    SUBCOMMANDS,
);

const SUBCOMMANDS: &[Command] = &[
    Command::new(
        row("function|delete", 3, &[NOSCRIPT, WRITE])
            .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
            .doc(GROUP, "7.0.0", "O(1)", "Deletes a library."),
        |_| Err(error::LIBRARY_NOT_FOUND),
    ),
    Command::new(
        row("function|flush", -2, &[NOSCRIPT, WRITE])
            .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
            .doc(GROUP, "7.0.0", "O(N) with N being the number of functions", "Deletes all libraries."),
        flush,
    ),
    Command::new(
        row("function|help", 2, &[LOADING, STALE]).doc(
            GROUP,
            "7.0.0",
            "O(1)",
            "Tells about the subcommands.",
        ),
        |call| {
            let subcommands = [
                ("DELETE <library>", "Delete a library."),
                ("FLUSH [ASYNC|SYNC]", "Delete all libraries."),
                ("LIST [LIBRARYNAME <pattern>] [WITHCODE]", "Return the libraries."),
                ("STATS", "Return what runs, and the engines with the numbers of their libraries."),
            ];
            help::answer(call, &subcommands)
        },
    ),
    Command::new(
        row("function|list", -2, &[NOSCRIPT]).tips(&["nondeterministic_output_order"]).doc(
            GROUP,
            "7.0.0",
            "O(N) with N being the number of functions",
            "Returns the libraries.",
        ),
        list,
    ),
    Command::new(
        row("function|stats", 2, &[NOSCRIPT, ALLOW_BUSY])
            .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
            .doc(GROUP, "7.0.0", "O(1)", "Returns what runs, and what can be run."),
        stats,
    ),
];

const fn row(name: &'static str, arity: i32, flags: &[Flags]) -> Spec {
    Spec::new(name, arity).flags(flags).categories(&[Categories::SCRIPTING])
}

fn flush(call: &mut Call<'_>) -> Outcome {
    let mut args = call.args_from(2);
    if !args.is_empty() && (args.len() > 1 || !(args.word("SYNC") || args.word("ASYNC"))) {
        return Err(error::FUNCTION_FLUSH_MODE);
    }
    call.reply.ok();
    DONE
}

fn list(call: &mut Call<'_>) -> Outcome {
    let mut args = call.args_from(2);
    let (mut named, mut with_code) = (false, false);
    while let Some(word) = args.peek() {
        if !with_code && args.word("WITHCODE") {
            with_code = true;
        } else if !named && args.word("LIBRARYNAME") {
            args.take().ok_or(error::LIBRARY_NAME_MISSING)?;
            named = true;
        } else {
            return Err(error::unknown_argument(word));
        }
    }
    call.reply.array(0);
    DONE
}

fn stats(call: &mut Call<'_>) -> Outcome {
    call.reply.map(2);
    call.reply.bulk(b"running_script");
    call.reply.null();
    call.reply.bulk(b"engines");
    call.reply.map(1);
    call.reply.bulk(b"LUA");
    call.reply.map(2);
    for number in [&b"libraries_count"[..], b"functions_count"] {
        call.reply.bulk(number);
        call.reply.int(0);
    }
    DONE
}
