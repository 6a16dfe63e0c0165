//! Parts of strings: APPEND, STRLEN, SETRANGE, GETRANGE.

use crate::base::num::IntText;
use crate::command::row::*;
use crate::command::{args, error};
use crate::config::EventClasses;
use crate::keyspace::{Access, Expiry, Str, Value, WrongType};
use crate::types::bitmap;

use super::super::{Call, Command, DONE, Outcome};
use super::{AT_ONCE_BYTES, GROUP, check_length, reply_long, row};

pub(super) const APPEND: Command = Command::new(
    row("append", 3, &[WRITE, DENYOOM, FAST], &[KeySpec::at(1, &[RW, INSERT])])
        .doc(GROUP, "2.0.0", "O(1) amortised", "Appends to the string value of a key.")
        .syntax("key value"),
    append,
);

pub(super) const STRLEN: Command = Command::new(
    row("strlen", 2, &[READONLY, FAST], &[KeySpec::at(1, &[RO])])
        .doc(GROUP, "2.2.0", "O(1)", "Returns the length of the string value of a key.")
        .syntax("key"),
    strlen,
);

pub(super) const SETRANGE: Command = Command::new(
    row("setrange", 4, &[WRITE, DENYOOM], &[KeySpec::at(1, &[RW, UPDATE])])
        .doc(
            GROUP,
            "2.2.0",
            "O(M) where M is the length of the value argument.",
            "Overwrites a part of the string value of a key from an offset on.",
        )
        .syntax("key offset:integer value"),
    setrange,
);

pub(super) const GETRANGE: Command = Command::new(
    row("getrange", 4, &[READONLY], &[KeySpec::at(1, &[RO, ACCESS])])
        .doc(
            GROUP,
            "2.4.0",
            "O(N) where N is the length of the returned string.",
            "Returns a part of the string value of a key.",
        )
        .syntax("key start:integer end:integer"),
    getrange,
);

pub(super) const SUBSTR: Command = Command::new(
    row("substr", 4, &[READONLY], &[KeySpec::at(1, &[RO, ACCESS])])
        .doc(
            GROUP,
            "1.0.0",
            "O(N) where N is the length of the returned string.",
            "The old name of GETRANGE.",
        )
        .syntax("key start:integer end:integer")
        .deprecated("2.0.0", "`GETRANGE`"),
    getrange,
);

fn append(call: &mut Call<'_>) -> Outcome {
    let (key, tail) = (call.args[1], call.args[2]);
    let old = match call.keys.find(key, Access::Write) {
        None => None,
        Some(entry) => Some(entry.string().ok_or(WrongType)?.len()),
    };
    if let Some(old) = old {
        check_length(call, old as u64, tail.len())?;
        call.keys.edit_string(key, |bytes| bytes.extend_from_slice(tail));
    } else {
        call.keys.set_string(key, tail, Expiry::Clear);
    }
    call.keys.changed(key, EventClasses::STRING, "append");
    call.reply.int((old.unwrap_or(0) + tail.len()) as i64);
    DONE
}

fn strlen(call: &mut Call<'_>) -> Outcome {
    let len = call.keys.string(call.args[1])?.map_or(0, |string| string.len());
    call.reply.int(len as i64);
    DONE
}

fn setrange(call: &mut Call<'_>) -> Outcome {
    let (key, patch) = (call.args[1], call.args[3]);
    let offset = args::int(call.args[2])?;
    let offset = u64::try_from(offset).map_err(|_| error::OFFSET_OUT_OF_RANGE)?;
    let old = match call.keys.find(key, Access::Write) {
        None => None,
        Some(entry) => Some(entry.string().ok_or(WrongType)?.len()),
    };
    if patch.is_empty() {
        call.reply.int(old.unwrap_or(0) as i64);
        return DONE;
    }
    check_length(call, offset, patch.len())?;
    let from = offset as usize;
    let end = from + patch.len();
    let overwrite = |bytes: &mut Vec<u8>| {
        bitmap::lengthen(bytes, end);
        bytes[from..end].copy_from_slice(patch);
        bytes.len()
    };
    if old.is_none() {
        call.keys.set(key, Value::Str(Str::Raw(vec![0; end])), Expiry::Clear);
    }
    let len = call.keys.edit_string(key, overwrite).unwrap_or(end);
    call.keys.changed(key, EventClasses::STRING, "setrange");
    call.reply.int(len as i64);
    DONE
}

fn getrange(call: &mut Call<'_>) -> Outcome {
    let (start, end) = (args::int(call.args[2])?, args::int(call.args[3])?);
    let mut text = IntText::new();
    let key = call.args[1];
    let bytes = call.keys.string(key)?.map_or(&b""[..], |string| string.bytes(&mut text));
    let part = slice(bytes, start, end);
    if part.len() > AT_ONCE_BYTES {
        return reply_long(call, key, move |bytes| slice(bytes, start, end));
    }
    call.reply.bulk(part);
    DONE
}

/// The bytes from `start` to `end`, both included; negative ones count from the end.
fn slice(bytes: &[u8], start: i64, end: i64) -> &[u8] {
    if start < 0 && end < 0 && start > end {
        return &[];
    }
    let len = bytes.len() as i64;
    let from_end = |at: i64| if at < 0 { at.saturating_add(len).max(0) } else { at };
    let (start, end) = (from_end(start), from_end(end).min(len - 1));
    if start > end { &[] } else { &bytes[start as usize..=end as usize] }
}
