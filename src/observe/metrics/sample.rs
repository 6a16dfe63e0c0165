//! Families and samples in the form that the encoder takes.

use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType, Quantile, Summary,
};

/// Names and values.
type Labels<'l> = &'l [(&'l str, &'l str)];

/// Samples of one name.
pub(super) fn family(name: &str, help: &str, kind: MetricType, samples: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(samples);
    family
}

/// A number that goes up and down.
pub(super) fn gauge(labels: Labels<'_>, value: f64) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = labelled(labels);
    metric.set_gauge(gauge);
    metric
}

/// A number that goes up.
pub(super) fn counter(labels: Labels<'_>, value: f64) -> Metric {
    let mut counter = Counter::default();
    counter.set_value(value);
    let mut metric = labelled(labels);
    metric.set_counter(counter);
    metric
}

/// Quantiles with their values.
pub(super) fn summary(
    labels: Labels<'_>,
    quantiles: impl Iterator<Item = (f64, f64)>,
    count: u64,
    sum: f64,
) -> Metric {
    let quantiles = quantiles.map(|(at, value)| {
        let mut quantile = Quantile::default();
        quantile.set_quantile(at);
        quantile.set_value(value);
        quantile
    });
    let mut summary = Summary::default();
    summary.set_quantile(quantiles.collect());
    summary.set_sample_count(count);
    summary.set_sample_sum(sum);
    let mut metric = labelled(labels);
    metric.set_summary(summary);
    metric
}

/// Buckets: their upper ends, and how many samples lie below each.
pub(super) fn histogram(
    labels: Labels<'_>,
    buckets: impl Iterator<Item = (f64, u64)>,
    count: u64,
    sum: f64,
) -> Metric {
    let buckets = buckets.map(|(end, count)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(end);
        bucket.set_cumulative_count(count);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(count);
    histogram.set_sample_sum(sum);
    let mut metric = labelled(labels);
    metric.set_histogram(histogram);
    metric
}

fn labelled(labels: Labels<'_>) -> Metric {
    let pair = |&(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    };
    Metric::from_label(labels.iter().map(pair).collect())
}
