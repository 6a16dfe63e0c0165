//! Sorted sets.
//!
//! ```text
//! ZsetText       length, (member, score as text)...
//! Zset           length, (member, score as f64)...       written of large ones, from the highest score down
//! ZsetZiplist    one ziplist
//! ZsetListpack   one listpack                            written
//! ```
//!
//! Descending order is what Redis loads fastest.

use std::io::{self, Read, Write};

use super::super::code::Kind;
use super::super::error::{Error, Reason};
use super::super::sink::Sink;
use super::super::source::Source;
use super::{read_listpack, read_ziplist};
use crate::base::num::parse_f64_lenient;
use crate::types::zset::{Zset, ZsetLimits};

const DAMAGED: &str = "a sorted set has a member twice or a score that is none";

pub(super) fn kind(zset: &Zset) -> Kind {
    if zset.as_listpack().is_some() { Kind::ZsetListpack } else { Kind::Zset }
}

pub(super) fn write<W: Write>(to: &mut Sink<W>, zset: Zset) -> io::Result<()> {
    if let Some(listpack) = zset.as_listpack() {
        return to.string(listpack.bytes());
    }
    to.length(zset.len() as u64)?;
    zset.consume(|member, score| {
        to.element(member)?;
        to.put(&score.to_le_bytes())
    })
}

pub(super) fn read<R: Read>(from: &mut Source<R>, kind: Kind, limits: &ZsetLimits) -> Result<Zset, Error> {
    let listpack = match kind {
        Kind::ZsetListpack => read_listpack(from, "Zset listpack integrity check failed")?,
        Kind::ZsetZiplist => read_ziplist(from, "Zset ziplist integrity check failed")?,
        _ => return read_members(from, kind, limits),
    };
    if listpack.is_empty() {
        return Err(from.error(Reason::Empty));
    }
    Zset::from_foreign(listpack, limits).map_err(|_| from.damaged(DAMAGED))
}

fn read_members<R: Read>(from: &mut Source<R>, kind: Kind, limits: &ZsetLimits) -> Result<Zset, Error> {
    let len = from.length()?;
    let mut pairs = Vec::new();
    for _ in 0..len {
        let member = from.string()?;
        let score = match kind {
            Kind::Zset => f64::from_le_bytes(from.array()?),
            _ => read_text(from)?,
        };
        pairs.push((member, score));
    }
    if len == 0 {
        return Err(from.error(Reason::Empty));
    }
    Zset::from_pairs(pairs, limits).map_err(|_| from.damaged(DAMAGED))
}

/// Reads a score as text after its length; lengths from 253 on stand for what has no digits.
fn read_text<R: Read>(from: &mut Source<R>) -> Result<f64, Error> {
    let len = match from.byte()? {
        255 => return Ok(f64::NEG_INFINITY),
        254 => return Ok(f64::INFINITY),
        253 => return Ok(f64::NAN),
        len => len,
    };
    let mut text = Vec::with_capacity(len.into());
    for _ in 0..len {
        text.push(from.byte()?);
    }
    match parse_f64_lenient(&text) {
        Some(score) if !text.is_empty() => Ok(score.value),
        _ => Err(from.damaged("a score is no number")),
    }
}
