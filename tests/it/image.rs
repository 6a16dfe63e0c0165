//! The container image, run: what users of the official one rely on, how its server gives up root, its password, its
//! health check, and that /data outlives it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::sync::Arc;

use crate::support::{
    Client, Container, Finished, Image, Reply, Server, free_port, http, last_stage, run, wait_until, yaml,
};

/// A server in a container, and where it serves its metrics.
struct Running {
    server: Server,
    metrics_port: u16,
}

/// Starts the server of a container with free ports.
fn start(container: &Container, arguments: &[&str]) -> Running {
    // Between finding a port free and the server's bind another test may take it: then try again.
    for _ in 0..5 {
        let (port, metrics_port) = (free_port(), free_port());
        let ports =
            ["--port".to_owned(), port.to_string(), "--metrics-port".to_owned(), metrics_port.to_string()];
        let mut words: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        match words.first().map(String::as_str) {
            // In a script they come after what it calls.
            Some("sh") => words[2] = format!("{} {}", words[2], ports.join(" ")),
            _ => words.extend(ports),
        }
        let folder = tempfile::tempdir().expect("temporary folders can be made");
        match Server::spawn(&mut container.start(&words), folder, port) {
            Ok(server) => return Running { server, metrics_port },
            Err(log) if log.contains("Address already in use") => {}
            Err(log) => panic!("the server did not start:\n{log}"),
        }
    }
    panic!("no free port in five tries");
}

/// The lines of the server's /proc/PID/status.
fn status(server: &Server) -> BTreeMap<String, String> {
    let status =
        fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("it runs on this machine");
    let lines = status.lines().filter_map(|line| line.split_once(':'));
    lines
        .map(|(name, value)| (name.to_owned(), value.split_whitespace().collect::<Vec<_>>().join(" ")))
        .collect()
}

#[test]
fn the_image_promises_what_the_official_one_does() {
    let image = Image::shared();
    assert_eq!(image.config["ExposedPorts"], serde_json::json!({"6379/tcp": {}, "9121/tcp": {}}));
    assert_eq!(image.config["Volumes"], serde_json::json!({"/data": {}}));
    assert_eq!(image.config["WorkingDir"], "/data");
    assert_eq!(image.config["Cmd"], serde_json::json!(["redis-server"]));
    assert_eq!(last_stage()[0].1, "scratch");
    let container = Container::new();
    let shell = |script: &str| run(&mut container.exec(&["sh", "-c", script])).success();
    assert_eq!(shell("id redis"), "uid=999(redis) gid=1000(redis) groups=1000(redis)\n");
    assert_eq!(shell("stat -c '%U %G %a' /data; pwd"), "redis redis 755\n/data\n");
    for program in
        ["sh", "cat", "nc", "wget", "env", "redis-server", "redis-cli", "redis-check-rdb", "redis-check-aof"]
    {
        assert!(shell(&format!("which {program}")).starts_with('/'), "{program}");
    }
    assert_eq!(shell("TZ=America/Sao_Paulo date -d @0 +%H"), "21\n");
    assert!(shell("redis-server --version").starts_with("Redis server v=7.4.1 "));
    let size = image.size();
    // 20 MB is the aim; the programs of tests/run are less optimized, and larger, than those of an image.
    assert!(size < 22 << 20, "{size} bytes");
}

#[test]
fn arguments_mean_the_server_where_they_can() {
    let mut container = Container::new();
    let version = run(&mut container.start(&["--version"])).success();
    assert!(version.starts_with("Redis server v=7.4.1 "), "{version}");
    assert_eq!(run(&mut container.start(&["redis-server", "-v"])).success(), version);
    assert_eq!(
        run(&mut container.start(&["sh", "-c", "echo hi $((1 + 1)); umask; id -u"])).success(),
        "hi 2\n0077\n0\n"
    );
    assert_eq!(run(&mut container.start(&["sh", "-c", "exit 7"])).code, Some(7));
    let Finished { code, stderr, .. } = run(&mut container.start(&["no-such-program"]));
    assert_eq!(code, Some(127));
    assert!(stderr.contains("no-such-program: No such file or directory"), "{stderr}");
    let masked = "umask 0027; docker-entrypoint.sh sh -c umask";
    assert_eq!(run(&mut container.exec(&["sh", "-c", masked])).success(), "0027\n");

    let folder = tempfile::tempdir().expect("temporary folders can be made");
    fs::write(folder.path().join("redis.conf"), "maxclients 100\nprotected-mode yes\nsave \"\"\n")
        .expect("written");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("set");
    container.mount(folder.path(), "/usr/local/etc/redis");
    let running = start(&container, &["/usr/local/etc/redis/redis.conf"]);
    let mut client = running.server.client();
    assert_eq!(client.config("maxclients"), "100");
    // The file wins over the image's defaults, which win over those of Redis.
    assert_eq!(client.config("protected-mode"), "yes");
    assert_eq!(client.config("metrics-bind"), "* -::*");
    drop(running);
    let running = start(&container, &["--save", ""]);
    assert_eq!(running.server.client().config("protected-mode"), "no");
}

