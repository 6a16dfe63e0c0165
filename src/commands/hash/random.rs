//! HRANDFIELD.

use crate::command::row::*;
use crate::command::{Error, args, error};
use crate::resp::Reply;
use crate::types::hash::{Entry, Hash};

use super::super::call::write_item;
use super::super::sample::{Bounds, Sample};
use super::super::{Call, Command, DONE, Outcome};
use super::{GROUP, row};

pub(super) const HRANDFIELD: Command = Command::new(
    row("hrandfield", -2, &[READONLY], &[KeySpec::at(1, &[RO, ACCESS])])
        .tips(&["nondeterministic_output"])
        .doc(
            GROUP,
            "6.2.0",
            "O(N) where N is the number of fields returned, at least 1.",
            "Returns random fields of a hash, with their values if wanted.",
        )
        .syntax("key [options:(count:integer [WITHVALUES])]"),
    hrandfield,
);

fn hrandfield(call: &mut Call<'_>) -> Outcome {
    let key = call.args[1];
    if call.args.len() > 2 {
        return sample(call, key);
    }
    call.keys.expire_due_fields(key);
    let hash = call.keys.read::<Hash>(key)?;
    match hash.as_ref().and_then(|hash| hash.random()) {
        None => call.reply.null(),
        Some(entry) => write_item(call.reply, entry.field),
    }
    DONE
}

/// Reads the count and WITHVALUES.
fn options(call: &Call<'_>) -> Result<(Sample, bool), Error> {
    let mut args = call.args_from(2);
    let count = args::int_in(args.want()?, -i64::MAX, i64::MAX)?;
    let with_values = args.word("WITHVALUES");
    if !args.is_empty() {
        return Err(error::SYNTAX);
    }
    if with_values && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(error::OUT_OF_RANGE);
    }
    Ok((Sample::new(count), with_values))
}

fn sample(call: &mut Call<'_>, key: &[u8]) -> Outcome {
    let (sample, with_values) = options(call)?;
    call.keys.expire_due_fields(key);
    sample.answer(call, key, Hash::is_large, move |reply, hash, bounds| {
        write_sample(reply, hash, sample, with_values, bounds)
    })
}

fn write_sample(
    reply: &mut Reply,
    hash: &Hash,
    sample: Sample,
    with_values: bool,
    bounds: &Bounds,
) -> Result<(), Error> {
    let count = sample.of(hash.len());
    reply.array(if with_values && !reply.is_resp3() { count.saturating_mul(2) } else { count });
    if sample.repeats() {
        return sample.draw(reply, bounds, |reply, count| {
            hash.sample_with_repeats(count, |entry| write_entry(reply, &entry, with_values));
        });
    }
    hash.sample(count, |entry| write_entry(reply, &entry, with_values));
    Ok(())
}

/// Answers a field, with its value as a pair of its own in RESP3.
fn write_entry(reply: &mut Reply, entry: &Entry<'_>, with_value: bool) {
    if with_value && reply.is_resp3() {
        reply.array(2);
    }
    write_item(reply, entry.field);
    if with_value {
        write_item(reply, entry.value);
    }
}
