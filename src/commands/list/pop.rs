//! Taking elements from an end: LPOP, RPOP, LMPOP.

use crate::base::num::IntText;
use crate::command::row::*;
use crate::command::{Error, args, error};
use crate::config::EventClasses;
use crate::keyspace::WrongType;
use crate::resp::Reply;
use crate::types::list::{End, List};

use super::super::call::{Next, write_item};
use super::super::multi_pop::MultiPop;
use super::super::{Call, Command, DONE, Outcome};
use super::{GROUP, end, limits, pop_event, popped, row};

const KEY: &[KeySpec] = &[KeySpec::at(1, &[RW, ACCESS, DELETE])];
const COST: &str = "O(N) where N is the number of elements returned";

pub(super) const LPOP: Command = Command::new(
    row("lpop", -2, &[WRITE, FAST], KEY)
        .doc(GROUP, "1.0.0", COST, "Removes elements at the head of a list and returns them.")
        .syntax("key [count:integer@6.2.0]"),
    |call| pop(call, End::Head),
);

pub(super) const RPOP: Command = Command::new(
    row("rpop", -2, &[WRITE, FAST], KEY)
        .doc(GROUP, "1.0.0", COST, "Removes elements at the tail of a list and returns them.")
        .syntax("key [count:integer@6.2.0]"),
    |call| pop(call, End::Tail),
);

pub(super) const LMPOP: Command = Command::new(
    row("lmpop", -4, &[WRITE], &[KeySpec::counted(1, &[RW, ACCESS, DELETE])])
        .doc(
            GROUP,
            "7.0.0",
            "O(N+M) where N is the number of keys and M the number of elements returned",
            "Removes elements of the first list that has any and returns them.",
        )
        .syntax("numkeys:integer key* where:<LEFT|RIGHT> [COUNT count:integer]"),
    lmpop,
);

/// How many popped elements are answered while the list is locked.
const AT_ONCE_MAX: usize = 1024;

fn pop(call: &mut Call<'_>, end: End) -> Outcome {
    let key = call.args[1];
    match call.args {
        [_, _] => {
            if !pop_one(call, key, end, |_, _| ())? {
                call.reply.null();
            }
            DONE
        }
        [_, _, count] => {
            let count = args::count(count, error::NOT_POSITIVE)?;
            Ok(pop_some(call, key, end, count, |_, _| ())?.unwrap_or_else(|| {
                call.reply.null_array();
                Next::Done
            }))
        }
        _ => Err(error::wrong_arity(call.spec.name)),
    }
}

fn lmpop(call: &mut Call<'_>) -> Outcome {
    let wanted = MultiPop::parse(call.args_from(1), end)?;
    Ok(pop_first(call, &wanted)?.unwrap_or_else(|| {
        call.reply.null_array();
        Next::Done
    }))
}

/// Pops from the first list there is and answers its key and the elements; none if there is no list.
pub(super) fn pop_first(call: &mut Call<'_>, wanted: &MultiPop<'_, End>) -> Result<Option<Next>, Error> {
    for key in wanted.keys {
        if let Some(next) = pop_some(call, key, wanted.end, wanted.count, name_key)? {
            return Ok(Some(next));
        }
    }
    Ok(None)
}

/// Begins an answer of two parts with a key.
pub(super) fn name_key(reply: &mut Reply, key: &[u8]) {
    reply.array(2);
    reply.bulk(key);
}

/// Pops one element and answers it behind what `introduce` writes; false, and no answer, if there is no list.
pub(super) fn pop_one(
    call: &mut Call<'_>,
    key: &[u8],
    end: End,
    introduce: impl FnOnce(&mut Reply, &[u8]),
) -> Result<bool, WrongType> {
    let limits = limits(call);
    let emptied = call.keys.update(key, (EventClasses::LIST, pop_event(end)), |list: &mut List| {
        introduce(call.reply, key);
        list.pop(end, &limits, |item| write_item(call.reply, item));
        (list.is_empty(), 1)
    })?;
    let Some(emptied) = emptied else { return Ok(false) };
    if emptied {
        call.keys.event(key, EventClasses::GENERIC, "del");
    }
    call.keys.propagate_instead(&[verb(end), key]);
    Ok(true)
}

/// Pops up to `count` elements and answers them as an array behind what `introduce` writes; none, and no answer,
/// if there is no list.
fn pop_some(
    call: &mut Call<'_>,
    key: &[u8],
    end: End,
    count: usize,
    introduce: impl FnOnce(&mut Reply, &[u8]),
) -> Result<Option<Next>, WrongType> {
    let limits = limits(call);
    let put_off = call.may_put_off();
    let Some(mut list) = call.keys.write::<List>(key)? else { return Ok(None) };
    introduce(call.reply, key);
    let count = count.min(list.len());
    if count == 0 {
        call.reply.array(0);
        return Ok(Some(Next::Done));
    }
    // Many elements stay readable through a reference and are answered when the lock is released.
    let reference = (put_off && count > AT_ONCE_MAX).then(|| list.clone());
    if reference.is_none() {
        write_end(call.reply, &list, end, count);
    }
    list.discard(end, count, &limits);
    let emptied = list.is_empty();
    drop(list);
    popped(call, key, end, count, emptied);
    call.keys.propagate_instead(&[verb(end), key, IntText::new().format(count as i64).as_bytes()]);
    Ok(Some(match reference {
        Some(list) => Next::Later(Box::new(move |reply| write_end(reply, &list, end, count))),
        None => Next::Done,
    }))
}

/// The command that pops at an end of one list.
fn verb(end: End) -> &'static [u8] {
    match end {
        End::Head => b"LPOP",
        End::Tail => b"RPOP",
    }
}

/// Answers `count` elements as an array, beginning with the one at `end`.
fn write_end(reply: &mut Reply, list: &List, end: End, count: usize) {
    reply.array(count);
    match end {
        End::Head => list.iter().take(count).for_each(|item| write_item(reply, item)),
        End::Tail => list.iter().rev().take(count).for_each(|item| write_item(reply, item)),
    }
}
