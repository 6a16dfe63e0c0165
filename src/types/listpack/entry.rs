//! One listpack entry: its encodings, and the element as a caller sees it.

use crate::base::num::{IntText, parse_i64};

/// The byte that ends a listpack; no entry begins with it.
pub(super) const END: u8 = 0xFF;

/// An element: integers are kept as numbers, everything else as bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Item<'a> {
    /// The canonical decimal text of this number.
    Int(i64),
    /// These bytes.
    Bytes(&'a [u8]),
}

impl<'a> Item<'a> {
    /// The element's bytes; an integer is printed into `text`.
    #[inline]
    pub fn as_bytes<'b>(self, text: &'b mut IntText) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Item::Int(n) => text.format(n).as_bytes(),
            Item::Bytes(bytes) => bytes,
        }
    }

    /// The element's bytes, owned.
    pub fn to_vec(self) -> Vec<u8> {
        self.as_bytes(&mut IntText::new()).to_vec()
    }

    /// Whether the element's bytes are `other`.
    #[inline]
    pub fn eq_bytes(self, other: &[u8]) -> bool {
        match self {
            Item::Int(n) => parse_i64(other) == Some(n),
            Item::Bytes(bytes) => bytes == other,
        }
    }

    /// The integer, if the element's bytes are the canonical text of one.
    #[inline]
    pub fn integer(self) -> Option<i64> {
        match self {
            Item::Int(n) => Some(n),
            Item::Bytes(bytes) => parse_i64(bytes),
        }
    }

    /// Length of the element's bytes.
    #[inline]
    pub fn len(self) -> usize {
        match self {
            Item::Int(n) => IntText::new().format(n).len(),
            Item::Bytes(bytes) => bytes.len(),
        }
    }

    /// Whether the element is the empty string.
    #[inline]
    pub fn is_empty(self) -> bool {
        self == Item::Bytes(b"")
    }
}

/// Bytes an entry for this element occupies, back length included.
#[inline]
pub fn encoded_len(element: &[u8]) -> usize {
    Encoded::from(element).span()
}

/// An element in its encoded form, ready to be written or to be searched for.
///
/// The encoding is the only one this element can have in a [`Listpack`](super::Listpack), so equal elements
/// have equal bytes and a search needs no decoding.
#[derive(Clone, Copy, Debug)]
pub struct Encoded<'a> {
    /// An integer whole, or what precedes the bytes of a string.
    head: [u8; 9],
    head_len: u8,
    body: &'a [u8],
}

impl<'a> From<&'a [u8]> for Encoded<'a> {
    #[inline]
    fn from(element: &'a [u8]) -> Self {
        match parse_i64(element) {
            Some(n) => n.into(),
            None => Encoded::string(element),
        }
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Encoded<'a> {
    fn from(element: &'a [u8; N]) -> Self {
        element.as_slice().into()
    }
}

impl<'a> From<Item<'a>> for Encoded<'a> {
    #[inline]
    fn from(item: Item<'a>) -> Self {
        match item {
            Item::Int(n) => n.into(),
            Item::Bytes(bytes) => bytes.into(),
        }
    }
}

impl From<i64> for Encoded<'_> {
    #[inline]
    fn from(n: i64) -> Self {
        let mut head = [0; 9];
        let le = n.to_le_bytes();
        let head_len = match n {
            0..=127 => {
                head[0] = le[0];
                1
            }
            -4096..=4095 => {
                head[0] = 0xC0 | (le[1] & 0x1F);
                head[1] = le[0];
                2
            }
            -32_768..=32_767 => wide(&mut head, 0xF1, &le[..2]),
            -8_388_608..=8_388_607 => wide(&mut head, 0xF2, &le[..3]),
            -2_147_483_648..=2_147_483_647 => wide(&mut head, 0xF3, &le[..4]),
            _ => wide(&mut head, 0xF4, &le),
        };
        Encoded { head, head_len, body: b"" }
    }
}

#[inline]
fn wide(head: &mut [u8; 9], code: u8, le: &[u8]) -> u8 {
    head[0] = code;
    head[1..=le.len()].copy_from_slice(le);
    1 + le.len() as u8
}

impl<'a> Encoded<'a> {
    /// An element of which the encoding is there already, without the back length.
    pub(in crate::types) fn from_bare(bytes: &'a [u8]) -> Self {
        Encoded { head: [0; 9], head_len: 0, body: bytes }
    }

    #[inline]
    fn string(body: &'a [u8]) -> Self {
        let mut head = [0; 9];
        // What is longer than the field can tell fits into no listpack, and so is found in none.
        let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let head_len = match len {
            0..=63 => {
                head[0] = 0x80 | len as u8;
                1
            }
            64..=4095 => {
                head[0] = 0xE0 | (len >> 8) as u8;
                head[1] = len as u8;
                2
            }
            _ => wide(&mut head, 0xF0, &len.to_le_bytes()),
        };
        Encoded { head, head_len, body }
    }

    /// Bytes without the back length.
    #[inline]
    pub(in crate::types) fn size(&self) -> usize {
        usize::from(self.head_len) + self.body.len()
    }

    /// Bytes the entry occupies.
    #[inline]
    pub fn span(&self) -> usize {
        let size = self.size();
        size + back_len_size(size)
    }

    /// Whether the entry at the head of `rest` is this element.
    #[inline]
    pub(super) fn matches(&self, rest: &[u8]) -> bool {
        // The first byte tells most strings of other lengths apart and the last one most strings with a
        // common prefix, so the comparison proper is rare.
        if rest.first() != Some(&self.head[0]) {
            return false;
        }
        let head_len = usize::from(self.head_len);
        let Some(entry) = rest.get(..self.size()) else { return false };
        entry.last() == self.body.last().or(Some(&self.head[head_len - 1]))
            && entry[..head_len] == self.head[..head_len]
            && entry[head_len..] == *self.body
    }

