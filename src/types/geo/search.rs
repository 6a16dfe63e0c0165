//! Search within a circle or a box around a position.
//!
//! The search covers its shape by the cell of its center and the eight around it, at a step where a cell is
//! about as wide as the shape. Cells that the shape doesn't reach are left out. The cells' scores may hold
//! places outside the shape, so each place found is tested.

use smallvec::SmallVec;

use super::cell::{Area, Cell, MAX_STEP, position};
use super::distance::{EARTH_RADIUS, RADIAN, along_meridian, distance};
use super::{Point, Unit};

/// What is searched, in the search's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// All places up to so far away.
    Circle {
        /// Not negative.
        radius: f64,
    },
    /// All places up to half the height to the north or south and half the width to the east or west.
    Box {
        /// West to east; not negative.
        width: f64,
        /// South to north; not negative.
        height: f64,
    },
}

/// A shape around a position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// Where the shape's center is; a valid position.
    pub center: Point,
    /// What is searched.
    pub shape: Shape,
    /// Unit of the shape's measures.
    pub unit: Unit,
}

/// A place within the shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Where it is.
    pub position: Point,
    /// Meters from the center.
    pub distance: f64,
}

impl Search {
    /// The ranges of scores that can hold places within the shape, each with its end excluded.
    ///
    /// They don't overlap. Their order is that in which Redis reads them, from the center's cell outwards.
    pub fn ranges(&self) -> SmallVec<[(f64, f64); 9]> {
        let bounds = self.bounds();
        let mut step = self.estimate_step();
        if step > 1 && !reaches(Cell::at(self.center, step), bounds) {
            step -= 1;
        }
        let cell = Cell::at(self.center, step);
        let area = cell.area();
        // A grid of two cells is too coarse to leave any out.
        let all = step < 2;
        let is_needed = |columns: i32, rows: i32| {
            all || !(rows < 0 && area.south < bounds.south
                || rows > 0 && area.north > bounds.north
                || columns < 0 && area.west < bounds.west
                || columns > 0 && area.east > bounds.east)
        };
        let mut ranges = SmallVec::new();
        ranges.push(cell.scores());
        for (columns, rows) in NEIGHBORS {
            if !is_needed(columns, rows) {
                continue;
            }
            let range = cell.neighbor(columns, rows).scores();
            // In a grid of two cells the neighbors on both sides are the same.
            if ranges.last() != Some(&range) {
                ranges.push(range);
            }
        }
        ranges
    }

    /// The place that a score stands for, if it is within the shape.
    pub fn test(&self, score: f64) -> Option<Found> {
        let place = position(score);
        let meters = self.unit.meters();
        match self.shape {
            Shape::Circle { radius } => {
                let distance = distance(self.center, place);
                // Between antipodes rounding can make it NaN; that counts as near.
                if distance > radius * meters {
                    return None;
                }
                Some(Found { position: place, distance })
            }
            Shape::Box { width, height } => {
                if along_meridian(place, self.center) > height * meters / 2.0 {
                    return None;
                }
                let beside = Point { longitude: self.center.longitude, latitude: place.latitude };
                if distance(place, beside) > width * meters / 2.0 {
                    return None;
                }
                Some(Found { position: place, distance: distance(self.center, place) })
            }
        }
    }

    /// The edges of the shape. On the way to a pole meridians draw together, so east and west are taken on
    /// the parallel of the shape's edge nearer to the pole (for the southern half: the southern edge).
    fn bounds(&self) -> Area {
        let (half_width, half_height) = match self.shape {
            Shape::Circle { radius } => (radius, radius),
            Shape::Box { width, height } => (width / 2.0, height / 2.0),
        };
        let (half_width, half_height) = (self.unit.meters() * half_width, self.unit.meters() * half_height);
        let Point { longitude, latitude } = self.center;
        let rows = half_height / EARTH_RADIUS / RADIAN;
        let parallel = if latitude < 0.0 { latitude - rows } else { latitude + rows };
        let columns = half_width / EARTH_RADIUS / (parallel * RADIAN).cos() / RADIAN;
        Area {
            west: longitude - columns,
            east: longitude + columns,
            south: latitude - rows,
            north: latitude + rows,
        }
    }

