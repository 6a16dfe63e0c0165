//! Finding keys: KEYS, SCAN, RANDOMKEY.
//!
//! They look at shard after shard, so they are exact for keys that stay; inside EXEC and scripts, which hold
//! everything, they are exact. A walk over many keys is put off, so that it stands in nobody's way, not even in
//! that of the gate.

use std::sync::Arc;

use crate::base::glob;
use crate::command::Error;
use crate::command::row::*;
use crate::keyspace::{Effects, EntryRef, Held, Type, View};
use crate::resp::Reply;

use super::super::scan::{ScanOptions, cursor, page};
use super::super::{Call, Command, DONE, Next, Outcome};
use super::{GROUP, row};

/// A walk over more keys than this is put off.
const MANY: usize = 4096;

pub(super) const RANDOMKEY: Command = Command::new(
    row("randomkey", 1, &[READONLY, ALL_KEYS], &[])
        .tips(&["request_policy:all_shards", "response_policy:special", "nondeterministic_output"])
        .doc(GROUP, "1.0.0", "O(1)", "Returns a random key of the selected database."),
    randomkey,
);

pub(super) const KEYS: Command = Command::new(
    row("keys", 2, &[READONLY, ALL_KEYS], &[])
        .categories(&[Categories::KEYSPACE, Categories::DANGEROUS])
        .tips(&["request_policy:all_shards", "nondeterministic_output_order"])
        .doc(
            GROUP,
            "1.0.0",
            "O(N) where N is the number of keys of the database; others are served meanwhile.",
            "Returns all keys that match a pattern.",
        )
        .syntax("pattern:pattern"),
    keys,
);

pub(super) const SCAN: Command = Command::new(
    row("scan", -2, &[READONLY, ALL_KEYS], &[])
        .tips(&["nondeterministic_output", "request_policy:special", "response_policy:special"])
        .doc(
            GROUP,
            "2.8.0",
            "O(COUNT) for a call, O(N) for a whole round.",
            "Returns some keys of the selected database and where to go on.",
        )
        .syntax("cursor:integer [MATCH pattern:pattern] [COUNT count:integer] [TYPE type@6.0.0]"),
    scan,
);

fn randomkey(call: &mut Call<'_>) -> Outcome {
    match call.keys.random_key() {
        Some(key) => call.reply.bulk(&key),
        None => call.reply.null(),
    }
    DONE
}

/// Which keys a walk is to return.
#[derive(Clone)]
struct Filter {
    /// None for all.
    pattern: Option<Box<[u8]>>,
    kind: Kind,
    /// Unix ms.
    now: i64,
}

/// The type that SCAN's TYPE option asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Any,
    Only(Type),
    /// The name of no type.
    Nothing,
}

/// What a filter says of a key.
#[derive(PartialEq, Eq)]
enum Verdict {
    Wanted,
    Expired,
    Unwanted,
}

impl Filter {
    fn new(pattern: Option<&[u8]>, kind: Kind, now: i64) -> Filter {
        let pattern = pattern.filter(|pattern| !glob::is_everything(pattern)).map(Box::from);
        Filter { pattern, kind, now }
    }

    fn judge(&self, entry: EntryRef<'_>) -> Verdict {
        if self.pattern.as_ref().is_some_and(|pattern| !glob::matches(pattern, entry.key(), false)) {
            Verdict::Unwanted
        } else if entry.deadline().is_some_and(|deadline| deadline <= self.now) {
            Verdict::Expired
        } else if self.kind == Kind::Any || self.kind == Kind::Only(entry.type_of()) {
            Verdict::Wanted
        } else {
            Verdict::Unwanted
        }
    }
}

fn keys(call: &mut Call<'_>) -> Outcome {
    let filter = Filter::new(Some(call.args[1]), Kind::Any, call.keys.now());
    if call.may_put_off() && call.keys.keyspace().len(call.keys.db()) > MANY {
        return Ok(put_off(call, move |view, reply| write_keys(view, &filter, reply)));
    }
    write_keys(&mut call.keys, &filter, call.reply);
    DONE
}

fn write_keys(view: &mut View<'_>, filter: &Filter, reply: &mut Reply) {
    let array = reply.defer();
    let mut found = 0;
    view.walk(&mut |entry| {
        if filter.judge(entry) == Verdict::Wanted {
            reply.bulk(entry.key());
            found += 1;
        }
    });
    reply.finish_array(array, found);
}

/// Has work done without locks of keys, on a view that takes its own for short.
fn put_off(call: &Call<'_>, work: impl FnOnce(&mut View<'_>, &mut Reply) + Send + 'static) -> Next {
    let (server, db, clock) = (Arc::clone(call.server), call.keys.db(), call.keys.clock());
    Next::Later(Box::new(move |reply| {
        // Such a walk only reads: it has no effects.
        let mut effects = Effects::default();
        work(&mut View::new(&server.keyspace, Held::Nothing, db, clock, &mut effects), reply);
    }))
}

/// What SCAN is told.
struct Scan {
    cursor: u64,
    count: usize,
    filter: Filter,
}

fn scan_options(call: &Call<'_>) -> Result<Scan, Error> {
    let cursor = cursor(call.args[1])?;
    let mut kind = Kind::Any;
    let options = ScanOptions::parse(call.args_from(2), |args| {
        let is_type = args.len() > 1 && args.word("TYPE");
        if is_type {
            kind = Type::named(args.want()?).map_or(Kind::Nothing, Kind::Only);
        }
        Ok(is_type)
    })?;
    let filter = Filter::new(options.pattern, kind, call.keys.now());
    Ok(Scan { cursor, count: options.count, filter })
}

fn scan(call: &mut Call<'_>) -> Outcome {
    let scan = scan_options(call)?;
    if call.may_put_off() && scan.count.min(call.keys.keyspace().len(call.keys.db())) > MANY {
        return Ok(put_off(call, move |view, reply| drop(write_scan(view, &scan, reply))));
    }
    for key in write_scan(&mut call.keys, &scan, call.reply) {
        call.keys.delete_if_expired(&key);
    }
    DONE
}

/// Answers the next cursor and the keys, and returns the expired keys that it met.
fn write_scan(view: &mut View<'_>, scan: &Scan, reply: &mut Reply) -> Vec<Box<[u8]>> {
    let mut expired = Vec::new();
    page(reply, |keys| {
        let mut found = 0;
        let next = view.scan(scan.cursor, scan.count, &mut |entry| match scan.filter.judge(entry) {
            Verdict::Wanted => {
                keys.bulk(entry.key());
                found += 1;
            }
            Verdict::Expired => expired.push(entry.key().into()),
            Verdict::Unwanted => {}
        });
        (next, found)
    });
    expired
}