    /// Appends the encoding without the back length.
    #[inline]
    pub(in crate::types) fn write_bare(&self, out: &mut Vec<u8>) {
        match self.head_len {
            // That of a short string, mostly.
            1 => out.push(self.head[0]),
            len => out.extend_from_slice(&self.head[..usize::from(len)]),
        }
        out.extend_from_slice(self.body);
    }

    /// Appends the entry.
    #[inline]
    pub(super) fn append_to(&self, out: &mut Vec<u8>) {
        self.write_bare(out);
        append_back_len(out, self.size());
    }

    /// Fills `out`, which is `span` bytes long.
    #[inline]
    pub(super) fn write(&self, out: &mut [u8]) {
        let head_len = usize::from(self.head_len);
        let (head, rest) = out.split_at_mut(head_len);
        match head {
            // That of a short string, mostly.
            [head] => *head = self.head[0],
            head => head.copy_from_slice(&self.head[..head_len]),
        }
        let (body, back) = rest.split_at_mut(self.body.len());
        body.copy_from_slice(self.body);
        write_back_len(back, self.size());
    }
}

/// Bytes of the back length of an entry whose encoding takes `size` bytes.
#[inline]
pub(in crate::types) fn back_len_size(size: usize) -> usize {
    // The limits are those of the format: each but the first is one less than the group could hold.
    match size {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// Appends the back length of an encoding of `size` bytes.
#[inline]
pub(in crate::types) fn append_back_len(out: &mut Vec<u8>, size: usize) {
    if size < 0x80 {
        return out.push(size as u8);
    }
    let at = out.len();
    out.resize(at + back_len_size(size), 0);
    write_back_len(&mut out[at..], size);
}

/// Groups of seven bits, the high ones first; all but the first byte carry the mark 0x80, so that the
/// field can be read from its end.
#[inline]
fn write_back_len(out: &mut [u8], size: usize) {
    let mut left = size;
    for byte in out.iter_mut().rev() {
        *byte = (left & 0x7F) as u8 | 0x80;
        left >>= 7;
    }
    out[0] &= 0x7F;
}

/// The back length that ends at the end of `bytes`: the size of the encoding before it, and its own.
#[inline]
pub(in crate::types) fn read_back_len(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut size = 0;
    for (taken, &byte) in bytes.iter().rev().take(5).enumerate() {
        size |= usize::from(byte & 0x7F) << (7 * taken);
        if byte & 0x80 == 0 {
            return Some((size, taken + 1));
        }
    }
    None
}

/// Size of the encoding at the head of `rest`, without the back length; `None` at the end and for bytes
/// that no entry begins with. The size is not checked against the length of `rest`.
#[inline]
pub(super) fn size_at(rest: &[u8]) -> Option<usize> {
    Some(match *rest.first()? {
        0..0x80 => 1,
        first @ 0x80..0xC0 => 1 + usize::from(first & 0x3F),
        0xC0..0xE0 => 2,
        first @ 0xE0..0xF0 => 2 + (usize::from(first & 0x0F) << 8 | usize::from(*rest.get(1)?)),
        0xF0 => 5 + u32::from_le_bytes(*rest.get(1..)?.first_chunk()?) as usize,
        0xF1 => 3,
        0xF2 => 4,
        0xF3 => 5,
        0xF4 => 9,
        _ => return None,
    })
}

/// Bytes of the whole entry at the head of `rest`.
#[inline]
pub(super) fn span_at(rest: &[u8]) -> Option<usize> {
    // Walking a listpack is a chain of these; for the short encodings the back length is one byte.
    match *rest.first()? {
        0..0x80 => Some(2),
        first @ 0x80..0xC0 => Some(2 + usize::from(first & 0x3F)),
        0xC0..0xE0 => Some(3),
        _ => size_at(rest).map(|size| size + back_len_size(size)),
    }
}

/// The element at the head of `rest` and the size of its encoding.
#[inline]
pub(in crate::types) fn decode(rest: &[u8]) -> Option<(Item<'_>, usize)> {
    let (&first, tail) = rest.split_first()?;
    Some(match first {
        0..0x80 => (Item::Int(i64::from(first)), 1),
        0x80..0xC0 => {
            let len = usize::from(first & 0x3F);
            (Item::Bytes(tail.get(..len)?), 1 + len)
        }
        0xC0..0xE0 => {
            // Thirteen bits, the sign at the top: shifted up to fill an i16 and back with the sign.
            let bits = u16::from(first) << 11 | u16::from(*tail.first()?) << 3;
            (Item::Int(i64::from(bits as i16 >> 3)), 2)
        }
        0xE0..0xF0 => {
            let (&low, tail) = tail.split_first()?;
            let len = usize::from(first & 0x0F) << 8 | usize::from(low);
            (Item::Bytes(tail.get(..len)?), 2 + len)
        }
        0xF0 => {
            let (len, tail) = tail.split_first_chunk()?;
            let len = u32::from_le_bytes(*len) as usize;
            (Item::Bytes(tail.get(..len)?), 5 + len)
        }
        0xF1 => (Item::Int(i64::from(i16::from_le_bytes(*tail.first_chunk()?))), 3),
        0xF2 => {
            let [a, b, c] = *tail.first_chunk()?;
            (Item::Int(i64::from(i32::from_le_bytes([0, a, b, c]) >> 8)), 4)
        }
        0xF3 => (Item::Int(i64::from(i32::from_le_bytes(*tail.first_chunk()?))), 5),
        0xF4 => (Item::Int(i64::from_le_bytes(*tail.first_chunk()?)), 9),
        _ => return None,
    })
}
