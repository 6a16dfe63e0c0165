//! Strings as numbers: integers of 64 bits, and decimals in the arithmetic of an 80-bit long double.

use crate::base::num::LongDouble;
use crate::command::row::*;
use crate::command::{Error, args, error};
use crate::config::EventClasses;
use crate::keyspace::{Access, Expiry, Str, StrRef, Value, WrongType};

use super::super::{Call, Command, DONE, Outcome};
use super::{GROUP, row};

const KEY: &[KeySpec] = &[KeySpec::at(1, &[RW, ACCESS, UPDATE])];
const FLAGS: &[Flags] = &[WRITE, DENYOOM, FAST];

pub(super) const INCR: Command = Command::new(
    row("incr", 2, FLAGS, KEY)
        .doc(GROUP, "1.0.0", "O(1)", "Adds one to the integer value of a key.")
        .syntax("key"),
    |call| add(call, 1),
);

pub(super) const DECR: Command = Command::new(
    row("decr", 2, FLAGS, KEY)
        .doc(GROUP, "1.0.0", "O(1)", "Takes one from the integer value of a key.")
        .syntax("key"),
    |call| add(call, -1),
);

pub(super) const INCRBY: Command = Command::new(
    row("incrby", 3, FLAGS, KEY)
        .doc(GROUP, "1.0.0", "O(1)", "Adds a number to the integer value of a key.")
        .syntax("key increment:integer"),
    |call| add(call, args::int(call.args[2])?),
);

pub(super) const DECRBY: Command = Command::new(
    row("decrby", 3, FLAGS, KEY)
        .doc(GROUP, "1.0.0", "O(1)", "Takes a number from the integer value of a key.")
        .syntax("key decrement:integer"),
    |call| add(call, args::int(call.args[2])?.checked_neg().ok_or(error::DECR_OVERFLOW)?),
);

pub(super) const INCRBYFLOAT: Command = Command::new(
    row("incrbyfloat", 3, FLAGS, KEY)
        .doc(GROUP, "2.6.0", "O(1)", "Adds a decimal number to the value of a key.")
        .syntax("key increment:double"),
    add_float,
);

fn add(call: &mut Call<'_>, by: i64) -> Outcome {
    let key = call.args[1];
    let new = call.keys.update_integer(key, "incrby", |old| -> Result<i64, Error> {
        let old = old.map_or(Some(0), StrRef::integer).ok_or(error::NOT_AN_INTEGER)?;
        old.checked_add(by).ok_or(error::INCR_OVERFLOW)
    })?;
    call.reply.int(new);
    DONE
}

fn add_float(call: &mut Call<'_>) -> Outcome {
    let key = call.args[1];
    let number =
        |text: &[u8]| -> Result<LongDouble, Error> { LongDouble::parse(text).ok_or(error::NOT_A_FLOAT) };
    // Setting it below is the access.
    let old = match call.keys.find(key, Access::Silent) {
        None => number(b"0")?,
        Some(entry) => number(&entry.string().ok_or(WrongType)?.to_vec())?,
    };
    let new = old + number(call.args[2])?;
    if !new.is_finite() {
        return Err(error::INCR_NAN);
    }
    let text = new.to_human_text();
    // Not as an integer, even if it is one: what OBJECT ENCODING tells is known to users.
    call.keys.set(key, Value::Str(Str::Bytes(text.clone())), Expiry::Keep);
    call.keys.changed(key, EventClasses::STRING, "incrbyfloat");
    // Others may reckon otherwise.
    call.keys.propagate_instead(&[b"SET", key, &text, b"KEEPTTL"]);
    call.reply.bulk(&text);
    DONE
}
