//! Longest common subsequence of two strings.
//!
//! The textbook table holds for each pair of prefixes the length of their longest common subsequence.
//! Along a row that length grows by 0 or 1 per cell, so a row is a set of bits, and 64 cells of the next
//! row follow from one addition (Crochemore, Iliopoulos, Pinzon and Reid 2001; Hyyrö 2004):
//!
//! ```text
//! a bit is clear where the length grows; at first all are set
//! matching = row & positions of this byte of `a` in `b`
//! row'     = (row + matching) | (row & !matching)
//! ```
//!
//! Redis fills the table with 32-bit lengths and walks back through it. Where two bytes differ it goes up
//! if the cell above is greater than the one to the left, which is so exactly where the row's bit is
//! clear. So keeping the rows' bits is enough to walk the same way and to give the same subsequence and
//! ranges, in 1/32 of the memory.

use std::ops::Range;

/// The strings are too much for LCS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LcsError {
    /// One of them has close to 2^32 bytes.
    StringTooLong,
    /// A table of 32-bit lengths would exceed the limit.
    TableTooLarge,
}

/// Checks that Redis would take on two strings of these lengths with `table_limit` bytes of table.
///
/// # Errors
/// If they are too much.
pub fn check(a: usize, b: usize, table_limit: u64) -> Result<(), LcsError> {
    let limit = u64::from(u32::MAX) - 1;
    let (a, b) = (a as u64, b as u64);
    if a >= limit || b >= limit {
        return Err(LcsError::StringTooLong);
    }
    match ((a + 1) * (b + 1)).checked_mul(4) {
        Some(size) if size <= table_limit => Ok(()),
        _ => Err(LcsError::TableTooLarge),
    }
}

/// Length of the longest common subsequence.
pub fn length(a: &[u8], b: &[u8]) -> usize {
    let positions = Positions::new(a, b);
    let mut row = positions.first_row();
    for &byte in a {
        positions.advance(&mut row, byte);
    }
    growth(&row)
}

/// A stretch that stands in both strings, part of the subsequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// Where it is in the first string.
    pub a: Range<usize>,
    /// Where it is in the second.
    pub b: Range<usize>,
}

impl Match {
    /// Bytes in the stretch.
    pub fn size(&self) -> usize {
        self.a.len()
    }
}

/// One longest common subsequence of two strings, the one that Redis finds.
pub struct Lcs<'a> {
    a: &'a [u8],
    b: &'a [u8],
    /// The rows after each byte of `a`, `stride` bytes each, bits from the least significant.
    rows: Vec<u8>,
    stride: usize,
    len: usize,
}

impl<'a> Lcs<'a> {
    /// Fills the table: `a.len() * b.len() / 8` bytes. See [`check`] first.
    pub fn new(a: &'a [u8], b: &'a [u8]) -> Lcs<'a> {
        let positions = Positions::new(a, b);
        let stride = b.len().div_ceil(8);
        let mut rows = Vec::with_capacity(a.len() * stride + 8);
        let mut row = positions.first_row();
        for (index, &byte) in a.iter().enumerate() {
            positions.advance(&mut row, byte);
            for word in &row {
                rows.extend_from_slice(&word.to_le_bytes());
            }
            rows.truncate((index + 1) * stride);
        }
        let len = growth(&row);
        Lcs { a, b, rows, stride, len }
    }

    /// Length of the subsequence.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the strings have no byte in common.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The subsequence itself.
    pub fn text(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.len);
        for stretch in self.matches() {
            text.extend(self.a[stretch.a].iter().rev());
        }
        text.reverse();
        text
    }

    /// The stretches of the subsequence, the last first.
    pub fn matches(&self) -> Matches<'_> {
        Matches { lcs: self, a: self.a.len(), b: self.b.len() }
    }

    /// Whether the length grows from the cell left of `(a, b)` to it.
    fn grows(&self, a: usize, b: usize) -> bool {
        self.rows[a * self.stride + b / 8] >> (b % 8) & 1 == 0
    }
}

/// Iterator over the stretches of an [`Lcs`], from the end of the strings to their beginning.
pub struct Matches<'a> {
    lcs: &'a Lcs<'a>,
    a: usize,
    b: usize,
}

impl Iterator for Matches<'_> {
    type Item = Match;

    fn next(&mut self) -> Option<Match> {
        let Lcs { a, b, .. } = self.lcs;
        while self.a > 0 && self.b > 0 && a[self.a - 1] != b[self.b - 1] {
            if self.lcs.grows(self.a - 1, self.b - 1) {
                self.a -= 1;
            } else {
                self.b -= 1;
            }
        }
        let (before_a, before_b) = (&a[..self.a], &b[..self.b]);
        let size = before_a.iter().rev().zip(before_b.iter().rev()).take_while(|(a, b)| a == b).count();
        let found = Match { a: self.a - size..self.a, b: self.b - size..self.b };
        (self.a, self.b) = (found.a.start, found.b.start);
        (size > 0).then_some(found)
    }
}

