//! Changing lists in place: LSET, LINSERT, LREM, LTRIM.

use crate::command::row::*;
use crate::command::{args, error};
use crate::config::EventClasses;
use crate::types::list::{End, List, ListLimits, Side};

use super::super::revise::{Revision, revise};
use super::super::{Call, Command, DONE, Outcome};
use super::{GROUP, limits, removed, row};

pub(super) const LSET: Command = Command::new(
    row("lset", 4, &[WRITE, DENYOOM], &[KeySpec::at(1, &[RW, UPDATE])])
        .doc(
            GROUP,
            "1.0.0",
            "O(log(N)) where N is the number of elements of the list",
            "Replaces the element at an index of a list.",
        )
        .syntax("key index:integer element"),
    lset,
);

pub(super) const LINSERT: Command = Command::new(
    row("linsert", 5, &[WRITE, DENYOOM], &[KeySpec::at(1, &[RW, INSERT])])
        .doc(
            GROUP,
            "2.2.0",
            "O(N) where N is the number of elements in front of the pivot",
            "Adds an element before or after another one of a list.",
        )
        .syntax("key where:<BEFORE|AFTER> pivot element"),
    linsert,
);

pub(super) const LREM: Command = Command::new(
    row("lrem", 4, &[WRITE], &[KeySpec::at(1, &[RW, DELETE])])
        .doc(
            GROUP,
            "1.0.0",
            "O(N) where N is the number of elements of the list",
            "Removes elements of a list that are equal to one.",
        )
        .syntax("key count:integer element"),
    lrem,
);

pub(super) const LTRIM: Command = Command::new(
    row("ltrim", 4, &[WRITE], &[KeySpec::at(1, &[RW, DELETE])])
        .doc(
            GROUP,
            "1.0.0",
            "O(log(N)) where N is the number of elements of the list",
            "Removes all elements of a list but those between two indexes.",
        )
        .syntax("key start:integer stop:integer"),
    ltrim,
);

fn lset(call: &mut Call<'_>) -> Outcome {
    let &[_, key, index, element] = call.args else { return Err(error::SYNTAX) };
    let limits = limits(call);
    // Redis cuts the index to 32 bits here: 2^32 would be 0. That replaces an element nobody meant.
    let set = call.keys.update(key, (EventClasses::LIST, "lset"), |list: &mut List| {
        let set = args::int(index).map(|index| list.set(index, element, &limits));
        let count = usize::from(set == Ok(true));
        (set, count)
    })?;
    if !set.ok_or(error::NO_SUCH_KEY)?? {
        return Err(error::INDEX_OUT_OF_RANGE);
    }
    call.reply.ok();
    DONE
}

fn linsert(call: &mut Call<'_>) -> Outcome {
    let &[_, _, side, pivot, element] = call.args else { return Err(error::SYNTAX) };
    let side = if side.eq_ignore_ascii_case(b"AFTER") {
        Side::After
    } else if side.eq_ignore_ascii_case(b"BEFORE") {
        Side::Before
    } else {
        return Err(error::SYNTAX);
    };
    revise(call, Insert { side, pivot: pivot.into(), element: element.into(), limits: limits(call) })
}

/// How many elements are compared while the list is locked.
const AT_ONCE_MAX: usize = 4096;

/// LINSERT.
struct Insert {
    side: Side,
    pivot: Box<[u8]>,
    element: Box<[u8]>,
    limits: ListLimits,
}

impl Revision for Insert {
    type Content = List;
    /// The new length, if there is a pivot.
    type Told = Option<usize>;

    fn is_heavy(&self, list: &List) -> bool {
        list.len() > AT_ONCE_MAX && list.positions(&self.pivot, End::Head, AT_ONCE_MAX).next().is_none()
    }

    fn revise(&self, list: &mut List) -> Option<usize> {
        list.insert(self.side, &self.pivot, &self.element, &self.limits).then(|| list.len())
    }

    fn tell(self, call: &mut Call<'_>, told: Option<Option<usize>>) -> Outcome {
        if let Some(Some(_)) = told {
            call.keys.changed(call.args[1], EventClasses::LIST, "linsert");
        }
        call.reply.int(told.map_or(0, |len| len.map_or(-1, |len| len as i64)));
        DONE
    }
}

fn lrem(call: &mut Call<'_>) -> Outcome {
    let count = args::int_in(call.args[2], -i64::MAX, i64::MAX)?;
    revise(call, Remove { element: call.args[3].into(), count, limits: limits(call) })
}

/// LREM.
struct Remove {
    element: Box<[u8]>,
    count: i64,
    limits: ListLimits,
}

impl Revision for Remove {
    type Content = List;
    /// How many elements go, and whether none is left.
    type Told = (usize, bool);

    fn is_heavy(&self, list: &List) -> bool {
        let from = if self.count < 0 { End::Tail } else { End::Head };
        let near = || list.positions(&self.element, from, AT_ONCE_MAX).count() as u64;
        list.len() > AT_ONCE_MAX && (self.count == 0 || near() < self.count.unsigned_abs())
    }

    fn revise(&self, list: &mut List) -> (usize, bool) {
        let gone = list.remove(&self.element, self.count, &self.limits);
        (gone, list.is_empty())
    }

    fn tell(self, call: &mut Call<'_>, told: Option<(usize, bool)>) -> Outcome {
        let (gone, emptied) = told.unwrap_or_default();
        if gone > 0 {
            removed(call, call.args[1], "lrem", gone, emptied);
        }
        call.reply.int(gone as i64);
        DONE
    }
}

fn ltrim(call: &mut Call<'_>) -> Outcome {
    let (key, limits) = (call.args[1], limits(call));
    let (start, stop) = (args::int(call.args[2])?, args::int(call.args[3])?);
    call.reply.ok();
    let Some(mut list) = call.keys.write::<List>(key)? else { return DONE };
    let gone = list.trim(start, stop, &limits);
    let emptied = list.is_empty();
    drop(list);
    // As in Redis it is told even when nothing lay outside of the range.
    removed(call, key, "ltrim", gone, emptied);
    DONE
}
