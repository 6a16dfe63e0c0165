//! The RDB file: what is saved comes back, whatever happens meanwhile, here and in Redis 7.0.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::{
    Background, Client, Reply, Server, SetOnDrop, debian, free_port, http, pipeline, program, run,
    server_binary, show, wait_until,
};

/// A server that lives in a folder which outlives it.
fn serve(folder: &Path, args: &[&str]) -> Server {
    let folder = folder.to_str().expect("a plain path");
    Server::with(&[&["--dir", folder, "--enable-debug-command", "yes"], args].concat())
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("temporary folders can be made")
}

fn error(text: &str) -> Reply {
    Reply::Error(text.to_owned())
}

fn info(client: &mut Client, field: &str) -> String {
    let text = client.call(&["INFO"]).text();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {field} in INFO")).to_owned()
}

fn wait_for_the_save(client: &mut Client) {
    wait_until("saved", || info(client, "rdb_bgsave_in_progress") == "0");
}

/// Fills some databases with keys of all types and encodings; `modern` with what only Redis 7.4 has as well.
fn fill(client: &mut Client, modern: bool) {
    let mut lines: Vec<String> = Vec::new();
    for number in 0..400 {
        let long = "x".repeat(number * 7);
        lines.push(format!("SELECT {}", number % 3));
        lines.push(format!("SET string:{number} value{long}"));
        lines.push(format!("SET integer:{number} {}", number * 1_000_003));
        lines.push(format!("RPUSH list:{} {number} {long}", number % 20));
        lines.push(format!("SADD set:{} {number} member{number}", number % 9));
        lines.push(format!("SADD integers:{} {number}", number % 50));
        lines.push(format!("HSET hash:{} field{number} {long}", number % 12));
        lines.push(format!("ZADD sorted:{} {number}.5 member{number}", number % 2));
        lines.push(format!("XADD stream:{} {number}-1 field {number}", number % 7));
        lines.push(format!("SET volatile:{number} v PX {}", 1_000_000 + number));
        if modern && number % 30 == 0 {
            lines.push(format!(
                "HPEXPIRE hash:{} {} FIELDS 1 field{number}",
                number % 12,
                1_000_000 + number
            ));
        }
    }
    lines.push("XGROUP CREATE stream:1 group 0".to_owned());
    lines.push("XREADGROUP GROUP group consumer COUNT 5 STREAMS stream:1 >".to_owned());
    lines.push("APPEND string:7 more".to_owned());
    client.send(&pipeline(&lines));
    for line in &lines {
        let (reply, _) = client.read();
        assert!(!matches!(reply, Reply::Error(_)), "{line}: {reply:?}");
    }
}

/// What a server has, as text by database and key.
type Contents = BTreeMap<(usize, String), String>;

fn contents(client: &mut Client, encodings: bool) -> Contents {
    let mut contents = BTreeMap::new();
    for db in 0..4 {
        client.ok(&["SELECT", &db.to_string()]);
        for key in client.call(&["KEYS", "*"]).items() {
            let key = key.text();
            let kind = client.call(&["TYPE", &key]).text();
            let read: &[&str] = match kind.as_str() {
                "string" => &["GET", &key],
                "list" => &["LRANGE", &key, "0", "-1"],
                "set" => &["SORT", &key, "ALPHA"],
                "hash" => &["HGETALL", &key],
                "zset" => &["ZRANGE", &key, "0", "-1", "WITHSCORES"],
                _ => &["XRANGE", &key, "-", "+"],
            };
            let answer = client.call(read);
            let mut value = if kind == "string" { vec![answer] } else { answer.items() };
            if kind == "hash" {
                let mut pairs: Vec<Vec<Reply>> = value.chunks(2).map(<[Reply]>::to_vec).collect();
                pairs.sort_by_key(|pair| pair[0].text());
                value = pairs.concat();
            } else if kind == "stream" {
                value.push(client.call(&["XINFO", "GROUPS", &key]));
                value.push(client.call(&["XPENDING", &key, "group"]));
            }
            let deadline = client.call(&["PEXPIRETIME", &key]);
            // Strings and lists take their most compact form when they are loaded.
            let told = encodings && !matches!(kind.as_str(), "string" | "list");
            let encoding =
                if told { client.call(&["OBJECT", "ENCODING", &key]).text() } else { String::new() };
            contents.insert((db, key), format!("{kind} {encoding} {deadline:?} {value:?}"));
        }
    }
    contents
}

