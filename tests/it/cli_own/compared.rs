//! The lines that both programs carry out.

use super::both_say_the_same;
use crate::support::Server;

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
        "once sub=1 pubsub true & redis-cli subscribe message.received; wait",
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
        "once cmd=monitor normal true & redis-cli MONITOR | sed -n 1p; wait",
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
        "once cmd=monitor normal true & redis-cli -u redis://default:secret@127.0.0.1:$PORT MONITOR | sed -n 1p; wait",
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
    let publish = "once sub=1 pubsub redis-cli publish ch hello &";
    let lines = [
        format!("{publish} redis-cli subscribe ch; wait"),
        format!("{publish} redis-cli --no-raw subscribe ch {hint}; wait"),
        format!("{publish} redis-cli --csv psubscribe 'c*' {hint}; wait"),
        format!("{publish} redis-cli -3 --no-raw psubscribe 'c*' {hint}; wait"),
        "once ssub=1 pubsub true & redis-cli ssubscribe a; wait".to_owned(),
        "redis-cli unsubscribe".to_owned(),
        // How often `once` asks, and so how many AUTH are shown, is a matter of time.
        "once cmd=monitor normal redis-cli set k 'a b' & redis-cli monitor | sed '/AUTH/d; s/^[0-9.]* //; s/127.0.0.1:[0-9]*/client/'; wait".to_owned(),
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
        "stdbuf -oL redis-cli --latency-history -i 0.1 --raw | grep -m 1 -o 'seconds range'".to_owned(),
        format!("stdbuf -oL redis-cli --lru-test 100 | head -1 | {figures}"),
        format!("stdbuf -oL redis-cli --latency-dist -i 0.2 | head -8 | {figures}"),
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
