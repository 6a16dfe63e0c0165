//! Cells of the geohash grid, and scores.
//!
//! At step n the map is 2^n cells wide and high. A cell's number has its column (longitude) in the odd bits
//! and its row (latitude) in the even ones; a score is a cell at step 26. A position on the upper edge of
//! the map has one column or row too many, which gives a bit beyond those of its step; Redis keeps it.

use super::{MAX_LATITUDE, MAX_LONGITUDE, Point};

/// Step of scores.
pub(super) const MAX_STEP: u32 = 26;

const COLUMN_BITS: u64 = 0xaaaa_aaaa_aaaa_aaaa;
const ROW_BITS: u64 = 0x5555_5555_5555_5555;

/// A cell: its number within the grid of its step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub bits: u64,
    /// 1 to 26.
    pub step: u32,
}

/// The edges of a cell in degrees.
#[derive(Clone, Copy, Debug)]
pub(super) struct Area {
    pub west: f64,
    pub east: f64,
    pub south: f64,
    pub north: f64,
}

impl Cell {
    /// The cell of a valid position.
    pub fn at(point: Point, step: u32) -> Cell {
        Cell::on_map(point, step, MAX_LATITUDE)
    }

    fn on_map(point: Point, step: u32, max_latitude: f64) -> Cell {
        let fraction = |value: f64, max: f64| (value + max) / (max + max);
        let cells = f64::from(1 << step);
        let row = (fraction(point.latitude, max_latitude) * cells) as u32;
        let column = (fraction(point.longitude, MAX_LONGITUDE) * cells) as u32;
        Cell { bits: spread(row) | spread(column) << 1, step }
    }

    /// The edges.
    pub fn area(self) -> Area {
        let cells = f64::from(1 << self.step);
        let edge = |index: u32, max: f64| -max + f64::from(index) / cells * (max + max);
        // Numbers from foreign scores may have all 32 bits set.
        let (column, row) = (gather(self.bits >> 1), gather(self.bits));
        Area {
            west: edge(column, MAX_LONGITUDE),
            east: edge(column.wrapping_add(1), MAX_LONGITUDE),
            south: edge(row, MAX_LATITUDE),
            north: edge(row.wrapping_add(1), MAX_LATITUDE),
        }
    }

    /// The cell so many columns to the east and rows to the north (-1, 0 or 1), around the map if need be.
    pub fn neighbor(self, columns: i32, rows: i32) -> Cell {
        let bits = self.shifted(COLUMN_BITS, columns).shifted(ROW_BITS, rows).bits;
        Cell { bits, ..self }
    }

    /// Adds to one coordinate in place: filling the other one's bits lets the carry pass over them.
    fn shifted(self, axis: u64, by: i32) -> Cell {
        let used = u64::MAX >> (64 - 2 * self.step);
        let (moved, still) = (self.bits & axis, self.bits & !axis);
        let filling = !axis & used;
        let moved = match by {
            0 => return self,
            1.. => moved.wrapping_add(filling + 1),
            _ => (moved | filling).wrapping_sub(filling + 1),
        };
        Cell { bits: moved & axis & used | still, ..self }
    }

    /// The scores of all places within: from the first on, up to but not including the second.
    pub fn scores(self) -> (f64, f64) {
        let unused = 2 * (MAX_STEP - self.step);
        ((self.bits << unused) as f64, ((self.bits + 1) << unused) as f64)
    }
}

/// The score of a valid position.
pub fn score(point: Point) -> u64 {
    Cell::at(point, MAX_STEP).bits
}

/// The position that a score stands for: the middle of its cell.
///
/// Any score gives a valid position, also one that is not from [`score`].
pub fn position(score: f64) -> Point {
    let area = Cell { bits: to_bits(score), step: MAX_STEP }.area();
    Point {
        longitude: ((area.west + area.east) / 2.0).clamp(-MAX_LONGITUDE, MAX_LONGITUDE),
        latitude: ((area.south + area.north) / 2.0).clamp(-MAX_LATITUDE, MAX_LATITUDE),
    }
}

/// The standard geohash of a score, 11 letters and digits, as on geohash.org.
///
/// The standard takes latitudes from -90 to 90, so the position is hashed again. 52 bits make ten
/// characters and a bit; the last character is always `0`.
pub fn geohash_text(score: f64) -> [u8; 11] {
    const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
    let bits = Cell::on_map(position(score), MAX_STEP, 90.0).bits;
    let mut text = [b'0'; 11];
    for (index, letter) in text[..10].iter_mut().enumerate() {
        *letter = ALPHABET[(bits >> (47 - 5 * index) & 31) as usize];
    }
    text
}

