//! Hints for parts of commands, for Redis's tests of them.

use std::path::Path;

use redstart::config::errors::os_text;

use crate::docs::Docs;
use crate::output;
use crate::session::{Failed, Session};
use crate::text::{lossy, split};

/// Prints the hint for the beginning of a command.
pub fn show(session: &mut Session, input: &[u8]) {
    let hint = Docs::fetch(session).hint(input).unwrap_or_default();
    output::print(format_args!("{hint}\n"));
}

/// Compares hints with those of a file, whose lines have an input and the hint that is expected, both quoted.
///
/// # Errors
/// The file can't be used, or hints differ.
pub fn check(session: &mut Session, file: &Path) -> Result<(), Failed> {
    let text = std::fs::read(file)
        .map_err(|why| Failed(format!("Can't open file '{}': {}", file.display(), os_text(&why))))?;
    let docs = Docs::fetch(session);
    let (mut passed, mut failed) = (0, 0);
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"#")) {
        let words = split(line).unwrap_or_default();
        let (input, expected) = match &words[..] {
            [] => continue,
            [input] => return Err(Failed(format!("Missing expected hint for input '{}'", lossy(input)))),
            [input, expected, ..] => (input, lossy(expected)),
        };
        let hint = docs.hint(input).unwrap_or_default();
        if session.options.verbose {
            output::print(format_args!(
                "Input: '{}', Expected: '{expected}', Hint: '{hint}'\n",
                lossy(input)
            ));
        }
        if hint.trim_end_matches(' ') == expected {
            passed += 1;
        } else {
            eprintln!("Test case '{}' FAILED: expected '{expected}', got '{hint}'", lossy(input));
            failed += 1;
        }
    }
    let verdict = if failed == 0 { "SUCCESS" } else { "FAILURE" };
    output::print(format_args!("{verdict}: {passed}/{} passed\n", passed + failed));
    if failed == 0 { Ok(()) } else { Err(Failed(String::new())) }
}
