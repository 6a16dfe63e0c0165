//! Running one command: from its arguments to its reply.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::admit::{Candidate, admit};
use super::blocking::serve_ready;
use super::effects::settle;
use crate::base::clock::unix_ms;
use crate::client::{Blocked, OwnedRequest, Session, Waiting};
use crate::command::keys::InvalidKeys;
use crate::command::spec::Flags;
use crate::command::{Error, error};
use crate::commands::account::account;
use crate::commands::{Block, Call, Command, Compute, Found, Install, Listed, Next, Outcome, Server};
use crate::config::Settings;
use crate::keyspace::{Clock, Effects, Keyspace, Plan, View};
use crate::resp::Reply;
use crate::types::hash::NEVER;

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
    Compute(Compute),
    /// The connection closes when its replies are written.
    Close,
    /// The client is blocked.
    Block(Suspended),
    /// It needs every shard: run it again behind the closed gate.
    NeedsEverything,
    /// CLIENT PAUSE holds it back: run it again when the pause is over, or install this then.
    Paused(Option<Install>),
}

/// A client that waits for its keys, and until when, in Unix ms.
pub struct Suspended {
    /// The client.
    pub blocked: Arc<Blocked>,
    /// When it gives up; none: never.
    pub deadline: Option<i64>,
}

/// Registers a client as blocked.
fn suspend(call: &Call<'_>, command: usize, block: &mut Block) -> Arc<Blocked> {
    let waiting = Waiting {
        db: call.keys.db(),
        protocol: call.reply.protocol(),
        request: block.again.take().unwrap_or_else(|| OwnedRequest::new(call.args)),
        command,
        keys: block.keys.clone(),
        wants: block.wants,
        wakes_on_loss: block.wakes_on_loss,
        timeout_reply: block.timeout_reply,
    };
    call.server.blocked.add(&call.session.client, waiting)
}

/// What running commands needs besides the session: reused from turn to turn.
pub struct Executor<'s> {
    server: &'s Arc<Server>,
    effects: Effects,
    /// When the executor was made.
    begun: Instant,
    /// When the previous command ended: the next one's time starts there.
    mark: Instant,
    /// What the running command has taken before it was put off.
    spent: Duration,
    /// Commands that were counted.
    commands: u64,
    now: i64,
    suspended: Option<Suspended>,
}

/// Runs a handler. A panic must not take the server down: the locks are not poisoned, the client is told.
pub(super) fn run_guarded<'c>(call: &mut Call<'c>, run: impl FnOnce(&mut Call<'c>) -> Outcome) -> Outcome {
    let name = call.spec.name;
    catch_unwind(AssertUnwindSafe(|| run(call))).unwrap_or_else(|_| {
        tracing::error!("panic in command '{name}'");
        Err(error::INTERNAL)
    })
}

/// The clock for commands at a moment, under given settings.
pub fn clock(now: i64, settings: &Settings, no_touch: bool) -> Clock {
    Clock { no_touch, ..Clock::under(settings, now) }
}

/// What EXEC takes over from its queued commands.
const INHERITED: Flags =
    Flags::DENYOOM.union(Flags::EXCLUSIVE).union(Flags::WRITE).union(Flags::MAY_REPLICATE);

/// The flags that admission and locking look at: EXEC does what its queued commands do.
#[inline]
fn effective_flags(command: &Command, args: &[&[u8]], session: &Session) -> Flags {
    let flags = command.flags_for(args);
    match &session.transaction {
        Some(transaction) if flags.contains(Flags::TRANSACTION) => {
            // Exactness within a transaction needs every shard.
            let all_keys = transaction.flags.contains(Flags::ALL_KEYS);
            let exclusive = if all_keys { Flags::EXCLUSIVE } else { Flags::empty() };
            flags | exclusive | transaction.flags & INHERITED
        }
        _ => flags,
    }
}

