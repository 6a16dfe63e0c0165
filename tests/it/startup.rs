//! The command line and the configuration file as Redis takes them, what stops a start, and the log.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::{
    Client, Finished, ReferenceCommands, Reply, Server, data, free_port, run, run_with_stdin, server_binary,
    testing_the_reference, wait_until,
};

fn server(args: &[&str]) -> Command {
    let mut command = Command::new(server_binary());
    command.args(args);
    command
}

#[test]
fn version_and_help() {
    for flag in ["--version", "-v"] {
        let text = run(&mut server(&[flag])).success();
        assert!(text.starts_with("Redis server v=7.4.1 sha="), "{text}");
        assert!(text.contains(" malloc=") && text.contains(" bits=64 build="), "{text}");
    }
    for flag in ["--help", "-h"] {
        let Finished { stdout, stderr, .. } = run(&mut server(&[flag]));
        let text = stdout + &stderr;
        assert!(text.starts_with("Usage: ./redis-server [/path/to/redis.conf] [options] [-]\n"), "{text}");
    }
    let refused = run(&mut server(&["--test-memory"]));
    assert_eq!(refused.code, Some(1), "{refused:?}");
}

#[test]
fn directives_as_arguments() {
    let args = "--requirepass x --maxmemory 256mb --maxmemory-policy allkeys-lru --save 300 10 --save 60 1000 \
                --appendonly no --databases 4 --loglevel verbose --client-output-buffer-limit pubsub 1mb 2mb 3";
    let server = Server::with(&args.split_whitespace().collect::<Vec<_>>());
    let mut client = server.client();
    client.ok(&["AUTH", "x"]);
    let expected = [
        ("maxmemory", "268435456"),
        ("maxmemory-policy", "allkeys-lru"),
        ("save", "300 10 60 1000"),
        ("databases", "4"),
        ("loglevel", "verbose"),
    ];
    for (name, value) in expected {
        assert_eq!(client.config(name), value, "{name}");
    }
    assert!(client.config("client-output-buffer-limit").ends_with("pubsub 1048576 2097152 3"));
    client.ok(&["SELECT", "3"]);
    assert_eq!(client.call(&["SELECT", "4"]), Reply::Error("ERR DB index is out of range".to_owned()));
}

#[test]
fn a_file_then_arguments_that_win() {
    let text = "# comment\n\n  maxmemory   10mb  \nMAXMEMORY-POLICY AllKeys-LRU\nrequirepass \"a \\x62\\n\"\n\
                rename-command GET 'fetch'\nrename-command DEBUG \"\"\nsave 10 5\nsave 20 6\nmaxclients 77\n";
    let server = Server::with_config(text, &["--maxclients", "78"]);
    let mut client = server.client();
    client.ok(&["AUTH", "a b\n"]);
    assert_eq!(client.config("maxmemory"), "10485760");
    assert_eq!(client.config("maxmemory-policy"), "allkeys-lru");
    assert_eq!(client.config("maxclients"), "78");
    client.ok(&["SET", "k", "v"]);
    assert_eq!(client.call(&["FETCH", "k"]), Reply::bulk("v"));
    assert!(client.call(&["GET", "k"]).is_error("ERR unknown command 'GET'"));
    assert!(client.call(&["DEBUG", "SLEEP", "0"]).is_error("ERR unknown command 'DEBUG'"));
}

#[test]
fn include_takes_files_and_globs() {
    let folder = tempfile::tempdir().expect("temporary folders can be made");
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("10-one.conf"), "maxclients 33\ntimeout 4\n").expect("written");
    fs::write(path("20-two.conf"), "timeout 5\n").expect("written");
    let text = format!("include {}\ninclude {}\n", path("*-*.conf"), path("none*.conf"));
    let server = Server::with_config(&text, &[]);
    let mut client = server.client();
    assert_eq!(client.config("maxclients"), "33");
    assert_eq!(client.config("timeout"), "5");
}

#[test]
fn a_configuration_on_standard_input() {
    let port = free_port();
    let folder = tempfile::tempdir().expect("temporary folders can be made");
    let input = folder.path().join("stdin");
    fs::write(&input, format!("port {port}\nbind 127.0.0.1\nsave \"\"\nmaxclients 55\n")).expect("written");
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" - --timeout 9 < \"$1\""]).arg(server_binary()).arg(&input);
    let server = Server::spawn(&mut command, folder, port).expect("it starts");
    let mut client = server.client();
    assert_eq!(client.config("maxclients"), "55");
    assert_eq!(client.config("timeout"), "9");
}

