//! Finding places: GEOSEARCH, GEOSEARCHSTORE and the older GEORADIUS forms.

use crate::command::keys::InvalidKeys;
use crate::command::row::*;
use crate::command::{Args, Error, args, error};
use crate::config::EventClasses;
use crate::keyspace::{Access, Type, Value};
use crate::resp::Reply;
use crate::types::geo::{self, Point, Search, Shape, Unit};
use crate::types::zset::{Direction, ScoreBound, Zset, ZsetLimits};

use super::super::store::put;
use super::super::zset::limits;
use super::super::{Call, Command, DONE, Install, Next, Outcome};
use super::{GROUP, point, row, unit, write_distance, write_point};

const COST: &str =
    "O(N+log(M)) with N the number of places around the centre and M the size of the sorted set.";
const READ_KEY: &[KeySpec] = &[KeySpec::at(1, &[RO, ACCESS])];
/// How many places are looked for while the sorted set is locked.
const AT_ONCE_MAX: usize = 1024;
const ONE: Find = Find::Range { last: 0, step: 1, limit: 0 };

pub(super) const GEOSEARCH: Command = Command::new(
    row("geosearch", -7, &[READONLY], READ_KEY)
        .doc(GROUP, "6.2.0", COST, "Finds places within a circle or a box.")
        .syntax(
            "key from:<FROMMEMBER member|FROMLONLAT fromlonlat:(longitude:double latitude:double)> \
             by:<circle:(BYRADIUS radius:double unit:<M|KM|FT|MI>)|\
             box:(BYBOX width:double height:double unit:<M|KM|FT|MI>)> [order:<ASC|DESC>] \
             [count-block:(COUNT count:integer [ANY])] [WITHCOORD] [WITHDIST] [WITHHASH]",
        ),
    |call| search(call, Form::Search),
);

pub(super) const GEOSEARCHSTORE: Command = Command::new(
    row(
        "geosearchstore",
        -8,
        &[WRITE, DENYOOM],
        &[KeySpec::at(1, &[OW, UPDATE]), KeySpec::at(2, &[RO, ACCESS])],
    )
    .doc(GROUP, "6.2.0", COST, "Finds places within a circle or a box and stores them.")
    .syntax(
        "destination:key source:key#1 from:<FROMMEMBER member|\
         FROMLONLAT fromlonlat:(longitude:double latitude:double)> \
         by:<circle:(BYRADIUS radius:double unit:<M|KM|FT|MI>)|\
         box:(BYBOX width:double height:double unit:<M|KM|FT|MI>)> [order:<ASC|DESC>] \
         [count-block:(COUNT count:integer [ANY])] [STOREDIST]",
    ),
    |call| search(call, Form::SearchStore),
);

pub(super) const GEORADIUS: Command = Command::new(
    row(
        "georadius",
        -6,
        &[WRITE, DENYOOM, MOVABLEKEYS],
        &[
            KeySpec::at(1, &[RO, ACCESS]),
            KeySpec::behind("STORE", 6, ONE, &[OW, UPDATE]),
            KeySpec::behind("STOREDIST", 6, ONE, &[OW, UPDATE]),
        ],
    )
    .doc(GROUP, "3.2.0", COST, "Finds places around a position, and may store them.")
    .syntax(
        "key longitude:double latitude:double radius:double unit:<M|KM|FT|MI> [WITHCOORD] [WITHDIST] \
         [WITHHASH] [count-block:(COUNT count:integer [ANY@6.2.0])] [order:<ASC|DESC>] \
         [store:<STORE storekey:key#1/key|STOREDIST storedistkey:key#2/key>]",
    )
    .deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument"),
    |call| search(call, Form::Radius { by_member: false, may_store: true }),
)
.find_keys(|args| store_keys(args, 6));

