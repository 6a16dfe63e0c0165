//! OBJECT: how a key is kept.

use crate::command::error;
use crate::command::row::*;
use crate::config::EvictionPolicy;
use crate::keyspace::lru_seconds;
use crate::keyspace::{Access, EntryRef, StrRef};

use super::super::help;
use super::super::{Call, Command, DONE, Outcome};
use super::{GROUP, row};

/// Redis keeps one object for each integer below this, shared by all keys.
const SHARED_INTEGERS: i64 = 10_000;
/// The reference count it tells of those.
const SHARED_REFCOUNT: i64 = i32::MAX as i64;

pub(super) const OBJECT: Command = Command::container(
    Spec::new("object", -2).doc(GROUP, "2.2.3", "Depends on subcommand.", "Tells how keys are kept."),
    &[
        Command::new(
            about_key("object|encoding", "2.2.3", "Returns the name of the encoding of a value.")
                .syntax("key"),
            encoding,
        ),
        Command::new(
            about_key("object|freq", "4.0.0", "Returns the approximate number of accesses to a key.")
                .syntax("key"),
            freq,
        ),
        Command::new(
            about_key("object|idletime", "2.2.3", "Returns the seconds since the last access to a key.")
                .syntax("key"),
            idletime,
        ),
        Command::new(
            about_key("object|refcount", "2.2.3", "Returns how often a value is referred to.").syntax("key"),
            refcount,
        ),
        Command::new(help::row("object|help", GROUP, "6.2.0").categories(&[Categories::KEYSPACE]), show_help),
    ],
);

const KEY: &[KeySpec] = &[KeySpec::at(2, &[RO])];

const fn about_key(name: &'static str, since: &'static str, summary: &'static str) -> Spec {
    row(name, 3, &[READONLY], KEY).tips(&["nondeterministic_output"]).doc(GROUP, since, "O(1)", summary)
}

fn inspect<'a>(call: &'a mut Call<'_>) -> Option<EntryRef<'a>> {
    call.keys.find(call.args[2], Access::Inspect)
}

fn encoding(call: &mut Call<'_>) -> Outcome {
    match inspect(call).map(|entry| entry.encoding()) {
        Some(name) => call.reply.bulk(name.as_bytes()),
        None => call.reply.null(),
    }
    DONE
}

fn refcount(call: &mut Call<'_>) -> Outcome {
    let integer = |entry: EntryRef<'_>| match entry.string() {
        Some(StrRef::Int(n)) => Some(n),
        _ => None,
    };
    let Some(value) = inspect(call).map(integer) else {
        call.reply.null();
        return DONE;
    };
    // A policy that looks at access clocks needs one for each key.
    let memory = &call.settings().memory;
    let shares = memory.maxmemory == 0 || !looks_at_clocks(memory.maxmemory_policy);
    let shared = shares && value.is_some_and(|n| (0..SHARED_INTEGERS).contains(&n));
    call.reply.int(if shared { SHARED_REFCOUNT } else { 1 });
    DONE
}

fn looks_at_clocks(policy: EvictionPolicy) -> bool {
    use EvictionPolicy::{AllkeysLfu, AllkeysLru, VolatileLfu, VolatileLru};
    matches!(policy, AllkeysLru | VolatileLru | AllkeysLfu | VolatileLfu)
}

fn idletime(call: &mut Call<'_>) -> Outcome {
    let clock = call.keys.clock();
    let Some(accessed) = inspect(call).map(|entry| entry.clock()) else {
        call.reply.null();
        return DONE;
    };
    if clock.lfu.is_some() {
        return Err(error::NO_IDLE_TIME);
    }
    let idle = lru_seconds(clock.now).wrapping_sub(accessed) & 0xFF_FFFF;
    call.reply.int(idle.into());
    DONE
}

fn freq(call: &mut Call<'_>) -> Outcome {
    let clock = call.keys.clock();
    let Some(accessed) = inspect(call).map(|entry| entry.clock()) else {
        call.reply.null();
        return DONE;
    };
    let lfu = clock.lfu.ok_or(error::NO_FREQUENCY)?;
    call.reply.int(lfu.counter(accessed, clock.now).into());
    DONE
}

fn show_help(call: &mut Call<'_>) -> Outcome {
    help::answer(
        call,
        &[
            (
                "ENCODING <key>",
                "Return the kind of internal representation used in order to store the value\n\
                 associated with a <key>.",
            ),
            (
                "FREQ <key>",
                "Return the access frequency index of the <key>. The returned integer is\n\
                 proportional to the logarithm of the recent access frequency of the key.",
            ),
            (
                "IDLETIME <key>",
                "Return the idle time of the <key>, that is the approximated number of\n\
                 seconds elapsed since the last access to the key.",
            ),
            (
                "REFCOUNT <key>",
                "Return the number of references of the value associated with the specified\n<key>.",
            ),
        ],
    )
}
