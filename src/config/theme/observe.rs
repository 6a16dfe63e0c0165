//! What can be seen from outside: slow log, latency, keyspace events, metrics.

use crate::config::directive::Unit::{Count, Micros, Millis};
use crate::config::directive::{Directive, Kind, integer, yes_no};
use crate::config::value::{EventClasses, Value};
use crate::config::values::Values;

pub(in crate::config) const ROWS: &[Directive] = &[
    integer(
        "slowlog-log-slower-than",
        10_000,
        (-1, i64::MAX),
        Micros,
        "Note commands that take longer; 0 all, -1 none.",
    ),
    integer("slowlog-max-len", 128, (0, i64::MAX), Count, "Entries the slow log keeps."),
    integer("latency-monitor-threshold", 0, (0, i64::MAX), Millis, "Note events that take as long; 0 none."),
    yes_no("latency-tracking", true, "Keep a histogram of durations per command."),
    Directive::new(
        "latency-tracking-info-percentiles",
        Kind::Percentiles(&[50.0, 99.0, 99.9]),
        "Percentiles of durations that INFO tells.",
    ),
    Directive::new(
        "notify-keyspace-events",
        Kind::Events,
        "Classes of events to publish: K and E say where, A or g$lshzxetdmn what; \"\" none.",
    ),
    integer("metrics-port", 0, (0, 65535), Count, "TCP port of /metrics for Prometheus; 0 for none."),
    Directive::new(
        "metrics-bind",
        Kind::Addresses(&["127.0.0.1"]),
        "Addresses of /metrics. It asks for no password, so open it to the scraper only.",
    ),
];

/// Slow log, latency, events, metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct Observe {
    /// Microseconds; `None` for no slow log.
    pub slowlog_slower_than_us: Option<u64>,
    /// Entries.
    pub slowlog_max_len: usize,
    /// Milliseconds; 0 for no monitor.
    pub latency_monitor_threshold_ms: u64,
    /// Histograms per command.
    pub latency_tracking: bool,
    /// In percent.
    pub latency_percentiles: Vec<f64>,
    /// Which keyspace events are published.
    pub keyspace_events: EventClasses,
    /// 0 for none.
    pub metrics_port: u16,
    /// Where /metrics listens.
    pub metrics_bind: Vec<String>,
}

impl Observe {
    pub(in crate::config) fn read(values: &Values) -> Self {
        Observe {
            slowlog_slower_than_us: u64::try_from(values.integer::<i64>("slowlog-log-slower-than")).ok(),
            slowlog_max_len: values.integer("slowlog-max-len"),
            latency_monitor_threshold_ms: values.integer("latency-monitor-threshold"),
            latency_tracking: values.yes("latency-tracking"),
            latency_percentiles: match values.named("latency-tracking-info-percentiles") {
                Value::Percentiles(percentiles) => percentiles.clone(),
                _ => vec![],
            },
            keyspace_events: match values.named("notify-keyspace-events") {
                Value::Events(classes) => *classes,
                _ => EventClasses::default(),
            },
            metrics_port: values.integer("metrics-port"),
            metrics_bind: values.addresses("metrics-bind"),
        }
    }
}
