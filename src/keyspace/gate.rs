//! The gate: how one task gets everything.
//!
//! Every batch of commands passes the gate: it enters its thread's lane, and leaves it when the batch is done.
//! Whoever needs all shards closes the gate and waits until the lanes are empty; nobody enters meanwhile. Its
//! holder then takes the shards' locks without contention.
//!
//! ```text
//! enter:  lane += 1; if closed { lane -= 1; wait }      close:  closed = true; wait until all lanes are 0
//! ```
//!
//! **Orderings.** Entering writes the lane and then reads `closed`; closing writes `closed` and then reads the
//! lanes. Both must be sequentially consistent, else both could miss the other's write (store buffering).
//!
//! Nobody may enter a lane while holding the gate, nor close it from within a lane.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use crossbeam_utils::{Backoff, CachePadded};
use tokio::sync::Notify;

use crate::base::{clock, worker};

/// See the head of this file.
pub struct Gate {
    closed: CachePadded<AtomicBool>,
    lanes: Box<[CachePadded<AtomicUsize>]>,
    opened: Notify,
    /// When the gate was last closed, in monotonic ms: a waiter tells from it how long a script has run.
    closed_at: AtomicI64,
}

/// Permission to run commands with plans below `Everything`; tied to its thread.
pub struct Pass<'a> {
    lane: &'a AtomicUsize,
    _not_send: PhantomData<*const ()>,
}

/// The closed gate; it opens when this is dropped. Tied to its thread.
pub struct Closed<'a> {
    gate: &'a Gate,
    _not_send: PhantomData<*const ()>,
}

impl Gate {
    /// An open gate with lanes for `threads` threads; more threads than that share lanes.
    pub fn new(threads: usize) -> Gate {
        Gate {
            closed: CachePadded::new(AtomicBool::new(false)),
            lanes: (0..threads.max(1)).map(|_| CachePadded::new(AtomicUsize::new(0))).collect(),
            opened: Notify::new(),
            closed_at: AtomicI64::new(0),
        }
    }

    /// Enters the calling thread's lane, unless the gate is closed.
    #[inline]
    pub fn try_enter(&self) -> Option<Pass<'_>> {
        let lane = &*self.lanes[worker::index() % self.lanes.len()];
        lane.fetch_add(1, Ordering::SeqCst);
        if self.closed.load(Ordering::SeqCst) {
            lane.fetch_sub(1, Ordering::SeqCst);
            return None;
        }
        Some(Pass { lane, _not_send: PhantomData })
    }

    /// Enters, trying for some microseconds if the gate is closed: most holders are done by then.
    #[inline]
    pub fn enter_soon(&self) -> Option<Pass<'_>> {
        if let Some(pass) = self.try_enter() {
            return Some(pass);
        }
        let backoff = Backoff::new();
        while !backoff.is_completed() {
            backoff.snooze();
            if let Some(pass) = self.try_enter() {
                return Some(pass);
            }
        }
        None
    }

    /// Closes the gate and waits until everybody has left, unless it is closed already.
    pub fn try_close(&self) -> Option<Closed<'_>> {
        self.closed.compare_exchange(false, true, Ordering::SeqCst, Ordering::Relaxed).ok()?;
        self.closed_at.store(clock::monotonic_ms(), Ordering::Relaxed);
        let backoff = Backoff::new();
        while self.lanes.iter().any(|lane| lane.load(Ordering::SeqCst) != 0) {
            backoff.snooze();
        }
        Some(Closed { gate: self, _not_send: PhantomData })
    }

    /// Waits until the gate is open; it may be closed again by the time the caller runs.
    pub async fn opened(&self) {
        loop {
            let opened = self.opened.notified();
            if !self.closed.load(Ordering::SeqCst) {
                return;
            }
            opened.await;
        }
    }

    /// For how long the gate has been closed, in ms; none while it is open.
    pub fn closed_for(&self) -> Option<i64> {
        let closed = self.closed.load(Ordering::Relaxed);
        closed.then(|| clock::monotonic_ms() - self.closed_at.load(Ordering::Relaxed))
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.lane.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.gate.closed.store(false, Ordering::SeqCst);
        self.gate.opened.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::Gate;

    #[test]
    fn closed_keeps_others_out_until_dropped() {
        let gate = Gate::new(2);
        let closed = gate.try_close().expect("an open gate closes");
        assert!(gate.try_enter().is_none());
        assert!(gate.try_close().is_none());
        drop(closed);
        assert!(gate.try_enter().is_some());
    }

    #[test]
    fn closing_waits_for_those_inside() {
        use std::sync::atomic::{AtomicU64, Ordering};
        let gate = Gate::new(4);
        // Two plain counters that only agree outside of a pass: a holder of the gate must see them equal.
        let (a, b) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut passes = 0;
                    while passes < 20_000 {
                        let Some(_pass) = gate.try_enter() else { continue };
                        a.fetch_add(1, Ordering::Relaxed);
                        b.fetch_add(1, Ordering::Relaxed);
                        passes += 1;
                    }
                });
            }
            let mut holds = 0;
            while holds < 200 {
                let Some(_closed) = gate.try_close() else { continue };
                assert_eq!(a.load(Ordering::Relaxed), b.load(Ordering::Relaxed));
                holds += 1;
            }
        });
    }
}
