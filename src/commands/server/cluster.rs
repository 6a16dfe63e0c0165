//! CLUSTER and its kin on a server without cluster mode: known, and refused.

use crate::command::error;
use crate::command::row::*;
use crate::commands::call::Handler;
use crate::commands::{Call, Command, Outcome};

const GROUP: &str = "cluster";
const SUMMARY: &str = "Is for nodes of a cluster, which this server never is.";
const UNSTABLE: &[&str] = &["nondeterministic_output"];

const fn sub(
    name: &'static str,
    arity: i32,
    flags: &'static [Flags],
    since: &'static str,
    tips: &'static [&'static str],
) -> Command {
    Command::new(Spec::new(name, arity).flags(flags).tips(tips).doc(GROUP, since, "O(1)", SUMMARY), DISABLED)
}

const DISABLED: Handler = disabled;

fn disabled(_: &mut Call<'_>) -> Outcome {
    Err(error::CLUSTER_DISABLED)
}

pub(super) const CLUSTER: Command = Command::container(
    Spec::new("cluster", -2).doc(GROUP, "3.0.0", "O(1)", SUMMARY),
    &[
        sub("cluster|addslots", -3, &[ADMIN, NO_ASYNC_LOADING, STALE], "3.0.0", &[]).syntax("slot:integer*"),
        sub("cluster|addslotsrange", -4, &[ADMIN, NO_ASYNC_LOADING, STALE], "7.0.0", &[])
            .syntax("range:(start-slot:integer end-slot:integer)*"),
        sub("cluster|bumpepoch", 2, &[ADMIN, NO_ASYNC_LOADING, STALE], "3.0.0", UNSTABLE),
        sub("cluster|count-failure-reports", 3, &[ADMIN, STALE], "3.0.0", UNSTABLE).syntax("node-id"),
        sub("cluster|countkeysinslot", 3, &[STALE], "3.0.0", &[]).syntax("slot:integer"),
        sub("cluster|delslots", -3, &[ADMIN, NO_ASYNC_LOADING, STALE], "3.0.0", &[]).syntax("slot:integer*"),
        sub("cluster|delslotsrange", -4, &[ADMIN, NO_ASYNC_LOADING, STALE], "7.0.0", &[])
            .syntax("range:(start-slot:integer end-slot:integer)*"),
        sub("cluster|failover", -2, &[ADMIN, NO_ASYNC_LOADING, STALE], "3.0.0", &[])
            .syntax("[options:<FORCE|TAKEOVER>]"),
        sub("cluster|flushslots", 2, &[ADMIN, NO_ASYNC_LOADING, STALE], "3.0.0", &[]),
        sub("cluster|forget", 3, &[ADMIN, NO_ASYNC_LOADING, STALE], "3.0.0", &[]).syntax("node-id"),
        sub("cluster|getkeysinslot", 4, &[STALE], "3.0.0", UNSTABLE).syntax("slot:integer count:integer"),
        sub("cluster|help", 2, &[LOADING, STALE], "5.0.0", &[]),
        sub("cluster|info", 2, &[STALE], "3.0.0", UNSTABLE),
        sub("cluster|keyslot", 3, &[STALE], "3.0.0", &[]).syntax("key:string"),
        sub("cluster|links", 2, &[STALE], "7.0.0", UNSTABLE),
        sub("cluster|meet", -4, &[ADMIN, NO_ASYNC_LOADING, STALE], "3.0.0", &[])
            .syntax("ip port:integer [cluster-bus-port:integer@4.0.0]"),
        sub("cluster|myid", 2, &[STALE], "3.0.0", &[]),
        sub("cluster|myshardid", 2, &[STALE], "7.2.0", UNSTABLE),
        sub("cluster|nodes", 2, &[STALE], "3.0.0", UNSTABLE),
        sub("cluster|replicas", 3, &[ADMIN, STALE], "5.0.0", UNSTABLE).syntax("node-id"),
        sub("cluster|replicate", 3, &[ADMIN, NO_ASYNC_LOADING, STALE], "3.0.0", &[]).syntax("node-id"),
        sub("cluster|reset", -2, &[ADMIN, NOSCRIPT, STALE], "3.0.0", &[]).syntax("[reset-type:<HARD|SOFT>]"),
        sub("cluster|saveconfig", 2, &[ADMIN, NO_ASYNC_LOADING, STALE], "3.0.0", &[]),
        sub("cluster|set-config-epoch", 3, &[ADMIN, NO_ASYNC_LOADING, STALE], "3.0.0", &[])
            .syntax("config-epoch:integer"),
        sub("cluster|setslot", -4, &[ADMIN, NO_ASYNC_LOADING, STALE], "3.0.0", &[]).syntax(
            "slot:integer subcommand:<IMPORTING importing/node-id|MIGRATING migrating/node-id|\
             NODE node/node-id|STABLE>",
        ),
        sub("cluster|shards", 2, &[LOADING, STALE], "7.0.0", UNSTABLE),
        sub("cluster|slaves", 3, &[ADMIN, STALE], "3.0.0", UNSTABLE)
            .syntax("node-id")
            .deprecated("5.0.0", "`CLUSTER REPLICAS`"),
        sub("cluster|slots", 2, &[LOADING, STALE], "3.0.0", UNSTABLE).deprecated("7.0.0", "`CLUSTER SHARDS`"),
    ],
);

const fn of_connections(name: &'static str, flags: &'static [Flags]) -> Command {
    let spec = Spec::new(name, 1).flags(flags).categories(&[Categories::CONNECTION]);
    Command::new(spec.doc(GROUP, "3.0.0", "O(1)", SUMMARY), DISABLED)
}

pub(super) const ASKING: Command = of_connections("asking", &[FAST]);
pub(super) const READONLY_MODE: Command = of_connections("readonly", &[FAST, LOADING, STALE]);
pub(super) const READWRITE_MODE: Command = of_connections("readwrite", &[FAST, LOADING, STALE]);
