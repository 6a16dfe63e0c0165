//! Listening and accepting: TCP on each bind address, the unix socket, limits on who may come in.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;

use super::connection::{Connection, refuse};
use super::socket::Socket;
use crate::base::listen;
use crate::client::ClientFlags;
use crate::commands::Server;
use crate::commands::server::Listening;
use crate::config::Settings;
use crate::observe::Counter;

const DENIED: &str = "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication password for the default user. NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside.\r\n";
const TOO_MANY: &str = "-ERR max number of clients reached\r\n";

/// Bound sockets that accept when [`Listeners::accept`] runs.
pub struct Listeners {
    tcp: Vec<(Place, TcpListener)>,
    unix: Option<(UnixListener, String)>,
}

/// An address as it is configured, and a port.
#[derive(Clone, PartialEq, Eq)]
struct Place {
    /// A name or address, with a `-` in front if it may be missing.
    name: String,
    port: u16,
}

/// Binds what the settings name. An address with a leading `-` may fail.
///
/// # Errors
/// The address that can't be bound, or that there is none at all.
pub fn bind(settings: &Settings) -> io::Result<Listeners> {
    let tcp = bind_all(&places(settings), settings)?;
    let unix =
        settings.network.unixsocket.as_deref().map(|path| bind_unix(path, settings.network.unixsocket_perm));
    let unix = unix.transpose()?;
    if tcp.is_empty() && unix.is_none() {
        return Err(io::Error::other("no address to listen on"));
    }
    Ok(Listeners { tcp, unix })
}

/// Where the settings want TCP.
fn places(settings: &Settings) -> Vec<Place> {
    let port = settings.network.port;
    let names: &[String] = if port == 0 { &[] } else { &settings.network.bind };
    names.iter().map(|name| Place { name: name.clone(), port }).collect()
}

fn bind_all(places: &[Place], settings: &Settings) -> io::Result<Vec<(Place, TcpListener)>> {
    let mut bound = Vec::new();
    for place in places {
        let listener =
            listen::tcp(&place.name, place.port, settings.network.tcp_backlog).map_err(|error| {
                let Place { name, port } = place;
                tracing::warn!(
                    "Warning: Could not create server TCP listening socket {name}:{port}: {error}"
                );
                error
            })?;
        if let Some(listener) = listener {
            bound.push((place.clone(), TcpListener::from_std(listener)?));
        }
    }
    Ok(bound)
}

fn bind_unix(path: &Path, mode: Option<u32>) -> io::Result<(UnixListener, String)> {
    // A socket left by a process that is gone would make binding fail; anything else is not ours to remove.
    if std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket()) {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
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

    /// Accepts connections until the server shuts down, and lets CONFIG SET move the TCP sockets.
    pub async fn accept(self, server: Arc<Server>) {
        if let Some((listener, path)) = self.unix {
            tokio::spawn(accept_unix(listener, path, Arc::clone(&server)));
        }
        let tcp =
            self.tcp.into_iter().map(|(place, listener)| Acceptor::start(place, listener, &server)).collect();
        let acceptors = Acceptors { server: Arc::downgrade(&server), tcp: Mutex::new(tcp) };
        // Only this sets it, and a server accepts once.
        let _ = server.listening.set(Box::new(acceptors));
    }
}

/// The TCP sockets that accept now.
struct Acceptors {
    server: Weak<Server>,
    tcp: Mutex<Vec<Acceptor>>,
}

struct Acceptor {
    place: Place,
    listener: Arc<TcpListener>,
    task: JoinHandle<()>,
}

impl Acceptor {
    fn start(place: Place, listener: TcpListener, server: &Arc<Server>) -> Acceptor {
        let listener = Arc::new(listener);
        let task = tokio::spawn(accept_tcp(Arc::clone(&listener), Arc::clone(server)));
        Acceptor { place, listener, task }
    }

