//! MONITOR: what it shows, of whom, and what it keeps to itself.

use crate::support::{Client, Reply, Server, pipeline, show};

fn watcher(server: &Server) -> Client {
    let mut client = server.client();
    client.ok(&["MONITOR"]);
    client
}

/// The next line without its time.
fn line(watcher: &mut Client) -> String {
    let (_, raw) = watcher.read();
    let line = String::from_utf8(raw).expect("lines are ASCII");
    let (time, rest) = line.split_once(' ').expect("a time and the rest");
    let (seconds, micros) = time.strip_prefix('+').and_then(|time| time.split_once('.')).expect("a time");
    assert!(seconds.parse::<u64>().is_ok() && micros.len() == 6 && micros.parse::<u32>().is_ok(), "{line}");
    rest.trim_end().to_owned()
}

fn address(client: &mut Client) -> String {
    let info = show(&client.raw(&["CLIENT", "INFO"]));
    let address = info.split(' ').find_map(|word| word.strip_prefix("addr=")).expect("an address");
    address.to_owned()
}

#[test]
fn shows_commands_as_they_run() {
    let server = Server::start();
    let mut client = server.client();
    let address = address(&mut client);
    let mut watcher = watcher(&server);
    let commands = ["SET k v", "NOSUCH x", "GET", "select 3", "MULTI", "INCR n", "CONFIG GET port", "EXEC"];
    client.send(&pipeline(&commands));
    client.send(b"*2\r\n$4\r\nECHO\r\n$4\r\n\"\n\x01\\\r\n");
    let seen: Vec<String> = (0..6).map(|_| line(&mut watcher)).collect();
    let expected = [
        format!("[0 {address}] \"SET\" \"k\" \"v\""),
        format!("[3 {address}] \"select\" \"3\""),
        format!("[3 {address}] \"MULTI\""),
        format!("[3 {address}] \"INCR\" \"n\""),
        format!("[3 {address}] \"EXEC\""),
        format!("[3 {address}] \"ECHO\" \"\\\"\\n\\x01\\\\\""),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn shows_exec_where_it_is_refused() {
    let server = Server::start();
    let mut client = server.client();
    let mut watcher = watcher(&server);
    client.send(&pipeline(&["MULTI", "GET k", "EXEC now", "MULTI", "NOSUCH", "EXEC", "GET", "PING"]));
    for shown in ["\"MULTI\"", "\"EXEC\" \"now\"", "\"MULTI\"", "\"EXEC\"", "\"PING\""] {
        let line = line(&mut watcher);
        assert!(line.ends_with(&format!("] {shown}")), "{line}");
    }
}

#[test]
fn shows_scripts_before_what_they_call() {
    let server = Server::start();
    let mut client = server.client();
    let address = address(&mut client);
    let mut watcher = watcher(&server);
    client.call(&["EVAL", "return redis.call('set', KEYS[1], 1)", "1", "k"]);
    let script = format!("[0 {address}] \"EVAL\" \"return redis.call('set', KEYS[1], 1)\" \"1\" \"k\"");
    assert_eq!([line(&mut watcher), line(&mut watcher)], [&script, "[0 lua] \"set\" \"k\" \"1\""]);
    client.send(&pipeline(&["BLPOP list 0"]));
    assert_eq!(line(&mut watcher), format!("[0 {address}] \"BLPOP\" \"list\" \"0\""));
    let mut pusher = server.client();
    pusher.call(&["RPUSH", "list", "x"]);
    // The blocked command isn't shown again.
    assert!(line(&mut watcher).ends_with("\"RPUSH\" \"list\" \"x\""));
    client.read();
    client.call(&["PING"]);
    assert!(line(&mut watcher).ends_with("\"PING\""));
}

#[test]
fn keeps_secrets() {
    let server = Server::with(&["--requirepass", "secret"]);
    let mut client = server.client();
    assert!(client.call(&["MONITOR"]).is_error("NOAUTH Authentication required."));
    let mut watcher = server.client();
    watcher.ok(&["AUTH", "secret"]);
    watcher.ok(&["MONITOR"]);
    client.call(&["AUTH", "wrong"]);
    client.call(&["HELLO", "2", "AUTH", "default", "secret"]);
    client.call(&["CONFIG", "SET", "requirepass", "secret2"]);
    client.call(&["PING"]);
    for expected in
        ["\"AUTH\" \"(redacted)\"", "\"HELLO\" \"2\" \"AUTH\" \"(redacted)\" \"(redacted)\"", "\"PING\""]
    {
        let line = line(&mut watcher);
        assert!(line.ends_with(expected), "{line}");
    }
}

#[test]
fn a_monitor_ends_by_reset_and_is_cut_at_its_limit() {
    let server = Server::with(&["--client-output-buffer-limit", "normal 100kb 0 0"]);
    let (mut watcher, mut client) = (watcher(&server), server.client());
    assert!(show(&watcher.raw(&["CLIENT", "INFO"])).contains(" flags=O "));
    // Its own commands are shown as well, behind their replies.
    assert!(line(&mut watcher).ends_with("\"CLIENT\" \"INFO\""));
    assert!(watcher.call(&["GET", "k"]).is_error("ERR Replica can't interact with the keyspace"));
    // A second one isn't answered.
    watcher.send(&pipeline(&["MONITOR", "RESET", "MULTI", "MONITOR", "EXEC"]));
    let refused = "+OK\r\n+QUEUED\r\n*1\r\n-ERR MONITOR isn't allowed for DENY BLOCKING client\r\n";
    let (mut seen, end) = (Vec::new(), format!("+RESET\r\n{refused}"));
    while !seen.ends_with(end.as_bytes()) {
        seen.extend(watcher.read().1);
    }
    client.call(&["PING"]);
    assert_eq!(show(&watcher.raw(&["GET", "k"])), "$-1\\r\\n");
    // One that doesn't read.
    watcher.ok(&["MONITOR"]);
    let long = vec![b'x'; 1 << 16];
    let cut = (0..10_000).any(|_| {
        client.call(&[b"ECHO", &long[..]]);
        let list = show(&client.raw(&["CLIENT", "LIST"]));
        !list.contains(" flags=O ")
    });
    assert!(cut, "a monitor that doesn't read stays");
    assert_eq!(client.call(&["PING"]), Reply::Simple(b"PONG".to_vec()));
}
