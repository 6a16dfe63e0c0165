//! XCLAIM and XAUTOCLAIM.

use crate::base::num::parse_i64;
use crate::command::row::*;
use crate::command::{Error, error};
use crate::keyspace::Access;
use crate::resp::{Protocol, Reply};
use crate::types::stream::id::parse_strict;
use crate::types::stream::{AutoClaim, AutoClaimed, Claim, Claimed, ClaimedEntry, Group, Stream, StreamId};

use super::super::revise::{MANY, Revision, revise};
use super::super::{Call, Command, DONE, Next, Outcome};
use super::deliveries::Deliveries;
use super::{GROUP, consumer_created, open_group, parse_id, parse_start, row, write_entry, write_id};

pub(super) const XCLAIM: Command = Command::new(
    row("xclaim", -6, &[WRITE, FAST], &[KeySpec::at(1, &[RW, UPDATE])])
        .tips(&["nondeterministic_output"])
        .doc(
            GROUP,
            "5.0.0",
            "O(log N) with N being the number of pending entries",
            "Gives entries that are pending in a consumer group to a consumer.",
        )
        .syntax(
            "key group consumer min-idle-time id* [IDLE ms:integer] \
             [TIME unix-time-milliseconds:unix-time] [RETRYCOUNT count:integer] [FORCE] [JUSTID] \
             [LASTID lastid]",
        ),
    xclaim,
);

pub(super) const XAUTOCLAIM: Command = Command::new(
    row("xautoclaim", -6, &[WRITE, FAST], &[KeySpec::at(1, &[RW, DELETE])])
        .tips(&["nondeterministic_output"])
        .doc(
            GROUP,
            "6.2.0",
            "O(1) if COUNT is small",
            "Gives the next entries that are pending in a consumer group to a consumer.",
        )
        .syntax("key group consumer min-idle-time start [COUNT count:integer] [JUSTID]"),
    xautoclaim,
);

/// How many entries XAUTOCLAIM returns without COUNT.
const DEFAULT_COUNT: i64 = 100;
/// Most that XAUTOCLAIM's COUNT may say.
const MAX_COUNT: i64 = i64::MAX / 16;
/// From here on Redis can't allocate what it notes deleted entries in: 16 bytes each of 2^47.
const HOPELESS_COUNT: i64 = 1 << 43;

/// Reads the IDs, up to the first argument that is none, and the options behind them.
fn xclaim_options(call: &Call<'_>) -> Result<(Vec<StreamId>, Claim), Error> {
    let int = |text: &[u8], refusal: Error| parse_i64(text).ok_or(refusal);
    let mut claim = Claim { min_idle: int(call.args[4], error::XCLAIM_MIN_IDLE)?, ..Claim::default() };
    let ids: Vec<StreamId> = call.args[5..].iter().map_while(|text| parse_strict(text, 0)).collect();
    let mut args = call.args_from(5 + ids.len());
    while !args.is_empty() {
        let more = args.len() > 1;
        if args.word("FORCE") {
            claim.force = true;
        } else if args.word("JUSTID") {
            claim.just_id = true;
        } else if more && args.word("IDLE") {
            let idle = int(args.want()?, error::XCLAIM_IDLE)?;
            claim.time = Some(call.keys.wall().saturating_sub(idle));
        } else if more && args.word("TIME") {
            claim.time = Some(int(args.want()?, error::XCLAIM_TIME)?);
        } else if more && args.word("RETRYCOUNT") {
            claim.count = u64::try_from(int(args.want()?, error::XCLAIM_RETRYCOUNT)?).ok();
        } else if more && args.word("LASTID") {
            claim.last_id = parse_id(args.want()?)?;
        } else {
            return Err(error::unknown_claim_option(args.want()?));
        }
    }
    Ok((ids, claim))
}