    /// Frees the address at once; the descriptor goes with the task.
    fn stop(self) -> Place {
        self.task.abort();
        // A socket that is gone already needs no shutdown.
        let _ = SockRef::from(&*self.listener).shutdown(std::net::Shutdown::Both);
        self.place
    }
}

impl Listening for Acceptors {
    fn rebind(&self, settings: &Settings) -> io::Result<()> {
        let Some(server) = self.server.upgrade() else { return Ok(()) };
        let mut acceptors = self.tcp.lock();
        let wanted = places(settings);
        let (kept, left): (Vec<_>, Vec<_>) =
            acceptors.drain(..).partition(|acceptor| wanted.contains(&acceptor.place));
        *acceptors = kept;
        // An old address may stand in the way of a new one, as * does of any other, so the old ones go first.
        let left: Vec<Place> = left.into_iter().map(Acceptor::stop).collect();
        let missing = wanted.into_iter().filter(|place| acceptors.iter().all(|kept| kept.place != *place));
        let moved = bind_all(&missing.collect::<Vec<_>>(), settings);
        let (bound, result) = match moved {
            Ok(bound) => (bound, Ok(())),
            Err(error) => (bind_all(&left, settings).unwrap_or_default(), Err(error)),
        };
        acceptors
            .extend(bound.into_iter().map(|(place, listener)| Acceptor::start(place, listener, &server)));
        result
    }
}

async fn accept_tcp(listener: Arc<TcpListener>, server: Arc<Server>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let laddr = stream.local_addr().map_or_else(|_| String::new(), |local| local.to_string());
                let settings = server.config.settings();
                tune(&stream, &settings);
                let fd = stream.as_raw_fd();
                let socket = Socket::Tcp(stream);
                if settings.network.protected_mode
                    && settings.security.requirepass.is_none()
                    && !peer.ip().to_canonical().is_loopback()
                {
                    server.stats.add(Counter::RejectedConnections, 1);
                    tokio::spawn(refuse(socket, DENIED));
                    continue;
                }
                admit(&server, socket, (peer.to_string(), laddr), fd, ClientFlags::empty());
            }
            Err(error) => pause_after(&error).await,
        }
    }
}

async fn accept_unix(listener: UnixListener, path: String, server: Arc<Server>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let fd = stream.as_raw_fd();
                let name = format!("{path}:0");
                admit(&server, Socket::Unix(stream), (name.clone(), name), fd, ClientFlags::UNIX_SOCKET);
            }
            Err(error) => pause_after(&error).await,
        }
    }
}

/// Out of descriptors and the like: trying again at once would only burn the processor.
async fn pause_after(error: &io::Error) {
    tracing::warn!("Accepting client connection: {error}");
    tokio::time::sleep(Duration::from_millis(100)).await;
}

fn admit(server: &Arc<Server>, socket: Socket, (addr, laddr): (String, String), fd: i32, flags: ClientFlags) {
    server.stats.add(Counter::Connections, 1);
    if server.clients.len() >= server.config.settings().clients.maxclients as usize {
        server.stats.add(Counter::RejectedConnections, 1);
        tokio::spawn(refuse(socket, TOO_MANY));
        return;
    }
    let client = server.clients.add(addr, laddr, fd, flags);
    tokio::spawn(Connection::new(Arc::clone(server), socket, client).serve());
}

/// No delay for small replies; keep-alive as configured. A socket that refuses an option still works.
fn tune(stream: &tokio::net::TcpStream, settings: &Settings) {
    let _ = stream.set_nodelay(true);
    if settings.network.tcp_keepalive_s > 0 {
        let idle = Duration::from_secs(settings.network.tcp_keepalive_s.into());
        let probe = (idle / 3).max(Duration::from_secs(1));
        let keepalive = TcpKeepalive::new().with_time(idle).with_interval(probe).with_retries(3);
        let _ = SockRef::from(stream).set_tcp_keepalive(&keepalive);
    }
}
