//! Streams: entries in the order of their IDs, and consumer groups that work them off.

mod append;
mod claim;
mod deliveries;
mod edit;
mod group;
mod info;
mod pending;
mod range;
mod read;
mod read_group;

#[cfg(test)]
mod tests;

use crate::command::row::*;
use crate::command::{Error, error};
use crate::config::EventClasses;
use crate::keyspace::{Access, RefMut, View};
use crate::resp::Reply;
use crate::types::stream::id::{self, BoundError};
use crate::types::stream::{Entry, Stream, StreamId};

use super::call::write_item;
use super::{Call, Command};

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    append::XADD,
    append::XTRIM,
    edit::XDEL,
    edit::XSETID,
    range::XLEN,
    range::XRANGE,
    range::XREVRANGE,
    read::XREAD,
    read_group::XREADGROUP,
    group::XGROUP,
    pending::XACK,
    pending::XPENDING,
    claim::XCLAIM,
    claim::XAUTOCLAIM,
    info::XINFO,
];

const GROUP: &str = "stream";

/// Entries, or pending ones, that are few enough to be answered under the lock.
const FEW: usize = 512;

const fn row(name: &'static str, arity: i32, flags: &[Flags], keys: &'static [KeySpec]) -> Spec {
    Spec::new(name, arity).flags(flags).keys(keys).categories(&[Categories::STREAM])
}

/// Reads an ID; `ms` alone means `ms-0`.
fn parse_id(text: &[u8]) -> Result<StreamId, Error> {
    id::parse_strict(text, 0).ok_or(error::INVALID_STREAM_ID)
}

fn parse_ids(texts: &[&[u8]]) -> Result<Vec<StreamId>, Error> {
    texts.iter().map(|text| parse_id(text)).collect()
}

/// Reads the lower end of a range.
fn parse_start(text: &[u8]) -> Result<StreamId, Error> {
    id::parse_start(text).map_err(|refused| bound_error(refused, error::NO_ID_AFTER_START))
}

/// Reads the upper end of a range.
fn parse_end(text: &[u8]) -> Result<StreamId, Error> {
    id::parse_end(text).map_err(|refused| bound_error(refused, error::NO_ID_BEFORE_END))
}

fn bound_error(refused: BoundError, nothing_beyond: Error) -> Error {
    match refused {
        BoundError::Invalid => error::INVALID_STREAM_ID,
        BoundError::NothingBeyond => nothing_beyond,
    }
}

/// Opens a stream whose groups are about to change; its finding counts as a read. None if it is absent or has
/// no such group.
fn open_group<'v>(
    keys: &'v mut View<'_>,
    key: &[u8],
    group: &[u8],
) -> Result<Option<RefMut<'v, Stream>>, Error> {
    if !keys.exists(key, Access::Ask) {
        return Ok(None);
    }
    let stream = keys.write::<Stream>(key)?;
    Ok(stream.filter(|stream| stream.group(group).is_some()))
}

/// Says that a stream's group was changed, which counts as no change of the key for watchers.
fn group_changed(call: &mut Call<'_>, key: &[u8], event: &'static str) {
    call.keys.effects.dirty += 1;
    call.keys.event(key, EventClasses::STREAM, event);
}

/// Says that a command has made the consumer that it named.
fn consumer_created(call: &mut Call<'_>, key: &[u8], created: bool) {
    if created {
        group_changed(call, key, "xgroup-createconsumer");
    }
}

fn write_id(reply: &mut Reply, id: StreamId) {
    reply.bulk(&id.text());
}

/// Writes an entry: its ID, then its fields and values in one array.
fn write_entry(reply: &mut Reply, entry: &Entry<'_>) {
    reply.array(2);
    write_id(reply, entry.id());
    reply.array(2 * entry.len());
    for (field, value) in entry.fields() {
        write_item(reply, field);
        write_item(reply, value);
    }
}

/// Writes an array of entries.
fn write_entries<'e>(reply: &mut Reply, entries: impl Iterator<Item = Entry<'e>>) {
    let array = reply.defer();
    let mut count = 0;
    for entry in entries {
        write_entry(reply, &entry);
        count += 1;
    }
    reply.finish_array(array, count);
}
