//! PUBSUB: what is subscribed to, and by how many.

use crate::command::error;
use crate::command::row::*;
use crate::pubsub::Kind;

use super::super::{Call, Command, DONE, Outcome, help};
use super::{GROUP, row};

pub(super) const PUBSUB_CONTAINER: Command = Command::container(
    row("pubsub", -2, &[]).doc(GROUP, "2.8.0", "Depends on subcommand.", "A container for Pub/Sub commands."),
    &[
        Command::new(
            row("pubsub|channels", -2, FLAGS)
                .doc(
                    GROUP,
                    "2.8.0",
                    "O(N) where N is the number of channels with subscribers",
                    "Returns the channels that somebody is subscribed to.",
                )
                .syntax("[pattern:pattern]"),
            |call| channels(call, Kind::Channel),
        ),
        Command::new(help::row("pubsub|help", GROUP, "6.2.0"), help),
        Command::new(
            row("pubsub|numpat", 2, FLAGS).doc(
                GROUP,
                "2.8.0",
                "O(1)",
                "Returns the number of patterns that somebody is subscribed to.",
            ),
            numpat,
        ),
        Command::new(
            row("pubsub|numsub", -2, FLAGS)
                .doc(
                    GROUP,
                    "2.8.0",
                    "O(N) where N is the number of channels asked for",
                    "Returns how many are subscribed to channels.",
                )
                .syntax("[channel*]"),
            |call| numsub(call, Kind::Channel),
        ),
        Command::new(
            row("pubsub|shardchannels", -2, FLAGS)
                .doc(
                    GROUP,
                    "7.0.0",
                    "O(N) where N is the number of shard channels with subscribers",
                    "Returns the shard channels that somebody is subscribed to.",
                )
                .syntax("[pattern:pattern]"),
            |call| channels(call, Kind::ShardChannel),
        ),
        Command::new(
            row("pubsub|shardnumsub", -2, FLAGS)
                .doc(
                    GROUP,
                    "7.0.0",
                    "O(N) where N is the number of shard channels asked for",
                    "Returns how many are subscribed to shard channels.",
                )
                .syntax("[shardchannel*]"),
            |call| numsub(call, Kind::ShardChannel),
        ),
    ],
);

const FLAGS: &[Flags] = &[PUBSUB, LOADING, STALE];

fn channels(call: &mut Call<'_>, kind: Kind) -> Outcome {
    let pattern = match *call.args {
        [_, _] => None,
        [_, _, pattern] => Some(pattern),
        _ => return Err(error::subcommand_syntax(call.args)),
    };
    let array = call.reply.defer();
    let mut count = 0;
    call.server.pubsub.for_each_name(kind, pattern, |name| {
        call.reply.bulk(name);
        count += 1;
    });
    call.reply.finish_array(array, count);
    DONE
}

fn numsub(call: &mut Call<'_>, kind: Kind) -> Outcome {
    let names = &call.args[2..];
    call.reply.array(names.len() * 2);
    for name in names {
        call.reply.bulk(name);
        call.reply.int(call.server.pubsub.subscribers(kind, name) as i64);
    }
    DONE
}

fn numpat(call: &mut Call<'_>) -> Outcome {
    call.reply.int(call.server.pubsub.names(Kind::Pattern) as i64);
    DONE
}

fn help(call: &mut Call<'_>) -> Outcome {
    help::answer(
        call,
        &[
            (
                "CHANNELS [<pattern>]",
                "The channels that somebody is subscribed to and that match <pattern> (default: '*').",
            ),
            ("NUMPAT", "The number of patterns that somebody is subscribed to."),
            ("NUMSUB [<channel> ...]", "How many clients are subscribed to these channels, by name."),
            (
                "SHARDCHANNELS [<pattern>]",
                "The shard channels that somebody is subscribed to and that match <pattern> (default: '*').",
            ),
            ("SHARDNUMSUB [<shardchannel> ...]", "How many clients are subscribed to these shard channels."),
        ],
    )
}
