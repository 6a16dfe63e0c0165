//! `docker-entrypoint.sh`: the image's entry point. It treats a container's arguments as that of the official Redis
//! image does, and is no script, so that it needs no shell. Giving up root is the server's own business
//! (`server::image`).

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use nix::sys::stat::{Mode, umask};

use crate::config::os_text;

const SERVER: &str = "redis-server";

/// Goes on as the program that the arguments, those behind the first of `args`, stand for; returns only if it can't.
pub(super) fn main(args: &[OsString]) -> ExitCode {
    let command = command(args.get(1..).unwrap_or_default());
    let [program, arguments @ ..] = command.as_slice() else { return ExitCode::SUCCESS };
    restrict_new_files();
    let error = Command::new(program).args(arguments).exec();
    eprintln!("docker-entrypoint.sh: {}: {}", program.display(), os_text(&error));
    // As shells say it.
    ExitCode::from(if error.kind() == ErrorKind::NotFound { 127 } else { 126 })
}

/// The program and its arguments: options alone, or a configuration file, are meant for the server.
fn command(args: &[OsString]) -> Vec<OsString> {
    let for_the_server = |first: &OsStr| {
        let first = first.as_bytes();
        first.starts_with(b"-") || first.ends_with(b".conf")
    };
    let server = args.first().is_some_and(|first| for_the_server(first)).then(|| SERVER.into());
    server.into_iter().chain(args.iter().cloned()).collect()
}

/// What is written from here on is for its user alone, unless someone chose a mask.
fn restrict_new_files() {
    let usual = Mode::S_IWGRP | Mode::S_IWOTH;
    // The mask can only be asked for by setting one.
    let mask = umask(usual);
    umask(if mask == usual { Mode::S_IRWXG | Mode::S_IRWXO } else { mask });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_mean_the_server_where_they_can() {
        for (args, expected) in [
            (&["--port", "1"][..], &["redis-server", "--port", "1"][..]),
            (&["-"], &["redis-server", "-"]),
            (&["/my.conf", "--port", "1"], &["redis-server", "/my.conf", "--port", "1"]),
            (&["redis-server", "a b"], &["redis-server", "a b"]),
            (&["sh", "-c", "x.conf"], &["sh", "-c", "x.conf"]),
            (&[], &[]),
        ] {
            let args: Vec<OsString> = args.iter().map(OsString::from).collect();
            assert_eq!(command(&args), expected);
        }
    }
}
