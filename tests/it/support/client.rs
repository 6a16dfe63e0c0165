//! A blocking client over TCP or a unix socket: sends requests or any bytes, reads replies with their raw bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::PATIENCE;
use super::reply::{Reply, decode};

trait Stream: Read + Write + Send {}
impl Stream for TcpStream {}
impl Stream for UnixStream {}

/// One connection.
pub struct Client {
    stream: Box<dyn Stream>,
    /// A second handle of a TCP connection, for writing while replies are read.
    tcp: Option<TcpStream>,
    /// Bytes read that belong to replies not asked for yet.
    pending: Vec<u8>,
    protocol: u8,
}

impl Client {
    /// Connects to 127.0.0.1; panics when nothing listens.
    pub fn tcp(port: u16) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        stream.set_nodelay(true).expect("TCP_NODELAY can be set");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        let second = stream.try_clone().expect("a socket can be duplicated");
        Client { stream: Box::new(stream), tcp: Some(second), pending: Vec::new(), protocol: 2 }
    }

    /// Connects to a unix socket; panics when nothing listens.
    pub fn unix(path: &Path) -> Client {
        let stream = UnixStream::connect(path).expect("the server listens on its unix socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        Client { stream: Box::new(stream), tcp: None, pending: Vec::new(), protocol: 2 }
    }

    /// Switches to RESP3 with `HELLO 3` and returns the server's greeting.
    pub fn hello3(&mut self) -> Reply {
        let greeting = self.call(&["HELLO", "3"]);
        assert!(matches!(greeting, Reply::Map(_)), "{greeting:?}");
        greeting
    }

    /// Sends one command and reads its reply.
    pub fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Reply {
        self.ask(args).0
    }

    /// Sends one command and returns the raw bytes of its reply.
    pub fn raw<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Vec<u8> {
        self.ask(args).1
    }

    fn ask<A: AsRef<[u8]>>(&mut self, args: &[A]) -> (Reply, Vec<u8>) {
        self.send(&request(args));
        let answer = self.read();
        // A greeting in an array: HELLO 2 went back to RESP2.
        if args[0].as_ref() == b"HELLO" && matches!(answer.0, Reply::Array(_)) {
            self.protocol = 2;
        }
        answer
    }

    /// Sends one command and expects `+OK`.
    #[track_caller]
    pub fn ok<A: AsRef<[u8]>>(&mut self, args: &[A]) {
        let raw = self.raw(args);
        assert_eq!(super::show(&raw), "+OK\\r\\n");
    }

    /// The value of a directive, by CONFIG GET.
    #[track_caller]
    pub fn config(&mut self, name: &str) -> String {
        let reply = self.call(&["CONFIG", "GET", name]);
        reply.get(name).unwrap_or_else(|| panic!("no directive {name}: {reply:?}")).text()
    }

    /// `SET key value` for any bytes, which must answer `+OK`.
    #[track_caller]
    pub fn set(&mut self, key: &[u8], value: &[u8]) {
        self.ok(&[b"SET", key, value]);
    }

    /// Writes bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server takes bytes");
    }

    /// Writes bytes as they are; the server may have closed the connection.
    pub fn send_to_maybe_closed(&mut self, bytes: &[u8]) {
        match self.stream.write_all(bytes) {
            Err(error) if !matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                panic!("writing failed: {error}")
            }
            _ => {}
        }
    }

    /// Reads the next reply: its value and its raw bytes.
    pub fn read(&mut self) -> (Reply, Vec<u8>) {
        loop {
            // Maps exist in RESP3 only: the first one is the answer to HELLO 3.
            if self.pending.first() == Some(&b'%') {
                self.protocol = 3;
            }
            if let Some((reply, used)) = complete(&self.pending, self.protocol) {
                return (reply, self.pending.drain(..used).collect());
            }
            assert!(self.fill(), "the server closed the connection; pending: {}", super::show(&self.pending));
        }
    }

    /// Reads as many bytes as `expected` has, which must be those.
    #[track_caller]
    pub fn expect(&mut self, expected: &[u8]) {
        while self.pending.len() < expected.len() && self.fill() {}
        let got: Vec<u8> = self.pending.drain(..expected.len().min(self.pending.len())).collect();
        assert_eq!(super::show(&got), super::show(expected));
    }

    /// Reads until the server closes the connection, and returns all that came.
    pub fn read_to_close(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.pending)
    }

    /// Whether nothing arrives for `time`, on a connection that stays open.
    pub fn is_silent_for(&mut self, time: Duration) -> bool {
        let tcp = self.tcp.as_ref().expect("only for TCP");
        tcp.set_read_timeout(Some(time)).expect("a timeout can be set");
        let silent = loop {
            match tcp.peek(&mut [0]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => {
                    break matches!(result, Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
                }
            }
        };
        tcp.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        silent && self.pending.is_empty()
    }

    /// Tells the server that nothing more will be written.
    pub fn finish_writing(&mut self) {
        self.tcp.as_ref().expect("only for TCP").shutdown(Shutdown::Write).expect("the connection is open");
    }

    /// Writes `bytes` on another thread while `count` replies are read here: neither side can block the other.
    pub fn exchange(&mut self, bytes: Vec<u8>, count: usize) -> Vec<Reply> {
        let mut writer = self.tcp.as_ref().expect("only for TCP").try_clone().expect("a second handle");
        let sending = std::thread::spawn(move || writer.write_all(&bytes));
        let replies = (0..count).map(|_| self.read().0).collect();
        sending.join().expect("the writer ends").expect("the server takes bytes");
        replies
    }

    /// Reads once; false at the end of the stream, a reset counting as such.
    fn fill(&mut self) -> bool {
        let mut buffer = vec![0; 1 << 18];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return false,
                Ok(count) => {
                    self.pending.extend_from_slice(&buffer[..count]);
                    return true;
                }
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return false,
                // Whoever stops a process and lets it go on interrupts the reads that have a timeout.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("no reply: {error}; pending: {}", super::show(&self.pending)),
            }
        }
    }
}

/// The first reply, not even tried on a bulk whose end has not arrived: large ones come in many reads.
fn complete(pending: &[u8], protocol: u8) -> Option<(Reply, usize)> {
    if pending.first() == Some(&b'$') && pending.len() > 32 {
        let end = pending.iter().take(32).position(|&byte| byte == b'\r')?;
        let length: i64 = std::str::from_utf8(&pending[1..end]).ok()?.parse().ok()?;
        if usize::try_from(length).is_ok_and(|length| pending.len() < end + 2 + length + 2) {
            return None;
        }
    }
    decode(pending, protocol)
}

/// One request as clients send it.
pub fn request<A: AsRef<[u8]>>(args: &[A]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        let arg = arg.as_ref();
        bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        bytes.extend_from_slice(arg);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Many requests in one run of bytes; the arguments of each are the words of its line.
pub fn pipeline<S: AsRef<str>>(lines: &[S]) -> Vec<u8> {
    lines.iter().flat_map(|line| request(&line.as_ref().split(' ').collect::<Vec<_>>())).collect()
}
