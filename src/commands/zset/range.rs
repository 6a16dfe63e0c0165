//! Ranges of members by rank, score or member: ZRANGE and its older forms, ZRANGESTORE.

use std::ops::Range;

use crate::command::row::*;
use crate::command::{Args, Error, args, error};
use crate::config::EventClasses;
use crate::keyspace::{Access, Type, Value};
use crate::resp::Reply;
use crate::types::zset::{Direction, Zset, ZsetLimits};

use super::super::store::{Combination, Sources, combine, put};
use super::super::{Call, Command, DONE, Next, Outcome};
use super::{GROUP, begin_members, lex_bounds, limits, row, score_bounds, write_member};

const KEY: &[KeySpec] = &[KeySpec::at(1, &[RO, ACCESS])];
const COST: &str = "O(log(N)+M) where N is the size of the sorted set and M the number of members returned.";

pub(super) const ZRANGE: Command = Command::new(
    row("zrange", -4, &[READONLY], KEY)
        .doc(
            GROUP,
            "1.2.0",
            COST,
            "Returns members of a sorted set within a range of ranks, scores or members.",
        )
        .syntax(
            "key start stop [sortby:<BYSCORE|BYLEX>@6.2.0] [REV@6.2.0] \
             [LIMIT limit:(offset:integer count:integer)@6.2.0] [WITHSCORES]",
        ),
    |call| reply_range(call, None, None),
);

pub(super) const ZREVRANGE: Command = Command::new(
    row("zrevrange", -4, &[READONLY], KEY)
        .doc(
            GROUP,
            "1.2.0",
            COST,
            "Returns members of a sorted set within a range of ranks, from high scores to low ones.",
        )
        .syntax("key start:integer stop:integer [WITHSCORES]")
        .deprecated("6.2.0", "`ZRANGE` with the `REV` argument"),
    |call| reply_range(call, Some(By::Rank), Some(Direction::Reverse)),
);

pub(super) const ZRANGEBYSCORE: Command = Command::new(
    row("zrangebyscore", -4, &[READONLY], KEY)
        .doc(GROUP, "1.0.5", COST, "Returns members of a sorted set within a range of scores.")
        .syntax(
            "key min:double max:double [WITHSCORES@2.0.0] \
             [LIMIT limit:(offset:integer count:integer)]",
        )
        .deprecated("6.2.0", "`ZRANGE` with the `BYSCORE` argument"),
    |call| reply_range(call, Some(By::Score), Some(Direction::Forward)),
);

pub(super) const ZREVRANGEBYSCORE: Command = Command::new(
    row("zrevrangebyscore", -4, &[READONLY], KEY)
        .doc(
            GROUP,
            "2.2.0",
            COST,
            "Returns members of a sorted set within a range of scores, from high scores to low ones.",
        )
        .syntax("key max:double min:double [WITHSCORES] [LIMIT limit:(offset:integer count:integer)]")
        .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments"),
    |call| reply_range(call, Some(By::Score), Some(Direction::Reverse)),
);

pub(super) const ZRANGEBYLEX: Command = Command::new(
    row("zrangebylex", -4, &[READONLY], KEY)
        .doc(GROUP, "2.8.9", COST, "Returns members of a sorted set within a range of members.")
        .syntax("key min max [LIMIT limit:(offset:integer count:integer)]")
        .deprecated("6.2.0", "`ZRANGE` with the `BYLEX` argument"),
    |call| reply_range(call, Some(By::Member), Some(Direction::Forward)),
);

pub(super) const ZREVRANGEBYLEX: Command = Command::new(
    row("zrevrangebylex", -4, &[READONLY], KEY)
        .doc(
            GROUP,
            "2.8.9",
            COST,
            "Returns members of a sorted set within a range of members, from the last to the first.",
        )
        .syntax("key max min [LIMIT limit:(offset:integer count:integer)]")
        .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments"),
    |call| reply_range(call, Some(By::Member), Some(Direction::Reverse)),
);

