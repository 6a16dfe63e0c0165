//! Entry IDs: order, neighbours, text, and every form in which a client may write one.
//!
//! An ID is 128 bits: the millisecond it was made in and a sequence number within that millisecond.
//! The parsers return facts; which form an argument takes, and the words of the refusal, are the
//! handlers' business:
//!
//! | function | accepts | used for |
//! |---|---|---|
//! | [`parse`] | `ms-seq`, `ms`, `-`, `+` | closed ends of a range, XGROUP SETID |
//! | [`parse_strict`] | `ms-seq`, `ms` | everything else |
//! | [`parse_new`] | `ms-seq`, `ms`, `ms-*`, `*` | XADD |
//! | [`parse_start`], [`parse_end`] | as `parse`, and `(` before a strict ID | ranges |
//!
//! `$` and `>` depend on the command and the stream and stay with the handlers.
//!
//! The numbers are as lax as Redis has them: what isn't canonical goes through the rules of
//! `strtoull`, so `+5`, ` 5` and `007` are fine, and a text ends at its first NUL byte.

use std::fmt;

use crate::base::c_text::{is_space, until_nul};
use crate::base::num::{IntText, parse_i64, parse_u64};

/// Longest text that may be an ID, in bytes.
const LONGEST_TEXT: usize = 127;

/// The ID of an entry: milliseconds since the Unix epoch, then a sequence number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Milliseconds since the Unix epoch.
    pub ms: u64,
    /// Position among the entries of that millisecond.
    pub seq: u64,
}

impl StreamId {
    /// `0-0`, which no entry has.
    pub const MIN: Self = Self::new(0, 0);
    /// The last ID there is; a stream that reached it takes no more entries.
    pub const MAX: Self = Self::new(u64::MAX, u64::MAX);

    /// The ID `ms-seq`.
    pub const fn new(ms: u64, seq: u64) -> Self {
        Self { ms, seq }
    }

