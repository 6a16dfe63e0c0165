//! The append only file: restarts, crashes, damage, rewrites, and files that pass between us and real Redis.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::support::{Client, Reply, Server, debian, free_port, run, server_binary, wait_until};

/// A server in a folder that outlives it.
struct Kept {
    folder: tempfile::TempDir,
}

impl Kept {
    fn new() -> Kept {
        Kept { folder: tempfile::tempdir().expect("temporary folders can be made") }
    }

    fn log_folder(&self) -> std::path::PathBuf {
        self.folder.path().join("appendonlydir")
    }

    fn start(&self, args: &[&str]) -> Server {
        let dir = self.folder.path().to_str().expect("a plain name");
        Server::with(&[&["--appendonly", "yes", "--dir", dir][..], args].concat())
    }

    /// Starts a server that must not start; its log.
    fn fails(&self, args: &[&str]) -> String {
        let mut command = Command::new(server_binary());
        command.args([
            "--port",
            &free_port().to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "yes",
        ]);
        command.arg("--dir").arg(self.folder.path()).args(args);
        let ended = run(&mut command);
        assert_ne!(ended.code, Some(0), "{ended:?}");
        ended.stdout + &ended.stderr
    }

    fn increment(&self, number: u32) -> std::path::PathBuf {
        self.log_folder().join(format!("appendonly.aof.{number}.incr.aof"))
    }
}

fn int(client: &mut Client, args: &[&str]) -> i64 {
    match client.call(args) {
        Reply::Int(number) => number,
        other => panic!("{args:?}: {other:?}"),
    }
}

fn text(client: &mut Client, args: &[&str]) -> String {
    String::from_utf8(client.raw(args)).expect("text")
}

fn info(client: &mut Client, field: &str) -> String {
    let info = text(client, &["INFO", "persistence"]);
    let line = info.lines().find_map(|line| line.strip_prefix(&format!("{field}:")));
    line.unwrap_or_else(|| panic!("no {field}")).trim_end().to_owned()
}

fn rewrite(client: &mut Client) {
    let before = info(client, "aof_rewrites");
    client.raw(&["BGREWRITEAOF"]);
    wait_until("rewritten", || {
        info(client, "aof_rewrites") != before && info(client, "aof_rewrite_in_progress") == "0"
    });
    assert_eq!(info(client, "aof_last_bgrewrite_status"), "ok");
}

/// Writes some of everything.
fn fill(client: &mut Client) {
    for line in [
        "SET string value",
        "SET volatile x EX 1000",
        "RPUSH list a b c d",
        "LPOP list",
        "SADD set 1 2 x y",
        "SPOP set",
        "ZADD zset 1 a 2.5 b",
        "ZPOPMIN zset",
        "HSET hash f 1 g 2",
        "HINCRBYFLOAT hash f 0.5",
        "XADD stream * f v",
        "XADD stream * f w",
        "XGROUP CREATE stream group 0",
        "XREADGROUP GROUP group me COUNT 1 STREAMS stream >",
        "INCRBYFLOAT float 3.25",
        "GETDEL string",
        "MULTI",
        "INCR a",
        "INCR b",
        "EXEC",
        "PFADD hll a b c",
        "SELECT 5",
        "SET elsewhere 1",
        "SELECT 0",
    ] {
        client.raw(&line.split(' ').collect::<Vec<_>>());
    }
}

/// What is in the database, as far as it can be asked for.
fn look(client: &mut Client) -> Vec<String> {
    let asked = [
        "DBSIZE",
        "GET string",
        "GET volatile",
        "PEXPIRETIME volatile",
        "LRANGE list 0 -1",
        "SORT set ALPHA",
        "ZRANGE zset 0 -1 WITHSCORES",
        "HGET hash f",
        "HGET hash g",
        "XRANGE stream - +",
        "XPENDING stream group",
        "GET float",
        "MGET a b",
        "PFCOUNT hll",
    ];
    asked.map(|line| text(client, &line.split(' ').collect::<Vec<_>>())).to_vec()
}

