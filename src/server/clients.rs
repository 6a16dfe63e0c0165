//! How many clients the system lets us have.

use std::process::ExitCode;

use crate::base::open_files::{OpenFiles, RESERVED, allow_open_files};
use crate::config::{Caller, Config};

/// Raises the limit of open files to what `maxclients` needs, or lowers `maxclients` to what the limit allows.
///
/// # Errors
/// The limit allows no clients at all.
pub fn adjust_maxclients(config: &Config) -> Result<(), ExitCode> {
    let maxclients = u64::from(config.settings().clients.maxclients);
    let wanted = maxclients + RESERVED;
    let files = allow_open_files(wanted);
    let OpenFiles { before, now, refused } = &files;
    if files.allows(wanted) {
        if now != before {
            tracing::info!(
                "Increased maximum number of open files to {now} (it was originally set to {before})."
            );
        }
        return Ok(());
    }
    if *now <= RESERVED {
        tracing::warn!(
            "Your current 'ulimit -n' of {before} is not enough for the server to start. Please increase your open file limit to at least {wanted}. Exiting."
        );
        return Err(ExitCode::FAILURE);
    }
    let reduced = now - RESERVED;
    let why = refused.as_ref().map(ToString::to_string).unwrap_or_default();
    tracing::warn!(
        "You requested maxclients of {maxclients} requiring at least {wanted} max file descriptors."
    );
    tracing::warn!("Server can't set maximum open files to {wanted} because of OS error: {why}.");
    tracing::warn!(
        "Current maximum open files is {now}. maxclients has been reduced to {reduced} to compensate for low ulimit. If you need higher maxclients increase 'ulimit -n'."
    );
    let set = config.set(&[(b"maxclients", reduced.to_string().as_bytes())], Caller::Server);
    if let Err(error) = set {
        tracing::error!("maxclients can't be {reduced}: {error}");
    }
    Ok(())
}
