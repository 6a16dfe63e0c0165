//! FUNCTION: the libraries of functions.
//!
//! What changes them runs behind the closed gate, so that no function runs meanwhile.

use crate::base::glob;
use crate::command::error;
use crate::command::row::*;
use crate::resp::Reply;
use crate::script::{Kind, Library, RestorePolicy};

use super::super::{Call, Command, DONE, Outcome, help};
use super::{GROUP, busy, end};

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

const ON_ALL: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];
const COST: &str = "O(N) with N being the number of functions";

const SUBCOMMANDS: &[Command] = &[
    Command::new(
        row("function|delete", 3, &[NOSCRIPT, WRITE, EXCLUSIVE])
            .tips(ON_ALL)
            .doc(GROUP, "7.0.0", "O(1)", "Deletes a library.")
            .syntax("library-name"),
        delete,
    ),
    Command::new(
        row("function|dump", 2, &[NOSCRIPT]).doc(
            GROUP,
            "7.0.0",
            COST,
            "Returns all libraries in one string.",
        ),
        dump,
    ),
    Command::new(
        row("function|flush", -2, &[NOSCRIPT, WRITE, EXCLUSIVE])
            .tips(ON_ALL)
            .doc(GROUP, "7.0.0", COST, "Deletes all libraries.")
            .syntax("[flush-type:<ASYNC|SYNC>]"),
        flush,
    ),
    Command::new(help::row("function|help", GROUP, "7.0.0").categories(&[Categories::SCRIPTING]), tell_help),
    Command::new(
        row("function|kill", 2, &[ALLOW_BUSY, NOSCRIPT])
            .tips(&["request_policy:all_shards", "response_policy:one_succeeded"])
            .doc(GROUP, "7.0.0", "O(1)", "Ends the function that runs."),
        |call| end(call, Kind::Functions),
    ),
    Command::new(
        row("function|list", -2, &[NOSCRIPT])
            .tips(&["nondeterministic_output_order"])
            .doc(GROUP, "7.0.0", COST, "Returns the libraries.")
            .syntax("[LIBRARYNAME library-name-pattern] [WITHCODE]"),
        list,
    ),
    Command::new(
        row("function|load", -3, &[DENYOOM, NOSCRIPT, WRITE, EXCLUSIVE])
            .tips(ON_ALL)
            .doc(GROUP, "7.0.0", "O(1) (considering compilation time is redundant)", "Creates a library.")
            .syntax("[REPLACE] function-code"),
        load,
    ),
    Command::new(
        row("function|restore", -3, &[DENYOOM, NOSCRIPT, WRITE, EXCLUSIVE])
            .tips(ON_ALL)
            .doc(
                GROUP,
                "7.0.0",
                "O(N) with N being the number of functions on the payload",
                "Creates the libraries of a dump.",
            )
            .syntax("serialized-value [policy:<FLUSH|APPEND|REPLACE>]"),
        restore,
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

/// The libraries have changed: that is to be saved, and put down for the journal, as a change of data is.
fn changed(call: &mut Call<'_>) {
    call.keys.effects.dirty += 1;
}

fn load(call: &mut Call<'_>) -> Outcome {
    let (code, options) = call.args[2..].split_last().expect("the row's arity");
    if let Some(word) = options.iter().find(|word| !word.eq_ignore_ascii_case(b"replace")) {
        return Err(error::function_load_option(word));
    }
    let server = call.server;
    let name = server.functions.lock().load(&server.scripts.running, code, !options.is_empty())?;
    changed(call);
    call.reply.bulk(&name);
    DONE
}

fn delete(call: &mut Call<'_>) -> Outcome {
    if !call.server.functions.lock().delete(call.args[2]) {
        return Err(error::LIBRARY_NOT_FOUND);
    }
    changed(call);
    call.reply.ok();
    DONE
}

fn flush(call: &mut Call<'_>) -> Outcome {
    let in_background = match call.args {
        [_, _] => call.settings().memory.lazyfree_user_flush,
        [_, _, mode] if mode.eq_ignore_ascii_case(b"sync") => false,
        [_, _, mode] if mode.eq_ignore_ascii_case(b"async") => true,
        [_, _, _] => return Err(error::FUNCTION_FLUSH_MODE),
        _ => return Err(error::subcommand_syntax(call.args)),
    };
    call.server.functions.lock().flush(in_background);
    changed(call);
    call.reply.ok();
    DONE
}

fn dump(call: &mut Call<'_>) -> Outcome {
    let dump = call.server.functions.lock().dump();
    call.reply.bulk(&dump);
    DONE
}

fn restore(call: &mut Call<'_>) -> Outcome {
    let policy = match call.args {
        [_, _, _] => RestorePolicy::Append,
        [_, _, _, word] if word.eq_ignore_ascii_case(b"append") => RestorePolicy::Append,
        [_, _, _, word] if word.eq_ignore_ascii_case(b"replace") => RestorePolicy::Replace,
        [_, _, _, word] if word.eq_ignore_ascii_case(b"flush") => RestorePolicy::Flush,
        [_, _, _, _] => return Err(error::FUNCTION_RESTORE_POLICY),
        _ => return Err(error::subcommand_syntax(call.args)),
    };
    let server = call.server;
    server.functions.lock().restore(&server.scripts.running, call.args[2], policy)?;
    changed(call);
    call.reply.ok();
    DONE
}

fn list(call: &mut Call<'_>) -> Outcome {
    let mut args = call.args_from(2);
    let (mut pattern, mut with_code) = (None, false);
    while let Some(word) = args.peek() {
        if !with_code && args.word("WITHCODE") {
            with_code = true;
        } else if pattern.is_none() && args.word("LIBRARYNAME") {
            pattern = Some(args.take().ok_or(error::LIBRARY_NAME_MISSING)?);
        } else {
            return Err(error::unknown_argument(word));
        }
    }
    let libraries = call.server.functions.lock();
    let (header, mut count) = (call.reply.defer(), 0);
    for library in libraries.libraries() {
        if pattern.is_none_or(|pattern| glob::matches(pattern, &library.name, true)) {
            write_library(call.reply, library, with_code);
            count += 1;
        }
    }
    call.reply.finish_array(header, count);
    DONE
}

fn write_library(reply: &mut Reply, library: &Library, with_code: bool) {
    reply.map(if with_code { 4 } else { 3 });
    reply.bulk(b"library_name");
    reply.bulk(&library.name);
    reply.bulk(b"engine");
    reply.bulk(b"LUA");
    reply.bulk(b"functions");
    reply.array(library.functions.len());
    for function in &library.functions {
        reply.map(3);
        reply.bulk(b"name");
        reply.bulk(&function.name);
        reply.bulk(b"description");
        match &function.description {
            Some(text) => reply.bulk(text),
            None => reply.null(),
        }
        reply.bulk(b"flags");
        reply.set(function.flags.names().count());
        function.flags.names().for_each(|name| reply.simple(name));
    }
    if with_code {
        reply.bulk(b"library_code");
        reply.bulk(&library.code);
    }
}

fn stats(call: &mut Call<'_>) -> Outcome {
    let running = &call.server.scripts.running;
    if running.is_active() && running.kind() == Kind::Scripts {
        return Err(busy(call.server));
    }
    let figures = call.server.functions.figures();
    call.reply.map(2);
    call.reply.bulk(b"running_script");
    match running.about().filter(|_| running.is_active()) {
        None => call.reply.null(),
        Some(about) => {
            call.reply.map(3);
            call.reply.bulk(b"name");
            call.reply.bulk(&about.name);
            call.reply.bulk(b"command");
            call.reply.array(about.command.len());
            about.command.iter().for_each(|arg| call.reply.bulk(arg));
            call.reply.bulk(b"duration_ms");
            call.reply.int(about.since.elapsed().as_millis() as i64);
        }
    }
    call.reply.bulk(b"engines");
    call.reply.map(1);
    call.reply.bulk(b"LUA");
    call.reply.map(2);
    call.reply.bulk(b"libraries_count");
    call.reply.int(figures.libraries as i64);
    call.reply.bulk(b"functions_count");
    call.reply.int(figures.functions as i64);
    DONE
}

fn tell_help(call: &mut Call<'_>) -> Outcome {
    help::answer(
        call,
        &[
            ("LOAD [REPLACE] <code>", "Create a library; its first line tells its name."),
            ("DELETE <library>", "Delete a library."),
            ("LIST [LIBRARYNAME <pattern>] [WITHCODE]", "Return the libraries and their functions."),
            ("STATS", "Return what runs, and the engines with the numbers of their libraries."),
            ("KILL", "End the function that runs, unless it has written."),
            ("FLUSH [ASYNC|SYNC]", "Delete all libraries."),
            ("DUMP", "Return all libraries in one string for RESTORE."),
            (
                "RESTORE <dump> [FLUSH|APPEND|REPLACE]",
                "Create the libraries of a dump. Those that are there go (FLUSH), stay (APPEND, the default),\n\
                 or stay unless the dump has one of the same name (REPLACE).",
            ),
        ],
    )
}
