//! A server that breaks: what it leaves in the log, and that it ends by the signal it was broken by.

use crate::support::{Client, Server, pipeline};

const START: &str = "=== REDIS BUG REPORT START: Cut & paste starting from here ===";
const END: &str = "=== REDIS BUG REPORT END. Make sure to include from START to END. ===";
/// What a whole report has, in this order.
const PARTS: [&str; 5] = [
    "------ STACK TRACE ------",
    "------ STACK TRACE DONE ------",
    "------ INFO OUTPUT ------",
    "# Memory",
    END,
];

fn start(args: &[&str]) -> Server {
    Server::with(&[&["--enable-debug-command", "yes"], args].concat())
}

/// Sends what is not answered.
fn send(client: &mut Client, command: &str) {
    client.send(&pipeline(&[command]));
}

#[track_caller]
fn assert_in_order(log: &str, parts: &[&str]) {
    let mut rest = log;
    for part in parts {
        let at = rest.find(part);
        rest = &rest[at.unwrap_or_else(|| panic!("no {part:?} in\n{rest}\nof\n{log}"))..];
    }
    assert_eq!(log.matches(START).count(), 1, "{log}");
}

#[test]
fn a_broken_thread_is_reported_with_its_stack_and_its_client() {
    let mut server = start(&[]);
    let mut client = server.client();
    client.call(&["CLIENT", "SETNAME", "culprit"]);
    send(&mut client, "DEBUG SEGFAULT");
    assert_eq!(server.wait(), None, "it ends by a signal");
    let log = server.log();
    assert_in_order(&log, &[START, "Redis 7.4.1 crashed by signal: 11, si_code: "]);
    assert_in_order(&log, &PARTS);
    assert_in_order(&log, &["on_crash", "debug/fail.rs", "CURRENT CLIENT INFO", "name=culprit", "cmd=debug"]);
}

#[test]
fn a_signal_from_outside_is_reported_with_its_sender() {
    for signal in ["ABRT", "BUS", "FPE", "ILL", "SEGV"] {
        let mut server = start(&["--hide-user-data-from-log", "yes"]);
        let mut client = server.client();
        client.call(&["CLIENT", "SETNAME", "secretive"]);
        assert_eq!(server.stop(signal), None, "it ends by a signal");
        let log = server.log();
        assert_in_order(&log, &[START, "crashed by signal: ", "Killed by PID: "]);
        assert_in_order(&log, &PARTS);
        assert!(!log.contains("secretive"), "{log}");
    }
}

#[test]
fn reports_can_be_switched_off_and_on() {
    let mut server = start(&["--crash-log-enabled", "no"]);
    assert_eq!(server.stop("SEGV"), None);
    assert!(!server.log().contains(START), "{}", server.log());
    let mut server = start(&["--crash-log-enabled", "no"]);
    server.client().call(&["CONFIG", "SET", "crash-log-enabled", "yes"]);
    assert_eq!(server.stop("SEGV"), None);
    assert_in_order(&server.log(), &PARTS);
    let mut server = start(&[]);
    server.client().call(&["CONFIG", "SET", "crash-log-enabled", "no"]);
    send(&mut server.client(), "DEBUG ASSERT");
    assert_eq!(server.wait(), None);
    assert_in_order(&server.log(), &[START, "=== ASSERTION FAILED ===", END]);
    assert!(!server.log().contains(PARTS[0]), "{}", server.log());
}

#[test]
fn failures_are_reported_too() {
    let mut server = start(&["--use-exit-on-panic", "yes"]);
    send(&mut server.client(), "DEBUG ASSERT loudly");
    assert_eq!(server.wait(), Some(1));
    let log = server.log();
    assert_in_order(&log, &[START, "client->argv[1] = \"ASSERT\"", "\"loudly\"", "=== ASSERTION FAILED ==="]);
    assert_in_order(&log, &PARTS);
    let mut server = start(&["--hide-user-data-from-log", "yes"]);
    send(&mut server.client(), "DEBUG ASSERT quietly");
    assert_eq!(server.wait(), None);
    assert_in_order(&server.log(), &["client->argv[0] = \"DEBUG\"", "client->argv[2] = *redacted*"]);
    assert!(!server.log().contains("quietly"), "{}", server.log());
    let mut server = start(&[]);
    send(&mut server.client(), "DEBUG PANIC");
    assert_eq!(server.wait(), None);
    assert_in_order(&server.log(), &[START, "!!! Software Failure.", "Guru Meditation: DEBUG PANIC"]);
    assert_in_order(&server.log(), &PARTS);
}