/// A configuration file, the line that is wrong, its text and the reason.
const BAD_FILES: [(&str, u32, &str, &str); 16] = [
    ("# c\n\nport 1\nfoo bar\n", 4, "foo bar", "Bad directive or wrong number of arguments"),
    ("requirepass \"abc\n", 1, "requirepass \"abc", "Unbalanced quotes in configuration line"),
    ("requirepass\n", 1, "requirepass", "wrong number of arguments"),
    ("maxclients 0\n", 1, "maxclients 0", "argument must be between 1 and 4294967295 inclusive"),
    ("maxmemory 12xb\n", 1, "maxmemory 12xb", "argument must be a memory value"),
    ("databases 0\n", 1, "databases 0", "argument must be between 1 and 2147483647 inclusive"),
    ("databases abc\n", 1, "databases abc", "argument couldn't be parsed into an integer"),
    ("port 70000\n", 1, "port 70000", "argument must be between 0 and 65535 inclusive"),
    ("appendonly maybe\n", 1, "appendonly maybe", "argument must be 'yes' or 'no'"),
    ("save 300\n", 1, "save 300", "Invalid save parameters"),
    ("save a b\n", 1, "save a b", "Invalid save parameters"),
    ("rename-command nope x\n", 1, "rename-command nope x", "No such command in rename-command"),
    ("rename-command get set\n", 1, "rename-command get set", "Target command name already exists"),
    ("unixsocketperm 999\n", 1, "unixsocketperm 999", "argument couldn't be parsed as an octal number"),
    ("dir /no/such\n", 1, "dir /no/such", "No such file or directory"),
    (
        "client-output-buffer-limit normal 1 2\n",
        1,
        "client-output-buffer-limit normal 1 2",
        "Wrong number of arguments in buffer limit configuration.",
    ),
];

#[test]
fn a_bad_line_stops_the_start_and_is_shown() {
    let folder = tempfile::tempdir().expect("temporary folders can be made");
    let file = folder.path().join("redis.conf");
    let file_name = file.to_str().expect("a plain path");
    for (text, line, shown, reason) in BAD_FILES {
        fs::write(&file, text).expect("written");
        let ended = run(&mut server(&[file_name]));
        assert_eq!(ended.code, Some(1), "{text}: {ended:?}");
        let expected = format!("\nReading the configuration file, at line {line}\n>>> '{shown}'\n{reason}\n");
        assert!(ended.stderr.contains("FATAL CONFIG FILE ERROR"), "{ended:?}");
        assert!(ended.stderr.contains(&expected), "expected {expected}, got {}", ended.stderr);
    }
}

#[test]
fn a_bad_argument_stops_the_start_and_is_shown() {
    let cases: [(&[&str], &str, &str); 6] = [
        (&["--port", "abc"], "port \"abc\"", "argument couldn't be parsed into an integer"),
        (&["--port", ""], "port \"\"", "argument couldn't be parsed into an integer"),
        (&["--foo"], "foo", "Bad directive or wrong number of arguments"),
        (&["--loglevel"], "loglevel", "wrong number of arguments"),
        (&["--port", "1", "extra"], "port \"1\" \"extra\"", "wrong number of arguments"),
        (&["--save", "1", "x"], "save \"1\" \"x\"", "Invalid save parameters"),
    ];
    for (args, shown, reason) in cases {
        let ended = run(&mut server(args));
        assert_eq!(ended.code, Some(1), "{args:?}: {ended:?}");
        let expected = format!("\n>>> '{shown}'\n{reason}\n");
        assert!(ended.stderr.contains(&expected), "{args:?}: expected {expected}, got {}", ended.stderr);
    }
    let ended = run_with_stdin(&mut server(&["-"]), b"port x\n");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("at line 1\n>>> 'port x'\n"), "{ended:?}");
}

#[test]
fn a_missing_file_stops_the_start() {
    let ended = run(&mut server(&["/no/such.conf"]));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let text = ended.stdout + &ended.stderr;
    assert!(text.contains("can't open config file '/no/such.conf': No such file or directory"), "{text}");
}

