//! Seed 000, "Runbook: Redis (Pub/Sub + Cache)".

use super::place::Place;
use super::{application, with_each_redis_cli};

/// The service `redis` of the compose file, with its port published.
fn place(cli: &std::path::Path, arguments: &str) -> Place {
    let place = Place::new(cli, &[("redis", "127.0.0.1")]);
    place.plain_service("redis", "127.0.0.1", arguments);
    place
}

/// "Triage": the server answers, the container is up and its log can be read.
#[test]
fn triage() {
    with_each_redis_cli(|cli| {
        let place = place(cli, "");
        assert_eq!(place.says("redis-cli -h localhost -p 6379 ping"), "PONG\n");
        assert_eq!(place.says("docker compose ps"), "redis Up\n");
        let log = place.says("docker compose logs --tail=200 redis");
        assert!(log.contains(" * Ready to accept connections tcp\n"), "{log}");
    });
}

/// "Sintomas comuns": the texts that applications show.
#[test]
fn symptoms() {
    with_each_redis_cli(|cli| {
        let place = place(cli, "");
        let refused = place.line("redis-cli -p 6380 ping");
        assert_eq!(refused.code, Some(1));
        assert!(refused.stderr.contains("127.0.0.1:6380: Connection refused"), "{refused:?}");
        place.says("head -c 2000000 /dev/zero | redis-cli -x set large; redis-cli config set maxmemory 1mb");
        let full = place.says("redis-cli set more 1");
        assert_eq!(full.trim_end(), "OOM command not allowed when used memory > 'maxmemory'.");
    });
}

/// "Conectividade": both forms of REDIS_URL.
#[test]
fn connectivity() {
    with_each_redis_cli(|cli| {
        let place = place(cli, "");
        for url in ["redis://redis:6379", "redis://localhost:6379"] {
            assert_eq!(place.says(&format!("redis-cli -u {url} ping")), "PONG\n");
            let session = place.says(&application(&format!("session {url}")));
            assert_eq!(session, "session kept, event heard\n");
        }
    });
}

/// "Backpressure / memória" and "Coleta para pós-incidente": INFO by sections and whole.
#[test]
fn info() {
    with_each_redis_cli(|cli| {
        let place = place(cli, "");
        for (section, fields) in [
            ("memory", &["used_memory:", "used_memory_human:", "maxmemory:", "mem_fragmentation_ratio:"][..]),
            ("stats", &["total_commands_processed:", "rejected_connections:", "pubsub_channels:"]),
            ("clients", &["connected_clients:", "blocked_clients:", "maxclients:"]),
        ] {
            let (part, whole) =
                (place.says(&format!("redis-cli info {section}")), place.says("redis-cli info"));
            for field in fields {
                assert!(
                    part.contains(&format!("\n{field}")) && whole.contains(&format!("\n{field}")),
                    "{field}"
                );
            }
        }
    });
}

/// "Pub/Sub: validação rápida": two terminals.
#[test]
fn two_terminals() {
    with_each_redis_cli(|cli| {
        let place = place(cli, "");
        let message = r#"{"type":"test","payload":{}}"#;
        let publish = format!("redis-cli publish message.received '{message}'");
        let mut receivers = String::new();
        let frame = format!("\nmessage\nmessage.received\n{message}\n");
        let heard = place.follows("redis-cli subscribe message.received", &frame, || {
            receivers = place.says(&publish);
        });
        assert!(heard.starts_with("subscribe\nmessage.received\n1\n"), "{heard}");
        assert_eq!(receivers, "1\n");
    });
}

/// "Mitigação": the server starts anew and consumers hear again what is published.
#[test]
fn restart() {
    with_each_redis_cli(|cli| {
        let place = place(cli, "");
        assert_eq!(place.says("redis-cli set cached 1"), "OK\n");
        let mut step = 0;
        let consumer = application("consumer redis://redis:6379 message.sent");
        place.follows(&consumer, "message.sent after\n", || {
            let listening = place.line("redis-cli pubsub numsub message.sent").stdout == "message.sent\n1\n";
            if step == 0 && listening {
                place.says("docker compose restart redis");
                place.wait_until_ready("redis", 2);
                step = 1;
            } else if step == 1 && listening {
                place.says("redis-cli publish message.sent after");
            }
        });
        assert_eq!(place.says("redis-cli get cached"), "1\n");
    });
}
