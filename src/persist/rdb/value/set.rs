//! Sets.
//!
//! ```text
//! Set           length, members                 written of tables, and of listpacks before version 11
//! SetIntset     one intset                      written
//! SetListpack   one listpack                    written since version 11
//! ```

use std::io::{self, Read, Write};

use super::super::code::Kind;
use super::super::error::{Error, Reason};
use super::super::sink::Sink;
use super::super::source::Source;
use super::{read_listpack, read_packed};
use crate::types::intset::IntSet;
use crate::types::set::{Packed, Set, SetLimits};

const TWICE: &str = "a member is in a set twice";

pub(super) fn kind(set: &Set, version: u16) -> Kind {
    match set.encoding() {
        "intset" => Kind::SetIntset,
        "listpack" if version >= 11 => Kind::SetListpack,
        _ => Kind::Set,
    }
}

pub(super) fn write<W: Write>(to: &mut Sink<W>, set: Set, kind: Kind) -> io::Result<()> {
    match (kind, set.as_intset(), set.as_listpack()) {
        (Kind::SetIntset, Some(intset), _) => to.string(intset.as_bytes()),
        (Kind::SetListpack, _, Some(listpack)) => to.string(listpack.bytes()),
        _ => {
            to.length(set.len() as u64)?;
            set.consume(|member| to.element(member))
        }
    }
}

pub(super) fn read<R: Read>(from: &mut Source<R>, kind: Kind, limits: &SetLimits) -> Result<Set, Error> {
    let packed = match kind {
        Kind::Set => return read_members(from, limits),
        Kind::SetIntset => {
            let intset = IntSet::from_foreign(read_packed(from)?);
            Packed::IntSet(intset.map_err(|_| from.damaged("Intset integrity check failed"))?)
        }
        _ => {
            let listpack = read_listpack(from, "Set listpack integrity check failed")?;
            if listpack.is_empty() {
                return Err(from.error(Reason::Empty));
            }
            if listpack.as_ref().has_repeats(1) {
                return Err(from.damaged(TWICE));
            }
            Packed::Listpack(listpack)
        }
    };
    let mut set = Set::from_packed(packed);
    set.fit(limits).map_err(|_| from.damaged(TWICE))?;
    Ok(set)
}

fn read_members<R: Read>(from: &mut Source<R>, limits: &SetLimits) -> Result<Set, Error> {
    let len = from.count()?;
    let mut set = Set::for_loading(len, limits);
    let mut member = Vec::new();
    for _ in 0..len {
        from.string_into(&mut member)?;
        if !set.insert(&member, limits) {
            return Err(from.damaged(TWICE));
        }
    }
    if len == 0 { Err(from.error(Reason::Empty)) } else { Ok(set) }
}