#[test]
fn root_is_given_up() {
    let container = Container::new();
    let outside = tempfile::NamedTempFile::new().expect("temporary files can be made");
    fs::create_dir(container.data.path().join("folder")).expect("made");
    fs::write(container.data.path().join("folder/file"), "").expect("written");
    symlink(outside.path(), container.data.path().join("link")).expect("a link");
    let running = start(&container, &["redis-server", "--save", "300 1"]);
    let mut client = running.server.client();
    let status = status(&running.server);
    assert_eq!((status["Uid"].as_str(), status["Gid"].as_str()), ("999 999 999 999", "1000 1000 1000 1000"));
    assert_eq!((status["Groups"].as_str(), status["Umask"].as_str()), ("", "0077"));
    assert_eq!(
        (status["CapEff"].as_str(), status["CapPrm"].as_str()),
        ("0000000000000000", "0000000000000000")
    );
    let owner = |name: &str| fs::symlink_metadata(container.data.path().join(name)).expect("there").uid();
    assert_eq!(["folder", "folder/file", "link"].map(owner), [999, 999, 999]);
    assert_eq!(fs::metadata(outside.path()).expect("there").uid(), 0);
    client.ok(&["SET", "a", "1"]);
    client.ok(&["SAVE"]);
    let file = fs::metadata(container.data.path().join("dump.rdb")).expect("saved");
    assert_eq!((file.uid(), file.gid(), file.mode() & 0o777), (999, 1000, 0o600));
}

#[test]
fn who_starts_as_somebody_stays_it() {
    let mut container = Container::new();
    container.user("1234:1234");
    let running = start(&container, &["--save", ""]);
    assert_eq!(status(&running.server)["Uid"], "1234 1234 1234 1234");
    // An image made from this one may want to stay root.
    let mut container = Container::new();
    container.env("REDSTART_USER", "");
    let running = start(&container, &["--save", ""]);
    assert_eq!(status(&running.server)["Uid"], "0 0 0 0");
    let mut container = Container::new();
    container.env("REDSTART_USER", "redis");
    let refused = run(&mut container.start(&["redis-server"]));
    assert_eq!(
        (refused.code, refused.stderr.contains("REDSTART_USER: redis is not UID:GID")),
        (Some(1), true)
    );
}

/// Whether clients need a password, which must be this one.
#[track_caller]
fn asks_for(server: &Server, password: &str) -> Client {
    let mut client = server.client();
    assert!(client.call(&["PING"]).is_error("NOAUTH"));
    client.ok(&["AUTH", password]);
    client
}

#[test]
fn passwords_come_from_the_environment_or_from_a_secret() {
    let mut container = Container::new();
    container.env("REDIS_PASSWORD", "p a\"ss");
    asks_for(&start(&container, &["--save", ""]).server, "p a\"ss");
    // The command line wins.
    asks_for(&start(&container, &["--save", "", "--requirepass", "other"]).server, "other");

    let secret = tempfile::NamedTempFile::new().expect("temporary files can be made");
    fs::write(secret.path(), "q+w/e=\n").expect("written");
    // For root alone, as `chmod 600` in seed 002 has it.
    assert_eq!(fs::metadata(secret.path()).expect("there").mode() & 0o777, 0o600);
    let mut container = Container::new();
    container.mount(secret.path(), "/run/secrets/redis_password");
    container.env("REDIS_PASSWORD_FILE", "/run/secrets/redis_password");
    let running = start(&container, &["--save", ""]);
    asks_for(&running.server, "q+w/e=");
    assert_eq!(status(&running.server)["Uid"], "999 999 999 999");
    assert_eq!(container.check_health(running.server.port(), running.metrics_port).code, Some(0));
    drop(running);
    container.env("REDIS_PASSWORD_FILE", "/run/secrets/none");
    let refused = run(&mut container.start(&["redis-server"]));
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("/run/secrets/none: No such file or directory"), "{refused:?}");
}

