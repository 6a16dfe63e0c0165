//! The family in a server without sockets: replies, events, counts of changes.

use super::super::testing::Rig;

const DAY: i64 = 86_400_000;

fn listening() -> Rig {
    let mut rig = Rig::new();
    rig.set("notify-keyspace-events", "KEAmn");
    rig
}

#[test]
fn deleting_counts_and_tells_what_was_there() {
    let mut rig = listening();
    rig.check(&[("MSET a 1 b 2 c 3", "+OK"), ("PEXPIRE c 5", ":1")]);
    rig.events();
    rig.dirty();
    rig.now += 10;
    assert_eq!(rig.run("DEL a a c nope"), ":1");
    assert_eq!(rig.run("UNLINK b"), ":1");
    assert_eq!(rig.events(), ["0 del a", "0 expired c", "0 del b"]);
    assert_eq!(rig.dirty(), 2);
    assert_eq!(rig.run("DBSIZE"), ":0");
}

#[test]
fn asking_counts_hits_and_misses_and_tells_of_misses() {
    let mut rig = listening();
    rig.run("SET a 1");
    rig.events();
    rig.check(&[("EXISTS a a b", ":2"), ("TYPE a", "+string"), ("TYPE b", "+none"), ("TOUCH a b", ":1")]);
    rig.check(&[("OBJECT ENCODING b", "$-1"), ("TTL b", ":-2"), ("DEL b", ":0"), ("PERSIST b", ":0")]);
    assert_eq!(rig.events(), ["0 keymiss b"; 4]);
    let keyspace = &rig.server.keyspace;
    assert_eq!((keyspace.total(|c| c.hits()), keyspace.total(|c| c.misses())), (4, 5));
}

#[test]
fn commands_look_once_at_each_key() {
    let mut rig = listening();
    rig.run("SADD s a b");
    let look_ups = |rig: &Rig| {
        let keyspace = &rig.server.keyspace;
        (keyspace.total(|c| c.hits()), keyspace.total(|c| c.misses()))
    };
    for (command, found, absent) in [
        ("ZUNION 2 s none", 1, 1),
        ("ZINTERCARD 2 none s", 1, 1),
        ("ZDIFFSTORE d 2 none s", 1, 1),
        ("ZUNION 2 s none NOPE", 1, 1),
        ("LCS s none", 1, 1),
        ("SPOP s 5", 1, 0),
    ] {
        let (hits, misses) = look_ups(&rig);
        rig.events();
        rig.run(command);
        assert_eq!(look_ups(&rig), (hits + found, misses + absent), "{command}");
        let told = rig.events().iter().filter(|event| *event == "0 keymiss none").count();
        assert_eq!(told as u64, absent, "{command}");
    }
}

#[test]
fn touch_touches_even_for_a_client_that_does_not() {
    let mut rig = Rig::new();
    rig.run("SET a x");
    rig.session.no_touch = true;
    rig.now += 30_500;
    rig.check(&[("GET a", "$1 x"), ("EXISTS a", ":1"), ("OBJECT IDLETIME a", ":30")]);
    rig.check(&[("TOUCH a", ":1"), ("OBJECT IDLETIME a", ":0")]);
    rig.session.no_touch = false;
    rig.now += 16_777_216_000 + 2000;
    rig.check(&[("OBJECT IDLETIME a", ":2"), ("GET a", "$1 x"), ("OBJECT IDLETIME a", ":0")]);
}

#[test]
fn renaming_takes_everything_along() {
    let mut rig = listening();
    rig.check(&[("SET a x", "+OK"), ("SET b y PX 5000", "+OK"), ("GET b", "$1 y")]);
    rig.now += 1000;
    rig.events();
    rig.dirty();
    rig.check(&[("RENAME b a", "+OK"), ("PTTL a", ":4000"), ("GET a", "$1 y"), ("EXISTS b", ":0")]);
    assert_eq!(rig.events(), ["0 new a", "0 rename_from b", "0 rename_to a", "0 keymiss b"]);
    assert_eq!(rig.dirty(), 1);
    rig.check(&[("RENAME a a", "+OK"), ("RENAMENX a a", ":0"), ("SET b z", "+OK"), ("RENAMENX a b", ":0")]);
    rig.check(&[("RENAMENX a c", ":1"), ("PTTL c", ":4000"), ("RENAME b c", "+OK"), ("TTL c", ":-1")]);
    for command in ["RENAME nope x", "RENAMENX nope x", "RENAME nope nope", "RENAMENX nope nope"] {
        assert_eq!(rig.run(command), "-ERR no such key");
    }
}

