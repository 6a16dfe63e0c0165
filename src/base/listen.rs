//! TCP sockets that listen on addresses as they are configured.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};

use socket2::{Domain, Protocol, Socket, Type};

/// An address to listen on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// The address.
    pub address: SocketAddr,
    /// The host may lack it.
    pub optional: bool,
}

/// What a name in the configuration stands for: an address, or a host name, which is looked up in IPv4. `*` and `::*`
/// are all addresses of a protocol; with a `-` in front the host may lack the address.
///
/// # Errors
/// A host name that has no address.
pub fn wanted(name: &str, port: u16) -> io::Result<Wanted> {
    let (name, optional) = name.strip_prefix('-').map_or((name, false), |name| (name, true));
    let ip = match name {
        "*" => Ipv4Addr::UNSPECIFIED.into(),
        "::*" => Ipv6Addr::UNSPECIFIED.into(),
        name => name.parse().or_else(|_| look_up(name))?,
    };
    Ok(Wanted { address: SocketAddr::new(ip, port), optional })
}

fn look_up(name: &str) -> io::Result<IpAddr> {
    let mut found = (name, 0).to_socket_addrs()?.filter(SocketAddr::is_ipv4);
    found.next().map(|address| address.ip()).ok_or_else(|| ErrorKind::AddrNotAvailable.into())
}

/// Listens without blocking; `backlog` is the length of the kernel's queue.
///
/// # Errors
/// The system's; [`may_be_missing`] tells whether that matters.
pub fn tcp(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
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

/// Whether the server may do without an address: the host doesn't have it and the settings allow that, or doesn't
/// speak its protocol.
pub fn may_be_missing(error: &io::Error, optional: bool) -> bool {
    match error.raw_os_error() {
        Some(libc::EADDRNOTAVAIL) => optional,
        Some(libc::EAFNOSUPPORT | libc::EPFNOSUPPORT | libc::EPROTONOSUPPORT) => true,
        Some(libc::ESOCKTNOSUPPORT | libc::ENOPROTOOPT) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_addresses() {
        for (name, address, optional) in [
            ("*", "0.0.0.0:5", false),
            ("-::*", "[::]:5", true),
            ("127.0.0.2", "127.0.0.2:5", false),
            ("localhost", "127.0.0.1:5", false),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(wanted(name, 5).unwrap(), Wanted { address, optional }, "{name}");
        }
        assert!(wanted("no.such.host.invalid", 5).is_err());
    }

    #[test]
    fn only_an_address_marked_so_may_be_missing() {
        let foreign = tcp("192.0.2.1:0".parse().unwrap(), 5).unwrap_err();
        assert!(may_be_missing(&foreign, true) && !may_be_missing(&foreign, false));
        let first = tcp("127.0.0.1:0".parse().unwrap(), 5).unwrap();
        let taken = tcp(first.local_addr().unwrap(), 5).unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::AddrInUse);
        assert!(!may_be_missing(&taken, true));
    }
}
