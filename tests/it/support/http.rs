//! A request over HTTP and its answer.

use std::io::{Read, Write};
use std::net::TcpStream;

/// The status and the body of a request: `http(port, "GET /metrics")`.
#[track_caller]
pub fn http(port: u16, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("somebody listens");
    // By version 1.0 the body ends with the connection, in one piece.
    stream.write_all(format!("{request} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes()).expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer in UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.lines().next().and_then(|line| line.split_once(' ')).expect("a status line").1;
    (status.to_owned(), body.to_owned())
}
