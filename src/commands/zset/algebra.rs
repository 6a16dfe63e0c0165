//! Union, intersection and difference of sorted sets and sets, and their STORE forms.

use crate::command::row::*;
use crate::command::{Args, Error, args, error};
use crate::config::EventClasses;
use crate::keyspace::{Access, Type, Value};
use crate::resp::Reply;
use crate::types::listpack::Item;
use crate::types::zset::{Aggregate, Input, Scored, Source, Zset, ZsetLimits};
use crate::types::zset::{difference, intersection, intersection_len, union};

use super::super::store::{Combination, Sources, combine_these, put};
use super::super::{Call, Command, DONE, Outcome};
use super::{GROUP, begin_members, limits, row, write_member};

const KEYS: &[KeySpec] = &[KeySpec::counted(1, &[RO, ACCESS])];
const STORE_KEYS: &[KeySpec] = &[KeySpec::at(1, &[OW, UPDATE]), KeySpec::counted(2, &[RO, ACCESS])];
const COST: &str =
    "O(N*K)+O(M*log(M)) with N the size of the smallest input, K their number, M the size of the result.";

pub(super) const ZUNION: Command = Command::new(
    row("zunion", -3, &[READONLY, MOVABLEKEYS], KEYS)
        .doc(GROUP, "6.2.0", COST, "Returns the union of sorted sets.")
        .syntax(
            "numkeys:integer key* [WEIGHTS weight:integer*] [AGGREGATE aggregate:<SUM|MIN|MAX>] \
             [WITHSCORES]",
        ),
    |call| run(call, Operation::Union, Target::Reply),
);

pub(super) const ZINTER: Command = Command::new(
    row("zinter", -3, &[READONLY, MOVABLEKEYS], KEYS)
        .doc(GROUP, "6.2.0", COST, "Returns the intersection of sorted sets.")
        .syntax(
            "numkeys:integer key* [WEIGHTS weight:integer*] [AGGREGATE aggregate:<SUM|MIN|MAX>] \
             [WITHSCORES]",
        ),
    |call| run(call, Operation::Intersection, Target::Reply),
);

pub(super) const ZDIFF: Command = Command::new(
    row("zdiff", -3, &[READONLY, MOVABLEKEYS], KEYS)
        .doc(GROUP, "6.2.0", COST, "Returns the members of the first sorted set that no other has.")
        .syntax("numkeys:integer key* [WITHSCORES]"),
    |call| run(call, Operation::Difference, Target::Reply),
);

pub(super) const ZINTERCARD: Command = Command::new(
    row("zintercard", -3, &[READONLY, MOVABLEKEYS], KEYS)
        .doc(
            GROUP,
            "7.0.0",
            "O(N*K) with N the size of the smallest input and K their number.",
            "Returns how many members all sorted sets have.",
        )
        .syntax("numkeys:integer key* [LIMIT limit:integer]"),
    |call| run(call, Operation::Intersection, Target::Count),
);

pub(super) const ZUNIONSTORE: Command = Command::new(
    row("zunionstore", -4, &[WRITE, DENYOOM, MOVABLEKEYS], STORE_KEYS)
        .doc(GROUP, "2.0.0", COST, "Stores the union of sorted sets.")
        .syntax(
            "destination:key numkeys:integer key#1* [WEIGHTS weight:integer*] [AGGREGATE aggregate:<SUM|\
             MIN|MAX>]",
        ),
    |call| run(call, Operation::Union, Target::Store("zunionstore")),
);

pub(super) const ZINTERSTORE: Command = Command::new(
    row("zinterstore", -4, &[WRITE, DENYOOM, MOVABLEKEYS], STORE_KEYS)
        .doc(GROUP, "2.0.0", COST, "Stores the intersection of sorted sets.")
        .syntax(
            "destination:key numkeys:integer key#1* [WEIGHTS weight:integer*] [AGGREGATE aggregate:<SUM|\
             MIN|MAX>]",
        ),
    |call| run(call, Operation::Intersection, Target::Store("zinterstore")),
);

pub(super) const ZDIFFSTORE: Command = Command::new(
    row("zdiffstore", -4, &[WRITE, DENYOOM, MOVABLEKEYS], STORE_KEYS)
        .doc(GROUP, "6.2.0", COST, "Stores the members of the first sorted set that no other has.")
        .syntax("destination:key numkeys:integer key#1*"),
    |call| run(call, Operation::Difference, Target::Store("zdiffstore")),
);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

/// What becomes of the result.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Reply,
    Count,
    /// It is stored, and this is the event.
    Store(&'static str),
}

/// One command: what to compute and what to do with it.
struct Query {
    operation: Operation,
    target: Target,
    /// The destination of the STORE forms; empty otherwise.
    destination: Vec<u8>,
    keys: Vec<Vec<u8>>,
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
    /// ZINTERCARD counts up to this.
    limit: usize,
    limits: ZsetLimits,
}

/// What a query computes.
enum Answer {
    Count(usize),
    /// The reply's bytes.
    Members(Vec<u8>),
    Stored(Zset),
}

