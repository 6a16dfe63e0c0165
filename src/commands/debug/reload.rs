//! DEBUG RELOAD and LOADAOF: through files and back. The RDB file is loaded while everything is held; commands have to
//! take the road of all commands, so meanwhile others are told that the server is loading.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::server::aof;
use super::super::server::rdb::{self, Moment, Source};
use super::super::{Call, DONE, Next, Outcome};
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

pub(super) fn load_aof(call: &mut Call<'_>) -> Outcome {
    let server = Arc::clone(call.server);
    tokio::task::block_in_place(|| {
        let total = aof::prepare_reload(&server).map_err(|_| error::FAILED)?;
        // From here on until the end: nobody changes what is being loaded, and nothing expires.
        server.loading.begin(total.unwrap_or(0));
        flush(call);
        let paused = server.housekeeping_paused.swap(true, Ordering::Relaxed);
        Ok(Next::Later(Box::new(move |reply| {
            let loaded = total.is_none() || aof::load(&server).is_ok();
            server.housekeeping_paused.store(paused, Ordering::Relaxed);
            server.loading.end();
            match loaded {
                true => {
                    tracing::info!("Append Only File loaded by DEBUG LOADAOF");
                    reply.ok();
                }
                false => reply.error(error::FAILED.text()),
            }
        })))
    })
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
