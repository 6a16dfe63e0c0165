//! Deadlines of fields: setting, asking for and clearing them.

use smallvec::SmallVec;

use crate::base::num::IntText;
use crate::client::OwnedRequest;
use crate::command::row::*;
use crate::command::{Error, args, error};
use crate::config::EventClasses;
use crate::resp::Reply;
use crate::types::hash::{ClearDeadline, Condition, FieldDeadline, Hash, SetDeadline};

use super::super::revise::{MANY, Revision, revise};
use super::super::span::Span;
use super::super::{Call, Command, DONE, Next, Outcome};
use super::{GROUP, row};

/// The latest deadline a field can have, in Unix ms: Redis keeps 46 bits of it.
const LATEST: i64 = (1 << 46) - 1;

const COST: &str = "O(N) where N is the number of fields named.";
const UPDATED: &[KeySpec] = &[KeySpec::at(1, &[RW, UPDATE])];
const READ: &[KeySpec] = &[KeySpec::at(1, &[RO, ACCESS])];

const fn setter(name: &'static str, summary: &'static str) -> Spec {
    row(name, -6, &[WRITE, DENYOOM, FAST], UPDATED).doc(GROUP, "7.4.0", COST, summary)
}

const fn reader(name: &'static str, summary: &'static str) -> Spec {
    row(name, -5, &[READONLY, FAST], READ).doc(GROUP, "7.4.0", COST, summary)
}

pub(super) const HEXPIRE: Command = Command::new(
    setter("hexpire", "Sets the time to live of fields of a hash in seconds.")
        .syntax("key seconds:integer [condition:<NX|XX|GT|LT>] FIELDS fields:(numfields:integer field*)"),
    |call| set(call, Span::Seconds),
);

pub(super) const HPEXPIRE: Command = Command::new(
    setter("hpexpire", "Sets the time to live of fields of a hash in milliseconds.").syntax(
        "key milliseconds:integer [condition:<NX|XX|GT|LT>] FIELDS fields:(numfields:integer field*)",
    ),
    |call| set(call, Span::Milliseconds),
);

pub(super) const HEXPIREAT: Command = Command::new(
    setter("hexpireat", "Sets the deadline of fields of a hash as a Unix time in seconds.").syntax(
        "key unix-time-seconds:unix-time [condition:<NX|XX|GT|LT>] FIELDS \
         fields:(numfields:integer field*)",
    ),
    |call| set(call, Span::UnixSeconds),
);

pub(super) const HPEXPIREAT: Command = Command::new(
    setter("hpexpireat", "Sets the deadline of fields of a hash as a Unix time in milliseconds.").syntax(
        "key unix-time-milliseconds:unix-time [condition:<NX|XX|GT|LT>] FIELDS \
         fields:(numfields:integer field*)",
    ),
    |call| set(call, Span::UnixMilliseconds),
);

pub(super) const HTTL: Command = Command::new(
    reader("httl", "Returns the remaining time to live of fields of a hash in seconds.")
        .syntax("key FIELDS fields:(numfields:integer field*)"),
    |call| get(call, Span::Seconds),
);

pub(super) const HPTTL: Command = Command::new(
    reader("hpttl", "Returns the remaining time to live of fields of a hash in milliseconds.")
        .syntax("key FIELDS fields:(numfields:integer field*)"),
    |call| get(call, Span::Milliseconds),
);

pub(super) const HEXPIRETIME: Command = Command::new(
    reader("hexpiretime", "Returns the deadline of fields of a hash as a Unix time in seconds.")
        .syntax("key FIELDS fields:(numfields:integer field*)"),
    |call| get(call, Span::UnixSeconds),
);

pub(super) const HPEXPIRETIME: Command = Command::new(
    reader("hpexpiretime", "Returns the deadline of fields of a hash as a Unix time in milliseconds.")
        .syntax("key FIELDS fields:(numfields:integer field*)"),
    |call| get(call, Span::UnixMilliseconds),
);

pub(super) const HPERSIST: Command = Command::new(
    row("hpersist", -5, &[WRITE, FAST], UPDATED)
        .doc(GROUP, "7.4.0", COST, "Clears the deadlines of fields of a hash.")
        .syntax("key FIELDS fields:(numfields:integer field*)"),
    hpersist,
);

/// Reads a deadline in Unix ms.
fn parse(span: Span, arg: &[u8], now: i64, command: &str) -> Result<i64, Error> {
    let time = args::int(arg)?;
    if time < 0 {
        return Err(error::FIELD_EXPIRE_NEGATIVE);
    }
    span.unix_ms(time, now).filter(|&at| at <= LATEST).ok_or_else(|| error::invalid_expire(command))
}