#[test]
fn a_restart_keeps_the_data_with_and_without_a_rewrite() {
    let kept = Kept::new();
    let mut server = kept.start(&[]);
    let mut client = server.client();
    fill(&mut client);
    let before = look(&mut client);
    assert_eq!(server.stop("TERM"), Some(0));
    let mut server = kept.start(&["--appendfsync", "always"]);
    let mut client = server.client();
    assert_eq!(look(&mut client), before);
    rewrite(&mut client);
    client.raw(&["APPEND", "float", "0"]);
    let before = look(&mut client);
    server.stop("KILL");
    let manifest = fs::read_to_string(kept.log_folder().join("appendonly.aof.manifest")).expect("a manifest");
    assert_eq!(
        manifest,
        "file appendonly.aof.2.base.rdb seq 2 type b\nfile appendonly.aof.2.incr.aof seq 2 type i\n"
    );
    assert_eq!(look(&mut kept.start(&[]).client()), before);
}

#[test]
fn no_acknowledged_write_is_lost_when_the_server_is_killed() {
    let kept = Kept::new();
    for round in 0..4 {
        let mut server = kept.start(&["--appendfsync", "always"]);
        let port = server.port();
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let mut client = Client::tcp(port);
                std::thread::spawn(move || {
                    let key = format!("{round}:{writer}");
                    let mut acknowledged = 0;
                    // Until the server is gone, with which the connection breaks.
                    let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                        loop {
                            let number = int(&mut client, &["INCR", &key]);
                            acknowledged = number;
                        }
                    }));
                    assert!(killed.is_err());
                    (key, acknowledged)
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(60 + 35 * round));
        server.stop("KILL");
        let acknowledged: Vec<_> =
            writers.into_iter().map(|writer| writer.join().expect("a count")).collect();
        let server = kept.start(&[]);
        let mut client = server.client();
        for (key, count) in acknowledged {
            let found: i64 = match client.call(&["GET", &key]) {
                Reply::Bulk(bytes) => String::from_utf8_lossy(&bytes).parse().expect("a number"),
                _ => 0,
            };
            // The last one may have been done without its reply having arrived.
            assert!(found == count || found == count + 1, "{key}: {count} acknowledged, {found} found");
        }
    }
}

#[test]
fn rewrites_while_others_write_lose_nothing() {
    let kept = Kept::new();
    let mut server = kept.start(&["--appendfsync", "always"]);
    let mut client = server.client();
    for number in 0..300 {
        client.raw(&["INCR", "n"]);
        client.raw(&["RPUSH", "l", &number.to_string()]);
        if number % 100 == 50 {
            client.raw(&["BGREWRITEAOF"]);
        }
    }
    server.stop("KILL");
    let mut client = kept.start(&[]).client_kept();
    assert_eq!(int(&mut client.1, &["LLEN", "l"]), 300);
    assert_eq!(text(&mut client.1, &["GET", "n"]), "$3\r\n300\r\n");
}

/// Keeps the server as long as its client.
trait ClientKept {
    fn client_kept(self) -> (Server, Client);
}

impl ClientKept for Server {
    fn client_kept(self) -> (Server, Client) {
        let client = self.client();
        (self, client)
    }
}

#[test]
fn it_can_be_switched_on_and_off_while_running() {
    let kept = Kept::new();
    let mut server = kept.start(&["--appendonly", "no", "--appendfsync", "always"]);
    let mut client = server.client();
    client.ok(&["SET", "before", "1"]);
    client.ok(&["CONFIG", "SET", "appendonly", "yes"]);
    wait_until("based", || info(&mut client, "aof_rewrite_in_progress") == "0");
    client.ok(&["SET", "on", "1"]);
    client.ok(&["CONFIG", "SET", "appendonly", "no"]);
    client.ok(&["SET", "off", "1"]);
    assert_eq!(info(&mut client, "aof_enabled"), "0");
    server.stop("KILL");
    let server = kept.start(&[]);
    let mut client = server.client();
    assert_eq!(int(&mut client, &["EXISTS", "before", "on", "off"]), 2);
}

