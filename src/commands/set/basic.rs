//! Adding, removing, moving and asking for members.

use crate::client::OwnedRequest;
use crate::command::row::*;
use crate::config::EventClasses;
use crate::keyspace::{Access, Ref, Type, WrongType};
use crate::resp::Reply;
use crate::types::set::Set;

use super::super::revise::{MANY, add_named, remove_named};
use super::super::{Call, Command, DONE, Next, Outcome};
use super::{GROUP, limits, row, write_members};

pub(super) const SADD: Command = Command::new(
    row("sadd", -3, &[WRITE, DENYOOM, FAST], &[KeySpec::at(1, &[RW, INSERT])])
        .doc(
            GROUP,
            "1.0.0",
            "O(N) where N is the number of members to add.",
            "Adds members to a set, which is created if the key doesn't exist.",
        )
        .syntax("key member*"),
    sadd,
)
.elements(2, 1);

pub(super) const SREM: Command = Command::new(
    row("srem", -3, &[WRITE, FAST], &[KeySpec::at(1, &[RW, DELETE])])
        .doc(
            GROUP,
            "1.0.0",
            "O(N) where N is the number of members to remove.",
            "Removes members from a set, and the key with its last member.",
        )
        .syntax("key member*"),
    |call| remove_named(call, (EventClasses::SET, "srem"), Set::remove),
)
.elements(2, 1);

pub(super) const SMOVE: Command = Command::new(
    row("smove", 4, &[WRITE, FAST], &[KeySpec::at(1, &[RW, ACCESS, DELETE]), KeySpec::at(2, &[RW, INSERT])])
        .doc(GROUP, "1.0.0", "O(1)", "Moves a member from one set to another.")
        .syntax("source:key destination:key#1 member"),
    smove,
);

pub(super) const SCARD: Command = Command::new(
    row("scard", 2, &[READONLY, FAST], &[KeySpec::at(1, &[RO])])
        .doc(GROUP, "1.0.0", "O(1)", "Counts the members of a set.")
        .syntax("key"),
    scard,
);

pub(super) const SISMEMBER: Command = Command::new(
    row("sismember", 3, &[READONLY, FAST], &[KeySpec::at(1, &[RO])])
        .doc(GROUP, "1.0.0", "O(1)", "Tells whether something is a member of a set.")
        .syntax("key member"),
    sismember,
)
.elements(2, 1);

pub(super) const SMISMEMBER: Command = Command::new(
    row("smismember", -3, &[READONLY, FAST], &[KeySpec::at(1, &[RO, ACCESS])])
        .doc(
            GROUP,
            "6.2.0",
            "O(N) where N is the number of members asked for.",
            "Tells of several things whether they are members of a set.",
        )
        .syntax("key member*"),
    smismember,
)
.elements(2, 1);

pub(super) const SMEMBERS: Command = Command::new(
    row("smembers", 2, &[READONLY], &[KeySpec::at(1, &[RO, ACCESS])])
        .tips(&["nondeterministic_output_order"])
        .doc(GROUP, "1.0.0", "O(N) where N is the number of members.", "Returns all members of a set.")
        .syntax("key"),
    smembers,
);

fn sadd(call: &mut Call<'_>) -> Outcome {
    let limits = limits(call);
    let add = move |set: &mut Set, members: &[&[u8]]| {
        set.prepare(members[0], members.len(), &limits);
        let added = members.iter().filter(|member| set.insert(member, &limits)).count();
        (added, added)
    };
    add_named(call, (EventClasses::SET, "sadd"), MANY, add, |reply, added| reply.int(added as i64))
}

fn smove(call: &mut Call<'_>) -> Outcome {
    let (from, to, member) = (call.args[1], call.args[2], call.args[3]);
    // What is changed below counts as one access.
    let types = [from, to].map(|key| call.keys.find(key, Access::Silent).map(|entry| entry.type_of()));
    if types[0].is_some() && types.iter().flatten().any(|&found| found != Type::Set) {
        return Err(WrongType.into());
    }
    let removed = call.keys.update(from, (EventClasses::SET, "srem"), |source: &mut Set| {
        let is_there = if from == to { source.contains(member) } else { source.remove(member) };
        ((is_there, source.is_empty()), usize::from(is_there && from != to))
    })?;
    let (is_there, emptied) = removed.unwrap_or_default();
    if is_there && from != to {
        if emptied {
            call.keys.event(from, EventClasses::GENERIC, "del");
        }
        let limits = limits(call);
        call.keys.update_or_new(to, (EventClasses::SET, "sadd"), |set: &mut Set| {
            if set.is_empty() {
                set.prepare(member, 1, &limits);
            }
            ((), usize::from(set.insert(member, &limits)))
        })?;
    }
    call.reply.int(is_there.into());
    DONE
}

fn scard(call: &mut Call<'_>) -> Outcome {
    let len = call.keys.read::<Set>(call.args[1])?.map_or(0, |set| set.len());
    call.reply.int(len as i64);
    DONE
}

fn sismember(call: &mut Call<'_>) -> Outcome {
    let member = call.args[2];
    let is_member = call.keys.read::<Set>(call.args[1])?.is_some_and(|set| set.contains(member));
    call.reply.int(is_member.into());
    DONE
}

fn smismember(call: &mut Call<'_>) -> Outcome {
    let (members, may_put_off) = (&call.args[2..], call.may_put_off());
    let set = call.keys.read::<Set>(call.args[1])?;
    if may_put_off && members.len() > MANY {
        let (set, members) = (set.map(Ref::to_owned).unwrap_or_default(), OwnedRequest::new(members));
        return Ok(Next::Later(Box::new(move |reply| write_membership(reply, Some(&set), &members.args()))));
    }
    write_membership(call.reply, set.as_deref(), members);
    DONE
}

fn write_membership(reply: &mut Reply, set: Option<&Set>, members: &[&[u8]]) {
    reply.array(members.len());
    for member in members {
        reply.int(set.is_some_and(|set| set.contains(member)).into());
    }
}

fn smembers(call: &mut Call<'_>) -> Outcome {
    let may_put_off = call.may_put_off();
    match call.keys.read::<Set>(call.args[1])? {
        None => call.reply.set(0),
        Some(set) if may_put_off && set.is_large() => {
            let set = set.to_owned();
            return Ok(Next::Later(Box::new(move |reply| write_members(reply, &set))));
        }
        Some(set) => write_members(call.reply, &set),
    }
    DONE
}
