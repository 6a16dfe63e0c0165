//! XREAD and XREADGROUP.
//!
//! A client that waits has its request run again whenever one of its streams is signalled. `$` would mean
//! another ID then, so the request that is kept has the ID instead.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::client::OwnedRequest;
use crate::command::keys::InvalidKeys;
use crate::command::row::*;
use crate::command::{Args, Error, args, error};
use crate::keyspace::{Access, Type};
use crate::resp::{Protocol, Reply};
use crate::types::stream::{History, Log, Stream, StreamId};

use super::super::blocking::deadline_ms;
use super::super::revise::{Revision, revise};
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
    let names = request.group.ok_or(error::XREADGROUP_WITHOUT_GROUP)?;
    let after = resolve(call, &request)?;
    if let ([key], [after]) = (request.keys, &after[..]) {
        let reading = Reading::new(call, &request, names, key, *after);
        if call.may_put_off() && is_heavy(call, key, &reading)? {
            // It is looked up once more, which counts.
            call.keys.exists(key, Access::Ask);
            let (reading, protocol) = (reading.into_owned(), call.reply.protocol());
            return revise(call, ReadMany { reading, deadline: request.deadline, protocol });
        }
    }
    let begin = call.reply.len();
    let streams = call.reply.defer();
    let mut served = 0;
    for (&key, &after) in request.keys.iter().zip(&after) {
        let reading = Reading::new(call, &request, names, key, after);
        served += usize::from(serve(call, &reading)?);
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

/// What a consumer asks of one stream.
struct Reading<'a> {
    key: Cow<'a, [u8]>,
    group: Cow<'a, [u8]>,
    consumer: Cow<'a, [u8]>,
    after: StreamId,
    count: Option<usize>,
    no_ack: bool,
    now: i64,
    propagates: bool,
}

/// What the rest of the server is told of it.
struct Handed {
    /// Whether there is an answer for the stream.
    answered: bool,
    consumer_created: bool,
    changes: u64,
    journal: Option<Deliveries>,
    /// The group's last ID and how many entries it has read.
    state: (StreamId, Option<i64>),
}

impl<'a> Reading<'a> {
    fn new(
        call: &Call<'_>,
        request: &Request<'a>,
        (group, consumer): (&'a [u8], &'a [u8]),
        key: &'a [u8],
        after: StreamId,
    ) -> Reading<'a> {
        Reading {
            key: key.into(),
            group: group.into(),
            consumer: consumer.into(),
            after,
            count: request.count,
            no_ack: request.no_ack,
            now: call.keys.wall(),
            propagates: call.keys.propagates(),
        }
    }

    fn into_owned(self) -> Reading<'static> {
        Reading {
            key: self.key.into_owned().into(),
            group: self.group.into_owned().into(),
            consumer: self.consumer.into_owned().into(),
            ..self
        }
    }

    /// Whether so many entries are handed out that it shouldn't happen under a lock.
    fn has_many(&self, stream: &Stream) -> bool {
        let Some(group) = stream.group(&self.group) else { return false };
        match self.after.next() {
            None => group.last_id().next().is_some_and(|start| has_many(stream.log(), start)),
            Some(start) => {
                let consumer = group.consumer(&self.consumer);
                consumer.is_some_and(|consumer| group.pending_of(consumer, start, NEW).nth(FEW).is_some())
            }
        }
    }

    /// Hands entries to the consumer and writes them; none if there is no such group.
    fn hand(&self, stream: &mut Stream, reply: &mut Reply) -> Option<Handed> {
        let (log, group) = stream.group_mut(&self.group)?;
        let (created, answered);
        let (mut given, mut changes) = (Vec::new(), 0);
        // Nothing lies behind the last ID, which means `>`.
        let start = self.after.next();
        match start {
            None => {
                let read = group.read_new(log, &self.consumer, self.count, self.no_ack, self.now);
                if let Some((first, last)) = read.span {
                    begin_stream(reply, &self.key);
                    write_entries(reply, log.range(first, last));
                    if self.propagates && !self.no_ack {
                        given.extend(log.range(first, last).map(|entry| entry.id()));
                    }
                    changes = 1;
                }
                (created, answered) = (read.consumer_created, read.span.is_some());
            }
            Some(start) => {
                let history = group.read_history(log, &self.consumer, start, self.count, self.now);
                begin_stream(reply, &self.key);
                write_history(reply, &history);
                (created, answered) = (history.consumer_created, true);
            }
        }
        let moved = start.is_none() && answered;
        let journal =
            self.propagates.then(|| Deliveries::given(&self.consumer, created, given, self.now, moved));
        let state = (group.last_id(), group.entries_read());
        Some(Handed { answered, consumer_created: created, changes, journal, state })
    }
}

impl Handed {
    fn say(self, call: &mut Call<'_>, reading: &Reading<'_>) {
        call.keys.effects.dirty += self.changes;
        consumer_created(call, &reading.key, self.consumer_created);
        if let Some(journal) = self.journal {
            journal.propagate(&mut call.keys, &reading.key, &reading.group, self.state);
        }
    }
}

fn is_heavy(call: &mut Call<'_>, key: &[u8], reading: &Reading<'_>) -> Result<bool, Error> {
    if reading.count.is_some_and(|count| count <= FEW) {
        return Ok(false);
    }
    let stream = call.keys.write::<Stream>(key)?;
    Ok(stream.is_some_and(|stream| reading.has_many(&stream)))
}

/// Hands entries of one stream to a consumer; tells whether there was an answer for it.
fn serve(call: &mut Call<'_>, reading: &Reading<'_>) -> Result<bool, Error> {
    let Some(mut stream) = open_group(&mut call.keys, &reading.key, &reading.group)? else {
        return Ok(false);
    };
    let Some(handed) = reading.hand(&mut stream, call.reply) else { return Ok(false) };
    drop(stream);
    let answered = handed.answered;
    handed.say(call, reading);
    Ok(answered)
}

/// XREADGROUP of many entries of one stream.
struct ReadMany {
    reading: Reading<'static>,
    /// As in [`Request`].
    deadline: Option<Option<i64>>,
    protocol: Protocol,
}

impl Revision for ReadMany {
    type Content = Stream;
    /// The reply and what is to be told; none if the group is gone.
    type Told = Option<(Reply, Handed)>;

    fn key_at(&self, args: &[&[u8]]) -> usize {
        // One key and one ID are the end of the request.
        args.len() - 2
    }

    fn is_heavy(&self, _: &Stream) -> bool {
        true
    }

    fn revise(&self, stream: &mut Stream) -> Self::Told {
        let mut reply = Reply::new(self.protocol);
        match reply.is_resp3() {
            true => reply.map(1),
            false => reply.array(1),
        }
        let handed = self.reading.hand(stream, &mut reply)?;
        Some((reply, handed))
    }

    fn tell(self, call: &mut Call<'_>, told: Option<Self::Told>) -> Outcome {
        let refusal = || error::no_group_to_read(&self.reading.key, &self.reading.group);
        let (answer, handed) = told.flatten().ok_or_else(refusal)?;
        let answered = handed.answered;
        handed.say(call, &self.reading);
        if !answered {
            // Somebody else was given all of it meanwhile.
            let request = Request { deadline: self.deadline, ..Request::parse(call, true)? };
            return request.wait(call, None);
        }
        Ok(Next::Later(Box::new(move |reply| reply.raw(answer.as_bytes()))))
    }
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
