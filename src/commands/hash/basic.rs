//! Getting, setting and deleting fields.

use smallvec::SmallVec;

use crate::client::OwnedRequest;
use crate::command::error;
use crate::command::row::*;
use crate::config::EventClasses;
use crate::keyspace::Ref;
use crate::resp::Reply;
use crate::types::hash::{Hash, Lookup};

use super::super::call::write_item;
use super::super::revise::{MANY, add_named, remove_named};
use super::super::{Call, Command, DONE, Next, Outcome};
use super::{GROUP, limits, look_up, row};

pub(super) const HGET: Command = Command::new(
    row("hget", 3, &[READONLY, FAST], &[KeySpec::at(1, &[RO, ACCESS])])
        .doc(GROUP, "2.0.0", "O(1)", "Returns the value of a field of a hash.")
        .syntax("key field"),
    hget,
)
.elements(2, 1);

pub(super) const HMGET: Command = Command::new(
    row("hmget", -3, &[READONLY, FAST], &[KeySpec::at(1, &[RO, ACCESS])])
        .doc(
            GROUP,
            "2.0.0",
            "O(N) where N is the number of fields asked for.",
            "Returns the values of several fields of a hash.",
        )
        .syntax("key field*"),
    hmget,
)
.elements(2, 1);

pub(super) const HSET: Command = Command::new(
    row("hset", -4, &[WRITE, DENYOOM, FAST], &[KeySpec::at(1, &[RW, UPDATE])])
        .doc(
            GROUP,
            "2.0.0",
            "O(N) where N is the number of fields to set.",
            "Sets fields of a hash, which is created if the key doesn't exist, and counts the new ones.",
        )
        .syntax("key data:(field value)*"),
    hset,
)
.elements(2, 2);

pub(super) const HMSET: Command = Command::new(
    row("hmset", -4, &[WRITE, DENYOOM, FAST], &[KeySpec::at(1, &[RW, UPDATE])])
        .doc(
            GROUP,
            "2.0.0",
            "O(N) where N is the number of fields to set.",
            "Sets fields of a hash, which is created if the key doesn't exist.",
        )
        .syntax("key data:(field value)*")
        .deprecated("4.0.0", "`HSET` with multiple field-value pairs"),
    hmset,
)
.elements(2, 2);

pub(super) const HSETNX: Command = Command::new(
    row("hsetnx", 4, &[WRITE, DENYOOM, FAST], &[KeySpec::at(1, &[RW, INSERT])])
        .doc(GROUP, "2.0.0", "O(1)", "Sets a field of a hash only when the field doesn't exist.")
        .syntax("key field value"),
    hsetnx,
)
.elements(2, 2);

pub(super) const HDEL: Command = Command::new(
    row("hdel", -3, &[WRITE, FAST], &[KeySpec::at(1, &[RW, DELETE])])
        .doc(
            GROUP,
            "2.0.0",
            "O(N) where N is the number of fields to delete.",
            "Deletes fields of a hash, and the key with its last field.",
        )
        .syntax("key field*"),
    |call| remove_named(call, (EventClasses::HASH, "hdel"), Hash::remove),
)
.elements(2, 1);

pub(super) const HEXISTS: Command = Command::new(
    row("hexists", 3, &[READONLY, FAST], &[KeySpec::at(1, &[RO])])
        .doc(GROUP, "2.0.0", "O(1)", "Tells whether a hash has a field.")
        .syntax("key field"),
    hexists,
)
.elements(2, 1);

pub(super) const HLEN: Command = Command::new(
    row("hlen", 2, &[READONLY, FAST], &[KeySpec::at(1, &[RO])])
        .doc(GROUP, "2.0.0", "O(1)", "Counts the fields of a hash.")
        .syntax("key"),
    hlen,
);

pub(super) const HSTRLEN: Command = Command::new(
    row("hstrlen", 3, &[READONLY, FAST], &[KeySpec::at(1, &[RO])])
        .doc(GROUP, "3.2.0", "O(1)", "Returns the length of the value of a field of a hash.")
        .syntax("key field"),
    hstrlen,
)
.elements(2, 1);

