//! Taking members from either end: ZPOPMIN, ZPOPMAX, ZMPOP and the forms that wait for a key.

use crate::base::num::IntText;
use crate::command::row::*;
use crate::command::{Error, args, error};
use crate::config::EventClasses;
use crate::keyspace::Type;
use crate::resp::Reply;
use crate::types::zset::{Direction, End, Zset};

use super::super::blocking;
use super::super::multi_pop::MultiPop;
use super::super::revise::{Revision, revise, say_removed};
use super::super::{Block, Call, Command, DONE, Next, Outcome};
use super::{GROUP, row};

const COST: &str = "O(log(N)*M) where N is the size of the sorted set and M the number of members popped.";
const FLAGS: &[KeyFlags] = &[RW, ACCESS, DELETE];

pub(super) const ZPOPMIN: Command = Command::new(
    row("zpopmin", -2, &[WRITE, FAST], &[KeySpec::at(1, FLAGS)])
        .doc(GROUP, "5.0.0", COST, "Removes and returns the members with the lowest scores.")
        .syntax("key [count:integer]"),
    |call| pop(call, End::Min),
);

pub(super) const ZPOPMAX: Command = Command::new(
    row("zpopmax", -2, &[WRITE, FAST], &[KeySpec::at(1, FLAGS)])
        .doc(GROUP, "5.0.0", COST, "Removes and returns the members with the highest scores.")
        .syntax("key [count:integer]"),
    |call| pop(call, End::Max),
);

pub(super) const ZMPOP: Command = Command::new(
    row("zmpop", -4, &[WRITE, MOVABLEKEYS], &[KeySpec::counted(1, FLAGS)])
        .doc(GROUP, "7.0.0", COST, "Removes and returns members from the first sorted set that has any.")
        .syntax("numkeys:integer key* where:<MIN|MAX> [COUNT count:integer]"),
    zmpop,
);

pub(super) const BZPOPMIN: Command = Command::new(
    row("bzpopmin", -3, &[WRITE, FAST, BLOCKING], &[KeySpec::range(1, -2, 1, FLAGS)])
        .doc(
            GROUP,
            "5.0.0",
            "O(log(N)) where N is the size of the sorted set.",
            "Removes and returns the member with the lowest score, waiting for one if need be.",
        )
        .syntax("key* timeout:double"),
    |call| bzpop(call, End::Min),
);

pub(super) const BZPOPMAX: Command = Command::new(
    row("bzpopmax", -3, &[WRITE, FAST, BLOCKING], &[KeySpec::range(1, -2, 1, FLAGS)])
        .doc(
            GROUP,
            "5.0.0",
            "O(log(N)) where N is the size of the sorted set.",
            "Removes and returns the member with the highest score, waiting for one if need be.",
        )
        .syntax("key* timeout:double"),
    |call| bzpop(call, End::Max),
);

pub(super) const BZMPOP: Command = Command::new(
    row("bzmpop", -5, &[WRITE, BLOCKING, MOVABLEKEYS], &[KeySpec::counted(2, FLAGS)])
        .doc(
            GROUP,
            "7.0.0",
            COST,
            "Removes and returns members from the first sorted set that has any, waiting for one if need be.",
        )
        .syntax("timeout:double numkeys:integer key* where:<MIN|MAX> [COUNT count:integer]"),
    bzmpop,
);

/// Members that were popped, with their scores.
type Popped = Vec<(Vec<u8>, f64)>;

/// How many members are popped while the sorted set is locked.
const AT_ONCE_MAX: usize = 1024;

/// Pops up to `count` members of a key; none if it is absent.
fn take(call: &mut Call<'_>, key: &[u8], end: End, count: usize) -> Result<Option<Popped>, Error> {
    let taken = call.keys.update(key, event(end), |zset: &mut Zset| {
        let popped = pop_from(zset, end, count);
        let count = popped.len();
        ((popped, zset.is_empty()), count)
    })?;
    let Some((popped, emptied)) = taken else { return Ok(None) };
    if emptied {
        call.keys.event(key, EventClasses::GENERIC, "del");
    }
    Ok(Some(popped))
}

fn pop_from(zset: &mut Zset, end: End, count: usize) -> Popped {
    if count == 1 {
        return zset.pop(end).into_iter().collect();
    }
    let len = zset.len();
    let count = count.min(len);
    let (ranks, direction) = match end {
        End::Min => (0..count, Direction::Forward),
        End::Max => (len - count..len, Direction::Reverse),
    };
    let members = zset.iter(ranks.clone(), direction);
    let popped = members.map(|(member, score)| (member.to_vec(), score)).collect();
    zset.remove_ranks(ranks);
    popped
}

/// Class and name of the keyspace event of popping at an end.
fn event(end: End) -> (u32, &'static str) {
    (EventClasses::ZSET, if end == End::Min { "zpopmin" } else { "zpopmax" })
}

/// The command that pops at an end of one sorted set.
fn verb(end: End) -> &'static [u8] {
    match end {
        End::Min => b"ZPOPMIN",
        End::Max => b"ZPOPMAX",
    }
}

fn pop(call: &mut Call<'_>, end: End) -> Outcome {
    if call.args.len() > 3 {
        return Err(error::SYNTAX);
    }
    let count = call.args.get(2).map(|count| args::count(count, error::NOT_POSITIVE)).transpose()?;
    let nested = count.is_some() && call.reply.is_resp3();
    let count = count.unwrap_or(1);
    if count > AT_ONCE_MAX {
        return revise(call, PopMany { end, count, nested });
    }
    let popped = take(call, call.args[1], end, count)?.unwrap_or_default();
    write_popped(call.reply, &popped, nested);
    DONE
}

