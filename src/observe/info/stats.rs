//! `# Stats`: counters since the start or CONFIG RESETSTAT; and `# Debug`.

use super::row::{Row, Value, zero};

/// What `# Stats` and `# Debug` tell.
#[derive(Clone, Copy, Default, Debug)]
pub struct StatsFacts {
    /// Connections accepted.
    pub connections: u64,
    /// Commands that ran.
    pub commands: u64,
    /// Commands a second.
    pub commands_per_s: u64,
    /// Bytes received.
    pub input: u64,
    /// Bytes sent.
    pub output: u64,
    /// Bytes received a second.
    pub input_per_s: u64,
    /// Bytes sent a second.
    pub output_per_s: u64,
    /// Connections refused because of `maxclients`.
    pub rejected: u64,
    /// Keys whose deadline passed.
    pub expired: u64,
    /// Hash fields whose deadline passed.
    pub expired_fields: u64,
    /// How often expiring took so long that it let others run.
    pub expire_pauses: u64,
    /// µs spent on expiring in the background.
    pub expire_usec: u64,
    /// Keys that went because of `maxmemory`.
    pub evicted: u64,
    /// Scripts that were forgotten for newer ones.
    pub evicted_scripts: u64,
    /// Reads that found their key.
    pub hits: u64,
    /// Reads that didn't.
    pub misses: u64,
    /// Channels with subscribers.
    pub channels: u64,
    /// Patterns with subscribers.
    pub patterns: u64,
    /// Shard channels with subscribers.
    pub shard_channels: u64,
    /// Keys that clients remember.
    pub tracked_keys: u64,
    /// How many clients remember each of them, added up.
    pub tracked_items: u64,
    /// Prefixes of keys whose changes clients listen to.
    pub tracked_prefixes: u64,
    /// Idle connections of MIGRATE.
    pub migrate_sockets: u64,
    /// Error replies.
    pub errors: u64,
    /// Reads from sockets.
    pub reads: u64,
    /// Writes to sockets.
    pub writes: u64,
    /// Connections closed because of `client-query-buffer-limit`.
    pub query_buffer_closes: u64,
    /// Connections closed because of `maxmemory-clients`.
    pub evicted_clients: u64,
    /// ms for which more memory was in use than `maxmemory` allows, all times together and this time.
    pub exceeded_ms: (u64, u64),
    /// Connections closed because of `client-output-buffer-limit`.
    pub output_buffer_closes: u64,
    /// Turns: batches of commands that connections ran.
    pub turns: u64,
    /// µs spent in turns.
    pub turn_usec: u64,
    /// µs spent in commands.
    pub command_usec: u64,
    /// Turns a second.
    pub turns_per_s: u64,
    /// Mean µs of a turn of late.
    pub usec_per_turn: u64,
    /// µs of the longest turn.
    pub longest_turn_usec: u64,
    /// Commands of the largest turn.
    pub largest_turn: u64,
    /// µs spent in housekeeping.
    pub housekeeping_usec: u64,
    /// AUTH attempts that failed.
    pub denied_auth: u64,
    /// Commands that users may not run.
    pub denied_commands: u64,
    /// Commands about keys that users may not use.
    pub denied_keys: u64,
    /// Commands about channels that users may not use.
    pub denied_channels: u64,
}

/// A rate in bytes a second as Redis tells it.
fn kbps(bytes: u64) -> Value {
    Value::Ratio(bytes as f64 / 1024.0)
}

const fn row(name: &'static str, value: fn(&StatsFacts) -> Value) -> Row<StatsFacts> {
    Row::new(name, value)
}

