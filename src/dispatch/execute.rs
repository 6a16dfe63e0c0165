//! Running one command: from its arguments to its reply.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use smallvec::SmallVec;

use super::admit::{Candidate, admit};
use super::effects::settle;
use crate::base::clock::unix_ms;
use crate::client::Session;
use crate::command::{Error, error};
use crate::commands::{Call, Found, Install, Listed, Next, Outcome, Server};
use crate::config::{EvictionPolicy, Settings};
use crate::keyspace::{Clock, Effects, Keyspace, Lfu, Plan, View};
use crate::resp::Reply;

/// One request with what looking it up gave.
pub struct Request<'a> {
    /// The arguments; the first is the name.
    pub args: &'a [&'a [u8]],
    /// The command.
    pub found: Found<'a>,
    /// The hash of its only key, if it was computed for prefetching.
    pub hash: Option<u64>,
}

/// What is left to do after a command.
pub enum Done {
    /// Nothing.
    Replied,
    /// Work that writes the reply, without locks and outside of the gate.
    Later(Box<dyn FnOnce(&mut Reply) + Send>),
    /// Work without locks and outside of the gate; its result is installed by [`Executor::install`].
    Compute(crate::commands::Compute),
    /// The connection closes when its replies are written.
    Close,
    /// The client is blocked.
    Block(crate::commands::Block),
    /// It needs every shard: run it again behind the closed gate.
    NeedsEverything,
}

/// What running commands needs besides the session: reused from turn to turn.
pub struct Executor<'s> {
    server: &'s Arc<Server>,
    effects: Effects,
    /// When the previous command ended: the next one's time starts there.
    mark: Instant,
    now: i64,
}

/// The clock for commands at a moment, under given settings.
pub fn clock(now: i64, settings: &Settings, no_touch: bool) -> Clock {
    let lfu =
        matches!(settings.memory.maxmemory_policy, EvictionPolicy::AllkeysLfu | EvictionPolicy::VolatileLfu);
    Clock {
        now,
        lfu: lfu.then_some(Lfu {
            log_factor: settings.memory.lfu_log_factor,
            decay_minutes: settings.memory.lfu_decay_minutes,
        }),
        no_touch,
        events: settings.observe.keyspace_events.0,
    }
}

impl<'s> Executor<'s> {
    /// An executor whose clock is read now.
    pub fn new(server: &'s Arc<Server>) -> Executor<'s> {
        Executor { server, effects: Effects::default(), mark: Instant::now(), now: unix_ms() }
    }

    /// Runs one request. `everything` says that the gate is closed and ours.
    pub fn run(
        &mut self,
        request: &Request<'_>,
        session: &mut Session,
        reply: &mut Reply,
        everything: bool,
    ) -> Done {
        let listed = match request.found {
            Found::Command(listed) => listed,
            Found::Unknown => return self.refuse(None, &error::unknown_command(request.args), reply),
            Found::UnknownSubcommand(listed) => {
                let text = error::unknown_subcommand(listed.command.spec.name, request.args[1]);
                return self.refuse(Some(listed), &text, reply);
            }
        };
        let spec = &listed.command.spec;
        let candidate = Candidate { spec, arguments: request.args.len(), session, server: self.server };
        if let Err(refusal) = admit(&candidate) {
            return self.refuse(Some(listed), &refusal, reply);
        }
        if spec.flags.contains(crate::command::spec::Flags::EXCLUSIVE) && !everything {
            return Done::NeedsEverything;
        }
        session.client.last_command.store(listed.id as u32, Ordering::Relaxed);
        let from = reply.len();
        let outcome = self.call(listed, request, session, reply, everything, None);
        self.finish(listed, outcome, from, session, reply)
    }

    /// Installs the result of [`Done::Compute`].
    pub fn install(
        &mut self,
        request: &Request<'_>,
        session: &mut Session,
        reply: &mut Reply,
        install: Install,
    ) -> Done {
        let Found::Command(listed) = request.found else { return Done::Replied };
        let from = reply.len();
        let outcome = self.call(listed, request, session, reply, false, Some(install));
        self.finish(listed, outcome, from, session, reply)
    }

    fn call(
        &mut self,
        listed: &Listed,
        request: &Request<'_>,
        session: &mut Session,
        reply: &mut Reply,
        everything: bool,
        install: Option<Install>,
    ) -> Outcome {
        let mut hashes: SmallVec<[u64; 16]> = SmallVec::new();
        let keyspace = &self.server.keyspace;
        let held = match (everything, request.hash) {
            (true, _) => keyspace.hold(&Plan::Everything),
            (false, Some(hash)) => keyspace.hold(&Plan::Keys(&[hash])),
            (false, None) => {
                // Arguments that contradict themselves lock nothing; the handler says what is wrong.
                let found = listed.command.for_each_key(request.args, &mut |at| {
                    hashes.push(Keyspace::hash(request.args[at]));
                });
                if found.is_err() {
                    hashes.clear();
                }
                keyspace.hold(&Plan::Keys(&hashes))
            }
        };
        let clock = clock(self.now, &session.settings, session.no_touch);
        let mut keys = View::new(keyspace, held, session.db, clock, &mut self.effects);
        if let (Some(hash), Some(at)) = (request.hash, listed.single_key) {
            keys.know(request.args[at], hash);
        }
        let spec = &listed.command.spec;
        let mut call =
            Call { args: request.args, spec, keys, reply, session, server: self.server, nested: false };
        // A panic must not take the server down: the locks are not poisoned, the client is told.
        let run = AssertUnwindSafe(|| match install {
            None => (listed.command.run)(&mut call),
            Some(install) => install(&mut call),
        });
        catch_unwind(run).unwrap_or_else(|_| {
            tracing::error!("panic in command '{}'", spec.name);
            Err(error::INTERNAL)
        })
    }

    /// Counts the command, settles its effects and turns an error into a reply.
    fn finish(
        &mut self,
        listed: &Listed,
        outcome: Outcome,
        from: usize,
        session: &mut Session,
        reply: &mut Reply,
    ) -> Done {
        settle(self.server, &mut self.effects);
        let failed = outcome.is_err();
        let done = match outcome {
            Ok(Next::Done) => Done::Replied,
            Ok(Next::Later(work)) => Done::Later(work),
            Ok(Next::Compute(compute)) => Done::Compute(compute),
            Ok(Next::Close) => Done::Close,
            Ok(Next::Block(block)) => Done::Block(block),
            Err(failure) => {
                reply.truncate(from);
                self.error(&failure, reply);
                Done::Replied
            }
        };
        let took = self.lap();
        self.server.stats.ran(listed.id, took, failed, session.settings.observe.latency_tracking);
        done
    }

    fn refuse(&mut self, listed: Option<&Listed>, refusal: &Error, reply: &mut Reply) -> Done {
        if let Some(listed) = listed {
            self.server.stats.rejected(listed.id);
        }
        self.error(refusal, reply);
        self.lap();
        Done::Replied
    }

    fn error(&self, text: &Error, reply: &mut Reply) {
        self.server.stats.error(text.code());
        reply.error(text.text());
    }

    /// Ends the measuring of a command and begins the next one's.
    #[inline]
    pub fn lap(&mut self) -> std::time::Duration {
        let mark = Instant::now();
        let took = mark - self.mark;
        self.mark = mark;
        if took.as_millis() > 0 {
            self.now = unix_ms();
        }
        took
    }
}
