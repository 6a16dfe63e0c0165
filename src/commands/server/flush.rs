//! FLUSHALL and FLUSHDB.
//!
//! The databases are empty for everyone at one instant, behind the closed gate, which opens again at once: what
//! was in them is freed afterwards. With ASYNC that is the background thread's work; with SYNC the client's own
//! task does it and answers when the memory is free, while others are served (Redis 7.4 does the same on its
//! background thread). Within EXEC and scripts, where nothing is put off, SYNC frees a few keys at once, but
//! leaves many to the background thread: there everybody would wait.

use std::sync::Arc;

use super::rdb::{Moment, Source, save};
use crate::base::reaper;
use crate::command::row::*;
use crate::command::{Error, error};
use crate::keyspace::Remains;

use super::super::{Call, Command, DONE, Next, Outcome};

/// Freeing this many keys takes well below a millisecond.
const FEW: usize = 1000;

/// The rows.
pub const COMMANDS: &[Command] = &[
    Command::new(
        row("flushall", "Deletes the keys of all databases.").syntax("[flush-type:<ASYNC@4.0.0|SYNC@6.2.0>]"),
        flushall,
    ),
    Command::new(
        row("flushdb", "Deletes the keys of the selected database.")
            .syntax("[flush-type:<ASYNC@4.0.0|SYNC@6.2.0>]"),
        flushdb,
    ),
];

const fn row(name: &'static str, summary: &'static str) -> Spec {
    Spec::new(name, -1)
        .flags(&[WRITE, EXCLUSIVE])
        .categories(&[Categories::KEYSPACE, Categories::DANGEROUS])
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .doc("server", "1.0.0", "O(N) where N is the number of keys, outside of the way of others.", summary)
}

/// What a save under way would write is gone, and the file must not bring it back: with save points the empty data set
/// is saved at once, which others wait for only within EXEC and scripts.
fn flushall(call: &mut Call<'_>) -> Outcome {
    let flushed = flush(call, 0..call.server.keyspace.databases())?;
    call.server.saves.cancel();
    if call.settings().snapshots.save.is_empty() {
        return Ok(flushed);
    }
    let (server, moment) = (Arc::clone(call.server), Moment::of(call));
    // Redis doesn't tell either if that fails; the log does.
    let save = move || drop(save(&server, Source::Nothing, moment));
    if call.nested {
        save();
        return Ok(flushed);
    }
    Ok(Next::Later(Box::new(move |reply| {
        save();
        if let Next::Later(work) = flushed {
            work(reply);
        }
    })))
}

fn flushdb(call: &mut Call<'_>) -> Outcome {
    let db = call.keys.db();
    flush(call, db..db + 1)
}

fn flush(call: &mut Call<'_>, databases: std::ops::Range<usize>) -> Outcome {
    let in_background = in_background(call)?;
    let selected = call.keys.db();
    let mut remains = Vec::new();
    for db in databases {
        call.keys.select(db);
        remains.extend(call.keys.clear());
    }
    call.keys.select(selected);
    call.keys.forget_readers();
    let keys = remains.iter().map(Remains::len).sum::<usize>();
    call.keys.effects.dirty += keys as u64;
    // Even if nothing was there: a reader of the journal may be behind.
    call.keys.propagate_instead(call.args);
    if in_background || call.nested {
        if keys > FEW || in_background && keys > 0 {
            reaper::bury(keys, 0, remains);
        } else {
            call.keys.effects.garbage.extend(remains.into_iter().flat_map(Remains::into_values));
        }
        call.reply.ok();
        return DONE;
    }
    Ok(Next::Later(Box::new(move |reply| {
        reaper::free_here(keys, remains);
        reply.ok();
    })))
}

/// Whether the client needn't wait until the memory is free.
fn in_background(call: &Call<'_>) -> Result<bool, Error> {
    match call.args {
        [_] => Ok(call.settings().memory.lazyfree_user_flush),
        [_, mode] if mode.eq_ignore_ascii_case(b"sync") => Ok(false),
        [_, mode] if mode.eq_ignore_ascii_case(b"async") => Ok(true),
        _ => Err(error::SYNTAX),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Rig;

    #[test]
    fn empties_one_database_or_all() {
        let mut rig = Rig::new();
        rig.set("notify-keyspace-events", "KEA");
        rig.check(&[("MSET a 1 b 2", "+OK"), ("EXPIRE a 9", ":1"), ("COPY a a DB 5", ":1")]);
        rig.events();
        rig.dirty();
        rig.check(&[("FLUSHDB", "+OK"), ("DBSIZE", ":0")]);
        assert_eq!((rig.dirty(), rig.server.keyspace.len(5)), (2, 1));
        rig.check(&[("SET a 1", "+OK"), ("FLUSHALL ASYNC", "+OK")]);
        assert_eq!((rig.dirty(), rig.server.keyspace.len(5), rig.server.keyspace.volatile(5)), (3, 0, 0));
        rig.check(&[("FLUSHALL sync", "+OK"), ("FLUSHDB FOO", "-ERR syntax error")]);
        assert_eq!(rig.run("FLUSHALL SYNC ASYNC"), "-ERR syntax error");
        assert_eq!((rig.events(), rig.dirty()), (vec!["0 set a".to_owned()], 0));
    }

    #[test]
    fn others_may_go_on_while_the_memory_is_freed() {
        let mut rig = Rig::new();
        rig.run("SET a 1");
        let reply = rig.call_meanwhile(&[b"FLUSHALL"], &mut |rig| {
            rig.check(&[("GET a", "$-1"), ("SET a 2", "+OK"), ("FLUSHDB ASYNC", "+OK"), ("SET a 3", "+OK")]);
        });
        assert_eq!(reply, b"+OK\r\n");
        assert_eq!(rig.run("GET a"), "$1 3");
        rig.nested = true;
        rig.effects.garbage.clear();
        rig.check(&[("FLUSHALL SYNC", "+OK"), ("GET a", "$-1")]);
        assert_eq!(rig.effects.garbage.len(), 1);
    }
}
