//! `--pipe`: standard input goes to the server as it is, while its replies are counted.
//!
//! Sending and receiving take turns on a socket that doesn't block, so neither side fills up the other. After the
//! last byte goes an ECHO of random bytes: when they come back, all replies have come.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use redstart::config::errors::os_text;

use crate::connection::{Connection, Failure};
use crate::output;
use crate::session::{Failed, Session};
use crate::wire::{Reply, encode};

const MAGIC: usize = 20;
/// How often at least it is looked whether the last replies are late, in milliseconds.
const TICK_MS: u16 = 1000;

/// Transfers everything.
///
/// # Errors
/// The connection is lost, the last replies don't come in time, or there were errors among the replies.
pub fn run(session: &mut Session, timeout: Option<Duration>) -> Result<(), Failed> {
    let connection = session.connection()?;
    connection
        .set_nonblocking()
        .map_err(|why| Failed(format!("Can't set the socket in non blocking mode: {}", os_text(&why))))?;
    let mut transfer = Transfer::new(connection);
    let all_came = transfer.run(timeout)?;
    if !all_came {
        eprintln!("No replies for {} seconds: exiting.", timeout.unwrap_or_default().as_secs());
        transfer.errors += 1;
    }
    output::print(format_args!("errors: {}, replies: {}\n", transfer.errors, transfer.replies));
    if transfer.errors == 0 { Ok(()) } else { Err(Failed(String::new())) }
}

struct Transfer<'a> {
    connection: &'a mut Connection,
    /// Read from standard input and not sent yet, from `sent` on.
    pending: Vec<u8>,
    sent: usize,
    /// There at the end of standard input.
    magic: Option<Vec<u8>>,
    done: bool,
    errors: u64,
    replies: u64,
    last_reply: Instant,
}

impl Transfer<'_> {
    fn new(connection: &mut Connection) -> Transfer<'_> {
        Transfer {
            connection,
            pending: Vec::new(),
            sent: 0,
            magic: None,
            done: false,
            errors: 0,
            replies: 0,
            last_reply: Instant::now(),
        }
    }

    /// Tells whether all replies have come.
    fn run(&mut self, timeout: Option<Duration>) -> Result<bool, Failed> {
        while !self.done {
            let (server, room, input) = self.wait();
            if server {
                self.receive()?;
            }
            if input && self.nothing_pending() {
                self.load()?;
            }
            if room {
                self.send()?;
            }
            let late = timeout.is_some_and(|timeout| self.last_reply.elapsed() > timeout);
            if self.magic.is_some() && late && !self.done {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn nothing_pending(&self) -> bool {
        self.sent == self.pending.len()
    }

    /// Whether there are replies, room to send, and more input.
    fn wait(&self) -> (bool, bool, bool) {
        let sending = !self.nothing_pending() || self.connection.has_unsent();
        let loading = self.magic.is_none() && self.nothing_pending();
        let mut server = PollFlags::POLLIN;
        server.set(PollFlags::POLLOUT, sending);
        let mut fds = vec![PollFd::new(self.connection.fd(), server)];
        let stdin = io::stdin();
        if loading {
            fds.push(PollFd::new(stdin.as_fd(), PollFlags::POLLIN));
        }
        if poll(&mut fds, PollTimeout::from(TICK_MS)).is_err() {
            return (false, false, false);
        }
        let found = fds[0].revents().unwrap_or(PollFlags::empty());
        let broken = PollFlags::POLLERR | PollFlags::POLLHUP;
        let input = fds.get(1).and_then(PollFd::any).unwrap_or(false);
        (found.intersects(PollFlags::POLLIN | broken), sending && found.contains(PollFlags::POLLOUT), input)
    }

    fn receive(&mut self) -> Result<(), Failed> {
        loop {
            let read = self.connection.fill();
            let failed = |_| Failed("Error reading replies from server".into());
            while let Some(reply) = self.connection.buffered().map_err(failed)? {
                self.last_reply = Instant::now();
                self.count(&reply);
            }
            match read {
                Ok(()) => {}
                Err(Failure::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(_) if self.done => return Ok(()),
                Err(_) => return Err(Failed(String::new())),
            }
        }
    }

    fn count(&mut self, reply: &Reply) {
        if let Some(error) = reply.error() {
            eprintln!("{error}");
            self.errors += 1;
        } else if let (Reply::Bulk(text), Some(magic)) = (reply, &self.magic)
            && text == magic
        {
            output::print(format_args!("Last reply received from server.\n"));
            self.done = true;
            return;
        }
        self.replies += 1;
    }

    /// Reads some input; at its end the ECHO takes its place.
    fn load(&mut self) -> Result<(), Failed> {
        self.pending.resize(16 * 1024, 0);
        self.sent = 0;
        let read = io::stdin().lock().read(&mut self.pending);
        let length = read.map_err(|why| Failed(format!("Error reading from stdin: {}", os_text(&why))));
        self.pending.truncate(*length.as_ref().unwrap_or(&0));
        if length? == 0 {
            let magic: Vec<u8> = (0..MAGIC).map(|_| fastrand::u8(..)).collect();
            // The line end completes what the input may have left unfinished.
            self.pending.extend_from_slice(b"\r\n");
            encode(&[&b"ECHO"[..], &magic], &mut self.pending);
            self.magic = Some(magic);
            self.last_reply = Instant::now();
            output::print(format_args!("All data transferred. Waiting for the last reply...\n"));
        }
        Ok(())
    }

    fn send(&mut self) -> Result<(), Failed> {
        match self.connection.send_raw(&self.pending[self.sent..]) {
            Ok(length) => self.sent += length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(Failed(format!("Error writing to the server: {}", os_text(&error)))),
        }
        Ok(())
    }
}
