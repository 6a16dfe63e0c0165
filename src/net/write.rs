//! Writing to a client that may not take what it gets.

use std::future::poll_fn;
use std::io;
use std::sync::atomic::Ordering;
use std::task::Poll;

use super::socket::Socket;
use crate::base::{clock, task};
use crate::client::Client;

/// Bytes that are written before others have their turn; about 100 µs of work.
pub(super) const AT_ONCE: usize = 512 * 1024;

/// Whether a connection goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// It does.
    GoOn,
    /// It ends when its replies are written.
    Close,
}

/// Writes as many bytes as the socket takes. When it takes more the task is woken.
///
/// # Errors
/// Those of the socket.
pub async fn send_at_once(socket: &mut Socket, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while written < bytes.len() {
        if written > 0 {
            // As in `send`.
            task::defer().await;
        }
        let rest = &bytes[written..];
        let next = &rest[..rest.len().min(AT_ONCE)];
        let taken = poll_fn(|context| match socket.poll_write(context, next) {
            Poll::Ready(taken) => Poll::Ready(taken.map(Some)),
            Poll::Pending => Poll::Ready(Ok(None)),
        });
        match taken.await? {
            Some(0) => return Err(io::ErrorKind::WriteZero.into()),
            Some(count) => written += count,
            None => break,
        }
    }
    Ok(written)
}

/// Writes all bytes, or as many as go before somebody ends the connection.
///
/// # Errors
/// Those of the socket.
pub async fn send(socket: &mut Socket, client: &Client, bytes: &[u8]) -> io::Result<Flow> {
    let mut rest = bytes;
    let mut blocked = false;
    while !rest.is_empty() {
        if rest.len() < bytes.len() {
            // A client that takes as fast as we give would have it all at once, and nobody else a turn meanwhile.
            task::defer().await;
        }
        let next = &rest[..rest.len().min(AT_ONCE)];
        let written = poll_fn(|context| match socket.poll_write(context, next) {
            Poll::Ready(written) => Poll::Ready(written.map(Some)),
            Poll::Pending => {
                client.reply.unsent.store(rest.len(), Ordering::Relaxed);
                blocked = true;
                client.outbox.poll_news(context).map(|()| Ok(None))
            }
        });
        match written.await? {
            Some(0) => return Err(io::ErrorKind::WriteZero.into()),
            Some(count) => rest = &rest[count..],
            None if client.is_ended() => return Ok(Flow::Close),
            None => continue,
        }
        if blocked {
            client.last_seen_ms.store(clock::monotonic_ms(), Ordering::Relaxed);
        }
    }
    client.sent(bytes.len());
    if blocked {
        client.reply.unsent.store(0, Ordering::Relaxed);
    }
    Ok(Flow::GoOn)
}
