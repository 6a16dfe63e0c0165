//! The container image without a container engine: the Dockerfile's last stage is carried out in a folder that
//! stands for the image's root, and the entry point, the compose file and the scrape configuration run there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::{
    Finished, PATIENCE, Server, free_port, program, project_dir, run, run_with_stdin, server_binary,
    testing_the_reference, yaml,
};

/// The instructions of the Dockerfile's last stage, each with its arguments.
fn last_stage() -> Vec<(String, String)> {
    let text = fs::read_to_string(project_dir().join("Dockerfile")).expect("there is a Dockerfile");
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let stage: Vec<_> = lines.filter_map(|line| line.split_once(' ')).collect();
    let start = stage.iter().rposition(|(name, _)| *name == "FROM").expect("a stage begins with FROM");
    stage[start..].iter().map(|(name, rest)| ((*name).to_owned(), rest.trim().to_owned())).collect()
}

/// An image's root in a folder, with stand-ins for the programs that need real users.
struct Image {
    root: TempDir,
    env: Vec<(String, String)>,
    entrypoint: Vec<String>,
    cmd: Vec<String>,
}

impl Image {
    fn build() -> Image {
        let root = tempfile::tempdir().expect("temporary folders can be made");
        let mut image = Image { root, env: Vec::new(), entrypoint: Vec::new(), cmd: Vec::new() };
        fs::create_dir(image.path("/data")).expect("made");
        for (instruction, rest) in last_stage() {
            match instruction.as_str() {
                "COPY" => image.copy(&rest),
                "ENV" => {
                    let (name, value) = rest.split_once('=').expect("NAME=VALUE");
                    let value =
                        if value.starts_with('/') { image.text_path(value) } else { value.to_owned() };
                    image.env.push((name.to_owned(), value));
                }
                "ENTRYPOINT" => image.entrypoint = serde_json::from_str(&rest).expect("a list"),
                "CMD" => image.cmd = serde_json::from_str(&rest).expect("a list"),
                _ => {}
            }
        }
        image.stand_in("id", "cat \"$ROOT/uid\"");
        image.stand_in("find", "echo \"find $*\" >> \"$ROOT/calls\"");
        image.stand_in(
            "setpriv",
            "echo \"setpriv $*\" >> \"$ROOT/calls\"; echo 999 > \"$ROOT/uid\"\n\
             while [ \"$1\" != -- ]; do shift; done; shift; exec \"$@\"",
        );
        fs::write(image.path("/uid"), "999\n").expect("written");
        image
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.root.path().join(inside.trim_start_matches('/'))
    }

    fn text_path(&self, inside: &str) -> String {
        self.path(inside).display().to_string()
    }

    fn copy(&self, arguments: &str) {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        let (from, to) = match words[..] {
            ["--from=build", source, to] => {
                assert!(source.ends_with("/release/redis-server"), "{source} is not built");
                (server_binary(), to)
            }
            [source, to] => (project_dir().join(source), to),
            _ => panic!("COPY {arguments}"),
        };
        let to = self.path(to);
        fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        run(program("cp").arg(&from).arg(&to)).success();
    }

    /// Puts a shell script in the place of a program. Like all that is to be run, it isn't written by this process: a
    /// child that is being started meanwhile would have it open for writing, and what somebody may write can't be run.
    fn stand_in(&self, name: &str, script: &str) {
        let path = self.path("/stand-ins").join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        let mut writer = program("sh");
        writer.args(["-c", "cat > \"$0\" && chmod 755 \"$0\""]).arg(path);
        run_with_stdin(&mut writer, format!("#!/bin/sh\n{script}\n").as_bytes()).success();
    }

    /// A command that sees the image's programs first.
    fn command(&self, program: &str) -> Command {
        let path = std::env::var("PATH").expect("PATH is set");
        let mut command = Command::new(program);
        command.env(
            "PATH",
            format!("{}:{}:{path}", self.text_path("/stand-ins"), self.text_path("/usr/local/bin")),
        );
        command.env("ROOT", self.root.path()).envs(self.env.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.path("/data"));
        command
    }

