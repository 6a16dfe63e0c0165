//! Bitmaps: strings seen as arrays of bits and of small integers.

mod bit;
mod count;
mod field;
mod op;

#[cfg(test)]
mod tests;

use crate::base::num::parse_i64;
use crate::command::row::*;
use crate::command::{Error, error};
use crate::keyspace::{Access, Expiry, Str, Value, WrongType};
use crate::types::bitmap;

use super::{Call, Command};

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    bit::SETBIT,
    bit::GETBIT,
    count::BITCOUNT,
    count::BITPOS,
    op::BITOP,
    field::BITFIELD,
    field::BITFIELD_RO,
];

const GROUP: &str = "bitmap";
/// Reading more bytes than this is put off until the locks are released.
const MANY_BYTES: usize = 128 * 1024;

const fn row(name: &'static str, arity: i32, flags: &[Flags], keys: &'static [KeySpec]) -> Spec {
    Spec::new(name, arity).flags(flags).keys(keys).categories(&[Categories::BITMAP])
}

/// An argument as the number of a bit, which must lie in a string of legal length. With a width, `#n` is the
/// start of the nth field of that many bits.
fn offset(call: &Call<'_>, arg: &[u8], width: Option<u64>) -> Result<u64, Error> {
    let number = match (arg, width) {
        // A product beyond 64 bits wraps around, as in Redis.
        ([b'#', index @ ..], Some(width)) => parse_i64(index).map(|index| index.wrapping_mul(width as i64)),
        _ => parse_i64(arg),
    };
    let most = call.settings().clients.proto_max_bulk_len as u64;
    let number = number.and_then(|number| u64::try_from(number).ok());
    number.filter(|number| number / 8 < most).ok_or(error::BIT_OFFSET)
}

/// Lets `work` change the bits of a string that is at least `len` bytes long; an absent or shorter one is filled
/// up with zeros. Also tells whether it was.
fn edit<R>(
    call: &mut Call<'_>,
    key: &[u8],
    len: usize,
    work: impl FnOnce(&mut [u8]) -> R,
) -> Result<(R, bool), Error> {
    let old = match call.keys.find(key, Access::Write) {
        None => None,
        Some(entry) => Some(entry.string().ok_or(WrongType)?.len()),
    };
    if old.is_none() {
        call.keys.set(key, Value::Str(Str::Raw(vec![0; len])), Expiry::Clear);
    }
    let edited = call.keys.edit_string(key, |bytes| {
        bitmap::lengthen(bytes, len);
        work(bytes)
    });
    Ok((edited.expect("the key holds a string"), old.is_none_or(|old| old < len)))
}
