//! Directives with a fixed list of names: the enums that the rest of the server matches on.

/// The names a directive takes and the code each stands for. Several names may share a code; the first
/// is the one shown.
pub type Names = &'static [(&'static str, u32)];

/// Declares an enum together with the names of its variants, so that neither can be forgotten.
macro_rules! choices {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// The names in the order in which error messages list them.
            pub(super) const NAMES: Names = &[$(($text, Self::$variant as u32),)+];

            /// The variant of a code from `NAMES`.
            pub(super) fn from_code(code: u32) -> Self {
                [$(Self::$variant,)+][code as usize]
            }

            /// The name in redis.conf.
            pub fn name(self) -> &'static str {
                Self::NAMES[self as usize].0
            }
        }
    };
}

choices! {
    /// What may be evicted when `maxmemory` is reached, and by which measure.
    EvictionPolicy {
        /// Least recently used among keys with a deadline.
        VolatileLru = "volatile-lru",
        /// Least frequently used among keys with a deadline.
        VolatileLfu = "volatile-lfu",
        /// Any key with a deadline.
        VolatileRandom = "volatile-random",
        /// The key with the nearest deadline.
        VolatileTtl = "volatile-ttl",
        /// Least recently used.
        AllkeysLru = "allkeys-lru",
        /// Least frequently used.
        AllkeysLfu = "allkeys-lfu",
        /// Any key.
        AllkeysRandom = "allkeys-random",
        /// Nothing: writes are refused instead.
        NoEviction = "noeviction",
    }
}

choices! {
    /// The least important message that is still logged.
    LogLevel {
        /// Everything.
        Debug = "debug",
        /// Much, but not what only a developer wants.
        Verbose = "verbose",
        /// What an operator wants.
        Notice = "notice",
        /// Only what needs attention.
        Warning = "warning",
        /// Nothing.
        Nothing = "nothing",
    }
}

/// How `oom-score-adj-values` are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OomScore {
    /// Not at all.
    Off,
    /// Beside the score that the process was started with.
    Relative,
    /// As scores.
    Absolute,
}

impl OomScore {
    /// The names, of which two mean the same.
    pub(super) const NAMES: Names = &[("no", 0), ("yes", 1), ("relative", 1), ("absolute", 2)];

    /// What a code from `NAMES` means.
    pub(super) fn from_code(code: u32) -> Self {
        [Self::Off, Self::Relative, Self::Absolute][code as usize]
    }
}

choices! {
    /// Which supervisor is told that the server is ready.
    Supervised {
        /// SIGSTOP to itself.
        Upstart = "upstart",
        /// `READY=1` on `$NOTIFY_SOCKET`.
        Systemd = "systemd",
        /// Whichever the environment names.
        Auto = "auto",
        /// None.
        No = "no",
    }
}

choices! {
    /// When the AOF is fsynced.
    AppendFsync {
        /// Once a second, in the background.
        Everysec = "everysec",
        /// Before the reply leaves.
        Always = "always",
        /// When the operating system likes.
        No = "no",
    }
}

choices! {
    /// Whether TLS clients must show a certificate.
    TlsAuthClients {
        /// None is asked for.
        No = "no",
        /// Required.
        Yes = "yes",
        /// Checked if shown.
        Optional = "optional",
    }
}

choices! {
    /// Who may do something dangerous.
    Allowed {
        /// Nobody.
        No = "no",
        /// Everybody.
        Yes = "yes",
        /// Connections over loopback or the Unix socket.
        Local = "local",
    }
}

impl Allowed {
    /// Whether a connection may; `local` tells that it came over loopback or the Unix socket.
    pub fn to(self, local: bool) -> bool {
        match self {
            Allowed::No => false,
            Allowed::Yes => true,
            Allowed::Local => local,
        }
    }
}

/// Syslog facilities by their number in the protocol.
pub(super) const SYSLOG_FACILITIES: Names = &[
    ("user", 1),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

/// What SHUTDOWN does when a signal asks for it; bits that may be combined, except save with nosave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShutdownFlags {
    /// Save even without save points.
    pub save: bool,
    /// Don't save even with save points.
    pub nosave: bool,
    /// Don't wait for replicas that lag behind.
    pub now: bool,
    /// Shut down although saving failed.
    pub force: bool,
}

impl ShutdownFlags {
    pub(super) const NAMES: Names = &[("default", 0), ("save", 1), ("nosave", 2), ("now", 4), ("force", 8)];

    pub(super) fn from_bits(bits: u32) -> Self {
        let has = |bit| bits & bit != 0;
        ShutdownFlags { save: has(1), nosave: has(2), now: has(4), force: has(8) }
    }
}

/// The name shown for a code.
pub(super) fn name_of(names: Names, code: u32) -> &'static str {
    names.iter().find(|entry| entry.1 == code).map_or("unknown", |entry| entry.0)
}

/// The code of a name in any case.
pub(super) fn code_of(names: Names, name: &[u8]) -> Option<u32> {
    names.iter().find(|entry| entry.0.as_bytes().eq_ignore_ascii_case(name)).map(|entry| entry.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_variants_agree() {
        for &(name, code) in EvictionPolicy::NAMES {
            assert_eq!(EvictionPolicy::from_code(code).name(), name);
        }
        assert_eq!(
            code_of(AppendFsync::NAMES, b"ALWAYS").map(AppendFsync::from_code),
            Some(AppendFsync::Always)
        );
        assert_eq!(code_of(AppendFsync::NAMES, b"alway"), None);
        assert_eq!(name_of(SYSLOG_FACILITIES, 23), "local7");
    }

    #[test]
    fn local_means_loopback_only() {
        assert!(Allowed::Local.to(true) && Allowed::Yes.to(false));
        assert!(!Allowed::Local.to(false) && !Allowed::No.to(true));
    }
}
