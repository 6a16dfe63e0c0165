//! Waiting for messages and for somebody to type, whichever comes first.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

use super::{Failure, Session, Told, Voice};
use crate::connection::Connection;
use crate::format::Format;
use crate::output;

const WAITING: &str = "Reading messages... (press Ctrl-C to quit or any key to type command)\r";

/// The terminal in a state in which a single key can be read; as before when dropped.
struct SingleKeys(Option<Termios>);

impl SingleKeys {
    fn new() -> SingleKeys {
        let stdin = io::stdin();
        let Some(before) = tcgetattr(&stdin).ok().filter(|_| stdin.is_terminal()) else {
            return SingleKeys(None);
        };
        let mut single = before.clone();
        single.local_flags.remove(LocalFlags::ECHO | LocalFlags::ICANON);
        SingleKeys(tcsetattr(&stdin, SetArg::TCSANOW, &single).ok().map(|()| before))
    }
}

impl Drop for SingleKeys {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // There is nothing left to do about a terminal that doesn't want to.
            let _refused = tcsetattr(io::stdin(), SetArg::TCSANOW, before);
        }
    }
}

impl Session {
    /// Shows messages until there is something to read on standard input; with `has_line` there is already. Ctrl-C ends
    /// the subscription, with a new connection.
    ///
    /// # Errors
    /// Told: the connection is lost.
    pub fn wait_for_messages_or_input(&mut self, has_line: bool) -> Result<(), Told> {
        let _keys = SingleKeys::new();
        self.begin_streaming();
        let waited = self.wait(has_line);
        let aborted = self.end_streaming();
        match waited {
            Ok(()) => Ok(()),
            Err(_) if aborted => self.connect(Voice::Loud),
            Err(failure) => {
                eprintln!("Error: {failure}");
                Err(Told)
            }
        }
    }

    fn wait(&mut self, has_line: bool) -> Result<(), Failure> {
        let explains = self.options.formatter.format != Format::Raw && output::is_terminal();
        loop {
            while let Some(message) = self.connection()?.buffered()? {
                self.show(&message);
            }
            if explains {
                let (bright, plain) = if output::has_colors() { ("\x1b[1;90m", "\x1b[0m") } else { ("", "") };
                output::print(format_args!("{bright}{WAITING}{plain}"));
            }
            let (messages, input) = wait_for_either(self.connection()?, has_line);
            if explains {
                output::write(b"\x1b[K");
            }
            if messages {
                self.connection()?.fill()?;
            } else if input || has_line {
                return Ok(());
            }
        }
    }
}

/// Waits for the server or for standard input, or only looks.
fn wait_for_either(connection: &Connection, only_look: bool) -> (bool, bool) {
    let stdin = io::stdin();
    let mut both = [connection.fd(), stdin.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
    // A signal may wake it without either; the caller waits again.
    let patience = if only_look { PollTimeout::ZERO } else { PollTimeout::NONE };
    if poll(&mut both, patience).is_err() {
        return (false, false);
    }
    let [server, input] = both.map(|fd| fd.any().unwrap_or(false));
    (server, input)
}
