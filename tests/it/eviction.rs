//! Eviction while pipelines of single commands, scripts and transactions run at the memory limit.

use crate::support::{Server, pipeline};

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
