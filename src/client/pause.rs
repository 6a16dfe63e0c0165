//! CLIENT PAUSE: commands that are held back until a moment, and waiting for its end.
//!
//! Every command asks [`Pause::holds_back`], which is one load as long as nothing is paused. It begins behind the
//! closed gate, so once its reply is out no command that it holds back is running any more. It ends by itself: the
//! first to notice that the time is over ends it for all.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::base::clock;

/// What is held back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Paused {
    /// Nothing.
    Nothing,
    /// What may change data or go to replicas.
    Writes,
    /// Every command.
    All,
}

/// See the head of this file.
#[derive(Default)]
pub struct Pause {
    /// A [`Paused`]. Written with `until` locked; release and acquire, because a command that sees the end of a
    /// pause has been told of it by another thread.
    mode: AtomicU8,
    /// When it ends, in monotonic ms.
    until: Mutex<i64>,
    ended: Notify,
}

impl Pause {
    /// Pauses until a time in monotonic ms. While a pause goes on, a new one makes it neither shorter nor weaker.
    pub fn begin(&self, what: Paused, until: i64) {
        let mut end = self.until.lock();
        let now = clock::monotonic_ms();
        let going_on = if *end > now { self.mode() } else { Paused::Nothing };
        *end = if going_on == Paused::Nothing { until } else { until.max(*end) };
        let mode = if *end > now { what.max(going_on) } else { Paused::Nothing };
        self.mode.store(mode as u8, Ordering::Release);
    }

    /// Ends the pause.
    pub fn end(&self) {
        self.end_if(|_| true);
    }

    /// Whether a command has to wait; `writes` tells that it may change data or go to replicas.
    #[inline]
    pub fn holds_back(&self, writes: bool) -> bool {
        match self.mode() {
            Paused::Nothing => false,
            Paused::Writes => writes && self.is_on(),
            Paused::All => self.is_on(),
        }
    }

    /// Whether anything is paused. Keys don't expire meanwhile.
    #[inline]
    pub fn is_on(&self) -> bool {
        if self.mode() == Paused::Nothing {
            return false;
        }
        !self.end_if(|until| until <= clock::monotonic_ms())
    }

    /// Waits until nothing is paused.
    pub async fn ended(&self) {
        while self.is_on() {
            let ended = self.ended.notified();
            let left = *self.until.lock() - clock::monotonic_ms();
            let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
            // Being told and the time being over come to the same: look again.
            let _ = tokio::time::timeout(left, ended).await;
        }
    }

    /// Ends it if its end is such; tells whether it was.
    fn end_if(&self, over: impl FnOnce(i64) -> bool) -> bool {
        let mut until = self.until.lock();
        let over = over(*until);
        if over {
            *until = 0;
            self.mode.store(Paused::Nothing as u8, Ordering::Release);
            self.ended.notify_waiters();
        }
        over
    }

    #[inline]
    fn mode(&self) -> Paused {
        match self.mode.load(Ordering::Acquire) {
            0 => Paused::Nothing,
            1 => Paused::Writes,
            _ => Paused::All,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_ms(ms: i64) -> i64 {
        clock::monotonic_ms() + ms
    }

    #[test]
    fn a_new_pause_makes_a_running_one_neither_shorter_nor_weaker() {
        let pause = Pause::default();
        assert!(!pause.holds_back(true) && !pause.is_on());
        pause.begin(Paused::Writes, in_ms(100_000));
        assert!(pause.holds_back(true) && !pause.holds_back(false) && pause.is_on());
        pause.begin(Paused::All, in_ms(1));
        assert!(pause.holds_back(false));
        std::thread::sleep(Duration::from_millis(5));
        pause.begin(Paused::Writes, in_ms(1));
        assert!(pause.holds_back(false));
        pause.end();
        assert!(!pause.holds_back(true));
    }

    #[test]
    fn one_that_is_over_leaves_nothing_to_the_next() {
        let pause = Pause::default();
        pause.begin(Paused::All, in_ms(1));
        std::thread::sleep(Duration::from_millis(5));
        pause.begin(Paused::Writes, in_ms(100_000));
        assert!(pause.holds_back(true) && !pause.holds_back(false));
        pause.end();
        pause.begin(Paused::All, 0);
        assert!(!pause.is_on());
    }

    #[tokio::test]
    async fn waiters_go_on_when_it_is_ended_or_over() {
        let pause = Pause::default();
        pause.ended().await;
        pause.begin(Paused::All, in_ms(20));
        pause.ended().await;
        assert!(!pause.is_on());
        pause.begin(Paused::All, in_ms(100_000));
        tokio::join!(pause.ended(), async { pause.end() });
    }
}
