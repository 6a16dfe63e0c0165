//! `# Clients`: the connections.

use super::row::{Row, Value};

/// What `# Clients` tells.
#[derive(Clone, Copy, Default, Debug)]
pub struct ClientFacts {
    /// Connections, replicas not among them.
    pub connected: u64,
    /// `maxclients`.
    pub max: u64,
    /// Bytes of the largest read buffer.
    pub largest_input: u64,
    /// Bytes of the longest queue of replies.
    pub largest_output: u64,
    /// Waiting for a key.
    pub blocked: u64,
    /// Those of them that give up at some time.
    pub impatient: u64,
    /// With client-side caching.
    pub tracking: u64,
    /// With subscriptions.
    pub subscribed: u64,
    /// With watched keys.
    pub watching: u64,
    /// Keys watched, counted once for each client.
    pub watched_keys: u64,
    /// Keys that clients are blocked on.
    pub blocking_keys: u64,
    /// Those of them on which somebody also waits for their loss.
    pub blocking_keys_on_loss: u64,
}

const fn row(name: &'static str, value: fn(&ClientFacts) -> Value) -> Row<ClientFacts> {
    Row::new(name, value)
}

/// The fields.
pub const ROWS: &[Row<ClientFacts>] = &[
    row("connected_clients", |facts| Value::Count(facts.connected)).gauge("connected_clients"),
    row("cluster_connections", |_| Value::Count(0)).gauge("cluster_connections"),
    row("maxclients", |facts| Value::Count(facts.max)).gauge("max_clients"),
    row("client_recent_max_input_buffer", |facts| Value::Count(facts.largest_input))
        .gauge("client_recent_max_input_buffer_bytes"),
    row("client_recent_max_output_buffer", |facts| Value::Count(facts.largest_output))
        .gauge("client_recent_max_output_buffer_bytes"),
    row("blocked_clients", |facts| Value::Count(facts.blocked)).gauge("blocked_clients"),
    row("tracking_clients", |facts| Value::Count(facts.tracking)).gauge("tracking_clients"),
    row("pubsub_clients", |facts| Value::Count(facts.subscribed)).gauge("pubsub_clients"),
    row("watching_clients", |facts| Value::Count(facts.watching)).gauge("watching_clients"),
    row("clients_in_timeout_table", |facts| Value::Count(facts.impatient)).gauge("clients_in_timeout_table"),
    row("total_watched_keys", |facts| Value::Count(facts.watched_keys)).gauge("total_watched_keys"),
    row("total_blocking_keys", |facts| Value::Count(facts.blocking_keys)).gauge("total_blocking_keys"),
    row("total_blocking_keys_on_nokey", |facts| Value::Count(facts.blocking_keys_on_loss))
        .gauge("total_blocking_keys_on_nokey"),
];
