//! Requests: what a client sent, cut into arguments. Bounded and resumable, and without a copy.
//!
//! ```text
//! read buffer    *2 $3 GET $1 k   *1 $4 PING   *3 $3 SET $1 k $9000 xxxx        (CR LF left out)
//!                      |      |         |            |      |
//! Batch                a0     a1        a2           |      |
//!                 request 0: a0..a1  request 1: a2   |      |
//! Parser                                             a0     a1, at 9000 bytes of which 4 are here
//! ```
//!
//! The [`Parser`] remembers what it found in an unfinished request, so a bulk of 512 MB that arrives in small
//! reads is looked at once, and a request of a million arguments costs what it costs in one piece.
//!
//! Offsets are 32 bits wide, so one request is at most 4 GiB long, headers included: half the memory of wider
//! ones, and beyond what the default limits (512 MB a bulk, 1 GB of unread input) let in.
//!
//! The grammar, its limits and its errors are those of Redis 7.4, with one departure: where C's string
//! functions stop at a NUL byte, and the server waits for a line that has long come, NUL is a byte like any other.

use std::borrow::Cow;

use super::batch::{ArgRange, Batch};
use crate::base::num::parse_i64;
use crate::base::words::Words;

/// The longest request in bytes: what an offset can express.
const REQUEST_MAX: usize = u32::MAX as usize;
/// What a client may send before it has authenticated: arguments in a request.
const UNAUTHENTICATED_ARGS: i64 = 10;
/// What a client may send before it has authenticated: bytes in an argument.
const UNAUTHENTICATED_BULK: i64 = 16 * 1024;

/// What a client may send.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes in one argument (`proto-max-bulk-len`); 4 GiB at most, whatever it says.
    pub max_bulk_len: u64,
    /// Arguments in one request.
    pub max_multibulk: u32,
    /// Bytes to wait through for the end of a line.
    pub inline_max: usize,
    /// Whether the client has shown who it is; if not, much less is let in.
    pub authenticated: bool,
}

impl Default for Limits {
    /// Those of a fresh server without a password.
    fn default() -> Self {
        Limits {
            max_bulk_len: 512 * 1024 * 1024,
            max_multibulk: i32::MAX as u32,
            inline_max: 64 * 1024,
            authenticated: true,
        }
    }
}

/// Why the bytes of a client are no requests. The connection can't be used after it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProtocolError {
    /// The number of arguments is no number, or too high.
    InvalidMultibulkLength,
    /// The length of an argument is no number, negative or too high.
    InvalidBulkLength,
    /// An argument began with this byte in place of `$`.
    ExpectedBulk(u8),
    /// The line with the number of arguments doesn't end.
    MultibulkLineTooLong,
    /// The line with the length of an argument doesn't end.
    BulkLineTooLong,
    /// An inline request doesn't end.
    InlineTooLong,
    /// A quote of an inline request was left open, or text follows its end.
    UnbalancedQuotes,
    /// More than 10 arguments before authentication.
    UnauthenticatedMultibulk,
    /// An argument of more than 16 KB before authentication.
    UnauthenticatedBulk,
}

impl ProtocolError {
    /// The error to answer, with its code, for [`Reply::error`](super::Reply::error).
    pub fn text(self) -> Cow<'static, [u8]> {
        let text: &[u8] = match self {
            ProtocolError::InvalidMultibulkLength => b"ERR Protocol error: invalid multibulk length",
            ProtocolError::InvalidBulkLength => b"ERR Protocol error: invalid bulk length",
            // As Redis has it: what it formats ends at the NUL.
            ProtocolError::ExpectedBulk(0) => b"ERR Protocol error: expected '$', got '",
            ProtocolError::ExpectedBulk(got) => {
                return Cow::Owned([b"ERR Protocol error: expected '$', got '", &[got][..], b"'"].concat());
            }
            ProtocolError::MultibulkLineTooLong => b"ERR Protocol error: too big mbulk count string",
            ProtocolError::BulkLineTooLong => b"ERR Protocol error: too big bulk count string",
            ProtocolError::InlineTooLong => b"ERR Protocol error: too big inline request",
            ProtocolError::UnbalancedQuotes => b"ERR Protocol error: unbalanced quotes in request",
            ProtocolError::UnauthenticatedMultibulk => {
                b"ERR Protocol error: unauthenticated multibulk length"
            }
            ProtocolError::UnauthenticatedBulk => b"ERR Protocol error: unauthenticated bulk length",
        };
        Cow::Borrowed(text)
    }
}

