//! One turn of a connection: a batch of parsed requests, run in order.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::effects::limit_tracked;
use super::execute::{Done, Executor, Request};
use super::requests::{Arguments, Recent, Requests};
use super::run::Suspended;
use crate::base::worker;
use crate::client::{ReplyMode, Session};
use crate::command::error;
use crate::command::spec::Flags;
use crate::commands::{Found, Install, Server};
use crate::keyspace::gate::Closed;
use crate::observe::crash;
use crate::resp::{Batch, Reply};

/// A turn stops when its replies are this long, in bytes, so that a pipeline doesn't pile them up.
pub const TURN_REPLY: usize = 256 * 1024;
/// The same for clients that have yet to authenticate.
const TURN_REPLY_UNAUTHENTICATED: usize = 16 * 1024;

/// For how long a connection keeps the gate closed for one request after the other, in ns.
const EXCLUSIVE_RUN: u64 = 200_000;

/// Why a turn stopped.
pub enum Stop {
    /// Nothing stands in the way of what is left, if anything is.
    Drained,
    /// The replies are long enough to be written first.
    Full,
    /// CLIENT PAUSE holds the next request back.
    Paused,
    /// The gate is closed: come back when it is open.
    GateClosed,
    /// The next request needs the closed gate, which somebody else holds.
    NeedsEverything,
    /// The client waits for one of its keys; [`Turn::replied`] follows its answer.
    Blocked(Suspended),
    /// The connection closes when its replies are written.
    Close,
}

/// A batch on its way, and how far it has come.
#[derive(Default)]
pub struct Turn {
    next: usize,
    installing: Option<Install>,
    /// The request that is known to need the closed gate: the gate was opened before it, to let others through.
    exclusive: Option<usize>,
    recent: Recent,
    /// The length of replies that were there before because the client is slow to take them: the turn stops when it
    /// has made enough of its own.
    pub behind: usize,
}

impl Turn {
    /// Starts a new batch.
    pub fn begin(&mut self) {
        self.next = 0;
        self.exclusive = None;
    }

    /// Whether every request of the batch has been run.
    pub fn is_done(&self, batch: &Batch) -> bool {
        self.next >= batch.len() && self.installing.is_none()
    }

    /// Whether one of the requests that are left may write.
    pub fn may_write(&self, server: &Server, batch: &Batch, input: &[u8]) -> bool {
        (self.next..batch.len()).any(|index| {
            match server.catalog.find(Arguments::default().of(batch, index, input)) {
                Found::Command(listed) => {
                    listed.command.spec.flags.intersects(Flags::WRITE | Flags::MAY_REPLICATE)
                }
                Found::Unknown | Found::UnknownSubcommand(_) => false,
            }
        })
    }

