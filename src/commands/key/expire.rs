//! Deadlines of keys: setting, asking and clearing them.

use crate::base::num::IntText;
use crate::command::row::*;
use crate::command::{Args, Error, args, error};
use crate::config::EventClasses;
use crate::keyspace::Access;

use super::super::call::propagate_expired;
use super::super::span::Span;
use super::super::{Call, Command, DONE, Outcome};
use super::{GROUP, row};

const CHANGED: &[KeySpec] = &[KeySpec::at(1, &[RW, UPDATE])];
const ASKED: &[KeySpec] = &[KeySpec::at(1, &[RO, ACCESS])];

pub(super) const EXPIRE: Command = Command::new(
    row("expire", -3, &[WRITE, FAST], CHANGED)
        .doc(GROUP, "1.0.0", "O(1)", "Sets the time to live of a key in seconds.")
        .syntax("key seconds:integer [condition:<NX|XX|GT|LT>@7.0.0]"),
    |call| expire(call, Span::Seconds),
);

pub(super) const PEXPIRE: Command = Command::new(
    row("pexpire", -3, &[WRITE, FAST], CHANGED)
        .doc(GROUP, "2.6.0", "O(1)", "Sets the time to live of a key in milliseconds.")
        .syntax("key milliseconds:integer [condition:<NX|XX|GT|LT>@7.0.0]"),
    |call| expire(call, Span::Milliseconds),
);

pub(super) const EXPIREAT: Command = Command::new(
    row("expireat", -3, &[WRITE, FAST], CHANGED)
        .doc(GROUP, "1.2.0", "O(1)", "Sets when a key expires, as Unix time in seconds.")
        .syntax("key unix-time-seconds:unix-time [condition:<NX|XX|GT|LT>@7.0.0]"),
    |call| expire(call, Span::UnixSeconds),
);

pub(super) const PEXPIREAT: Command = Command::new(
    row("pexpireat", -3, &[WRITE, FAST], CHANGED)
        .doc(GROUP, "2.6.0", "O(1)", "Sets when a key expires, as Unix time in milliseconds.")
        .syntax("key unix-time-milliseconds:unix-time [condition:<NX|XX|GT|LT>@7.0.0]"),
    |call| expire(call, Span::UnixMilliseconds),
);

pub(super) const TTL: Command = Command::new(
    row("ttl", 2, &[READONLY, FAST], ASKED)
        .tips(&["nondeterministic_output"])
        .doc(GROUP, "1.0.0", "O(1)", "Returns the time to live of a key in seconds.")
        .syntax("key"),
    |call| time_left(call, Span::Seconds),
);

pub(super) const PTTL: Command = Command::new(
    row("pttl", 2, &[READONLY, FAST], ASKED)
        .tips(&["nondeterministic_output"])
        .doc(GROUP, "2.6.0", "O(1)", "Returns the time to live of a key in milliseconds.")
        .syntax("key"),
    |call| time_left(call, Span::Milliseconds),
);

pub(super) const EXPIRETIME: Command = Command::new(
    row("expiretime", 2, &[READONLY, FAST], ASKED)
        .doc(GROUP, "7.0.0", "O(1)", "Returns when a key expires, as Unix time in seconds.")
        .syntax("key"),
    |call| time_left(call, Span::UnixSeconds),
);

pub(super) const PEXPIRETIME: Command = Command::new(
    row("pexpiretime", 2, &[READONLY, FAST], ASKED)
        .doc(GROUP, "7.0.0", "O(1)", "Returns when a key expires, as Unix time in milliseconds.")
        .syntax("key"),
    |call| time_left(call, Span::UnixMilliseconds),
);

pub(super) const PERSIST: Command = Command::new(
    row("persist", 2, &[WRITE, FAST], CHANGED)
        .doc(GROUP, "2.2.0", "O(1)", "Clears the time to live of a key, so that it never expires.")
        .syntax("key"),
    persist,
);

/// When a deadline may be set.
#[derive(Default)]
struct Conditions {
    without_one: bool,
    with_one: bool,
    later: bool,
    earlier: bool,
}

impl Conditions {
    fn read(mut args: Args<'_>) -> Result<Conditions, Error> {
        let mut conditions = Conditions::default();
        while let Some(option) = args.peek() {
            let condition = match () {
                () if args.word("NX") => &mut conditions.without_one,
                () if args.word("XX") => &mut conditions.with_one,
                () if args.word("GT") => &mut conditions.later,
                () if args.word("LT") => &mut conditions.earlier,
                () => return Err(error::unsupported_option(option)),
            };
            *condition = true;
        }
        let Conditions { without_one, with_one, later, earlier } = conditions;
        if without_one && (with_one || later || earlier) {
            return Err(error::NX_WITH_OTHERS);
        }
        if later && earlier {
            return Err(error::GT_WITH_LT);
        }
        Ok(conditions)
    }

    /// Whether they let `new` follow `old`; no deadline counts as the latest.
    fn allow(&self, old: Option<i64>, new: i64) -> bool {
        !(self.without_one && old.is_some()
            || self.with_one && old.is_none()
            || self.later && old.is_none_or(|old| new <= old)
            || self.earlier && old.is_some_and(|old| new >= old))
    }
}

fn expire(call: &mut Call<'_>, span: Span) -> Outcome {
    let (key, now) = (call.args[1], call.keys.now());
    let conditions = Conditions::read(call.args_from(3))?;
    // It may lie in the past.
    let deadline = span.unix_ms(args::int(call.args[2])?, call.keys.wall());
    let deadline = deadline.ok_or_else(|| error::invalid_expire(call.spec.name))?;
    let old = call.keys.find(key, Access::Write).map(|entry| entry.deadline());
    if old.is_none_or(|old| !conditions.allow(old, deadline)) {
        call.reply.int(0);
        return DONE;
    }
    if deadline <= now {
        call.keys.delete(key);
        call.keys.changed(key, EventClasses::GENERIC, "del");
        propagate_expired(call, key);
    } else {
        call.keys.set_deadline(key, Some(deadline));
        call.keys.changed(key, EventClasses::GENERIC, "expire");
        if call.keys.propagates() {
            propagate_deadline(call, deadline);
        }
    }
    call.reply.int(1);
    DONE
}

/// The journal gets a deadline, whatever the client gave; conditions stay.
fn propagate_deadline(call: &mut Call<'_>, deadline: i64) {
    let mut at = IntText::new();
    let mut args = call.args.to_vec();
    args[0] = b"PEXPIREAT";
    args[2] = at.format(deadline).as_bytes();
    call.keys.propagate_instead(&args);
}

/// TTL and its kin: -2 for an absent key, -1 for one without a deadline.
fn time_left(call: &mut Call<'_>, span: Span) -> Outcome {
    let now = call.keys.now();
    let time = match call.keys.find(call.args[1], Access::Ask).map(|entry| entry.deadline()) {
        None => -2,
        Some(None) => -1,
        Some(Some(deadline)) => {
            // A live key's deadline is positive and not over.
            let ms = (deadline - span.origin(now)) as u64;
            (if span.is_in_seconds() { (ms + 500) / 1000 } else { ms }) as i64
        }
    };
    call.reply.int(time);
    DONE
}

fn persist(call: &mut Call<'_>) -> Outcome {
    let key = call.args[1];
    let volatile = call.keys.find(key, Access::Write).is_some_and(|entry| entry.deadline().is_some());
    if volatile {
        call.keys.set_deadline(key, None);
        call.keys.changed(key, EventClasses::GENERIC, "persist");
    }
    call.reply.int(volatile.into());
    DONE
}
