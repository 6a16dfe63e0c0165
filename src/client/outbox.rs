//! Bytes that others have for a client: messages, invalidations, replies to blocked commands.
//!
//! Whoever sends only appends here and wakes the connection's task, so a slow client never slows a sender.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// The classes of `client-output-buffer-limit`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum OutputClass {
    /// Ordinary clients.
    Normal,
    /// Replicas.
    Replica,
    /// Subscribers.
    Pubsub,
}

#[derive(Default)]
struct Queue {
    frames: VecDeque<Bytes>,
    bytes: usize,
}

/// See the head of this file.
#[derive(Default)]
pub struct Outbox {
    queue: Mutex<Queue>,
    wake: Notify,
}

impl Outbox {
    /// Appends a frame and wakes the connection; returns how many bytes wait now.
    pub fn push(&self, frame: Bytes) -> usize {
        let mut queue = self.queue.lock();
        queue.bytes += frame.len();
        queue.frames.push_back(frame);
        let bytes = queue.bytes;
        drop(queue);
        self.wake.notify_one();
        bytes
    }

    /// Takes all frames, in order.
    pub fn take(&self) -> VecDeque<Bytes> {
        let mut queue = self.queue.lock();
        queue.bytes = 0;
        std::mem::take(&mut queue.frames)
    }

    /// Bytes and frames that wait.
    pub fn pending(&self) -> (usize, usize) {
        let queue = self.queue.lock();
        (queue.bytes, queue.frames.len())
    }

    /// Wakes the connection without a frame, so that it looks at its flags.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Waits for [`Outbox::push`] or [`Outbox::wake`]. One that came before is not lost.
    pub fn woken(&self) -> Notified<'_> {
        self.wake.notified()
    }
}
