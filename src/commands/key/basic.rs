//! Deleting keys and asking whether and what they are.

use crate::command::row::*;
use crate::config::EventClasses;
use crate::keyspace::Access;

use super::super::{Call, Command, DONE, Outcome};
use super::{GROUP, row};

const SUMMED: &[&str] = &["request_policy:multi_shard", "response_policy:agg_sum"];
const DELETED: &[KeySpec] = &[KeySpec::range(1, -1, 1, &[RM, KeyFlags::DELETE])];
const ASKED: &[KeySpec] = &[KeySpec::range(1, -1, 1, &[RO])];

pub(super) const DEL: Command = Command::new(
    row("del", -2, &[WRITE], DELETED)
        .tips(SUMMED)
        .doc(
            GROUP,
            "1.0.0",
            "O(N) where N is the number of keys; large values are freed in the background.",
            "Deletes keys.",
        )
        .syntax("key*"),
    delete,
);

pub(super) const UNLINK: Command = Command::new(
    row("unlink", -2, &[WRITE, FAST], DELETED)
        .tips(SUMMED)
        .doc(
            GROUP,
            "4.0.0",
            "O(N) where N is the number of keys; large values are freed in the background.",
            "Deletes keys.",
        )
        .syntax("key*"),
    delete,
);

pub(super) const EXISTS: Command = Command::new(
    row("exists", -2, &[READONLY, FAST], ASKED)
        .tips(SUMMED)
        .doc(GROUP, "1.0.0", "O(N) where N is the number of keys.", "Counts which of the given keys exist.")
        .syntax("key*"),
    |call| count(call, Access::Ask),
);

pub(super) const TOUCH: Command = Command::new(
    row("touch", -2, &[READONLY, FAST], ASKED)
        .tips(SUMMED)
        .doc(
            GROUP,
            "3.2.1",
            "O(N) where N is the number of keys.",
            "Sets the time of the last access of keys and counts which exist.",
        )
        .syntax("key*"),
    |call| count(call, Access::Touch),
);

pub(super) const TYPE: Command = Command::new(
    row("type", 2, &[READONLY, FAST], &[KeySpec::at(1, &[RO])])
        .doc(GROUP, "1.0.0", "O(1)", "Returns the type of the value of a key.")
        .syntax("key"),
    type_of,
);

pub(super) const DBSIZE: Command = Command::new(
    row("dbsize", 1, &[READONLY, FAST, ALL_KEYS], &[])
        .tips(&["request_policy:all_shards", "response_policy:agg_sum"])
        .doc("server", "1.0.0", "O(1)", "Returns the number of keys of the selected database."),
    dbsize,
);

/// DEL and UNLINK: in both the values are freed after unlocking, large ones in the background.
fn delete(call: &mut Call<'_>) -> Outcome {
    let mut deleted = 0;
    for key in &call.args[1..] {
        if call.keys.delete(key) {
            call.keys.changed(key, EventClasses::GENERIC, "del");
            deleted += 1;
        }
    }
    call.reply.int(deleted);
    DONE
}

fn count(call: &mut Call<'_>, access: Access) -> Outcome {
    let found = call.args[1..].iter().filter(|key| call.keys.exists(key, access)).count();
    call.reply.int(found as i64);
    DONE
}

fn type_of(call: &mut Call<'_>) -> Outcome {
    let kind = call.keys.find(call.args[1], Access::Ask).map(|entry| entry.type_of());
    call.reply.simple(kind.map_or("none", |kind| kind.name()));
    DONE
}

fn dbsize(call: &mut Call<'_>) -> Outcome {
    let keys = call.keys.keyspace().len(call.keys.db());
    call.reply.int(keys as i64);
    DONE
}
