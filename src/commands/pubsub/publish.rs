//! PUBLISH and SPUBLISH.

use crate::acl::Channels;
use crate::command::row::*;

use super::super::{Call, Command, DONE, Outcome};
use super::{GROUP, row};

pub(super) const PUBLISH: Command = Command::new(
    row("publish", 3, FLAGS)
        .doc(
            GROUP,
            "2.0.0",
            "O(N+M) where N is the number of subscribers and M the number of all patterns",
            "Sends a message to a channel.",
        )
        .syntax("channel message"),
    publish,
)
.channels(Channels::Published);

pub(super) const SPUBLISH: Command = Command::new(
    row("spublish", 3, FLAGS)
        .keys(&[KeySpec::at(1, &[NOT_KEY])])
        .doc(
            GROUP,
            "7.0.0",
            "O(N) where N is the number of subscribers",
            "Sends a message to a shard channel.",
        )
        .syntax("shardchannel message"),
    spublish,
)
.channels(Channels::Published);

/// Replicas hear messages too, so a pause of writes holds them back.
const FLAGS: &[Flags] = &[PUBSUB, LOADING, STALE, FAST, MAY_REPLICATE];

fn publish(call: &mut Call<'_>) -> Outcome {
    let receivers = call.server.pubsub.publish(call.args[1], call.args[2]);
    call.reply.int(receivers as i64);
    DONE
}

fn spublish(call: &mut Call<'_>) -> Outcome {
    let receivers = call.server.pubsub.publish_sharded(call.args[1], call.args[2]);
    call.reply.int(receivers as i64);
    DONE
}
