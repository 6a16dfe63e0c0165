//! Small integers within a string: BITFIELD, BITFIELD_RO.

use crate::base::num::IntText;
use crate::command::row::*;
use crate::command::{Args, Error, error};
use crate::config::EventClasses;
use crate::types::bitfield::{Change, Field, Overflow};
use crate::types::bitmap;

use super::super::{Call, Command, DONE, Outcome};
use super::{GROUP, edit, offset, row};

pub(super) const BITFIELD: Command = Command::new(
    row(
        "bitfield",
        -2,
        &[WRITE, DENYOOM],
        &[KeySpec::at(1, &[RW, ACCESS, UPDATE, VARIABLE_FLAGS])
            .notes("This command allows both access and modification of the key")],
    )
    .doc(
        GROUP,
        "3.2.0",
        "O(1) for each operation.",
        "Reads and changes integers of any width within a string.",
    )
    .syntax(
        "key [operation:<GET get-block:(encoding offset:integer)|write:([OVERFLOW overflow-block:<WRAP|\
         SAT|FAIL>] write-operation:<SET set-block:(encoding offset:integer value:integer)|\
         INCRBY incrby-block:(encoding offset:integer increment:integer)>)>*]",
    ),
    bitfield,
)
.key_flags(bitfield_key_flags);

pub(super) const BITFIELD_RO: Command = Command::new(
    row("bitfield_ro", -2, &[READONLY, FAST], &[KeySpec::at(1, &[RO, ACCESS])])
        .doc(GROUP, "6.0.0", "O(1) for each operation.", "Reads integers of any width within a string.")
        .syntax("key [GET get-block:(encoding offset:integer)**]"),
    bitfield_ro,
);

/// One operation on a field.
struct Operation {
    field: Field,
    offset: u64,
    action: Action,
}

enum Action {
    Get,
    Set(i64, Overflow),
    Increment(i64, Overflow),
}

impl Operation {
    /// The bytes a string needs to have for a change; none for a mere look.
    fn wanted_len(&self) -> Option<usize> {
        let last = self.offset + self.field.bits() - 1;
        (!matches!(self.action, Action::Get)).then(|| bitmap::len_for(last) as usize)
    }

    /// Runs on a string that is long enough. Returns the answer, none where overflow forbade the change, and
    /// whether the value is another one now.
    fn run(&self, bytes: &mut [u8]) -> (Option<i64>, Written) {
        let (change, answers_old) = match self.action {
            Action::Get => return (Some(self.field.get(bytes, self.offset)), Written::Nothing),
            Action::Set(value, overflow) => (self.field.set(bytes, self.offset, value, overflow), true),
            Action::Increment(by, overflow) => {
                (self.field.increment(bytes, self.offset, by, overflow), false)
            }
        };
        match change {
            None => (None, Written::Nothing),
            Some(Change { old, new }) => {
                let written = if old == new { Written::Same } else { Written::Other };
                (Some(if answers_old { old } else { new }), written)
            }
        }
    }
}

/// What an operation has written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    Nothing,
    /// The value that was there.
    Same,
    Other,
}

fn operations(call: &Call<'_>) -> Result<Vec<Operation>, Error> {
    let mut operations = Vec::new();
    let mut overflow = Overflow::default();
    let mut args = call.args_from(2);
    while !args.is_empty() {
        // A word without its arguments is no word.
        let (one, two, three) = (args.len() > 1, args.len() > 2, args.len() > 3);
        if two && args.word("GET") {
            let (field, offset) = place(call, &mut args)?;
            operations.push(Operation { field, offset, action: Action::Get });
        } else if three && args.word("SET") {
            let (field, offset) = place(call, &mut args)?;
            operations.push(Operation { field, offset, action: Action::Set(args.int()?, overflow) });
        } else if three && args.word("INCRBY") {
            let (field, offset) = place(call, &mut args)?;
            operations.push(Operation { field, offset, action: Action::Increment(args.int()?, overflow) });
        } else if one && args.word("OVERFLOW") {
            overflow = overflow_named(&mut args)?;
        } else {
            return Err(error::SYNTAX);
        }
    }
    Ok(operations)
}

/// The type and the offset that every operation begins with.
fn place(call: &Call<'_>, args: &mut Args<'_>) -> Result<(Field, u64), Error> {
    let field = Field::parse(args.want()?).ok_or(error::BITFIELD_TYPE)?;
    let offset = offset(call, args.want()?, Some(field.bits()))?;
    Ok((field, offset))
}

fn overflow_named(args: &mut Args<'_>) -> Result<Overflow, Error> {
    if args.word("WRAP") {
        Ok(Overflow::Wrap)
    } else if args.word("SAT") {
        Ok(Overflow::Saturate)
    } else if args.word("FAIL") {
        Ok(Overflow::Fail)
    } else {
        Err(error::BITFIELD_OVERFLOW)
    }
}

/// Only GETs read; what isn't understood may well write.
fn bitfield_key_flags(args: &[&[u8]]) -> KeyFlags {
    let mut rest = &args[2..];
    while let [word, left @ ..] = rest {
        let operands = match word.to_ascii_lowercase().as_slice() {
            b"get" => 2,
            b"overflow" => 1,
            _ => return KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::UPDATE,
        };
        let Some(left) = left.get(operands..) else {
            return KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::UPDATE;
        };
        rest = left;
    }
    KeyFlags::RO | KeyFlags::ACCESS
}

fn bitfield(call: &mut Call<'_>) -> Outcome {
    let operations = operations(call)?;
    match operations.iter().filter_map(Operation::wanted_len).max() {
        None => read(call, &operations),
        Some(len) => write(call, &operations, len),
    }
}

fn bitfield_ro(call: &mut Call<'_>) -> Outcome {
    let operations = operations(call)?;
    if operations.iter().any(|operation| operation.wanted_len().is_some()) {
        return Err(error::BITFIELD_RO_WRITES);
    }
    read(call, &operations)
}

fn read(call: &mut Call<'_>, operations: &[Operation]) -> Outcome {
    let mut text = IntText::new();
    let bytes = call.keys.string(call.args[1])?.map_or(&b""[..], |string| string.bytes(&mut text));
    call.reply.array(operations.len());
    for operation in operations {
        call.reply.int(operation.field.get(bytes, operation.offset));
    }
    DONE
}

fn write(call: &mut Call<'_>, operations: &[Operation], len: usize) -> Outcome {
    let key = call.args[1];
    let run = |bytes: &mut [u8]| operations.iter().map(|operation| operation.run(bytes)).collect::<Vec<_>>();
    let (answers, grown) = edit(call, key, len, run)?;
    // A string that has grown has changed, even where zeros were written over zeros.
    let counts = |written| written == Written::Other || grown && written == Written::Same;
    let changes = answers.iter().filter(|(_, written)| counts(*written)).count() as u64;
    if changes > 0 {
        call.keys.changed(key, EventClasses::STRING, "setbit");
        call.keys.effects.dirty += changes - 1;
    } else if grown {
        // As in Redis nobody hears of the zeros; but the journal keeps what is there.
        call.keys.propagate_instead(call.args);
    }
    call.reply.array(answers.len());
    for (answer, _) in answers {
        match answer {
            Some(value) => call.reply.int(value),
            None => call.reply.null(),
        }
    }
    DONE
}
