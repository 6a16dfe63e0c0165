//! Strings as arrays of bits: bit 0 is the most significant bit of the first byte.
//!
//! The functions work on plain bytes; beyond their end every bit is clear. Ranges come in bytes or bits,
//! with negative ends counted from the end of the string; both become a range of bits first, and from
//! there on there is one way to count and one to search.

use std::ops::Range;

/// What the ends of a range count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes; a range covers whole bytes.
    Byte,
    /// Single bits.
    Bit,
}

/// The operation of BITOP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitOp {
    /// Bits set in all sources.
    And,
    /// Bits set in any source.
    Or,
    /// Bits set in an odd number of sources.
    Xor,
    /// The first source's bits inverted; other sources are ignored.
    Not,
}

/// Bytes needed to hold the bit at `offset`.
pub fn len_for(offset: u64) -> u64 {
    offset / 8 + 1
}

/// The bit at `offset`; clear beyond the end.
pub fn get(bytes: &[u8], offset: u64) -> bool {
    let byte = usize::try_from(offset / 8).ok().and_then(|index| bytes.get(index));
    byte.is_some_and(|byte| byte & mask(offset) != 0)
}

/// Sets or clears the bit at `offset` and returns what it was.
///
/// # Panics
/// If `bytes` is shorter than [`len_for`] tells.
pub fn set(bytes: &mut [u8], offset: u64, on: bool) -> bool {
    let byte = &mut bytes[(offset / 8) as usize];
    let old = *byte & mask(offset) != 0;
    if old != on {
        *byte ^= mask(offset);
    }
    old
}

fn mask(offset: u64) -> u8 {
    0x80 >> (offset % 8)
}

