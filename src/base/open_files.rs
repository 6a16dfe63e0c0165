//! How many files, and so connections, the process may have open.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Descriptors the process needs besides those of clients: listeners, logs, data files, the runtime's own.
const RESERVED: u64 = 32;

/// Sees to it that this many clients can be connected; returns how many really can, at most `clients`.
pub fn allow(clients: u32) -> u32 {
    let wanted = u64::from(clients) + RESERVED;
    let allowed = raise_to(wanted).unwrap_or(wanted);
    u32::try_from(allowed.saturating_sub(RESERVED)).unwrap_or(u32::MAX).min(clients)
}

/// The limit as it is then; the error that it can't even be read.
fn raise_to(wanted: u64) -> nix::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft >= wanted {
        return Ok(soft);
    }
    // Only root may raise the hard limit; others go as far as it is.
    let raised = setrlimit(Resource::RLIMIT_NOFILE, wanted, hard.max(wanted))
        .map(|()| wanted)
        .or_else(|_| setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map(|()| hard));
    Ok(raised.unwrap_or(soft))
}

#[cfg(test)]
mod tests {
    use super::allow;

    #[test]
    fn no_more_than_asked_for_and_no_more_than_possible() {
        assert_eq!(allow(10), 10);
        assert!(allow(u32::MAX) < u32::MAX);
    }
}