#[test]
fn setting_counts_as_an_access() {
    let mut rig = Rig::new();
    rig.set("maxmemory-policy", "allkeys-lfu");
    rig.set("lfu-log-factor", "0");
    rig.check(&[("SET a 1", "+OK"), ("OBJECT FREQ a", ":5"), ("SADD s x", ":1"), ("SADD t y", ":1")]);
    let frequency = |rig: &mut Rig| rig.run("OBJECT FREQ a")[1..].parse::<u32>().expect("a number");
    for command in ["SET a text", "GETSET a 2", "MSET a 3", "SETEX a 100 4", "SUNIONSTORE a s t"] {
        let before = frequency(&mut rig);
        rig.run(command);
        assert!(frequency(&mut rig) > before, "{command}");
    }
    for command in ["SET a 1 XX", "INCRBYFLOAT a 1.5", "APPEND a 5"] {
        let before = frequency(&mut rig);
        rig.run(command);
        assert_eq!(frequency(&mut rig), before + 1, "{command}");
    }
    rig.session.no_touch = true;
    let before = frequency(&mut rig);
    rig.check(&[("SET a x", "+OK"), ("SUNIONSTORE a s t", ":2")]);
    assert_eq!(frequency(&mut rig), before);
    rig.check(&[("DEL a", ":1"), ("SET a x", "+OK"), ("OBJECT FREQ a", ":5")]);
}

#[test]
fn what_goes_elsewhere_begins_anew_with_its_frequency() {
    let mut rig = Rig::new();
    rig.set("maxmemory-policy", "allkeys-lfu");
    rig.set("lfu-log-factor", "0");
    rig.run("SET a x");
    for _ in 0..20 {
        rig.run("GET a");
    }
    rig.check(&[("OBJECT FREQ a", ":25"), ("COPY a c", ":1"), ("OBJECT FREQ c", ":5"), ("GET c", "$1 x")]);
    rig.check(&[("OBJECT FREQ c", ":6"), ("MOVE c 1", ":1"), ("SELECT 1", "+OK"), ("OBJECT FREQ c", ":5")]);
    rig.check(&[("SELECT 0", "+OK"), ("RENAME a b", "+OK"), ("OBJECT FREQ b", ":5"), ("GET b", "$1 x")]);
    rig.now += 3 * 60_000;
    rig.check(&[("OBJECT FREQ b", ":3"), ("OBJECT FREQ nope", "$-1"), ("OBJECT IDLETIME nope", "$-1")]);
    assert!(rig.run("OBJECT IDLETIME b").starts_with("-ERR An LFU maxmemory policy is selected, idle"));
    rig.set("maxmemory-policy", "noeviction");
    assert!(rig.run("OBJECT FREQ b").starts_with("-ERR An LFU maxmemory policy is not selected, access"));
}

#[test]
fn moving_an_element_is_one_access_of_each_key() {
    let mut rig = Rig::new();
    rig.set("maxmemory-policy", "allkeys-lfu");
    rig.set("lfu-log-factor", "0");
    rig.check(&[("RPUSH l 1 2 3", ":3"), ("RPUSH m 4", ":1"), ("LMOVE l m LEFT RIGHT", "$1 1")]);
    rig.check(&[("OBJECT FREQ l", ":6"), ("OBJECT FREQ m", ":6"), ("LMOVE l n LEFT RIGHT", "$1 2")]);
    rig.check(&[("OBJECT FREQ l", ":7"), ("OBJECT FREQ n", ":5")]);
    rig.check(&[("SADD s a b", ":2"), ("SADD t c", ":1"), ("SMOVE s t a", ":1")]);
    rig.check(&[("OBJECT FREQ s", ":6"), ("OBJECT FREQ t", ":6")]);
}

#[test]
fn reading_for_a_group_is_two_accesses() {
    let mut rig = Rig::new();
    rig.set("maxmemory-policy", "allkeys-lfu");
    rig.set("lfu-log-factor", "0");
    rig.check(&[("XADD s 1 a b", "$3 1-0"), ("XGROUP CREATE s g 0", "+OK"), ("OBJECT FREQ s", ":6")]);
    rig.run("XREADGROUP GROUP g c STREAMS s >");
    rig.check(&[("OBJECT FREQ s", ":8")]);
}

