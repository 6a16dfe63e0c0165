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
//! **Memory.** Replies are written as soon as they are longer than [`TURN_REPLY`](crate::dispatch::TURN_REPLY),
//! and a client that doesn't take them isn't served on, so a pipeline doesn't pile them up.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::time::error::Elapsed;

use super::socket::Socket;
use super::write::{Flow, send};
use crate::acl::Identity;
use crate::base::clock;
use crate::client::{Client, ClientFlags, Ending, ReplyMode, Running, Session, Sink};
use crate::commands::Server;
use crate::commands::blocking::{Unblock, give_up};
use crate::commands::wait;
use crate::dispatch::{Stop, Suspended, Turn};
use crate::keyspace::Leftover;
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
/// How often a waiter looks again whether a script has been running for too long, at least.
const BUSY_RETRY_MS: i64 = 20;

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
    config_version: u64,
    /// The socket for others to write to; none before others have something for the client, and over TLS.
    lendable: Option<Arc<dyn Sink>>,
}

/// What a waiting connection was woken by.
enum Event {
    /// So many bytes came; 0: the peer sends nothing more.
    Read(usize),
    /// The outbox has news.
    News,
}

/// What waiting for something came to.
enum Step<T, E> {
    /// It has happened.
    Over(T),
    /// Not yet, but something else.
    Event(E),
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
            config_version,
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
            let flow = self.run_input().await?;
            if flow == Flow::Close {
                self.session.client.set_flags(ClientFlags::CLOSE_AFTER_REPLY, true);
            }
            if self.flush().await? == Flow::Close {
                return Ok(());
            }
            if flow == Flow::Close || self.server.shutdown.is_asked() {
                return self.socket.finish();
            }
        }
        Ok(())
    }

    /// Waits for input, and meanwhile for what others want of the client.
    async fn read(&mut self) -> io::Result<Flow> {
        loop {
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
                    return Ok(Flow::Close);
                }
                Event::Read(count) => {
                    self.received(count);
                    return Ok(self.check_input());
                }
                Event::News if self.attend().await? == Flow::Close => return Ok(Flow::Close),
                Event::News => {}
            }
        }
    }

    /// Waits for something that a blocked client waits for. What it sends meanwhile is kept, what others have for
    /// it is sent; none if the connection ends first.
    async fn wait<T>(&mut self, awaited: impl Future<Output = T>) -> io::Result<Option<T>> {
        let mut awaited = pin!(awaited);
        if self.flush().await? == Flow::Close {
            return Ok(None);
        }
        loop {
            let step = poll_fn(|context| match awaited.as_mut().poll(context) {
                Poll::Ready(result) => Poll::Ready(Ok(Step::Over(result))),
                Poll::Pending => self.poll_event(context).map_ok(Step::Event),
            });
            let flow = match step.await? {
                Step::Over(result) => return Ok(Some(result)),
                Step::Event(Event::Read(0)) => Flow::Close,
                Step::Event(Event::Read(count)) => {
                    self.received(count);
                    self.check_input()
                }
                Step::Event(Event::News) => {
                    // What is awaited may have happened just before the news: its answer goes first.
                    if let Poll::Ready(result) = poll_once(awaited.as_mut()).await {
                        return Ok(Some(result));
                    }
                    self.attend().await?
                }
            };
            if flow == Flow::Close {
                return Ok(None);
            }
        }
    }

    /// Waits until the gate is open, or has the next request answered meanwhile.
    async fn wait_for_the_gate(&mut self) -> io::Result<Flow> {
        let server = Arc::clone(&self.server);
        let flow = self.wait_while_closed(|| server.keyspace.gate.opened()).await?;
        Ok(flow.unwrap_or(Flow::GoOn))
    }

    /// Waits for something that the gate keeps from happening. A script that keeps it closed for too long has the
    /// next request answered meanwhile; then, and when the connection ends, it tells how to go on.
    async fn wait_while_closed<F: Future>(&mut self, wait: impl Fn() -> F) -> io::Result<Option<Flow>> {
        let server = Arc::clone(&self.server);
        loop {
            let threshold = server.config.settings().execution.busy_reply_threshold_ms as i64;
            let closed_for = server.keyspace.gate.closed_for().unwrap_or(0);
            if threshold > 0 && closed_for >= threshold && server.scripts.running.is_active() {
                let (session, reply) = (&mut self.session, &mut self.reply);
                match self.turn.run_while_busy(&server, session, &self.batch, &self.input, reply) {
                    Some(Stop::Close) => return Ok(Some(Flow::Close)),
                    Some(_) => return Ok(Some(Flow::GoOn)),
                    None => {}
                }
            }
            let patience = Duration::from_millis((threshold - closed_for).max(BUSY_RETRY_MS) as u64);
            match self.wait_or_attend(wait(), patience).await? {
                Step::Over(Ok(_)) => return Ok(None),
                Step::Over(Err(_)) => {}
                // Whoever sleeps at the gate has others wait, so it is left while news are attended to: a client
                // may be slow to take them.
                Step::Event(()) if self.attend().await? == Flow::Close => return Ok(Some(Flow::Close)),
                Step::Event(()) => {}
            }
        }
    }

    /// Waits for something, for news, or until the patience is over. A client that has stopped writing is still
    /// served, so nothing is read here.
    async fn wait_or_attend<T>(
        &mut self,
        awaited: impl Future<Output = T>,
        patience: Duration,
    ) -> io::Result<Step<Result<T, Elapsed>, ()>> {
        let mut awaited = pin!(tokio::time::timeout(patience, awaited));
        let step = poll_fn(|context| match awaited.as_mut().poll(context) {
            Poll::Ready(result) => Poll::Ready(Step::Over(result)),
            Poll::Pending => self.session.client.outbox.poll_news(context).map(Step::Event),
        });
        Ok(step.await)
    }

    /// Input or news, whichever there is. A connection without a read buffer gets one when there is something to
    /// read.
    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Event>> {
        match self.poll_read(context) {
            Poll::Ready(read) => Poll::Ready(read.map(Event::Read)),
            Poll::Pending => self.session.client.outbox.poll_news(context).map(|()| Ok(Event::News)),
        }
    }

    /// [`Connection::poll_event`] with nothing to send: meanwhile others may write to a client that expects messages.
    fn poll_idle(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Event>> {
        let event = self.poll_event(context);
        if event.is_pending() && self.session.expects_pushes() {
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
        if self.flush().await? == Flow::Close || self.server.shutdown.is_asked() {
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
        let client = &self.session.client;
        client.received(count, self.input.len());
        self.server.stats.add(Counter::NetInput, count as u64);
        self.server.stats.add(Counter::Reads, 1);
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
        client.query.free.store(self.input.capacity() - self.input.len(), Ordering::Relaxed);
        client.reply.capacity.store(self.reply.capacity(), Ordering::Relaxed);
        let prefixes = self.session.tracking.as_ref().map_or(0, |tracking| tracking.prefixes.len());
        client.prefixes.store(prefixes, Ordering::Relaxed);
        client.weigh();
        self.server.evict_clients();
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
        self.publish_figures();
    }

    /// Whether the client may go on: the bytes of requests that are here are within `client-query-buffer-limit`, and
    /// it has not been ended, for that or for anything else.
    fn check_input(&self) -> Flow {
        if self.session.client.is_ended() {
            return Flow::Close;
        }
        let limit = self.session.settings.clients.query_buffer_limit;
        let strict = self.session.must_authenticate();
        let limit = if strict { limit.min(UNAUTHENTICATED_INPUT) } else { limit };
        let queued = self.session.transaction.as_ref().map_or(0, |transaction| transaction.bytes);
        if self.input.len() + queued <= limit {
            return Flow::GoOn;
        }
        let hidden = self.session.settings.log.hide_user_data;
        let begin: &[u8] = if hidden { b"*redacted*" } else { &self.input[..self.input.len().min(64)] };
        let begin = begin.escape_ascii();
        tracing::warn!(
            "Closing client that reached max query buffer length: {} (qbuf initial bytes: \"{begin}\")",
            self.describe()
        );
        self.server.stats.add(Counter::QueryBufferDisconnections, 1);
        Flow::Close
    }

    async fn run_batch(&mut self) -> io::Result<Flow> {
        if self.server.keyspace.crowd.is_crowded() && !self.make_way().await? {
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
                Stop::Full => self.flush().await?,
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

    /// Lets a snapshot catch up before there are more writes; false if the connection ends meanwhile.
    async fn make_way(&mut self) -> io::Result<bool> {
        if !self.turn.may_write(&self.server, &self.batch, &self.input) {
            return Ok(true);
        }
        let crowd = Arc::clone(&self.server.keyspace.crowd);
        // Apart, since it is rare and would make every connection's task larger.
        let waited = Box::pin(self.wait(crowd.relieved())).await;
        Ok(waited?.is_some())
    }

    /// Waits until the gate can be closed, and runs what needs it closed.
    async fn run_exclusively(&mut self) -> io::Result<Stop> {
        let server = Arc::clone(&self.server);
        let mut closer = server.keyspace.gate.closer();
        loop {
            // The request may be answered while it waits: the turn says what is next.
            match self.wait_while_closed(|| closer.called()).await? {
                Some(Flow::Close) => return Ok(Stop::Close),
                Some(Flow::GoOn) => return Ok(Stop::Drained),
                None => {}
            }
            if let Some(closed) = closer.close_soon() {
                let (session, reply) = (&mut self.session, &mut self.reply);
                return Ok(self.turn.run_exclusively(
                    &server,
                    closed,
                    session,
                    &self.batch,
                    &self.input,
                    reply,
                ));
            }
        }
    }

    async fn wait_for_the_pause(&mut self) -> io::Result<Flow> {
        let (server, client) = (Arc::clone(&self.server), Arc::clone(&self.session.client));
        client.set_flags(ClientFlags::BLOCKED, true);
        let over = self.wait(server.pause.ended()).await;
        client.set_flags(ClientFlags::BLOCKED, false);
        Ok(if over?.is_some() { Flow::GoOn } else { Flow::Close })
    }

    /// Waits until a client that is blocked on keys is answered, gives up, or goes away.
    async fn wait_for_keys(&mut self, suspended: &Suspended) -> io::Result<Flow> {
        let Suspended { blocked, deadline, durable } = suspended;
        let answer = match *durable {
            None => self.wait(answer(suspended, *deadline)).await,
            // Apart, since it is rare and would make every connection's task larger.
            Some(position) => Box::pin(self.wait_for_the_disk(suspended, *deadline, position)).await,
        };
        // Whatever has ended the waiting, nobody serves the client from here on.
        blocked.claim();
        let waits = &blocked.waits;
        let left = Leftover::Waiting(waits.db, waits.keys.clone(), blocked.ticket);
        self.server.keyspace.take_back(left);
        self.server.blocked.remove(blocked);
        let from = self.reply.len();
        match answer? {
            None => return Ok(Flow::Close),
            Some(Some(answer)) => self.reply.raw(&answer),
            Some(None) => give_up(&self.server, blocked, Unblock::Timeout, &mut self.reply),
        }
        self.turn.replied(&mut self.session, &mut self.reply, from);
        Ok(Flow::GoOn)
    }

    async fn wait_for_the_disk(
        &mut self,
        suspended: &Suspended,
        deadline: Option<i64>,
        position: u64,
    ) -> io::Result<Option<Option<Vec<u8>>>> {
        let server = Arc::clone(&self.server);
        self.wait(answer_when_durable(&server, suspended, deadline, position)).await
    }

    /// Writes the replies, then what others have for the client. Replies wait until what they tell of may be told.
    async fn flush(&mut self) -> io::Result<Flow> {
        let client = Arc::clone(&self.session.client);
        let journal = &self.server.keyspace.journal;
        if let Some(position) = journal.must_wait().filter(|_| !self.reply.is_empty()) {
            // Apart, since it is rare and would make every connection's task larger.
            Box::pin(journal.may_tell(position)).await;
        }
        loop {
            while self.reply.len() < JOINED
                && let Some(frame) = client.outbox.take_one(JOINED)
            {
                self.reply.raw(&frame);
            }
            // Replies go first; a frame that is too long to be copied goes as it is.
            let frame = if self.reply.is_empty() { client.outbox.take_one(usize::MAX) } else { None };
            let bytes = frame.as_deref().unwrap_or(self.reply.as_bytes());
            if client.refuses_to_send(bytes.len()) {
                return Ok(Flow::Close);
            }
            if bytes.is_empty() {
                return Ok(Flow::GoOn);
            }
            let flow = send(&mut self.socket, &client, bytes).await?;
            self.server.stats.add(Counter::NetOutput, bytes.len() as u64);
            self.server.stats.add(Counter::Writes, 1);
            if frame.is_none() {
                self.reply.clear();
            }
            if flow == Flow::Close {
                return Ok(Flow::Close);
            }
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

/// The answer to a client that waits until what it wrote is on disk; none if it gives up at its deadline.
async fn answer_when_durable(
    server: &Server,
    suspended: &Suspended,
    deadline: Option<i64>,
    position: u64,
) -> Option<Vec<u8>> {
    let on_disk = async {
        server.keyspace.journal.durable(position).await;
        let mut reply = Reply::new(suspended.blocked.waits.protocol);
        wait::tell(&mut reply, true);
        Some(reply.take())
    };
    tokio::select! {
        answer = answer(suspended, deadline) => answer,
        answer = on_disk => answer,
    }
}

/// One step of a future, without waiting for it.
async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

/// The answer to a client that is blocked on keys; none if it gives up at its deadline, in Unix ms.
async fn answer(suspended: &Suspended, deadline: Option<i64>) -> Option<Vec<u8>> {
    let blocked = &suspended.blocked;
    let Some(deadline) = deadline else { return Some(blocked.answered().await) };
    // The deadline's millisecond has to be over: nobody gives up too early.
    let left =
        Duration::from_millis(u64::try_from(deadline.saturating_add(1) - clock::unix_ms()).unwrap_or(0));
    match tokio::time::timeout(left, blocked.answered()).await {
        Ok(answer) => Some(answer),
        Err(_) if blocked.claim() => None,
        // Somebody was faster and is about to answer.
        Err(_) => Some(blocked.answered().await),
    }
}
