//! MIGRATE between two servers.

use std::net::TcpListener;

use crate::support::{Reply, Server, free_port};

fn call(server: &Server, args: &[&str]) -> Reply {
    server.client().call(args)
}

fn error(text: &str) -> Reply {
    Reply::Error(text.to_owned())
}

#[test]
fn keys_go_over_with_their_deadlines() {
    let (from, to) = (Server::start(), Server::with(&["--requirepass", "secret"]));
    let port = to.port().to_string();
    let migrate = |words: &str| {
        let mut args = vec!["MIGRATE", "127.0.0.1", &port];
        args.extend(words.split(' ').map(|word| if word == "''" { "" } else { word }));
        call(&from, &args)
    };
    call(&from, &["SET", "a", "1", "PX", "100000"]);
    call(&from, &["RPUSH", "b", "x", "y"]);
    call(&from, &["SADD", "c", "m"]);
    assert_eq!(
        migrate("a 2 5000"),
        error("ERR Target instance replied with error: NOAUTH Authentication required.")
    );
    let wrong = "ERR Target instance replied with error: WRONGPASS invalid username-password pair or user is disabled.";
    assert_eq!(migrate("a 2 5000 AUTH wrong"), error(wrong));
    assert_eq!(migrate("a 2 5000 AUTH secret"), Reply::Simple(b"OK".to_vec()));
    assert_eq!(migrate("a 2 5000 AUTH secret"), Reply::Simple(b"NOKEY".to_vec()));
    assert_eq!(migrate("'' 2 5000 COPY AUTH2 default secret KEYS b nope"), Reply::Simple(b"OK".to_vec()));
    assert_eq!(call(&from, &["EXISTS", "a", "b", "c"]), Reply::Int(2));
    let busy = "ERR Target instance replied with error: BUSYKEY Target key name already exists.";
    assert_eq!(migrate("'' 2 5000 AUTH secret KEYS b c"), error(busy));
    // What was acknowledged has gone all the same.
    assert_eq!(call(&from, &["EXISTS", "b", "c"]), Reply::Int(1));
    assert_eq!(migrate("b 2 5000 REPLACE AUTH secret"), Reply::Simple(b"OK".to_vec()));
    let out_of_range = "ERR Target instance replied with error: ERR DB index is out of range";
    call(&from, &["SET", "d", "1"]);
    assert_eq!(migrate("d 99 5000 AUTH secret"), error(out_of_range));

    let mut there = to.client();
    there.ok(&["AUTH", "secret"]);
    there.ok(&["SELECT", "2"]);
    assert_eq!(there.call(&["EXISTS", "a", "b", "c"]), Reply::Int(3));
    assert_eq!(there.call(&["LLEN", "b"]), Reply::Int(2));
    let Reply::Int(ttl) = there.call(&["PTTL", "a"]) else { panic!("no deadline") };
    assert!((50_000..=100_000).contains(&ttl), "{ttl}");
}

#[test]
fn a_target_that_is_not_there_or_silent() {
    let server = Server::start();
    call(&server, &["SET", "a", "1"]);
    let silent = TcpListener::bind(("127.0.0.1", free_port())).expect("a free port");
    let port = silent.local_addr().expect("bound").port().to_string();
    let reply = call(&server, &["MIGRATE", "127.0.0.1", &port, "a", "0", "50"]);
    assert_eq!(reply, error("IOERR error or timeout reading to target instance"));
    // Not the one that has just been closed: a child that is being started at this moment may still have it open.
    let port = free_port().to_string();
    let reply = call(&server, &["MIGRATE", "127.0.0.1", &port, "a", "0", "50"]);
    assert_eq!(reply, error("IOERR error or timeout writing to target instance"));
    let reply = call(&server, &["MIGRATE", "999.0.0.1", &port, "a", "0", "50"]);
    assert_eq!(reply, error("IOERR error or timeout connecting to the client"));
    let reply = call(&server, &["MIGRATE", "127.0.0.1", &port, "a", "0", "50", "KEYS", "b"]);
    assert_eq!(
        reply,
        error("ERR When using MIGRATE KEYS option, the key argument must be set to the empty string")
    );
    assert_eq!(
        call(&server, &["MIGRATE", "127.0.0.1", &port, "a", "0", "50", "AUTH"]),
        error("ERR syntax error")
    );
    assert_eq!(call(&server, &["GET", "a"]), Reply::Bulk(b"1".to_vec()));
}

/// The figure of INFO.
fn kept(server: &Server) -> String {
    let info = call(server, &["INFO", "stats"]).text();
    let line = info.lines().find_map(|line| line.strip_prefix("migrate_cached_sockets:"));
    line.expect("a field of INFO").to_owned()
}

