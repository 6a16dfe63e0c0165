//! Seed 004, "Runbook: Cache Management (Redis)". Metrics and alerts are asked for in `monitoring`; the Helm chart's
//! value is rendered in `packaging`.

use std::path::Path;

use super::place::Place;
use super::{application, with_each_redis_cli};

const URL: &str = "export REDIS_URL=redis://redis:6379;";

fn place(cli: &Path, arguments: &str) -> Place {
    let place = Place::new(cli, &[("redis", "127.0.0.1")]);
    place.plain_service("redis", "127.0.0.1", arguments);
    place
}

/// "Redis is Out of Memory (OOM)".
#[test]
fn out_of_memory() {
    with_each_redis_cli(|cli| {
        let place = place(cli, "");
        place.says("head -c 12000000 /dev/zero | redis-cli -x set large");
        assert_eq!(place.says("redis-cli config set maxmemory 10mb"), "OK\n");
        let full = place.says("redis-cli lpush bull:jobs:wait 1");
        assert_eq!(full.trim_end(), "OOM command not allowed when used memory > 'maxmemory'.");
        assert!(place.says("redis-cli info memory").contains("\nmaxmemory_policy:noeviction\r\n"));
        let keys = place.says("redis-cli --bigkeys");
        assert!(keys.contains("Biggest string found") && keys.contains("\"large\""), "{keys}");
        assert_eq!(place.says("redis-cli FLUSHDB"), "OK\n");
        assert_eq!(place.says("redis-cli lpush bull:jobs:wait 1"), "1\n");
    });
}

/// "High Latency".
#[test]
fn high_latency() {
    with_each_redis_cli(|cli| {
        let place = place(cli, "--slowlog-log-slower-than 0");
        place.says("redis-cli hset agent:1 name Ada");
        let slow = place.says("redis-cli slowlog get 10");
        assert!(slow.contains("\nhset\nagent:1\nname\nAda\n"), "{slow}");
    });
}

/// "Checking Health" and "Evicting Specific Cache Keys".
#[test]
fn health_and_keys() {
    with_each_redis_cli(|cli| {
        let place = place(cli, "");
        assert_eq!(place.says(&format!("{URL} redis-cli -u $REDIS_URL PING")), "PONG\n");
        place.says("for i in $(seq 100); do echo SET agent:$i x; echo SET user:$i x; done | redis-cli");
        let line = r#"redis-cli -u $REDIS_URL KEYS "agent:*" | xargs redis-cli -u $REDIS_URL DEL"#;
        assert_eq!(place.says(&format!("{URL} {line}")), "100\n");
        assert_eq!(place.says("redis-cli dbsize"), "100\n");
    });
}

/// "Monitoring Real-time Commands", with an application at work.
#[test]
fn monitoring_commands() {
    with_each_redis_cli(|cli| {
        let place = place(cli, "");
        place.follows("redis-cli -u redis://redis:6379 MONITOR", "\"hgetall\" \"session:abc123\"", || {
            place.says(&application("session redis://redis:6379"));
        });
    });
}

/// "Backups": the snapshot is copied, and a server elsewhere starts from the copy. The store of objects is a folder.
#[test]
fn backups() {
    with_each_redis_cli(|cli| {
        let place = place(cli, "");
        place.says("redis-cli set kept 1");
        assert_eq!(place.says("redis-cli save"), "OK\n");
        place.says("mkdir backup && cp $(redis-cli config get dir | tail -1)/dump.rdb backup/");
        assert!(place.says("redis-server --version").starts_with("Redis server v=7.4.1 "));
        let backup = place.path("work/backup");
        let start = format!("exec redis-server --bind 127.0.0.2 --dir {}", backup.display());
        place.service("upgraded", &start, "exec \"$@\"");
        assert_eq!(place.says("redis-cli -h 127.0.0.2 get kept"), "1\n");
    });
}
