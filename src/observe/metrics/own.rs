//! The metrics that Redis has no equivalent of, with the prefix `redstart_`.

use prometheus::proto::{Metric, MetricFamily, MetricType};

use super::sample::{family, gauge, histogram};
use crate::keyspace::Lateness;
use crate::observe::Facts;

/// A metric: name, help, type, sample.
type Own = (&'static str, &'static str, MetricType, fn(&dyn Facts) -> Metric);

const OWN: &[Own] = &[
    ("redstart_info", "The server's own version, as a label", MetricType::GAUGE, |_| {
        gauge(&[("version", env!("CARGO_PKG_VERSION"))], 1.0)
    }),
    (
        "redstart_expiry_lag_seconds",
        "How long after their deadline keys went that nobody asked for",
        MetricType::HISTOGRAM,
        |facts| lateness(&facts.lateness()),
    ),
    (
        "redstart_memory_over_limit_bytes",
        "Memory beyond maxmemory that eviction has yet to free",
        MetricType::GAUGE,
        |facts| {
            let memory = facts.memory();
            let counted = memory.used.saturating_sub(memory.uncounted);
            plain(if memory.max == 0 { 0 } else { counted.saturating_sub(memory.max) })
        },
    ),
    (
        "redstart_snapshot_keys",
        "Keys of the snapshot that is being written; 0 without one",
        MetricType::GAUGE,
        |facts| plain(facts.persistence().current.map_or(0, |save| save.keys.1)),
    ),
    ("redstart_snapshot_keys_written", "Those that are written already", MetricType::GAUGE, |facts| {
        plain(facts.persistence().current.map_or(0, |save| save.keys.0))
    }),
    (
        "redstart_snapshot_copied_bytes",
        "What writers have copied for the snapshot that is being written",
        MetricType::GAUGE,
        |facts| plain(facts.persistence().current.map_or(0, |save| save.copied)),
    ),
    ("redstart_loading_bytes", "Bytes of the file that is being loaded", MetricType::GAUGE, |facts| {
        plain(facts.persistence().loading.map_or(0, |loading| loading.total))
    }),
    ("redstart_loading_read_bytes", "Those that are read already", MetricType::GAUGE, |facts| {
        plain(facts.persistence().loading.map_or(0, |loading| loading.read))
    }),
    ("redstart_shards", "Shards of the keyspace", MetricType::GAUGE, |facts| {
        plain(facts.shard_sizes().len() as u64)
    }),
    ("redstart_shard_keys_max", "Keys of the fullest shard", MetricType::GAUGE, |facts| {
        plain(facts.shard_sizes().into_iter().max().unwrap_or(0) as u64)
    }),
    ("redstart_shard_keys_min", "Keys of the emptiest shard", MetricType::GAUGE, |facts| {
        plain(facts.shard_sizes().into_iter().min().unwrap_or(0) as u64)
    }),
];

pub(super) fn families(facts: &dyn Facts) -> impl Iterator<Item = MetricFamily> {
    OWN.iter().map(move |(name, help, kind, sample)| family(name, help, *kind, vec![sample(facts)]))
}

fn plain(value: u64) -> Metric {
    gauge(&[], value as f64)
}

fn lateness(lateness: &Lateness) -> Metric {
    let mut below = 0;
    let buckets = Lateness::BOUNDS_MS.iter().zip(lateness.counts).map(|(&bound, count)| {
        below += count;
        (bound as f64 / 1e3, below)
    });
    histogram(&[], buckets, lateness.counts.iter().sum(), lateness.sum_ms as f64 / 1e3)
}