#[test]
fn a_connection_serves_again_and_only_who_knows_the_password() {
    let (from, to) = (Server::start(), Server::with(&["--requirepass", "secret"]));
    let port = to.port().to_string();
    let migrate = |key: &str, rest: &[&str]| {
        call(&from, &["SET", key, key]);
        call(&from, &[&["MIGRATE", "127.0.0.1", &port, key][..], rest].concat())
    };
    let connections = || {
        let mut there = to.client();
        there.ok(&["AUTH", "secret"]);
        let info = there.call(&["INFO", "stats"]).text();
        let line = info.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
        line.and_then(|count| count.parse::<usize>().ok()).expect("a number")
    };
    let before = connections();
    for (key, db) in [("a", "0"), ("b", "0"), ("c", "5"), ("d", "0")] {
        assert_eq!(migrate(key, &[db, "5000", "AUTH", "secret"]), Reply::Simple(b"OK".to_vec()));
    }
    assert!(migrate("d", &["0", "5000", "AUTH", "secret"]).is_error("ERR Target"));
    // One of ours, and the one that asks.
    assert_eq!(connections() - before, 2);
    assert_eq!(kept(&from), "1");
    let unknown = "ERR Target instance replied with error: NOAUTH Authentication required.";
    assert_eq!(migrate("e", &["0", "5000"]), error(unknown));
    assert_eq!(migrate("e", &["0", "5000", "AUTH2", "default", "secret"]), Reply::Simple(b"OK".to_vec()));
    assert_eq!(kept(&from), "2");

    let mut there = to.client();
    there.ok(&["AUTH", "secret"]);
    assert_eq!(there.call(&["EXISTS", "a", "b", "c", "d", "e"]), Reply::Int(4));
    there.ok(&["SELECT", "5"]);
    assert_eq!(there.call(&["EXISTS", "a", "b", "c", "d", "e"]), Reply::Int(1));
    // The password has to be right each time.
    there.ok(&["CONFIG", "SET", "requirepass", "changed"]);
    assert!(
        migrate("f", &["0", "5000", "AUTH", "secret"])
            .is_error("ERR Target instance replied with error: WRONGPASS")
    );
    there.ok(&["CONFIG", "SET", "requirepass", "secret"]);
    // A connection that the target ends is replaced.
    there.call(&["CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "YES"]);
    assert_eq!(migrate("f", &["0", "5000", "AUTH", "secret"]), Reply::Simple(b"OK".to_vec()));
    assert_eq!(call(&from, &["EXISTS", "a", "b", "c", "d", "e", "f"]), Reply::Int(1));
}

/// A target that ends each connection behind a number of requests, unseen until the next is under way.
#[test]
fn a_connection_that_dies_in_use_is_replaced_once_and_no_key_is_lost() {
    use std::io::{BufRead, BufReader, Write};
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port().to_string();
    let target = std::thread::spawn(move || {
        let mut restored = Vec::new();
        // The first connection takes a key and dies at the second, so does the second connection; the third is dead.
        for answers in [3, 2, 1] {
            let (stream, _) = listener.accept().expect("a connection");
            let (mut reader, mut stream) = (BufReader::new(stream.try_clone().expect("a copy")), stream);
            let mut verbs = 0;
            let mut line = String::new();
            while verbs < answers && reader.read_line(&mut line).is_ok_and(|read| read > 0) {
                let word = std::mem::take(&mut line);
                if ["SELECT\r\n", "RESTORE\r\n"].contains(&word.as_str()) {
                    verbs += 1;
                    if verbs < answers {
                        restored.push(word.trim().to_owned());
                        stream.write_all(b"+OK\r\n").expect("somebody reads");
                    }
                }
            }
        }
        restored
    });
    let server = Server::start();
    for key in ["a", "b", "c"] {
        call(&server, &["SET", key, "1"]);
    }
    let migrate = |key: &str| call(&server, &["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]);
    assert_eq!(migrate("a"), Reply::Simple(b"OK".to_vec()));
    // Dies when it gets the key; the new one dies as well. There is no third try.
    assert_eq!(migrate("b"), error("IOERR error or timeout reading to target instance"));
    assert_eq!(call(&server, &["EXISTS", "a", "b", "c"]), Reply::Int(2));
    assert_eq!(migrate("c"), error("IOERR error or timeout reading to target instance"));
    assert_eq!(call(&server, &["EXISTS", "a", "b", "c"]), Reply::Int(2));
    assert_eq!(kept(&server), "0");
    assert_eq!(target.join().expect("it ended"), ["SELECT", "RESTORE", "SELECT"]);
}
