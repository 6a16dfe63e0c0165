//! XINFO: what a stream, its groups and their consumers are made of.

use crate::command::row::*;
use crate::command::{Error, args, error};
use crate::keyspace::{Ref, View};
use crate::resp::Reply;
use crate::types::stream::{Consumer, Entry, Group, Log, Stream, StreamId};

use super::super::{Call, Command, DONE, Next, Outcome, help};
use super::{GROUP, row, write_entries, write_entry, write_id};

const KEY: &[KeySpec] = &[KeySpec::at(2, &[RO, ACCESS])];

pub(super) const XINFO: Command = Command::container(
    Spec::new("xinfo", -2).doc(GROUP, "5.0.0", "Depends on subcommand.", "Tells about streams."),
    &[
        Command::new(
            row("xinfo|stream", -3, &[READONLY], KEY)
                .doc(
                    GROUP,
                    "5.0.0",
                    "O(1); with FULL O(N) with N being the number of entries and pending entries returned",
                    "Tells about a stream.",
                )
                .syntax("key [full-block:(FULL [COUNT count:integer])]"),
            stream,
        ),
        Command::new(
            row("xinfo|groups", 3, &[READONLY], KEY)
                .doc(
                    GROUP,
                    "5.0.0",
                    "O(N) with N being the number of groups",
                    "Tells about the consumer groups of a stream.",
                )
                .syntax("key"),
            groups,
        ),
        Command::new(
            row("xinfo|consumers", 4, &[READONLY], KEY)
                .tips(&["nondeterministic_output"])
                .doc(
                    GROUP,
                    "5.0.0",
                    "O(N) with N being the number of consumers",
                    "Tells about the consumers of a consumer group.",
                )
                .syntax("key group"),
            consumers,
        ),
        Command::new(help::row("xinfo|help", GROUP, "5.0.0").categories(&[Categories::STREAM]), answer_help),
    ],
);

fn answer_help(call: &mut Call<'_>) -> Outcome {
    help::answer(
        call,
        &[
            ("CONSUMERS <key> <groupname>", "Show consumers of <groupname>."),
            ("GROUPS <key>", "Show the stream consumer groups."),
            ("STREAM <key> [FULL [COUNT <count>]", "Show information about the stream."),
        ],
    )
}

fn existing<'v>(keys: &'v mut View<'_>, key: &[u8]) -> Result<Ref<'v, Stream>, Error> {
    keys.read::<Stream>(key)?.ok_or(error::NO_SUCH_KEY)
}

fn groups(call: &mut Call<'_>) -> Outcome {
    let stream = existing(&mut call.keys, call.args[2])?;
    let reply = &mut *call.reply;
    reply.array(stream.group_count());
    for (name, group) in stream.groups() {
        reply.map(6);
        reply.bulk(b"name");
        reply.bulk(name);
        int(reply, "consumers", group.consumer_count());
        int(reply, "pending", group.pending_count());
        id(reply, "last-delivered-id", group.last_id());
        write_progress(reply, group, stream.log());
    }
    DONE
}

fn consumers(call: &mut Call<'_>) -> Outcome {
    let (key, name, now) = (call.args[2], call.args[3], call.keys.now());
    let stream = existing(&mut call.keys, key)?;
    let group = stream.group(name).ok_or_else(|| error::no_group(key, name))?;
    let reply = &mut *call.reply;
    reply.array(group.consumer_count());
    for consumer in group.consumers() {
        reply.map(4);
        reply.bulk(b"name");
        reply.bulk(consumer.name());
        int(reply, "pending", consumer.pending_count());
        reply.bulk(b"idle");
        reply.int(now.saturating_sub(consumer.seen_time()).max(0));
        reply.bulk(b"inactive");
        reply.int(consumer.active_time().map_or(-1, |active| now.saturating_sub(active)));
    }
    DONE
}

/// How much of each list FULL shows; none if FULL isn't asked for.
fn full(call: &Call<'_>) -> Result<Option<usize>, Error> {
    const DEFAULT: usize = 10;
    let mut args = call.args_from(3);
    let most = match args.len() {
        0 => return Ok(None),
        1 if args.word("FULL") => DEFAULT,
        3 if args.word("FULL") && args.word("COUNT") => match args::int(args.want()?)? {
            0 => usize::MAX,
            count => usize::try_from(count).unwrap_or(DEFAULT),
        },
        _ => return Err(error::subcommand_syntax(call.args)),
    };
    Ok(Some(most))
}

