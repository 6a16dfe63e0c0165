//! AUTH, and the password of the default user.

use sha2::{Digest, Sha256};

use crate::command::row::*;
use crate::command::{Error, error};
use crate::observe::Counter;

use super::super::{Call, Command, DONE, Outcome};
use super::{GROUP, row};

/// The user whom every connection belongs to; its password is `requirepass`.
pub(super) const DEFAULT_USER: &[u8] = b"default";

pub(super) const AUTH: Command = Command::new(
    row("auth", -2, &[FAST, NOSCRIPT, LOADING, STALE, NO_AUTH, ALLOW_BUSY]).doc(
        GROUP,
        "1.0.0",
        "O(N) where N is the number of passwords defined for the user",
        "Shows by a password who the client is.",
    ),
    auth,
);

fn auth(call: &mut Call<'_>) -> Outcome {
    if call.args.len() <= 3 {
        (1..call.args.len()).for_each(|index| call.redact(index));
    }
    let (user, password) = match *call.args {
        [_, password] if call.settings().security.requirepass.is_some() => (DEFAULT_USER, password),
        [_, _] => return Err(error::AUTH_NOT_SET),
        [_, user, password] => (user, password),
        _ => return Err(error::SYNTAX),
    };
    authenticate(call, user, password)?;
    call.reply.ok();
    DONE
}

/// Makes the client this user, if the password is right.
pub(super) fn authenticate(call: &mut Call<'_>, user: &[u8], password: &[u8]) -> Result<(), Error> {
    let wanted = call.settings().security.requirepass.as_deref();
    let right = user == DEFAULT_USER && wanted.is_none_or(|wanted| is_same(wanted, password));
    if !right {
        call.server.stats.add(Counter::DeniedAuth, 1);
        return Err(error::WRONG_PASSWORD);
    }
    call.session.authenticated = true;
    Ok(())
}

/// Compares in a time that tells nothing of where the difference is, nor of the length.
fn is_same(wanted: &[u8], given: &[u8]) -> bool {
    let (wanted, given) = (Sha256::digest(wanted), Sha256::digest(given));
    wanted.iter().zip(given).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::is_same;

    #[test]
    fn compares_all_bytes() {
        assert!(is_same(b"", b"") && is_same(b"a\0b", b"a\0b"));
        assert!(!is_same(b"secret", b"secreT") && !is_same(b"secret", b"secre") && !is_same(b"", b"\0"));
    }
}
