//! The gate: how one task gets everything.
//!
//! Every batch of commands passes the gate: it enters its thread's lane, and leaves it when the batch is done.
//! Whoever needs all shards closes the gate and waits until the lanes are empty; nobody enters meanwhile. Its
//! holder then has the shards for itself.
//!
//! ```text
//! enter:  lane += 1; if closed { lane -= 1; wait }      close:  closed = true; wait until all lanes are 0
//! ```
//!
//! **Waiting.** The gate is mostly held for microseconds, so whoever finds it closed tries for some of them before
//! its task goes to sleep. Those asleep are of two kinds:
//!
//! - who only wants to pass is woken by the next opening, with all the others of the kind; the gate isn't closed
//!   again until each of them has had its turn;
//! - who wants to close it is woken one at a time, in the order of coming. Others may close the gate before it gets
//!   there, for keeping the gate for a sleeper would keep everybody waiting. But when one has waited for longer
//!   than [`PATIENCE`], newcomers queue up behind it.
//!
//! So neither kind starves the other, and no opening wakes more tasks than can go on.
//!
//! **Orderings.** Entering writes the lane and then reads `closed`; closing writes `closed` and then reads the
//! lanes. Both must be sequentially consistent, else both could miss the other's write (store buffering). The same
//! holds of going to sleep (count oneself, then look whether the gate is open) and waking (open, then read counts).
//!
//! Nobody may enter a lane while holding the gate, nor close it from within a lane.

use std::marker::PhantomData;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_utils::{Backoff, CachePadded};
use tokio::sync::Notify;

use crate::base::{clock, worker};

/// How long a task waits to close the gate before newcomers may no longer come before it.
pub const PATIENCE: Duration = Duration::from_millis(1);

/// See the head of this file.
pub struct Gate {
    closed: CachePadded<AtomicBool>,
    lanes: Box<[CachePadded<AtomicUsize>]>,
    /// Tasks that sleep until they can pass.
    passers: Sleepers,
    /// Tasks that sleep until they can close it.
    closers: Sleepers,
    /// Tasks that have waited to close it for longer than [`PATIENCE`].
    overdue: AtomicUsize,
    /// When the gate was last closed, in monotonic ms: a waiter tells from it how long a script has run.
    closed_at: AtomicI64,
}

/// Tasks of one kind that wait for the gate to open.
#[derive(Default)]
struct Sleepers {
    count: AtomicUsize,
    bell: Notify,
}

/// Permission to run commands with plans below `Everything`; tied to its thread.
pub struct Pass<'a> {
    lane: &'a AtomicUsize,
    _not_send: PhantomData<*const ()>,
}

/// The closed gate; it opens when this is dropped. Tied to its thread.
pub struct Closed<'a> {
    gate: &'a Gate,
    since: u64,
    _not_send: PhantomData<*const ()>,
}

/// Somebody who waits to close the gate: tries, and sleeps in between.
pub struct Closer<'a> {
    gate: &'a Gate,
    since: Instant,
    overdue: bool,
}

impl Gate {
    /// An open gate with lanes for `threads` threads; more threads than that share lanes.
    pub fn new(threads: usize) -> Gate {
        Gate {
            closed: CachePadded::new(AtomicBool::new(false)),
            lanes: (0..threads.max(1)).map(|_| CachePadded::new(AtomicUsize::new(0))).collect(),
            passers: Sleepers::default(),
            closers: Sleepers::default(),
            overdue: AtomicUsize::new(0),
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

    /// Whether somebody is in a lane or has closed the gate.
    pub fn is_busy(&self) -> bool {
        let closed = self.closed.load(Ordering::Relaxed);
        closed || self.lanes.iter().any(|lane| lane.load(Ordering::Relaxed) != 0)
    }

    /// Enters, trying for some microseconds if the gate is closed: most holders are done by then.
    #[inline]
    pub fn enter_soon(&self) -> Option<Pass<'_>> {
        self.try_enter().or_else(|| insist(|| self.try_enter()))
    }

    /// Closes the gate and waits until everybody has left, unless it is closed already or others come first.
    #[inline]
    pub fn try_close(&self) -> Option<Closed<'_>> {
        if self.overdue.load(Ordering::SeqCst) > 0 { None } else { self.close() }
    }

