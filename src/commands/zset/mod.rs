//! Sorted sets: members in the order of their scores.

pub(super) mod add;
mod algebra;
mod pop;
mod range;
mod read;
mod remove;
#[cfg(test)]
mod tests;

use crate::base::num;
use crate::command::row::*;
use crate::command::{Error, error};
use crate::config::Settings;
use crate::resp::Reply;
use crate::types::listpack::Item;
use crate::types::zset::{LexBound, ScoreBound, ZsetLimits};

use super::Command;
use super::call::write_item;

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    add::ZADD,
    add::ZINCRBY,
    read::ZCARD,
    read::ZSCORE,
    read::ZMSCORE,
    read::ZRANK,
    read::ZREVRANK,
    read::ZCOUNT,
    read::ZLEXCOUNT,
    read::ZRANDMEMBER,
    read::ZSCAN,
    range::ZRANGE,
    range::ZREVRANGE,
    range::ZRANGEBYSCORE,
    range::ZREVRANGEBYSCORE,
    range::ZRANGEBYLEX,
    range::ZREVRANGEBYLEX,
    range::ZRANGESTORE,
    remove::ZREM,
    remove::ZREMRANGEBYRANK,
    remove::ZREMRANGEBYSCORE,
    remove::ZREMRANGEBYLEX,
    pop::ZPOPMIN,
    pop::ZPOPMAX,
    pop::ZMPOP,
    pop::BZPOPMIN,
    pop::BZPOPMAX,
    pop::BZMPOP,
    algebra::ZUNION,
    algebra::ZINTER,
    algebra::ZDIFF,
    algebra::ZINTERCARD,
    algebra::ZUNIONSTORE,
    algebra::ZINTERSTORE,
    algebra::ZDIFFSTORE,
];

const GROUP: &str = "sorted-set";

const fn row(name: &'static str, arity: i32, flags: &[Flags], keys: &'static [KeySpec]) -> Spec {
    Spec::new(name, arity).flags(flags).keys(keys).categories(&[Categories::SORTEDSET])
}

/// The limits of the packed form.
pub(super) fn limits(settings: &Settings) -> ZsetLimits {
    settings.encodings.zset_limits()
}

/// Reads the ends of a range of scores: a float, `(` before it for an exclusive one.
fn score_bounds(min: &[u8], max: &[u8]) -> Result<(ScoreBound, ScoreBound), Error> {
    let bound = |text: &[u8]| {
        let (text, exclusive) = match text.strip_prefix(b"(") {
            Some(text) => (text, true),
            None => (text, false),
        };
        let value = num::parse_f64_lenient(text)?.value;
        (!value.is_nan()).then_some(ScoreBound { value, exclusive })
    };
    bound(min).zip(bound(max)).ok_or(error::NOT_A_SCORE_RANGE)
}

/// Reads the ends of a range of members: `-`, `+`, `[member` or `(member`.
fn lex_bounds<'a>(min: &'a [u8], max: &'a [u8]) -> Result<(LexBound<'a>, LexBound<'a>), Error> {
    let bound = |text: &'a [u8]| match text {
        b"-" => Some(LexBound::Min),
        b"+" => Some(LexBound::Max),
        [b'[', bytes @ ..] => Some(LexBound::Value { bytes, exclusive: false }),
        [b'(', bytes @ ..] => Some(LexBound::Value { bytes, exclusive: true }),
        _ => None,
    };
    bound(min).zip(bound(max)).ok_or(error::NOT_A_LEX_RANGE)
}

/// Begins an array of members, or of members with their scores: in RESP3 each pair is an array of its own.
fn begin_members(reply: &mut Reply, count: usize, with_scores: bool) {
    reply.array(if with_scores && !reply.is_resp3() { 2 * count } else { count });
}

/// Writes a member of such an array.
#[inline]
fn write_member(reply: &mut Reply, member: Item<'_>, score: Option<f64>) {
    if score.is_some() && reply.is_resp3() {
        reply.array(2);
    }
    write_item(reply, member);
    if let Some(score) = score {
        reply.double(score);
    }
}
