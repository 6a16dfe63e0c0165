//! Strings.

use std::io::{self, Read, Write};

use super::super::error::Error;
use super::super::sink::Sink;
use super::super::source::Source;
use crate::base::num::parse_i64;
use crate::keyspace::Str;

pub(super) fn write<W: Write>(to: &mut Sink<W>, string: &Str) -> io::Result<()> {
    match string {
        Str::Int(n) => to.integer(*n),
        Str::Bytes(bytes) | Str::Raw(bytes) => to.string(bytes),
        Str::Shared(bytes) => to.string(bytes),
    }
}

pub(super) fn read<R: Read>(from: &mut Source<R>) -> Result<Str, Error> {
    let bytes = from.string()?;
    Ok(match parse_i64(&bytes) {
        Some(n) => Str::Int(n),
        None => Str::Bytes(bytes),
    })
}