    /// The ID right after this one; none after [`StreamId::MAX`].
    #[inline]
    pub fn next(self) -> Option<Self> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(Self::new(self.ms, seq)),
            None => Some(Self::new(self.ms.checked_add(1)?, 0)),
        }
    }

    /// The ID right before this one; none before [`StreamId::MIN`].
    #[inline]
    pub fn prev(self) -> Option<Self> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(Self::new(self.ms, seq)),
            None => Some(Self::new(self.ms.checked_sub(1)?, u64::MAX)),
        }
    }

    /// The 16 big-endian bytes that stand for this ID in RDB files; they sort as the IDs do.
    pub fn to_bytes(self) -> [u8; 16] {
        ((u128::from(self.ms) << 64) | u128::from(self.seq)).to_be_bytes()
    }

    /// The ID that [`StreamId::to_bytes`] wrote.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_be_bytes(bytes);
        Self::new((both >> 64) as u64, both as u64)
    }

    /// The text `ms-seq`, without allocation.
    #[inline]
    pub fn text(self) -> IdText {
        IdText::new(self)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// The text of one ID, at most 41 bytes; dereferences to them.
#[derive(Clone, Copy)]
pub struct IdText {
    bytes: [u8; 41],
    len: u8,
}

impl IdText {
    fn new(id: StreamId) -> Self {
        let mut text = Self { bytes: [0; 41], len: 0 };
        text.push(IntText::new().format(id.ms).as_bytes());
        text.push(b"-");
        text.push(IntText::new().format(id.seq).as_bytes());
        text
    }

    fn push(&mut self, part: &[u8]) {
        let start = usize::from(self.len);
        self.bytes[start..start + part.len()].copy_from_slice(part);
        self.len += part.len() as u8;
    }
}

impl std::ops::Deref for IdText {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Which ID XADD is to give the new entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewId {
    /// `*`: the present millisecond, or the ID after the last one if the clock is behind it.
    Auto,
    /// `ms-*`: this millisecond with the next free sequence number.
    AutoSeq(u64),
    /// Exactly this ID.
    Given(StreamId),
}

/// Why an end of a range isn't one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoundError {
    /// The text is no ID.
    Invalid,
    /// Nothing lies beyond this ID: `(` before the last one as a start, before `0-0` as an end.
    NothingBeyond,
}

/// Reads `ms-seq`, or `ms` with `missing_seq`, or `-` for the smallest and `+` for the largest ID.
pub fn parse(text: &[u8], missing_seq: u64) -> Option<StreamId> {
    match usable(text)? {
        b"-" => Some(StreamId::MIN),
        b"+" => Some(StreamId::MAX),
        text => parse_numbers(text, missing_seq),
    }
}

/// Reads `ms-seq`, or `ms` with `missing_seq`.
pub fn parse_strict(text: &[u8], missing_seq: u64) -> Option<StreamId> {
    match usable(text)? {
        b"-" | b"+" => None,
        text => parse_numbers(text, missing_seq),
    }
}

/// Reads the ID argument of XADD: `*`, `ms-*`, `ms-seq`, or `ms` meaning `ms-0`.
pub fn parse_new(text: &[u8]) -> Option<NewId> {
    match usable(text)? {
        b"*" => Some(NewId::Auto),
        text => match split(text) {
            (ms, Some(b"*")) => parse_number(ms).map(NewId::AutoSeq),
            _ => parse_strict(text, 0).map(NewId::Given),
        },
    }
}

/// Reads the lower end of a range; the ID returned belongs to the range. `ms` alone means `ms-0`.
///
/// # Errors
/// If the text is no ID, or no ID lies behind an excluded one.
pub fn parse_start(text: &[u8]) -> Result<StreamId, BoundError> {
    match parse_bound(text, 0)? {
        (id, false) => Ok(id),
        (id, true) => id.next().ok_or(BoundError::NothingBeyond),
    }
}

/// Reads the upper end of a range; the ID returned belongs to the range. `ms` alone means its last ID.
///
/// # Errors
/// If the text is no ID, or no ID lies before an excluded one.
pub fn parse_end(text: &[u8]) -> Result<StreamId, BoundError> {
    match parse_bound(text, u64::MAX)? {
        (id, false) => Ok(id),
        (id, true) => id.prev().ok_or(BoundError::NothingBeyond),
    }
}

/// The ID of a range's end, and whether `(` excludes it.
fn parse_bound(text: &[u8], missing_seq: u64) -> Result<(StreamId, bool), BoundError> {
    let parsed = match text {
        [b'(', rest @ ..] if !rest.is_empty() => parse_strict(rest, missing_seq).map(|id| (id, true)),
        _ => parse(text, missing_seq).map(|id| (id, false)),
    };
    parsed.ok_or(BoundError::Invalid)
}

/// The part of an argument that counts: all before the first NUL, if the whole isn't too long.
fn usable(text: &[u8]) -> Option<&[u8]> {
    if text.len() > LONGEST_TEXT {
        return None;
    }
    Some(until_nul(text))
}

fn split(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'-', text) {
        Some(dash) => (&text[..dash], Some(&text[dash + 1..])),
        None => (text, None),
    }
}

fn parse_numbers(text: &[u8], missing_seq: u64) -> Option<StreamId> {
    let (ms, seq) = split(text);
    let ms = parse_number(ms)?;
    let seq = match seq {
        Some(seq) => parse_number(seq)?,
        None => missing_seq,
    };
    Some(StreamId::new(ms, seq))
}

