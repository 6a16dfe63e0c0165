//! Integers of 1 to 64 bits anywhere within a string, as BITFIELD reads and writes them.
//!
//! A field's first bit is its most significant one, and bits are numbered as in [`bitmap`](super::bitmap);
//! on byte boundaries that is big endian. A field of 64 bits may touch nine bytes, so fields are moved
//! through a window of 16 bytes in one `u128`.

use std::ops::RangeInclusive;

use crate::base::num::parse_u64;

/// The type of a field: `i1` to `i64` or `u1` to `u63`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    signed: bool,
    bits: u8,
}

/// What to do with a value that its field can't hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// Keep the low bits.
    #[default]
    Wrap,
    /// Take the nearest value that fits.
    Saturate,
    /// Leave the field alone.
    Fail,
}

/// What a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The value before.
    pub old: i64,
    /// The value now.
    pub new: i64,
}

impl Field {
    /// Reads a type such as `u8` or `i64`; the letters are lower case.
    pub fn parse(text: &[u8]) -> Option<Field> {
        let (signed, most, digits) = match text {
            [b'i', digits @ ..] => (true, 64, digits),
            [b'u', digits @ ..] => (false, 63, digits),
            _ => return None,
        };
        let bits = parse_u64(digits).filter(|bits| (1..=most).contains(bits))?;
        Some(Field { signed, bits: bits as u8 })
    }

    /// Width in bits.
    pub fn bits(self) -> u64 {
        self.bits.into()
    }

    /// The value at a bit offset; bits beyond the string are clear.
    pub fn get(self, bytes: &[u8], offset: u64) -> i64 {
        let window = Window::load(bytes, offset);
        let raw = (window.bits << window.shift) >> (128 - u32::from(self.bits));
        self.extend(raw as u64)
    }

    /// Writes `value`, or under [`Overflow`] what becomes of it; `None` if it doesn't fit and must not be written.
    ///
    /// A negative value is a very large one for an unsigned field, and also for a signed field of less than
    /// 64 bits if it is so low that Redis's test of the upper end wraps around.
    ///
    /// # Panics
    /// If `bytes` is too short for the field.
    pub fn set(self, bytes: &mut [u8], offset: u64, value: i64, overflow: Overflow) -> Option<Change> {
        let max = *self.limits().end();
        let wraps = max - i128::from(value) > i128::from(i64::MAX);
        let very_large = value < 0 && if self.signed { self.bits < 64 && wraps } else { true };
        // Its low bits stay the same.
        let wanted = i128::from(value) + if very_large { 1 << 64 } else { 0 };
        self.write(bytes, offset, self.get(bytes, offset), wanted, overflow)
    }

    /// Adds `increment` to the value; otherwise like [`set`](Self::set).
    ///
    /// # Panics
    /// If `bytes` is too short for the field.
    pub fn increment(
        self,
        bytes: &mut [u8],
        offset: u64,
        increment: i64,
        overflow: Overflow,
    ) -> Option<Change> {
        let old = self.get(bytes, offset);
        self.write(bytes, offset, old, i128::from(old) + i128::from(increment), overflow)
    }

    fn write(
        self,
        bytes: &mut [u8],
        offset: u64,
        old: i64,
        wanted: i128,
        overflow: Overflow,
    ) -> Option<Change> {
        let new = self.fit(wanted, overflow)?;
        let mut window = Window::load(bytes, offset);
        let place = 128 - u32::from(self.bits) - window.shift;
        let mask = u128::from(u64::MAX >> (64 - self.bits));
        window.bits &= !(mask << place);
        window.bits |= (new as u64 as u128 & mask) << place;
        window.store(bytes, (u64::from(window.shift) + self.bits()).div_ceil(8) as usize);
        Some(Change { old, new })
    }

    /// The values that the field can hold.
    fn limits(self) -> RangeInclusive<i128> {
        if self.signed {
            let half = 1 << (self.bits - 1);
            -half..=half - 1
        } else {
            0..=(1 << self.bits) - 1
        }
    }

    fn fit(self, wanted: i128, overflow: Overflow) -> Option<i64> {
        let limits = self.limits();
        if limits.contains(&wanted) {
            return Some(wanted as i64);
        }
        match overflow {
            Overflow::Wrap => Some(self.extend(wanted as u64)),
            Overflow::Saturate => Some(wanted.clamp(*limits.start(), *limits.end()) as i64),
            Overflow::Fail => None,
        }
    }

    /// The low bits as a value.
    fn extend(self, raw: u64) -> i64 {
        let unused = 64 - self.bits;
        if self.signed { (raw << unused) as i64 >> unused } else { (raw << unused >> unused) as i64 }
    }
}

/// The bytes that a field at some offset may touch, and zeros behind them.
struct Window {
    bits: u128,
    /// Bits before the field's first, below 8.
    shift: u32,
    first: usize,
}

