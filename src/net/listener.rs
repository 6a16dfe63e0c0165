//! Listening: TCP on each bind address, the unix socket; and listening elsewhere when CONFIG SET says so.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use socket2::SockRef;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::AbortHandle;

use super::accept::{accept_tcp, accept_unix};
use crate::base::listen::{self, Wanted};
use crate::commands::Server;
use crate::commands::server::Listening;
use crate::config::Settings;

/// Bound sockets that accept when [`Listeners::accept`] runs.
pub struct Listeners {
    tcp: Vec<Bound>,
    unix: Option<(UnixListener, String)>,
}

/// A listening TCP socket and its address.
struct Bound {
    address: SocketAddr,
    listener: TcpListener,
}

/// Binds what the settings name.
///
/// # Errors
/// Why an address can't be bound, or that there is none at all; the log says which.
pub fn bind(settings: &Settings) -> io::Result<Listeners> {
    let network = &settings.network;
    let aborted = |kind: &str, error| {
        tracing::warn!("Failed listening on port {} ({kind}), aborting.", network.port);
        error
    };
    let tcp = wanted(settings).and_then(|wanted| bind_all(&wanted, settings));
    let tcp = tcp.map_err(|error| aborted("tcp", error))?;
    let unix = network.unixsocket.as_deref().map(|path| bind_unix(path, network.unixsocket_perm));
    let unix = unix.transpose().map_err(|error| aborted("unix", error))?;
    if tcp.is_empty() && unix.is_none() {
        tracing::warn!("Configured to not listen anywhere, exiting.");
        return Err(io::Error::other("no address to listen on"));
    }
    Ok(Listeners { tcp, unix })
}

/// The addresses that the settings name; none without a port.
fn wanted(settings: &Settings) -> io::Result<Vec<Wanted>> {
    let port = settings.network.port;
    let names = if port == 0 { &[] } else { &settings.network.bind[..] };
    let parse =
        |name: &String| listen::wanted(name, port).inspect_err(|error| could_not_listen(name, port, error));
    names.iter().map(parse).collect()
}

fn could_not_listen(name: &str, port: u16, error: &io::Error) {
    tracing::warn!("Warning: Could not create server TCP listening socket {name}:{port}: {error}");
}

fn bind_all(wanted: &[Wanted], settings: &Settings) -> io::Result<Vec<Bound>> {
    let mut bound = Vec::new();
    for Wanted { address, optional } in wanted {
        match listen::tcp(*address, settings.network.tcp_backlog).and_then(TcpListener::from_std) {
            Ok(listener) => bound.push(Bound { address: *address, listener }),
            Err(error) => {
                could_not_listen(&address.ip().to_string(), address.port(), &error);
                if !listen::may_be_missing(&error, *optional) {
                    return Err(error);
                }
            }
        }
    }
    Ok(bound)
}

fn bind_unix(path: &Path, mode: Option<u32>) -> io::Result<(UnixListener, String)> {
    // A socket left by a process that is gone would make binding fail; anything else is not ours to remove.
    if std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket()) {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path).inspect_err(|error| {
        tracing::warn!("Failed opening Unix socket: bind: {error}");
    })?;
    if let Some(mode) = mode {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    Ok((listener, path.display().to_string()))
}

impl Listeners {
    /// How many TCP sockets there are, and the unix socket's path.
    pub fn summary(&self) -> (usize, Option<&str>) {
        (self.tcp.len(), self.unix.as_ref().map(|(_, path)| path.as_str()))
    }

    /// Accepts connections until the server shuts down.
    pub fn accept(self, server: &Arc<Server>) {
        let tcp = self.tcp.into_iter().map(|bound| Open::new(bound, server)).collect();
        if let Some((listener, path)) = self.unix {
            tokio::spawn(accept_unix(listener, path, Arc::clone(server)));
        }
        let sockets = Sockets { server: Arc::downgrade(server), tcp: Mutex::new(tcp) };
        if server.listening.set(Box::new(sockets)).is_err() {
            tracing::error!("the server listens already");
        }
    }
}

/// The TCP sockets that accept, as CONFIG SET reaches them.
struct Sockets {
    server: Weak<Server>,
    tcp: Mutex<Vec<Open>>,
}

/// A TCP socket that accepts.
struct Open {
    address: SocketAddr,
    listener: Arc<TcpListener>,
    task: AbortHandle,
}

impl Open {
    fn new(bound: Bound, server: &Arc<Server>) -> Open {
        let listener = Arc::new(bound.listener);
        let task = tokio::spawn(accept_tcp(Arc::clone(&listener), Arc::clone(server)));
        Open { address: bound.address, listener, task: task.abort_handle() }
    }

    /// Stops listening at once: the address is free when this returns, although the socket is closed only when
    /// its task has noticed.
    fn close(self) -> Wanted {
        // A socket that can't be shut down isn't listening any more.
        let _ = SockRef::from(&*self.listener).shutdown(std::net::Shutdown::Both);
        self.task.abort();
        Wanted { address: self.address, optional: false }
    }
}

impl Listening for Sockets {
    fn rebind(&self, settings: &Settings) -> io::Result<()> {
        let Some(server) = self.server.upgrade() else { return Ok(()) };
        let wanted = wanted(settings)?;
        let mut tcp = self.tcp.lock();
        let is_wanted = |open: &Open| wanted.iter().any(|wanted| wanted.address == open.address);
        let (kept, unwanted): (Vec<Open>, Vec<Open>) =
            std::mem::take(&mut *tcp).into_iter().partition(is_wanted);
        *tcp = kept;
        // Closed first, because they may cover addresses that are new.
        let closed: Vec<Wanted> = unwanted.into_iter().map(Open::close).collect();
        let is_new = |wanted: &Wanted| tcp.iter().all(|open| open.address != wanted.address);
        let new: Vec<Wanted> = wanted.into_iter().filter(is_new).collect();
        let (bound, result) = match bind_all(&new, settings) {
            Ok(bound) => (bound, Ok(())),
            Err(error) => (bind_all(&closed, settings).unwrap_or_default(), Err(error)),
        };
        tcp.extend(bound.into_iter().map(|bound| Open::new(bound, &server)));
        result
    }
}
