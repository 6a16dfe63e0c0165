//! Random members, taken out or only looked at.

use crate::command::row::*;
use crate::command::{Error, args, error};
use crate::config::EventClasses;
use crate::keyspace::{Access, Expiry, Type, Value, View};
use crate::resp::{Protocol, Reply};
use crate::types::set::{Set, SetLimits};

use super::super::call::write_item;
use super::super::revise::say_removed;
use super::super::sample::{Bounds, QUICK, Sample};
use super::super::store::{Combination, Sources, combine};
use super::super::{Call, Command, DONE, Next, Outcome};
use super::{GROUP, limits, row, write_members};

pub(super) const SPOP: Command = Command::new(
    row("spop", -2, &[WRITE, FAST], &[KeySpec::at(1, &[RW, ACCESS, DELETE])])
        .tips(&["nondeterministic_output"])
        .doc(
            GROUP,
            "1.0.0",
            "O(N) where N is the number of members returned, at least 1.",
            "Removes random members from a set and returns them; the key goes with the last one.",
        )
        .syntax("key [count:integer@3.2.0]"),
    spop,
);

pub(super) const SRANDMEMBER: Command = Command::new(
    row("srandmember", -2, &[READONLY], &[KeySpec::at(1, &[RO, ACCESS])])
        .tips(&["nondeterministic_output"])
        .doc(
            GROUP,
            "1.0.0",
            "O(N) where N is the number of members returned, at least 1.",
            "Returns random members of a set.",
        )
        .syntax("key [count:integer@2.6.0]"),
    srandmember,
);

fn spop(call: &mut Call<'_>) -> Outcome {
    match call.args.len() {
        2 => pop_one(call),
        3 => pop_many(call),
        _ => Err(error::SYNTAX),
    }
}

fn pop_one(call: &mut Call<'_>) -> Outcome {
    let key = call.args[1];
    let popped = call.keys.update(key, POPPED, |set: &mut Set| {
        let popped = set.pop().map(|member| (member, set.is_empty()));
        let count = popped.is_some().into();
        (popped, count)
    })?;
    match popped.flatten() {
        None => call.reply.null(),
        Some((member, emptied)) => {
            if emptied {
                call.keys.event(key, EventClasses::GENERIC, "del");
            }
            call.keys.propagate_instead(&[b"SREM", key, &member]);
            call.reply.bulk(&member);
        }
    }
    DONE
}

/// Class and name of the event that tells of popped members.
const POPPED: (u32, &str) = (EventClasses::SET, "spop");

fn pop_many(call: &mut Call<'_>) -> Outcome {
    let key = call.args[1];
    let count = args::count(call.args[2], error::NOT_POSITIVE)?;
    let (limits, may_put_off) = (limits(call), call.may_put_off());
    let Some(mut set) = call.keys.write::<Set>(key)?.filter(|_| count > 0) else {
        call.reply.set(0);
        return DONE;
    };
    if count >= set.len() {
        drop(set);
        // Redis answers as SUNION of the one set, which counts as a look-up.
        call.keys.exists(key, Access::Read);
        return pop_all(call, key, may_put_off);
    }
    if may_put_off && set.is_large() && count > QUICK {
        drop(set);
        let protocol = call.reply.protocol();
        return combine(call, PopMany { count, limits, protocol });
    }
    call.reply.set(count);
    let from = call.reply.len();
    set.pop_many(count, &limits, |member| write_item(call.reply, member));
    drop(set);
    say_removed(call, key, POPPED, count, false);
    if call.keys.propagates() {
        propagate_removed(&mut call.keys, key, &call.reply.as_bytes()[from..]);
    }
    DONE
}

fn pop_all(call: &mut Call<'_>, key: &[u8], may_put_off: bool) -> Outcome {
    let Some((Value::Set(set), _)) = call.keys.take(key) else { return DONE };
    say_removed(call, key, POPPED, set.len(), true);
    let verb: &[u8] = if call.settings().memory.lazyfree_server_del { b"UNLINK" } else { b"DEL" };
    call.keys.propagate_instead(&[verb, key]);
    if may_put_off && set.is_large() {
        return Ok(Next::Later(Box::new(move |reply| write_members(reply, &set))));
    }
    write_members(call.reply, &set);
    call.keys.effects.garbage.push(Value::Set(set));
    DONE
}