/// ZPOPMIN or ZPOPMAX of many members.
struct PopMany {
    end: End,
    count: usize,
    nested: bool,
}

impl Revision for PopMany {
    type Content = Zset;
    /// The members, and whether they were the last ones.
    type Told = (Popped, bool);

    fn is_heavy(&self, zset: &Zset) -> bool {
        zset.len() > AT_ONCE_MAX
    }

    fn revise(&self, zset: &mut Zset) -> (Popped, bool) {
        (pop_from(zset, self.end, self.count), zset.is_empty())
    }

    fn tell(self, call: &mut Call<'_>, told: Option<(Popped, bool)>) -> Outcome {
        let (popped, emptied) = told.unwrap_or_default();
        say_removed(call, call.args[1], event(self.end), popped.len(), emptied);
        Ok(Next::Later(Box::new(move |reply| write_popped(reply, &popped, self.nested))))
    }
}

/// Answers members with their scores, as pairs of their own if they are to be nested.
fn write_popped(reply: &mut Reply, popped: &Popped, nested: bool) {
    reply.array(if nested { popped.len() } else { 2 * popped.len() });
    write_pairs(reply, popped, nested);
}

fn write_pairs(reply: &mut Reply, popped: &Popped, nested: bool) {
    for (member, score) in popped {
        if nested {
            reply.array(2);
        }
        reply.bulk(member);
        reply.double(*score);
    }
}

/// MIN or MAX.
fn end(word: &[u8]) -> Result<End, Error> {
    match word.to_ascii_lowercase().as_slice() {
        b"min" => Ok(End::Min),
        b"max" => Ok(End::Max),
        _ => Err(error::SYNTAX),
    }
}

/// Pops from the first key that is there, and replies; tells whether there was one.
fn pop_first(call: &mut Call<'_>, keys: &[&[u8]], end: End, count: usize) -> Result<bool, Error> {
    for key in keys {
        if let Some(popped) = take(call, key, end, count)? {
            propagate_popped(call, key, end, popped.len());
            write_from(call.reply, key, &popped);
            return Ok(true);
        }
    }
    Ok(false)
}

fn propagate_popped(call: &mut Call<'_>, key: &[u8], end: End, count: usize) {
    let mut text = IntText::new();
    call.keys.propagate_instead(&[verb(end), key, text.format(count as i64).as_bytes()]);
}

/// Answers a key and what was popped from it.
fn write_from(reply: &mut Reply, key: &[u8], popped: &Popped) {
    reply.array(2);
    reply.bulk(key);
    reply.array(popped.len());
    write_pairs(reply, popped, true);
}

/// ZMPOP of many members of one key.
struct MultiPopMany {
    end: End,
    count: usize,
}

impl Revision for MultiPopMany {
    type Content = Zset;
    /// As that of [`PopMany`].
    type Told = (Popped, bool);

    fn key_at(&self, _: &[&[u8]]) -> usize {
        2
    }

    fn is_heavy(&self, zset: &Zset) -> bool {
        zset.len() > AT_ONCE_MAX
    }

    fn revise(&self, zset: &mut Zset) -> (Popped, bool) {
        (pop_from(zset, self.end, self.count), zset.is_empty())
    }

    fn tell(self, call: &mut Call<'_>, told: Option<(Popped, bool)>) -> Outcome {
        let Some((popped, emptied)) = told else {
            call.reply.null_array();
            return DONE;
        };
        let key = call.args[2];
        say_removed(call, key, event(self.end), popped.len(), emptied);
        propagate_popped(call, key, self.end, popped.len());
        let key = key.to_vec();
        Ok(Next::Later(Box::new(move |reply| write_from(reply, &key, &popped))))
    }
}

fn zmpop(call: &mut Call<'_>) -> Outcome {
    let MultiPop { keys, end, count } = MultiPop::parse(call.args_from(1), end)?;
    if keys.len() == 1 && count > AT_ONCE_MAX {
        return revise(call, MultiPopMany { end, count });
    }
    if !pop_first(call, keys, end, count)? {
        call.reply.null_array();
    }
    DONE
}

fn bzmpop(call: &mut Call<'_>) -> Outcome {
    let MultiPop { keys, end, count } = MultiPop::parse(call.args_from(2), end)?;
    let deadline = blocking::deadline(call.args[1], call.keys.now())?;
    if pop_first(call, keys, end, count)? {
        return DONE;
    }
    wait(call, keys, deadline)
}

fn bzpop(call: &mut Call<'_>, end: End) -> Outcome {
    let last = call.args.len() - 1;
    let deadline = blocking::deadline(call.args[last], call.keys.now())?;
    for key in &call.args[1..last] {
        if let Some(popped) = take(call, key, end, 1)? {
            call.keys.propagate_instead(&[verb(end), key]);
            call.reply.array(3);
            call.reply.bulk(key);
            write_pairs(call.reply, &popped, false);
            return DONE;
        }
    }
    wait(call, &call.args[1..last], deadline)
}

fn wait(call: &mut Call<'_>, keys: &[&[u8]], deadline: Option<i64>) -> Outcome {
    call.block(Block::new(keys, deadline, Type::Zset))
}