    /// What `docker run IMAGE arguments` starts; without arguments it is CMD.
    fn docker_run(&self, arguments: &[&str]) -> Command {
        let [script] = &self.entrypoint[..] else { panic!("one entry point") };
        let mut command = self.command(&self.text_path(&format!("/usr/local/bin/{script}")));
        if arguments.is_empty() {
            command.args(&self.cmd)
        } else {
            command.args(arguments)
        };
        command
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.path("/calls")).unwrap_or_default()
    }
}

/// An image whose server only tells how it was called.
fn image_with_echo() -> Image {
    let image = Image::build();
    image.stand_in("redis-server", "echo \"redis-server $* $(umask)\"");
    image
}

#[test]
fn the_image_promises_what_the_official_one_does() {
    let stage = last_stage();
    let has = |name: &str, rest: &str| stage.iter().any(|found| found.0 == name && found.1 == rest);
    assert!(has("EXPOSE", "6379 9121"), "{stage:?}");
    assert!(has("VOLUME", "/data") && has("WORKDIR", "/data"), "{stage:?}");
    assert!(has("CMD", "[\"redis-server\"]"), "{stage:?}");
    let steps: String =
        stage.iter().filter(|(name, _)| name == "RUN").map(|(_, rest)| rest.as_str()).collect();
    for part in ["--gid 1000", "--uid 999", "redis-tools", "tzdata", "netcat"] {
        assert!(steps.contains(part), "no {part} in {steps}");
    }
}

#[test]
fn arguments_mean_the_server_where_they_can() {
    let image = image_with_echo();
    let cases: [(&[&str], &str); 5] = [
        (&[], "redis-server  0077\n"),
        (&["--port", "1"], "redis-server --port 1 0077\n"),
        (&["/my.conf", "--port", "1"], "redis-server /my.conf --port 1 0077\n"),
        (&["redis-server", "a b"], "redis-server a b 0077\n"),
        (&["sh", "-c", "echo hi $((1 + 1))"], "hi 2\n"),
    ];
    for (arguments, expected) in cases {
        assert_eq!(run(&mut image.docker_run(arguments)).success(), expected, "{arguments:?}");
    }
    let mut masked = image.command("sh");
    masked.args(["-c", "umask 0027; exec docker-entrypoint.sh redis-server"]);
    assert_eq!(run(&mut masked).success(), "redis-server  0027\n");
    assert_eq!(image.calls(), "");
    assert_eq!(run(&mut image.docker_run(&["sh", "-c", "exit 7"])).code, Some(7));
}

#[test]
fn root_is_given_up() {
    let image = image_with_echo();
    fs::write(image.path("/uid"), "0\n").expect("written");
    assert_eq!(run(&mut image.docker_run(&["--port", "1"])).success(), "redis-server --port 1 0077\n");
    let calls = image.calls();
    let calls: Vec<&str> = calls.lines().collect();
    assert_eq!(calls[0], "find . ! -user redis -exec chown redis {} +");
    assert!(calls[1].starts_with("setpriv --reuid=redis --regid=redis --clear-groups -- /"), "{calls:?}");
    assert!(calls[1].ends_with("/docker-entrypoint.sh redis-server --port 1"), "{calls:?}");
    assert_eq!(calls.len(), 2);
}

#[test]
fn other_programs_stay_root() {
    let image = image_with_echo();
    fs::write(image.path("/uid"), "0\n").expect("written");
    assert_eq!(run(&mut image.docker_run(&["sh", "-c", "echo hi"])).success(), "hi\n");
    assert_eq!(image.calls(), "");
}

/// Starts a server by `command`, which listens on `port`.
fn start(mut command: Command, port: u16) -> Server {
    let folder = tempfile::tempdir().expect("temporary folders can be made");
    Server::spawn(&mut command, folder, port).expect("it starts")
}

