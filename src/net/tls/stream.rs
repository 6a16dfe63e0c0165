//! The byte stream of one TLS connection.

use std::io::{self, ErrorKind, Write};
use std::net::Shutdown;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A stream whose handshake is over. It says goodbye (close_notify) when it is dropped.
pub struct TlsSocket {
    stream: TlsStream<TcpStream>,
    /// Bytes that have been encrypted and are not all sent yet.
    taken: usize,
}

impl From<TlsStream<TcpStream>> for TlsSocket {
    fn from(stream: TlsStream<TcpStream>) -> TlsSocket {
        TlsSocket { stream, taken: 0 }
    }
}

impl TlsSocket {
    /// Whether there may be something to read, the end included.
    pub fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (tcp, session) = self.stream.get_ref();
        // It wants nothing as long as it has decrypted bytes that nobody has read.
        if session.wants_read() { tcp.poll_read_ready(context) } else { Poll::Ready(Ok(())) }
    }

    /// Reads what there is, as far as it fits; 0 at the end of the stream, whether the peer said goodbye or not.
    pub fn poll_read_into(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        let before = buffer.len();
        // A read yields one record at the most.
        while buffer.len() < buffer.capacity() {
            let read = match pin!(self.stream.read_buf(buffer)).poll(context) {
                Poll::Ready(Err(error)) if error.kind() == ErrorKind::UnexpectedEof => Poll::Ready(Ok(0)),
                read => read,
            };
            match read {
                Poll::Ready(Ok(count)) if count > 0 => {}
                // The end, and errors, come again.
                _ if buffer.len() > before => break,
                read => return read,
            }
        }
        Poll::Ready(Ok(buffer.len() - before))
    }

    /// Encrypts and sends as much as goes. Bytes count as written when the last of what they were encrypted into is
    /// sent; until then the caller comes with the same bytes again.
    pub fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.taken == 0 {
            self.taken = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        }
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        Poll::Ready(Ok(std::mem::take(&mut self.taken)))
    }

    /// Says that nothing more will be sent.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn finish(&mut self) -> io::Result<()> {
        self.say_goodbye();
        SockRef::from(self.stream.get_ref().0).shutdown(Shutdown::Write)
    }

    /// As far as it goes without waiting: a socket that is full has a peer that doesn't read.
    fn say_goodbye(&mut self) {
        let (tcp, session) = self.stream.get_mut();
        session.send_close_notify();
        while session.wants_write() {
            match session.write_tls(&mut AtOnce(tcp)) {
                Ok(count) if count > 0 => {}
                _ => break,
            }
        }
    }
}

impl Drop for TlsSocket {
    fn drop(&mut self) {
        self.say_goodbye();
    }
}

/// Writes what goes without waiting.
struct AtOnce<'a>(&'a TcpStream);

impl Write for AtOnce<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
