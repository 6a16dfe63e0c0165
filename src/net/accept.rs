//! Accepting connections: who may come in, and how their sockets are tuned.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream, UnixListener};

use super::connection::Connection;
use super::socket::Socket;
use super::tls;
use crate::base::task;
use crate::client::ClientFlags;
use crate::commands::Server;
use crate::config::Settings;
use crate::observe::Counter;

const DENIED: &str = "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Set up an authentication password for the default user. NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside.\r\n";
const TOO_MANY: &str = "-ERR max number of clients reached\r\n";

/// How long a client may take to agree on TLS.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The first byte of what a TLS client sends.
const HANDSHAKE_RECORD: u8 = 22;

/// A connection on its way in.
struct Arrival {
    socket: Socket,
    addr: String,
    laddr: String,
    fd: i32,
    flags: ClientFlags,
    /// Whether it comes over loopback or the unix socket.
    local: bool,
}

/// Accepts from a TCP socket until the server shuts down.
pub async fn accept_tcp(listener: Arc<TcpListener>, server: Arc<Server>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = server.shutdown.asked() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                tune(&stream, &server.config.settings());
                let arrival = Arrival {
                    addr: peer.to_string(),
                    laddr: stream.local_addr().map_or_else(|_| String::new(), |local| local.to_string()),
                    fd: stream.as_raw_fd(),
                    flags: ClientFlags::empty(),
                    local: peer.ip().to_canonical().is_loopback(),
                    socket: Socket::from(stream),
                };
                admit(&server, arrival);
                task::requeue().await;
            }
            Err(error) => pause_after(&error).await,
        }
    }
}

/// Accepts clients that speak TLS until the server shuts down.
pub async fn accept_tls(listener: Arc<TcpListener>, context: Arc<tls::Context>, server: Arc<Server>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = server.shutdown.asked() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let settings = server.config.settings();
                if server.clients.len() + context.handshakes() >= settings.clients.maxclients as usize {
                    // Without a handshake there is no way to tell it why.
                    server.stats.add(Counter::RejectedConnections, 1);
                    continue;
                }
                tune(&stream, &settings);
                let shaking = shake_hands(stream, peer, Arc::clone(&context), Arc::clone(&server));
                task::spawn(shaking);
                task::requeue().await;
            }
            Err(error) => pause_after(&error).await,
        }
    }
}

/// Shakes hands with a client and lets it in.
async fn shake_hands(stream: TcpStream, peer: SocketAddr, context: Arc<tls::Context>, server: Arc<Server>) {
    let Some(acceptor) = context.acceptor() else { return };
    let shaking = context.count_handshake();
    let addr = peer.to_string();
    let laddr = stream.local_addr().map_or_else(|_| String::new(), |local| local.to_string());
    let shake = async {
        // Who begins otherwise doesn't speak TLS, and wouldn't understand an alert.
        let mut first = [0];
        stream.peek(&mut first).await?;
        match first {
            [HANDSHAKE_RECORD] => acceptor.accept(stream).await,
            _ => Err(io::Error::new(ErrorKind::InvalidData, "it doesn't begin a handshake")),
        }
    };
    let why = match tokio::time::timeout(HANDSHAKE, shake).await {
        Ok(Ok(stream)) => {
            drop(shaking);
            let arrival = Arrival {
                addr,
                laddr,
                fd: stream.get_ref().0.as_raw_fd(),
                flags: ClientFlags::empty(),
                local: peer.ip().to_canonical().is_loopback(),
                socket: Socket::from(stream),
            };
            return admit(&server, arrival);
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the handshake takes too long".to_owned(),
    };
    tracing::warn!("Error accepting a client connection: {why} (addr={addr} laddr={laddr})");
}

/// Accepts from the unix socket until the server shuts down.
pub async fn accept_unix(listener: UnixListener, path: String, server: Arc<Server>) {
    let name = format!("{path}:0");
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = server.shutdown.asked() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let arrival = Arrival {
                    addr: name.clone(),
                    laddr: name.clone(),
                    fd: stream.as_raw_fd(),
                    flags: ClientFlags::UNIX_SOCKET,
                    local: true,
                    socket: Socket::from(stream),
                };
                admit(&server, arrival);
                task::requeue().await;
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

/// Lets a connection in, or turns it away.
fn admit(server: &Arc<Server>, arrival: Arrival) {
    let settings = server.config.settings();
    let refusal = if server.clients.len() >= settings.clients.maxclients as usize {
        Some(TOO_MANY)
    } else if is_denied(server, &settings, arrival.local) {
        Some(DENIED)
    } else {
        None
    };
    if let Some(line) = refusal {
        server.stats.add(Counter::RejectedConnections, 1);
        task::spawn(refuse(arrival.socket, line));
        return;
    }
    tracing::debug!("Accepted {}", arrival.addr);
    server.stats.add(Counter::Connections, 1);
    let client = server.clients.add(arrival.addr, arrival.laddr, arrival.fd, arrival.flags);
    task::spawn(Connection::new(Arc::clone(server), arrival.socket, client).serve());
}

/// Protected mode: without a password only this host may connect.
fn is_denied(server: &Server, settings: &Settings, local: bool) -> bool {
    settings.network.protected_mode && !local && server.acl.default_user().needs_no_password()
}

/// Answers a connection that may not come in with an error line.
async fn refuse(mut socket: Socket, line: &str) {
    let text = async {
        // A fresh socket has room for a line.
        poll_fn(|context| socket.poll_write(context, line.as_bytes())).await?;
        socket.finish()
    };
    // A peer that doesn't take it is not waited for.
    let _ = tokio::time::timeout(Duration::from_secs(1), text).await;
}

/// No delay for small replies; keep-alive as configured. A socket that refuses an option still works.
fn tune(stream: &TcpStream, settings: &Settings) {
    let _ = stream.set_nodelay(true);
    if settings.network.tcp_keepalive_s > 0 {
        let idle = Duration::from_secs(settings.network.tcp_keepalive_s.into());
        let probe = (idle / 3).max(Duration::from_secs(1));
        let keepalive = TcpKeepalive::new().with_time(idle).with_interval(probe).with_retries(3);
        let _ = SockRef::from(stream).set_tcp_keepalive(&keepalive);
    }
}
