//! Clients that wait for keys: in which order they are served, by what, and what ends their waiting.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Client, Reply, Server, SetOnDrop, pipeline, wait_until};

/// Long enough for an answer that must not come.
const SILENCE: Duration = Duration::from_millis(60);

fn run(client: &mut Client, commands: &[&str]) {
    for command in commands {
        let reply = client.call(&command.split(' ').collect::<Vec<_>>());
        assert!(!reply.is_error(""), "{command}: {reply:?}");
    }
}

fn texts(reply: &Reply) -> Vec<String> {
    reply.items().iter().map(Reply::text).collect()
}

#[test]
fn waiters_are_served_in_the_order_in_which_they_came() {
    let server = Server::start();
    let mut waiting: Vec<Client> = (0..5).map(|_| server.blocked("BLPOP q 0")).collect();
    let mut client = server.client();
    assert_eq!(client.call(&["RPUSH", "q", "0", "1", "2"]), Reply::Int(3));
    // Before the reply has left they have been served.
    assert_eq!(client.call(&["LLEN", "q"]), Reply::Int(0));
    assert_eq!(client.call(&["RPUSH", "q", "3", "4", "5"]), Reply::Int(3));
    for (number, waiter) in waiting.iter_mut().enumerate() {
        assert_eq!(texts(&waiter.read().0), ["q", &number.to_string()]);
    }
    assert_eq!(client.call(&["LPOP", "q"]), Reply::bulk("5"));
}

