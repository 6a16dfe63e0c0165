//! Client-side caching over real connections: which keys a client hears of, when, and by whom it is told.

use crate::support::{Client, Reply, Server, pipeline, show, wait_until};

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

#[track_caller]
fn sends(client: &mut Client, commands: &[&str], expected: &str) {
    client.send(&pipeline(commands));
    client.expect(expected.as_bytes());
}

/// An invalidation as RESP3 shows it.
fn push(keys: &[&str]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("${}\r\n{key}\r\n", key.len())).collect();
    format!(">2\r\n$10\r\ninvalidate\r\n*{}\r\n{}", keys.len(), keys.concat())
}

const ALL: &str = ">2\r\n$10\r\ninvalidate\r\n_\r\n";

fn resp3(server: &Server, tracking: &str) -> Client {
    let mut client = server.client();
    client.hello3();
    client.ok(&words(tracking));
    client
}

fn info(client: &mut Client, field: &str) -> String {
    let Reply::Bulk(text) = client.call(&["INFO", "everything"]) else { panic!("INFO answers a bulk") };
    let text = String::from_utf8_lossy(&text).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("{field} is missing")).to_owned()
}

#[test]
fn a_reader_hears_of_one_change_behind_its_own_replies() {
    let server = Server::start();
    let (mut tracker, mut other) = (resp3(&server, "CLIENT TRACKING ON"), server.client());
    other.ok(&["MSET", "a", "1", "b", "1"]);
    sends(&mut tracker, &["GET a", "MGET b none"], "$1\r\n1\r\n*2\r\n$1\r\n1\r\n_\r\n");
    assert_eq!([info(&mut other, "tracking_clients"), info(&mut other, "tracking_total_items")], ["1", "3"]);
    sends(&mut other, &["INCR a", "INCR a", "SELECT 1", "SET none 1"], ":2\r\n:3\r\n+OK\r\n+OK\r\n");
    tracker.expect((push(&["a"]) + &push(&["none"])).as_bytes());
    // What it changes itself comes behind the reply, of EXEC too.
    sends(&mut tracker, &["INCR b"], &(":2\r\n".to_owned() + &push(&["b"])));
    let transaction = ["MULTI", "GET a", "INCR a", "GET b", "EXEC"];
    let queued = "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n";
    let expected = format!("{queued}*3\r\n$1\r\n3\r\n:4\r\n$1\r\n2\r\n{}", push(&["a"]));
    sends(&mut tracker, &transaction, &expected);
    sends(&mut tracker, &["CLIENT TRACKING OFF", "INCR b", "PING"], "+OK\r\n:3\r\n+PONG\r\n");
}

#[test]
fn what_a_script_reads_is_remembered_for_its_caller() {
    let server = Server::start();
    let (mut tracker, mut other) = (resp3(&server, "CLIENT TRACKING ON"), server.client());
    tracker.call(&["EVAL", "redis.call('set', 'w', 1); return redis.call('get', 'r')", "2", "r", "w"]);
    sends(&mut other, &["SET w 2", "SET r 2"], "+OK\r\n+OK\r\n");
    tracker.expect(push(&["r"]).as_bytes());
    // A function that only reads is like any other.
    tracker.call(&["EVAL_RO", "return 1", "1", "r"]);
    sends(&mut other, &["SET r 3"], "+OK\r\n");
    sends(&mut tracker, &["PING"], "+PONG\r\n");
}

#[test]
fn keys_that_expire_or_are_evicted_are_told_of() {
    let server = Server::start();
    let mut tracker = resp3(&server, "CLIENT TRACKING ON NOLOOP");
    // In a transaction no time passes: it is read before it expires.
    let queued = "+OK\r\n+QUEUED\r\n+QUEUED\r\n";
    let answers = format!("{queued}*2\r\n+OK\r\n$1\r\nv\r\n{}", push(&["k"]));
    sends(&mut tracker, &["MULTI", "SET k v PX 30", "GET k", "EXEC"], &answers);
    sends(&mut tracker, &["SET k v EX 1000", "GET k"], "+OK\r\n$1\r\nv\r\n");
    let mut other = server.client();
    sends(&mut other, &["CONFIG SET maxmemory 1 maxmemory-policy volatile-lru"], "+OK\r\n");
    tracker.expect(push(&["k"]).as_bytes());
    sends(&mut other, &["CONFIG SET maxmemory 0"], "+OK\r\n");
    // Fields of hashes as well.
    sends(&mut other, &["HSET h f v"], ":1\r\n");
    let answers = format!("{queued}*2\r\n*1\r\n:1\r\n_\r\n{}", push(&["h"]));
    sends(&mut tracker, &["MULTI", "HPEXPIRE h 30 FIELDS 1 f", "HGET h g", "EXEC"], &answers);
}

#[test]
fn flushing_and_swapping_concern_all_keys() {
    let server = Server::start();
    let (mut tracker, mut other) = (resp3(&server, "CLIENT TRACKING ON"), server.client());
    let mut listener = resp3(&server, "CLIENT TRACKING ON BCAST PREFIX none:");
    sends(&mut tracker, &["GET k"], "_\r\n");
    for command in ["FLUSHALL", "FLUSHDB ASYNC", "SWAPDB 0 1"] {
        other.ok(&words(command));
        tracker.expect(ALL.as_bytes());
        listener.expect(ALL.as_bytes());
    }
    assert_eq!(info(&mut other, "tracking_total_keys"), "0");
    let expected = "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n".to_owned() + ALL;
    sends(&mut tracker, &["MULTI", "FLUSHDB", "EXEC"], &expected);
}

