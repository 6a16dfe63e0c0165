//! A TCP socket that listens on an address as it is configured.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};

use socket2::{Domain, Protocol, Socket, Type};

/// Listens, without blocking, on an address or host name; `*` is all of IPv4, `::*` all of IPv6. With a `-` in front
/// the machine may lack the address: then there is no socket. `backlog` is the length of the kernel's queue.
///
/// # Errors
/// The system's, or that a name has no address.
pub fn tcp(name: &str, port: u16, backlog: u32) -> io::Result<Option<TcpListener>> {
    let (name, optional) = name.strip_prefix('-').map_or((name, false), |name| (name, true));
    match bind(name, port, backlog) {
        Err(error) if optional && is_unavailable(&error) => Ok(None),
        bound => bound.map(Some),
    }
}

fn bind(name: &str, port: u16, backlog: u32) -> io::Result<TcpListener> {
    let ip: IpAddr = match name {
        "*" => IpAddr::from([0, 0, 0, 0]),
        "::*" => IpAddr::from([0u16; 8]),
        name => match name.parse() {
            Ok(ip) => ip,
            Err(_) => resolve(name)?,
        },
    };
    let address = SocketAddr::new(ip, port);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

fn resolve(name: &str) -> io::Result<IpAddr> {
    let mut found = (name, 0).to_socket_addrs()?;
    found.next().map(|address| address.ip()).ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))
}

/// Whether the machine lacks the address, or the whole family of addresses.
fn is_unavailable(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrNotAvailable, Unsupported};
    matches!(error.kind(), AddrNotAvailable | Unsupported)
        || matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_marked_so_may_be_missing() {
        assert!(tcp("localhost", 0, 5).unwrap().is_some());
        assert!(tcp("-192.0.2.1", 0, 5).unwrap().is_none());
        assert_eq!(tcp("192.0.2.1", 0, 5).unwrap_err().kind(), io::ErrorKind::AddrNotAvailable);
    }

    #[test]
    fn an_address_is_taken_once() {
        let first = tcp("127.0.0.1", 0, 5).unwrap().unwrap();
        let port = first.local_addr().unwrap().port();
        assert_eq!(tcp("-*", port, 5).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
