//! Listening: TCP and TLS on each bind address, the unix socket; and listening elsewhere when CONFIG SET says so.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use socket2::SockRef;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::AbortHandle;

use super::accept::{accept_tcp, accept_tls, accept_unix};
use super::tls::{self, Offer};
use crate::base::listen::{self, Wanted};
use crate::base::task;
use crate::commands::Server;
use crate::commands::server::{Listening, PutBack};
use crate::config::Settings;

/// Bound sockets that accept when [`Listeners::accept`] runs.
pub struct Listeners {
    tcp: Vec<Bound>,
    unix: Option<(UnixListener, String)>,
    tls: Arc<tls::Context>,
}

/// A listening TCP socket, its address and what is spoken there.
struct Bound {
    place: Place,
    listener: TcpListener,
}

/// Where to listen and for what.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    address: SocketAddr,
    tls: bool,
}

/// Binds what the settings name.
///
/// # Errors
/// Why an address can't be bound, or that there is none at all; the log says which.
pub fn bind(settings: &Settings) -> io::Result<Listeners> {
    let network = &settings.network;
    let aborted = |kind: &str, port: u16, error| {
        tracing::warn!("Failed listening on port {port} ({kind}), aborting.");
        error
    };
    let tls = Arc::new(tls::Context::default());
    if settings.tls.port != 0 {
        let offer = Offer::load(&settings.tls).map_err(|why| {
            tracing::warn!("{why}");
            tracing::warn!("Failed to configure TLS. Check logs for more info.");
            io::Error::other(why.to_string())
        })?;
        tls.replace(Some(Arc::new(offer)));
    }
    let mut tcp = Vec::new();
    for (kind, port, speaks_tls) in ports(settings) {
        let bound = wanted(settings, port, speaks_tls).and_then(|wanted| bind_all(&wanted, settings));
        tcp.extend(bound.map_err(|error| aborted(kind, port, error))?);
    }
    let unix = network.unixsocket.as_deref().map(|path| bind_unix(path, network.unixsocket_perm));
    let unix = unix.transpose().map_err(|error| aborted("unix", 0, error))?;
    if tcp.is_empty() && unix.is_none() {
        tracing::warn!("Configured to not listen anywhere, exiting.");
        return Err(io::Error::other("no address to listen on"));
    }
    Ok(Listeners { tcp, unix, tls })
}

/// The ports that the settings name, with the name of what is spoken there and whether that is TLS.
fn ports(settings: &Settings) -> impl Iterator<Item = (&'static str, u16, bool)> {
    let ports = [("tcp", settings.network.port, false), ("tls", settings.tls.port, true)];
    ports.into_iter().filter(|entry| entry.1 != 0)
}

/// The addresses that the settings name, on one port, and whether TLS is spoken there.
fn wanted(settings: &Settings, port: u16, tls: bool) -> io::Result<Vec<(Wanted, bool)>> {
    let parse =
        |name: &String| listen::wanted(name, port).inspect_err(|error| could_not_listen(name, port, error));
    settings.network.bind.iter().map(|name| Ok((parse(name)?, tls))).collect()
}

fn could_not_listen(name: &str, port: u16, error: &io::Error) {
    tracing::warn!("Warning: Could not create server TCP listening socket {name}:{port}: {error}");
}

fn bind_all(wanted: &[(Wanted, bool)], settings: &Settings) -> io::Result<Vec<Bound>> {
    let mut bound = Vec::new();
    for &(Wanted { address, optional }, tls) in wanted {
        match listen::tcp(address, settings.network.tcp_backlog).and_then(TcpListener::from_std) {
            Ok(listener) => bound.push(Bound { place: Place { address, tls }, listener }),
            Err(error) => {
                could_not_listen(&address.ip().to_string(), address.port(), &error);
                if !listen::may_be_missing(&error, optional) {
                    return Err(error);
                }
            }
        }
    }
    Ok(bound)
}

fn bind_unix(path: &Path, mode: Option<u32>) -> io::Result<(UnixListener, String)> {
    // A file there would make binding fail: a socket left by a process that is gone, or one that reserves the name. As
    // in Redis it goes, whatever it is.
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path).inspect_err(|error| {
        tracing::warn!("Failed opening Unix socket: bind: {error}");
    })?;
    if let Some(mode) = mode {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    Ok((listener, path.display().to_string()))
}

