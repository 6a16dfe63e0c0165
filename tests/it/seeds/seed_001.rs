//! Seed 001, "Redis Operations Runbook": a server for queues and one for a cache.

use std::path::Path;

use super::place::Place;
use super::{application, with_each_redis_cli};
use crate::support::{program, wait_until};

/// Both services, each at the port of every Redis, with the queue `bundle:render` filled.
fn place(cli: &Path) -> Place {
    let place = Place::new(cli, &[("redis-queue", "127.0.0.2"), ("redis-cache", "127.0.0.3")]);
    place.plain_service("redis-queue", "127.0.0.2", "");
    place.plain_service("redis-cache", "127.0.0.3", "--maxmemory 100mb --maxmemory-policy allkeys-lru");
    // "Configuration Changes": the applications know the servers by these.
    for (name, action) in [
        ("queue:promote", "queue:promote"),
        ("queue:drain", "queue:drain"),
        ("bundle:launch", "bundle:launch"),
    ] {
        place.script(name, &application(&format!("{action} ${{REDIS_QUEUE_URL:-redis://redis-queue:6379}}")));
    }
    assert_eq!(place.says(&application("fill redis://redis-queue:6379")), "filled\n");
    place
}

/// "3.1 Inspect Queue Depth". The first line lacks two dashes: redis-cli takes `--` for an option that it doesn't
/// know, and the server wants to know what about latency; `--latency` is meant.
#[test]
fn queue_depth() {
    with_each_redis_cli(|cli| {
        let place = place(cli);
        let unknown = place.line("pnpm compose:exec redis-queue redis-cli -- latency");
        assert_ne!(unknown.stdout + &unknown.stderr, "");
        let incomplete = place.says("pnpm compose:exec redis-queue redis-cli latency");
        assert_eq!(incomplete, "ERR wrong number of arguments for 'latency' command\n\n");
        let measured = place.says("pnpm compose:exec redis-queue redis-cli --raw -i 1 --latency");
        assert_eq!(measured.split_whitespace().count(), 4, "min, max, average, samples: {measured}");
        let line = r#"echo "LRANGE bull:bundle:render:wait 0 5" | pnpm compose:exec redis-queue redis-cli"#;
        assert_eq!(place.says(line), "8\n7\n6\n5\n4\n3\n");
    });
}

/// "3.2 Flush Dev Data": of the two servers each has its own.
#[test]
fn flush() {
    with_each_redis_cli(|cli| {
        let place = place(cli);
        place.says("redis-cli -h redis-cache set cached 1");
        assert_eq!(place.says("pnpm compose:exec redis-queue redis-cli FLUSHALL"), "OK\n");
        assert_eq!(place.says("redis-cli -h redis-queue dbsize"), "0\n");
        assert_eq!(place.says("redis-cli -h redis-cache dbsize"), "1\n");
        assert_eq!(place.says("pnpm compose:exec redis-cache redis-cli FLUSHALL"), "OK\n");
        assert_eq!(place.says("redis-cli -h redis-cache dbsize"), "0\n");
    });
}

/// "3.3 Promote Priority Jobs". The runbook quotes the whole command: redis-cli sends one word, and a server knows no
/// such command.
#[test]
fn promote() {
    with_each_redis_cli(|cli| {
        let place = place(cli);
        let quoted = "ZRANGE bull:bundle:render:delayed 0 -1";
        let unknown = format!("ERR unknown command '{quoted}', with args beginning with: \n\n");
        assert_eq!(place.says(&format!("pnpm compose:exec redis-queue redis-cli \"{quoted}\"")), unknown);
        assert_eq!(place.says(&format!("pnpm compose:exec redis-queue redis-cli {quoted}")), "9\n10\n11\n");
        assert_eq!(place.says("pnpm --filter api run queue:promote bundle:render"), "promoted 3\n");
        assert_eq!(place.says(&format!("redis-cli -h redis-queue {quoted}")), "\n");
    });
}

/// "Scenario A: redis-queue Unavailable": jobs outlive the restart, the worker comes back by itself.
#[test]
fn the_queue_is_unavailable() {
    with_each_redis_cli(|cli| {
        let place = place(cli);
        assert_eq!(place.says("pnpm compose:ps redis-queue"), "redis-queue Up\n");
        let log = place.says("pnpm compose:logs redis-queue");
        assert!(log.contains("Ready to accept connections"), "{log}");
        let (mut restarted, mut added) = (false, false);
        let worker =
            place.follows(&application("worker redis://redis-queue:6379"), "completed late\n", || {
                if !restarted && place.says("redis-cli -h redis-queue llen bull:bundle:render:wait") == "0\n"
                {
                    place.says("pnpm compose:restart redis-queue");
                    place.wait_until_ready("redis-queue", 2);
                    restarted = true;
                } else if restarted && !added {
                    added = place.says(&application("add redis://redis-queue:6379 late")) == "late\n";
                }
            });
        assert!(worker.contains("\nQueue connection restored\n"), "{worker}");
        assert_eq!(place.says("redis-cli -h redis-queue zcard bull:bundle:render:delayed"), "3\n");
        assert_eq!(place.says("pnpm --filter api run queue:drain bundle:render"), "left 0\n");
    });
}

/// "Scenario B: redis-cache Latency Spikes".
#[test]
fn the_cache_is_slow() {
    with_each_redis_cli(|cli| {
        let place = place(cli);
        place.says("redis-cli -h redis-cache config set slowlog-log-slower-than 0");
        place.says("redis-cli -h redis-cache set token:1 introspected EX 60");
        let slow = place.says("pnpm compose:exec redis-cache redis-cli SLOWLOG GET 20");
        assert!(slow.contains("\nset\ntoken:1\nintrospected\nEX\n60\n"), "{slow}");
        let memory = place.says("pnpm compose:exec redis-cache redis-cli INFO memory");
        assert!(memory.contains("\nmaxmemory_human:100.00M\r\n"), "{memory}");
        assert_eq!(place.says("pnpm compose:exec redis-cache redis-cli FLUSHDB"), "OK\n");
        assert_eq!(place.says("pnpm compose:exec redis-cache redis-cli DBSIZE"), "0\n");
    });
}

/// "Scenario C: Both Redis Instances Down": the exporter finds the server again, and a job goes through.
#[test]
fn both_are_down() {
    with_each_redis_cli(|cli| {
        let place = place(cli);
        let mut exporter =
            place.command(&program("prometheus-redis-exporter").get_program().to_string_lossy());
        exporter.args(["-redis.addr=redis://redis-queue:6379", "-web.listen-address=127.0.0.1:9121"]);
        let _exporter = crate::support::Background::start(&mut exporter);
        let up = || place.line("curl -s http://127.0.0.1:9121/metrics").stdout.contains("\nredis_up 1\n");
        wait_until("scraped", up);
        place.says("pnpm compose:restart redis-queue redis-cache");
        place.wait_until_ready("redis-queue", 2);
        place.wait_until_ready("redis-cache", 2);
        wait_until("scraped again", up);
        place.says("redis-cli -h redis-queue flushall");
        assert_eq!(place.says("pnpm --filter cli run bundle:launch --dry-run"), "rendered\n");
    });
}
