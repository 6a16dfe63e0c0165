//! What one command took, time after time, until it is put into the statistics at once.
//!
//! Counting a command takes a lock and some lines of memory; a pipeline of one command does that once.

use crate::client::Session;
use crate::commands::Server;

/// Times that are noted before they are counted.
const NOTED_MAX: usize = 16;

/// Times of one command that were not counted yet.
#[derive(Default)]
pub struct Tally {
    command: usize,
    nanos: [u64; NOTED_MAX],
    noted: usize,
    track_latency: bool,
}

impl Tally {
    /// Notes what a command has taken, in ns.
    #[inline]
    pub fn add(&mut self, server: &Server, session: &Session, command: usize, nanos: u64) {
        if self.noted == NOTED_MAX || self.command != command {
            self.count(server);
            self.command = command;
            self.track_latency = session.settings.observe.latency_tracking;
        }
        self.nanos[self.noted] = nanos;
        self.noted += 1;
    }

    /// Puts what was noted into the statistics.
    #[inline]
    pub fn count(&mut self, server: &Server) {
        if self.noted > 0 {
            server.stats.ran_often(self.command, &self.nanos[..self.noted], self.track_latency);
            self.noted = 0;
        }
    }
}
