//! What commands put down for the journal; compared with what Redis 7.4.1 writes to its append only file.

use super::testing::Rig;
use crate::keyspace::Verbs;

fn rig() -> Rig {
    let mut rig = Rig::new();
    rig.effects.propagation.listen(Some(Verbs::default()));
    rig
}

/// Runs commands and compares what each puts down.
#[track_caller]
fn check(rig: &mut Rig, cases: &[(&str, &[&str])]) {
    for (command, expected) in cases {
        rig.run(command);
        assert_eq!(rig.journal(), *expected, "{command}");
    }
}

#[test]
fn what_says_what_it_does_is_put_down_as_it_came() {
    check(
        &mut rig(),
        &[
            ("set a 1", &["0 set a 1"]),
            ("INCR a", &["0 INCR a"]),
            ("GET a", &[]),
            ("SETNX a 5", &[]),
            ("MSET b 1 c 2", &["0 MSET b 1 c 2"]),
            ("DEL x", &[]),
            ("DEL b x", &["0 DEL b x"]),
            ("SADD s 1 2", &["0 SADD s 1 2"]),
            ("SADD s 1", &[]),
            ("LPOP x", &[]),
            ("RENAME c d", &["0 RENAME c d"]),
            ("MOVE d 3", &["0 MOVE d 3"]),
            ("SELECT 3", &[]),
            ("APPEND d x", &["3 APPEND d x"]),
            ("SORT s BY nosort STORE l", &[]),
            ("FLUSHDB", &["3 FLUSHDB"]),
            ("FLUSHALL ASYNC", &["3 FLUSHALL ASYNC"]),
            ("SWAPDB 0 1", &["3 SWAPDB 0 1"]),
            ("PFADD h a", &["3 PFADD h a"]),
            ("PFCOUNT h", &["3 PFCOUNT h"]),
            ("PFCOUNT h", &[]),
            ("INCR h", &[]),
        ],
    );
}

#[test]
fn times_are_absolute() {
    let mut rig = rig();
    check(
        &mut rig,
        &[
            ("SET a 1 EX 10", &["0 SET a 1 PXAT 1700000010000"]),
            ("SET a 1 GET PX 10 XX", &["0 SET a 1 PXAT 1700000000010"]),
            ("SET a 1 PXAT 1700000000010", &["0 SET a 1 PXAT 1700000000010"]),
            ("SET a 2 KEEPTTL get", &["0 SET a 2 KEEPTTL"]),
            ("SETEX a 1 x", &["0 SET a x PXAT 1700000001000"]),
            ("PSETEX a 1 x", &["0 SET a x PXAT 1700000000001"]),
            ("EXPIRE a 100", &["0 PEXPIREAT a 1700000100000"]),
            ("EXPIRE a 200 GT", &["0 PEXPIREAT a 1700000200000 GT"]),
            ("EXPIRE a 100 NX", &[]),
            ("PEXPIREAT a 1700000000005", &["0 PEXPIREAT a 1700000000005"]),
            ("GETEX a EX 5", &["0 PEXPIREAT a 1700000005000"]),
            ("GETEX a", &[]),
            ("GETEX a PERSIST", &["0 PERSIST a"]),
            ("GETEX a PXAT 5", &["0 DEL a"]),
            ("SET a 1", &["0 SET a 1"]),
            ("EXPIRE a -1", &["0 DEL a"]),
            ("HSET h a 1 b 2 c 3", &["0 HSET h a 1 b 2 c 3"]),
            ("HEXPIRE h 5 FIELDS 3 a x b", &["0 HPEXPIREAT h 1700000005000 FIELDS 2 a b"]),
            ("HPEXPIREAT h 1700000006000 GT FIELDS 1 a", &["0 HPEXPIREAT h 1700000006000 GT FIELDS 1 a"]),
            ("HEXPIREAT h 5 FIELDS 2 b x", &["0 HDEL h b"]),
            ("HPERSIST h FIELDS 1 a", &["0 HPERSIST h FIELDS 1 a"]),
        ],
    );
    rig.set("lazyfree-lazy-expire", "yes");
    check(&mut rig, &[("EXPIRE h 0", &["0 UNLINK h"])]);
}

