//! Standard output: whether it is a terminal, and writing to it.
//!
//! A program that stops reading, such as `head`, ends this one as SIGPIPE would. Rust ignores that signal, so the
//! failed write does it.

use std::fmt;
use std::io::{self, IsTerminal, Write};

/// What a shell sees of a program that SIGPIPE has ended.
const ENDED_BY_SIGPIPE: i32 = 128 + 13;

/// Whether replies are shown as on a terminal.
pub fn is_terminal() -> bool {
    io::stdout().is_terminal() || std::env::var_os("FAKETTY").is_some()
}

/// Whether the terminal has colours worth using.
pub fn has_colors() -> bool {
    std::env::var("TERM").is_ok_and(|term| term.contains("xterm"))
}

/// Writes bytes and sees to it that they leave at once.
pub fn write(bytes: &[u8]) {
    let mut stdout = io::stdout().lock();
    let done = stdout.write_all(bytes).and_then(|()| stdout.flush());
    if done.is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
        std::process::exit(ENDED_BY_SIGPIPE);
    }
}

/// Writes text, as [`write()`] does.
pub fn print(text: fmt::Arguments) {
    match text.as_str() {
        Some(text) => write(text.as_bytes()),
        None => write(text.to_string().as_bytes()),
    }
}

/// Writes a line over whatever stands at the cursor; returns how many lines that took.
pub fn print_over(line: &str) -> usize {
    let clear = if is_terminal() { "\x1b[2K\r" } else { "" };
    print(format_args!("{clear}{line}\n"));
    1 + line.matches('\n').count()
}