#[test]
fn a_taken_port_stops_the_start() {
    let running = Server::start();
    let ended =
        run(&mut server(&["--bind", "127.0.0.1", "--port", &running.port().to_string(), "--save", ""]));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!((ended.stdout + &ended.stderr).contains("Address already in use"));
}

#[test]
fn the_redis_conf_of_seed_002_is_taken_as_it_stands() {
    if testing_the_reference() {
        return; // Redis itself refuses the comments behind its save lines.
    }
    let port = free_port();
    let folder = tempfile::tempdir().expect("temporary folders can be made");
    let mut command = server(&[data("seed-002-redis.conf").to_str().expect("a plain path")]);
    command.args(["--port", &port.to_string(), "--dir"]).arg(folder.path());
    let server = Server::spawn(&mut command, folder, port).expect("it starts");
    let mut client = server.client();
    assert!(client.call(&["GET", "k"]).is_error("NOAUTH"));
    client.ok(&["AUTH", "${REDIS_PASSWORD}"]);
    client.ok(&["SET", "k", "v"]);
    for command in ["FLUSHDB", "FLUSHALL", "CONFIG"] {
        let unknown = format!("ERR unknown command '{command}', with args beginning with: ");
        assert_eq!(client.call(&[command]), Reply::Error(unknown));
    }
    let memory = client.call(&["INFO", "memory"]).text();
    assert!(memory.contains("maxmemory:268435456\r\n"), "{memory}");
    assert!(memory.contains("maxmemory_policy:allkeys-lru\r\n"), "{memory}");
    assert!(client.call(&["INFO", "clients"]).text().contains("maxclients:100\r\n"));
}

#[test]
fn every_command_of_redis_can_be_renamed_away() {
    let commands = ReferenceCommands::load();
    let lines: String = commands.names().map(|name| format!("rename-command {name} \"\"\n")).collect();
    let server = Server::with_config(&lines, &[]);
    let mut client = server.client();
    for command in ["GET", "ACL", "MIGRATE", "SAVE"] {
        assert!(client.call(&[command]).is_error("ERR unknown command"), "{command}");
    }
}

#[test]
fn the_greeting_tells_the_process() {
    // Redis's own suite waits for this.
    let mut server = Server::with(&["--always-show-logo", "yes"]);
    let pid = server.pid();
    server.wait_for_log("Server initialized");
    let log = server.log();
    let told = log.find(&format!(" PID: {pid}\n")).expect("the greeting has the process number");
    assert!(told < log.find("Server initialized").expect("waited for"), "{log}");
    assert_eq!(server.stop("TERM"), Some(0));
}

#[test]
fn what_is_configured_in_vain_is_told() {
    if testing_the_reference() {
        return;
    }
    let server = Server::with(&["--activedefrag", "yes"]);
    server.wait_for_log("activedefrag is set but changes nothing");
}

#[test]
fn a_replica_does_not_start_as_a_primary() {
    if testing_the_reference() {
        return;
    }
    let ended = run_with_stdin(&mut server(&["-"]), b"replicaof 127.0.0.1 1\n");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("doesn't replicate, so 'replicaof' must go"), "{ended:?}");
}

