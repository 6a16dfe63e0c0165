//! Sets: members without order and without repetition.

mod algebra;
mod basic;
mod random;
mod scan;
#[cfg(test)]
mod tests;

use crate::command::row::*;
use crate::resp::Reply;
use crate::types::set::{Set, SetLimits};

use super::call::write_item;
use super::{Call, Command};

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    basic::SADD,
    basic::SREM,
    basic::SMOVE,
    basic::SCARD,
    basic::SISMEMBER,
    basic::SMISMEMBER,
    basic::SMEMBERS,
    random::SPOP,
    random::SRANDMEMBER,
    algebra::SINTER,
    algebra::SINTERCARD,
    algebra::SINTERSTORE,
    algebra::SUNION,
    algebra::SUNIONSTORE,
    algebra::SDIFF,
    algebra::SDIFFSTORE,
    scan::SSCAN,
];

const GROUP: &str = "set";

const fn row(name: &'static str, arity: i32, flags: &[Flags], keys: &'static [KeySpec]) -> Spec {
    Spec::new(name, arity).flags(flags).keys(keys).categories(&[Categories::SET])
}

fn limits(call: &Call<'_>) -> SetLimits {
    call.settings().encodings.set_limits()
}

/// Answers all members.
fn write_members(reply: &mut Reply, set: &Set) {
    reply.set(set.len());
    set.iter().for_each(|member| write_item(reply, member));
}
