//! redis-cli: commands for a Redis server, from arguments, from standard input, or interactively.
//!
//! | module | what |
//! |---|---|
//! | `text`, `output`, `interrupt`, `password` | quoting; standard output; Ctrl-C; asking for a password |
//! | `wire` | requests to bytes, bytes to replies |
//! | `format` | replies as text: for people, raw, CSV, JSON |
//! | `options` | the command line |
//! | `connection` | sockets and TLS |
//! | `session` | a connection with its user, database and subscriptions; sending commands and showing replies |
//! | `docs` | the server's commands: completion, hints, help |
//! | `modes` | what isn't a single command: `--scan`, `--bigkeys`, `--latency`, `--pipe` and so on |
//! | `repl` | the interactive program |
//! | `single` | one command, from the command line |
//!
//! A module uses only those above it.

mod connection;
mod docs;
mod format;
mod interrupt;
mod modes;
mod options;
mod output;
mod password;
mod repl;
mod session;
mod single;
mod text;
mod wire;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::options::{Mode, Options, Stop};
use crate::session::{Failed, Session};

fn main() -> ExitCode {
    let line: Vec<OsString> = std::env::args_os().collect();
    let mut options = match Options::parse(&line, output::is_terminal()) {
        Ok(options) => options,
        Err(Stop::Told(text)) => {
            output::print(format_args!("{text}"));
            return ExitCode::SUCCESS;
        }
        Err(Stop::Refused(why)) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    if options.ask_password {
        options.password = password::ask("Please input password: ");
    }
    let mode = options.mode.clone();
    let mut session = Session::new(options);
    if !matches!(mode, Mode::Command) {
        return end(modes::run(&mode, &mut session));
    }
    if session.options.command.is_empty() {
        return repl::run(session);
    }
    end(single::run(&mut session))
}

fn end(result: Result<(), Failed>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed(why)) => {
            if !why.is_empty() {
                eprintln!("{why}");
            }
            ExitCode::FAILURE
        }
    }
}