/// Number of set bits.
pub fn count(bytes: &[u8]) -> u64 {
    let mut words = bytes.chunks_exact(8);
    let whole: u64 = words.by_ref().map(|word| u64::from(load(word).count_ones())).sum();
    whole + words.remainder().iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

/// Number of set bits from `start` to `end`, both included.
pub fn count_range(bytes: &[u8], start: i64, end: i64, unit: Unit) -> u64 {
    if start < 0 && end < 0 && start > end {
        return 0;
    }
    let bits = resolve(bytes.len(), start, end, unit);
    if bits.is_empty() {
        return 0;
    }
    let (first, last) = ((bits.start / 8) as usize, ((bits.end - 1) / 8) as usize);
    let before = bytes[first] & !after(bits.start);
    let behind = bytes[last] & if bits.end.is_multiple_of(8) { 0 } else { after(bits.end) };
    count(&bytes[first..=last]) - u64::from(before.count_ones()) - u64::from(behind.count_ones())
}

/// The first bit equal to `wanted` from `start` on.
///
/// With an `end` (included) the range is exact. Without one, the string is taken as followed by clear
/// bits, so a search for a clear bit finds at least the one behind the last byte, unless `start` is
/// already beyond the string.
pub fn position(bytes: &[u8], wanted: bool, start: i64, end: Option<i64>, unit: Unit) -> Option<u64> {
    let bits = resolve(bytes.len(), start, end.unwrap_or(-1), unit);
    if bits.is_empty() {
        return None;
    }
    let behind = bits.end;
    let found = search(bytes, wanted, bits);
    if found.is_none() && end.is_none() && !wanted { Some(behind) } else { found }
}

/// The range as bits within the string, empty if it has none. Both ends are clamped to the string's
/// start, so one wholly before it still covers the first byte or bit.
fn resolve(len: usize, start: i64, end: i64, unit: Unit) -> Range<u64> {
    let scale = match unit {
        Unit::Byte => 8,
        Unit::Bit => 1,
    };
    let total = len as i64 * 8 / scale;
    let from_end = |index: i64| if index < 0 { (total + index).max(0) } else { index };
    let (start, end) = (from_end(start), from_end(end).min(total - 1));
    if start > end {
        return 0..0;
    }
    (start * scale) as u64..((end + 1) * scale) as u64
}

/// Searches a range of bits that isn't empty and lies within the string.
fn search(bytes: &[u8], wanted: bool, bits: Range<u64>) -> Option<u64> {
    let flip = if wanted { 0 } else { 0xff };
    let first = (bits.start / 8) as usize;
    let head = (bytes[first] ^ flip) & after(bits.start);
    let (index, byte) = if head != 0 {
        (first, head)
    } else {
        let rest = &bytes[first + 1..bits.end.div_ceil(8) as usize];
        let index = find_other(rest, flip)?;
        (first + 1 + index, rest[index] ^ flip)
    };
    let found = index as u64 * 8 + u64::from(byte.leading_zeros());
    bits.contains(&found).then_some(found)
}

/// Index of the first byte that differs from `skip`.
fn find_other(bytes: &[u8], skip: u8) -> Option<usize> {
    let pattern = u64::from_ne_bytes([skip; 8]);
    let words = bytes.chunks_exact(8).take_while(|word| load(word) == pattern).count() * 8;
    bytes[words..].iter().position(|&byte| byte != skip).map(|index| words + index)
}

/// Makes a string longer by zeros. Where most of it will be zeros, their memory isn't touched.
pub fn lengthen(bytes: &mut Vec<u8>, len: usize) {
    if len > bytes.capacity() && len / 2 > bytes.len() {
        let mut longer = vec![0; len];
        longer[..bytes.len()].copy_from_slice(bytes);
        *bytes = longer;
    } else if len > bytes.len() {
        bytes.resize(len, 0);
    }
}

/// The bits of a byte from `offset` on.
fn after(offset: u64) -> u8 {
    0xff >> (offset % 8)
}

fn load(word: &[u8]) -> u64 {
    u64::from_ne_bytes(word.try_into().expect("chunks of eight bytes"))
}

/// Combines strings bit by bit; the result is as long as the longest, shorter ones are padded with zeros.
pub fn combine(op: BitOp, sources: &[&[u8]]) -> Vec<u8> {
    /// Small enough that a block of the result stays in the cache while the sources pass by.
    const BLOCK: usize = 16 * 1024;
    let Some((first, others)) = sources.split_first() else { return Vec::new() };
    if op == BitOp::Not {
        return first.iter().map(|byte| !byte).collect();
    }
    let len = sources.iter().map(|source| source.len()).max().unwrap_or(0);
    let mut result = Vec::with_capacity(len);
    result.extend_from_slice(first);
    result.resize(len, 0);
    for (index, block) in result.chunks_mut(BLOCK).enumerate() {
        for source in others {
            let source = source.get(index * BLOCK..).unwrap_or_default();
            let source = &source[..source.len().min(block.len())];
            combine_block(op, block, source);
        }
    }
    result
}

fn combine_block(op: BitOp, block: &mut [u8], source: &[u8]) {
    let (covered, rest) = block.split_at_mut(source.len());
    match op {
        BitOp::And => {
            covered.iter_mut().zip(source).for_each(|(to, from)| *to &= from);
            rest.fill(0);
        }
        BitOp::Or => covered.iter_mut().zip(source).for_each(|(to, from)| *to |= from),
        BitOp::Xor => covered.iter_mut().zip(source).for_each(|(to, from)| *to ^= from),
        BitOp::Not => unreachable!("NOT has one source"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bits_are_numbered_from_the_left() {
        let mut bytes = [0u8; 2];
        assert!(!set(&mut bytes, 7, true));
        assert!(set(&mut bytes, 7, true));
        assert!(!set(&mut bytes, 8, true));
        assert_eq!(bytes, [1, 0x80]);
        assert!(get(&bytes, 8) && !get(&bytes, 9) && !get(&bytes, 16) && !get(&bytes, u64::MAX));
        assert_eq!((len_for(7), len_for(8)), (1, 2));
        assert!(set(&mut bytes, 8, false));
        assert_eq!(bytes, [1, 0]);
    }

    #[test]
    fn ranges_before_the_string_cover_its_first_unit() {
        let bytes = b"\xff\xff";
        assert_eq!(count_range(bytes, -100, -50, Unit::Byte), 8);
        assert_eq!(count_range(bytes, -100, -50, Unit::Bit), 1);
        assert_eq!(count_range(bytes, -50, -100, Unit::Byte), 0);
        assert_eq!(position(bytes, true, -50, Some(-100), Unit::Byte), Some(0));
        assert_eq!(count_range(bytes, i64::MIN, i64::MAX, Unit::Bit), 16);
        assert_eq!(count_range(b"", i64::MIN, i64::MIN, Unit::Bit), 0);
        assert_eq!(position(b"", false, 0, None, Unit::Byte), None);
    }

    #[test]
    fn a_clear_bit_stands_behind_an_open_range_only() {
        let bytes = b"\xff\xff";
        assert_eq!(position(bytes, false, 0, None, Unit::Byte), Some(16));
        assert_eq!(position(bytes, false, 1, None, Unit::Byte), Some(16));
        assert_eq!(position(bytes, false, 2, None, Unit::Byte), None);
        assert_eq!(position(bytes, false, 0, Some(-1), Unit::Byte), None);
        assert_eq!(position(bytes, false, 0, Some(7), Unit::Bit), None);
        assert_eq!(position(b"\0\0", true, 0, None, Unit::Byte), None);
    }

    #[test]
    fn combines_strings_of_different_length() {
        let sources = [&b"\x0f\xf0\xff"[..], b"\xff\x3c"];
        assert_eq!(combine(BitOp::And, &sources), b"\x0f\x30\0");
        assert_eq!(combine(BitOp::Or, &sources), b"\xff\xfc\xff");
        assert_eq!(combine(BitOp::Xor, &sources), b"\xf0\xcc\xff");
        assert_eq!(combine(BitOp::Not, &sources[..1]), b"\xf0\x0f\0");
        assert_eq!(combine(BitOp::And, &[b"", b"ab"]), b"\0\0");
        assert_eq!(combine(BitOp::Or, &[]), b"");
    }

    #[test]
    fn lengthening_adds_zeros_and_never_cuts() {
        for len in [0, 1, 3, 4, 100, 100_000] {
            let mut bytes = b"abc".to_vec();
            lengthen(&mut bytes, len);
            assert_eq!((bytes.len(), &bytes[..3]), (len.max(3), &b"abc"[..]));
            assert!(bytes[3..].iter().all(|&byte| byte == 0));
        }
    }

    /// A single bit of a padded string.
    fn bit(bytes: &[u8], offset: usize) -> bool {
        bytes.get(offset / 8).is_some_and(|byte| byte >> (7 - offset % 8) & 1 == 1)
    }

    fn sparse_bytes() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![3 => Just(0u8), 3 => Just(0xff), 1 => any::<u8>()];
        prop::collection::vec(byte, 0..40)
    }

    proptest! {
        #[test]
        fn counts_and_finds_like_a_loop(
            bytes in sparse_bytes(), start in 0i64..330, end in 0i64..330, by_bit: bool, wanted: bool,
        ) {
            let (unit, scale) = if by_bit { (Unit::Bit, 1) } else { (Unit::Byte, 8) };
            let total = bytes.len() * 8;
            let range = (start * scale) as usize..(((end + 1) * scale) as usize).min(total);
            let set_bits = range.clone().filter(|&offset| bit(&bytes, offset)).count();
            prop_assert_eq!(count_range(&bytes, start, end, unit), set_bits as u64);
            let found = range.into_iter().find(|&offset| bit(&bytes, offset) == wanted).map(|found| found as u64);
            prop_assert_eq!(position(&bytes, wanted, start, Some(end), unit), found);
            // The same range counted from the end.
            let length = total as i64 / scale;
            if end < length {
                let (start, end) = (start - length, end - length);
                if start < 0 && start <= end {
                    prop_assert_eq!(count_range(&bytes, start, end, unit), set_bits as u64);
                    prop_assert_eq!(position(&bytes, wanted, start, Some(end), unit), found);
                }
            }
        }

        #[test]
        fn combines_like_a_loop(sources in prop::collection::vec(sparse_bytes(), 1..5), op in 0..3) {
            let op = [BitOp::And, BitOp::Or, BitOp::Xor][op as usize];
            let slices: Vec<&[u8]> = sources.iter().map(Vec::as_slice).collect();
            let result = combine(op, &slices);
            let len = sources.iter().map(Vec::len).max().unwrap();
            prop_assert_eq!(result.len(), len);
            for offset in 0..len * 8 {
                let ones = sources.iter().filter(|source| bit(source, offset)).count();
                let expected = match op {
                    BitOp::And => ones == sources.len(),
                    BitOp::Or => ones > 0,
                    _ => ones % 2 == 1,
                };
                prop_assert_eq!(bit(&result, offset), expected);
            }
        }
    }
}
