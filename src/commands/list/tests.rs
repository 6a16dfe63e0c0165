//! The family in a server without sockets.

use super::super::testing::Rig;

fn listening() -> Rig {
    let mut rig = Rig::new();
    rig.set("notify-keyspace-events", "KEA");
    rig
}

#[test]
fn pushing_counts_each_element_and_tells_once() {
    let mut rig = listening();
    rig.check(&[("RPUSHX l a", ":0"), ("LPUSHX l a", ":0"), ("RPUSH l a b", ":2"), ("LPUSH l c d", ":4")]);
    rig.check(&[("RPUSHX l e", ":5"), ("LPUSHX l f", ":6")]);
    rig.check(&[("LRANGE l 0 -1", "*6 $1 f $1 d $1 c $1 a $1 b $1 e"), ("LLEN l", ":6")]);
    assert_eq!(rig.events(), ["0 rpush l", "0 lpush l", "0 rpush l", "0 lpush l"]);
    assert_eq!(rig.dirty(), 6);
}

#[test]
fn popping_the_last_element_deletes_the_key() {
    let mut rig = listening();
    rig.check(&[("RPUSH l a b c d", ":4"), ("LPOP l", "$1 a"), ("RPOP l 2", "*2 $1 d $1 c")]);
    rig.check(&[("LPOP l 0", "*0"), ("LPOP l 5", "*1 $1 b"), ("LPOP l 0", "*-1"), ("LPOP l", "$-1")]);
    rig.check(&[("EXISTS l", ":0"), ("RPOP l 1", "*-1")]);
    assert_eq!(rig.events(), ["0 rpush l", "0 lpop l", "0 rpop l", "0 lpop l", "0 del l"]);
    assert_eq!(rig.dirty(), 8);
}

#[test]
fn counts_are_checked_before_the_key() {
    let mut rig = Rig::new();
    rig.check(&[("SET s x", "+OK")]);
    for count in ["-1", "x", "9223372036854775808"] {
        assert_eq!(rig.run(&format!("LPOP s {count}")), "-ERR value is out of range, must be positive");
    }
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    rig.check(&[("LPOP s 0", wrong), ("RPOP s", wrong), ("LPUSH s x", wrong), ("LPUSHX s x", wrong)]);
    rig.check(&[("LPOP s 1 2", "-ERR wrong number of arguments for 'lpop' command")]);
}

#[test]
fn many_popped_elements_are_answered_from_a_reference() {
    let mut rig = Rig::new();
    rig.put_list("l", 5000);
    rig.check(&[("RPUSH l z", ":5001")]);
    let reply = rig.call_meanwhile(&[b"RPOP", b"l", b"3000"], &mut |rig| {
        rig.check(&[("LLEN l", ":2001"), ("DEL l", ":1")]);
    });
    assert!(reply.starts_with(b"*3000\r\n$1\r\nz\r\n$1\r\na\r\n") && reply.ends_with(b"$1\r\na\r\n"));
}

#[test]
fn lmpop_takes_from_the_first_list_there_is() {
    let mut rig = listening();
    rig.check(&[("RPUSH b 1 2 3", ":3"), ("LMPOP 2 a b LEFT", "*2 $1 b *1 $1 1")]);
    rig.check(&[("LMPOP 2 a b right COUNT 10", "*2 $1 b *2 $1 3 $1 2"), ("LMPOP 2 a b LEFT", "*-1")]);
    assert_eq!(rig.events(), ["0 rpush b", "0 lpop b", "0 rpop b", "0 del b"]);
    let syntax = "-ERR syntax error";
    let numkeys = "-ERR numkeys should be greater than 0";
    let count = "-ERR count should be greater than 0";
    rig.check(&[("LMPOP 0 a LEFT", numkeys), ("LMPOP x a LEFT", numkeys), ("LMPOP -1 a LEFT", numkeys)]);
    rig.check(&[("LMPOP 2 a LEFT", syntax), ("LMPOP 9223372036854775807 a LEFT", syntax)]);
    rig.check(&[
        ("LMPOP 1 a MIDDLE", syntax),
        ("LMPOP 1 a LEFT COUNT", syntax),
        ("LMPOP 1 a LEFT x 1", syntax),
    ]);
    rig.check(&[("LMPOP 1 a LEFT COUNT 0", count), ("LMPOP 1 a LEFT COUNT x", count)]);
    rig.check(&[("LMPOP 1 a LEFT COUNT 1 COUNT 1", syntax)]);
}