#[test]
fn moving_goes_to_another_database() {
    let mut rig = listening();
    rig.check(&[("SET a x EX 10", "+OK"), ("SET b y", "+OK")]);
    rig.events();
    rig.dirty();
    rig.check(&[("MOVE a 3", ":1"), ("EXISTS a", ":0"), ("MOVE a 3", ":0")]);
    assert_eq!(rig.events(), ["3 new a", "0 move_from a", "3 move_to a", "0 keymiss a"]);
    assert_eq!(rig.dirty(), 1);
    rig.session.db = 3;
    rig.check(&[("TTL a", ":10"), ("SET b z", "+OK"), ("MOVE b 0", ":0"), ("GET b", "$1 z")]);
    rig.check(&[
        ("MOVE a 3", "-ERR source and destination objects are the same"),
        ("MOVE a 16", "-ERR DB index is out of range"),
        ("MOVE a -1", "-ERR DB index is out of range"),
        ("MOVE a x", "-ERR value is not an integer or out of range"),
        ("MOVE a 2147483648", "-ERR value is out of range, value must between -2147483648 and 2147483647"),
    ]);
}

#[test]
fn moving_onto_an_expired_key_works() {
    let mut rig = Rig::new();
    rig.check(&[("SET a old PX 10", "+OK"), ("MOVE a 1", ":1"), ("SET a new", "+OK")]);
    rig.now += 10;
    rig.check(&[("MOVE a 1", ":1"), ("EXISTS a", ":0")]);
    rig.session.db = 1;
    rig.check(&[("GET a", "$3 new"), ("TTL a", ":-1")]);
}

#[test]
fn copying_leaves_the_source() {
    let mut rig = listening();
    rig.check(&[("SET a x EX 10", "+OK"), ("SET b y", "+OK")]);
    rig.events();
    rig.dirty();
    rig.check(&[("COPY a b", ":0"), ("COPY a b REPLACE", ":1"), ("TTL b", ":10"), ("GET b", "$1 x")]);
    assert_eq!(rig.events(), ["0 new b", "0 copy_to b"]);
    assert_eq!(rig.dirty(), 1);
    rig.check(&[("APPEND b y", ":2"), ("GET a", "$1 x"), ("COPY nope b REPLACE", ":0"), ("GET b", "$2 xy")]);
    rig.check(&[("COPY a a DB 2 REPLACE", ":1"), ("COPY a a DB 2", ":0"), ("COPY a a REPLACE DB 2", ":1")]);
    assert_eq!(rig.events()[1..], ["0 keymiss nope", "2 new a", "2 copy_to a", "2 new a", "2 copy_to a"]);
    rig.check(&[
        ("COPY a a", "-ERR source and destination objects are the same"),
        ("COPY a b DB 16", "-ERR DB index is out of range"),
        ("COPY a b DB", "-ERR syntax error"),
        ("COPY a b DB x FOO", "-ERR value is not an integer or out of range"),
        ("COPY a b FOO", "-ERR syntax error"),
    ]);
}

#[test]
fn a_copy_of_a_long_string_is_its_own() {
    let mut rig = Rig::new();
    let long = "x".repeat(5000);
    rig.check(&[(&format!("SET a {long}"), "+OK"), ("COPY a b", ":1"), ("SETRANGE b 0 y", ":5000")]);
    rig.check(&[("GETRANGE a 0 1", "$2 xx"), ("GETRANGE b 0 1", "$2 yx"), ("APPEND a z", ":5001")]);
    rig.check(&[("STRLEN b", ":5000")]);
}

#[test]
fn swapping_exchanges_databases() {
    let mut rig = Rig::new();
    rig.check(&[("SET a 0 EX 100", "+OK"), ("SWAPDB 0 1", "+OK"), ("EXISTS a", ":0"), ("SET a 1", "+OK")]);
    rig.dirty();
    rig.check(&[("SWAPDB 1 0", "+OK"), ("GET a", "$1 0"), ("TTL a", ":100"), ("SWAPDB 0 0", "+OK")]);
    assert_eq!(rig.dirty(), 2);
    assert_eq!(rig.server.keyspace.volatile(0), 1);
    assert_eq!((rig.server.keyspace.len(1), rig.server.keyspace.volatile(1)), (1, 0));
    rig.check(&[
        ("SWAPDB x 16", "-ERR invalid first DB index"),
        ("SWAPDB 16 x", "-ERR invalid second DB index"),
        ("SWAPDB 2147483648 1", "-ERR invalid first DB index"),
        ("SWAPDB 1 16", "-ERR DB index is out of range"),
        ("SWAPDB -1 1", "-ERR DB index is out of range"),
    ]);
}

