//! The interactive program: commands from a person or, line by line, from standard input.

mod editor;
mod history;
mod lines;
mod preferences;
mod sensitive;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::editor::Terminal;
use self::lines::Lines;
use self::preferences::Preferences;
use crate::docs::Docs;
use crate::format::Format;
use crate::interrupt::on_interrupt;
use crate::output;
use crate::session::{Session, Streaming, Voice};
use crate::text::{is, leading_integer, lossy, split};

/// Commands that took longer are told so.
const WORTH_TELLING: Duration = Duration::from_millis(500);

/// Where lines come from.
enum Input {
    Terminal(Box<Terminal>),
    Lines(Lines),
}

impl Input {
    /// The next line without its end; `None` at the end of all lines or Ctrl-C.
    fn next_line(&mut self, prompt: &str) -> Option<Vec<u8>> {
        match self {
            Input::Terminal(terminal) => terminal.next_line(prompt),
            Input::Lines(lines) => lines.next_line(),
        }
    }

    /// Whether a line is there that waiting for input wouldn't see.
    fn has_line(&self) -> bool {
        matches!(self, Input::Lines(lines) if lines.has_line())
    }

    fn remember(&mut self, line: &[u8], is_sensitive: bool) {
        if let Input::Terminal(terminal) = self {
            terminal.remember(&lossy(line), is_sensitive);
        }
    }
}

/// Whether to read on.
#[derive(PartialEq, Eq)]
enum Next {
    Line,
    End,
}

/// Connects, and carries out lines until they end. A server that doesn't answer is tried again with each command.
pub fn run(mut session: Session) -> ExitCode {
    let streaming = Arc::new(Streaming::default());
    session.set_interactive(Arc::clone(&streaming));
    on_interrupt(move || {
        if !streaming.abort() {
            std::process::exit(1);
        }
    });
    // Told, if it fails.
    let _told = session.connect(Voice::Loud);
    let mut preferences = Preferences::default();
    let input = if io::stdin().is_terminal() {
        preferences.load();
        let docs = Docs::fetch(&mut session);
        match Terminal::new(docs, &preferences) {
            Ok(terminal) => Input::Terminal(Box::new(terminal)),
            Err(why) => {
                eprintln!("The terminal can't be used: {why}");
                return ExitCode::FAILURE;
            }
        }
    } else {
        Input::Lines(Lines::default())
    };
    Repl { session, input, preferences }.run()
}

/// Shows the help that `help` and `?` ask for. It works without a server, as far as it goes.
pub fn show_help(session: &mut Session, topic: &[Vec<u8>]) {
    let docs = if topic.is_empty() { Docs::default() } else { Docs::fetch(session) };
    output::print(format_args!("{}", docs.help(topic)));
}

struct Repl {
    session: Session,
    input: Input,
    preferences: Preferences,
}

impl Repl {
    fn run(mut self) -> ExitCode {
        loop {
            let prompt = self.session.prompt();
            let Some(line) = self.input.next_line(&prompt) else {
                // The first Ctrl-C or Ctrl-D only ends a subscription.
                if self.session.is_subscribed() && self.session.connect(Voice::Loud).is_ok() {
                    continue;
                }
                return ExitCode::SUCCESS;
            };
            if self.carry_out(&line) == Next::End {
                return ExitCode::SUCCESS;
            }
            if self.session.is_subscribed()
                && self.session.wait_for_messages_or_input(self.input.has_line()).is_err()
            {
                return ExitCode::FAILURE;
            }
        }
    }

    fn carry_out(&mut self, line: &[u8]) -> Next {
        let Some(words) = split(line) else {
            output::print(format_args!("Invalid argument(s)\n"));
            self.input.remember(line, false);
            return Next::Line;
        };
        if words.is_empty() {
            return Next::Line;
        }
        let Some((repeat, words)) = repetitions(&words) else {
            output::print(format_args!("Invalid redis-cli repeat command option value.\n"));
            return Next::Line;
        };
        self.input.remember(line, sensitive::is_sensitive(words));
        let first = &words[0];
        match words.len() {
            _ if is(first, "quit") || is(first, "exit") => return Next::End,
            _ if first.starts_with(b":") => {
                if let Err(why) = self.preferences.set(words) {
                    output::print(format_args!("{why}\n"));
                }
                if let Input::Terminal(terminal) = &mut self.input {
                    terminal.show_hints(self.preferences.hints);
                }
            }
            _ if is(first, "restart") => {
                output::print(format_args!("Use 'restart' only in Lua debugging mode.\n"));
            }
            3 if is(first, "connect") => self.connect(&words[1], &words[2]),
            1 if is(first, "clear") => output::print(format_args!("\x1b[H\x1b[2J")),
            _ => self.issue(words, repeat),
        }
        Next::Line
    }

    fn connect(&mut self, host: &[u8], port: &[u8]) {
        match u16::try_from(leading_integer(port)) {
            Ok(port) => {
                self.session.set_place(lossy(host), port);
                // Told, if it fails.
                let _told = self.session.connect(Voice::Loud);
            }
            Err(_) => eprintln!("Invalid server port."),
        }
    }

    fn issue(&mut self, words: &[Vec<u8>], repeat: i64) {
        let began = Instant::now();
        if is(&words[0], "help") || words[0] == b"?" {
            match &self.input {
                Input::Terminal(terminal) => {
                    output::print(format_args!("{}", terminal.docs().help(&words[1..])));
                }
                Input::Lines(_) => show_help(&mut self.session, &words[1..]),
            }
        } else {
            // Told; the next command connects again.
            let _told = self.session.issue(words, repeat);
        }
        let took = began.elapsed();
        if took >= WORTH_TELLING && self.session.options.formatter.format == Format::Standard {
            output::print(format_args!("({:.2}s)\n", took.as_secs_f64()));
        }
    }
}

/// The number that stands before a command, and the command; `None` where it can't be one.
fn repetitions(words: &[Vec<u8>]) -> Option<(i64, &[Vec<u8>])> {
    let digits = words[0].strip_prefix(b"-").unwrap_or(&words[0]);
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    if words.len() < 2 || !is_number {
        return Some((1, words));
    }
    let number = redstart::base::num::parse_i64(&words[0]).filter(|number| *number > 0)?;
    Some((number, &words[1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_before_commands() {
        let words = |line: &str| split(line.as_bytes()).expect("words");
        let read = |line: &str| repetitions(&words(line)).map(|(number, rest)| (number, rest.len()));
        assert_eq!(read("5 incr x"), Some((5, 2)));
        assert_eq!(read("incr x"), Some((1, 2)));
        assert_eq!(read("5"), Some((1, 1)));
        for wrong in ["0 incr x", "-1 incr x", "99999999999999999999 incr x"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
