//! SAVE, BGSAVE and LASTSAVE.
//!
//! Both saves are of the instant at which the command runs, behind the closed gate. SAVE answers when the file is
//! there; others are served meanwhile, unless a rewrite of the AOF has the only snapshot that there can be.

use std::sync::Arc;

use super::rdb::{Moment, Source, save, save_in_background};
use crate::command::error;
use crate::command::row::*;
use crate::commands::{Call, Command, DONE, Next, Outcome};
use crate::persist::snapshot::SaveError;

const GROUP: &str = "server";

pub(super) const SAVE: Command = Command::new(
    Spec::new("save", 1).flags(&[ADMIN, NO_ASYNC_LOADING, NOSCRIPT, NO_MULTI, EXCLUSIVE]).doc(
        GROUP,
        "1.0.0",
        "O(N) where N is the number of keys in all databases.",
        "Writes the RDB file and answers when it is there.",
    ),
    save_now,
);

pub(super) const BGSAVE: Command = Command::new(
    Spec::new("bgsave", -1)
        .flags(&[ADMIN, NO_ASYNC_LOADING, NOSCRIPT, EXCLUSIVE])
        .doc(GROUP, "1.0.0", "O(1)", "Begins to write the RDB file in the background.")
        .syntax("[SCHEDULE@3.2.2]"),
    begin,
);

pub(super) const LASTSAVE: Command = Command::new(
    Spec::new("lastsave", 1)
        .flags(&[FAST, LOADING, STALE])
        .categories(&[Categories::ADMIN, Categories::DANGEROUS])
        .tips(&["nondeterministic_output"])
        .doc(GROUP, "1.0.0", "O(1)", "Returns the Unix time of the last save."),
    lastsave,
);

fn save_now(call: &mut Call<'_>) -> Outcome {
    if call.server.saves.running().is_some() {
        return Err(error::SAVE_IN_PROGRESS);
    }
    call.server.saves.count();
    let (server, moment) = (Arc::clone(call.server), Moment::of(call));
    let Some(snapshot) = call.keys.cut() else {
        save(&server, Source::Held(call.keys.held_mut()), moment).map_err(|_: SaveError| error::FAILED)?;
        call.reply.ok();
        return DONE;
    };
    Ok(Next::Later(Box::new(move |reply| match save(&server, Source::Snapshot(snapshot), moment) {
        Ok(()) => reply.ok(),
        Err(_) => reply.error(error::FAILED.text()),
    })))
}

fn begin(call: &mut Call<'_>) -> Outcome {
    let may_wait = match call.args {
        [_] => false,
        [_, word] if word.eq_ignore_ascii_case(b"schedule") => true,
        _ => return Err(error::SYNTAX),
    };
    if call.server.saves.running().is_some() {
        return Err(error::SAVE_IN_PROGRESS);
    }
    // Within EXEC Redis puts it off as well.
    let snapshot = if call.nested { None } else { call.keys.cut() };
    match snapshot {
        Some(snapshot) => {
            if !save_in_background(call.server, snapshot, Moment::of(call)) {
                return Err(error::FAILED);
            }
            call.reply.simple("Background saving started");
            DONE
        }
        None if may_wait || call.nested => {
            call.server.saves.schedule(true);
            call.reply.simple("Background saving scheduled");
            DONE
        }
        None => Err(error::REWRITE_IN_PROGRESS),
    }
}

fn lastsave(call: &mut Call<'_>) -> Outcome {
    call.reply.int(call.server.saves.last_save());
    DONE
}
