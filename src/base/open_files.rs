//! The limit of open files, which every connection counts against.

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Files the server needs besides connections.
pub const RESERVED: u64 = 32;

/// How many files may be open after asking for more.
#[derive(Debug)]
pub struct OpenFiles {
    /// The limit before.
    pub before: u64,
    /// The limit now.
    pub now: u64,
    /// Why it isn't what was asked for.
    pub refused: Option<io::Error>,
}

impl OpenFiles {
    /// Whether `wanted` files may be open.
    pub fn allows(&self, wanted: u64) -> bool {
        self.now >= wanted
    }
}

/// Raises the limit of open files to `wanted` if it is lower, as far as the system allows.
pub fn allow_open_files(wanted: u64) -> OpenFiles {
    // A system that doesn't tell allows what POSIX asks for.
    let (before, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    if before >= wanted {
        return OpenFiles { before, now: before, refused: None };
    }
    // A privileged process may raise the hard limit too.
    let Err(refused) = setrlimit(Resource::RLIMIT_NOFILE, wanted, hard.max(wanted)) else {
        return OpenFiles { before, now: wanted, refused: None };
    };
    // Otherwise the hard limit is as far as it goes.
    let most = hard.min(wanted);
    let raised = setrlimit(Resource::RLIMIT_NOFILE, most, hard);
    let now = if raised.is_ok() { most } else { before };
    OpenFiles { before, now, refused: Some(refused.into()) }
}

/// Raises the limit for this many connections, and tells how many of them it allows.
pub fn allow_clients(clients: u32) -> u32 {
    let files = allow_open_files(u64::from(clients) + RESERVED);
    let most = files.now.saturating_sub(RESERVED);
    clients.min(u32::try_from(most).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::allow_open_files;

    #[test]
    fn a_limit_that_suffices_stays_and_one_too_high_is_refused() {
        let files = allow_open_files(16);
        assert!(files.allows(16) && files.refused.is_none());
        assert_eq!(files.before, files.now);
        let files = allow_open_files(1 << 60);
        assert_eq!(files.allows(1 << 60), files.refused.is_none());
    }
}