#[test]
fn a_cut_tail_is_kept_beside_and_other_damage_refused() {
    let kept = Kept::new();
    let mut server = kept.start(&[]);
    let mut client = server.client();
    client.ok(&["SET", "a", "1"]);
    for line in ["MULTI", "SET b 1", "SET c 1", "EXEC"] {
        client.raw(&line.split(' ').collect::<Vec<_>>());
    }
    server.stop("TERM");
    let file = kept.increment(1);
    let whole = fs::read(&file).expect("an increment");
    // Within the transaction, which is gone as a whole.
    let cut = whole.len() - 5;
    fs::write(&file, &whole[..cut]).expect("writable");
    assert!(
        kept.fails(&["--aof-load-truncated", "no"])
            .contains("Unexpected end of file reading the append only file")
    );
    let mut server = kept.start(&[]);
    server.wait_for_log("!!! Truncating the AOF appendonly.aof.1.incr.aof at offset");
    let mut client = server.client();
    assert_eq!(int(&mut client, &["EXISTS", "a", "b", "c"]), 1);
    client.ok(&["SET", "d", "1"]);
    server.stop("TERM");
    let aside = fs::read_dir(kept.log_folder()).expect("a folder").filter_map(Result::ok);
    let aside: Vec<_> = aside.filter(|file| file.file_name().to_string_lossy().contains("damaged")).collect();
    assert_eq!(aside.len(), 1);
    let good = fs::read(&file).expect("an increment");
    let damaged = fs::read(aside[0].path()).expect("the bytes that were cut off");
    assert!(whole[..cut].ends_with(&damaged) && !damaged.is_empty());
    fs::write(&file, [&good[..], b"!!!\r\n"].concat()).expect("writable");
    assert!(kept.fails(&[]).contains("Bad file format reading the append only file"));
    fs::remove_file(&file).expect("removable");
    assert!(kept.fails(&[]).contains("Unable to obtain the AOF file appendonly.aof.1.incr.aof length"));
    fs::write(kept.log_folder().join("appendonly.aof.manifest"), "x").expect("writable");
    assert!(kept.fails(&[]).contains("FATAL AOF MANIFEST FILE ERROR"));
}

#[test]
fn a_cut_tail_before_empty_files_is_one_at_the_end() {
    let kept = Kept::new();
    let mut server = kept.start(&[]);
    server.client().ok(&["SET", "a", "1"]);
    server.stop("TERM");
    // As when a crash hits a rewrite that has made its increment, with a write of the one before half done.
    let manifest = kept.log_folder().join("appendonly.aof.manifest");
    let named = fs::read_to_string(&manifest).expect("a manifest");
    fs::write(&manifest, named + "file appendonly.aof.2.incr.aof seq 2 type i\n").expect("writable");
    let whole = fs::read(kept.increment(1)).expect("an increment");
    fs::write(kept.increment(1), [&whole[..], b"*1\r\n$4\r\nPI"].concat()).expect("writable");
    fs::write(kept.increment(2), "*1\r\n$4\r\nPING\r\n").expect("writable");
    assert!(kept.fails(&[]).contains("the truncated file is not the last file"));
    fs::write(kept.increment(2), "").expect("writable");
    let mut server = kept.start(&[]);
    server.wait_for_log("!!! Truncating the AOF appendonly.aof.1.incr.aof at offset");
    server.client().ok(&["SET", "b", "1"]);
    server.stop("TERM");
    assert_eq!(fs::read(kept.increment(1)).expect("an increment"), whole);
    let mut client = kept.start(&[]).client_kept();
    assert_eq!(int(&mut client.1, &["EXISTS", "a", "b"]), 2);
}

#[test]
fn the_single_file_of_an_old_server_is_taken_over() {
    let kept = Kept::new();
    fs::write(kept.folder.path().join("appendonly.aof"), "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n7\r\n")
        .expect("writable");
    let server = kept.start(&[]);
    assert_eq!(text(&mut server.client(), &["GET", "a"]), "$1\r\n7\r\n");
    assert!(
        kept.log_folder().join("appendonly.aof").exists()
            && !kept.folder.path().join("appendonly.aof").exists()
    );
}

#[test]
fn waitaof_waits_for_the_disk() {
    let kept = Kept::new();
    let server = kept.start(&["--appendfsync", "no"]);
    let mut client = server.client();
    client.ok(&["SET", "a", "1"]);
    assert_eq!(text(&mut client, &["WAITAOF", "1", "0", "50"]), "*2\r\n:0\r\n:0\r\n");
    client.ok(&["CONFIG", "SET", "appendfsync", "always"]);
    assert_eq!(text(&mut client, &["WAITAOF", "1", "0", "0"]), "*2\r\n:1\r\n:0\r\n");
    assert_eq!(text(&mut client, &["WAITAOF", "1", "1", "20"]), "*2\r\n:1\r\n:0\r\n");
}