#[test]
fn expiring_keeps_time() {
    let mut rig = listening();
    let now = rig.now;
    rig.check(&[("SET a x", "+OK"), ("TTL a", ":-1"), ("EXPIRE a 10", ":1"), ("PTTL a", ":10000")]);
    rig.check(&[(&format!("PEXPIREAT a {}", now + 1499), ":1"), ("TTL a", ":1"), ("PEXPIRE a 1500", ":1")]);
    rig.check(&[("TTL a", ":2"), (&format!("EXPIREAT a {}", now / 1000 + 7), ":1"), ("PTTL a", ":7000")]);
    rig.check(&[("EXPIRETIME a", &format!(":{}", now / 1000 + 7)), ("PEXPIRETIME nope", ":-2")]);
    rig.check(&[("PEXPIRETIME a", &format!(":{}", now + 7000)), ("PERSIST a", ":1"), ("PERSIST a", ":0")]);
    rig.check(&[("PEXPIRETIME a", ":-1"), ("EXPIRE nope 1", ":0"), ("PEXPIRE a 1", ":1")]);
    rig.now += 1;
    assert_eq!(rig.run("EXISTS a"), ":0");
    let events = rig.events();
    assert_eq!(events.iter().filter(|event| *event == "0 expire a").count(), 5);
    assert_eq!(events[events.len() - 3..], ["0 expire a", "0 expired a", "0 keymiss a"]);
    assert_eq!(rig.dirty(), 7);
}

#[test]
fn a_deadline_in_the_past_deletes() {
    let mut rig = listening();
    for command in ["EXPIRE a 0", "PEXPIRE a -1", "EXPIREAT a 1", "PEXPIREAT a -9223372036854775808"] {
        rig.run("SET a x");
        rig.events();
        rig.dirty();
        rig.check(&[(command, ":1"), ("DEL a", ":0")]);
        assert_eq!((rig.events(), rig.dirty()), (vec!["0 del a".to_owned()], 1), "{command}");
    }
}

#[test]
fn conditions_decide_about_deadlines() {
    let mut rig = Rig::new();
    rig.run("SET a x");
    rig.check(&[("EXPIRE a 100 XX", ":0"), ("EXPIRE a 100 GT", ":0"), ("EXPIRE a 100 nx", ":1")]);
    rig.check(&[("EXPIRE a 200 NX", ":0"), ("EXPIRE a 100 GT", ":0"), ("EXPIRE a 101 GT", ":1")]);
    rig.check(&[("EXPIRE a 101 LT", ":0"), ("EXPIRE a 100 LT", ":1"), ("EXPIRE a 50 XX GT", ":0")]);
    rig.check(&[
        ("EXPIRE a 50 XX LT", ":1"),
        ("PERSIST a", ":1"),
        ("EXPIRE a 9 LT LT", ":1"),
        ("TTL a", ":9"),
    ]);
    rig.check(&[
        ("EXPIRE a x FOO", "-ERR Unsupported option FOO"),
        ("EXPIRE a x NX GT", "-ERR NX and XX, GT or LT options at the same time are not compatible"),
        ("EXPIRE a x NX XX", "-ERR NX and XX, GT or LT options at the same time are not compatible"),
        ("EXPIRE a x GT LT", "-ERR GT and LT options at the same time are not compatible"),
        ("EXPIRE a x GT", "-ERR value is not an integer or out of range"),
        ("TTL a", ":9"),
    ]);
}

#[test]
fn deadlines_that_do_not_fit_are_refused() {
    let mut rig = Rig::new();
    rig.run("SET a x");
    for (command, name) in [
        ("EXPIRE a 9223372036854775807", "expire"),
        ("EXPIRE nope 9223372036854775", "expire"),
        ("EXPIRE a -9223372036854775808", "expire"),
        ("EXPIREAT a 9223372036854776", "expireat"),
        ("PEXPIRE a 9223372036854775807", "pexpire"),
    ] {
        assert_eq!(rig.run(command), format!("-ERR invalid expire time in '{name}' command"), "{command}");
    }
    rig.check(&[("TTL a", ":-1"), ("PEXPIREAT a 9223372036854775807", ":1")]);
    rig.check(&[("EXPIRETIME a", ":9223372036854776"), ("PEXPIRETIME a", ":9223372036854775807")]);
}

