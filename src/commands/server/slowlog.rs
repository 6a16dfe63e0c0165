//! SLOWLOG: reading and clearing the slow log.

use crate::base::num;
use crate::command::error;
use crate::command::row::*;
use crate::commands::{Call, Command, DONE, Outcome, help};

const GROUP: &str = "server";
/// Entries that GET tells if no count is given.
const DEFAULT_COUNT: usize = 10;

const fn row(name: &'static str, arity: i32) -> Spec {
    Spec::new(name, arity).flags(&[ADMIN, LOADING, STALE])
}

pub(super) const SLOWLOG: Command = Command::container(
    Spec::new("slowlog", -2).doc(GROUP, "2.2.12", "Depends on the subcommand.", "The log of slow commands."),
    &[
        Command::new(
            row("slowlog|get", -2)
                .tips(&["request_policy:all_nodes", "nondeterministic_output"])
                .doc(
                    GROUP,
                    "2.2.12",
                    "O(N) where N is the number of entries",
                    "Returns the latest entries of the slow log.",
                )
                .syntax("[count:integer]"),
            get,
        ),
        Command::new(help::row("slowlog|help", GROUP, "6.2.0"), slowlog_help),
        Command::new(
            row("slowlog|len", 2)
                .tips(&["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"])
                .doc(GROUP, "2.2.12", "O(1)", "Returns how many entries the slow log has."),
            len,
        ),
        Command::new(
            row("slowlog|reset", 2).tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]).doc(
                GROUP,
                "2.2.12",
                "O(N) where N is the number of entries",
                "Drops all entries of the slow log.",
            ),
            reset,
        ),
    ],
);

fn get(call: &mut Call<'_>) -> Outcome {
    let count = match call.args[2..] {
        [] => DEFAULT_COUNT,
        [count] => match num::parse_i64(count) {
            Some(-1) => usize::MAX,
            count => count.and_then(|count| usize::try_from(count).ok()).ok_or(error::SLOWLOG_COUNT)?,
        },
        _ => return Err(error::subcommand_syntax(call.args)),
    };
    let entries = call.server.slow_log.latest(count);
    call.reply.array(entries.len());
    for entry in entries {
        call.reply.array(6);
        call.reply.int(entry.id);
        call.reply.int(entry.time);
        call.reply.int(entry.usec as i64);
        call.reply.array(entry.args.len());
        entry.args.iter().for_each(|arg| call.reply.bulk(arg));
        call.reply.bulk(entry.addr.as_bytes());
        call.reply.bulk(entry.client.as_bytes());
    }
    DONE
}

fn len(call: &mut Call<'_>) -> Outcome {
    call.reply.int(call.server.slow_log.len() as i64);
    DONE
}

fn reset(call: &mut Call<'_>) -> Outcome {
    call.server.slow_log.clear();
    call.reply.ok();
    DONE
}

fn slowlog_help(call: &mut Call<'_>) -> Outcome {
    help::answer(
        call,
        &[
            (
                "GET [<count>]",
                "The latest entries, 10 of them if no count is given, all of them for -1. An entry consists of\n\
                 its number, the Unix time, the duration in microseconds, the arguments, the client's address,\n\
                 and the client's name.",
            ),
            ("LEN", "How many entries there are."),
            ("RESET", "Drop all entries."),
        ],
    )
}
