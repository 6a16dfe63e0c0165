//! Distances over the ground.

use std::f64::consts::PI;

use super::Point;

/// Redis's earth is a sphere of this radius.
pub(super) const EARTH_RADIUS: f64 = 6_372_797.560_856;

/// Degrees times this are radians.
pub(super) const RADIAN: f64 = PI / 180.0;

/// Meters between two positions, by the haversine formula.
pub fn distance(from: Point, to: Point) -> f64 {
    let v = ((to.longitude * RADIAN - from.longitude * RADIAN) / 2.0).sin();
    if v == 0.0 {
        return along_meridian(from, to);
    }
    let (from_latitude, to_latitude) = (from.latitude * RADIAN, to.latitude * RADIAN);
    let u = ((to_latitude - from_latitude) / 2.0).sin();
    let a = u * u + from_latitude.cos() * to_latitude.cos() * v * v;
    2.0 * EARTH_RADIUS * a.sqrt().asin()
}

/// Meters between the latitudes of two positions.
pub(super) fn along_meridian(from: Point, to: Point) -> f64 {
    EARTH_RADIUS * (to.latitude * RADIAN - from.latitude * RADIAN).abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_redis() {
        let palermo = super::super::position(3_479_099_956_230_698.0);
        let catania = super::super::position(3_479_447_370_796_909.0);
        assert_eq!((distance(palermo, catania) * 1e4).round(), 1_662_741_516.0);
        assert_eq!(distance(palermo, palermo), 0.0);
        let north = Point { latitude: palermo.latitude + 1.0, ..palermo };
        assert_eq!(distance(palermo, north).round(), 111_226.0);
    }
}
