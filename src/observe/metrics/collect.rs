//! The metrics: those that INFO's rows name, and those below that INFO has not as a single number.
//!
//! A new metric is a row: in INFO's section if it is a field there, else in [`PLAIN`], [`FAMILIES`] or
//! [`OF_COMMANDS`].

use prometheus::TextEncoder;
use prometheus::proto::{Metric, MetricFamily, MetricType};

use super::own;
use super::sample::{self, counter, family, gauge};
use crate::config::{OutputLimit, Settings};
use crate::observe::info::{self, Kind, Row, rows};
use crate::observe::{CommandTotals, Facts};

/// All metrics as text.
pub fn text(facts: &dyn Facts) -> String {
    let mut families = Vec::with_capacity(256);
    add_rows(&mut families, rows::SERVER, &facts.server());
    add_rows(&mut families, rows::CLIENTS, &facts.clients());
    add_rows(&mut families, rows::MEMORY, &facts.memory());
    add_rows(&mut families, rows::PERSISTENCE, &facts.persistence());
    add_rows(&mut families, rows::STATS, &facts.stats());
    add_rows(&mut families, rows::REPLICATION, &facts.replication());
    add_rows(&mut families, rows::CPU, &facts.cpu());
    for (name, help, value) in PLAIN {
        families.push(redis(name, help, MetricType::GAUGE, vec![gauge(&[], value(facts))]));
    }
    families
        .extend(FAMILIES.iter().map(|(name, help, kind, samples)| redis(name, help, *kind, samples(facts))));
    families.extend(commands(facts));
    families.extend(own::families(facts));
    // A family without samples isn't told at all.
    families.retain(|family| !family.get_metric().is_empty());
    let mut text = String::with_capacity(256 * 1024);
    // Every family has a sample, and memory takes what is written.
    let _ = TextEncoder::new().encode_utf8(&families, &mut text);
    text
}

/// A metric without labels: name, help, value.
type Plain = (&'static str, &'static str, fn(&dyn Facts) -> f64);

const PLAIN: &[Plain] = &[
    ("up", "Whether the server answers", |_| 1.0),
    ("start_time_seconds", "When the process started, in Unix seconds", |facts| {
        facts.server().started as f64
    }),
    ("cluster_enabled", "Whether the server is a node of a cluster", |_| 0.0),
    ("slowlog_length", "Entries of the slow log", |facts| facts.slow_log().len as f64),
    ("slowlog_last_id", "Number of the latest entry of the slow log", |facts| {
        facts.slow_log().last_id.unwrap_or(0) as f64
    }),
    ("last_slow_execution_duration_seconds", "Duration of the latest entry of the slow log", |facts| {
        facts.slow_log().last_usec as f64 / 1e6
    }),
    ("config_maxclients", "maxclients", |facts| f64::from(facts.settings().clients.maxclients)),
    ("config_maxmemory", "maxmemory in bytes; 0 for no limit", |facts| {
        facts.settings().memory.maxmemory as f64
    }),
    ("config_io_threads", "io-threads: always 1, since every core executes commands anyway", |_| 1.0),
    ("config_repl_backlog_size", "repl-backlog-size in bytes", |facts| {
        facts.settings().replication.backlog_size as f64
    }),
];

/// A metric with labels: name, help, type, samples.
type Family = (&'static str, &'static str, MetricType, fn(&dyn Facts) -> Vec<Metric>);

const FAMILIES: &[Family] = &[
    ("instance_info", "What the server is, as labels", MetricType::GAUGE, instance_info),
    ("db_keys", "Keys of a database", MetricType::GAUGE, |facts| databases(facts, |db| Some(db.keys as f64))),
    ("db_keys_expiring", "Keys of a database with a deadline", MetricType::GAUGE, |facts| {
        databases(facts, |db| Some(db.expires as f64))
    }),
    ("db_keys_cached", "Hashes of a database of which a field has a deadline", MetricType::GAUGE, |facts| {
        databases(facts, |db| Some(db.subexpiry as f64))
    }),
    (
        "db_avg_ttl_seconds",
        "Mean time to live of the keys of a database with a deadline",
        MetricType::GAUGE,
        |facts| databases(facts, |db| (db.keys > 0).then_some(db.avg_ttl as f64 / 1000.0)),
    ),
    ("errors_total", "Error replies by their first word", MetricType::COUNTER, |facts| {
        facts.errors().iter().map(|(code, count)| counter(&[("err", code)], *count as f64)).collect()
    }),
    ("latency_spike_last", "When an event last took long, in Unix seconds", MetricType::GAUGE, |facts| {
        let events = facts.latency_events();
        events.iter().map(|(event, last, _)| gauge(&[("event_name", event)], last.time as f64)).collect()
    }),
    ("latency_spike_duration_seconds", "How long that event took", MetricType::GAUGE, |facts| {
        let events = facts.latency_events();
        events
            .iter()
            .map(|(event, last, _)| gauge(&[("event_name", event)], last.latency as f64 / 1e3))
            .collect()
    }),
    ("config_client_output_buffer_limit_bytes", "client-output-buffer-limit", MetricType::GAUGE, |facts| {
        let limits = output_limits(&facts.settings());
        let bytes = |(class, limit): &(&str, OutputLimit)| {
            let sizes = [("hard", limit.hard_bytes), ("soft", limit.soft_bytes)];
            sizes.map(|(kind, bytes)| gauge(&[("class", class), ("limit", kind)], bytes as f64))
        };
        limits.iter().flat_map(bytes).collect()
    }),
    (
        "config_client_output_buffer_limit_overcome_seconds",
        "How long a client may be above the soft limit",
        MetricType::GAUGE,
        |facts| {
            let limits = output_limits(&facts.settings());
            let seconds = |(class, limit): &(&str, OutputLimit)| {
                gauge(&[("class", class), ("limit", "soft")], limit.soft_seconds as f64)
            };
            limits.iter().map(seconds).collect()
        },
    ),
];