/// For each byte of `a` the set of places in `b` where it stands.
struct Positions {
    /// Which set a byte has.
    index: [u16; 256],
    sets: Vec<u64>,
    words: usize,
}

impl Positions {
    const NONE: u16 = u16::MAX;

    fn new(a: &[u8], b: &[u8]) -> Positions {
        let words = b.len().div_ceil(64);
        let mut index = [Self::NONE; 256];
        let mut distinct = 0;
        for &byte in a {
            if index[usize::from(byte)] == Self::NONE {
                index[usize::from(byte)] = distinct;
                distinct += 1;
            }
        }
        let mut sets = vec![0u64; usize::from(distinct) * words];
        for (place, &byte) in b.iter().enumerate() {
            let set = index[usize::from(byte)];
            if set != Self::NONE {
                sets[usize::from(set) * words + place / 64] |= 1 << (place % 64);
            }
        }
        Positions { index, sets, words }
    }

    fn first_row(&self) -> Vec<u64> {
        vec![u64::MAX; self.words]
    }

    /// Turns a row into the next one, for a byte that stands in `a`.
    fn advance(&self, row: &mut [u64], byte: u8) {
        let start = usize::from(self.index[usize::from(byte)]) * self.words;
        let mut carry = false;
        for (word, places) in row.iter_mut().zip(&self.sets[start..start + self.words]) {
            let matching = *word & places;
            let (sum, over) = word.overflowing_add(matching);
            let (sum, over_again) = sum.overflowing_add(u64::from(carry));
            carry = over || over_again;
            *word = sum | (*word & !places);
        }
    }
}

/// How often the length grows along a row. Bits beyond the last cell have no places, so they stay set.
fn growth(row: &[u64]) -> usize {
    row.iter().map(|word| word.count_zeros() as usize).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn finds_the_subsequence_and_its_ranges() {
        let lcs = Lcs::new(b"ohmytext", b"mynewtext");
        assert_eq!((lcs.len(), lcs.text().as_slice()), (6, &b"mytext"[..]));
        let matches: Vec<Match> = lcs.matches().collect();
        assert_eq!(matches, [Match { a: 4..8, b: 5..9 }, Match { a: 2..4, b: 0..2 }]);
        assert_eq!(matches[0].size(), 4);
    }

    #[test]
    fn strings_without_anything_in_common() {
        for (a, b) in [("", ""), ("a", ""), ("", "a"), ("abc", "xyz")] {
            let lcs = Lcs::new(a.as_bytes(), b.as_bytes());
            assert!(lcs.is_empty() && lcs.text().is_empty() && lcs.matches().next().is_none());
            assert_eq!(length(a.as_bytes(), b.as_bytes()), 0);
        }
    }

    #[test]
    fn refuses_what_redis_refuses() {
        assert_eq!(check(9, 9, 400), Ok(()));
        assert_eq!(check(9, 10, 400), Err(LcsError::TableTooLarge));
        assert_eq!(
            check(u32::MAX as usize - 2, u32::MAX as usize - 2, u64::MAX),
            Err(LcsError::TableTooLarge)
        );
        assert_eq!(check(u32::MAX as usize - 1, 0, u64::MAX), Err(LcsError::StringTooLong));
    }

    /// The table of lengths and the walk back through it.
    fn by_table(a: &[u8], b: &[u8]) -> (usize, Vec<Match>) {
        let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
        for i in 1..=a.len() {
            for j in 1..=b.len() {
                table[i][j] = if a[i - 1] == b[j - 1] {
                    table[i - 1][j - 1] + 1
                } else {
                    table[i - 1][j].max(table[i][j - 1])
                };
            }
        }
        let (mut i, mut j) = (a.len(), b.len());
        let mut pairs = Vec::new();
        while i > 0 && j > 0 {
            if a[i - 1] == b[j - 1] {
                (i, j) = (i - 1, j - 1);
                pairs.push((i, j));
            } else if table[i - 1][j] > table[i][j - 1] {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        let mut matches: Vec<Match> = Vec::new();
        for (i, j) in pairs {
            match matches.last_mut() {
                Some(last) if last.a.start == i + 1 && last.b.start == j + 1 => {
                    (last.a.start, last.b.start) = (i, j);
                }
                _ => matches.push(Match { a: i..i + 1, b: j..j + 1 }),
            }
        }
        (table[a.len()][b.len()], matches)
    }

    proptest! {
        #[test]
        fn agrees_with_the_table(a in "[a-d]{0,150}", b in "[a-e]{0,150}") {
            let (a, b) = (a.as_bytes(), b.as_bytes());
            let (len, matches) = by_table(a, b);
            let lcs = Lcs::new(a, b);
            prop_assert_eq!(lcs.len(), len);
            prop_assert_eq!(length(a, b), len);
            prop_assert_eq!(lcs.matches().collect::<Vec<_>>(), matches);
            prop_assert_eq!(lcs.text().len(), len);
        }
    }
}
