//! SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE and their reverses.
//!
//! Each name is confirmed by a push of its own. Confirmations are no replies: CLIENT REPLY doesn't silence them.

use crate::acl::{Change, Channels};
use crate::client::ReplyMode;
use crate::command::error;
use crate::command::row::*;
use crate::pubsub::Kind;
use crate::resp::Reply;

use super::super::{Call, Command, DONE, Found, Outcome, permission};
use super::{GROUP, row};

pub(super) const SUBSCRIBE: Command = Command::new(
    row("subscribe", -2, FLAGS)
        .doc(
            GROUP,
            "2.0.0",
            "O(N) where N is the number of channels to subscribe to.",
            "Listens to messages of channels.",
        )
        .syntax("channel*"),
    |call| subscribe(call, Kind::Channel, "subscribe"),
)
.channels(Channels::Subscribed);

pub(super) const UNSUBSCRIBE: Command = Command::new(
    row("unsubscribe", -1, FLAGS)
        .doc(
            GROUP,
            "2.0.0",
            "O(N) where N is the number of channels to unsubscribe.",
            "Stops listening to channels.",
        )
        .syntax("[channel*]"),
    |call| unsubscribe(call, Kind::Channel, "unsubscribe"),
);

pub(super) const PSUBSCRIBE: Command = Command::new(
    row("psubscribe", -2, FLAGS)
        .doc(
            GROUP,
            "2.0.0",
            "O(N) where N is the number of patterns to subscribe to.",
            "Listens to messages of channels that match patterns.",
        )
        .syntax("pattern:pattern*"),
    |call| subscribe(call, Kind::Pattern, "psubscribe"),
)
.channels(Channels::Patterns);

pub(super) const PUNSUBSCRIBE: Command = Command::new(
    row("punsubscribe", -1, FLAGS)
        .doc(
            GROUP,
            "2.0.0",
            "O(N) where N is the number of patterns to unsubscribe.",
            "Stops listening to channels that match patterns.",
        )
        .syntax("[pattern:pattern*]"),
    |call| unsubscribe(call, Kind::Pattern, "punsubscribe"),
);

pub(super) const SSUBSCRIBE: Command = Command::new(
    row("ssubscribe", -2, FLAGS)
        .keys(SHARD_CHANNELS)
        .doc(
            GROUP,
            "7.0.0",
            "O(N) where N is the number of shard channels to subscribe to.",
            "Listens to messages of shard channels.",
        )
        .syntax("shardchannel*"),
    |call| subscribe(call, Kind::ShardChannel, "ssubscribe"),
)
.channels(Channels::Subscribed);

pub(super) const SUNSUBSCRIBE: Command = Command::new(
    row("sunsubscribe", -1, FLAGS)
        .keys(SHARD_CHANNELS)
        .doc(
            GROUP,
            "7.0.0",
            "O(N) where N is the number of shard channels to unsubscribe.",
            "Stops listening to shard channels.",
        )
        .syntax("[shardchannel*]"),
    |call| unsubscribe(call, Kind::ShardChannel, "sunsubscribe"),
);

const FLAGS: &[Flags] = &[PUBSUB, NOSCRIPT, LOADING, STALE, SUBSCRIBER];
const SHARD_CHANNELS: &[KeySpec] = &[KeySpec::range(1, -1, 1, &[NOT_KEY])];

fn subscribe(call: &mut Call<'_>, kind: Kind, word: &str) -> Outcome {
    if call.nested && kind == Kind::ShardChannel {
        return Err(error::SSUBSCRIBE_IN_TRANSACTION);
    }
    let Call { args, reply, session, server, .. } = call;
    session.subscriptions(&server.pubsub, |subscriptions| {
        for name in &args[1..] {
            confirm(reply, word, Some(name), subscriptions.subscribe(kind, name));
        }
    });
    session.pushes = session.reply_mode != ReplyMode::On;
    // Who has just changed the users may not have seen these subscriptions.
    if session.identity.refresh(&server.acl) != Change::None && !may_subscribe(call) {
        call.session.lose_user(&call.server.acl);
    }
    DONE
}

fn may_subscribe(call: &Call<'_>) -> bool {
    let user = call.session.identity.user();
    match call.server.catalog.find(call.args) {
        Found::Command(listed) => permission::check(user, listed, call.args).is_ok(),
        _ => false,
    }
}

fn unsubscribe(call: &mut Call<'_>, kind: Kind, word: &str) -> Outcome {
    let Call { args, reply, session, server, nested, .. } = call;
    let client = session.client.clone();
    // What has arrived goes before the confirmation that nothing will; but not into the array of EXEC.
    let settle = |reply: &mut Reply, name: Option<&[u8]>, count| {
        if !*nested {
            client.outbox.take().iter().for_each(|frame| reply.raw(frame));
        }
        confirm(reply, word, name, count);
    };
    session.subscriptions(&server.pubsub, |subscriptions| {
        for name in &args[1..] {
            settle(reply, Some(name), subscriptions.unsubscribe(kind, name));
        }
        if args.len() == 1 {
            if subscriptions.len(kind) == 0 {
                settle(reply, None, subscriptions.count(kind));
            }
            subscriptions.unsubscribe_all(kind, |name, count| settle(reply, Some(name), count));
        }
    });
    session.pushes = session.reply_mode != ReplyMode::On;
    DONE
}

/// Confirms a change: its word, the name, and how many subscriptions there are now.
fn confirm(reply: &mut Reply, word: &str, name: Option<&[u8]>, count: usize) {
    reply.push(3);
    reply.bulk(word.as_bytes());
    match name {
        Some(name) => reply.bulk(name),
        None => reply.null(),
    }
    reply.int(count as i64);
}