impl<'s> Executor<'s> {
    /// An executor whose clock is read now.
    pub fn new(server: &'s Arc<Server>) -> Executor<'s> {
        let begun = Instant::now();
        Executor {
            server,
            effects: Effects::default(),
            begun,
            mark: begun,
            spent: Duration::ZERO,
            commands: 0,
            now: unix_ms(),
            suspended: None,
        }
    }

    /// Runs one request. `everything` says that the gate is closed and ours.
    pub fn run(
        &mut self,
        request: &Request<'_>,
        session: &mut Session,
        reply: &mut Reply,
        everything: bool,
    ) -> Done {
        let last = match request.found {
            Found::Command(listed) => listed.id as u32,
            Found::Unknown | Found::UnknownSubcommand(_) => u32::MAX,
        };
        session.client.last_command.store(last, Ordering::Relaxed);
        let listed = match request.found {
            Found::Command(listed) => listed,
            Found::Unknown => {
                return self.refuse(None, &error::unknown_command(request.args), session, reply);
            }
            Found::UnknownSubcommand(listed) => {
                let text = error::unknown_subcommand(listed.command.spec.name, request.args[1]);
                return self.refuse(Some(listed), &text, session, reply);
            }
        };
        let spec = &listed.command.spec;
        if spec.flags.contains(Flags::CROSS_PROTOCOL) {
            return self.execute(listed, request, session, reply, everything);
        }
        let flags = effective_flags(listed.command, request.args, session);
        let candidate =
            Candidate { spec, flags, arguments: request.args.len(), session, server: self.server };
        if !session.replays
            && let Err(refusal) = admit(&candidate)
        {
            return self.refuse(Some(listed), &refusal, session, reply);
        }
        if self.is_held_back(flags) {
            return Done::Paused(None);
        }
        if let Some(transaction) =
            session.transaction.as_mut().filter(|_| !spec.flags.contains(Flags::IMMEDIATE))
        {
            transaction.queue(listed.id, flags, request.args, &session.client);
            reply.simple("QUEUED");
            return Done::Replied;
        }
        if flags.contains(Flags::EXCLUSIVE) && !everything {
            return Done::NeedsEverything;
        }
        self.execute(listed, request, session, reply, everything)
    }

    /// Whether CLIENT PAUSE holds back commands with these flags.
    #[inline]
    fn is_held_back(&self, flags: Flags) -> bool {
        self.server.pause.holds_back(flags.intersects(Flags::WRITE | Flags::MAY_REPLICATE))
    }

    /// Runs a command that has been admitted.
    #[inline]
    fn execute(
        &mut self,
        listed: &Listed,
        request: &Request<'_>,
        session: &mut Session,
        reply: &mut Reply,
        everything: bool,
    ) -> Done {
        let from = reply.len();
        let outcome = self.call(listed, request, session, reply, everything, None);
        self.finish(listed, request.args, outcome, from, session, reply)
    }

    /// Runs a request while a script holds every shard: what doesn't need one and is allowed then.
    pub fn run_while_busy(
        &mut self,
        request: &Request<'_>,
        session: &mut Session,
        reply: &mut Reply,
    ) -> Done {
        if let Found::Command(listed) = request.found {
            let spec = &listed.command.spec;
            let needs_shards = !spec.keys.is_empty() || !session.watch.keys.is_empty();
            let allowed = spec.flags.contains(Flags::ALLOW_BUSY) && !needs_shards;
            if !allowed && spec.admits(request.args.len()) {
                return self.refuse(Some(listed), &error::BUSY, session, reply);
            }
        }
        self.run(request, session, reply, false)
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
        if self.is_held_back(listed.command.spec.flags) {
            return Done::Paused(Some(install));
        }
        let from = reply.len();
        let outcome = self.call(listed, request, session, reply, false, Some(install));
        self.finish(listed, request.args, outcome, from, session, reply)
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
            (true, _) => keyspace.hold(Plan::Everything),
            (false, Some(hash)) => keyspace.hold(Plan::Keys(&[hash])),
            (false, None) => {
                // Arguments that contradict themselves lock nothing; the handler says what is wrong.
                if self.hash_keys(listed, request.args, session, &mut hashes).is_err() {
                    hashes.clear();
                }
                keyspace.hold(Plan::Keys(&hashes))
            }
        };
        let spec = &listed.command.spec;
        let mut clock = clock(self.now, &session.settings, session.no_touch);
        clock.keep_expired = self.server.pause.is_on();
        if session.replays {
            clock.now = NEVER;
        }
        self.effects.propagation.listen(keyspace.journal.verbs());
        let mut keys = View::new(keyspace, held, session.db, clock, &mut self.effects);
        if let (Some(hash), Some(at)) = (request.hash, listed.single_key) {
            keys.know(request.args[at], hash);
        }
        let mut call =
            Call { args: request.args, spec, keys, reply, session, server: self.server, nested: false };
        let mut outcome = match install {
            None => call.run_recorded(|call| run_guarded(call, listed.command.run)),
            Some(install) => call.run_recorded(|call| run_guarded(call, install)),
        };
        if let Ok(Next::Block(block)) = &mut outcome {
            // Still under the locks: whoever pushes next must find the client waiting.
            let blocked = suspend(&call, listed.id, block);
            block.keys.iter().for_each(|key| call.keys.wait(key, blocked.ticket));
            self.suspended = Some(Suspended { blocked, deadline: block.deadline });
        }
        let Call { keys, .. } = call;
        let (mut held, effects) = keys.into_parts();
        // Under the locks, so that the journal's order is the order of the changes.
        if !effects.propagation.is_empty() {
            keyspace.journal.append(&mut effects.propagation);
        }
        if !effects.ready.is_empty() {
            // Still under the locks as well: nobody comes between a push and those who have waited for it.
            serve_ready(self.server, &mut held, clock, effects);
        }
        outcome
    }