#[test]
fn indexes_count_from_both_ends() {
    let mut rig = listening();
    rig.check(&[
        ("RPUSH l a b c", ":3"),
        ("LINDEX l 0", "$1 a"),
        ("LINDEX l -1", "$1 c"),
        ("LINDEX l 3", "$-1"),
    ]);
    rig.check(&[("LSET l -2 B", "+OK"), ("LSET l 3 x", "-ERR index out of range"), ("LINDEX l 1", "$1 B")]);
    // The key is looked at before the index.
    rig.check(&[("LSET nope x y", "-ERR no such key"), ("LINDEX nope x", "$-1")]);
    let not_an_integer = "-ERR value is not an integer or out of range";
    rig.check(&[("LSET l x y", not_an_integer), ("LINDEX l x", not_an_integer)]);
    rig.check(&[("LRANGE nope x 1", not_an_integer), ("LTRIM nope 0 x", not_an_integer)]);
    assert_eq!((rig.events(), rig.dirty()), (vec!["0 rpush l".to_owned(), "0 lset l".to_owned()], 4));
}

#[test]
fn inserting_needs_a_pivot() {
    let mut rig = listening();
    rig.check(&[("LINSERT l BEFORE a b", ":0"), ("RPUSH l a c", ":2"), ("LINSERT l after a b", ":3")]);
    rig.check(&[("LINSERT l BEFORE x y", ":-1"), ("LINSERT nope BESIDE a b", "-ERR syntax error")]);
    rig.check(&[("LINSERT l before a _", ":4"), ("LRANGE l 0 -1", "*4 $1 _ $1 a $1 b $1 c")]);
    assert_eq!(rig.events(), ["0 rpush l", "0 linsert l", "0 linsert l"]);
    assert_eq!(rig.dirty(), 4);
}

#[test]
fn removing_and_trimming() {
    let mut rig = listening();
    rig.check(&[
        ("RPUSH l a b a c a", ":5"),
        ("LREM l -1 a", ":1"),
        ("LREM l 0 x", ":0"),
        ("LREM l 0 a", ":2"),
    ]);
    rig.check(&[("LRANGE l 0 -1", "*2 $1 b $1 c"), ("LREM nope 0 a", ":0"), ("LREM l 1 b", ":1")]);
    assert_eq!(rig.events(), ["0 rpush l", "0 lrem l", "0 lrem l", "0 lrem l"]);
    assert_eq!(rig.dirty(), 9);
    // Trimming tells of itself even if nothing goes.
    rig.check(&[("LTRIM l 0 -1", "+OK"), ("LTRIM l 5 9", "+OK"), ("LTRIM l 0 0", "+OK"), ("EXISTS l", ":0")]);
    assert_eq!(rig.events(), ["0 ltrim l", "0 ltrim l", "0 del l"]);
    assert_eq!(rig.dirty(), 1);
    let range = "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";
    rig.check(&[("LREM l -9223372036854775808 a", range), ("LPOS l a RANK -9223372036854775808", range)]);
}

#[test]
fn a_list_that_is_removed_element_by_element_goes() {
    let mut rig = listening();
    rig.check(&[("RPUSH l a a", ":2"), ("LREM l 2 a", ":2"), ("EXISTS l", ":0")]);
    assert_eq!(rig.events(), ["0 rpush l", "0 lrem l", "0 del l"]);
}

