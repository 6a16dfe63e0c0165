//! `/metrics`: off unless asked for, the names of redis_exporter, and the numbers of INFO.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::{Reply, Server, free_port, http, testing_the_reference, wait_until};

/// The names a dashboard of seeds 002 and 004 needs.
const CORE: [&str; 13] = [
    "redis_up 1",
    "redis_memory_used_bytes ",
    "redis_memory_max_bytes ",
    "redis_db_keys{db=\"db0\"} ",
    "redis_db_keys{db=\"db15\"} ",
    "redis_connected_clients ",
    "redis_commands_processed_total ",
    "redis_commands_total{cmd=\"set\"} ",
    "redis_keyspace_hits_total ",
    "redis_keyspace_misses_total ",
    "redis_expired_keys_total ",
    "redis_evicted_keys_total ",
    "redis_uptime_in_seconds ",
];

fn with_metrics(args: &[&str]) -> (Server, u16) {
    let port = free_port();
    (
        Server::with(&[&["--metrics-port", &port.to_string(), "--metrics-bind", "127.0.0.1"], args].concat()),
        port,
    )
}

fn value(body: &str, name: &str) -> f64 {
    let line =
        body.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}in:\n{body}"));
    line.rsplit(' ').next().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no number: {line}"))
}

#[test]
fn core_metrics_are_served_and_true() {
    if testing_the_reference() {
        return; // Redis serves no metrics.
    }
    let (server, port) = with_metrics(&["--maxmemory", "256mb"]);
    let mut client = server.client();
    for line in [&["SET", "a", "1"][..], &["SET", "b", "2"], &["GET", "a"], &["GET", "none"]] {
        client.call(line);
    }
    let (status, body) = http(port, "GET /metrics");
    assert_eq!(status, "200 OK");
    for name in CORE {
        assert!(body.lines().any(|line| line.starts_with(name)), "no {name} in:\n{body}");
    }
    assert!((value(&body, "redis_db_keys{db=\"db0\"} ") - 2.0).abs() < 0.5);
    assert!((value(&body, "redis_commands_total{cmd=\"set\"} ") - 2.0).abs() < 0.5);
    assert!((value(&body, "redis_keyspace_hits_total ") - 1.0).abs() < 0.5);
    assert!((value(&body, "redis_keyspace_misses_total ") - 1.0).abs() < 0.5);
    assert!((value(&body, "redis_memory_max_bytes ") - 268_435_456.0).abs() < 0.5);
    assert!(value(&body, "redis_memory_used_bytes ") > 1000.0);
    assert!((value(&body, "redis_connected_clients ") - 1.0).abs() < 0.5);
}

#[test]
fn metrics_are_well_formed() {
    if testing_the_reference() {
        return; // Redis serves no metrics.
    }
    let (_server, port) = with_metrics(&[]);
    let (_, body) = http(port, "GET /metrics");
    let mut typed = std::collections::BTreeSet::new();
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let name = rest.split(' ').next().expect("a name");
            assert!(typed.insert(name.to_owned()), "{name} twice");
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().expect("a name");
            let parts = ["", "_bucket", "_sum", "_count"].map(|part| name.strip_suffix(part));
            assert!(parts.iter().flatten().any(|name| typed.contains(*name)), "{name} has no type");
            assert!(name.starts_with("redis_") || name.starts_with("redstart_"), "{name}");
            value(line, name);
        }
    }
    assert!(!typed.is_empty());
}

#[test]
fn other_paths_and_methods_are_refused() {
    if testing_the_reference() {
        return; // Redis serves no metrics.
    }
    let (_server, port) = with_metrics(&[]);
    assert!(http(port, "GET /nothing").0.starts_with("404 "));
    assert!(http(port, "POST /metrics").0.starts_with("405 "));
}

#[test]
fn metrics_are_off_by_default() {
    if testing_the_reference() {
        return; // Redis has no such directive.
    }
    let server = Server::start();
    let reply = server.client().call(&["CONFIG", "GET", "metrics-port"]);
    assert_eq!(reply.get("metrics-port").map(|value| value.text()), Some("0".to_owned()));
}