#[test]
fn listeners_hear_of_prefixes() {
    let server = Server::start();
    let mut all = resp3(&server, "CLIENT TRACKING ON BCAST");
    let mut some = resp3(&server, "CLIENT TRACKING ON BCAST NOLOOP PREFIX a: PREFIX b:");
    let mut other = server.client();
    other.ok(&["MSET", "b:1", "1", "a:2", "1", "a:1", "1", "c", "1"]);
    all.expect(push(&["a:1", "a:2", "b:1", "c"]).as_bytes());
    some.expect((push(&["a:1", "a:2"]) + &push(&["b:1"])).as_bytes());
    sends(&mut some, &["DEL a:1", "PING"], ":1\r\n+PONG\r\n");
    all.expect(push(&["a:1"]).as_bytes());
    assert_eq!(info(&mut other, "tracking_total_prefixes"), "3");
    drop((all, some));
    wait_until("forgotten", || info(&mut other, "tracking_total_prefixes") == "0");
}

#[test]
fn optin_and_optout_hold_for_one_command_or_transaction() {
    let server = Server::start();
    let (mut client, mut other) = (resp3(&server, "CLIENT TRACKING ON OPTIN"), server.client());
    let reads = ["CLIENT CACHING YES", "CLIENT ID", "GET a", "GET b"];
    client.send(&pipeline(&reads));
    (0..4).for_each(|_| drop(client.read()));
    other.ok(&["MSET", "a", "1", "b", "1"]);
    client.expect(push(&["a"]).as_bytes());
    let transaction = ["CLIENT CACHING YES", "MULTI", "GET a", "GET b", "EXEC", "GET c"];
    client.send(&pipeline(&transaction));
    (0..6).for_each(|_| drop(client.read()));
    other.ok(&["MSET", "a", "1", "b", "1", "c", "1"]);
    client.expect((push(&["a"]) + &push(&["b"])).as_bytes());
    sends(&mut client, &["CLIENT TRACKING OFF", "CLIENT TRACKING ON OPTOUT"], "+OK\r\n+OK\r\n");
    sends(&mut client, &["CLIENT CACHING NO", "GET a", "GET b"], "+OK\r\n$1\r\n1\r\n$1\r\n1\r\n");
    other.ok(&["MSET", "a", "1", "b", "1"]);
    client.expect(push(&["b"]).as_bytes());
}

#[test]
fn another_client_takes_the_invalidations_while_it_lives() {
    let server = Server::start();
    let (mut target, mut tracker, mut other) = (server.client(), server.client(), server.client());
    let Reply::Int(id) = target.call(&["CLIENT", "ID"]) else { panic!("an id") };
    target.call(&["SUBSCRIBE", "__redis__:invalidate"]);
    tracker.ok(&["CLIENT", "TRACKING", "ON", "REDIRECT", &id.to_string()]);
    sends(&mut tracker, &["GET k"], "$-1\r\n");
    other.ok(&["SET", "k", "1"]);
    target.expect(b"*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\nk\r\n");
    let Reply::Bulk(line) = tracker.call(&["CLIENT", "INFO"]) else { panic!("a line") };
    let line = show(&line);
    assert!(line.contains(" flags=t ") && line.contains(&format!(" redir={id} ")), "{line}");
    tracker.hello3();
    sends(&mut tracker, &["GET k"], "$1\r\n1\r\n");
    assert_eq!(other.call(&["CLIENT", "KILL", "ID", &id.to_string()]), Reply::Int(1));
    other.ok(&["SET", "k", "2"]);
    tracker.expect(format!(">2\r\n$21\r\ntracking-redir-broken\r\n:{id}\r\n").as_bytes());
    assert!(show(&tracker.raw(&["CLIENT", "INFO"])).contains(" flags=tR "));
    sends(&mut tracker, &["RESET"], "+RESET\r\n");
    assert!(show(&tracker.raw(&["CLIENT", "INFO"])).contains(" flags=N "));
}

#[test]
fn a_blocked_reader_is_told_of_what_comes_after_its_answer() {
    let server = Server::start();
    let (mut tracker, mut other) = (resp3(&server, "CLIENT TRACKING ON"), server.client());
    sends(&mut tracker, &["LRANGE to 0 -1"], "*0\r\n");
    tracker.send(&pipeline(&["BLMOVE from to LEFT LEFT 0"]));
    wait_until("blocked", || info(&mut other, "blocked_clients") == "1");
    other.call(&["RPUSH", "from", "x"]);
    tracker.expect(("$1\r\nx\r\n".to_owned() + &push(&["to"])).as_bytes());
    tracker.send(&pipeline(&["XREAD BLOCK 0 STREAMS s $"]));
    wait_until("blocked", || info(&mut other, "blocked_clients") == "1");
    let add = ["XADD", "s", "1-1", "f", "v"];
    other.call(&add);
    let read = "%1\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n";
    tracker.expect((read.to_owned() + &push(&["s"])).as_bytes());
    // Its answer was a read of its own.
    other.call(&["DEL", "s"]);
    tracker.expect(push(&["s"]).as_bytes());
}

#[test]
fn the_table_keeps_to_its_limit() {
    let server = Server::with(&["--tracking-table-max-keys", "10"]);
    let (mut tracker, mut other) = (resp3(&server, "CLIENT TRACKING ON"), server.client());
    let keys: Vec<String> = (0..50).map(|n| format!("GET k{n}")).collect();
    tracker.send(&pipeline(&keys));
    let mut pushes = 0;
    for _ in 0..50 + 40 {
        let (_, raw) = tracker.read();
        pushes += usize::from(raw.starts_with(b">"));
    }
    assert_eq!((pushes, info(&mut other, "tracking_total_keys").as_str()), (40, "10"));
}
