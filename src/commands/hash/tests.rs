//! The family in a server without sockets: replies, events, fields that expire, large values.

use std::collections::BTreeSet;

use super::super::testing::Rig;

/// More fields than are worked on under a lock.
const MANY: usize = 4000;

/// A rig that hears of all events, at a time which the wheels have not passed.
fn listening() -> Rig {
    let mut rig = Rig::new();
    rig.now = 3_000_000_000_000;
    rig.set("notify-keyspace-events", "KEA");
    rig
}

/// Sets fields `f0`, `f1`, ... to their numbers.
fn fill(rig: &mut Rig, key: &str, fields: usize) {
    let pairs: Vec<(String, String)> = (0..fields).map(|n| (format!("f{n}"), n.to_string())).collect();
    let mut args: Vec<&[u8]> = vec![b"HSET", key.as_bytes()];
    args.extend(pairs.iter().flat_map(|(field, value)| [field.as_bytes(), value.as_bytes()]));
    rig.call(&args);
}

/// Sets the deadline of fields `f0`, `f1`, ...
fn expire_in(rig: &mut Rig, key: &str, fields: usize, ms: i64) {
    let (ms, count) = (ms.to_string(), fields.to_string());
    let names: Vec<String> = (0..fields).map(|n| format!("f{n}")).collect();
    let mut args: Vec<&[u8]> = vec![b"HPEXPIRE", key.as_bytes(), ms.as_bytes(), b"FIELDS", count.as_bytes()];
    args.extend(names.iter().map(String::as_bytes));
    rig.call(&args);
}

/// Hashes with field deadlines, and fields expired so far.
fn figures(rig: &Rig) -> (usize, u64) {
    let keyspace = &rig.server.keyspace;
    (keyspace.timed(0), keyspace.total(|counts| counts.expired_fields()))
}

#[test]
fn changes_are_told_and_counted() {
    let mut rig = listening();
    for (command, reply, events, dirty) in [
        ("HSET h a 1 b 2 a 3", ":2", &["0 hset h"][..], 3),
        ("HMSET h a 1", "+OK", &["0 hset h"], 1),
        ("HSETNX h a 5", ":0", &[], 0),
        ("HSETNX h c 5", ":1", &["0 hset h"], 1),
        ("HINCRBY h a 4", ":5", &["0 hincrby h"], 1),
        ("HINCRBYFLOAT h a 0.5", "$3 5.5", &["0 hincrbyfloat h"], 1),
        ("HINCRBY h a 1", "-ERR hash value is not an integer", &[], 0),
        ("HPEXPIRE h 5000 FIELDS 2 a nope", "*2 :1 :-2", &["0 hexpire h"], 1),
        ("HPEXPIRE h 6000 NX FIELDS 1 a", "*1 :0", &[], 0),
        ("HPERSIST h FIELDS 3 a b nope", "*3 :1 :-1 :-2", &["0 hpersist h"], 1),
        ("HPEXPIRE h 0 FIELDS 1 a", "*1 :2", &["0 hdel h"], 1),
        ("HDEL h b x b", ":1", &["0 hdel h"], 1),
        ("HEXPIREAT h 0 FIELDS 2 c c", "*2 :2 :-2", &["0 hdel h", "0 del h"], 1),
        ("HSET h a 1", ":1", &["0 hset h"], 1),
        ("HDEL h a", ":1", &["0 hdel h", "0 del h"], 1),
        ("HDEL h a", ":0", &[], 0),
    ] {
        assert_eq!(rig.run(command), reply, "{command}");
        assert_eq!(rig.events(), events, "{command}");
        assert_eq!(rig.dirty(), dirty, "{command}");
    }
    assert_eq!(figures(&rig), (0, 2));
}

#[test]
fn refused_numbers_leave_no_key_behind() {
    let mut rig = Rig::new();
    rig.check(&[
        ("HINCRBY h f x", "-ERR value is not an integer or out of range"),
        ("HINCRBYFLOAT h f x", "-ERR value is not a valid float"),
        ("HINCRBYFLOAT h f inf", "-ERR value is NaN or Infinity"),
        ("EXISTS h", ":0"),
        ("HSET h big 9223372036854775807 text x", ":2"),
        ("HINCRBY h big 1", "-ERR increment or decrement would overflow"),
        ("HINCRBY h text 1", "-ERR hash value is not an integer"),
        ("HINCRBYFLOAT h text 1", "-ERR hash value is not a float"),
        ("HINCRBYFLOAT h big 0.5", "$21 9223372036854775807.5"),
        ("HSET h a 1 odd", "-ERR wrong number of arguments for 'hset' command"),
        ("HMSET h a 1 odd", "-ERR wrong number of arguments for 'hmset' command"),
        ("HLEN h", ":2"),
    ]);
}

