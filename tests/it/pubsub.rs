//! Publish and subscribe, and keyspace events, over real connections and with redis-cli.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{Client, Reply, Server, is_soon_enough, pipeline, program, run, show, wait_until};

#[track_caller]
fn sends(client: &mut Client, commands: &[&str], expected: &str) {
    client.send(&pipeline(commands));
    client.expect(expected.as_bytes());
}

fn confirmation(mark: char, word: &str, name: &str, count: usize) -> String {
    format!("{mark}3\r\n${}\r\n{word}\r\n${}\r\n{name}\r\n:{count}\r\n", word.len(), name.len())
}

fn message(mark: char, parts: &[&str]) -> String {
    let bulks: String = parts.iter().map(|part| format!("${}\r\n{part}\r\n", part.len())).collect();
    format!("{mark}{}\r\n{bulks}", parts.len())
}

#[test]
fn confirmations_count_channels_and_patterns_together() {
    let server = Server::start();
    let mut client = server.client();
    let confirm = |word, name, count| confirmation('*', word, name, count);
    let expected = [
        confirm("subscribe", "a", 1),
        confirm("subscribe", "b", 2),
        confirm("subscribe", "a", 2),
        confirm("psubscribe", "p*", 3),
        confirm("ssubscribe", "s", 1),
        confirm("unsubscribe", "none", 3),
        confirm("unsubscribe", "a", 2),
        confirm("sunsubscribe", "s", 0),
        confirm("punsubscribe", "p*", 1),
        confirm("unsubscribe", "b", 0),
    ]
    .concat();
    let commands = [
        "SUBSCRIBE a b a",
        "PSUBSCRIBE p*",
        "SSUBSCRIBE s",
        "UNSUBSCRIBE none a",
        "SUNSUBSCRIBE",
        "PUNSUBSCRIBE",
    ];
    sends(&mut client, &[&commands[..], &["UNSUBSCRIBE"]].concat(), &expected);
    let nothing = "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n*3\r\n$12\r\npunsubscribe\r\n$-1\r\n:0\r\n\
                   *3\r\n$12\r\nsunsubscribe\r\n$-1\r\n:0\r\n+PONG\r\n";
    sends(&mut client, &["UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE", "PING"], nothing);
}

#[test]
fn messages_reach_channels_and_patterns() {
    let server = Server::start();
    let (mut two, mut three, mut client) = (server.client(), server.client(), server.client());
    three.hello3();
    let confirm = confirmation('*', "subscribe", "news", 1) + &confirmation('*', "psubscribe", "n[e]*", 2);
    sends(&mut two, &["SUBSCRIBE news", "PSUBSCRIBE n[e]*"], &confirm);
    let confirm = confirmation('>', "psubscribe", "*", 1) + &confirmation('>', "ssubscribe", "news", 1);
    sends(&mut three, &["PSUBSCRIBE *", "SSUBSCRIBE news"], &confirm);
    let mut asks = |command: &str| client.call(&command.split(' ').collect::<Vec<_>>());
    assert_eq!(asks("PUBLISH news hi"), Reply::Int(3));
    assert_eq!(asks("PUBLISH other hi"), Reply::Int(1));
    assert_eq!(asks("SPUBLISH news yo"), Reply::Int(1));
    assert_eq!(asks("SPUBLISH none yo"), Reply::Int(0));
    let expected =
        message('*', &["message", "news", "hi"]) + &message('*', &["pmessage", "n[e]*", "news", "hi"]);
    two.expect(expected.as_bytes());
    let expected = message('>', &["pmessage", "*", "news", "hi"])
        + &message('>', &["pmessage", "*", "other", "hi"])
        + &message('>', &["smessage", "news", "yo"]);
    three.expect(expected.as_bytes());
    let all = Reply::Array(vec![Reply::bulk("news")]);
    assert_eq!(asks("PUBSUB CHANNELS"), all);
    assert_eq!(asks("PUBSUB CHANNELS n*"), all);
    assert_eq!(asks("PUBSUB CHANNELS x*"), Reply::Array(vec![]));
    assert_eq!(asks("PUBSUB SHARDCHANNELS"), all);
    assert_eq!(asks("PUBSUB NUMPAT"), Reply::Int(2));
    let counts = vec![Reply::bulk("news"), Reply::Int(1), Reply::bulk("x"), Reply::Int(0)];
    assert_eq!(asks("PUBSUB NUMSUB news x"), Reply::Array(counts.clone()));
    assert_eq!(asks("PUBSUB SHARDNUMSUB news x"), Reply::Array(counts));
    assert_eq!(asks("PUBSUB NUMSUB"), Reply::Array(vec![]));
    assert!(
        asks("PUBSUB CHANNELS a b")
            .is_error("ERR unknown subcommand or wrong number of arguments for 'CHANNELS'")
    );
    assert!(asks("PUBSUB NOPE").is_error("ERR unknown subcommand 'NOPE'. Try PUBSUB HELP."));
    // Who leaves is forgotten.
    drop((two, three));
    wait_until("forgotten", || {
        asks("PUBSUB NUMPAT") == Reply::Int(0) && asks("PUBSUB CHANNELS") == Reply::Array(vec![])
    });
}

