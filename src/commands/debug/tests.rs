//! DEBUG in a server without sockets.

use super::super::testing::Rig;

#[test]
fn object_tells_how_a_key_is_kept() {
    let mut rig = Rig::new();
    rig.run("SET a hello");
    rig.now += 7000;
    let line = rig.run("DEBUG OBJECT a");
    assert!(line.starts_with("+Value at:0x"), "{line}");
    assert!(line.contains(" refcount:1 encoding:embstr serializedlength:6 lru:"), "{line}");
    assert!(line.ends_with(" lru_seconds_idle:7"), "{line}");
    let lengths =
        [("127", 2), ("-129", 3), ("65536", 5), ("4294967296", 11), ("abcdefghijklmnopqrstuvwxyz", 27)];
    for (value, expected) in lengths {
        rig.run(&format!("SET a {value}"));
        let line = rig.run("DEBUG OBJECT a");
        assert!(line.contains(&format!(" serializedlength:{expected} ")), "{value}: {line}");
    }
    assert_eq!(rig.run("DEBUG OBJECT nope"), "-ERR no such key");
    // It sees what has expired and is still there.
    rig.run("SET a hello PX 100");
    rig.now += 200;
    assert!(rig.run("DEBUG OBJECT a").starts_with("+Value"));
    assert_eq!(rig.run("EXISTS a"), ":0");
    assert_eq!(rig.run("DEBUG OBJECT a"), "-ERR no such key");
}

#[test]
fn object_tells_of_the_chunks_of_a_list() {
    let mut rig = Rig::new();
    rig.put_list("small", 2);
    let line = rig.run("DEBUG OBJECT small");
    assert!(line.contains(" encoding:listpack serializedlength:16 ") && !line.contains("ql_nodes"), "{line}");
    rig.put_list("large", 8193);
    let line = rig.run("DEBUG OBJECT large");
    assert!(
        line.contains(" encoding:quicklist ") && line.contains(" ql_nodes:4 ql_avg_node:2048.25 "),
        "{line}"
    );
    assert!(line.ends_with(" ql_listpack_max:-2 ql_compressed:0 ql_uncompressed_size:24607"), "{line}");
    rig.set("list-compress-depth", "1");
    let line = rig.run("DEBUG OBJECT large");
    assert!(line.contains(" ql_compressed:1 "), "{line}");
}

#[test]
fn protocol_shows_every_type() {
    for (name, resp2, resp3) in [
        ("string", "$11 Hello World", "$11 Hello World"),
        ("integer", ":12345", ":12345"),
        ("double", "$5 3.141", ",3.141"),
        ("bignum", "$37 1234567999999999999999999999999999999", "(1234567999999999999999999999999999999"),
        ("null", "$-1", "_"),
        ("array", "*3 :0 :1 :2", "*3 :0 :1 :2"),
        ("set", "*3 :0 :1 :2", "~3 :0 :1 :2"),
        ("map", "*6 :0 :0 :1 :1 :2 :0", "%3 :0 #f :1 #t :2 #f"),
        ("true", ":1", "#t"),
        ("FALSE", ":0", "#f"),
        ("verbatim", "$25 This is a verbatim\nstring", "=29 txt:This is a verbatim\nstring"),
        (
            "attrib",
            "$39 Some real reply following the attribute",
            "|1 $14 key-popularity *2 $7 key:123 :90 $39 Some real reply following the attribute",
        ),
        (
            "push",
            "-ERR RESP2 is not supported by this command",
            "$40 Some real reply following the push reply >2 $16 server-cpu-usage :42",
        ),
    ] {
        let command = format!("DEBUG PROTOCOL {name}");
        assert_eq!((&*Rig::new().run(&command), &*Rig::resp3().run(&command)), (resp2, resp3), "{name}");
    }
    assert!(Rig::new().run("DEBUG PROTOCOL x").starts_with("-ERR Wrong protocol type name. Please use"));
}

