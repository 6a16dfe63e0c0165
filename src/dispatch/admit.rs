//! Admission: whether a command may run now. A list of small checks in Redis's order; each returns the error
//! and none writes one.

use std::sync::Arc;

use super::memory::{Room, make_room};
use crate::client::Session;
use crate::command::spec::{Flags, Spec};
use crate::command::{Error, error};
use crate::commands::server::rdb::write_refusal;
use crate::commands::{Listed, Server, permission};

/// What the checks look at.
pub struct Candidate<'a> {
    /// The flags of the command; for EXEC those of the queued commands as well.
    pub flags: Flags,
    /// The command.
    pub listed: &'a Listed,
    /// The arguments, the name being the first.
    pub args: &'a [&'a [u8]],
    /// The connection.
    pub session: &'a Session,
    /// The server.
    pub server: &'a Arc<Server>,
    /// Whether more memory is used than `maxmemory` allows; then no shard is held.
    pub over_limit: bool,
}

impl<'a> Candidate<'a> {
    #[inline]
    fn spec(&self) -> &'a Spec {
        &self.listed.command.spec
    }
}

type Check = fn(&Candidate<'_>) -> Option<Error>;

/// The checks, in the order in which their errors win.
const CHECKS: [Check; 11] = [
    arity,
    protection,
    authentication,
    transaction,
    permission,
    memory,
    disk,
    replicas,
    subscriber,
    monitor,
    loading,
];

/// Runs the checks.
///
/// # Errors
/// The error of the first check that refuses.
#[inline]
pub fn admit(candidate: &Candidate<'_>) -> Result<(), Error> {
    CHECKS.iter().find_map(|check| check(candidate)).map_or(Ok(()), Err)
}

#[inline]
fn arity(candidate: &Candidate<'_>) -> Option<Error> {
    let spec = candidate.spec();
    (!spec.admits(candidate.args.len())).then(|| error::wrong_arity(spec.name))
}

#[inline]
fn protection(candidate: &Candidate<'_>) -> Option<Error> {
    if !candidate.spec().flags.contains(Flags::PROTECTED) {
        return None;
    }
    let session = candidate.session;
    let allowed = session.settings.security.debug_command.to(session.client.is_local());
    (!allowed).then(|| error::protected_command(candidate.spec().name))
}

#[inline]
fn authentication(candidate: &Candidate<'_>) -> Option<Error> {
    let closed = candidate.session.must_authenticate() && !candidate.spec().flags.contains(Flags::NO_AUTH);
    closed.then_some(error::NOAUTH)
}

#[inline]
fn transaction(candidate: &Candidate<'_>) -> Option<Error> {
    let refused = candidate.session.transaction.is_some() && candidate.flags.contains(Flags::NO_MULTI);
    refused.then_some(error::NOT_IN_TRANSACTION)
}

/// What the client's user may do: of most users that is everything.
#[inline]
fn permission(candidate: &Candidate<'_>) -> Option<Error> {
    if candidate.session.identity.is_unrestricted() { None } else { denial(candidate) }
}

#[inline(never)]
fn denial(candidate: &Candidate<'_>) -> Option<Error> {
    let Candidate { listed, args, session, server, .. } = *candidate;
    let denied = permission::check(session.identity.user(), listed, args).err()?;
    Some(permission::refuse(server, session, (listed, args), denied, permission::context(session)))
}

#[inline]
fn memory(candidate: &Candidate<'_>) -> Option<Error> {
    // Scripts are not refused as a whole, but keys are evicted for them. Clients that remember keys must hear of
    // evictions before they read on.
    // A queue of commands takes memory, whatever they do, but reading in a transaction isn't refused.
    let queues = candidate.session.transaction.is_some() && !candidate.flags.contains(Flags::IMMEDIATE);
    let remembers = candidate.session.tracking.is_some();
    // What tells of the server finds it within its limit, as far as that can be had soon.
    let asks = candidate.flags.contains(Flags::LOADING) && !candidate.flags.contains(Flags::FAST);
    let needs_room =
        queues || remembers || asks || candidate.flags.intersects(Flags::DENYOOM | Flags::EXCLUSIVE);
    let exceeded = candidate.over_limit
        && needs_room
        && make_room(candidate.server, &candidate.session.settings) == Room::None;
    candidate.session.out_of_memory.set(exceeded);
    (exceeded && candidate.flags.contains(Flags::DENYOOM)).then_some(error::OOM)
}

/// What can't be saved any more must not change.
#[inline]
fn disk(candidate: &Candidate<'_>) -> Option<Error> {
    let concerned = candidate.flags.intersects(Flags::WRITE | Flags::HEALTH);
    if !concerned { None } else { write_refusal(candidate.server, &candidate.session.settings) }
}

/// Writes that have to be on replicas have nowhere to go: there are none.
#[inline]
fn replicas(candidate: &Candidate<'_>) -> Option<Error> {
    let refused = candidate.flags.contains(Flags::WRITE)
        && candidate.session.settings.replication.wants_good_replicas();
    refused.then_some(error::NO_REPLICAS)
}

/// In RESP2 a subscriber couldn't tell replies from messages.
#[inline]
fn subscriber(candidate: &Candidate<'_>) -> Option<Error> {
    let session = candidate.session;
    let refused =
        session.is_subscribed() && !session.is_resp3() && !candidate.flags.contains(Flags::SUBSCRIBER);
    refused.then(|| error::subscribers_only(candidate.spec().name))
}

/// Redis takes monitors for a kind of replica.
#[inline]
fn monitor(candidate: &Candidate<'_>) -> Option<Error> {
    let touches_keys = Flags::WRITE | Flags::READONLY | Flags::MAY_REPLICATE;
    let refused = candidate.session.monitors && candidate.flags.intersects(touches_keys);
    refused.then_some(error::MONITOR_TOUCHES_KEYS)
}

#[inline]
fn loading(candidate: &Candidate<'_>) -> Option<Error> {
    let refused = !candidate.flags.contains(Flags::LOADING) && candidate.server.loading.is_active();
    refused.then_some(error::LOADING)
}
