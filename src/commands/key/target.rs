//! The server to which MIGRATE moves keys: a connection that is given up after each command.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Bytes of the longest reply that is read.
const LONGEST_REPLY: u64 = 1024;

/// A connection with requests that wait to be sent.
pub(super) struct Target {
    stream: BufReader<TcpStream>,
    requests: Vec<u8>,
}

/// What was going on when the connection failed or took too long.
#[derive(Clone, Copy, Debug)]
pub(super) enum Broken {
    /// Requests were written.
    Writing,
    /// A reply was awaited.
    Reading,
}

impl Target {
    /// Connects; each step, now and later, may take as long as `timeout`.
    pub fn connect(host: &[u8], port: u16, timeout: Duration) -> io::Result<Target> {
        let host = std::str::from_utf8(host).map_err(|_| ErrorKind::InvalidInput)?;
        let mut failed = ErrorKind::AddrNotAvailable.into();
        for address in (host, port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, timeout) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(timeout))?;
                    stream.set_write_timeout(Some(timeout))?;
                    return Ok(Target { stream: BufReader::new(stream), requests: Vec::new() });
                }
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// Adds a request to those that wait.
    pub fn queue(&mut self, args: &[&[u8]]) {
        self.requests.extend_from_slice(format!("*{}\r\n", args.len()).as_bytes());
        for arg in args {
            self.requests.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
            self.requests.extend_from_slice(arg);
            self.requests.extend_from_slice(b"\r\n");
        }
    }

    /// Sends what waits.
    pub fn send(&mut self) -> Result<(), Broken> {
        let requests = std::mem::take(&mut self.requests);
        self.stream.get_mut().write_all(&requests).map_err(|_| Broken::Writing)
    }

    /// Reads the reply to the next request, a line: the text of an error within.
    pub fn answer(&mut self) -> Result<Result<(), Vec<u8>>, Broken> {
        let mut line = Vec::new();
        let read = (&mut self.stream).take(LONGEST_REPLY).read_until(b'\n', &mut line);
        match read {
            Ok(_) if line.ends_with(b"\n") => {}
            _ => return Err(Broken::Reading),
        }
        let line = line.trim_ascii_end();
        Ok(match line.strip_prefix(b"-") {
            Some(text) => Err(text.to_vec()),
            None => Ok(()),
        })
    }
}
