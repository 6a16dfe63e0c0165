//! DEBUG POPULATE: many keys at once.

use crate::keyspace::{Access, Expiry, Str, Value};

use super::super::{Call, DONE, Outcome};
use super::not_negative;

pub(super) fn populate(call: &mut Call<'_>) -> Outcome {
    let count = not_negative(call.args[2])?;
    let prefix = call.args.get(3).copied().unwrap_or(b"key");
    let size = match call.args.get(4) {
        Some(size) => not_negative(size)?,
        None => 0,
    };
    for number in 0..count {
        let number = number.to_string();
        let key = [prefix, b":", number.as_bytes()].concat();
        if call.keys.exists(&key, Access::Write) {
            continue;
        }
        let mut value = [b"value:", number.as_bytes()].concat();
        if size > 0 {
            value.resize(size, 0);
        }
        call.keys.set(&key, Value::Str(Str::Bytes(value)), Expiry::Clear);
        call.keys.touch(&key);
    }
    call.reply.ok();
    DONE
}
