//! Seed 002, "Redis Cache & Session Store": the image with a password from a secret, and everything that is done to
//! its container from outside. What an engine reads from the compose file is written out here.

use std::path::Path;
use std::process::Command;

use super::place::Place;
use super::{application, debians_redis_cli, with_each_redis_cli};
use crate::support::{Background, Container, program, wait_until};

/// The service of section "Docker", and of "Docker Secrets" before it, in words as the engine starts it.
const COMMAND: [&str; 3] = [
    "sh",
    "-c",
    "redis-server --requirepass $(cat /run/secrets/redis_password) --maxmemory 256mb --maxmemory-policy allkeys-lru \
     --save 300 10 --save 60 1000 --appendonly no",
];
const CLI: &str = "docker exec -it redis-cache redis-cli -a $(cat secrets/redis_password.txt)";

/// The container `redis-cache`, host name `redis`, with the secret in `secrets/` of the working folder.
struct Stack {
    place: Place,
    _container: Container,
}

impl Stack {
    fn up(cli: &Path) -> Stack {
        let place = Place::new(cli, &[("redis", "127.0.0.1")]);
        // "Gerar Senha"; compose asks for the folder first.
        place.says("mkdir secrets && openssl rand -base64 32 > secrets/redis_password.txt");
        place.says("chmod 600 secrets/redis_password.txt");
        let mut container = Container::new();
        container.mount(&place.path("work/secrets/redis_password.txt"), "/run/secrets/redis_password");
        container.env("SERVICE", "redis-cache");
        container.env("SERVICES", &place.path("services").display().to_string());
        let start = format!("exec {}", shell_words(&container.start(&COMMAND)));
        let exec = format!("exec {} \"$@\"", shell_words(&container.exec::<&str>(&[])));
        place.service("redis-cache", &start, &exec);
        Stack { place, _container: container }
    }

    /// What a command through `docker exec` prints.
    #[track_caller]
    fn cli(&self, arguments: &str) -> String {
        self.place.says(&format!("{CLI} {arguments}"))
    }
}

/// A command as text for a shell.
fn shell_words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let quoted = words.map(|word| format!("'{}'", word.to_string_lossy().replace('\'', r"'\''")));
    quoted.collect::<Vec<_>>().join(" ")
}

/// "Docker": the command's directives hold, and its health check finds the server well.
#[test]
fn the_service() {
    let stack = Stack::up(&debians_redis_cli());
    for (name, value) in [
        ("maxmemory", "268435456"),
        ("maxmemory-policy", "allkeys-lru"),
        ("save", "300 10 60 1000"),
        ("appendonly", "no"),
    ] {
        assert_eq!(stack.cli(&format!("CONFIG GET {name}")), format!("{name}\n{value}\n"));
    }
    // It exits 0 whatever the server answers, so here, without the password, it only shows that one does.
    let checked = stack.place.says("docker exec redis-cache redis-cli --raw incr ping");
    assert!(checked.starts_with("NOAUTH Authentication required."), "{checked}");
    assert_eq!(stack.cli("--raw incr ping"), "1\n");
}

/// "Conectar com Senha" and the cases of use with the secret.
#[test]
fn applications_with_the_password() {
    let stack = Stack::up(&debians_redis_cli());
    let place = &stack.place;
    assert_eq!(place.says(&application("secret unused: secrets/redis_password.txt")), "PONG\n");
    let url = "redis://:$(sed 's,/,%2F,g; s,+,%2B,g; s,=,%3D,g' secrets/redis_password.txt)@redis:6379";
    let session = place.says(&application(&format!("session {url}")));
    assert_eq!(session, "session kept, event heard\n");
    let cases = application("").replace("runbook.js", "seed002.js");
    let steps = place.says(&format!("{cases} 6379 default $(cat secrets/redis_password.txt)"));
    assert_eq!(steps.lines().count(), 8, "{steps}");
}

/// "Métricas": the exporter of the compose file, at another port than our own metrics. Debian's takes the password
/// from the environment; its file would be JSON.
#[test]
fn the_exporter() {
    let stack = Stack::up(&debians_redis_cli());
    let place = &stack.place;
    stack.cli("SET a 1");
    let exporter = program("prometheus-redis-exporter").get_program().to_string_lossy().into_owned();
    let line = format!(
        "REDIS_ADDR=redis:6379 REDIS_PASSWORD=$(cat secrets/redis_password.txt) \
         exec {exporter} -web.listen-address=127.0.0.1:9122"
    );
    let _exporter = Background::start(place.command("bash").args(["-c", &line]));
    let shows = |port: u16, name: &str| {
        place.line(&format!("curl -s http://redis:{port}/metrics")).stdout.contains(&format!("\n{name}"))
    };
    for port in [9121, 9122] {
        wait_until("up", || shows(port, "redis_up 1"));
        let names = [
            "redis_memory_used_bytes",
            "redis_db_keys{db=\"db0\"}",
            "redis_commands_total{",
            "redis_connected_clients",
        ];
        for name in names {
            assert!(shows(port, name), "{name} at {port}");
        }
    }
}

