//! Primary and replicas. There is no replication yet: nearly all of it is kept only.

use crate::config::choices::Names;
use crate::config::directive::Unit::{Count, Seconds};
use crate::config::directive::{Directive, INT_MAX, Kind, choice, integer, optional, size, yes_no};
use crate::config::value::{Primary, Value};
use crate::config::values::Values;

const DISKLESS_LOAD: Names = &[("disabled", 0), ("on-empty-db", 1), ("swapdb", 2)];

const ERROR_BEHAVIOR: Names = &[("ignore", 0), ("panic", 1), ("panic-on-replicas", 2)];

pub(in crate::config) const ROWS: &[Directive] = &[
    Directive::new(
        "replicaof",
        Kind::Primary,
        "Primary to copy: there is no replication yet, so a server with one doesn't start.",
    )
    .alias("slaveof")
    .immutable(),
    integer(
        "min-replicas-to-write",
        0,
        (0, INT_MAX),
        Count,
        "Above 0 writes are refused: there are no replicas.",
    )
    .alias("min-slaves-to-write"),
    integer("min-replicas-max-lag", 10, (0, INT_MAX), Seconds, "0 turns min-replicas-to-write off.")
        .alias("min-slaves-max-lag"),
    size(
        "repl-backlog-size",
        1 << 20,
        (1, i64::MAX.cast_unsigned()),
        "Told by INFO and /metrics; there is no backlog. At least 16kb.",
    )
    .floor(16 << 10),
    optional("masterauth", "Password at the primary.").sensitive().kept(),
    optional("masteruser", "User at the primary.").sensitive().kept(),
    yes_no("replica-serve-stale-data", true, "Answer although the link to the primary is down.")
        .alias("slave-serve-stale-data")
        .kept(),
    yes_no("replica-read-only", true, "A replica refuses writes.").alias("slave-read-only").kept(),
    yes_no("replica-ignore-maxmemory", true, "A replica leaves eviction to its primary.")
        .alias("slave-ignore-maxmemory")
        .kept(),
    yes_no("replica-lazy-flush", false, "Free the old data in the background before a full sync.")
        .alias("slave-lazy-flush")
        .kept(),
    yes_no("replica-ignore-disk-write-errors", false, "A replica goes on although it can't write its files.")
        .kept(),
    integer("replica-priority", 100, (0, INT_MAX), Count, "Sentinel promotes the lowest; 0 never.")
        .alias("slave-priority")
        .kept(),
    yes_no("replica-announced", true, "Sentinel may tell clients of this replica.").kept(),
    optional("replica-announce-ip", "Address that the primary and Sentinel tell.")
        .alias("slave-announce-ip")
        .kept(),
    integer("replica-announce-port", 0, (0, 65535), Count, "Port that they tell; 0 for the real one.")
        .alias("slave-announce-port")
        .kept(),
    integer("repl-timeout", 60, (1, INT_MAX), Seconds, "Silence after which a link is given up.").kept(),
    integer("repl-ping-replica-period", 10, (1, INT_MAX), Seconds, "How often the primary pings.")
        .alias("repl-ping-slave-period")
        .kept(),
    yes_no("repl-disable-tcp-nodelay", false, "Fewer, larger packets, with more delay.").kept(),
    integer(
        "repl-backlog-ttl",
        3600,
        (0, i64::MAX),
        Seconds,
        "How long to keep the backlog without replicas.",
    )
    .kept(),
    yes_no("repl-diskless-sync", true, "Send the snapshot without a file.").kept(),
    integer("repl-diskless-sync-delay", 5, (0, INT_MAX), Seconds, "Wait for more replicas before it.").kept(),
    integer(
        "repl-diskless-sync-max-replicas",
        0,
        (0, INT_MAX),
        Count,
        "Don't wait any more with so many; 0 always.",
    )
    .kept(),
    choice("repl-diskless-load", DISKLESS_LOAD, 0, "How a replica takes the snapshot.").deny_loading().kept(),
    yes_no("rdb-del-sync-files", false, "Delete snapshots made for replicas when nothing else needs them.")
        .kept(),
    choice(
        "propagation-error-behavior",
        ERROR_BEHAVIOR,
        0,
        "An error in the stream is logged; the server lives on.",
    )
    .kept(),
];

/// Primary and replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replication {
    /// The primary to copy, which isn't done; the log says so at the start.
    pub replicaof: Option<Primary>,
    /// Replicas without which writes are refused; there are none.
    pub min_replicas_to_write: u32,
    /// Seconds of silence after which a replica doesn't count; 0 for no such limit, and none on writes.
    pub min_replicas_max_lag_s: u32,
    /// Bytes, at least 16 KiB.
    pub backlog_size: u64,
}

impl Replication {
    /// Whether writes need replicas that keep up.
    pub fn wants_good_replicas(&self) -> bool {
        self.min_replicas_to_write != 0 && self.min_replicas_max_lag_s != 0
    }

    pub(in crate::config) fn read(values: &Values) -> Self {
        Replication {
            replicaof: match values.named("replicaof") {
                Value::Primary(primary) => primary.clone(),
                _ => None,
            },
            min_replicas_to_write: values.integer("min-replicas-to-write"),
            min_replicas_max_lag_s: values.integer("min-replicas-max-lag"),
            backlog_size: values.size("repl-backlog-size"),
        }
    }
}
