//! Hashes: fields with values, each field perhaps with a deadline.

mod basic;
mod deadline;
mod number;
mod random;
#[cfg(test)]
mod tests;
mod whole;

use crate::command::Error;
use crate::command::row::*;
use crate::resp::Reply;
use crate::types::hash::{Hash, HashLimits, Lookup};
use crate::types::listpack::Item;

use super::{Call, Command};

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    basic::HGET,
    basic::HMGET,
    basic::HSET,
    basic::HMSET,
    basic::HSETNX,
    basic::HDEL,
    basic::HEXISTS,
    basic::HLEN,
    basic::HSTRLEN,
    number::HINCRBY,
    number::HINCRBYFLOAT,
    whole::HGETALL,
    whole::HKEYS,
    whole::HVALS,
    whole::HSCAN,
    random::HRANDFIELD,
    deadline::HEXPIRE,
    deadline::HPEXPIRE,
    deadline::HEXPIREAT,
    deadline::HPEXPIREAT,
    deadline::HTTL,
    deadline::HPTTL,
    deadline::HEXPIRETIME,
    deadline::HPEXPIRETIME,
    deadline::HPERSIST,
];

const GROUP: &str = "hash";

const fn row(name: &'static str, arity: i32, flags: &[Flags], keys: &'static [KeySpec]) -> Spec {
    Spec::new(name, arity).flags(flags).keys(keys).categories(&[Categories::HASH])
}

fn limits(call: &Call<'_>) -> HashLimits {
    call.settings().encodings.hash_limits()
}

/// Looks a field up and has `write` answer its value, if it has one. A field met after its deadline is removed.
#[inline]
fn look_up(
    call: &mut Call<'_>,
    field: &[u8],
    write: impl FnOnce(&mut Reply, Option<Item<'_>>),
) -> Result<(), Error> {
    let (key, now) = (call.args[1], call.keys.now());
    let Some(hash) = call.keys.read::<Hash>(key)? else {
        write(call.reply, None);
        return Ok(());
    };
    let found = hash.get(field, now);
    write(call.reply, found.value());
    if found == Lookup::Expired {
        drop(hash);
        call.keys.expire_fields(key, &[field]);
    }
    Ok(())
}