/// A deadline as it is answered; a second that has begun counts.
fn told(span: Span, at: i64, now: i64) -> i64 {
    let ms = at - span.origin(now);
    if span.is_in_seconds() { (ms + 999) / 1000 } else { ms }
}

/// What a command that sets deadlines is told.
struct Request<'a> {
    at: i64,
    condition: Option<Condition>,
    fields: &'a [&'a [u8]],
}

impl<'a> Request<'a> {
    fn parse(call: &Call<'a>, span: Span) -> Result<Self, Error> {
        let at = parse(span, call.args[2], call.keys.wall(), call.spec.name)?;
        let mut args = call.args_from(3);
        let conditions = [
            ("NX", Condition::NoDeadline),
            ("XX", Condition::HasDeadline),
            ("GT", Condition::Later),
            ("LT", Condition::Earlier),
        ];
        let condition =
            conditions.into_iter().find(|(word, _)| args.word(word)).map(|(_, condition)| condition);
        let fields = fields(args.rest(), error::NUMFIELDS_NOT_POSITIVE)?;
        Ok(Request { at, condition, fields })
    }
}

/// Reads `FIELDS numfields field ...`.
fn fields<'a>(args: &'a [&'a [u8]], bad_count: Error) -> Result<&'a [&'a [u8]], Error> {
    let [word, count, fields @ ..] = args else { return Err(error::FIELDS_MISSING) };
    if !word.eq_ignore_ascii_case(b"FIELDS") {
        return Err(error::FIELDS_MISSING);
    }
    if args::positive(count, bad_count)? == fields.len() {
        Ok(fields)
    } else {
        Err(error::NUMFIELDS_MISMATCH)
    }
}

fn set(call: &mut Call<'_>, span: Span) -> Outcome {
    let (key, now) = (call.args[1], call.keys.now());
    let request = Request::parse(call, span);
    // A wrong type is told before what is wrong with the arguments.
    let mut hash = call.keys.write::<Hash>(key)?;
    let Request { at, condition, fields } = request?;
    if fields.len() > MANY && hash.is_some() {
        drop(hash);
        return revise(call, SetMany { fields: OwnedRequest::new(fields), at, condition, now });
    }
    let mut outcomes: Outcomes = SmallVec::new();
    for field in fields {
        outcomes.push(match &mut hash {
            Some(hash) => hash.set_deadline(field, at, condition, now),
            None => SetDeadline::NoField,
        });
    }
    let emptied = hash.as_ref().is_some_and(|hash| hash.is_empty());
    drop(hash);
    say_set(call, at, &outcomes, emptied);
    DONE
}

/// What became of each field.
type Outcomes = SmallVec<[SetDeadline; 8]>;

/// Answers what became of the fields, which are the last arguments, and says what has changed.
fn say_set(call: &mut Call<'_>, at: i64, outcomes: &[SetDeadline], emptied: bool) {
    let key = call.args[1];
    let count = |wanted| outcomes.iter().filter(|&&outcome| outcome == wanted).count() as u64;
    let (set, removed) = (count(SetDeadline::Set), count(SetDeadline::Removed));
    call.reply.array(outcomes.len());
    for outcome in outcomes {
        call.reply.int(match outcome {
            SetDeadline::NoField => -2,
            SetDeadline::NotMet => 0,
            SetDeadline::Set => 1,
            SetDeadline::Removed => 2,
        });
    }
    if set + removed > 0 {
        call.keys.changed(key, EventClasses::HASH, if removed > 0 { "hdel" } else { "hexpire" });
        call.keys.effects.dirty += set + removed - 1;
        call.keys.count_expired_fields(key, removed);
        if call.keys.propagates() {
            let fields = &call.args[call.args.len() - outcomes.len()..];
            let hits = fields.iter().zip(outcomes);
            let hits = hits.filter(|(_, outcome)| matches!(outcome, SetDeadline::Set | SetDeadline::Removed));
            let hit: SmallVec<[&[u8]; 4]> = hits.map(|(field, _)| *field).collect();
            propagate(call, at, outcomes.len(), &hit, removed > 0);
        }
    }
    if emptied {
        call.keys.event(key, EventClasses::GENERIC, "del");
    }
}

/// HEXPIRE and its kin for many fields.
struct SetMany {
    fields: OwnedRequest,
    at: i64,
    condition: Option<Condition>,
    now: i64,
}

impl Revision for SetMany {
    type Content = Hash;
    /// What became of each field, and whether none is left.
    type Told = (Outcomes, bool);

    fn revise(&self, hash: &mut Hash) -> (Outcomes, bool) {
        let fields = self.fields.args();
        let set = |field: &&[u8]| hash.set_deadline(field, self.at, self.condition, self.now);
        (fields.iter().map(set).collect(), hash.is_empty())
    }

    fn tell(self, call: &mut Call<'_>, told: Option<(Outcomes, bool)>) -> Outcome {
        let nothing = || (SmallVec::from_elem(SetDeadline::NoField, self.fields.args().len()), false);
        let (outcomes, emptied) = told.unwrap_or_else(nothing);
        say_set(call, self.at, &outcomes, emptied);
        DONE
    }
}

/// Tells the journal which fields were given a deadline, or removed because it is over already.
fn propagate(call: &mut Call<'_>, at: i64, named: usize, hit: &[&[u8]], removed: bool) {
    let key = call.args[1];
    if removed {
        return hit.iter().for_each(|field| call.keys.propagate_instead(&[b"HDEL", key, field]));
    }
    let (mut time, mut count) = (IntText::new(), IntText::new());
    // Between the time and the number of fields: a condition, perhaps, and FIELDS.
    let words = &call.args[3..call.args.len() - named - 1];
    let mut args: Vec<&[u8]> = vec![b"HPEXPIREAT", key, time.format(at).as_bytes()];
    args.extend_from_slice(words);
    args.push(count.format(hit.len() as i64).as_bytes());
    args.extend_from_slice(hit);
    call.keys.propagate_instead(&args);
}

fn get(call: &mut Call<'_>, span: Span) -> Outcome {
    let now = call.keys.now();
    let may_put_off = call.may_put_off();
    let hash = call.keys.read::<Hash>(call.args[1])?;
    let fields = fields(&call.args[2..], error::FIELD_COUNT_NOT_POSITIVE)?;
    match hash {
        Some(hash) if may_put_off && fields.len() > MANY => {
            let (hash, fields) = (hash.clone(), OwnedRequest::new(fields));
            return Ok(Next::Later(Box::new(move |reply| {
                write_deadlines(reply, Some(&hash), &fields.args(), span, now);
            })));
        }
        hash => write_deadlines(call.reply, hash.as_deref(), fields, span, now),
    }
    DONE
}

fn write_deadlines(reply: &mut Reply, hash: Option<&Hash>, fields: &[&[u8]], span: Span, now: i64) {
    reply.array(fields.len());
    for field in fields {
        let deadline = hash.map_or(FieldDeadline::NoField, |hash| hash.deadline(field, now));
        reply.int(match deadline {
            FieldDeadline::NoField => -2,
            FieldDeadline::NoDeadline => -1,
            FieldDeadline::At(at) => told(span, at, now),
        });
    }
}

fn hpersist(call: &mut Call<'_>) -> Outcome {
    let (key, now) = (call.args[1], call.keys.now());
    let mut hash = call.keys.write::<Hash>(key)?;
    let fields = fields(&call.args[2..], error::FIELD_COUNT_NOT_POSITIVE)?;
    if fields.len() > MANY && hash.is_some() {
        drop(hash);
        return revise(call, ClearMany { fields: OwnedRequest::new(fields), now });
    }
    let mut outcomes: SmallVec<[ClearDeadline; 8]> = SmallVec::new();
    for field in fields {
        outcomes.push(match &mut hash {
            Some(hash) => hash.clear_deadline(field, now),
            None => ClearDeadline::NoField,
        });
    }
    drop(hash);
    say_cleared(call, &outcomes);
    DONE
}

/// Answers what became of each field, and says whether any has changed.
fn say_cleared(call: &mut Call<'_>, outcomes: &[ClearDeadline]) {
    call.reply.array(outcomes.len());
    for outcome in outcomes {
        call.reply.int(match outcome {
            ClearDeadline::NoField => -2,
            ClearDeadline::NoDeadline => -1,
            ClearDeadline::Cleared => 1,
        });
    }
    if outcomes.contains(&ClearDeadline::Cleared) {
        call.keys.changed(call.args[1], EventClasses::HASH, "hpersist");
    }
}

/// HPERSIST of many fields.
struct ClearMany {
    fields: OwnedRequest,
    now: i64,
}

impl Revision for ClearMany {
    type Content = Hash;
    type Told = Vec<ClearDeadline>;

    fn revise(&self, hash: &mut Hash) -> Vec<ClearDeadline> {
        self.fields.args().iter().map(|field| hash.clear_deadline(field, self.now)).collect()
    }

    fn tell(self, call: &mut Call<'_>, told: Option<Vec<ClearDeadline>>) -> Outcome {
        let nothing = || vec![ClearDeadline::NoField; self.fields.args().len()];
        say_cleared(call, &told.unwrap_or_else(nothing));
        DONE
    }
}