#[test]
fn positions_by_rank_count_and_length() {
    let mut rig = Rig::new();
    rig.check(&[("RPUSH l a b c 1 2 3 c c", ":8"), ("LPOS l c", ":2"), ("LPOS l x", "$-1")]);
    rig.check(&[("LPOS l c RANK 2", ":6"), ("LPOS l c RANK -1", ":7"), ("LPOS l c RANK 9", "$-1")]);
    rig.check(&[
        ("LPOS l c COUNT 2", "*2 :2 :6"),
        ("LPOS l c COUNT 0", "*3 :2 :6 :7"),
        ("LPOS l x COUNT 0", "*0"),
    ]);
    rig.check(&[("LPOS l c COUNT 0 RANK -2", "*2 :6 :2"), ("LPOS l c COUNT 0 MAXLEN 7", "*2 :2 :6")]);
    rig.check(&[("LPOS l c RANK -1 COUNT 0 MAXLEN 2", "*2 :7 :6"), ("LPOS l c MAXLEN 2", "$-1")]);
    rig.check(&[
        ("LPOS nope a", "$-1"),
        ("LPOS nope a COUNT 1", "*0"),
        ("LPOS l a RANK", "-ERR syntax error"),
    ]);
    let zero = "-ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list";
    rig.check(&[("LPOS l c RANK 0", zero), ("LPOS l c COUNT -1", "-ERR COUNT can't be negative")]);
    rig.check(&[
        ("LPOS l c MAXLEN -1", "-ERR MAXLEN can't be negative"),
        ("LPOS l c COUNT x", "-ERR COUNT can't be negative"),
    ]);
}

#[test]
fn long_ranges_and_searches_read_a_reference() {
    let mut rig = Rig::new();
    rig.put_list("l", 40_000);
    rig.check(&[("RPUSH l z", ":40001")]);
    let mut delete = |rig: &mut Rig| rig.check(&[("DEL l", ":1"), ("LLEN l", ":0")]);
    let reply = rig.call_meanwhile(&[b"LRANGE", b"l", b"1", b"-1"], &mut delete);
    assert_eq!(reply.len(), "*40000\r\n".len() + 40_000 * "$1\r\na\r\n".len());
    assert!(reply.starts_with(b"*40000\r\n") && reply.ends_with(b"$1\r\nz\r\n"));
    rig.put_list("l", 40_000);
    assert_eq!(rig.call_meanwhile(&[b"LPOS", b"l", b"x"], &mut delete), b"$-1\r\n");
    // Within a transaction nothing is put off.
    rig.put_list("l", 40_000);
    rig.nested = true;
    let reply = rig.call_meanwhile(&[b"LRANGE", b"l", b"0", b"-1"], &mut |_| panic!("put off"));
    assert!(reply.starts_with(b"*40000\r\n"));
}

#[test]
fn moving_between_lists_and_within_one() {
    let mut rig = listening();
    rig.check(&[("RPUSH a 1 2 3", ":3"), ("LMOVE a b LEFT RIGHT", "$1 1"), ("RPOPLPUSH a b", "$1 3")]);
    assert_eq!(rig.events(), ["0 rpush a", "0 rpush b", "0 lpop a", "0 lpush b", "0 rpop a"]);
    assert_eq!(rig.dirty(), 5);
    rig.check(&[
        ("LMOVE a b right left", "$1 2"),
        ("EXISTS a", ":0"),
        ("LRANGE b 0 -1", "*3 $1 2 $1 3 $1 1"),
    ]);
    assert_eq!(rig.events(), ["0 lpush b", "0 rpop a", "0 del a"]);
    rig.check(&[
        ("RPOPLPUSH b b", "$1 1"),
        ("LRANGE b 0 -1", "*3 $1 1 $1 2 $1 3"),
        ("LMOVE a b LEFT LEFT", "$-1"),
    ]);
    assert_eq!(rig.events(), ["0 lpush b", "0 rpop b"]);
    rig.check(&[("DEL b", ":1"), ("RPUSH b x", ":1"), ("LMOVE b b LEFT LEFT", "$1 x"), ("LLEN b", ":1")]);
    rig.check(&[("LMOVE b b UP LEFT", "-ERR syntax error"), ("LMOVE b b LEFT UP", "-ERR syntax error")]);
}

