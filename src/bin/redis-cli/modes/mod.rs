//! What redis-cli does besides single commands: a module for each mode.

mod eval;
mod hints;
mod intrinsic;
mod keys;
mod latency;
mod lru;
mod pipe;
mod replica;
mod scan;
mod spectrum;
mod stat;

use crate::options::Mode;
use crate::session::{Failed, Session, Voice};

/// Carries out a mode to its end.
///
/// # Errors
/// Why it can't, or what it found wrong.
pub fn run(mode: &Mode, session: &mut Session) -> Result<(), Failed> {
    if let Mode::IntrinsicLatency { seconds } = mode {
        intrinsic::run(*seconds);
        return Ok(());
    }
    let voice = match mode {
        Mode::Hint(_) | Mode::HintSuite(_) => Voice::Quiet,
        _ => Voice::Loud,
    };
    match session.connect(voice) {
        Err(told) if voice == Voice::Loud => return Err(told.into()),
        _ => {}
    }
    match mode {
        Mode::Eval(file) => eval::run(session, file),
        Mode::Latency { history } => latency::run(session, *history),
        Mode::LatencyDistribution { colors } => spectrum::run(session, *colors),
        Mode::LruTest { keys } => lru::run(session, *keys),
        Mode::Stat => stat::run(session),
        Mode::Scan => scan::run(session),
        Mode::BigKeys => keys::find_big(session, keys::Measure::Elements),
        Mode::MemKeys { samples } => keys::find_big(session, keys::Measure::Memory { samples: *samples }),
        Mode::KeyStats { samples, cursor, top } => keys::stats(session, *samples, *cursor, *top),
        Mode::HotKeys => keys::find_hot(session),
        Mode::Pipe { timeout } => pipe::run(session, *timeout),
        Mode::Rdb { file, functions_only } => replica::fetch_rdb(session, file, *functions_only),
        Mode::Replica => replica::run(session),
        Mode::Hint(input) => {
            hints::show(session, input);
            Ok(())
        }
        Mode::HintSuite(file) => hints::check(session, file),
        Mode::Command | Mode::IntrinsicLatency { .. } => Ok(()),
    }
}