/// Compares contents, and shows only what differs first.
#[track_caller]
fn assert_same(got: &Contents, expected: &Contents) {
    let differs = got.iter().zip(expected).find(|(got, expected)| got != expected);
    let differs = differs.map(|(got, expected)| {
        [show(format!("{got:?}").as_bytes()), show(format!("{expected:?}").as_bytes())]
    });
    assert!(
        differs.is_none() && got.len() == expected.len(),
        "{} of {}: {differs:#?}",
        got.len(),
        expected.len()
    );
}

#[test]
fn what_was_saved_comes_back() {
    let folder = folder();
    let mut server = serve(folder.path(), &[]);
    let mut client = server.client();
    fill(&mut client, true);
    let library = "#!lua name=library\nredis.register_function('where', function() return 'here' end)";
    assert_eq!(client.call(&["FUNCTION", "LOAD", library]), Reply::bulk("library"));
    client.ok(&["SAVE"]);
    let before = contents(&mut client, true);
    assert!(before.len() > 1000, "{}", before.len());
    client.ok(&["DEBUG", "RELOAD"]);
    assert_same(&contents(&mut client, true), &before);
    let deadlines = |client: &mut Client| {
        client.ok(&["SELECT", "0"]);
        client.call(&["HPEXPIRETIME", "hash:0", "FIELDS", "2", "field0", "field60"])
    };
    let fields = deadlines(&mut client);
    assert_eq!(server.stop("TERM"), Some(0));
    let server = serve(folder.path(), &[]);
    let mut client = server.client();
    assert_same(&contents(&mut client, true), &before);
    assert_eq!(deadlines(&mut client), fields);
    assert_eq!(client.call(&["FCALL", "where", "0"]), Reply::bulk("here"));
    server.wait_for_log("Done loading RDB, keys loaded: ");
    server.wait_for_log("DB loaded from disk: ");
    // The file is complete, and nothing else is left behind.
    assert_eq!(fs::read_dir(folder.path()).expect("a readable folder").count(), 1);
    assert_eq!(info(&mut client, "rdb_last_load_keys_loaded"), before.len().to_string());
}

#[test]
fn redis_7_0_reads_what_we_write_and_we_what_it_writes() {
    let folder = folder();
    let server = serve(folder.path(), &[]);
    let mut client = server.client();
    fill(&mut client, false);
    let ours = contents(&mut client, false);
    client.ok(&["SAVE"]);
    let theirs = debian(folder.path(), &[]);
    let mut client = theirs.client();
    assert_same(&contents(&mut client, false), &ours);
    client.ok(&["SELECT", "1"]);
    client.ok(&["SET", "written by", "Redis 7.0"]);
    client.ok(&["SAVE"]);
    let expected = contents(&mut client, false);
    let server = serve(folder.path(), &[]);
    assert_same(&contents(&mut server.client(), false), &expected);
    server.wait_for_log("Loading RDB produced by version 7.0.");
}

#[test]
fn a_background_save_is_of_one_instant() {
    const ACCOUNTS: usize = 500;
    let folder = folder();
    let server = serve(folder.path(), &[]);
    let mut client = server.client();
    let deposits: Vec<String> = (0..ACCOUNTS).map(|number| format!("SET account:{number} 100")).collect();
    let filler = (0..30_000).map(|number| format!("SET filler:{number} {number}"));
    let lines: Vec<String> = deposits.into_iter().chain(filler).collect();
    client.exchange(pipeline(&lines), lines.len());
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _end = SetOnDrop(&over);
        for _ in 0..3 {
            scope.spawn(|| {
                let mut client = server.client();
                while !over.load(Ordering::Relaxed) {
                    let mut lines = Vec::new();
                    for _ in 0..20 {
                        let [from, to, amount] =
                            [ACCOUNTS, ACCOUNTS, 90].map(|below| fastrand::usize(..below));
                        lines.extend([
                            "MULTI".to_owned(),
                            format!("DECRBY account:{from} {amount}"),
                            format!("INCRBY account:{to} {amount}"),
                            format!("SET filler:{} {from}", fastrand::usize(..60_000)),
                            "EXEC".to_owned(),
                        ]);
                    }
                    client.exchange(pipeline(&lines), lines.len());
                }
            });
        }
        let total = |folder: &Path| {
            let server = serve(folder, &[]);
            let mut client = server.client();
            let keys: Vec<String> = (0..ACCOUNTS).map(|number| format!("account:{number}")).collect();
            let names = ["MGET"].into_iter().chain(keys.iter().map(String::as_str)).collect::<Vec<_>>();
            let amounts = client.call(&names).items();
            amounts.iter().map(|amount| amount.text().parse::<i64>().expect("a number")).sum::<i64>()
        };
        for _ in 0..4 {
            assert_eq!(client.call(&["BGSAVE"]), Reply::Simple(b"Background saving started".to_vec()));
            wait_for_the_save(&mut client);
            let copy = self::folder();
            fs::copy(folder.path().join("dump.rdb"), copy.path().join("dump.rdb"))
                .expect("the file is there");
            assert_eq!(total(copy.path()), 100 * ACCOUNTS as i64);
        }
    });
    assert_eq!(
        (info(&mut client, "rdb_saves"), info(&mut client, "rdb_last_bgsave_status")),
        ("4".into(), "ok".into())
    );
    assert!(info(&mut client, "rdb_last_bgsave_time_sec").parse::<i64>().is_ok_and(|seconds| seconds >= 0));
}

