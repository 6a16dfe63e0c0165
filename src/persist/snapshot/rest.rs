//! Resting after keys: how test suites make saving and loading last long enough to look at them.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often somebody who rests looks whether it is to end.
const SLICE: Duration = Duration::from_millis(5);

/// How many µs follow each key; with a negative number -n it is 1 µs after one key of n.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Rest(pub i32);

impl Rest {
    /// Rests, until there is nothing to go on with any more.
    pub fn after_key(self, is_over: impl Fn() -> bool) {
        let micros = match self.0 {
            0 => return,
            1.. => self.0.unsigned_abs(),
            _ if fastrand::u32(..self.0.unsigned_abs()) == 0 => 1,
            _ => return,
        };
        let until = Instant::now() + Duration::from_micros(micros.into());
        while !is_over() {
            match until.saturating_duration_since(Instant::now()) {
                Duration::ZERO => return,
                left => sleep(left.min(SLICE)),
            }
        }
    }
}
