//! What others may know of the running script, and how they stop it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::vm::Kind;

/// See the head of this file. The flags stand for themselves: no other data is published through them, but for what
/// `active` says of the others, hence release and acquire.
#[derive(Default)]
pub struct Running {
    active: AtomicBool,
    wrote: AtomicBool,
    killed: AtomicBool,
    /// Whether the running script has been found to be no short one.
    long: AtomicBool,
    /// Whether it has been running for longer than others wait for it, and the log says so.
    slow: AtomicBool,
    /// Whether it is a function.
    function: AtomicBool,
    /// What is known of one that isn't short.
    about: Mutex<Option<About>>,
}

/// A script or function that takes long.
#[derive(Clone)]
pub struct About {
    /// Its SHA1 or name.
    pub name: Box<[u8]>,
    /// The client's command.
    pub command: Vec<Box<[u8]>>,
    /// When that became known: a moment after it began.
    pub since: Instant,
}

/// What SCRIPT KILL came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kill {
    /// The script ends soon.
    Killed,
    /// No script runs.
    NotBusy,
    /// The script has changed data: it must come to its end.
    Unkillable,
    /// What runs is of the other kind.
    OtherKind,
}

impl Running {
    /// A script or a function begins.
    pub fn begin(&self, kind: Kind) {
        self.function.store(kind == Kind::Functions, Ordering::Relaxed);
        self.wrote.store(false, Ordering::Relaxed);
        self.killed.store(false, Ordering::Relaxed);
        self.long.store(false, Ordering::Relaxed);
        self.slow.store(false, Ordering::Relaxed);
        self.active.store(true, Ordering::Release);
    }

    /// The script has ended.
    pub fn end(&self) {
        if self.long.load(Ordering::Relaxed) {
            *self.about.lock() = None;
        }
        self.active.store(false, Ordering::Release);
    }

    /// The script is about to change data.
    pub fn write(&self) {
        self.wrote.store(true, Ordering::Relaxed);
    }

    /// The script is no short one. Tells whether that is news.
    pub fn takes_long(&self) -> bool {
        !self.long.swap(true, Ordering::Relaxed)
    }

    /// Tells others what runs.
    pub fn tell(&self, name: &[u8], command: Vec<Box<[u8]>>) {
        *self.about.lock() = Some(About { name: name.into(), command, since: Instant::now() });
    }

    /// Whether what runs has been running for longer than others wait for it. The log says so once.
    pub fn is_slow(&self, patience: Duration) -> bool {
        let Some(About { name, since, .. }) = &*self.about.lock() else { return false };
        let elapsed = since.elapsed();
        if elapsed < patience {
            return false;
        }
        if self.slow.swap(true, Ordering::Relaxed) {
            return true;
        }
        let command = match self.kind() {
            Kind::Scripts => "SCRIPT KILL",
            Kind::Functions => "FUNCTION KILL",
        };
        tracing::warn!(
            "Slow script detected: still in execution after {} milliseconds. You can try killing the script using the {command} command. Script name is: {}.",
            elapsed.as_millis(),
            String::from_utf8_lossy(name)
        );
        true
    }

    /// What runs, if it takes long.
    pub fn about(&self) -> Option<About> {
        self.about.lock().clone()
    }

    /// Whether what runs, or has run last, is a script or a function.
    pub fn kind(&self) -> Kind {
        if self.function.load(Ordering::Relaxed) { Kind::Functions } else { Kind::Scripts }
    }

    /// Whether a script runs.
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire)
    }

    /// Whether the script must end.
    pub fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Relaxed)
    }

    /// Ends what runs unless it is of the other kind or has changed data.
    pub fn kill(&self, kind: Kind) -> Kill {
        if !self.is_active() {
            return Kill::NotBusy;
        }
        if self.wrote.load(Ordering::Relaxed) {
            return Kill::Unkillable;
        }
        if self.kind() != kind {
            return Kill::OtherKind;
        }
        self.stop();
        Kill::Killed
    }

    /// Ends the script whatever it has done: the process stops.
    pub fn stop(&self) {
        self.killed.store(true, Ordering::Relaxed);
    }
}