#[test]
fn only_a_unix_socket() {
    let folder = tempfile::tempdir().expect("temporary folders can be made");
    let socket = folder.path().join("redis.sock");
    let path = socket.to_str().expect("a plain path").to_owned();
    fs::write(&socket, "as a program does that reserves the name").expect("the folder is there");
    let mut command =
        server(&["--port", "0", "--save", "", "--unixsocket", &path, "--unixsocketperm", "700"]);
    let mut server = Server::spawn(&mut command, folder, 0).expect("it starts");
    server.wait_for_log("Ready to accept connections unix");
    let mode = fs::metadata(&socket).expect("the socket is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let mut client = Client::unix(&socket);
    client.ok(&["SET", "k", "v"]);
    assert_eq!(client.call(&["GET", "k"]), Reply::bulk("v"));
    assert_eq!(server.stop("TERM"), Some(0));
    assert!(!socket.exists(), "the socket's file is left behind");
}

#[test]
fn several_addresses_and_ipv6() {
    let server = Server::with(&["--bind", "127.0.0.1", "127.0.0.2", "-::1"]);
    for address in ["127.0.0.1", "127.0.0.2"] {
        std::net::TcpStream::connect((address, server.port())).expect(address);
    }
    if std::net::TcpListener::bind(("::1", 0)).is_ok() {
        std::net::TcpStream::connect(("::1", server.port())).expect("::1");
    }
    std::net::TcpStream::connect(("127.0.0.3", server.port())).expect_err("not asked to listen there");
}

#[test]
fn the_log_has_the_format_of_redis() {
    let mut server = Server::start();
    let pid = server.pid();
    server.wait_for_log("Server initialized");
    server.wait_for_log("Ready to accept connections tcp");
    assert_eq!(server.stop("TERM"), Some(0));
    let log = server.log();
    assert!(log.lines().count() > 3, "{log}");
    for line in log.lines() {
        // Redis's signal handler may not format a date.
        assert!(is_log_line(line, pid) || line.starts_with(&format!("{pid}:signal-handler (")), "{line}");
    }
}

/// `pid:role dd Mon yyyy hh:mm:ss.mmm level text`
fn is_log_line(line: &str, pid: u32) -> bool {
    let shape = |text: &str| -> String {
        text.chars()
            .map(|c| {
                if c.is_ascii_digit() {
                    '9'
                } else if c.is_ascii_alphabetic() {
                    'a'
                } else {
                    c
                }
            })
            .collect()
    };
    let Some(rest) = line.strip_prefix(&format!("{pid}:")) else { return false };
    let fields: Vec<&str> = rest.splitn(7, ' ').collect();
    let [role, day, month, year, time, level, text] = fields[..] else { return false };
    matches!(role, "C" | "M" | "S" | "X")
        && [day, month, year, time].map(shape) == ["99", "aaa", "9999", "99:99:99.999"]
        && matches!(level, "." | "-" | "*" | "#")
        && !text.is_empty()
}

#[test]
fn the_log_may_go_to_a_file_and_be_made_quieter() {
    let folder = tempfile::tempdir().expect("temporary folders can be made");
    let file = folder.path().join("redis.log");
    let mut server = Server::with(&["--logfile", file.to_str().expect("a plain path")]);
    // It listens a moment before it says so.
    wait_until("ready", || read(&file).contains("Ready to accept connections tcp"));
    assert_eq!(server.stop("TERM"), Some(0));
    assert!(!server.log().contains("Ready to accept"), "{}", server.log());

    let mut quiet = Server::with(&["--loglevel", "warning"]);
    assert_eq!(quiet.stop("TERM"), Some(0));
    assert!(!quiet.log().contains(" * "), "{}", quiet.log());
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn the_pid_file_holds_the_process_number_while_it_runs() {
    let folder = tempfile::tempdir().expect("temporary folders can be made");
    let file = folder.path().join("redis.pid");
    let mut server = Server::with(&["--pidfile", file.to_str().expect("a plain path")]);
    assert_eq!(read(&file), format!("{}\n", server.pid()));
    assert_eq!(server.stop("TERM"), Some(0));
    assert!(!file.exists());
    // A server whose pid file can't be written runs all the same.
    let server = Server::with(&["--pidfile", "/no/such/folder/pid"]);
    server.wait_for_log("Failed to write PID file");
    assert_eq!(server.client().call(&["PING"]), Reply::Simple(b"PONG".to_vec()));
}

#[test]
fn in_the_background() {
    let folder = tempfile::tempdir().expect("temporary folders can be made");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (port, pid_file, log_file) = (free_port(), path("pid"), path("log"));
    let mut command = server(&["--daemonize", "yes", "--save", "", "--bind", "127.0.0.1"]);
    command.args([
        "--port",
        &port.to_string(),
        "--dir",
        &path(""),
        "--pidfile",
        &pid_file,
        "--logfile",
        &log_file,
    ]);
    let started = run(&mut command);
    assert_eq!((started.code, started.stdout.as_str()), (Some(0), ""), "{started:?}");
    let ready = || fs::read_to_string(&log_file).is_ok_and(|log| log.contains("Ready to accept connections"));
    wait_until("ready", ready);
    let pid = read(Path::new(&pid_file)).trim().to_owned();
    let mut client = Client::tcp(port);
    assert!(client.call(&["INFO", "server"]).text().contains(&format!("\r\nprocess_id:{pid}\r\n")));
    run(Command::new("kill").arg(&pid)).success();
    client.read_to_close();
}
