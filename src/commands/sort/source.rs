//! What SORT sorts: a list, a set or a sorted set, as a reference that stays what it was when it was taken.

use std::ops::Range;

use crate::keyspace::{Access, EntryRef, Type, View, WrongType};
use crate::types::list::List;
use crate::types::listpack::Item;
use crate::types::set::Set;
use crate::types::zset::{Direction, Zset};

/// The value at the key that is sorted; an absent one is an empty list.
pub enum Source {
    List(List),
    Set(Set),
    Zset(Zset),
}

impl Source {
    /// Takes a reference to the value of a key.
    pub fn of(keys: &mut View<'_>, key: &[u8]) -> Result<Source, WrongType> {
        match keys.find(key, Access::Read) {
            Some(entry) => Source::reference(entry).ok_or(WrongType),
            None => Ok(Source::List(List::new())),
        }
    }

    fn reference(entry: EntryRef<'_>) -> Option<Source> {
        Some(match entry.type_of() {
            Type::List => Source::List(entry.collection::<List>()?.to_owned()),
            Type::Set => Source::Set(entry.collection::<Set>()?.to_owned()),
            Type::Zset => Source::Zset(entry.collection::<Zset>()?.to_owned()),
            _ => return None,
        })
    }

    /// Whether the key still holds what this is a reference to.
    pub fn is_current(&self, keys: &mut View<'_>, key: &[u8]) -> bool {
        let Some(entry) = keys.find(key, Access::Silent) else {
            return matches!(self, Source::List(list) if list.is_empty());
        };
        match self {
            Source::List(list) => entry.collection::<List>().is_some_and(|now| now.is_unchanged_since(list)),
            Source::Set(set) => entry.collection::<Set>().is_some_and(|now| now.is_unchanged_since(set)),
            Source::Zset(zset) => entry.collection::<Zset>().is_some_and(|now| now.is_unchanged_since(zset)),
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Source::List(list) => list.len(),
            Source::Set(set) => set.len(),
            Source::Zset(zset) => zset.len(),
        }
    }

    /// All elements.
    pub fn items(&self) -> Vec<Item<'_>> {
        self.native(0..self.len(), false)
    }

    /// A part of the elements in the order that the value has by itself, or in the reverse of it.
    pub fn native(&self, part: Range<usize>, reverse: bool) -> Vec<Item<'_>> {
        let (skip, take) = (part.start, part.len());
        match self {
            Source::List(list) if reverse => list.iter().rev().skip(skip).take(take).collect(),
            Source::List(list) => list.range(skip as i64, part.end as i64 - 1).take(take).collect(),
            Source::Set(set) => set.iter().skip(skip).take(take).collect(),
            Source::Zset(zset) => {
                let direction = if reverse { Direction::Reverse } else { Direction::Forward };
                let ranks = if reverse { zset.len() - part.end..zset.len() - part.start } else { part };
                zset.iter(ranks, direction).map(|(member, _)| member).collect()
            }
        }
    }
}
