//! Debian's redis-cli and redis-benchmark against the server, as operators call them.

use std::collections::BTreeSet;
use std::process::Command;

use crate::support::{Finished, Server, program, run, run_with_stdin, wait_until};

/// `redis-cli -p PORT`, with nothing from the environment of whoever runs the tests.
fn redis_cli(server: &Server) -> Command {
    let mut command = program("redis-cli");
    command.args(["-p", &server.port().to_string()]).env_remove("REDISCLI_AUTH");
    command
}

/// What `redis-cli ARGS` prints; it must exit 0.
#[track_caller]
fn cli(server: &Server, args: &[&str]) -> String {
    run(redis_cli(server).args(args)).success()
}

#[test]
fn plain_commands() {
    let server = Server::start();
    assert_eq!(cli(&server, &["ping"]), "PONG\n");
    assert_eq!(cli(&server, &["--raw", "incr", "ping"]), "1\n");
    assert_eq!(cli(&server, &["set", "k", "a b"]), "OK\n");
    assert_eq!(cli(&server, &["--no-raw", "get", "k"]), "\"a b\"\n");
    assert_eq!(cli(&server, &["-n", "3", "--no-raw", "get", "k"]), "(nil)\n");
    assert_eq!(cli(&server, &["--csv", "mget", "k", "none"]), "\"a b\",NULL\n");
    assert_eq!(cli(&server, &["--json", "mget", "k", "none"]), "[\"a b\",null]\n");
    assert_eq!(
        cli(&server, &["-3", "--no-raw", "config", "get", "maxclients"]),
        "1# \"maxclients\" => \"10000\"\n"
    );
    assert_eq!(cli(&server, &["-r", "3", "incr", "n"]), "1\n2\n3\n");
    assert_eq!(cli(&server, &["getx"]), "ERR unknown command 'getx', with args beginning with: \n\n");
}

#[test]
fn commands_and_values_from_standard_input() {
    let server = Server::start();
    let input = b"SET a 1\nINCR a\n3 INCR a\nGET \"none\"\n";
    assert_eq!(run_with_stdin(&mut redis_cli(&server), input).success(), "OK\n2\n3\n4\n5\n\n");
    let last = run_with_stdin(redis_cli(&server).args(["-x", "set", "b"]), b"from stdin").success();
    assert_eq!(last, "OK\n");
    assert_eq!(cli(&server, &["get", "b"]), "from stdin\n");
}

#[test]
fn mass_insertion_by_pipe() {
    let server = Server::start();
    let input: String = (0..10_000).map(|i| format!("SET key:{i} {i}\r\n")).collect();
    let text = run_with_stdin(redis_cli(&server).arg("--pipe"), input.as_bytes()).success();
    assert!(text.ends_with("errors: 0, replies: 10000\n"), "{text}");
    assert_eq!(cli(&server, &["dbsize"]), "10000\n");
}

#[test]
fn passwords() {
    let server = Server::with(&["--requirepass", "secret"]);
    assert_eq!(cli(&server, &["ping"]), "NOAUTH Authentication required.\n\n");
    assert_eq!(cli(&server, &["-a", "secret", "--no-auth-warning", "ping"]), "PONG\n");
    assert_eq!(
        cli(&server, &["--user", "default", "--pass", "secret", "--no-auth-warning", "ping"]),
        "PONG\n"
    );
    assert_eq!(run(redis_cli(&server).arg("ping").env("REDISCLI_AUTH", "secret")).success(), "PONG\n");
    let uri = format!("redis://default:secret@127.0.0.1:{}/2", server.port());
    assert_eq!(run(program("redis-cli").args(["-u", &uri, "--no-auth-warning", "ping"])).success(), "PONG\n");
    let Finished { stdout, stderr, .. } = run(redis_cli(&server).args(["-a", "wrong", "ping"]));
    assert!(stderr.contains("AUTH failed: WRONGPASS invalid username-password pair"), "{stderr}");
    assert_eq!(stdout, "NOAUTH Authentication required.\n\n");
}