/// An unsigned number. A canonical negative one is refused, any other text is read as `strtoull` does,
/// which even knows a minus sign (and wraps).
fn parse_number(text: &[u8]) -> Option<u64> {
    if let Some(value) = parse_u64(text) {
        return Some(value);
    }
    if parse_i64(text).is_some() {
        return None;
    }
    let text = &text[text.iter().take_while(|byte| is_space(**byte)).count()..];
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let magnitude = digits.iter().try_fold(0u64, |value, &digit| {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })?;
    Some(if negative { magnitude.wrapping_neg() } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn id(ms: u64, seq: u64) -> StreamId {
        StreamId::new(ms, seq)
    }

    #[test]
    fn neighbours_carry_and_stop_at_the_edges() {
        assert_eq!(id(1, 1).next(), Some(id(1, 2)));
        assert_eq!(id(1, u64::MAX).next(), Some(id(2, 0)));
        assert_eq!(StreamId::MAX.next(), None);
        assert_eq!(id(1, 1).prev(), Some(id(1, 0)));
        assert_eq!(id(1, 0).prev(), Some(id(0, u64::MAX)));
        assert_eq!(StreamId::MIN.prev(), None);
    }

    #[test]
    fn bytes_and_text() {
        let sample = id(0x0102_0304_0506_0708, 9);
        assert_eq!(sample.to_bytes(), [1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 9]);
        assert_eq!(StreamId::from_bytes(sample.to_bytes()), sample);
        assert_eq!(&*id(1526919030474, 55).text(), b"1526919030474-55");
        assert_eq!(&*StreamId::MAX.text(), StreamId::MAX.to_string().as_bytes());
    }

    #[test]
    fn strict_and_lax_forms() {
        for (text, lax, strict) in [
            (&b"5-3"[..], Some(id(5, 3)), Some(id(5, 3))),
            (b"5", Some(id(5, 7)), Some(id(5, 7))),
            (b"18446744073709551615-18446744073709551615", Some(StreamId::MAX), Some(StreamId::MAX)),
            (b"-", Some(StreamId::MIN), None),
            (b"+", Some(StreamId::MAX), None),
            (b"", None, None),
            (b"5-", None, None),
            (b"-5", None, None),
            (b"5-*", None, None),
            (b"*", None, None),
            (b"(5", None, None),
            (b"$", None, None),
            (b"5-3-1", None, None),
            (b"18446744073709551616", None, None),
            (b"1.5", None, None),
        ] {
            assert_eq!(parse(text, 7), lax, "{}", text.escape_ascii());
            assert_eq!(parse_strict(text, 7), strict, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn numbers_are_as_lax_as_strtoull() {
        for (text, value) in [
            (&b"007-08"[..], Some(id(7, 8))),
            (b" \t+5-+6", Some(id(5, 6))),
            (b"1-\n2", Some(id(1, 2))),
            (b"1 -2", None),
            (b"1--5", None),
            (b"1--05", Some(id(1, 5u64.wrapping_neg()))),
            (b"1--0", Some(id(1, 0))),
            (b"1--18446744073709551615", Some(id(1, 1))),
            (b"+-1", None),
            (b"1-+", None),
            (b"1- ", None),
            (b"5-3\0junk", Some(id(5, 3))),
            (b"\x005", None),
        ] {
            assert_eq!(parse_strict(text, 0), value, "{}", text.escape_ascii());
        }
        let zeros = |count: usize| vec![b'0'; count];
        assert_eq!(parse_strict(&zeros(127), 0), Some(id(0, 0)));
        assert_eq!(parse_strict(&zeros(128), 0), None);
    }

    #[test]
    fn ids_of_new_entries() {
        assert_eq!(parse_new(b"*"), Some(NewId::Auto));
        assert_eq!(parse_new(b"9-*"), Some(NewId::AutoSeq(9)));
        assert_eq!(parse_new(b"9-1"), Some(NewId::Given(id(9, 1))));
        assert_eq!(parse_new(b"9"), Some(NewId::Given(id(9, 0))));
        for bad in [&b"-"[..], b"+", b"-*", b"9-**", b"*-1", b"**", b"9-* "] {
            assert_eq!(parse_new(bad), None, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn ends_of_ranges() {
        assert_eq!(parse_start(b"5"), Ok(id(5, 0)));
        assert_eq!(parse_end(b"5"), Ok(id(5, u64::MAX)));
        assert_eq!(parse_start(b"(5"), Ok(id(5, 1)));
        assert_eq!(parse_end(b"(5"), Ok(id(5, u64::MAX - 1)));
        assert_eq!(parse_end(b"(5-0"), Ok(id(4, u64::MAX)));
        assert_eq!(parse_start(b"-"), Ok(StreamId::MIN));
        assert_eq!(parse_end(b"+"), Ok(StreamId::MAX));
        for bad in [&b"("[..], b"(-", b"(+", b"((5", b"x"] {
            assert_eq!(parse_start(bad), Err(BoundError::Invalid), "{}", bad.escape_ascii());
        }
        let last = [b"(", &*StreamId::MAX.text()].concat();
        assert_eq!(parse_start(&last), Err(BoundError::NothingBeyond));
        assert_eq!(parse_end(b"(0-0"), Err(BoundError::NothingBeyond));
    }
}