/// "Monitorar em Tempo Real".
#[test]
fn watching() {
    with_each_redis_cli(|cli| {
        let stack = Stack::up(cli);
        let set = "redis-cli -a $(cat secrets/redis_password.txt) --no-auth-warning set watched 1";
        stack.place.follows(&format!("{CLI} MONITOR"), "\"set\" \"watched\" \"1\"", || {
            assert_eq!(stack.place.says(set), "OK\n");
        });
        assert!(stack.cli("INFO stats").contains("\nkeyspace_hits:"));
        assert!(stack.cli("INFO memory").contains("\nused_memory:"));
    });
}

/// "Debugging".
#[test]
fn looking_at_keys() {
    let stack = Stack::up(&debians_redis_cli());
    for command in [
        r#"SET conversations:user_1:list '[{"id":"c1"}]'"#,
        "HSET session:abc123 speaker_id user_1 state waiting_for_llm",
        "INCR rate_limit:user_1",
        "EXPIRE rate_limit:user_1 60",
    ] {
        stack.cli(command);
    }
    let keys = stack.cli("KEYS '*'");
    let mut keys: Vec<&str> = keys.lines().collect();
    keys.sort_unstable();
    assert_eq!(keys, ["conversations:user_1:list", "rate_limit:user_1", "session:abc123"]);
    assert_eq!(stack.cli(r#"GET "conversations:user_1:list""#), "[{\"id\":\"c1\"}]\n");
    let session = stack.cli(r#"HGETALL "session:abc123""#);
    assert_eq!(session, "speaker_id\nuser_1\nstate\nwaiting_for_llm\n");
    let ttl: u32 = stack.cli(r#"TTL "rate_limit:user_1""#).trim().parse().expect("a number");
    assert!((1..=60).contains(&ttl), "{ttl}");
}

/// "Limpeza". The runbook says that a restart empties the server; as in Redis it does not where the volume keeps what
/// was saved at the end.
#[test]
fn cleaning_up() {
    with_each_redis_cli(|cli| {
        let stack = Stack::up(cli);
        let place = &stack.place;
        place.says(&format!("for i in $(seq 300); do echo SET cache:$i x; done | {CLI}"));
        stack.cli("SET session:1 kept");
        let line = format!(
            "{CLI} --scan --pattern \"cache:*\" | xargs redis-cli -a $(cat secrets/redis_password.txt) DEL"
        );
        assert_eq!(place.says(&line), "300\n");
        assert_eq!(stack.cli("KEYS '*'"), "session:1\n");
        place.says("docker restart redis-cache");
        place.wait_until_ready("redis-cache", 2);
        assert_eq!(stack.cli("KEYS '*'"), "session:1\n");
    });
}

/// "Memória cheia".
#[test]
fn memory_is_full() {
    with_each_redis_cli(|cli| {
        let stack = Stack::up(cli);
        let exec = CLI.replace(" -it", "");
        let used = stack.place.says(&format!("{exec} INFO memory | grep used_memory_human"));
        assert!(used.starts_with("used_memory_human:"), "{used}");
        let policy = stack.place.says(&format!("{exec} CONFIG GET maxmemory-policy"));
        assert_eq!(policy, "maxmemory-policy\nallkeys-lru\n");
        stack.place.says(&format!("for i in $(seq 1200); do echo SET cache:$i x; done | {CLI}"));
        let line = format!(
            "{exec} --scan --pattern \"cache:*\" | head -1000 | \
             xargs redis-cli -a $(cat secrets/redis_password.txt) DEL"
        );
        assert_eq!(stack.place.says(&line), "1000\n");
        // "Aumentar memória", without the restart that the compose file's change would need.
        assert_eq!(stack.cli("CONFIG SET maxmemory 512mb"), "OK\n");
    });
}

/// "Conexão recusada".
#[test]
fn connections_are_refused() {
    let stack = Stack::up(&debians_redis_cli());
    assert_eq!(stack.place.says("docker ps | grep redis"), "redis-cache Up\n");
    stack.place.follows("docker logs -f redis-cache", "Ready to accept connections", || {});
    let line = "docker exec redis-cache redis-cli -a $(cat secrets/redis_password.txt) PING";
    assert_eq!(stack.place.says(line), "PONG\n");
}

/// "Performance ruim".
#[test]
fn performance_is_bad() {
    let stack = Stack::up(&debians_redis_cli());
    stack.cli("CONFIG SET slowlog-log-slower-than 0");
    stack.cli("SET slow 1");
    let slow = stack.cli("SLOWLOG GET 10");
    assert!(slow.contains("\nSET\nslow\n1\n"), "{slow}");
    let stats = stack.cli("INFO commandstats");
    assert!(stats.contains("\ncmdstat_set:calls=1,"), "{stats}");
}