#[test]
fn a_subscriber_of_resp2_may_do_little_else() {
    let server = Server::start();
    let mut client = server.client();
    sends(&mut client, &["SUBSCRIBE c"], &confirmation('*', "subscribe", "c", 1));
    for (command, name) in
        [("GET k", "get"), ("CLIENT ID", "client|id"), ("MULTI", "multi"), ("PUBLISH c m", "publish")]
    {
        let text = format!(
            "-ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in \
             this context\r\n"
        );
        sends(&mut client, &[command], &text);
    }
    sends(
        &mut client,
        &["PING", "PING hi"],
        "*2\r\n$4\r\npong\r\n$0\r\n\r\n*2\r\n$4\r\npong\r\n$2\r\nhi\r\n",
    );
    sends(&mut client, &["RESET", "PING"], "+RESET\r\n+PONG\r\n");
    sends(&mut client, &["SSUBSCRIBE c", "QUIT"], &(confirmation('*', "ssubscribe", "c", 1) + "+OK\r\n"));
    assert_eq!(show(&client.read_to_close()), "");
}

#[test]
fn a_subscriber_of_resp3_may_do_everything() {
    let server = Server::start();
    let mut client = server.client();
    client.hello3();
    let expected = confirmation('>', "subscribe", "c", 1)
        + "+OK\r\n:1\r\n"
        + &message('>', &["message", "c", "one"])
        + "+PONG\r\n";
    sends(&mut client, &["SUBSCRIBE c", "SET k v", "PUBLISH c one", "PING"], &expected);
    // Within a transaction its own messages come after the whole reply.
    let expected = "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n:1\r\n:1\r\n+PONG\r\n".to_owned()
        + &message('>', &["message", "c", "two"])
        + &message('>', &["message", "c", "three"]);
    sends(&mut client, &["MULTI", "PUBLISH c two", "PUBLISH c three", "PING", "EXEC"], &expected);
}

#[test]
fn subscriptions_within_a_transaction() {
    let server = Server::start();
    let mut client = server.client();
    let expected = "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n\
                    -ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client\r\n"
        .to_owned()
        + &confirmation('*', "subscribe", "c", 1);
    sends(&mut client, &["MULTI", "SSUBSCRIBE s", "SUBSCRIBE c", "EXEC"], &expected);
}

#[test]
fn confirmations_and_messages_come_even_without_replies() {
    let server = Server::start();
    let (mut client, mut other) = (server.client(), server.client());
    let expected = confirmation('*', "subscribe", "c", 1) + &confirmation('*', "psubscribe", "c*", 2);
    sends(&mut client, &["CLIENT REPLY OFF", "SUBSCRIBE c", "PSUBSCRIBE c*"], &expected);
    assert_eq!(other.call(&["PUBLISH", "c", "m"]), Reply::Int(2));
    let expected = message('*', &["message", "c", "m"]) + &message('*', &["pmessage", "c*", "c", "m"]);
    client.expect(expected.as_bytes());
    let expected = confirmation('*', "unsubscribe", "c", 1) + &confirmation('*', "punsubscribe", "c*", 0);
    sends(&mut client, &["UNSUBSCRIBE c", "PUNSUBSCRIBE", "PING", "SET k v"], &expected);
    assert!(client.is_silent_for(Duration::from_millis(50)));
    sends(
        &mut other,
        &["CLIENT REPLY SKIP", "SUBSCRIBE c", "PING"],
        &(confirmation('*', "subscribe", "c", 1) + "*2\r\n"),
    );
}

