//! Adding elements: LPUSH, RPUSH, LPUSHX, RPUSHX.

use crate::command::row::*;
use crate::config::EventClasses;
use crate::types::list::{End, List};

use super::super::revise::add_named;
use super::super::{Call, Command, DONE, Outcome};
use super::{GROUP, limits, push_event, row};

const FLAGS: &[Flags] = &[WRITE, DENYOOM, FAST];
const KEY: &[KeySpec] = &[KeySpec::at(1, &[RW, INSERT])];
const COST: &str = "O(N) where N is the number of elements added";

pub(super) const LPUSH: Command = Command::new(
    row("lpush", -3, FLAGS, KEY)
        .doc(GROUP, "1.0.0", COST, "Adds elements at the head of a list.")
        .syntax("key element*"),
    |call| push(call, End::Head),
);

pub(super) const RPUSH: Command = Command::new(
    row("rpush", -3, FLAGS, KEY)
        .doc(GROUP, "1.0.0", COST, "Adds elements at the tail of a list.")
        .syntax("key element*"),
    |call| push(call, End::Tail),
);

pub(super) const LPUSHX: Command = Command::new(
    row("lpushx", -3, FLAGS, KEY)
        .doc(GROUP, "2.2.0", COST, "Adds elements at the head of a list only when the list exists.")
        .syntax("key element*"),
    |call| push_if_exists(call, End::Head),
);

pub(super) const RPUSHX: Command = Command::new(
    row("rpushx", -3, FLAGS, KEY)
        .doc(GROUP, "2.2.0", COST, "Adds elements at the tail of a list only when the list exists.")
        .syntax("key element*"),
    |call| push_if_exists(call, End::Tail),
);

/// How many elements are pushed while the list is locked.
const AT_ONCE_MAX: usize = 16 * 1024;

fn push(call: &mut Call<'_>, end: End) -> Outcome {
    let limits = limits(call);
    let push = move |list: &mut List, elements: &[&[u8]]| {
        list.push(end, elements.iter().copied(), &limits);
        (list.len(), elements.len())
    };
    add_named(call, (EventClasses::LIST, push_event(end)), AT_ONCE_MAX, push, |reply, len| {
        reply.int(len as i64);
    })
}

fn push_if_exists(call: &mut Call<'_>, end: End) -> Outcome {
    let (limits, elements) = (limits(call), &call.args[2..]);
    let len = call.keys.update(call.args[1], (EventClasses::LIST, push_event(end)), |list: &mut List| {
        list.push(end, elements.iter().copied(), &limits);
        (list.len(), elements.len())
    })?;
    call.reply.int(len.map_or(0, |len| len as i64));
    DONE
}
