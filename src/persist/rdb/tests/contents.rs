//! What is in a value, whatever form it has, to be compared.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::num::IntText;
use crate::keyspace::{Str, Value};
use crate::types::stream::{Stream, StreamId};

#[derive(PartialEq, Debug)]
pub(super) enum Contents {
    String(Vec<u8>),
    List(Vec<Vec<u8>>),
    Set(BTreeSet<Vec<u8>>),
    Hash(BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>),
    Zset(Vec<(Vec<u8>, f64)>),
    /// Entries, counters and groups, printed.
    Stream(String),
}

/// What is in a value. `active` tells whether the times at which consumers were last given something count;
/// else those at which they were seen are told for them.
pub(super) fn contents(value: &Value, active: bool) -> Contents {
    match value {
        Value::Str(Str::Int(n)) => Contents::String(IntText::new().format(*n).as_bytes().to_vec()),
        Value::Str(Str::Bytes(bytes) | Str::Raw(bytes)) => Contents::String(bytes.clone()),
        Value::Str(Str::Shared(bytes)) => Contents::String(bytes.to_vec()),
        Value::List(list) => Contents::List(list.iter().map(|item| item.to_vec()).collect()),
        Value::Set(set) => Contents::Set(set.iter().map(|item| item.to_vec()).collect()),
        Value::Hash(hash) => {
            let field = |entry: crate::types::hash::Entry<'_>| {
                (entry.field.to_vec(), (entry.value.to_vec(), entry.deadline))
            };
            Contents::Hash(hash.iter().map(field).collect())
        }
        Value::Zset(zset) => {
            Contents::Zset(zset.iter_all().map(|(member, score)| (member.to_vec(), score)).collect())
        }
        Value::Stream(stream) => Contents::Stream(describe(stream, active)),
    }
}

/// The name of the form a value has.
pub(super) fn encoding(value: &Value) -> &'static str {
    match value {
        Value::Str(Str::Int(_)) => "int",
        Value::Str(Str::Bytes(bytes)) if bytes.len() <= 44 => "embstr",
        Value::Str(_) => "raw",
        Value::List(list) => list.encoding(),
        Value::Set(set) => set.encoding(),
        Value::Hash(hash) => hash.encoding(),
        Value::Zset(zset) => zset.encoding(),
        Value::Stream(_) => "stream",
    }
}

fn describe(stream: &Stream, active: bool) -> String {
    use std::fmt::Write;
    let mut text = format!("{:?}\n", stream.log().counters());
    for entry in stream.log().range(StreamId::MIN, StreamId::MAX) {
        let fields: Vec<_> = entry.fields().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        writeln!(text, "{} {fields:?}", entry.id()).unwrap();
    }
    for (name, group) in stream.groups() {
        writeln!(text, "{name:?} {} {:?}", group.last_id(), group.entries_read()).unwrap();
        for entry in group.pending(StreamId::MIN, StreamId::MAX) {
            writeln!(text, "{entry:?}").unwrap();
        }
        for consumer in group.consumers() {
            let seen = consumer.seen_time();
            let given = if active { consumer.active_time() } else { Some(seen) };
            let ids: Vec<_> = consumer.pending_ids().collect();
            writeln!(text, "{:?} {seen} {given:?} {ids:?}", consumer.name()).unwrap();
        }
    }
    text
}