fn xclaim(call: &mut Call<'_>) -> Outcome {
    let (key, name, consumer, now) = (call.args[1], call.args[2], call.args[3], call.keys.wall());
    let options = xclaim_options(call);
    let refusal = || error::no_key_or_group(key, name);
    let propagates = call.keys.propagates();
    let mut stream = open_group(&mut call.keys, key, name)?.ok_or_else(refusal)?;
    let (ids, claim) = options?;
    if ids.len() > MANY {
        drop(stream);
        let protocol = call.reply.protocol();
        let (name, consumer) = (name.into(), consumer.into());
        let entries = Entries::Named(ids, claim);
        return revise(call, ClaimMany { name, consumer, entries, now, propagates, protocol });
    }
    let (log, group) = stream.group_mut(name).ok_or_else(refusal)?;
    let claimed = group.claim(log, consumer, &ids, &claim, now);
    write_claimed(call.reply, &claimed.entries, claim.just_id);
    let told = ClaimTold::of_claim(&claimed, consumer, propagates);
    let state = (group.last_id(), group.entries_read());
    drop(stream);
    told.say(call, state);
    DONE
}

fn xautoclaim_options(call: &Call<'_>) -> Result<AutoClaim, Error> {
    let min_idle = parse_i64(call.args[4]).ok_or(error::XAUTOCLAIM_MIN_IDLE)?;
    let start = parse_start(call.args[5])?;
    let (mut count, mut just_id) = (DEFAULT_COUNT, false);
    let mut args = call.args_from(6);
    while !args.is_empty() {
        if args.len() > 1 && args.word("COUNT") {
            let valid = |count: &i64| (1..=MAX_COUNT).contains(count);
            count = parse_i64(args.want()?).filter(valid).ok_or(error::XAUTOCLAIM_COUNT)?;
        } else if args.word("JUSTID") {
            just_id = true;
        } else {
            return Err(error::SYNTAX);
        }
    }
    Ok(AutoClaim { min_idle, start, limit: count as usize, just_id })
}

fn xautoclaim(call: &mut Call<'_>) -> Outcome {
    let (key, name, consumer, now) = (call.args[1], call.args[2], call.args[3], call.keys.wall());
    let claim = xautoclaim_options(call).inspect_err(|_| {
        // The look-up comes first and counts.
        call.keys.exists(key, Access::Ask);
    })?;
    let refusal = || error::no_key_or_group(key, name);
    let propagates = call.keys.propagates();
    let mut stream = open_group(&mut call.keys, key, name)?.ok_or_else(refusal)?;
    if claim.limit as i64 >= HOPELESS_COUNT {
        return Err(error::XAUTOCLAIM_NO_MEMORY);
    }
    let pending = stream.group(name).map_or(0, Group::pending_count);
    if claim.limit > AT_ONCE_MAX && pending > AT_ONCE_MAX {
        drop(stream);
        let protocol = call.reply.protocol();
        let (name, consumer) = (name.into(), consumer.into());
        let entries = Entries::Idle(claim);
        return revise(call, ClaimMany { name, consumer, entries, now, propagates, protocol });
    }
    let (log, group) = stream.group_mut(name).ok_or_else(refusal)?;
    let claimed = group.auto_claim(log, consumer, &claim, now);
    write_auto_claimed(call.reply, &claimed, claim.just_id);
    let told = ClaimTold::of(&claimed, consumer, propagates);
    let state = (group.last_id(), group.entries_read());
    drop(stream);
    told.say(call, state);
    DONE
}

/// How many entries change hands while the stream is locked.
const AT_ONCE_MAX: usize = 1000;

/// What the rest of the server is told of entries that changed hands.
struct ClaimTold {
    changes: u64,
    consumer_created: bool,
    journal: Option<Deliveries>,
}

impl ClaimTold {
    fn of_claim(claimed: &Claimed<'_>, consumer: &[u8], propagates: bool) -> ClaimTold {
        let created = claimed.consumer_created;
        // The group's new last ID is told along with each entry.
        let raised = claimed.last_id_raised && claimed.entries.is_empty();
        ClaimTold {
            changes: claimed.entries.len() as u64 + u64::from(raised),
            consumer_created: created,
            journal: propagates.then(|| Deliveries::new(consumer, created, &claimed.entries, raised)),
        }
    }

