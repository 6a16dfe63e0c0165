//! Getting and setting whole strings.

use crate::base::num::IntText;
use crate::command::row::*;
use crate::command::{Error, error};
use crate::config::EventClasses;
use crate::keyspace::{Access, Expiry, StrRef};

use super::super::call::{propagate_expired, write_string};
use super::super::span::Span;
use super::super::{Call, Command, DONE, Outcome};
use super::{AT_ONCE_BYTES, ExpiryOptions, GROUP, deadline, reply_long, reply_string, row};

pub(super) const GET: Command = Command::new(
    row("get", 2, &[READONLY, FAST], &[KeySpec::at(1, &[RO, ACCESS])])
        .doc(GROUP, "1.0.0", "O(1)", "Returns the string value of a key.")
        .syntax("key"),
    get,
);

pub(super) const SET: Command = Command::new(
    row(
        "set",
        -3,
        &[WRITE, DENYOOM],
        &[KeySpec::at(1, &[RW, ACCESS, UPDATE, VARIABLE_FLAGS])
            .notes("RW and ACCESS due to the optional `GET` argument")],
    )
    .doc(GROUP, "1.0.0", "O(1)", "Sets the string value of a key, whatever it held before.")
    .syntax(
        "key value [condition:<NX|XX>@2.6.12] [GET@6.2.0] [expiration:<EX seconds:integer@2.6.12|\
         PX milliseconds:integer@2.6.12|EXAT unix-time-seconds:unix-time@6.2.0|\
         PXAT unix-time-milliseconds:unix-time@6.2.0|KEEPTTL@6.0.0>]",
    ),
    set,
)
.key_flags(set_key_flags);

pub(super) const SETNX: Command = Command::new(
    row("setnx", 3, &[WRITE, DENYOOM, FAST], &[KeySpec::at(1, &[OW, INSERT])])
        .doc(GROUP, "1.0.0", "O(1)", "Sets the string value of a key only when the key doesn't exist.")
        .syntax("key value")
        .deprecated("2.6.12", "`SET` with the `NX` argument"),
    setnx,
);

pub(super) const SETEX: Command = Command::new(
    row("setex", 4, &[WRITE, DENYOOM], &[KeySpec::at(1, &[OW, UPDATE])])
        .doc(GROUP, "2.0.0", "O(1)", "Sets the string value of a key and its time to live in seconds.")
        .syntax("key seconds:integer value")
        .deprecated("2.6.12", "`SET` with the `EX` argument"),
    |call| set_expiring(call, Span::Seconds),
);

pub(super) const PSETEX: Command = Command::new(
    row("psetex", 4, &[WRITE, DENYOOM], &[KeySpec::at(1, &[OW, UPDATE])])
        .doc(GROUP, "2.6.0", "O(1)", "Sets the string value of a key and its time to live in milliseconds.")
        .syntax("key milliseconds:integer value")
        .deprecated("2.6.12", "`SET` with the `PX` argument"),
    |call| set_expiring(call, Span::Milliseconds),
);

pub(super) const GETEX: Command = Command::new(
    row(
        "getex",
        -2,
        &[WRITE, FAST],
        &[KeySpec::at(1, &[RW, ACCESS, UPDATE]).notes("RW and UPDATE because it changes the TTL")],
    )
    .doc(GROUP, "6.2.0", "O(1)", "Returns the string value of a key and changes its time to live.")
    .syntax(
        "key [expiration:<EX seconds:integer|PX milliseconds:integer|EXAT unix-time-seconds:unix-time|\
         PXAT unix-time-milliseconds:unix-time|PERSIST>]",
    ),
    getex,
);

pub(super) const GETDEL: Command = Command::new(
    row("getdel", 2, &[WRITE, FAST], &[KeySpec::at(1, &[RW, ACCESS, DELETE])])
        .doc(GROUP, "6.2.0", "O(1)", "Returns the string value of a key and deletes the key.")
        .syntax("key"),
    getdel,
);

pub(super) const GETSET: Command = Command::new(
    row("getset", 3, &[WRITE, DENYOOM, FAST], &[KeySpec::at(1, &[RW, ACCESS, UPDATE])])
        .doc(GROUP, "1.0.0", "O(1)", "Returns the previous string value of a key and sets a new one.")
        .syntax("key value")
        .deprecated("6.2.0", "`SET` with the `!GET` argument"),
    getset,
);