#[test]
fn the_end_saves_if_there_are_save_points() {
    let folder = folder();
    for (args, how, kept) in [
        (&["--save", "3600 1"][..], "TERM", true),
        (&["--save", "3600 1"], "SHUTDOWN", true),
        (&[], "SHUTDOWN SAVE", true),
        (&["--save", "3600 1"], "SHUTDOWN NOSAVE", false),
        (&[], "TERM", false),
        (&[], "SHUTDOWN", false),
        (&["--shutdown-on-sigterm", "save"], "TERM", true),
        (&["--save", "3600 1", "--shutdown-on-sigterm", "nosave"], "TERM", false),
    ] {
        let mut server = serve(folder.path(), args);
        let mut client = server.client();
        assert_eq!(client.call(&["DBSIZE"]), Reply::Int(0), "{how}");
        client.ok(&["SET", "k", "v"]);
        if how == "TERM" {
            assert_eq!(server.stop("TERM"), Some(0), "{}", server.log());
        } else {
            client.send(&pipeline(&[how]));
            assert!(client.read_to_close().is_empty(), "{how}");
            assert_eq!(server.wait(), Some(0), "{}", server.log());
        }
        let saved = fs::remove_file(folder.path().join("dump.rdb")).is_ok();
        assert_eq!(saved, kept, "{args:?} {how}: {}", server.log());
        assert_eq!(server.log().contains("Saving the final RDB snapshot before exiting."), kept);
    }
}

#[test]
fn a_server_that_cant_save_doesnt_end_unless_forced() {
    let folder = folder();
    let mut server = serve(folder.path(), &["--save", "3600 1"]);
    let mut client = server.client();
    client.ok(&["SET", "k", "v"]);
    // A folder in the place of the file.
    fs::create_dir_all(folder.path().join("dump.rdb/x")).expect("a folder can be made");
    assert_eq!(client.call(&["SHUTDOWN"]), error("ERR Errors trying to SHUTDOWN. Check logs."));
    assert_eq!(client.call(&["GET", "k"]), Reply::bulk("v"));
    assert_eq!(client.call(&["SAVE"]), error("ERR"));
    client.send(&pipeline(&["SHUTDOWN FORCE"]));
    assert!(client.read_to_close().is_empty());
    assert_eq!(server.wait(), Some(0));
    for line in ["Error moving temp DB file", "Error trying to save the DB, can't exit.", "Exit anyway."] {
        assert!(server.log().contains(line), "{line}: {}", server.log());
    }
}

#[test]
fn writes_stop_while_nothing_can_be_saved() {
    let folder = folder();
    let server = serve(folder.path(), &["--save", "3600 1"]);
    let mut client = server.client();
    client.ok(&["SET", "k", "v"]);
    fs::create_dir_all(folder.path().join("dump.rdb/x")).expect("a folder can be made");
    client.call(&["BGSAVE"]);
    wait_for_the_save(&mut client);
    assert_eq!(info(&mut client, "rdb_last_bgsave_status"), "err");
    for command in [&["SET", "k", "w"][..], &["PING"]] {
        assert!(
            client.call(command).is_error("MISCONF Redis is configured to save RDB snapshots"),
            "{command:?}"
        );
    }
    assert_eq!(client.call(&["GET", "k"]), Reply::bulk("v"));
    let script = "redis.call('GET', KEYS[1]) return redis.call('SET', KEYS[1], 'w')";
    assert!(client.call(&["EVAL", script, "1", "k"]).is_error("MISCONF"));
    client.ok(&["MULTI"]);
    assert!(client.call(&["SET", "k", "w"]).is_error("MISCONF"));
    assert!(client.call(&["EXEC"]).is_error("EXECABORT"));
    client.ok(&["CONFIG", "SET", "stop-writes-on-bgsave-error", "no"]);
    client.ok(&["SET", "k", "w"]);
    client.ok(&["CONFIG", "SET", "stop-writes-on-bgsave-error", "yes"]);
    assert!(client.call(&["SET", "k", "x"]).is_error("MISCONF"));
    fs::remove_dir_all(folder.path().join("dump.rdb")).expect("the folder can be removed");
    client.call(&["BGSAVE"]);
    wait_for_the_save(&mut client);
    client.ok(&["SET", "k", "x"]);
    assert_eq!(info(&mut client, "rdb_changes_since_last_save"), "1");
}

