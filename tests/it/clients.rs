//! Client libraries as applications use them: ioredis, node-redis, redis-py and what is built on them, in RESP2 and
//! RESP3, with and without password.

use std::process::Command;

use crate::support::{Server, program, project_dir, run};

/// Runs a program of `tests/clients` against a fresh server and expects a line for each of its steps.
#[track_caller]
fn passes(command: Command, protocol: &str, password: Option<&str>, steps: usize) {
    let server = Server::with(&["--requirepass", password.unwrap_or("")]);
    passes_on(&server, command, protocol, password, steps);
}

/// The same against a server that goes on.
#[track_caller]
pub(crate) fn passes_on(
    server: &Server,
    mut command: Command,
    protocol: &str,
    password: Option<&str>,
    steps: usize,
) {
    command.args([&server.port().to_string(), protocol]).args(password);
    let text = run(&mut command).success();
    assert_eq!(text.lines().count(), steps, "{text}");
}

/// A program of `tests/clients/node`.
pub(crate) fn node(script: &str) -> Command {
    let folder = project_dir().join("tests/clients/node");
    let installed = folder.join("node_modules/.package-lock.json").is_file();
    assert!(installed, "the packages of {} are missing: tests/run installs them", folder.display());
    let mut command = program("node");
    command.arg(folder.join(script));
    command
}

/// The Python of the virtual environment that tests/run makes.
pub(crate) fn python(script: &str) -> Command {
    let python = project_dir().join("target/test-venv/bin/python");
    assert!(python.exists(), "redis-py is missing: tests/run installs it");
    let mut command = Command::new(python);
    command.arg(project_dir().join("tests/clients/python").join(script));
    command
}

#[test]
fn ioredis_as_it_comes() {
    passes(node("seed002.js"), "default", None, 8);
}

#[test]
fn ioredis_in_resp2() {
    passes(node("seed002.js"), "2", None, 8);
}

#[test]
fn ioredis_with_a_password() {
    passes(node("seed002.js"), "default", Some("p a\"ss"), 8);
    passes(node("seed002.js"), "2", Some("secret"), 8);
}

#[test]
fn ioredis_sessions_in_hashes() {
    passes(node("sessions.js"), "default", None, 1);
    passes(node("sessions.js"), "2", None, 1);
}

#[test]
fn ioredis_with_events_scripts_and_lost_connections() {
    passes(node("features.js"), "default", None, 7);
    passes(node("features.js"), "2", Some("secret"), 7);
}

#[test]
fn node_redis_locks_sessions_and_rate_limits() {
    passes(node("companions.js"), "default", Some("secret"), 5);
    passes(node("companions.js"), "2", None, 5);
}

#[test]
fn redis_py_with_asyncio_and_locks() {
    passes(python("asynchronous.py"), "3", None, 6);
    passes(python("asynchronous.py"), "2", Some("secret"), 6);
}

#[test]
fn redis_py_in_resp2() {
    passes(python("everyday.py"), "2", None, 8);
}

#[test]
fn redis_py_in_resp3() {
    passes(python("everyday.py"), "3", Some("secret"), 8);
}
