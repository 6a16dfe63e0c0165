//! Intset: a sorted set of integers in one run of bytes, as Redis lays it out and RDB files hold it.
//!
//! ```text
//! width u32 | count u32 | value | value | ...
//! ```
//!
//! Little-endian, the values ascending and all of `width` bytes: 2, 4 or 8, whatever the widest value ever
//! inserted needed. A removal never makes the width smaller.

use crate::base::size_class::size_class;

const HEADER: usize = 8;

/// A sorted set of 64-bit integers, small: each change moves the values behind it.
#[derive(Clone, PartialEq, Eq)]
pub struct IntSet {
    bytes: Vec<u8>,
}

/// Why bytes are not an intset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IntSetError {
    /// Too short for a header, or a width that is not 2, 4 or 8.
    Header,
    /// The count isn't the number of values in the bytes.
    Count,
    /// No value at all, which Redis takes for damage too.
    Empty,
    /// The values don't ascend, or one is there twice.
    Order,
}

/// Bytes of a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
enum Width {
    Two = 2,
    Four = 4,
    Eight = 8,
}

impl Width {
    #[inline]
    fn of(value: i64) -> Self {
        if i16::try_from(value).is_ok() {
            Width::Two
        } else if i32::try_from(value).is_ok() {
            Width::Four
        } else {
            Width::Eight
        }
    }
}

impl IntSet {
    /// An empty set.
    pub fn new() -> Self {
        IntSet { bytes: vec![Width::Two as u8, 0, 0, 0, 0, 0, 0, 0] }
    }

    /// Takes bytes that are known to be an intset. Copies nothing.
    #[inline]
    pub fn from_vec(bytes: Vec<u8>) -> Self {
        IntSet { bytes }
    }

    /// Takes foreign bytes after a check of every value.
    ///
    /// # Errors
    /// As for [`IntSet::validate`].
    pub fn from_foreign(bytes: Vec<u8>) -> Result<Self, IntSetError> {
        Self::validate(&bytes)?;
        Ok(IntSet { bytes })
    }

    /// Checks foreign bytes value by value.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn validate(bytes: &[u8]) -> Result<(), IntSetError> {
        let word = |at: usize| bytes.get(at..)?.first_chunk().map(|word| u32::from_le_bytes(*word));
        let (Some(width), Some(count)) = (word(0), word(4)) else { return Err(IntSetError::Header) };
        let width = match width {
            2 => Width::Two,
            4 => Width::Four,
            8 => Width::Eight,
            _ => return Err(IntSetError::Header),
        };
        // At most 2^35, so nothing overflows.
        if u64::from(count) * width as u64 != (bytes.len() - HEADER) as u64 {
            return Err(IntSetError::Count);
        }
        if count == 0 {
            return Err(IntSetError::Empty);
        }
        let value = |index| read(&bytes[HEADER..], width, index);
        match (1..count as usize).all(|index| value(index - 1) < value(index)) {
            true => Ok(()),
            false => Err(IntSetError::Order),
        }
    }

    /// The bytes, as they stand in an RDB file.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, owned.
    #[inline]
    pub fn into_vec(self) -> Vec<u8> {
        self.bytes
    }

    /// Number of values.
    #[inline]
    pub fn len(&self) -> usize {
        self.values().len() / self.width() as usize
    }

    /// Whether there is no value.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == HEADER
    }

    /// The value at `index` in ascending order.
    #[inline]
    pub fn get(&self, index: usize) -> Option<i64> {
        (index < self.len()).then(|| self.value(index))
    }

    /// The smallest value.
    pub fn min(&self) -> Option<i64> {
        self.get(0)
    }

    /// The largest value.
    pub fn max(&self) -> Option<i64> {
        self.get(self.len().checked_sub(1)?)
    }

    /// Any value, each with the same probability.
    pub fn random(&self) -> Option<i64> {
        (!self.is_empty()).then(|| self.value(fastrand::usize(..self.len())))
    }

    /// The values, ascending from the front.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator + Clone + '_ {
        let (values, width) = (self.values(), self.width());
        (0..self.len()).map(move |index| read(values, width, index))
    }

    /// Whether `value` is in it.
    #[inline]
    pub fn contains(&self, value: i64) -> bool {
        Width::of(value) <= self.width() && self.search(value).is_ok()
    }

    /// Adds `value`; tells whether it was not there before.
    pub fn insert(&mut self, value: i64) -> bool {
        let needed = Width::of(value);
        if needed > self.width() {
            self.widen(needed);
        }
        let Err(index) = self.search(value) else { return false };
        let width = self.width() as usize;
        let (at, len) = (HEADER + index * width, self.bytes.len());
        self.grow_to(len + width);
        self.bytes.resize(len + width, 0);
        self.bytes.copy_within(at..len, at + width);
        self.bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
        self.write_count();
        true
    }

    /// Removes `value`; tells whether it was there.
    pub fn remove(&mut self, value: i64) -> bool {
        if Width::of(value) > self.width() {
            return false;
        }
        let Ok(index) = self.search(value) else { return false };
        let width = self.width() as usize;
        let at = HEADER + index * width;
        self.bytes.drain(at..at + width);
        self.write_count();
        true
    }

    #[inline]
    fn width(&self) -> Width {
        match self.bytes[0] {
            2 => Width::Two,
            4 => Width::Four,
            _ => Width::Eight,
        }
    }

    #[inline]
    fn values(&self) -> &[u8] {
        &self.bytes[HEADER..]
    }

    #[inline]
    fn value(&self, index: usize) -> i64 {
        read(self.values(), self.width(), index)
    }

    /// Where `value` is, or else where it would be.
    #[inline]
    fn search(&self, value: i64) -> Result<usize, usize> {
        let (values, width) = (self.values(), self.width());
        let (mut low, mut high) = (0, self.len());
        // Sets are often filled in ascending order.
        if high > 0 && read(values, width, high - 1) < value {
            return Err(high);
        }
        while low < high {
            let middle = low.midpoint(high);
            match read(values, width, middle).cmp(&value) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Ok(middle),
            }
        }
        Err(low)
    }

    fn widen(&mut self, width: Width) {
        let mut wider = Vec::with_capacity(size_class(HEADER + (self.len() + 1) * width as usize));
        wider.extend_from_slice(&(width as u32).to_le_bytes());
        wider.extend_from_slice(&self.bytes[4..HEADER]);
        for value in self.iter() {
            wider.extend_from_slice(&value.to_le_bytes()[..width as usize]);
        }
        self.bytes = wider;
    }

    fn grow_to(&mut self, len: usize) {
        if len > self.bytes.capacity() {
            self.bytes.reserve_exact(size_class(len) - self.bytes.len());
        }
    }

    fn write_count(&mut self) {
        let count = u32::try_from(self.len()).expect("callers convert long before 2^32 values");
        self.bytes[4..HEADER].copy_from_slice(&count.to_le_bytes());
    }
}