#[test]
fn a_destination_of_another_type_loses_nothing() {
    let mut rig = listening();
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    rig.check(&[("RPUSH a 1", ":1"), ("SET s x", "+OK"), ("LMOVE a s LEFT LEFT", wrong), ("LLEN a", ":1")]);
    rig.check(&[("RPOPLPUSH s a", wrong), ("RPOPLPUSH nope s", "$-1"), ("BLMOVE a s LEFT LEFT 0", wrong)]);
    assert_eq!(rig.events(), ["0 rpush a", "0 set s"]);
}

#[test]
fn within_a_transaction_nobody_waits() {
    let mut rig = Rig::new();
    rig.nested = true;
    rig.check(&[("BLPOP a b 0", "*-1"), ("BRPOP a 0", "*-1"), ("BLMPOP 0 1 a LEFT", "*-1")]);
    rig.check(&[("BLMOVE a b LEFT LEFT 0", "$-1"), ("BRPOPLPUSH a b 0", "$-1")]);
    rig.check(&[("RPUSH b 1 2 3 4", ":4"), ("BLPOP a b 0", "*2 $1 b $1 1"), ("BRPOP a b 0", "*2 $1 b $1 4")]);
    rig.check(&[("BLMPOP 0 2 a b LEFT COUNT 9", "*2 $1 b *2 $1 2 $1 3")]);
}

#[test]
fn timeouts_are_read_before_keys_and_after_other_arguments() {
    let mut rig = Rig::new();
    let (not_float, negative) = ("-ERR timeout is not a float or out of range", "-ERR timeout is negative");
    rig.check(&[("SET s x", "+OK"), ("BLPOP s x", not_float), ("BRPOP s -1", negative)]);
    rig.check(&[("BLPOP s 1e30", "-ERR timeout is out of range"), ("BRPOPLPUSH s s x", not_float)]);
    rig.check(&[("BLMOVE s s UP LEFT x", "-ERR syntax error"), ("BLMOVE s s LEFT LEFT x", not_float)]);
    rig.check(&[
        ("BLMPOP x 0 s LEFT", "-ERR numkeys should be greater than 0"),
        ("BLMPOP -1 1 s LEFT", negative),
    ]);
}

#[test]
fn encodings_follow_the_limits() {
    let mut rig = Rig::new();
    rig.set("list-max-listpack-size", "3");
    rig.check(&[("RPUSH l a b c", ":3"), ("OBJECT ENCODING l", "$8 listpack"), ("RPUSH l d", ":4")]);
    rig.check(&[
        ("OBJECT ENCODING l", "$9 quicklist"),
        ("LTRIM l 0 0", "+OK"),
        ("OBJECT ENCODING l", "$8 listpack"),
    ]);
    rig.check(&[("DEBUG QUICKLIST-PACKED-THRESHOLD 1b", "+OK"), ("RPUSH l x y z", ":4")]);
    assert!(rig.run("DEBUG OBJECT l").contains(" ql_nodes:4 "));
    rig.check(&[(
        "DEBUG QUICKLIST-PACKED-THRESHOLD 4gb",
        "-ERR argument must be a memory value bigger than 1 and smaller than 4gb",
    )]);
}

/// A list of 9000 elements "a" between an "x" and a "y", and a deadline.
fn long_list() -> Rig {
    let mut rig = listening();
    rig.put_list("l", 9000);
    rig.check(&[("LPUSH l x", ":9001"), ("RPUSH l y", ":9002"), ("EXPIRE l 1000", ":1")]);
    rig.events();
    rig.dirty();
    rig
}

