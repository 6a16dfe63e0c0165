//! Waiting for streams: what ends it, and with which answer.

use std::time::Duration;

use crate::support::{Client, Reply, Server, pipeline, request};

const QUIET: Duration = Duration::from_millis(60);
const ENTRY: &str = "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n5-0\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n";

#[track_caller]
fn sends(client: &mut Client, commands: &[&str]) {
    client.exchange(pipeline(commands), commands.len());
}

#[test]
fn the_dollar_is_the_last_id_at_the_time_of_asking() {
    let server = Server::start();
    let mut client = server.client();
    sends(&mut client, &["XADD s 4-0 old v"]);
    let mut reader = server.blocked("XREAD BLOCK 0 STREAMS s none $ $");
    let mut plus = server.blocked("XREAD BLOCK 0 STREAMS none +");
    sends(&mut client, &["XADD s 5-0 f v"]);
    reader.expect(ENTRY.as_bytes());
    sends(&mut client, &["XADD none 1-0 f v"]);
    plus.expect(b"*1\r\n*2\r\n$4\r\nnone\r\n*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n");
}

#[test]
fn an_entry_that_is_gone_again_wakes_nobody() {
    let server = Server::start();
    let mut client = server.client();
    let mut reader = server.blocked("XREAD BLOCK 0 STREAMS s $");
    sends(&mut client, &["MULTI", "XADD s 4-0 f v", "DEL s", "LPUSH s x", "EXEC", "DEL s"]);
    sends(&mut client, &["XADD s 0-1 f v", "DEL s"]);
    let answered = "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n0-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n";
    reader.expect(answered.as_bytes());
}

#[test]
fn readers_of_a_group_share_in_the_order_of_their_coming() {
    let server = Server::start();
    let mut client = server.client();
    sends(&mut client, &["XGROUP CREATE s g $ MKSTREAM"]);
    let mut first = server.blocked("XREADGROUP GROUP g a BLOCK 0 STREAMS s >");
    let mut second = server.blocked("XREADGROUP GROUP g b BLOCK 0 STREAMS s >");
    let mut plain = server.blocked("XREAD BLOCK 0 STREAMS s $");
    sends(&mut client, &["XADD s 5-0 f v"]);
    first.expect(ENTRY.as_bytes());
    plain.expect(ENTRY.as_bytes());
    assert!(second.is_silent_for(QUIET));
    sends(&mut client, &["XADD s 6-0 f v"]);
    second.expect(ENTRY.replace("5-0", "6-0").as_bytes());
}

#[test]
fn who_reads_a_group_learns_that_it_has_gone() {
    let server = Server::start();
    let no_group = "NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option";
    let wrong_type = "WRONGTYPE Operation against a key holding the wrong kind of value";
    for (loss, answer) in [
        ("DEL s", no_group),
        ("XGROUP DESTROY s g", no_group),
        ("SET s x", wrong_type),
        ("PEXPIRE s 20", no_group),
        ("RENAME s t", no_group),
        ("FLUSHALL", no_group),
    ] {
        let mut client = server.client();
        sends(&mut client, &["DEL s", "XGROUP CREATE s g $ MKSTREAM"]);
        let mut grouped = server.blocked("XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
        let mut plain = server.blocked("XREAD BLOCK 0 STREAMS s $");
        sends(&mut client, &[loss]);
        assert_eq!(grouped.read().0, Reply::Error(answer.into()), "{loss}");
        assert!(plain.is_silent_for(QUIET), "{loss} is nothing for XREAD");
    }
}

#[test]
fn moving_a_group_back_wakes_nobody() {
    let server = Server::start();
    let mut client = server.client();
    sends(&mut client, &["XADD s 5-0 f v", "XGROUP CREATE s g $"]);
    let mut reader = server.blocked("XREADGROUP GROUP g c BLOCK 0 COUNT 1 STREAMS s >");
    sends(&mut client, &["XGROUP SETID s g 0"]);
    assert!(reader.is_silent_for(QUIET));
    sends(&mut client, &["XADD s 6-0 f v"]);
    reader.expect(ENTRY.as_bytes());
}

#[test]
fn waiting_ends_in_time() {
    let server = Server::start();
    let mut client = server.client();
    client.send(&request(&["XREAD", "BLOCK", "30", "STREAMS", "s", "$"]));
    client.expect(b"*-1\r\n");
    for (timeout, text) in [
        ("-1", "ERR timeout is negative"),
        ("0.5", "ERR timeout is not an integer or out of range"),
        ("9223372036854775807", "ERR timeout is out of range"),
    ] {
        let answer = client.call(&["XREAD", "BLOCK", timeout, "STREAMS", "s", "$"]);
        assert_eq!(answer, Reply::Error(text.into()));
    }
}

#[test]
fn a_small_group_is_freed_at_once() {
    let server = Server::start();
    let mut client = server.client();
    client.call(&["XADD", "s", "*", "a", "b"]);
    client.ok(&["XGROUP", "CREATE", "s", "g", "$"]);
    assert_eq!(client.call(&["XGROUP", "DESTROY", "s", "g"]), Reply::Int(1));
    let memory = client.call(&["INFO", "memory"]).text();
    assert!(memory.contains("lazyfreed_objects:0\r\n") && memory.contains("lazyfree_pending_objects:0\r\n"));
}
