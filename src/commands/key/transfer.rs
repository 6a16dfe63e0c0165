//! Values that move: to another key, to another database, or all of them at once.

use crate::command::row::*;
use crate::command::{Error, args, error};
use crate::config::EventClasses;
use crate::keyspace::Access;

use super::super::{Call, Command, DONE, Outcome};
use super::{GROUP, database, row};

const SOURCE: KeySpec = KeySpec::at(1, &[RW, ACCESS, KeyFlags::DELETE]);

pub(super) const RENAME: Command = Command::new(
    row("rename", 3, &[WRITE], &[SOURCE, KeySpec::at(2, &[OW, UPDATE])])
        .doc(GROUP, "1.0.0", "O(1)", "Renames a key, over another one if need be.")
        .syntax("key newkey:key#1"),
    rename,
);

pub(super) const RENAMENX: Command = Command::new(
    row("renamenx", 3, &[WRITE, FAST], &[SOURCE, KeySpec::at(2, &[OW, INSERT])])
        .doc(GROUP, "1.0.0", "O(1)", "Renames a key if there is none of the new name.")
        .syntax("key newkey:key#1"),
    renamenx,
);

pub(super) const COPY: Command = Command::new(
    row("copy", -3, &[WRITE, DENYOOM], &[KeySpec::at(1, &[RO, ACCESS]), KeySpec::at(2, &[OW, UPDATE])])
        .doc(
            GROUP,
            "6.2.0",
            "O(1) for large values, which are shared until one is changed.",
            "Copies the value of a key.",
        )
        .syntax("source:key destination:key#1 [DB destination-db:integer] [REPLACE]"),
    copy,
);

pub(super) const MOVE: Command = Command::new(
    row("move", 3, &[WRITE, FAST], &[KeySpec::at(1, &[RW, ACCESS, UPDATE])])
        .doc(GROUP, "1.0.0", "O(1)", "Moves a key to another database.")
        .syntax("key db:integer"),
    move_,
);

pub(super) const SWAPDB: Command = Command::new(
    row("swapdb", 3, &[WRITE, FAST, EXCLUSIVE], &[])
        .categories(&[Categories::KEYSPACE, Categories::DANGEROUS])
        .doc(
            "server",
            "4.0.0",
            "O(N) where N is the number of clients watching or blocking on keys of the two databases.",
            "Exchanges two databases.",
        )
        .syntax("index1:integer index2:integer"),
    swapdb,
);

fn rename(call: &mut Call<'_>) -> Outcome {
    let (from, to) = (call.args[1], call.args[2]);
    if !call.keys.exists(from, Access::Write) {
        return Err(error::NO_SUCH_KEY);
    }
    if from != to {
        if call.keys.exists(to, Access::Write) {
            call.keys.delete(to);
        }
        carry(call, from, to);
    }
    call.reply.ok();
    DONE
}

fn renamenx(call: &mut Call<'_>) -> Outcome {
    let (from, to) = (call.args[1], call.args[2]);
    if !call.keys.exists(from, Access::Write) {
        return Err(error::NO_SUCH_KEY);
    }
    let free = from != to && !call.keys.exists(to, Access::Write);
    if free {
        carry(call, from, to);
    }
    call.reply.int(free.into());
    DONE
}

/// Carries the value of a key that exists to one that doesn't.
fn carry(call: &mut Call<'_>, from: &[u8], to: &[u8]) {
    let Some(lifted) = call.keys.lift(from) else { return };
    call.keys.put_down(to, lifted);
    call.keys.touch(from);
    call.keys.event(from, EventClasses::GENERIC, "rename_from");
    call.keys.changed(to, EventClasses::GENERIC, "rename_to");
}

fn move_(call: &mut Call<'_>) -> Outcome {
    let (key, from, to) = (call.args[1], call.keys.db(), database(call, call.args[2])?);
    if from == to {
        return Err(error::SAME_OBJECT);
    }
    let moves = call.keys.exists(key, Access::Write) && {
        call.keys.select(to);
        let free = !call.keys.exists(key, Access::Write);
        call.keys.select(from);
        free
    };
    if moves {
        carry_over(call, key, to);
    }
    call.reply.int(moves.into());
    DONE
}

/// Carries a key that exists to another database, where it doesn't.
fn carry_over(call: &mut Call<'_>, key: &[u8], to: usize) {
    let from = call.keys.db();
    let Some(lifted) = call.keys.lift(key) else { return };
    call.keys.select(to);
    call.keys.put_down(key, lifted);
    call.keys.select(from);
    call.keys.touch(key);
    call.keys.event(key, EventClasses::GENERIC, "move_from");
    call.keys.select(to);
    call.keys.changed(key, EventClasses::GENERIC, "move_to");
    call.keys.select(from);
}

struct CopyOptions {
    db: usize,
    replace: bool,
}

fn copy_options(call: &Call<'_>) -> Result<CopyOptions, Error> {
    let mut options = CopyOptions { db: call.keys.db(), replace: false };
    let mut args = call.args_from(3);
    while !args.is_empty() {
        if args.word("REPLACE") {
            options.replace = true;
        } else if args.len() > 1 && args.word("DB") {
            options.db = database(call, args.want()?)?;
        } else {
            return Err(error::SYNTAX);
        }
    }
    Ok(options)
}

fn copy(call: &mut Call<'_>) -> Outcome {
    let (from, to, source) = (call.args[1], call.args[2], call.keys.db());
    let options = copy_options(call)?;
    if options.db == source && from == to {
        return Err(error::SAME_OBJECT);
    }
    let Some(copied) = call.keys.duplicate(from) else {
        call.reply.int(0);
        return DONE;
    };
    call.keys.select(options.db);
    let taken = call.keys.exists(to, Access::Write);
    let copies = !taken || options.replace;
    if copies {
        call.keys.delete(to);
        call.keys.put_down(to, copied);
        call.keys.changed(to, EventClasses::GENERIC, "copy_to");
    }
    call.keys.select(source);
    call.reply.int(copies.into());
    DONE
}

fn swapdb(call: &mut Call<'_>) -> Outcome {
    let index = |arg, refusal| args::int_in(arg, i32::MIN.into(), i32::MAX.into()).map_err(|_| refusal);
    let a = index(call.args[1], error::INVALID_FIRST_DB)?;
    let b = index(call.args[2], error::INVALID_SECOND_DB)?;
    let existing = |index| usize::try_from(index).ok().filter(|&db| db < call.server.keyspace.databases());
    let (Some(a), Some(b)) = (existing(a), existing(b)) else { return Err(error::DB_OUT_OF_RANGE) };
    if a != b {
        call.keys.swap(a, b);
    }
    call.keys.effects.dirty += 1;
    call.reply.ok();
    DONE
}