#[inline]
fn read(values: &[u8], width: Width, index: usize) -> i64 {
    let at = &values[index * width as usize..];
    let inside = "an index below the count";
    match width {
        Width::Two => i64::from(i16::from_le_bytes(*at.first_chunk().expect(inside))),
        Width::Four => i64::from(i32::from_le_bytes(*at.first_chunk().expect(inside))),
        Width::Eight => i64::from_le_bytes(*at.first_chunk().expect(inside)),
    }
}

impl Default for IntSet {
    fn default() -> Self {
        IntSet::new()
    }
}

impl std::fmt::Debug for IntSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn set(values: &[i64]) -> IntSet {
        let mut set = IntSet::new();
        for &value in values {
            set.insert(value);
        }
        set
    }

    #[test]
    fn has_the_bytes_that_redis_writes() {
        assert_eq!(set(&[3, -1]).as_bytes(), [2, 0, 0, 0, 2, 0, 0, 0, 0xFF, 0xFF, 3, 0]);
        let wide = set(&[3, 32_768]);
        assert_eq!(wide.as_bytes(), [4, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0x80, 0, 0]);
        assert_eq!(set(&[i64::MIN]).as_bytes()[..8], [8, 0, 0, 0, 1, 0, 0, 0]);
    }

    #[test]
    fn a_removal_leaves_the_width() {
        let mut set = set(&[1, 100_000]);
        assert!(set.remove(100_000) && !set.remove(i64::MAX));
        assert_eq!((set.as_bytes()[0], set.min(), set.max()), (4, Some(1), Some(1)));
    }

    #[test]
    fn refuses_what_is_no_intset() {
        let check = |bytes: &[u8]| IntSet::validate(bytes);
        assert_eq!(check(&[2, 0, 0, 0, 0, 0, 0]), Err(IntSetError::Header));
        assert_eq!(check(&[3, 0, 0, 0, 0, 0, 0, 0]), Err(IntSetError::Header));
        assert_eq!(check(&[2, 0, 0, 0, 0, 0, 0, 0]), Err(IntSetError::Empty));
        assert_eq!(check(&[2, 0, 0, 0, 2, 0, 0, 0, 1, 0]), Err(IntSetError::Count));
        assert_eq!(check(&[8, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0]), Err(IntSetError::Count));
        assert_eq!(check(&[2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 1, 0]), Err(IntSetError::Order));
        assert_eq!(check(&[2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0xFF, 0xFF]), Err(IntSetError::Order));
        assert_eq!(check(&[2, 0, 0, 0, 2, 0, 0, 0, 0xFF, 0xFF, 1, 0]), Ok(()));
    }

    fn value() -> impl Strategy<Value = i64> {
        prop_oneof![
            6 => -20i64..20,
            1 => (0u32..63, -2i64..3).prop_map(|(bit, off)| (1i64 << bit) + off),
            1 => (0u32..63, -2i64..3).prop_map(|(bit, off)| off - (1i64 << bit)),
            1 => any::<i64>(),
        ]
    }

    proptest! {
        #[test]
        fn behaves_like_a_tree_set(ops in vec((any::<bool>(), value()), 0..80)) {
            let mut set = IntSet::new();
            let mut model = BTreeSet::new();
            for (insert, value) in ops {
                if insert {
                    prop_assert_eq!(set.insert(value), model.insert(value));
                } else {
                    prop_assert_eq!(set.remove(value), model.remove(&value));
                }
                prop_assert!(set.iter().eq(model.iter().copied()));
                prop_assert!(set.iter().rev().eq(model.iter().rev().copied()));
                prop_assert_eq!((set.min(), set.max()), (model.first().copied(), model.last().copied()));
                prop_assert_eq!((set.len(), set.get(set.len())), (model.len(), None));
                prop_assert_eq!(set.contains(value), model.contains(&value));
                prop_assert!(set.random().is_none_or(|random| model.contains(&random)));
                prop_assert_eq!(IntSet::validate(set.as_bytes()).is_ok(), !model.is_empty());
            }
        }
    }
}
