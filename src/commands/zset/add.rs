//! Adding members and changing scores: ZADD, ZINCRBY.

use smallvec::SmallVec;

use crate::client::OwnedRequest;
use crate::command::row::*;
use crate::command::{Args, args, error};
use crate::config::EventClasses;
use crate::types::zset::{AddFlags, AddOutcome, Zset, ZsetLimits};

use super::super::revise::{MANY, Revision, revise, say_changed};
use super::super::{Call, Command, DONE, Outcome};
use super::{GROUP, limits, row};

pub(super) const ZADD: Command = Command::new(
    row("zadd", -4, &[WRITE, DENYOOM, FAST], &[KeySpec::at(1, &[RW, UPDATE])])
        .doc(
            GROUP,
            "1.2.0",
            "O(log(N)) for each member, where N is the size of the sorted set.",
            "Adds members to a sorted set or changes their scores.",
        )
        .syntax(
            "key [condition:<NX|XX>@3.0.2] [comparison:<GT|LT>@6.2.0] [change=CH@3.0.2] \
             [increment=INCR@3.0.2] data:(score:double member)*",
        ),
    zadd,
)
.elements(3, 2);

pub(super) const ZINCRBY: Command = Command::new(
    row("zincrby", 4, &[WRITE, DENYOOM, FAST], &[KeySpec::at(1, &[RW, ACCESS, UPDATE])])
        .doc(
            GROUP,
            "1.2.0",
            "O(log(N)) where N is the size of the sorted set.",
            "Adds to the score of a member of a sorted set.",
        )
        .syntax("key increment:integer member"),
    |call| {
        let flags = AddFlags { incr: true, ..AddFlags::default() };
        add(call, flags, false, &call.args[2..])
    },
)
.elements(3, 2);

fn zadd(call: &mut Call<'_>) -> Outcome {
    let mut args = call.args_from(2);
    let (flags, count_changed) = options(&mut args);
    let pairs = args.rest();
    if pairs.is_empty() || !pairs.len().is_multiple_of(2) {
        return Err(error::SYNTAX);
    }
    if flags.nx && flags.xx {
        return Err(error::ZADD_NX_AND_XX);
    }
    if flags.nx && (flags.gt || flags.lt) || flags.gt && flags.lt {
        return Err(error::ZADD_GT_LT_NX);
    }
    if flags.incr && pairs.len() > 2 {
        return Err(error::ZADD_INCR_PAIRS);
    }
    add(call, flags, count_changed, pairs)
}

/// Takes the options in front of the scores; the second result tells whether changed scores count as well.
fn options(args: &mut Args<'_>) -> (AddFlags, bool) {
    let (mut flags, mut count_changed) = (AddFlags::default(), false);
    // No option begins like a number.
    while args.peek().is_some_and(|word| word.first().is_some_and(u8::is_ascii_alphabetic)) {
        let option = [
            ("NX", &mut flags.nx),
            ("XX", &mut flags.xx),
            ("CH", &mut count_changed),
            ("INCR", &mut flags.incr),
            ("GT", &mut flags.gt),
            ("LT", &mut flags.lt),
        ];
        let Some((_, set)) = option.into_iter().find(|(word, _)| args.word(word)) else {
            break;
        };
        *set = true;
    }
    (flags, count_changed)
}

/// Members with their scores, read from a request.
pub(in super::super) type Pairs<'a> = SmallVec<[(f64, &'a [u8]); 8]>;

/// Adds pairs of score and member.
fn add(call: &mut Call<'_>, flags: AddFlags, count_changed: bool, pairs: &[&[u8]]) -> Outcome {
    let mut scored = Pairs::with_capacity(pairs.len() / 2);
    for pair in pairs.chunks_exact(2) {
        scored.push((args::float(pair[0])?, pair[1]));
    }
    add_scored(call, flags, count_changed, &scored)
}

/// Adds members with their scores to the sorted set at the first key, and replies as ZADD does.
pub(in super::super) fn add_scored(
    call: &mut Call<'_>,
    flags: AddFlags,
    count_changed: bool,
    pairs: &[(f64, &[u8])],
) -> Outcome {
    let (key, limits) = (call.args[1], limits(call.settings()));
    if pairs.len() > MANY {
        let scores = pairs.iter().map(|(score, _)| *score).collect();
        let members: Vec<&[u8]> = pairs.iter().map(|(_, member)| *member).collect();
        let members = OwnedRequest::new(&members);
        return revise(call, AddMany { scores, members, flags, count_changed, limits });
    }
    let event = (EventClasses::ZSET, if flags.incr { "zincr" } else { "zadd" });
    let add = |zset: &mut Zset| {
        let added = Added::to(zset, pairs.iter().copied(), flags, &limits);
        (added, added.changes())
    };
    let added = if flags.xx {
        call.keys.update(key, event, add)?.unwrap_or_default()
    } else {
        call.keys.update_or_new(key, event, add)?
    };
    added.reply(call, flags, count_changed)
}

/// What came of adding members.
#[derive(Clone, Copy, Default)]
struct Added {
    added: usize,
    updated: usize,
    /// Of the last member that isn't skipped.
    score: Option<f64>,
    /// Whether an increment gave no number; what stood before it counts.
    not_a_number: bool,
}

impl Added {
    fn to<'m, I>(zset: &mut Zset, pairs: I, flags: AddFlags, limits: &ZsetLimits) -> Added
    where
        I: ExactSizeIterator<Item = (f64, &'m [u8])> + Clone,
    {
        let mut this = Added::default();
        zset.prepare(pairs.clone().next().map_or(0, |(_, member)| member.len()), pairs.len(), limits);
        for (given, member) in pairs {
            match zset.add(member, given, flags, limits) {
                Ok(AddOutcome::Added(now)) => (this.added, this.score) = (this.added + 1, Some(now)),
                Ok(AddOutcome::Updated(now)) => (this.updated, this.score) = (this.updated + 1, Some(now)),
                Ok(AddOutcome::Unchanged(now)) => this.score = Some(now),
                Ok(AddOutcome::Skipped) => {}
                Err(_) => {
                    this.not_a_number = true;
                    break;
                }
            }
        }
        this
    }

    fn changes(&self) -> usize {
        self.added + self.updated
    }

    fn reply(&self, call: &mut Call<'_>, flags: AddFlags, count_changed: bool) -> Outcome {
        if self.not_a_number {
            return Err(error::SCORE_NAN);
        }
        match (flags.incr, self.score) {
            (true, Some(score)) => call.reply.double(score),
            (true, None) => call.reply.null(),
            (false, _) => call.reply.int(if count_changed { self.changes() } else { self.added } as i64),
        }
        DONE
    }
}

/// ZADD of many members.
struct AddMany {
    scores: Box<[f64]>,
    members: OwnedRequest,
    flags: AddFlags,
    count_changed: bool,
    limits: ZsetLimits,
}

impl Revision for AddMany {
    type Content = Zset;
    type Told = Added;
    const CREATES: bool = true;

    fn revise(&self, zset: &mut Zset) -> Added {
        let members = self.members.args();
        let pairs = self.scores.iter().copied().zip(members.iter().copied());
        Added::to(zset, pairs, self.flags, &self.limits)
    }

    fn tell(self, call: &mut Call<'_>, told: Option<Added>) -> Outcome {
        let added = told.unwrap_or_default();
        say_changed(call, call.args[1], (EventClasses::ZSET, "zadd"), added.changes());
        added.reply(call, self.flags, self.count_changed)
    }
}