#[test]
fn what_expires_stays_expired_and_what_had_not_expired_is_counted_on() {
    let kept = Kept::new();
    let mut server = kept.start(&["--appendfsync", "always"]);
    let mut client = server.client();
    // Once more if it expires in between.
    wait_until("incremented", || {
        client.ok(&["SET", "n", "41", "PX", "300"]);
        int(&mut client, &["INCR", "n"]) == 42
    });
    server.stop("KILL");
    std::thread::sleep(Duration::from_millis(350));
    // It is 42 and expires, rather than a fresh 1 that doesn't.
    let server = kept.start(&[]);
    assert_eq!(int(&mut server.client(), &["EXISTS", "n"]), 0);
}

#[test]
fn functions_and_what_was_migrated_are_as_before_after_a_restart() {
    let (kept, target) = (Kept::new(), Server::start());
    let mut server = kept.start(&["--appendfsync", "always"]);
    let mut client = server.client();
    let code = "#!lua name=lib\nredis.register_function('one', function() return 1 end)";
    client.raw(&["FUNCTION", "LOAD", code]);
    for key in ["moved", "taken", "stays"] {
        client.ok(&["SET", key, "1"]);
    }
    target.client().ok(&["SET", "taken", "0"]);
    let port = target.port().to_string();
    // One goes, one is refused: an error, and yet something has changed.
    let refused =
        text(&mut client, &["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS", "moved", "taken"]);
    assert!(refused.starts_with("-ERR Target instance replied with error: BUSYKEY"), "{refused}");
    server.stop("KILL");
    let log = fs::read(kept.increment(1)).expect("an increment");
    let log = String::from_utf8_lossy(&log);
    assert!(log.ends_with("*2\r\n$3\r\nDEL\r\n$5\r\nmoved\r\n") && !log.contains("MIGRATE"), "{log}");
    let mut client = kept.start(&[]).client_kept();
    assert_eq!(int(&mut client.1, &["EXISTS", "moved", "taken", "stays"]), 2);
    assert_eq!(int(&mut client.1, &["FCALL", "one", "0"]), 1);
}

#[test]
fn what_no_fsync_is_waited_for_is_loaded_too() {
    let kept = Kept::new();
    let server = kept.start(&["--enable-debug-command", "yes", "--appendfsync", "no"]);
    let mut client = server.client();
    client.ok(&["SET", "a", "1"]);
    client.ok(&["DEBUG", "LOADAOF"]);
    assert_eq!(int(&mut client, &["EXISTS", "a"]), 1);
}

#[test]
fn a_file_at_its_limit_refuses_writes_until_there_is_room_again() {
    let kept = Kept::new();
    let mut server = kept.start(&["--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0"]);
    let limit = |bytes: &str| {
        let pid = server.pid().to_string();
        let set = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={bytes}:")]).status();
        assert!(set.expect("util-linux has prlimit").success());
    };
    let mut client = server.client();
    client.ok(&["SET", "before", "1"]);
    limit("20000");
    let value = "x".repeat(1000);
    let mut written = 0;
    wait_until("refused", || {
        let reply = text(&mut client, &["RPUSH", "list", &value]);
        written += i64::from(reply.starts_with(':'));
        reply.starts_with("-MISCONF")
    });
    assert_eq!(text(&mut client, &["GET", "before"]), "$1\r\n1\r\n");
    limit("unlimited");
    wait_until("writing again", || text(&mut client, &["SET", "after", "1"]) == "+OK\r\n");
    server.stop("TERM");
    let mut client = kept.start(&[]).client_kept();
    assert_eq!(int(&mut client.1, &["LLEN", "list"]), written);
    assert_eq!(int(&mut client.1, &["EXISTS", "before", "after"]), 2);
}

#[test]
fn switching_it_off_has_writes_go_on_where_the_file_is_at_its_limit() {
    let kept = Kept::new();
    let mut server = kept.start(&["--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0"]);
    let pid = server.pid().to_string();
    let set = Command::new("prlimit").args(["--pid", &pid, "--fsize=20000:"]).status();
    assert!(set.expect("util-linux has prlimit").success());
    let mut client = server.client();
    let value = "x".repeat(1000);
    wait_until("refused", || text(&mut client, &["RPUSH", "list", &value]).starts_with("-MISCONF"));
    client.ok(&["CONFIG", "SET", "appendonly", "no"]);
    server.wait_for_log("The AOF is switched off");
    wait_until("writing again", || text(&mut client, &["SET", "after", "1"]) == "+OK\r\n");
    // The first base fits, and then the log is whole again.
    client.raw(&["DEL", "list"]);
    client.ok(&["CONFIG", "SET", "appendonly", "yes"]);
    wait_until("a base", || {
        info(&mut client, "aof_rewrite_in_progress") == "0"
            && info(&mut client, "aof_last_bgrewrite_status") == "ok"
    });
    client.ok(&["SET", "kept", "1"]);
    server.stop("TERM");
    let mut client = kept.start(&[]).client_kept();
    assert_eq!(int(&mut client.1, &["EXISTS", "list", "after", "kept"]), 2);
}

