//! The files of `config/` that machines read: compose file, systemd unit.

use std::fs;
use std::process::Command;

use crate::support::{PATIENCE, Server, free_port, program, project_dir, run, server_binary, yaml};

#[test]
fn the_compose_file_names_only_what_it_defines() {
    let compose = yaml("compose.yaml");
    let service = &compose["services"]["redis"];
    for (list, defined) in [("secrets", "secrets"), ("networks", "networks")] {
        for name in service[list].as_array().expect("a list") {
            assert!(compose[defined].get(name.as_str().expect("a name")).is_some(), "{list} {name}");
        }
    }
    for volume in service["volumes"].as_array().expect("a list") {
        let (name, place) = volume.as_str().expect("a text").split_once(':').expect("NAME:PLACE");
        assert!(compose["volumes"].get(name).is_some(), "volume {name}");
        assert_eq!(place, "/data");
    }
    let scrape = yaml("prometheus.yml");
    assert_eq!(scrape["scrape_configs"][0]["static_configs"][0]["targets"][0], "redis:9121");
    let mounted = |service: &str| -> Vec<(String, String)> {
        let volumes = compose["services"][service]["volumes"].as_array().expect("a list");
        let volumes = volumes.iter().map(|volume| volume.as_str().expect("a text"));
        let split = |volume: &str| {
            let (from, to) = volume.trim_end_matches(":ro").split_once(':').expect("FROM:TO");
            assert!(project_dir().join(from).exists(), "{from} is not there");
            (from.to_owned(), to.to_owned())
        };
        volumes.map(split).collect()
    };
    let rules = format!("/etc/prometheus/{}", scrape["rule_files"][0].as_str().expect("a name"));
    assert!(mounted("prometheus").iter().any(|(_, to)| *to == rules), "{rules} is not mounted");
    let dashboards = yaml("grafana/dashboards.yml");
    let folder = dashboards["providers"][0]["options"]["path"].as_str().expect("a path");
    assert!(mounted("grafana").contains(&("./config/grafana/dashboards".to_owned(), folder.to_owned())));
    assert_eq!(yaml("grafana/datasource.yml")["datasources"][0]["url"], "http://prometheus:9090");
}

#[test]
fn the_systemd_unit_starts_a_server_that_says_when_it_is_ready() {
    let unit = fs::read_to_string(project_dir().join("config/redstart.service")).expect("there is a unit");
    let of = |name: &str| unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    assert_eq!((of("Type"), of("StateDirectory")), (Some("notify"), Some("redis")));
    let folder = tempfile::tempdir().expect("temporary folders can be made");
    let (config, socket, port) = (folder.path().join("my.conf"), folder.path().join("notify"), free_port());
    fs::write(&config, format!("port {port}\nbind 127.0.0.1\n")).expect("written");
    let notified = std::os::unix::net::UnixDatagram::bind(&socket).expect("a socket");
    notified.set_read_timeout(Some(PATIENCE)).expect("set");
    let mut command = Command::new(server_binary());
    let arguments = of("ExecStart").and_then(|line| line.strip_prefix("/usr/local/bin/redis-server "));
    for argument in arguments.expect("our program").split(' ') {
        match argument {
            "/etc/redis/redis.conf" => command.arg(&config),
            "/var/lib/redis" => command.arg(folder.path()),
            other => command.arg(other),
        };
    }
    let mut server = Server::spawn(command.env("NOTIFY_SOCKET", &socket), folder, port).expect("it starts");
    let mut message = String::new();
    while !message.contains("READY=1\n") {
        let mut part = [0; 1000];
        let length = notified.recv(&mut part).expect("the server is ready in time");
        message = String::from_utf8_lossy(&part[..length]).into_owned();
    }
    server.client().ok(&["SET", "a", "1"]);
    assert_eq!(server.stop("TERM"), Some(0));
    assert!(server.folder().join("dump.rdb").exists(), "{}", server.log());
}

#[test]
fn systemd_takes_the_unit_and_finds_it_confined() {
    let unit = fs::read_to_string(project_dir().join("config/redstart.service")).expect("there is a unit");
    let folder = tempfile::tempdir().expect("temporary folders can be made");
    let file = folder.path().join("redstart.service");
    let here = server_binary().display().to_string();
    fs::write(&file, unit.replace("/usr/local/bin/redis-server", &here)).expect("written");
    let verified = run(program("systemd-analyze").arg("verify").arg(&file));
    assert_eq!((verified.code, verified.stderr.as_str()), (Some(0), ""), "{verified:?}");
    // In tenths: 100 is a service that may do everything.
    let arguments = ["security", "--no-pager", "--offline=true", "--threshold=20"];
    run(program("systemd-analyze").args(arguments).arg(&file)).success();
}
