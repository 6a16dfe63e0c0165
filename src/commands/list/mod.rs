//! Lists: pushing, popping, reading and changing them, and waiting for them.

mod blocking;
mod edit;
mod moving;
mod pop;
mod push;
mod read;

#[cfg(test)]
mod tests;

use std::sync::atomic::Ordering;

use crate::command::row::*;
use crate::command::{Error, error};
use crate::config::EventClasses;
use crate::types::list::{End, ListLimits};

use super::{Call, Command};

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    push::LPUSH,
    push::RPUSH,
    push::LPUSHX,
    push::RPUSHX,
    pop::LPOP,
    pop::RPOP,
    pop::LMPOP,
    read::LLEN,
    read::LINDEX,
    read::LRANGE,
    read::LPOS,
    edit::LSET,
    edit::LINSERT,
    edit::LREM,
    edit::LTRIM,
    moving::LMOVE,
    moving::RPOPLPUSH,
    blocking::BLPOP,
    blocking::BRPOP,
    blocking::BLMPOP,
    blocking::BLMOVE,
    blocking::BRPOPLPUSH,
];

const GROUP: &str = "list";

const fn row(name: &'static str, arity: i32, flags: &[Flags], keys: &'static [KeySpec]) -> Spec {
    Spec::new(name, arity).flags(flags).keys(keys).categories(&[Categories::LIST])
}

/// The limits of lists at this moment.
pub(super) fn limits(call: &Call<'_>) -> ListLimits {
    call.settings().encodings.list_limits(call.server.list_packed_threshold.load(Ordering::Relaxed))
}

/// LEFT or RIGHT.
fn end(word: &[u8]) -> Result<End, Error> {
    if word.eq_ignore_ascii_case(b"LEFT") {
        Ok(End::Head)
    } else if word.eq_ignore_ascii_case(b"RIGHT") {
        Ok(End::Tail)
    } else {
        Err(error::SYNTAX)
    }
}

/// What a push at an end is called in keyspace events.
fn push_event(end: End) -> &'static str {
    if end == End::Head { "lpush" } else { "rpush" }
}

/// What a pop at an end is called in keyspace events.
fn pop_event(end: End) -> &'static str {
    if end == End::Head { "lpop" } else { "rpop" }
}

/// Says that `count` elements were popped at an end, and whether they were the last ones.
fn popped(call: &mut Call<'_>, key: &[u8], end: End, count: usize, emptied: bool) {
    removed(call, key, pop_event(end), count, emptied);
}

/// Says what removed `count` elements, and whether they were the last ones.
fn removed(call: &mut Call<'_>, key: &[u8], event: &'static str, count: usize, emptied: bool) {
    call.keys.effects.dirty += count as u64;
    call.keys.touch(key);
    call.keys.event(key, EventClasses::LIST, event);
    if emptied {
        call.keys.event(key, EventClasses::GENERIC, "del");
    }
}