/// What one call of [`Parser::parse`] came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Bytes that complete requests occupy, skipped empty ones included. The next call begins after them.
    pub consumed: usize,
    /// The batch was full before the input ended: parse the rest before reading more.
    pub more: bool,
    /// Bytes still to come of the argument that the input ends in, its CR LF included; 0 if there is none.
    pub need: usize,
    /// What follows the requests in the batch is no request: execute them, answer this, close.
    pub error: Option<ProtocolError>,
}

/// What is known of a request whose end has not arrived.
#[derive(Default)]
pub struct Parser {
    cursor: Cursor,
    /// Its arguments so far, from its first byte on. Empty between requests.
    args: Vec<ArgRange>,
}

/// A position inside a request, from the start of the parsed buffer.
#[derive(Clone, Copy, Default)]
struct Cursor {
    /// The first byte not cut into arguments yet.
    at: usize,
    /// Arguments still to come; 0 before the line that tells.
    missing: u32,
    /// Length of the argument at `at`, when its header has been read.
    bulk: Option<u32>,
    /// The line at `at` is known not to end before this offset; never beyond the end of that line.
    searched: usize,
}

/// How far an unfinished or wrong request could be read.
enum Stop {
    Incomplete,
    Wrong(ProtocolError),
}

impl From<ProtocolError> for Stop {
    fn from(error: ProtocolError) -> Self {
        Stop::Wrong(error)
    }
}

impl Parser {
    /// A parser at the beginning of a request.
    pub fn new() -> Self {
        Parser::default()
    }

    /// Cuts complete requests from `buf` until the batch, empty before, holds `max` or the input ends.
    ///
    /// `buf` begins at the first byte not consumed: between calls the caller drops what `consumed` tells,
    /// and may only append. Before authentication one request is taken at a time, since it may be the one
    /// that lifts the limits. After an error the parser is of no use.
    pub fn parse(&mut self, buf: &[u8], limits: &Limits, batch: &mut Batch, max: usize) -> Progress {
        let buf = &buf[..buf.len().min(REQUEST_MAX)];
        let max = if limits.authenticated { max } else { max.min(1) };
        let mut start = 0;
        while batch.len() < max && start < buf.len() {
            let first_arg = batch.args.len();
            let error = match self.request(buf, start, limits, batch) {
                Ok(end) => {
                    start = end;
                    self.cursor.searched = 0;
                    continue;
                }
                // No more bytes will make this one fit.
                Err(Stop::Incomplete) if start == 0 && buf.len() == REQUEST_MAX => {
                    ProtocolError::InvalidBulkLength
                }
                Err(Stop::Incomplete) => {
                    self.suspend(start, batch.args.drain(first_arg..));
                    let need = self.cursor.need(buf.len() - start);
                    return Progress { consumed: start, more: false, need, error: None };
                }
                Err(Stop::Wrong(error)) => error,
            };
            batch.args.truncate(first_arg);
            return Progress { consumed: start, more: false, need: 0, error: Some(error) };
        }
        Progress { consumed: start, more: start < buf.len(), need: 0, error: None }
    }

    /// Bytes of the unfinished request that have been cut into arguments, their headers included.
    pub fn parsed(&self) -> usize {
        if self.cursor.missing > 0 { self.cursor.at } else { 0 }
    }

    /// Reads the request at `start`, or the rest of it, to its end.
    #[inline]
    fn request(
        &mut self,
        buf: &[u8],
        start: usize,
        limits: &Limits,
        batch: &mut Batch,
    ) -> Result<usize, Stop> {
        let cursor = &mut self.cursor;
        if cursor.missing == 0 {
            if let Some(end) = whole_request(buf, start, limits, &mut batch.args) {
                batch.end_request(false);
                return Ok(end);
            }
            cursor.at = start;
            if buf[start] != b'*' {
                return inline_request(buf, cursor, limits, batch);
            }
            multibulk_header(buf, cursor, limits)?;
            if cursor.missing > 0 {
                bulks(buf, cursor, limits, &mut batch.args)?;
                batch.end_request(false);
            }
        } else {
            bulks(buf, cursor, limits, &mut self.args)?;
            batch.args.append(&mut self.args);
            self.args = Vec::new();
            batch.end_request(false);
        }
        Ok(cursor.at)
    }

