//! From a value to the text of CONFIG GET and to lines of the file.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::choices::{ShutdownFlags, name_of};
use super::directive::{Directive, Kind};
use super::value::{OutputLimit, Primary, Value};
use crate::base::words::quote_into;

impl Directive {
    /// The value as CONFIG GET shows it; reading it back gives the same value, but for classes of events, of which
    /// Redis doesn't show all.
    pub(super) fn show(&self, value: &Value) -> Vec<u8> {
        match value {
            Value::YesNo(yes) => if *yes { "yes" } else { "no" }.into(),
            Value::Integer(number) => number.to_string().into(),
            Value::Size(bytes) => bytes.to_string().into(),
            Value::Percent(share) => format!("{share}%").into(),
            Value::Code(code) => self.show_code(*code).into(),
            Value::Text(text) => text.to_vec(),
            Value::Save(points) => {
                join(points.iter().map(|point| format!("{} {}", point.seconds, point.changes))).into()
            }
            Value::OutputLimits(limits) => {
                join(limits.iter().zip(["normal", "slave", "pubsub"]).map(|(limit, class)| {
                    let OutputLimit { hard_bytes, soft_bytes, soft_seconds } = limit;
                    format!("{class} {hard_bytes} {soft_bytes} {soft_seconds}")
                }))
                .into()
            }
            Value::Addresses(addresses) => addresses.join(" ").into(),
            Value::OomScores(scores) => join(scores.iter().map(i32::to_string)).into(),
            Value::Percentiles(percentiles) => join(percentiles.iter().map(|&p| show_percentile(p))).into(),
            Value::Events(classes) => classes.letters().into(),
            Value::Primary(primary) => {
                primary.as_ref().map_or_else(Vec::new, |p| format!("{} {}", p.host, p.port).into())
            }
            Value::Dir(path) => path.as_os_str().as_bytes().to_vec(),
        }
    }

    /// The lines that give the file this value, without line ends; none if the absence of the directive
    /// says it.
    pub(super) fn lines(&self, value: &Value) -> Vec<Vec<u8>> {
        let line = |words: &[u8]| [self.name.as_bytes(), b" ", words].concat();
        match value {
            Value::Text(text) if text.is_empty() && matches!(self.kind, Kind::Text { unset: true, .. }) => {
                vec![]
            }
            Value::Events(classes) => vec![line(&quoted(classes.all_letters().as_bytes()))],
            Value::Text(_) | Value::Dir(_) => vec![line(&quoted(&self.show(value)))],
            Value::Size(bytes) => vec![line(show_size(*bytes).as_bytes())],
            Value::Save(points) if !points.is_empty() => points
                .iter()
                .map(|point| line(format!("{} {}", point.seconds, point.changes).as_bytes()))
                .collect(),
            Value::OutputLimits(limits) => limits
                .iter()
                .zip(["normal", "replica", "pubsub"])
                .map(|(limit, class)| {
                    let (hard, soft) = (show_size(limit.hard_bytes), show_size(limit.soft_bytes));
                    line(format!("{class} {hard} {soft} {}", limit.soft_seconds).as_bytes())
                })
                .collect(),
            Value::Primary(None) => vec![],
            // A host name may come from a client, so it must not be able to begin a line.
            Value::Primary(Some(Primary { host, port })) => {
                vec![line(&[&quoted_if_odd(host), format!(" {port}").as_bytes()].concat())]
            }
            Value::Addresses(addresses) if self.is_default_list(addresses) => vec![],
            Value::Addresses(addresses) if !addresses.is_empty() => {
                let words: Vec<_> = addresses.iter().map(|address| quoted_if_odd(address)).collect();
                vec![line(&words.join(&b' '))]
            }
            _ => {
                let words = self.show(value);
                vec![line(if words.is_empty() { b"\"\"" } else { &words })]
            }
        }
    }

    /// Which of [`lines`](Self::lines) must be in the file: those that don't say a default.
    pub(super) fn must_write(&self, value: &Value, cwd: &Path) -> Vec<bool> {
        let count = self.lines(value).len();
        match (&self.kind, value) {
            // Redis always writes these, so that they don't move with the working directory or a change
            // of defaults.
            (Kind::Dir | Kind::Save(_) | Kind::Percentiles(_), _) => vec![true; count],
            (Kind::OutputLimits(defaults), Value::OutputLimits(limits)) => {
                limits.iter().zip(defaults).map(|(limit, default)| limit != default).collect()
            }
            _ => vec![*value != self.kind.default(cwd); count],
        }
    }

    fn is_default_list(&self, addresses: &[String]) -> bool {
        matches!(self.kind, Kind::Addresses(default) if addresses == default)
    }

    fn show_code(&self, code: u32) -> String {
        match self.kind {
            Kind::Octal { .. } => format!("{code:o}"),
            Kind::Choice { names, .. } => name_of(names, code).to_owned(),
            _ if code == 0 => "default".to_owned(),
            _ => join(
                ShutdownFlags::NAMES
                    .iter()
                    .filter(|entry| code & entry.1 != 0)
                    .map(|entry| entry.0.to_owned()),
            ),
        }
    }
}

/// Bytes in the largest binary unit that divides them.
pub(super) fn show_size(bytes: u64) -> String {
    for (unit, factor) in [("gb", 1 << 30), ("mb", 1 << 20), ("kb", 1 << 10)] {
        if bytes != 0 && bytes.is_multiple_of(factor) {
            return format!("{}{unit}", bytes / factor);
        }
    }
    bytes.to_string()
}

/// At most six decimals, without trailing zeros.
fn show_percentile(percentile: f64) -> String {
    let text = format!("{percentile:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn quoted(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 2);
    quote_into(&mut out, bytes);
    out
}

/// A word as it is, or in quotes if a bare one would read back as something else.
fn quoted_if_odd(word: &str) -> Vec<u8> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"'#\\".contains(&byte);
    if word.bytes().all(plain) { word.into() } else { quoted(word.as_bytes()) }
}

fn join(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(" ")
}
