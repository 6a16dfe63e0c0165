//! Replays what a Redis 7.4.1 was asked and what it answered, a file per family of commands and protocol.

use std::fs;

use serde_json::Value;

use crate::support::{Server, data, elements, show};

/// How many differences a failing test shows.
const SHOWN: usize = 20;

#[test]
fn strings_resp2() {
    replay("strings-resp2");
}

#[test]
fn strings_resp3() {
    replay("strings-resp3");
}

#[test]
fn bits_resp2() {
    replay("bits-resp2");
}

#[test]
fn bits_resp3() {
    replay("bits-resp3");
}

#[test]
fn keys_resp2() {
    replay("keys-resp2");
}

#[test]
fn keys_resp3() {
    replay("keys-resp3");
}

#[test]
fn lists_resp2() {
    replay("lists-resp2");
}

#[test]
fn lists_resp3() {
    replay("lists-resp3");
}

#[test]
fn hashes_resp2() {
    replay("hashes-resp2");
}

#[test]
fn hashes_resp3() {
    replay("hashes-resp3");
}

#[test]
fn sets_resp2() {
    replay("sets-resp2");
}

#[test]
fn sets_resp3() {
    replay("sets-resp3");
}

#[test]
fn zsets_resp2() {
    replay("zsets-resp2");
}

#[test]
fn zsets_resp3() {
    replay("zsets-resp3");
}

#[test]
fn streams_resp2() {
    replay("streams-resp2");
}

#[test]
fn streams_resp3() {
    replay("streams-resp3");
}

#[test]
fn geos_resp2() {
    replay("geos-resp2");
}

#[test]
fn geos_resp3() {
    replay("geos-resp3");
}

#[test]
fn prob_resp2() {
    replay("prob-resp2");
}

#[test]
fn prob_resp3() {
    replay("prob-resp3");
}

#[test]
fn corners_resp2() {
    replay("corners-resp2");
}

#[test]
fn corners_resp3() {
    replay("corners-resp3");
}

#[test]
fn scripts_resp2() {
    replay("scripts-resp2");
}

#[test]
fn scripts_resp3() {
    replay("scripts-resp3");
}

/// One recorded command and its answer.
struct Line {
    args: Vec<Vec<u8>>,
    mode: String,
    /// The raw reply, or the SHA-1 of a long one.
    answer: Answer,
}

enum Answer {
    Raw(Vec<u8>),
    Sha1(String),
}

#[track_caller]
fn replay(file: &str) {
    let text =
        fs::read_to_string(data(&format!("transcripts/{file}.jsonl"))).expect("the transcript is there");
    let server = Server::start();
    let mut client = server.client();
    if file.ends_with("resp3") {
        client.hello3();
    }
    let (mut total, mut differences) = (0, Vec::new());
    for (number, line) in text.lines().enumerate() {
        let Some(line) = parse(line) else {
            client.ok(&["FLUSHALL"]);
            client.call(&["SCRIPT", "FLUSH"]);
            continue;
        };
        let got = client.raw(&line.args);
        total += 1;
        if !matches(&line, &got) {
            differences.push(describe(number + 1, &line, &got));
        }
    }
    assert!(
        differences.is_empty(),
        "{} of {total} answers differ; the first:\n{}",
        differences.len(),
        differences[..differences.len().min(SHOWN)].join("\n")
    );
    assert!(total >= 20, "{file} has but {total} commands");
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
