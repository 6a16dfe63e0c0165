//! XACK and XPENDING.

use crate::command::row::*;
use crate::command::{Error, args, error};
use crate::resp::Reply;
use crate::types::stream::{Group, Stream, StreamId};

use super::super::revise::{MANY, Revision, revise};
use super::super::{Call, Command, DONE, Next, Outcome};
use super::{FEW, GROUP, open_group, parse_end, parse_ids, parse_start, row, write_id};

pub(super) const XACK: Command = Command::new(
    row("xack", -4, &[WRITE, FAST], &[KeySpec::at(1, &[RW, UPDATE])])
        .doc(
            GROUP,
            "5.0.0",
            "O(log(N)) for each ID with N being the number of pending entries",
            "Confirms that a consumer group has worked entries off.",
        )
        .syntax("key group id*"),
    xack,
);

pub(super) const XPENDING: Command = Command::new(
    row("xpending", -3, &[READONLY], &[KeySpec::at(1, &[RO, ACCESS])])
        .tips(&["nondeterministic_output"])
        .doc(
            GROUP,
            "5.0.0",
            "O(log(N)+M) with N being the number of pending entries and M the number returned, or with IDLE \
             looked at; the summary is O(C) with C being the number of consumers",
            "Tells which entries a consumer group was given and hasn't confirmed.",
        )
        .syntax(
            "key group [filters:([IDLE min-idle-time:integer@6.2.0] start end count:integer [consumer])]",
        ),
    xpending,
);

fn xack(call: &mut Call<'_>) -> Outcome {
    let (key, name, ids) = (call.args[1], call.args[2], &call.args[3..]);
    if ids.len() > MANY && open_group(&mut call.keys, key, name)?.is_some() {
        return revise(call, AckMany { name: name.into(), ids: parse_ids(ids)? });
    }
    let mut acknowledged = 0;
    if let Some(mut stream) = open_group(&mut call.keys, key, name)? {
        let ids = parse_ids(ids)?;
        if let Some((_, group)) = stream.group_mut(name) {
            acknowledged = ids.into_iter().filter(|&id| group.ack(id)).count();
        }
    }
    call.keys.effects.dirty += acknowledged as u64;
    call.reply.int(acknowledged as i64);
    DONE
}

/// XACK of many entries.
struct AckMany {
    name: Box<[u8]>,
    ids: Vec<StreamId>,
}

impl Revision for AckMany {
    type Content = Stream;
    /// How many were pending.
    type Told = usize;

    fn revise(&self, stream: &mut Stream) -> usize {
        let Some((_, group)) = stream.group_mut(&self.name) else { return 0 };
        self.ids.iter().filter(|&&id| group.ack(id)).count()
    }

    fn tell(self, call: &mut Call<'_>, told: Option<usize>) -> Outcome {
        let acknowledged = told.unwrap_or_default();
        call.keys.effects.dirty += acknowledged as u64;
        call.reply.int(acknowledged as i64);
        DONE
    }
}

/// Which pending entries are listed.
#[derive(Clone, Copy)]
struct Query {
    min_idle: i64,
    start: StreamId,
    end: StreamId,
    count: usize,
}

/// A query and the consumer that it is about, if not all.
type Detail<'a> = (Query, Option<&'a [u8]>);

impl Query {
    /// Reads what stands behind the group; nothing there asks for the summary.
    fn parse<'a>(call: &Call<'a>) -> Result<Option<Detail<'a>>, Error> {
        let given = call.args.len();
        if given == 3 {
            return Ok(None);
        }
        if !(6..=9).contains(&given) {
            return Err(error::SYNTAX);
        }
        let mut args = call.args_from(3);
        let mut min_idle = 0;
        if args.word("IDLE") {
            min_idle = args.int()?;
            if given < 8 {
                return Err(error::SYNTAX);
            }
        }
        let (start, end) = (args.want()?, args.want()?);
        let count = args::int(args.want()?)?.max(0) as usize;
        let (start, end) = (parse_start(start)?, parse_end(end)?);
        Ok(Some((Query { min_idle, start, end, count }, args.take())))
    }

    /// About how many pending entries are looked at, at the most.
    fn work(self, group: &Group) -> usize {
        let pending = group.pending_count();
        if self.min_idle > 0 { pending } else { pending.min(self.count) }
    }
}

fn xpending(call: &mut Call<'_>) -> Outcome {
    let query = Query::parse(call)?;
    let (key, name, now) = (call.args[1], call.args[2], call.keys.now());
    let may_put_off = call.may_put_off();
    let stream = call.keys.read::<Stream>(key)?;
    let group = stream.as_ref().and_then(|stream| stream.group(name));
    let group = group.ok_or_else(|| error::no_key_or_group(key, name))?;
    match query {
        None => write_summary(call.reply, group),
        Some((query, consumer)) if may_put_off && query.work(group) > FEW => {
            let (group, consumer) = (group.clone(), consumer.map(<[u8]>::to_vec));
            return Ok(Next::Later(Box::new(move |reply| {
                write_pending(reply, &group, query, consumer.as_deref(), now);
            })));
        }
        Some((query, consumer)) => write_pending(call.reply, group, query, consumer, now),
    }
    DONE
}

fn write_summary(reply: &mut Reply, group: &Group) {
    reply.array(4);
    reply.int(group.pending_count() as i64);
    let Some((first, last)) = group.pending_span() else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    write_id(reply, first);
    write_id(reply, last);
    let array = reply.defer();
    let mut busy = 0;
    for consumer in group.consumers().filter(|consumer| consumer.pending_count() > 0) {
        reply.array(2);
        reply.bulk(consumer.name());
        reply.bulk_int(consumer.pending_count() as i64);
        busy += 1;
    }
    reply.finish_array(array, busy);
}

fn write_pending(reply: &mut Reply, group: &Group, query: Query, consumer: Option<&[u8]>, now: i64) {
    let listed = match consumer.map(|name| group.consumer(name)) {
        None => group.pending(query.start, query.end),
        Some(Some(consumer)) => group.pending_of(consumer, query.start, query.end),
        Some(None) => return reply.array(0),
    };
    let array = reply.defer();
    let mut count = 0;
    let idle_enough = listed.filter(|entry| query.min_idle == 0 || entry.idle(now) >= query.min_idle);
    for entry in idle_enough.take(query.count) {
        reply.array(4);
        write_id(reply, entry.id);
        reply.bulk(entry.consumer);
        reply.int(entry.idle(now).max(0));
        reply.int(entry.count as i64);
        count += 1;
    }
    reply.finish_array(array, count);
}
