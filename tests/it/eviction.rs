//! What happens at the limits of memory: keys are evicted, writes are refused, the largest clients go.

use crate::support::{Client, Reply, Server, pipeline, wait_until};

/// Clients that write at the same time.
const CLIENTS: usize = 4;
/// Rounds of each; with the values below they write several times what fits.
const ROUNDS: usize = 40;

const SCRIPT: &str = "redis.call('set', KEYS[1], ARGV[1]) return redis.call('set', KEYS[2], ARGV[1])";

/// One round: runs of writes to one key, of scripts that touch two keys, and a transaction.
fn round(script: &str, client: usize, round: usize) -> Vec<String> {
    let value = "v".repeat(4000);
    let key = |n: usize| format!("k:{client}:{round}:{n}");
    let writes = (0..8).map(|_| format!("SET {} {value}", key(0)));
    let scripts = (1..9).map(|n| format!("EVALSHA {script} 2 {} {} {value}", key(n), key(n + 20)));
    let transaction = ["MULTI".to_owned(), format!("SET {} {value}", key(50)), "EXEC".to_owned()];
    writes.chain(scripts).chain(transaction).collect()
}

#[test]
fn pipelines_at_the_limit_go_on() {
    let server = Server::start();
    let mut admin = server.client();
    admin.ok(&["CONFIG", "SET", "maxmemory", "8mb", "maxmemory-policy", "allkeys-lru"]);
    let script = &admin.call(&["SCRIPT", "LOAD", SCRIPT]).text();
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let mut client = server.client();
            scope.spawn(move || {
                for turn in 0..ROUNDS {
                    let commands = round(script, number, turn);
                    let replies = client.exchange(pipeline(&commands), commands.len());
                    assert!(replies.iter().all(|reply| !reply.is_error("")), "{replies:?}");
                }
            });
        }
    });
    let evicted = admin.call(&["INFO", "stats"]).text();
    let evicted =
        evicted.lines().find_map(|line| line.strip_prefix("evicted_keys:")).expect("a field of INFO");
    assert!(evicted.trim().parse::<u64>().expect("a number") > 100, "{evicted}");
}

/// A figure of INFO.
fn figure(client: &mut Client, section: &str, name: &str) -> u64 {
    let text = client.call(&["INFO", section]).text();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
}

#[test]
fn a_limit_below_use_is_reached_in_the_background() {
    let server = Server::start();
    let mut client = server.client();
    let value = "v".repeat(1000);
    for n in 0..5000 {
        client.ok(&["SET", &format!("k:{n}"), &value]);
    }
    client.ok(&["CONFIG", "SET", "maxmemory", "3mb", "maxmemory-policy", "allkeys-lru"]);
    // INFO counts the few KB that it takes to answer.
    let reached = (3 << 20) + (64 << 10);
    wait_until("reached", || figure(&mut client, "memory", "used_memory") <= reached);
    assert!(figure(&mut client, "stats", "evicted_keys") > 1000);
}

#[test]
fn without_eviction_writes_are_refused_and_nothing_changes() {
    let server = Server::start();
    let mut client = server.client();
    client.ok(&["SET", "a", "1"]);
    client.ok(&["CONFIG", "SET", "maxmemory", "1"]);
    let oom = "OOM command not allowed when used memory > 'maxmemory'.";
    for command in
        [&["SET", "a", "2"][..], &["APPEND", "a", "2"], &["LPUSH", "b", "2"], &["SORT", "b", "STORE", "c"]]
    {
        assert_eq!(client.call(command).text(), oom, "{command:?}");
    }
    assert_eq!(client.raw(&["GET", "a"]), b"$1\r\n1\r\n");
    client.ok(&["MULTI"]);
    assert_eq!(client.raw(&["GET", "a"]), b"+QUEUED\r\n");
    assert_eq!(client.raw(&["EXEC"]), b"*1\r\n$1\r\n1\r\n");
    client.ok(&["MULTI"]);
    assert_eq!(client.call(&["SET", "a", "2"]).text(), oom);
    assert_eq!(client.raw(&["GET", "a"]), b"+QUEUED\r\n");
    assert!(client.call(&["EXEC"]).text().starts_with("EXECABORT "));
    let script = "#!lua\nreturn redis.call('GET', 'a')";
    assert_eq!(client.call(&["EVAL", script, "0"]).text(), oom);
    assert_eq!(client.raw(&["DBSIZE"]), b":1\r\n");
    assert_eq!(client.raw(&["DEL", "a"]), b":1\r\n");
    client.ok(&["CONFIG", "SET", "maxmemory", "0"]);
    client.ok(&["SET", "a", "2"]);
}

