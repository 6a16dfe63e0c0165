//! The family in a server without sockets.

use super::super::testing::Rig;
use crate::keyspace::Verbs;

const TYPE_ERROR: &str =
    "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";

fn listening() -> Rig {
    let mut rig = Rig::new();
    rig.set("notify-keyspace-events", "KEA");
    rig
}

#[test]
fn setbit_tells_of_changes_only() {
    let mut rig = listening();
    rig.check(&[
        ("SETBIT b 7 0", ":0"),
        ("SETBIT b 7 0", ":0"),
        ("SETBIT b 7 1", ":0"),
        ("SETBIT b 7 1", ":1"),
    ]);
    rig.check(&[("SETBIT b 8 0", ":0"), ("STRLEN b", ":2"), ("OBJECT ENCODING b", "$3 raw")]);
    assert_eq!((rig.events(), rig.dirty()), (vec!["0 setbit b".to_owned(); 3], 3));
    rig.check(&[("SET n 10", "+OK"), ("GETBIT n 3", ":1"), ("GETBIT n 12", ":0"), ("SETBIT n 15 1", ":0")]);
    rig.check(&[("GET n", "$2 11"), ("OBJECT ENCODING n", "$3 raw"), ("GETBIT nope 100", ":0")]);
}

#[test]
fn offsets_stay_within_the_longest_string() {
    let mut rig = Rig::new();
    let refused = "-ERR bit offset is not an integer or out of range";
    for offset in ["4294967296", "-1", "x", "", "#0", "9223372036854775808"] {
        assert_eq!(rig.run(&format!("SETBIT b {offset} 1")), refused, "{offset}");
        assert_eq!(rig.run(&format!("GETBIT b {offset}")), refused, "{offset}");
    }
    rig.check(&[("GETBIT b 4294967295", ":0"), ("BITFIELD b GET u8 #536870911", "*1 :0")]);
    // #(2^61) times 8 wraps to 0, as in Redis.
    rig.check(&[
        ("BITFIELD b GET u8 #2305843009213693952", "*1 :0"),
        ("BITFIELD b GET u8 #536870912", refused),
    ]);
    rig.check(&[("BITFIELD b GET u8 #-1", refused), ("BITFIELD b GET u8 #x", refused)]);
    rig.set("proto-max-bulk-len", "1mb");
    rig.check(&[("SETBIT b 8388608 1", refused), ("SETBIT b 8388607 1", ":0"), ("STRLEN b", ":1048576")]);
    for value in ["2", "-1", "x", ""] {
        assert_eq!(rig.run(&format!("SETBIT b 0 {value}")), "-ERR bit is not an integer or out of range");
    }
}

#[test]
fn counting_and_searching() {
    let mut rig = Rig::new();
    rig.check(&[("SET b foobar", "+OK"), ("BITCOUNT b", ":26"), ("BITCOUNT b 1 1", ":6")]);
    rig.check(&[
        ("BITCOUNT b 5 30 BIT", ":17"),
        ("BITCOUNT b -2 -1 byte", ":7"),
        ("BITCOUNT nope 0 -1", ":0"),
    ]);
    rig.check(&[
        ("BITPOS nope 1", ":-1"),
        ("BITPOS nope 0 5 -1", ":0"),
        ("SET e ", "+OK"),
        ("BITPOS e 0", ":-1"),
    ]);
    rig.check(&[
        ("SET n 123", "+OK"),
        ("BITCOUNT n", ":10"),
        ("BITPOS n 1", ":2"),
        ("BITPOS n 0 1 1 bit", ":1"),
    ]);
    rig.check(&[
        ("BITCOUNT b x", "-ERR syntax error"),
        ("BITCOUNT b x 1", "-ERR value is not an integer or out of range"),
        ("BITCOUNT b 0 1 FOO", "-ERR syntax error"),
        ("BITCOUNT b 0 1 BIT 1", "-ERR syntax error"),
        ("BITPOS b 2", "-ERR The bit argument must be 1 or 0."),
        ("BITPOS b x", "-ERR value is not an integer or out of range"),
        ("BITPOS b 1 x 0 FOO", "-ERR value is not an integer or out of range"),
        ("BITPOS b 1 0 x FOO", "-ERR syntax error"),
        ("BITPOS b 1 0 x BIT", "-ERR value is not an integer or out of range"),
        ("BITPOS b 1 0 1 BIT 1", "-ERR syntax error"),
    ]);
}

#[test]
fn long_strings_are_looked_at_without_locks() {
    let mut rig = Rig::new();
    rig.run("SETBIT b 8000000 1");
    let mut meanwhile = 0;
    for (command, expected) in [("BITCOUNT b", ":1\r\n"), ("BITPOS b 1", ":8000000\r\n")] {
        let args: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        let reply = rig.call_meanwhile(&args, &mut |rig| {
            meanwhile += 1;
            rig.check(&[("SETBIT b 0 1", ":0"), ("SETBIT b 0 0", ":1")]);
        });
        assert_eq!(reply, expected.as_bytes());
    }
    assert_eq!(meanwhile, 2);
}

#[test]
fn bitop_stores_or_deletes() {
    let mut rig = listening();
    rig.check(&[("SET a abc EX 9", "+OK"), ("SET n 12", "+OK")]);
    rig.events();
    rig.dirty();
    rig.check(&[("BITOP and d a n", ":3"), ("BITCOUNT d", ":4"), ("BITOP NOT a a", ":3"), ("TTL a", ":-1")]);
    rig.check(&[
        ("OBJECT ENCODING a", "$3 raw"),
        ("BITOP OR d nope nope2", ":0"),
        ("BITOP XOR d nope n", ":2"),
    ]);
    assert_eq!(rig.events(), ["0 set d", "0 set a", "0 del d", "0 set d"]);
    assert_eq!(rig.dirty(), 4);
    rig.check(&[
        ("GET d", "$2 12"),
        ("BITOP FOO d a", "-ERR syntax error"),
        ("BITOP NOT d a n", "-ERR BITOP NOT must be called with a single source key."),
    ]);
}

