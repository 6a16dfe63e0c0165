//! The family in a server without sockets: replies, events, large values.

use std::collections::BTreeSet;

use super::super::testing::Rig;

/// More members than are worked on under a lock.
const MANY: usize = 6000;

fn listening() -> Rig {
    let mut rig = Rig::new();
    rig.set("notify-keyspace-events", "KEA");
    rig
}

/// Adds members `from..to` to a set.
fn fill(rig: &mut Rig, key: &str, members: std::ops::Range<usize>) {
    let members: Vec<String> = members.map(|n| format!("m{n}")).collect();
    let mut args: Vec<&[u8]> = vec![b"SADD", key.as_bytes()];
    args.extend(members.iter().map(String::as_bytes));
    rig.call(&args);
}

/// The elements of a reply that `run` made of bulks.
fn elements(reply: &str) -> BTreeSet<String> {
    reply.split(' ').skip(1).filter(|word| !word.starts_with('$')).map(str::to_owned).collect()
}

#[test]
fn changes_are_told_and_counted() {
    let mut rig = listening();
    for (command, reply, events, dirty) in [
        ("SADD s a b a", ":2", &["0 sadd s"][..], 2),
        ("SADD s a b", ":0", &[], 0),
        ("SMOVE s t a", ":1", &["0 srem s", "0 sadd t"], 2),
        ("SADD s a", ":1", &["0 sadd s"], 1),
        ("SMOVE s t a", ":1", &["0 srem s"], 1),
        ("SMOVE s s b", ":1", &[], 0),
        ("SMOVE s t nope", ":0", &[], 0),
        ("SMOVE s t b", ":1", &["0 srem s", "0 del s", "0 sadd t"], 2),
        ("SREM t a x", ":1", &["0 srem t"], 1),
        ("SREM t b x b", ":1", &["0 srem t", "0 del t"], 1),
        ("SREM t b", ":0", &[], 0),
        ("SPOP t", "$-1", &[], 0),
        ("SADD t 1 2 3", ":3", &["0 sadd t"], 3),
        ("SPOP t 0", "*0", &[], 0),
        ("SPOP t 5", "*3 $1 1 $1 2 $1 3", &["0 spop t", "0 del t"], 3),
        ("SADD t 7", ":1", &["0 sadd t"], 1),
        ("SPOP t", "$1 7", &["0 spop t", "0 del t"], 1),
        ("SADD a 1 2", ":2", &["0 sadd a"], 2),
        ("SUNIONSTORE b a", ":2", &["0 sunionstore b"], 1),
        ("SINTERSTORE c a b", ":2", &["0 sinterstore c"], 1),
        ("SDIFFSTORE c a b", ":0", &["0 del c"], 1),
        ("SDIFFSTORE c a b", ":0", &[], 0),
        ("SINTERSTORE a a nope", ":0", &["0 del a"], 1),
    ] {
        assert_eq!(rig.run(command), reply, "{command}");
        assert_eq!(rig.events(), events, "{command}");
        assert_eq!(rig.dirty(), dirty, "{command}");
    }
}

#[test]
fn a_wrong_type_anywhere_changes_nothing() {
    const WRONG: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    let mut rig = Rig::new();
    rig.check(&[("SADD s 1 2", ":2"), ("SET str x", "+OK"), ("SADD d old", ":1")]);
    for command in [
        "SADD str a",
        "SMOVE s str 1",
        "SMOVE str s 1",
        "SMOVE str str 1",
        "SUNIONSTORE d s str",
        "SINTERSTORE d nope str",
        "SDIFFSTORE d s str",
        "SINTERCARD 2 nope str",
        "SPOP str 0",
        "SPOP str 2",
        "SRANDMEMBER str 0",
        "SSCAN str 0 NONSENSE",
    ] {
        assert_eq!(rig.run(command), WRONG, "{command}");
    }
    rig.check(&[("SMEMBERS s", "*2 $1 1 $1 2"), ("SMEMBERS d", "*1 $3 old"), ("SMOVE nope str 1", ":0")]);
    // What a STORE form replaces may be of any type.
    rig.check(&[("SUNIONSTORE str s", ":2"), ("SCARD str", ":2")]);
}

#[test]
fn a_stored_result_has_no_deadline_and_may_be_its_own_source() {
    let mut rig = Rig::new();
    rig.check(&[("SADD a 1 2 3", ":3"), ("SADD b 3 4", ":2"), ("EXPIRE a 100", ":1")]);
    rig.check(&[("SDIFFSTORE a a b", ":2"), ("TTL a", ":-1"), ("SMEMBERS a", "*2 $1 1 $1 2")]);
    rig.check(&[("SUNIONSTORE a a a", ":2"), ("SINTERSTORE a a a", ":2"), ("SDIFFSTORE a a a", ":0")]);
}

