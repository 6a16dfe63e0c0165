//! Replays what a Redis 7.4.1 was asked and what it answered, a file per family of commands and protocol.
//!
//! A line that calls a command the server doesn't have yet cannot be compared, nor, if it wrote, can a later line
//! about the same keys, whose content is then unknown until something replaces it. The share of lines that must be
//! compared stands with each family, so that a family cannot quietly drop out.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::support::{ReferenceCommands, Server, data, elements, lowercase, show, supported_commands};

/// How many differences a failing test shows.
const SHOWN: usize = 20;

/// Commands whose answer depends on every key.
const ABOUT_ALL_KEYS: [&str; 4] = ["keys", "dbsize", "randomkey", "scan"];

#[test]
fn strings_resp2() {
    replay("strings-resp2", 97);
}

#[test]
fn strings_resp3() {
    replay("strings-resp3", 97);
}

#[test]
fn bits_resp2() {
    replay("bits-resp2", 98);
}

#[test]
fn bits_resp3() {
    replay("bits-resp3", 98);
}

#[test]
fn keys_resp2() {
    replay("keys-resp2", 98);
}

#[test]
fn keys_resp3() {
    replay("keys-resp3", 98);
}

#[test]
fn lists_resp2() {
    replay("lists-resp2", 100);
}

#[test]
fn lists_resp3() {
    replay("lists-resp3", 100);
}

#[test]
fn hashes_resp2() {
    replay("hashes-resp2", 100);
}

#[test]
fn hashes_resp3() {
    replay("hashes-resp3", 100);
}

#[test]
fn sets_resp2() {
    replay("sets-resp2", 100);
}

#[test]
fn sets_resp3() {
    replay("sets-resp3", 100);
}

#[test]
fn zsets_resp2() {
    replay("zsets-resp2", 0);
}

#[test]
fn zsets_resp3() {
    replay("zsets-resp3", 0);
}

#[test]
fn streams_resp2() {
    replay("streams-resp2", 98);
}

#[test]
fn streams_resp3() {
    replay("streams-resp3", 98);
}

#[test]
fn geos_resp2() {
    replay("geos-resp2", 0);
}

#[test]
fn geos_resp3() {
    replay("geos-resp3", 0);
}

#[test]
fn prob_resp2() {
    replay("prob-resp2", 100);
}

#[test]
fn prob_resp3() {
    replay("prob-resp3", 100);
}

#[test]
fn corners_resp2() {
    replay("corners-resp2", 100);
}

#[test]
fn corners_resp3() {
    replay("corners-resp3", 100);
}

#[test]
fn scripts_resp2() {
    replay("scripts-resp2", 80);
}

#[test]
fn scripts_resp3() {
    replay("scripts-resp3", 80);
}

/// One recorded command and its answer.
struct Line {
    args: Vec<Vec<u8>>,
    mode: String,
    /// The raw reply, or the SHA-1 of a long one.
    answer: Answer,
}

impl Line {
    /// Whether Redis answered with an error, so that no data changed.
    fn is_refused(&self) -> bool {
        matches!(&self.answer, Answer::Raw(raw) if raw.starts_with(b"-"))
    }

    /// Whether it leaves its keys in the same state whatever they held.
    fn replaces_its_keys(&self) -> bool {
        let replaces = match lowercase(&self.args[0]).as_str() {
            "del" | "unlink" | "mset" | "setex" | "psetex" => true,
            "set" => self.args.len() == 3,
            _ => false,
        };
        replaces && !self.is_refused()
    }
}

enum Answer {
    Raw(Vec<u8>),
    Sha1(String),
}

/// Replays a file; at least `least_percent` of its commands must have been compared.
#[track_caller]
fn replay(file: &str, least_percent: usize) {
    let text =
        fs::read_to_string(data(&format!("transcripts/{file}.jsonl"))).expect("the transcript is there");
    let server = Server::start();
    let mut client = server.client();
    let supported = supported_commands(&mut client);
    let reference = ReferenceCommands::load();
    if file.ends_with("resp3") {
        client.hello3();
    }
    let (mut total, mut compared, mut differences) = (0, 0, Vec::new());
    let mut unknown = UnknownKeys::default();
    for (number, line) in text.lines().enumerate() {
        let Some(line) = parse(line) else {
            client.ok(&["FLUSHALL"]);
            client.call(&["SCRIPT", "FLUSH"]);
            unknown = UnknownKeys::default();
            continue;
        };
        total += 1;
        if reference.is_missing(&line.args, &supported) {
            if !line.is_refused() && !reference.is_readonly(&line.args) {
                unknown.add(&line.args);
            }
            continue;
        }
        if unknown.concern(&line.args) {
            if line.replaces_its_keys() {
                client.raw(&line.args);
                unknown.remove(&line.args);
            } else if !line.is_refused() && !reference.is_readonly(&line.args) {
                unknown.add(&line.args);
            }
            continue;
        }
        let got = client.raw(&line.args);
        compared += 1;
        if !matches(&line, &got) {
            differences.push(describe(number + 1, &line, &got));
        }
    }
    println!("{file}: {compared} of {total} commands compared");
    assert!(
        differences.is_empty(),
        "{} of {compared} answers differ; the first:\n{}",
        differences.len(),
        differences[..differences.len().min(SHOWN)].join("\n")
    );
    assert!(
        compared * 100 >= total * least_percent,
        "only {compared} of {total} commands could be compared, at least {least_percent}% are wanted"
    );
}

