//! Primary and replicas.

use crate::config::choices::{DisklessLoad, Names};
use crate::config::directive::Unit::{Count, Seconds};
use crate::config::directive::{Directive, INT_MAX, Kind, choice, integer, optional, size, yes_no};
use crate::config::value::{Primary, Value};
use crate::config::values::Values;

const ERROR_BEHAVIOR: Names = &[("ignore", 0), ("panic", 1), ("panic-on-replicas", 2)];

pub(in crate::config) const ROWS: &[Directive] = &[
    Directive::new("replicaof", Kind::Primary, "Host and port of the primary to copy.")
        .alias("slaveof")
        .immutable(),
    optional("masterauth", "Password at the primary.").sensitive(),
    optional("masteruser", "User at the primary.").sensitive(),
    yes_no("replica-serve-stale-data", true, "Answer although the link to the primary is down.")
        .alias("slave-serve-stale-data"),
    yes_no("replica-read-only", true, "A replica refuses writes.").alias("slave-read-only"),
    yes_no("replica-ignore-maxmemory", true, "A replica leaves eviction to its primary.")
        .alias("slave-ignore-maxmemory"),
    yes_no("replica-lazy-flush", false, "Free the old data in the background before a full sync.")
        .alias("slave-lazy-flush"),
    yes_no("replica-ignore-disk-write-errors", false, "A replica goes on although it can't write its files."),
    integer("replica-priority", 100, (0, INT_MAX), Count, "Sentinel promotes the lowest; 0 never.")
        .alias("slave-priority"),
    yes_no("replica-announced", true, "Sentinel may tell clients of this replica."),
    optional("replica-announce-ip", "Address that the primary and Sentinel tell.").alias("slave-announce-ip"),
    integer("replica-announce-port", 0, (0, 65535), Count, "Port that they tell; 0 for the real one.")
        .alias("slave-announce-port"),
    integer("min-replicas-to-write", 0, (0, INT_MAX), Count, "Refuse writes with fewer good replicas.")
        .alias("min-slaves-to-write"),
    integer("min-replicas-max-lag", 10, (0, INT_MAX), Seconds, "A replica silent for longer isn't good.")
        .alias("min-slaves-max-lag"),
    integer("repl-timeout", 60, (1, INT_MAX), Seconds, "Silence after which a link is given up."),
    integer("repl-ping-replica-period", 10, (1, INT_MAX), Seconds, "How often the primary pings.")
        .alias("repl-ping-slave-period"),
    yes_no("repl-disable-tcp-nodelay", false, "Fewer, larger packets, with more delay."),
    size(
        "repl-backlog-size",
        1 << 20,
        (1, i64::MAX.cast_unsigned()),
        "Bytes kept for replicas that come back; at least 16kb.",
    )
    .floor(16 << 10),
    integer(
        "repl-backlog-ttl",
        3600,
        (0, i64::MAX),
        Seconds,
        "How long to keep them without replicas; 0 for ever.",
    ),
    yes_no("repl-diskless-sync", true, "Send the snapshot without a file."),
    integer("repl-diskless-sync-delay", 5, (0, INT_MAX), Seconds, "Wait for more replicas before it."),
    integer(
        "repl-diskless-sync-max-replicas",
        0,
        (0, INT_MAX),
        Count,
        "Don't wait any more with so many; 0 always.",
    ),
    choice("repl-diskless-load", DisklessLoad::NAMES, 0, "How a replica takes the snapshot.").deny_loading(),
    yes_no("rdb-del-sync-files", false, "Delete snapshots made for replicas when nothing else needs them."),
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
    /// The primary to copy, as configured at the start or noted by REPLICAOF.
    pub replicaof: Option<Primary>,
    /// Password at the primary.
    pub masterauth: Option<Box<[u8]>>,
    /// User at the primary.
    pub masteruser: Option<Box<[u8]>>,
    /// Answer although the link is down.
    pub serve_stale_data: bool,
    /// Refuse writes on a replica.
    pub replica_read_only: bool,
    /// No eviction on a replica.
    pub replica_ignore_maxmemory: bool,
    /// Free old data in the background.
    pub replica_lazy_flush: bool,
    /// Go on although files can't be written.
    pub ignore_disk_write_errors: bool,
    /// For Sentinel; 0 never.
    pub priority: u32,
    /// Sentinel may tell of it.
    pub announced: bool,
    /// Address to tell.
    pub announce_ip: Option<String>,
    /// Port to tell; 0 for the real one.
    pub announce_port: u16,
    /// Good replicas needed for writes.
    pub min_replicas_to_write: u32,
    /// Seconds of silence of a good one.
    pub min_replicas_max_lag_s: u32,
    /// Seconds of silence after which a link is given up.
    pub timeout_s: u32,
    /// Seconds between pings.
    pub ping_period_s: u32,
    /// Fewer, larger packets.
    pub disable_tcp_nodelay: bool,
    /// Bytes, at least 16 KiB.
    pub backlog_size: u64,
    /// Seconds; 0 for ever.
    pub backlog_ttl_s: u64,
    /// Send snapshots without a file.
    pub diskless_sync: bool,
    /// Seconds to wait for more replicas.
    pub diskless_sync_delay_s: u32,
    /// Replicas with which waiting ends; 0 for none.
    pub diskless_sync_max_replicas: u32,
    /// How a replica takes a snapshot.
    pub diskless_load: DisklessLoad,
    /// Delete snapshots made for replicas.
    pub delete_sync_files: bool,
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
            masterauth: values.bytes("masterauth"),
            masteruser: values.bytes("masteruser"),
            serve_stale_data: values.yes("replica-serve-stale-data"),
            replica_read_only: values.yes("replica-read-only"),
            replica_ignore_maxmemory: values.yes("replica-ignore-maxmemory"),
            replica_lazy_flush: values.yes("replica-lazy-flush"),
            ignore_disk_write_errors: values.yes("replica-ignore-disk-write-errors"),
            priority: values.integer("replica-priority"),
            announced: values.yes("replica-announced"),
            announce_ip: values.string("replica-announce-ip"),
            announce_port: values.integer("replica-announce-port"),
            min_replicas_to_write: values.integer("min-replicas-to-write"),
            min_replicas_max_lag_s: values.integer("min-replicas-max-lag"),
            timeout_s: values.integer("repl-timeout"),
            ping_period_s: values.integer("repl-ping-replica-period"),
            disable_tcp_nodelay: values.yes("repl-disable-tcp-nodelay"),
            backlog_size: values.size("repl-backlog-size"),
            backlog_ttl_s: values.integer("repl-backlog-ttl"),
            diskless_sync: values.yes("repl-diskless-sync"),
            diskless_sync_delay_s: values.integer("repl-diskless-sync-delay"),
            diskless_sync_max_replicas: values.integer("repl-diskless-sync-max-replicas"),
            diskless_load: DisklessLoad::from_code(values.code("repl-diskless-load")),
            delete_sync_files: values.yes("rdb-del-sync-files"),
        }
    }
}
