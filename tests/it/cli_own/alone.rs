//! What Debian's redis-cli doesn't do, or does in another way: as 7.4.1, at a terminal, as a replica; and what is
//! refused.

use std::os::unix::fs::PermissionsExt;

use super::{Desk, own};
use crate::support::{Finished, Server, debian, project_dir};

/// What our redis-cli prints for a line.
#[track_caller]
fn says(desk: &Desk, line: &str) -> String {
    desk.line(line).success()
}

/// What Redis 7.4.1's redis-cli printed where Debian's 7.0.15 prints something else.
#[test]
fn as_redis_7_4_does() {
    let server = Server::start();
    let desk = Desk::new(&own(), server.port());
    says(&desk, "redis-cli -X value set k value <<< $'a\\x01\"\\xc3\\xa9'; redis-cli hset h $'f\\x01' v");
    for (line, expected) in [
        ("redis-cli --version", "redis-cli 7.4.1\n"),
        ("redis-cli --json get k", "\"a\\u0001\\\"\u{e9}\\n\"\n"),
        ("redis-cli --quoted-json get k", "\"a\\\\x01\\\\\"\\\\xc3\\\\xa9\\\\n\"\n"),
        ("redis-cli --json hgetall h", "{\"f\\u0001\":\"v\"}\n"),
        ("redis-cli --json -2 hgetall h", "[\"f\\u0001\",\"v\"]\n"),
        (
            "redis-cli --json eval 'redis.setresp(3); return {map={[1]={map={[true]={double=2.5}}}}}' 0",
            "{\"1\":{\"true\":2.5}}\n",
        ),
        ("redis-cli --json getx", "error:\"ERR unknown command 'getx', with args beginning with: \"\n"),
        (
            "redis-cli --latency --json -i 0.1 | tr -d '0-9.'",
            "{\"min\": , \"max\": , \"avg\": , \"count\": }\n",
        ),
        ("redis-cli -t 1 ping", "PONG\n"),
        (
            "printf 'hello 3\\nclient tracking on\\nget t\\nset t 1\\nping\\n' | FAKETTY=1 redis-cli | tail -3",
            "OK\n-> invalidate: 't'\nPONG\n",
        ),
        ("redis-cli --scan --count 1000 --pattern '[hk]' | sort", "h\nk\n"),
        ("redis-cli --bigkeys | grep ^Biggest.*hash", "Biggest   hash found \"h\" has 1 fields\n"),
        ("redis-cli -p 70000 ping 2>&1 || true", "Invalid server port.\n"),
        ("redis-cli --memkeys-samples x 2>&1 || true", "--memkeys-samples conversion error.\n"),
        (
            "printf 'subscribe a b\\nping\\nunsubscribe a\\n' | redis-cli",
            "subscribe\na\n1\nsubscribe\nb\n2\npong\n\nunsubscribe\na\n1\n",
        ),
        (
            "printf 'subscribe a\\nping\\nget x\\nunsubscribe a\\nreset\\nget x\\n' | redis-cli -3 --no-raw",
            "1) \"subscribe\"\n2) \"a\"\n3) (integer) 1\nPONG\n(nil)\n\
             1) \"unsubscribe\"\n2) \"a\"\n3) (integer) 0\nRESET\n(nil)\n",
        ),
        (
            "printf 'subscribe a\\nping\\n' | FAKETTY=1 TERM=dumb redis-cli",
            "1) \"subscribe\"\n2) \"a\"\n3) (integer) 1\n\
             Reading messages... (press Ctrl-C to quit or any key to type command)\r\x1b[K\
             1) \"pong\"\n2) \"\"\n\
             Reading messages... (press Ctrl-C to quit or any key to type command)\r\x1b[K",
        ),
    ] {
        assert_eq!(says(&desk, line), expected, "{line}");
    }
    says(&desk, "redis-cli del t");
    let stats = says(&desk, "redis-cli --keystats --top 1");
    for part in [
        "\n100.00% keys scanned\nKeys sampled: 2\nKeys size:    ",
        "\n--- Top 1 key sizes ---\n  1 ",
        "\n--- Top size per type ---\nhash       h is ",
        "\n--- Top length and cardinality per type ---\nhash       h has 1 fields\nstring     k has 6B\n",
        "\nKey size Percentile Total keys\n-------- ---------- -----------\n",
        "\nKey name length Percentile Total keys\n--------------- ---------- -----------\n             1B  100.0000%           2\nTotal key length is 2B (1B avg)\n",
        "\nType        Total keys  Keys % Tot size Avg size  Total length/card Avg ln/card\n",
    ] {
        assert!(stats.contains(part), "{part:?} is missing:\n{stats}");
    }
}

/// What is seen when somebody waits for these texts and then types these keys.
#[track_caller]
fn typed(desk: &Desk, steps: &[(&str, &str)]) -> String {
    let keys = serde_json::to_string(steps).expect("strings are JSON");
    desk.write("keys", &keys);
    let script = project_dir().join("tests/clients/terminal.py");
    says(desk, &format!("python3 {} \"$(cat keys)\" {} -p $PORT", script.display(), own().display()))
}