#[test]
fn chance_and_arithmetic_are_results() {
    let mut rig = rig();
    check(
        &mut rig,
        &[
            ("SET f 1.5", &["0 SET f 1.5"]),
            ("INCRBYFLOAT f 0.1", &["0 SET f 1.6 KEEPTTL"]),
            ("HINCRBYFLOAT h f 3", &["0 HSET h f 3"]),
            ("GETSET f 2", &["0 SET f 2"]),
            ("GETDEL f", &["0 DEL f"]),
            ("GETDEL f", &[]),
            ("SADD s a", &["0 SADD s a"]),
            ("SPOP s", &["0 SREM s a"]),
            ("SADD s a b", &["0 SADD s a b"]),
            ("SPOP s 5", &["0 DEL s"]),
            ("SPOP s 5", &[]),
        ],
    );
    rig.run("SADD s a b c");
    rig.journal();
    let popped = rig.run("SPOP s 2");
    let members: Vec<_> = popped.split(' ').filter(|word| !word.starts_with(['*', '$'])).collect();
    assert_eq!(rig.journal(), [format!("0 SREM s {}", members.join(" "))]);
}

#[test]
fn many_popped_members_are_removed_in_portions() {
    let mut rig = rig();
    let members: Vec<_> = (0..5000).map(|n| n.to_string()).collect();
    rig.run(&format!("SADD s {}", members.join(" ")));
    rig.journal();
    rig.run("SPOP s 4000");
    let journal = rig.journal();
    let words = |line: &String| line.split(' ').count() - 3;
    assert_eq!(journal.iter().map(words).collect::<Vec<_>>(), [1024, 1024, 1024, 928]);
    assert!(journal.iter().all(|line| line.starts_with("0 SREM s ")));
}

#[test]
fn what_waits_or_chooses_is_what_it_did() {
    check(
        &mut rig(),
        &[
            ("RPUSH l 1 2 3 4 5 6 7", &["0 RPUSH l 1 2 3 4 5 6 7"]),
            ("BLPOP x l 0", &["0 LPOP l"]),
            ("BRPOP l 0", &["0 RPOP l"]),
            ("LMPOP 2 x l LEFT COUNT 2", &["0 LPOP l 2"]),
            ("BLMPOP 0 1 l RIGHT", &["0 RPOP l 1"]),
            ("BLMOVE l m LEFT RIGHT 0", &["0 LMOVE l m left right"]),
            ("BRPOPLPUSH l m 0", &["0 RPOPLPUSH l m"]),
            ("LMPOP 1 l LEFT COUNT 9", &[]),
            ("LMPOP 1 m LEFT COUNT 9", &["0 LPOP m 2"]),
            ("ZADD z 1 a 2 b 3 c 4 d 5 e", &["0 ZADD z 1 a 2 b 3 c 4 d 5 e"]),
            ("BZPOPMIN x z 0", &["0 ZPOPMIN z"]),
            ("ZMPOP 2 x z MAX COUNT 2", &["0 ZPOPMAX z 2"]),
            ("BZMPOP 0 1 z MIN COUNT 9", &["0 ZPOPMIN z 2"]),
            ("ZPOPMIN z", &[]),
        ],
    );
}

#[test]
fn streams_have_their_real_ids() {
    check(
        &mut rig(),
        &[
            ("XADD s * a 1", &["0 XADD s 1700000000000-0 a 1"]),
            (
                "XADD s NOMKSTREAM MAXLEN ~ 5 LIMIT 3 * a 1",
                &["0 XADD s NOMKSTREAM MAXLEN = 2 1700000000000-1 a 1"],
            ),
            ("XADD s MAXLEN 9 1700000000000-* a 1", &["0 XADD s MAXLEN 9 1700000000000-2 a 1"]),
            ("XTRIM s MAXLEN 2", &["0 XTRIM s MAXLEN 2"]),
            ("XTRIM s MAXLEN ~ 0", &["0 XTRIM s MAXLEN = 0"]),
            ("XTRIM s MAXLEN 0", &[]),
            ("XADD s 1700000000000-9 a 1", &["0 XADD s 1700000000000-9 a 1"]),
            ("XGROUP CREATE s g 0", &["0 XGROUP CREATE s g 0"]),
            (
                "XREADGROUP GROUP g c STREAMS s >",
                &[
                    "0 XCLAIM s g c 0 1700000000000-9 TIME 1700000000000 RETRYCOUNT 1 FORCE JUSTID LASTID 1700000000000-9",
                    "0 XGROUP SETID s g 1700000000000-9 ENTRIESREAD 4",
                ],
            ),
            ("XREADGROUP GROUP g c STREAMS s 0", &[]),
            (
                "XCLAIM s g d 0 1700000000000-9",
                &[
                    "0 XCLAIM s g d 0 1700000000000-9 TIME 1700000000000 RETRYCOUNT 3 FORCE JUSTID LASTID 1700000000000-9",
                ],
            ),
            (
                "XAUTOCLAIM s g c 0 0 JUSTID",
                &[
                    "0 XCLAIM s g c 0 1700000000000-9 TIME 1700000000000 RETRYCOUNT 3 FORCE JUSTID LASTID 1700000000000-9",
                ],
            ),
            ("XREADGROUP GROUP g e NOACK STREAMS s >", &["0 XGROUP CREATECONSUMER s g e"]),
            ("XACK s g 1700000000000-9", &["0 XACK s g 1700000000000-9"]),
        ],
    );
}

