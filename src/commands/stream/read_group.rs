//! XREADGROUP: handing entries of streams to a consumer of a group.

use std::borrow::Cow;

use crate::command::row::*;
use crate::command::{Error, error};
use crate::keyspace::{Access, WrongType};
use crate::resp::{Protocol, Reply};
use crate::types::stream::{History, Stream, StreamId};

use super::super::revise::{Revision, revise};
use super::super::{Call, Command, DONE, Next, Outcome};
use super::deliveries::Deliveries;
use super::read::{
    HALF, NEW, Request, begin_stream, begin_streams, find_keys, finish_streams, has_many, resolve,
};
use super::{FEW, GROUP, consumer_created, open_group, row, write_entries, write_entry, write_id};

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
    finish_streams(call.reply, streams, served);
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
        let consumer = (&*self.consumer, created);
        let journal = || Deliveries::given(group, consumer, given, self.now, moved);
        let journal = self.propagates.then(journal);
        Some(Handed { answered, consumer_created: created, changes, journal })
    }
}

impl Handed {
    fn say(self, call: &mut Call<'_>, reading: &Reading<'_>) {
        call.keys.effects.dirty += self.changes;
        consumer_created(call, &reading.key, self.consumer_created);
        if let Some(journal) = self.journal {
            journal.propagate(&mut call.keys, &reading.key, &reading.group);
        }
    }
}

fn is_heavy(call: &mut Call<'_>, key: &[u8], reading: &Reading<'_>) -> Result<bool, Error> {
    if reading.count.is_some_and(|count| count <= FEW) {
        return Ok(false);
    }
    let Some(entry) = call.keys.find(key, Access::Silent) else { return Ok(false) };
    let stream = entry.collection::<Stream>().ok_or(WrongType)?;
    Ok(reading.has_many(&stream))
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

    fn revise(&self, stream: &mut Stream) -> Self::Told {
        let mut reply = Reply::new(self.protocol);
        begin_streams(&mut reply, 1);
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
