//! Commands over large values while others change them: each happens at one instant, whatever is put off.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::{Client, Reply, Server, pipeline};

/// Members of each of two sets: far more than are worked on under a lock.
const MEMBERS: usize = 3000;
/// What each client does at the least.
const ROUNDS: usize = 15;

fn fill(client: &mut Client, key: &str, prefix: &str) {
    let members: Vec<String> = (0..MEMBERS).map(|n| format!("{prefix}{n}")).collect();
    let mut args = vec!["SADD", key];
    args.extend(members.iter().map(String::as_str));
    assert_eq!(client.call(&args), Reply::Int(MEMBERS as i64));
}

fn int(client: &mut Client, command: &str) -> i64 {
    match client.call(&command.split(' ').collect::<Vec<_>>()) {
        Reply::Int(number) => number,
        other => panic!("{command}: {other:?}"),
    }
}

/// Members wander between two sets all the time; nobody ever sees one in both or in none.
#[test]
fn a_union_stays_equal_to_its_parts() {
    let server = Server::start();
    let mut client = server.client();
    fill(&mut client, "a", "x");
    fill(&mut client, "b", "y");
    let all = 2 * MEMBERS as i64;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for prefix in ["x", "y"] {
            let (mut client, done) = (server.client(), &done);
            scope.spawn(move || {
                let (mut from, mut to) = if prefix == "x" { ("a", "b") } else { ("b", "a") };
                while !done.load(Ordering::Relaxed) {
                    for n in (0..MEMBERS).step_by(97) {
                        let member = format!("{prefix}{n}");
                        assert_eq!(client.call(&["SMOVE", from, to, &member]), Reply::Int(1));
                    }
                    std::mem::swap(&mut from, &mut to);
                }
            });
        }
        let checks: [fn(&mut Client, usize); 4] = [
            |client, _| assert_eq!(int(client, "SUNIONSTORE u a b"), 2 * MEMBERS as i64),
            |client, _| assert_eq!(int(client, "SINTERSTORE i a b"), 0),
            |client, round| {
                // The same under the locks of a transaction, now and then behind the closed gate.
                client.ok(&["MULTI"]);
                client.call(&["SDIFFSTORE", "d", "a", "b"]);
                client.call(&["SCARD", "a"]);
                if round % 4 == 0 {
                    client.call(&["DBSIZE"]);
                }
                let replies = client.call(&["EXEC"]);
                assert_eq!(replies.items()[0], replies.items()[1]);
            },
            |client, _| {
                let union = client.call(&["SUNION", "b", "a"]);
                assert_eq!(union.items().len(), 2 * MEMBERS);
                assert_eq!(int(client, "SINTERCARD 2 a b"), 0);
            },
        ];
        let clients = checks.map(|check| {
            let mut client = server.client();
            scope.spawn(move || (0..ROUNDS).for_each(|round| check(&mut client, round)))
        });
        let results = clients.map(thread::ScopedJoinHandle::join);
        done.store(true, Ordering::Relaxed);
        results.into_iter().for_each(|result| result.expect("no check failed"));
    });
    assert_eq!(int(&mut client, "SCARD a") + int(&mut client, "SCARD b"), all);
}

/// Who adds a member to a source and then writes to the destination: either the destination still has what was
/// written, or a result took its place that was computed with the member.
#[test]
fn a_result_is_never_older_than_what_it_replaces() {
    let server = Server::start();
    let mut client = server.client();
    fill(&mut client, "a", "x");
    fill(&mut client, "b", "y");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            let (mut client, done) = (server.client(), &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    client.call(&["SUNIONSTORE", "d", "a", "b"]);
                }
            });
        }
        let writers = ["p", "q"].map(|writer| {
            let mut client = server.client();
            scope.spawn(move || {
                for round in 0..4 * ROUNDS {
                    let (member, marker) = (format!("{writer}{round}"), format!("marker-{writer}{round}"));
                    assert_eq!(client.call(&["SADD", "a", &member]), Reply::Int(1));
                    client.call(&["SADD", "d", &marker]);
                    let seen = client.call(&["SMISMEMBER", "d", &member, &marker]);
                    assert_ne!(seen.items(), [Reply::Int(0), Reply::Int(0)], "{member}");
                }
            })
        });
        let results = writers.map(thread::ScopedJoinHandle::join);
        done.store(true, Ordering::Relaxed);
        results.into_iter().for_each(|result| result.expect("nothing was lost"));
    });
}