/// A score as an integer, as x86-64 converts it: wrapped around if negative, 2^63 or 0 if out of range.
fn to_bits(score: f64) -> u64 {
    const HALF: f64 = (1u64 << 63) as f64;
    let truncate = |value: f64| {
        if (-HALF..HALF).contains(&value) { value as i64 as u64 } else { 1 << 63 }
    };
    if score < HALF { truncate(score) } else { truncate(score - HALF) ^ 1 << 63 }
}

/// Masks of ever smaller groups of bits, each with room for another such group above.
const GROUPS: [(u32, u64); 5] = [
    (16, 0x0000_ffff_0000_ffff),
    (8, 0x00ff_00ff_00ff_00ff),
    (4, 0x0f0f_0f0f_0f0f_0f0f),
    (2, 0x3333_3333_3333_3333),
    (1, ROW_BITS),
];

/// Moves each bit to twice its place.
fn spread(value: u32) -> u64 {
    GROUPS.iter().fold(u64::from(value), |bits, (shift, mask)| (bits | bits << shift) & mask)
}

/// Undoes [`spread`], ignoring the odd bits.
fn gather(bits: u64) -> u32 {
    let halved = GROUPS.iter().rev().fold(bits, |bits, (shift, mask)| {
        let kept = bits & mask;
        kept | kept >> shift
    });
    halved as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn point(longitude: f64, latitude: f64) -> Point {
        Point { longitude, latitude }
    }

    #[test]
    fn scores_are_those_of_redis() {
        let palermo = score(point(13.361389, 38.115556));
        assert_eq!(palermo, 3_479_099_956_230_698);
        assert_eq!(position(palermo as f64), point(13.361_389_338_970_184, 38.115_556_395_496_3));
        assert_eq!(&geohash_text(palermo as f64), b"sqc8b49rny0");
        let catania = score(point(15.087269, 37.502669));
        assert_eq!(&geohash_text(catania as f64), b"sqdtr74hyu0");
    }

    #[test]
    fn the_edges_of_the_map() {
        assert_eq!(score(point(-180.0, -MAX_LATITUDE)), 0);
        assert_eq!(score(point(180.0, MAX_LATITUDE)), 3 << 52);
        assert_eq!(position((3u64 << 52) as f64), point(180.0, MAX_LATITUDE));
    }

    #[test]
    fn foreign_scores_give_valid_positions() {
        for score in [-1.0, 0.5, 1e300, -1e300, f64::INFINITY, f64::NEG_INFINITY, 1e19, 9.3e18] {
            assert!(position(score).is_valid(), "{score}");
        }
        assert_eq!(to_bits(-1.0), u64::MAX);
        assert_eq!(to_bits(f64::INFINITY), 0);
        assert_eq!(to_bits(1e19), 10_000_000_000_000_000_000);
    }

    proptest! {
        #[test]
        fn bits_are_interleaved(column: u32, row: u32) {
            let bits = spread(column) << 1 | spread(row);
            prop_assert_eq!((gather(bits >> 1), gather(bits)), (column, row));
            for bit in 0..32 {
                prop_assert_eq!(bits >> (2 * bit) & 1, u64::from(row >> bit & 1));
            }
        }

        #[test]
        fn neighbors_wrap_around(column: u32, row: u32, columns in -1i32..2, rows in -1i32..2, step in 1u32..27) {
            let mask = (1u32 << step) - 1;
            let (column, row) = (column & mask, row & mask);
            let cell = Cell { bits: spread(column) << 1 | spread(row), step }.neighbor(columns, rows);
            let expected = (column.wrapping_add_signed(columns) & mask, row.wrapping_add_signed(rows) & mask);
            prop_assert_eq!((gather(cell.bits >> 1), gather(cell.bits)), expected);
        }

        #[test]
        fn cells_hold_their_scores(longitude in -180.0f64..180.0, latitude in -85.0f64..85.0, step in 1u32..27) {
            let place = point(longitude, latitude);
            let (first, end) = Cell::at(place, step).scores();
            let score = score(place) as f64;
            prop_assert!(first <= score && score < end);
            let decoded = position(score);
            prop_assert!((decoded.longitude - longitude).abs() < 1e-5);
            prop_assert!((decoded.latitude - latitude).abs() < 1e-5);
        }
    }
}