fn stream(call: &mut Call<'_>) -> Outcome {
    let full = full(call);
    let may_put_off = call.may_put_off();
    let stream = existing(&mut call.keys, call.args[2])?;
    match full? {
        None => write_overview(call.reply, &stream),
        Some(usize::MAX) if may_put_off && stream.is_large() => {
            let stream = stream.to_owned();
            return Ok(Next::Later(Box::new(move |reply| write_full(reply, &stream, usize::MAX))));
        }
        Some(most) => write_full(call.reply, &stream, most),
    }
    DONE
}

fn write_overview(reply: &mut Reply, stream: &Stream) {
    reply.map(10);
    write_log(reply, stream.log());
    int(reply, "groups", stream.group_count());
    let mut edge = |name: &str, entry: Option<Entry<'_>>| {
        reply.bulk(name.as_bytes());
        match entry {
            Some(entry) => write_entry(reply, &entry),
            None => reply.null(),
        }
    };
    edge("first-entry", stream.log().first());
    edge("last-entry", stream.log().last());
}

fn write_full(reply: &mut Reply, stream: &Stream, most: usize) {
    reply.map(9);
    write_log(reply, stream.log());
    reply.bulk(b"entries");
    write_entries(reply, stream.log().range(StreamId::MIN, StreamId::MAX).take(most));
    reply.bulk(b"groups");
    reply.array(stream.group_count());
    for (name, group) in stream.groups() {
        reply.map(7);
        reply.bulk(b"name");
        reply.bulk(name);
        id(reply, "last-delivered-id", group.last_id());
        write_progress(reply, group, stream.log());
        int(reply, "pel-count", group.pending_count());
        reply.bulk(b"pending");
        reply.array(group.pending_count().min(most));
        for entry in group.pending(StreamId::MIN, StreamId::MAX).take(most) {
            reply.array(4);
            write_id(reply, entry.id);
            reply.bulk(entry.consumer);
            reply.int(entry.time);
            reply.int(entry.count as i64);
        }
        reply.bulk(b"consumers");
        reply.array(group.consumer_count());
        group.consumers().for_each(|consumer| write_consumer(reply, group, consumer, most));
    }
}

fn write_consumer(reply: &mut Reply, group: &Group, consumer: &Consumer, most: usize) {
    reply.map(5);
    reply.bulk(b"name");
    reply.bulk(consumer.name());
    reply.bulk(b"seen-time");
    reply.int(consumer.seen_time());
    reply.bulk(b"active-time");
    reply.int(consumer.active_time().unwrap_or(-1));
    int(reply, "pel-count", consumer.pending_count());
    reply.bulk(b"pending");
    reply.array(consumer.pending_count().min(most));
    for entry in group.pending_of(consumer, StreamId::MIN, StreamId::MAX).take(most) {
        reply.array(3);
        write_id(reply, entry.id);
        reply.int(entry.time);
        reply.int(entry.count as i64);
    }
}

/// Writes the seven pairs that both forms of XINFO STREAM begin with.
fn write_log(reply: &mut Reply, log: &Log) {
    int(reply, "length", log.len() as usize);
    int(reply, "radix-tree-keys", log.chunk_count());
    // There is no radix tree; one of so many keys with little in common has about one node more.
    int(reply, "radix-tree-nodes", log.chunk_count() + 1);
    let counters = log.counters();
    id(reply, "last-generated-id", counters.last_id);
    id(reply, "max-deleted-entry-id", counters.max_deleted_id);
    int(reply, "entries-added", counters.entries_added as usize);
    id(reply, "recorded-first-entry-id", counters.first_id);
}

/// Writes how far a group has come, where that is known.
fn write_progress(reply: &mut Reply, group: &Group, log: &Log) {
    for (name, count) in [("entries-read", group.entries_read()), ("lag", group.lag(log))] {
        reply.bulk(name.as_bytes());
        match count {
            Some(count) => reply.int(count),
            None => reply.null(),
        }
    }
}

fn int(reply: &mut Reply, name: &str, value: usize) {
    reply.bulk(name.as_bytes());
    reply.int(value as i64);
}

fn id(reply: &mut Reply, name: &str, value: StreamId) {
    reply.bulk(name.as_bytes());
    write_id(reply, value);
}
