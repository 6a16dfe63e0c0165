//! What one command took, time after time, until it is put into the statistics at once.
//!
//! Counting a command touches some lines of memory; a pipeline of one command does that once.

use crate::commands::Server;

/// Times that are noted before they are counted.
const NOTED_MAX: usize = 16;

/// Times of one command that were not counted yet.
pub struct Tally {
    command: usize,
    track_latency: bool,
    nanos: [u64; NOTED_MAX],
    noted: usize,
}

impl Tally {
    /// Nothing of a command yet; `track_latency` tells whether the distribution of times is kept, too.
    pub fn new(command: usize, track_latency: bool) -> Tally {
        Tally { command, track_latency, nanos: [0; NOTED_MAX], noted: 0 }
    }

    /// Notes how long the command has taken, in ns.
    #[inline]
    pub fn add(&mut self, server: &Server, nanos: u64) {
        if self.noted == NOTED_MAX {
            self.count(server);
        }
        self.nanos[self.noted] = nanos;
        self.noted += 1;
    }

    /// Puts what was noted into the statistics.
    pub fn count(&mut self, server: &Server) {
        if self.noted > 0 {
            server.stats.ran_often(self.command, &self.nanos[..self.noted], self.track_latency);
            self.noted = 0;
        }
    }
}
