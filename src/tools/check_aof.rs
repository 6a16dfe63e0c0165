//! `redis-check-aof`: reads an append only file as the server would, and cuts it back to what is good if asked to.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::ExitCode;

use super::{VERSION, check_rdb};
use crate::config::os_text;
use crate::persist::aof::{CommandReader, Damage, Line, Manifest};
use crate::persist::rdb::{Limits, Reader};

/// The longest line that is looked at to tell a manifest, in bytes.
const LONGEST_LINE: u64 = 64 << 10;

/// What is done besides looking.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Check,
    Fix,
    /// Cut off what was written after this Unix time in seconds.
    CutTo(i64),
}

/// How checking a file ended.
#[derive(PartialEq, Eq, Debug)]
enum Verdict {
    Valid,
    Empty,
    Fixed,
    CutToTime,
}

/// Why there is no going on; it has been printed.
struct Stop;

type Checked = Result<Verdict, Stop>;

/// Runs the program: success if the file is valid, or is now.
pub(super) fn main(args: &[OsString]) -> ExitCode {
    let words: Vec<String> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (mode, file) = match words.as_slice() {
        [_, "-v" | "--version"] => {
            println!("redis-check-aof {VERSION}");
            return ExitCode::SUCCESS;
        }
        [_, file] => (Mode::Check, *file),
        [_, "--fix", file] => (Mode::Fix, *file),
        [_, "--truncate-to-timestamp", time, file] => match time.parse() {
            Ok(time) => (Mode::CutTo(time), *file),
            Err(_) => {
                println!("Invalid timestamp, aborting...");
                return ExitCode::FAILURE;
            }
        },
        _ => {
            let name = words.first().copied().unwrap_or("redis-check-aof");
            println!("Usage: {name} [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>");
            return ExitCode::FAILURE;
        }
    };
    match check(Path::new(file), mode, &mut io::stdin().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop) => ExitCode::FAILURE,
    }
}

fn stop<T>(why: &str) -> Result<T, Stop> {
    println!("{why}");
    Err(Stop)
}

/// Checks a log by its manifest, or a single file.
fn check(path: &Path, mode: Mode, answers: &mut dyn BufRead) -> Result<(), Stop> {
    let shown = path.display().to_string();
    if !is_manifest(path)? {
        println!("Start checking Old-Style AOF");
        let verdict = Part { name: &shown, path, last: true, mode }.check(answers)?;
        verdict.tell("AOF", &shown, mode);
        return Ok(());
    }
    println!("Start checking Multi Part AOF");
    let text = std::fs::read(path).or_else(|error| stop(&cannot_open(path, &error)))?;
    let manifest = Manifest::parse(&text).or_else(|error| {
        println!("\n*** FATAL AOF MANIFEST FILE ERROR ***\n");
        stop(&error.to_string())
    })?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let last = manifest.parts().count();
    for (index, part) in manifest.parts().enumerate() {
        let path = folder.join(&part.name);
        let is_base = manifest.base.as_ref() == Some(part);
        if is_base {
            let format = if beginning(&path)?.starts_with(b"REDIS") { "RDB" } else { "RESP" };
            println!("Start to check BASE AOF ({format} format).");
        } else if index == usize::from(manifest.base.is_some()) {
            println!("Start to check INCR files.");
        }
        let file = Part { name: &part.name, path: &path, last: index + 1 == last, mode };
        let kind = if is_base { "BASE AOF" } else { "INCR AOF" };
        file.check(answers)?.tell(kind, &part.name, mode);
    }
    println!("All AOF files and manifest are valid");
    Ok(())
}

fn cannot_open(path: &Path, error: &io::Error) -> String {
    format!("Cannot open file {}: {}, aborting...", path.display(), os_text(error))
}

/// Whether a file is a manifest: whether its first line that is no comment names a file. A log may begin with
/// annotations, which look like comments.
fn is_manifest(path: &Path) -> Result<bool, Stop> {
    let read = |path| -> io::Result<bool> {
        let mut input = BufReader::new(File::open(path)?);
        loop {
            let mut line = Vec::new();
            (&mut input).take(LONGEST_LINE).read_until(b'\n', &mut line)?;
            if !line.starts_with(b"#") {
                return Ok(line.starts_with(b"file"));
            }
        }
    };
    read(path).or_else(|error| stop(&cannot_open(path, &error)))
}

/// The first bytes of a file.
fn beginning(path: &Path) -> Result<Vec<u8>, Stop> {
    let mut begin = Vec::new();
    let read = File::open(path).and_then(|file| file.take(5).read_to_end(&mut begin));
    match read {
        Ok(_) => Ok(begin),
        Err(error) => stop(&cannot_open(path, &error)),
    }
}

