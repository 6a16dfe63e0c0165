//! Moving an element from an end of a list to an end of another, or of the same: LMOVE, RPOPLPUSH.

use smallvec::SmallVec;

use crate::base::num::IntText;
use crate::command::Error;
use crate::command::row::*;
use crate::config::EventClasses;
use crate::keyspace::{Access, Type, WrongType};
use crate::types::list::{End, List};

use super::super::call::write_item;
use super::super::{Call, Command, DONE, Outcome};
use super::{GROUP, end, limits, popped, push_event, row};

/// The keys of all moves: a source and a destination.
pub(super) const KEYS: &[KeySpec] = &[KeySpec::at(1, &[RW, ACCESS, DELETE]), KeySpec::at(2, &[RW, INSERT])];

pub(super) const LMOVE: Command = Command::new(
    row("lmove", 5, &[WRITE, DENYOOM], KEYS)
        .doc(
            GROUP,
            "6.2.0",
            "O(1)",
            "Moves an element from an end of a list to an end of another and returns it.",
        )
        .syntax("source:key destination:key#1 wherefrom:<LEFT|RIGHT> whereto:<LEFT|RIGHT>"),
    |call| {
        let ends = ends(call)?;
        move_or_null(call, ends)
    },
);

pub(super) const RPOPLPUSH: Command = Command::new(
    row("rpoplpush", 3, &[WRITE, DENYOOM], KEYS)
        .doc(
            GROUP,
            "1.2.0",
            "O(1)",
            "Moves the last element of a list to the head of another and returns it.",
        )
        .syntax("source:key destination:key#1")
        .deprecated("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments"),
    |call| move_or_null(call, (End::Tail, End::Head)),
);

/// The ends that the third and the fourth argument name.
pub(super) fn ends(call: &Call<'_>) -> Result<(End, End), Error> {
    Ok((end(call.args[3])?, end(call.args[4])?))
}

fn move_or_null(call: &mut Call<'_>, ends: (End, End)) -> Outcome {
    if !move_one(call, ends)? {
        call.reply.null();
    }
    DONE
}

/// Moves an element between the lists of the first two arguments and answers it; false, and no answer, if there is
/// no source.
pub(super) fn move_one(call: &mut Call<'_>, (from, to): (End, End)) -> Result<bool, WrongType> {
    let (source, destination, limits) = (call.args[1], call.args[2], limits(call));
    if source == destination {
        let rotated = call.keys.update(source, (EventClasses::LIST, push_event(to)), |list: &mut List| {
            list.rotate(from, to, &limits, |item| write_item(call.reply, item));
            ((), 1)
        })?;
        if rotated.is_some() {
            popped(call, source, from, 0, false);
        }
        return Ok(rotated.is_some());
    }
    // What is changed below counts as one access.
    let lists = [source, destination]
        .map(|key| call.keys.find(key, Access::Silent).map(|entry| entry.type_of() == Type::List));
    match lists {
        [None, _] => return Ok(false),
        [Some(false), _] | [_, Some(false)] => return Err(WrongType),
        _ => {}
    }
    let Some(mut list) = call.keys.write::<List>(source)? else { return Ok(false) };
    let mut element = SmallVec::<[u8; 128]>::new();
    list.pop(from, &limits, |item| element.extend_from_slice(item.as_bytes(&mut IntText::new())));
    let emptied = list.is_empty();
    drop(list);
    call.keys.update_or_new(destination, (EventClasses::LIST, push_event(to)), |list: &mut List| {
        list.push(to, std::iter::once(&element[..]), &limits);
        ((), 1)
    })?;
    call.reply.bulk(&element);
    // Both together count as one change.
    popped(call, source, from, 0, emptied);
    Ok(true)
}
