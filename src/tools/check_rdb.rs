//! `redis-check-rdb`: reads an RDB file as the server would, and says what it found.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use super::VERSION;
use crate::base::clock;
use crate::config::os_text;
use crate::keyspace::Value;
use crate::persist::rdb::{Error, Item, Limits, Reader, Reason};

/// Checks an RDB file.
#[derive(Parser)]
#[command(name = "redis-check-rdb", version = VERSION, disable_version_flag = true)]
struct Arguments {
    /// The file.
    #[arg(value_name = "rdb-file-name")]
    file: PathBuf,
    /// Print the version.
    #[arg(short, long, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

/// What was read so far.
#[derive(Default)]
struct Counts {
    keys: u64,
    volatile: u64,
    expired: u64,
    /// Hashes with deadlines of fields.
    timed: u64,
}

/// Where reading was when it failed.
#[derive(Default)]
struct Place<'r> {
    /// Not even the head had been read.
    at_start: bool,
    /// The key whose value was read.
    key: Option<&'r [u8]>,
    /// The code of its type, and the name of its encoding.
    kind: Option<(u8, &'static str)>,
}

/// Runs the program: success if the file is whole.
pub(super) fn main(args: &[OsString]) -> ExitCode {
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nobody is left to tell if printing fails.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    let name = arguments.file.display().to_string();
    let checked = File::open(&arguments.file).and_then(|file| check(&name, file, &mut io::stdout().lock()));
    match checked {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{name}: {}", os_text(&error));
            ExitCode::FAILURE
        }
    }
}

/// Reads a file and reports to `out`; tells whether it is whole.
///
/// # Errors
/// If writing to `out` fails.
pub(super) fn check(name: &str, file: impl Read, out: &mut impl Write) -> io::Result<bool> {
    writeln!(out, "[offset 0] Checking RDB file {name}")?;
    let (mut counts, mut empty) = (Counts::default(), 0);
    let mut reader = match Reader::new(file, Limits::default()) {
        Ok(reader) => reader,
        Err(error) => {
            let place = Place { at_start: true, ..Place::default() };
            return report(&error, &place, &counts, out).map(|()| false);
        }
    };
    loop {
        let item = match reader.next() {
            Ok(Some(item)) => item,
            Ok(None) => break,
            Err(error) => {
                let place = Place { at_start: false, key: reader.failed_key(), kind: reader.failed_type() };
                return report(&error, &place, &counts, out).map(|()| false);
            }
        };
        let offset = reader.offset();
        match item {
            Item::Key(record) => counts.add(&record.value, record.deadline),
            Item::Select(db) => writeln!(out, "[offset {offset}] Selecting DB ID {db}")?,
            Item::Aux(name, value) => {
                let (name, value) = (String::from_utf8_lossy(&name), String::from_utf8_lossy(&value));
                writeln!(out, "[offset {offset}] AUX FIELD {name} = '{value}'")?;
            }
            Item::Empty(_) => empty += 1,
            Item::Resize { .. } | Item::Function(_) => {}
        }
    }
    let offset = reader.offset();
    let verdict = match reader.stored_checksum() {
        None => "The version of this RDB file has no checksum.",
        Some(0) => "RDB file was saved with checksum disabled: no check performed.",
        Some(_) => "Checksum OK",
    };
    writeln!(out, "[offset {offset}] {verdict}")?;
    writeln!(out, "[offset {offset}] \\o/ RDB looks OK! \\o/")?;
    if empty > 0 {
        writeln!(out, "[info] {empty} keys with empty collections, which loading skips")?;
    }
    counts.show(out)?;
    Ok(true)
}

fn report(error: &Error, place: &Place<'_>, counts: &Counts, out: &mut impl Write) -> io::Result<()> {
    let doing = match &error.reason {
        _ if place.at_start => "start",
        Reason::Checksum { .. } => "check-sum",
        _ if place.key.is_some() => "read-object-value",
        _ => "read-type",
    };
    writeln!(out, "--- RDB ERROR DETECTED ---")?;
    match &error.reason {
        Reason::Truncated => {
            writeln!(out, "[offset {}] Unexpected EOF reading RDB file", error.offset)?;
        }
        Reason::Checksum { .. } => writeln!(out, "[offset {}] RDB CRC error", error.offset)?,
        reason => writeln!(out, "[offset {}] {reason}", error.offset)?,
    }
    writeln!(out, "[additional info] While doing: {doing}")?;
    if let Some(key) = place.key {
        writeln!(out, "[additional info] Reading key '{}'", String::from_utf8_lossy(key))?;
    }
    if let Some((code, name)) = place.kind {
        writeln!(out, "[additional info] Reading type {code} ({name})")?;
    }
    counts.show(out)
}

impl Counts {
    fn add(&mut self, value: &Value, deadline: Option<i64>) {
        self.keys += 1;
        self.volatile += u64::from(deadline.is_some());
        self.expired += u64::from(deadline.is_some_and(|at| at < clock::unix_ms()));
        self.timed += u64::from(matches!(value, Value::Hash(hash) if hash.next_expiry().is_some()));
    }

    fn show(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "[info] {} keys read", self.keys)?;
        writeln!(out, "[info] {} expires", self.volatile)?;
        writeln!(out, "[info] {} already expired", self.expired)?;
        writeln!(out, "[info] {} subexpires", self.timed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The report on a file.
    fn checked(file: &[u8]) -> (bool, String) {
        let mut out = Vec::new();
        let whole = check("dump.rdb", file, &mut out).expect("writing to memory");
        (whole, String::from_utf8(out).expect("text"))
    }

    #[test]
    fn a_whole_file() {
        let file = b"REDIS0012\xfa\x03ver\x017\xfe\x00\xfb\x02\x01\xfc\x01\0\0\0\0\0\0\0\x00\x01k\xc0\x01\x02\x01s\x00\xff\0\0\0\0\0\0\0\0";
        let wanted = "\
[offset 0] Checking RDB file dump.rdb
[offset 16] AUX FIELD ver = '7'
[offset 18] Selecting DB ID 0
[offset 48] RDB file was saved with checksum disabled: no check performed.
[offset 48] \\o/ RDB looks OK! \\o/
[info] 1 keys with empty collections, which loading skips
[info] 1 keys read
[info] 1 expires
[info] 1 already expired
[info] 0 subexpires
";
        assert_eq!(checked(file), (true, wanted.to_owned()));
    }

    #[test]
    fn a_damaged_file() {
        let wanted = "\
[offset 0] Checking RDB file dump.rdb
--- RDB ERROR DETECTED ---
[offset 17] a member is in a set twice
[additional info] While doing: read-object-value
[additional info] Reading key 'bad'
[additional info] Reading type 2 (set-hashtable)
[info] 0 keys read
[info] 0 expires
[info] 0 already expired
[info] 0 subexpires
";
        assert_eq!(checked(b"REDIS0012\x02\x03bad\x02\x01a\x01a\xff"), (false, wanted.to_owned()));
        for (file, error) in [
            (&b"REDIS0012"[..], "[offset 9] Unexpected EOF reading RDB file\n"),
            (b"REDIS0099", "[offset 5] Can't handle RDB format version 99\n"),
            (b"NOTREDIS0", "[offset 0] Wrong signature trying to load DB from file\n"),
            (b"REDIS0012\xff12345678", "[offset 10] RDB CRC error\n"),
        ] {
            let (whole, report) = checked(file);
            assert!(!whole && report.contains(error), "{report}");
        }
    }
}
