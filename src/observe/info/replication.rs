//! `# Replication`: a primary without replicas, which is all there is yet.

use super::row::{Row, Value, zero};

/// What `# Replication` tells.
#[derive(Clone, Debug)]
pub struct ReplicationFacts {
    /// 40 hexadecimal digits.
    pub replid: String,
    /// `repl-backlog-size` in bytes.
    pub backlog_size: u64,
    /// Whether writes need a number of good replicas.
    pub wants_good_replicas: bool,
}

/// The id of the history before a failover: there was none.
const NO_REPLID: &str = "0000000000000000000000000000000000000000";

const fn row(name: &'static str, value: fn(&ReplicationFacts) -> Value) -> Row<ReplicationFacts> {
    Row::new(name, value)
}

/// The fields.
pub const ROWS: &[Row<ReplicationFacts>] =
    &[
        row("role", |_| Value::Text("master".into())),
        row("connected_slaves", zero).gauge("connected_slaves"),
        row("min_slaves_good_slaves", |facts| {
            if facts.wants_good_replicas { Value::Count(0) } else { Value::Absent }
        }),
        row("master_failover_state", |_| Value::Text("no-failover".into())),
        row("master_replid", |facts| Value::Text(facts.replid.clone().into())),
        row("master_replid2", |_| Value::Text(NO_REPLID.into())),
        row("master_repl_offset", zero).gauge("master_repl_offset"),
        row("second_repl_offset", |_| Value::Int(-1)).gauge("second_repl_offset"),
        row("repl_backlog_active", zero).gauge("repl_backlog_is_active"),
        row("repl_backlog_size", |facts| Value::Count(facts.backlog_size)).gauge("replication_backlog_bytes"),
        row("repl_backlog_first_byte_offset", zero).gauge("repl_backlog_first_byte_offset"),
        row("repl_backlog_histlen", zero).gauge("repl_backlog_history_bytes"),
    ];
