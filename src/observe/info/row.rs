//! A field of INFO as a row: its name, where its value comes from, and the metric it is exported as.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

/// A field of a section whose facts are an `F`.
pub struct Row<F: 'static> {
    /// The name in INFO.
    pub name: &'static str,
    /// Takes the value from the facts.
    pub value: fn(&F) -> Value,
    /// What /metrics makes of it.
    pub metric: Option<Metric>,
}

/// A metric made of a field.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The name without `redis_`.
    pub name: &'static str,
    /// Whether it only grows.
    pub kind: Kind,
    /// What the field's number is multiplied with.
    pub scale: f64,
}

/// Kinds of metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Goes up and down.
    Gauge,
    /// Goes up, until the counters are reset.
    Counter,
}

/// A field's value.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// A number.
    Int(i64),
    /// A number that is never negative: a count, bytes.
    Count(u64),
    /// 0 or 1.
    Flag(bool),
    /// `ok` or `err`.
    Status(bool),
    /// Two decimals.
    Ratio(f64),
    /// Two decimals and a percent sign.
    Percent(f64),
    /// Bytes with a unit that suits them.
    Human(u64),
    /// Seconds with six decimals.
    Seconds(Duration),
    /// Words.
    Text(Cow<'static, str>),
    /// The field isn't told at the moment.
    Absent,
}

/// Of what this server never does, or never has any.
pub fn zero<F>(_: &F) -> Value {
    Value::Count(0)
}

impl<F> Row<F> {
    /// A field that is only in INFO.
    pub const fn new(name: &'static str, value: fn(&F) -> Value) -> Row<F> {
        Row { name, value, metric: None }
    }

    /// Exports it as a gauge.
    pub const fn gauge(self, name: &'static str) -> Row<F> {
        self.exported(name, Kind::Gauge)
    }

    /// Exports it as a counter.
    pub const fn counter(self, name: &'static str) -> Row<F> {
        self.exported(name, Kind::Counter)
    }

    /// Multiplies what is exported.
    pub const fn scaled(mut self, scale: f64) -> Row<F> {
        if let Some(metric) = &mut self.metric {
            metric.scale = scale;
        }
        self
    }

    const fn exported(mut self, name: &'static str, kind: Kind) -> Row<F> {
        self.metric = Some(Metric { name, kind, scale: 1.0 });
        self
    }
}

/// Writes the lines of a section.
pub(super) fn write<F>(out: &mut String, rows: &[Row<F>], facts: &F) {
    use std::fmt::Write;
    for row in rows {
        let value = (row.value)(facts);
        if value != Value::Absent {
            // Writing to a string can't fail.
            let _ = write!(out, "{}:{value}\r\n", row.name);
        }
    }
}

impl Value {
    /// The value as /metrics tells it; none for words.
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Int(number) => Some(*number as f64),
            Value::Count(number) | Value::Human(number) => Some(*number as f64),
            Value::Flag(yes) | Value::Status(yes) => Some(f64::from(u8::from(*yes))),
            Value::Ratio(number) | Value::Percent(number) => Some(*number),
            Value::Seconds(time) => Some(time.as_secs_f64()),
            Value::Text(_) | Value::Absent => None,
        }
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Value::Int(number) => number.fmt(f),
            Value::Count(number) => number.fmt(f),
            Value::Flag(yes) => u8::from(*yes).fmt(f),
            Value::Status(good) => f.write_str(if *good { "ok" } else { "err" }),
            Value::Ratio(number) => write!(f, "{number:.2}"),
            Value::Percent(number) => write!(f, "{number:.2}%"),
            Value::Human(bytes) => human(*bytes, f),
            Value::Seconds(time) => write!(f, "{}.{:06}", time.as_secs(), time.subsec_micros()),
            Value::Text(text) => f.write_str(text),
            Value::Absent => Ok(()),
        }
    }
}

fn human(bytes: u64, f: &mut Formatter<'_>) -> fmt::Result {
    let units = ["K", "M", "G", "T", "P"];
    // How often 1024 goes into it.
    let magnitude = bytes.checked_ilog2().map_or(0, |bits| bits as usize / 10);
    match magnitude.checked_sub(1).and_then(|unit| units.get(unit)) {
        Some(unit) => write!(f, "{:.2}{unit}", bytes as f64 / (1u64 << (10 * magnitude)) as f64),
        None => write!(f, "{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_print_as_redis_prints_them() {
        for (value, text) in [
            (Value::Human(0), "0B"),
            (Value::Human(1023), "1023B"),
            (Value::Human(1024), "1.00K"),
            (Value::Human(1_184_232), "1.13M"),
            (Value::Human(25_276_502_016), "23.54G"),
            (Value::Human(1 << 50), "1.00P"),
            (Value::Human(1 << 60), "1152921504606846976B"),
            (Value::Ratio(1.005), "1.00"),
            (Value::Percent(99.664), "99.66%"),
            (Value::Seconds(Duration::from_micros(3375)), "0.003375"),
            (Value::Status(true), "ok"),
            (Value::Flag(true), "1"),
            (Value::Int(-1), "-1"),
        ] {
            assert_eq!(value.to_string(), text);
        }
    }

    #[test]
    fn absent_fields_have_no_line() {
        let rows: [Row<i64>; 2] =
            [Row::new("here", |fact| Value::Int(*fact)), Row::new("not_here", |_| Value::Absent).gauge("x")];
        let mut out = String::new();
        write(&mut out, &rows, &7);
        assert_eq!(out, "here:7\r\n");
    }
}