    /// The same, trying for some microseconds.
    #[inline]
    pub fn close_soon(&self) -> Option<Closed<'_>> {
        self.try_close().or_else(|| insist(|| self.try_close()))
    }

    /// Begins to wait for closing the gate.
    pub fn closer(&self) -> Closer<'_> {
        Closer { gate: self, since: Instant::now(), overdue: false }
    }

    fn close(&self) -> Option<Closed<'_>> {
        if !self.may_close() {
            return None;
        }
        self.closed.compare_exchange(false, true, Ordering::SeqCst, Ordering::Relaxed).ok()?;
        let mut since = clock::monotonic_ns();
        self.closed_at.store(clock::ms_of(since), Ordering::Relaxed);
        let is_taken = || self.lanes.iter().any(|lane| lane.load(Ordering::SeqCst) != 0);
        if is_taken() {
            let backoff = Backoff::new();
            while is_taken() {
                backoff.snooze();
            }
            since = clock::monotonic_ns();
        }
        Some(Closed { gate: self, since, _not_send: PhantomData })
    }

    /// Whether the gate is open and nobody sleeps who is to pass it first.
    fn may_close(&self) -> bool {
        self.is_open() && self.passers.count.load(Ordering::SeqCst) == 0
    }

    fn is_open(&self) -> bool {
        !self.closed.load(Ordering::SeqCst)
    }

    /// Waits until the gate is open, and keeps it from being closed until then: the caller must go on at once. It
    /// may be closed again by the time the caller enters.
    pub async fn opened(&self) {
        let asleep = Asleep::new(self, &self.passers);
        let mut bell = pin!(self.passers.bell.notified());
        bell.as_mut().enable();
        if !self.is_open() {
            bell.await;
        }
        drop(asleep);
    }

    /// For how long the gate has been closed, in ms; none while it is open.
    pub fn closed_for(&self) -> Option<i64> {
        let closed = self.closed.load(Ordering::Relaxed);
        closed.then(|| clock::monotonic_ms() - self.closed_at.load(Ordering::Relaxed))
    }

    /// Wakes those who can go on, the gate being open: all who want to pass; when there are none, one who wants to
    /// close it.
    fn wake(&self) {
        if self.passers.count.load(Ordering::SeqCst) > 0 {
            self.passers.bell.notify_waiters();
        } else if self.closers.count.load(Ordering::SeqCst) > 0 {
            self.closers.bell.notify_one();
        }
    }
}

/// Tries for some microseconds.
#[cold]
fn insist<T>(mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let backoff = Backoff::new();
    while !backoff.is_completed() {
        backoff.snooze();
        if let Some(got) = attempt() {
            return Some(got);
        }
    }
    None
}

/// A task that is counted among the sleepers of its kind.
struct Asleep<'a> {
    gate: &'a Gate,
    kind: &'a Sleepers,
}

impl<'a> Asleep<'a> {
    fn new(gate: &'a Gate, kind: &'a Sleepers) -> Self {
        kind.count.fetch_add(1, Ordering::SeqCst);
        Asleep { gate, kind }
    }
}

impl Drop for Asleep<'_> {
    /// The last one who wants to pass makes way for those who want to close the gate.
    fn drop(&mut self) {
        if self.kind.count.fetch_sub(1, Ordering::SeqCst) == 1 && self.gate.is_open() {
            self.gate.wake();
        }
    }
}

impl<'a> Closer<'a> {
    /// Sleeps until it is worth trying. Dropped before it is done, it wakes the next one instead.
    pub async fn called(&self) {
        let asleep = Asleep::new(self.gate, &self.gate.closers);
        let mut bell = pin!(self.gate.closers.bell.notified());
        bell.as_mut().enable();
        let behind_others = !self.overdue && self.gate.overdue.load(Ordering::SeqCst) > 0;
        if behind_others || !self.gate.may_close() {
            bell.await;
        }
        drop(asleep);
    }