#[test]
fn a_person_at_a_terminal() {
    let server = Server::start();
    let desk = Desk::new(&own(), server.port());
    desk.write(".redisclirc", ":set nohints\n:set nonsense\n");
    let shown = typed(
        &desk,
        &[
            ("> ", "set k 'a b'\r"),
            ("OK", ""),
            ("> ", "auth secret\r"),
            ("(error) ERR AUTH", ""),
            ("> ", "2 incr n\r"),
            ("(integer) 1\n(integer) 2", ""),
            ("> ", "multi\r"),
            ("(TX)> ", "select 3\r"),
            ("[3](TX)> ", "exec\r"),
            ("1) OK", ""),
            ("[3]> ", "subscribe a\r"),
            ("Reading messages... (press Ctrl-C to quit or any key to type command)", "\x03"),
            ("[3]> ", "monitor\r"),
            ("OK", "\x03"),
            ("[3]> ", "client kill type normal skipme no\r"),
            ("(integer) ", ""),
            ("[3]> ", "ping\r"),
            ("Error: Server closed the connection", ""),
            ("not connected> ", "select 0\r"),
            ("OK", ""),
            ("> ", "conf\t\t resetstat\r"),
            ("CONFIG", ""),
            ("> ", "\x1b[A\x1b[A\x1b[A\r"),
            ("PONG", ""),
            ("> ", ":set hints\r"),
            ("> ", "get "),
            ("get key", "k\r"),
            ("\"a b\"", ""),
            ("> ", "quit\r"),
        ],
    );
    assert!(shown.contains(".redisclirc: unknown redis-cli preference 'nonsense'"), "{shown}");
    let history = desk.folder.path().join(".rediscli_history");
    let kept = std::fs::read_to_string(&history).expect("the history is kept");
    assert!(kept.starts_with("set k 'a b'\n2 incr n\nmulti\n") && kept.ends_with("get k\nquit\n"), "{kept}");
    assert!(!kept.contains("secret"), "{kept}");
    let mode = std::fs::metadata(&history).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // The next one finds it.
    typed(&desk, &[("> ", "\x1b[A\x1b[A\r"), ("\"a b\"", ""), ("> ", "\x04")]);
}

/// With a real Redis, which has replicas.
#[test]
fn snapshots_and_the_stream_of_a_primary() {
    let folder = tempfile::tempdir().expect("temporary folders can be made");
    let redis = debian(folder.path(), &["--repl-diskless-sync-delay", "0"]);
    let desk = Desk::new(&own(), redis.port());
    says(&desk, "redis-cli set k v; redis-cli set large $(head -c 50000 /dev/zero | tr '\\0' x)");
    // With and without knowing beforehand how long it is.
    for diskless in ["no", "yes"] {
        says(&desk, &format!("redis-cli config set repl-diskless-sync {diskless}"));
        let told = says(&desk, "redis-cli --rdb copy.rdb 2>&1");
        assert!(
            told.starts_with("sending REPLCONF capa eof\nsending REPLCONF rdb-only 1\nSYNC sent to master, "),
            "{told}"
        );
        assert!(told.contains("\nTransfer finished with success"), "{told}");
        let checked = says(&desk, "/usr/bin/redis-check-rdb copy.rdb");
        assert!(checked.contains("2 keys read") && checked.contains("RDB looks OK"), "{checked}");
        assert_eq!(
            says(&desk, "redis-cli --rdb - 2>/dev/null | cmp -n 9 - copy.rdb && head -c 5 copy.rdb"),
            "REDIS"
        );
        let functions =
            says(&desk, "redis-cli --functions-rdb copy.rdb 2>&1 && /usr/bin/redis-check-rdb copy.rdb");
        assert!(functions.contains("0 keys read"), "{functions}");
    }
    let primary = "(while ! redis-cli info replication | grep -q state=online; do sleep 0.05; done; \
                   redis-cli set from primary; sleep 1.5; redis-cli client kill type slave) >/dev/null &";
    let stream = desk.line(&format!("{primary} timeout 20 redis-cli --replica; code=$?; wait; exit $code"));
    assert!(stream.stdout.contains("\"set\",\"from\",\"primary\"\n"), "{stream:?}");
    assert!(
        stream.code == Some(1) && stream.stderr.ends_with("Server closed the connection\n"),
        "{stream:?}"
    );
    // Ours has none so far.
    let server = Server::start();
    let refused = Desk::new(&own(), server.port()).line("redis-cli --rdb copy.rdb; ls copy.rdb");
    assert!(refused.stderr.contains("\nSYNC with master failed: -ERR unknown command"), "{refused:?}");
    assert!(refused.stdout.is_empty(), "{refused:?}");
}

/// Who has no cluster and no debugger says so.
#[test]
fn what_is_left_out_is_refused() {
    let server = Server::start();
    let desk = Desk::new(&own(), server.port());
    for (line, expected) in [
        ("redis-cli --cluster info", "The cluster manager isn't part of this redis-cli.\n"),
        ("redis-cli --eval script.lua --ldb", "The Lua debugger isn't part of this redis-cli.\n"),
    ] {
        let Finished { code, stdout, stderr } = desk.line(line);
        assert_eq!((code, &stdout[..], &stderr[..]), (Some(1), "", expected), "{line}");
    }
}
