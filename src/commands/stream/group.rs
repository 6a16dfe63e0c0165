//! XGROUP: making, moving and removing groups and their consumers.

use crate::base::reaper;
use crate::command::row::*;
use crate::command::{Error, error};
use crate::keyspace::{RefMut, View};
use crate::types::stream::id::parse;
use crate::types::stream::{Group, Stream};

use super::super::revise::{Revision, revise};
use super::super::{Call, Command, DONE, Outcome, help};
use super::{FEW, GROUP, group_changed, parse_id, row};

const INSERTS: &[KeySpec] = &[KeySpec::at(2, &[RW, INSERT])];
const UPDATES: &[KeySpec] = &[KeySpec::at(2, &[RW, UPDATE])];
const DELETES: &[KeySpec] = &[KeySpec::at(2, &[RW, DELETE])];

pub(super) const XGROUP: Command = Command::container(
    Spec::new("xgroup", -2).doc(GROUP, "5.0.0", "Depends on subcommand.", "Manages consumer groups."),
    &[
        Command::new(
            row("xgroup|create", -5, &[WRITE, DENYOOM], INSERTS)
                .doc(GROUP, "5.0.0", "O(1)", "Makes a consumer group.")
                .syntax(
                    "key group id-selector:<id|new-id=$> [MKSTREAM] \
                     [ENTRIESREAD entriesread:integer/entries-read]",
                ),
            create,
        ),
        Command::new(
            row("xgroup|setid", -5, &[WRITE], UPDATES)
                .doc(GROUP, "5.0.0", "O(1)", "Sets the last ID that a consumer group was given.")
                .syntax("key group id-selector:<id|new-id=$> [ENTRIESREAD entriesread:integer/entries-read]"),
            set_id,
        ),
        Command::new(
            row("xgroup|destroy", 4, &[WRITE], DELETES)
                .doc(
                    GROUP,
                    "5.0.0",
                    "O(1); what was pending in the group is freed in the background",
                    "Removes a consumer group.",
                )
                .syntax("key group"),
            destroy,
        ),
        Command::new(
            row("xgroup|createconsumer", 5, &[WRITE, DENYOOM], INSERTS)
                .doc(GROUP, "6.2.0", "O(1)", "Makes a consumer in a consumer group.")
                .syntax("key group consumer"),
            create_consumer,
        ),
        Command::new(
            row("xgroup|delconsumer", 5, &[WRITE], DELETES)
                .doc(
                    GROUP,
                    "5.0.0",
                    "O(N) where N is the number of entries pending for the consumer",
                    "Removes a consumer from a consumer group.",
                )
                .syntax("key group consumer"),
            delete_consumer,
        ),
        Command::new(help::row("xgroup|help", GROUP, "5.0.0").categories(&[Categories::STREAM]), answer_help),
    ],
);

fn answer_help(call: &mut Call<'_>) -> Outcome {
    help::answer(
        call,
        &[
            (
                "CREATE <key> <groupname> <id|$> [option]",
                "Create a new consumer group. Options are:\n\
             * MKSTREAM\n  Create the empty stream if it does not exist.\n\
             * ENTRIESREAD entries_read\n  Set the group's entries_read counter (internal use).",
            ),
            ("CREATECONSUMER <key> <groupname> <consumer>", "Create a new consumer in the specified group."),
            ("DELCONSUMER <key> <groupname> <consumer>", "Remove the specified consumer."),
            ("DESTROY <key> <groupname>", "Remove the specified group."),
            (
                "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
                "Set the current group ID and entries_read counter.",
            ),
        ],
    )
}

/// What CREATE and SETID take behind the ID.
#[derive(Default)]
struct Options {
    make_stream: bool,
    /// None if the client doesn't know.
    entries_read: Option<i64>,
}

impl Options {
    fn parse(call: &Call<'_>, creates: bool) -> Result<Options, Error> {
        let mut options = Options::default();
        let mut args = call.args_from(5);
        while !args.is_empty() {
            if creates && args.word("MKSTREAM") {
                options.make_stream = true;
            } else if args.len() > 1 && args.word("ENTRIESREAD") {
                options.entries_read = match args.int()? {
                    -1 => None,
                    count @ 0.. => Some(count),
                    _ => return Err(error::ENTRIESREAD_NEGATIVE),
                };
            } else {
                return Err(error::subcommand_syntax(call.args));
            }
        }
        Ok(options)
    }
}

fn existing<'v>(keys: &'v mut View<'_>, key: &[u8]) -> Result<RefMut<'v, Stream>, Error> {
    keys.write::<Stream>(key)?.ok_or(error::XGROUP_NO_KEY)
}

