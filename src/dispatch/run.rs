//! Running a handler: under its locks, shown to monitors, put down for the journal, with its panics caught.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::client::{Blocked, OwnedRequest, Source, Waiting};
use crate::command::error;
use crate::command::spec::Flags;
use crate::commands::server::monitor;
use crate::commands::{Block, Call, Listed, Next, Outcome};

/// A client that waits for its keys, and until when, in Unix ms.
pub struct Suspended {
    /// The client.
    pub blocked: Arc<Blocked>,
    /// When it gives up; none: never.
    pub deadline: Option<i64>,
    /// The position of the journal that it waits for instead of keys.
    pub durable: Option<u64>,
}

/// Runs a command on the shards it has got: `work` is its handler, or installs what that has put off.
#[inline]
pub(super) fn run_on<'c>(
    call: &mut Call<'c>,
    listed: &Listed,
    suspended: &mut Option<Suspended>,
    work: impl FnOnce(&mut Call<'c>) -> Outcome,
) -> Outcome {
    let mut outcome = call.run_recorded(work);
    if call.session.tracking.is_some() || matches!(outcome, Ok(Next::Block(_))) {
        remember(call, listed, &mut outcome, suspended);
    }
    let propagation = &mut call.keys.effects.propagation;
    if !propagation.is_empty() {
        // Under the locks, so that the journal's order is the order of the changes.
        call.server.keyspace.journal.append(propagation);
        call.session.written = call.server.keyspace.journal.end();
    }
    outcome
}

/// Remembers a client as a reader of its keys, or as one that waits for them: before the locks are given back, so that
/// whoever changes them next finds it.
#[cold]
fn remember(call: &mut Call<'_>, listed: &Listed, outcome: &mut Outcome, suspended: &mut Option<Suspended>) {
    let remembers = call.session.tracking.as_ref().is_some_and(|tracking| tracking.remembers());
    if call.session.tracking.is_some() {
        call.remember_reads(listed.command);
        call.session.used_caching(call.spec.flags.contains(Flags::KEEPS_CACHING));
    }
    if let Ok(Next::Block(block)) = outcome {
        let blocked = suspend(call, listed.id, block, remembers);
        block.keys.iter().for_each(|key| call.keys.wait(key, blocked.ticket));
        *suspended = Some(Suspended { blocked, deadline: block.deadline, durable: block.durable });
    }
}

/// Runs a handler. A panic must not take the server down: the locks are not poisoned, the client is told.
#[inline]
pub(super) fn run_guarded<'c>(call: &mut Call<'c>, run: impl FnOnce(&mut Call<'c>) -> Outcome) -> Outcome {
    // Not what is given through the catching: it would be copied on the way.
    let mut outcome = Err(error::INTERNAL);
    if catch_unwind(AssertUnwindSafe(|| outcome = run(call))).is_err() {
        tracing::error!("panic in command '{}'", call.spec.name);
    }
    outcome
}

/// Runs a command's handler, and shows the command to monitors.
#[inline]
pub(super) fn run_handler(call: &mut Call<'_>, listed: &Listed) -> Outcome {
    if call.server.monitors.is_active() {
        return run_shown(call, listed);
    }
    run_guarded(call, listed.command.run)
}

#[cold]
fn run_shown(call: &mut Call<'_>, listed: &Listed) -> Outcome {
    let by = Source::Client(&call.session.client);
    monitor::before(call.server, call.spec, call.args, call.session, by);
    let outcome = run_guarded(call, listed.command.run);
    let by = Source::Client(&call.session.client);
    monitor::after(call.server, call.spec, call.args, call.session, by);
    outcome
}

/// Registers a client as blocked.
fn suspend(call: &Call<'_>, command: usize, block: &mut Block, remembers: bool) -> Arc<Blocked> {
    let waiting = Waiting {
        identity: call.session.identity.clone(),
        db: call.keys.db(),
        protocol: call.reply.protocol(),
        request: block.again.take().unwrap_or_else(|| OwnedRequest::new(call.args)),
        command,
        remembers,
        keys: block.keys.clone(),
        wants: block.wants,
        wakes_on_loss: block.wakes_on_loss,
        gives_up: block.deadline.is_some(),
        timeout_reply: block.timeout_reply,
    };
    call.server.blocked.add(&call.session.client, waiting)
}
