//! Waiting for an element: BLPOP, BRPOP, BLMPOP, BLMOVE, BRPOPLPUSH.
//!
//! Each does at once what its plain form does; where there is no list, the client waits for one, and the same
//! handler runs again when one of its keys gets data.

use crate::command::error;
use crate::command::row::*;
use crate::keyspace::Type;
use crate::types::list::End;

use super::super::blocking::deadline;
use super::super::multi_pop::MultiPop;
use super::super::{Block, Call, Command, DONE, Outcome};
use super::moving::{KEYS, ends, move_one};
use super::pop::{name_key, pop_first, pop_one};
use super::{GROUP, end, row};

const POP_KEYS: &[KeySpec] = &[KeySpec::range(1, -2, 1, &[RW, ACCESS, DELETE])];
const POP_COST: &str = "O(N) where N is the number of keys";

pub(super) const BLPOP: Command = Command::new(
    row("blpop", -3, &[WRITE, BLOCKING], POP_KEYS)
        .doc(
            GROUP,
            "2.0.0",
            POP_COST,
            "Removes and returns the first element of the first list that has any; waits for one.",
        )
        .syntax("key* timeout:double"),
    |call| pop(call, End::Head),
);

pub(super) const BRPOP: Command = Command::new(
    row("brpop", -3, &[WRITE, BLOCKING], POP_KEYS)
        .doc(
            GROUP,
            "2.0.0",
            POP_COST,
            "Removes and returns the last element of the first list that has any; waits for one.",
        )
        .syntax("key* timeout:double"),
    |call| pop(call, End::Tail),
);

pub(super) const BLMPOP: Command = Command::new(
    row("blmpop", -5, &[WRITE, BLOCKING], &[KeySpec::counted(2, &[RW, ACCESS, DELETE])])
        .doc(
            GROUP,
            "7.0.0",
            "O(N+M) where N is the number of keys and M the number of elements returned",
            "Removes and returns elements of the first list that has any; waits for one.",
        )
        .syntax("timeout:double numkeys:integer key* where:<LEFT|RIGHT> [COUNT count:integer]"),
    multi_pop,
);

pub(super) const BLMOVE: Command = Command::new(
    row("blmove", 6, &[WRITE, DENYOOM, BLOCKING], KEYS)
        .doc(
            GROUP,
            "6.2.0",
            "O(1)",
            "Moves an element from an end of a list to an end of another; waits for one.",
        )
        .syntax("source:key destination:key#1 wherefrom:<LEFT|RIGHT> whereto:<LEFT|RIGHT> timeout:double"),
    |call| {
        let ends = ends(call)?;
        move_when_there(call, ends, call.args[5])
    },
);

pub(super) const BRPOPLPUSH: Command = Command::new(
    row("brpoplpush", 4, &[WRITE, DENYOOM, BLOCKING], KEYS)
        .doc(
            GROUP,
            "2.2.0",
            "O(1)",
            "Moves the last element of a list to the head of another; waits for one.",
        )
        .syntax("source:key destination:key#1 timeout:double")
        .deprecated("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments"),
    |call| move_when_there(call, (End::Tail, End::Head), call.args[3]),
);

fn pop(call: &mut Call<'_>, end: End) -> Outcome {
    let [_, keys @ .., timeout] = call.args else { return Err(error::SYNTAX) };
    let deadline = deadline(timeout, call.keys.now())?;
    for key in keys {
        if pop_one(call, key, end, name_key)? {
            return DONE;
        }
    }
    wait(call, keys, deadline)
}

fn multi_pop(call: &mut Call<'_>) -> Outcome {
    let wanted = MultiPop::parse(call.args_from(2), end)?;
    let deadline = deadline(call.args[1], call.keys.now())?;
    match pop_first(call, &wanted)? {
        Some(next) => Ok(next),
        None => wait(call, wanted.keys, deadline),
    }
}

fn move_when_there(call: &mut Call<'_>, ends: (End, End), timeout: &[u8]) -> Outcome {
    let deadline = deadline(timeout, call.keys.now())?;
    if move_one(call, ends)? {
        propagate_move(call, ends);
        return DONE;
    }
    if call.nested {
        // It gives up with another null than those that pop.
        call.reply.null();
        return DONE;
    }
    wait(call, &call.args[1..2], deadline)
}

/// The journal gets the command that doesn't wait.
fn propagate_move(call: &mut Call<'_>, (from, to): (End, End)) {
    let side = |end| -> &[u8] {
        match end {
            End::Head => b"left",
            End::Tail => b"right",
        }
    };
    let (source, destination) = (call.args[1], call.args[2]);
    match call.args.len() {
        4 => call.keys.propagate_instead(&[b"RPOPLPUSH", source, destination]),
        _ => call.keys.propagate_instead(&[b"LMOVE", source, destination, side(from), side(to)]),
    }
}

fn wait(call: &mut Call<'_>, keys: &[&[u8]], deadline: Option<i64>) -> Outcome {
    call.block(Block::new(keys, deadline, Type::List))
}
