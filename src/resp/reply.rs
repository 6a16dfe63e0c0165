//! Replies: the only place that makes reply bytes, in RESP2 or RESP3.
//!
//! A handler says what it means (a map of 3 pairs, a null, a double) and the buffer knows how the client's
//! protocol writes it:
//!
//! ```text
//!                RESP3                 RESP2
//! map(n)         %n                    *2n
//! set(n)         ~n                    *n
//! push(n)        >n                    *n
//! null           _                     $-1
//! null_array     _                     *-1
//! bool           #t  #f                :1  :0
//! double         ,1.5                  $3 1.5
//! big_number     (123                  $3 123
//! verbatim       =7 txt:abc            $3 abc
//! ```
//!
//! An aggregate whose length shows only at its end is begun by [`Reply::defer`], which leaves a gap of four
//! bytes, room for a header of one digit. A longer header moves what follows by the digits it is longer.

use std::iter;

use super::Protocol;
use crate::base::num::{DoubleText, IntText};

/// The gap that [`Reply::defer`] leaves: mark, one digit, CR LF.
const GAP: usize = 4;
/// The longest header or number line: mark, 20 characters, CR LF.
const LINE_MAX: usize = 23;
/// Strings up to this length are what collections are mostly made of, in bytes.
const SHORT: usize = 32;
/// No line of such a string is longer: mark, two digits, two line ends.
const SHORT_LINE: usize = 40;
/// Their headers, of four or five bytes.
const SHORT_HEADERS: [[u8; 8]; SHORT + 1] = {
    let mut headers = [*b"$0\r\n\0\0\0\0"; SHORT + 1];
    let mut len = 0;
    while len <= SHORT {
        let (tens, ones) = (b'0' + (len / 10) as u8, b'0' + (len % 10) as u8);
        headers[len] = if len < 10 {
            [b'$', ones, b'\r', b'\n', 0, 0, 0, 0]
        } else {
            [b'$', tens, ones, b'\r', b'\n', 0, 0, 0]
        };
        len += 1;
    }
    headers
};
/// What [`Reply::clear`] keeps at most, in bytes.
const KEPT: usize = 64 * 1024;

/// The bytes that one client is to receive.
#[derive(Default)]
pub struct Reply {
    buf: Vec<u8>,
    protocol: Protocol,
}

/// An aggregate begun by [`Reply::defer`] whose header is not written yet. Inner ones end before outer ones.
#[must_use = "without its header the reply is broken"]
pub struct Deferred {
    at: usize,
}

impl Reply {
    /// An empty reply, without memory of its own yet.
    pub fn new(protocol: Protocol) -> Self {
        Reply { buf: Vec::new(), protocol }
    }

    /// Speaks another protocol from here on.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// The protocol of what comes next.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Whether maps, sets, doubles and nulls have types of their own.
    #[inline]
    pub fn is_resp3(&self) -> bool {
        self.protocol == Protocol::Resp3
    }

    /// Bytes so far.
    #[inline]
    pub fn len(&self) -> usize {
        self.buf.len()
    }