/// Runs a command and tells its reply and how often it worked without locks; the first `times` times something is
/// pushed meanwhile.
fn disturbed(rig: &mut Rig, words: &str, times: usize) -> (String, usize) {
    let args: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
    let mut seen = 0;
    let reply = rig.call_meanwhile(&args, &mut |rig| {
        seen += 1;
        if seen <= times {
            rig.run("RPUSH l y");
        }
    });
    (String::from_utf8_lossy(&reply).trim_end().to_owned(), seen)
}

#[test]
fn a_far_element_is_searched_without_locks() {
    let mut rig = long_list();
    assert_eq!(disturbed(&mut rig, "LINSERT l AFTER y z", 0), (":9003".into(), 1));
    assert_eq!(disturbed(&mut rig, "LINSERT l BEFORE nosuch z", 0), (":-1".into(), 1));
    assert_eq!(disturbed(&mut rig, "LREM l -1 x", 0), (":1".into(), 1));
    assert_eq!(disturbed(&mut rig, "LREM l 0 nosuch", 0), (":0".into(), 1));
    assert_eq!(rig.events(), ["0 linsert l", "0 lrem l"]);
    assert_eq!(rig.dirty(), 2);
    rig.check(&[("LRANGE l -3 -1", "*3 $1 a $1 y $1 z"), ("LINDEX l 0", "$1 a"), ("TTL l", ":1000")]);
    // What is near is found at once.
    assert_eq!(disturbed(&mut rig, "LINSERT l BEFORE a b", 0), (":9003".into(), 0));
    assert_eq!(disturbed(&mut rig, "LREM l -2 a", 0), (":2".into(), 0));
}

#[test]
fn what_is_pushed_during_a_search_counts() {
    let mut rig = long_list();
    assert_eq!(disturbed(&mut rig, "LREM l 0 y", 2), (":3".into(), 3));
    assert_eq!(rig.run("LLEN l"), ":9001");
    // At last under the lock.
    assert_eq!(disturbed(&mut rig, "LREM l 0 y", 9), (":4".into(), 4));
    assert_eq!(rig.run("LLEN l"), ":9001");
    assert_eq!(disturbed(&mut rig, "LINSERT l AFTER y z", 9), (":9006".into(), 4));
    rig.check(&[("LRANGE l -5 -1", "*5 $1 y $1 z $1 y $1 y $1 y")]);
}

#[test]
fn a_list_may_go_during_a_search_or_by_it() {
    let mut rig = long_list();
    assert_eq!(
        rig.call_meanwhile(&[b"LREM", b"l", b"0", b"y"], &mut |rig| drop(rig.run("DEL l"))),
        b":0\r\n"
    );
    let mut rig = long_list();
    let insert: [&[u8]; 5] = [b"LINSERT", b"l", b"BEFORE", b"y", b"z"];
    assert_eq!(rig.call_meanwhile(&insert, &mut |rig| drop(rig.run("DEL l"))), b":0\r\n");
    let mut rig = long_list();
    let reply = rig.call_meanwhile(&insert, &mut |rig| drop(rig.run("SET l string")));
    assert!(reply.starts_with(b"-WRONGTYPE"));
    let mut rig = long_list();
    rig.check(&[("LPOP l", "$1 x"), ("RPOP l", "$1 y"), ("LREM l 0 a", ":9000"), ("EXISTS l", ":0")]);
    assert_eq!(rig.events(), ["0 lpop l", "0 rpop l", "0 lrem l", "0 del l"]);
}

#[test]
fn very_many_elements_are_pushed_without_locks() {
    let mut rig = listening();
    let elements: Vec<String> = (0..20_000).map(|n| n.to_string()).collect();
    let words = format!("RPUSH l {}", elements.join(" "));
    assert_eq!(disturbed(&mut rig, &words, 1), (":20001".into(), 2));
    rig.check(&[("LINDEX l 0", "$1 y"), ("LINDEX l 1", "$1 0"), ("LINDEX l -1", "$5 19999")]);
    assert_eq!((rig.dirty(), rig.events()), (20_001, vec!["0 rpush l".to_owned(); 2]));
}
