//! XCLAIM and XAUTOCLAIM.

use std::borrow::Cow;

use crate::base::num::parse_i64;
use crate::command::row::*;
use crate::command::{Error, error};
use crate::keyspace::Access;
use crate::resp::{Protocol, Reply};
use crate::types::stream::id::parse_strict;
use crate::types::stream::{AutoClaim, AutoClaimed, Claim, ClaimedEntry, Group, Stream, StreamId};

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
    let (key, name) = (call.args[1], call.args[2]);
    let (options, recipient) = (xclaim_options(call), Recipient::of(call));
    let refusal = || error::no_key_or_group(key, name);
    let mut stream = open_group(&mut call.keys, key, name)?.ok_or_else(refusal)?;
    let (ids, claim) = options?;
    let many = ids.len() > MANY;
    let entries = Entries::Named(ids, claim);
    if many {
        drop(stream);
        return revise(call, ClaimMany::new(call, recipient, entries));
    }
    let news = recipient.take(&entries, &mut stream, call.reply).ok_or_else(refusal)?;
    drop(stream);
    news.say(call);
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
    let (key, name, recipient) = (call.args[1], call.args[2], Recipient::of(call));
    let claim = xautoclaim_options(call).inspect_err(|_| {
        // The look-up comes first and counts.
        call.keys.exists(key, Access::Ask);
    })?;
    let refusal = || error::no_key_or_group(key, name);
    let mut stream = open_group(&mut call.keys, key, name)?.ok_or_else(refusal)?;
    if claim.limit as i64 >= HOPELESS_COUNT {
        return Err(error::XAUTOCLAIM_NO_MEMORY);
    }
    let pending = stream.group(name).map_or(0, Group::pending_count);
    let many = claim.limit > AT_ONCE_MAX && pending > AT_ONCE_MAX;
    let entries = Entries::Idle(claim);
    if many {
        drop(stream);
        return revise(call, ClaimMany::new(call, recipient, entries));
    }
    let news = recipient.take(&entries, &mut stream, call.reply).ok_or_else(refusal)?;
    drop(stream);
    news.say(call);
    DONE
}

/// How many entries change hands while the stream is locked.
const AT_ONCE_MAX: usize = 1000;

/// Which entries change hands.
enum Entries {
    /// Those of XCLAIM.
    Named(Vec<StreamId>, Claim),
    /// Those of XAUTOCLAIM.
    Idle(AutoClaim),
}

/// The consumer that entries are given to.
struct Recipient<'a> {
    group: Cow<'a, [u8]>,
    consumer: Cow<'a, [u8]>,
    /// In Unix ms.
    now: i64,
    propagates: bool,
}

impl<'a> Recipient<'a> {
    fn of(call: &Call<'a>) -> Recipient<'a> {
        Recipient {
            group: call.args[2].into(),
            consumer: call.args[3].into(),
            now: call.keys.wall(),
            propagates: call.keys.propagates(),
        }
    }

    fn into_owned(self) -> Recipient<'static> {
        Recipient {
            group: self.group.into_owned().into(),
            consumer: self.consumer.into_owned().into(),
            ..self
        }
    }

    /// Gives it entries and answers them; none if there is no such group.
    fn take(&self, entries: &Entries, stream: &mut Stream, reply: &mut Reply) -> Option<News> {
        let (log, group) = stream.group_mut(&self.group)?;
        let (entries, consumer_created, raised) = match entries {
            Entries::Named(ids, claim) => {
                let claimed = group.claim(log, &self.consumer, ids, claim, self.now);
                write_claimed(reply, &claimed.entries, claim.just_id);
                // The group's new last ID is told along with each entry.
                let raised = claimed.last_id_raised && claimed.entries.is_empty();
                (claimed.entries, claimed.consumer_created, raised)
            }
            Entries::Idle(claim) => {
                let claimed = group.auto_claim(log, &self.consumer, claim, self.now);
                write_auto_claimed(reply, &claimed, claim.just_id);
                (claimed.entries, claimed.consumer_created, false)
            }
        };
        let consumer = (&*self.consumer, consumer_created);
        let journal = || Deliveries::claimed(group, consumer, &entries, raised);
        Some(News {
            changes: entries.len() as u64 + u64::from(raised),
            consumer_created,
            journal: self.propagates.then(journal),
        })
    }
}

/// What the rest of the server is told of entries that changed hands.
struct News {
    changes: u64,
    consumer_created: bool,
    journal: Option<Deliveries>,
}

impl News {
    fn say(self, call: &mut Call<'_>) {
        let (key, name) = (call.args[1], call.args[2]);
        call.keys.effects.dirty += self.changes;
        consumer_created(call, key, self.consumer_created);
        if let Some(journal) = self.journal {
            journal.propagate(&mut call.keys, key, name);
        }
    }
}

/// XCLAIM or XAUTOCLAIM of many entries.
struct ClaimMany {
    recipient: Recipient<'static>,
    entries: Entries,
    protocol: Protocol,
}

impl ClaimMany {
    fn new(call: &Call<'_>, recipient: Recipient<'_>, entries: Entries) -> ClaimMany {
        ClaimMany { recipient: recipient.into_owned(), entries, protocol: call.reply.protocol() }
    }
}

impl Revision for ClaimMany {
    type Content = Stream;
    /// The reply and what is to be told; none if the group is gone.
    type Told = Option<(Reply, News)>;

    fn revise(&self, stream: &mut Stream) -> Self::Told {
        let mut reply = Reply::new(self.protocol);
        let told = self.recipient.take(&self.entries, stream, &mut reply)?;
        Some((reply, told))
    }

    fn tell(self, call: &mut Call<'_>, told: Option<Self::Told>) -> Outcome {
        let refusal = || error::no_key_or_group(call.args[1], &self.recipient.group);
        let (claimed, told) = told.flatten().ok_or_else(refusal)?;
        told.say(call);
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
