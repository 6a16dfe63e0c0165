//! Ctrl-C for a person who types commands: it ends a stream of messages, otherwise the program.

use std::sync::{Mutex, PoisonError};

use crate::connection::{Connection, Hangup};

/// What Ctrl-C means at the moment. Shared with the thread that waits for it.
#[derive(Default)]
pub struct Streaming(Mutex<State>);

#[derive(Default)]
struct State {
    /// There while messages stream in: hanging up wakes who waits for them.
    hangup: Option<Hangup>,
    aborted: bool,
}

impl Streaming {
    /// Messages stream in from now on.
    pub fn begin(&self, connection: &Connection) {
        *self.lock() = State { hangup: connection.hangup(), aborted: false };
    }

    /// No longer. Tells whether Ctrl-C has ended them.
    pub fn end(&self) -> bool {
        std::mem::take(&mut *self.lock()).aborted
    }

    /// Ctrl-C was pressed. Tells whether that ended a stream.
    pub fn abort(&self) -> bool {
        let mut state = self.lock();
        let hangup = state.hangup.take();
        state.aborted = hangup.is_some();
        hangup.inspect(Hangup::hang_up).is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