impl Window {
    fn load(bytes: &[u8], offset: u64) -> Window {
        let first = usize::try_from(offset / 8).unwrap_or(usize::MAX).min(bytes.len());
        let present = &bytes[first..bytes.len().min(first.saturating_add(9))];
        let mut window = [0; 16];
        window[..present.len()].copy_from_slice(present);
        Window { bits: u128::from_be_bytes(window), shift: (offset % 8) as u32, first }
    }

    fn store(&self, bytes: &mut [u8], len: usize) {
        bytes[self.first..self.first + len].copy_from_slice(&self.bits.to_be_bytes()[..len]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn field(text: &str) -> Field {
        Field::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text} is a field type"))
    }

    #[test]
    fn knows_the_types() {
        assert_eq!(field("i64"), Field { signed: true, bits: 64 });
        assert_eq!(field("u63").bits(), 63);
        for bad in ["", "i", "u0", "i0", "u64", "i65", "I8", "x8", "i08", "i-1", "u8 "] {
            assert_eq!(Field::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn crosses_bytes() {
        let mut bytes = [0u8; 2];
        assert_eq!(field("u5").set(&mut bytes, 7, 23, Overflow::Wrap), Some(Change { old: 0, new: 23 }));
        assert_eq!(bytes, [0b0000_0001, 0b0111_0000]);
        assert_eq!(field("u5").get(&bytes, 7), 23);
        assert_eq!(field("i5").get(&bytes, 7), 23 - 32);
        assert_eq!(field("u8").get(&bytes, 12), 0);
        assert_eq!(field("i64").get(&bytes, u64::MAX), 0);
        let mut bytes = [0u8; 9];
        assert!(field("i64").set(&mut bytes, 7, -1, Overflow::Fail).is_some());
        assert_eq!(bytes, [1, 255, 255, 255, 255, 255, 255, 255, 254]);
    }

    #[test]
    fn overflows_as_told() {
        use Overflow::{Fail, Saturate, Wrap};
        for (kind, start, increment, wrapped, saturated) in [
            ("u8", 255, 1, 0, 255),
            ("u8", 0, -1, 255, 0),
            ("u8", 250, i64::MAX, 249, 255),
            ("i8", 127, 1, -128, 127),
            ("i8", -128, -1, 127, -128),
            ("i64", i64::MAX, 1, i64::MIN, i64::MAX),
            ("i64", i64::MIN, i64::MIN, 0, i64::MIN),
            ("u63", i64::MAX, 2, 1, i64::MAX),
            ("i1", -1, -1, 0, -1),
        ] {
            for (overflow, expected) in [(Wrap, Some(wrapped)), (Saturate, Some(saturated)), (Fail, None)] {
                let mut bytes = [0u8; 8];
                let set = field(kind).set(&mut bytes, 0, start, Fail);
                assert_eq!(set.map(|change| change.new), Some(start), "{kind}");
                let change = field(kind).increment(&mut bytes, 0, increment, overflow);
                assert_eq!(
                    change.map(|change| change.new),
                    expected,
                    "{kind} {start} {increment} {overflow:?}"
                );
                assert_eq!(field(kind).get(&bytes, 0), expected.unwrap_or(start));
            }
        }
    }

    #[test]
    fn setting_a_negative_value_unsigned_overflows_upwards() {
        let mut bytes = [0u8; 1];
        let mut set = |overflow| field("u4").set(&mut bytes, 0, -3, overflow).map(|change| change.new);
        assert_eq!(set(Overflow::Wrap), Some(13));
        assert_eq!(set(Overflow::Saturate), Some(15));
        assert_eq!(set(Overflow::Fail), None);
    }

    #[test]
    fn setting_the_lowest_values_signed_overflows_upwards() {
        let mut bytes = [0u8; 1];
        let mut set =
            |value| field("i8").set(&mut bytes, 0, value, Overflow::Saturate).map(|change| change.new);
        assert_eq!(set(i64::MIN + 127), Some(127));
        assert_eq!(set(i64::MIN + 128), Some(-128));
    }

    proptest! {
        #[test]
        fn touches_its_bits_only(
            mut bytes in prop::collection::vec(any::<u8>(), 24), offset in 0u64..128,
            bits in 1u8..=64, signed: bool, value: i64,
        ) {
            let field = Field { signed, bits: if signed { bits } else { bits.min(63) } };
            let before = bytes.clone();
            let bit = |bytes: &[u8], at: u64| bytes[at as usize / 8] >> (7 - at % 8) & 1;
            let new = field.set(&mut bytes, offset, value, Overflow::Wrap).unwrap().new;
            prop_assert_eq!(field.get(&bytes, offset), new);
            for at in 0..bytes.len() as u64 * 8 {
                let expected = match at.checked_sub(offset) {
                    Some(index) if index < field.bits() => (value >> (field.bits() - 1 - index)) as u8 & 1,
                    _ => bit(&before, at),
                };
                prop_assert_eq!(bit(&bytes, at), expected);
            }
        }
    }
}
