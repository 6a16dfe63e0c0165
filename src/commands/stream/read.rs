//! XREAD, and what it shares with XREADGROUP: how a request reads and how a client waits.
//!
//! A client that waits has its request run again whenever one of its streams is signalled. `$` would mean
//! another ID then, so the request that is kept has the ID instead.

use smallvec::SmallVec;

use crate::client::OwnedRequest;
use crate::command::keys::InvalidKeys;
use crate::command::row::*;
use crate::command::{Args, Error, args, error};
use crate::keyspace::Type;
use crate::resp::{Deferred, Reply};
use crate::types::stream::{Log, Stream, StreamId};

use super::super::blocking::deadline_ms;
use super::super::{Block, Call, Command, DONE, Next, Outcome};
use super::{FEW, GROUP, parse_id, row, write_entries};

/// The keys are the first half of what stands behind STREAMS.
pub(super) const HALF: Find = Find::Range { last: -1, step: 1, limit: 2 };

pub(super) const XREAD: Command = Command::new(
    row(
        "xread",
        -4,
        &[READONLY, BLOCKING, MOVABLEKEYS],
        &[KeySpec::behind("STREAMS", 1, HALF, &[RO, ACCESS])],
    )
    .doc(
        GROUP,
        "5.0.0",
        "O(log(N)+M) for each stream with N being its entries and M the number returned",
        "Returns what was added to streams behind the given IDs, waiting for it if need be.",
    )
    .syntax("[COUNT count:integer] [BLOCK milliseconds:integer] STREAMS streams:(key* id*)"),
    xread,
)
.find_keys(find_keys);

/// Steps over options to STREAMS, whatever their values: a group, a consumer and a key may have that name too.
pub(super) fn find_keys(args: &[&[u8]]) -> Result<Vec<usize>, InvalidKeys> {
    let mut rest = Args::new(&args[1..]);
    loop {
        let values = if rest.word("BLOCK") || rest.word("COUNT") {
            1
        } else if rest.word("GROUP") {
            2
        } else if rest.word("NOACK") {
            0
        } else {
            break;
        };
        for _ in 0..values {
            rest.take();
        }
    }
    if !rest.word("STREAMS") || rest.is_empty() || !rest.len().is_multiple_of(2) {
        return Err(InvalidKeys);
    }
    let first = args.len() - rest.len();
    Ok((first..first + rest.len() / 2).collect())
}

/// What both commands are told.
#[derive(Default)]
pub(super) struct Request<'a> {
    /// `None` if the client doesn't wait; the inner one if it waits for ever.
    pub deadline: Option<Option<i64>>,
    pub count: Option<usize>,
    pub no_ack: bool,
    /// The group and the consumer.
    pub group: Option<(&'a [u8], &'a [u8])>,
    pub keys: &'a [&'a [u8]],
    /// As many as keys.
    pub ids: &'a [&'a [u8]],
}

