//! Bytes that others have for a client: messages, invalidations, keyspace events.
//!
//! Whoever sends only appends here and wakes the connection's task, so a slow client never slows a sender.
//!
//! ```text
//! senders ── push ──▶ frames (shared bytes) ── take ──▶ the task's reply buffer ──▶ socket
//!               └──── news ──▶ wakes the task, which also looks at its flags: killed, to be released
//! ```
//!
//! **Writing at once.** Waking a task costs more than writing to a socket. So while a task waits with nothing to send it
//! lends its socket: who has one frame for it writes that itself, as far as it goes without waiting. Only the first
//! frame after a pause goes so: what comes right behind it is queued, so that the task writes many at once where many
//! come. And only where few clients get the same frame, else the sender would be busy for long. The loan ends with
//! every frame that is queued, under the lock, so frames keep their order and two never mix; the task ends it before
//! it writes anything else.
//!
//! **Writing for many.** A message for hundreds would wake hundreds of tasks. So it is appended for each of them
//! without waking anybody, and one after the other is written to by whoever goes round, see
//! [`pubsub`](crate::pubsub). The loan stays meanwhile: whatever else the task does it takes the socket back first, and
//! writes what has been appended itself.
//!
//! The task registers its waker only when it has nothing to do, under the same lock as the frames, so news are
//! never lost; several pieces of news are one wake-up.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use parking_lot::{Mutex, MutexGuard};

/// Takes bytes for a client, as many as it can without waiting.
pub trait Sink: Send + Sync {
    /// How many bytes went.
    ///
    /// # Errors
    /// Those of the socket; `WouldBlock` if nothing goes at the moment.
    fn try_send(&self, bytes: &[u8]) -> io::Result<usize>;
}

/// After a frame that was written at once, others are queued for so long: less than a publisher takes that waits for
/// each of its replies, more than lies between the messages of a pipeline.
const PAUSE: Duration = Duration::from_micros(20);

/// Frames up to so many bytes are written at a time.
const JOINED: usize = 16 * 1024;
/// So many frames' room is kept from round to round.
const KEPT: usize = 64;

#[derive(Default)]
struct Queue {
    frames: VecDeque<Bytes>,
    waker: Option<Waker>,
    /// Nobody reads any more.
    closed: bool,
    /// Lent by the task while it waits with nothing to send. If there are frames all the same, [`Outbox::send`] is
    /// about to write them.
    lent: Option<Arc<dyn Sink>>,
    /// When a frame was last written at once.
    written_at: Option<Instant>,
}

impl Queue {
    fn write_at_once(&mut self, frame: &[u8], now: impl FnOnce() -> Instant) -> usize {
        let Some(sink) = self.lent.as_ref().filter(|_| self.frames.is_empty()) else { return 0 };
        let now = now();
        if self.written_at.is_some_and(|at| now - at < PAUSE) {
            return 0;
        }
        self.written_at = Some(now);
        // Errors are for the task to meet.
        sink.try_send(frame).unwrap_or(0)
    }
}

/// See the head of this file.
#[derive(Default)]
pub struct Outbox {
    queue: Mutex<Queue>,
    /// Bytes of all frames. Written with the queue locked; read without by who only wants to know the figure.
    bytes: AtomicUsize,
    /// Set with the queue locked, after what it is about. Acquire and release: who sees it finds that.
    news: AtomicBool,
    /// Whether the queue has the task's waker, which goes when there are news. Written with the queue locked.
    watched: AtomicBool,
}

impl Outbox {
    /// Lends the socket of a task that waits with nothing to send.
    pub fn lend(&self, sink: impl FnOnce() -> Arc<dyn Sink>) {
        let mut queue = self.queue.lock();
        if queue.frames.is_empty() && !queue.closed {
            queue.lent.get_or_insert_with(sink);
        }
    }

    /// Appends a frame that [`Outbox::send`] is to write, if the task has lent its socket; else as [`Outbox::push`].
    /// Returns how many bytes wait now, and whether the caller has to see to it that it is written: whoever has
    /// appended the first one does.
    pub fn push_to_send(&self, frame: Bytes) -> (usize, bool) {
        let mut queue = self.queue.lock();
        if queue.lent.is_none() {
            return (self.append(queue, frame), false);
        }
        let is_first = queue.frames.is_empty();
        (self.add(&mut queue, frame), is_first)
    }

