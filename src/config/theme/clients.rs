//! How many clients, and how much each may hold.

use crate::config::directive::Unit::Count;
use crate::config::directive::{Directive, Kind, integer, size, size_or_percent};
use crate::config::value::{OutputLimit, Value};
use crate::config::values::Values;

const MB: u64 = 1 << 20;
const LONG_MAX: u64 = i64::MAX.cast_unsigned();

const OUTPUT_LIMITS: [OutputLimit; 3] = [
    OutputLimit { hard_bytes: 0, soft_bytes: 0, soft_seconds: 0 },
    OutputLimit { hard_bytes: 256 * MB, soft_bytes: 64 * MB, soft_seconds: 60 },
    OutputLimit { hard_bytes: 32 * MB, soft_bytes: 8 * MB, soft_seconds: 60 },
];

pub(in crate::config) const ROWS: &[Directive] = &[
    integer("maxclients", 10_000, (1, u32::MAX as i64), Count, "Connections at a time; more are refused."),
    size_or_percent(
        "maxmemory-clients",
        "Disconnect the largest clients above this, in bytes or percent of maxmemory; 0 for no limit.",
    ),
    Directive::new(
        "client-output-buffer-limit",
        Kind::OutputLimits(OUTPUT_LIMITS),
        "Disconnect clients that don't read: class, hard limit, soft limit, seconds above the soft one.",
    ),
    size("client-query-buffer-limit", 1 << 30, (MB, LONG_MAX), "Most bytes of requests not yet executed."),
    size("proto-max-bulk-len", 512 * MB, (MB, LONG_MAX), "Longest string a client may send."),
    integer(
        "tracking-table-max-keys",
        1_000_000,
        (0, i64::MAX),
        Count,
        "Keys remembered for client-side caching; 0 for no limit.",
    ),
];

/// Limits of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clients {
    /// Connections at a time.
    pub maxclients: u32,
    /// Memory of all clients together.
    pub maxmemory_clients: ClientsMemory,
    /// Of ordinary clients.
    pub output_normal: OutputLimit,
    /// Of replicas.
    pub output_replica: OutputLimit,
    /// Of subscribers.
    pub output_pubsub: OutputLimit,
    /// Bytes of requests not yet executed.
    pub query_buffer_limit: usize,
    /// Bytes of one string in a request.
    pub proto_max_bulk_len: usize,
    /// Keys remembered for client-side caching; 0 for no limit.
    pub tracking_table_max_keys: usize,
}

/// How much memory all clients together may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientsMemory {
    /// Bytes; 0 for no limit.
    Bytes(u64),
    /// 1 to 100 percent of `maxmemory`.
    PercentOfMaxmemory(u32),
}

impl Clients {
    pub(in crate::config) fn read(values: &Values) -> Self {
        let [output_normal, output_replica, output_pubsub] =
            values.output_limits("client-output-buffer-limit");
        Clients {
            maxclients: values.integer("maxclients"),
            maxmemory_clients: match values.named("maxmemory-clients") {
                Value::Percent(share) => ClientsMemory::PercentOfMaxmemory(*share),
                _ => ClientsMemory::Bytes(values.size("maxmemory-clients")),
            },
            output_normal,
            output_replica,
            output_pubsub,
            query_buffer_limit: values.length("client-query-buffer-limit"),
            proto_max_bulk_len: values.length("proto-max-bulk-len"),
            tracking_table_max_keys: values.integer("tracking-table-max-keys"),
        }
    }
}
