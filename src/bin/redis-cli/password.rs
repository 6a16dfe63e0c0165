//! Asking for a password without showing it.

use std::io::{self, BufRead, IsTerminal};

use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};

use crate::output;

/// Asks at the terminal, or reads a line where there is none; `None` where there is no line.
pub fn ask(prompt: &str) -> Option<Vec<u8>> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return read_line();
    }
    output::print(format_args!("{prompt}"));
    let Ok(before) = tcgetattr(&stdin) else { return read_line() };
    let mut silent = before.clone();
    silent.local_flags.remove(LocalFlags::ECHO);
    let is_silent = tcsetattr(&stdin, SetArg::TCSANOW, &silent).is_ok();
    let line = read_line();
    if is_silent {
        // There is nothing left to do about a terminal that doesn't want to.
        let _refused = tcsetattr(&stdin, SetArg::TCSANOW, &before);
        output::write(b"\n");
    }
    line
}

fn read_line() -> Option<Vec<u8>> {
    let mut line = Vec::new();
    io::stdin().lock().read_until(b'\n', &mut line).ok().filter(|length| *length > 0)?;
    while line.ends_with(b"\n") || line.ends_with(b"\r") {
        line.pop();
    }
    Some(line)
}
