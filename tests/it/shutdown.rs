//! How a server ends: signals, SHUTDOWN, what it leaves behind, and that replies already earned still arrive.

use std::time::Duration;

use crate::support::{Reply, Server, is_soon_enough, pipeline, program, run, show, testing_the_reference};

#[test]
fn signals_end_it_gracefully() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::start();
        let mut client = server.client();
        client.ok(&["SET", "k", "v"]);
        assert_eq!(server.stop(signal), Some(0), "{}", server.log());
        assert_eq!(show(&client.read_to_close()), "");
        assert!(server.log().contains("ready to exit"), "{}", server.log());
    }
}

#[test]
fn shutdown_closes_without_an_answer() {
    for args in [&["SHUTDOWN"][..], &["SHUTDOWN", "NOSAVE"], &["shutdown", "nosave", "now", "force"]] {
        let mut server = Server::start();
        let mut client = server.client();
        client.send(&pipeline(&[args.join(" ")]));
        assert_eq!(show(&client.read_to_close()), "", "{args:?}");
        assert_eq!(server.wait(), Some(0), "{args:?}");
    }
}

#[test]
fn replies_before_shutdown_are_not_lost() {
    if testing_the_reference() {
        return; // Redis drops what it has not written when SHUTDOWN runs.
    }
    let server = Server::start();
    let mut client = server.client();
    client.send(&pipeline(&["SET k v", "GET k", "SHUTDOWN NOSAVE"]));
    assert_eq!(show(&client.read_to_close()), "+OK\\r\\n$1\\r\\nv\\r\\n");
}

#[test]
fn shutdown_refuses_what_makes_no_sense() {
    let server = Server::start();
    let mut client = server.client();
    let syntax = "ERR syntax error";
    for args in [&["SHUTDOWN", "foo"][..], &["SHUTDOWN", "NOSAVE", "SAVE"], &["SHUTDOWN", "ABORT", "NOW"]] {
        assert_eq!(client.call(args), Reply::Error(syntax.to_owned()), "{args:?}");
    }
    let none = "ERR No shutdown in progress.";
    assert_eq!(client.call(&["SHUTDOWN", "ABORT"]), Reply::Error(none.to_owned()));
    assert_eq!(client.call(&["PING"]), Reply::Simple(b"PONG".to_vec()));
}

#[test]
fn a_pipeline_that_meets_the_end_is_answered_in_whole_replies() {
    let mut server = Server::start();
    let mut client = server.client();
    let lines: Vec<String> = (0..20_000).map(|_| "INCR k".to_owned()).collect();
    client.send(&pipeline(&lines));
    client.expect(b":1\r\n");
    assert_eq!(server.stop("TERM"), Some(0));
    // Whatever came is whole replies, counting up: the server may stop early, never in the middle of one.
    let rest = client.read_to_close();
    let expected: String = (2..).map(|n| format!(":{n}\r\n")).take(20_000).collect();
    assert!(expected.as_bytes().starts_with(&rest), "{}", show(&rest));
    assert!(rest.is_empty() || rest.ends_with(b"\r\n"), "{}", show(&rest));
}

#[test]
fn the_pid_file_lives_as_long_as_the_server() {
    let folder = tempfile::tempdir().expect("temporary folders can be made");
    let file = folder.path().join("redis.pid");
    let mut server = Server::with(&["--pidfile", file.to_str().expect("a plain path")]);
    let text = std::fs::read_to_string(&file).expect("the pid file is there");
    assert_eq!(text.trim(), server.pid().to_string());
    assert_eq!(server.stop("TERM"), Some(0));
    assert!(!file.exists(), "the pid file is left behind");
}

#[test]
fn who_insists_is_not_made_to_wait() {
    if testing_the_reference() {
        return; // Redis doesn't wait for clients.
    }
    // The second signal has to come within the second for which the server waits.
    is_soon_enough(|_| {
        let mut server = Server::start();
        let mut client = server.client();
        client.set(b"k", &vec![b'x'; 1 << 20]);
        // Replies that nobody takes.
        client.send(&pipeline(&["GET k"; 50]));
        std::thread::sleep(Duration::from_millis(100));
        let interrupt = || {
            let sent = run(program("kill").args(["-s", "INT", &server.pid().to_string()]));
            assert_eq!(sent.code, Some(0), "{sent:?}");
        };
        interrupt();
        server.wait_for_log("Received SIGINT scheduling shutdown");
        interrupt();
        match server.wait() {
            Some(1) if server.log().contains("You insist") => Ok(()),
            code => Err(format!("{code:?}: {}", server.log())),
        }
    });
}

#[test]
fn a_signal_that_isn_t_heeded_yet_can_be_taken_back() {
    let mut server = Server::with(&["--enable-debug-command", "yes"]);
    let mut client = server.client();
    client.ok(&["DEBUG", "PAUSE-CRON", "1"]);
    let mut command = crate::support::program("kill");
    let sent = crate::support::run(command.args(["-s", "TERM", &server.pid().to_string()]));
    assert_eq!(sent.code, Some(0), "{sent:?}");
    server.wait_for_log("Received SIGTERM scheduling shutdown");
    // The line is written a moment before the request is there to be taken back.
    crate::support::wait_until("taken back", || !client.call(&["SHUTDOWN", "ABORT"]).is_error("ERR"));
    server.wait_for_log("Shutdown manually aborted.");
    client.ok(&["DEBUG", "PAUSE-CRON", "0"]);
    assert_eq!(client.call(&["PING"]), Reply::Simple(b"PONG".to_vec()));
    assert_eq!(server.stop("TERM"), Some(0));
}

#[test]
fn a_save_that_the_end_meets_leaves_no_file_behind() {
    let mut server = Server::with(&["--rdb-key-save-delay", "10000000", "--enable-debug-command", "yes"]);
    let drafts = || {
        let files = std::fs::read_dir(server.folder()).expect("its folder is there").filter_map(Result::ok);
        files.filter(|file| file.file_name().to_string_lossy().starts_with("temp-")).count()
    };
    let mut client = server.client();
    client.ok(&["DEBUG", "POPULATE", "100"]);
    client.call(&["BGSAVE"]);
    crate::support::wait_until("a file", || drafts() == 1);
    // What was given up makes room at once.
    client.ok(&["FLUSHALL"]);
    client.ok(&["SET", "k", "v"]);
    assert!(!client.call(&["BGSAVE"]).is_error("ERR"));
    client.send(&pipeline(&["SHUTDOWN NOSAVE"]));
    assert_eq!(show(&client.read_to_close()), "");
    let folder = server.folder().to_owned();
    assert_eq!(server.wait(), Some(0));
    let left = std::fs::read_dir(folder).expect("its folder is there").filter_map(Result::ok);
    let left: Vec<_> = left.map(|file| file.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("temp-")), "{left:?}");
}

#[test]
fn what_a_signal_means_may_change_while_the_server_runs() {
    let mut server = Server::with(&["--shutdown-on-sigterm", "nosave"]);
    let mut client = server.client();
    client.ok(&["SET", "k", "v"]);
    client.ok(&["CONFIG", "SET", "shutdown-on-sigterm", "save"]);
    let file = server.folder().join("dump.rdb");
    assert_eq!(server.stop("TERM"), Some(0));
    assert!(file.exists());
}