#[test]
fn what_has_expired_is_deleted_before_what_met_it() {
    let mut rig = rig();
    rig.check(&[("SET a 1 PX 5", "+OK"), ("SET b 1 PX 5", "+OK"), ("HSET h f 1 g 2", ":2")]);
    rig.run("HPEXPIRE h 5 FIELDS 1 f");
    rig.journal();
    rig.now += 10;
    check(
        &mut rig,
        &[
            ("GET a", &["0 DEL a"]),
            ("INCR b", &["0 DEL b", "0 INCR b"]),
            ("HGET h f", &["0 HDEL h f"]),
            ("HGET h f", &[]),
        ],
    );
}

#[test]
fn libraries_are_put_down() {
    let mut rig = rig();
    let code = "#!lua name=lib\nredis.register_function('f', function() return 1 end)";
    rig.call(&[b"FUNCTION", b"LOAD", code.as_bytes()]);
    assert_eq!(rig.journal(), [format!("0 FUNCTION LOAD {code}")]);
    rig.call(&[b"FUNCTION", b"LOAD", code.as_bytes()]);
    assert_eq!(rig.journal(), [""; 0]);
    check(
        &mut rig,
        &[("FUNCTION DELETE lib", &["0 FUNCTION DELETE lib"]), ("FUNCTION FLUSH", &["0 FUNCTION FLUSH"])],
    );
}

#[test]
fn a_script_may_keep_commands_out_but_not_what_expires() {
    let mut rig = rig();
    let script = "redis.call('incr', 'a') redis.set_repl(redis.REPL_NONE) redis.call('incr', 'a') \
                  redis.set_repl(redis.REPL_AOF) redis.call('incr', 'a') redis.set_repl(redis.REPL_REPLICA)";
    rig.call(&[b"EVAL", script.as_bytes(), b"0"]);
    assert_eq!(rig.journal(), ["0 incr a"; 2]);
    check(&mut rig, &[("INCR a", &["0 INCR a"])]);
    let mut muted = crate::keyspace::Propagation::default();
    muted.listen(Some(Verbs::default()));
    muted.mute(true);
    muted.put_down(0, &[b"SET"]);
    assert!(muted.is_empty());
    muted.expired(0, b"k");
    assert!(!muted.is_empty());
}

#[test]
fn what_is_done_without_locks_is_put_down_as_if_under_them() {
    let mut rig = rig();
    for n in 1..=600 {
        rig.run(&format!("XADD s {n}-0 a b"));
    }
    rig.run("XGROUP CREATE s g 0");
    rig.journal();
    rig.run("XREADGROUP GROUP g c STREAMS s >");
    let journal = rig.journal();
    let time = rig.now;
    let given =
        |id: usize| format!("0 XCLAIM s g c 0 {id}-0 TIME {time} RETRYCOUNT 1 FORCE JUSTID LASTID 600-0");
    assert_eq!((journal.len(), &journal[0], &journal[599]), (601, &given(1), &given(600)));
    assert_eq!(journal[600], "0 XGROUP SETID s g 600-0 ENTRIESREAD 600");
    check(&mut rig, &[("XGROUP DELCONSUMER s g c", &["0 XGROUP DELCONSUMER s g c"])]);
    for n in 0..1200 {
        rig.run(&format!("ZADD z {n} m{n}"));
    }
    rig.journal();
    check(&mut rig, &[("ZMPOP 1 z MAX COUNT 1100", &["0 ZPOPMAX z 1100"])]);
}
