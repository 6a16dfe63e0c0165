//! Bytes that others have for a client: messages, invalidations, keyspace events.
//!
//! Whoever sends only appends here and wakes the connection's task, so a slow client never slows a sender.
//!
//! ```text
//! senders ── push ──▶ frames (shared bytes) ── take ──▶ the task's reply buffer ──▶ socket
//!               └──── news ──▶ wakes the task, which also looks at its flags: killed, to be released
//! ```
//!
//! The task registers its waker only when it has nothing to do, under the same lock as the frames, so news are
//! never lost; several pieces of news are one wake-up.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;

#[derive(Default)]
struct Queue {
    frames: VecDeque<Bytes>,
    waker: Option<Waker>,
    /// Nobody reads any more.
    closed: bool,
}

/// See the head of this file.
#[derive(Default)]
pub struct Outbox {
    queue: Mutex<Queue>,
    /// Bytes of all frames. Written with the queue locked; read without by who only wants to know the figure.
    bytes: AtomicUsize,
    /// Set with the queue locked, after what it is about. Acquire and release: who sees it finds that.
    news: AtomicBool,
}

impl Outbox {
    /// Appends a frame and wakes the connection; returns how many bytes wait now. After [`Outbox::close`] it does
    /// nothing.
    pub fn push(&self, frame: Bytes) -> usize {
        let mut queue = self.queue.lock();
        if queue.closed {
            return 0;
        }
        let bytes = self.bytes.load(Ordering::Relaxed) + frame.len();
        self.bytes.store(bytes, Ordering::Release);
        queue.frames.push_back(frame);
        self.announce(queue);
        bytes
    }

    /// Takes all frames, in order.
    pub fn take(&self) -> VecDeque<Bytes> {
        if self.is_empty() {
            return VecDeque::new();
        }
        let mut queue = self.queue.lock();
        self.bytes.store(0, Ordering::Release);
        std::mem::take(&mut queue.frames)
    }

    /// Takes the oldest frame, if it is at most `max` bytes long.
    pub fn take_one(&self, max: usize) -> Option<Bytes> {
        if self.is_empty() {
            return None;
        }
        let mut queue = self.queue.lock();
        if queue.frames.front()?.len() > max {
            return None;
        }
        let frame = queue.frames.pop_front()?;
        self.bytes.store(self.bytes.load(Ordering::Relaxed) - frame.len(), Ordering::Release);
        Some(frame)
    }

    /// Whether no bytes wait.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes.load(Ordering::Acquire) == 0
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Frames that wait.
    pub fn frames(&self) -> usize {
        self.queue.lock().frames.len()
    }

    /// Wakes the connection without a frame, so that it looks at its flags.
    pub fn wake(&self) {
        self.announce(self.queue.lock());
    }

    /// Drops what waits, takes nothing more and wakes the connection.
    pub fn close(&self) {
        let mut queue = self.queue.lock();
        queue.closed = true;
        let dropped = std::mem::take(&mut queue.frames);
        self.bytes.store(0, Ordering::Release);
        self.announce(queue);
        drop(dropped);
    }

    /// Waits for [`Outbox::push`], [`Outbox::wake`] or [`Outbox::close`]. One that came before is not lost. Only
    /// the connection's task waits.
    pub async fn woken(&self) {
        poll_fn(|context| self.poll_news(context)).await;
    }

    /// [`Outbox::woken`] as a step of a task that waits for something else too.
    pub fn poll_news(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut queue = self.queue.lock();
        if self.news.swap(false, Ordering::Acquire) {
            return Poll::Ready(());
        }
        if !queue.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            queue.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }

    fn announce(&self, mut queue: parking_lot::MutexGuard<'_, Queue>) {
        // Already announced news that the task hasn't looked at need no second wake-up.
        if self.news.swap(true, Ordering::Release) {
            return;
        }
        let waker = queue.waker.take();
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn frames_come_in_order_and_are_counted() {
        let outbox = Outbox::default();
        assert_eq!(outbox.push(Bytes::from_static(b"one")), 3);
        assert_eq!(outbox.push(Bytes::from_static(b"three")), 8);
        assert_eq!(outbox.take_one(2), None);
        assert_eq!(outbox.take_one(3), Some(Bytes::from_static(b"one")));
        assert_eq!((outbox.bytes(), outbox.frames(), outbox.is_empty()), (5, 1, false));
        assert_eq!(outbox.take(), [Bytes::from_static(b"three")]);
        assert_eq!((outbox.bytes(), outbox.frames(), outbox.is_empty()), (0, 0, true));
    }

    #[test]
    fn a_closed_one_takes_nothing() {
        let outbox = Outbox::default();
        outbox.push(Bytes::from_static(b"lost"));
        outbox.close();
        assert_eq!(outbox.push(Bytes::from_static(b"late")), 0);
        assert!(outbox.is_empty() && outbox.take_one(10).is_none());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_wake_up_is_lost() {
        let outbox = Arc::new(Outbox::default());
        let sender = Arc::clone(&outbox);
        let sending = std::thread::spawn(move || {
            for n in 0..20_000u32 {
                sender.push(Bytes::copy_from_slice(&n.to_be_bytes()));
                if n % 100 == 0 {
                    std::thread::yield_now();
                }
            }
        });
        let mut next = 0u32;
        while next < 20_000 {
            outbox.woken().await;
            for frame in outbox.take() {
                assert_eq!(frame, next.to_be_bytes()[..]);
                next += 1;
            }
        }
        sending.join().expect("sending does not panic");
    }
}