#[test]
fn large_sets_are_read_as_of_one_moment() {
    let mut rig = Rig::new();
    fill(&mut rig, "s", 0..MANY);
    fill(&mut rig, "t", 10..MANY + 10);
    let cases =
        [("SMEMBERS s", MANY), ("SUNION s t", MANY + 10), ("SINTER s t", MANY - 10), ("SDIFF s t", 10)];
    for (command, len) in cases {
        let args: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        let mut put_off = 0;
        let reply = rig.call_meanwhile(&args, &mut |rig| {
            put_off += 1;
            rig.check(&[("SADD s extra", ":1"), ("SREM t m500", ":1")]);
        });
        assert_eq!(put_off, 1, "{command}");
        let reply = String::from_utf8(reply).expect("members are text").replace("\r\n", " ");
        assert_eq!(elements(reply.trim_end()).len(), len, "{command}");
        rig.check(&[("SREM s extra", ":1"), ("SADD t m500", ":1")]);
    }
    assert_eq!(rig.run("SINTERCARD 2 s t LIMIT 17"), ":17");
    // A small set is looked up in a large one at once.
    rig.run("SADD few m1 m2 x");
    rig.call_meanwhile(&[b"SINTER", b"s", b"few"], &mut |_| panic!("put off"));
    rig.call_meanwhile(&[b"SDIFF", b"few", b"s"], &mut |_| panic!("put off"));
    // Many small ones are much as well.
    let many: Vec<String> = (0..100).map(|n| format!("small{n}")).collect();
    many.iter().for_each(|key| fill(&mut rig, key, 0..100));
    let mut args: Vec<&[u8]> = many.iter().map(String::as_bytes).collect();
    let mut put_off = 0;
    for command in ["SUNION", "SINTER", "SDIFF"] {
        args.insert(0, command.as_bytes());
        rig.call_meanwhile(&args, &mut |_| put_off += 1);
        args.remove(0);
    }
    assert_eq!(put_off, 3);
}

#[test]
fn a_result_of_changed_sources_is_computed_again() {
    let mut rig = listening();
    fill(&mut rig, "s", 0..MANY);
    fill(&mut rig, "t", 0..10);
    let store: &[&[u8]] = &[b"SUNIONSTORE", b"d", b"s", b"t"];
    let mut rounds = 0;
    let reply = rig.call_meanwhile(store, &mut |rig| {
        rounds += 1;
        if rounds == 1 {
            rig.check(&[("SADD t new", ":1"), ("SADD d marker", ":1"), ("SREM s m9", ":1")]);
        }
    });
    assert_eq!((rounds, reply.as_slice()), (2, &b":6001\r\n"[..]));
    assert_eq!(rig.server.keyspace.total(|counts| counts.hits()), 2, "looking again is no look-up");
    rig.check(&[("SISMEMBER d new", ":1"), ("SISMEMBER d marker", ":0"), ("SISMEMBER d m9", ":1")]);
    rig.events();
    // Sources that never stand still: at last all of it happens under the locks.
    let mut rounds = 0;
    rig.call_meanwhile(store, &mut |rig| {
        rounds += 1;
        assert_eq!(rig.run(&format!("SADD t round{rounds}")), ":1");
    });
    assert_eq!(rounds, 5);
    rig.check(&[("SISMEMBER d round5", ":1"), ("SCARD d", ":6006")]);
    assert_eq!(rig.events().last().map(String::as_str), Some("0 sunionstore d"));
    // One of them becomes something else.
    let reply = rig.call_meanwhile(store, &mut |rig| {
        rig.run("SET t x");
    });
    assert!(reply.starts_with(b"-WRONGTYPE"));
    // Within a transaction nothing is put off.
    rig.run("DEL t");
    rig.nested = true;
    let reply = rig.call_meanwhile(store, &mut |_| panic!("put off"));
    assert_eq!(reply, b":5999\r\n");
}

