//! What watches the server: redis_exporter, and Prometheus with the rules and the dashboard of `config/`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use crate::support::{
    Background, Client, Reply, Server, data, debian, free_port, http, program, project_dir, run,
    testing_the_reference, wait_until, yaml,
};

/// What teams ask Prometheus for. Seed 002: metrics, dashboard, alerts; seed 004: key metrics.
const SEEDS: [&str; 13] = [
    "redis_memory_used_bytes",
    "redis_db_keys{db=\"db0\"}",
    "rate(redis_commands_total[1m])",
    "rate(redis_keyspace_hits_total[5m]) /
       (rate(redis_keyspace_hits_total[5m]) + rate(redis_keyspace_misses_total[5m]))",
    "redis_connected_clients",
    "redis_memory_used_bytes / redis_memory_max_bytes",
    "redis_db_keys",
    "rate(redis_evicted_keys_total[5m])",
    "cache_hit_rate",
    "up{job=\"redis\"}",
    "redis_memory_max_bytes",
    "redis_keyspace_hits_total / redis_keyspace_misses_total",
    "redis_up",
];

/// The names of the seeds' alerts.
const SEED_ALERTS: [&str; 6] = [
    "Redis High Memory",
    "Redis Low Hit Rate",
    "Redis Down",
    "RedisMemoryUsageHigh",
    "RedisHitRateLow",
    "RedisDown",
];

/// The panels of seed 002's dashboard, and what those of seed 001 show.
const SEED_PANELS: [&str; 7] = [
    "Memory Usage",
    "Keys Total",
    "Commands/sec",
    "Cache Hit Rate",
    "Connected Clients",
    "Evicted Keys",
    "Command Duration, p95",
];

/// Has the server do something that each metric tells of.
fn use_it(client: &mut Client) {
    for command in [
        &["SET", "a", "text"][..],
        &["SET", "b", "1", "EX", "1000"],
        &["GET", "a"],
        &["GET", "none"],
        &["INCR", "a"],
        &["GET"],
        &["CONFIG", "SET", "latency-monitor-threshold", "1", "slowlog-log-slower-than", "1000"],
        &["DEBUG", "SLEEP", "0.01"],
    ] {
        client.call(command);
    }
}

fn with_metrics(args: &[&str]) -> (Server, u16) {
    let port = free_port();
    let own = ["--metrics-port", &port.to_string(), "--enable-debug-command", "yes"];
    (Server::with(&[&own, args].concat()), port)
}

/// Metrics in the text format.
struct Metrics {
    /// Families with their types.
    types: BTreeMap<String, String>,
    /// Families with the names of their labels.
    labels: BTreeMap<String, BTreeSet<String>>,
    /// Samples without their values, and these.
    samples: BTreeMap<String, String>,
}

impl Metrics {
    fn parse(text: &str) -> Metrics {
        let mut metrics =
            Metrics { types: BTreeMap::new(), labels: BTreeMap::new(), samples: BTreeMap::new() };
        let mut family = String::new();
        for line in text.lines() {
            if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' ')) {
                name.clone_into(&mut family);
                metrics.types.insert(family.clone(), kind.to_owned());
            } else if !line.starts_with('#') {
                let (sample, value) = line.rsplit_once(' ').expect("NAME VALUE");
                metrics.samples.insert(sample.to_owned(), value.to_owned());
                let labels = metrics.labels.entry(family.clone()).or_default();
                // No value of a label here has such a character in it.
                for label in sample.split(['{', ',']).skip(1) {
                    labels.insert(label.split('=').next().expect("NAME=VALUE").to_owned());
                }
            }
        }
        metrics
    }

    /// What redis_exporter told of a server, without what it tells of itself.
    fn of_exporter(server_port: u16) -> Metrics {
        let port = free_port();
        let mut exporter = program("prometheus-redis-exporter");
        exporter.arg(format!("-redis.addr=redis://127.0.0.1:{server_port}"));
        exporter.arg(format!("-web.listen-address=127.0.0.1:{port}"));
        let _exporter = Background::start(&mut exporter);
        wait_until("listening", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        let (status, text) = http(port, "GET /metrics");
        assert_eq!(status, "200 OK");
        let mut metrics = Metrics::parse(&text);
        metrics.types.retain(|name, _| {
            let own = ["redis_exporter_", "redis_target_scrape_", "redis_last_key_groups_"];
            name.starts_with("redis_") && !own.iter().any(|own| name.starts_with(own))
        });
        assert_eq!(metrics.samples.get("redis_up").map(String::as_str), Some("1"), "{text}");
        metrics
    }
}

