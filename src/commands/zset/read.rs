//! Reading members, scores, ranks and numbers of members.

use crate::base::num;
use crate::client::OwnedRequest;
use crate::command::row::*;
use crate::command::{Error, args, error};
use crate::keyspace::Ref;
use crate::resp::Reply;
use crate::types::listpack::Item;
use crate::types::zset::{Direction, Zset};

use super::super::revise::MANY;
use super::super::sample::{Bounds, Sample};
use super::super::scan::{ScanOptions, page, scan};
use super::super::{Call, Command, DONE, Next, Outcome};
use super::{GROUP, begin_members, lex_bounds, row, score_bounds, write_member};

const READ_KEY: &[KeySpec] = &[KeySpec::at(1, &[RO, ACCESS])];
const ASK_KEY: &[KeySpec] = &[KeySpec::at(1, &[RO])];
const LOG: &str = "O(log(N)) where N is the size of the sorted set.";

pub(super) const ZCARD: Command = Command::new(
    row("zcard", 2, &[READONLY, FAST], ASK_KEY)
        .doc(GROUP, "1.2.0", "O(1)", "Returns the number of members of a sorted set.")
        .syntax("key"),
    |call| {
        let len = call.keys.read::<Zset>(call.args[1])?.map_or(0, |zset| zset.len());
        call.reply.int(len as i64);
        DONE
    },
);

pub(super) const ZSCORE: Command = Command::new(
    row("zscore", 3, &[READONLY, FAST], READ_KEY)
        .doc(GROUP, "1.2.0", "O(1)", "Returns the score of a member of a sorted set.")
        .syntax("key member"),
    |call| {
        let zset = call.keys.read::<Zset>(call.args[1])?;
        match zset.and_then(|zset| zset.score(call.args[2])) {
            Some(score) => call.reply.double(score),
            None => call.reply.null(),
        }
        DONE
    },
)
.elements(2, 1);

pub(super) const ZMSCORE: Command = Command::new(
    row("zmscore", -3, &[READONLY, FAST], READ_KEY)
        .doc(
            GROUP,
            "6.2.0",
            "O(N) where N is the number of members asked for.",
            "Returns the scores of several members of a sorted set.",
        )
        .syntax("key member*"),
    zmscore,
)
.elements(2, 1);

pub(super) const ZRANK: Command = Command::new(
    row("zrank", -3, &[READONLY, FAST], READ_KEY)
        .doc(GROUP, "2.0.0", LOG, "Returns how many members are before one, from low scores to high ones.")
        .syntax("key member [WITHSCORE]"),
    |call| rank(call, Direction::Forward),
)
.elements(2, 2);

pub(super) const ZREVRANK: Command = Command::new(
    row("zrevrank", -3, &[READONLY, FAST], READ_KEY)
        .doc(GROUP, "2.0.0", LOG, "Returns how many members are before one, from high scores to low ones.")
        .syntax("key member [WITHSCORE]"),
    |call| rank(call, Direction::Reverse),
)
.elements(2, 2);

pub(super) const ZCOUNT: Command = Command::new(
    row("zcount", 4, &[READONLY, FAST], READ_KEY)
        .doc(GROUP, "2.0.0", LOG, "Returns how many members have scores within a range.")
        .syntax("key min:double max:double"),
    |call| {
        let (min, max) = score_bounds(call.args[2], call.args[3])?;
        let count = call.keys.read::<Zset>(call.args[1])?.map_or(0, |zset| zset.score_range(min, max).len());
        call.reply.int(count as i64);
        DONE
    },
);

pub(super) const ZLEXCOUNT: Command = Command::new(
    row("zlexcount", 4, &[READONLY, FAST], READ_KEY)
        .doc(GROUP, "2.8.9", LOG, "Returns how many members are within a range of members.")
        .syntax("key min max"),
    |call| {
        let (min, max) = lex_bounds(call.args[2], call.args[3])?;
        let zset = call.keys.read::<Zset>(call.args[1])?;
        let count = zset.map_or(0, |zset| zset.lex_range(min, max, Direction::Forward).len());
        call.reply.int(count as i64);
        DONE
    },
);

pub(super) const ZRANDMEMBER: Command = Command::new(
    row("zrandmember", -2, &[READONLY], READ_KEY)
        .tips(&["nondeterministic_output"])
        .doc(
            GROUP,
            "6.2.0",
            "O(N) where N is the number of members returned.",
            "Returns random members of a sorted set.",
        )
        .syntax("key [options:(count:integer [WITHSCORES])]"),
    random,
);

pub(super) const ZSCAN: Command = Command::new(
    row("zscan", -3, &[READONLY], READ_KEY)
        .tips(&["nondeterministic_output"])
        .doc(
            GROUP,
            "2.8.0",
            "O(COUNT) for a call, O(N) for a whole round.",
            "Returns some members of a sorted set with their scores, and where to go on.",
        )
        .syntax("key cursor:integer [MATCH pattern:pattern] [COUNT count:integer]"),
    |call| scan(call, false, Zset::is_large, write_page),
);

