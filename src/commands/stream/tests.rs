//! What the handlers answer and cause, run without sockets.

use super::super::testing::Rig;

/// Adds `count` entries `1-0`, `2-0`, ... with one field.
fn fill(rig: &mut Rig, key: &str, count: usize) {
    for ms in 1..=count {
        rig.run(&format!("XADD {key} {ms}-0 f {ms}"));
    }
    rig.events();
    rig.dirty();
}

#[test]
fn each_change_has_its_event_and_counts() {
    let mut rig = Rig::new();
    rig.set("notify-keyspace-events", "KEt");
    for (words, events, dirty) in [
        ("XADD s 1-0 f v", &["0 xadd s"][..], 1),
        ("XADD s MAXLEN 2 2-0 f v", &["0 xadd s"], 1),
        ("XADD s MAXLEN 1 3-0 f v", &["0 xadd s", "0 xtrim s"], 1),
        ("XADD s 3-0 f v", &[], 0),
        ("XADD none NOMKSTREAM * f v", &[], 0),
        ("XADD s 4-0 f v", &["0 xadd s"], 1),
        ("XADD s 5-0 f v", &["0 xadd s"], 1),
        ("XDEL s 3-0 4-0 9-9", &["0 xdel s"], 2),
        ("XDEL s 3-0", &[], 0),
        ("XTRIM s MAXLEN 1", &[], 0),
        ("XSETID s 6-0", &["0 xsetid s"], 1),
        ("XGROUP CREATE s g 0", &["0 xgroup-create s"], 1),
        ("XGROUP CREATE s g 0", &[], 0),
        ("XREADGROUP GROUP g c STREAMS s >", &["0 xgroup-createconsumer s"], 2),
        ("XREADGROUP GROUP g c STREAMS s 0", &[], 0),
        ("XREADGROUP GROUP g c STREAMS s >", &[], 0),
        ("XCLAIM s g d 0 5-0 9-9", &["0 xgroup-createconsumer s"], 2),
        ("XAUTOCLAIM s g c 0 -", &[], 1),
        ("XCLAIM s g c 0 9-9 LASTID 8-0", &[], 1),
        ("XACK s g 5-0 5-0", &[], 1),
        ("XGROUP CREATECONSUMER s g c", &[], 0),
        ("XGROUP DELCONSUMER s g c", &["0 xgroup-delconsumer s"], 1),
        ("XGROUP SETID s g $", &["0 xgroup-setid s"], 1),
        ("XGROUP DESTROY s g", &["0 xgroup-destroy s"], 1),
        ("XGROUP DESTROY s g", &[], 0),
        ("XTRIM s MAXLEN 0", &["0 xtrim s"], 1),
        ("XGROUP CREATE n g $ MKSTREAM", &["0 xgroup-create n"], 1),
    ] {
        rig.run(words);
        assert_eq!(rig.events(), events, "{words}");
        assert_eq!(rig.dirty(), dirty, "{words}");
    }
}

#[test]
fn an_empty_stream_stays() {
    let mut rig = Rig::new();
    rig.check(&[
        ("XADD s 1-0 f v", "$3 1-0"),
        ("XDEL s 1-0", ":1"),
        ("XLEN s", ":0"),
        ("TYPE s", "+stream"),
        (
            "XADD s 1-0 f v",
            "-ERR The ID specified in XADD is equal or smaller than the target stream top item",
        ),
        ("XADD n 0-0 f v", "-ERR The ID specified in XADD must be greater than 0-0"),
        ("EXISTS n", ":0"),
    ]);
}

#[test]
fn what_is_put_off_says_the_same() {
    let mut rig = Rig::new();
    fill(&mut rig, "s", 3000);
    rig.run("XGROUP CREATE s g 0");
    rig.run("XREADGROUP GROUP g c STREAMS s >");
    for words in [
        "XRANGE s - +",
        "XREVRANGE s + -",
        "XRANGE s (2 2999 COUNT 2000",
        "XRANGE s - + COUNT 512",
        "XRANGE s - + COUNT 513",
        "XRANGE s 2489 +",
        "XREVRANGE s 512 -",
        "XREAD STREAMS s s 0 2000",
        "XPENDING s g - + 2000",
        "XPENDING s g - + 2000 c",
        "XINFO STREAM s FULL COUNT 0",
    ] {
        rig.nested = false;
        let put_off = rig.run(words);
        rig.nested = true;
        assert_eq!(put_off, rig.run(words), "{words}");
    }
}

#[test]
fn in_a_transaction_nobody_waits() {
    let mut rig = Rig::new();
    rig.run("XGROUP CREATE s g $ MKSTREAM");
    rig.nested = true;
    rig.check(&[
        ("XREAD BLOCK 0 STREAMS s $", "*-1"),
        ("XREADGROUP GROUP g c BLOCK 0 STREAMS s >", "*-1"),
        ("XREADGROUP GROUP g c BLOCK 0 STREAMS s 0", "*1 *2 $1 s *0"),
    ]);
}

#[test]
fn groups_and_consumers_may_be_named_streams() {
    let mut rig = Rig::new();
    rig.run("XGROUP CREATE k streams 0 MKSTREAM");
    rig.run("XADD k 1-0 f v");
    rig.check(&[
        ("XREADGROUP COUNT 1 GROUP streams streams STREAMS k >", "*1 *2 $1 k *1 *2 $3 1-0 *2 $1 f $1 v"),
        ("XREAD STREAMS streams 0", "*-1"),
        (
            "XREAD STREAMS k 0 0",
            "-ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified.",
        ),
    ]);
}

#[test]
fn counts_without_measure_are_bounded_work() {
    let mut rig = Rig::new();
    rig.run("XADD s 1-0 f v");
    rig.run("XGROUP CREATE s g 0");
    rig.check(&[
        ("XAUTOCLAIM s g c 0 - COUNT 0", "-ERR COUNT must be > 0"),
        ("XAUTOCLAIM s g c 0 - COUNT 8070450532247928833", "-ERR COUNT must be > 0"),
        (
            "XAUTOCLAIM s g c 0 - COUNT 576460752303423487",
            "-ERR Insufficient memory, failed allocating transient memory, COUNT too high.",
        ),
        ("XAUTOCLAIM s g c 0 - COUNT 1000000", "*3 $3 0-0 *0 *0"),
        ("XPENDING s g - + 9223372036854775807", "*0"),
        ("XRANGE s - + COUNT 9223372036854775807", "*1 *2 $3 1-0 *2 $1 f $1 v"),
        ("XTRIM s MAXLEN ~ 0 LIMIT 9223372036854775807", ":1"),
        ("XREAD BLOCK 9223372036854775807 STREAMS s 0", "-ERR timeout is out of range"),
    ]);
}
