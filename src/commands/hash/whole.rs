//! Whole hashes: all fields, all values, or some at a time.

use crate::base::num::IntText;
use crate::command::row::*;
use crate::resp::Reply;
use crate::types::hash::Hash;

use super::super::call::write_item;
use super::super::scan::{self, ScanOptions};
use super::super::{Call, Command, DONE, Next, Outcome};
use super::{GROUP, row};

const KEY: &[KeySpec] = &[KeySpec::at(1, &[RO, ACCESS])];
const ANY_ORDER: &[&str] = &["nondeterministic_output_order"];
const COST: &str = "O(N) where N is the number of fields.";

pub(super) const HGETALL: Command = Command::new(
    row("hgetall", 2, &[READONLY], KEY)
        .tips(ANY_ORDER)
        .doc(GROUP, "2.0.0", COST, "Returns all fields and values of a hash.")
        .syntax("key"),
    |call| answer(call, Part::Both),
);

pub(super) const HKEYS: Command = Command::new(
    row("hkeys", 2, &[READONLY], KEY)
        .tips(ANY_ORDER)
        .doc(GROUP, "2.0.0", COST, "Returns all fields of a hash.")
        .syntax("key"),
    |call| answer(call, Part::Fields),
);

pub(super) const HVALS: Command = Command::new(
    row("hvals", 2, &[READONLY], KEY)
        .tips(ANY_ORDER)
        .doc(GROUP, "2.0.0", COST, "Returns all values of a hash.")
        .syntax("key"),
    |call| answer(call, Part::Values),
);

pub(super) const HSCAN: Command = Command::new(
    row("hscan", -3, &[READONLY], KEY)
        .tips(&["nondeterministic_output"])
        .doc(
            GROUP,
            "2.8.0",
            "O(1) a call; O(N) from cursor 0 back to 0, N being the number of fields",
            "Visits the fields of a hash some at a time.",
        )
        .syntax("key cursor:integer [MATCH pattern:pattern] [COUNT count:integer] [NOVALUES]"),
    hscan,
);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Fields,
    Values,
    Both,
}

impl Part {
    fn header(self, reply: &mut Reply, fields: usize) {
        match self {
            Part::Both => reply.map(fields),
            Part::Fields | Part::Values => reply.array(fields),
        }
    }
}

fn answer(call: &mut Call<'_>, part: Part) -> Outcome {
    let (now, may_put_off) = (call.keys.now(), call.may_put_off());
    match call.keys.read::<Hash>(call.args[1])? {
        None => part.header(call.reply, 0),
        Some(hash) if may_put_off && hash.is_large() => {
            let hash = hash.to_owned();
            return Ok(Next::Later(Box::new(move |reply| write(reply, &hash, part, now))));
        }
        Some(hash) => write(call.reply, &hash, part, now),
    }
    DONE
}

fn write(reply: &mut Reply, hash: &Hash, part: Part, now: i64) {
    part.header(reply, hash.live_len(now));
    for entry in hash.iter().filter(|entry| !entry.is_expired(now)) {
        if part != Part::Values {
            write_item(reply, entry.field);
        }
        if part != Part::Fields {
            write_item(reply, entry.value);
        }
    }
}

fn hscan(call: &mut Call<'_>) -> Outcome {
    let now = call.keys.now();
    scan::scan(call, true, Hash::is_large, move |reply, hash: &Hash, cursor, options| {
        write_page(reply, hash, cursor, options, now);
    })
}

fn write_page(reply: &mut Reply, hash: &Hash, cursor: u64, options: &ScanOptions<'_>, now: i64) {
    scan::page(reply, |reply| {
        let mut written = 0;
        let next = hash.scan(cursor, options.count, |entry| {
            if entry.is_expired(now) || !options.matches(entry.field.as_bytes(&mut IntText::new())) {
                return;
            }
            write_item(reply, entry.field);
            written += 1;
            if !options.without_values {
                write_item(reply, entry.value);
                written += 1;
            }
        });
        (next, written)
    });
}
