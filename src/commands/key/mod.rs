//! Keys, whatever they hold: deleting, moving, expiring, finding and inspecting them.

mod basic;
mod dump;
mod expire;
mod migrate;
mod object;
mod scan;
mod target;
mod targets;
mod transfer;

#[cfg(test)]
mod tests;

use crate::command::row::*;
use crate::command::{Error, args, error};

use super::{Call, Command};

pub use self::targets::Targets;

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    basic::DEL,
    basic::UNLINK,
    basic::EXISTS,
    basic::TYPE,
    basic::TOUCH,
    basic::DBSIZE,
    transfer::RENAME,
    transfer::RENAMENX,
    transfer::COPY,
    transfer::MOVE,
    transfer::SWAPDB,
    scan::RANDOMKEY,
    scan::KEYS,
    scan::SCAN,
    expire::EXPIRE,
    expire::PEXPIRE,
    expire::EXPIREAT,
    expire::PEXPIREAT,
    expire::TTL,
    expire::PTTL,
    expire::EXPIRETIME,
    expire::PEXPIRETIME,
    expire::PERSIST,
    object::OBJECT,
    dump::DUMP,
    dump::RESTORE,
    dump::RESTORE_ASKING,
    migrate::MIGRATE,
];

const GROUP: &str = "generic";

const fn row(name: &'static str, arity: i32, flags: &[Flags], keys: &'static [KeySpec]) -> Spec {
    Spec::new(name, arity).flags(flags).keys(keys).categories(&[Categories::KEYSPACE])
}

/// An argument as the number of a database.
fn database(call: &Call<'_>, arg: &[u8]) -> Result<usize, Error> {
    let index = args::int_in(arg, i32::MIN.into(), i32::MAX.into())?;
    let index = usize::try_from(index).ok().filter(|&index| index < call.server.keyspace.databases());
    index.ok_or(error::DB_OUT_OF_RANGE)
}
