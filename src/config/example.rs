//! The example file, made of the table.

use std::fmt::Write;

use super::choices::{Names, ShutdownFlags};
use super::directive::{Directive, Effect, INT_MAX, Kind, Unit};
use super::show::show_size;
use super::table::Theme;
use super::theme;

const WIDTH: usize = 100;

const INTRO: &str = "\
# The configuration of Redstart, with every directive and its default.
# Made from the table of directives: don't edit this file, copy from it.
#
#   redis-server /path/to/redis.conf --port 6380
#
# Options of the command line override the file. Of several lines of a directive the last counts;
# only save adds up, and client-output-buffer-limit by class. Sizes take b, k, m, g (powers of 1000)
# and kb, mb, gb (powers of 1024). Values with blanks are quoted. A '#' begins a comment, also
# behind a value.
#
# Beside directives with a value there are:
#   include /path/to/other.conf          lines of other files; * and ? are understood
#   rename-command FLUSHALL \"\"           remove a command, or give it another name
#   user worker on >secret ~jobs:* +@all an ACL user; see also aclfile

";

const KEPT: &str = "\
# What follows is accepted, answered and rewritten, so that files and tools made for Redis work,
# but it changes nothing here.
";

/// The text of `redis.conf.example`.
pub fn example() -> String {
    let mut text = INTRO.to_owned();
    for theme in theme::ALL {
        let shown = |effect| theme.rows.iter().filter(move |row| row.effect == effect && !row.flags.hidden);
        if shown(Effect::Acts).next().is_none() && shown(Effect::Kept).next().is_none() {
            continue;
        }
        push_heading(&mut text, theme);
        for row in shown(Effect::Acts) {
            push_row(&mut text, row);
        }
        push_kept(&mut text, shown(Effect::Kept));
    }
    text.truncate(text.trim_end().len() + 1);
    text
}

fn push_heading(text: &mut String, theme: &Theme) {
    let title = format!(" {} ", theme.title);
    text.push_str(&format!("{title:#^WIDTH$}\n\n"));
}

fn push_row(text: &mut String, row: &Directive) {
    let remark = remark(row);
    let bracket = if remark.is_empty() { String::new() } else { format!(" ({remark})") };
    push_comment(text, &format!("{}{bracket}", row.doc));
    text.push_str(&format!("# {}\n\n", default_line(row)));
}

fn push_kept<'a>(text: &mut String, rows: impl Iterator<Item = &'a Directive>) {
    let mut doc = "";
    for row in rows {
        if doc.is_empty() {
            text.push_str(KEPT);
        }
        if doc != row.doc {
            doc = row.doc;
            text.push_str("#\n");
            push_comment(text, doc);
        }
        text.push_str(&format!("# {}\n", default_line(row)));
    }
    if !doc.is_empty() {
        text.push('\n');
    }
}

/// A comment over as many lines as it needs.
fn push_comment(text: &mut String, words: &str) {
    let mut column = WIDTH;
    for word in words.split(' ') {
        if column + 1 + word.len() > WIDTH {
            text.push_str(if column == WIDTH { "#" } else { "\n#" });
            column = 1;
        }
        text.push_str(&format!(" {word}"));
        column += 1 + word.len();
    }
    text.push('\n');
}

/// A line that sets the default.
pub(super) fn default_line(row: &Directive) -> String {
    let value = match row.kind {
        Kind::Size { default, .. } => show_size(default),
        Kind::Dir => "./".to_owned(),
        Kind::Primary => "no one".to_owned(),
        Kind::Text { default, .. } if default.contains(' ') => format!("\"{default}\""),
        kind => String::from_utf8_lossy(&row.show(&kind.default("/".as_ref()))).into_owned(),
    };
    format!("{} {}", row.name, if value.is_empty() { "\"\"" } else { &value })
}

/// Which values are allowed, and when.
fn remark(row: &Directive) -> String {
    let mut remark = bounds(&row.kind);
    let mut add = |words: &str| {
        let between = if remark.is_empty() { "" } else { "; " };
        let _ = write!(remark, "{between}{words}");
    };
    if let Some(alias) = row.alias {
        add(&format!("also {alias}"));
    }
    if row.flags.immutable {
        add("fixed at the start");
    }
    if row.flags.protected {
        add("CONFIG SET needs enable-protected-configs");
    }
    remark
}

fn bounds(kind: &Kind) -> String {
    let list = |names: Names| names.iter().map(|entry| entry.0).collect::<Vec<_>>().join(", ");
    match *kind {
        Kind::Integer { max, unit, .. } if max >= INT_MAX => unit_name(unit).to_owned(),
        Kind::Integer { min, max, unit, .. } => {
            let between = if unit == Unit::Count { "" } else { ", " };
            format!("{}{between}{min} to {max}", unit_name(unit))
        }
        Kind::Choice { names, .. } => list(names),
        Kind::ShutdownFlags => format!("{}; several may be given", list(ShutdownFlags::NAMES)),
        Kind::Octal { max, .. } => format!("octal, 0 to {max:o}"),
        Kind::Size { min, .. } if min > 1 => format!("at least {}", show_size(min)),
        _ => String::new(),
    }
}

fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "",
        Unit::Micros => "microseconds",
        Unit::Millis => "milliseconds",
        Unit::Seconds => "seconds",
        Unit::Minutes => "minutes",
        Unit::Percent => "percent",
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::super::table::{self, Row};
    use super::*;

    /// After a change of the table write the file anew with
    /// `UPDATE_EXAMPLE=1 cargo test config::example`.
    #[test]
    fn the_committed_file_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/redis.conf.example");
        if std::env::var_os("UPDATE_EXAMPLE").is_some() {
            std::fs::write(path, example()).unwrap();
        }
        assert!(std::fs::read_to_string(path).unwrap() == example(), "redis.conf.example is out of date");
    }

    #[test]
    fn the_defaults_written_there_are_the_defaults() {
        let text = example();
        let mut written = Config::new();
        for row in table::rows().map(Row::directive).filter(|row| !row.flags.hidden) {
            let line = default_line(row);
            assert_eq!(text.matches(&format!("\n# {line}\n")).count(), 1, "{line}");
            written.load_text(line.as_bytes()).unwrap();
        }
        assert_eq!(written.get(&[b"*"]), Config::new().get(&[b"*"]));
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
    }
}
