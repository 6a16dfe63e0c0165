//! The file of the history: plain lines, the oldest first, which Redis's redis-cli reads and writes too.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// How many lines are kept.
pub const KEPT: usize = 100;

/// A file named by the environment, or one in the home folder. `None` for neither, and for `/dev/null`.
pub fn dotfile(variable: &str, name: &str) -> Option<PathBuf> {
    let given = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty());
    match given(variable) {
        Some(path) if path == "/dev/null" => None,
        Some(path) => Some(path.into()),
        None => Some(PathBuf::from(given("HOME")?).join(name)),
    }
}

/// Lines for the file. Those with secrets never come here.
pub struct History {
    file: Option<PathBuf>,
    lines: Vec<String>,
}

impl History {
    /// Reads the file, if there is one.
    pub fn load(file: Option<PathBuf>) -> History {
        let text = file.as_ref().and_then(|file| std::fs::read(file).ok()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let mut history = History { file, lines: Vec::new() };
        for line in text.lines().filter(|line| !line.is_empty()) {
            history.push(line);
        }
        history
    }

    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Adds a line, unless it is the last one again, and writes the file.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn add(&mut self, line: &str) -> io::Result<()> {
        self.push(line);
        let Some(file) = &self.file else { return Ok(()) };
        // Commands are nobody else's business.
        let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file);
        let text: String = self.lines.iter().flat_map(|line| [line, "\n"]).collect();
        opened?.write_all(text.as_bytes())
    }

    fn push(&mut self, line: &str) {
        if self.lines.last().is_some_and(|last| last == line) {
            return;
        }
        if self.lines.len() == KEPT {
            self.lines.remove(0);
        }
        self.lines.push(line.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_hundred_lines_are_kept() {
        let folder = tempfile::tempdir().expect("temporary folders can be made");
        let file = folder.path().join("history");
        let mut history = History::load(Some(file.clone()));
        for i in 0..150 {
            history.add(&format!("get {}", i / 2)).expect("written");
        }
        history.add("set \u{e9} x").expect("written");
        let again = History::load(Some(file.clone()));
        assert_eq!(again.lines().len(), 76);
        assert_eq!(again.lines()[74..], ["get 74", "set \u{e9} x"]);
        for i in 0..100 {
            history.add(&format!("incr {i}")).expect("written");
        }
        let text = std::fs::read_to_string(&file).expect("written");
        assert!(text.starts_with("incr 0\n") && text.lines().count() == KEPT, "{text}");
    }
}