    /// Whether nothing was replied.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.buf.is_empty()
    }

    /// Bytes allocated.
    pub fn capacity(&self) -> usize {
        self.buf.capacity()
    }

    /// All bytes so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.buf
    }

    /// Takes the bytes and leaves an empty reply.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buf)
    }

    /// Forgets all bytes and keeps the memory for the next ones, unless it is much.
    pub fn clear(&mut self) {
        self.buf.clear();
        self.buf.shrink_to(KEPT);
    }

    /// Forgets the first bytes.
    pub fn drop_front(&mut self, bytes: usize) {
        self.buf.drain(..bytes);
    }

    /// Gives back memory beyond the bytes that are there.
    pub fn release(&mut self) {
        self.buf.shrink_to_fit();
    }

    /// Forgets all but the first `len` bytes: an earlier [`len`](Self::len) goes back to that state.
    pub fn truncate(&mut self, len: usize) {
        self.buf.truncate(len);
    }

    /// Makes room for `bytes` more.
    pub fn reserve(&mut self, bytes: usize) {
        self.buf.reserve(bytes);
    }

    /// `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.buf.extend_from_slice(b"+OK\r\n");
    }

    /// A status. CR and LF in it become spaces.
    pub fn simple(&mut self, text: impl AsRef<[u8]>) {
        self.line(b'+', text.as_ref());
    }

    /// An error: its code and its text, without the `-`. CR and LF in it become spaces.
    pub fn error(&mut self, text: impl AsRef<[u8]>) {
        self.line(b'-', text.as_ref());
    }

    /// An integer.
    #[inline]
    pub fn int(&mut self, value: i64) {
        match u8::try_from(value) {
            Ok(small @ 0..=9) => self.buf.extend_from_slice(&[b':', b'0' + small, b'\r', b'\n']),
            _ => self.number_line(b':', IntText::new().format(value)),
        }
    }

    /// A string of any bytes.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        if bytes.len() <= SHORT {
            return self.short_bulk(bytes);
        }
        self.buf.reserve(bytes.len() + LINE_MAX + 2);
        self.header(b'$', bytes.len());
        self.buf.extend_from_slice(bytes);
        self.buf.extend_from_slice(b"\r\n");
    }

    /// A string of at most `SHORT` bytes: written over a line of fixed length, so that nothing is called and little is
    /// checked on the way.
    #[inline]
    fn short_bulk(&mut self, bytes: &[u8]) {
        let start = self.buf.len();
        self.buf.extend_from_slice(&[0; SHORT_LINE]);
        let line: &mut [u8; SHORT_LINE] = self.buf.last_chunk_mut().expect("it was just written");
        put(line, 0, &SHORT_HEADERS[bytes.len()]);
        let header = if bytes.len() < 10 { 4 } else { 5 };
        let rest = &mut line[header..];
        put_short(rest, bytes);
        put(rest, bytes.len(), b"\r\n");
        self.buf.truncate(start + header + bytes.len() + 2);
    }

    /// An integer as a string.
    #[inline]
    pub fn bulk_int(&mut self, value: i64) {
        self.bulk(IntText::new().format(value).as_bytes());
    }

    /// The absence of a value.
    #[inline]
    pub fn null(&mut self) {
        let null: &[u8] = if self.is_resp3() { b"_\r\n" } else { b"$-1\r\n" };
        self.buf.extend_from_slice(null);
    }

    /// The absence of an array.
    #[inline]
    pub fn null_array(&mut self) {
        let null: &[u8] = if self.is_resp3() { b"_\r\n" } else { b"*-1\r\n" };
        self.buf.extend_from_slice(null);
    }

    /// The header of an array: `len` replies follow.
    #[inline]
    pub fn array(&mut self, len: usize) {
        self.header(b'*', len);
    }

    /// The header of a map: `pairs` times two replies follow.
    #[inline]
    pub fn map(&mut self, pairs: usize) {
        let (mark, len) = self.map_header(pairs);
        self.header(mark, len);
    }

    /// The header of a set: `len` replies follow.
    #[inline]
    pub fn set(&mut self, len: usize) {
        self.header(self.mark_or_array(b'~'), len);
    }

    /// The header of what no request asked for: `len` replies follow.
    #[inline]
    pub fn push(&mut self, len: usize) {
        self.header(self.mark_or_array(b'>'), len);
    }

    /// The header of attributes of the reply after them: `pairs` times two replies follow. Only RESP3 has them.
    pub fn attribute(&mut self, pairs: usize) {
        debug_assert!(self.is_resp3(), "RESP2 has no attributes");
        self.header(b'|', pairs);
    }

    /// A floating-point number.
    pub fn double(&mut self, value: f64) {
        self.number_text(b',', DoubleText::new(value).as_bytes());
    }

    /// A floating-point number in a notation of the caller's.
    pub fn double_text(&mut self, text: &[u8]) {
        self.number_text(b',', text);
    }

    /// A truth value.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        let text: &[u8] = match (self.protocol, value) {
            (Protocol::Resp3, true) => b"#t\r\n",
            (Protocol::Resp3, false) => b"#f\r\n",
            (Protocol::Resp2, true) => b":1\r\n",
            (Protocol::Resp2, false) => b":0\r\n",
        };
        self.buf.extend_from_slice(text);
    }

    /// An integer of any size, in decimal.
    pub fn big_number(&mut self, digits: impl AsRef<[u8]>) {
        self.number_text(b'(', digits.as_ref());
    }

    /// Text for people. `format` tells what kind in three characters, padded or cut: `txt`, `mkd`.
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        if !self.is_resp3() {
            return self.bulk(text);
        }
        let mut prefix = *b"   :";
        for (to, from) in prefix[..3].iter_mut().zip(format.bytes()) {
            *to = from;
        }
        self.buf.reserve(text.len() + prefix.len() + LINE_MAX + 2);
        self.header(b'=', text.len() + prefix.len());
        self.buf.extend_from_slice(&prefix);
        self.buf.extend_from_slice(text);
        self.buf.extend_from_slice(b"\r\n");
    }

    /// Bytes that are replies already, of this client's protocol.
    #[inline]
    pub fn raw(&mut self, replies: &[u8]) {
        self.buf.extend_from_slice(replies);
    }

    /// Begins an aggregate whose length shows at its end: one of the `finish_` calls writes its header.
    pub fn defer(&mut self) -> Deferred {
        let at = self.buf.len();
        self.buf.extend_from_slice(&[0; GAP]);
        Deferred { at }
    }

    /// Ends an array of `len` replies.
    pub fn finish_array(&mut self, deferred: Deferred, len: usize) {
        self.finish(deferred, b'*', len);
    }

    /// Ends a map of `pairs` times two replies.
    pub fn finish_map(&mut self, deferred: Deferred, pairs: usize) {
        let (mark, len) = self.map_header(pairs);
        self.finish(deferred, mark, len);
    }

    /// Ends a set of `len` replies.
    pub fn finish_set(&mut self, deferred: Deferred, len: usize) {
        self.finish(deferred, self.mark_or_array(b'~'), len);
    }

    fn map_header(&self, pairs: usize) -> (u8, usize) {
        if self.is_resp3() { (b'%', pairs) } else { (b'*', pairs * 2) }
    }

    fn mark_or_array(&self, mark: u8) -> u8 {
        if self.is_resp3() { mark } else { b'*' }
    }

    /// A header: its mark and a length.
    #[inline]
    fn header(&mut self, mark: u8, len: usize) {
        let digit = |n: usize| b'0' + (n % 10) as u8;
        match len {
            0..=9 => self.buf.extend_from_slice(&[mark, digit(len), b'\r', b'\n']),
            10..=99 => self.buf.extend_from_slice(&[mark, digit(len / 10), digit(len), b'\r', b'\n']),
            _ => self.number_line(mark, IntText::new().format(len)),
        }
    }

    /// A line of a mark and a number of at most 20 characters, written as [`Reply::short_bulk`] writes.
    #[inline]
    fn number_line(&mut self, mark: u8, number: &str) {
        let start = self.buf.len();
        self.buf.extend_from_slice(&[0; SHORT_LINE]);
        let line: &mut [u8; SHORT_LINE] = self.buf.last_chunk_mut().expect("it was just written");
        put(line, 0, &[mark]);
        put_short(&mut line[1..], number.as_bytes());
        put(line, 1 + number.len(), b"\r\n");
        self.buf.truncate(start + number.len() + 3);
    }

    /// A line of a mark and text without line ends.
    fn line(&mut self, mark: u8, text: &[u8]) {
        self.buf.reserve(text.len() + 3);
        self.buf.push(mark);
        let start = self.buf.len();
        self.buf.extend_from_slice(text);
        for byte in &mut self.buf[start..] {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        self.buf.extend_from_slice(b"\r\n");
    }

    /// A number that has a type of its own in RESP3 and is a string in RESP2.
    fn number_text(&mut self, mark: u8, text: &[u8]) {
        if self.is_resp3() { self.line(mark, text) } else { self.bulk(text) }
    }

    /// Puts the header into the gap, which widens to fit.
    fn finish(&mut self, Deferred { at }: Deferred, mark: u8, len: usize) {
        let gap = at..at + GAP;
        debug_assert!(self.buf.get(gap.clone()).is_some_and(|bytes| bytes == [0; GAP]), "no gap at {gap:?}");
        let mut digits = IntText::new();
        let digits = digits.format(len).bytes();
        self.buf.splice(gap, iter::once(mark).chain(digits).chain(*b"\r\n"));
    }
}

