//! Hashes.
//!
//! ```text
//! Hash                 length, (field value)...                        written of tables
//! HashZipmap           one zipmap
//! HashZiplist          one ziplist
//! HashListpack         one listpack                                    written
//! HashTimed            earliest, length, (ttl field value)...          written of tables with deadlines
//! HashTimedListpack    earliest, one listpack in order of deadlines    written
//! ```
//!
//! `earliest` is the earliest deadline in Unix ms; `ttl` is 0 for a field without one, else one more than
//! its distance from the earliest.

use std::io::{self, ErrorKind, Read, Write};

use super::super::code::Kind;
use super::super::error::{Error, Reason};
use super::super::sink::Sink;
use super::super::source::Source;
use super::{read_listpack, read_packed, read_ziplist, zipmap};
use crate::types::hash::{Hash, HashError, HashLimits};
use crate::types::listpack::Listpack;

const TWICE: &str = "a field is in a hash twice";
/// The latest deadline of a field, as Redis has it: 48 bits, less what it needs for "none".
const LATEST_DEADLINE: i64 = (1 << 48) - 2;

pub(super) fn kind(hash: &Hash, version: u16) -> Kind {
    if hash.as_listpack().is_some() {
        Kind::HashListpack
    } else if hash.next_expiry().is_none() && (version < 12 || hash.as_timed_listpack().is_none()) {
        Kind::Hash
    } else if hash.as_timed_listpack().is_some() {
        Kind::HashTimedListpack
    } else {
        Kind::HashTimed
    }
}

pub(super) fn write<W: Write>(to: &mut Sink<W>, hash: Hash, kind: Kind) -> io::Result<()> {
    let earliest = hash.next_expiry().unwrap_or(0);
    match (kind, hash.as_listpack().or(hash.as_timed_listpack())) {
        (Kind::HashListpack, Some(listpack)) => to.string(listpack.bytes()),
        (Kind::HashTimedListpack, Some(listpack)) => {
            to.time(earliest)?;
            to.string(listpack.bytes())
        }
        (Kind::HashTimed, _) => write_timed(to, hash, earliest),
        _ => {
            to.length(hash.len() as u64)?;
            hash.consume(|entry| {
                to.element(entry.field)?;
                to.element(entry.value)
            })
        }
    }
}

fn write_timed<W: Write>(to: &mut Sink<W>, hash: Hash, earliest: i64) -> io::Result<()> {
    to.time(earliest)?;
    to.length(hash.len() as u64)?;
    hash.consume(|entry| {
        let ttl = match entry.deadline {
            None => 0,
            Some(at) => {
                at.checked_sub(earliest).and_then(|ttl| u64::try_from(ttl).ok()).map(|ttl| ttl + 1).ok_or(
                    io::Error::new(
                        ErrorKind::InvalidData,
                        "a field's deadline is before the earliest of its hash",
                    ),
                )?
            }
        };
        to.length(ttl)?;
        to.element(entry.field)?;
        to.element(entry.value)
    })
}

pub(super) fn read<R: Read>(from: &mut Source<R>, kind: Kind, limits: &HashLimits) -> Result<Hash, Error> {
    match kind {
        Kind::Hash => read_fields(from, None, limits),
        Kind::HashTimed => {
            let earliest = from.time()?;
            read_fields(from, Some(earliest), limits)
        }
        Kind::HashZipmap => read_zipmap(from, limits),
        Kind::HashZiplist => {
            let ziplist = read_ziplist(from, "Hash ziplist integrity check failed")?;
            take_listpack(from, ziplist, false, limits)
        }
        Kind::HashListpack => {
            let listpack = read_listpack(from, "Hash listpack integrity check failed")?;
            take_listpack(from, listpack, false, limits)
        }
        _ => {
            // The listpack says it again.
            let _earliest = from.time()?;
            let listpack = read_listpack(from, "Hash listpackex integrity check failed")?;
            let deadlines = listpack.iter().skip(2).step_by(3);
            if deadlines.filter_map(|at| at.integer()).any(|at| at > LATEST_DEADLINE) {
                return Err(from.damaged("a field's deadline is out of range"));
            }
            take_listpack(from, listpack, true, limits)
        }
    }
}

/// Reads fields one by one, with their deadlines if the earliest is given.
fn read_fields<R: Read>(
    from: &mut Source<R>,
    earliest: Option<i64>,
    limits: &HashLimits,
) -> Result<Hash, Error> {
    let len = from.count()?;
    let mut hash = Hash::for_loading(len, earliest.is_some(), limits);
    let (mut field, mut value) = (Vec::new(), Vec::new());
    for _ in 0..len {
        let deadline = earliest.map(|earliest| read_deadline(from, earliest)).transpose()?.flatten();
        from.string_into(&mut field)?;
        from.string_into(&mut value)?;
        if !hash.load(&field, &value, deadline, limits) {
            return Err(from.damaged(TWICE));
        }
    }
    if len == 0 { Err(from.error(Reason::Empty)) } else { Ok(hash) }
}

fn read_deadline<R: Read>(from: &mut Source<R>, earliest: i64) -> Result<Option<i64>, Error> {
    let Some(distance) = from.length()?.checked_sub(1) else { return Ok(None) };
    let deadline = i64::try_from(distance).ok().and_then(|distance| earliest.checked_add(distance));
    match deadline {
        Some(at @ 1..=LATEST_DEADLINE) => Ok(Some(at)),
        _ => Err(from.damaged("a field's deadline is out of range")),
    }
}

fn read_zipmap<R: Read>(from: &mut Source<R>, limits: &HashLimits) -> Result<Hash, Error> {
    let bytes = read_packed(from)?;
    let mut listpack = Listpack::new();
    let mut longest = 0;
    let walked = zipmap::walk(&bytes, |element| {
        longest = longest.max(element.len());
        listpack.push_back(element);
    });
    walked.ok_or_else(|| from.damaged("Zipmap integrity check failed"))?;
    // Too long a field or value makes it a table, as it does nowhere else.
    let entries = if longest > limits.max_listpack_value { 0 } else { limits.max_listpack_entries };
    take_listpack(from, listpack, false, &HashLimits { max_listpack_entries: entries, ..*limits })
}

fn take_listpack<R: Read>(
    from: &Source<R>,
    listpack: Listpack,
    timed: bool,
    limits: &HashLimits,
) -> Result<Hash, Error> {
    if listpack.is_empty() {
        return Err(from.error(Reason::Empty));
    }
    if listpack.as_ref().has_repeats(if timed { 3 } else { 2 }) {
        return Err(from.damaged(TWICE));
    }
    Hash::from_foreign(listpack, timed, limits).map_err(|error| {
        from.damaged(match error {
            HashError::Count => "a hash has a field without a value",
            HashError::Deadline => "the deadlines of a hash are damaged",
            HashError::Duplicate => TWICE,
        })
    })
}