#[test]
fn the_image_opens_what_the_plain_server_keeps_closed() {
    if testing_the_reference() {
        return; // REDSTART_DEFAULTS and metrics are Redstart's.
    }
    let image = Image::build();
    let defaults = fs::read_to_string(image.path("/usr/local/etc/redstart/image.conf")).expect("copied");
    assert!(defaults.contains("\nmetrics-port 9121\n"), "{defaults}");
    let (port, metrics) = (free_port().to_string(), free_port().to_string());
    let server = start(
        image.docker_run(&["--port", &port, "--metrics-port", &metrics, "--save", ""]),
        port.parse().expect("a port"),
    );
    let mut client = server.client();
    assert_eq!(client.config("protected-mode"), "no");
    assert_eq!(client.config("metrics-port"), metrics);
    assert_eq!(client.config("metrics-bind"), "* -::*");
    assert_eq!(client.config("dir"), fs::canonicalize(image.path("/data")).expect("there").to_string_lossy());
}

#[test]
fn a_users_file_wins_over_the_images_defaults() {
    if testing_the_reference() {
        return; // REDSTART_DEFAULTS is Redstart's.
    }
    let image = Image::build();
    let port = free_port();
    let file = image.path("/my.conf");
    fs::write(&file, format!("port {port}\nprotected-mode yes\nmetrics-port 0\nsave \"\"\n"))
        .expect("written");
    let server = start(image.docker_run(&[file.to_str().expect("a plain path")]), port);
    let mut client = server.client();
    assert_eq!(client.config("protected-mode"), "yes");
    assert_eq!(client.config("metrics-port"), "0");
}

#[test]
fn a_broken_defaults_file_stops_the_start() {
    if testing_the_reference() {
        return; // REDSTART_DEFAULTS is Redstart's.
    }
    let image = Image::build();
    fs::write(image.path("/usr/local/etc/redstart/image.conf"), "nonsense 1\n").expect("written");
    let Finished { code, stderr, .. } = run(&mut image.docker_run(&[]));
    assert_eq!(code, Some(1));
    assert!(stderr.contains(">>> 'nonsense 1'\n"), "{stderr}");
}

/// What a compose file's text becomes in a container: `$$` is a dollar sign, and secrets lie in a folder.
fn in_container(text: &str, secret: &Path) -> String {
    text.replace("$$", "$").replace("/run/secrets/redis_password", &secret.display().to_string())
}

#[test]
fn the_compose_file_starts_a_server_that_its_health_check_finds_well() {
    if testing_the_reference() {
        return; // The folder's metrics port is Redstart's.
    }
    let compose = yaml("compose.yaml");
    let service = &compose["services"]["redis"];
    let image = Image::build();
    let secret = image.path("/secret");
    fs::write(&secret, "q+w/e=\n").expect("written");
    let (port, metrics) = (free_port(), free_port());
    let line = in_container(service["command"].as_str().expect("a line"), &secret);
    let script = line.trim().strip_prefix("sh -c \"").and_then(|rest| rest.strip_suffix('"'));
    let script = format!("{} --port {port} --metrics-port {metrics}", script.expect("sh -c \"...\""));
    let server = start(image.docker_run(&["sh", "-c", &script]), port);
    let mut client = server.client();
    assert!(client.call(&["PING"]).is_error("NOAUTH"));
    client.ok(&["AUTH", "q+w/e="]);
    let expected = [
        ("maxmemory", "268435456"),
        ("maxmemory-policy", "allkeys-lru"),
        ("save", "300 10 60 1000"),
        ("appendonly", "no"),
    ];
    for (name, value) in expected {
        assert_eq!(client.config(name), value, "{name}");
    }
    let check = &service["healthcheck"]["test"];
    assert_eq!(check[0], "CMD-SHELL");
    let check = in_container(check[1].as_str().expect("a script"), &secret);
    let check = check.replace("redis-cli ", &format!("redis-cli -p {port} "));
    assert_eq!(run(image.command("sh").args(["-c", &check])).code, Some(0));
    // Seed 002's own check.
    let seed = format!("redis-cli -p {port} --raw incr ping");
    assert_eq!(run(image.command("sh").args(["-c", &seed])).code, Some(0));
}

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
