//! A server to which MIGRATE moves keys: a connection, who is logged in on it, and the database it is at.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Bytes of the longest reply that is read.
const LONGEST_REPLY: u64 = 1024;

/// Where a target is and who one is there: connections are the same to whoever asks for the same of these.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub host: Vec<u8>,
    pub port: u16,
    /// AUTH with its arguments, or nothing.
    pub auth: Vec<Vec<u8>>,
}

/// A connection.
pub(super) struct Target {
    pub address: Address,
    /// The database that is selected, if any has been.
    pub db: Option<i64>,
    /// Whether it has been used by a command before this one.
    pub reused: bool,
    stream: BufReader<TcpStream>,
}

/// Requests on their way to a target.
#[derive(Default)]
pub(super) struct Requests(Vec<u8>);

/// What came of a request: nothing to speak of, or the text of the target's error.
pub(super) type Answer = Result<Result<(), Vec<u8>>, Broken>;

/// How a connection failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Broken {
    /// Whether requests were written; else a reply was awaited.
    pub writing: bool,
    /// Whether it took too long; else the connection has ended.
    pub late: bool,
}

impl Target {
    /// Connects; each step, now and later, may take as long as `timeout`.
    pub fn connect(address: Address, timeout: Duration) -> io::Result<Target> {
        let host = std::str::from_utf8(&address.host).map_err(|_| ErrorKind::InvalidInput)?;
        let mut failed = ErrorKind::AddrNotAvailable.into();
        for socket in (host, address.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&socket, timeout) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    let stream = BufReader::new(stream);
                    let target = Target { address, db: None, reused: false, stream };
                    target.set_timeout(timeout)?;
                    return Ok(target);
                }
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// From now on each step may take as long as this.
    pub fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.stream.get_ref().set_read_timeout(Some(timeout))?;
        self.stream.get_ref().set_write_timeout(Some(timeout))
    }

    /// Whether nothing has come that nobody asked for: neither the end of the connection nor a reply.
    pub fn is_quiet(&self) -> bool {
        let stream = self.stream.get_ref();
        let nothing = |peeked: io::Result<usize>| {
            peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
                && self.stream.buffer().is_empty()
        };
        stream.set_nonblocking(true).is_ok()
            && nothing(stream.peek(&mut [0]))
            && stream.set_nonblocking(false).is_ok()
    }

    /// Sends requests.
    pub fn send(&mut self, requests: &Requests) -> Result<(), Broken> {
        let sent = self.stream.get_mut().write_all(&requests.0);
        sent.map_err(|error| Broken { writing: true, late: is_late(&error) })
    }

    /// Reads the reply to the next request, a line.
    pub fn answer(&mut self) -> Answer {
        let mut line = Vec::new();
        let read = (&mut self.stream).take(LONGEST_REPLY).read_until(b'\n', &mut line);
        let failed = |late| Err(Broken { writing: false, late });
        match read {
            Ok(_) if line.ends_with(b"\n") => {}
            Ok(_) => return failed(false),
            Err(error) => return failed(is_late(&error)),
        }
        let line = line.trim_ascii_end();
        Ok(match line.strip_prefix(b"-") {
            Some(text) => Err(text.to_vec()),
            None => Ok(()),
        })
    }
}

/// Whether a socket's time is up: systems have two names for that.
fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

impl Requests {
    /// Adds a request.
    pub fn queue(&mut self, args: &[&[u8]]) {
        self.0.extend_from_slice(format!("*{}\r\n", args.len()).as_bytes());
        for arg in args {
            self.0.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
            self.0.extend_from_slice(arg);
            self.0.extend_from_slice(b"\r\n");
        }
    }
}
