//! The commands about the server, run without a socket.

use std::collections::BTreeSet;

use crate::commands::testing::Rig;

#[test]
fn command_info_has_ten_fields_and_sets_in_resp3() {
    let mut rig = Rig::resp3();
    let get = "*1 *10 $3 get :2 ~2 +readonly +fast :1 :1 :1 ~3 +@read +@string +@fast ~0 ~1 %3 $5 flags \
               ~2 +RO +access $12 begin_search %2 $4 type $5 index $4 spec %1 $5 index :1 $9 find_keys %2 $4 type \
               $5 range $4 spec %3 $7 lastkey :0 $7 keystep :1 $5 limit :0 ~0";
    assert_eq!(rig.run("COMMAND INFO get"), get);
    assert_eq!(rig.run("COMMAND INFO nope config|get|x get|x"), "*3 _ _ _");
    assert!(rig.run("COMMAND INFO config|get").starts_with("*1 *10 $10 config|get :-3 ~4 +admin "));
}

#[test]
fn key_specs_beyond_plain_ranges_are_marked_as_movable() {
    let mut rig = Rig::new();
    for (command, range) in
        [("bitop", ":2 :-1 :1"), ("mset", ":1 :-1 :2"), ("copy", ":1 :2 :1"), ("zunion", ":0 :0 :0")]
    {
        let info = rig.run(&format!("COMMAND INFO {command}"));
        assert!(info.contains(&format!(" {range} ")), "{command}: {info}");
        assert_eq!(info.contains("+movablekeys"), command == "zunion", "{command}: {info}");
    }
}

#[test]
fn keys_of_commands() {
    let mut rig = Rig::new();
    for (command, keys) in [
        ("GETKEYS MSET a b c d", "*2 $1 a $1 c"),
        ("GETKEYS ZUNIONSTORE d 2 x y WEIGHTS 1 2", "*3 $1 d $1 x $1 y"),
        ("GETKEYS ZUNION 3 x y", "-ERR Invalid arguments specified for command"),
        ("GETKEYS ZUNION x y", "-ERR Invalid arguments specified for command"),
        ("GETKEYS CONFIG", "-ERR The command has no key arguments"),
        ("GETKEYS CONFIG NOPE", "-ERR Invalid command specified"),
        ("GETKEYS GEORADIUS k 1 2 3 m STORE d", "*2 $1 k $1 d"),
        ("GETKEYSANDFLAGS GEORADIUS k 1 2 3 m STORE d", "*2 *2 $1 k *2 +RO +access *2 $1 d *2 +OW +update"),
        ("GETKEYSANDFLAGS SORT k STORE d", "*2 *2 $1 k *2 +RO +access *2 $1 d *2 +OW +update"),
        ("GETKEYSANDFLAGS SET a b get", "*1 *2 $1 a *3 +RW +access +update"),
        ("GETKEYSANDFLAGS SET a get", "*1 *2 $1 a *2 +OW +update"),
        ("GETKEYSANDFLAGS BITFIELD a OVERFLOW WRAP GET u8 0", "*1 *2 $1 a *2 +RO +access"),
        ("GETKEYSANDFLAGS BITFIELD a GET u8", "*1 *2 $1 a *3 +RW +access +update"),
    ] {
        assert_eq!(rig.run(&format!("COMMAND {command}")), keys, "{command}");
    }
}

#[test]
fn a_filter_of_command_list_is_the_last_word() {
    let mut rig = Rig::new();
    assert_eq!(rig.run("COMMAND LIST FILTERBY PATTERN SLOWLOG|L*"), "*1 $11 slowlog|len");
    assert_eq!(rig.run("COMMAND LIST FILTERBY MODULE json"), "*0");
    for wrong in ["FILTERBY", "FILTERBY PATTERN", "FILTERBY NOPE x", "PATTERN a", "FILTERBY PATTERN a b"] {
        assert_eq!(rig.run(&format!("COMMAND LIST {wrong}")), "-ERR syntax error", "{wrong}");
    }
}

#[test]
fn docs_name_no_command_twice_and_lack_no_summary() {
    let mut rig = Rig::new();
    let docs = rig.run("COMMAND DOCS");
    let names: Vec<&str> = docs.split(" $7 summary ").collect();
    assert!(names.len() > 150 && !docs.contains("$7 summary $0 "), "{}", names.len());
    let unique: BTreeSet<&str> = names.iter().filter_map(|part| part.rsplit(' ').nth(1)).collect();
    assert!(unique.len() > 100);
}