#[test]
fn a_reader_of_an_expired_field_removes_it() {
    for (command, reply) in [
        ("HGET h f0", "$-1"),
        ("HMGET h f0 f1", "*2 $-1 $-1"),
        ("HEXISTS h f0", ":0"),
        ("HSTRLEN h f0", ":0"),
        ("HRANDFIELD h", "$-1"),
        ("HRANDFIELD h 5", "*0"),
    ] {
        let mut rig = listening();
        fill(&mut rig, "h", 1);
        expire_in(&mut rig, "h", 1, 10);
        rig.now += 10;
        assert_eq!(rig.run("HEXISTS h f0"), ":1", "a deadline of now has not passed");
        rig.now += 1;
        rig.events();
        rig.dirty();
        rig.check(&[("HLEN h", ":1"), ("HGETALL h", "*0"), ("HKEYS h", "*0"), ("HVALS h", "*0")]);
        rig.check(&[("HSCAN h 0", "*2 $1 0 *0"), ("HTTL h FIELDS 1 f0", "*1 :-2")]);
        assert_eq!(figures(&rig), (1, 0));
        assert_eq!(rig.run(command), reply, "{command}");
        assert_eq!(rig.events(), ["0 hexpired h", "0 del h"], "{command}");
        assert_eq!(
            (rig.run("EXISTS h").as_str(), rig.dirty(), figures(&rig)),
            (":0", 0, (0, 1)),
            "{command}"
        );
    }
}

#[test]
fn a_writer_to_an_expired_field_begins_anew() {
    for (command, reply, event) in [
        ("HSETNX h f0 7", ":1", "0 hset h"),
        ("HINCRBY h f0 7", ":7", "0 hincrby h"),
        ("HINCRBYFLOAT h f0 7", "$1 7", "0 hincrbyfloat h"),
    ] {
        let mut rig = listening();
        fill(&mut rig, "h", 1);
        expire_in(&mut rig, "h", 1, 10);
        rig.now += 11;
        rig.events();
        assert_eq!(rig.run(command), reply, "{command}");
        assert_eq!(rig.events(), ["0 hexpired h", "0 del h", event], "{command}");
        rig.check(&[("HGET h f0", "$1 7"), ("HTTL h FIELDS 1 f0", "*1 :-1")]);
        assert_eq!(figures(&rig), (0, 1), "{command}");
    }
    // HSET replaces the field, with its deadline, as one that is there.
    let mut rig = listening();
    fill(&mut rig, "h", 1);
    expire_in(&mut rig, "h", 1, 10);
    rig.now += 11;
    rig.check(&[("HSET h f0 7", ":0"), ("HGET h f0", "$1 7"), ("HTTL h FIELDS 1 f0", "*1 :-1")]);
    assert_eq!(figures(&rig), (0, 0));
}

#[test]
fn numbers_keep_the_deadline_of_their_field() {
    let mut rig = listening();
    rig.check(&[("HSET h f 1", ":1"), ("HEXPIRE h 100 FIELDS 1 f", "*1 :1"), ("HINCRBY h f 1", ":2")]);
    rig.check(&[("HTTL h FIELDS 1 f", "*1 :100"), ("HINCRBYFLOAT h f 1", "$1 3")]);
    rig.check(&[("HPTTL h FIELDS 1 f", "*1 :100000"), ("HSET h f 1", ":0"), ("HTTL h FIELDS 1 f", "*1 :-1")]);
}