fn hget(call: &mut Call<'_>) -> Outcome {
    look_up(call, call.args[2], |reply, value| match value {
        None => reply.null(),
        Some(value) => write_item(reply, value),
    })?;
    DONE
}

fn hmget(call: &mut Call<'_>) -> Outcome {
    let (key, fields, now) = (call.args[1], &call.args[2..], call.keys.now());
    let may_put_off = call.may_put_off();
    let hash = call.keys.read::<Hash>(key)?;
    if may_put_off && fields.len() > MANY {
        let (hash, fields) = (hash.map(Ref::to_owned).unwrap_or_default(), OwnedRequest::new(fields));
        return Ok(Next::Later(Box::new(move |reply| {
            let fields = fields.args();
            reply.array(fields.len());
            for field in fields {
                match hash.get(field, now).value() {
                    Some(value) => write_item(reply, value),
                    None => reply.null(),
                }
            }
        })));
    }
    let mut expired: SmallVec<[&[u8]; 4]> = SmallVec::new();
    call.reply.array(fields.len());
    for field in fields {
        match hash.as_ref().map_or(Lookup::Missing, |hash| hash.get(field, now)) {
            Lookup::Found(value) => write_item(call.reply, value),
            Lookup::Missing => call.reply.null(),
            Lookup::Expired => {
                call.reply.null();
                expired.push(field);
            }
        }
    }
    drop(hash);
    if !expired.is_empty() {
        call.keys.expire_fields(key, &expired);
    }
    DONE
}

fn hset(call: &mut Call<'_>) -> Outcome {
    set_fields(call, |reply, new| reply.int(new as i64))
}

fn hmset(call: &mut Call<'_>) -> Outcome {
    set_fields(call, |reply, _| reply.ok())
}

/// Sets the fields that the arguments name; `answer` is told how many of them are new.
fn set_fields(call: &mut Call<'_>, answer: fn(&mut Reply, usize)) -> Outcome {
    if call.args.len() % 2 == 1 {
        return Err(error::wrong_arity(call.spec.name));
    }
    let limits = limits(call);
    let set = move |hash: &mut Hash, pairs: &[&[u8]]| {
        hash.prepare(pairs.iter().copied(), &limits);
        let new = pairs.chunks_exact(2).filter(|pair| hash.set(pair[0], pair[1], &limits)).count();
        (new, pairs.len() / 2)
    };
    add_named(call, (EventClasses::HASH, "hset"), 2 * MANY, set, answer)
}

fn hsetnx(call: &mut Call<'_>) -> Outcome {
    let (key, field, value) = (call.args[1], call.args[2], call.args[3]);
    let (limits, now) = (limits(call), call.keys.now());
    let mut hash = call.keys.write_or_new::<Hash>(key)?;
    let found = match hash.get(field, now) {
        Lookup::Missing => false,
        Lookup::Found(_) => true,
        Lookup::Expired => {
            drop(hash);
            call.keys.expire_fields(key, &[field]);
            hash = call.keys.write_or_new::<Hash>(key)?;
            false
        }
    };
    if !found {
        hash.prepare([field, value].into_iter(), &limits);
        hash.set(field, value, &limits);
        drop(hash);
        call.keys.changed(key, EventClasses::HASH, "hset");
    }
    call.reply.int((!found).into());
    DONE
}

fn hexists(call: &mut Call<'_>) -> Outcome {
    look_up(call, call.args[2], |reply, value| reply.int(value.is_some().into()))?;
    DONE
}

fn hlen(call: &mut Call<'_>) -> Outcome {
    let len = call.keys.read::<Hash>(call.args[1])?.map_or(0, |hash| hash.len());
    call.reply.int(len as i64);
    DONE
}

fn hstrlen(call: &mut Call<'_>) -> Outcome {
    look_up(call, call.args[2], |reply, value| {
        reply.int(value.map_or(0, |value| value.len() as i64));
    })?;
    DONE
}
