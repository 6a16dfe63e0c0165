//! Loading from the file, standard input and the command line.

use std::fs;

use super::{from_text, get, load};
use crate::config::{AppendFsync, Config, SavePoint};

#[test]
fn the_file_of_a_team_is_taken_as_it_stands() {
    let config = from_text(
        "# Memória\nmaxmemory 256mb\nmaxmemory-policy allkeys-lru\n\n\
         save 300 10  # Snapshot a cada 5min se 10+ keys mudarem\n\
         save 60 1000  # Ou a cada 1min se 1000+ keys mudarem\n\
         stop-writes-on-bgsave-error yes\nrdbcompression yes\n\n\
         requirepass ${REDIS_PASSWORD}\nprotected-mode yes\nbind 0.0.0.0\n\
         tcp-backlog 511\ntimeout 0\ntcp-keepalive 300\nmaxclients 100\n\n\
         loglevel notice\nlogfile \"\"\n\n\
         rename-command FLUSHDB \"\"\nrename-command FLUSHALL \"\"\nrename-command CONFIG \"\"\n",
    );
    assert_eq!(get(&config, "save"), "300 10 60 1000");
    assert_eq!(get(&config, "requirepass"), "${REDIS_PASSWORD}");
    assert_eq!(config.settings().network.bind, ["0.0.0.0"]);
    let renames: Vec<_> =
        config.renames().iter().map(|rename| (rename.old.as_slice(), rename.new.as_slice())).collect();
    assert_eq!(renames, [(&b"FLUSHDB"[..], &b""[..]), (b"FLUSHALL", b""), (b"CONFIG", b"")]);
    assert_eq!(config.renames()[2].at.number, 23);
}

#[test]
fn the_command_line_of_a_team() {
    let args = "--requirepass p#w --maxmemory 256mb --maxmemory-policy allkeys-lru --save 300 10 --save 60 1000 --appendonly no";
    let args: Vec<&str> = args.split(' ').collect();
    let config = load(&args, "").unwrap();
    assert_eq!(get(&config, "requirepass"), "p#w");
    assert_eq!(get(&config, "save"), "300 10 60 1000");
    assert_eq!(config.file(), None);
}

#[test]
fn options_override_the_file_and_stdin_comes_between() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("redis.conf");
    fs::write(&file, "port 1\nsave 900 1\nappendfsync always\ntimeout 5").unwrap();
    let config =
        load(&[file.to_str().unwrap(), "--port", "3", "--save", "100 100", "-"], "\nport 2\ntimeout 6\n")
            .unwrap();
    let settings = config.settings();
    assert_eq!((settings.network.port, settings.network.timeout_s), (3, 6));
    assert_eq!(settings.aof.fsync, AppendFsync::Always);
    let points = [(900, 1), (100, 100)].map(|(seconds, changes)| SavePoint { seconds, changes });
    assert_eq!(settings.snapshots.save, points);
    assert_eq!(config.file(), Some(file.as_path()));
    let config = load(&[file.to_str().unwrap(), "--save", ""], "").unwrap();
    assert_eq!(get(&config, "save"), "");
}

#[test]
fn save_points_add_up_from_the_first_line_on() {
    assert_eq!(get(&from_text("save 900 1\nsave 10 20 30 40"), "save"), "900 1 10 20 30 40");
    assert_eq!(get(&from_text("save \"900 1\"\nsave \"\"\nsave 5 5"), "save"), "5 5");
    assert_eq!(get(&from_text("save \"\""), "save"), "");
    assert_eq!(get(&from_text("port 1"), "save"), "3600 1 300 100 60 10000");
}

#[test]
fn forms_of_values() {
    let config = from_text(
        "  SAVE  \"1 2\"\r\nshutdown-on-sigint nosave force now\nslave-priority 7\nunixsocketperm 0770\n\
         client-output-buffer-limit normal 1 2 3 pubsub 4 5 6\nclient-output-buffer-limit slave 1kb 2 3\n\
         requirepass \"a\\x00\\\"b\" # secret\nlua-replicate-commands yes\n",
    );
    assert_eq!(get(&config, "shutdown-on-sigint"), "nosave now force");
    assert_eq!(get(&config, "replica-priority"), "7");
    assert_eq!(config.settings().network.unixsocket_perm, Some(0o770));
    assert_eq!(get(&config, "client-output-buffer-limit"), "normal 1 2 3 slave 1024 2 3 pubsub 4 5 6");
    assert_eq!(config.settings().security.requirepass.as_deref(), Some(&b"a\0\"b"[..]));
}

