//! Removing members by name, rank, score or member range.

use std::ops::Range;

use crate::command::row::*;
use crate::command::{Error, args};
use crate::config::EventClasses;
use crate::types::zset::{Direction, Zset};

use super::super::revise::{Revision, remove_named, revise, say_removed};
use super::super::{Call, Command, DONE, Outcome};
use super::range::ranks_of;
use super::{GROUP, lex_bounds, row, score_bounds};

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
    |call| {
        remove_named(call, (EventClasses::ZSET, "zrem"), |zset: &mut Zset, member: &[u8]| {
            zset.remove(member).is_some()
        })
    },
)
.elements(2, 1);

pub(super) const ZREMRANGEBYRANK: Command = Command::new(
    row("zremrangebyrank", 4, &[WRITE], KEY)
        .doc(GROUP, "2.0.0", COST, "Removes members within a range of ranks.")
        .syntax("key start:integer stop:integer"),
    |call| {
        remove(call, "zremrangebyrank", |zset, start, stop| {
            let (start, stop) = (args::int(start)?, args::int(stop)?);
            Ok(ranks_of(start, stop, zset.len()))
        })
    },
);

pub(super) const ZREMRANGEBYSCORE: Command = Command::new(
    row("zremrangebyscore", 4, &[WRITE], KEY)
        .doc(GROUP, "1.2.0", COST, "Removes members within a range of scores.")
        .syntax("key min:double max:double"),
    |call| {
        remove(call, "zremrangebyscore", |zset, min, max| {
            let (min, max) = score_bounds(min, max)?;
            Ok(zset.score_range(min, max))
        })
    },
);

pub(super) const ZREMRANGEBYLEX: Command = Command::new(
    row("zremrangebylex", 4, &[WRITE], KEY)
        .doc(GROUP, "2.8.9", COST, "Removes members within a range of members.")
        .syntax("key min max"),
    |call| {
        remove(call, "zremrangebylex", |zset, min, max| {
            let (min, max) = lex_bounds(min, max)?;
            Ok(zset.lex_range(min, max, Direction::Forward))
        })
    },
);

/// How many members are removed while the sorted set is locked.
const AT_ONCE_MAX: usize = 1024;

/// Picks the ranks between two ends, which are arguments of the command.
type Choose = fn(&Zset, &[u8], &[u8]) -> Result<Range<usize>, Error>;

/// Removes the ranks that `choose` picks.
fn remove(call: &mut Call<'_>, event: &'static str, choose: Choose) -> Outcome {
    let (start, stop) = (call.args[2], call.args[3]);
    // What is wrong with the ends is said even if the key isn't there.
    choose(&Zset::new(), start, stop)?;
    revise(call, RemoveRun { start: start.into(), stop: stop.into(), choose, event })
}

/// ZREMRANGE...
struct RemoveRun {
    start: Box<[u8]>,
    stop: Box<[u8]>,
    choose: Choose,
    event: &'static str,
}

impl RemoveRun {
    fn ranks(&self, zset: &Zset) -> Range<usize> {
        // The ends were read before.
        (self.choose)(zset, &self.start, &self.stop).unwrap_or_default()
    }
}

impl Revision for RemoveRun {
    type Content = Zset;
    /// How many members go, and whether none is left.
    type Told = (usize, bool);

    fn is_heavy(&self, zset: &Zset) -> bool {
        self.ranks(zset).len() > AT_ONCE_MAX
    }

    fn revise(&self, zset: &mut Zset) -> (usize, bool) {
        let gone = zset.remove_ranks(self.ranks(zset));
        (gone, zset.is_empty())
    }

    fn tell(self, call: &mut Call<'_>, told: Option<(usize, bool)>) -> Outcome {
        let (gone, emptied) = told.unwrap_or_default();
        say_removed(call, call.args[1], (EventClasses::ZSET, self.event), gone, emptied);
        call.reply.int(gone as i64);
        DONE
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Rig;

    /// A set of 3000 members, whose scores are their numbers, and a deadline.
    fn rig() -> Rig {
        let mut rig = Rig::new();
        for first in (0..3000).step_by(100) {
            let pairs: Vec<String> = (first..first + 100).map(|n| format!("{n} m{n:04}")).collect();
            rig.run(&format!("ZADD z {}", pairs.join(" ")));
        }
        rig.run("EXPIRE z 1000");
        rig.dirty();
        rig
    }

    #[test]
    fn many_members_go_without_locks() {
        let mut rig = rig();
        rig.check(&[
            ("ZREMRANGEBYSCORE z (99 1999", ":1900"),
            ("ZRANGE z 99 100", "*2 $5 m0099 $5 m2000"),
            ("TTL z", ":1000"),
            ("ZREMRANGEBYLEX nosuch - +", ":0"),
            ("ZREMRANGEBYLEX z a b", "-ERR min or max not valid string range item"),
            ("ZREMRANGEBYRANK nosuch a b", "-ERR value is not an integer or out of range"),
            ("ZCARD z", ":1100"),
        ]);
        assert_eq!(rig.dirty(), 1900);
        rig.check(&[("ZREMRANGEBYRANK z 0 -1", ":1100"), ("EXISTS z", ":0")]);
        assert_eq!(rig.dirty(), 1100);
    }

    #[test]
    fn what_changes_meanwhile_counts() {
        let mut rig = rig();
        let mut times = 0;
        let args: [&[u8]; 4] = [b"ZREMRANGEBYRANK", b"z", b"1", b"2000"];
        let reply = rig.call_meanwhile(&args, &mut |rig| {
            times += 1;
            if times < 3 {
                rig.run(&format!("ZADD z -{times} new{times}"));
            }
        });
        assert_eq!((reply, times), (b":2000\r\n".to_vec(), 3));
        rig.check(&[("ZRANGE z 0 1", "*2 $4 new2 $5 m1999"), ("ZCARD z", ":1002")]);
    }

    #[test]
    fn what_goes_meanwhile_is_gone() {
        let args: [&[u8]; 4] = [b"ZREMRANGEBYRANK", b"z", b"1", b"2000"];
        let reply = rig().call_meanwhile(&args, &mut |rig| drop(rig.run("DEL z")));
        assert_eq!(reply, b":0\r\n");
        let reply = rig().call_meanwhile(&args, &mut |rig| drop(rig.run("SET z string")));
        assert!(reply.starts_with(b"-WRONGTYPE"));
    }
}