    /// Keeps what is known of the unfinished request at `start`, as seen from its first byte.
    #[cold]
    fn suspend(&mut self, start: usize, args: impl Iterator<Item = ArgRange>) {
        self.args.extend(args.map(|arg| arg.moved_back(start)));
        self.cursor.at -= start;
        self.cursor.searched = self.cursor.searched.saturating_sub(start);
    }
}

impl Cursor {
    fn need(&self, available: usize) -> usize {
        self.bulk.map_or(0, |len| (self.at + len as usize + 2).saturating_sub(available))
    }

    /// Finds `end` in the line at `at`, searching no byte twice.
    fn find(&mut self, buf: &[u8], end: u8) -> Option<usize> {
        let from = self.searched.max(self.at);
        let found = memchr::memchr(end, &buf[from..]);
        if found.is_none() {
            self.searched = buf.len();
        }
        found.map(|distance| from + distance)
    }

    /// Reads the line at `at` behind its mark as a number. The CR that ends it counts when one more byte is
    /// there, whichever. The caller sets `at` behind both.
    #[cold]
    fn number_line(
        &mut self,
        buf: &[u8],
        limits: &Limits,
        too_long: ProtocolError,
    ) -> Result<(usize, Option<i64>), Stop> {
        match self.find(buf, b'\r') {
            Some(cr) if cr + 1 < buf.len() => {
                Ok((cr + 2, parse_i64(buf.get(self.at + 1..cr).unwrap_or(b""))))
            }
            Some(cr) => {
                self.searched = cr;
                Err(Stop::Incomplete)
            }
            None if buf.len() - self.at > limits.inline_max => Err(too_long.into()),
            None => Err(Stop::Incomplete),
        }
    }
}

/// Cuts the request at `start` if all of it is there and its numbers are as clients write them; gives where the next
/// one begins. `None`, with no argument cut, says only that a closer look is due.
#[inline]
fn whole_request(buf: &[u8], start: usize, limits: &Limits, args: &mut Vec<ArgRange>) -> Option<usize> {
    let (count, mut at) = short_number(buf, start, b'*')?;
    if count == 0 || count > limits.max_multibulk || !limits.authenticated {
        return None;
    }
    let before = args.len();
    for _ in 0..count {
        match short_number(buf, at, b'$') {
            Some((len, bulk)) if fits(buf, bulk, len, limits) => {
                args.push(ArgRange::new(bulk, len as usize));
                at = bulk + len as usize + 2;
            }
            _ => {
                args.truncate(before);
                return None;
            }
        }
    }
    Some(at)
}

/// Whether a bulk of an allowed length is there with its CR LF.
#[inline(always)]
fn fits(buf: &[u8], at: usize, len: u32, limits: &Limits) -> bool {
    at + len as usize + 2 <= buf.len() && u64::from(len) <= limits.max_bulk_len
}

/// The value of a line of a mark and one to eight digits, and where the next line begins. `None` says only that a
/// closer look is due.
#[inline(always)]
fn short_number(buf: &[u8], at: usize, mark: u8) -> Option<(u32, usize)> {
    const CR_LF: [u8; 2] = *b"\r\n";
    // Shorter than this is no line that anything follows.
    let &[first, a, b, c, d, e] = buf.get(at..)?.first_chunk()?;
    let digit = |byte: u8| Some(u32::from(byte.wrapping_sub(b'0'))).filter(|digit| *digit <= 9);
    let ones = digit(a).filter(|_| first == mark)?;
    if [b, c] == CR_LF {
        return Some((ones, at + 4));
    }
    let tens = ones * 10 + digit(b).filter(|_| ones > 0)?;
    if [c, d] == CR_LF {
        return Some((tens, at + 5));
    }
    let hundreds = tens * 10 + digit(c)?;
    if [d, e] == CR_LF {
        return Some((hundreds, at + 6));
    }
    let mut value = hundreds;
    for (i, &byte) in buf.iter().enumerate().skip(at + 4).take(6) {
        match digit(byte) {
            Some(digit) if i < at + 9 => value = value * 10 + digit,
            _ => return (buf.get(i..i + 2)? == CR_LF).then_some((value, i + 2)),
        }
    }
    None
}

