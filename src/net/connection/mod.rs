//! The task of one connection: read, run a turn, write; and wait where a command says so.
//!
//! ```text
//!          ┌──────────────────────────────── read ◀──────────┐  news: others have something for the client,
//!          ▼                                                 │  or it is to end, or to give back its buffers
//!        parse ──▶ batch ──▶ turn ──▶ replies ──▶ write ─────┘
//!                    ▲          │
//!                    └── wait ◀─┘  for keys, for the end of a pause, for the gate
//! ```
//!
//! Wherever the task waits it also notices the end of the connection: the peer closes it, CLIENT KILL, a limit,
//! the shutdown of the server. It has no timers of its own; the housekeeper looks after silent clients.
//!
//! **Memory.** Replies are written as soon as they are longer than [`TURN_REPLY`](crate::dispatch::TURN_REPLY), so a
//! pipeline doesn't pile them up; for a client that doesn't take them see [`behind`].

mod behind;
mod lanes;
mod waits;

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};

use self::behind::Rest;
use super::socket::Socket;
use super::write::{Flow, send, send_at_once};
use crate::acl::Identity;
use crate::base::{task, worker};
use crate::client::{Client, ClientFlags, Ending, ReplyMode, Running, Session, Sink};
use crate::commands::Server;
use crate::dispatch::{Stop, Turn};
use crate::observe::Counter;
use crate::resp::{Batch, Limits, Parser, Progress, Protocol, Reply};

/// Requests that one turn runs at the most.
const TURN_MAX: usize = 64;
/// Free space wanted in the read buffer before each read.
const READ_SPACE: usize = 16 * 1024;
/// A read buffer up to this size is kept while `maxmemory-clients` is set.
const KEPT_INPUT: usize = 2 * READ_SPACE;
/// What the read buffer may grow by on the mere word of a long argument's header.
const TRUSTED: usize = 1 << 20;
/// Bytes of requests that a client may have here before it has authenticated.
const UNAUTHENTICATED_INPUT: usize = 1 << 20;
/// What others have for the client is copied behind its replies in frames up to this size, until so much is there.
const JOINED: usize = 16 * 1024;

/// Everything that belongs to one connection.
pub struct Connection {
    server: Arc<Server>,
    socket: Socket,
    session: Session,
    /// Bytes read, from the first request on that hasn't been run.
    input: BytesMut,
    parser: Parser,
    batch: Batch,
    turn: Turn,
    reply: Reply,
    /// How many bytes of the reply the client has taken already.
    sent: usize,
    config_version: u64,
    /// Whether the last read took as much as there was room for.
    filled_its_buffer: bool,
    /// Whether something was read that nobody has looked at, while the client didn't take its replies.
    read_ahead: bool,
    /// The socket for others to write to; none before others have something for the client, and over TLS.
    lendable: Option<Arc<dyn Sink>>,
}

/// What a waiting connection was woken by.
enum Event {
    /// So many bytes came; 0: the peer sends nothing more.
    Read(usize),
    /// The outbox has news.
    News,
    /// The client took some of the replies that it didn't take before.
    Sent,
}

impl Connection {
    /// A connection that has been accepted and registered.
    pub fn new(server: Arc<Server>, socket: Socket, client: Arc<Client>) -> Connection {
        // The version first: settings that are newer than it only cost one refresh too many.
        let config_version = server.config.version();
        let settings = server.config.settings();
        server.clients.limits.refresh(config_version, &settings);
        let identity = Identity::new(&server.acl);
        Connection {
            server,
            socket,
            session: Session::new(client, settings, identity),
            input: BytesMut::new(),
            parser: Parser::new(),
            batch: Batch::new(),
            turn: Turn::default(),
            reply: Reply::new(Protocol::Resp2),
            sent: 0,
            config_version,
            filled_its_buffer: false,
            read_ahead: false,
            lendable: None,
        }
    }

    /// Serves the connection until it ends, then forgets it.
    pub async fn serve(mut self) {
        match self.run().await {
            Ok(()) => self.log_the_end(),
            // Whatever ends a connection, a reset by the peer included, concerns nobody else.
            Err(error) => tracing::debug!("Reading from client: {error}"),
        }
    }