/// The fields.
pub const ROWS: &[Row<StatsFacts>] = &[
    row("total_connections_received", |facts| Value::Count(facts.connections))
        .counter("connections_received_total"),
    row("total_commands_processed", |facts| Value::Count(facts.commands)).counter("commands_processed_total"),
    row("instantaneous_ops_per_sec", |facts| Value::Count(facts.commands_per_s)),
    row("total_net_input_bytes", |facts| Value::Count(facts.input)).counter("net_input_bytes_total"),
    row("total_net_output_bytes", |facts| Value::Count(facts.output)).counter("net_output_bytes_total"),
    row("total_net_repl_input_bytes", zero).counter("net_repl_input_bytes_total"),
    row("total_net_repl_output_bytes", zero).counter("net_repl_output_bytes_total"),
    row("instantaneous_input_kbps", |facts| kbps(facts.input_per_s)),
    row("instantaneous_output_kbps", |facts| kbps(facts.output_per_s)),
    row("instantaneous_input_repl_kbps", |_| kbps(0)),
    row("instantaneous_output_repl_kbps", |_| kbps(0)),
    row("rejected_connections", |facts| Value::Count(facts.rejected)).counter("rejected_connections_total"),
    row("sync_full", zero).gauge("replica_resyncs_full"),
    row("sync_partial_ok", zero).gauge("replica_partial_resync_accepted"),
    row("sync_partial_err", zero).gauge("replica_partial_resync_denied"),
    row("expired_subkeys", |facts| Value::Count(facts.expired_fields)).counter("expired_subkeys_total"),
    row("expired_keys", |facts| Value::Count(facts.expired)).counter("expired_keys_total"),
    // Keys go on time: none that is due stays.
    row("expired_stale_perc", |_| Value::Ratio(0.0)).gauge("expired_stale_percentage"),
    row("expired_time_cap_reached_count", |facts| Value::Count(facts.expire_pauses))
        .counter("expired_time_cap_reached_total"),
    row("expire_cycle_cpu_milliseconds", |facts| Value::Count(facts.expire_usec / 1000))
        .counter("expire_cycle_cpu_time_ms_total"),
    row("evicted_keys", |facts| Value::Count(facts.evicted)).counter("evicted_keys_total"),
    row("evicted_clients", |facts| Value::Count(facts.evicted_clients)).counter("evicted_clients_total"),
    row("evicted_scripts", |facts| Value::Count(facts.evicted_scripts)).counter("evicted_scripts_total"),
    row("total_eviction_exceeded_time", |facts| Value::Count(facts.exceeded_ms.0))
        .counter("eviction_exceeded_time_ms_total"),
    row("current_eviction_exceeded_time", |facts| Value::Count(facts.exceeded_ms.1))
        .gauge("current_eviction_exceeded_time_ms"),
    row("keyspace_hits", |facts| Value::Count(facts.hits)).counter("keyspace_hits_total"),
    row("keyspace_misses", |facts| Value::Count(facts.misses)).counter("keyspace_misses_total"),
    row("pubsub_channels", |facts| Value::Count(facts.channels)).gauge("pubsub_channels"),
    row("pubsub_patterns", |facts| Value::Count(facts.patterns)).gauge("pubsub_patterns"),
    row("pubsubshard_channels", |facts| Value::Count(facts.shard_channels)).gauge("pubsubshard_channels"),
    row("latest_fork_usec", zero).gauge("latest_fork_seconds").scaled(1e-6),
    row("total_forks", zero),
    row("migrate_cached_sockets", |facts| Value::Count(facts.migrate_sockets))
        .gauge("migrate_cached_sockets_total"),
    row("slave_expires_tracked_keys", zero).gauge("slave_expires_tracked_keys"),
    row("active_defrag_hits", zero).gauge("defrag_hits"),
    row("active_defrag_misses", zero).gauge("defrag_misses"),
    row("active_defrag_key_hits", zero).gauge("defrag_key_hits"),
    row("active_defrag_key_misses", zero).gauge("defrag_key_misses"),
    row("total_active_defrag_time", zero),
    row("current_active_defrag_time", zero),
    row("tracking_total_keys", |facts| Value::Count(facts.tracked_keys)).gauge("tracking_total_keys"),
    row("tracking_total_items", |facts| Value::Count(facts.tracked_items)).gauge("tracking_total_items"),
    row("tracking_total_prefixes", |facts| Value::Count(facts.tracked_prefixes))
        .gauge("tracking_total_prefixes"),
    row("unexpected_error_replies", zero).counter("unexpected_error_replies"),
    row("total_error_replies", |facts| Value::Count(facts.errors)).counter("total_error_replies"),
    row("dump_payload_sanitizations", zero).counter("dump_payload_sanitizations"),
    row("total_reads_processed", |facts| Value::Count(facts.reads)).counter("total_reads_processed"),
    row("total_writes_processed", |facts| Value::Count(facts.writes)).counter("total_writes_processed"),
    row("io_threaded_reads_processed", zero).counter("io_threaded_reads_processed"),
    row("io_threaded_writes_processed", zero).counter("io_threaded_writes_processed"),
    row("client_query_buffer_limit_disconnections", |facts| Value::Count(facts.query_buffer_closes))
        .counter("client_query_buffer_limit_disconnections_total"),
    row("client_output_buffer_limit_disconnections", |facts| Value::Count(facts.output_buffer_closes))
        .counter("client_output_buffer_limit_disconnections_total"),
    row("reply_buffer_shrinks", zero).counter("reply_buffer_shrinks_total"),
    row("reply_buffer_expands", zero).counter("reply_buffer_expands_total"),
    row("eventloop_cycles", |facts| Value::Count(facts.turns)).counter("eventloop_cycles_total"),
    row("eventloop_duration_sum", |facts| Value::Count(facts.turn_usec))
        .counter("eventloop_duration_sum_usec_total"),
    row("eventloop_duration_cmd_sum", |facts| Value::Count(facts.command_usec))
        .counter("eventloop_duration_cmd_sum_usec_total"),
    row("instantaneous_eventloop_cycles_per_sec", |facts| Value::Count(facts.turns_per_s))
        .gauge("instantaneous_eventloop_cycles_per_sec"),
    row("instantaneous_eventloop_duration_usec", |facts| Value::Count(facts.usec_per_turn))
        .gauge("instantaneous_eventloop_duration_usec"),
    row("acl_access_denied_auth", |facts| Value::Count(facts.denied_auth))
        .counter("acl_access_denied_auth_total"),
    row("acl_access_denied_cmd", |facts| Value::Count(facts.denied_commands))
        .counter("acl_access_denied_cmd_total"),
    row("acl_access_denied_key", |facts| Value::Count(facts.denied_keys))
        .counter("acl_access_denied_key_total"),
    row("acl_access_denied_channel", |facts| Value::Count(facts.denied_channels))
        .counter("acl_access_denied_channel_total"),
];

/// The fields of `# Debug`.
pub const DEBUG_ROWS: &[Row<StatsFacts>] = &[
    row("eventloop_duration_aof_sum", zero),
    row("eventloop_duration_cron_sum", |facts| Value::Count(facts.housekeeping_usec)),
    row("eventloop_duration_max", |facts| Value::Count(facts.longest_turn_usec)),
    row("eventloop_cmd_per_cycle_max", |facts| Value::Count(facts.largest_turn)),
    row("allocator_allocated_lua", zero),
    row("allocator_active_lua", zero),
    row("allocator_resident_lua", zero),
    row("allocator_frag_bytes_lua", zero),
];
