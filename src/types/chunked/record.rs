//! One element as bytes: the length of the key, the key, then what the shape writes for the value.

use super::Shape;

/// Bytes that [`write()`] needs.
#[inline]
pub(super) fn size<S: Shape>(key: &[u8], value: S::Value<'_>) -> usize {
    varint_size(key.len()) + key.len() + S::size(value)
}

/// Writes an element to the front of `to`.
#[inline]
pub(super) fn write<S: Shape>(key: &[u8], value: S::Value<'_>, to: &mut [u8]) {
    let start = write_varint(key.len(), to);
    let end = start + key.len();
    to[start..end].copy_from_slice(key);
    S::write(value, &mut to[end..]);
}

/// The key of the element at the front of `bytes`.
#[inline]
pub(super) fn key(bytes: &[u8]) -> &[u8] {
    split(bytes).0
}

/// The key of the element at the front of `bytes`, and what follows it.
#[inline]
pub(super) fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (len, start) = read_varint(bytes);
    bytes[start..].split_at(len)
}

/// The key and the value of the element at the front of `bytes`, and the bytes they take.
#[inline]
pub(super) fn read<S: Shape>(bytes: &[u8]) -> (&[u8], S::Value<'_>, usize) {
    let (len, start) = read_varint(bytes);
    let end = start + len;
    let (value, value_size) = S::read(&bytes[end..]);
    (&bytes[start..end], value, end + value_size)
}

/// Bytes of a length written by [`write_varint`]: seven bits a byte.
#[inline]
pub fn varint_size(len: usize) -> usize {
    if len < 0x80 { 1 } else { (usize::BITS - len.leading_zeros()).div_ceil(7) as usize }
}

/// Writes a length, the low seven bits first, and returns the bytes written.
#[inline]
pub fn write_varint(mut len: usize, to: &mut [u8]) -> usize {
    let mut at = 0;
    while len >= 0x80 {
        to[at] = len as u8 | 0x80;
        len >>= 7;
        at += 1;
    }
    to[at] = len as u8;
    at + 1
}

/// Reads a length written by [`write_varint`], and tells how many bytes it took.
#[inline]
pub fn read_varint(bytes: &[u8]) -> (usize, usize) {
    let first = bytes[0];
    if first < 0x80 {
        return (usize::from(first), 1);
    }
    let mut len = usize::from(first & 0x7f);
    for (at, &byte) in bytes.iter().enumerate().skip(1) {
        len |= usize::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            return (len, at + 1);
        }
    }
    unreachable!("a varint ends before its record does")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_come_back() {
        for len in [0, 1, 127, 128, 16_383, 16_384, 1 << 30, usize::MAX] {
            let mut bytes = [0; 10];
            let written = write_varint(len, &mut bytes);
            assert_eq!(written, varint_size(len));
            assert_eq!(read_varint(&bytes), (len, written));
        }
    }
}