/// A family under the prefix of redis_exporter.
fn redis(name: &str, help: &str, kind: MetricType, samples: Vec<Metric>) -> MetricFamily {
    family(&format!("redis_{name}"), help, kind, samples)
}

fn add_rows<F>(families: &mut Vec<MetricFamily>, rows: &[Row<F>], facts: &F) {
    for row in rows {
        let Some(metric) = row.metric else { continue };
        let Some(number) = (row.value)(facts).number() else { continue };
        let value = number * metric.scale;
        let (kind, sample) = match metric.kind {
            Kind::Gauge => (MetricType::GAUGE, gauge(&[], value)),
            Kind::Counter => (MetricType::COUNTER, counter(&[], value)),
        };
        families.push(redis(metric.name, &format!("The field {} of INFO", row.name), kind, vec![sample]));
    }
}

fn instance_info(facts: &dyn Facts) -> Vec<Metric> {
    let (server, replication) = (facts.server(), facts.replication());
    let labels = [
        ("role", "master"),
        ("redis_version", crate::config::REDIS_VERSION),
        ("redstart_version", env!("CARGO_PKG_VERSION")),
        ("redis_build_id", concat!("redstart-", env!("CARGO_PKG_VERSION"))),
        ("redis_mode", "standalone"),
        ("os", crate::observe::machine::system()),
        ("maxmemory_policy", facts.settings().memory.maxmemory_policy.name()),
        ("tcp_port", &server.tcp_port.to_string()),
        ("run_id", &server.run_id),
        ("process_id", &std::process::id().to_string()),
        ("master_replid", &replication.replid),
    ];
    vec![gauge(&labels, 1.0)]
}

fn databases(
    facts: &dyn Facts,
    value: fn(&crate::observe::facts::DatabaseFacts) -> Option<f64>,
) -> Vec<Metric> {
    let databases = facts.databases();
    let sample = |(db, facts)| value(facts).map(|value| gauge(&[("db", &format!("db{db}"))], value));
    databases.iter().enumerate().filter_map(sample).collect()
}

fn output_limits(settings: &Settings) -> [(&'static str, OutputLimit); 3] {
    let clients = &settings.clients;
    [("normal", clients.output_normal), ("slave", clients.output_replica), ("pubsub", clients.output_pubsub)]
}

/// A counter of each command: name, help, value.
type OfCommand = (&'static str, &'static str, fn(&CommandTotals) -> f64);

const OF_COMMANDS: &[OfCommand] = &[
    ("commands_total", "Calls of a command", |totals| totals.calls as f64),
    ("commands_duration_seconds_total", "Time spent in a command", |totals| totals.usec as f64 / 1e6),
    ("commands_rejected_calls_total", "Calls of a command refused before they ran", |totals| {
        totals.rejected as f64
    }),
    ("commands_failed_calls_total", "Calls of a command that ran and failed", |totals| totals.failed as f64),
];

/// What is told of each command that was called. The counters are gathered once for all of it: there are hundreds
/// for each thread.
fn commands(facts: &dyn Facts) -> Vec<MetricFamily> {
    let totals = facts.commands();
    let mut families: Vec<MetricFamily> = OF_COMMANDS
        .iter()
        .map(|(name, help, value)| {
            let samples = totals.iter().map(|(cmd, totals)| counter(&[("cmd", cmd)], value(totals)));
            redis(name, help, MetricType::COUNTER, samples.collect())
        })
        .collect();
    let settings = facts.settings();
    let percents = &settings.observe.latency_percentiles;
    let (mut percentiles, mut distributions) = (Vec::new(), Vec::new());
    facts.latencies(&mut |cmd, histogram| {
        let labels = [("cmd", cmd)];
        let sum = totals.iter().find(|(name, _)| *name == cmd).map_or(0.0, |(_, totals)| totals.usec as f64);
        let quantiles = percents.iter().map(|&percent| (percent, info::usec_at(histogram, percent)));
        // All buckets, also those that add nothing: only so can the commands be added up.
        let buckets = info::distribution(histogram);
        let buckets = buckets.into_iter().map(|(usec, calls)| (usec as f64, calls));
        percentiles.push(sample::summary(&labels, quantiles, histogram.len(), sum));
        distributions.push(sample::histogram(&labels, buckets, histogram.len(), sum));
    });
    families.push(redis(
        "latency_percentiles_usec",
        "Percentiles of a command's duration",
        MetricType::SUMMARY,
        percentiles,
    ));
    families.push(redis(
        "commands_latencies_usec",
        "Distribution of a command's duration",
        MetricType::HISTOGRAM,
        distributions,
    ));
    families
}