/// Members that one SREM of the journal names at the most.
const REMOVED_AT_ONCE: usize = 1024;

/// Tells the journal which members were popped: those of a reply.
fn propagate_removed(keys: &mut View<'_>, key: &[u8], reply: &[u8]) {
    let mut args: Vec<&[u8]> = vec![b"SREM", key];
    for member in bulks(reply) {
        args.push(member);
        if args.len() == 2 + REMOVED_AT_ONCE {
            keys.propagate_instead(&args);
            args.truncate(2);
        }
    }
    if args.len() > 2 {
        keys.propagate_instead(&args);
    }
}

/// The bulk strings in a reply, whatever else stands between them.
fn bulks(mut reply: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        loop {
            let end = memchr::memchr(b'\r', reply)?;
            let (header, rest) = (&reply[..end], &reply[end + 2..]);
            reply = rest;
            if let [b'$', digits @ ..] = header {
                let len = std::str::from_utf8(digits).ok()?.parse::<usize>().ok()?;
                reply = rest.get(len + 2..)?;
                return Some(&rest[..len]);
            }
        }
    })
}

/// SPOP of many members of a large set: what remains is a combination of what was there.
struct PopMany {
    count: usize,
    limits: SetLimits,
    protocol: Protocol,
}

struct Popped {
    /// The reply.
    members: Reply,
    count: usize,
    remaining: Set,
}

impl Combination for PopMany {
    type Result = Popped;

    fn read(&self, call: &mut Call<'_>, _: Access) -> Result<Sources, Error> {
        // SPOP changes the set: the look-up that found it large was that for a change.
        Ok(Sources::read(call, &call.args[1..2], &[Type::Set], Access::Silent)?)
    }

    fn is_heavy(&self, _: &Sources) -> bool {
        true
    }

    fn compute(&self, sources: &Sources) -> Popped {
        let mut remaining = match sources.values().next() {
            Some(Some(Value::Set(set))) => set.clone(),
            _ => Set::new(),
        };
        let mut members = Reply::new(self.protocol);
        let count = self.count.min(remaining.len());
        members.set(count);
        remaining.pop_many(count, &self.limits, |member| write_item(&mut members, member));
        Popped { members, count, remaining }
    }

    fn install(self, call: &mut Call<'_>, result: Popped) -> Outcome {
        let key = call.args[1];
        if result.count > 0 {
            let emptied = result.remaining.is_empty();
            if emptied {
                call.keys.delete(key);
            } else {
                call.keys.set(key, Value::Set(result.remaining), Expiry::Keep);
            }
            say_removed(call, key, POPPED, result.count, emptied);
            if call.keys.propagates() {
                propagate_removed(&mut call.keys, key, result.members.as_bytes());
            }
        }
        Ok(Next::Later(Box::new(move |reply| reply.raw(result.members.as_bytes()))))
    }
}

fn srandmember(call: &mut Call<'_>) -> Outcome {
    let key = call.args[1];
    match call.args.len() {
        2 => {
            let set = call.keys.read::<Set>(key)?;
            match set.as_ref().and_then(|set| set.random()) {
                None => call.reply.null(),
                Some(member) => write_item(call.reply, member),
            }
            DONE
        }
        3 => sample(call, key),
        _ => Err(error::SYNTAX),
    }
}

fn sample(call: &mut Call<'_>, key: &[u8]) -> Outcome {
    let sample = Sample::new(args::int_in(call.args[2], -i64::MAX, i64::MAX)?);
    sample
        .answer(call, key, Set::is_large, move |reply, set, bounds| write_sample(reply, set, sample, bounds))
}

fn write_sample(reply: &mut Reply, set: &Set, sample: Sample, bounds: &Bounds) -> Result<(), Error> {
    let count = sample.of(set.len());
    reply.array(count);
    if sample.repeats() {
        return sample.draw(reply, bounds, |reply, count| {
            set.sample_with_repeats(count, |member| write_item(reply, member));
        });
    }
    set.sample(count, |member| write_item(reply, member));
    Ok(())
}
