//! What a connection waits for besides requests: its keys, the end of a pause, the gate, the disk.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::error::Elapsed;

use super::behind::Rest;
use super::{Connection, Event};
use crate::base::clock;
use crate::client::ClientFlags;
use crate::commands::Server;
use crate::commands::blocking::{Unblock, give_up};
use crate::commands::wait;
use crate::dispatch::{Stop, Suspended};
use crate::keyspace::Leftover;
use crate::net::write::Flow;
use crate::resp::Reply;

/// How often a waiter looks again whether a script has been running for too long, at least.
const BUSY_RETRY_MS: i64 = 20;

/// What waiting for something came to.
enum Step<T, E> {
    /// It has happened.
    Over(T),
    /// Not yet, but something else.
    Event(E),
}

impl Connection {
    /// Waits for something that a blocked client waits for. What it sends meanwhile is kept, what others have for
    /// it is sent; none if the connection ends first.
    async fn wait<T>(&mut self, awaited: impl Future<Output = T>) -> io::Result<Option<T>> {
        let mut awaited = pin!(awaited);
        if self.flush(Rest::Awaited).await? == Flow::Close {
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
                Step::Event(Event::Sent) => self.send_on().await?,
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
    pub(super) async fn wait_for_the_gate(&mut self) -> io::Result<Flow> {
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
            let running = &server.scripts.running;
            // One that has been killed is about to end: what comes after SCRIPT KILL finds no busy server.
            let is_busy = running.is_active() && !running.is_killed();
            if threshold > 0 && closed_for >= threshold && is_busy {
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

    /// Lets a snapshot catch up before there are more writes.
    pub(super) async fn make_way(&mut self) -> io::Result<Flow> {
        if !self.turn.may_write(&self.server, &self.batch, &self.input) {
            return Ok(Flow::GoOn);
        }
        let crowd = Arc::clone(&self.server.keyspace.crowd);
        let waited = self.wait(crowd.relieved()).await;
        Ok(if waited?.is_some() { Flow::GoOn } else { Flow::Close })
    }

    /// Waits until the gate can be closed, and runs what needs it closed.
    pub(super) async fn run_exclusively(&mut self) -> io::Result<Stop> {
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

    pub(super) async fn wait_for_the_pause(&mut self) -> io::Result<Flow> {
        let (server, client) = (Arc::clone(&self.server), Arc::clone(&self.session.client));
        client.set_flags(ClientFlags::BLOCKED, true);
        let over = self.wait(server.pause.ended()).await;
        client.set_flags(ClientFlags::BLOCKED, false);
        Ok(if over?.is_some() { Flow::GoOn } else { Flow::Close })
    }

    /// Waits until a client that is blocked on keys is answered, gives up, or goes away.
    pub(super) async fn wait_for_keys(&mut self, suspended: &Suspended) -> io::Result<Flow> {
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