#[test]
fn fields_expire_when_their_time_comes() {
    let mut rig = listening();
    fill(&mut rig, "h", 5);
    expire_in(&mut rig, "h", 3, 50_000);
    expire_in(&mut rig, "h", 2, 1000);
    expire_in(&mut rig, "h", 1, 500);
    rig.events();
    for (pass, left, events) in [
        (499, 5, &[][..]),
        (20, 4, &["0 hexpired h"]),
        (400, 4, &[]),
        (100, 3, &["0 hexpired h"]),
        (48_000, 3, &[]),
        (1000, 2, &["0 hexpired h"]),
        (100_000, 2, &[]),
    ] {
        rig.now += pass;
        rig.expire();
        assert_eq!(
            (rig.run("HLEN h"), rig.events()),
            (format!(":{left}"), events.to_vec().iter().map(|e: &&str| (*e).to_owned()).collect())
        );
    }
    assert_eq!((figures(&rig), rig.dirty() > 0), ((0, 3), true));
    // The key goes with its last field, or when its own time comes.
    fill(&mut rig, "g", 2);
    expire_in(&mut rig, "g", 2, 100);
    fill(&mut rig, "k", 2);
    expire_in(&mut rig, "k", 1, 5000);
    rig.check(&[("PEXPIRE k 100", ":1")]);
    rig.events();
    rig.now += 116;
    rig.expire();
    let mut events = rig.events();
    events.sort();
    assert_eq!(events, ["0 del g", "0 expired k", "0 hexpired g"]);
    assert_eq!(figures(&rig), (0, 5));
}

#[test]
fn deadlines_go_where_the_hash_goes() {
    let mut rig = listening();
    fill(&mut rig, "a", 2);
    expire_in(&mut rig, "a", 1, 100);
    rig.check(&[("COPY a b", ":1"), ("RENAME a c", "+OK"), ("COPY b d", ":1"), ("MOVE d 1", ":1")]);
    assert_eq!(figures(&rig), (2, 0));
    rig.check(&[("COPY c e", ":1"), ("SET e x", "+OK"), ("COPY c f", ":1"), ("DEL f", ":1")]);
    assert_eq!((figures(&rig), rig.server.keyspace.timed(1)), ((2, 0), 1));
    rig.now += 120;
    rig.events();
    rig.expire();
    let mut events = rig.events();
    events.sort();
    assert_eq!(events, ["0 hexpired b", "0 hexpired c", "1 hexpired d"]);
    assert_eq!((figures(&rig), rig.server.keyspace.timed(1)), ((0, 3), 0));
}

#[test]
fn many_fields_expire_in_small_steps() {
    let mut rig = listening();
    fill(&mut rig, "h", MANY);
    expire_in(&mut rig, "h", MANY - 1, 100);
    rig.events();
    rig.now += 120;
    let reader = rig.call_meanwhile(&[b"HGETALL", b"h"], &mut |rig| {
        rig.expire();
        rig.check(&[("HLEN h", ":1")]);
    });
    // The reader's time is that of its beginning.
    assert_eq!(reader, format!("*2\r\n$5\r\nf{0}\r\n$4\r\n{0}\r\n", MANY - 1).into_bytes());
    let events = rig.events();
    assert!(events.len() > 1 && events.iter().all(|event| event == "0 hexpired h"), "{events:?}");
    assert_eq!(figures(&rig), (0, MANY as u64 - 1));
}

