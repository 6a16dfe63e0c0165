//! XDEL and XSETID.

use crate::command::row::*;
use crate::command::{Error, error};
use crate::config::EventClasses;
use crate::types::stream::{SetIdError, Stream, StreamId};

use super::super::revise::{MANY, Revision, revise};
use super::super::{Call, Command, DONE, Outcome};
use super::append::removed;
use super::{GROUP, parse_id, parse_ids, row};

pub(super) const XDEL: Command = Command::new(
    row("xdel", -3, &[WRITE, FAST], &[KeySpec::at(1, &[RW, DELETE])])
        .doc(GROUP, "5.0.0", "O(1) for each entry", "Deletes entries of a stream by their IDs.")
        .syntax("key id*"),
    xdel,
);

pub(super) const XSETID: Command = Command::new(
    row("xsetid", -3, &[WRITE, DENYOOM, FAST], &[KeySpec::at(1, &[RW, UPDATE])])
        .doc(GROUP, "5.0.0", "O(1)", "Sets the last ID of a stream, as replication does.")
        .syntax(
            "key last-id [ENTRIESADDED entries-added:integer@7.0.0] \
             [MAXDELETEDID max-deleted-id@7.0.0]",
        ),
    xsetid,
);

fn xdel(call: &mut Call<'_>) -> Outcome {
    let key = call.args[1];
    if call.args.len() > MANY {
        // As below, IDs are looked at only if there is a stream.
        if call.keys.write::<Stream>(key)?.is_some() {
            let ids = parse_ids(&call.args[2..])?;
            return revise(call, DeleteMany { ids });
        }
    }
    let deleted = match call.keys.write::<Stream>(key)? {
        Some(mut stream) => stream.log_mut().delete(&parse_ids(&call.args[2..])?),
        None => 0,
    };
    removed(call, key, deleted, "xdel");
    DONE
}

/// XDEL of many entries.
struct DeleteMany {
    ids: Vec<StreamId>,
}

impl Revision for DeleteMany {
    type Content = Stream;
    /// How many there were.
    type Told = u64;

    fn revise(&self, stream: &mut Stream) -> u64 {
        stream.log_mut().delete(&self.ids)
    }

    fn tell(self, call: &mut Call<'_>, told: Option<u64>) -> Outcome {
        removed(call, call.args[1], told.unwrap_or_default(), "xdel");
        DONE
    }
}

/// What XSETID sets besides the last ID.
fn xsetid_options(call: &Call<'_>, last_id: StreamId) -> Result<(Option<u64>, Option<StreamId>), Error> {
    let (mut added, mut max_deleted) = (None, None);
    let mut args = call.args_from(3);
    while !args.is_empty() {
        if args.len() > 1 && args.word("ENTRIESADDED") {
            added = Some(u64::try_from(args.int()?).map_err(|_| error::XSETID_ADDED_NEGATIVE)?);
        } else if args.len() > 1 && args.word("MAXDELETEDID") {
            let id = parse_id(args.want()?)?;
            if last_id < id {
                return Err(error::XSETID_BELOW_GIVEN_DELETED);
            }
            max_deleted = Some(id);
        } else {
            return Err(error::SYNTAX);
        }
    }
    Ok((added, max_deleted))
}

fn xsetid(call: &mut Call<'_>) -> Outcome {
    let key = call.args[1];
    let last_id = parse_id(call.args[2])?;
    let (added, max_deleted) = xsetid_options(call, last_id)?;
    let mut stream = call.keys.write::<Stream>(key)?.ok_or(error::NO_SUCH_KEY)?;
    stream.log_mut().set_id(last_id, added, max_deleted).map_err(|refused| match refused {
        SetIdError::BelowMaxDeleted => error::XSETID_BELOW_DELETED,
        SetIdError::BelowTop => error::XSETID_BELOW_TOP,
        SetIdError::AddedBelowLength => error::XSETID_ADDED_BELOW_LENGTH,
    })?;
    drop(stream);
    // Watchers of the key don't notice.
    call.keys.effects.dirty += 1;
    call.keys.event(key, EventClasses::STREAM, "xsetid");
    call.reply.ok();
    DONE
}