/// Members popped by several clients in large portions: each member once.
#[test]
fn popping_many_gives_each_member_once() {
    let server = Server::start();
    let mut client = server.client();
    fill(&mut client, "s", "x");
    fill(&mut client, "s", "y");
    let mut popped: Vec<String> = thread::scope(|scope| {
        let clients = [1500, 1100, 3].map(|count| {
            let (mut client, count) = (server.client(), count.to_string());
            scope.spawn(move || {
                let mut popped = Vec::new();
                loop {
                    let reply = client.call(&["SPOP", "s", &count]);
                    if reply.items().is_empty() {
                        return popped;
                    }
                    popped.extend(reply.items().iter().map(Reply::text));
                }
            })
        });
        clients.into_iter().flat_map(|client| client.join().expect("it pops")).collect()
    });
    assert_eq!(popped.len(), 2 * MEMBERS);
    popped.sort();
    popped.dedup();
    assert_eq!(popped.len(), 2 * MEMBERS);
}

/// What a run of requests looks for in one large collection is prefetched; each still finds what those before it left.
#[test]
fn a_run_of_requests_about_one_large_collection() {
    let server = Server::start();
    let mut client = server.client();
    let numbers: Vec<String> = (0..10_000).map(|n| n.to_string()).collect();
    let members = numbers.iter().map(String::as_str);
    client.call(&["SADD", "s"].into_iter().chain(members.clone()).collect::<Vec<_>>());
    client.call(&["ZADD", "z"].into_iter().chain(members.clone()).collect::<Vec<_>>());
    client.call(&["HSET", "h"].into_iter().chain(members).collect::<Vec<_>>());
    let mut ask = |lines: &[&str], expected: &[&str]| {
        let replies = client.exchange(pipeline(lines), lines.len());
        let text = |reply: &Reply| if let Reply::Int(n) = reply { n.to_string() } else { reply.text() };
        assert_eq!(replies.iter().map(text).collect::<Vec<_>>(), expected);
    };
    ask(
        &["SADD s a", "SADD s 17", "SADD s a b", "SADD s", "SADD s b", "SADD t 17", "SADD s 18", "SADD h 1"],
        &[
            "1",
            "0",
            "1",
            "ERR wrong number of arguments for 'sadd' command",
            "0",
            "1",
            "0",
            "WRONGTYPE Operation against a key holding the wrong kind of value",
        ],
    );
    ask(&["SREM s a b 17", "SREM s 17 18", "SREM s 18", "SCARD s"], &["3", "1", "0", "9998"]);
    ask(
        &[
            "HSET h 0 x new y 2 z",
            "HSET h new a",
            "HINCRBY h 4 1",
            "HINCRBY h 4 1",
            "HINCRBY h 4 one",
            "HGET h 4",
        ],
        &["1", "0", "6", "7", "ERR value is not an integer or out of range", "7"],
    );
    ask(
        &[
            "ZADD z 7 1",
            "ZADD z 1 a 2 a 3 3",
            "ZADD z NX 1 a 2 b",
            "ZADD z CH 5 b",
            "ZADD z x b",
            "ZADD z 3 b",
        ],
        &["0", "1", "1", "1", "ERR value is not a valid float", "0"],
    );
    ask(&["ZSCORE z 1", "ZSCORE z a", "ZSCORE z b", "ZSCORE z 9999"], &["7", "2", "3", "9998"]);
    ask(&["ZREM z a b 1", "ZREM z 1 3", "ZREM z 5", "ZREM z 5"], &["3", "1", "1", "0"]);
    ask(&["HGET h 0", "HGET h new", "HGET h 2", "HDEL h 0 2 3", "HLEN h"], &["x", "a", "z", "2", "4999"]);
}