    async fn run(&mut self) -> io::Result<()> {
        while self.read().await? == Flow::GoOn {
            let is_first = worker::is_first_since_sleep();
            if is_first {
                // Requests are run in the order in which they came.
                task::requeue().await;
            }
            let flow = self.run_input().await?;
            if flow == Flow::Close {
                self.session.client.set_flags(ClientFlags::CLOSE_AFTER_REPLY, true);
            }
            if !is_first || self.filled_its_buffer {
                // Who was the first to be woken has had the others served already.
                self.give_way().await;
            }
            let rest = if flow == Flow::Close { Rest::Awaited } else { Rest::Kept };
            if self.flush(rest).await? == Flow::Close {
                return Ok(());
            }
            if flow == Flow::Close || self.server.shutdown.is_asked() {
                return self.socket.finish();
            }
        }
        Ok(())
    }

    /// Has those who are ready served before the replies are written: a client that gets its replies at once wakes up
    /// for them alone, and to wake a process is dearer than a dozen commands. Who sends more than is read at a time
    /// lets those go first, too, whose requests are still to be noticed.
    async fn give_way(&mut self) {
        if self.filled_its_buffer { task::defer().await } else { task::requeue().await }
    }

    /// Waits for input, and meanwhile for what others want of the client.
    async fn read(&mut self) -> io::Result<Flow> {
        loop {
            if self.read_ahead {
                return Ok(self.check_input());
            }
            let event = poll_fn(|context| self.poll_idle(context)).await?;
            if self.session.expects_pushes() {
                let waiting = self.session.client.outbox.take_back();
                if waiting && matches!(event, Event::Read(_)) {
                    // The rest of a frame that others have begun to write goes before all replies.
                    self.session.drain_outbox(&mut self.reply);
                }
            }
            match event {
                Event::Read(0) => {
                    tracing::debug!("Client closed connection {}", self.describe());
                    if self.is_behind() {
                        // It may still read.
                        self.flush(Rest::Awaited).await?;
                    }
                    return Ok(Flow::Close);
                }
                Event::Read(count) => {
                    self.received(count);
                    return Ok(self.check_input());
                }
                Event::Sent if self.send_on().await? == Flow::Close => return Ok(Flow::Close),
                Event::News if self.attend().await? == Flow::Close => return Ok(Flow::Close),
                Event::Sent | Event::News => {}
            }
        }
    }

    /// Input, news, or some of the replies going that didn't go before, whichever there is. A connection without a read
    /// buffer gets one when there is something to read.
    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Event>> {
        if self.is_behind()
            && let Poll::Ready(sent) = self.poll_send(context)
        {
            return Poll::Ready(sent);
        }
        match self.poll_read(context) {
            Poll::Ready(read) => Poll::Ready(read.map(Event::Read)),
            Poll::Pending => self.session.client.outbox.poll_news(context).map(|()| Ok(Event::News)),
        }
    }