fn zmscore(call: &mut Call<'_>) -> Outcome {
    let (members, may_put_off) = (&call.args[2..], call.may_put_off());
    let zset = call.keys.read::<Zset>(call.args[1])?;
    if may_put_off && members.len() > MANY {
        let (zset, members) = (zset.map(Ref::to_owned).unwrap_or_default(), OwnedRequest::new(members));
        return Ok(Next::Later(Box::new(move |reply| write_scores(reply, Some(&zset), &members.args()))));
    }
    write_scores(call.reply, zset.as_deref(), members);
    DONE
}

fn write_scores(reply: &mut Reply, zset: Option<&Zset>, members: &[&[u8]]) {
    reply.array(members.len());
    for member in members {
        match zset.and_then(|zset| zset.score(member)) {
            Some(score) => reply.double(score),
            None => reply.null(),
        }
    }
}

fn rank(call: &mut Call<'_>, direction: Direction) -> Outcome {
    let with_score = match call.args.get(3) {
        None => false,
        Some(_) if call.args.len() > 4 => return Err(error::wrong_arity(call.spec.name)),
        Some(word) if word.eq_ignore_ascii_case(b"WITHSCORE") => true,
        Some(_) => return Err(error::SYNTAX),
    };
    let zset = call.keys.read::<Zset>(call.args[1])?;
    let found = zset.and_then(|zset| match direction {
        Direction::Forward => zset.rank(call.args[2]),
        Direction::Reverse => zset.reverse_rank(call.args[2]),
    });
    match found {
        None if with_score => call.reply.null_array(),
        None => call.reply.null(),
        Some((rank, score)) => {
            if with_score {
                call.reply.array(2);
            }
            call.reply.int(rank as i64);
            if with_score {
                call.reply.double(score);
            }
        }
    }
    DONE
}

fn random(call: &mut Call<'_>) -> Outcome {
    let Some(&count) = call.args.get(2) else {
        match call.keys.read::<Zset>(call.args[1])?.as_ref().and_then(|zset| zset.random()) {
            Some((member, _)) => write_member(call.reply, member, None),
            None => call.reply.null(),
        }
        return DONE;
    };
    let count = args::int_in(count, -i64::MAX, i64::MAX)?;
    let with_scores = match &call.args[3..] {
        [] => false,
        [word] if word.eq_ignore_ascii_case(b"WITHSCORES") => true,
        _ => return Err(error::SYNTAX),
    };
    if with_scores && !(-i64::MAX / 2..=i64::MAX / 2).contains(&count) {
        return Err(error::OUT_OF_RANGE);
    }
    let sample = Sample::new(count);
    sample.answer(call, call.args[1], Zset::is_large, move |reply, zset, bounds| {
        write_sample(reply, zset, sample, with_scores, bounds)
    })
}

fn write_sample(
    reply: &mut Reply,
    zset: &Zset,
    sample: Sample,
    with_scores: bool,
    bounds: &Bounds,
) -> Result<(), Error> {
    let write = |reply: &mut _, member: Item<'_>, score: f64| {
        write_member(reply, member, with_scores.then_some(score));
    };
    let count = sample.of(zset.len());
    begin_members(reply, count, with_scores);
    if sample.repeats() {
        return sample.draw(reply, bounds, |reply, count| {
            zset.sample_with_repeats(count, |member, score| write(reply, member, score));
        });
    }
    zset.sample(count, |member, score| write(reply, member, score));
    Ok(())
}

fn write_page(reply: &mut Reply, zset: &Zset, from: u64, options: &ScanOptions<'_>) {
    // The scores of large sets are printed with 17 digits here, and only here.
    let precise = zset.as_listpack().is_none();
    page(reply, |reply| {
        let (mut count, mut text, mut digits) = (0, num::IntText::new(), Vec::new());
        let next = zset.scan(from, options.count, |member, score| {
            let member = member.as_bytes(&mut text);
            if options.matches(member) {
                reply.bulk(member);
                digits.clear();
                if precise {
                    num::format_f64_17g(score, &mut digits);
                } else {
                    num::format_f64(score, &mut digits);
                }
                reply.bulk(&digits);
                count += 2;
            }
        });
        (next, count)
    });
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Rig;

    #[test]
    fn zscan_of_an_absent_key_reads_no_options() {
        let mut rig = Rig::new();
        let empty = "*2 $1 0 *0";
        rig.check(&[
            ("ZSCAN no 0 COUNT 0", empty),
            ("ZSCAN no 0 NOSCORES", empty),
            ("ZSCAN no 0 MATCH", empty),
        ]);
        rig.check(&[("ZSCAN no x COUNT 0", "-ERR invalid cursor"), ("SET no s", "+OK")]);
        rig.check(&[("ZADD z 1 a", ":1"), ("ZSCAN z 0 COUNT 0", "-ERR syntax error")]);
        assert!(rig.run("ZSCAN no 0 COUNT 0").starts_with("-WRONGTYPE"));
    }
}
