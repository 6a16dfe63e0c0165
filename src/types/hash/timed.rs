//! Listpacks of field, value and deadline, ordered by deadline; RDB files hold them as they are.
//!
//! A deadline of 0 means none, and such fields are at the end, in the order in which they lost or never had
//! one. Of equal deadlines the one that was set last comes first.

use super::{Found, after};
use crate::types::listpack::{Encoded, Item, Listpack, ListpackRef, Pos};

/// Elements that make up a field.
pub(super) const PER_FIELD: usize = 3;

const NO_DEADLINE: i64 = 0;

/// Whether the deadlines are integers in order.
pub(super) fn is_ordered(listpack: ListpackRef<'_>) -> bool {
    let mut last = 1;
    listpack.iter().skip(2).step_by(PER_FIELD).all(|deadline| match deadline {
        Item::Int(NO_DEADLINE) => {
            last = i64::MAX;
            true
        }
        Item::Int(at) if at >= last && last != i64::MAX => {
            last = at;
            true
        }
        _ => false,
    })
}

/// A listpack of pairs as one of triples.
pub(super) fn from_pairs(pairs: ListpackRef<'_>) -> Listpack {
    let mut triples = Listpack::with_capacity(pairs.byte_len() + pairs.len());
    for (i, item) in pairs.iter().enumerate() {
        triples.push_back(item);
        if i % 2 == 1 {
            triples.push_back(NO_DEADLINE);
        }
    }
    triples
}

/// Where a field is, and what belongs to it.
pub(super) fn find<'a>(listpack: ListpackRef<'a>, field: &[u8]) -> Option<(Pos, Found<'a>)> {
    let pos = listpack.find(field, PER_FIELD - 1)?;
    let value = after(listpack, pos);
    Some((pos, Found { value: listpack.at(value), deadline: deadline(listpack.at(after(listpack, value))) }))
}

/// The deadline that an element tells.
pub(super) fn deadline(element: Item<'_>) -> Option<i64> {
    element.integer().filter(|&at| at != NO_DEADLINE)
}

/// Sets a value and, unless it is to be kept, clears the deadline; tells whether the field is new.
pub(super) fn put(listpack: &mut Listpack, field: &[u8], value: &[u8], keep_deadline: bool) -> bool {
    let old = find(listpack.as_ref(), field).map(|(pos, found)| (pos, found.deadline));
    match old {
        Some((pos, Some(_))) if !keep_deadline => {
            listpack.delete_from(pos, PER_FIELD);
            insert(listpack, field, value, None);
        }
        Some((pos, _)) => listpack.replace(after(listpack.as_ref(), pos), value),
        None => insert(listpack, field, value, None),
    }
    old.is_none()
}

/// Gives the field at `pos` another deadline, and its place accordingly.
pub(super) fn set_deadline(listpack: &mut Listpack, field: &[u8], pos: Pos, at: Option<i64>) {
    let value = listpack.as_ref().at(after(listpack.as_ref(), pos)).to_vec();
    listpack.delete_from(pos, PER_FIELD);
    insert(listpack, field, &value, at);
}

/// The earliest deadline.
pub(super) fn first_deadline(listpack: ListpackRef<'_>) -> Option<i64> {
    listpack.get(2).and_then(deadline)
}

/// Removes fields whose deadline is not after `now`, at most `budget`, and returns them.
pub(super) fn expire_due(listpack: &mut Listpack, now: i64, budget: usize) -> Vec<Vec<u8>> {
    let mut elements = listpack.iter();
    let mut due = Vec::new();
    while let (Some(field), Some(at)) = (elements.next(), elements.nth(1)) {
        if due.len() == budget || deadline(at).is_none_or(|at| at > now) {
            break;
        }
        due.push(field.to_vec());
    }
    listpack.delete_range(0, due.len() * PER_FIELD);
    due
}

fn insert(listpack: &mut Listpack, field: &[u8], value: &[u8], at: Option<i64>) {
    let place = at.map_or(listpack.as_ref().end(), |at| place_of(listpack.as_ref(), at));
    // Each is put before the one that was put before.
    listpack.insert_before(place, at.unwrap_or(NO_DEADLINE));
    listpack.insert_before(place, Encoded::from(value));
    listpack.insert_before(place, Encoded::from(field));
}

/// The first field whose deadline is not before `at`, or the end.
fn place_of(listpack: ListpackRef<'_>, at: i64) -> Pos {
    let mut pos = listpack.first();
    while let Some(field) = pos {
        let last = after(listpack, after(listpack, field));
        if deadline(listpack.at(last)).is_none_or(|other| other >= at) {
            return field;
        }
        pos = listpack.next(last);
    }
    listpack.end()
}
