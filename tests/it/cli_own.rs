//! Our redis-cli beside Debian's: the same lines of shell against the same server print the same, on standard output
//! and on standard error, and end with the same code. Debian's is 7.0.15; what 7.4.1 does in another way stands in
//! [`as_redis_7_4_does`], recorded from its redis-cli.
//!
//! In the lines `redis-cli` is the program that is tested, told the port of the server. What can't be the same twice
//! (times, ports of clients) is cut away by the lines themselves.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::support::{Finished, Server, program, run};

/// The program under test.
fn own() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_redis-cli"))
}

/// A folder with a `redis-cli` that is one of the programs, told a port, and with the files that lines read.
struct Desk {
    folder: tempfile::TempDir,
    port: u16,
}

impl Desk {
    fn new(cli: &Path, port: u16) -> Desk {
        let folder = tempfile::tempdir().expect("temporary folders can be made");
        let desk = Desk { folder, port };
        desk.write("redis-cli", &format!("#!/bin/sh\nexec {} -p {port} \"$@\"\n", cli.display()));
        let script = desk.folder.path().join("redis-cli");
        std::fs::set_permissions(script, PermissionsExt::from_mode(0o755)).expect("it is ours");
        desk.write("script.lua", "return {KEYS, ARGV, redis.call('ping')}");
        desk.write("broken.lua", "return x(");
        desk.write("password.txt", "secret\n");
        desk
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("the folder can be written");
    }

    /// Runs a line by bash.
    fn line(&self, line: &str) -> Finished {
        let path = std::env::var("PATH").unwrap_or_default();
        let folder = self.folder.path();
        let mut bash = program("bash");
        bash.args(["-c", line]).current_dir(folder).env("PATH", format!("{}:{path}", folder.display()));
        bash.env("PORT", self.port.to_string()).env("HOME", folder).env("TERM", "xterm");
        for variable in ["REDISCLI_AUTH", "REDISCLI_HISTFILE", "REDISCLI_RCFILE", "FAKETTY"] {
            bash.env_remove(variable);
        }
        run(&mut bash)
    }
}

