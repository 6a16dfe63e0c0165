//! Seed 003, "Runbook: Redis Incidents". Its calls of the application's own addresses have nothing to do with a server.

use std::path::Path;

use super::place::Place;
use super::with_each_redis_cli;
use crate::support::wait_until;

/// The self-hosted server that systemd starts.
fn place(cli: &Path, arguments: &str) -> Place {
    let place = Place::new(cli, &[]);
    place.plain_service("redis", "127.0.0.1", arguments);
    place
}

/// "Quick Check".
#[test]
fn quick_check() {
    with_each_redis_cli(|cli| {
        let place = place(cli, "");
        assert_eq!(place.says("redis-cli ping"), "PONG\n");
        let used = place.says("redis-cli INFO memory | grep used_memory_human");
        assert!(used.starts_with("used_memory_human:") && used.lines().count() == 1, "{used}");
        // The clients before it have ended, and may not have gone.
        wait_until("alone", || place.says("redis-cli CLIENT LIST | wc -l").trim() == "1");
    });
}

/// "Scenario 1: Redis Completely Down".
#[test]
fn down() {
    with_each_redis_cli(|cli| {
        let place = place(cli, "");
        assert_eq!(place.says("redis-cli set sse:state:1 resumable EX 900"), "OK\n");
        place.says("sudo systemctl restart redis");
        place.wait_until_ready("redis", 2);
        assert_eq!(place.says("redis-cli get sse:state:1"), "resumable\n");
    });
}

/// "Scenario 2: Redis High Latency". Hot keys are known only under an LFU policy; redis-cli says so.
#[test]
fn high_latency() {
    with_each_redis_cli(|cli| {
        let place = place(cli, "--slowlog-log-slower-than 0");
        place.says("redis-cli set hot 1");
        let slow = place.says("redis-cli SLOWLOG GET 10");
        assert!(slow.contains("\nset\nhot\n1\n"), "{slow}");
        let refused = place.line("redis-cli --hotkeys");
        let text = refused.stdout + &refused.stderr;
        assert!(text.contains("An LFU maxmemory policy is not selected"), "{text}");
        assert_eq!(place.says("redis-cli config set maxmemory-policy allkeys-lfu"), "OK\n");
        place.says("redis-cli set hot 1; redis-cli -r 200 get hot");
        let found = place.says("redis-cli --hotkeys");
        assert!(
            found.contains("hot key found with counter:") && found.contains("keyname: \"hot\""),
            "{found}"
        );
    });
}

/// "Scenario 3: Redis Memory Full". The line for an emergency asks awk for a second word that TTL doesn't print: DEL
/// gets no key. What it wants is done by the second line.
#[test]
fn memory_is_full() {
    with_each_redis_cli(|cli| {
        let place = place(cli, "");
        let memory = place.says("redis-cli INFO memory");
        assert!(
            memory.contains("\nused_memory_peak_human:") && memory.contains("\nmaxmemory_policy:"),
            "{memory}"
        );
        place.says(
            "for i in $(seq 20); do echo SET sse:state:$i x EX 900; echo SET sse:state:stale:$i x; done | redis-cli",
        );
        let line = "redis-cli --scan --pattern 'sse:state:*' \
                      | xargs -L 1 redis-cli TTL \
                      | awk '$1 < 0 {print $2}' \
                      | xargs redis-cli DEL";
        assert_eq!(place.says(line), "ERR wrong number of arguments for 'del' command\n\n");
        let meant = "redis-cli --scan --pattern 'sse:state:*' \
                       | while read key; do echo \"$(redis-cli TTL $key) $key\"; done \
                       | awk '$1 < 0 {print $2}' \
                       | xargs redis-cli DEL";
        assert_eq!(place.says(meant), "20\n");
        assert_eq!(place.says("redis-cli dbsize"), "20\n");
    });
}

/// "Prevention": what it wants monitored is there to be read; alerts are those of `config/alerts.yml`.
#[test]
fn prevention() {
    with_each_redis_cli(|cli| {
        let place = place(cli, "--metrics-port 9121");
        place.says("redis-cli set a 1");
        let metrics = place.says("curl -s http://127.0.0.1:9121/metrics");
        for name in [
            "redis_memory_used_bytes",
            "redis_connected_clients",
            "redis_max_clients",
            "redis_latency_percentiles_usec{cmd=\"set\",quantile=",
            "redis_evicted_keys_total",
            "redis_slowlog_length",
        ] {
            assert!(metrics.contains(&format!("\n{name}")), "{name}");
        }
    });
}