pub(super) const ZRANGESTORE: Command = Command::new(
    row(
        "zrangestore",
        -5,
        &[WRITE, DENYOOM],
        &[KeySpec::at(1, &[OW, UPDATE]), KeySpec::at(2, &[RO, ACCESS])],
    )
    .doc(GROUP, "6.2.0", COST, "Stores members of a sorted set within a range as another sorted set.")
    .syntax(
        "dst:key src:key#1 min max [sortby:<BYSCORE|BYLEX>] [REV] \
         [LIMIT limit:(offset:integer count:integer)]",
    ),
    store_range,
);

/// Finds the ranks of a range in a sorted set.
type Finder<'a> = Box<dyn Fn(&Zset) -> Range<usize> + 'a>;

/// What a range is a range of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Member,
}

/// A range as a command asks for it.
struct Query<'a> {
    by: By,
    direction: Direction,
    with_scores: bool,
    /// Members to skip, and how many to return at the most; negative ones as Redis takes them.
    limit: (i64, i64),
    /// The ends as given, the lower one first.
    ends: (&'a [u8], &'a [u8]),
}

impl<'a> Query<'a> {
    /// Reads the ends and the options behind them. What the command's name fixes is no option.
    fn parse(
        mut args: Args<'a>,
        by: Option<By>,
        direction: Option<Direction>,
        store: bool,
    ) -> Result<Query<'a>, Error> {
        let (first, second) = (args.want()?, args.want()?);
        let (mut asked_by, mut reverse, mut with_scores, mut limit) = (None, false, false, (0, -1));
        while !args.is_empty() {
            if !store && args.word("WITHSCORES") {
                with_scores = true;
            } else if args.len() > 2 && args.word("LIMIT") {
                limit = (args.int()?, args.int()?);
            } else if direction.is_none() && !reverse && args.word("REV") {
                reverse = true;
            } else if by.is_none() && asked_by.is_none() && args.word("BYLEX") {
                asked_by = Some(By::Member);
            } else if by.is_none() && asked_by.is_none() && args.word("BYSCORE") {
                asked_by = Some(By::Score);
            } else {
                return Err(error::SYNTAX);
            }
        }
        let by = by.or(asked_by).unwrap_or(By::Rank);
        let asked = if reverse { Direction::Reverse } else { Direction::Forward };
        let direction = direction.unwrap_or(asked);
        if limit.1 != -1 && by == By::Rank {
            return Err(error::LIMIT_WITHOUT_BY);
        }
        if with_scores && by == By::Member {
            return Err(error::WITHSCORES_BY_LEX);
        }
        let swapped = direction == Direction::Reverse && by != By::Rank;
        let ends = if swapped { (second, first) } else { (first, second) };
        Ok(Query { by, direction, with_scores, limit, ends })
    }

    /// Reads the ends and says how to find their ranks.
    fn finder(&self) -> Result<Finder<'a>, Error> {
        let ((low, high), direction) = (self.ends, self.direction);
        Ok(match self.by {
            By::Rank => {
                let (start, stop) = (args::int(low)?, args::int(high)?);
                Box::new(move |zset| {
                    let ranks = ranks_of(start, stop, zset.len());
                    if direction == Direction::Forward { ranks } else { mirrored(&ranks, zset.len()) }
                })
            }
            By::Score => {
                let (min, max) = score_bounds(low, high)?;
                Box::new(move |zset| zset.score_range(min, max))
            }
            By::Member => {
                let (min, max) = lex_bounds(low, high)?;
                Box::new(move |zset| zset.lex_range(min, max, direction))
            }
        })
    }

    /// Cuts ranks to the limit, in reading order.
    fn limited(&self, ranks: Range<usize>) -> Range<usize> {
        let (offset, most) = self.limit;
        if self.by == By::Rank || (offset == 0 && most < 0) {
            return ranks;
        }
        let Ok(offset) = usize::try_from(offset) else { return 0..0 };
        let skipped = offset.min(ranks.len());
        let count = usize::try_from(most).unwrap_or(usize::MAX).min(ranks.len() - skipped);
        match self.direction {
            Direction::Forward => ranks.start + skipped..ranks.start + skipped + count,
            Direction::Reverse => ranks.end - skipped - count..ranks.end - skipped,
        }
    }
}