/// Runs the lines one after the other with Debian's redis-cli and then, on an empty server again, with ours.
#[track_caller]
fn both_say_the_same(server: &Server, lines: &[&str]) {
    let debian = PathBuf::from(program("redis-cli").get_program());
    let said = [debian, own()].map(|cli| {
        let desk = Desk::new(&cli, server.port());
        let mut client = server.client();
        client.ok(&["FLUSHALL"]);
        client.ok(&["CONFIG", "RESETSTAT"]);
        lines.iter().map(|line| desk.line(line)).collect::<Vec<_>>()
    });
    let [expected, found] = said;
    let mut differences = String::new();
    for ((line, expected), found) in lines.iter().zip(&expected).zip(&found) {
        if format!("{expected:?}") != format!("{found:?}") {
            differences += &format!("{line}\n  Debian's: {expected:#?}\n  ours: {found:#?}\n");
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

/// Every call of redis-cli in our seeds, with what docker and pnpm put around it taken away.
#[test]
fn lines_of_the_runbooks() {
    let server = Server::start();
    let client = |line: &str| line.replace("redis-cli", "redis-cli -a $(cat password.txt)");
    let lines = [
        // Seed 000.
        "redis-cli -h localhost -p $PORT ping",
        "redis-cli info memory | grep ^maxmemory:",
        "redis-cli info stats | grep ^evicted_keys",
        "redis-cli info clients | grep -c client",
        "timeout 0.3 redis-cli subscribe message.received",
        "redis-cli publish message.received '{\"type\":\"test\",\"payload\":{}}'",
        "redis-cli info | grep ^# | head -4",
        // Seed 001.
        "redis-cli -- latency",
        "echo \"LRANGE bull:bundle:render:wait 0 5\" | redis-cli",
        "redis-cli rpush bull:bundle:render:wait 1 2 3 4 5 6 7; echo \"LRANGE bull:bundle:render:wait 0 5\" | redis-cli",
        "redis-cli \"ZRANGE bull:bundle:render:delayed 0 -1\"",
        "redis-cli FLUSHDB",
        "redis-cli FLUSHALL",
        // Seed 002.
        "redis-cli --raw incr ping",
        "redis-cli set session:abc123x 1; redis-cli hset session:abc123 user 1 name 'A B'; redis-cli set rate_limit:user_1 5 ex 100; redis-cli set conversations:user_1:list '[\"x\"]'",
        "timeout 0.3 redis-cli MONITOR",
        "redis-cli INFO stats | grep -c :",
        "redis-cli KEYS 'c*'",
        "redis-cli GET \"conversations:user_1:list\"",
        "redis-cli HGETALL \"session:abc123\"",
        "redis-cli TTL \"rate_limit:user_1\" | sed 's/9[0-9]\\|100/about 100/'",
        "for i in 1 2 3; do redis-cli set cache:$i $i; done",
        "redis-cli --scan --pattern \"cache:*\" | head -1000 | xargs redis-cli -a $(cat password.txt) DEL",
        "redis-cli --scan --pattern \"cache:*\" | xargs -r redis-cli -a $(cat password.txt) DEL",
        "redis-cli INFO memory | grep used_memory_human | cut -d: -f1",
        "redis-cli CONFIG GET maxmemory-policy",
        "redis-cli PING",
        "redis-cli SLOWLOG GET 10 | wc -l",
        "redis-cli INFO commandstats | grep -o ^cmdstat_get:",
        // Seed 003.
        "redis-cli CLIENT LIST | wc -l",
        "redis-cli --hotkeys",
        "redis-cli set sse:state:1 x; redis-cli set sse:state:2 x ex 100; redis-cli --scan --pattern 'sse:state:*' | xargs -L 1 redis-cli -a secret TTL | sort -n | head -1",
        // Seed 004.
        "redis-cli --bigkeys | tr -d \"'\\\"\" | sort",
        "REDIS_URL=redis://default:secret@127.0.0.1:$PORT; redis-cli -u $REDIS_URL PING",
        "REDIS_URL=redis://:secret@127.0.0.1:$PORT/1; redis-cli -u $REDIS_URL set agent:1 x; redis-cli -u $REDIS_URL KEYS \"agent:*\" | xargs redis-cli -u $REDIS_URL DEL",
        "timeout 0.3 redis-cli -u redis://:secret@127.0.0.1:$PORT MONITOR",
        // For who comes after.
        "redis-cli config set requirepass ''",
    ];
    let set_password = "redis-cli config set requirepass secret";
    let without_password = [set_password, lines[0], lines[1], lines[14]];
    let own_password = lines.iter().map(|line| client(line)).collect::<Vec<_>>();
    let all: Vec<&str> =
        without_password.into_iter().chain(own_password.iter().map(|line| &line[..])).collect();
    both_say_the_same(&server, &all);
}

#[test]
fn replies_in_every_format() {
    let values = "redis-cli rpush l a b c d e f g h i j $'k\\nx'; redis-cli sadd s 1; redis-cli hset h f1 v1 f2 v2; \
                  redis-cli xadd st 1-1 f v g w; redis-cli xadd st 1-2 f v; redis-cli zadd z 1 a 2.5 b 1e30 c; \
                  redis-cli set k $'a b\\t\\x01\\xff'";
    let commands = [
        "get k",
        "get none",
        "incr n",
        "set k2 v",
        "getx",
        "lrange l 0 -1",
        "lrange none 0 -1",
        "hgetall h",
        "hgetall none",
        "smembers s",
        "xrange st - +",
        "xread streams st 0",
        "zrange z 0 -1 withscores",
        "command info get nosuch",
        "config get maxclients",
        "object help",
        "eval 'return {1,{2,{3,\"x\",false},{}},redis.status_reply(\"OK\"),redis.error_reply(\"MY err\")}' 0",
        "eval 'redis.setresp(3); return {map={a={1,2}}}' 0",
        "eval 'redis.setresp(3); return {map={b={map={x={set={y=true}}}}}}' 0",
        "eval 'redis.setresp(3); return {{set={}},{map={}},true,false,{double=3.5},redis.call(\"hgetall\",\"h\")}' 0",
        "exec",
    ];
    let formats = ["--raw", "--no-raw", "--csv", "--raw -d , -D ';'"];
    let mut lines = vec![values.to_owned()];
    for protocol in ["-2", "-3"] {
        for format in formats {
            let calls = commands.iter().map(|command| format!("redis-cli {protocol} {format} {command}"));
            lines.push(calls.collect::<Vec<_>>().join("; "));
        }
    }
    // In JSON 7.0.15 has no strings for the keys of maps that aren't strings.
    let calls = commands.iter().map(|command| format!("redis-cli -2 --json {command}"));
    lines.push(
        calls
            .filter(|call| !call.contains("get k;") && !call.contains("getx"))
            .collect::<Vec<_>>()
            .join("; "),
    );
    both_say_the_same(&Server::start(), &lines.iter().map(|line| &line[..]).collect::<Vec<_>>());
}

#[test]
fn options() {
    both_say_the_same(
        &Server::start(),
        &[
            "redis-cli ping",
            "redis-cli",
            "redis-cli -r 3 incr n",
            "redis-cli -r 3 -i 0.01 incr n",
            "redis-cli -r -1 -i 0.05 ping | head -3",
            "redis-cli -r 0 ping",
            "redis-cli -n 3 set k v; redis-cli get k; redis-cli -n 3 get k; redis-cli -n 99 get k",
            "redis-cli -u redis://127.0.0.1:$PORT/3 get k",
            "redis-cli -u redis://u:p%40@127.0.0.1:$PORT get k",
            "redis-cli -u http://localhost get k",
            "redis-cli -u redis://a%4 get k; redis-cli -u redis://a%4@h get k",
            "redis-cli -a x ping",
            "redis-cli -a x --no-auth-warning ping",
            "redis-cli --user u --pass x ping",
            "REDISCLI_AUTH=x redis-cli ping",
            "redis-cli -p 1 ping",
            "redis-cli -h nosuch.invalid ping 2>&1 | cut -d: -f1",
            "redis-cli -s /nosuch/socket ping",
            "redis-cli -e getx; redis-cli -e --no-raw set k",
            "redis-cli --nosuch",
            "redis-cli -X",
            "redis-cli -x -X tag get k",
            "redis-cli -2 -3 ping",
            "redis-cli -c -s x ping",
            "redis-cli --quoted-pattern '\"x' --scan",
            "redis-cli --show-pushes maybe ping",
            "redis-cli -c set k v",
            "redis-cli '' ; redis-cli get ''",
            "redis-cli --quoted-input set '\"\\x00\\x01\"' '\"a b\"'; redis-cli --quoted-input get '\"\\x00\\x01\"'",
            "redis-cli --quoted-input get '\"\\x00'",
            "redis-cli --quoted-input get '\"a\" \"b\"'",
            "printf 'from stdin' | redis-cli -x set b; redis-cli get b",
            "printf 'tagged' | redis-cli -X tag set b tag ex 100; redis-cli get b",
            "printf 'tagged' | redis-cli -X tag set b",
            "redis-cli -D '' --raw dump b | redis-cli -X value restore copy 0 value replace; redis-cli get copy",
            "echo secret | redis-cli --askpass ping 2>&1 | tail -1",
        ],
    );
}

#[test]
fn lines_from_standard_input() {
    both_say_the_same(
        &Server::start(),
        &[
            "printf 'SET a 1\\nINCR a\\n3 INCR a\\nGET \"none\"\\nget \"a\\n\\n   \\n:set x\\n:y\\n0 get a\\nquit\\nget a\\n' | redis-cli",
            "printf 'SET a 1\\r\\nget a\\r\\nrestart\\nclear\\nexit\\n' | redis-cli",
            "printf 'get a' | redis-cli --no-raw",
            "printf 'get a\\nget b\\n' | redis-cli --csv",
            "printf 'multi\\nset x 1\\nexec\\nselect 3\\nget x\\nselect 99\\ndiscard\\nreset\\nget x\\n' | FAKETTY=1 redis-cli",
            "printf 'debug sleep 0\\nget a\\n' | redis-cli -p 1",
            "printf 'connect 127.0.0.1 1\\nget a\\n' | redis-cli",
            "printf 'client kill type normal skipme no\\nget a\\nget a\\n' | redis-cli",
            "redis-cli client kill type normal skipme no",
            "for i in $(seq 1 2000); do printf \"SET key:$i $i\\r\\n\"; done | redis-cli --pipe",
            "printf 'SET\\r\\nfoo\\r\\nSET a b\\r\\n' | redis-cli --pipe",
            "redis-cli --pipe </dev/null",
            "{ printf '*2\\r\\n$4\\r\\nECHO\\r\\n$100000\\r\\n'; head -c 100000 /dev/zero; printf '\\r\\n'; } | redis-cli --pipe",
            "printf 'blpop none 0\\r\\n' | redis-cli --pipe --pipe-timeout 1",
        ],
    );
}

#[test]
fn subscriptions_and_monitoring() {
    // Only where there is a keyboard does 7.4.1 tell about Ctrl-C.
    let hint = "| grep -v ^Reading";
    let publish = "(sleep 0.3; redis-cli publish ch hello >/dev/null) &";
    let lines = [
        format!("{publish} timeout 0.7 redis-cli subscribe ch; wait"),
        format!("{publish} timeout 0.7 redis-cli --no-raw subscribe ch {hint}; wait"),
        format!("{publish} timeout 0.7 redis-cli --csv psubscribe 'c*' {hint}; wait"),
        format!("{publish} timeout 0.7 redis-cli -3 --no-raw psubscribe 'c*' {hint}; wait"),
        "timeout 0.3 redis-cli ssubscribe a".to_owned(),
        "redis-cli unsubscribe".to_owned(),
        "(sleep 0.3; redis-cli set k 'a b' >/dev/null) & timeout 0.7 redis-cli monitor | sed 's/^[0-9.]* //; s/127.0.0.1:[0-9]*/client/'; wait".to_owned(),
        "redis-cli monitor x".to_owned(),
    ];
    both_say_the_same(&Server::start(), &lines.iter().map(|line| &line[..]).collect::<Vec<_>>());
}

#[test]
fn modes() {
    let fill = "for i in $(seq 1 300); do echo \"SET key:$i $i\"; done | redis-cli --pipe; \
                redis-cli rpush l a b c; redis-cli sadd s 1; redis-cli hset h f v; redis-cli xadd st 1-1 f v; \
                redis-cli zadd z 1 a; redis-cli set $'bin\\x01' x";
    // 7.0.15 quotes keys twice.
    let without_quotes = "| tr -d \"\\\"'\"";
    let figures = "sed 's/[0-9][0-9.]*/N/g'";
    let lines = [
        fill.to_owned(),
        "redis-cli --scan | sort | head -20".to_owned(),
        "redis-cli --scan --pattern 'key:2*' | sort".to_owned(),
        "redis-cli --scan --quoted-pattern '\"key:\\x329*\"' | sort".to_owned(),
        "redis-cli --no-raw --scan --pattern 'b*'".to_owned(),
        "redis-cli --scan | head -1 | wc -l".to_owned(),
        "redis-cli -i 0.01 --scan | wc -l".to_owned(),
        format!("redis-cli --bigkeys {without_quotes} | sort"),
        format!("redis-cli --memkeys {without_quotes} | {figures} | sort | uniq"),
        format!("redis-cli --memkeys-samples 0 {without_quotes} | {figures} | sort | uniq"),
        "redis-cli --hotkeys".to_owned(),
        "redis-cli config set maxmemory-policy allkeys-lfu; redis-cli -r 100 get key:7 | uniq; redis-cli --hotkeys | grep -c ^hot; redis-cli config set maxmemory-policy noeviction".to_owned(),
        "redis-cli --eval script.lua a b , c d".to_owned(),
        "redis-cli --eval script.lua".to_owned(),
        "redis-cli --no-raw --eval script.lua , x".to_owned(),
        "redis-cli --eval broken.lua 2>&1 | cut -d: -f1".to_owned(),
        "redis-cli --eval nosuch.lua".to_owned(),
        "redis-cli --latency --raw -i 0.2 | awk '{print NF}'".to_owned(),
        "redis-cli --latency --csv -i 0.2 | tr -d '0-9.'".to_owned(),
        "stdbuf -oL redis-cli --stat -i 0.1 | head -5 | tail -3 | awk '{print $1, $3, $4, NF}'".to_owned(),
        format!("redis-cli --intrinsic-latency 1 | {figures} | uniq"),
        "timeout 0.5 stdbuf -oL redis-cli --latency-history -i 0.1 --raw | grep -c range | sed 's/[2-9]/some/'".to_owned(),
        format!("stdbuf -oL redis-cli --lru-test 100 | head -1 | {figures}"),
        format!("timeout 0.6 stdbuf -oL redis-cli --latency-dist -i 0.2 | head -8 | {figures}"),
    ];
    both_say_the_same(&Server::start(), &lines.iter().map(|line| &line[..]).collect::<Vec<_>>());
}

/// Help comes from the server where that has it, which Debian's has too.
#[test]
fn help() {
    both_say_the_same(
        &Server::start(),
        &[
            "redis-cli help get | head -3 | cut -c1-20",
            "redis-cli help nosuch",
            "redis-cli help config set | grep -v '1mCONFIG'",
            "redis-cli help @pubsub | grep -c summary",
            "redis-cli '?' dbsize | grep -v DBSIZE",
            "redis-cli help | tail -n +2",
        ],
    );
}

/// What a terminal shows: `script` gives the program one.
#[test]
fn replies_at_a_terminal() {
    let at_a_terminal = |command: &str| format!("script -qec \"redis-cli {command}\" /dev/null </dev/null");
    let lines = [
        "set k 'a b'",
        "get k",
        "get none",
        "incr n",
        "getx",
        "rpush l a b c",
        "lrange l 0 -1",
        "-3 config get maxclients",
        "--raw lrange l 0 -1",
        "--csv lrange l 0 -1",
        "info keyspace",
        "memory doctor",
        "--scan --pattern k",
        "-p 1 get k",
    ]
    .map(at_a_terminal);
    both_say_the_same(&Server::start(), &lines.iter().map(|line| &line[..]).collect::<Vec<_>>());
}

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
