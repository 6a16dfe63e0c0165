//! Ziplists, the packed form of collections before version 10.
//!
//! ```text
//! bytes u32 | tail u32 | count u16 | entry... | 0xFF          tail: offset of the last entry
//! entry   length of the entry before: u8 below 254 | 254 u32
//!         00xxxxxx | 01xxxxxx x8 | 10000000 x32 (big-endian)   a string of that length
//!         0xC0 i16 | 0xD0 i32 | 0xE0 i64 | 0xF0 i24 | 0xFE i8 | 0xF1..0xFD is 0..12
//! ```

use crate::types::listpack::Item;

/// Bytes before the first entry.
const HEADER: usize = 10;
const END: u8 = 0xFF;
/// The first byte of a length that takes five.
const LONG: u8 = 254;
/// The count of a ziplist that has too many elements for the field.
const UNKNOWN_COUNT: usize = u16::MAX as usize;

/// Calls `visit` with each element in order; none if the bytes are no ziplist, which may turn out late.
pub(super) fn walk(bytes: &[u8], mut visit: impl FnMut(Item<'_>)) -> Option<()> {
    let word = |at: usize| bytes.get(at..)?.first_chunk().map(|word| u32::from_le_bytes(*word) as usize);
    let (size, tail) = (word(0)?, word(4)?);
    let told = usize::from(u16::from_le_bytes(*bytes.get(8..)?.first_chunk()?));
    if size != bytes.len() || bytes.len() <= HEADER || bytes.last() != Some(&END) {
        return None;
    }
    let mut rest = &bytes[HEADER..bytes.len() - 1];
    let (mut count, mut last, mut before) = (0, HEADER, 0);
    while !rest.is_empty() {
        last = bytes.len() - 1 - rest.len();
        let (told_before, after) = length(rest)?;
        let (element, after) = element(after)?;
        if told_before != before {
            return None;
        }
        visit(element);
        before = rest.len() - after.len();
        rest = after;
        count += 1;
    }
    (tail == last && (told == count || told == UNKNOWN_COUNT)).then_some(())
}

/// A length of one byte or of five, and what follows it; zipmaps have the same.
pub(super) fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes.split_first()? {
        (&LONG, rest) => {
            let (length, rest) = rest.split_first_chunk()?;
            Some((u32::from_le_bytes(*length) as usize, rest))
        }
        (&END, _) => None,
        (&length, rest) => Some((length.into(), rest)),
    }
}

fn element(bytes: &[u8]) -> Option<(Item<'_>, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let (len, rest) = match first {
        0..0x40 => (usize::from(first), rest),
        0x40..0x80 => {
            let (&low, rest) = rest.split_first()?;
            (usize::from(first & 0x3F) << 8 | usize::from(low), rest)
        }
        0x80 => {
            let (len, rest) = rest.split_first_chunk()?;
            (u32::from_be_bytes(*len) as usize, rest)
        }
        _ => return integer(first, rest),
    };
    let (string, rest) = rest.split_at_checked(len)?;
    Some((Item::Bytes(string), rest))
}

fn integer(code: u8, rest: &[u8]) -> Option<(Item<'_>, &[u8])> {
    let size = match code {
        0xC0 => 2,
        0xD0 => 4,
        0xE0 => 8,
        0xF0 => 3,
        0xFE => 1,
        0xF1..=0xFD => return Some((Item::Int(i64::from(code) - 0xF1), rest)),
        _ => return None,
    };
    let (bytes, rest) = rest.split_at_checked(size)?;
    // At the top of eight bytes, to be shifted down with its sign.
    let mut wide = [0; 8];
    wide[8 - size..].copy_from_slice(bytes);
    Some((Item::Int(i64::from_le_bytes(wide) >> (64 - 8 * size)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
        let mut found = Vec::new();
        walk(bytes, |element| found.push(element.to_vec())).map(|()| found)
    }

    /// A ziplist of entries without the lengths before them.
    fn ziplist(entries: &[&[u8]]) -> Vec<u8> {
        let (mut bytes, mut before, mut tail) = (vec![0; HEADER], 0usize, HEADER);
        for entry in entries {
            tail = bytes.len();
            match u8::try_from(before) {
                Ok(before) if before < LONG => bytes.push(before),
                _ => {
                    bytes.push(LONG);
                    bytes.extend_from_slice(&(before as u32).to_le_bytes());
                }
            }
            bytes.extend_from_slice(entry);
            before = bytes.len() - tail;
        }
        bytes.push(END);
        let size = bytes.len() as u32;
        bytes[..4].copy_from_slice(&size.to_le_bytes());
        bytes[4..8].copy_from_slice(&(tail as u32).to_le_bytes());
        bytes[8..HEADER].copy_from_slice(&(entries.len() as u16).to_le_bytes());
        bytes
    }

    #[test]
    fn every_encoding() {
        let long = [&[0x41, 0x2C][..], &[b'x'; 300]].concat();
        let huge = [&[0x80, 0, 0, 0x40, 0][..], &[b'y'; 16384]].concat();
        let bytes = ziplist(&[
            b"\x02hi",
            &long,
            &huge,
            b"\xC0\xFE\xFF",
            b"\xD0\0\0\0\x80",
            b"\xE0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F",
            b"\xF0\0\0\x80",
            b"\xFE\x80",
            b"\xF1",
            b"\xFD",
            b"\0",
        ]);
        let texts = ["-2", "-2147483648", "9223372036854775807", "-8388608", "-128", "0", "12", ""];
        let mut wanted = vec![b"hi".to_vec(), vec![b'x'; 300], vec![b'y'; 16384]];
        wanted.extend(texts.map(|text| text.as_bytes().to_vec()));
        assert_eq!(elements(&bytes), Some(wanted));
        assert_eq!(elements(&ziplist(&[])), Some(Vec::new()));
    }

    #[test]
    fn damage_is_noticed() {
        let whole = ziplist(&[b"\x02hi", b"\xF3", b"\x03you"]);
        assert!(elements(&whole).is_some());
        for at in 0..whole.len() {
            assert_eq!(elements(&whole[..at]), None, "cut at {at}");
            let mut flipped = whole.clone();
            flipped[at] ^= 0x80;
            let contents = [12, 13, 18, 19, 20].contains(&at);
            assert_eq!(elements(&flipped).is_some(), contents, "flipped at {at}");
        }
    }
}
