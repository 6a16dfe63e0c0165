//! What the server tells about itself while it works: INFO, the slow log, the latency monitor; and moving its port.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::support::{Client, Reply, Server, data, free_port, pipeline, testing_the_reference, wait_until};

/// The fields of INFO, as pairs of name and value.
fn info(client: &mut Client, section: &str) -> Vec<(String, String)> {
    let text = client.call(&["INFO", section]).text();
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn field(client: &mut Client, section: &str, name: &str) -> String {
    let fields = info(client, section);
    let found = fields.iter().find(|(found, _)| found == name);
    found.unwrap_or_else(|| panic!("no {name} in {fields:?}")).1.clone()
}

#[test]
fn info_has_the_sections_and_fields_of_redis_in_their_order() {
    let server = Server::start();
    let mut client = server.client();
    let lines = |text: &str| -> Vec<String> {
        let names = text.lines().map(|line| line.split(':').next().unwrap_or_default().trim_end().to_owned());
        // What depends on what was called, and what only one of the two has.
        let varying = ["cmdstat_", "errorstat_", "latency_percentiles_usec_", "db", "redstart_version"];
        names.filter(|name| !varying.iter().any(|varying| name.starts_with(varying))).collect()
    };
    let recorded = fs::read_to_string(data("info-everything-7.4.txt")).expect("it is in tests/data");
    assert_eq!(lines(&client.call(&["INFO", "everything"]).text()), lines(&recorded));
    assert_eq!(field(&mut client, "server", "redis_version"), "7.4.1");
    let text = client.call(&["INFO", "everything"]).text();
    for other in ["valkey", "dragonfly"] {
        assert!(!text.contains(other), "{other} in {text}");
    }
    assert_eq!(client.call(&["INFO", "nothing"]), Reply::bulk(""));
}

#[test]
fn info_tells_databases_and_their_mean_time_to_live() {
    let server = Server::start();
    let mut client = server.client();
    client.ok(&["SET", "a", "1"]);
    client.ok(&["SET", "b", "1", "EX", "100"]);
    client.ok(&["SET", "c", "1", "EX", "300"]);
    client.ok(&["SELECT", "9"]);
    client.ok(&["SET", "d", "1"]);
    let keyspace = info(&mut client, "keyspace");
    assert_eq!(keyspace.iter().map(|(db, _)| db.as_str()).collect::<Vec<_>>(), ["db0", "db9"]);
    assert_eq!(keyspace[1].1, "keys=1,expires=0,avg_ttl=0,subexpiry=0");
    let (first, _) = keyspace[0].1.split_once(",avg_ttl=").expect("the third figure");
    assert_eq!(first, "keys=3,expires=2");
    if !testing_the_reference() {
        let mean: u64 =
            keyspace[0].1[first.len() + 9..].split(',').next().expect("a figure").parse().expect("ms");
        assert!((190_000..=200_000).contains(&mean), "{mean}");
    }
}

#[test]
fn commands_and_errors_are_counted() {
    let server = Server::start();
    let mut client = server.client();
    client.ok(&["SET", "a", "text"]);
    for command in [&["INCR", "a"][..], &["GET"], &["NOPE"], &["CLIENT", "NOPE"], &["CONFIG", "GET", "hz"]] {
        client.call(command);
    }
    let stats = info(&mut client, "commandstats");
    let of = |name: &str| {
        let found = stats.iter().find(|(found, _)| *found == format!("cmdstat_{name}"));
        found.unwrap_or_else(|| panic!("no {name} in {stats:?}")).1.clone()
    };
    assert!(
        of("set").starts_with("calls=1,usec=") && of("set").ends_with(",rejected_calls=0,failed_calls=0")
    );
    assert!(of("incr").ends_with(",rejected_calls=0,failed_calls=1"), "{}", of("incr"));
    assert_eq!(of("get"), "calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0");
    assert!(of("config|get").starts_with("calls=1,"));
    assert!(stats.iter().all(|(name, _)| name != "cmdstat_client"), "no command of that name ran");
    // The elements are looked at without locks: there are many.
    let words: Vec<String> = (0..20_000).map(|n| format!("x{n}")).collect();
    let push: Vec<&str> = ["RPUSH", "l"].into_iter().chain(words.iter().map(String::as_str)).collect();
    client.call(&push);
    assert!(client.call(&["SORT", "l"]).is_error("ERR One or more scores can't be converted into double"));
    let sort = field(&mut client, "commandstats", "cmdstat_sort");
    assert!(sort.ends_with(",rejected_calls=0,failed_calls=1"), "{sort}");
    let mut stranger = server.client();
    stranger.send(b"*1\r\n:4\r\n");
    assert_eq!(stranger.read_to_close(), b"-ERR Protocol error: expected '$', got ':'\r\n");
    assert_eq!(field(&mut client, "errorstats", "errorstat_ERR"), "count=6");
    assert_eq!(field(&mut client, "stats", "total_error_replies"), "6");
    let latencies = info(&mut client, "latencystats");
    assert!(latencies.iter().any(|(name, value)| {
        name == "latency_percentiles_usec_config|get"
            && value.starts_with("p50=")
            && value.contains(",p99.9=")
    }));
    client.ok(&["CONFIG", "RESETSTAT"]);
    assert_eq!(info(&mut client, "errorstats"), []);
    assert_eq!(info(&mut client, "commandstats").len(), 2, "RESETSTAT itself and INFO");
}

#[test]
fn errors_of_scripts_are_counted_once() {
    let server = Server::start();
    let mut client = server.client();
    // The script, the error's code, the command it calls; whether EVAL fails.
    for (script, code, called, fails) in [
        ("return redis.call('select', 99)", "ERR", "select", true),
        ("return redis.pcall('select', 99)", "ERR", "select", true),
        ("redis.pcall('select', 99) return 1", "ERR", "select", false),
        ("local e = redis.pcall('select', 99) error(e)", "ERR", "select", true),
        ("return redis.error_reply('MINE of my own')", "MINE", "", true),
        ("return {1, {err='MINE of my own'}}", "MINE", "", true),
        ("error('text')", "ERR", "", true),
        ("return redis.call()", "ERR", "", true),
    ] {
        client.ok(&["CONFIG", "RESETSTAT"]);
        client.call(&["EVAL", script, "0"]);
        assert_eq!(
            info(&mut client, "errorstats"),
            [(format!("errorstat_{code}"), "count=1".to_owned())],
            "{script}"
        );
        assert_eq!(field(&mut client, "stats", "total_error_replies"), "1", "{script}");
        let failed = |client: &mut Client, command: &str| {
            field(client, "commandstats", &format!("cmdstat_{command}")).ends_with(",failed_calls=1")
        };
        assert_eq!(failed(&mut client, "eval"), fails, "{script}");
        assert!(called.is_empty() || failed(&mut client, called), "{script}");
    }
    // What is caught before it is a command's error counts nowhere.
    client.ok(&["CONFIG", "RESETSTAT"]);
    client.call(&["EVAL", "redis.pcall() return 1", "0"]);
    assert_eq!(info(&mut client, "errorstats"), []);
}

#[test]
fn slow_commands_are_noted_with_their_arguments() {
    // Nothing is as slow as that.
    let day = "86400000000";
    let server = Server::with(&["--enable-debug-command", "yes", "--slowlog-log-slower-than", day]);
    let mut client = server.client();
    client.ok(&["SET", "a", "1"]);
    client.ok(&["DEBUG", "SLEEP", "0.05"]);
    assert_eq!(client.call(&["SLOWLOG", "LEN"]), Reply::Int(0));
    client.ok(&["CONFIG", "SET", "slowlog-log-slower-than", "50000"]);
    client.ok(&["DEBUG", "SLEEP", "0.05"]);
    // On a busy machine other commands may be slow as well.
    let entries = client.call(&["SLOWLOG", "GET"]).items();
    let sleep = ["DEBUG", "SLEEP", "0.05"].map(Reply::bulk);
    let entry = entries.iter().map(Reply::items).find(|entry| entry[3].items() == sleep);
    let entry = entry.unwrap_or_else(|| panic!("{entries:?}"));
    assert!(matches!(entry[0], Reply::Int(0..)) && matches!(entry[2], Reply::Int(50_000..)), "{entry:?}");
    assert!(entry[4].text().starts_with("127.0.0.1:"));
    // A new setting holds for what follows in the same pipeline.
    client.ok(&["CONFIG", "SET", "slowlog-log-slower-than", day]);
    client.ok(&["SLOWLOG", "RESET"]);
    client.send(&pipeline(&["CONFIG SET slowlog-log-slower-than 0 requirepass secret", "SET k v", "ECHO x"]));
    (0..3).for_each(|_| drop(client.read()));
    let noted = client.call(&["SLOWLOG", "GET", "-1"]).items();
    let commands: Vec<String> = noted
        .iter()
        .map(|entry| entry.items()[3].items().iter().map(Reply::text).collect::<Vec<_>>().join(" "))
        .collect();
    let config = "CONFIG SET slowlog-log-slower-than 0 requirepass (redacted)";
    assert_eq!(commands, ["ECHO x", "SET k v", config]);
    client.ok(&["CONFIG", "SET", "slowlog-max-len", "1"]);
    assert_eq!(client.call(&["SLOWLOG", "LEN"]), Reply::Int(1));
}

#[test]
fn the_latency_monitor_notes_what_takes_long() {
    let server = Server::with(&["--enable-debug-command", "yes"]);
    let mut client = server.client();
    client.ok(&["DEBUG", "SLEEP", "0.03"]);
    assert_eq!(client.call(&["LATENCY", "LATEST"]), Reply::Array(vec![]));
    client.ok(&["CONFIG", "SET", "latency-monitor-threshold", "20"]);
    client.ok(&["DEBUG", "SLEEP", "0.03"]);
    // On a busy machine other commands may take as long, and other events.
    let latest = client.call(&["LATENCY", "LATEST"]).items();
    let event = latest.iter().map(Reply::items).find(|event| event[0] == Reply::bulk("command"));
    let event = event.unwrap_or_else(|| panic!("{latest:?}"));
    assert!(matches!(event[3], Reply::Int(30..)), "{event:?}");
    assert!(!client.call(&["LATENCY", "HISTORY", "command"]).items().is_empty());
    let graph = client.call(&["LATENCY", "GRAPH", "command"]).text();
    assert!(graph.starts_with("command - high ") && graph.contains(" (all time high "), "{graph}");
    let advice = client.call(&["LATENCY", "DOCTOR"]).text();
    assert!(advice.contains(". command: ") && advice.contains(" latency spikes (average "), "{advice}");
    assert!(matches!(client.call(&["LATENCY", "RESET"]), Reply::Int(1..)));
}

/// Whether somebody listens; a socket that is going away may take a moment.
fn listens(address: &str, port: u16) -> bool {
    TcpStream::connect((address, port)).is_ok()
}

#[test]
fn the_port_moves_and_connections_stay() {
    let server = Server::start();
    let mut client = server.client();
    let port = free_port();
    client.ok(&["CONFIG", "SET", "port", &port.to_string()]);
    assert!(!listens("127.0.0.1", server.port()));
    Client::tcp(port).ok(&["SET", "a", "1"]);
    client.ok(&["SET", "a", "2"]);

    let taken = TcpListener::bind(("127.0.0.1", free_port())).expect("the port is free");
    let taken_port = taken.local_addr().expect("an address").port().to_string();
    let refused = client.call(&["CONFIG", "SET", "timeout", "77", "port", &taken_port]);
    let error = "ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server logs.";
    assert_eq!(refused, Reply::Error(error.to_owned()));
    assert_eq!(client.config("port"), port.to_string());
    assert_eq!(client.config("timeout"), "0");
    assert!(listens("127.0.0.1", port));

    client.ok(&["CONFIG", "SET", "bind", "127.0.0.2 127.0.0.3"]);
    assert!(!listens("127.0.0.1", port));
    assert!(listens("127.0.0.2", port) && listens("127.0.0.3", port));
    let refused = client.call(&["CONFIG", "SET", "bind", "127.0.0.1 192.0.2.1"]);
    assert!(refused.is_error("ERR CONFIG SET failed (possibly related to argument 'bind') - Failed to bind"));
    assert!(!listens("127.0.0.1", port) && listens("127.0.0.3", port));
    client.ok(&["CONFIG", "SET", "bind", "*"]);
    assert!(listens("127.0.0.1", port));
    client.ok(&["CONFIG", "SET", "port", "0"]);
    assert!(!listens("127.0.0.1", port));
    assert_eq!(client.call(&["GET", "a"]), Reply::bulk("2"));
}

#[test]
fn put_off_work_counts_for_its_command() {
    if testing_the_reference() {
        return; // Redis puts nothing off.
    }
    let server = Server::with(&["--enable-debug-command", "yes"]);
    let mut client = server.client();
    let members: Vec<String> = (0..100_000).map(|member| format!("member-{member:08}")).collect();
    for part in members.chunks(10_000) {
        let mut command = vec!["SADD", "large"];
        command.extend(part.iter().map(String::as_str));
        client.call(&command);
    }
    client.ok(&["CONFIG", "RESETSTAT"]);
    let begun = Instant::now();
    assert_eq!(client.call(&["SMEMBERS", "large"]).items().len(), 100_000);
    let elapsed = begun.elapsed();
    let stats = field(&mut client, "commandstats", "cmdstat_smembers");
    let usec = stats.split(['=', ',']).nth(3).and_then(|usec| usec.parse().ok()).expect("a figure");
    assert!(stats.starts_with("calls=1,"), "{stats}");
    assert!(usec > 200 && Duration::from_micros(usec) < elapsed, "{stats} of {elapsed:?}");
}

#[test]
fn flushing_is_counted() {
    let server = Server::start();
    let mut client = server.client();
    for command in ["flushall", "flushdb"] {
        client.ok(&[command]);
        assert!(field(&mut client, "commandstats", &format!("cmdstat_{command}")).starts_with("calls=1,"));
    }
}

#[test]
fn scripts_are_counted() {
    let server = Server::start();
    let mut client = server.client();
    client.call(&["SCRIPT", "LOAD", "return 1"]);
    assert_eq!(client.call(&["EVAL", "return redis.call('incr', KEYS[1])", "1", "k"]), Reply::Int(1));
    assert_eq!(field(&mut client, "memory", "number_of_cached_scripts"), "2");
    assert_ne!(field(&mut client, "memory", "used_memory_vm_eval"), "0");
    assert!(field(&mut client, "commandstats", "cmdstat_incr").starts_with("calls=1,"));
}

#[test]
fn info_tells_what_clients_do() {
    let server = Server::start();
    let [mut asks, mut watches, mut waits, mut subscribes, mut tracks] = [(); 5].map(|()| server.client());
    let mut waits_for_ever = server.client();
    watches.ok(&["WATCH", "a", "b"]);
    waits.send(&pipeline(&["BLPOP queue 100"]));
    waits_for_ever.send(&pipeline(&["BLPOP queue other 0"]));
    subscribes.call(&["SUBSCRIBE", "channel"]);
    tracks.call(&["HELLO", "3"]);
    tracks.ok(&["CLIENT", "TRACKING", "ON"]);
    wait_until("both blocked", || field(&mut asks, "clients", "blocked_clients") == "2");
    let expected = [
        ("connected_clients", "6"),
        ("tracking_clients", "1"),
        ("pubsub_clients", "1"),
        ("watching_clients", "1"),
        ("clients_in_timeout_table", "1"),
        ("total_watched_keys", "2"),
        ("total_blocking_keys", "2"),
        ("total_blocking_keys_on_nokey", "0"),
    ];
    let fields = info(&mut asks, "clients");
    for (name, value) in expected {
        assert!(fields.contains(&(name.into(), value.into())), "{name} is not {value}: {fields:?}");
    }
}

#[test]
fn a_script_that_others_wait_for_too_long_is_in_the_log() {
    let server = Server::with(&["--busy-reply-threshold", "50"]);
    let (mut client, mut other) = (server.client(), server.client());
    let library = "#!lua name=l\nredis.register_function('forever', function() while true do end end)";
    client.call(&["FUNCTION", "LOAD", library]);
    // Nobody needs to wait for it.
    for (command, kill, name) in [
        ("EVAL \"while true do end\" 0\r\n", "SCRIPT", "694a5fe1ddb97a4c6a1bf299d9537c7d3d0f84e7"),
        ("FCALL forever 0\r\n", "FUNCTION", "forever"),
    ] {
        client.send(command.as_bytes());
        server.wait_for_log(&format!(
            " milliseconds. You can try killing the script using the {kill} KILL command. Script name is: {name}."
        ));
        assert!(server.log().contains("Slow script detected: still in execution after "));
        other.ok(&[kill, "KILL"]);
        client.read();
    }
}
