//! The task of one connection: read, run a turn, write; and wait where a command says so.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::socket::Socket;
use crate::base::clock;
use crate::client::{Client, ClientFlags, Session};
use crate::commands::Server;
use crate::commands::blocking::{Unblock, give_up};
use crate::dispatch::{Stop, Suspended, Turn};
use crate::observe::Counter;
use crate::resp::{Batch, Limits, Parser, Protocol, Reply};

/// Requests that one turn runs at the most.
const TURN_MAX: usize = 64;
/// Free space wanted in the read buffer before each read, and what an idle connection's may keep.
const READ_SPACE: usize = 16 * 1024;
/// A reply this long is written before the next turn of a pipeline.
const FLUSH_AT: usize = 256 * 1024;

/// How often a waiter looks again whether a script has been running for too long, at least.
const BUSY_RETRY_MS: i64 = 20;

/// Everything that belongs to one connection.
pub struct Connection {
    server: Arc<Server>,
    socket: Socket,
    session: Session,
    input: BytesMut,
    parser: Parser,
    batch: Batch,
    turn: Turn,
    reply: Reply,
    config_version: u64,
}

/// Whether a connection goes on.
#[derive(PartialEq, Eq)]
enum Flow {
    GoOn,
    Close,
}

impl Connection {
    /// A connection that has been accepted and registered.
    pub fn new(server: Arc<Server>, socket: Socket, client: Arc<Client>) -> Connection {
        let config_version = server.config.version();
        let settings = server.config.settings();
        let authenticated = settings.security.requirepass.is_none();
        Connection {
            server,
            socket,
            session: Session::new(client, settings, authenticated),
            input: BytesMut::new(),
            parser: Parser::new(),
            batch: Batch::new(),
            turn: Turn::default(),
            reply: Reply::new(Protocol::Resp2),
            config_version,
        }
    }

    /// Serves the connection until it ends, then forgets it.
    pub async fn serve(mut self) {
        // Whatever ends a connection, a reset by the peer included, concerns nobody else.
        let _ = self.run().await;
        let watch = self.session.end_watch();
        self.server.keyspace.unwatch(&watch.keys, &watch.flag);
        self.server.clients.remove(self.session.client.id);
    }

    async fn run(&mut self) -> io::Result<()> {
        loop {
            if self.read().await? == Flow::Close {
                return Ok(());
            }
            if self.run_input().await? == Flow::Close {
                self.flush().await?;
                return self.socket.shutdown().await;
            }
            self.flush().await?;
            if self.session.client.is_killed() {
                return Ok(());
            }
        }
    }

    /// Waits for input, or for something to send that others have put into the outbox.
    async fn read(&mut self) -> io::Result<Flow> {
        if self.input.capacity() - self.input.len() < READ_SPACE / 4 {
            self.input.reserve(READ_SPACE);
        }
        loop {
            let client = Arc::clone(&self.session.client);
            let idle = idle_limit(&self.session);
            tokio::select! {
                biased;
                read = self.socket.read_buf(&mut self.input) => {
                    let read = read?;
                    if read == 0 {
                        return Ok(Flow::Close);
                    }
                    self.received(read);
                    return Ok(Flow::GoOn);
                }
                () = client.outbox.woken() => {
                    if client.is_killed() {
                        return Ok(Flow::Close);
                    }
                    self.flush().await?;
                    if self.server.shutdown.is_asked() {
                        return Ok(Flow::Close);
                    }
                }
                () = tokio::time::sleep(idle), if !idle.is_zero() => return Ok(Flow::Close),
            }
        }
    }

    fn received(&mut self, read: usize) {
        let client = &self.session.client;
        client.last_seen_ms.store(clock::monotonic_ms(), Ordering::Relaxed);
        client.bytes_in.fetch_add(read as u64, Ordering::Relaxed);
        self.server.stats.add(Counter::NetInput, read as u64);
        self.server.stats.add(Counter::Reads, 1);
        let version = self.server.config.version();
        if version != self.config_version {
            self.config_version = version;
            self.session.settings = self.server.config.settings();
        }
    }

    /// Runs all complete requests of the input.
    async fn run_input(&mut self) -> io::Result<Flow> {
        loop {
            let limits = Limits {
                max_bulk_len: self.session.settings.clients.proto_max_bulk_len as u64,
                authenticated: self.session.authenticated,
                ..Limits::default()
            };
            self.batch.clear();
            let progress = self.parser.parse(&self.input, &limits, &mut self.batch, TURN_MAX);
            if !self.batch.is_empty() && self.run_batch().await? == Flow::Close {
                return Ok(Flow::Close);
            }
            self.input.advance(progress.consumed);
            if let Some(error) = progress.error {
                self.reply.error(error.text());
                return Ok(Flow::Close);
            }
            if self.over_query_limit() {
                self.server.stats.add(Counter::QueryBufferDisconnections, 1);
                return Ok(Flow::Close);
            }
            if !progress.more {
                self.make_room(progress.need);
                return Ok(Flow::GoOn);
            }
            if self.reply.len() > FLUSH_AT {
                self.flush().await?;
            }
        }
    }

    fn make_room(&mut self, need: usize) {
        if self.input.is_empty() && self.input.capacity() > 4 * READ_SPACE {
            self.input = BytesMut::new();
        }
        // A long argument is read into place in one go, but not on the mere word of its header.
        if need > 0 {
            self.input.reserve(need.min(1 << 20));
        }
        let client = &self.session.client;
        client.query_buffer.0.store(self.input.len(), Ordering::Relaxed);
        client.query_buffer.1.store(self.input.capacity() - self.input.len(), Ordering::Relaxed);
    }

