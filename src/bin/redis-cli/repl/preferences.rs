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
            if let Err(why) = self.set(&split(line).unwrap_or_default()) {
                output::print(format_args!(".redisclirc: {why}\n"));
            }
        }
    }

    /// Carries out a setting.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn set(&mut self, words: &[Vec<u8>]) -> Result<(), String> {
        let unknown = |what: &str, name: &[u8]| Err(format!("unknown redis-cli {what} '{}'", lossy(name)));
        match words {
            [command, name, ..] if is(command, ":set") => match &name.to_ascii_lowercase()[..] {
                b"hints" => self.hints = true,
                b"nohints" => self.hints = false,
                _ => return unknown("preference", name),
            },
            [command, ..] => return unknown("internal command", command),
            [] => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_can_be_switched() {
        let mut preferences = Preferences::default();
        let mut set = |line: &str| {
            let done = preferences.set(&split(line.as_bytes()).expect("words"));
            (done.err(), preferences.hints)
        };
        assert_eq!(set(":set nohints"), (None, false));
        assert_eq!(set(":set other"), (Some("unknown redis-cli preference 'other'".into()), false));
        assert_eq!(set(":other"), (Some("unknown redis-cli internal command ':other'".into()), false));
        assert_eq!(set(":SET Hints"), (None, true));
    }
}