pub(super) const MGET: Command = Command::new(
    row("mget", -2, &[READONLY, FAST], &[KeySpec::range(1, -1, 1, &[RO, ACCESS])])
        .tips(&["request_policy:multi_shard"])
        .doc(
            GROUP,
            "1.0.0",
            "O(N) where N is the number of keys.",
            "Returns the string values of several keys.",
        )
        .syntax("key*"),
    mget,
);

pub(super) const MSET: Command = Command::new(
    row("mset", -3, &[WRITE, DENYOOM], &[KeySpec::range(1, -1, 2, &[OW, UPDATE])])
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"])
        .doc(GROUP, "1.0.1", "O(N) where N is the number of keys.", "Sets the string values of several keys.")
        .syntax("data:(key value)*"),
    mset,
);

pub(super) const MSETNX: Command = Command::new(
    row("msetnx", -3, &[WRITE, DENYOOM], &[KeySpec::range(1, -1, 2, &[OW, INSERT])])
        .doc(
            GROUP,
            "1.0.1",
            "O(N) where N is the number of keys.",
            "Sets the string values of several keys only when none of them exists.",
        )
        .syntax("data:(key value)*"),
    msetnx,
);

fn get(call: &mut Call<'_>) -> Outcome {
    let key = call.args[1];
    match call.keys.string(key)? {
        Some(StrRef::Heap(bytes)) if bytes.len() > AT_ONCE_BYTES => {
            return reply_long(call, key, |bytes| bytes);
        }
        Some(string) => write_string(call.reply, string),
        None => call.reply.null(),
    }
    DONE
}

/// What SET is told besides key and value.
#[derive(Default)]
struct SetOptions<'a> {
    expiry: ExpiryOptions<'a>,
    only_new: bool,
    only_existing: bool,
    get: bool,
}

fn set_options<'a>(call: &Call<'a>) -> Result<SetOptions<'a>, Error> {
    let mut options = SetOptions::default();
    let mut args = call.args_from(3);
    while !args.is_empty() {
        if !options.only_existing && args.word("NX") {
            options.only_new = true;
        } else if !options.only_new && args.word("XX") {
            options.only_existing = true;
        } else if args.word("GET") {
            options.get = true;
        } else if options.expiry.span.is_none() && args.word("KEEPTTL") {
            options.expiry.keep = true;
        } else if !options.expiry.take(&mut args)? {
            return Err(error::SYNTAX);
        }
    }
    Ok(options)
}

fn set(call: &mut Call<'_>) -> Outcome {
    let (key, value) = (call.args[1], call.args[2]);
    if call.args.len() == 3 {
        store(call, key, value, Expiry::Clear);
        call.reply.ok();
        return DONE;
    }
    let options = set_options(call)?;
    let keep = if options.expiry.keep { Expiry::Keep } else { Expiry::Clear };
    let expiry = options.expiry.expiry(call.keys.wall(), "set")?.unwrap_or(keep);
    if options.get {
        reply_string(call, key)?;
    }
    let conditional = options.only_new || options.only_existing;
    // Setting what exists is an access by itself.
    let access = if options.only_existing { Access::Silent } else { Access::Write };
    if conditional && call.keys.exists(key, access) != options.only_existing {
        if !options.get {
            call.reply.null();
        }
        return DONE;
    }
    store(call, key, value, expiry);
    match expiry {
        Expiry::At(at) if options.expiry.span.is_some_and(|(span, _)| span != Span::UnixMilliseconds) => {
            propagate_set(call, key, value, at);
        }
        _ if options.get && call.keys.propagates() => propagate_without_get(call),
        _ => {}
    }
    if !options.get {
        call.reply.ok();
    }
    DONE
}

/// The journal gets a deadline instead of a time to live.
fn propagate_set(call: &mut Call<'_>, key: &[u8], value: &[u8], deadline: i64) {
    let mut at = IntText::new();
    call.keys.propagate_instead(&[b"SET", key, value, b"PXAT", at.format(deadline).as_bytes()]);
}

/// Nobody reads the replies of the journal's commands.
fn propagate_without_get(call: &mut Call<'_>) {
    let options = call.args[3..].iter().filter(|arg| !arg.eq_ignore_ascii_case(b"get"));
    let args: Vec<&[u8]> = call.args[..3].iter().chain(options).copied().collect();
    call.keys.propagate_instead(&args);
}

/// With GET the old value is read as well.
fn set_key_flags(args: &[&[u8]]) -> KeyFlags {
    let get = args.iter().skip(3).any(|arg| arg.eq_ignore_ascii_case(b"get"));
    if get { KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::UPDATE } else { KeyFlags::OW | KeyFlags::UPDATE }
}