    fn over_query_limit(&self) -> bool {
        let limit = self.session.settings.clients.query_buffer_limit;
        let limit = if self.session.authenticated { limit } else { limit.min(1 << 20) };
        let queued = self.session.transaction.as_ref().map_or(0, |transaction| transaction.bytes);
        self.input.len() + queued > limit
    }

    async fn run_batch(&mut self) -> io::Result<Flow> {
        self.turn.begin();
        while !self.turn.is_done(&self.batch) {
            let stop =
                self.turn.run(&self.server, &mut self.session, &self.batch, &self.input, &mut self.reply);
            match stop {
                Stop::Drained => {}
                Stop::Close => return Ok(Flow::Close),
                Stop::GateClosed => {
                    if self.wait_for_gate().await == Some(Flow::Close) {
                        return Ok(Flow::Close);
                    }
                }
                Stop::NeedsEverything => {
                    if self.run_exclusively().await == Flow::Close {
                        return Ok(Flow::Close);
                    }
                }
                Stop::Blocked(suspended) => {
                    let blocked = &suspended.blocked;
                    let flow = self.wait_for_keys(&suspended).await;
                    // Whatever has ended the waiting, nobody serves the client from here on.
                    blocked.claim();
                    self.server.keyspace.stop_waiting(blocked.waits.db, &blocked.waits.keys, blocked.ticket);
                    self.server.blocked.remove(blocked);
                    if flow? == Flow::Close {
                        return Ok(Flow::Close);
                    }
                    self.turn.answered(&mut self.session, &mut self.reply);
                }
            }
        }
        Ok(Flow::GoOn)
    }

    /// Waits until a blocked client is answered, gives up, or goes away. What it sends meanwhile is kept.
    async fn wait_for_keys(&mut self, suspended: &Suspended) -> io::Result<Flow> {
        let Suspended { blocked, deadline } = suspended;
        self.flush().await?;
        let client = Arc::clone(&self.session.client);
        loop {
            let left = deadline.map(|deadline| (deadline - clock::unix_ms()).max(0) as u64);
            let gives_up = tokio::time::sleep(Duration::from_millis(left.unwrap_or_default()));
            let answer = tokio::select! {
                biased;
                answer = blocked.answered() => answer,
                () = gives_up, if left.is_some() => {
                    if !blocked.claim() {
                        blocked.answered().await
                    } else {
                        give_up(&self.server, blocked, Unblock::Timeout, &mut self.reply);
                        return Ok(Flow::GoOn);
                    }
                }
                () = client.outbox.woken() => {
                    if client.is_killed() || self.server.shutdown.is_asked() {
                        return Ok(Flow::Close);
                    }
                    self.flush().await?;
                    continue;
                }
                read = self.socket.read_buf(&mut self.input) => {
                    let read = read?;
                    if read == 0 || self.over_query_limit() {
                        return Ok(Flow::Close);
                    }
                    self.received(read);
                    continue;
                }
            };
            self.reply.raw(&answer);
            return Ok(Flow::GoOn);
        }
    }

    async fn run_exclusively(&mut self) -> Flow {
        loop {
            let stop = self.turn.run_exclusively(
                &self.server,
                &mut self.session,
                &self.batch,
                &self.input,
                &mut self.reply,
            );
            match stop {
                None => {
                    if let Some(flow) = self.wait_for_gate().await {
                        return flow;
                    }
                }
                Some(Stop::Close) => return Flow::Close,
                Some(_) => return Flow::GoOn,
            }
        }
    }

    /// Waits until the gate is open. A script that keeps it closed for too long makes the next request be answered
    /// meanwhile; then this tells whether the connection goes on.
    async fn wait_for_gate(&mut self) -> Option<Flow> {
        loop {
            let gate = &self.server.keyspace.gate;
            let threshold = self.server.config.settings().execution.busy_reply_threshold_ms as i64;
            let closed_for = gate.closed_for()?;
            if threshold > 0 && closed_for >= threshold && self.server.scripts.running.is_active() {
                let (session, reply) = (&mut self.session, &mut self.reply);
                let stop = self.turn.run_while_busy(&self.server, session, &self.batch, &self.input, reply);
                if let Some(stop) = stop {
                    let closes = matches!(stop, Stop::Close);
                    return Some(if closes { Flow::Close } else { Flow::GoOn });
                }
            }
            let patience = Duration::from_millis((threshold - closed_for).max(BUSY_RETRY_MS) as u64);
            // A gate that opened and closed again meanwhile is waited for anew.
            if timeout(patience, gate.opened()).await.is_ok() {
                return None;
            }
        }
    }

    /// Writes the replies, then what others have for the client.
    async fn flush(&mut self) -> io::Result<()> {
        self.session.drain_outbox(&mut self.reply);
        if self.reply.is_empty() {
            return Ok(());
        }
        let len = self.reply.len() as u64;
        self.socket.write_all(self.reply.as_bytes()).await?;
        self.reply.clear();
        self.session.client.bytes_out.fetch_add(len, Ordering::Relaxed);
        self.server.stats.add(Counter::NetOutput, len);
        self.server.stats.add(Counter::Writes, 1);
        Ok(())
    }
}

/// How long the client may be silent; zero: for ever.
fn idle_limit(session: &Session) -> Duration {
    let exempt =
        session.client.flags().intersects(ClientFlags::BLOCKED | ClientFlags::PUBSUB | ClientFlags::MONITOR);
    if exempt { Duration::ZERO } else { Duration::from_secs(session.settings.network.timeout_s.into()) }
}

/// Refuses a connection with an error line.
pub async fn refuse(mut socket: Socket, line: &str) {
    let text = async {
        socket.write_all(line.as_bytes()).await?;
        socket.shutdown().await
    };
    // A peer that doesn't take it is not waited for.
    let _ = timeout(Duration::from_secs(1), text).await;
}