#[test]
fn popping_many_of_a_large_set_happens_at_one_moment() {
    let mut rig = listening();
    fill(&mut rig, "s", 0..MANY);
    rig.check(&[("EXPIRE s 100", ":1")]);
    rig.events();
    rig.dirty();
    let mut rounds = 0;
    let reply = rig.call_meanwhile(&[b"SPOP", b"s", b"5000"], &mut |rig| {
        rounds += 1;
        if rounds == 1 {
            rig.check(&[("SADD s late", ":1")]);
        }
    });
    // Computed twice, and the reply is copied after unlocking.
    assert_eq!(rounds, 3);
    let popped = elements(String::from_utf8_lossy(&reply).replace("\r\n", " ").trim_end());
    let rest = elements(&rig.run("SMEMBERS s"));
    assert_eq!((popped.len(), rest.len(), popped.union(&rest).count()), (5000, MANY + 1 - 5000, MANY + 1));
    rig.check(&[("TTL s", ":100")]);
    assert_eq!((rig.events(), rig.dirty()), (vec!["0 sadd s".to_owned(), "0 spop s".to_owned()], 5001));
    // Gone, or nearly, by the time it is installed.
    fill(&mut rig, "s", 0..MANY);
    rig.events();
    let mut rounds = 0;
    let reply = rig.call_meanwhile(&[b"SPOP", b"s", b"5000"], &mut |rig| {
        rounds += 1;
        if rounds == 1 {
            rig.check(&[("DEL s", ":1"), ("SADD s last", ":1")]);
        }
    });
    assert_eq!(reply, b"*1\r\n$4\r\nlast\r\n");
    rig.check(&[("EXISTS s", ":0")]);
    assert_eq!(rig.events().iter().rev().take(2).rev().collect::<Vec<_>>(), ["0 spop s", "0 del s"]);
}

#[test]
fn counts_of_random_members() {
    let mut rig = Rig::new();
    rig.run("SADD s a b c");
    rig.check(&[
        ("SRANDMEMBER nope", "$-1"),
        ("SRANDMEMBER nope 5", "*0"),
        ("SRANDMEMBER nope -5", "*0"),
        ("SRANDMEMBER s 0", "*0"),
        ("SRANDMEMBER s x", "-ERR value is not an integer or out of range"),
        ("SRANDMEMBER s 1 2", "-ERR syntax error"),
        ("SRANDMEMBER s -9223372036854775807", "-ERR value is out of range"),
        ("SPOP s -1", "-ERR value is out of range, must be positive"),
        ("SPOP s x", "-ERR value is out of range, must be positive"),
        ("SPOP s 1 2", "-ERR syntax error"),
    ]);
    let refused = rig.run("SRANDMEMBER s -9223372036854775808");
    assert_eq!(
        refused,
        "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"
    );
    assert_eq!(elements(&rig.run("SRANDMEMBER s 9223372036854775807")).len(), 3);
    assert!(rig.run("SRANDMEMBER s -5").starts_with("*5 "));
    assert_eq!(elements(&rig.run("SRANDMEMBER s 2")).len(), 2);
    // A long reply is made without locks; one that would be endless is refused.
    let mut put_off = 0;
    let reply = rig.call_meanwhile(&[b"SRANDMEMBER", b"s", b"-3000"], &mut |rig| {
        put_off += 1;
        rig.check(&[("DEL s", ":1")]);
    });
    assert_eq!((put_off, reply.len()), (1, b"*3000\r\n".len() + 3000 * b"$1\r\na\r\n".len()));
    rig.set("proto-max-bulk-len", "1mb");
    rig.call(&[b"SADD", b"s", &[b'x'; 1000]]);
    assert_eq!(rig.run("SRANDMEMBER s -5000"), "-ERR value is out of range");
}

#[test]
fn a_scan_visits_what_stays() {
    let mut rig = Rig::new();
    rig.run("SADD few 1 2 3");
    rig.check(&[("SSCAN few 0 COUNT 1", "*2 $1 0 *3 $1 1 $1 2 $1 3")]);
    rig.check(&[("SSCAN few 0 MATCH [12]", "*2 $1 0 *2 $1 1 $1 2"), ("SSCAN nope 7 COUNT x", "*2 $1 0 *0")]);
    rig.check(&[("SSCAN few x", "-ERR invalid cursor"), ("SSCAN few 0 COUNT 0", "-ERR syntax error")]);
    rig.check(&[("SSCAN few 0 NOVALUES", "-ERR NOVALUES option can only be used in HSCAN")]);
    fill(&mut rig, "s", 0..MANY);
    let (mut cursor, mut seen, mut pages) = (String::from("0"), BTreeSet::new(), 0);
    loop {
        let reply = rig.run(&format!("SSCAN s {cursor} COUNT 100"));
        let (head, members) = reply.split_at(reply.rfind('*').expect("two arrays"));
        cursor = head.split(' ').nth(2).expect("a cursor").to_owned();
        seen.extend(elements(members));
        pages += 1;
        // Half of the members come and go.
        fill(&mut rig, "s", MANY + pages..MANY + pages + 50);
        rig.run(&format!("SREM s m{}", 2 * pages + 1));
        if cursor == "0" {
            break;
        }
    }
    assert!((20..=70).contains(&pages), "{pages} pages");
    assert!((0..MANY).step_by(2).all(|n| seen.contains(&format!("m{n}"))));
    let mut put_off = 0;
    rig.call_meanwhile(&[b"SSCAN", b"s", b"0", b"COUNT", b"1000000"], &mut |_| put_off += 1);
    assert_eq!(put_off, 1);
}
