//! Lines from a terminal: rustyline with the server's commands for completion and hints.

use std::borrow::Cow;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{Config, Context, Editor, Helper};

use super::history::{History, KEPT, dotfile};
use super::preferences::Preferences;
use crate::docs::Docs;

/// What helps while a line is typed.
struct Assistant {
    docs: Docs,
    shows_hints: bool,
}

impl Helper for Assistant {}

impl Validator for Assistant {}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok((0, self.docs.completions(&line[..at])))
    }
}

impl Hinter for Assistant {
    type Hint = Shown;

    fn hint(&self, line: &str, at: usize, _: &Context<'_>) -> Option<Shown> {
        if !self.shows_hints || at < line.len() {
            return None;
        }
        let hint = self.docs.hint(line.as_bytes()).filter(|hint| !hint.is_empty())?;
        let blank = if line.ends_with(char::is_whitespace) { "" } else { " " };
        Some(Shown(format!("{blank}{hint}")))
    }
}

/// A hint is only shown: no key takes it into the line.
struct Shown(String);

impl rustyline::hint::Hint for Shown {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Highlighter for Assistant {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("\x1b[0;90;49m{hint}\x1b[0m"))
    }
}

/// The terminal as a source of lines.
pub struct Terminal {
    editor: Editor<Assistant, DefaultHistory>,
    history: History,
}

impl Terminal {
    /// # Errors
    /// The terminal can't be used.
    pub fn new(docs: Docs, preferences: &Preferences) -> rustyline::Result<Terminal> {
        let config = Config::builder().max_history_size(KEPT)?.auto_add_history(false).build();
        let mut editor = Editor::with_config(config)?;
        editor.set_helper(Some(Assistant { docs, shows_hints: preferences.hints }));
        let history = History::load(dotfile("REDISCLI_HISTFILE", ".rediscli_history"));
        for line in history.lines() {
            editor.add_history_entry(line)?;
        }
        Ok(Terminal { editor, history })
    }

    /// The next line; `None` at Ctrl-C and Ctrl-D.
    pub fn next_line(&mut self, prompt: &str) -> Option<Vec<u8>> {
        loop {
            match self.editor.readline(prompt) {
                Ok(line) => return Some(line.into_bytes()),
                // The window has another size.
                Err(ReadlineError::Signal(_)) => {}
                Err(_) => return None,
            }
        }
    }

    /// Keeps a line for the arrow keys, and in the file unless there are secrets in it.
    pub fn remember(&mut self, line: &str, is_sensitive: bool) {
        let kept = self.editor.add_history_entry(line);
        let saved = if is_sensitive { Ok(()) } else { self.history.add(line) };
        // A history that can't be kept is no reason to bother anybody.
        drop((kept, saved));
    }

    pub fn show_hints(&mut self, shown: bool) {
        if let Some(assistant) = self.editor.helper_mut() {
            assistant.shows_hints = shown;
        }
    }

    pub fn docs(&self) -> &Docs {
        &self.editor.helper().expect("set when it was made").docs
    }
}
