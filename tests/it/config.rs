//! CONFIG GET, SET and REWRITE: every directive of Redis 7.4.1 with its default, error texts, all or nothing.

use std::fs;

use crate::support::{Client, Reply, Server, data};

/// Directives whose value comes from how the test starts the server, or from the machine.
const GIVEN_BY_THE_TEST: [&str; 4] = ["bind", "dir", "port", "save"];

fn names(reply: &Reply) -> Vec<String> {
    let mut names: Vec<String> = reply.items().chunks_exact(2).map(|pair| pair[0].text()).collect();
    names.sort();
    names
}

#[test]
fn every_directive_has_the_default_of_redis() {
    let server = Server::start();
    let reply = server.client().call(&["CONFIG", "GET", "*"]);
    let recorded =
        fs::read_to_string(data("config-defaults-7.4.tsv")).expect("the defaults are in tests/data");
    let mut wrong = Vec::new();
    for line in recorded.lines() {
        let (name, value) = line.split_once('\t').expect("a name, a tab, a value");
        match reply.get(name) {
            None => wrong.push(format!("{name} is missing")),
            Some(_) if GIVEN_BY_THE_TEST.contains(&name) => {}
            Some(got) if got.text() != value => wrong.push(format!("{name} is {got:?}, not {value:?}")),
            Some(_) => {}
        }
    }
    assert!(recorded.lines().count() > 200 && wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn get_takes_globs_and_several_patterns() {
    let server = Server::start();
    let mut client = server.client();
    let maxmemory = ["maxmemory", "maxmemory-clients", "maxmemory-eviction-tenacity", "maxmemory-policy"];
    let reply = client.call(&["CONFIG", "GET", "maxm*"]);
    assert_eq!(names(&reply), [&maxmemory[..], &["maxmemory-samples"]].concat());
    let reply = client.call(&["CONFIG", "GET", "timeout", "MAX?lients", "timeout"]);
    assert_eq!(names(&reply), ["maxclients", "timeout"]);
    assert_eq!(client.call(&["CONFIG", "GET", "nothing"]), Reply::Array(vec![]));
    let error = "ERR wrong number of arguments for 'config|get' command";
    assert_eq!(client.call(&["CONFIG", "GET"]), Reply::Error(error.to_owned()));
}

/// Arguments of CONFIG SET, the directive at fault and the reason.
const REFUSED: [(&[&str], &str, &str); 20] = [
    (&["maxclients", "abc"], "maxclients", "argument couldn't be parsed into an integer"),
    (&["maxclients", "0"], "maxclients", "argument must be between 1 and 4294967295 inclusive"),
    (&["maxmemory", "1mb", "maxmemory", "2mb"], "maxmemory", "duplicate parameter"),
    (&["maxmemory", "-1"], "maxmemory", "argument must be a memory value"),
    (&["maxmemory", "1.5gb"], "maxmemory", "argument must be a memory value"),
    (&["maxmemory", "12xb"], "maxmemory", "argument must be a memory value"),
    (&["databases", "3"], "databases", "can't set immutable config"),
    (&["dir", "/"], "dir", "can't set protected config"),
    (&["enable-debug-command", "yes"], "enable-debug-command", "can't set immutable config"),
    (&["appendonly", "x"], "appendonly", "argument must be 'yes' or 'no'"),
    (&["timeout", "1e3"], "timeout", "argument couldn't be parsed into an integer"),
    (&["timeout", "-1"], "timeout", "argument must be between 0 and 2147483647 inclusive"),
    (&["lfu-log-factor", "-1"], "lfu-log-factor", "argument must be between 0 and 2147483647 inclusive"),
    (
        &["proto-max-bulk-len", "1"],
        "proto-max-bulk-len",
        "argument must be between 1048576 and 9223372036854775807 inclusive",
    ),
    (
        &["slowlog-max-len", "9223372036854775808"],
        "slowlog-max-len",
        "argument couldn't be parsed into an integer",
    ),
    (
        &["loglevel", ""],
        "loglevel",
        "argument(s) must be one of the following: debug, verbose, notice, warning, nothing",
    ),
    (
        &["maxmemory-policy", "lru"],
        "maxmemory-policy",
        "argument(s) must be one of the following: volatile-lru, volatile-lfu, volatile-random, volatile-ttl, \
         allkeys-lru, allkeys-lfu, allkeys-random, noeviction",
    ),
    (&["save", "1 2 3"], "save", "Invalid save parameters"),
    (
        &["notify-keyspace-events", "?"],
        "notify-keyspace-events",
        "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.",
    ),
    (
        &["client-output-buffer-limit", "nope 1 2 3"],
        "client-output-buffer-limit",
        "Invalid client class specified in buffer limit configuration.",
    ),
];

#[test]
fn a_refused_set_changes_nothing() {
    let server = Server::start();
    let mut client = server.client();
    let before = client.call(&["CONFIG", "GET", "*"]);
    for (args, directive, reason) in REFUSED {
        let command =
            [&["CONFIG", "SET", "lfu-decay-time", "7"], args, &["zset-max-listpack-value", "9"]].concat();
        let error = format!("ERR CONFIG SET failed (possibly related to argument '{directive}') - {reason}");
        assert_eq!(client.call(&command), Reply::Error(error), "{args:?}");
        assert_eq!(client.call(&["CONFIG", "GET", "*"]), before, "{args:?}");
    }
    let unknown = "ERR Unknown option or number of arguments for CONFIG SET - 'nope'";
    let command = ["CONFIG", "SET", "maxmemory", "1", "nope", "2"];
    assert_eq!(client.call(&command), Reply::Error(unknown.to_owned()));
    let odd = "ERR wrong number of arguments for 'config|set' command";
    assert_eq!(client.call(&["CONFIG", "SET", "maxmemory"]), Reply::Error(odd.to_owned()));
    assert_eq!(client.call(&["CONFIG", "GET", "*"]), before);
}

#[test]
fn set_takes_units_and_several_directives() {
    let server = Server::start();
    let mut client = server.client();
    let units = [
        ("1k", "1000"),
        ("1kb", "1024"),
        ("3mb", "3145728"),
        ("2G", "2000000000"),
        ("1GB", "1073741824"),
        ("7b", "7"),
    ];
    for (text, bytes) in units {
        client.ok(&["CONFIG", "SET", "maxmemory", text, "maxmemory-policy", "allkeys-lru"]);
        assert_eq!(client.config("maxmemory"), bytes, "{text}");
    }
    client.ok(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(client.config("maxmemory-policy"), "allkeys-lru");
    client.ok(&["CONFIG", "SET", "save", "900 1 300 10", "HZ", "1000"]);
    assert_eq!(client.config("save"), "900 1 300 10");
    assert_eq!(client.config("hz"), "500");
    client.ok(&["CONFIG", "SET", "notify-keyspace-events", "KEA"]);
    assert_eq!(client.config("notify-keyspace-events"), "AKE");
    client.ok(&["CONFIG", "SET", "client-output-buffer-limit", "normal 1mb 2mb 3"]);
    let limits = "normal 1048576 2097152 3 slave 268435456 67108864 60 pubsub 33554432 8388608 60";
    assert_eq!(client.config("client-output-buffer-limit"), limits);
}

#[test]
fn requirepass_acts_at_once() {
    let server = Server::start();
    let mut client = server.client();
    client.ok(&["CONFIG", "SET", "requirepass", "pw"]);
    client.ok(&["SET", "k", "v"]);
    let mut other = server.client();
    assert!(other.call(&["GET", "k"]).is_error("NOAUTH"));
    other.ok(&["AUTH", "pw"]);
    other.ok(&["CONFIG", "SET", "requirepass", ""]);
    assert_eq!(server.client().call(&["GET", "k"]), Reply::bulk("v"));
}

#[test]
fn rewrite_keeps_the_file_and_its_comments() {
    let text = "# my comment\nmaxmemory 10mb\n\nhz 20\n";
    let mut server = Server::with_config(text, &[]);
    let mut client = server.client();
    client.ok(&["CONFIG", "SET", "maxmemory", "1gb", "maxmemory-policy", "allkeys-lru", "timeout", "5"]);
    client.ok(&["CONFIG", "REWRITE"]);
    let path = server.folder().join("redis.conf");
    let rewritten = fs::read_to_string(&path).expect("the file is there");
    assert!(rewritten.starts_with("# my comment\nmaxmemory 1gb\n\nhz 20\n"), "{rewritten}");
    for line in ["maxmemory-policy allkeys-lru", "timeout 5"] {
        assert!(rewritten.lines().any(|found| found == line), "no {line:?} in:\n{rewritten}");
    }
    assert_eq!(server.stop("TERM"), Some(0));
    let again = Server::with_config(&rewritten.replace("port ", "# port "), &[]);
    assert_eq!(again.client().config("maxmemory"), "1073741824");
    assert_eq!(again.client().config("timeout"), "5");
}

#[test]
fn rewrite_can_be_made_to_write_everything() {
    // What the second server is given anew.
    let kept = |server: &Server| -> Vec<(String, String)> {
        let all = server.client().call(&["CONFIG", "GET", "*"]).items();
        let pairs = all.chunks(2).map(|pair| (pair[0].text(), pair[1].text()));
        pairs.filter(|(name, _)| !["port", "dir"].contains(&name.as_str())).collect()
    };
    let server = Server::with_config("enable-debug-command yes\n", &[]);
    server.client().ok(&["DEBUG", "CONFIG-REWRITE-FORCE-ALL"]);
    let rewritten = fs::read_to_string(server.folder().join("redis.conf")).expect("the file is there");
    assert!(rewritten.lines().any(|line| line == "maxmemory-policy noeviction"), "{rewritten}");
    assert_eq!(kept(&Server::with_config(&rewritten, &[])), kept(&server));
}

#[test]
fn rewrite_needs_a_file() {
    let server = Server::start();
    let error = "ERR The server is running without a config file";
    assert_eq!(server.client().call(&["CONFIG", "REWRITE"]), Reply::Error(error.to_owned()));
}

#[test]
fn resetstat_counts_from_zero() {
    let server = Server::start();
    let mut client = server.client();
    client.call(&["GET", "none"]);
    let misses =
        |client: &mut Client| client.call(&["INFO", "stats"]).text().contains("keyspace_misses:1\r\n");
    assert!(misses(&mut client));
    client.ok(&["CONFIG", "RESETSTAT"]);
    assert!(!misses(&mut client));
}

/// The kernel's score of a server.
fn oom_score(server: &Server) -> i32 {
    let text = fs::read_to_string(format!("/proc/{}/oom_score_adj", server.pid())).expect("it runs");
    text.trim().parse().expect("a number")
}

#[test]
fn the_kernel_is_told_how_readily_to_end_the_server() {
    let found = fs::read_to_string("/proc/self/oom_score_adj").expect("Linux");
    let found: i32 = found.trim().parse().expect("a number");
    let server = Server::with(&["--oom-score-adj", "yes", "--oom-score-adj-values", "10 20 30"]);
    let mut client = server.client();
    let mut set = |pairs: &[&str]| client.call(&[&["CONFIG", "SET"], pairs].concat());
    assert_eq!(oom_score(&server), (found + 10).min(1000));
    set(&["oom-score-adj-values", "15 20 30"]);
    assert_eq!(oom_score(&server), (found + 15).min(1000));
    set(&["oom-score-adj", "absolute", "oom-score-adj-values", "999 0 0"]);
    assert_eq!(oom_score(&server), 999);
    // What fails for another directive leaves the score as it was.
    let taken = server.port().to_string();
    let refused = set(&["oom-score-adj-values", "998 0 0", "metrics-port", &taken]);
    assert!(matches!(&refused, Reply::Error(text) if text.contains("metrics-port")), "{refused:?}");
    assert_eq!(oom_score(&server), 999);
    set(&["oom-score-adj", "no"]);
    assert_eq!(oom_score(&server), found);
    set(&["oom-score-adj-values", "1 1 1"]);
    assert_eq!(oom_score(&server), found);
}

#[test]
fn writes_that_want_replicas_are_refused() {
    let server = Server::with(&["--min-replicas-to-write", "1"]);
    let mut client = server.client();
    let refusal = Reply::Error("NOREPLICAS Not enough good replicas to write.".to_owned());
    assert_eq!(client.call(&["SET", "a", "1"]), refusal);
    assert_eq!(client.call(&["PING"]), Reply::Simple(b"PONG".to_vec()));
    assert_eq!(client.call(&["GET", "a"]), Reply::Null);
    client.ok(&["CONFIG", "SET", "min-replicas-max-lag", "0"]);
    client.ok(&["SET", "a", "1"]);
}