/// `None` for a reset.
fn parse(line: &str) -> Option<Line> {
    let value: Value = serde_json::from_str(line).expect("a transcript's line is JSON");
    let args = value["c"].as_array()?.iter().map(latin1).collect();
    let answer = match value["r"] {
        Value::Null => Answer::Sha1(value["sha1"].as_str().expect("no reply, then its digest").to_owned()),
        _ => Answer::Raw(latin1(&value["r"])),
    };
    Some(Line { args, mode: value["cmp"].as_str().expect("a mode").to_owned(), answer })
}

/// The bytes of a string in which each character stands for one byte.
fn latin1(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("a string");
    text.chars().map(|char| u8::try_from(u32::from(char)).expect("Latin-1")).collect()
}

fn matches(line: &Line, got: &[u8]) -> bool {
    let expected = match &line.answer {
        Answer::Raw(raw) => raw.as_slice(),
        Answer::Sha1(digest) => return sha1_smol::Sha1::from(got).digest().to_string() == *digest,
    };
    match line.mode.as_str() {
        "skip" => true,
        "exact" => expected == got,
        "unordered" => expected == got || sorted(expected, 1) == sorted(got, 1),
        "pairs" => expected == got || sorted(expected, 2) == sorted(got, 2),
        "error40" => error_start(expected) == error_start(got),
        mode => panic!("unknown mode {mode}"),
    }
}

/// The type and count of an aggregate reply and its elements in sorted groups of `group`; any other reply whole.
fn sorted(raw: &[u8], group: usize) -> (&[u8], Vec<Vec<&[u8]>>) {
    if !matches!(raw.first(), Some(b'*' | b'~' | b'%' | b'>')) {
        return (raw, Vec::new());
    }
    let header = raw.iter().position(|&byte| byte == b'\n').expect("a header line");
    // A RESP3 array of [key, value] arrays is already grouped.
    let nested = raw.get(header + 1) == Some(&b'*');
    let mut groups: Vec<Vec<&[u8]>> =
        elements(raw).chunks(if nested { 1 } else { group }).map(<[&[u8]]>::to_vec).collect();
    groups.sort();
    (&raw[..header], groups)
}

/// What is stable of an error: the text before ` script:`, at most 40 bytes.
fn error_start(raw: &[u8]) -> &[u8] {
    let marker = b" script:";
    let end = raw.windows(marker.len()).position(|window| window == marker).unwrap_or(raw.len());
    &raw[..end.min(40)]
}

fn describe(number: usize, line: &Line, got: &[u8]) -> String {
    let command: Vec<String> = line.args.iter().map(|arg| show(arg)).collect();
    let expected = match &line.answer {
        Answer::Raw(raw) => show(raw),
        Answer::Sha1(digest) => format!("sha1 {digest}"),
    };
    format!(
        "line {number} ({}): {}\n  expected {expected}\n  got      {}",
        line.mode,
        command.join(" "),
        show(got)
    )
}

/// Keys whose content is unknown since a command about them was passed over. In the transcripts keys are letters,
/// a colon and digits (`z:1`), which also finds them inside scripts, or the word `missing`.
#[derive(Default)]
struct UnknownKeys(BTreeSet<String>);

impl UnknownKeys {
    fn add(&mut self, args: &[Vec<u8>]) {
        self.0.extend(args[1..].iter().flat_map(|arg| keys_in(arg)));
    }

    fn remove(&mut self, args: &[Vec<u8>]) {
        for key in args[1..].iter().flat_map(|arg| keys_in(arg)) {
            self.0.remove(&key);
        }
    }

    fn concern(&self, args: &[Vec<u8>]) -> bool {
        !self.0.is_empty()
            && (ABOUT_ALL_KEYS.contains(&lowercase(&args[0]).as_str())
                || args[1..].iter().flat_map(|arg| keys_in(arg)).any(|key| self.0.contains(&key)))
    }
}

fn keys_in(arg: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(arg);
    let mut found: Vec<String> = text.matches("missing").map(str::to_owned).collect();
    for (colon, _) in text.match_indices(':') {
        let (before, after) = (&text[..colon], &text[colon + 1..]);
        let letters = before.len() - before.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len();
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if letters > 0 && digits > 0 {
            found.push(text[colon - letters..=colon + digits].to_owned());
        }
    }
    found
}
