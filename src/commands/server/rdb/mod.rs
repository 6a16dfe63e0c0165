//! The RDB file of a server: where it is and how it is written, and what is refused while that fails.

mod load;
mod save;

use std::path::PathBuf;

use super::Server;
use crate::base::{alloc, clock::unix_ms};
use crate::command::{Error, error};
use crate::config::{EvictionPolicy, REDIS_VERSION, Settings};
use crate::keyspace::{Clock, Size};
use crate::persist::rdb;
use crate::persist::snapshot::Ages;

pub use self::load::{Unloadable, load, load_libraries, load_options, open, reload};
pub use self::save::{Moment, Source, save, save_finally, save_if_due, save_in_background};

/// Where the file is.
pub fn path(settings: &Settings) -> PathBuf {
    settings.snapshots.dir.join(&settings.snapshots.dbfilename)
}

/// How files of databases of these sizes are written.
pub fn options(settings: &Settings, sizes: &[Size]) -> rdb::Options {
    rdb::Options {
        compress: settings.snapshots.compression,
        checksum: settings.snapshots.checksum,
        version: rdb::version_for(sizes.iter().any(|size| size.timed > 0)),
    }
}

/// What files tell about the last use of keys.
pub fn ages(settings: &Settings) -> Ages {
    let clock = Clock::under(settings, unix_ms());
    match (settings.memory.maxmemory_policy, clock.lfu) {
        (EvictionPolicy::AllkeysLru | EvictionPolicy::VolatileLru, _) => Ages::Idle(clock.now),
        (_, Some(lfu)) => Ages::Frequency(clock.now, lfu),
        _ => Ages::Untold,
    }
}

/// What files say about themselves; one may be the beginning of an AOF.
pub fn notes(begins_aof: bool) -> Vec<(&'static str, String)> {
    vec![
        ("redis-ver", REDIS_VERSION.to_owned()),
        ("redis-bits", "64".to_owned()),
        ("ctime", (unix_ms() / 1000).to_string()),
        ("used-mem", alloc::used().to_string()),
        ("aof-base", u8::from(begins_aof).to_string()),
    ]
}

/// Why nothing may be written at the moment, if that is so: what can't be saved any more must not change.
#[inline]
pub fn write_refusal(server: &Server, settings: &Settings) -> Option<Error> {
    if must_not_write(server, settings) {
        return Some(error::MISCONF);
    }
    server.aof.status.error().map(|why| error::aof_writes_fail(&why))
}

/// Why scripts that may write are refused, if they are: as [`write_refusal`], in other words.
pub fn script_refusal(server: &Server, settings: &Settings) -> Option<Error> {
    if must_not_write(server, settings) {
        return Some(error::SCRIPT_MISCONF);
    }
    server.aof.status.error().map(|why| error::script_on_failing_aof(&why))
}

/// Whether snapshots fail, and nothing must change then.
fn must_not_write(server: &Server, settings: &Settings) -> bool {
    let snapshots = &settings.snapshots;
    let unsaved = !server.saves.last_succeeded();
    unsaved && snapshots.stop_writes_on_bgsave_error && !snapshots.save.is_empty()
}
