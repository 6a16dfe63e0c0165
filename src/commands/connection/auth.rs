//! AUTH: who a client is.

use crate::acl::{Context, DEFAULT_USER, Reason};
use crate::command::row::*;
use crate::command::{Error, error};

use super::super::{Call, Command, DONE, Outcome, permission};
use super::{GROUP, row};

pub(super) const AUTH: Command = Command::new(
    row("auth", -2, &[FAST, NOSCRIPT, LOADING, STALE, NO_AUTH, ALLOW_BUSY])
        .doc(
            GROUP,
            "1.0.0",
            "O(N) where N is the number of passwords defined for the user",
            "Shows by a password who the client is.",
        )
        .syntax("[username@6.0.0] password"),
    auth,
);

fn auth(call: &mut Call<'_>) -> Outcome {
    if call.args.len() <= 3 {
        (1..call.args.len()).for_each(|index| call.redact(index));
    }
    let (user, password) = match *call.args {
        [_, _] if call.server.acl.default_user().needs_no_password() => return Err(error::AUTH_NOT_SET),
        [_, password] => (DEFAULT_USER, password),
        [_, user, password] => (user, password),
        _ => return Err(error::SYNTAX),
    };
    authenticate(call, user, password)?;
    call.reply.ok();
    DONE
}

/// Makes the client this user, if the password is right.
pub(super) fn authenticate(call: &mut Call<'_>, user: &[u8], password: &[u8]) -> Result<(), Error> {
    match call.server.acl.get(user).filter(|known| known.accepts(password)) {
        Some(user) => {
            call.session.become_user(user);
            Ok(())
        }
        None => {
            // No script may call this: what is nested here is a part of EXEC.
            let context = if call.nested { Context::Multi } else { permission::context(call.session) };
            permission::note(call.server, call.session, (Reason::Auth, context), call.args[0], user);
            Err(error::WRONG_PASSWORD)
        }
    }
}
