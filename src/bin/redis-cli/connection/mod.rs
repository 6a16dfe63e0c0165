//! A connection: requests go out, replies come in.
//!
//! Everything blocks, but for [`Connection::set_nonblocking`], which is for who sends and receives at the same time
//! and waits with [`Connection::fd`].

mod socket;
mod tls;

use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use rustls::{ClientConnection, StreamOwned};

use self::socket::Socket;
use crate::options::{Network, Target};
use crate::wire::{Decoder, ProtocolError, Reply, encode};

/// Why there is no connection.
#[derive(Debug)]
pub enum OpenError {
    /// Nobody answers, or not by TLS.
    Unreachable(String),
    /// The files for TLS can't be used.
    Tls(String),
}

/// Why a connection is of no more use.
#[derive(Debug)]
pub enum Failure {
    Closed,
    Io(io::Error),
    Protocol(ProtocolError),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Failure::Closed => f.write_str("Server closed the connection"),
            Failure::Io(error) => f.write_str(&socket::describe(error)),
            Failure::Protocol(error) => error.fmt(f),
        }
    }
}

impl Failure {
    /// Whether connecting again may help.
    pub fn is_of_network(&self) -> bool {
        !matches!(self, Failure::Protocol(_))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            // A TLS peer that leaves without its last words.
            io::ErrorKind::UnexpectedEof => Failure::Closed,
            _ => Failure::Io(error),
        }
    }
}

enum Stream {
    Plain(Socket),
    Tls(Box<StreamOwned<ClientConnection, Socket>>),
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.read(buffer),
            Stream::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.write(bytes),
            Stream::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(socket) => socket.flush(),
            Stream::Tls(stream) => stream.flush(),
        }
    }
}

impl Stream {
    fn socket(&self) -> &Socket {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Tls(stream) => &stream.sock,
        }
    }
}

/// Ends a connection from another thread, whatever its own thread waits for.
pub struct Hangup(Socket);

impl Hangup {
    pub fn hang_up(&self) {
        self.0.shut_down();
    }
}

/// An open connection.
pub struct Connection {
    stream: Stream,
    decoder: Decoder,
    outgoing: Vec<u8>,
    chunk: Box<[u8]>,
}

impl Connection {
    /// Connects, and shakes hands where TLS is wanted.
    ///
    /// # Errors
    /// Why that isn't possible, in words for people.
    pub fn open(network: &Network) -> Result<Connection, OpenError> {
        let socket = Socket::connect(network).map_err(OpenError::Unreachable)?;
        let stream = match &network.tls {
            None => Stream::Plain(socket),
            Some(options) => {
                let host = match &network.target {
                    Target::Tcp { host, .. } => host.as_str(),
                    Target::Unix(_) => "localhost",
                };
                Stream::Tls(Box::new(tls::connect(socket, options, host)?))
            }
        };
        Ok(Connection {
            stream,
            decoder: Decoder::default(),
            outgoing: Vec::new(),
            chunk: vec![0; 64 * 1024].into_boxed_slice(),
        })
    }

    /// Puts a request into the buffer of what goes out.
    pub fn queue<W: AsRef<[u8]>>(&mut self, words: &[W]) {
        encode(words, &mut self.outgoing);
    }

    /// Sends what has been queued.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.stream.write_all(&self.outgoing)?;
        self.outgoing.clear();
        Ok(self.stream.flush()?)
    }

    /// Waits for a reply, or a message that comes unasked.
    ///
    /// # Errors
    /// The connection is lost, or what came is no reply.
    pub fn receive(&mut self) -> Result<Reply, Failure> {
        loop {
            if let Some(reply) = self.buffered()? {
                return Ok(reply);
            }
            self.fill()?;
        }
    }

    /// A reply that has arrived already.
    ///
    /// # Errors
    /// What came is no reply.
    pub fn buffered(&mut self) -> Result<Option<Reply>, Failure> {
        self.decoder.next_reply().map_err(Failure::Protocol)
    }

    /// Reads once what the server has sent.
    ///
    /// # Errors
    /// The connection is lost; `WouldBlock` where it doesn't block and nothing is there.
    pub fn fill(&mut self) -> Result<(), Failure> {
        let length = self.read_raw_chunk()?;
        self.decoder.feed(&self.chunk[..length]);
        Ok(())
    }

    /// Bytes that aren't replies: those at hand, otherwise what one read gives.
    ///
    /// # Errors
    /// The connection is lost.
    pub fn receive_raw(&mut self) -> Result<Vec<u8>, Failure> {
        let rest = self.decoder.take_rest();
        if !rest.is_empty() {
            return Ok(rest);
        }
        let length = self.read_raw_chunk()?;
        Ok(self.chunk[..length].to_vec())
    }

    /// Gives back bytes of [`Connection::receive_raw`] that turn out to be replies.
    pub fn give_back(&mut self, bytes: &[u8]) {
        self.decoder.feed(bytes);
    }

    /// Sends bytes as they are; on a connection that doesn't block perhaps only some of them.
    ///
    /// # Errors
    /// The connection is lost; `WouldBlock` where nothing can be sent now.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.stream.write(bytes)?;
        match self.stream.flush() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(length),
        }
    }

    /// Sends a request and waits for its reply; messages in between are left out.
    ///
    /// # Errors
    /// The connection is lost, or what came is no reply.
    pub fn call<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Result<Reply, Failure> {
        self.queue(words);
        self.flush()?;
        self.receive_in_band()
    }

    /// The next reply; messages that come unasked are left out.
    ///
    /// # Errors
    /// The connection is lost, or what came is no reply.
    pub fn receive_in_band(&mut self) -> Result<Reply, Failure> {
        loop {
            match self.receive()? {
                Reply::Push(_) => {}
                reply => return Ok(reply),
            }
        }
    }

    /// Whether bytes that were taken by [`Connection::send_raw`] are still to be sent.
    pub fn has_unsent(&self) -> bool {
        matches!(&self.stream, Stream::Tls(stream) if stream.conn.wants_write())
    }

    /// # Errors
    /// The system doesn't allow it.
    pub fn set_nonblocking(&self) -> io::Result<()> {
        self.stream.socket().set_nonblocking()
    }

    /// For waiting until there is something to read or room to write.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.stream.socket().as_fd()
    }

    /// What can end it from elsewhere.
    pub fn hangup(&self) -> Option<Hangup> {
        self.stream.socket().try_clone().ok().map(Hangup)
    }

    fn read_raw_chunk(&mut self) -> Result<usize, Failure> {
        loop {
            match self.stream.read(&mut self.chunk) {
                Ok(0) => return Err(Failure::Closed),
                Ok(length) => return Ok(length),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