    /// Runs requests of the batch until all are done or something has to be waited for.
    pub fn run(
        &mut self,
        server: &Arc<Server>,
        session: &mut Session,
        batch: &Batch,
        input: &[u8],
        reply: &mut Reply,
    ) -> Stop {
        crash::serving(session.client.id);
        let gate = &server.keyspace.gate;
        if self.exclusive.take() == Some(self.next) || self.begins_exclusively(session, batch, input) {
            let Some(closed) = gate.close_soon() else { return Stop::NeedsEverything };
            return self.run_exclusively(server, closed, session, batch, input, reply);
        }
        let Some(mut pass) = gate.enter_soon() else { return Stop::GateClosed };
        if session.tracking.is_some() {
            limit_tracked(server, session.settings.clients.tracking_table_max_keys);
        }
        if session.expects_pushes() {
            // Messages that came before the commands stand before their replies.
            session.drain_outbox(reply);
        }
        let mut requests = Requests::new(batch, input);
        let mut executor = Executor::new(server);
        let full = self.behind + reply_limit(session);
        while self.next < batch.len() {
            let hashes = requests.look_up(self.next, server, &mut self.recent);
            server.keyspace.prefetch_buckets(session.db, hashes.clone());
            server.keyspace.prefetch_entries(session.db, hashes);
            while let Some((from, done)) = self.step(&mut executor, &mut requests, session, reply, full) {
                match done {
                    Done::Later(_) | Done::Compute(_) => {
                        // Long work on references: others may pass the gate meanwhile, and close it.
                        drop(pass);
                        self.installing = put_off(done, reply);
                        let complete = self.installing.is_none();
                        if let Some(request) = requests.get(self.next) {
                            executor.worked(&request, session, complete.then(|| &reply.as_bytes()[from..]));
                        }
                        if complete {
                            self.replied(session, reply, from);
                        }
                        let Some(entered) = gate.enter_soon() else { return Stop::GateClosed };
                        pass = entered;
                    }
                    Done::NeedsEverything => {
                        drop(pass);
                        let Some(closed) = gate.close_soon() else { return Stop::NeedsEverything };
                        return self.run_behind(closed, &mut executor, session, batch, input, reply);
                    }
                    Done::Paused(install) => {
                        self.installing = install;
                        return Stop::Paused;
                    }
                    Done::Block(suspended) => return Stop::Blocked(suspended),
                    Done::Close => {
                        self.replied(session, reply, from);
                        return Stop::Close;
                    }
                    Done::Replied => self.replied(session, reply, from),
                    Done::Begins => unreachable!("a step goes on with what begins"),
                }
                if reply.len() >= full {
                    return Stop::Full;
                }
            }
        }
        Stop::Drained
    }

    /// Runs requests that were looked up until one has something left to do; gives that, and where its reply begins.
    /// None when all are done.
    #[inline]
    fn step(
        &mut self,
        executor: &mut Executor<'_>,
        requests: &mut Requests<'_>,
        session: &mut Session,
        reply: &mut Reply,
        full: usize,
    ) -> Option<(usize, Done)> {
        loop {
            let request = requests.get(self.next)?;
            let from = reply.len();
            let done = match self.installing.take() {
                Some(install) => executor.install(&request, session, reply, install),
                None if session.client.is_ended() => Done::Close,
                None => executor.run(&request, session, reply, None),
            };
            if !matches!(done, Done::Begins) {
                return Some((from, done));
            }
            let left = executor.repeat(requests, &mut self.next, session, reply, full);
            if left.is_some() {
                return left;
            }
        }
    }

    /// Runs the next request behind the closed gate, and those after it that need it as well.
    pub fn run_exclusively(
        &mut self,
        server: &Arc<Server>,
        closed: Closed<'_>,
        session: &mut Session,
        batch: &Batch,
        input: &[u8],
        reply: &mut Reply,
    ) -> Stop {
        crash::serving(session.client.id);
        let mut executor = Executor::begun_at(closed.since(), server);
        self.run_behind(closed, &mut executor, session, batch, input, reply)
    }

    /// Whether the batch begins with the command that was sent last, and that needs the closed gate: there is nothing
    /// to find out then before closing it. Only for clients that nothing stands in the way of.
    #[inline]
    fn begins_exclusively(&self, session: &Session, batch: &Batch, input: &[u8]) -> bool {
        self.installing.is_none()
            && session.is_plain()
            && !session.client.is_ended()
            && batch.args(self.next).first().is_some_and(|name| {
                let name = name.of(batch.source(self.next, input));
                self.recent.is_exclusive(name)
            })
    }

