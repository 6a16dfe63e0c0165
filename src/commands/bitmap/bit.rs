//! Single bits: SETBIT, GETBIT.

use crate::base::num::IntText;
use crate::command::row::*;
use crate::command::{args, error};
use crate::config::EventClasses;
use crate::types::bitmap;

use super::super::{Call, Command, DONE, Outcome};
use super::{GROUP, edit, offset, row};

pub(super) const SETBIT: Command = Command::new(
    row("setbit", 4, &[WRITE, DENYOOM], &[KeySpec::at(1, &[RW, ACCESS, UPDATE])])
        .doc(GROUP, "2.2.0", "O(1)", "Sets or clears a bit and returns what it was.")
        .syntax("key offset:integer value:integer"),
    setbit,
);

pub(super) const GETBIT: Command = Command::new(
    row("getbit", 3, &[READONLY, FAST], &[KeySpec::at(1, &[RO, ACCESS])])
        .doc(GROUP, "2.2.0", "O(1)", "Returns a bit.")
        .syntax("key offset:integer"),
    getbit,
);

fn setbit(call: &mut Call<'_>) -> Outcome {
    let key = call.args[1];
    let offset = offset(call, call.args[2], None)?;
    let on = match args::int(call.args[3]) {
        Ok(0) => false,
        Ok(1) => true,
        _ => return Err(error::BIT_VALUE),
    };
    let (old, grown) =
        edit(call, key, bitmap::len_for(offset) as usize, |bytes| bitmap::set(bytes, offset, on))?;
    if grown || old != on {
        call.keys.changed(key, EventClasses::STRING, "setbit");
    }
    call.reply.int(old.into());
    DONE
}

fn getbit(call: &mut Call<'_>) -> Outcome {
    let offset = offset(call, call.args[2], None)?;
    let string = call.keys.string(call.args[1])?;
    let bit = string.is_some_and(|string| bitmap::get(string.bytes(&mut IntText::new()), offset));
    call.reply.int(bit.into());
    DONE
}
