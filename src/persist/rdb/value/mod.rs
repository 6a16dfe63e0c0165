//! Values: which encoding each is written in, and what to do with every encoding that is read.

mod hash;
mod list;
mod set;
mod stream;
mod string;
mod ziplist;
mod zipmap;
mod zset;

use std::io::{self, Read, Write};

use super::Limits;
use super::code::{self, Kind};
use super::error::{Error, Reason};
use super::sink::Sink;
use super::source::Source;
use crate::keyspace::Value;
use crate::types::listpack::Listpack;

/// How a value is written in a version.
pub(super) fn kind(value: &Value, version: u16) -> Kind {
    match value {
        Value::Str(_) => Kind::String,
        Value::List(_) => Kind::ListChunks,
        Value::Set(set) => set::kind(set, version),
        Value::Hash(hash) => hash::kind(hash, version),
        Value::Zset(zset) => zset::kind(zset),
        Value::Stream(_) => stream::kind(version),
    }
}

/// Writes a value in the encoding that [`kind`] chose, and lets go of it.
pub(super) fn write<W: Write>(to: &mut Sink<W>, value: Value, kind: Kind) -> io::Result<()> {
    match value {
        Value::Str(string) => string::write(to, &string),
        Value::List(list) => list::write(to, &list),
        Value::Set(set) => set::write(to, set, kind),
        Value::Hash(hash) => hash::write(to, hash, kind),
        Value::Zset(zset) => zset::write(to, zset),
        Value::Stream(stream) => stream::write(to, &stream, kind),
    }
}

/// Reads a value of a type code.
///
/// # Errors
/// [`Reason::Empty`] if it is a collection without elements, which has been read to its end then.
pub(super) fn read<R: Read>(from: &mut Source<R>, type_code: u8, limits: &Limits) -> Result<Value, Error> {
    let Some(kind) = Kind::of(type_code) else { return Err(from.error(Reason::UnknownCode(type_code))) };
    let unsupported = |what: String| Reason::Unsupported(what);
    match kind {
        Kind::String => string::read(from).map(Value::Str),
        Kind::List | Kind::ListZiplist | Kind::ListZiplists | Kind::ListChunks => {
            list::read(from, kind, &limits.list).map(Value::List)
        }
        Kind::Set | Kind::SetIntset | Kind::SetListpack => set::read(from, kind, &limits.set).map(Value::Set),
        Kind::Zset | Kind::ZsetText | Kind::ZsetZiplist | Kind::ZsetListpack => {
            zset::read(from, kind, &limits.zset).map(Value::Zset)
        }
        Kind::Hash
        | Kind::HashZipmap
        | Kind::HashZiplist
        | Kind::HashListpack
        | Kind::HashTimed
        | Kind::HashTimedListpack => hash::read(from, kind, &limits.hash).map(Value::Hash),
        Kind::Stream1 | Kind::Stream2 | Kind::Stream3 => stream::read(from, kind).map(Value::Stream),
        Kind::HashTimedPreGa | Kind::HashTimedListpackPreGa => Err(from.error(unsupported(
            "a hash with field deadlines in the format of 7.4's release candidates".into(),
        ))),
        Kind::ModulePreGa => {
            Err(from.error(unsupported("module data in the format of 4.0's release candidates".into())))
        }
        Kind::Module => {
            let name = code::module_name(from.length()?);
            Err(from.error(unsupported(format!("data of the module type '{name}'"))))
        }
    }
}

/// Reads a string that is a listpack, and checks every entry of it; `damaged` is what to say if one isn't as it must
/// be.
fn read_listpack<R: Read>(from: &mut Source<R>, damaged: &'static str) -> Result<Listpack, Error> {
    let bytes = read_packed(from)?;
    Listpack::from_foreign(bytes).map_err(|_| from.damaged(damaged))
}

/// Reads a string that is a ziplist, and converts it; `damaged` is what to say if it isn't one.
fn read_ziplist<R: Read>(from: &mut Source<R>, damaged: &'static str) -> Result<Listpack, Error> {
    let bytes = read_packed(from)?;
    let mut listpack = Listpack::with_capacity(bytes.len());
    let walked = ziplist::walk(&bytes, |element| listpack.push_back(element));
    walked.ok_or_else(|| from.damaged(damaged))?;
    listpack.shrink_to_fit();
    Ok(listpack)
}

/// Reads a string that is a packed collection of any kind, and of a size that a listpack may have.
fn read_packed<R: Read>(from: &mut Source<R>) -> Result<Vec<u8>, Error> {
    let bytes = from.string()?;
    if bytes.len() > Listpack::MAX_BYTES {
        return Err(from.damaged("a packed collection of more than 1 GB"));
    }
    Ok(bytes)
}