#[test]
fn object_tells_encodings_and_shared_integers() {
    let mut rig = Rig::new();
    let long = "x".repeat(45);
    rig.check(&[
        ("SET a 9999", "+OK"),
        ("OBJECT ENCODING a", "$3 int"),
        ("OBJECT REFCOUNT a", ":2147483647"),
    ]);
    rig.check(&[
        ("INCR a", ":10000"),
        ("OBJECT REFCOUNT a", ":1"),
        ("SET a -1", "+OK"),
        ("OBJECT REFCOUNT a", ":1"),
    ]);
    rig.check(&[("SET a x", "+OK"), ("OBJECT ENCODING a", "$6 embstr"), ("APPEND a y", ":2")]);
    rig.check(&[("OBJECT ENCODING a", "$3 raw"), (&format!("SET a {long}"), "+OK")]);
    rig.check(&[("OBJECT ENCODING a", "$3 raw"), ("OBJECT REFCOUNT nope", "$-1"), ("SET a 5", "+OK")]);
    rig.set("maxmemory-policy", "volatile-lru");
    assert_eq!(rig.run("OBJECT REFCOUNT a"), ":2147483647");
    rig.set("maxmemory", "1gb");
    assert_eq!(rig.run("OBJECT REFCOUNT a"), ":1");
    assert!(rig.run("OBJECT HELP").starts_with("*15 +OBJECT <subcommand>"));
}

#[test]
fn keys_match_patterns_and_leave_out_the_expired() {
    let mut rig = Rig::new();
    rig.call(&[b"MSET", b"", b"0", b"h1", b"1", b"h2", b"2", b"x", b"3"]);
    rig.check(&[("PEXPIRE h2 5", ":1"), ("KEYS nope", "*0"), ("KEYS h1", "*1 $2 h1")]);
    assert!(rig.run("KEYS *").starts_with("*4 "));
    // A star in a longer pattern doesn't match the empty key, as in Redis.
    assert!(rig.run("KEYS **").starts_with("*3 "));
    rig.now += 5;
    rig.check(&[("KEYS h*", "*1 $2 h1"), ("DBSIZE", ":4")]);
    rig.nested = true;
    assert_eq!(rig.run("KEYS h?"), "*1 $2 h1");
}

#[test]
fn swapping_brings_no_expired_key_to_its_watchers() {
    // A key that had expired when the databases were swapped ended the transactions of those who watch its name.
    for stale_before in [false, true] {
        let mut rig = Rig::new();
        rig.server.active_expire.store(false, std::sync::atomic::Ordering::Relaxed);
        rig.check(&[("SET x bar PX 1", "+OK"), ("SELECT 1", "+OK")]);
        if stale_before {
            rig.run("SET x foo PX 1");
        }
        rig.now += 5;
        rig.check(&[("WATCH x", "+OK"), ("SWAPDB 0 1", "+OK")]);
        assert_eq!(rig.run("EXISTS x"), ":0");
        assert!(!rig.session.watch.flag.is_raised(), "{stale_before}");
        rig.check(&[("SELECT 0", "+OK"), ("SET x new", "+OK"), ("SWAPDB 0 1", "+OK")]);
        assert!(rig.session.watch.flag.is_raised(), "{stale_before}");
    }
}

#[test]
fn many_keys_are_walked_without_locks() {
    let mut rig = Rig::new();
    for number in 0..5000 {
        rig.run(&format!("SET k{number} x"));
    }
    let mut meanwhile = 0;
    let reply = rig.call_meanwhile(&[b"KEYS", b"k49*"], &mut |rig| {
        meanwhile += 1;
        rig.check(&[("SET other x", "+OK"), ("SWAPDB 1 2", "+OK")]);
    });
    assert!(reply.starts_with(b"*111\r\n"));
    let reply = rig.call_meanwhile(&[b"SCAN", b"0", b"COUNT", b"1000000"], &mut |_| meanwhile += 1);
    assert!(reply.starts_with(b"*2\r\n$1\r\n0\r\n*5001\r\n"));
    assert_eq!(meanwhile, 2);
}