    /// [`Connection::poll_event`] with nothing to send: meanwhile others may write to a client that expects messages.
    fn poll_idle(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Event>> {
        let event = self.poll_event(context);
        if event.is_pending() && !self.is_behind() && self.session.expects_pushes() {
            if self.lendable.is_none() {
                self.lendable = self.socket.lendable(&self.server);
            }
            if let Some(sink) = &self.lendable {
                self.session.client.outbox.lend(|| Arc::clone(sink));
            }
        }
        event
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.input.capacity() == 0 {
            ready!(self.socket.poll_readable(context))?;
        }
        let room = self.input.capacity() - self.input.len();
        if room < READ_SPACE / 4 {
            self.input.reserve(READ_SPACE);
        }
        self.socket.poll_read_into(context, &mut self.input)
    }

    /// Does what the news are about.
    async fn attend(&mut self) -> io::Result<Flow> {
        // Whoever sends to many gets its own reply first: what it sends next goes along with this.
        task::requeue().await;
        if self.flush(Rest::Kept).await? == Flow::Close || self.server.shutdown.is_asked() {
            return Ok(Flow::Close);
        }
        if self.session.client.flags().contains(ClientFlags::RELEASE) {
            self.release();
        }
        Ok(Flow::GoOn)
    }

    /// Gives back what the buffers don't need at the moment.
    fn release(&mut self) {
        self.session.client.set_flags(ClientFlags::RELEASE, false);
        self.input = BytesMut::from(&self.input[..]);
        self.reply.release();
        if self.turn.is_done(&self.batch) {
            self.batch = Batch::new();
        }
        self.publish_figures();
    }

    fn received(&mut self, count: usize) {
        worker::ring();
        self.filled_its_buffer = self.input.len() == self.input.capacity();
        self.session.client.received(count, self.input.len());
        self.server.stats.add_all([(Counter::NetInput, count as u64), (Counter::Reads, 1)]);
        let version = self.server.config.version();
        if version != self.config_version {
            self.config_version = version;
            self.session.settings = self.server.config.settings();
            self.server.clients.limits.refresh(version, &self.session.settings);
        }
        self.publish_figures();
    }

    fn publish_figures(&self) {
        let client = &self.session.client;
        client.query.used.store(self.input.len(), Ordering::Relaxed);
        client.query.arguments.store(self.parser.parsed(), Ordering::Relaxed);
        client.query.free.store(self.input.capacity() - self.input.len(), Ordering::Relaxed);
        client.reply.capacity.store(self.reply.capacity(), Ordering::Relaxed);
        let prefixes = self.session.tracking.as_ref().map_or(0, |tracking| tracking.prefixes.len());
        client.prefixes.store(prefixes, Ordering::Relaxed);
        if client.is_weighed() {
            client.weigh();
            self.server.evict_clients();
        }
    }

    /// Runs all complete requests of the input.
    async fn run_input(&mut self) -> io::Result<Flow> {
        loop {
            let limits = Limits {
                max_bulk_len: self.session.settings.clients.proto_max_bulk_len as u64,
                authenticated: !self.session.must_authenticate(),
                ..Limits::default()
            };
            self.batch.clear();
            self.read_ahead = false;
            let parsed = self.input.len();
            let progress = self.parser.parse(&self.input, &limits, &mut self.batch, TURN_MAX);
            self.turn.begin();
            if !self.batch.is_empty() && self.run_batch().await? == Flow::Close {
                return Ok(Flow::Close);
            }
            // While a request waited, others may have come.
            let more = progress.more || self.input.len() > parsed;
            self.consume(progress.consumed);
            if self.refuses(&progress) {
                return Ok(Flow::Close);
            }
            if !more {
                self.make_room(progress.need);
                return Ok(self.check_input());
            }
            if self.server.shutdown.is_asked() {
                return Ok(Flow::Close);
            }
        }
    }

    /// Drops requests that have been run.
    fn consume(&mut self, bytes: usize) {
        if bytes == self.input.len() {
            // The next read begins at the front of the buffer. One that a long argument has made large counts as the
            // client's as long as it is there, so where clients are evicted for that it goes at once.
            let keep = self.input.capacity() <= KEPT_INPUT || !self.session.client.is_weighed();
            if keep { self.input.clear() } else { self.input = BytesMut::new() }
        } else {
            self.input.advance(bytes);
        }
    }

    /// Answers bytes that are no request.
    fn refuses(&mut self, progress: &Progress) -> bool {
        let Some(error) = progress.error else { return false };
        let text = error.text();
        tracing::debug!("{} from client: {}", String::from_utf8_lossy(&text), self.describe());
        self.server.stats.error(b"ERR");
        if self.session.reply_mode == ReplyMode::On {
            self.reply.error(text);
        }
        true
    }

    /// A long argument is read into place in one go, but not on the mere word of its header.
    fn make_room(&mut self, need: usize) {
        if need > 0 {
            self.input.reserve(need.min(TRUSTED));
        }
        // Who is above its own output limit goes for that, and nobody in its place.
        self.session.client.refuses_to_send(self.unsent());
        self.publish_figures();
    }

    /// Whether the client may go on: the bytes of requests that are here are within `client-query-buffer-limit`, and
    /// it has not been ended, for that or for anything else.
    fn check_input(&self) -> Flow {
        if self.session.client.is_ended() {
            return Flow::Close;
        }
        let limit = self.session.settings.clients.query_buffer_limit;
        let limit = if self.session.must_authenticate() { limit.min(UNAUTHENTICATED_INPUT) } else { limit };
        let queued = self.session.transaction.as_ref().map_or(0, |transaction| transaction.bytes);
        if self.input.len() + queued <= limit {
            return Flow::GoOn;
        }
        let hidden = self.session.settings.log.hide_user_data;
        let begin: &[u8] = if hidden { b"*redacted*" } else { &self.input[..self.input.len().min(64)] };
        tracing::warn!(
            "Closing client that reached max query buffer length: {} (qbuf initial bytes: \"{}\")",
            self.describe(),
            begin.escape_ascii()
        );
        self.server.stats.add(Counter::QueryBufferDisconnections, 1);
        Flow::Close
    }

    async fn run_batch(&mut self) -> io::Result<Flow> {
        // Apart, since it is rare and would make every connection's task larger.
        if self.server.keyspace.crowd.is_crowded() && Box::pin(self.make_way()).await? == Flow::Close {
            return Ok(Flow::Close);
        }
        while !self.turn.is_done(&self.batch) {
            let mut stop =
                self.turn.run(&self.server, &mut self.session, &self.batch, &self.input, &mut self.reply);
            if matches!(stop, Stop::NeedsEverything) {
                stop = self.run_exclusively().await?;
            }
            let flow = match stop {
                Stop::Drained | Stop::NeedsEverything => Flow::GoOn,
                Stop::Close => Flow::Close,
                // Apart, since it is rare and would make every connection's task larger.
                Stop::Full => Box::pin(self.flush_in_lane()).await?,
                Stop::GateClosed => self.wait_for_the_gate().await?,
                Stop::Paused => self.wait_for_the_pause().await?,
                Stop::Blocked(suspended) => self.wait_for_keys(&suspended).await?,
            };
            if flow == Flow::Close {
                return Ok(Flow::Close);
            }
        }
        Ok(Flow::GoOn)
    }

    /// Writes the replies, then what others have for the client. Replies wait until what they tell of may be told.
    async fn flush(&mut self, rest: Rest) -> io::Result<Flow> {
        let client = Arc::clone(&self.session.client);
        let journal = &self.server.keyspace.journal;
        if let Some(position) = journal.must_wait().filter(|_| !self.reply.is_empty()) {
            // Apart, since it is rare and would make every connection's task larger.
            Box::pin(journal.may_tell(position)).await;
        }
        loop {
            while self.unsent() < JOINED
                && let Some(frame) = client.outbox.take_one(JOINED)
            {
                self.reply.raw(&frame);
            }
            // Replies go first; a frame that is too long to be copied goes as it is.
            if self.reply.is_empty()
                && let Some(frame) = client.outbox.take_one(usize::MAX)
            {
                if Box::pin(self.send_frame(&frame)).await? == Flow::Close {
                    return Ok(Flow::Close);
                }
                continue;
            }
            if client.refuses_to_send(self.unsent()) {
                return Ok(Flow::Close);
            }
            if self.reply.is_empty() {
                return Ok(Flow::GoOn);
            }
            let written = send_at_once(&mut self.socket, &self.reply.as_bytes()[self.sent..]).await?;
            let all = written == self.unsent();
            self.note_sent(written);
            if !all || self.is_behind() {
                // Apart, since it is rare and would make every connection's task larger.
                let flow = Box::pin(self.fall_behind(rest)).await?;
                if flow == Flow::Close || self.is_behind() {
                    return Ok(flow);
                }
            }
        }
    }

    async fn send_frame(&mut self, frame: &[u8]) -> io::Result<Flow> {
        let client = Arc::clone(&self.session.client);
        if client.refuses_to_send(frame.len()) {
            return Ok(Flow::Close);
        }
        let flow = send(&mut self.socket, &client, frame).await?;
        self.server.stats.add_all([(Counter::NetOutput, frame.len() as u64), (Counter::Writes, 1)]);
        Ok(flow)
    }

    /// Writes long replies when this client's lane is free. Who doesn't take them at once keeps no lane.
    async fn flush_in_lane(&mut self) -> io::Result<Flow> {
        // Many may wait for a lane, each with long replies. Who has too long ones goes for that, and nobody in its place.
        if self.session.client.refuses_to_send(self.unsent()) {
            return Ok(Flow::Close);
        }
        self.publish_figures();
        let lane = lanes::enter().await;
        let mut flush = pin!(self.flush(Rest::Kept));
        let at_once = poll_fn(|context| Poll::Ready(flush.as_mut().poll(context))).await;
        drop(lane);
        match at_once {
            Poll::Ready(flow) => flow,
            Poll::Pending => flush.await,
        }
    }

    fn describe(&self) -> String {
        let client = &self.session.client;
        client.describe(self.server.command_name(client), Running::default())
    }

    /// Says why the server has ended the connection, and counts it.
    fn log_the_end(&self) {
        match self.session.client.ending() {
            Some(Ending::OutputLimit) => {
                self.server.stats.add(Counter::OutputBufferDisconnections, 1);
                let who = self.describe();
                tracing::warn!(
                    "Client {who} scheduled to be closed ASAP for overcoming of output buffer limits."
                );
            }
            Some(Ending::Idle) => tracing::debug!("Closing idle client"),
            Some(Ending::Killed | Ending::Evicted) | None => {}
        }
    }
}

impl Drop for Connection {
    /// Forgets the client, however its task ended.
    fn drop(&mut self) {
        self.session.client.outbox.take_back();
        self.server.forget(&mut self.session);
    }
}
