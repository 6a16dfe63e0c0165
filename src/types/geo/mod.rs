//! Places on earth as scores of a sorted set.
//!
//! A position is hashed to 52 bits that are a score: its longitude and latitude as 26-bit fractions of
//! their ranges, bits interleaved ([`cell`]). Places near each other mostly share a prefix, so all places
//! within a cell of any size are one range of scores, and a [`Search`] is at most nine ranges and a test.
//!
//! All arithmetic is done in the order in which Redis does it, so that results are equal to the last digit.

mod cell;
mod distance;
mod search;

pub use cell::{geohash_text, position, score};
pub use distance::distance;
pub use search::{Found, Search, Shape};

/// A position in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// -180 to 180.
    pub longitude: f64,
    /// -85.05112878 to 85.05112878: the poles can't be stored.
    pub latitude: f64,
}

const MAX_LONGITUDE: f64 = 180.0;
/// Where the square Mercator map of the web ends.
const MAX_LATITUDE: f64 = 85.051_128_78;

impl Point {
    /// Whether the position can be stored.
    pub fn is_valid(self) -> bool {
        (-MAX_LONGITUDE..=MAX_LONGITUDE).contains(&self.longitude)
            && (-MAX_LATITUDE..=MAX_LATITUDE).contains(&self.latitude)
    }
}

/// Unit of distances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// `m`
    #[default]
    Meters,
    /// `km`
    Kilometers,
    /// `ft`
    Feet,
    /// `mi`
    Miles,
}

impl Unit {
    /// Reads `m`, `km`, `ft` or `mi` in any case.
    pub fn parse(text: &[u8]) -> Option<Unit> {
        let names: [(&[u8], Unit); 4] =
            [(b"m", Unit::Meters), (b"km", Unit::Kilometers), (b"ft", Unit::Feet), (b"mi", Unit::Miles)];
        names.into_iter().find(|(name, _)| text.eq_ignore_ascii_case(name)).map(|(_, unit)| unit)
    }

    /// Meters in one of these.
    pub fn meters(self) -> f64 {
        match self {
            Unit::Meters => 1.0,
            Unit::Kilometers => 1000.0,
            Unit::Feet => 0.3048,
            Unit::Miles => 1609.34,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        assert_eq!(Unit::parse(b"KM").map(Unit::meters), Some(1000.0));
        assert_eq!(Unit::parse(b"yd"), None);
    }

    #[test]
    fn the_poles_are_not_valid() {
        let point = |longitude, latitude| Point { longitude, latitude };
        assert!(point(180.0, -85.051_128_78).is_valid());
        assert!(!point(0.0, 85.051_128_79).is_valid() && !point(-180.1, 0.0).is_valid());
        assert!(!point(f64::NAN, 0.0).is_valid());
    }
}
