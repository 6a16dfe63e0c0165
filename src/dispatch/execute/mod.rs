//! Running one command: from its arguments to its reply.

mod repeat;
mod tally;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::base::clock::{monotonic_ns, unix_ms_at};
use crate::client::{Session, Source, Watch};
use crate::command::spec::Flags;
use crate::command::{Error, error};
use crate::commands::account::account;
use crate::commands::server::monitor;
use crate::commands::{Call, Command, Compute, Found, Install, Listed, Next, Outcome, Server, busy};
use crate::config::Settings;
use crate::dispatch::admit::{Candidate, admit};
use crate::dispatch::blocking::serve_ready;
use crate::dispatch::effects::{announce, settle};
use crate::dispatch::hold::{HOLD, Kept, hold, keep};
use crate::dispatch::memory::is_exceeded;
use crate::dispatch::run::{Suspended, run_guarded, run_handler, run_on};
use crate::keyspace::{Clock, Effects, Held, Leftover, View};
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
    /// All: it was admitted, and may begin a run of its command. See [`Executor::repeat`].
    Begins,
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

/// What running commands needs besides the session: reused from command to command of a turn.
///
/// Commands of a pipeline are often about one key, or about a few of the same shard. So the lock of a command with
/// one key is kept for the next one, until that needs something else: to take a lock away from another worker for
/// each of them costs more than the commands. Whatever takes shards by itself or takes its time ends it: effects,
/// eviction, work that is put off, the end of the turn.
pub struct Executor<'s> {
    server: &'s Arc<Server>,
    /// The shard that the last command has left locked, and since when.
    kept: Option<Kept<'s>>,
    effects: Effects,
    /// When the executor was made, in ns of the monotonic clock.
    begun: u64,
    /// When the previous command ended: the next one's time starts there.
    mark: u64,
    /// What the running command has taken before it was put off, in ns.
    spent: u64,
    /// Commands that were counted.
    commands: u64,
    now: i64,
    /// The time, and under what the commands run.
    clock: Clock,
    /// The command that was admitted last, if others of it may run without being admitted: see [`Executor::repeat`].
    again: Option<usize>,
    suspended: Option<Suspended>,
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
        Executor::begun_at(monotonic_ns(), server)
    }

    /// An executor that is made just after the monotonic clock was read.
    pub fn begun_at(begun: u64, server: &'s Arc<Server>) -> Executor<'s> {
        Executor {
            server,
            kept: None,
            effects: Effects::default(),
            begun,
            mark: begun,
            spent: 0,
            commands: 0,
            now: unix_ms_at(begun),
            clock: Clock::default(),
            again: None,
            suspended: None,
        }
    }

    /// The server that it runs commands of.
    pub fn server(&self) -> &'s Arc<Server> {
        self.server
    }

    /// When the last command ended.
    pub fn time(&self) -> u64 {
        self.mark
    }

    /// Goes on after waiting, at this moment: the time that has passed is not the next command's.
    pub fn resume(&mut self, mark: u64) {
        self.lap(mark);
        self.spent = 0;
    }

    /// Whether a request needs the closed gate.
    pub fn needs_everything(found: Found<'_>, args: &[&[u8]], session: &Session) -> bool {
        let Found::Command(listed) = found else { return false };
        let runs = session.transaction.is_none() || listed.command.spec.flags.contains(Flags::IMMEDIATE);
        runs && effective_flags(listed.command, args, session).contains(Flags::EXCLUSIVE)
    }

    /// Runs one request; with everything, if that is held behind the closed gate. One that may begin a run of its
    /// command is left to [`Executor::repeat`].
    pub fn run(
        &mut self,
        request: &Request<'_>,
        session: &mut Session,
        reply: &mut Reply,
        mut everything: Option<&mut Held<'_>>,
    ) -> Done {
        self.again = None;
        let listed = match self.admitted(request, session, reply, everything.as_deref_mut()) {
            Ok(listed) => listed,
            Err(done) => return done,
        };
        self.look_around(session);
        if request.hash.is_some()
            && everything.is_none()
            && listed.command.is_uniform()
            && session.is_plain()
            && self.may_repeat(listed, request.args, session)
        {
            self.again = Some(listed.id);
            return Done::Begins;
        }
        self.execute(listed, request, session, reply, everything, |call| run_handler(call, listed))
    }

    /// The command of a request that may run now, or what becomes of the request.
    fn admitted<'l>(
        &mut self,
        request: &Request<'l>,
        session: &mut Session,
        reply: &mut Reply,
        mut everything: Option<&mut Held<'_>>,
    ) -> Result<&'l Listed, Done> {
        if !session.follow_user(&self.server.acl) {
            return Err(Done::Close);
        }
        let last = match request.found {
            Found::Command(listed) => listed.id as u32,
            Found::Unknown | Found::UnknownSubcommand(_) => u32::MAX,
        };
        session.client.last_command.store(last, Ordering::Relaxed);
        let listed = match request.found {
            Found::Command(listed) => listed,
            Found::Unknown => {
                return Err(self.refuse(request, &error::unknown_command(request.args), session, reply));
            }
            Found::UnknownSubcommand(listed) => {
                let text = error::unknown_subcommand(listed.command.spec.name, request.args[1]);
                return Err(self.refuse(request, &text, session, reply));
            }
        };
        let spec = &listed.command.spec;
        if spec.flags.contains(Flags::CROSS_PROTOCOL) {
            return Ok(listed);
        }
        let flags = effective_flags(listed.command, request.args, session);
        let flags = self.as_declared(flags, listed, request.args, session);
        let over_limit = is_exceeded(self.server, &session.settings);
        if over_limit {
            // Eviction takes locks of its own.
            self.kept = None;
            everything.iter_mut().for_each(|held| held.let_go());
        }
        let candidate =
            Candidate { listed, flags, args: request.args, session, server: self.server, over_limit };
        if !session.replays
            && let Err(refusal) = admit(&candidate)
        {
            return Err(self.refuse(request, &refusal, session, reply));
        }
        if session.tracking.is_some() {
            // Admission may have evicted keys: that goes before the reply.
            session.drain_outbox(reply);
        }
        if self.is_held_back(flags) {
            return Err(Done::Paused(None));
        }
        if let Some(transaction) =
            session.transaction.as_mut().filter(|_| !spec.flags.contains(Flags::IMMEDIATE))
        {
            transaction.queue(listed.id, flags, request.args, &session.client);
            reply.simple("QUEUED");
            return Err(Done::Replied);
        }
        if flags.contains(Flags::EXCLUSIVE) && everything.is_none() {
            // Whoever else passes the gate may wait for the shard.
            self.kept = None;
            return Err(Done::NeedsEverything);
        }
        Ok(listed)
    }

    /// Sees under what the next commands run.
    fn look_around(&mut self, session: &Session) {
        let server = self.server;
        self.effects.actor = session.client.id;
        self.effects.propagation.listen(server.keyspace.journal.verbs());
        self.clock = clock(self.now, &session.settings, session.no_touch);
        self.clock.keep_expired = server.pause.is_on();
        if session.replays {
            self.clock.now = NEVER;
        }
    }

    /// A request's flags, or those that what it runs declares. Nobody asks unless something is paused or queued: else
    /// the command looks after them.
    #[inline]
    fn as_declared(&self, flags: Flags, listed: &Listed, args: &[&[u8]], session: &Session) -> Flags {
        let asks = flags.contains(Flags::MAY_REPLICATE)
            && (session.transaction.is_some() || self.server.pause.is_on());
        match listed.command.declared_flags {
            Some(tell) if asks && listed.command.spec.admits(args.len()) => tell(self.server, args, flags),
            _ => flags,
        }
    }

    /// Whether CLIENT PAUSE holds back commands with these flags.
    #[inline]
    fn is_held_back(&self, flags: Flags) -> bool {
        self.server.pause.holds_back(flags.intersects(Flags::WRITE | Flags::MAY_REPLICATE))
    }

    /// Runs `work` of a command that may run now: its handler, or what installs a result.
    #[inline]
    fn execute(
        &mut self,
        listed: &Listed,
        request: &Request<'_>,
        session: &mut Session,
        reply: &mut Reply,
        everything: Option<&mut Held<'_>>,
        work: impl FnOnce(&mut Call<'_>) -> Outcome,
    ) -> Done {
        let (args, from) = (request.args, reply.len());
        let outcome = match (everything, request.hash) {
            (None, Some(hash)) => self.call_on_one(listed, (args, hash), session, reply, work),
            (everything, _) => self.call_on_many(listed, args, session, reply, everything, work),
        };
        self.finish(listed, args, outcome, from, session, reply)
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
            let allowed = spec.flags.contains(Flags::ALLOW_BUSY) && spec.keys.is_empty();
            if !allowed && spec.admits(request.args.len()) {
                // A script of the log that is being loaded.
                let loading = self.server.loading.is_active() && !spec.flags.contains(Flags::LOADING);
                let why = if loading { error::LOADING } else { busy(self.server) };
                return self.refuse(request, &why, session, reply);
            }
        }
        self.run(request, session, reply, None)
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
        self.look_around(session);
        self.execute(listed, request, session, reply, None, |call| run_guarded(call, install))
    }

    /// Runs a command that has one key, of which the hash is known.
    #[inline]
    fn call_on_one(
        &mut self,
        listed: &Listed,
        (args, hash): (&[&[u8]], u64),
        session: &mut Session,
        reply: &mut Reply,
        work: impl FnOnce(&mut Call<'_>) -> Outcome,
    ) -> Outcome {
        let (server, clock) = (self.server, self.clock);
        let held = keep(&mut self.kept, &server.keyspace, hash, self.mark);
        let keys = View::new(&server.keyspace, held, session.db, clock, &mut self.effects);
        let spec = &listed.command.spec;
        let mut call = Call { args, spec, keys, reply, session, server, nested: false };
        if let Some(at) = listed.single_key {
            call.keys.know(args[at], hash);
        }
        let outcome = run_on(&mut call, listed, &mut self.suspended, work);
        drop(call);
        if !self.effects.is_settled() {
            self.serve_others();
        }
        outcome
    }

    /// A view of the shard of a key, which stays locked.
    fn view_of(&mut self, hash: u64, session: &Session) -> View<'_> {
        let held = keep(&mut self.kept, &self.server.keyspace, hash, self.mark);
        View::new(&self.server.keyspace, held, session.db, self.clock, &mut self.effects)
    }

    /// Serves those who wait for the keys of the shard that is kept, and those who listen to events, under its lock.
    fn serve_others(&mut self) {
        if !self.effects.ready.is_empty()
            && let Some(mut kept) = self.kept.take()
        {
            // Nobody comes between a push and those who have waited for it.
            serve_ready(self.server, &mut kept.lend(), self.clock, &mut self.effects);
            announce(self.server, &mut self.effects);
        }
        announce(self.server, &mut self.effects);
    }

    fn call_on_many(
        &mut self,
        listed: &Listed,
        args: &[&[u8]],
        session: &mut Session,
        reply: &mut Reply,
        everything: Option<&mut Held<'_>>,
        work: impl FnOnce(&mut Call<'_>) -> Outcome,
    ) -> Outcome {
        let (server, clock, effects) = (self.server, self.clock, &mut self.effects);
        self.kept = None;
        let held = match everything {
            Some(held) => held.lend_all(),
            None => hold(server, listed, args, session),
        };
        let keys = View::new(&server.keyspace, held, session.db, clock, effects);
        let spec = &listed.command.spec;
        let mut call = Call { args, spec, keys, reply, session, server, nested: false };
        let outcome = run_on(&mut call, listed, &mut self.suspended, work);
        let (mut held, effects) = call.keys.into_parts();
        if !effects.ready.is_empty() {
            // Still under the locks: nobody comes between a push and those who have waited for it.
            serve_ready(server, &mut held, clock, effects);
        }
        announce(server, effects);
        outcome
    }

    /// Settles the command's effects, counts it unless it goes on, and turns an error into a reply.
    #[inline]
    fn finish(
        &mut self,
        listed: &Listed,
        args: &[&[u8]],
        outcome: Outcome,
        from: usize,
        session: &mut Session,
        reply: &mut Reply,
    ) -> Done {
        let goes_on = !matches!(outcome, Ok(Next::Done) | Err(_));
        if goes_on || !self.effects.is_settled() {
            self.kept = None;
        }
        settle(self.server, &mut self.effects);
        self.end();
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

    /// Notes that a command has ended, and gives back the shard that was kept for so long that others may wait for it.
    #[inline]
    fn end(&mut self) {
        self.lap(monotonic_ns());
        if self.kept.as_ref().is_some_and(|kept| self.mark.saturating_sub(kept.since) > HOLD) {
            self.kept = None;
        }
    }

    /// Notes that work of a command that was put off is done, with its reply; none if there is something to install.
    pub fn worked(&mut self, request: &Request<'_>, session: &mut Session, reply: Option<&[u8]>) {
        self.lap(monotonic_ns());
        if let (Found::Command(listed), Some(reply)) = (request.found, reply) {
            let refusal = reply.strip_prefix(b"-");
            if let Some(refusal) = refusal {
                self.server.stats.error(Error::new(refusal).code());
            }
            self.count(listed, request.args, session, refusal.is_some());
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
        request: &Request<'_>,
        refusal: &Error,
        session: &mut Session,
        reply: &mut Reply,
    ) -> Done {
        if let Found::Command(listed) = request.found {
            self.server.stats.rejected(listed.id);
        }
        match request.found {
            // Even where there is no transaction, as in Redis.
            Found::Command(listed) if listed.command.spec.flags.contains(Flags::TRANSACTION) => {
                session.end_transaction();
                let Watch { keys, flag } = session.end_watch();
                // Later: its shards may be held.
                self.server.keyspace.take_back_later(Leftover::Watched(keys, flag));
                self.error(&error::exec_refused(refusal), reply);
                // Monitors were shown where the transaction begins.
                let (spec, by) = (&listed.command.spec, Source::Client(&session.client));
                monitor::after(self.server, spec, request.args, session, by);
            }
            _ => {
                if let Some(transaction) = &mut session.transaction {
                    transaction.refused = true;
                }
                self.error(refusal, reply);
            }
        }
        self.lap(monotonic_ns());
        self.spent = 0;
        Done::Replied
    }

    fn error(&self, text: &Error, reply: &mut Reply) {
        self.server.stats.error(text.code());
        reply.error(text.text());
    }

    /// Adds the time since the last lap to what the running command has spent.
    #[inline]
    fn lap(&mut self, mark: u64) {
        let took = mark.saturating_sub(self.mark);
        self.mark = mark;
        self.spent += took;
        if took >= 1_000_000 {
            self.now = unix_ms_at(mark);
            // The time has changed, if nothing else.
            self.again = None;
        }
    }
}

impl Drop for Executor<'_> {
    /// Counts the turn that ends here, if it ran anything.
    fn drop(&mut self) {
        if self.commands > 0 {
            self.server.stats.turned(self.commands, self.mark.saturating_sub(self.begun));
        }
    }
}