#[test]
fn wrong_options_stop_the_start_in_the_words_of_redis() {
    for (args, line, why) in [
        ("--invalid", "invalid", "Bad directive or wrong number of arguments"),
        ("--foo bar", "foo \"bar\"", "Bad directive or wrong number of arguments"),
        ("--port", "port", "wrong number of arguments"),
        ("--port 6379 6380", "port \"6379\" \"6380\"", "wrong number of arguments"),
        ("--port --loglevel verbose", "port \"--loglevel\" \"verbose\"", "wrong number of arguments"),
        ("--port --bla --loglevel verbose", "port \"--bla\"", "argument couldn't be parsed into an integer"),
        (
            "--shutdown-on-sigint",
            "shutdown-on-sigint",
            "argument(s) must be one of the following: default, save, nosave, now, force",
        ),
        ("--replicaof 127.0.0.1 abc", "replicaof \"127.0.0.1\" \"abc\"", "Invalid master port"),
        ("--replicaof --127.0.0.1 --abc", "replicaof \"--127.0.0.1\"", "wrong number of arguments"),
        ("--unixsocketperm 888", "unixsocketperm \"888\"", "argument couldn't be parsed as an octal number"),
        ("--unixsocketperm 1000", "unixsocketperm \"1000\"", "argument must be between 0 and 777 inclusive"),
        ("--dir /nope", "dir \"/nope\"", "No such file or directory"),
        ("--loadmodule", "loadmodule", "Bad directive or wrong number of arguments"),
        ("--loadmodule x.so", "loadmodule \"x.so\"", "Modules are not supported"),
        ("--appendfilename a/b", "appendfilename \"a/b\"", "appendfilename can't be a path, just a filename"),
    ] {
        let args: Vec<&str> = args.split(' ').collect();
        let expected = format!(
            "\n*** FATAL CONFIG FILE ERROR (Redis 7.4.1) ***\nReading the configuration file, at line 2\n>>> '{line}'\n{why}"
        );
        assert_eq!(load(&args, "").err().unwrap().to_string(), expected);
    }
}

#[test]
fn errors_name_the_line() {
    let mut config = Config::new();
    let error = config.load_text(b"# x\n\n  requirepass \"x  \n").unwrap_err().to_string();
    assert!(
        error.ends_with("at line 3\n>>> 'requirepass \"x'\nUnbalanced quotes in configuration line"),
        "{error}"
    );
    assert_eq!(get(&config, "requirepass"), "");
    let error = load(&["--logfile", "/nope/x"], "").err().unwrap().to_string();
    assert_eq!(
        error,
        "\n*** FATAL CONFIG FILE ERROR (Redis 7.4.1) ***\nCan't open the log file: No such file or directory"
    );
    let missing = load(&["/no/such.conf"], "").err().unwrap().to_string();
    assert_eq!(missing, "Fatal error, can't open config file '/no/such.conf': No such file or directory");
}

#[test]
fn includes_are_read_where_they_stand() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("a.conf"), "port 1\ntimeout 1\ninclude parts/*.conf\n").unwrap();
    fs::create_dir(path("parts")).unwrap();
    fs::write(path("parts/1.conf"), "timeout 2").unwrap();
    fs::write(path("parts/2.conf"), "tcp-keepalive 3").unwrap();
    let mut config = Config::in_dir(dir.path());
    config.load_args(&["a.conf".into()], &mut "".as_bytes()).unwrap();
    let network = &config.settings().network;
    assert_eq!((network.port, network.timeout_s, network.tcp_keepalive_s), (1, 2, 3));

    // After `dir`, relative paths start there.
    let parts = path("parts");
    let text = format!("dir {}\ninclude 1.conf\ninclude none-*.conf\n", parts.display());
    let mut config = Config::in_dir(dir.path());
    config.load_text(text.as_bytes()).unwrap();
    assert_eq!(config.settings().network.timeout_s, 2);

    fs::write(path("b.conf"), "port 1\ninclude b.conf").unwrap();
    let error = Config::in_dir(dir.path()).load_text(b"include b.conf").unwrap_err().to_string();
    assert!(error.contains("at line 2\n>>> 'include b.conf'\nToo many levels of include"), "{error}");
    let error = Config::in_dir(dir.path()).load_text(b"include none").unwrap_err().to_string();
    assert_eq!(error, "Fatal error, can't open config file 'none': No such file or directory");
}

#[test]
fn users_are_kept_for_the_acl() {
    let config = from_text("user default off\nUSER ann on #ab ~* # the boss\n");
    let words: Vec<Vec<&[u8]>> =
        config.user_lines().iter().map(|user| user.words.iter().map(Vec::as_slice).collect()).collect();
    assert_eq!(words, [vec![&b"default"[..], b"off"], vec![b"ann", b"on", b"#ab", b"~*"]]);
}

#[test]
fn the_log_file_is_tried() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::in_dir(dir.path());
    config.load_text(b"logfile redis.log").unwrap();
    assert!(dir.path().join("redis.log").exists());
}