#[test]
fn many_messages_come_in_order() {
    const COUNT: usize = 50_000;
    let server = Server::start();
    let (mut client, mut subscriber) = (server.client(), server.client());
    subscriber.call(&["SUBSCRIBE", "c"]);
    let lines: Vec<String> = (0..COUNT).map(|n| format!("PUBLISH c {n}")).collect();
    let replies = client.exchange(pipeline(&lines), COUNT);
    assert!(replies.iter().all(|reply| *reply == Reply::Int(1)));
    for n in 0..COUNT {
        assert_eq!(subscriber.read().0.items()[2].text(), n.to_string());
    }
}

#[test]
fn long_messages_come_whole() {
    let server = Server::start();
    let (mut client, mut subscriber) = (server.client(), server.client());
    subscriber.call(&["SUBSCRIBE", "c"]);
    for length in [1, 1000, 16_000, 17_000, 3_000_000] {
        let text = "m".repeat(length);
        client.call(&["PUBLISH", "c", "short"]);
        client.call(&["PUBLISH", "c", &text]);
        assert_eq!(subscriber.read().0.items()[2].text(), "short");
        assert!(subscriber.read().0.items()[2].text() == text, "{length}");
    }
}

/// `redis-cli ARGS` whose output is read line by line.
fn cli(server: &Server, args: &[&str]) -> (std::process::Child, impl FnMut() -> String + use<>) {
    let mut command = program("redis-cli");
    command.args(["-p", &server.port().to_string()]).env_remove("REDISCLI_AUTH").args(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("redis-cli starts");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
    (child, move || lines.next().expect("a line").expect("text"))
}

#[test]
fn two_redis_clis_as_in_seed_000() {
    let server = Server::start();
    let (mut subscriber, mut line) = cli(&server, &["--csv", "SUBSCRIBE", "events"]);
    let first: Vec<String> = (0..2).map(|_| line()).collect();
    assert!(first.concat().contains("\"subscribe\",\"events\",1"), "{first:?}");
    let publish = |text: &str| {
        let mut command = program("redis-cli");
        command.args(["-p", &server.port().to_string(), "PUBLISH", "events", text]);
        run(&mut command).success()
    };
    assert_eq!(publish("hello world"), "1\n");
    assert_eq!(line(), "\"message\",\"events\",\"hello world\"");
    assert_eq!(publish("{\"id\":1}"), "1\n");
    assert_eq!(line(), "\"message\",\"events\",\"{\\\"id\\\":1}\"");
    drop(subscriber.stdin.take());
    subscriber.kill().and_then(|()| subscriber.wait()).expect("redis-cli ends");
}

#[test]
fn redis_cli_watches_keyspace_events() {
    let server = Server::with(&["--notify-keyspace-events", "KEA"]);
    let (mut watcher, mut line) = cli(&server, &["--csv", "PSUBSCRIBE", "__key*__:*"]);
    let first: Vec<String> = (0..2).map(|_| line()).collect();
    assert!(first.concat().contains("\"psubscribe\""), "{first:?}");
    server.client().ok(&["SET", "user:1", "x"]);
    assert_eq!(line(), "\"pmessage\",\"__key*__:*\",\"__keyspace@0__:user:1\",\"set\"");
    assert_eq!(line(), "\"pmessage\",\"__key*__:*\",\"__keyevent@0__:set\",\"user:1\"");
    drop(watcher.stdin.take().map(|mut stdin| stdin.flush()));
    watcher.kill().and_then(|()| watcher.wait()).expect("redis-cli ends");
}

/// A client that hears every keyspace event; gives channel and payload.
fn listener(server: &Server) -> impl FnMut() -> String + use<> {
    let mut client = server.client();
    client.call(&["PSUBSCRIBE", "__key*"]);
    move || {
        let parts = client.read().0.items();
        format!("{} {}", parts[2].text(), parts[3].text())
    }
}

#[test]
fn keyspace_events_go_to_the_channels_of_key_and_event() {
    let server = Server::with(&["--notify-keyspace-events", "KE$gx"]);
    let mut event = listener(&server);
    let mut client = server.client();
    client.ok(&["SELECT", "3"]);
    client.send(&pipeline(&["SET k v", "APPEND k w", "DEL k none", "SET t v PX 20"]));
    for expected in [
        "__keyspace@3__:k set",
        "__keyevent@3__:set k",
        "__keyspace@3__:k append",
        "__keyevent@3__:append k",
        "__keyspace@3__:k del",
        "__keyevent@3__:del k",
        "__keyspace@3__:t set",
        "__keyevent@3__:set t",
        "__keyspace@3__:t expire",
        "__keyevent@3__:expire t",
        "__keyspace@3__:t expired",
        "__keyevent@3__:expired t",
    ] {
        assert_eq!(event(), expected);
    }
}

#[test]
fn only_the_classes_that_are_asked_for() {
    let server = Server::with(&["--notify-keyspace-events", "Ex"]);
    let mut event = listener(&server);
    let mut client = server.client();
    client.ok(&["SET", "k", "v", "PX", "1"]);
    assert_eq!(event(), "__keyevent@0__:expired k");
    client.ok(&["CONFIG", "SET", "notify-keyspace-events", "K$"]);
    client.ok(&["SET", "k", "v"]);
    assert_eq!(event(), "__keyspace@0__:k set");
    client.ok(&["CONFIG", "SET", "notify-keyspace-events", ""]);
    client.ok(&["SET", "k", "v"]);
    client.ok(&["CONFIG", "SET", "notify-keyspace-events", "Eg"]);
    client.call(&["DEL", "k"]);
    assert_eq!(event(), "__keyevent@0__:del k");
}

#[test]
fn expired_events_come_on_time() {
    let server = Server::with(&["--notify-keyspace-events", "Ex"]);
    let mut event = listener(&server);
    let mut client = server.client();
    is_soon_enough(|_| {
        let begun = Instant::now();
        client.ok(&["SET", "k", "v", "PX", "200"]);
        assert_eq!(event(), "__keyevent@0__:expired k");
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(199), "{took:?}");
        if took < Duration::from_millis(400) { Ok(()) } else { Err(format!("{took:?}")) }
    });
}