#[test]
fn it_can_be_loaded_while_running() {
    let kept = Kept::new();
    let server = kept.start(&["--enable-debug-command", "yes", "--appendfsync", "always"]);
    let mut client = server.client();
    fill(&mut client);
    let before = look(&mut client);
    let log = fs::read(kept.increment(1)).expect("a file");
    client.ok(&["DEBUG", "LOADAOF"]);
    assert_eq!(look(&mut client), before);
    // Loading is no change; what comes after it is.
    assert_eq!(fs::read(kept.increment(1)).expect("a file"), log);
    rewrite(&mut client);
    client.ok(&["SET", "later", "1"]);
    client.ok(&["DEBUG", "LOADAOF"]);
    assert_eq!(int(&mut client, &["DEL", "later"]), 1);
    assert_eq!(look(&mut client), before);
    // A rewrite under way would take what is loaded by then for all there is.
    client.ok(&["CONFIG", "SET", "rdb-key-save-delay", "300000"]);
    client.raw(&["BGREWRITEAOF"]);
    let refusal = "-ERR Background append only file rewriting already in progress\r\n";
    assert_eq!(text(&mut client, &["DEBUG", "LOADAOF"]), refusal);
    assert_eq!(look(&mut client), before);
    client.ok(&["CONFIG", "SET", "rdb-key-save-delay", "0"]);
}

#[test]
fn fields_that_expire_are_no_transaction() {
    let kept = Kept::new();
    let server = kept.start(&["--appendfsync", "always"]);
    let mut client = server.client();
    client.raw(&["HSET", "h", "f", "1", "g", "2", "stays", "3"]);
    client.raw(&["HPEXPIRE", "h", "1", "FIELDS", "2", "f", "g"]);
    let log = || fs::read_to_string(kept.increment(1)).expect("text");
    wait_until("deleted twice", || log().matches("HDEL").count() == 2);
    assert!(!log().contains("MULTI"), "{}", log());
}

#[test]
fn files_pass_to_real_redis_and_back() {
    let kept = Kept::new();
    let mut server = kept.start(&[]);
    let mut client = server.client();
    fill(&mut client);
    rewrite(&mut client);
    fill(&mut client);
    let ours = look(&mut client);
    server.stop("TERM");
    let mut redis = debian(kept.folder.path(), &["--appendonly", "yes", "--appendfsync", "always"]);
    let mut client = redis.client();
    assert_eq!(look(&mut client), ours);
    fill(&mut client);
    let theirs = look(&mut client);
    redis.stop("KILL");
    assert_eq!(look(&mut kept.start(&[]).client_kept().1), theirs);
}