    /// The step at which a cell is about as wide as the shape.
    fn estimate_step(&self) -> u32 {
        /// Half the way around the earth on the web's map.
        const MERCATOR_MAX: f64 = 20_037_726.37;
        let radius = match self.shape {
            Shape::Circle { radius } => radius,
            Shape::Box { width, height } => {
                ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt()
            }
        };
        let mut range = radius * self.unit.meters();
        if range <= 0.0 {
            return MAX_STEP;
        }
        let mut step = -1;
        while range < MERCATOR_MAX {
            range *= 2.0;
            step += 1;
        }
        // Towards the poles cells are narrower on the ground.
        let latitude = self.center.latitude.abs();
        step -= i32::from(latitude > 66.0) + i32::from(latitude > 80.0);
        step.clamp(1, MAX_STEP as i32) as u32
    }
}

/// Columns to the east and rows to the north, in Redis's order.
const NEIGHBORS: [(i32, i32); 8] = [(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];

/// Whether the cell and its neighbors cover the bounds.
fn reaches(cell: Cell, bounds: Area) -> bool {
    let area = |columns, rows| cell.neighbor(columns, rows).area();
    !(area(0, 1).north < bounds.north
        || area(0, -1).south > bounds.south
        || area(1, 0).east < bounds.east
        || area(-1, 0).west > bounds.west)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::score;
    use super::*;

    const PALERMO: Point = Point { longitude: 13.361389, latitude: 38.115556 };
    const CATANIA: Point = Point { longitude: 15.087269, latitude: 37.502669 };
    const CENTER: Point = Point { longitude: 15.0, latitude: 37.0 };

    fn finds(search: &Search, place: Point) -> Option<Found> {
        let score = score(place) as f64;
        let within = search.ranges().iter().filter(|(first, end)| (*first..*end).contains(&score)).count();
        assert!(within <= 1, "ranges overlap");
        search.test(score).filter(|_| within == 1)
    }

    #[test]
    fn circles_and_boxes() {
        let circle = |radius, unit| Search { center: CENTER, shape: Shape::Circle { radius }, unit };
        let found = finds(&circle(200.0, Unit::Kilometers), PALERMO).unwrap();
        assert_eq!((found.distance * 10.0).round(), 1_904_424.0);
        assert!(finds(&circle(190.0, Unit::Kilometers), PALERMO).is_none());
        assert!(finds(&circle(56_442.0, Unit::Meters), CATANIA).is_some());
        assert!(finds(&circle(56_441.0, Unit::Meters), CATANIA).is_none());

        let boxed = |width, height| Search {
            center: CENTER,
            shape: Shape::Box { width, height },
            unit: Unit::Kilometers,
        };
        assert!(finds(&boxed(400.0, 400.0), PALERMO).is_some());
        assert!(finds(&boxed(280.0, 400.0), PALERMO).is_none());
        assert!(finds(&boxed(400.0, 240.0), PALERMO).is_none());
    }

    #[test]
    fn senseless_measures_find_nothing() {
        for radius in [-1.0, f64::NEG_INFINITY] {
            let search = Search { center: PALERMO, shape: Shape::Circle { radius }, unit: Unit::Miles };
            assert!(finds(&search, PALERMO).is_none());
        }
    }

    #[test]
    fn a_point_and_the_whole_earth() {
        let search = |radius| Search { center: PALERMO, shape: Shape::Circle { radius }, unit: Unit::Meters };
        let itself = Search { center: super::position(score(PALERMO) as f64), ..search(0.0) };
        assert_eq!(finds(&itself, PALERMO).map(|found| found.distance), Some(0.0));
        assert!(finds(&itself, CATANIA).is_none());
        for radius in [30_000_000.0, 1e300, f64::INFINITY] {
            let antipode = Point { longitude: -166.0, latitude: -38.0 };
            assert!(finds(&search(radius), antipode).is_some(), "{radius}");
            assert_eq!(search(radius).ranges().len(), 4);
        }
    }

    proptest! {
        /// Away from the edges of the map the ranges lose nothing.
        #[test]
        fn ranges_cover_the_circle(
            longitude in -90.0f64..90.0, latitude in -60.0f64..60.0,
            east in -1.0f64..1.0, north in -1.0f64..1.0, exponent in 0.0f64..6.0,
        ) {
            let radius = 10f64.powf(exponent);
            let center = Point { longitude, latitude };
            let degrees = radius / 111_226.0;
            let place = Point { longitude: longitude + east * degrees, latitude: latitude + north * degrees };
            let search = Search { center, shape: Shape::Circle { radius }, unit: Unit::Meters };
            let found = search.test(score(place) as f64);
            prop_assert_eq!(finds(&search, place), found);
        }
    }
}