#[test]
fn health_and_readiness() {
    if testing_the_reference() {
        return; // Redis serves no metrics.
    }
    let (_server, port) = with_metrics(&[]);
    for path in ["/healthz", "/readyz"] {
        let (status, body) = http(port, &format!("GET {path}"));
        assert_eq!((status.as_str(), body.as_str()), ("200 OK", "ok\n"), "{path}");
    }
    let (status, body) = http(port, "HEAD /metrics");
    assert_eq!((status.as_str(), body.as_str()), ("200 OK", ""));
}

#[test]
fn long_requests_are_refused_and_slow_ones_stop_nobody() {
    if testing_the_reference() {
        return; // Redis serves no metrics.
    }
    let (_server, port) = with_metrics(&[]);
    let long = format!("GET /metrics HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("metrics are served");
    // The server answers before it has read all and closes: what is still on its way may come back as a reset.
    let _ = stream.write_all(long.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    let idle: Vec<TcpStream> = (0..20).filter_map(|_| TcpStream::connect(("127.0.0.1", port)).ok()).collect();
    assert_eq!(http(port, "GET /metrics").0, "200 OK");
    drop(idle);
}

#[test]
fn a_taken_metrics_port_stops_the_start() {
    if testing_the_reference() {
        return; // Redis serves no metrics.
    }
    let (_server, port) = with_metrics(&[]);
    let mut command = std::process::Command::new(crate::support::server_binary());
    command.args(["--port", &free_port().to_string(), "--save", "", "--metrics-port", &port.to_string()]);
    let ended = crate::support::run(&mut command);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("Address already in use"), "{ended:?}");
}

#[test]
fn metrics_move_by_config_set() {
    if testing_the_reference() {
        return; // Redis serves no metrics.
    }
    let (server, first) = with_metrics(&[]);
    let mut client = server.client();
    let second = free_port();
    client.ok(&["CONFIG", "SET", "metrics-port", &second.to_string()]);
    assert_eq!(http(second, "GET /healthz").0, "200 OK");
    TcpStream::connect(("127.0.0.1", first)).expect_err("nobody listens there any more");
    let taken = free_port();
    let _holds = std::net::TcpListener::bind(("127.0.0.1", taken)).expect("the port is free");
    let taken = taken.to_string();
    let first = first.to_string();
    for (directives, culprit) in [
        (&["metrics-port", &taken][..], "metrics-port"),
        (&["port", &first, "metrics-port", &taken], "metrics-port"),
        (&["port", &taken, "metrics-port", &first], "port"),
    ] {
        let refused = client.call(&[&["CONFIG", "SET"], directives].concat());
        let error = format!(
            "ERR CONFIG SET failed (possibly related to argument '{culprit}') - Unable to listen on this port. Check server logs."
        );
        assert_eq!(refused, Reply::Error(error), "{directives:?}");
    }
    server.client().ok(&["SET", "a", "1"]);
    assert_eq!(http(second, "GET /healthz").0, "200 OK");
    client.ok(&["CONFIG", "SET", "metrics-port", "0"]);
    TcpStream::connect(("127.0.0.1", second)).expect_err("metrics are off");
}

#[test]
fn an_endless_script_stops_no_metrics() {
    if testing_the_reference() {
        return; // Redis serves no metrics.
    }
    let (server, port) = with_metrics(&["--busy-reply-threshold", "50"]);
    let (mut client, mut other) = (server.client(), server.client());
    client.send(b"EVAL \"while true do end\" 0\r\n");
    wait_until("busy", || other.call(&["PING"]).is_error("BUSY"));
    let (status, body) = http(port, "GET /metrics");
    assert_eq!(status, "200 OK");
    assert!(body.contains("\nredis_connected_clients 2\n"), "{body}");
    assert!(client.is_silent_for(std::time::Duration::from_millis(1)));
    other.ok(&["SCRIPT", "KILL"]);
}