#[test]
fn save_points_save() {
    let folder = folder();
    let server = serve(folder.path(), &["--save", "1 5"]);
    let mut client = server.client();
    (0..4).for_each(|_| _ = client.call(&["INCR", "k"]));
    std::thread::sleep(Duration::from_millis(1500));
    assert!(!server.log().contains("Saving"), "{}", server.log());
    client.call(&["INCR", "k"]);
    server.wait_for_log("5 changes in 1 seconds. Saving...");
    server.wait_for_log("Background saving terminated with success");
    wait_until("counted", || info(&mut client, "rdb_changes_since_last_save") == "0");
    let saved: i64 = info(&mut client, "rdb_last_save_time").parse().expect("a number");
    assert_eq!(client.call(&["LASTSAVE"]), Reply::Int(saved));
}

#[test]
fn bgsave_says_when_it_will_be() {
    let server = Server::start();
    let mut client = server.client();
    let scheduled = Reply::Simple(b"Background saving scheduled".to_vec());
    assert_eq!(client.call(&["BGSAVE", "now"]), error("ERR syntax error"));
    client.ok(&["MULTI"]);
    client.call(&["SET", "k", "v"]);
    client.call(&["BGSAVE"]);
    let answers = client.call(&["EXEC"]).items();
    assert_eq!(answers[1], scheduled);
    wait_until("saved", || server.folder().join("dump.rdb").exists());
    assert!(client.call(&["MULTI"]) == Reply::Simple(b"OK".to_vec()));
    assert_eq!(client.call(&["SAVE"]), error("ERR Command not allowed inside a transaction"));
}

#[test]
fn changes_are_counted_off_once_whoever_saves_them() {
    let folder = folder();
    let server = serve(folder.path(), &["--save", "3600 1000000"]);
    let mut client = server.client();
    let changes = |client: &mut Client| info(client, "rdb_changes_since_last_save");
    client.ok(&["SET", "a", "1"]);
    client.ok(&["MULTI"]);
    client.call(&["FLUSHALL"]);
    client.call(&["EXEC"]);
    assert_eq!(changes(&mut client), "0");
    // A save that begins later and ends earlier; what it has written stays.
    client.ok(&["CONFIG", "SET", "rdb-key-save-delay", "300000"]);
    client.ok(&["SET", "a", "1"]);
    client.call(&["BGSAVE"]);
    client.ok(&["CONFIG", "SET", "rdb-key-save-delay", "0"]);
    client.ok(&["SET", "b", "1"]);
    client.ok(&["DEBUG", "RELOAD"]);
    client.ok(&["SET", "c", "1"]);
    wait_for_the_save(&mut client);
    assert_eq!(changes(&mut client), "1");
    client.ok(&["DEBUG", "RELOAD", "NOSAVE", "NOFLUSH", "MERGE"]);
    assert_eq!(client.call(&["EXISTS", "a", "b", "c"]), Reply::Int(3));
    client.ok(&["DEBUG", "RELOAD", "NOSAVE"]);
    assert_eq!(client.call(&["EXISTS", "a", "b", "c"]), Reply::Int(2));
}

#[test]
fn a_flush_is_not_undone_by_a_restart() {
    let folder = folder();
    let mut server = serve(folder.path(), &["--save", "3600 1000000"]);
    let mut client = server.client();
    client.call(&["DEBUG", "POPULATE", "50000"]);
    client.call(&["BGSAVE"]);
    client.ok(&["FLUSHALL"]);
    assert_eq!(info(&mut client, "rdb_changes_since_last_save"), "0");
    wait_for_the_save(&mut client);
    assert_eq!(info(&mut client, "rdb_last_bgsave_status"), "ok");
    client.send(&pipeline(&["SHUTDOWN NOSAVE"]));
    assert_eq!(server.wait(), Some(0));
    let server = serve(folder.path(), &[]);
    assert_eq!(server.client().call(&["DBSIZE"]), Reply::Int(0));
}

