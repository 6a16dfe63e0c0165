//! Lists.
//!
//! ```text
//! List           length, elements
//! ListZiplist    one ziplist
//! ListZiplists   length, ziplists
//! ListChunks     length, chunks: 1 element | 2 listpack         written
//! ```

use std::io::{self, Read, Write};

use super::super::code::{CHUNK_LISTPACK, CHUNK_PLAIN, Kind};
use super::super::error::{Error, Reason};
use super::super::sink::Sink;
use super::super::source::Source;
use super::{read_listpack, read_ziplist};
use crate::base::num::IntText;
use crate::types::list::{ChunkRef, List, ListBuilder, ListLimits};

pub(super) fn write<W: Write>(to: &mut Sink<W>, list: &List) -> io::Result<()> {
    to.length(list.chunks().count() as u64)?;
    for chunk in list.chunks() {
        match chunk {
            ChunkRef::Plain(element) => {
                to.length(CHUNK_PLAIN)?;
                to.string(element)?;
            }
            ChunkRef::Packed(listpack) => {
                to.length(CHUNK_LISTPACK)?;
                to.string(listpack.bytes())?;
            }
        }
    }
    Ok(())
}

pub(super) fn read<R: Read>(from: &mut Source<R>, kind: Kind, limits: &ListLimits) -> Result<List, Error> {
    let mut list = ListBuilder::new(*limits);
    match kind {
        Kind::List => {
            let mut element = Vec::new();
            for _ in 0..from.length()? {
                from.string_into(&mut element)?;
                list.push(&element);
            }
        }
        Kind::ListZiplist => {
            // As large as it was configured elsewhere, so it is divided anew.
            let mut text = IntText::new();
            let ziplist = read_ziplist(from, "List ziplist integrity check failed")?;
            ziplist.iter().for_each(|element| list.push(element.as_bytes(&mut text)));
        }
        Kind::ListZiplists => {
            for _ in 0..from.length()? {
                list.push_listpack(read_ziplist(from, "Ziplist integrity check failed")?);
            }
        }
        _ => {
            for _ in 0..from.length()? {
                read_chunk(from, &mut list)?;
            }
        }
    }
    let list = list.finish();
    if list.is_empty() { Err(from.error(Reason::Empty)) } else { Ok(list) }
}

fn read_chunk<R: Read>(from: &mut Source<R>, list: &mut ListBuilder) -> Result<(), Error> {
    match from.length()? {
        CHUNK_PLAIN => {
            let element = from.string()?;
            if element.is_empty() {
                return Err(from.damaged("a chunk of a list without an element"));
            }
            list.push_plain(element);
        }
        CHUNK_LISTPACK => list.push_listpack(read_listpack(from, "Listpack integrity check failed")?),
        _ => return Err(from.damaged("a chunk of a list that is neither element nor listpack")),
    }
    Ok(())
}
