//! Intersections, unions and differences, answered or stored.

use crate::command::row::*;
use crate::command::{Error, args, error};
use crate::config::EventClasses;
use crate::keyspace::{Access, Type, Value};
use crate::resp::Reply;
use crate::types::set::{self, Set, SetLimits};

use super::super::call::write_item;
use super::super::store::{self, Combination, Sources, combine};
use super::super::{Call, Command, DONE, Next, Outcome};
use super::{GROUP, limits, row, write_members};

const SOURCES: &[KeySpec] = &[KeySpec::range(1, -1, 1, &[RO, ACCESS])];
const STORE: &[KeySpec] = &[KeySpec::at(1, &[OW, UPDATE]), KeySpec::range(2, -1, 1, &[RO, ACCESS])];
const ANY_ORDER: &[&str] = &["nondeterministic_output_order"];
const INTERSECTION_COST: &str =
    "O(N*M) where N is the number of members of the smallest set and M is the number of sets.";
const TOTAL_COST: &str = "O(N) where N is the number of members of all sets together.";

/// Work on more members than these is better done without locks.
const QUICK: usize = 2048;

pub(super) const SINTER: Command = Command::new(
    row("sinter", -2, &[READONLY], SOURCES)
        .tips(ANY_ORDER)
        .doc(GROUP, "1.0.0", INTERSECTION_COST, "Returns the members that several sets have in common.")
        .syntax("key*"),
    |call| answer(call, Operation::Intersection),
);

pub(super) const SINTERCARD: Command = Command::new(
    row("sintercard", -3, &[READONLY, MOVABLEKEYS], &[KeySpec::counted(1, &[RO, ACCESS])])
        .doc(
            GROUP,
            "7.0.0",
            INTERSECTION_COST,
            "Counts the members that several sets have in common, up to a limit.",
        )
        .syntax("numkeys:integer key* [LIMIT limit:integer]"),
    sintercard,
);

pub(super) const SINTERSTORE: Command = Command::new(
    row("sinterstore", -3, &[WRITE, DENYOOM], STORE)
        .doc(
            GROUP,
            "1.0.0",
            INTERSECTION_COST,
            "Stores the members that several sets have in common as a set.",
        )
        .syntax("destination:key key#1*"),
    |call| store(call, Operation::Intersection),
);

pub(super) const SUNION: Command = Command::new(
    row("sunion", -2, &[READONLY], SOURCES)
        .tips(ANY_ORDER)
        .doc(GROUP, "1.0.0", TOTAL_COST, "Returns the members of several sets together.")
        .syntax("key*"),
    |call| answer(call, Operation::Union),
);

pub(super) const SUNIONSTORE: Command = Command::new(
    row("sunionstore", -3, &[WRITE, DENYOOM], STORE)
        .doc(GROUP, "1.0.0", TOTAL_COST, "Stores the members of several sets together as a set.")
        .syntax("destination:key key#1*"),
    |call| store(call, Operation::Union),
);

pub(super) const SDIFF: Command = Command::new(
    row("sdiff", -2, &[READONLY], SOURCES)
        .tips(ANY_ORDER)
        .doc(GROUP, "1.0.0", TOTAL_COST, "Returns the members of the first set that no other set has.")
        .syntax("key*"),
    |call| answer(call, Operation::Difference),
);

pub(super) const SDIFFSTORE: Command = Command::new(
    row("sdiffstore", -3, &[WRITE, DENYOOM], STORE)
        .doc(
            GROUP,
            "1.0.0",
            TOTAL_COST,
            "Stores the members of the first set that no other set has as a set.",
        )
        .syntax("destination:key key#1*"),
    |call| store(call, Operation::Difference),
);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Intersection,
    Union,
    Difference,
}

impl Operation {
    /// The operation's result.
    fn run(self, sources: &Sources, limits: &SetLimits) -> Set {
        match self {
            Operation::Intersection => {
                all_present(sources).map_or_else(Set::new, |sets| set::intersection(&sets, limits))
            }
            Operation::Union => set::union(&present(sources), limits),
            Operation::Difference => match (present(sources).split_first(), sources.values().next()) {
                (Some((first, others)), Some(Some(_))) => set::difference(first, others, limits),
                _ => Set::new(),
            },
        }
    }

