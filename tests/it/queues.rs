//! BullMQ as applications use it, and the runbook of those who operate its queues.

use std::process::Command;

use crate::clients::{node, passes_on};
use crate::support::{Server, program, run, run_with_stdin};

/// Runs a BullMQ program to its last step, which leaves what it says it leaves.
#[track_caller]
fn works(server: &Server, script: &str, protocol: &str, steps: usize) {
    passes_on(server, node(script), protocol, None, steps);
}

#[test]
fn five_thousand_jobs_complete_exactly_once() {
    works(&Server::start(), "bullmq_jobs.js", "default", 8);
}

#[test]
fn jobs_are_ordered_promoted_retried_and_rescued() {
    let server = Server::start();
    works(&server, "bullmq_life.js", "default", 10);
    server.client().ok(&["FLUSHALL"]);
    works(&server, "bullmq_life.js", "2", 10);
}

#[test]
fn queues_are_looked_after() {
    let server = Server::start();
    works(&server, "bullmq_care.js", "2", 8);
    server.client().ok(&["FLUSHALL"]);
    works(&server, "bullmq_care.js", "default", 8);
    follow_the_runbook(&server);
}

/// The commands of the runbook, on the queue that `bullmq_care.js` leaves behind.
fn follow_the_runbook(server: &Server) {
    let cli = || {
        let mut command: Command = program("redis-cli");
        command.args(["-p", &server.port().to_string()]).env_remove("REDISCLI_AUTH");
        command
    };
    let words = |args: &[&str]| run(cli().args(args)).success();
    let piped = |line: &str| run_with_stdin(&mut cli(), line.as_bytes()).success();
    assert_eq!(piped("LRANGE bull:bundle:render:wait 0 5\n"), "8\n7\n6\n5\n4\n3\n");
    assert_eq!(words(&["ZRANGE", "bull:bundle:render:delayed", "0", "-1"]), "9\n10\n11\n");
    // The runbook quotes all of it: redis-cli sends one word, and a server knows no such command.
    assert_eq!(
        words(&["ZRANGE bull:bundle:render:delayed 0 -1"]),
        "ERR unknown command 'ZRANGE bull:bundle:render:delayed 0 -1', with args beginning with: \n\n"
    );
    assert!(words(&["INFO", "memory"]).contains("\nused_memory_human:"));
    assert!(words(&["INFO", "memory"]).contains("\nmaxmemory_policy:noeviction"));
    assert_eq!(words(&["CONFIG", "SET", "slowlog-log-slower-than", "0"]), "OK\n");
    assert!(words(&["SLOWLOG", "GET", "20"]).contains("\nslowlog-log-slower-than\n"));
    assert_eq!(words(&["LATENCY", "LATEST"]), "\n");
    assert_eq!(words(&["FLUSHDB"]), "OK\n");
    assert_eq!(piped("LRANGE bull:bundle:render:wait 0 5\nDBSIZE\n"), "\n0\n");
    assert_eq!(words(&["SET", "k", "v"]), "OK\n");
    assert_eq!(words(&["FLUSHALL"]), "OK\n");
    assert_eq!(words(&["DBSIZE"]), "0\n");
}
