//! DEBUG RELOAD: through the RDB file and back, while everything is held.

use super::super::server::rdb::{self, Moment, Source};
use super::super::{Call, DONE, Outcome};
use crate::base::reaper;
use crate::command::error;
use crate::keyspace::Remains;

pub(super) fn reload(call: &mut Call<'_>) -> Outcome {
    let (mut merges, mut flushes, mut saves) = (false, true, true);
    for option in &call.args[2..] {
        match option.to_ascii_lowercase().as_slice() {
            b"merge" => merges = true,
            b"noflush" => flushes = false,
            b"nosave" => saves = false,
            _ => return Err(error::RELOAD_OPTION),
        }
    }
    tokio::task::block_in_place(|| {
        if saves {
            let moment = Moment::of(call);
            rdb::save(call.server, Source::Held(call.keys.held_mut()), moment).map_err(|_| error::FAILED)?;
        }
        if flushes {
            flush(call);
        }
        rdb::reload(call.server, &mut call.keys, merges).map_err(|_| error::RELOAD_FAILED)
    })?;
    tracing::info!("DB reloaded by DEBUG RELOAD");
    call.reply.ok();
    DONE
}

/// Empties all databases, as if nothing had been in them, and forgets all functions.
fn flush(call: &mut Call<'_>) {
    call.server.functions.lock().flush(false);
    let selected = call.keys.db();
    for db in 0..call.server.keyspace.databases() {
        call.keys.select(db);
        let remains = call.keys.clear();
        let keys = remains.iter().map(Remains::len).sum();
        reaper::free_here(keys, remains);
    }
    call.keys.select(selected);
}
