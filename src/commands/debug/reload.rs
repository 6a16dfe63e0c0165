//! DEBUG RELOAD: through the RDB file and back, while everything is held. DEBUG LOADAOF: from the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::super::server::aof;
use super::super::server::rdb::{self, Moment, Source};
use super::super::{Call, DONE, Next, Outcome, Server};
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

/// How long the disk may take for what is still to be written to the log.
const PATIENCE: Duration = Duration::from_secs(10);

/// The commands of the log take the road of all commands, so they run when this one has given up what it holds.
/// Others are told meanwhile that the data is being loaded.
pub(super) fn load_log(call: &mut Call<'_>) -> Outcome {
    if call.nested {
        return Err(error::LOADAOF_NESTED);
    }
    let server = Arc::clone(call.server);
    if !tokio::task::block_in_place(|| server.keyspace.journal.flush_to_file(PATIENCE)) {
        return Err(error::LOADAOF_FAILED);
    }
    let quiet = Quiet::begin(server);
    if quiet.server.aof.status.is_rewriting.load(Ordering::Relaxed) {
        // Its new base would be what was loaded by then.
        return Err(error::AOF_REWRITE_IN_PROGRESS);
    }
    flush(call);
    Ok(Next::Later(Box::new(move |reply| match aof::load_again(&quiet.server) {
        Ok(()) => {
            tracing::info!("Append Only File loaded by DEBUG LOADAOF");
            reply.ok();
        }
        Err(_) => reply.error(error::LOADAOF_FAILED.text()),
    })))
}

/// As long as this lives the data is being loaded: nothing is kept in the log, and nothing happens by itself.
struct Quiet {
    server: Arc<Server>,
    journal: bool,
    housekeeping_paused: bool,
}

impl Quiet {
    /// Begins it, behind the closed gate.
    fn begin(server: Arc<Server>) -> Quiet {
        let journal = server.keyspace.journal.is_on();
        server.keyspace.journal.switch(false);
        let housekeeping_paused = server.housekeeping_paused.swap(true, Ordering::Relaxed);
        server.loading.begin(0);
        Quiet { server, journal, housekeeping_paused }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        self.server.keyspace.journal.switch(self.journal);
        self.server.housekeeping_paused.store(self.housekeeping_paused, Ordering::Relaxed);
        self.server.loading.end();
    }
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