impl Listeners {
    /// What is spoken on the sockets, by the names that Redis uses.
    pub fn kinds(&self) -> Vec<&'static str> {
        let has = |tls: bool| self.tcp.iter().any(|bound| bound.place.tls == tls);
        let kinds = [("tcp", has(false)), ("unix", self.unix.is_some()), ("tls", has(true))];
        kinds.into_iter().filter(|kind| kind.1).map(|kind| kind.0).collect()
    }

    /// Accepts connections until the server shuts down.
    pub fn accept(self, server: &Arc<Server>) {
        let tcp = self.tcp.into_iter().map(|bound| Open::new(bound, &self.tls, server)).collect();
        task::spawn(tls::watch(Arc::clone(&self.tls)));
        if let Some((listener, path)) = self.unix {
            task::spawn(accept_unix(listener, path, Arc::clone(server)));
        }
        let sockets = Sockets { server: Arc::downgrade(server), tcp: Mutex::new(tcp), tls: self.tls };
        if server.listening.set(Box::new(sockets)).is_err() {
            tracing::error!("the server listens already");
        }
    }
}

/// The TCP sockets that accept, as CONFIG SET reaches them.
struct Sockets {
    server: Weak<Server>,
    tcp: Mutex<Vec<Open>>,
    tls: Arc<tls::Context>,
}

/// A TCP socket that accepts.
struct Open {
    place: Place,
    listener: Arc<TcpListener>,
    task: AbortHandle,
}

impl Open {
    fn new(bound: Bound, tls: &Arc<tls::Context>, server: &Arc<Server>) -> Open {
        let (listener, place) = (Arc::new(bound.listener), bound.place);
        let task = if place.tls {
            task::spawn(accept_tls(Arc::clone(&listener), Arc::clone(tls), Arc::clone(server)))
        } else {
            task::spawn(accept_tcp(Arc::clone(&listener), Arc::clone(server)))
        };
        Open { place, listener, task: task.abort_handle() }
    }

    /// Stops listening at once: the address is free when this returns, although the socket is closed only when
    /// its task has noticed.
    fn close(self) -> (Wanted, bool) {
        // A socket that can't be shut down isn't listening any more.
        let _ = SockRef::from(&*self.listener).shutdown(std::net::Shutdown::Both);
        self.task.abort();
        (Wanted { address: self.place.address, optional: false }, self.place.tls)
    }
}

impl Listening for Sockets {
    fn rebind(&self, settings: &Settings) -> io::Result<()> {
        let Some(server) = self.server.upgrade() else { return Ok(()) };
        let mut all = Vec::new();
        for (_, port, tls) in ports(settings) {
            all.extend(wanted(settings, port, tls)?);
        }
        let is = |wanted: &(Wanted, bool), open: &Open| {
            open.place == Place { address: wanted.0.address, tls: wanted.1 }
        };
        let mut tcp = self.tcp.lock();
        let is_wanted = |open: &Open| all.iter().any(|wanted| is(wanted, open));
        let (kept, unwanted): (Vec<Open>, Vec<Open>) =
            std::mem::take(&mut *tcp).into_iter().partition(is_wanted);
        *tcp = kept;
        // Closed first, because they may cover addresses that are new.
        let closed: Vec<(Wanted, bool)> = unwanted.into_iter().map(Open::close).collect();
        let is_new = |wanted: &(Wanted, bool)| !tcp.iter().any(|open| is(wanted, open));
        let new: Vec<(Wanted, bool)> = all.into_iter().filter(is_new).collect();
        let (bound, result) = match bind_all(&new, settings) {
            Ok(bound) => (bound, Ok(())),
            Err(error) => (bind_all(&closed, settings).unwrap_or_default(), Err(error)),
        };
        tcp.extend(bound.into_iter().map(|bound| Open::new(bound, &self.tls, &server)));
        result
    }
    fn renew_tls(&self, settings: &Settings) -> Result<PutBack, String> {
        let offer = match settings.tls.port {
            0 => None,
            _ => Some(Arc::new(Offer::load(&settings.tls).map_err(|why| why.to_string())?)),
        };
        let before = self.tls.replace(offer);
        let context = Arc::clone(&self.tls);
        Ok(Box::new(move || drop(context.replace(before))))
    }
}
