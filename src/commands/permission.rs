//! Whether the user of a connection may run a command, and what is told and noted when not.

use super::{Listed, Server};
use crate::acl::{Context, Denied, Entry, KeyUse, Reason, Request, User};
use crate::base::clock;
use crate::client::{Running, Session};
use crate::command::spec::Flags;
use crate::command::{Error, error};
use crate::observe::Counter;

/// Whether a user may run a command.
///
/// # Errors
/// What isn't allowed.
#[inline]
pub fn check(user: &User, listed: &Listed, args: &[&[u8]]) -> Result<(), Denied> {
    if user.is_unrestricted() { Ok(()) } else { ask(listed, args, |request| user.check(request)) }
}

/// Whether a user may run a command and read every key besides: what the patterns of SORT need.
pub fn may_read_all_keys(user: &User, listed: &Listed, args: &[&[u8]]) -> bool {
    user.is_unrestricted() || ask(listed, args, |request| user.may_read_all_keys(request))
}

fn ask<R>(listed: &Listed, args: &[&[u8]], answer: impl FnOnce(&Request<'_>) -> R) -> R {
    let command = listed.command;
    // A command that contradicts itself touches no key: it answers an error.
    let keys = command.key_uses(args).unwrap_or_default();
    let keys: &[KeyUse] = &keys;
    let for_all = command.spec.flags.contains(Flags::NO_AUTH);
    answer(&Request { command: listed.id, for_all, args, keys, channels: command.channels })
}

/// What a client is told whose command has been refused; the refusal is noted.
#[cold]
pub fn refuse(
    server: &Server,
    session: &Session,
    (listed, args): (&Listed, &[&[u8]]),
    denied: Denied,
    context: Context,
) -> Error {
    let user = session.identity.user().name();
    let object = match denied {
        Denied::Command => listed.command.spec.name.as_bytes(),
        Denied::Key(at) | Denied::Channel(at) => args[at],
    };
    note(server, session, (denied.into(), context), object, user);
    match (denied, context) {
        (Denied::Command, Context::Script) => error::script_may_not_run(user, listed.command.spec.name),
        (Denied::Key(_), Context::Script) => error::SCRIPT_NO_KEY_PERMISSION,
        (Denied::Channel(_), Context::Script) => error::SCRIPT_NO_CHANNEL_PERMISSION,
        (Denied::Command, _) => error::may_not_run(user, listed.command.spec.name),
        (Denied::Key(_), _) => error::NO_KEY_PERMISSION,
        (Denied::Channel(_), _) => error::NO_CHANNEL_PERMISSION,
    }
}

/// What EXEC answers for a command that was allowed when it was queued; the refusal is noted.
#[cold]
pub fn refuse_queued(
    server: &Server,
    session: &Session,
    command: (&Listed, &[&[u8]]),
    denied: Denied,
) -> Error {
    refuse(server, session, command, denied, Context::Multi);
    match denied {
        Denied::Command => error::QUEUED_COMMAND_DENIED,
        Denied::Key(_) => error::QUEUED_KEY_DENIED,
        Denied::Channel(_) => error::QUEUED_CHANNEL_DENIED,
    }
}

/// Notes a refusal in the counters and in ACL LOG. `user` is whom the client is or wants to be.
pub fn note(
    server: &Server,
    session: &Session,
    (reason, context): (Reason, Context),
    object: &[u8],
    user: &[u8],
) {
    let counter = match reason {
        Reason::Command => Counter::DeniedCommand,
        Reason::Key => Counter::DeniedKey,
        Reason::Channel => Counter::DeniedChannel,
        Reason::Auth => Counter::DeniedAuth,
    };
    server.stats.add(counter, 1);
    let client = &session.client;
    let described = client.describe(server.command_name(client), Running::default());
    let entry = Entry::new(reason, context, object, user, described, clock::unix_ms());
    server.acl_log.note(entry, session.settings.security.acllog_max_len);
}

/// Where a client's command comes from, if not from a script.
pub fn context(session: &Session) -> Context {
    if session.transaction.is_some() { Context::Multi } else { Context::Toplevel }
}