    /// Closes the gate, if that is possible within some microseconds. To follow [`Closer::called`].
    pub fn close_soon(&mut self) -> Option<Closed<'a>> {
        if !self.overdue && self.since.elapsed() > PATIENCE {
            self.overdue = true;
            self.gate.overdue.fetch_add(1, Ordering::SeqCst);
        }
        let closed = self.gate.close().or_else(|| insist(|| self.gate.close()))?;
        self.leave();
        Some(closed)
    }

    fn leave(&mut self) {
        if std::mem::take(&mut self.overdue) {
            self.gate.overdue.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Drop for Closer<'_> {
    /// Somebody who gives up may have been called just now, or have held others back.
    fn drop(&mut self) {
        self.leave();
        if self.gate.is_open() {
            self.gate.wake();
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.lane.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Closed<'_> {
    /// When its holder got it, in ns of the monotonic clock: who goes on at once need not look at the clock.
    pub fn since(&self) -> u64 {
        self.since
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.gate.closed.store(false, Ordering::SeqCst);
        self.gate.wake();
    }
}
#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Waker};
    use std::time::Duration;

    use super::{Gate, PATIENCE};

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

    /// Runs tasks on a few threads; fails if they don't come to an end.
    fn run_tasks(tasks: impl IntoIterator<Item = impl Future<Output = ()> + Send + 'static>) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_time().build();
        runtime.expect("a runtime").block_on(async {
            let tasks: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
            for task in tasks {
                let ended = tokio::time::timeout(Duration::from_secs(60), task).await;
                ended.expect("nobody waits for ever").expect("no task panics");
            }
        });
    }

    async fn pass(gate: &Gate) {
        while gate.enter_soon().is_none() {
            gate.opened().await;
        }
    }

    async fn close(gate: &Gate, hold: Duration) {
        if let Some(_closed) = gate.close_soon() {
            return std::thread::sleep(hold);
        }
        let mut closer = gate.closer();
        loop {
            closer.called().await;
            if let Some(_closed) = closer.close_soon() {
                return std::thread::sleep(hold);
            }
        }
    }

    #[test]
    fn everybody_gets_through() {
        let gate = Arc::new(Gate::new(3));
        run_tasks((0..24).map(|number| {
            let gate = Arc::clone(&gate);
            async move {
                for round in 0..300 {
                    match number % 3 {
                        0 => pass(&gate).await,
                        1 => close(&gate, Duration::from_micros(round % 7 * 20)).await,
                        // Gives up every other time.
                        _ => {
                            let mut closer = gate.closer();
                            let called = tokio::time::timeout(Duration::from_micros(50), closer.called());
                            if called.await.is_ok() {
                                drop(closer.close_soon());
                            }
                        }
                    }
                    tokio::task::yield_now().await;
                }
            }
        }));
        assert!(gate.try_close().is_some(), "nobody is left behind in the counts");
    }

    #[test]
    fn sleepers_who_pass_come_before_the_next_closing() {
        let gate = Gate::new(2);
        let mut context = Context::from_waker(Waker::noop());
        let mut opened = pin!(gate.opened());
        {
            let _closed = gate.try_close().expect("an open gate closes");
            assert!(opened.as_mut().poll(&mut context).is_pending());
        }
        assert!(gate.try_close().is_none(), "closed before the sleeper had its turn");
        assert!(opened.as_mut().poll(&mut context).is_ready());
        assert!(gate.try_close().is_some());
    }

    #[test]
    fn newcomers_queue_up_behind_who_has_waited_for_long() {
        let gate = Gate::new(2);
        let mut closer = gate.closer();
        std::thread::sleep(PATIENCE * 2);
        {
            let _closed = gate.try_close().expect("an open gate closes");
            assert!(closer.close_soon().is_none());
        }
        assert!(gate.try_close().is_none());
        assert!(closer.close_soon().is_some());
        assert!(gate.try_close().is_some());
    }
}