#[test]
fn config_set_is_all_or_nothing() {
    let mut rig = Rig::new();
    let failed = "-ERR CONFIG SET failed (possibly related to argument";
    let checks = [
        ("CONFIG SET hz 5 HZ 6", format!("{failed} 'HZ') - duplicate parameter")),
        ("CONFIG SET hz 5 timeout", "-ERR syntax error".to_owned()),
        ("CONFIG REWRITE", "-ERR The server is running without a config file".to_owned()),
    ];
    for (command, reply) in checks {
        assert_eq!(rig.run(command), reply, "{command}");
    }
    let refused = rig.run("CONFIG SET hz 5 maxclients 4000000000");
    assert!(refused.contains("the specified number of clients, try with "), "{refused}");
    assert_eq!(rig.run("CONFIG GET hz"), "*2 $2 hz $2 10");
}

#[test]
fn secrets_are_kept_out_of_the_slow_log() {
    let mut rig = Rig::new();
    rig.run("CONFIG SET timeout 1 requirepass pw masterauth");
    assert_eq!(rig.session.redacted, [5]);
}

#[test]
fn slow_log_counts() {
    let mut rig = Rig::new();
    for id in 0..15 {
        let entry = crate::observe::SlowEntry {
            id: 0,
            time: 1,
            usec: id,
            args: vec![b"get".as_slice().into()],
            addr: "a".to_owned(),
            client: String::new(),
        };
        rig.server.slow_log.push(entry, 128);
    }
    assert_eq!(rig.run("SLOWLOG GET 1"), "*1 *6 :14 :1 :14 *1 $3 get $1 a $0");
    assert!(rig.run("SLOWLOG GET").starts_with("*10 "));
    assert!(rig.run("SLOWLOG GET -1").starts_with("*15 "));
    rig.check(&[
        ("SLOWLOG GET 0", "*0"),
        ("SLOWLOG GET -2", "-ERR count should be greater than or equal to -1"),
        ("SLOWLOG GET x", "-ERR count should be greater than or equal to -1"),
        (
            "SLOWLOG GET 1 2",
            "-ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.",
        ),
        ("SLOWLOG LEN", ":15"),
        ("SLOWLOG RESET", "+OK"),
        ("SLOWLOG LEN", ":0"),
    ]);
}

#[test]
fn latencies_of_events_and_commands() {
    let mut rig = Rig::new();
    rig.server.latency.note("command", 20, 100);
    rig.server.latency.note("command", 30, 101);
    rig.check(&[
        ("LATENCY HISTORY command", "*2 *2 :100 :20 *2 :101 :30"),
        ("LATENCY HISTORY nope", "*0"),
        ("LATENCY LATEST", "*1 *4 $7 command :101 :30 :30"),
        ("LATENCY GRAPH nope", "-ERR No samples available for event 'nope'"),
        ("LATENCY RESET nope COMMAND", ":1"),
        ("LATENCY RESET", ":0"),
        ("LATENCY HISTOGRAM get nope", "*0"),
    ]);
    let get = rig.server.catalog.find_full_name(b"config|get").expect("it exists").id;
    rig.server.stats.ran(get, 3_000, false, true);
    let histogram = "*2 $10 config|get *4 $5 calls :1 $14 histogram_usec *2 :4 :1";
    assert_eq!(rig.run("LATENCY HISTOGRAM config config|get"), histogram);
    assert_eq!(rig.run("LATENCY HISTOGRAM"), histogram);
}

#[test]
fn a_lone_primary() {
    let mut rig = Rig::new();
    assert_eq!(rig.run("ROLE"), "*3 $6 master :0 *0");
    rig.check(&[
        ("REPLICAOF NO ONE", "+OK"),
        ("SLAVEOF no one", "+OK"),
        ("REPLICAOF host 70000", "-ERR Invalid master port"),
        ("CLUSTER INFO", "-ERR This instance has cluster support disabled"),
        ("READONLY", "-ERR This instance has cluster support disabled"),
        ("MODULE LIST", "*0"),
    ]);
    assert!(rig.run("REPLICAOF host 6379").starts_with("-ERR "));
    assert!(rig.run("MODULE LOAD x").starts_with("-ERR "));
}

#[test]
fn info_tells_what_was_counted_and_resetstat_forgets_it() {
    let mut rig = Rig::new();
    rig.run("SET a 1");
    rig.run("GET a");
    rig.run("GET none");
    let info = rig.run("INFO stats keyspace nothing");
    let keyspace = "  # Keyspace db0:keys=1,expires=0,avg_ttl=0,subexpiry=0";
    for line in ["# Stats ", " keyspace_hits:1 ", " keyspace_misses:1 ", keyspace] {
        assert!(info.contains(line), "no {line} in {info}");
    }
    rig.run("CONFIG RESETSTAT");
    assert!(rig.run("INFO stats").contains("keyspace_hits:0 "));
    assert_eq!(rig.run("INFO nothing"), "$0");
    for wrong in ["valkey_version", "dragonfly_version", "server:"] {
        assert!(!rig.run("INFO everything").contains(wrong), "{wrong}");
    }
}