#[test]
fn deadlines_are_read_in_the_order_of_redis() {
    const MISSING: &str = "-ERR Mandatory argument FIELDS is missing or not at the right position";
    const MISMATCH: &str = "-ERR The `numfields` parameter must match the number of arguments";
    let mut rig = listening();
    rig.check(&[
        ("SET s x", "+OK"),
        ("HEXPIRE s x y z 1 f", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("HEXPIRE h x FIELDS 1 f", "-ERR value is not an integer or out of range"),
        ("HEXPIRE h -1 FIELD 1 f", "-ERR invalid expire time, must be >= 0"),
        ("HEXPIRE h 99999999999 FIELD 1 f", "-ERR invalid expire time in 'hexpire' command"),
        ("HPEXPIREAT h 70368744177664 FIELDS 1 f", "-ERR invalid expire time in 'hpexpireat' command"),
        ("HPEXPIREAT h 70368744177663 FIELDS 1 f", "*1 :-2"),
        ("HEXPIRE h 1 FIELD 1 f", MISSING),
        ("HEXPIRE h 1 NX XX FIELDS 1 f", MISSING),
        ("HEXPIRE h 1 NX FIELDS 1", MISMATCH),
        ("HEXPIRE h 1 FIELDS 0 f", "-ERR Parameter `numFields` should be greater than 0"),
        ("HEXPIRE h 1 FIELDS x f", "-ERR Parameter `numFields` should be greater than 0"),
        ("HEXPIRE h 1 FIELDS 2 f", MISMATCH),
        ("HTTL h FIELDS 0 f", "-ERR Number of fields must be a positive integer"),
        ("HTTL h FIELD 1 f", MISSING),
        ("HPERSIST h FIELDS 2 f", MISMATCH),
        ("HTTL h FIELDS 2 f f", "*2 :-2 :-2"),
        ("HPERSIST h FIELDS 1 f", "*1 :-2"),
        ("EXISTS h", ":0"),
    ]);
}

#[test]
fn conditions_on_deadlines() {
    let mut rig = listening();
    let at = rig.now / 1000;
    rig.check(&[("HSET h f 1", ":1"), ("HEXPIRE h 100 XX FIELDS 1 f", "*1 :0")]);
    rig.check(&[("HEXPIRE h 100 gt FIELDS 1 f", "*1 :0"), ("HEXPIRE h 100 LT FIELDS 1 f", "*1 :1")]);
    rig.check(&[("HEXPIRE h 200 LT FIELDS 1 f", "*1 :0"), ("HEXPIRE h 200 GT FIELDS 1 f", "*1 :1")]);
    rig.check(&[("HEXPIRE h 300 NX FIELDS 1 f", "*1 :0"), ("HEXPIRE h 300 XX FIELDS 1 f", "*1 :1")]);
    rig.now += 1;
    assert_eq!(rig.run("HTTL h FIELDS 1 f"), "*1 :300");
    assert_eq!(rig.run("HPTTL h FIELDS 1 f"), "*1 :299999");
    assert_eq!(rig.run("HEXPIRETIME h FIELDS 1 f"), format!("*1 :{}", at + 300));
    assert_eq!(rig.run("HPEXPIRETIME h FIELDS 1 f"), format!("*1 :{}000", at + 300));
}

#[test]
fn random_fields() {
    let mut rig = Rig::resp3();
    rig.check(&[("HSET h a 1", ":1"), ("HRANDFIELD h 5 WITHVALUES", "*1 *2 $1 a $1 1")]);
    rig.check(&[("HRANDFIELD h -2 withvalues", "*2 *2 $1 a $1 1 *2 $1 a $1 1"), ("HRANDFIELD x", "_")]);
    let mut rig = Rig::new();
    rig.check(&[
        ("HSET h a 1", ":1"),
        ("HRANDFIELD h -2 WITHVALUES", "*4 $1 a $1 1 $1 a $1 1"),
        ("HRANDFIELD h 0", "*0"),
        ("HRANDFIELD h x", "-ERR value is not an integer or out of range"),
        ("HRANDFIELD h 1 VALUES", "-ERR syntax error"),
        ("HRANDFIELD h 1 WITHVALUES x", "-ERR syntax error"),
        ("HRANDFIELD h -9223372036854775807 WITHVALUES", "-ERR value is out of range"),
        ("HRANDFIELD h -9223372036854775807", "-ERR value is out of range"),
        ("HRANDFIELD x 1", "*0"),
    ]);
    fill(&mut rig, "big", MANY);
    let mut put_off = 0;
    let reply = rig.call_meanwhile(&[b"HRANDFIELD", b"big", b"3000"], &mut |_| put_off += 1);
    let fields: BTreeSet<&[u8]> =
        reply.split(|&byte| byte == b'\n').filter(|line| line.starts_with(b"f")).collect();
    assert_eq!((put_off, fields.len()), (1, 3000));
}

#[test]
fn pages_without_values() {
    let mut rig = Rig::new();
    rig.check(&[("HSET h a 1 b 2", ":2"), ("HSCAN h 0 NOVALUES", "*2 $1 0 *2 $1 a $1 b")]);
    rig.check(&[("HSCAN h 0 MATCH b", "*2 $1 0 *2 $1 b $1 2"), ("HSCAN h 0 NOPE", "-ERR syntax error")]);
    fill(&mut rig, "big", MANY);
    let reply = rig.run("HSCAN big 0 COUNT 100 NOVALUES");
    assert!(!reply.starts_with("*2 $1 0 "), "there is more");
    let elements = reply.matches(" f").count();
    assert!((100..200).contains(&elements) && reply.matches('$').count() == elements + 1, "{reply}");
}