#[test]
fn few_volatile_keys_go_and_the_others_stay() {
    const OTHERS: usize = 5000;
    const ROUNDS: usize = 600;
    let server = Server::start();
    let mut client = server.client();
    let set = |n: usize| format!("SET persistent:{n} value");
    let others: Vec<String> = (0..OTHERS).map(set).collect();
    client.exchange(pipeline(&others), OTHERS);
    let used = figure(&mut client, "memory", "used_memory");
    let limit = (used + (300 << 10)).to_string();
    client.ok(&["CONFIG", "SET", "maxmemory", &limit, "maxmemory-policy", "volatile-lru"]);
    let value = "v".repeat(1000);
    for n in 0..ROUNDS {
        client.ok(&["SET", &format!("volatile:{n}"), &value, "EX", "10000"]);
    }
    // From here on nothing more goes: memory is near the limit, and looking takes some.
    client.ok(&["CONFIG", "SET", "maxmemory", "0"]);
    let evicted = figure(&mut client, "stats", "evicted_keys");
    assert!(evicted > 100, "{evicted}");
    assert_eq!(client.raw(&["DBSIZE"]), format!(":{}\r\n", OTHERS + ROUNDS - evicted as usize).as_bytes());
    let exist: Vec<String> = (0..OTHERS).map(|n| format!("EXISTS persistent:{n}")).collect();
    let replies = client.exchange(pipeline(&exist), OTHERS);
    assert!(replies.iter().all(|reply| *reply == Reply::Int(1)));
}

/// A client with a name whose unfinished request takes so many bytes.
fn heavy(server: &Server, admin: &mut Client, name: &str, bytes: usize) -> Client {
    let mut client = server.client();
    client.ok(&["CLIENT", "SETNAME", name]);
    client.send(format!("*2\r\n${bytes}\r\n").as_bytes());
    client.send_to_maybe_closed(&vec![b'x'; bytes]);
    let taken = |admin: &mut Client| {
        let list = admin.call(&["CLIENT", "LIST"]).text();
        let line = list.lines().find(|line| line.contains(&format!(" name={name} ")))?.to_owned();
        line.split(' ').find_map(|field| field.strip_prefix("qbuf=")?.parse::<usize>().ok())
    };
    wait_until("taken", || taken(admin).is_none_or(|taken| taken >= bytes));
    client
}

fn names(admin: &mut Client) -> Vec<String> {
    let list = admin.call(&["CLIENT", "LIST"]).text();
    let mut names: Vec<String> =
        list.split(' ').filter_map(|field| field.strip_prefix("name=")).map(str::to_owned).collect();
    names.sort();
    names
}

#[test]
fn the_largest_clients_go_when_all_take_too_much() {
    let server = Server::start();
    let mut admin = server.client();
    admin.ok(&["CLIENT", "SETNAME", "admin"]);
    admin.ok(&["CLIENT", "NO-EVICT", "ON"]);
    let mut kept = server.client();
    let _clients = [
        heavy(&server, &mut admin, "large", 4_000_000),
        heavy(&server, &mut admin, "larger", 6_000_000),
        heavy(&server, &mut admin, "small", 100_000),
    ];
    kept.ok(&["CLIENT", "SETNAME", "kept"]);
    kept.ok(&["CLIENT", "NO-EVICT", "ON"]);
    admin.ok(&["CONFIG", "SET", "maxmemory-clients", "6mb"]);
    assert_eq!(names(&mut admin), ["admin", "kept", "large", "small"]);
    // A share of maxmemory: 2 MB.
    admin.ok(&["CONFIG", "SET", "maxmemory", "200mb", "maxmemory-clients", "1%"]);
    assert_eq!(names(&mut admin), ["admin", "kept", "small"]);
    // What comes later counts at once.
    let _late = heavy(&server, &mut admin, "late", 3_000_000);
    assert_eq!(names(&mut admin), ["admin", "kept", "small"]);
    kept.ok(&["SELECT", "0"]);
    assert_eq!(figure(&mut admin, "stats", "evicted_clients"), 3);
}