#[test]
fn redis_exporter_finds_here_what_it_finds_in_redis() {
    if testing_the_reference() {
        return; // Redis serves no metrics.
    }
    let (ours, metrics_port) = with_metrics(&[]);
    let folder = tempfile::tempdir().expect("temporary folders can be made");
    let theirs = debian(folder.path(), &[]);
    [&ours, &theirs].iter().for_each(|server| use_it(&mut server.client()));
    let (here, there) = (Metrics::of_exporter(ours.port()), Metrics::of_exporter(theirs.port()));
    // The fourth field of the keyspace is new in 7.4, and Debian's server, which forbids DEBUG, may have had no spike.
    let common = |metrics: &Metrics| {
        let mut types = metrics.types.clone();
        types.retain(|name, _| name != "redis_db_keys_cached" && !name.starts_with("redis_latency_spike_"));
        types
    };
    let types = common(&here);
    assert_eq!(types, common(&there));
    let labels = |metrics: &Metrics| {
        types.keys().map(|name| (name.clone(), metrics.labels[name].clone())).collect::<Vec<_>>()
    };
    assert_eq!(labels(&here), labels(&there));

    let own = Metrics::parse(&http(metrics_port, "GET /metrics").1);
    for (name, kind) in &here.types {
        // Newer exporters call it what it is.
        let kind = if name == "redis_expired_time_cap_reached_total" { "counter" } else { kind };
        assert_eq!(own.types.get(name).map(String::as_str), Some(kind), "{name}");
        let missing: Vec<_> = here.labels[name].difference(&own.labels[name]).collect();
        assert!(missing.is_empty(), "{name} lacks {missing:?}");
    }
    let steady = ["redis_db_", "redis_config_", "redis_keyspace_"];
    for (sample, value) in &here.samples {
        if steady.iter().any(|steady| sample.starts_with(steady)) && !sample.starts_with("redis_db_avg") {
            assert_eq!(own.samples.get(sample), Some(value), "{sample}");
        }
    }
}

#[test]
fn every_name_of_the_newest_redis_exporter_is_there() {
    if testing_the_reference() {
        return; // Redis serves no metrics.
    }
    let (server, port) = with_metrics(&["--appendonly", "yes"]);
    use_it(&mut server.client());
    let found = Metrics::parse(&http(port, "GET /metrics").1);
    for line in fs::read_to_string(data("metrics-7.4.tsv")).expect("it is in tests/data").lines() {
        let [name, kind, labels] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        assert_eq!(found.types.get(name).map(String::as_str), Some(kind), "{name}");
        for label in labels.split(',').filter(|label| !label.is_empty()) {
            assert!(found.labels[name].contains(label), "{name} lacks {label}");
        }
    }
}

/// A file of `config/`.
fn config(name: &str) -> String {
    project_dir().join("config").join(name).display().to_string()
}

#[test]
fn alerts_fire_when_they_should() {
    let promtool = |arguments: &[&str]| run(program("promtool").args(arguments)).success();
    promtool(&["check", "config", &config("prometheus.yml")]);
    assert!(promtool(&["test", "rules", &config("alerts.test.yml")]).contains("SUCCESS"));
    let tests = fs::read_to_string(config("alerts.test.yml")).expect("it is there");
    let names: Vec<String> = rules().into_iter().filter_map(|(name, _)| name).collect();
    for name in &names {
        assert!(tests.contains(&format!("alertname=\"{name}\"")), "nothing tests {name}");
    }
    for name in SEED_ALERTS {
        assert!(names.iter().any(|found| found == name), "no {name} in {names:?}");
    }
}

/// The rules of `config/alerts.yml`: the name if it is an alert, and the expression.
fn rules() -> Vec<(Option<String>, String)> {
    let rules = yaml("alerts.yml");
    let groups = rules["groups"].as_array().expect("groups").iter();
    let rules = groups.flat_map(|group| group["rules"].as_array().expect("rules").clone());
    let text = |value: &Value| value.as_str().map(str::to_owned);
    rules.map(|rule| (text(&rule["alert"]), text(&rule["expr"]).expect("an expression"))).collect()
}

