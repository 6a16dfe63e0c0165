//! Our redis-cli beside Debian's: the same lines of shell against the same server print the same, on standard output
//! and on standard error, and end with the same code. Debian's is 7.0.15; what 7.4.1 does in another way stands in
//! [`alone`], recorded from its redis-cli.
//!
//! In the lines `redis-cli` is the program that is tested, told the port of the server. What can't be the same twice
//! (times, ports of clients) is cut away by the lines themselves.

mod alone;
mod compared;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::support::{Finished, Server, program, run};

/// The program under test.
fn own() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_redis-cli"))
}

/// A folder with a `redis-cli` that is one of the programs, told a port, and with the files that lines read.
struct Desk {
    folder: tempfile::TempDir,
    port: u16,
}

impl Desk {
    fn new(cli: &Path, port: u16) -> Desk {
        let folder = tempfile::tempdir().expect("temporary folders can be made");
        let desk = Desk { folder, port };
        desk.write("redis-cli", &format!("#!/bin/sh\nexec {} -p {port} \"$@\"\n", cli.display()));
        let script = desk.folder.path().join("redis-cli");
        std::fs::set_permissions(script, PermissionsExt::from_mode(0o755)).expect("it is ours");
        desk.write("script.lua", "return {KEYS, ARGV, redis.call('ping')}");
        desk.write("broken.lua", "return x(");
        desk.write("password.txt", "secret\n");
        desk
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("the folder can be written");
    }

    /// Runs a line by bash.
    fn line(&self, line: &str) -> Finished {
        let path = std::env::var("PATH").unwrap_or_default();
        let folder = self.folder.path();
        let mut bash = program("bash");
        bash.args(["-c", line]).current_dir(folder).env("PATH", format!("{}:{path}", folder.display()));
        bash.env("PORT", self.port.to_string()).env("HOME", folder).env("TERM", "xterm");
        for variable in ["REDISCLI_AUTH", "REDISCLI_HISTFILE", "REDISCLI_RCFILE", "FAKETTY"] {
            bash.env_remove(variable);
        }
        run(&mut bash)
    }
}

/// Runs the lines one after the other with Debian's redis-cli and then, on an empty server again, with ours.
#[track_caller]
fn both_say_the_same(server: &Server, lines: &[&str]) {
    let debian = PathBuf::from(program("redis-cli").get_program());
    let said = [debian, own()].map(|cli| {
        let desk = Desk::new(&cli, server.port());
        let mut client = server.client();
        client.ok(&["FLUSHALL"]);
        client.ok(&["CONFIG", "RESETSTAT"]);
        lines.iter().map(|line| desk.line(line)).collect::<Vec<_>>()
    });
    let [expected, found] = said;
    let mut differences = String::new();
    for ((line, expected), found) in lines.iter().zip(&expected).zip(&found) {
        if format!("{expected:?}") != format!("{found:?}") {
            differences += &format!("{line}\n  Debian's: {expected:#?}\n  ours: {found:#?}\n");
        }
    }
    assert!(differences.is_empty(), "{differences}");
}