/// The ranks from `start` to `stop`, both included; negative ones count from the end.
pub(super) fn ranks_of(start: i64, stop: i64, len: usize) -> Range<usize> {
    let len = len as i64;
    let from_end = |at: i64| if at < 0 { at.saturating_add(len) } else { at };
    let (start, stop) = (from_end(start).max(0), from_end(stop).min(len - 1));
    if start > stop { 0..0 } else { start as usize..stop as usize + 1 }
}

/// The same ranks counted from the other end.
fn mirrored(ranks: &Range<usize>, len: usize) -> Range<usize> {
    len - ranks.end..len - ranks.start
}

fn reply_range(call: &mut Call<'_>, by: Option<By>, direction: Option<Direction>) -> Outcome {
    let query = Query::parse(call.args_from(2), by, direction, false)?;
    let find = query.finder()?;
    let later = call.may_put_off();
    let Some(zset) = call.keys.read::<Zset>(call.args[1])? else {
        call.reply.array(0);
        return DONE;
    };
    let ranks = query.limited(find(&zset));
    let (direction, with_scores) = (query.direction, query.with_scores);
    if later && zset.is_large() && ranks.len() > MANY {
        let zset = zset.to_owned();
        return Ok(Next::Later(Box::new(move |reply| {
            write_range(reply, &zset, ranks, direction, with_scores);
        })));
    }
    write_range(call.reply, &zset, ranks, direction, with_scores);
    DONE
}

/// A range of more members than this is written after unlocking.
const MANY: usize = 1024;

fn write_range(reply: &mut Reply, zset: &Zset, ranks: Range<usize>, direction: Direction, with_scores: bool) {
    begin_members(reply, ranks.len(), with_scores);
    for (member, score) in zset.iter(ranks, direction) {
        write_member(reply, member, with_scores.then_some(score));
    }
}

fn store_range(call: &mut Call<'_>) -> Outcome {
    let query = Query::parse(call.args_from(3), None, None, true)?;
    query.finder().map(drop)?;
    let Query { by, direction, limit, ends: (low, high), .. } = query;
    let ends = (low.to_vec(), high.to_vec());
    combine(call, StoreRange { by, direction, limit, ends, limits: limits(call.settings()) })
}

/// ZRANGESTORE: a range, which can be read, that becomes a sorted set of its own.
struct StoreRange {
    by: By,
    direction: Direction,
    limit: (i64, i64),
    ends: (Vec<u8>, Vec<u8>),
    limits: ZsetLimits,
}

impl StoreRange {
    fn ranks(&self, zset: &Zset) -> Range<usize> {
        let StoreRange { by, direction, limit, ends: (low, high), .. } = self;
        let (by, direction, limit, ends) = (*by, *direction, *limit, (&low[..], &high[..]));
        let query = Query { by, direction, with_scores: false, limit, ends };
        let find = query.finder().expect("its ends were read when the command was");
        query.limited(find(zset))
    }
}

/// The sorted set that is the only source, if its key is there.
fn source(sources: &Sources) -> Option<&Zset> {
    match sources.values().next()? {
        Some(Value::Zset(zset)) => Some(zset),
        _ => None,
    }
}

impl Combination for StoreRange {
    type Result = Zset;

    fn read(&self, call: &mut Call<'_>, access: Access) -> Result<Sources, Error> {
        Ok(Sources::read(call, &call.args[2..3], &[Type::Zset], access)?)
    }

    fn is_heavy(&self, sources: &Sources) -> bool {
        source(sources).is_some_and(|zset| zset.is_large() && self.ranks(zset).len() > MANY)
    }

    fn compute(&self, sources: &Sources) -> Zset {
        source(sources).map(|zset| zset.slice(self.ranks(zset), &self.limits)).unwrap_or_default()
    }

    fn install(self, call: &mut Call<'_>, result: Zset) -> Outcome {
        let len = result.len();
        put(call, call.args[1], Value::Zset(result), len, (EventClasses::ZSET, "zrangestore"))
    }
}
