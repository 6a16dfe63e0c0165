//! Where encodings are read from: lengths, strings and numbers, with the offset and the checksum.
//!
//! ```text
//! buffer   | summed up | read | not yet read |
//!          0         summed   at            end      base: offset of the buffer's first byte
//! ```
//!
//! The checksum covers what was read, not what the buffer has seen, and is computed in long runs.

use std::io::{ErrorKind, Read};

use super::error::{Error, Reason};
use crate::base::crc::crc64;
use crate::base::lzf;
use crate::base::num::IntText;

/// Bytes that are fetched at once.
const BUFFER: usize = 128 << 10;
/// Memory that a length gets before its bytes have come.
const TRUSTED: usize = 1 << 20;

/// A buffered reader that knows the numbers and strings of the format.
pub(super) struct Source<R> {
    input: R,
    buffer: Box<[u8]>,
    at: usize,
    end: usize,
    summed: usize,
    base: u64,
    crc: u64,
    /// Where the number or string that was read last begins.
    mark: u64,
}

impl<R: Read> Source<R> {
    /// A source of what `input` gives, in portions of a fitting size.
    pub fn new(input: R) -> Self {
        Source::with_buffer(input, BUFFER)
    }

    /// A source that fetches up to `size` bytes at once, 16 at least.
    pub fn with_buffer(input: R, size: usize) -> Self {
        let buffer = vec![0; size.clamp(16, BUFFER)].into();
        Source { input, buffer, at: 0, end: 0, summed: 0, base: 0, crc: 0, mark: 0 }
    }

    /// Bytes read so far.
    pub fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    /// The CRC-64 of the bytes read so far.
    pub fn checksum(&mut self) -> u64 {
        self.sum_up();
        self.crc
    }

    /// What is left of the input.
    pub fn into_rest(self) -> impl Read {
        let mut fetched = self.buffer.into_vec();
        fetched.truncate(self.end);
        fetched.drain(..self.at);
        std::io::Cursor::new(fetched).chain(self.input)
    }

    /// Whether everything has been read.
    pub fn is_exhausted(&mut self) -> Result<bool, Error> {
        Ok(self.at == self.end && !self.fetch()?)
    }

    /// An error about what was read last.
    #[cold]
    pub fn error(&self, reason: Reason) -> Error {
        Error { offset: self.mark, reason }
    }

    /// An error about the data that was read last.
    #[cold]
    pub fn damaged(&self, what: &'static str) -> Error {
        self.error(Reason::Damaged(what))
    }

    /// Reads bytes as they are.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.mark = self.offset();
        self.next()
    }

    /// Reads a byte.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, Error> {
        self.array().map(|[byte]| byte)
    }

    /// Reads a time in ms.
    pub fn time(&mut self) -> Result<i64, Error> {
        self.array().map(i64::from_le_bytes)
    }

    /// Reads a length.
    #[inline]
    pub fn length(&mut self) -> Result<u64, Error> {
        self.mark = self.offset();
        self.plain_length()
    }

    /// Reads a length as a number of things in memory.
    #[inline]
    pub fn count(&mut self) -> Result<usize, Error> {
        let length = self.length()?;
        usize::try_from(length).map_err(|_| self.error(Reason::Truncated))
    }

    /// Reads a string.
    pub fn string(&mut self) -> Result<Vec<u8>, Error> {
        let mut string = Vec::new();
        self.string_into(&mut string)?;
        Ok(string)
    }

    /// Reads a string in the place of what `string` holds.
    pub fn string_into(&mut self, string: &mut Vec<u8>) -> Result<(), Error> {
        self.mark = self.offset();
        string.clear();
        let integer: i64 = match self.head()? {
            Head::Length(length) => return self.append(length, string),
            Head::Special(0) => i8::from_le_bytes(self.next()?).into(),
            Head::Special(1) => i16::from_le_bytes(self.next()?).into(),
            Head::Special(2) => i32::from_le_bytes(self.next()?).into(),
            Head::Special(3) => return self.decompress(string),
            Head::Special(code) => return Err(self.error(Reason::UnknownCode(0xC0 | code))),
        };
        string.extend_from_slice(IntText::new().format(integer).as_bytes());
        Ok(())
    }

    fn decompress(&mut self, string: &mut Vec<u8>) -> Result<(), Error> {
        let (compressed_length, length) = (self.plain_length()?, self.plain_length()?);
        let mut compressed = Vec::new();
        self.append(compressed_length, &mut compressed)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let text = lzf::decompress(&compressed, length);
        *string = text.ok_or_else(|| self.damaged("a compressed string is damaged"))?;
        Ok(())
    }

    /// The same within a string.
    #[inline]
    fn plain_length(&mut self) -> Result<u64, Error> {
        match self.head()? {
            Head::Length(length) => Ok(length),
            Head::Special(_) => Err(self.damaged("a string where a length belongs")),
        }
    }

    #[inline]
    fn head(&mut self) -> Result<Head, Error> {
        let [first] = self.next()?;
        Ok(match first >> 6 {
            0 => Head::Length(u64::from(first)),
            1 => {
                let [second] = self.next()?;
                Head::Length(u64::from(first & 0x3F) << 8 | u64::from(second))
            }
            3 => Head::Special(first & 0x3F),
            _ => match first {
                0x80 => Head::Length(u32::from_be_bytes(self.next()?).into()),
                0x81 => Head::Length(u64::from_be_bytes(self.next()?)),
                _ => return Err(self.error(Reason::UnknownCode(first))),
            },
        })
    }

    #[inline]
    fn next<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        if let Some(bytes) = self.buffer[self.at..self.end].first_chunk() {
            self.at += N;
            return Ok(*bytes);
        }
        let mut bytes = [0; N];
        for byte in &mut bytes {
            if self.at == self.end && !self.fetch()? {
                return Err(self.error(Reason::Truncated));
            }
            *byte = self.buffer[self.at];
            self.at += 1;
        }
        Ok(bytes)
    }

    /// Appends the next `length` bytes.
    fn append(&mut self, length: u64, to: &mut Vec<u8>) -> Result<(), Error> {
        let Ok(mut left) = usize::try_from(length) else { return Err(self.error(Reason::Truncated)) };
        to.reserve_exact(left.min(TRUSTED));
        loop {
            let ready = left.min(self.end - self.at);
            to.extend_from_slice(&self.buffer[self.at..self.at + ready]);
            self.at += ready;
            left -= ready;
            if left == 0 {
                break;
            }
            if !self.fetch()? {
                return Err(self.error(Reason::Truncated));
            }
        }
        if length > TRUSTED as u64 {
            to.shrink_to_fit();
        }
        Ok(())
    }

    /// Fetches more when the buffer is used up; false at the end of the input.
    #[cold]
    fn fetch(&mut self) -> Result<bool, Error> {
        self.sum_up();
        self.base += self.at as u64;
        (self.at, self.end, self.summed) = (0, 0, 0);
        loop {
            match self.input.read(&mut self.buffer) {
                Ok(read) => {
                    self.end = read;
                    return Ok(read > 0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error(Reason::Io(error))),
            }
        }
    }

    fn sum_up(&mut self) {
        self.crc = crc64(self.crc, &self.buffer[self.summed..self.at]);
        self.summed = self.at;
    }
}

/// What the first bytes of a string or length say.
enum Head {
    Length(u64),
    /// A string in a special encoding.
    Special(u8),
}