    fn of(claimed: &AutoClaimed<'_>, consumer: &[u8], propagates: bool) -> ClaimTold {
        let created = claimed.consumer_created;
        ClaimTold {
            changes: claimed.entries.len() as u64,
            consumer_created: created,
            journal: propagates.then(|| Deliveries::new(consumer, created, &claimed.entries, false)),
        }
    }

    /// Says so; `state` is the group's last ID and how many entries it has read.
    fn say(self, call: &mut Call<'_>, state: (StreamId, Option<i64>)) {
        let (key, name) = (call.args[1], call.args[2]);
        call.keys.effects.dirty += self.changes;
        consumer_created(call, key, self.consumer_created);
        if let Some(journal) = self.journal {
            journal.propagate(&mut call.keys, key, name, state);
        }
    }
}

/// XCLAIM or XAUTOCLAIM of many entries.
struct ClaimMany {
    name: Box<[u8]>,
    consumer: Box<[u8]>,
    entries: Entries,
    now: i64,
    propagates: bool,
    protocol: Protocol,
}

/// Which entries change hands.
enum Entries {
    /// Those of XCLAIM.
    Named(Vec<StreamId>, Claim),
    /// Those of XAUTOCLAIM.
    Idle(AutoClaim),
}

impl Revision for ClaimMany {
    type Content = Stream;
    /// The reply, what is to be told, and the state of the group; none if it is gone.
    type Told = Option<(Reply, ClaimTold, (StreamId, Option<i64>))>;

    fn revise(&self, stream: &mut Stream) -> Self::Told {
        let (log, group) = stream.group_mut(&self.name)?;
        let mut reply = Reply::new(self.protocol);
        let told = match &self.entries {
            Entries::Named(ids, claim) => {
                let claimed = group.claim(log, &self.consumer, ids, claim, self.now);
                write_claimed(&mut reply, &claimed.entries, claim.just_id);
                ClaimTold::of_claim(&claimed, &self.consumer, self.propagates)
            }
            Entries::Idle(claim) => {
                let claimed = group.auto_claim(log, &self.consumer, claim, self.now);
                write_auto_claimed(&mut reply, &claimed, claim.just_id);
                ClaimTold::of(&claimed, &self.consumer, self.propagates)
            }
        };
        Some((reply, told, (group.last_id(), group.entries_read())))
    }

    fn tell(self, call: &mut Call<'_>, told: Option<Self::Told>) -> Outcome {
        let refusal = || error::no_key_or_group(call.args[1], &self.name);
        let (claimed, told, state) = told.flatten().ok_or_else(refusal)?;
        told.say(call, state);
        Ok(Next::Later(Box::new(move |reply| reply.raw(claimed.as_bytes()))))
    }
}

fn write_auto_claimed(reply: &mut Reply, claimed: &AutoClaimed<'_>, just_id: bool) {
    reply.array(3);
    write_id(reply, claimed.next);
    write_claimed(reply, &claimed.entries, just_id);
    let gone = || claimed.entries.iter().filter(|claimed| claimed.entry.is_none());
    reply.array(gone().count());
    gone().for_each(|claimed| write_id(reply, claimed.id));
}

/// Writes the entries that changed hands; those that are gone are passed over.
fn write_claimed(reply: &mut Reply, claimed: &[ClaimedEntry<'_>], just_id: bool) {
    let array = reply.defer();
    let mut count = 0;
    for entry in claimed.iter().filter_map(|claimed| claimed.entry.as_ref()) {
        match just_id {
            true => write_id(reply, entry.id()),
            false => write_entry(reply, entry),
        }
        count += 1;
    }
    reply.finish_array(array, count);
}
