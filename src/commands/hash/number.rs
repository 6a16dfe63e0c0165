//! Fields as numbers: integers of 64 bits, and decimals in the arithmetic of an 80-bit long double.

use crate::base::num::{IntText, LongDouble};
use crate::command::row::*;
use crate::command::{Error, args, error};
use crate::config::EventClasses;
use crate::types::hash::{Hash, Lookup};
use crate::types::listpack::Item;

use super::super::{Call, Command, DONE, Outcome};
use super::{GROUP, limits, row};

const KEY: &[KeySpec] = &[KeySpec::at(1, &[RW, ACCESS, UPDATE])];
const FLAGS: &[Flags] = &[WRITE, DENYOOM, FAST];

pub(super) const HINCRBY: Command = Command::new(
    row("hincrby", 4, FLAGS, KEY)
        .doc(GROUP, "2.0.0", "O(1)", "Adds a number to the integer value of a field of a hash.")
        .syntax("key field increment:integer"),
    hincrby,
)
.elements(2, 2);

pub(super) const HINCRBYFLOAT: Command = Command::new(
    row("hincrbyfloat", 4, FLAGS, KEY)
        .doc(GROUP, "2.6.0", "O(1)", "Adds a decimal number to the value of a field of a hash.")
        .syntax("key field increment:double"),
    hincrbyfloat,
)
.elements(2, 2);

fn hincrby(call: &mut Call<'_>) -> Outcome {
    let by = args::int(call.args[3])?;
    let new = update(call, "hincrby", |old| {
        let old = old.map_or(Some(0), Item::integer).ok_or(error::HASH_NOT_AN_INTEGER)?;
        let new = old.checked_add(by).ok_or(error::INCR_OVERFLOW)?;
        Ok((new, IntText::new().format(new).as_bytes().to_vec()))
    })?;
    call.reply.int(new);
    DONE
}

fn hincrbyfloat(call: &mut Call<'_>) -> Outcome {
    let by = LongDouble::parse(call.args[3]).ok_or(error::NOT_A_FLOAT)?;
    if !by.is_finite() {
        return Err(error::NAN_OR_INFINITY);
    }
    let text = update(call, "hincrbyfloat", |old| {
        let old = match old {
            None => LongDouble::from(0),
            Some(Item::Int(n)) => LongDouble::from(n),
            Some(Item::Bytes(text)) => LongDouble::parse(text).ok_or(error::HASH_NOT_A_FLOAT)?,
        };
        let new = old + by;
        if !new.is_finite() {
            return Err(error::INCR_NAN);
        }
        let text = new.to_human_text();
        Ok((text.clone(), text))
    })?;
    // Others may reckon otherwise.
    call.keys.propagate_instead(&[b"HSET", call.args[1], call.args[2], &text]);
    call.reply.bulk(&text);
    DONE
}

/// Replaces the value of a field by what `change` makes of it; the field keeps its deadline.
fn update<R>(
    call: &mut Call<'_>,
    event: &'static str,
    change: impl Fn(Option<Item<'_>>) -> Result<(R, Vec<u8>), Error>,
) -> Result<R, Error> {
    let (key, field) = (call.args[1], call.args[2]);
    let (limits, now) = (limits(call), call.keys.now());
    loop {
        let done = call.keys.update_or_new(key, (EventClasses::HASH, event), |hash: &mut Hash| {
            let changed = match hash.get(field, now) {
                Lookup::Found(value) => change(Some(value)),
                Lookup::Missing => change(None),
                Lookup::Expired => return (None, 0),
            };
            match changed {
                Ok((result, text)) => {
                    hash.set_keeping_deadline(field, &text, &limits);
                    (Some(Ok(result)), 1)
                }
                Err(error) => (Some(Err(error)), 0),
            }
        })?;
        match done {
            Some(result) => return result,
            // Then the field is missing.
            None => call.keys.expire_fields(key, &[field]),
        }
    }
}
