//! Serving clients that are blocked on keys: a key that got data has its oldest waiters' commands run again.
//!
//! It happens under the locks of the command that gave the data, so that nobody comes between: as in Redis, the
//! push and what its waiters do are one step. A waiter's command may need more shards than the one that serves it
//! holds (BLMOVE's destination, the other keys of BLPOP): then more are locked, see [`Keyspace::widen`]. What the
//! waiters' commands cause joins the effects of the command that serves them, behind its own.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use smallvec::SmallVec;

use super::run::run_guarded;
use crate::acl::Context;
use crate::base::clock::{monotonic_ns, unix_ms};
use crate::client::{Blocked, Session, Tracking, TrackingMode};
use crate::commands::account::account;
use crate::commands::{Call, Listed, Next, Server, permission};
use crate::keyspace::{Clock, Effects, Held, Keyspace, Plan, Type, View};
use crate::resp::Reply;

/// A key by its database.
type Key = (usize, Box<[u8]>);

/// Serves the waiters of keys that got data, and of keys that get data from serving them.
pub fn serve_ready<'k>(server: &'k Arc<Server>, held: &mut Held<'k>, clock: Clock, effects: &mut Effects) {
    let mut queue = distinct(effects.ready.drain(..));
    while let Some((db, key)) = queue.pop_front() {
        server.keyspace.widen(held, &[Keyspace::hash(&key)]);
        serve_key(server, held, clock, effects, (db, &key));
        queue.extend(effects.ready.drain(..));
    }
}

/// The keys, each once, in the order in which they came first: a transaction may have changed one many times.
fn distinct(ready: impl Iterator<Item = Key>) -> VecDeque<Key> {
    let mut seen = HashSet::new();
    ready.filter(|key| seen.insert(key.clone())).collect()
}

/// Runs the commands of a key's waiters, in the order in which they came.
fn serve_key<'k>(
    server: &'k Arc<Server>,
    held: &mut Held<'k>,
    clock: Clock,
    effects: &mut Effects,
    key: (usize, &[u8]),
) {
    let mut after = None;
    loop {
        let (found, ticket) = held.next_waiter(&server.keyspace, key, after);
        let Some(ticket) = ticket else { return };
        if found.is_none() && !server.blocked.any_on_loss() {
            return;
        }
        after = Some(ticket);
        if let Some(blocked) = server.blocked.get(ticket).filter(|blocked| is_worth_it(blocked, found)) {
            serve(server, held, clock, effects, &blocked);
        }
    }
}

fn is_worth_it(blocked: &Blocked, found: Option<Type>) -> bool {
    found == Some(blocked.waits.wants) || blocked.waits.wakes_on_loss
}

/// Runs a blocked client's command and answers the client, unless there is nothing for it.
fn serve<'k>(
    server: &'k Arc<Server>,
    held: &mut Held<'k>,
    clock: Clock,
    effects: &mut Effects,
    blocked: &Blocked,
) {
    let waits = &blocked.waits;
    let args = waits.request.args();
    let listed = &server.catalog.all()[waits.command];
    let mut hashes: SmallVec<[u64; 16]> = SmallVec::new();
    // The arguments were good when the client was blocked.
    let _ = listed.command.for_each_key(&args, &mut |at| hashes.push(Keyspace::hash(args[at])));
    server.keyspace.widen(held, &hashes);
    if !blocked.claim() {
        return;
    }
    // Time stands still for a transaction, but not for those who wait for its end.
    let now = unix_ms();
    let clock = Clock { now, wall: now, ..clock };
    let lent = held.lend(&server.keyspace, Plan::Keys(&hashes));
    let pusher = std::mem::replace(&mut effects.actor, blocked.client.id);
    let keys = View::new(&server.keyspace, lent, waits.db, clock, effects);
    let answer = run_again(server, blocked, listed, &args, keys);
    server.keyspace.journal.append(&mut effects.propagation);
    effects.actor = pusher;
    match answer {
        Some(reply) => {
            held.stop_waiting(&server.keyspace, waits.db, &waits.keys, blocked.ticket);
            blocked.answer(reply);
        }
        None => blocked.give_back(),
    }
}

/// The reply of a blocked client's command, run again on behalf of that client; none if it would block again.
fn run_again(
    server: &Arc<Server>,
    blocked: &Blocked,
    listed: &Listed,
    args: &[&[u8]],
    mut keys: View<'_>,
) -> Option<Vec<u8>> {
    let begun = monotonic_ns();
    let settings = server.config.settings();
    let identity = blocked.waits.identity.clone();
    let mut session = Session::new(Arc::clone(&blocked.client), settings, identity);
    session.db = blocked.waits.db;
    session.tracking = blocked.waits.remembers.then(|| Box::new(Tracking::new(TrackingMode::All)));
    let mut reply = Reply::new(blocked.waits.protocol);
    session.follow_user(&server.acl);
    if let Err(denied) = permission::check(session.identity.user(), listed, args) {
        let refusal = permission::refuse(server, &session, (listed, args), denied, Context::Toplevel);
        server.stats.rejected(listed.id);
        server.stats.error(refusal.code());
        reply.error(refusal.text());
        return Some(reply.take());
    }
    let spec = &listed.command.spec;
    let (reply_to, session) = (&mut reply, &mut session);
    let keys = keys.lend(blocked.waits.db, Plan::Everything);
    let mut call = Call { args, spec, keys, reply: reply_to, session, server, nested: false };
    let outcome = call.run_recorded(|call| run_guarded(call, listed.command.run));
    if blocked.waits.remembers {
        call.remember_reads(listed.command);
    }
    drop(call);
    let failed = outcome.is_err();
    match outcome {
        Ok(Next::Block(_)) => return None,
        Ok(Next::Later(work)) => work(&mut reply),
        Ok(_) => {}
        Err(failure) => {
            server.stats.error(failure.code());
            reply.clear();
            reply.error(failure.text());
        }
    }
    account(server, listed, args, session, monotonic_ns().saturating_sub(begun), failed);
    Some(reply.take())
}