/// All keys of one round, and the number of calls.
fn scan(rig: &mut Rig, options: &str) -> (Vec<String>, usize) {
    let (mut keys, mut cursor, mut calls) = (Vec::new(), "0".to_owned(), 0);
    loop {
        let reply = rig.run(&format!("SCAN {cursor}{options}"));
        let words: Vec<&str> = reply.split(' ').collect();
        keys.extend(words[4..].iter().skip(1).step_by(2).map(|&key| key.to_owned()));
        cursor = words[2].to_owned();
        calls += 1;
        if cursor == "0" {
            keys.sort();
            return (keys, calls);
        }
    }
}

#[test]
fn scan_returns_all_keys_in_small_portions() {
    let mut rig = Rig::new();
    for number in 0..1000 {
        rig.run(&format!("SET k{number:03} x"));
    }
    let all: Vec<String> = (0..1000).map(|number| format!("k{number:03}")).collect();
    let (keys, calls) = scan(&mut rig, "");
    assert_eq!(keys, all);
    assert!((50..=101).contains(&calls), "{calls}");
    assert_eq!(scan(&mut rig, " COUNT 1").0, all);
    assert_eq!(scan(&mut rig, " COUNT 500").1, 2);
    assert_eq!(scan(&mut rig, " MATCH k00? COUNT 100").0, all[..10]);
    assert_eq!(scan(&mut rig, " TYPE StRiNg").0, all);
    assert_eq!(scan(&mut rig, " TYPE list").0, [""; 0]);
    assert_eq!(scan(&mut rig, " TYPE nope").0, [""; 0]);
}

#[test]
fn scan_deletes_the_expired_keys_it_meets() {
    let mut rig = listening();
    rig.check(&[("MSET a 1 b 2 c 3", "+OK"), ("PEXPIRE a 5", ":1"), ("PEXPIRE b 5", ":1")]);
    rig.now += 5;
    rig.events();
    assert_eq!(scan(&mut rig, " MATCH [ac]").0, ["c"]);
    assert_eq!(rig.events(), ["0 expired a"]);
    assert_eq!(rig.run("DBSIZE"), ":2");
    assert_eq!(scan(&mut rig, " TYPE list").0, [""; 0]);
    assert_eq!(rig.run("DBSIZE"), ":1");
}

#[test]
fn scan_refuses_what_redis_refuses() {
    let mut rig = Rig::new();
    rig.check(&[
        ("SCAN x", "-ERR invalid cursor"),
        ("SCAN -1", "-ERR invalid cursor"),
        ("SCAN ++1", "-ERR invalid cursor"),
        ("SCAN 18446744073709551616", "-ERR invalid cursor"),
        ("SCAN 18446744073709551615", "*2 $1 0 *0"),
        ("SCAN 0 COUNT 0", "-ERR syntax error"),
        ("SCAN 0 COUNT x", "-ERR value is not an integer or out of range"),
        ("SCAN 0 COUNT", "-ERR syntax error"),
        ("SCAN 0 MATCH", "-ERR syntax error"),
        ("SCAN 0 FOO", "-ERR syntax error"),
        ("SCAN 0 NOVALUES", "-ERR NOVALUES option can only be used in HSCAN"),
    ]);
}

#[test]
fn a_foreign_cursor_ends() {
    let mut rig = Rig::new();
    for number in 0..100 {
        rig.run(&format!("SET k{number} x"));
    }
    for cursor in ["1", "9007199254740991", "9007199254740992", "18446744073709551615"] {
        assert!(rig.run(&format!("SCAN {cursor} COUNT 1")).starts_with("*2 "), "{cursor}");
    }
}

#[test]
fn randomkey_finds_live_keys_only() {
    let mut rig = Rig::new();
    assert_eq!(rig.run("RANDOMKEY"), "$-1");
    rig.run("MSET a 1 b 2 c 3");
    let seen: std::collections::BTreeSet<String> = (0..200).map(|_| rig.run("RANDOMKEY")).collect();
    assert_eq!(seen.len(), 3);
    for key in ["a", "b", "c"] {
        rig.run(&format!("PEXPIRE {key} {DAY}"));
    }
    rig.now += DAY;
    rig.check(&[("DBSIZE", ":3"), ("RANDOMKEY", "$-1"), ("DBSIZE", ":0")]);
}
