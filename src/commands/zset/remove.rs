//! Removing members by name, rank, score or member range.

use std::ops::Range;

use crate::command::args;
use crate::command::row::*;
use crate::types::zset::{Direction, Zset};

use super::super::{Call, Command, DONE, Outcome};
use super::range::ranks_of;
use super::{GROUP, lex_bounds, removed, row, score_bounds};

const KEY: &[KeySpec] = &[KeySpec::at(1, &[RW, DELETE])];
const COST: &str = "O(log(N)+M) where N is the size of the sorted set and M the number of members removed.";

pub(super) const ZREM: Command = Command::new(
    row("zrem", -3, &[WRITE, FAST], KEY)
        .doc(
            GROUP,
            "1.2.0",
            "O(M*log(N)) where N is the size of the sorted set and M the number of members removed.",
            "Removes members from a sorted set.",
        )
        .syntax("key member*"),
    zrem,
);

pub(super) const ZREMRANGEBYRANK: Command = Command::new(
    row("zremrangebyrank", 4, &[WRITE], KEY)
        .doc(GROUP, "2.0.0", COST, "Removes members within a range of ranks.")
        .syntax("key start:integer stop:integer"),
    |call| {
        let (start, stop) = (args::int(call.args[2])?, args::int(call.args[3])?);
        remove(call, "zremrangebyrank", |zset| ranks_of(start, stop, zset.len()))
    },
);

pub(super) const ZREMRANGEBYSCORE: Command = Command::new(
    row("zremrangebyscore", 4, &[WRITE], KEY)
        .doc(GROUP, "1.2.0", COST, "Removes members within a range of scores.")
        .syntax("key min:double max:double"),
    |call| {
        let (min, max) = score_bounds(call.args[2], call.args[3])?;
        remove(call, "zremrangebyscore", |zset| zset.score_range(min, max))
    },
);

pub(super) const ZREMRANGEBYLEX: Command = Command::new(
    row("zremrangebylex", 4, &[WRITE], KEY)
        .doc(GROUP, "2.8.9", COST, "Removes members within a range of members.")
        .syntax("key min max"),
    |call| {
        let (min, max) = lex_bounds(call.args[2], call.args[3])?;
        remove(call, "zremrangebylex", |zset| zset.lex_range(min, max, Direction::Forward))
    },
);

fn zrem(call: &mut Call<'_>) -> Outcome {
    let key = call.args[1];
    let Some(mut zset) = call.keys.write::<Zset>(key)? else {
        call.reply.int(0);
        return DONE;
    };
    let gone = call.args[2..].iter().filter(|member| zset.remove(member).is_some()).count();
    let emptied = zset.is_empty();
    drop(zset);
    reply_removed(call, key, "zrem", gone, emptied);
    DONE
}

/// Removes the ranks that `choose` picks.
fn remove(call: &mut Call<'_>, event: &'static str, choose: impl FnOnce(&Zset) -> Range<usize>) -> Outcome {
    let key = call.args[1];
    let Some(mut zset) = call.keys.write::<Zset>(key)? else {
        call.reply.int(0);
        return DONE;
    };
    let ranks = choose(&zset);
    let gone = zset.remove_ranks(ranks);
    let emptied = zset.is_empty();
    drop(zset);
    reply_removed(call, key, event, gone, emptied);
    DONE
}

fn reply_removed(call: &mut Call<'_>, key: &[u8], event: &'static str, gone: usize, emptied: bool) {
    if gone > 0 {
        removed(call, key, event, emptied);
        call.keys.effects.dirty += gone as u64 - 1;
    }
    call.reply.int(gone as i64);
}