#[test]
fn a_unix_socket() {
    let folder = tempfile::tempdir().expect("temporary folders can be made");
    let socket = folder.path().join("s");
    let path = socket.to_str().expect("a plain path");
    let server = Server::with(&["--unixsocket", path]);
    assert_eq!(cli(&server, &["set", "k", "v"]), "OK\n");
    assert_eq!(run(program("redis-cli").args(["-s", path, "get", "k"])).success(), "v\n");
}

#[test]
fn scanning_and_deleting_by_pattern() {
    let server = Server::start();
    let input: String = (0..1000).map(|i| format!("SET cache:{i} x\nSET session:{i} x\n")).collect();
    run_with_stdin(redis_cli(&server).arg("--pipe"), input.as_bytes()).success();
    let found = cli(&server, &["--scan", "--pattern", "cache:*"]);
    let keys: BTreeSet<&str> = found.lines().collect();
    assert_eq!((found.lines().count(), keys.len()), (1000, 1000));
    assert!(keys.iter().all(|key| key.starts_with("cache:")));
    // Seed 002: `redis-cli --scan --pattern "cache:*" | xargs redis-cli DEL`
    let script = format!(
        "redis-cli -p {0} --scan --pattern 'cache:*' | xargs redis-cli -p {0} DEL; \
         redis-cli -p {0} KEYS 'session:99*' | xargs redis-cli -p {0} DEL",
        server.port()
    );
    assert_eq!(run(program("sh").args(["-c", &script])).success(), "1000\n11\n");
    assert_eq!(cli(&server, &["dbsize"]), "989\n");
}

#[test]
fn big_keys_and_memory() {
    let server = Server::start();
    let input = format!("SET small x\nSET large {}\nSETBIT bits 80000 1\n", "y".repeat(5000));
    run_with_stdin(&mut redis_cli(&server), input.as_bytes()).success();
    let text = cli(&server, &["--bigkeys"]);
    assert!(text.contains("Biggest string found '\"bits\"' has 10001 bytes"), "{text}");
    let text = cli(&server, &["--memkeys"]);
    assert!(text.contains("Biggest string found '\"bits\"' has 1"), "{text}");
}

#[test]
fn info_as_runbooks_read_it() {
    let server = Server::start();
    let script = format!("redis-cli -p {} INFO memory | grep used_memory_human", server.port());
    let line = run(program("sh").args(["-c", &script])).success();
    assert!(line.starts_with("used_memory_human:") && line.trim_end().ends_with(['B', 'K', 'M']), "{line}");
    for section in ["memory", "stats", "clients", "server", "replication", "cpu", "keyspace", "commandstats"]
    {
        let text = cli(&server, &["info", section]);
        assert!(text.to_lowercase().starts_with(&format!("# {section}\r\n")), "{section}: {text}");
    }
    let script = format!("redis-cli -p {} CLIENT LIST | wc -l", server.port());
    // The one before it has ended, and may not have gone.
    wait_until("alone", || run(program("sh").args(["-c", &script])).success().trim() == "1");
}

#[test]
fn latency_and_stat() {
    let server = Server::start();
    let text = cli(&server, &["--latency", "--raw", "-i", "1"]);
    assert_eq!(text.split_whitespace().count(), 4, "min, max, average, samples: {text}");
    let script = format!("stdbuf -oL redis-cli -p {} --stat -i 0.1 | head -n 5", server.port());
    let text = run(program("sh").args(["-c", &script])).success();
    assert!(text.lines().count() == 5 && text.contains("keys"), "{text}");
}

/// redis-benchmark's tests by name.
const BENCHMARKS: &str =
    "ping,set,get,incr,mset,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,lrange,xadd";

#[test]
fn redis_benchmark_runs_its_tests() {
    let server = Server::start();
    let tests = BENCHMARKS.split(',').count();
    for extra in [&["-P", "16"][..], &["-c", "5"], &["--threads", "2", "-r", "1000", "-d", "100"], &["-3"]] {
        let mut command = program("redis-benchmark");
        command.args(["-p", &server.port().to_string(), "-n", "2000", "--csv", "-t", BENCHMARKS]);
        let text = run(command.args(extra)).success();
        let rows = text.lines().filter(|line| line.starts_with('"')).count();
        assert!(rows > tests, "a heading and a row for each of {BENCHMARKS}:\n{text}");
        assert!(!text.contains("Error") && !text.contains("ERR"), "{text}");
    }
}