/// Reads the line that tells the number of arguments. A number of 0 or less makes an empty request.
#[inline]
fn multibulk_header(buf: &[u8], cursor: &mut Cursor, limits: &Limits) -> Result<(), Stop> {
    let (next, count) = cursor.number_line(buf, limits, ProtocolError::MultibulkLineTooLong)?;
    let Some(count) = count.filter(|count| *count <= i64::from(limits.max_multibulk)) else {
        return Err(ProtocolError::InvalidMultibulkLength.into());
    };
    if count > UNAUTHENTICATED_ARGS && !limits.authenticated {
        return Err(ProtocolError::UnauthenticatedMultibulk.into());
    }
    cursor.missing = count.max(0) as u32;
    cursor.at = next;
    Ok(())
}

/// Cuts the missing arguments of a request.
#[inline]
fn bulks(buf: &[u8], cursor: &mut Cursor, limits: &Limits, args: &mut Vec<ArgRange>) -> Result<(), Stop> {
    while cursor.missing > 0 {
        let len = match cursor.bulk {
            Some(len) => len,
            None => bulk_header(buf, cursor, limits)?,
        };
        let next = cursor.at + len as usize + 2;
        if next > buf.len() {
            cursor.bulk = Some(len);
            return Err(Stop::Incomplete);
        }
        args.push(ArgRange::new(cursor.at, len as usize));
        cursor.bulk = None;
        cursor.at = next;
        cursor.missing -= 1;
    }
    Ok(())
}

/// Reads the line that tells the length of the next argument.
#[inline]
fn bulk_header(buf: &[u8], cursor: &mut Cursor, limits: &Limits) -> Result<u32, Stop> {
    if limits.authenticated
        && let Some((len, next)) = short_number(buf, cursor.at, b'$')
        && u64::from(len) <= limits.max_bulk_len
    {
        cursor.at = next;
        return Ok(len);
    }
    let line = &buf[cursor.at..];
    let (next, len) = cursor.number_line(buf, limits, ProtocolError::BulkLineTooLong)?;
    if line[0] != b'$' {
        return Err(ProtocolError::ExpectedBulk(line[0]).into());
    }
    let max = limits.max_bulk_len.min(REQUEST_MAX as u64) as i64;
    let Some(len) = len.filter(|len| (0..=max).contains(len)) else {
        return Err(ProtocolError::InvalidBulkLength.into());
    };
    if len > UNAUTHENTICATED_BULK && !limits.authenticated {
        return Err(ProtocolError::UnauthenticatedBulk.into());
    }
    cursor.at = next;
    Ok(len as u32)
}

/// Reads the inline request at the cursor; gives where the next one begins.
#[cold]
fn inline_request(
    buf: &[u8],
    cursor: &mut Cursor,
    limits: &Limits,
    batch: &mut Batch,
) -> Result<usize, Stop> {
    let Some(newline) = cursor.find(buf, b'\n') else {
        let too_long = buf.len() - cursor.at > limits.inline_max;
        return Err(if too_long { ProtocolError::InlineTooLong.into() } else { Stop::Incomplete });
    };
    let line = &buf[cursor.at..newline];
    let before = batch.args.len();
    let mut words = Words::new(line.strip_suffix(b"\r").unwrap_or(line));
    loop {
        let start = batch.unquoted.len();
        if !words.next_into(&mut batch.unquoted).map_err(|_| ProtocolError::UnbalancedQuotes)? {
            break;
        }
        batch.args.push(ArgRange::new(start, batch.unquoted.len() - start));
    }
    if batch.args.len() > before {
        batch.end_request(true);
    }
    Ok(newline + 1)
}

#[cfg(test)]
mod tests;
