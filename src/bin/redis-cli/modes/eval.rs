//! `--eval`: a script of a file.

use std::path::Path;

use redstart::config::errors::os_text;

use crate::session::{Failed, Session};

/// Sends EVAL with the script; of the command's words those before a comma are keys.
///
/// # Errors
/// The file can't be read, or the connection is lost.
pub fn run(session: &mut Session, file: &Path) -> Result<(), Failed> {
    let script = std::fs::read(file)
        .map_err(|why| Failed(format!("Can't open file '{}': {}", file.display(), os_text(&why))))?;
    let words = std::mem::take(&mut session.options.command);
    let repeat = session.options.repeat;
    Ok(session.issue(&command(script, words), repeat)?)
}

fn command(script: Vec<u8>, mut words: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let comma = words.iter().position(|word| word == b",");
    let keys = comma.unwrap_or(words.len());
    if let Some(comma) = comma {
        words.remove(comma);
    }
    let mut command = vec![b"EVAL".to_vec(), script, keys.to_string().into_bytes()];
    command.append(&mut words);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Vec<u8>> {
        text.split_whitespace().map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn keys_stand_before_the_first_comma() {
        for (given, expected) in [
            ("", "EVAL s 0"),
            ("k1 k2", "EVAL s 2 k1 k2"),
            ("k , a , b", "EVAL s 1 k a , b"),
            (", a", "EVAL s 0 a"),
        ] {
            assert_eq!(command(b"s".to_vec(), words(given)), words(expected), "{given}");
        }
    }
}