#[test]
fn nobody_overtakes_a_waiter() {
    const ROUNDS: usize = 100;
    let server = Server::start();
    let (over, stolen) = (AtomicBool::new(false), AtomicUsize::new(0));
    let turns = [const { AtomicUsize::new(0) }; 3];
    let pops = [
        &["LPOP", "a"][..],
        &["BLPOP", "a", "b", "c", "0.001"],
        &["BLMOVE", "a", "x", "LEFT", "LEFT", "0.001"],
    ];
    std::thread::scope(|scope| {
        let _end = SetOnDrop(&over);
        for (pop, turns) in pops.into_iter().zip(&turns) {
            let (server, over, stolen) = (&server, &over, &stolen);
            scope.spawn(move || {
                let mut thief = server.client();
                while !over.load(Ordering::Relaxed) {
                    if thief.call(pop) != Reply::Null {
                        stolen.fetch_add(1, Ordering::Relaxed);
                    }
                    turns.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let mut client = server.client();
        for round in 0..ROUNDS {
            // It waits for more than one key, so that serving it takes more than one shard.
            let mut waiter = server.blocked("BLPOP a b c d e f g 0");
            // Until each thief has come after it.
            let all = || turns.each_ref().map(|turns| turns.load(Ordering::Relaxed));
            let before = all();
            wait_until("each thief's turn", || all().iter().zip(before).all(|(now, before)| *now > before));
            let value = round.to_string();
            client.call(&["RPUSH", "a", &value]);
            while waiter.is_silent_for(SILENCE) {
                assert_eq!(stolen.load(Ordering::Relaxed), 0, "elements went to clients that came later");
            }
            assert_eq!(texts(&waiter.read().0), ["a", &value]);
        }
    });
    assert_eq!(stolen.into_inner(), 0, "elements went to clients that came later");
}

#[test]
fn of_several_keys_the_first_with_data_counts() {
    let server = Server::start();
    let mut client = server.client();
    client.call(&["SET", "s", "x"]);
    let mut waiter = server.blocked("BRPOP a b c 0");
    client.call(&["RPUSH", "other", "x"]);
    client.call(&["RPUSH", "c", "1"]);
    assert_eq!(texts(&waiter.read().0), ["c", "1"]);
    // Within a transaction all pushes come first, then the waiter looks at its keys in their order.
    let mut waiter = server.blocked("BLPOP a b c 0");
    run(&mut client, &["MULTI", "RPUSH c 3", "RPUSH b 2", "RPUSH a 1", "EXEC"]);
    assert_eq!(texts(&waiter.read().0), ["a", "1"]);
    assert_eq!(client.call(&["LLEN", "c"]), Reply::Int(1));
}

#[test]
fn what_is_gone_again_or_of_another_type_wakes_nobody() {
    let server = Server::start();
    let mut client = server.client();
    let mut waiter = server.blocked("BLPOP q 0");
    client.ok(&["SET", "q", "x"]);
    client.call(&["APPEND", "q", "y"]);
    client.call(&["DEL", "q"]);
    run(&mut client, &["MULTI", "RPUSH q 1", "DEL q", "EXEC", "MULTI", "RPUSH q 1", "RENAME q p", "EXEC"]);
    assert!(waiter.is_silent_for(SILENCE));
    assert_eq!(client.call(&["RENAME", "p", "q"]), Reply::Simple(b"OK".to_vec()));
    assert_eq!(texts(&waiter.read().0), ["q", "1"]);
}

#[test]
fn a_chain_of_moves_is_one_step() {
    let server = Server::start();
    let mut client = server.client();
    let mut chain = [
        server.blocked("BLMOVE a b LEFT RIGHT 0"),
        server.blocked("BRPOPLPUSH b c 0"),
        server.blocked("BLMPOP 0 2 x c LEFT COUNT 5"),
    ];
    assert_eq!(client.call(&["RPUSH", "a", "1"]), Reply::Int(1));
    assert_eq!(client.call(&["EXISTS", "a", "b", "c"]), Reply::Int(0));
    assert_eq!(chain[0].read().0, Reply::bulk("1"));
    assert_eq!(chain[1].read().0, Reply::bulk("1"));
    assert_eq!(chain[2].read().0, Reply::Array(vec![Reply::bulk("c"), Reply::Array(vec![Reply::bulk("1")])]));
    // In a circle each goes round once.
    let mut circle = [server.blocked("BLMOVE a b LEFT LEFT 0"), server.blocked("BLMOVE b a LEFT LEFT 0")];
    client.call(&["RPUSH", "a", "2"]);
    circle.iter_mut().for_each(|client| assert_eq!(client.read().0, Reply::bulk("2")));
    assert_eq!(client.call(&["LRANGE", "a", "0", "-1"]), Reply::Array(vec![Reply::bulk("2")]));
}

#[test]
fn a_destination_of_another_type_is_the_waiters_error() {
    let server = Server::start();
    let mut client = server.client();
    client.ok(&["SET", "s", "x"]);
    let mut mover = server.blocked("BLMOVE a s LEFT LEFT 0");
    let mut next = server.blocked("BLPOP a 0");
    client.call(&["RPUSH", "a", "1"]);
    assert!(mover.read().0.is_error("WRONGTYPE"));
    assert_eq!(texts(&next.read().0), ["a", "1"]);
}

#[test]
fn who_has_gone_away_takes_nothing() {
    let server = Server::start();
    let mut client = server.client();
    for _ in 0..20 {
        drop(server.blocked("BLPOP q 0"));
    }
    wait_until("gone", || client.call(&["INFO", "clients"]).text().contains("\r\nblocked_clients:0\r\n"));
    client.call(&["RPUSH", "q", "kept"]);
    assert_eq!(client.call(&["LPOP", "q"]), Reply::bulk("kept"));
}

#[test]
fn requests_behind_a_blocked_one_wait_for_it() {
    let server = Server::start();
    let mut client = server.client();
    let mut waiter = server.client();
    waiter.ok(&["SET", "x", "1"]);
    server.block(&mut waiter, "BLPOP q 0");
    waiter.send(&pipeline(&["INCR x", "BLPOP q 0.01"]));
    assert!(waiter.is_silent_for(SILENCE));
    waiter.send(&pipeline(&["INCR x"]));
    assert_eq!(client.call(&["GET", "x"]), Reply::bulk("1"));
    client.call(&["RPUSH", "q", "a"]);
    waiter.expect(b"*2\r\n$1\r\nq\r\n$1\r\na\r\n:2\r\n*-1\r\n:3\r\n");
}

#[test]
fn in_a_transaction_nobody_is_blocked() {
    let server = Server::start();
    let mut client = server.client();
    run(&mut client, &["MULTI", "BLPOP a 0", "BLMOVE a b LEFT LEFT 0", "RPUSH a 1", "BLPOP a 0"]);
    let popped = Reply::Array(vec![Reply::bulk("a"), Reply::bulk("1")]);
    assert_eq!(client.call(&["EXEC"]), Reply::Array(vec![Reply::Null, Reply::Null, Reply::Int(1), popped]));
}

#[test]
fn timeouts_come_and_not_too_early() {
    const CLIENTS: u64 = 300;
    let server = Server::start();
    let mut waiting: Vec<(Client, Instant, Duration)> = (0..CLIENTS)
        .map(|number| {
            let mut client = server.client();
            let (ms, since) = (200 + number % 50, Instant::now());
            client.send(&pipeline(&[format!("BLPOP q{number} 0.{ms}")]));
            (client, since, Duration::from_millis(ms))
        })
        .collect();
    for (client, since, timeout) in &mut waiting {
        assert_eq!(client.read().1, b"*-1\r\n");
        assert!(since.elapsed() >= *timeout, "{:?} instead of {timeout:?}", since.elapsed());
    }
    let mut client = server.client();
    let since = Instant::now();
    assert_eq!(client.raw(&["BLMOVE", "a", "b", "LEFT", "LEFT", "0.001"]), b"*-1\r\n");
    assert!(since.elapsed() >= Duration::from_millis(1));
}

#[test]
fn unblocking_answers_as_asked_for() {
    let server = Server::start();
    let mut client = server.client();
    let mut waiter = server.client();
    let Reply::Int(id) = waiter.call(&["CLIENT", "ID"]) else { panic!("an id is a number") };
    let id = id.to_string();
    for (reason, answer) in
        [("TIMEOUT", "*-1\\r\\n"), ("ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK\\r\\n")]
    {
        server.block(&mut waiter, "BLMOVE a b LEFT LEFT 0");
        assert_eq!(client.call(&["CLIENT", "UNBLOCK", &id, reason]), Reply::Int(1));
        assert_eq!(crate::support::show(&waiter.read().1), answer);
        assert_eq!(client.call(&["CLIENT", "UNBLOCK", &id, reason]), Reply::Int(0));
    }
    run(&mut client, &["RPUSH a 1"]);
    assert_eq!(client.call(&["LLEN", "a"]), Reply::Int(1));
}

#[test]
fn a_command_that_waits_counts_once() {
    let server = Server::start();
    let mut client = server.client();
    let mut counted = |command: &str, end: &[&str], expected: &str| {
        let mut waiter = server.client();
        let Reply::Int(id) = waiter.call(&["CLIENT", "ID"]) else { panic!("an id is a number") };
        run(&mut client, &["CONFIG RESETSTAT", "DEL q"]);
        if end.is_empty() {
            waiter.send(&pipeline(&[command]));
        } else {
            server.block(&mut waiter, command);
        }
        let end: Vec<String> = end.iter().map(|word| word.replace("$id", &id.to_string())).collect();
        if !end.is_empty() {
            client.call(&end);
        }
        waiter.read();
        let stats = client.call(&["INFO", "commandstats"]).text();
        let line =
            stats.lines().find(|line| line.starts_with("cmdstat_blpop:")).unwrap_or_default().to_owned();
        assert!(line.starts_with("cmdstat_blpop:calls=1,") && line.ends_with(expected), "{line:?}");
    };
    counted("BLPOP q 0", &["RPUSH", "q", "1"], "rejected_calls=0,failed_calls=0");
    counted("BLPOP q 0.02", &[], "rejected_calls=0,failed_calls=0");
    counted("BLPOP q 0", &["CLIENT", "UNBLOCK", "$id"], "rejected_calls=0,failed_calls=0");
    counted("BLPOP q 0", &["CLIENT", "UNBLOCK", "$id", "ERROR"], "rejected_calls=0,failed_calls=1");
}

#[test]
fn a_client_that_wants_no_replies_gets_none() {
    let server = Server::start();
    let mut client = server.client();
    let mut waiter = server.client();
    waiter.ok(&["SET", "x", "1"]);
    waiter.send(&pipeline(&[
        "CLIENT REPLY SKIP",
        "BLPOP q 0",
        "GET x",
        "CLIENT REPLY OFF",
        "BLPOP q 0.01",
        "CLIENT REPLY ON",
    ]));
    std::thread::sleep(SILENCE);
    run(&mut client, &["RPUSH q 1"]);
    waiter.expect(b"$1\r\n1\r\n+OK\r\n");
}

#[test]
fn waiters_see_the_time_after_a_transaction() {
    let server = Server::with(&["--enable-debug-command", "yes"]);
    let mut client = server.client();
    run(&mut client, &["DEBUG SET-ACTIVE-EXPIRE 0"]);
    let mut waiter = server.blocked("BLPOP q 0");
    // When the transaction is over, the list has expired.
    run(&mut client, &["MULTI", "RPUSH q 1", "PEXPIRE q 20", "DEBUG SLEEP 0.05", "EXEC"]);
    assert!(waiter.is_silent_for(SILENCE));
    run(&mut client, &["RPUSH q 2"]);
    assert_eq!(texts(&waiter.read().0), ["q", "2"]);
}
