//! CLIENT PAUSE, UNPAUSE and UNBLOCK: making clients wait, and ending that.

use crate::base::clock;
use crate::client::Paused;
use crate::command::{Error, args, error};

use super::super::blocking::{self, Unblock};
use super::super::{Call, DONE, Outcome};

pub(super) fn pause(call: &mut Call<'_>) -> Outcome {
    let what = match call.args {
        [_, _, _] => Paused::All,
        [_, _, _, mode] if mode.eq_ignore_ascii_case(b"all") => Paused::All,
        [_, _, _, mode] if mode.eq_ignore_ascii_case(b"write") => Paused::Writes,
        [_, _, _, _] => return Err(error::PAUSE_MODE),
        _ => return Err(error::subcommand_syntax(call.args)),
    };
    call.server.pause.begin(what, end_of(call.args[2])?);
    call.reply.ok();
    DONE
}

/// The end of a timeout in ms that begins now, in monotonic ms; 0 is over at once.
fn end_of(timeout: &[u8]) -> Result<i64, Error> {
    let timeout = args::int(timeout).map_err(|_| error::TIMEOUT_NOT_INTEGER)?;
    match timeout {
        ..0 => Err(error::TIMEOUT_NEGATIVE),
        0 => Ok(0),
        // Redis counts from 1970.
        _ if timeout > i64::MAX - clock::unix_ms() => Err(error::TIMEOUT_OUT_OF_RANGE),
        _ => Ok(timeout + clock::monotonic_ms()),
    }
}

pub(super) fn unpause(call: &mut Call<'_>) -> Outcome {
    call.server.pause.end();
    call.reply.ok();
    DONE
}

pub(super) fn unblock(call: &mut Call<'_>) -> Outcome {
    let how = match call.args {
        [_, _, _] => Unblock::Timeout,
        [_, _, _, reason] if reason.eq_ignore_ascii_case(b"timeout") => Unblock::Timeout,
        [_, _, _, reason] if reason.eq_ignore_ascii_case(b"error") => Unblock::Error,
        [_, _, _, _] => return Err(error::UNBLOCK_REASON),
        _ => return Err(error::subcommand_syntax(call.args)),
    };
    let id = args::int(call.args[2])?;
    let ended = u64::try_from(id).is_ok_and(|id| blocking::unblock(call.server, id, how));
    call.reply.int(ended.into());
    DONE
}