pub(super) const GEORADIUS_RO: Command = Command::new(
    row("georadius_ro", -6, &[READONLY], READ_KEY)
        .doc(GROUP, "3.2.10", COST, "Finds places around a position.")
        .syntax(
            "key longitude:double latitude:double radius:double unit:<M|KM|FT|MI> [WITHCOORD] \
             [WITHDIST] [WITHHASH] [count-block:(COUNT count:integer [ANY@6.2.0])] [order:<ASC|DESC>]",
        )
        .deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` argument"),
    |call| search(call, Form::Radius { by_member: false, may_store: false }),
);

pub(super) const GEORADIUSBYMEMBER: Command = Command::new(
    row(
        "georadiusbymember",
        -5,
        &[WRITE, DENYOOM, MOVABLEKEYS],
        &[
            KeySpec::at(1, &[RO, ACCESS]),
            KeySpec::behind("STORE", 5, ONE, &[OW, UPDATE]),
            KeySpec::behind("STOREDIST", 5, ONE, &[OW, UPDATE]),
        ],
    )
    .doc(GROUP, "3.2.0", COST, "Finds places around another place, and may store them.")
    .syntax(
        "key member radius:double unit:<M|KM|FT|MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
         [count-block:(COUNT count:integer [ANY])] [order:<ASC|DESC>] [store:<STORE storekey:key#1/key|\
         STOREDIST storedistkey:key#2/key>]",
    )
    .deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments"),
    |call| search(call, Form::Radius { by_member: true, may_store: true }),
)
.find_keys(|args| store_keys(args, 5));

pub(super) const GEORADIUSBYMEMBER_RO: Command = Command::new(
    row("georadiusbymember_ro", -5, &[READONLY], READ_KEY)
        .doc(GROUP, "3.2.10", COST, "Finds places around another place.")
        .syntax(
            "key member radius:double unit:<M|KM|FT|MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
             [count-block:(COUNT count:integer [ANY])] [order:<ASC|DESC>]",
        )
        .deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments"),
    |call| search(call, Form::Radius { by_member: true, may_store: false }),
);

/// The keys of the GEORADIUS forms: of several STORE options the last one counts.
fn store_keys(args: &[&[u8]], from: usize) -> Result<Vec<usize>, InvalidKeys> {
    let is_store = |at: &usize| {
        let word = args[*at];
        word.eq_ignore_ascii_case(b"STORE") || word.eq_ignore_ascii_case(b"STOREDIST")
    };
    let stores = (from..args.len().saturating_sub(1)).rev().find(is_store);
    Ok([1].into_iter().chain(stores.map(|at| at + 1)).collect())
}

/// Which of the commands it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Search,
    SearchStore,
    Radius { by_member: bool, may_store: bool },
}

/// What a command asks for.
#[derive(Default)]
struct Query {
    centre: Option<Centre>,
    shape: Option<(Shape, Unit)>,
    with_distance: bool,
    with_hash: bool,
    with_position: bool,
    any: bool,
    /// Ascending or descending by distance.
    order: Option<Direction>,
    /// The most places to return; 0 for all.
    count: usize,
    /// The destination of what is found; none if it is answered.
    store: Option<Box<[u8]>>,
    /// Whether what is stored has distances as scores.
    store_distance: bool,
}

enum Centre {
    At(Point),
    /// A member of a sorted set that is absent: nothing will be found.
    Nowhere,
}

/// A place that was found.
struct Place {
    member: Vec<u8>,
    score: f64,
    position: Point,
    /// In meters.
    distance: f64,
}

fn search(call: &mut Call<'_>, form: Form) -> Outcome {
    search_with(call, form, Access::Read, call.may_put_off())
}

fn search_with(call: &mut Call<'_>, form: Form, access: Access, may_put_off: bool) -> Outcome {
    let zset = source(call, form, access)?;
    let query = parse(call, form, zset.as_ref())?;
    check(call, &query, form)?;
    let zset = zset.unwrap_or_default();
    let few = query.any && query.count <= AT_ONCE_MAX;
    let put_off = may_put_off && zset.is_large() && !few;
    let Some(destination) = &query.store else {
        if put_off {
            return Ok(Next::Later(Box::new(move |reply| write_places(reply, &query.find(&zset), &query))));
        }
        write_places(call.reply, &query.find(&zset), &query);
        return DONE;
    };
    let limits = limits(call.settings());
    if put_off {
        return Ok(Next::Compute(Box::new(move || search_then_store(zset, query, &limits, form))));
    }
    store(call, destination, query.result(&zset, &limits), form)
}

/// Searches without locks; the result is stored if it still is what would be found, otherwise all is done again,
/// locked.
fn search_then_store(searched: Zset, query: Query, limits: &ZsetLimits, form: Form) -> Install {
    let result = query.result(&searched, limits);
    Box::new(move |call| {
        let now = source(call, form, Access::Silent);
        let unchanged = matches!(&now, Ok(Some(now)) if now.is_unchanged_since(&searched));
        // It is the last reference, or may soon be.
        call.keys.effects.garbage.push(Value::Zset(searched));
        now?;
        match query.store {
            Some(destination) if unchanged => store(call, &destination, result, form),
            _ => search_with(call, form, Access::Silent, false),
        }
    })
}

/// The sorted set that is searched.
fn source(call: &mut Call<'_>, form: Form, access: Access) -> Result<Option<Zset>, Error> {
    let key = call.args[if form == Form::SearchStore { 2 } else { 1 }];
    match call.keys.find(key, access) {
        None => Ok(None),
        Some(entry) if entry.type_of() == Type::Zset => {
            Ok(entry.collection::<Zset>().map(|zset| zset.to_owned()))
        }
        Some(_) => Err(error::WRONG_TYPE),
    }
}

fn member_position(zset: Option<&Zset>, member: &[u8]) -> Result<Centre, Error> {
    match zset {
        None => Ok(Centre::Nowhere),
        Some(zset) => {
            let score = zset.score(member).ok_or(error::GEO_NO_MEMBER)?;
            Ok(Centre::At(geo::position(score)))
        }
    }
}

fn circle(args: &mut Args<'_>) -> Result<(Shape, Unit), Error> {
    let radius = args.float().map_err(|_| error::GEO_RADIUS_NOT_FLOAT)?;
    if radius < 0.0 {
        return Err(error::GEO_RADIUS_NEGATIVE);
    }
    Ok((Shape::Circle { radius }, unit(args.want()?)?))
}

fn rectangle(args: &mut Args<'_>) -> Result<(Shape, Unit), Error> {
    let width = args.float().map_err(|_| error::GEO_WIDTH_NOT_FLOAT)?;
    let height = args.float().map_err(|_| error::GEO_HEIGHT_NOT_FLOAT)?;
    if width < 0.0 || height < 0.0 {
        return Err(error::GEO_BOX_NEGATIVE);
    }
    Ok((Shape::Box { width, height }, unit(args.want()?)?))
}

fn parse(call: &Call<'_>, form: Form, zset: Option<&Zset>) -> Result<Query, Error> {
    let mut query = Query::default();
    let mut args = match form {
        Form::Search => call.args_from(2),
        Form::SearchStore => {
            query.store = Some(call.args[1].into());
            call.args_from(3)
        }
        Form::Radius { by_member: false, .. } => {
            let mut args = call.args_from(2);
            query.centre = Some(Centre::At(point(args.want()?, args.want()?)?));
            query.shape = Some(circle(&mut args)?);
            args
        }
        Form::Radius { by_member: true, .. } => {
            let mut args = call.args_from(2);
            query.centre = Some(member_position(zset, args.want()?)?);
            if zset.is_some() {
                query.shape = Some(circle(&mut args)?);
            } else {
                // Redis doesn't look at the distance when the key is absent.
                args.take_many(2).ok_or(error::SYNTAX)?;
            }
            args
        }
    };
    let mut from = None;
    while !args.is_empty() {
        if !query.common_option(&mut args)? && !query.form_option(&mut args, form, zset, &mut from)? {
            return Err(error::SYNTAX);
        }
    }
    Ok(query)
}

/// Which of the two ways of naming a centre was used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Member,
    Position,
}

impl Query {
    /// Takes an option that all forms have.
    fn common_option(&mut self, args: &mut Args<'_>) -> Result<bool, Error> {
        if args.word("WITHDIST") {
            self.with_distance = true;
        } else if args.word("WITHHASH") {
            self.with_hash = true;
        } else if args.word("WITHCOORD") {
            self.with_position = true;
        } else if args.word("ANY") {
            self.any = true;
        } else if args.word("ASC") {
            self.order = Some(Direction::Forward);
        } else if args.word("DESC") {
            self.order = Some(Direction::Reverse);
        } else if args.len() > 1 && args.word("COUNT") {
            let count = args::int(args.want()?)?;
            self.count = usize::try_from(count).ok().filter(|&count| count > 0).ok_or(error::GEO_COUNT)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Takes an option that only some forms have.
    fn form_option(
        &mut self,
        args: &mut Args<'_>,
        form: Form,
        zset: Option<&Zset>,
        from: &mut Option<From>,
    ) -> Result<bool, Error> {
        if let Form::Radius { may_store, .. } = form {
            let distance = args.peek().is_some_and(|word| word.eq_ignore_ascii_case(b"STOREDIST"));
            let stores = may_store && args.len() > 1 && (args.word("STORE") || args.word("STOREDIST"));
            if stores {
                (self.store, self.store_distance) = (Some(args.want()?.into()), distance);
            }
            return Ok(stores);
        }
        let is_box = matches!(self.shape, Some((Shape::Box { .. }, _)));
        let is_circle = matches!(self.shape, Some((Shape::Circle { .. }, _)));
        if form == Form::SearchStore && args.word("STOREDIST") {
            self.store_distance = true;
        } else if *from != Some(From::Position) && args.len() > 1 && args.word("FROMMEMBER") {
            self.centre = Some(member_position(zset, args.want()?)?);
            *from = Some(From::Member);
        } else if *from != Some(From::Member) && args.len() > 2 && args.word("FROMLONLAT") {
            self.centre = Some(Centre::At(point(args.want()?, args.want()?)?));
            *from = Some(From::Position);
        } else if !is_box && args.len() > 2 && args.word("BYRADIUS") {
            self.shape = Some(circle(args)?);
        } else if !is_circle && args.len() > 3 && args.word("BYBOX") {
            self.shape = Some(rectangle(args)?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

fn check(call: &Call<'_>, query: &Query, form: Form) -> Result<(), Error> {
    if query.store.is_some() && (query.with_distance || query.with_hash || query.with_position) {
        let searches = form == Form::SearchStore;
        return Err(if searches { error::GEOSEARCHSTORE_WITH } else { error::GEORADIUS_STORE_WITH });
    }
    if !matches!(form, Form::Radius { .. }) {
        if query.centre.is_none() {
            return Err(error::geo_needs_centre(call.args[0]));
        }
        if query.shape.is_none() {
            return Err(error::geo_needs_shape(call.args[0]));
        }
    }
    if query.any && query.count == 0 {
        return Err(error::GEO_ANY_WITHOUT_COUNT);
    }
    Ok(())
}

impl Query {
    /// The places within the shape, in the order asked for, no more than asked for.
    fn find(&self, zset: &Zset) -> Vec<Place> {
        let (Some(Centre::At(center)), Some((shape, unit))) = (&self.centre, &self.shape) else {
            return Vec::new();
        };
        let search = Search { center: *center, shape: *shape, unit: *unit };
        let enough = if self.any { self.count } else { usize::MAX };
        let mut places = Vec::new();
        for (min, max) in search.ranges() {
            let min = ScoreBound { value: min, exclusive: false };
            let max = ScoreBound { value: max, exclusive: true };
            for (member, score) in zset.iter(zset.score_range(min, max), Direction::Forward) {
                if places.len() >= enough {
                    break;
                }
                if let Some(found) = search.test(score) {
                    let member = member.to_vec();
                    places.push(Place { member, score, position: found.position, distance: found.distance });
                }
            }
        }
        self.arrange(&mut places);
        places
    }

    fn arrange(&self, places: &mut Vec<Place>) {
        let unordered = self.order.is_none() && (self.count == 0 || self.any);
        if !unordered {
            let descending = self.order == Some(Direction::Reverse);
            places.sort_by(|a, b| {
                let order = a.distance.total_cmp(&b.distance);
                if descending { order.reverse() } else { order }
            });
        }
        if self.count > 0 {
            places.truncate(self.count);
        }
    }

    /// Meters of the unit in which distances are told.
    fn meters(&self) -> f64 {
        self.shape.map_or(1.0, |(_, unit)| unit.meters())
    }

    /// The sorted set that a STORE form stores.
    fn result(&self, zset: &Zset, limits: &ZsetLimits) -> Zset {
        let meters = self.meters();
        let score = |place: &Place| if self.store_distance { place.distance / meters } else { place.score };
        let places = self.find(zset).into_iter();
        let pairs = places.map(|place| (score(&place), place.member)).map(|(score, member)| (member, score));
        // Members come from a sorted set, so none is there twice and no score is NaN.
        Zset::from_pairs(pairs.collect(), limits).unwrap_or_default()
    }
}

fn write_places(reply: &mut Reply, places: &[Place], query: &Query) {
    let meters = query.meters();
    let extras = [query.with_distance, query.with_hash, query.with_position];
    let extras = extras.into_iter().filter(|&extra| extra).count();
    reply.array(places.len());
    for place in places {
        if extras > 0 {
            reply.array(1 + extras);
        }
        reply.bulk(&place.member);
        if query.with_distance {
            write_distance(reply, place.distance / meters);
        }
        if query.with_hash {
            reply.int(place.score as i64);
        }
        if query.with_position {
            write_point(reply, place.position);
        }
    }
}

fn store(call: &mut Call<'_>, destination: &[u8], zset: Zset, form: Form) -> Outcome {
    let len = zset.len();
    let event = if form == Form::SearchStore { "geosearchstore" } else { "georadiusstore" };
    put(call, destination, Value::Zset(zset), len, (EventClasses::ZSET, event))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Rig;

    /// 3000 places on the equator, 0.01 degrees apart.
    fn places() -> Rig {
        let mut rig = Rig::new();
        for first in (0..3000).step_by(500) {
            let some: Vec<String> =
                (first..first + 500).map(|n| format!("{} 0 p{n:04}", f64::from(n) / 100.0)).collect();
            rig.run(&format!("GEOADD g {}", some.join(" ")));
        }
        rig
    }

    fn disturbed(rig: &mut Rig, words: &str, meanwhile: &str) -> (String, usize) {
        let args: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
        let mut times = 0;
        let reply = rig.call_meanwhile(&args, &mut |rig| {
            times += 1;
            rig.run(meanwhile);
        });
        (String::from_utf8_lossy(&reply).replace("\r\n", " ").trim_end().to_owned(), times)
    }

    #[test]
    fn a_large_set_is_searched_without_locks() {
        let mut rig = places();
        let search = "GEOSEARCH g FROMMEMBER p0001 BYRADIUS 1.5 km ASC";
        let found = "*3 $5 p0001 $5 p0000 $5 p0002";
        let (reply, times) = disturbed(&mut rig, search, "ZREM g p0002");
        assert!(times == 1 && reply.len() == found.len() && reply.starts_with("*3 $5 p0001 "), "{reply}");
        let store = "GEOSEARCHSTORE near g FROMMEMBER p0001 BYRADIUS 1.5 km";
        assert_eq!(disturbed(&mut rig, store, "PING"), (":2".into(), 1));
        // What changes meanwhile counts.
        assert_eq!(disturbed(&mut rig, store, "ZREM g p0000"), (":1".into(), 1));
        rig.check(&[("ZRANGE near 0 -1", "*1 $5 p0001")]);
        assert!(disturbed(&mut rig, store, "ZREM g p0001").0.starts_with("-ERR could not decode"));
        rig.run("ZADD g 0 p0001");
        rig.effects.garbage.clear();
        assert!(disturbed(&mut rig, store, "SET g x").0.starts_with("-WRONGTYPE"));
        // Both references to the set are freed unlocked.
        assert_eq!(rig.effects.garbage.len(), 2);
    }
}
