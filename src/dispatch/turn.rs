//! One turn of a connection: a batch of parsed requests, run in order.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use smallvec::SmallVec;

use super::effects::limit_tracked;
use super::execute::{Done, Executor, Request, Suspended};
use crate::client::{ReplyMode, Session};
use crate::command::error;
use crate::commands::{Found, Install, Server};
use crate::keyspace::Keyspace;
use crate::resp::{Batch, Reply};

/// A turn stops when its replies are this long, in bytes, so that a pipeline doesn't pile them up.
pub const TURN_REPLY: usize = 256 * 1024;
/// The same for clients that have yet to authenticate.
const TURN_REPLY_UNAUTHENTICATED: usize = 16 * 1024;

/// Why a turn stopped.
pub enum Stop {
    /// All requests are done.
    Drained,
    /// The replies are long enough to be written first.
    Full,
    /// CLIENT PAUSE holds the next request back.
    Paused,
    /// The gate is closed: come back when it is open.
    GateClosed,
    /// The next request needs the closed gate.
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
}

type Args<'a> = SmallVec<[&'a [u8]; 8]>;

impl Turn {
    /// Starts a new batch.
    pub fn begin(&mut self) {
        self.next = 0;
    }

    /// Whether every request of the batch has been run.
    pub fn is_done(&self, batch: &Batch) -> bool {
        self.next >= batch.len() && self.installing.is_none()
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
        let gate = &server.keyspace.gate;
        let Some(mut pass) = gate.enter_soon() else { return Stop::GateClosed };
        if session.tracking.is_some() {
            limit_tracked(server, session.settings.clients.tracking_table_max_keys);
        }
        if session.expects_pushes() {
            // Messages that came before the commands stand before their replies.
            session.drain_outbox(reply);
        }
        let requests = self.prefetch(server, session, batch, input);
        let mut executor = Executor::new(server);
        let full = if session.must_authenticate() { TURN_REPLY_UNAUTHENTICATED } else { TURN_REPLY };
        for (found, hash) in requests {
            if session.client.is_ended() {
                return Stop::Close;
            }
            let args = arguments(batch, self.next, input);
            let request = Request { args: &args, found, hash };
            let from = reply.len();
            let mut done = match self.installing.take() {
                None => executor.run(&request, session, reply, false),
                Some(install) => executor.install(&request, session, reply, install),
            };
            while let Done::Later(_) | Done::Compute(_) = done {
                // Long work on references: others may pass the gate meanwhile, and close it.
                drop(pass);
                let install = put_off(done, reply);
                executor.worked(&request, session, install.is_none());
                let again = gate.enter_soon();
                let Some(entered) = again else {
                    self.installing = install;
                    if self.installing.is_none() {
                        self.replied(session, reply, from);
                    }
                    return Stop::GateClosed;
                };
                pass = entered;
                done = match install {
                    None => Done::Replied,
                    Some(install) => executor.install(&request, session, reply, install),
                };
            }
            match done {
                Done::NeedsEverything => return Stop::NeedsEverything,
                Done::Paused(install) => {
                    self.installing = install;
                    return Stop::Paused;
                }
                Done::Block(suspended) => return Stop::Blocked(suspended),
                Done::Close => {
                    self.replied(session, reply, from);
                    return Stop::Close;
                }
                _ => self.replied(session, reply, from),
            }
            if reply.len() >= full {
                return Stop::Full;
            }
        }
        Stop::Drained
    }

    /// Runs the next request with the gate closed; none if somebody else holds it.
    pub fn run_exclusively(
        &mut self,
        server: &Arc<Server>,
        session: &mut Session,
        batch: &Batch,
        input: &[u8],
        reply: &mut Reply,
    ) -> Option<Stop> {
        let closed = server.keyspace.gate.try_close()?;
        let args = arguments(batch, self.next, input);
        let request = Request { args: &args, found: server.catalog.find(&args), hash: None };
        let from = reply.len();
        let done = Executor::new(server).run(&request, session, reply, true);
        drop(closed);
        if let Done::Paused(_) = done {
            return Some(Stop::Paused);
        }
        let close = matches!(done, Done::Close);
        let _ = put_off(done, reply);
        self.replied(session, reply, from);
        Some(if close { Stop::Close } else { Stop::Drained })
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
        let args = arguments(batch, self.next, input);
        let request = Request { args: &args, found: server.catalog.find(&args), hash: None };
        let from = reply.len();
        let done = Executor::new(server).run_while_busy(&request, session, reply);
        let close = matches!(done, Done::Close);
        self.replied(session, reply, from);
        Some(if close { Stop::Close } else { Stop::Drained })
    }

    /// Looks up what is left of the batch and has the processor fetch the keys of it.
    fn prefetch<'s>(
        &self,
        server: &'s Server,
        session: &Session,
        batch: &Batch,
        input: &[u8],
    ) -> SmallVec<[(Found<'s>, Option<u64>); 64]> {
        let mut requests = SmallVec::new();
        let mut hashes: SmallVec<[u64; 64]> = SmallVec::new();
        for index in self.next..batch.len() {
            let args = arguments(batch, index, input);
            let found = server.catalog.find(&args);
            let key = match found {
                Found::Command(listed) => listed.single_key.and_then(|at| args.get(at)),
                _ => None,
            };
            let hash = key.map(|key| Keyspace::hash(key));
            hashes.extend(hash);
            requests.push((found, hash));
        }
        // A batch about one key finds its lines after the first command; its shard's lock would only be fought over.
        if hashes.windows(2).any(|pair| pair[0] != pair[1]) {
            server.keyspace.prefetch(session.db, &hashes);
        }
        requests
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
            tokio::task::block_in_place(work)
        }
        _ => work(),
    }
}

#[inline]
fn arguments<'a>(batch: &'a Batch, index: usize, input: &'a [u8]) -> Args<'a> {
    let source = batch.source(index, input);
    batch.args(index).iter().map(|range| range.of(source)).collect()
}
