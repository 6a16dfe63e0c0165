//! XREAD and XREADGROUP.
//!
//! A client that waits has its request run again whenever one of its streams is signalled. `$` would mean
//! another ID then, so the request that is kept has the ID instead.

use smallvec::SmallVec;

use crate::client::OwnedRequest;
use crate::command::keys::InvalidKeys;
use crate::command::row::*;
use crate::command::{Args, Error, args, error};
use crate::keyspace::Type;
use crate::resp::Reply;
use crate::types::stream::{History, Log, Stream, StreamId};

use super::super::blocking::deadline_ms;
use super::super::{Block, Call, Command, DONE, Next, Outcome};
use super::deliveries::Deliveries;
use super::{FEW, GROUP, consumer_created, open_group, parse_id, row, write_entries, write_entry, write_id};

/// The keys are the first half of what stands behind STREAMS.
const HALF: Find = Find::Range { last: -1, step: 1, limit: 2 };

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

pub(super) const XREADGROUP: Command = Command::new(
    row(
        "xreadgroup",
        -7,
        &[WRITE, BLOCKING, MOVABLEKEYS],
        &[KeySpec::behind("STREAMS", 4, HALF, &[RO, ACCESS])],
    )
    .doc(
        GROUP,
        "5.0.0",
        "O(M log(N)) for each stream with N being its entries and M the number returned",
        "Hands a consumer of a group new entries of streams, or once more those that it has; waits for new \
         ones if need be.",
    )
    .syntax(
        "GROUP group-block:(group consumer) [COUNT count:integer] [BLOCK milliseconds:integer] [NOACK] \
         STREAMS streams:(key* id*)",
    ),
    xreadgroup,
)
.find_keys(find_keys);

/// Steps over options to STREAMS, whatever their values: a group, a consumer and a key may have that name too.
fn find_keys(args: &[&[u8]]) -> Result<Vec<usize>, InvalidKeys> {
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
struct Request<'a> {
    /// `None` if the client doesn't wait; the inner one if it waits for ever.
    deadline: Option<Option<i64>>,
    count: Option<usize>,
    no_ack: bool,
    /// The group and the consumer.
    group: Option<(&'a [u8], &'a [u8])>,
    keys: &'a [&'a [u8]],
    /// As many as keys.
    ids: &'a [&'a [u8]],
}

impl<'a> Request<'a> {
    fn parse(call: &Call<'a>, groups: bool) -> Result<Request<'a>, Error> {
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
    fn wait(&self, call: &mut Call<'_>, again: Option<OwnedRequest>) -> Outcome {
        let Some(deadline) = self.deadline else {
            call.reply.null_array();
            return DONE;
        };
        call.block(Block {
            keys: self.keys.iter().map(|key| key.to_vec()).collect(),
            deadline,
            wants: Type::Stream,
            wakes_on_loss: self.group.is_some(),
            again,
            durable: None,
            timeout_reply: |reply| reply.null_array(),
        })
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
    match call.reply.is_resp3() {
        true => call.reply.map(found.len()),
        false => call.reply.array(found.len()),
    }
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

fn has_many(log: &Log, start: StreamId) -> bool {
    log.len() > FEW as u64 && log.range(start, StreamId::MAX).nth(FEW).is_some()
}

/// What `>` stands for: an ID behind which nothing can be. Redis takes that ID for `>` too.
const NEW: StreamId = StreamId::MAX;

type Ids = SmallVec<[StreamId; 4]>;

/// The IDs behind which entries are wanted, as the streams are now.
fn resolve(call: &mut Call<'_>, request: &Request<'_>) -> Result<Ids, Error> {
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

/// Begins what one stream gave: its key, then, by the caller, its entries.
fn begin_stream(reply: &mut Reply, key: &[u8]) {
    if !reply.is_resp3() {
        reply.array(2);
    }
    reply.bulk(key);
}

fn xreadgroup(call: &mut Call<'_>) -> Outcome {
    let request = Request::parse(call, true)?;
    let (group, consumer) = request.group.ok_or(error::XREADGROUP_WITHOUT_GROUP)?;
    let after = resolve(call, &request)?;
    let begin = call.reply.len();
    let streams = call.reply.defer();
    let mut served = 0;
    for (&key, &after) in request.keys.iter().zip(&after) {
        served += usize::from(serve(call, &request, key, (group, consumer), after)?);
    }
    if served == 0 {
        call.reply.truncate(begin);
        return request.wait(call, None);
    }
    match call.reply.is_resp3() {
        true => call.reply.finish_map(streams, served),
        false => call.reply.finish_array(streams, served),
    }
    DONE
}

/// Hands entries of one stream to a consumer; tells whether there was an answer for it.
fn serve(
    call: &mut Call<'_>,
    request: &Request<'_>,
    key: &[u8],
    (name, consumer): (&[u8], &[u8]),
    after: StreamId,
) -> Result<bool, Error> {
    let now = call.keys.wall();
    let propagates = call.keys.propagates();
    let Some(mut stream) = open_group(&mut call.keys, key, name)? else { return Ok(false) };
    let Some((log, group)) = stream.group_mut(name) else { return Ok(false) };
    let (created, changes, answered);
    let mut given = Vec::new();
    let moved = after.next().is_none();
    // Nothing lies behind the last ID, which means `>`.
    match after.next() {
        None => {
            let read = group.read_new(log, consumer, request.count, request.no_ack, now);
            if let Some((first, last)) = read.span {
                begin_stream(call.reply, key);
                write_entries(call.reply, log.range(first, last));
                if propagates && !request.no_ack {
                    given.extend(log.range(first, last).map(|entry| entry.id()));
                }
            }
            (created, changes, answered) =
                (read.consumer_created, read.span.is_some().into(), read.span.is_some());
        }
        Some(start) => {
            let history = group.read_history(log, consumer, start, request.count, now);
            begin_stream(call.reply, key);
            write_history(call.reply, &history);
            (created, changes, answered) = (history.consumer_created, 0, true);
        }
    }
    let state = (group.last_id(), group.entries_read());
    drop(stream);
    call.keys.effects.dirty += changes;
    consumer_created(call, key, created);
    if propagates {
        let moved = moved && answered;
        Deliveries::given(consumer, created, given, now, moved).propagate(&mut call.keys, key, name, state);
    }
    Ok(answered)
}

/// Writes entries that a consumer has; one that was deleted meanwhile has no fields.
fn write_history(reply: &mut Reply, history: &History<'_>) {
    reply.array(history.rows.len());
    for row in &history.rows {
        match &row.entry {
            Some(entry) => write_entry(reply, entry),
            None => {
                reply.array(2);
                write_id(reply, row.id);
                reply.null_array();
            }
        }
    }
}
