//! CONFIG SET and CONFIG GET; the texts were recorded from Redis 7.4.1.

use super::{CLIENT, from_text, get, set};
use crate::config::{Caller, Config, ConfigError, EvictionPolicy, Veto};

fn error(pairs: &[(&str, &str)]) -> String {
    set(&Config::new(), pairs).unwrap_err().to_string()
}

#[test]
fn wrong_values_are_refused_in_the_words_of_redis() {
    let int = "argument couldn't be parsed into an integer";
    for (name, value, why) in [
        ("maxmemory", "5x", "argument must be a memory value"),
        ("maxmemory", "-1", "argument must be a memory value"),
        ("maxmemory", &"0".repeat(128), "argument must be a memory value"),
        ("maxmemory-clients", "101%", "percentage argument must be less or equal to 100"),
        ("maxmemory-clients", "9223372036854775808", "percentage argument must be less or equal to 100"),
        ("maxmemory-clients", "x", "argument must be a memory or percent value"),
        ("maxmemory-clients", "-1%", "argument must be a memory or percent value"),
        ("maxclients", "0", "argument must be between 1 and 4294967295 inclusive"),
        ("port", "70000", "argument must be between 0 and 65535 inclusive"),
        ("port", "06379", int),
        ("slave-priority", "x", int),
        ("replica-priority", "-1", "argument must be between 0 and 2147483647 inclusive"),
        ("hash-max-listpack-entries", "-1", "argument must be between 0 and 9223372036854775807 inclusive"),
        (
            "list-max-listpack-size",
            "-99999999999",
            "argument must be between -2147483648 and 2147483647 inclusive",
        ),
        ("proto-max-bulk-len", "1", "argument must be between 1048576 and 9223372036854775807 inclusive"),
        (
            "loglevel",
            "x",
            "argument(s) must be one of the following: debug, verbose, notice, warning, nothing",
        ),
        ("appendonly", "maybe", "argument must be 'yes' or 'no'"),
        ("save", "1  2", "Invalid save parameters"),
        ("save", "0 2", "Invalid save parameters"),
        (
            "client-output-buffer-limit",
            "foo 1 2 3",
            "Invalid client class specified in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "normal 1 2",
            "Wrong number of arguments in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "normal 1 2 x",
            "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
        ),
        ("notify-keyspace-events", "Q", "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."),
        ("oom-score-adj-values", "1 2", "wrong number of arguments"),
        (
            "oom-score-adj-values",
            "1 2 9999",
            "Invalid oom-score-adj-values, elements must be between -2000 and 2000.",
        ),
        (
            "shutdown-on-sigterm",
            "save nosave",
            "shutdown options SAVE and NOSAVE can't be used simultaneously",
        ),
        (
            "shutdown-on-sigterm",
            "",
            "argument(s) must be one of the following: default, save, nosave, now, force",
        ),
        ("proc-title-template", "{x}", "template format is invalid or contains unknown variables"),
        (
            "cluster-announce-hostname",
            "a b",
            "Hostnames may only contain alphanumeric characters, hyphens or dots",
        ),
        ("cluster-announce-human-nodename", "a#b", "Announced human node name contained invalid character"),
        ("latency-tracking-info-percentiles", "50 x", "Invalid latency-tracking-info-percentiles parameters"),
        (
            "latency-tracking-info-percentiles",
            "101",
            "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]",
        ),
        ("bind", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", "Too many bind addresses specified."),
        ("Daemonize", "foo", "can't set immutable config"),
        ("dir", "/", "can't set protected config"),
    ] {
        let expected = format!("CONFIG SET failed (possibly related to argument '{name}') - {why}");
        assert_eq!(error(&[(name, value)]), expected, "{name} {value}");
    }
}

#[test]
fn the_first_directive_that_cannot_be_set_is_named() {
    assert_eq!(
        error(&[("maxclients", "x"), ("nosuch", "1"), ("daemonize", "yes")]),
        "Unknown option or number of arguments for CONFIG SET - 'nosuch'"
    );
    assert_eq!(
        error(&[("Daemonize", "yes"), ("nosuch", "1")]),
        "CONFIG SET failed (possibly related to argument 'Daemonize') - can't set immutable config"
    );
    assert_eq!(
        error(&[("maxclients", "1"), ("MAXCLIENTS", "2")]),
        "CONFIG SET failed (possibly related to argument 'MAXCLIENTS') - duplicate parameter"
    );
}

#[test]
fn all_or_nothing() {
    let config = Config::new();
    let version = config.version();
    assert!(set(&config, &[("maxmemory", "1gb"), ("save", "5 5"), ("maxmemory-policy", "x")]).is_err());
    assert_eq!((get(&config, "maxmemory"), config.version()), ("0".into(), version));
    set(&config, &[("maxmemory", "1gb"), ("maxmemory-policy", "AllKeys-LRU"), ("save", "")]).unwrap();
    assert_eq!(get(&config, "maxmemory-policy"), "allkeys-lru");
    assert_eq!(get(&config, "save"), "");
    assert_eq!(config.settings().memory.maxmemory, 1 << 30);
    assert_eq!(config.settings().memory.maxmemory_policy, EvictionPolicy::AllkeysLru);
}

#[test]
fn name_and_alias_may_be_given_together_and_the_last_counts() {
    let config = Config::new();
    set(&config, &[("replica-priority", "3"), ("slave-priority", "4")]).unwrap();
    assert_eq!(get(&config, "replica-priority"), "4");
}

#[test]
fn values_are_shown_in_their_canonical_form() {
    let config = Config::new();
    for (name, given, shown) in [
        ("maxmemory", "1KB", "1024"),
        ("maxmemory", "3g", "3000000000"),
        ("maxmemory", "18446744073709551615", "18446744073709551615"),
        ("maxmemory", "kb", "0"),
        ("maxmemory", "18446744073709551616", "18446744073709551615"),
        ("maxmemory", "17179869185gb", "1073741824"),
        ("maxmemory", "1k\0b", "1000"),
        ("maxmemory", "", "0"),
        ("maxmemory-clients", "18446744073709551611", "5%"),
        ("maxmemory-clients", "5%", "5%"),
        ("maxmemory-clients", "0%", "0"),
        ("hz", "5000", "500"),
        ("hz", "0", "1"),
        ("repl-backlog-size", "2000", "16384"),
        ("oom-score-adj", "relative", "yes"),
        ("shutdown-on-sigterm", "force now save default", "save now force"),
        ("notify-keyspace-events", "KEA", "AKE"),
        ("latency-tracking-info-percentiles", "50 99.123456789 -0", "50 99.123457 -0"),
        ("latency-tracking-info-percentiles", "0x10 1e1", "16 10"),
        (
            "client-output-buffer-limit",
            "replica 1mb 1k 7",
            "normal 0 0 0 slave 1048576 1000 7 pubsub 33554432 8388608 60",
        ),
        ("bind", "127.0.0.1 -::1", "127.0.0.1 -::1"),
        ("bind", "", ""),
    ] {
        set(&config, &[(name, given)]).unwrap();
        assert_eq!(get(&config, name), shown, "{name} {given}");
    }
}

#[test]
fn protected_directives_ask_who_it_is() {
    let config = from_text("enable-protected-configs local");
    let pairs: [(&[u8], &[u8]); 1] = [(b"dbfilename", b"x.rdb")];
    let far = Caller::Client { local: false, loading: false };
    assert_eq!(config.set(&pairs, far).unwrap_err(), ConfigError::Protected("dbfilename".into()));
    config.set(&pairs, CLIENT).unwrap();
    let loading = Caller::Client { local: true, loading: true };
    let error = config.set(&[(b"dir", b"/")], loading).unwrap_err();
    assert_eq!(
        (error.code(), error.to_string().as_str()),
        ("LOADING", "Redis is loading the dataset in memory")
    );
    assert_eq!(
        set(&config, &[("dir", "/no/such")]).unwrap_err().to_string(),
        "CONFIG SET failed (possibly related to argument 'dir') - No such file or directory"
    );
    set(&config, &[("dir", "/usr/../tmp")]).unwrap();
    assert_eq!(get(&config, "dir"), "/tmp");
}

#[test]
fn the_server_may_veto_a_prepared_change() {
    let config = Config::new();
    let pairs: [(&[u8], &[u8]); 2] = [(b"port", b"7000"), (b"timeout", b"0")];
    let prepared = config.prepare(&pairs, CLIENT).unwrap();
    assert_eq!(prepared.settings().network.port, 7000);
    assert_eq!(prepared.changes().iter().map(|row| row.name).collect::<Vec<_>>(), ["port"]);
    let error = prepared.veto("port", Veto::Port).to_string();
    assert_eq!(
        error,
        "CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server logs."
    );
    assert_eq!(config.settings().network.port, 6379);
    let changes = config.prepare(&pairs, CLIENT).unwrap().commit();
    assert!(changes.has("port") && !changes.has("timeout"));
    assert_eq!(config.settings().network.port, 7000);
}

#[test]
fn certificates_count_as_changed_when_set_again() {
    let changes = Config::new().set(&[(b"tls-cert-file", b"")], CLIENT).unwrap();
    assert!(changes.has("tls-cert-file"));
}

#[test]
fn get_answers_names_as_written_and_patterns_in_order() {
    let config = Config::new();
    let names = |patterns: &[&str]| {
        let patterns: Vec<_> = patterns.iter().map(|pattern| pattern.as_bytes()).collect();
        let found = config.get(&patterns).into_iter().map(|(name, _)| String::from_utf8(name).unwrap());
        found.collect::<Vec<_>>()
    };
    assert_eq!(
        names(&["MAXmemory", "max*lients", "maxmemory"]),
        ["maxclients", "MAXmemory", "maxmemory-clients"]
    );
    assert_eq!(names(&["*OF"]), ["replicaof", "slaveof"]);
    assert_eq!(names(&["key-load-delay"]), ["key-load-delay"]);
    assert!(names(&["key-load*", "nosuch", "save\\"]).is_empty());
}

#[test]
fn changes_made_at_the_same_time_are_not_lost() {
    let config = Config::new();
    let names = ["timeout", "hz", "maxmemory", "slowlog-max-len"];
    std::thread::scope(|scope| {
        for name in names {
            let config = &config;
            scope.spawn(move || (1..=50).for_each(|n| set(config, &[(name, &n.to_string())]).unwrap()));
        }
    });
    assert_eq!(names.map(|name| get(&config, name)), ["50"; 4]);
    assert_eq!(config.version(), 4 * 50);
}