    /// Hashes the keys that a command needs: those of its key specs; for EXEC those of all queued commands and
    /// the watched ones.
    fn hash_keys(
        &self,
        listed: &Listed,
        args: &[&[u8]],
        session: &Session,
        hashes: &mut SmallVec<[u64; 16]>,
    ) -> Result<(), InvalidKeys> {
        if !listed.command.spec.flags.contains(Flags::TRANSACTION) {
            return listed.command.for_each_key(args, &mut |at| hashes.push(Keyspace::hash(args[at])));
        }
        hashes.extend(session.watch.keys.iter().map(|(_, key)| Keyspace::hash(key)));
        for (id, queued) in session.transaction.iter().flat_map(|transaction| &transaction.queued) {
            let args = queued.args();
            let command = self.server.catalog.all()[*id].command;
            // A command that contradicts itself touches no key: it answers an error.
            let _ = command.for_each_key(&args, &mut |at| hashes.push(Keyspace::hash(args[at])));
        }
        Ok(())
    }

    /// Settles the command's effects, counts it unless it goes on, and turns an error into a reply.
    fn finish(
        &mut self,
        listed: &Listed,
        args: &[&[u8]],
        outcome: Outcome,
        from: usize,
        session: &mut Session,
        reply: &mut Reply,
    ) -> Done {
        settle(self.server, &mut self.effects);
        let took = self.lap();
        self.spent += took;
        let failed = outcome.is_err();
        let done = match outcome {
            // What goes on is counted when it ends.
            Ok(Next::Later(work)) => return Done::Later(work),
            Ok(Next::Compute(compute)) => return Done::Compute(compute),
            Ok(Next::Block(_)) => {
                return Done::Block(self.suspended.take().expect("registered under the locks"));
            }
            Ok(Next::Done) if session.closing => Done::Close,
            Ok(Next::Done) => Done::Replied,
            Ok(Next::Close) => Done::Close,
            Err(failure) => {
                reply.truncate(from);
                self.error(&failure, reply);
                Done::Replied
            }
        };
        self.count(listed, args, session, failed);
        done
    }

    /// Notes that work of a command that was put off is done; its reply is complete if there is nothing to install.
    pub fn worked(&mut self, request: &Request<'_>, session: &mut Session, complete: bool) {
        let took = self.lap();
        self.spent += took;
        if let (Found::Command(listed), true) = (request.found, complete) {
            self.count(listed, request.args, session, false);
        }
    }

    /// Counts a command that is complete.
    #[inline]
    fn count(&mut self, listed: &Listed, args: &[&[u8]], session: &mut Session, failed: bool) {
        let took = std::mem::take(&mut self.spent);
        self.commands += 1;
        account(self.server, listed, args, session, took, failed);
    }

    fn refuse(
        &mut self,
        listed: Option<&Listed>,
        refusal: &Error,
        session: &mut Session,
        reply: &mut Reply,
    ) -> Done {
        if let Some(transaction) = &mut session.transaction {
            transaction.refused = true;
        }
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
    fn lap(&mut self) -> Duration {
        let mark = Instant::now();
        let took = mark - self.mark;
        self.mark = mark;
        if took.as_millis() > 0 {
            self.now = unix_ms();
        }
        took
    }
}

impl Drop for Executor<'_> {
    /// Counts the turn that ends here, if it ran anything.
    fn drop(&mut self) {
        if self.commands > 0 {
            self.server.stats.turned(self.commands, self.mark - self.begun);
        }
    }
}