/// Opens a stream that must have a group.
fn existing_group<'v>(keys: &'v mut View<'_>, key: &[u8], group: &[u8]) -> Result<RefMut<'v, Stream>, Error> {
    let stream = existing(keys, key)?;
    if stream.group(group).is_none() {
        return Err(error::no_group(key, group));
    }
    Ok(stream)
}

fn create(call: &mut Call<'_>) -> Outcome {
    let options = Options::parse(call, true)?;
    let (key, name, id) = (call.args[2], call.args[3], call.args[4]);
    let mut stream = match options.make_stream {
        true => call.keys.write_or_new::<Stream>(key)?,
        false => existing(&mut call.keys, key)?,
    };
    if call.args.len() > 8 {
        return Err(error::subcommand_syntax(call.args));
    }
    let last_id = if id == b"$" { stream.log().last_id() } else { parse_id(id)? };
    if !stream.add_group(name, Group::new(last_id, options.entries_read)) {
        return Err(error::BUSYGROUP);
    }
    let fresh = stream.is_fresh();
    drop(stream);
    if fresh {
        call.keys.touch(key);
    }
    group_changed(call, key, "xgroup-create");
    call.reply.ok();
    DONE
}

fn set_id(call: &mut Call<'_>) -> Outcome {
    let options = Options::parse(call, false)?;
    let (key, name, id) = (call.args[2], call.args[3], call.args[4]);
    let mut stream = existing_group(&mut call.keys, key, name)?;
    if call.args.len() > 7 {
        return Err(error::subcommand_syntax(call.args));
    }
    let last_id =
        if id == b"$" { stream.log().last_id() } else { parse(id, 0).ok_or(error::INVALID_STREAM_ID)? };
    if let Some((_, group)) = stream.group_mut(name) {
        group.set_id(last_id, options.entries_read);
    }
    drop(stream);
    group_changed(call, key, "xgroup-setid");
    call.reply.ok();
    DONE
}

fn destroy(call: &mut Call<'_>) -> Outcome {
    let (key, name) = (call.args[2], call.args[3]);
    let group = existing(&mut call.keys, key)?.remove_group(name);
    call.reply.int(group.is_some().into());
    if let Some(group) = group {
        if group.is_large() {
            reaper::bury(1, 0, group);
        }
        group_changed(call, key, "xgroup-destroy");
        // Whoever is blocked on the group learns that it is gone.
        call.keys.wake(key);
    }
    DONE
}

fn create_consumer(call: &mut Call<'_>) -> Outcome {
    let (key, name, consumer) = (call.args[2], call.args[3], call.args[4]);
    let now = call.keys.wall();
    let mut stream = existing_group(&mut call.keys, key, name)?;
    let created = stream.group_mut(name).is_some_and(|(_, group)| group.create_consumer(consumer, now));
    drop(stream);
    super::consumer_created(call, key, created);
    call.reply.int(created.into());
    DONE
}

fn delete_consumer(call: &mut Call<'_>) -> Outcome {
    let (key, name, consumer) = (call.args[2], call.args[3], call.args[4]);
    drop(existing_group(&mut call.keys, key, name)?);
    revise(call, DeleteConsumer { group: name.into(), consumer: consumer.into() })
}

/// XGROUP DELCONSUMER.
struct DeleteConsumer {
    group: Box<[u8]>,
    consumer: Box<[u8]>,
}

impl Revision for DeleteConsumer {
    type Content = Stream;
    /// How many entries were pending for it, if there was such a consumer; none if the group is gone.
    type Told = Option<Option<usize>>;

    fn key_at(&self, _: &[&[u8]]) -> usize {
        2
    }

    fn is_heavy(&self, stream: &Stream) -> bool {
        let consumer = stream.group(&self.group).and_then(|group| group.consumer(&self.consumer));
        consumer.is_some_and(|consumer| consumer.pending_count() > FEW)
    }

    fn revise(&self, stream: &mut Stream) -> Self::Told {
        Some(stream.group_mut(&self.group)?.1.delete_consumer(&self.consumer))
    }

    fn tell(self, call: &mut Call<'_>, told: Option<Self::Told>) -> Outcome {
        let key = call.args[2];
        let pending = told.ok_or(error::XGROUP_NO_KEY)?.ok_or_else(|| error::no_group(key, &self.group))?;
        if pending.is_some() {
            group_changed(call, key, "xgroup-delconsumer");
        }
        call.reply.int(pending.unwrap_or(0) as i64);
        DONE
    }
}