#[test]
fn a_long_bitop_is_never_of_a_past_state() {
    let mut rig = Rig::new();
    rig.check(&[("SETBIT a 8000000 0", ":0"), ("SETBIT b 8000000 0", ":0")]);
    // Each time it works without locks, somebody changes a source.
    let mut turns = 0u64;
    let reply = rig.call_meanwhile(&[b"BITOP", b"OR", b"d", b"a", b"b"], &mut |rig| {
        rig.run(&format!("SETBIT b {turns} 1"));
        turns += 1;
    });
    assert_eq!((reply, turns), (b":1000001\r\n".to_vec(), 3));
    assert_eq!(rig.run("BITCOUNT d"), ":3");
    // A source that comes or goes is a change as well.
    let mut quiet = false;
    rig.call_meanwhile(&[b"BITOP", b"OR", b"d", b"a", b"b", b"c"], &mut |rig| {
        if !std::mem::replace(&mut quiet, true) {
            rig.check(&[("SET c \u{1}", "+OK"), ("DEL b", ":1")]);
        }
    });
    rig.check(&[("BITCOUNT d", ":1"), ("GETBIT d 7", ":1")]);
    // Nothing changes: one turn, even with the target among the sources.
    let mut turns = 0;
    rig.call_meanwhile(&[b"BITOP", b"NOT", b"a", b"a"], &mut |_| turns += 1);
    assert_eq!((turns, rig.run("BITCOUNT a")), (1, ":8000008".to_owned()));
}

#[test]
fn bitfield_changes_and_tells() {
    let mut rig = listening();
    rig.check(&[("BITFIELD f SET i8 0 -100 SET i8 8 101 GET i8 0 GET u4 #2", "*4 :0 :0 :-100 :6")]);
    rig.check(&[("BITFIELD f INCRBY u2 100 1 OVERFLOW SAT INCRBY u2 102 5", "*2 :1 :3")]);
    rig.check(&[("BITFIELD f OVERFLOW FAIL INCRBY u2 102 1 GET u2 102", "*2 $-1 :3"), ("BITFIELD f", "*0")]);
    assert_eq!((rig.events(), rig.dirty()), (vec!["0 setbit f".to_owned(); 2], 4));
    rig.check(&[
        ("BITFIELD f SET u2 102 3", "*1 :3"),
        ("BITFIELD f SET u8 104 0", "*1 :0"),
        ("STRLEN f", ":14"),
    ]);
    assert_eq!((rig.events(), rig.dirty()), (vec!["0 setbit f".to_owned()], 1));
    // A refused change still makes room, as in Redis, but is no change.
    rig.check(&[("BITFIELD new OVERFLOW FAIL SET u2 0 7", "*1 $-1"), ("STRLEN new", ":1")]);
    assert_eq!((rig.events(), rig.dirty()), (vec![], 0));
    rig.effects.propagation.listen(Some(Verbs::default()));
    rig.check(&[("BITFIELD more OVERFLOW FAIL SET u2 80 7", "*1 $-1"), ("STRLEN more", ":11")]);
    assert_eq!(rig.journal(), ["0 BITFIELD more OVERFLOW FAIL SET u2 80 7"]);
    assert_eq!(Rig::resp3().run("BITFIELD f OVERFLOW FAIL SET u2 0 7"), "*1 _");
}

#[test]
fn bitfield_reads_numbers_and_refuses_nonsense() {
    let mut rig = Rig::new();
    rig.check(&[("SET n 123", "+OK"), ("BITFIELD_RO n GET u8 0 GET i64 16", "*2 :49 :3674937295934324736")]);
    rig.check(&[("BITFIELD_RO nope GET i8 #9", "*1 :0"), ("OBJECT ENCODING n", "$3 int")]);
    rig.check(&[
        ("BITFIELD n GET u64 0", TYPE_ERROR),
        ("BITFIELD n GET i65 0", TYPE_ERROR),
        ("BITFIELD n GET u0 x", TYPE_ERROR),
        ("BITFIELD n GET U8 0", TYPE_ERROR),
        ("BITFIELD n SET u8 0", "-ERR syntax error"),
        ("BITFIELD n SET u8 0 x", "-ERR value is not an integer or out of range"),
        ("BITFIELD n OVERFLOW", "-ERR syntax error"),
        ("BITFIELD n OVERFLOW foo", "-ERR Invalid OVERFLOW type specified"),
        ("BITFIELD n FOO", "-ERR syntax error"),
        ("BITFIELD_RO n GET u8 0 SET u8 0 1", "-ERR BITFIELD_RO only supports the GET subcommand"),
        ("BITFIELD_RO n OVERFLOW sat", "*0"),
    ]);
}

#[test]
fn other_types_are_refused() {
    let mut rig = Rig::new();
    rig.put_list("l", 2);
    for command in [
        "SETBIT l 0 1",
        "GETBIT l 0",
        "BITCOUNT l",
        "BITPOS l 1",
        "BITOP OR d nope l",
        "BITFIELD l GET u8 0",
        "BITFIELD l SET u8 0 1",
        "BITFIELD_RO l GET u8 0",
    ] {
        let refused = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        assert_eq!(rig.run(command), refused, "{command}");
    }
    rig.check(&[("BITOP OR l nope", ":0"), ("EXISTS l", ":0")]);
}
