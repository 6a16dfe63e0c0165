//! Ctrl-C, taken by a thread that does nothing but wait for it: so no code runs inside a signal's handler.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};

/// What a shell sees of a program that SIGINT has ended.
const ENDED_BY_SIGINT: i32 = 128 + 2;

/// Has `action` called at each Ctrl-C from now on. Threads that were started before still end the process.
pub fn on_interrupt(mut action: impl FnMut() + Send + 'static) {
    let mut interrupt = SigSet::empty();
    interrupt.add(Signal::SIGINT);
    if interrupt.thread_block().is_ok() {
        std::thread::spawn(move || {
            while interrupt.wait().is_ok() {
                action();
            }
        });
    }
}

/// Tells a loop that somebody wants it to come to its end.
#[derive(Clone, Default)]
pub struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// One that the first Ctrl-C sets; the second ends the process.
    pub fn at_interrupt() -> Stop {
        let stop = Stop::default();
        let set = stop.clone();
        on_interrupt(move || {
            if set.is_set() {
                std::process::exit(ENDED_BY_SIGINT);
            }
            *set.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
            set.0.1.notify_all();
        });
        stop
    }

    pub fn is_set(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps, unless it is set or gets set meanwhile.
    pub fn sleep(&self, time: Duration) {
        let set = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.1.wait_timeout_while(set, time, |set| !*set));
    }
}