/// Writes collections of several commands' size, and streams in all states; without what only Redis 7.4 has.
fn fill_large(client: &mut Client) {
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let mut calls: Vec<Vec<String>> = Vec::new();
    let numbers = |count: usize| (0..count).map(|number| number.to_string());
    for count in [1, 63, 64, 65, 128, 1000] {
        let key = |kind: &str| [kind.to_owned(), format!("{kind}:{count}")];
        let [_, list] = key("list");
        calls.push([words("RPUSH"), vec![list], numbers(count).collect()].concat());
        let [_, set] = key("set");
        calls.push(
            [words("SADD"), vec![set], numbers(count).map(|n| format!("member{n}")).collect()].concat(),
        );
        let [_, integers] = key("integers");
        calls.push([words("SADD"), vec![integers], numbers(count).collect()].concat());
        let [_, hash] = key("hash");
        calls.push([words("HSET"), vec![hash], numbers(2 * count).collect()].concat());
        let [_, zset] = key("zset");
        let members = numbers(count).flat_map(|n| [format!("{n}.5"), format!("m{n}")]);
        calls.push([words("ZADD"), vec![zset], members.collect()].concat());
    }
    for line in [
        "SET integer -12",
        "SET empty ",
        "SETRANGE binary 3 \r\n",
        "ZADD extremes inf a -inf b -0.25 c -0 d 12345678 f",
        "XADD deleted 5-1 a 1",
        "XADD deleted 6-1 a 1 b 2",
        "XADD deleted 7-7 b 2",
        "XGROUP CREATE deleted g1 6-1 ENTRIESREAD 2",
        "XGROUP CREATE deleted g2 0",
        "XREADGROUP GROUP g2 reader COUNT 2 STREAMS deleted >",
        "XGROUP CREATECONSUMER deleted g2 idle",
        "XDEL deleted 7-7",
        "XGROUP CREATE made g $ MKSTREAM",
        "XADD emptied 3-3 a 1",
        "XDEL emptied 3-3",
        "PEXPIREAT list:65 4102444800123",
        "SELECT 3",
        "SET elsewhere 1",
        "SELECT 0",
    ] {
        calls.push(words(line));
    }
    for call in calls {
        let reply = client.call(&call);
        assert!(!matches!(reply, Reply::Error(_)), "{call:?}: {reply:?}");
    }
}

/// What streams tell beside their entries, which digests don't cover.
fn look_at_streams(client: &mut Client) -> Vec<String> {
    let mut told = Vec::new();
    for stream in ["deleted", "made", "emptied"] {
        let info = client.call(&["XINFO", "STREAM", stream]);
        let told_of = |field: &str| format!("{:?}", info.get(field));
        told.extend(["length", "last-generated-id", "max-deleted-entry-id", "entries-added"].map(told_of));
        told.push(text(client, &["XINFO", "GROUPS", stream]));
    }
    told.push(text(client, &["XPENDING", "deleted", "g2"]));
    told
}

#[test]
fn a_base_of_commands_holds_what_an_rdb_base_holds() {
    let debug = ["--enable-debug-command", "yes", "--aof-use-rdb-preamble", "no"];
    let kept = Kept::new();
    let mut server = kept.start(&debug);
    let mut client = server.client();
    fill_large(&mut client);
    let code = "#!lua name=lib\nredis.register_function('one', function() return 1 end)";
    client.raw(&["FUNCTION", "LOAD", code]);
    rewrite(&mut client);
    client.raw(&["RPUSH", "list:64", "after"]);
    let (digest, streams) = (text(&mut client, &["DEBUG", "DIGEST"]), look_at_streams(&mut client));
    server.stop("TERM");
    let base = fs::read(kept.log_folder().join("appendonly.aof.2.base.aof")).expect("a base");
    assert!(base.starts_with(b"*3\r\n$8\r\nFUNCTION\r\n$4\r\nLOAD\r\n"));
    // Theirs first: it says whether the file is right, ours only whether it is read as it is written.
    let args = ["--appendonly", "yes", "--enable-debug-command", "yes"];
    let mut redis = debian(kept.folder.path(), &args);
    let mut client = redis.client();
    assert_eq!(text(&mut client, &["DEBUG", "DIGEST"]), digest);
    assert_eq!(look_at_streams(&mut client), streams);
    redis.stop("TERM");
    let mut server = kept.start(&debug);
    let mut client = server.client();
    assert_eq!(text(&mut client, &["DEBUG", "DIGEST"]), digest);
    assert_eq!(look_at_streams(&mut client), streams);
    assert_eq!(int(&mut client, &["FCALL", "one", "0"]), 1);
    // Fields with deadlines, which 7.0 doesn't know.
    for field in 0..100 {
        client.raw(&["HSET", "timed", &format!("f{field}"), "v"]);
    }
    client.raw(&["HPEXPIREAT", "timed", "4102444800123", "FIELDS", "2", "f0", "f99"]);
    let digest = text(&mut client, &["DEBUG", "DIGEST"]);
    rewrite(&mut client);
    server.stop("KILL");
    let server = kept.start(&debug);
    let mut client = server.client();
    assert_eq!(text(&mut client, &["DEBUG", "DIGEST"]), digest);
    let deadlines = text(&mut client, &["HPEXPIRETIME", "timed", "FIELDS", "3", "f0", "f1", "f99"]);
    assert_eq!(deadlines, "*3\r\n:4102444800123\r\n:-1\r\n:4102444800123\r\n");
}