    fn run_behind(
        &mut self,
        closed: Closed<'_>,
        executor: &mut Executor<'_>,
        session: &mut Session,
        batch: &Batch,
        input: &[u8],
        reply: &mut Reply,
    ) -> Stop {
        let server = executor.server();
        let begun = closed.since();
        executor.resume(begun);
        let mut whole = server.keyspace.whole();
        let mut everything = whole.lend();
        let full = self.behind + reply_limit(session);
        let mut arguments = Arguments::default();
        let mut args = arguments.of(batch, self.next, input);
        let mut found = self.recent.find(server, args);
        loop {
            let request = Request { args, found, hash: None };
            let from = reply.len();
            let done = executor.run(&request, session, reply, Some(&mut everything));
            match done {
                Done::Paused(_) => return Stop::Paused,
                Done::Replied => self.replied(session, reply, from),
                done => {
                    // What is left to do needs nothing of what others wait for.
                    drop(everything);
                    drop((whole, closed));
                    let close = matches!(done, Done::Close);
                    if let Done::Later(_) = done {
                        put_off(done, reply);
                        executor.worked(&request, session, Some(&reply.as_bytes()[from..]));
                    }
                    self.replied(session, reply, from);
                    return if close { Stop::Close } else { Stop::Drained };
                }
            }
            if session.client.is_ended() {
                return Stop::Close;
            }
            if reply.len() >= full {
                return Stop::Full;
            }
            if self.next >= batch.len() {
                return Stop::Drained;
            }
            args = arguments.of(batch, self.next, input);
            found = self.recent.find(server, args);
            if !Executor::needs_everything(found, args, session) {
                return Stop::Drained;
            }
            if executor.time().saturating_sub(begun) > EXCLUSIVE_RUN {
                self.exclusive = Some(self.next);
                return Stop::Drained;
            }
        }
    }

    /// Answers the next request while a script runs for too long; none if it has begun already and must wait.
    pub fn run_while_busy(
        &mut self,
        server: &Arc<Server>,
        session: &mut Session,
        batch: &Batch,
        input: &[u8],
        reply: &mut Reply,
    ) -> Option<Stop> {
        if self.installing.is_some() {
            return None;
        }
        let mut arguments = Arguments::default();
        let args = arguments.of(batch, self.next, input);
        let request = Request { args, found: server.catalog.find(args), hash: None };
        let from = reply.len();
        let done = Executor::new(server).run_while_busy(&request, session, reply);
        let close = matches!(done, Done::Close);
        self.replied(session, reply, from);
        Some(if close { Stop::Close } else { Stop::Drained })
    }

    /// The request is done: its reply, from a length of all replies on, stays or goes, as CLIENT REPLY said; what
    /// the client has sent to itself follows.
    #[inline]
    pub fn replied(&mut self, session: &mut Session, reply: &mut Reply, from: usize) {
        self.next += 1;
        if session.reply_mode != ReplyMode::On {
            self.silence(session, reply, from);
        }
        if session.expects_pushes() {
            session.drain_outbox(reply);
        }
    }

    #[cold]
    fn silence(&self, session: &mut Session, reply: &mut Reply, from: usize) {
        if !std::mem::take(&mut session.pushes) {
            reply.truncate(from);
        }
        session.reply_mode = match session.reply_mode {
            ReplyMode::SkipNext => ReplyMode::Skipping,
            ReplyMode::Skipping => ReplyMode::On,
            other => other,
        };
    }
}

/// Runs work that was put off; a computation gives what is to be installed. A panic in it ends only the command.
pub(super) fn put_off(done: Done, reply: &mut Reply) -> Option<Install> {
    let from = reply.len();
    let run = AssertUnwindSafe(|| match done {
        Done::Later(work) => {
            unhurried(|| work(reply));
            None
        }
        Done::Compute(compute) => Some(unhurried(compute)),
        _ => None,
    });
    catch_unwind(run).unwrap_or_else(|_| {
        tracing::error!("panic in the work of a command that had released its locks");
        reply.truncate(from);
        reply.error(error::INTERNAL.text());
        None
    })
}

/// Runs long work so that another thread takes over the worker's connections meanwhile.
fn unhurried<R>(work: impl FnOnce() -> R) -> R {
    match tokio::runtime::Handle::try_current() {
        Ok(handle) if handle.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread => {
            tokio::task::block_in_place(|| worker::while_away(work))
        }
        _ => work(),
    }
}

/// How long the replies of a turn may get, in bytes.
fn reply_limit(session: &Session) -> usize {
    if session.must_authenticate() { TURN_REPLY_UNAUTHENTICATED } else { TURN_REPLY }
}