#[test]
fn messages_keep_their_order_whoever_writes_them() {
    come_in_order(0, 1 << 14);
}

#[test]
fn messages_to_many_keep_their_order_whoever_writes_them() {
    come_in_order(20, 1 << 13);
}

/// Publishes to some clients that say something now and then, and to others that don't read.
fn come_in_order(deaf: usize, repeats: usize) {
    const MESSAGES: usize = 200;
    let server = Server::start();
    let mut client = server.client();
    let subscribe = |_| {
        let mut subscriber = server.client();
        sends(&mut subscriber, &["SUBSCRIBE c"], &confirmation('*', "subscribe", "c", 1));
        subscriber
    };
    let deaf: Vec<Client> = (0..deaf).map(subscribe).collect();
    let mut subscribers: Vec<Client> = (0..2).map(subscribe).collect();
    let receivers = (deaf.len() + subscribers.len()) as i64;
    // With pauses and without, long and short, some pushed into a socket that is full by now.
    let payload = |n: usize| format!("{n:08}").repeat(if n.is_multiple_of(3) { repeats } else { 1 });
    for n in 0..MESSAGES {
        assert_eq!(client.call(&["PUBLISH", "c", &payload(n)]), Reply::Int(receivers));
        if n.is_multiple_of(4) {
            std::thread::sleep(Duration::from_micros(300));
        }
        if n.is_multiple_of(50) {
            subscribers.iter_mut().for_each(|subscriber| subscriber.send(&pipeline(&["PING"])));
        }
    }
    for subscriber in &mut subscribers {
        let (mut next, mut pongs) = (0, 0);
        while next < MESSAGES || pongs < MESSAGES.div_ceil(50) {
            let (reply, _) = subscriber.read();
            let items = reply.items();
            if items[0] == Reply::bulk("pong") {
                pongs += 1;
            } else {
                assert!(items[2] == Reply::bulk(&payload(next)), "message {next} is not what was published");
                next += 1;
            }
        }
    }
}
