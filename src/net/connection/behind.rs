//! A client that doesn't take its replies as fast as they are made.
//!
//! Some write a whole pipeline before they read the first reply. If the server stopped reading them as soon as the
//! socket is full, both sides would wait for each other for good. So:
//!
//! ```text
//! unsent replies    0 ............ bound        up to the bound requests are run and their replies pile up;
//!                                    ▼          beyond it requests are only read,
//! unread requests                    0 ............ client-query-buffer-limit     and then the connection closes
//! ```
//!
//! The bound is [`PILE`], or what the client's output limits allow if that is more: where an operator has set such
//! limits they are reached, and end the client. All that waits counts as the client's for `maxmemory-clients`.
//! A client that has yet to authenticate is neither served nor read while it doesn't take its replies.

use std::future::poll_fn;
use std::io;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use super::{Connection, Event};
use crate::base::{clock, task};
use crate::net::write::{AT_ONCE, Flow};
use crate::observe::Counter;

/// Unsent replies up to this many bytes don't keep a client from being served.
const PILE: usize = 16 << 20;

/// What becomes of replies that the client doesn't take at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rest {
    /// They may wait, up to the bound: the client is served on.
    Kept,
    /// They are waited for.
    Awaited,
}

impl Connection {
    /// Bytes of replies that the client hasn't taken.
    pub(super) fn unsent(&self) -> usize {
        self.reply.len() - self.sent
    }

    /// Whether replies wait because the client didn't take them.
    pub(super) fn is_behind(&self) -> bool {
        self.turn.behind > 0
    }

    /// The socket is full: notes that, and waits as long as the rest of the replies must not be kept.
    pub(super) async fn fall_behind(&mut self, rest: Rest) -> io::Result<Flow> {
        // What is read while it waits for its replies is run later: the end of the input will be seen then, too.
        let mut reads = rest == Rest::Kept && !self.session.must_authenticate();
        loop {
            self.note_unsent();
            if self.session.client.is_ended() {
                return Ok(Flow::Close);
            }
            if !self.is_behind() || rest == Rest::Kept && self.unsent() < self.bound() {
                return Ok(Flow::GoOn);
            }
            match poll_fn(|context| self.poll_behind(context, reads)).await? {
                Event::Read(0) => reads = false,
                Event::Read(count) => {
                    self.received(count);
                    self.read_ahead = true;
                    if self.check_input() == Flow::Close {
                        return Ok(Flow::Close);
                    }
                }
                Event::Sent | Event::News => {}
            }
            task::defer().await;
        }
    }

    fn poll_behind(&mut self, context: &mut Context<'_>, reads: bool) -> Poll<io::Result<Event>> {
        if let Poll::Ready(sent) = self.poll_send(context) {
            return Poll::Ready(sent);
        }
        if reads && let Poll::Ready(read) = self.poll_read(context) {
            return Poll::Ready(read.map(Event::Read));
        }
        self.session.client.outbox.poll_news(context).map(|()| Ok(Event::News))
    }

    /// Some of the replies went that didn't go before: sends more, and what others have for the client.
    pub(super) async fn send_on(&mut self) -> io::Result<Flow> {
        // A client that takes as fast as we give would have it all at once, and nobody else a turn meanwhile.
        task::defer().await;
        self.flush(Rest::Kept).await
    }

    /// Goes on sending what the client didn't take before.
    pub(super) fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Event>> {
        let rest = &self.reply.as_bytes()[self.sent..];
        let written = ready!(self.socket.poll_write(context, &rest[..rest.len().min(AT_ONCE)]))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.session.client.last_seen_ms.store(clock::monotonic_ms(), Ordering::Relaxed);
        self.note_sent(written);
        self.note_unsent();
        Poll::Ready(Ok(Event::Sent))
    }

    /// Replies went; if all have, their memory is for the next ones.
    pub(super) fn note_sent(&mut self, bytes: usize) {
        self.session.client.sent(bytes);
        self.server.stats.add_all([(Counter::NetOutput, bytes as u64), (Counter::Writes, 1)]);
        self.sent += bytes;
        if self.sent == self.reply.len() {
            self.reply.clear();
            self.sent = 0;
        } else if self.sent > self.reply.len() / 2 {
            // Each byte is moved once on average.
            self.reply.drop_front(self.sent);
            self.sent = 0;
        }
    }

    /// Tells others, and the turn, how much waits.
    fn note_unsent(&mut self) {
        self.turn.behind = self.reply.len();
        self.session.client.reply.unsent.store(self.unsent(), Ordering::Relaxed);
        self.publish_figures();
    }

    /// How much may wait while the client is served, in bytes.
    fn bound(&self) -> usize {
        if self.session.must_authenticate() { 0 } else { self.session.client.output_limit().max(PILE) }
    }
}
