//! Places on earth, kept as members of sorted sets.

mod place;
mod search;

use crate::base::num::LongDouble;
use crate::command::row::*;
use crate::command::{Error, args, error};
use crate::resp::Reply;
use crate::types::geo::{Point, Unit};

use super::Command;

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    place::GEOADD,
    place::GEOPOS,
    place::GEOHASH,
    place::GEODIST,
    search::GEOSEARCH,
    search::GEOSEARCHSTORE,
    search::GEORADIUS,
    search::GEORADIUS_RO,
    search::GEORADIUSBYMEMBER,
    search::GEORADIUSBYMEMBER_RO,
];

const GROUP: &str = "geo";

const fn row(name: &'static str, arity: i32, flags: &[Flags], keys: &'static [KeySpec]) -> Spec {
    Spec::new(name, arity).flags(flags).keys(keys).categories(&[Categories::GEO])
}

/// Reads a position that can be stored.
fn point(longitude: &[u8], latitude: &[u8]) -> Result<Point, Error> {
    let point = Point { longitude: args::float(longitude)?, latitude: args::float(latitude)? };
    if point.is_valid() { Ok(point) } else { Err(error::invalid_position(point.longitude, point.latitude)) }
}

fn unit(word: &[u8]) -> Result<Unit, Error> {
    Unit::parse(word).ok_or(error::GEO_UNIT)
}

/// Writes a position: two bulks with all digits.
fn write_point(reply: &mut Reply, point: Point) {
    reply.array(2);
    for degrees in [point.longitude, point.latitude] {
        reply.double_text(&LongDouble::from(degrees).to_human_text());
    }
}

/// Writes a distance with four decimals.
fn write_distance(reply: &mut Reply, distance: f64) {
    let mut text = Vec::new();
    crate::base::num::format_fixed(distance, 4, &mut text);
    reply.bulk(&text);
}
