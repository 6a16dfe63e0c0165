//! Letting others run: a save has work for seconds on end, clients need a core for microseconds, but at once.
//!
//! A thread that always has work is taken off its core only when the scheduler's slice is over, some milliseconds
//! later; where there are few cores, that is what requests wait for. So it offers its core by itself every half a
//! millisecond. If others take all they are offered, the save would hardly get on: it waits no longer than a few times
//! as long as it works.

use std::time::{Duration, Instant};

/// How long it works before it offers its core.
const TURN: Duration = Duration::from_micros(500);
/// It has waited enough when it has waited so many times as long as it has worked.
const PATIENCE: u32 = 8;

/// See the head of this file.
pub struct Manners {
    /// When this turn began.
    since: Instant,
    worked: Duration,
    waited: Duration,
}

impl Default for Manners {
    fn default() -> Manners {
        Manners { since: Instant::now(), worked: Duration::ZERO, waited: Duration::ZERO }
    }
}

impl Manners {
    /// To be called now and then: offers the core when it is time.
    pub fn mind(&mut self) {
        let now = Instant::now();
        if self.is_time(now) {
            std::thread::yield_now();
            self.go_on(now, Instant::now());
        }
    }

    /// Whether a turn is over, and waiting is due behind it.
    fn is_time(&mut self, now: Instant) -> bool {
        let turn = now - self.since;
        if turn < TURN {
            return false;
        }
        self.worked += turn;
        self.since = now;
        self.waited <= self.worked * PATIENCE
    }

    fn go_on(&mut self, offered: Instant, back: Instant) {
        self.waited += back - offered;
        self.since = back;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_after_each_turn_but_not_for_ever() {
        let mut manners = Manners::default();
        let mut now = manners.since;
        let (mut turns, mut waits) = (0, 0);
        // Whoever gets the core keeps it for a long time.
        while turns < 1000 {
            now += TURN / 2;
            assert!(!manners.is_time(now));
            now += TURN / 2;
            turns += 1;
            if manners.is_time(now) {
                waits += 1;
                manners.go_on(now, now + TURN * 20);
                now += TURN * 20;
            }
        }
        assert_eq!(waits, 1000 * PATIENCE / 20 + 1);
    }

    #[test]
    fn waits_always_if_nobody_takes_what_is_offered() {
        let mut manners = Manners::default();
        let mut now = manners.since;
        for _ in 0..100 {
            now += TURN;
            assert!(manners.is_time(now));
            manners.go_on(now, now);
        }
    }
}