    /// Whether it takes long: by the members that are walked over, and looked up in other sets.
    fn is_heavy(self, sources: &Sources) -> bool {
        let lens = || sets(sources).map(|set| set.map_or(0, Set::len));
        let (all, total) = (sources.values().len(), lens().fold(0, usize::saturating_add));
        let members = match self {
            Operation::Intersection => lens().min().unwrap_or(0).saturating_mul(all),
            Operation::Union => total,
            Operation::Difference => lens().next().unwrap_or(0).saturating_mul(all).min(total),
        };
        members > QUICK
    }

    fn event(self) -> &'static str {
        match self {
            Operation::Intersection => "sinterstore",
            Operation::Union => "sunionstore",
            Operation::Difference => "sdiffstore",
        }
    }
}

fn sets(sources: &Sources) -> impl ExactSizeIterator<Item = Option<&Set>> {
    sources.values().map(|value| match value {
        Some(Value::Set(set)) => Some(set),
        _ => None,
    })
}

/// The sets that are there.
fn present(sources: &Sources) -> Vec<&Set> {
    sets(sources).flatten().collect()
}

/// All sets; none if one is absent.
fn all_present(sources: &Sources) -> Option<Vec<&Set>> {
    sets(sources).collect()
}

/// Answers the result of an operation.
fn answer(call: &mut Call<'_>, operation: Operation) -> Outcome {
    let limits = limits(call);
    let sources = Sources::read(call, &call.args[1..], &[Type::Set], Access::Read)?;
    reply(call, operation, sources, move |sources, reply| match operation {
        Operation::Intersection => write_intersection(reply, sources),
        _ => write_members(reply, &operation.run(sources, &limits)),
    })
}

/// Writes a reply now, or without locks if it takes long.
fn reply(
    call: &mut Call<'_>,
    operation: Operation,
    sources: Sources,
    write: impl FnOnce(&Sources, &mut Reply) + Send + 'static,
) -> Outcome {
    if call.may_put_off() && operation.is_heavy(&sources) {
        return Ok(Next::Later(Box::new(move |reply| {
            write(&sources, reply);
            sources.discard();
        })));
    }
    write(&sources, call.reply);
    DONE
}

fn write_intersection(reply: &mut Reply, sources: &Sources) {
    let Some(sets) = all_present(sources) else { return reply.set(0) };
    let header = reply.defer();
    let count = set::intersect(&sets, usize::MAX, |member| write_item(reply, member));
    reply.finish_set(header, count);
}

fn sintercard(call: &mut Call<'_>) -> Outcome {
    let count = args::positive(call.args[1], error::NUMKEYS_NOT_POSITIVE)?;
    let mut options = call.args_from(2);
    let keys = options.take_many(count).ok_or(error::NUMKEYS_TOO_LARGE)?;
    let mut limit = usize::MAX;
    while !options.is_empty() {
        if options.len() < 2 || !options.word("LIMIT") {
            return Err(error::SYNTAX);
        }
        let given = args::count(options.want()?, error::LIMIT_NEGATIVE)?;
        limit = if given == 0 { usize::MAX } else { given };
    }
    let sources = Sources::read(call, keys, &[Type::Set], Access::Read)?;
    reply(call, Operation::Intersection, sources, move |sources, reply| {
        let count = all_present(sources).map_or(0, |sets| set::intersect(&sets, limit, |_| ()));
        reply.int(count as i64);
    })
}

/// Stores the result of an operation.
fn store(call: &mut Call<'_>, operation: Operation) -> Outcome {
    let limits = limits(call);
    combine(call, StoreForm { operation, limits })
}

struct StoreForm {
    operation: Operation,
    limits: SetLimits,
}

impl Combination for StoreForm {
    type Result = Set;

    fn read(&self, call: &mut Call<'_>, access: Access) -> Result<Sources, Error> {
        Ok(Sources::read(call, &call.args[2..], &[Type::Set], access)?)
    }

    fn is_heavy(&self, sources: &Sources) -> bool {
        self.operation.is_heavy(sources)
    }

    fn compute(&self, sources: &Sources) -> Set {
        self.operation.run(sources, &self.limits)
    }

    fn install(self, call: &mut Call<'_>, result: Set) -> Outcome {
        let (len, event) = (result.len(), (EventClasses::SET, self.operation.event()));
        store::put(call, call.args[1], Value::Set(result), len, event)
    }
}
