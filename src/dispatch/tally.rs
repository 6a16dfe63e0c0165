//! What one command took, time after time, until it is put into the statistics at once.
//!
//! Counting a command takes a lock and some lines of memory; a pipeline of one command does that once.

use smallvec::SmallVec;

use crate::client::Session;
use crate::commands::Server;

/// Times of one command that were not counted yet.
#[derive(Default)]
pub struct Tally {
    command: usize,
    nanos: SmallVec<[u64; 16]>,
    track_latency: bool,
}

impl Tally {
    /// Notes what a command has taken, in ns.
    #[inline]
    pub fn add(&mut self, server: &Server, session: &Session, command: usize, nanos: u64) {
        if self.nanos.len() == self.nanos.inline_size() || self.command != command {
            self.count(server);
            self.command = command;
            self.track_latency = session.settings.observe.latency_tracking;
        }
        self.nanos.push(nanos);
    }

    /// Puts what was noted into the statistics.
    pub fn count(&mut self, server: &Server) {
        if !self.nanos.is_empty() {
            server.stats.ran_often(self.command, &self.nanos, self.track_latency);
            self.nanos.clear();
        }
    }
}
