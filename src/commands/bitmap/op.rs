//! BITOP: strings combined bit by bit.

use std::sync::Arc;

use crate::command::row::*;
use crate::command::{Error, error};
use crate::config::EventClasses;
use crate::keyspace::{Access, Expiry, Str, StrRef, Value, WrongType};
use crate::types::bitmap::{self, BitOp};

use super::super::{Call, Command, DONE, Next, Outcome};
use super::{GROUP, MANY_BYTES, row};

/// How often a combination is computed anew because a source has changed, before it is done under the locks.
const TRIES: u32 = 3;

pub(super) const BITOP: Command = Command::new(
    row(
        "bitop",
        -4,
        &[WRITE, DENYOOM],
        &[KeySpec::at(2, &[OW, UPDATE]), KeySpec::range(3, -1, 1, &[RO, ACCESS])],
    )
    .doc(
        GROUP,
        "2.6.0",
        "O(N) where N is the number of bytes of all sources, outside of the way of others.",
        "Combines strings bit by bit and stores the result.",
    )
    .syntax("operation:<AND|OR|XOR|NOT> destkey:key key#1*"),
    bitop,
);

/// A source as it was read: long strings are shared, short ones copied.
enum Source {
    Absent,
    Short(Vec<u8>),
    Long(Arc<Vec<u8>>),
}

impl Source {
    fn bytes(&self) -> &[u8] {
        match self {
            Source::Absent => &[],
            Source::Short(bytes) => bytes,
            Source::Long(bytes) => bytes,
        }
    }

    /// Whether nothing has been written to it meanwhile: a writer leaves a shared string alone and changes a copy.
    fn is_still(&self, other: &Source) -> bool {
        match (self, other) {
            (Source::Absent, Source::Absent) => true,
            (Source::Short(one), Source::Short(other)) => one == other,
            (Source::Long(one), Source::Long(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

fn bitop(call: &mut Call<'_>) -> Outcome {
    let names: [(&[u8], BitOp); 4] =
        [(b"AND", BitOp::And), (b"OR", BitOp::Or), (b"XOR", BitOp::Xor), (b"NOT", BitOp::Not)];
    let named = names.iter().find(|(name, _)| call.args[1].eq_ignore_ascii_case(name));
    let op = named.ok_or(error::SYNTAX)?.1;
    if op == BitOp::Not && call.args.len() != 4 {
        return Err(error::BITOP_NOT);
    }
    let sources = read_sources(call, Access::Read)?;
    let bytes: usize = sources.iter().map(|source| source.bytes().len()).sum();
    if call.may_put_off() && bytes > MANY_BYTES {
        return Ok(compute(op, sources, TRIES));
    }
    store(call, combine(op, &sources))
}

fn read_sources(call: &mut Call<'_>, access: Access) -> Result<Vec<Source>, Error> {
    let mut read = |key: &&[u8]| {
        let Some(entry) = call.keys.find(key, access) else { return Ok(Source::Absent) };
        let string: StrRef<'_> = entry.string().ok_or(WrongType)?;
        Ok(entry.share_string().map_or_else(|| Source::Short(string.to_vec()), Source::Long))
    };
    call.args[3..].iter().map(&mut read).collect()
}

fn combine(op: BitOp, sources: &[Source]) -> Vec<u8> {
    let sources: Vec<&[u8]> = sources.iter().map(Source::bytes).collect();
    bitmap::combine(op, &sources)
}

/// Combines the sources without locks; the result counts if they are the same afterwards.
fn compute(op: BitOp, sources: Vec<Source>, tries: u32) -> Next {
    Next::Compute(Box::new(move || {
        let result = combine(op, &sources);
        Box::new(move |call| {
            let present = read_sources(call, Access::Silent)?;
            if sources.iter().zip(&present).all(|(old, new)| old.is_still(new)) {
                store(call, result)
            } else if tries > 1 {
                Ok(compute(op, present, tries - 1))
            } else {
                store(call, combine(op, &present))
            }
        })
    }))
}

fn store(call: &mut Call<'_>, result: Vec<u8>) -> Outcome {
    let (target, len) = (call.args[2], result.len());
    if len > 0 {
        call.keys.set(target, Value::Str(Str::Raw(result)), Expiry::Clear);
        call.keys.changed(target, EventClasses::STRING, "set");
    } else if call.keys.delete(target) {
        call.keys.changed(target, EventClasses::GENERIC, "del");
    }
    call.reply.int(len as i64);
    DONE
}