#[test]
fn keys_that_have_expired_are_left_out() {
    let folder = folder();
    let mut server = serve(folder.path(), &["--save", "3600 1"]);
    let mut client = server.client();
    // It stays for the end of this server, however late that comes.
    client.ok(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]);
    client.ok(&["SET", "short", "v", "PX", "300"]);
    client.ok(&["SET", "long", "v", "PX", "300000"]);
    assert_eq!(server.stop("TERM"), Some(0));
    std::thread::sleep(Duration::from_millis(350));
    let server = serve(folder.path(), &[]);
    let mut client = server.client();
    assert_eq!(client.call(&["DBSIZE"]), Reply::Int(1));
    assert_eq!(info(&mut client, "rdb_last_load_keys_expired"), "1");
}

#[test]
fn a_damaged_file_is_refused() {
    let folder = folder();
    let file = folder.path().join("dump.rdb");
    let server = serve(folder.path(), &[]);
    let mut client = server.client();
    fill(&mut client, false);
    client.ok(&["SAVE"]);
    let good = fs::read(&file).expect("the file is there");
    let start = |bytes: &[u8], args: &[&str]| {
        fs::write(&file, bytes).expect("the file can be written");
        let port = free_port().to_string();
        let mut command = Command::new(server_binary());
        run(command.args(["--port", &port, "--dir"]).arg(folder.path()).args(args))
    };
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    let twice = [b"REDIS0010\xfe\x00\x00\x01k\x01v\x00\x01k\x01w\xff", &[0; 8][..]].concat();
    for (bytes, reason) in [
        (&good[..good.len() / 2], "nexpected end at offset"),
        (&flipped, ""),
        (b"hello, this is no RDB file", "Wrong signature trying to load DB from file at offset 0"),
        (b"REDIS0099\xff", "an't handle RDB format version 99"),
        (b"", "nexpected end at offset 0"),
        (&twice, "RDB has duplicated key 'k' in DB 0"),
        (b"REDIS0010\xfe\x30\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0", "the file has a database 48"),
    ] {
        let ended = start(bytes, &[]);
        assert_eq!(ended.code, Some(1), "{reason}: {ended:?}");
        for line in ["Can't load the RDB file", "dump.rdb: ", reason, "Fatal error loading the DB"] {
            assert!(ended.stdout.contains(line), "{line}: {ended:?}");
        }
        assert_eq!(fs::read(&file).expect("still there"), bytes, "the file is as it was");
    }
}

#[test]
fn clients_are_told_that_data_is_being_loaded() {
    let (source, target) = (folder(), folder());
    let server = serve(source.path(), &[]);
    let mut client = server.client();
    fill(&mut client, true);
    client.ok(&["SAVE"]);
    let bytes = fs::read(source.path().join("dump.rdb")).expect("the file is there");
    // A pipe gives the file as slowly as the test wants.
    let pipe = target.path().join("dump.rdb");
    run(program("mkfifo").arg(&pipe)).success();
    let mut writer = fs::OpenOptions::new().read(true).write(true).open(&pipe).expect("the pipe opens");
    let half = (bytes.len() / 2).min(32 << 10);
    writer.write_all(&bytes[..half]).expect("the pipe takes bytes");
    let port = free_port();
    let metrics_port = free_port();
    let metrics = metrics_port.to_string();
    let mut command = Command::new(server_binary());
    command.args(["--port", &port.to_string(), "--metrics-port", &metrics, "--save", "", "--dir"]);
    let _child = Background::start(command.arg(target.path()));
    wait_until("listening", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    let mut client = Client::tcp(port);
    let loading = error("LOADING Redis is loading the dataset in memory");
    for command in [&["PING"][..], &["GET", "string:1"], &["SET", "k", "v"], &["DBSIZE"]] {
        assert_eq!(client.call(command), loading, "{command:?}");
    }
    assert_eq!(info(&mut client, "loading"), "1");
    assert!(info(&mut client, "loading_eta_seconds").parse::<u64>().is_ok());
    wait_until("read", || info(&mut client, "loading_loaded_bytes") == half.to_string());
    let ready = || http(metrics_port, "GET /readyz");
    assert_eq!(ready(), ("503 Service Unavailable".into(), "loading\n".into()));
    writer.write_all(&bytes[half..]).expect("the pipe takes bytes");
    drop(writer);
    wait_until("loaded", || client.call(&["PING"]) == Reply::Simple(b"PONG".to_vec()));
    wait_until("ready", || ready() == ("200 OK".into(), "ok\n".into()));
    let expected = contents(&mut server.client(), true);
    assert_same(&contents(&mut client, true), &expected);
}