#[test]
fn data_outlives_the_container() {
    let container = Container::new();
    let mut running = start(&container, &[]);
    running.server.client().ok(&["SET", "kept", "by RDB"]);
    assert_eq!(running.server.stop("TERM"), Some(0), "{}", running.server.log());
    running.server.wait_for_log("DB saved on disk");
    let again = start(&container, &["--appendonly", "yes", "--appendfsync", "always", "--save", ""]);
    assert_eq!(again.server.client().call(&["DBSIZE"]), Reply::Int(0), "Redis reads no RDB file then");
    again.server.client().ok(&["SET", "kept", "by AOF"]);
    drop(again);
    // As after a crash.
    let container = Container::with(Arc::clone(&container.data));
    let again = start(&container, &["--appendonly", "yes", "--save", ""]);
    assert_eq!(again.server.client().call(&["GET", "kept"]).text(), "by AOF");
    drop(again);
    assert_eq!(start(&container, &[]).server.client().call(&["GET", "kept"]).text(), "by RDB");
}

#[test]
fn health_is_readiness() {
    let container = Container::new();
    let running = start(&container, &["--save", ""]);
    let (port, metrics_port) = (running.server.port(), running.metrics_port);
    assert_eq!(container.check_health(port, metrics_port).code, Some(0));
    assert_eq!(http(metrics_port, "GET /readyz").0, "200 OK");
    // With metrics elsewhere the server itself is asked, with a password too.
    let nobody = free_port();
    assert_eq!(container.check_health(port, nobody).code, Some(0));
    running.server.client().ok(&["CONFIG", "SET", "requirepass", "secret"]);
    assert_eq!(container.check_health(port, nobody).code, Some(0));
    assert_eq!(container.check_health(nobody, nobody).code, Some(1));
}

#[test]
fn names_are_found_by_static_programs() {
    let container = Container::new();
    let running = start(&container, &["--save", ""]);
    let port = running.server.port().to_string();
    assert_eq!(
        run(&mut container.exec(&["redis-cli", "-h", "localhost", "-p", &port, "ping"])).success(),
        "PONG\n"
    );
    let other = start(&container, &["--save", ""]);
    let mut client = running.server.client();
    client.ok(&["SET", "a", "1"]);
    let port = other.server.port().to_string();
    client.ok(&["MIGRATE", "localhost", &port, "a", "0", "60000"]);
    assert_eq!(other.server.client().call(&["GET", "a"]).text(), "1");
}

/// The folder around it is not the user's, or it is, as root's: then the file's name can't be given to another.
#[test]
fn config_rewrite_writes_through_a_mounted_file() {
    for user in ["999:1000", ""] {
        let folder = tempfile::tempdir().expect("temporary folders can be made");
        let file = folder.path().join("my.conf");
        fs::write(&file, "# mine\nmaxmemory 1mb\nsave \"\"\n").expect("written");
        std::os::unix::fs::chown(&file, Some(999), None).expect("the tests run as root");
        let inode = fs::metadata(&file).expect("there").ino();
        let mut container = Container::new();
        container.mount(&file, "/usr/local/etc/redis/redis.conf");
        container.env("REDSTART_USER", user);
        let running = start(&container, &["/usr/local/etc/redis/redis.conf"]);
        let mut client = running.server.client();
        client.ok(&["CONFIG", "SET", "maxmemory", "2mb"]);
        client.ok(&["CONFIG", "REWRITE"]);
        let text = fs::read_to_string(&file).expect("there");
        assert!(text.starts_with("# mine\nmaxmemory 2mb\n"), "{text}");
        assert_eq!(fs::metadata(&file).expect("there").ino(), inode);
        let left = run(&mut container.exec(&["ls", "/usr/local/etc/redis"])).success();
        assert_eq!(left, "redis.conf\n");
    }
}

/// The compose file's service, started as an engine would: `$$` is a dollar sign, and secrets are mounted.
#[test]
fn the_compose_file_starts_a_server_that_its_health_check_finds_well() {
    let compose = yaml("compose.yaml");
    let service = &compose["services"]["redis"];
    let secret = tempfile::NamedTempFile::new().expect("temporary files can be made");
    fs::write(secret.path(), "q+w/e=\n").expect("written");
    let mut container = Container::new();
    container.mount(secret.path(), "/run/secrets/redis_password");
    for (name, value) in service["environment"].as_object().expect("variables") {
        container.env(name, value.as_str().expect("a text"));
    }
    let words = service["command"].as_str().expect("a line").split_whitespace().collect::<Vec<_>>();
    let running = start(&container, &words);
    let mut client = asks_for(&running.server, "q+w/e=");
    let expected = [
        ("maxmemory", "268435456"),
        ("maxmemory-policy", "allkeys-lru"),
        ("save", "300 10 60 1000"),
        ("appendonly", "no"),
    ];
    for (name, value) in expected {
        assert_eq!(client.config(name), value, "{name}");
    }
    wait_until("well", || {
        container.check_health(running.server.port(), running.metrics_port).code == Some(0)
    });
}