/// Sets a string and says so.
#[inline]
fn store(call: &mut Call<'_>, key: &[u8], value: &[u8], expiry: Expiry) {
    call.keys.store_string(key, value, expiry, "set");
    if matches!(expiry, Expiry::At(_)) {
        call.keys.event(key, EventClasses::GENERIC, "expire");
    }
}

fn setnx(call: &mut Call<'_>) -> Outcome {
    let (key, value) = (call.args[1], call.args[2]);
    let absent = !call.keys.exists(key, Access::Write);
    if absent {
        store(call, key, value, Expiry::Clear);
    }
    call.reply.int(absent.into());
    DONE
}

fn set_expiring(call: &mut Call<'_>, span: Span) -> Outcome {
    let (key, time, value) = (call.args[1], call.args[2], call.args[3]);
    let deadline = deadline(span, time, call.keys.wall(), call.spec.name)?;
    store(call, key, value, Expiry::At(deadline));
    propagate_set(call, key, value, deadline);
    call.reply.ok();
    DONE
}

fn getex(call: &mut Call<'_>) -> Outcome {
    let key = call.args[1];
    let mut options = ExpiryOptions::default();
    let mut args = call.args_from(2);
    while !args.is_empty() {
        if options.span.is_none() && args.word("PERSIST") {
            options.persist = true;
        } else if !options.take(&mut args)? {
            return Err(error::SYNTAX);
        }
    }
    reply_string(call, key)?;
    let Some(deadline) = call.keys.find(key, Access::Silent).map(|entry| entry.deadline()) else {
        return DONE;
    };
    let absolute = options.span.is_some_and(|(span, _)| span.is_absolute());
    match options.expiry(call.keys.wall(), "getex")? {
        Some(Expiry::At(at)) if absolute && at <= call.keys.now() => {
            call.keys.delete(key);
            call.keys.changed(key, EventClasses::GENERIC, "del");
            propagate_expired(call, key);
        }
        Some(Expiry::At(at)) => {
            call.keys.set_deadline(key, Some(at));
            call.keys.changed(key, EventClasses::GENERIC, "expire");
            call.keys.propagate_instead(&[b"PEXPIREAT", key, IntText::new().format(at).as_bytes()]);
        }
        _ if options.persist && deadline.is_some() => {
            call.keys.set_deadline(key, None);
            call.keys.changed(key, EventClasses::GENERIC, "persist");
            call.keys.propagate_instead(&[b"PERSIST", key]);
        }
        _ => {}
    }
    DONE
}

fn getdel(call: &mut Call<'_>) -> Outcome {
    let key = call.args[1];
    reply_string(call, key)?;
    if call.keys.delete(key) {
        call.keys.changed(key, EventClasses::GENERIC, "del");
        call.keys.propagate_instead(&[b"DEL", key]);
    }
    DONE
}

fn getset(call: &mut Call<'_>) -> Outcome {
    let (key, value) = (call.args[1], call.args[2]);
    reply_string(call, key)?;
    store(call, key, value, Expiry::Clear);
    call.keys.propagate_instead(&[b"SET", key, value]);
    DONE
}

fn mget(call: &mut Call<'_>) -> Outcome {
    call.reply.array(call.args.len() - 1);
    for key in &call.args[1..] {
        match call.keys.string(key) {
            Ok(Some(string)) => write_string(call.reply, string),
            Ok(None) | Err(_) => call.reply.null(),
        }
    }
    DONE
}

fn mset(call: &mut Call<'_>) -> Outcome {
    store_pairs(call)?;
    call.reply.ok();
    DONE
}

fn msetnx(call: &mut Call<'_>) -> Outcome {
    if call.args.len().is_multiple_of(2) {
        return Err(error::wrong_arity("msetnx"));
    }
    let taken = call.args[1..].iter().step_by(2).any(|key| call.keys.exists(key, Access::Write));
    if !taken {
        store_pairs(call)?;
    }
    call.reply.int((!taken).into());
    DONE
}

fn store_pairs(call: &mut Call<'_>) -> Result<(), Error> {
    if call.args.len().is_multiple_of(2) {
        return Err(error::wrong_arity(call.spec.name));
    }
    for pair in call.args[1..].chunks_exact(2) {
        store(call, pair[0], pair[1], Expiry::Clear);
    }
    Ok(())
}