#[test]
fn populate_leaves_what_is_there() {
    let mut rig = Rig::new();
    rig.check(&[("SET k:1 x", "+OK"), ("DEBUG POPULATE 3 k", "+OK"), ("MGET k:0 k:1", "*2 $7 value:0 $1 x")]);
    rig.check(&[("DEBUG POPULATE 1 s 3", "+OK"), ("GET s:0", "$3 val"), ("DEBUG POPULATE 1 t 9", "+OK")]);
    rig.check(&[("STRLEN t:0", ":9"), ("DEBUG POPULATE 2", "+OK"), ("EXISTS key:0 key:1 key:2", ":2")]);
    for command in ["DEBUG POPULATE -1", "DEBUG POPULATE x", "DEBUG POPULATE 1 k -1"] {
        assert_eq!(rig.run(command), "-ERR value is out of range, must be positive", "{command}");
    }
}

#[test]
fn small_things() {
    let mut rig = Rig::new();
    rig.check(&[
        ("DEBUG ERROR MY\r\nerror", "-MY  error"),
        ("DEBUG LOG hello", "+OK"),
        ("debug sleep x", "+OK"),
    ]);
    rig.check(&[
        ("DEBUG SLEEP 0.001", "+OK"),
        ("DEBUG SLEEP -1", "+OK"),
        ("DEBUG SET-ACTIVE-EXPIRE 0", "+OK"),
    ]);
    let active = |rig: &Rig| rig.server.active_expire.load(std::sync::atomic::Ordering::Relaxed);
    assert!(!active(&rig));
    for (value, expected) in [("1", true), ("x", false), ("-2y", true), ("00", false)] {
        rig.run(&format!("DEBUG SET-ACTIVE-EXPIRE {value}"));
        assert_eq!(active(&rig), expected, "{value}");
    }
    let replid = rig.server.identity.replid.lock().clone();
    assert_eq!(rig.run("DEBUG CHANGE-REPL-ID"), "+OK");
    assert_ne!(*rig.server.identity.replid.lock(), replid);
    let refused = "-ERR argument must be a memory value bigger than 1 and smaller than 4gb";
    rig.check(&[
        ("DEBUG QUICKLIST-PACKED-THRESHOLD 5x", refused),
        ("DEBUG QUICKLIST-PACKED-THRESHOLD 4gb", refused),
    ]);
    assert_eq!(rig.run("DEBUG QUICKLIST-PACKED-THRESHOLD 100b"), "+OK");
    assert_eq!(rig.server.list_packed_threshold.load(std::sync::atomic::Ordering::Relaxed), 100);
    let kept = |rig: &Rig| rig.server.buffers_kept.load(std::sync::atomic::Ordering::Relaxed);
    for (value, expected) in [("0", true), ("1", false)] {
        assert_eq!(rig.run(&format!("DEBUG REPLYBUFFER resizing {value}")), "+OK");
        assert_eq!(kept(&rig), expected);
    }
    let syntax = "-ERR unknown subcommand or wrong number of arguments for";
    rig.check(&[
        ("DEBUG FOO", &*format!("{syntax} 'FOO'. Try DEBUG HELP.")),
        ("DEBUG object", &*format!("{syntax} 'object'. Try DEBUG HELP.")),
        ("DEBUG replybuffer peak 1", &*format!("{syntax} 'replybuffer'. Try DEBUG HELP.")),
        ("DEBUG HELP x", &*format!("{syntax} 'HELP'. Try DEBUG HELP.")),
        ("DEBUG jmap", "-ERR DEBUG JMAP is not supported by Redstart"),
    ]);
    assert!(rig.run("DEBUG HELP").contains("+POPULATE <count> [<prefix>] [<size>] +    Create"));
}

