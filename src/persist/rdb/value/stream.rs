//! Streams.
//!
//! ```text
//! stream     length, (master ID as string, listpack)...
//!            entries, last ID, first ID +, largest deleted ID +, entries ever added +
//!            length, groups
//! group      name, last ID, entries read +
//!            length, (ID raw, time, number of deliveries)...        what is pending
//!            length, consumers
//! consumer   name, seen time, active time ++
//!            length, (ID raw)...                                    what of it is pending for this one
//! ```
//!
//! `+` since `Stream2`, `++` since `Stream3`. An ID is two lengths, a raw one 16 bytes. A number of entries
//! or a time that isn't known is -1.

use std::io::{self, Read, Write};

use super::super::code::Kind;
use super::super::error::{Error, Reason};
use super::super::sink::Sink;
use super::super::source::Source;
use super::read_packed;
use crate::types::stream::{
    ChunkError, Consumer, Counters, Group, GroupError, GroupLoader, Stream, StreamId,
};

/// Stands for a number or time that isn't known.
const UNKNOWN: i64 = -1;

pub(super) fn kind(version: u16) -> Kind {
    if version >= 11 { Kind::Stream3 } else { Kind::Stream2 }
}

pub(super) fn write<W: Write>(to: &mut Sink<W>, stream: &Stream, kind: Kind) -> io::Result<()> {
    let log = stream.log();
    to.length(log.chunk_count() as u64)?;
    for (master, listpack) in log.chunks() {
        to.string(&master.to_bytes())?;
        to.string(&listpack)?;
    }
    let Counters { last_id, first_id, max_deleted_id, entries_added } = log.counters();
    to.length(log.len())?;
    write_id(to, last_id)?;
    write_id(to, first_id)?;
    write_id(to, max_deleted_id)?;
    to.length(entries_added)?;
    to.length(stream.group_count() as u64)?;
    stream.groups().try_for_each(|(name, group)| write_group(to, name, group, kind))
}

fn write_group<W: Write>(to: &mut Sink<W>, name: &[u8], group: &Group, kind: Kind) -> io::Result<()> {
    to.string(name)?;
    write_id(to, group.last_id())?;
    to.length(group.entries_read().unwrap_or(UNKNOWN).cast_unsigned())?;
    to.length(group.pending_count() as u64)?;
    for entry in group.pending(StreamId::MIN, StreamId::MAX) {
        to.put(&entry.id.to_bytes())?;
        to.time(entry.time)?;
        to.length(entry.count)?;
    }
    to.length(group.consumer_count() as u64)?;
    group.consumers().try_for_each(|consumer| write_consumer(to, consumer, kind))
}

fn write_consumer<W: Write>(to: &mut Sink<W>, consumer: &Consumer, kind: Kind) -> io::Result<()> {
    to.string(consumer.name())?;
    to.time(consumer.seen_time())?;
    if kind == Kind::Stream3 {
        to.time(consumer.active_time().unwrap_or(UNKNOWN))?;
    }
    to.length(consumer.pending_count() as u64)?;
    consumer.pending_ids().try_for_each(|id| to.put(&id.to_bytes()))
}

fn write_id<W: Write>(to: &mut Sink<W>, id: StreamId) -> io::Result<()> {
    to.length(id.ms)?;
    to.length(id.seq)
}

pub(super) fn read<R: Read>(from: &mut Source<R>, kind: Kind) -> Result<Stream, Error> {
    let mut stream = Stream::default();
    for _ in 0..from.length()? {
        read_chunk(from, &mut stream)?;
    }
    let told = from.length()?;
    if told > 0 && stream.log().chunk_count() == 0 {
        return Err(from.damaged("a stream has no entries but counts some"));
    }
    let last_id = read_id(from)?;
    if kind == Kind::Stream1 {
        stream.log_mut().load_last_id(last_id);
    } else {
        let (first_id, max_deleted_id) = (read_id(from)?, read_id(from)?);
        let entries_added = from.length()?;
        stream.log_mut().load_counters(Counters { last_id, first_id, max_deleted_id, entries_added });
    }
    for _ in 0..from.length()? {
        let name = from.string()?;
        let group = read_group(from, &stream, kind)?;
        if !stream.add_group(&name, group) {
            return Err(from.damaged("a stream has two groups of one name"));
        }
    }
    Ok(stream)
}

fn read_chunk<R: Read>(from: &mut Source<R>, stream: &mut Stream) -> Result<(), Error> {
    let Ok(master) = <[u8; 16]>::try_from(from.string()?) else {
        return Err(from.damaged("the ID of a chunk of a stream is not 16 bytes long"));
    };
    let listpack = read_packed(from)?;
    stream.log_mut().load_chunk(StreamId::from_bytes(master), listpack).map_err(|error| {
        from.damaged(match error {
            ChunkError::Listpack(_) => "Stream listpack integrity check failed",
            ChunkError::Entries => "the entries of a stream are damaged",
            ChunkError::DuplicateMaster => "two chunks of a stream have the same ID",
        })
    })
}

fn read_group<R: Read>(from: &mut Source<R>, stream: &Stream, kind: Kind) -> Result<Group, Error> {
    let last_id = read_id(from)?;
    let entries_read = match kind {
        Kind::Stream1 => stream.log().entries_added_until(last_id),
        _ => known(from.length()?.cast_signed()),
    };
    let mut group = GroupLoader::new(last_id, entries_read);
    for _ in 0..from.length()? {
        let (id, time, count) = (read_raw_id(from)?, from.time()?, from.length()?);
        group.pending(id, time, count).map_err(|error| refused(from, error))?;
    }
    for _ in 0..from.length()? {
        read_consumer(from, &mut group, kind)?;
    }
    group.finish().map_err(|error| refused(from, error))
}

fn read_consumer<R: Read>(from: &mut Source<R>, group: &mut GroupLoader, kind: Kind) -> Result<(), Error> {
    let name = from.string()?;
    let seen_time = from.time()?;
    // The best guess about a consumer of which older versions kept only that it was seen.
    let active_time = if kind == Kind::Stream3 { known(from.time()?) } else { Some(seen_time) };
    group.consumer(&name, seen_time, active_time).map_err(|error| refused(from, error))?;
    for _ in 0..from.length()? {
        let id = read_raw_id(from)?;
        group.owns(id).map_err(|error| refused(from, error))?;
    }
    Ok(())
}

fn read_id<R: Read>(from: &mut Source<R>) -> Result<StreamId, Error> {
    Ok(StreamId::new(from.length()?, from.length()?))
}

fn read_raw_id<R: Read>(from: &mut Source<R>) -> Result<StreamId, Error> {
    from.array().map(StreamId::from_bytes)
}

fn known(number: i64) -> Option<i64> {
    (number != UNKNOWN).then_some(number)
}

fn refused<R: Read>(from: &Source<R>, error: GroupError) -> Error {
    from.error(Reason::Damaged(match error {
        GroupError::DuplicatePending => "an entry is pending twice in a group",
        GroupError::DuplicateConsumer => "Duplicate stream consumer detected",
        GroupError::UnknownPending => "a consumer has an entry that isn't pending in its group",
        GroupError::OwnedTwice => "an entry is pending for two consumers",
        GroupError::Unowned => "an entry is pending for no consumer",
    }))
}
