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