impl<'a> Request<'a> {
    pub fn parse(call: &Call<'a>, groups: bool) -> Result<Request<'a>, Error> {
        let mut request = Request::default();
        let mut args = call.args_from(1);
        while request.keys.is_empty() {
            let more = args.len().saturating_sub(1);
            if more > 0 && args.word("BLOCK") {
                request.deadline = Some(deadline_ms(args.want()?, call.keys.wall())?);
            } else if more > 0 && args.word("COUNT") {
                request.count = usize::try_from(args::int(args.want()?)?).ok().filter(|&count| count > 0);
            } else if more > 0 && args.word("STREAMS") {
                if !args.len().is_multiple_of(2) {
                    let special = if groups { '>' } else { '$' };
                    return Err(error::unbalanced_streams(call.spec.name, special));
                }
                (request.keys, request.ids) = args.rest().split_at(args.len() / 2);
            } else if more > 1 && args.word("GROUP") {
                if !groups {
                    return Err(error::XREAD_GROUP);
                }
                request.group = Some((args.want()?, args.want()?));
            } else if args.word("NOACK") {
                if !groups {
                    return Err(error::XREAD_NOACK);
                }
                request.no_ack = true;
            } else {
                return Err(error::SYNTAX);
            }
        }
        Ok(request)
    }

    /// Nothing is there: the client waits, if it asked to.
    pub fn wait(&self, call: &mut Call<'_>, again: Option<OwnedRequest>) -> Outcome {
        let Some(deadline) = self.deadline else {
            call.reply.null_array();
            return DONE;
        };
        let wakes_on_loss = self.group.is_some();
        call.block(Block { wakes_on_loss, again, ..Block::new(self.keys, deadline, Type::Stream) })
    }
}

fn xread(call: &mut Call<'_>) -> Outcome {
    let request = Request::parse(call, false)?;
    let after = resolve(call, &request)?;
    let most = request.count.unwrap_or(usize::MAX);
    let mut found: SmallVec<[(usize, StreamId, Log); 1]> = SmallVec::new();
    for (at, &after) in after.iter().enumerate() {
        let Some(stream) = call.keys.read::<Stream>(request.keys[at])? else { continue };
        let log = stream.log();
        if let (Some(start), true) = (after.next(), log.last().is_some_and(|last| last.id() > after)) {
            found.push((at, start, log.clone()));
        }
    }
    if found.is_empty() {
        let again = request.ids.contains(&&b"$"[..]).then(|| pin(call.args, request.ids, &after));
        return request.wait(call, again);
    }
    begin_streams(call.reply, found.len());
    if call.may_put_off() && most > FEW && found.iter().any(|(_, start, log)| has_many(log, *start)) {
        let found: Vec<_> =
            found.into_iter().map(|(at, start, log)| (request.keys[at].to_vec(), start, log)).collect();
        return Ok(Next::Later(Box::new(move |reply| {
            for (key, start, log) in found {
                begin_stream(reply, &key);
                write_entries(reply, log.range(start, StreamId::MAX).take(most));
            }
        })));
    }
    for (at, start, log) in found {
        begin_stream(call.reply, request.keys[at]);
        write_entries(call.reply, log.range(start, StreamId::MAX).take(most));
    }
    DONE
}

pub(super) fn has_many(log: &Log, start: StreamId) -> bool {
    log.len() > FEW as u64 && log.range(start, StreamId::MAX).nth(FEW).is_some()
}

/// What `>` stands for: an ID behind which nothing can be. Redis takes that ID for `>` too.
pub(super) const NEW: StreamId = StreamId::MAX;

pub(super) type Ids = SmallVec<[StreamId; 4]>;

/// The IDs behind which entries are wanted, as the streams are now.
pub(super) fn resolve(call: &mut Call<'_>, request: &Request<'_>) -> Result<Ids, Error> {
    let grouped = request.group.is_some();
    let mut resolved = Ids::new();
    for (&key, &id) in request.keys.iter().zip(request.ids) {
        let stream = call.keys.read::<Stream>(key)?;
        if let Some((group, _)) = request.group
            && stream.as_ref().is_none_or(|stream| stream.group(group).is_none())
        {
            return Err(error::no_group_to_read(key, group));
        }
        let last = stream.as_ref().map(|stream| stream.log().last_id());
        resolved.push(match id {
            b"$" if grouped => return Err(error::XREADGROUP_DOLLAR),
            b"+" if grouped => return Err(error::XREADGROUP_PLUS),
            b">" if !grouped => return Err(error::XREAD_NEW),
            b"$" => last.unwrap_or_default(),
            b"+" => last.map_or(Ok(StreamId::MIN), |last| last.prev().ok_or(error::XREAD_NO_LAST))?,
            b">" => NEW,
            id => parse_id(id)?,
        });
    }
    Ok(resolved)
}

/// The request with the IDs that `$` stands for now.
fn pin(args: &[&[u8]], ids: &[&[u8]], resolved: &[StreamId]) -> OwnedRequest {
    let texts: Vec<_> = resolved.iter().map(|id| id.text()).collect();
    let mut pinned = args.to_vec();
    let first = args.len() - ids.len();
    for ((arg, id), text) in pinned[first..].iter_mut().zip(ids).zip(&texts) {
        if *id == b"$" {
            *arg = text;
        }
    }
    OwnedRequest::new(&pinned)
}

/// Begins what so many streams gave: in RESP3 a map from their keys to their entries, in RESP2 an array of pairs.
pub(super) fn begin_streams(reply: &mut Reply, count: usize) {
    if reply.is_resp3() { reply.map(count) } else { reply.array(count) }
}

/// The same for what has been written since `begin`.
pub(super) fn finish_streams(reply: &mut Reply, begin: Deferred, count: usize) {
    if reply.is_resp3() { reply.finish_map(begin, count) } else { reply.finish_array(begin, count) }
}

/// Begins what one stream gave: its key, then, by the caller, its entries.
pub(super) fn begin_stream(reply: &mut Reply, key: &[u8]) {
    if !reply.is_resp3() {
        reply.array(2);
    }
    reply.bulk(key);
}