#[test]
fn digests_are_those_of_redis() {
    // Expected: what DEBUG DIGEST-VALUE and DEBUG DIGEST of Redis 7.4.1 said after the same commands.
    let mut rig = Rig::new();
    for command in [
        "SET str hello",
        "SET int 12345 PX 100000",
        "RPUSH list a b 3",
        "SADD set a 2 c",
        "SADD ints 1 2 3",
        "ZADD zset 1.5 a 10000000000 b -inf c",
        "HSET hash f v g 7",
        "HSET timed f v g 7",
        "HPEXPIRE timed 100000 FIELDS 1 f",
        "XADD stream 1-1 f v 2 3",
        "XADD stream 5-0 x y",
    ] {
        let reply = rig.run(command);
        assert!(!reply.starts_with('-'), "{command}: {reply}");
    }
    let values = [
        ("str", "36b23a1456b2dce2c3ed252c456761301dba8060"),
        ("int", "074a6e8892a0b0b4fcf085794cb69322c36c9d00"),
        ("list", "09eb1fc9381ee92790d59930ab462945f8cd948b"),
        ("set", "6aa0a97d256895d83b79bbdd47f20f0a4fc2455a"),
        ("ints", "2a462a3f51a1db89738ebbeef0c47ce1bbc85246"),
        ("zset", "a0ffbca9d47c8834108f78375f0c5fb1f7e5fe3a"),
        ("hash", "42e8aee1f7247f7f7997132f31f0ea5085e70d29"),
        ("timed", "a69751ac18783f165c6317b0dd81a61f80e4849c"),
        ("stream", "355d20a56f2c6b549a24066fa940315da01c335b"),
        ("nope", "0000000000000000000000000000000000000000"),
    ];
    for (key, digest) in values {
        assert_eq!(rig.run(&format!("DEBUG DIGEST-VALUE {key}")), format!("*1 +{digest}"), "{key}");
    }
    rig.check(&[("SELECT 3", "+OK"), ("SET other db", "+OK"), ("SELECT 0", "+OK")]);
    assert_eq!(rig.run("DEBUG DIGEST"), "+a28fcf8ceb3d878814d6ca569a13c82c5ce75185");
    rig.check(&[("FLUSHALL", "+OK"), ("DEBUG DIGEST", &format!("+{}", "0".repeat(40)))]);
    assert_eq!(rig.run("DEBUG DIGEST-VALUE"), "*0");
}

#[test]
fn digests_tell_nothing_of_encodings() {
    let mut rig = Rig::new();
    let large = "x".repeat(65);
    for (fill, grow, shrink, large_encoding) in [
        ("SADD k a 1", "SADD k {}", "SREM k {}", "hashtable"),
        ("HSET k a 1 b 2", "HSET k {} v", "HDEL k {}", "hashtable"),
        ("ZADD k 1 a 2.5 1", "ZADD k 3 {}", "ZREM k {}", "skiplist"),
    ] {
        rig.run(fill);
        let small = rig.run("DEBUG DIGEST");
        // What has grown too long stays in the large form.
        rig.run(&grow.replace("{}", &large));
        assert_ne!(rig.run("DEBUG DIGEST"), small, "{fill}");
        rig.run(&shrink.replace("{}", &large));
        let encoding = rig.run("OBJECT ENCODING k");
        assert!(encoding.ends_with(large_encoding), "{fill}: {encoding}");
        assert_eq!(rig.run("DEBUG DIGEST"), small, "{fill}");
        rig.run("DEL k");
    }
}

#[test]
fn listpack_goes_to_the_log() {
    let mut rig = Rig::new();
    rig.check(&[("HSET h f v", ":1"), ("DEBUG LISTPACK h", "+Listpack written to the log")]);
    rig.check(&[
        ("HPEXPIRE h 1000 FIELDS 1 f", "*1 :1"),
        ("DEBUG LISTPACK h", "+Listpack written to the log"),
    ]);
    rig.check(&[("SET s x", "+OK"), ("DEBUG LISTPACK s", "-ERR Not a listpack encoded object.")]);
    assert_eq!(rig.run("DEBUG LISTPACK nope"), "-ERR no such key");
}
