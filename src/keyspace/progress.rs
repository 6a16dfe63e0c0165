//! Who waits for the journal to get on: each for a position of its own, and woken when that is reached and not before.
//!
//! **Gathering.** Clients that wait for an fsync come back with their next writes a moment after it, one by one. If the
//! next fsync began with the first of them, each would serve a few, and most of the time would go into fsyncs. So
//! whoever syncs first waits until as many wait again as took part in the last round: those that were woken, and
//! those that were waiting already. If some don't come back, that costs a bounded time once, and the next round
//! expects fewer.

use std::future::poll_fn;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// See the head of this file. Who gives up waiting stays in the queue until its position is reached, which is soon.
#[derive(Default)]
pub(super) struct Waiters {
    queue: Mutex<Queue>,
    /// Whoever gathers waits here.
    gathered: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<(u64, Waker)>,
    /// How many took part in the last round.
    expected: usize,
    /// Whether somebody waits until as many are here again.
    gathering: bool,
}

impl Waiters {
    /// Waits until `ready`, which is looked at whenever somebody wakes who waits for this position.
    pub async fn wait(&self, position: u64, ready: impl Fn() -> bool) {
        poll_fn(|context| {
            if ready() {
                return Poll::Ready(());
            }
            let mut queue = self.queue.lock();
            // Progress is made before the queue is locked for waking: whoever finds none here is woken.
            if ready() {
                return Poll::Ready(());
            }
            queue.waiting.push((position, context.waker().clone()));
            if queue.gathering && queue.waiting.len() >= queue.expected {
                self.gathered.notify_one();
            }
            Poll::Pending
        })
        .await;
    }

    /// Wakes those whose position has been reached: the end of a round.
    pub fn wake(&self, reached: impl Fn(u64) -> bool) {
        let mut queue = self.queue.lock();
        queue.expected = queue.waiting.len();
        let woken: Vec<(u64, Waker)> =
            queue.waiting.extract_if(.., |(position, _)| reached(*position)).collect();
        drop(queue);
        woken.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Waits, blocking the thread, until as many wait as in the last round, or time is up.
    pub fn gather(&self, patience: Duration) {
        let mut queue = self.queue.lock();
        let until = Instant::now() + patience;
        queue.gathering = true;
        while queue.waiting.len() < queue.expected {
            if self.gathered.wait_until(&mut queue, until).timed_out() {
                break;
            }
        }
        queue.gathering = false;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[tokio::test]
    async fn each_is_woken_for_its_own_position() {
        let (waiters, reached) = (Arc::new(Waiters::default()), Arc::new(AtomicU64::new(0)));
        let waiting: Vec<_> = (1..=40)
            .map(|position| {
                let (waiters, reached) = (Arc::clone(&waiters), Arc::clone(&reached));
                tokio::spawn(async move {
                    waiters.wait(position, || reached.load(Ordering::Acquire) >= position).await;
                    position
                })
            })
            .collect();
        for now in (10..=40).step_by(10) {
            tokio::task::yield_now().await;
            reached.store(now, Ordering::Release);
            waiters.wake(|position| position <= now);
            assert!(waiters.queue.lock().waiting.iter().all(|(position, _)| *position > now));
        }
        for (waiter, position) in waiting.into_iter().zip(1..) {
            assert_eq!(waiter.await.expect("it ends"), position);
        }
    }

    #[test]
    fn a_round_is_gathered_again() {
        let waiters = Waiters::default();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a thread");
        std::thread::scope(|scope| {
            let all = scope.spawn(|| {
                runtime.block_on(async {
                    let reached = AtomicU64::new(0);
                    let wait = |position| waiters.wait(position, || reached.load(Ordering::Acquire) > 0);
                    tokio::join!(wait(1), wait(2), wait(3), async {
                        waiters.wake(|position| position < 2);
                        reached.store(1, Ordering::Release);
                        waiters.wake(|_| true);
                    });
                });
            });
            all.join().expect("no panic");
        });
        // Two took part in the last round: one alone isn't waited for longer than patience allows.
        assert_eq!(waiters.queue.lock().expected, 2);
        waiters.gather(Duration::from_millis(1));
        waiters.wake(|_| true);
        waiters.gather(Duration::from_secs(60));
    }
}