fn run(call: &mut Call<'_>, operation: Operation, target: Target) -> Outcome {
    let (query, sources) = parse(call, operation, target)?;
    combine_these(call, (query, call.reply.protocol()), sources)
}

/// Reads number of keys, keys and options. Redis looks at the keys' types before it reads the options.
fn parse(call: &mut Call<'_>, operation: Operation, target: Target) -> Result<(Query, Sources), Error> {
    let stores = matches!(target, Target::Store(_));
    let mut args = call.args_from(if stores { 2 } else { 1 });
    let count = args.int()?;
    let count = usize::try_from(count).ok().filter(|&count| count > 0);
    let count = count.ok_or_else(|| error::no_input_key(call.spec.name))?;
    let keys = args.take_many(count).ok_or(error::SYNTAX)?;
    let sources = Sources::read(call, keys, &[Type::Zset, Type::Set], Access::Read)?;
    let mut query = Query {
        operation,
        target,
        destination: if stores { call.args[1].to_vec() } else { Vec::new() },
        keys: keys.iter().map(|key| key.to_vec()).collect(),
        weights: vec![1.0; keys.len()],
        aggregate: Aggregate::Sum,
        with_scores: false,
        limit: usize::MAX,
        limits: limits(call.settings()),
    };
    while !args.is_empty() {
        query.option(&mut args)?;
    }
    Ok((query, sources))
}

impl Query {
    fn option(&mut self, args: &mut Args<'_>) -> Result<(), Error> {
        let weighs = self.operation != Operation::Difference && self.target != Target::Count;
        if weighs && args.len() > self.keys.len() && args.word("WEIGHTS") {
            for weight in &mut self.weights {
                *weight = args.float().map_err(|_| error::WEIGHT_NOT_FLOAT)?;
            }
        } else if weighs && args.len() > 1 && args.word("AGGREGATE") {
            self.aggregate = if args.word("SUM") {
                Aggregate::Sum
            } else if args.word("MIN") {
                Aggregate::Min
            } else if args.word("MAX") {
                Aggregate::Max
            } else {
                return Err(error::SYNTAX);
            };
        } else if self.target == Target::Reply && args.word("WITHSCORES") {
            self.with_scores = true;
        } else if self.target == Target::Count && args.len() > 1 && args.word("LIMIT") {
            let limit = args::count(args.want()?, error::LIMIT_NEGATIVE)?;
            self.limit = if limit == 0 { usize::MAX } else { limit };
        } else {
            return Err(error::SYNTAX);
        }
        Ok(())
    }

    fn result<'a>(&self, sources: &'a Sources) -> Scored<'a> {
        let inputs = self.inputs(sources);
        match self.operation {
            Operation::Union => union(&inputs, self.aggregate),
            Operation::Intersection => intersection(&inputs, self.aggregate),
            Operation::Difference => difference(&inputs.iter().map(|input| input.source).collect::<Vec<_>>()),
        }
    }

    fn inputs<'a>(&self, sources: &'a Sources) -> Vec<Input<'a>> {
        let source = |value: Option<&'a Value>| match value {
            Some(Value::Zset(zset)) => Source::Zset(zset),
            Some(Value::Set(set)) => Source::Set(set),
            _ => Source::Missing,
        };
        let weighted = sources.values().map(source).zip(&self.weights);
        weighted.map(|(source, &weight)| Input { source, weight }).collect()
    }
}

impl Combination for (Query, crate::resp::Protocol) {
    type Result = Answer;

    fn read(&self, call: &mut Call<'_>, access: Access) -> Result<Sources, Error> {
        let keys: Vec<&[u8]> = self.0.keys.iter().map(Vec::as_slice).collect();
        Ok(Sources::read(call, &keys, &[Type::Zset, Type::Set], access)?)
    }

    fn is_heavy(&self, sources: &Sources) -> bool {
        sources.values().flatten().any(Value::is_large)
    }

    fn compute(&self, sources: &Sources) -> Answer {
        let (query, protocol) = self;
        match query.target {
            Target::Count => Answer::Count(intersection_len(&query.inputs(sources), query.limit)),
            Target::Store(_) => Answer::Stored(query.result(sources).to_zset(&query.limits)),
            Target::Reply => {
                let (result, mut reply) = (query.result(sources), Reply::new(*protocol));
                begin_members(&mut reply, result.len(), query.with_scores);
                for (member, score) in result.iter() {
                    write_member(&mut reply, Item::Bytes(member), query.with_scores.then_some(score));
                }
                Answer::Members(reply.take())
            }
        }
    }

    fn install(self, call: &mut Call<'_>, answer: Answer) -> Outcome {
        match (answer, self.0.target) {
            (Answer::Stored(zset), Target::Store(event)) => {
                let len = zset.len();
                return put(call, &self.0.destination, Value::Zset(zset), len, (EventClasses::ZSET, event));
            }
            (Answer::Members(bytes), _) => call.reply.raw(&bytes),
            (Answer::Count(count), _) => call.reply.int(count as i64),
            (Answer::Stored(_), _) => unreachable!("only the STORE forms make a set"),
        }
        DONE
    }
}
