//! What SORT sorts: the elements of a list, a set or a sorted set.

use std::ops::Range;

use crate::keyspace::{Type, Value};
use crate::types::listpack::Item;
use crate::types::zset::Direction;

/// The types that can be sorted.
pub const SORTABLE: &[Type] = &[Type::List, Type::Set, Type::Zset];

/// The value at the key that is sorted; an absent one has no elements.
#[derive(Clone, Copy)]
pub struct Source<'v>(pub Option<&'v Value>);

impl<'v> Source<'v> {
    /// Number of elements.
    pub fn len(self) -> usize {
        match self.0 {
            Some(Value::List(list)) => list.len(),
            Some(Value::Set(set)) => set.len(),
            Some(Value::Zset(zset)) => zset.len(),
            _ => 0,
        }
    }

    /// Whether the elements have no order by themselves.
    pub fn is_unordered(self) -> bool {
        matches!(self.0, Some(Value::Set(_)))
    }

    /// All elements.
    pub fn items(self) -> Vec<Item<'v>> {
        self.native(0..self.len(), false)
    }

    /// A part of the elements in the order that the value has by itself, or in the reverse of it.
    pub fn native(self, part: Range<usize>, reverse: bool) -> Vec<Item<'v>> {
        let (skip, take) = (part.start, part.len());
        match self.0 {
            Some(Value::List(list)) if take > 0 => {
                let (first, last) = (part.start as i64, part.end as i64 - 1);
                if reverse {
                    list.range(-1 - last, -1 - first).rev().collect()
                } else {
                    list.range(first, last).collect()
                }
            }
            Some(Value::Set(set)) => set.iter().skip(skip).take(take).collect(),
            Some(Value::Zset(zset)) => {
                let (ranks, direction) = match reverse {
                    true => (zset.len() - part.end..zset.len() - part.start, Direction::Reverse),
                    false => (part, Direction::Forward),
                };
                zset.iter(ranks, direction).map(|(member, _)| member).collect()
            }
            _ => Vec::new(),
        }
    }
}