    /// Writes what waits, if the task still lends its socket. Of what doesn't go without waiting the task hears.
    /// `buffer` is for joining frames.
    pub fn send(&self, buffer: &mut Vec<u8>) {
        let mut queue = self.queue.lock();
        let Queue { frames, lent: Some(sink), .. } = &mut *queue else { return };
        let written = match frames.make_contiguous() {
            [] => return,
            [frame] => sink.try_send(frame),
            many => {
                buffer.clear();
                for frame in many {
                    if !buffer.is_empty() && buffer.len() + frame.len() > JOINED {
                        break;
                    }
                    buffer.extend_from_slice(frame);
                }
                sink.try_send(buffer)
            }
        };
        // Errors are for the task to meet.
        let mut written = written.unwrap_or(0);
        self.bytes.store(self.bytes.load(Ordering::Relaxed) - written, Ordering::Release);
        while let Some(frame) = frames.front_mut().filter(|_| written > 0) {
            if frame.len() > written {
                frame.advance(written);
                break;
            }
            written -= frame.len();
            frames.pop_front();
        }
        if !frames.is_empty() {
            queue.lent = None;
            self.announce(queue);
        } else if frames.capacity() > KEPT {
            *frames = VecDeque::new();
        }
    }

    /// Ends the loan: nobody else writes from now on. Tells whether there are frames.
    pub fn take_back(&self) -> bool {
        let mut queue = self.queue.lock();
        queue.lent = None;
        !queue.frames.is_empty()
    }

    /// Appends a frame and wakes the connection; returns how many bytes wait now. After [`Outbox::close`] it does
    /// nothing.
    pub fn push(&self, frame: Bytes) -> usize {
        self.append(self.queue.lock(), frame)
    }

    /// Writes a frame at once, if the task has lent its socket and this is the first frame for some time. What can't
    /// be written is appended. Returns how many bytes wait now.
    pub fn write_or_push(&self, frame: Bytes) -> usize {
        self.write_or_push_at(frame, Instant::now)
    }

    fn write_or_push_at(&self, mut frame: Bytes, now: impl FnOnce() -> Instant) -> usize {
        let mut queue = self.queue.lock();
        let written = queue.write_at_once(&frame, now);
        if written == frame.len() {
            return 0;
        }
        frame.advance(written);
        self.append(queue, frame)
    }

    fn append(&self, mut queue: MutexGuard<'_, Queue>, frame: Bytes) -> usize {
        if queue.closed {
            return 0;
        }
        queue.lent = None;
        let bytes = self.add(&mut queue, frame);
        self.announce(queue);
        bytes
    }

    fn add(&self, queue: &mut Queue, frame: Bytes) -> usize {
        let bytes = self.bytes.load(Ordering::Relaxed) + frame.len();
        self.bytes.store(bytes, Ordering::Release);
        queue.frames.push_back(frame);
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
        queue.lent = None;
        let dropped = std::mem::take(&mut queue.frames);
        self.bytes.store(0, Ordering::Release);
        self.announce(queue);
        drop(dropped);
    }

