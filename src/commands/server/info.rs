//! INFO and TIME: facts about the server at this moment.

use crate::base::clock;
use crate::command::row::*;
use crate::commands::{Call, Command, DONE, Outcome};
use crate::observe::info;

const GROUP: &str = "server";

pub(super) const INFO: Command = Command::new(
    Spec::new("info", -1)
        .flags(&[LOADING, STALE])
        .categories(&[Categories::DANGEROUS])
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
        .doc(GROUP, "1.0.0", "O(1)", "Returns facts and counters of the server, in sections.")
        .syntax("[section*]"),
    answer,
);

pub(super) const TIME: Command = Command::new(
    Spec::new("time", 1).flags(&[FAST, LOADING, STALE]).tips(&["nondeterministic_output"]).doc(
        GROUP,
        "2.6.0",
        "O(1)",
        "Returns the time of the server's clock.",
    ),
    time,
);

fn answer(call: &mut Call<'_>) -> Outcome {
    let sections = info::select(&call.args[1..]);
    call.reply.verbatim("txt", info::text(&sections, &**call.server).as_bytes());
    DONE
}

/// Seconds and, within the second, microseconds.
fn time(call: &mut Call<'_>) -> Outcome {
    let now = match call.nested {
        true => *call.session.frozen_us.get_or_insert_with(clock::unix_us),
        false => clock::unix_us(),
    };
    call.reply.array(2);
    call.reply.bulk_int(now / 1_000_000);
    call.reply.bulk_int(now % 1_000_000);
    DONE
}
