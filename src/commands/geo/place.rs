//! Storing places and asking about them: GEOADD, GEOPOS, GEOHASH, GEODIST.

use crate::command::error;
use crate::command::row::*;
use crate::types::geo::{self, Unit};
use crate::types::zset::{AddFlags, Zset};

use super::super::zset::add::{Pairs, add_scored};
use super::super::{Call, Command, DONE, Outcome};
use super::{GROUP, point, row, unit, write_distance, write_point};

const READ_KEY: &[KeySpec] = &[KeySpec::at(1, &[RO, ACCESS])];

pub(super) const GEOADD: Command = Command::new(
    row("geoadd", -5, &[WRITE, DENYOOM], &[KeySpec::at(1, &[RW, UPDATE])])
        .doc(
            GROUP,
            "3.2.0",
            "O(log(N)) for each place, where N is the size of the sorted set.",
            "Adds places to a sorted set, or moves them.",
        )
        .syntax(
            "key [condition:<NX|XX>@6.2.0] [change=CH@6.2.0] \
             data:(longitude:double latitude:double member)*",
        ),
    geoadd,
);

pub(super) const GEOPOS: Command = Command::new(
    row("geopos", -2, &[READONLY], READ_KEY)
        .doc(GROUP, "3.2.0", "O(1) for each place", "Returns longitude and latitude of places.")
        .syntax("key [member*]"),
    |call| {
        for_each_score(call, |call, score| match score {
            Some(score) => write_point(call.reply, geo::position(score)),
            None => call.reply.null_array(),
        })
    },
);

pub(super) const GEOHASH: Command = Command::new(
    row("geohash", -2, &[READONLY], READ_KEY)
        .doc(GROUP, "3.2.0", "O(1) for each place", "Returns the geohash texts of places.")
        .syntax("key [member*]"),
    |call| {
        for_each_score(call, |call, score| match score {
            Some(score) => call.reply.bulk(&geo::geohash_text(score)),
            None => call.reply.null(),
        })
    },
);

pub(super) const GEODIST: Command = Command::new(
    row("geodist", -4, &[READONLY], READ_KEY)
        .doc(GROUP, "3.2.0", "O(1)", "Returns the distance between two places.")
        .syntax("key member1 member2 [unit:<M|KM|FT|MI>]"),
    geodist,
);

fn geoadd(call: &mut Call<'_>) -> Outcome {
    let (mut flags, mut count_changed) = (AddFlags::default(), false);
    let mut args = call.args_from(2);
    loop {
        if args.word("NX") {
            flags.nx = true;
        } else if args.word("XX") {
            flags.xx = true;
        } else if args.word("CH") {
            count_changed = true;
        } else {
            break;
        }
    }
    if !args.len().is_multiple_of(3) || flags.nx && flags.xx {
        return Err(error::SYNTAX);
    }
    let places = args
        .rest()
        .chunks_exact(3)
        .map(|place| Ok((geo::score(point(place[0], place[1])?) as f64, place[2])));
    let places = places.collect::<Result<Pairs<'_>, error::Error>>()?;
    if places.is_empty() {
        return Err(error::SYNTAX);
    }
    add_scored(call, flags, count_changed, &places)
}

/// Answers an array with what `write` writes for the score of each member asked for.
fn for_each_score(call: &mut Call<'_>, write: impl Fn(&mut Call<'_>, Option<f64>)) -> Outcome {
    let zset = call.keys.read::<Zset>(call.args[1])?;
    let scores: Vec<_> =
        call.args[2..].iter().map(|member| zset.as_ref().and_then(|zset| zset.score(member))).collect();
    drop(zset);
    call.reply.array(scores.len());
    scores.into_iter().for_each(|score| write(call, score));
    DONE
}

fn geodist(call: &mut Call<'_>) -> Outcome {
    let unit = match &call.args[4..] {
        [] => Unit::Meters,
        [word] => unit(word)?,
        _ => return Err(error::SYNTAX),
    };
    let zset = call.keys.read::<Zset>(call.args[1])?;
    let place = |member: &[u8]| zset.as_ref()?.score(member).map(geo::position);
    match place(call.args[2]).zip(place(call.args[3])) {
        Some((from, to)) => write_distance(call.reply, geo::distance(from, to) / unit.meters()),
        None => call.reply.null(),
    }
    DONE
}