    /// Waits for [`Outbox::push`], [`Outbox::wake`] or [`Outbox::close`]. One that came before is not lost. Only
    /// the connection's task waits.
    pub fn poll_news(&self, context: &mut Context<'_>) -> Poll<()> {
        // Whoever brings news clears this, and then wakes the task.
        if self.watched.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        let mut queue = self.queue.lock();
        if self.news.swap(false, Ordering::Acquire) {
            return Poll::Ready(());
        }
        if !queue.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            queue.waker = Some(context.waker().clone());
        }
        self.watched.store(true, Ordering::Release);
        Poll::Pending
    }

    fn announce(&self, mut queue: MutexGuard<'_, Queue>) {
        // Already announced news that the task hasn't looked at need no second wake-up.
        if self.news.swap(true, Ordering::Release) {
            return;
        }
        let waker = queue.waker.take();
        self.watched.store(false, Ordering::Release);
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// Takes so many bytes and keeps them.
    struct Pipe(Mutex<(usize, Vec<u8>)>);

    impl Sink for Pipe {
        fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
            let (room, taken) = &mut *self.0.lock();
            let count = bytes.len().min(*room);
            *room -= count;
            taken.extend(&bytes[..count]);
            if count == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(count) }
        }
    }

    #[test]
    fn the_first_frame_goes_at_once_while_the_socket_is_lent() {
        let (outbox, pipe) = (Outbox::default(), Arc::new(Pipe(Mutex::new((7, Vec::new())))));
        let sink = || -> Arc<dyn Sink> { Arc::<Pipe>::clone(&pipe) };
        let begun = Instant::now();
        let write =
            |text: &'static str, pauses| outbox.write_or_push_at(text.into(), || begun + PAUSE * pauses);
        assert_eq!(write("one", 0), 3);
        assert!(outbox.take_back());
        // While something waits nothing is lent.
        outbox.lend(sink);
        assert_eq!(write("two", 0), 6);
        outbox.take();
        outbox.lend(sink);
        assert_eq!(write("three", 0), 0);
        // The next one follows too soon.
        assert_eq!(write("four", 0), 4);
        outbox.take();
        outbox.lend(sink);
        assert_eq!(write("five", 1), 2);
        assert_eq!(write("six", 1), 5);
        assert_eq!((pipe.0.lock().1.as_slice(), outbox.frames()), (&b"threefi"[..], 2));
        outbox.take();
        outbox.lend(sink);
        assert!(!outbox.take_back());
        assert_eq!((write("x", 2), Arc::strong_count(&pipe)), (1, 1));
    }

    #[test]
    fn who_goes_round_writes_what_was_appended() {
        let (outbox, pipe) = (Outbox::default(), Arc::new(Pipe(Mutex::new((11, Vec::new())))));
        let sink = || -> Arc<dyn Sink> { Arc::<Pipe>::clone(&pipe) };
        let mut buffer = Vec::new();
        // Nothing is lent.
        assert_eq!(outbox.push_to_send("zero".into()), (4, false));
        outbox.take();
        outbox.lend(sink);
        assert_eq!(outbox.push_to_send("one".into()), (3, true));
        outbox.lend(sink);
        assert_eq!(outbox.push_to_send("two".into()), (6, false));
        outbox.send(&mut buffer);
        assert_eq!((outbox.bytes(), outbox.frames()), (0, 0));
        // Still lent; what comes in between waits its turn.
        assert_eq!(outbox.push_to_send("3".into()), (1, true));
        outbox.send(&mut buffer);
        assert_eq!(outbox.push_to_send("four".into()), (4, true));
        assert_eq!(outbox.push_to_send("five".into()), (8, false));
        outbox.send(&mut buffer);
        assert_eq!((outbox.bytes(), outbox.frames()), (4, 1));
        assert_eq!(pipe.0.lock().1.as_slice(), b"onetwo3four");
        // The task has been told of the rest, and has its socket again.
        pipe.0.lock().0 = 100;
        outbox.send(&mut buffer);
        assert_eq!((outbox.bytes(), Arc::strong_count(&pipe)), (4, 1));
        assert!(outbox.news.load(Ordering::Relaxed));
        outbox.take();
        outbox.lend(sink);
        assert_eq!(outbox.push_to_send("six".into()), (3, true));
        // One that isn't to be written by others ends the loan.
        assert_eq!(outbox.write_or_push("seven".into()), 8);
        outbox.send(&mut buffer);
        assert_eq!(outbox.take(), [Bytes::from_static(b"six"), Bytes::from_static(b"seven")]);
        let long = vec![b'x'; JOINED];
        outbox.lend(sink);
        outbox.push_to_send(long.into());
        outbox.push_to_send("after".into());
        outbox.send(&mut buffer);
        assert_eq!((outbox.bytes(), outbox.take_back()), (JOINED + 5 - 100, true));
    }

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
            poll_fn(|context| outbox.poll_news(context)).await;
            for frame in outbox.take() {
                assert_eq!(frame, next.to_be_bytes()[..]);
                next += 1;
            }
        }
        sending.join().expect("sending does not panic");
    }
}
