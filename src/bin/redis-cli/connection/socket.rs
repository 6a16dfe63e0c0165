//! Sockets to servers, by TCP or in the file system.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use redstart::config::errors::os_text;
use socket2::{SockRef, TcpKeepalive};

use crate::options::{Network, Target};

/// After so much silence the system asks whether the other side is still there; three questions without an answer
/// end the connection.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_BETWEEN: Duration = Duration::from_secs(5);

/// A connected socket.
pub enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// An error of the system in its words, as C programs print it.
pub fn describe(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::TimedOut {
        return "Connection timed out".into();
    }
    os_text(error)
}

impl Socket {
    /// # Errors
    /// Why it can't, in words for people.
    pub fn connect(network: &Network) -> Result<Socket, String> {
        match &network.target {
            Target::Tcp { host, port } => tcp(host, *port, network),
            Target::Unix(path) => match UnixStream::connect(path) {
                Ok(stream) => Ok(Socket::Unix(stream)),
                Err(error) => Err(describe(&error)),
            },
        }
    }

    pub fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            Socket::Tcp(stream) => stream.set_nonblocking(true),
            Socket::Unix(stream) => stream.set_nonblocking(true),
        }
    }

    pub fn try_clone(&self) -> io::Result<Socket> {
        match self {
            Socket::Tcp(stream) => stream.try_clone().map(Socket::Tcp),
            Socket::Unix(stream) => stream.try_clone().map(Socket::Unix),
        }
    }

    /// Ends the connection in both directions, also for who waits on it.
    pub fn shut_down(&self) {
        // One that is gone already is as good.
        drop(match self {
            Socket::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Socket::Unix(stream) => stream.shutdown(Shutdown::Both),
        });
    }
}

/// Tries the addresses of a name one after the other.
fn tcp(host: &str, port: u16, network: &Network) -> Result<Socket, String> {
    let mut addresses: Vec<SocketAddr> = match (host, port).to_socket_addrs() {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            let text = describe(&error);
            return Err(text.rsplit_once("information: ").map_or(text.clone(), |(_, why)| why.to_owned()));
        }
    };
    addresses.sort_by_key(|address| address.is_ipv6() != network.ipv6_first);
    let mut failure = String::from("Name or service not known");
    for address in addresses {
        let connected = match network.timeout {
            Some(timeout) => TcpStream::connect_timeout(&address, timeout),
            None => TcpStream::connect(address),
        };
        match connected.and_then(prepare) {
            Ok(stream) => return Ok(Socket::Tcp(stream)),
            Err(error) => failure = describe(&error),
        }
    }
    Err(failure)
}

fn prepare(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE_BETWEEN).with_retries(3);
    SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    Ok(stream)
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.read(buffer),
            Socket::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.write(bytes),
            Socket::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Tcp(stream) => stream.as_fd(),
            Socket::Unix(stream) => stream.as_fd(),
        }
    }
}
