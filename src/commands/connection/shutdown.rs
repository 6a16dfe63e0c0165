//! SHUTDOWN.

use crate::command::error;
use crate::command::row::*;

use super::super::{Call, Command, Next, Outcome};

pub(super) const SHUTDOWN: Command = Command::new(
    Spec::new("shutdown", -1).flags(&[ADMIN, ALLOW_BUSY, LOADING, NO_MULTI, NOSCRIPT, STALE]).doc(
        "server",
        "1.0.0",
        "O(N) when saving, where N is the total number of keys in all databases when saving data, otherwise O(1)",
        "Ends the server, after saving if that is asked for or configured.",
    ),
    shutdown,
);

/// The words of a request.
#[derive(Default)]
struct Asked {
    save: bool,
    nosave: bool,
    now: bool,
    force: bool,
    abort: bool,
}

fn shutdown(call: &mut Call<'_>) -> Outcome {
    let asked = parse(call)?;
    if asked.abort {
        // Nothing is waited for between the request and the end, so there is nothing to give up.
        return Err(error::NO_SHUTDOWN);
    }
    let must_save = asked.save || !asked.nosave && !call.settings().snapshots.save.is_empty();
    if must_save && !asked.force {
        return Err(error::CANT_SAVE);
    }
    call.server.shutdown.ask();
    Ok(Next::Close)
}

fn parse(call: &Call<'_>) -> Result<Asked, error::Error> {
    let mut asked = Asked::default();
    for word in &call.args[1..] {
        let word = word.to_ascii_lowercase();
        *match word.as_slice() {
            b"save" => &mut asked.save,
            b"nosave" => &mut asked.nosave,
            b"now" => &mut asked.now,
            b"force" => &mut asked.force,
            b"abort" => &mut asked.abort,
            _ => return Err(error::SYNTAX),
        } = true;
    }
    let others = asked.save || asked.nosave || asked.now || asked.force;
    if asked.abort && others || asked.save && asked.nosave {
        return Err(error::SYNTAX);
    }
    Ok(asked)
}