impl Verdict {
    fn tell(&self, kind: &str, name: &str, mode: Mode) {
        match (self, mode) {
            (Verdict::Valid, _) => println!("{kind} {name} is valid"),
            (Verdict::Empty, _) => println!("{kind} {name} is empty"),
            (Verdict::CutToTime, Mode::CutTo(time)) => {
                println!("Successfully truncated AOF {name} to timestamp {time}");
            }
            (Verdict::Fixed | Verdict::CutToTime, _) => println!("Successfully truncated AOF {name}"),
        }
    }
}

/// One file.
struct Part<'a> {
    name: &'a str,
    path: &'a Path,
    /// Only the last file may be cut.
    last: bool,
    mode: Mode,
}

/// How far a file is good.
struct Good {
    /// The offset behind the last complete change.
    offset: u64,
    /// The line at which reading ended.
    line: u64,
    /// The offset of the first note of a time that is too late.
    too_late: Option<u64>,
}

impl Part<'_> {
    fn check(&self, answers: &mut dyn BufRead) -> Checked {
        let opened = OpenOptions::new().read(true).write(true).open(self.path);
        let sized = opened.and_then(|file| file.metadata().map(|metadata| (file, metadata.len())));
        let (mut file, size) = match sized {
            Ok(sized) => sized,
            Err(error) => {
                return stop(&cannot_open(self.path, &error));
            }
        };
        if size == 0 {
            return Ok(Verdict::Empty);
        }
        let from = self.preamble()?;
        if let Err(error) = file.seek(SeekFrom::Start(from)) {
            return stop(&format!("Failed to fseek in AOF {}: {error}", self.name));
        }
        let good = self.read(BufReader::new(&file), from)?;
        if let (Some(offset), Mode::CutTo(time)) = (good.too_late, self.mode) {
            return self.cut_to_time(&file, offset, time);
        }
        let diff = size - good.offset;
        if let (0, Mode::CutTo(time)) = (diff, self.mode) {
            println!("Truncate nothing in AOF {} to timestamp {time}", self.name);
            return Ok(Verdict::Valid);
        }
        println!(
            "AOF analyzed: filename={}, size={size}, ok_up_to={}, ok_up_to_line={}, diff={diff}",
            self.name, good.offset, good.line
        );
        match (diff, self.mode) {
            (0, _) => Ok(Verdict::Valid),
            (_, Mode::Fix) => self.fix(&file, size, good.offset, answers),
            _ => stop(&format!("AOF {} is not valid. Use the --fix option to try fixing it.", self.name)),
        }
    }

    /// Checks the RDB file that this one may begin with; where that ends.
    fn preamble(&self) -> Result<u64, Stop> {
        if !beginning(self.path)?.starts_with(b"REDIS") {
            return Ok(0);
        }
        let open = || File::open(self.path).map(BufReader::new);
        let shown = self.path.display().to_string();
        let sane = open().and_then(|file| check_rdb::check(&shown, file, &mut io::stdout().lock()));
        if !matches!(sane, Ok(true)) {
            return stop("RDB preamble of AOF file is not sane, aborting.");
        }
        println!("RDB preamble is OK, proceeding with AOF tail...");
        let mut reader = match open().map(|file| Reader::new(file, Limits::default())) {
            Ok(Ok(reader)) => reader,
            _ => return stop("RDB preamble of AOF file is not sane, aborting."),
        };
        while let Ok(Some(_)) = reader.next() {}
        Ok(reader.offset())
    }

    /// Reads the commands from an offset on.
    fn read(&self, input: impl BufRead, from: u64) -> Result<Good, Stop> {
        let mut reader = CommandReader::new(input, from);
        let mut good = Good { offset: from, line: 1, too_late: None };
        let (mut args, mut in_transaction) = (Vec::new(), false);
        loop {
            let begin = reader.offset();
            let complain = |what: &str| println!("0x{begin:16x}: {what}");
            let read = reader.next(&mut args);
            good.line = reader.lines() + 1;
            match read {
                Ok(None) => {
                    if in_transaction {
                        complain("Reached EOF before reading EXEC for MULTI");
                    }
                    return Ok(good);
                }
                Ok(Some(Line::Annotation(text))) => {
                    if self.is_too_late(&text)? {
                        good.too_late = Some(begin);
                        return Ok(good);
                    }
                }
                Ok(Some(Line::Command)) => {
                    let is = |name: &[u8]| args[0].eq_ignore_ascii_case(name);
                    if is(b"multi") && in_transaction || is(b"exec") && !in_transaction {
                        let name = if in_transaction { "MULTI" } else { "EXEC" };
                        complain(&format!("Unexpected {name} in AOF {}", self.path.display()));
                        return Ok(good);
                    }
                    in_transaction = is(b"multi") || in_transaction && !is(b"exec");
                }
                Err(Damage::CutOff) => {
                    complain("Unexpected end of file");
                    return Ok(good);
                }
                Err(Damage::Format(what)) => {
                    complain(what);
                    println!("AOF {} format error", self.name);
                    return Ok(good);
                }
                Err(Damage::Io(error)) => {
                    return stop(&format!("Failed to read from AOF {}: {error}, aborting...", self.name));
                }
            }
            if !in_transaction {
                good.offset = reader.offset();
            }
        }
    }

    /// Whether an annotation notes a time after the one to cut to.
    fn is_too_late(&self, annotation: &[u8]) -> Result<bool, Stop> {
        let (Mode::CutTo(to), Some(time)) = (self.mode, annotation.strip_prefix(b"#TS:")) else {
            return Ok(false);
        };
        match crate::base::num::parse_i64(time) {
            Some(time) => Ok(time > to),
            None => stop("Invalid timestamp annotation"),
        }
    }

    fn cut_to_time(&self, file: &File, offset: u64, time: i64) -> Checked {
        let name = self.name;
        if offset == 0 {
            return stop(&format!("AOF {name} has nothing before timestamp {time}, aborting..."));
        }
        if !self.last {
            println!(
                "Failed to truncate AOF {name} to timestamp {time} to offset {offset} because it is not the last file."
            );
            return stop(
                "If you insist, please delete all files after this file according to the manifest file and delete the corresponding records in manifest file manually. Then re-run redis-check-aof.",
            );
        }
        match file.set_len(offset) {
            Ok(()) => Ok(Verdict::CutToTime),
            Err(_) => stop(&format!("Failed to truncate AOF {name} to timestamp {time}")),
        }
    }

    fn fix(&self, file: &File, size: u64, good: u64, answers: &mut dyn BufRead) -> Checked {
        let name = self.name;
        if !self.last {
            return stop(&format!("Failed to truncate AOF {name} because it is not the last file"));
        }
        let diff = size - good;
        println!("This will shrink the AOF {name} from {size} bytes, with {diff} bytes, to {good} bytes");
        print!("Continue? [y/N]: ");
        // Whether the question can be seen or not, an answer is needed.
        let _ = io::stdout().flush();
        let mut answer = String::new();
        if answers.read_line(&mut answer).is_err() || !answer.starts_with(['y', 'Y']) {
            return stop("Aborting...");
        }
        match file.set_len(good) {
            Ok(()) => Ok(Verdict::Fixed),
            Err(_) => stop(&format!("Failed to truncate AOF {name}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "#TS:5\r\n*1\r\n$1\r\na\r\n#TS:9\r\n*1\r\n$5\r\nMULTI\r\n";

    fn file(content: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(content.as_bytes()).expect("writable");
        file
    }

    fn run(file: &tempfile::NamedTempFile, mode: Mode, answer: &str) -> bool {
        check(file.path(), mode, &mut answer.as_bytes()).is_ok()
    }

    #[test]
    fn fixing_takes_an_answer_and_leaves_what_is_good() {
        let log = file(&format!("{GOOD}*1\r\n$1"));
        assert!(!run(&log, Mode::Check, "") && !run(&log, Mode::Fix, "n\n"));
        assert!(run(&log, Mode::Fix, "y\n"));
        assert_eq!(std::fs::read_to_string(log.path()).expect("a log"), GOOD[..GOOD.len() - 15]);
        assert!(run(&log, Mode::Check, ""));
    }

    #[test]
    fn a_log_may_begin_with_annotations_and_a_manifest_with_comments() {
        assert!(run(&file("#hello\r\n*1\r\n$1\r\na\r\n"), Mode::Check, ""));
        assert!(is_manifest(file("# hello\nfile a seq 1 type b\n").path()).is_ok_and(|is| is));
        assert!(is_manifest(file("#hello").path()).is_ok_and(|is| !is));
    }

    #[test]
    fn a_log_is_cut_back_to_a_time() {
        let log = file(&format!("{GOOD}*1\r\n$4\r\nEXEC\r\n"));
        assert!(run(&log, Mode::CutTo(9), "") && !run(&log, Mode::CutTo(4), ""));
        assert!(run(&log, Mode::CutTo(8), ""));
        assert_eq!(std::fs::read_to_string(log.path()).expect("a log"), "#TS:5\r\n*1\r\n$1\r\na\r\n");
    }
}
