//! What others may know of the running script, and how they stop it.

use std::sync::atomic::{AtomicBool, Ordering};

/// See the head of this file. The flags stand for themselves: no other data is published through them.
#[derive(Default)]
pub struct Running {
    active: AtomicBool,
    wrote: AtomicBool,
    killed: AtomicBool,
    /// Whether the running script has been found to be no short one.
    long: AtomicBool,
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
}

impl Running {
    /// A script begins.
    pub fn begin(&self) {
        self.wrote.store(false, Ordering::Relaxed);
        self.killed.store(false, Ordering::Relaxed);
        self.long.store(false, Ordering::Relaxed);
        self.active.store(true, Ordering::SeqCst);
    }

    /// The script has ended.
    pub fn end(&self) {
        self.active.store(false, Ordering::SeqCst);
    }

    /// The script is about to change data.
    pub fn write(&self) {
        self.wrote.store(true, Ordering::SeqCst);
    }

    /// The script is no short one: has somebody else look after connections and timers meanwhile.
    ///
    /// The worker that runs it may be the one that the others rely on to wait for I/O. They sleep until they are
    /// given something to do, so they get two empty tasks; the last one spawned stays with this worker.
    pub fn takes_long(&self) {
        if self.long.swap(true, Ordering::Relaxed) {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async {});
            runtime.spawn(async {});
        }
    }

    /// Whether a script runs.
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::SeqCst)
    }

    /// Whether the script must end.
    pub fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Relaxed)
    }

    /// Ends the script unless it has changed data.
    pub fn kill(&self) -> Kill {
        if !self.is_active() {
            return Kill::NotBusy;
        }
        if self.wrote.load(Ordering::SeqCst) {
            return Kill::Unkillable;
        }
        self.stop();
        Kill::Killed
    }

    /// Ends the script whatever it has done: the process stops.
    pub fn stop(&self) {
        self.killed.store(true, Ordering::Relaxed);
    }
}
