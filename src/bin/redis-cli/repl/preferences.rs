//! What a person may set, in `~/.redisclirc` or by commands that begin with a colon.

use crate::output;
use crate::repl::history::dotfile;
use crate::text::{is, lossy, split};

/// See the head of this file.
pub struct Preferences {
    /// Whether to show what may follow while a command is typed.
    pub hints: bool,
}

impl Default for Preferences {
    fn default() -> Preferences {
        Preferences { hints: true }
    }
}

impl Preferences {
    /// Reads the file, if there is one.
    pub fn load(&mut self) {
        let Some(text) = dotfile("REDISCLI_RCFILE", ".redisclirc").and_then(|file| std::fs::read(file).ok())
        else {
            return;
        };
        for line in text.split(|byte| *byte == b'\n') {
            if let Some(words) = split(line).filter(|words| !words.is_empty()) {
                self.set(&words, ".redisclirc: ");
            }
        }
    }

    /// Carries out a setting. `place` stands before complaints.
    pub fn set(&mut self, words: &[Vec<u8>], place: &str) {
        let unknown = |what: &str, name: &[u8]| {
            output::print(format_args!("{place}unknown redis-cli {what} '{}'\n", lossy(name)));
        };
        match words {
            [command, name, ..] if is(command, ":set") => match &name.to_ascii_lowercase()[..] {
                b"hints" => self.hints = true,
                b"nohints" => self.hints = false,
                _ => unknown("preference", name),
            },
            [command, ..] => unknown("internal command", command),
            [] => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_can_be_switched() {
        let mut preferences = Preferences::default();
        let mut set = |line: &str| {
            preferences.set(&split(line.as_bytes()).expect("words"), "");
            preferences.hints
        };
        assert!(!set(":set nohints"));
        assert!(!set(":set other"));
        assert!(set(":SET Hints"));
    }
}
