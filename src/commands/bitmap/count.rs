//! Looking over many bits: BITCOUNT, BITPOS.

use crate::base::num::IntText;
use crate::command::row::*;
use crate::command::{Error, args, error};
use crate::keyspace::{Access, WrongType};
use crate::types::bitmap::{self, Unit};

use super::super::{Call, Command, DONE, Next, Outcome};
use super::{GROUP, MANY_BYTES, row};

const KEY: &[KeySpec] = &[KeySpec::at(1, &[RO, ACCESS])];

pub(super) const BITCOUNT: Command = Command::new(
    row("bitcount", -2, &[READONLY], KEY)
        .doc(
            GROUP,
            "2.6.0",
            "O(N) where N is the length of the range, outside of the way of others.",
            "Counts the set bits of a string or a part of it.",
        )
        .syntax("key [range:(start:integer end:integer [unit:<BYTE|BIT>@7.0.0])]"),
    bitcount,
);

pub(super) const BITPOS: Command = Command::new(
    row("bitpos", -3, &[READONLY], KEY)
        .doc(
            GROUP,
            "2.8.7",
            "O(N) where N is the length of the range, outside of the way of others.",
            "Finds the first set or clear bit of a string or a part of it.",
        )
        .syntax(
            "key bit:integer [range:(start:integer [end-unit-block:(end:integer [unit:<BYTE|\
             BIT>@7.0.0])])]",
        ),
    bitpos,
);

fn unit(arg: &[u8]) -> Result<Unit, Error> {
    if arg.eq_ignore_ascii_case(b"BIT") {
        Ok(Unit::Bit)
    } else if arg.eq_ignore_ascii_case(b"BYTE") {
        Ok(Unit::Byte)
    } else {
        Err(error::SYNTAX)
    }
}

fn bitcount(call: &mut Call<'_>) -> Outcome {
    let range = match call.args[2..] {
        [] => None,
        [start, end] => Some((args::int(start)?, args::int(end)?, Unit::Byte)),
        [start, end, name] => Some((args::int(start)?, args::int(end)?, unit(name)?)),
        _ => return Err(error::SYNTAX),
    };
    look_over(call, 0, move |bytes| match range {
        None => bitmap::count(bytes) as i64,
        Some((start, end, unit)) => bitmap::count_range(bytes, start, end, unit) as i64,
    })
}

fn bitpos(call: &mut Call<'_>) -> Outcome {
    let wanted = match args::int(call.args[2])? {
        0 => false,
        1 => true,
        _ => return Err(error::BIT_ARGUMENT),
    };
    // Of several wrong arguments, the start's error wins, then the unit's.
    let (start, end, unit) = match call.args[3..] {
        [] => (0, None, Unit::Byte),
        [start] => (args::int(start)?, None, Unit::Byte),
        [start, end] => (args::int(start)?, Some(args::int(end)?), Unit::Byte),
        [start, end, name] => {
            let (start, unit) = (args::int(start)?, unit(name)?);
            (start, Some(args::int(end)?), unit)
        }
        _ => return Err(error::SYNTAX),
    };
    // An absent key is an endless row of clear bits, unlike an empty string.
    let absent = if wanted { -1 } else { 0 };
    look_over(call, absent, move |bytes| {
        bitmap::position(bytes, wanted, start, end, unit).map_or(-1, |position| position as i64)
    })
}

/// Answers what `work` finds in a string; a long one is looked at without locks.
fn look_over(call: &mut Call<'_>, absent: i64, work: impl FnOnce(&[u8]) -> i64 + Send + 'static) -> Outcome {
    let may_put_off = call.may_put_off();
    let Some(entry) = call.keys.find(call.args[1], Access::Read) else {
        call.reply.int(absent);
        return DONE;
    };
    let string = entry.string().ok_or(WrongType)?;
    let long = may_put_off && string.len() > MANY_BYTES;
    if let Some(shared) = entry.share_string().filter(|_| long) {
        return Ok(Next::Later(Box::new(move |reply| reply.int(work(&shared)))));
    }
    let found = work(string.bytes(&mut IntText::new()));
    call.reply.int(found);
    DONE
}
