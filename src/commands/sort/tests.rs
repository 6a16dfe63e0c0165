//! The family in a server without sockets.

use super::super::testing::Rig;

fn rig(setup: &[&str]) -> Rig {
    let mut rig = Rig::new();
    rig.set("notify-keyspace-events", "KEA");
    setup.iter().for_each(|words| assert!(!rig.run(words).starts_with('-'), "{words}"));
    rig.events();
    rig.dirty();
    rig
}

#[test]
fn sorts_lists_and_sorted_sets() {
    let mut rig = rig(&["RPUSH l 10 9 -1.5 1e1", "ZADD z 3 c 2 a 1 b"]);
    rig.check(&[("SORT l", "*4 $4 -1.5 $1 9 $2 10 $3 1e1"), ("SORT_RO l DESC LIMIT 0 2", "*2 $3 1e1 $2 10")]);
    rig.check(&[
        ("SORT l LIMIT 1 -1 ASC", "*3 $1 9 $2 10 $3 1e1"),
        ("SORT l LIMIT 4 10", "*0"),
        ("SORT l LIMIT -5 1", "*1 $4 -1.5"),
    ]);
    rig.check(&[
        ("SORT z ALPHA", "*3 $1 a $1 b $1 c"),
        ("SORT z", "-ERR One or more scores can't be converted into double"),
    ]);
    rig.check(&[("SORT nope", "*0"), ("SORT l LIMIT 0 0", "*0")]);
    let not_an_integer = "-ERR value is not an integer or out of range";
    rig.check(&[("SORT l LIMIT a 1", not_an_integer), ("SORT l LIMIT 1", "-ERR syntax error")]);
    rig.check(&[("SORT_RO l STORE d", "-ERR syntax error"), ("SORT l BY", "-ERR syntax error")]);
    rig.check(&[
        ("SET s x", "+OK"),
        ("SORT s", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
    ]);
}

#[test]
fn by_and_get_look_at_other_keys() {
    let mut rig = rig(&["RPUSH l 1 2 3", "MSET w_1 3 w_2 1 w_3 2 n_1 one n_2 two"]);
    rig.check(&[("SORT l BY w_*", "*3 $1 2 $1 3 $1 1"), ("SORT l BY w_* DESC LIMIT 1 1", "*1 $1 3")]);
    rig.check(&[("SORT l BY w_* GET # GET n_*", "*6 $1 2 $3 two $1 3 $-1 $1 1 $3 one")]);
    rig.check(&[("SORT l GET nothing", "*3 $-1 $-1 $-1"), ("SORT l BY x_* GET n_*", "*3 $3 one $3 two $-1")]);
    rig.check(&[
        ("SORT l BY n_* ALPHA", "*3 $1 3 $1 1 $1 2"),
        ("SORT l BY n_*", "-ERR One or more scores can't be converted into double"),
    ]);
    rig.check(&[("SORT l GET n_* STORE d", ":3"), ("LRANGE d 0 -1", "*3 $3 one $3 two $0")]);
}

#[test]
fn a_name_without_an_asterisk_keeps_the_order() {
    let mut rig = rig(&["RPUSH l c a b", "ZADD z 3 c 2 a 1 b"]);
    rig.check(&[("SORT l BY nosort", "*3 $1 c $1 a $1 b"), ("SORT l BY nosort DESC", "*3 $1 b $1 a $1 c")]);
    rig.check(&[
        ("SORT l BY nosort LIMIT 1 1", "*1 $1 a"),
        ("SORT l BY nosort DESC LIMIT 0 2", "*2 $1 b $1 a"),
    ]);
    rig.check(&[
        ("SORT z BY nosort", "*3 $1 b $1 a $1 c"),
        ("SORT z BY nosort DESC LIMIT 1 5", "*2 $1 a $1 b"),
    ]);
    rig.check(&[("SORT l BY nosort BY w_*", "*3 $1 c $1 a $1 b")]);
}

#[test]
fn stores_a_list_and_tells_so() {
    let mut rig = rig(&["RPUSH l 3 1 2", "SET d old EX 100"]);
    rig.check(&[("SORT l STORE d", ":3"), ("LRANGE d 0 -1", "*3 $1 1 $1 2 $1 3"), ("TTL d", ":-1")]);
    assert_eq!((rig.events(), rig.dirty()), (vec!["0 sortstore d".to_owned()], 3));
    rig.check(&[("SORT nope STORE d", ":0"), ("EXISTS d", ":0"), ("SORT nope STORE d", ":0")]);
    assert_eq!((rig.events(), rig.dirty()), (vec!["0 del d".to_owned()], 1));
    rig.check(&[("SORT l DESC STORE l", ":3"), ("LRANGE l 0 -1", "*3 $1 3 $1 2 $1 1")]);
    rig.check(&[
        ("RPUSH l x", ":4"),
        ("SORT l STORE d", "-ERR One or more scores can't be converted into double"),
    ]);
    rig.check(&[("EXISTS d", ":0")]);
}

#[test]
fn long_lists_are_sorted_without_locks() {
    let mut rig = rig(&[]);
    let numbers: String = (0..2000).rev().map(|n| format!(" {n}")).collect();
    rig.run(&format!("RPUSH l{numbers}"));
    let reply = rig.call_meanwhile(&[b"SORT", b"l"], &mut |rig| rig.check(&[("DEL l", ":1")]));
    assert!(reply.starts_with(b"*2000\r\n$1\r\n0\r\n$1\r\n1\r\n") && reply.ends_with(b"$4\r\n1999\r\n"));
    rig.run(&format!("RPUSH l{numbers}"));
    // What is stored is never of a past state: it is sorted again as often as the list has changed.
    let mut changes = 0;
    let reply = rig.call_meanwhile(&[b"SORT", b"l", b"STORE", b"d"], &mut |rig| {
        changes += 1;
        rig.run("RPUSH l -1");
    });
    assert_eq!(reply, format!(":{}\r\n", 2000 + changes).into_bytes());
    assert!(changes > 1);
    rig.check(&[("LINDEX d 0", "$2 -1"), ("LINDEX d -1", "$4 1999")]);
}

#[test]
fn the_stored_key_is_found_and_patterns_are_noticed() {
    let keys = |words: &str| {
        let args: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
        let keys = super::keys(&args).expect("SORT always has keys");
        let names: Vec<&str> = keys.iter().map(|&at| std::str::from_utf8(args[at]).expect("text")).collect();
        (names.join(" "), super::has_patterns(&args))
    };
    assert_eq!(keys("SORT a"), ("a".to_owned(), false));
    assert_eq!(keys("SORT a STORE b store c"), ("a c".to_owned(), false));
    assert_eq!(keys("SORT a BY store GET # LIMIT store 1 STORE b"), ("a b".to_owned(), false));
    assert_eq!(keys("SORT a STORE"), ("a".to_owned(), false));
    assert_eq!(keys("SORT a BY w_* STORE b"), ("a b".to_owned(), true));
    assert_eq!(keys("SORT a GET x->y"), ("a".to_owned(), false));
    assert_eq!(keys("SORT a get x*->y"), ("a".to_owned(), true));
}
