//! Clients that don't take their replies as fast as they are made, or not at all.

use std::time::Duration;

use crate::connections::{field, goes, list, named};
use crate::support::{Client, Reply, Server, pipeline, request, wait_until};

#[test]
fn a_client_that_takes_no_reply_can_be_killed() {
    let server = Server::start();
    let (mut stuck, id) = named(&server, "stuck");
    let mut client = server.client();
    client.set(b"k", &vec![b'x'; 1 << 20]);
    stuck.send(&pipeline(&["GET k"; 50]));
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(client.call(&["CLIENT", "KILL", "ID", &id.to_string()]), Reply::Int(1));
    goes(&mut client, "stuck");
    assert!(stuck.read_to_close().len() < 50 << 20);
}

/// What a client takes by CLIENT LIST, in bytes; none when it is gone.
fn memory_of(client: &mut Client, name: &str) -> Option<usize> {
    let line = list(client).into_iter().find(|line| field(line, "name") == name)?;
    Some(field(&line, "tot-mem").parse().expect("a number"))
}

#[test]
fn who_writes_all_requests_before_it_reads_is_served() {
    const REQUESTS: usize = 300_000;
    let server = Server::start();
    let mut client = server.client();
    client.set(b"key", &[b'x'; 300]);
    // Neither the requests nor the replies fit into the sockets.
    client.send(&pipeline(&["GET key"; REQUESTS]));
    // Long enough for the server to get as far as it can.
    std::thread::sleep(Duration::from_millis(300));
    client.expect(&format!("$300\r\n{}\r\n", "x".repeat(300)).repeat(REQUESTS).into_bytes());
    client.send(b"PING\r\n");
    client.expect(b"+PONG\r\n");
}

#[test]
fn replies_of_who_takes_none_are_bounded() {
    let server = Server::start();
    let (mut stuck, _) = named(&server, "stuck");
    let mut client = server.client();
    client.set(b"k", &vec![b'x'; 1 << 20]);
    stuck.send(&pipeline(&["GET k"; 100]));
    wait_until("bounded", || memory_of(&mut client, "stuck") > Some(16 << 20));
    std::thread::sleep(Duration::from_millis(100));
    assert!(memory_of(&mut client, "stuck") < Some(40 << 20));
    // Requests are read on, and counted.
    stuck.send(&pipeline(&["GET k"; 1_000_000]));
    let line =
        list(&mut client).into_iter().find(|line| field(line, "name") == "stuck").expect("it is there");
    assert!(field(&line, "omem").parse::<usize>().expect("a number") > 16 << 20);
    // A client that has closed its end gets all the same.
    let closing = request(&["GET", "k"]).repeat(40);
    let mut last = server.client();
    last.send(&closing);
    last.finish_writing();
    assert_eq!(last.read_to_close().len(), 40 * ((1 << 20) + 12));
}

#[test]
fn limits_of_output_end_who_takes_nothing() {
    let args = ["--client-output-buffer-limit", "normal", "40mb", "0", "0"];
    let server = Server::with(&args);
    let mut client = server.client();
    client.set(b"k", &vec![b'x'; 1 << 20]);
    let (mut stuck, _) = named(&server, "stuck");
    stuck.send(&pipeline(&["GET k"; 100]));
    goes(&mut client, "stuck");
    server.wait_for_log("overcoming of output buffer limits");
    // So does the limit of all clients together.
    client.ok(&["CONFIG", "SET", "client-output-buffer-limit", "normal 0 0 0", "maxmemory-clients", "8mb"]);
    let (mut stuck, _) = named(&server, "evicted");
    stuck.send(&pipeline(&["GET k"; 100]));
    goes(&mut client, "evicted");
    assert!(client.call(&["INFO", "stats"]).text().contains("evicted_clients:1\r\n"));
}
