//! A connection's byte stream, whatever carries it.
//!
//! Its writing half is shared: while the connection's task waits with nothing to send, others may write to the client
//! in its stead, see [`Outbox`](crate::client::Outbox). Only TLS keeps it to itself, since what is written there depends
//! on what has been written and read before.

use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use socket2::SockRef;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpStream, UnixStream, tcp, unix};
use tokio_rustls::server::TlsStream;

use super::tls::TlsSocket;
use crate::client::Sink;
use crate::commands::Server;
use crate::observe::Counter;

/// A stream over TCP, the unix socket or TLS.
pub struct Socket(Kind);

enum Kind {
    Plain(Plain),
    /// Apart, since it is large and rare.
    Tls(Box<TlsSocket>),
}

struct Plain {
    reader: Reader,
    writer: Arc<Writer>,
}

enum Reader {
    Tcp(tcp::OwnedReadHalf),
    Unix(unix::OwnedReadHalf),
}

enum Writer {
    Tcp(tcp::OwnedWriteHalf),
    Unix(unix::OwnedWriteHalf),
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Socket {
        let (reader, writer) = stream.into_split();
        Socket(Kind::Plain(Plain { reader: Reader::Tcp(reader), writer: Arc::new(Writer::Tcp(writer)) }))
    }
}

impl From<UnixStream> for Socket {
    fn from(stream: UnixStream) -> Socket {
        let (reader, writer) = stream.into_split();
        Socket(Kind::Plain(Plain { reader: Reader::Unix(reader), writer: Arc::new(Writer::Unix(writer)) }))
    }
}

impl From<TlsStream<TcpStream>> for Socket {
    fn from(stream: TlsStream<TcpStream>) -> Socket {
        Socket(Kind::Tls(Box::new(TlsSocket::from(stream))))
    }
}

impl Socket {
    /// Whether there may be something to read, the end included.
    pub fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.0 {
            Kind::Plain(plain) => match &plain.reader {
                Reader::Tcp(half) => half.as_ref().poll_read_ready(context),
                Reader::Unix(half) => half.as_ref().poll_read_ready(context),
            },
            Kind::Tls(stream) => stream.poll_readable(context),
        }
    }

    /// Reads what there is behind what the buffer holds; 0 at the end of the stream. The buffer has free space.
    pub fn poll_read_into(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        // The future holds nothing but its borrows, so it may be made anew for each step.
        match &mut self.0 {
            Kind::Plain(plain) => match &mut plain.reader {
                Reader::Tcp(half) => pin!(half.read_buf(buffer)).poll(context),
                Reader::Unix(half) => pin!(half.read_buf(buffer)).poll(context),
            },
            Kind::Tls(stream) => stream.poll_read_into(context, buffer),
        }
    }

    /// Writes as much as goes at once. Only the connection's task waits for the socket; as long as it waits it comes
    /// with the same bytes.
    pub fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Kind::Plain(plain) => plain.writer.poll_write(context, bytes),
            Kind::Tls(stream) => stream.poll_write(context, bytes),
        }
    }

    /// What others may write to, if they may.
    pub fn lendable(&self, server: &Arc<Server>) -> Option<Arc<dyn Sink>> {
        let Kind::Plain(plain) = &self.0 else { return None };
        Some(Arc::new(Lendable { writer: Arc::clone(&plain.writer), server: Arc::clone(server) }))
    }

    /// Says that nothing more will be sent.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn finish(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Kind::Plain(plain) => match &*plain.writer {
                Writer::Tcp(half) => SockRef::from(half.as_ref()).shutdown(Shutdown::Write),
                Writer::Unix(half) => SockRef::from(half.as_ref()).shutdown(Shutdown::Write),
            },
            Kind::Tls(stream) => stream.finish(),
        }
    }
}

impl Writer {
    fn poll_write(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let can_write = match self {
                Writer::Tcp(half) => half.as_ref().poll_write_ready(context),
                Writer::Unix(half) => half.as_ref().poll_write_ready(context),
            };
            ready!(can_write)?;
            match self.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Writer::Tcp(half) => half.try_write(bytes),
            Writer::Unix(half) => half.try_write(bytes),
        }
    }
}

/// A writing half in the hands of others, who account for what they write.
struct Lendable {
    writer: Arc<Writer>,
    server: Arc<Server>,
}

impl Sink for Lendable {
    fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.try_write(bytes)?;
        self.server.stats.add_all([(Counter::NetOutput, written as u64), (Counter::Writes, 1)]);
        Ok(written)
    }
}