/// Writes bytes of a fixed number into `to`, which is long enough: one instruction or two.
#[inline]
fn put<const N: usize>(to: &mut [u8], at: usize, bytes: &[u8; N]) {
    if let Some(to) = to[at..].first_chunk_mut() {
        *to = *bytes;
    }
}

/// Writes at most [`SHORT`] bytes to the head of `to`: in two pieces of one length, which may overlap.
#[inline]
fn put_short(to: &mut [u8], bytes: &[u8]) {
    #[inline]
    fn pieces<const N: usize>(to: &mut [u8], bytes: &[u8]) {
        if let (Some(first), Some(last)) = (bytes.first_chunk::<N>(), bytes.last_chunk::<N>()) {
            put(to, 0, first);
            put(to, bytes.len() - N, last);
        }
    }
    match bytes.len() {
        16.. => pieces::<16>(to, bytes),
        8.. => pieces::<8>(to, bytes),
        4.. => pieces::<4>(to, bytes),
        2.. => pieces::<2>(to, bytes),
        _ => pieces::<1>(to, bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What both protocols make of the same calls.
    fn both(write: impl Fn(&mut Reply)) -> (String, String) {
        let text = |protocol| {
            let mut reply = Reply::new(protocol);
            write(&mut reply);
            String::from_utf8(reply.take()).expect("test replies are text")
        };
        (text(Protocol::Resp2), text(Protocol::Resp3))
    }

    fn same(write: impl Fn(&mut Reply), expected: &str) {
        assert_eq!(both(write), (expected.to_owned(), expected.to_owned()));
    }

    fn differ(write: impl Fn(&mut Reply), resp2: &str, resp3: &str) {
        assert_eq!(both(write), (resp2.to_owned(), resp3.to_owned()));
    }

    #[test]
    fn scalars_of_both_protocols() {
        same(Reply::ok, "+OK\r\n");
        same(|r| r.simple("QUEUED"), "+QUEUED\r\n");
        for value in [0, 9, 10, -1, 42, 99, 100, i64::MAX, i64::MIN] {
            same(|r| r.int(value), &format!(":{value}\r\n"));
            let text = value.to_string();
            same(|r| r.bulk_int(value), &format!("${}\r\n{text}\r\n", text.len()));
        }
        for len in (0..=40).chain([99, 100, 12_345]) {
            let text = "x".repeat(len);
            same(|r| r.bulk(text.as_bytes()), &format!("${len}\r\n{text}\r\n"));
            same(|r| r.array(len), &format!("*{len}\r\n"));
        }
        same(|r| r.raw(b":1\r\n"), ":1\r\n");
    }

    #[test]
    fn line_ends_cannot_break_out_of_a_line() {
        same(|r| r.error("ERR a\r\n+OK\r\n"), "-ERR a  +OK  \r\n");
        same(|r| r.simple(b"a\nb"), "+a b\r\n");
        differ(|r| r.big_number("1\r2"), "$3\r\n1\r2\r\n", "(1 2\r\n");
    }

    #[test]
    fn resp2_stands_in_for_types_it_lacks() {
        differ(Reply::null, "$-1\r\n", "_\r\n");
        differ(Reply::null_array, "*-1\r\n", "_\r\n");
        differ(|r| r.bool(true), ":1\r\n", "#t\r\n");
        differ(|r| r.bool(false), ":0\r\n", "#f\r\n");
        differ(|r| r.map(5), "*10\r\n", "%5\r\n");
        differ(|r| r.set(5), "*5\r\n", "~5\r\n");
        differ(|r| r.push(3), "*3\r\n", ">3\r\n");
        differ(|r| r.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n");
        differ(|r| r.double(f64::NEG_INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n");
        differ(|r| r.double_text(b"1.10"), "$4\r\n1.10\r\n", ",1.10\r\n");
        differ(|r| r.big_number("123"), "$3\r\n123\r\n", "(123\r\n");
        differ(|r| r.verbatim("txt", b"a\nb"), "$3\r\na\nb\r\n", "=7\r\ntxt:a\nb\r\n");
        differ(|r| r.verbatim("m", b""), "$0\r\n\r\n", "=4\r\nm  :\r\n");
    }

    #[test]
    fn resp3_only_attributes() {
        let mut reply = Reply::new(Protocol::Resp3);
        reply.attribute(1);
        assert_eq!(reply.as_bytes(), b"|1\r\n");
    }

    #[test]
    fn deferred_headers_of_any_width_nest() {
        for (outer, inner) in [(0, 0), (1, 9), (9, 10), (10, 9), (150, 12)] {
            let (resp2, resp3) = both(|r| {
                r.int(7);
                let array = r.defer();
                for _ in 0..outer {
                    let map = r.defer();
                    for _ in 0..inner {
                        r.bulk(b"k");
                        let set = r.defer();
                        r.finish_set(set, 0);
                    }
                    r.finish_map(map, inner);
                }
                r.finish_array(array, outer);
                r.int(8);
            });
            let expected = |map: String, set: &str| {
                let pairs = format!("$1\r\nk\r\n{set}0\r\n").repeat(inner);
                format!(":7\r\n*{outer}\r\n{}:8\r\n", format!("{map}\r\n{pairs}").repeat(outer))
            };
            assert_eq!(resp2, expected(format!("*{}", inner * 2), "*"));
            assert_eq!(resp3, expected(format!("%{inner}"), "~"));
        }
    }

    #[test]
    fn goes_back_to_a_mark_and_keeps_little_memory() {
        let mut reply = Reply::new(Protocol::Resp2);
        reply.ok();
        let mark = reply.len();
        reply.array(100);
        reply.null();
        reply.truncate(mark);
        assert_eq!(reply.as_bytes(), b"+OK\r\n");
        reply.bulk(&[b'x'; 1 << 20]);
        reply.clear();
        assert!(reply.is_empty() && reply.capacity() <= KEPT);
        reply.set_protocol(Protocol::Resp3);
        reply.null();
        assert_eq!((reply.protocol(), reply.as_bytes()), (Protocol::Resp3, &b"_\r\n"[..]));
    }
}