/// What an expression compares, or joins by `and` and the like; numbers are left out.
fn operands(expression: &str) -> Vec<String> {
    let (mut depth, mut found) = (0, vec![String::new()]);
    for word in expression.split_whitespace() {
        if depth == 0 && ["<", ">", "==", "and", "or"].contains(&word) {
            found.push(String::new());
            continue;
        }
        depth += word.matches(['(', '{', '[']).count();
        depth -= word.matches([')', '}', ']']).count();
        let operand = found.last_mut().expect("there is one");
        operand.push_str(word);
        operand.push(' ');
    }
    found.retain(|operand| operand.trim().parse::<f64>().is_err());
    found
}

/// The queries of the dashboard, for all instances.
fn dashboard_queries() -> Vec<String> {
    let text = fs::read_to_string(config("grafana/dashboards/redis.json")).expect("it is there");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    for title in SEED_PANELS {
        assert!(panels.iter().any(|panel| panel["title"] == title), "no panel {title}");
    }
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let queries = targets.map(|target| target["expr"].as_str().expect("a query"));
    queries.map(|query| query.replace("$instance", ".*").replace("$__rate_interval", "1m")).collect()
}

/// A Prometheus with the configuration of `config/`, that reads from one server twice a second.
struct Prometheus {
    port: u16,
    _process: Background,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    fn start(target: u16) -> Prometheus {
        let folder = tempfile::tempdir().expect("temporary folders can be made");
        let port = free_port();
        let settings = fs::read_to_string(config("prometheus.yml")).expect("it is there");
        let settings =
            settings.replace(": 15s", ": 500ms").replace("redis:9121", &format!("127.0.0.1:{target}"));
        fs::write(folder.path().join("prometheus.yml"), settings).expect("written");
        fs::copy(config("alerts.yml"), folder.path().join("alerts.yml")).expect("copied");
        let mut command = program("prometheus");
        command.arg(format!("--web.listen-address=127.0.0.1:{port}")).current_dir(folder.path());
        let process =
            Background::start(command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"]));
        wait_until("listening", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Prometheus { port, _process: process, _folder: folder }
    }

    fn get(&self, path: &str) -> Value {
        let (_, body) = http(self.port, &format!("GET /api/v1/{path}"));
        serde_json::from_str(&body).unwrap_or_default()
    }

    /// The series that a query finds at the moment.
    fn query(&self, query: &str) -> Vec<Value> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let answer = self.get(&format!("query?query={encoded}"));
        assert_ne!(answer["status"], "error", "{query}: {answer}");
        answer["data"]["result"].as_array().cloned().unwrap_or_default()
    }
}

#[test]
fn every_query_of_seeds_alerts_and_dashboard_finds_series() {
    if testing_the_reference() {
        return; // Redis serves no metrics.
    }
    let (server, port) = with_metrics(&["--maxmemory", "256mb"]);
    let mut client = server.client();
    use_it(&mut client);
    let prometheus = Prometheus::start(port);
    wait_until("scraped", || {
        use_it(&mut client);
        std::thread::sleep(std::time::Duration::from_millis(100));
        let rates = ["rate(redis_commands_total{cmd=\"get\"}[1m]) > 0", "cache_hit_rate >= 0"];
        rates.iter().all(|rate| !prometheus.query(rate).is_empty())
    });
    let alerts = rules().into_iter().flat_map(|(_, expression)| operands(&expression));
    let seeds = SEEDS.iter().map(|query| (*query).to_owned());
    let queries: Vec<String> = alerts.chain(seeds).chain(dashboard_queries()).collect();
    assert!(queries.len() > 60, "{}", queries.len());
    for query in &queries {
        wait_until(&format!("answered: {query}"), || !prometheus.query(query).is_empty());
    }
    // Each is evaluated at its own time.
    let rules = || -> Vec<Value> {
        let groups = prometheus.get("rules")["data"]["groups"].as_array().expect("groups").clone();
        groups.iter().flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
    };
    wait_until("evaluated", || rules().iter().all(|rule| rule["health"] != "unknown"));
    for rule in rules() {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
    let firing: Vec<_> = prometheus.query("ALERTS{alertstate=\"firing\"}");
    assert!(firing.is_empty(), "{firing:?}");
    assert_eq!(client.call(&["PING"]), Reply::Simple(b"PONG".to_vec()));
}

#[test]
fn the_scan_for_operands_sees_comparisons() {
    let expression = "a{x=\"1 > 2\"} / b > 0.8 and c > 0 or sum by (d) (e == 1)";
    assert_eq!(operands(expression), ["a{x=\"1 > 2\"} / b ", "c ", "sum by (d) (e == 1) "]);
}
