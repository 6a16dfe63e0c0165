//! Transactions: MULTI, EXEC, DISCARD, WATCH, UNWATCH.

use std::sync::Arc;

use crate::base::clock::monotonic_ns;
use crate::client::{Source, Watch};
use crate::command::error;
use crate::command::row::*;
use crate::keyspace::Access;

use super::account::account;
use super::permission;
use super::server::monitor;
use super::{Call, Command, DONE, Outcome};

const GROUP: &str = "transactions";

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    Command::new(
        row("multi", 1, &[NOSCRIPT, LOADING, STALE, FAST, ALLOW_BUSY, IMMEDIATE]).doc(
            GROUP,
            "1.2.0",
            "O(1)",
            "Starts a transaction.",
        ),
        multi,
    ),
    Command::new(
        row("exec", 1, &[NOSCRIPT, LOADING, STALE, SKIP_SLOWLOG, IMMEDIATE, TRANSACTION]).doc(
            GROUP,
            "1.2.0",
            "Depends on commands in the transaction",
            "Executes all commands of a transaction.",
        ),
        exec,
    ),
    Command::new(
        row("discard", 1, &[NOSCRIPT, LOADING, STALE, FAST, ALLOW_BUSY, IMMEDIATE]).doc(
            GROUP,
            "2.0.0",
            "O(N) where N is the number of queued commands",
            "Gives a transaction up.",
        ),
        discard,
    ),
    Command::new(
        row("watch", -2, &[NOSCRIPT, LOADING, STALE, FAST, ALLOW_BUSY, IMMEDIATE])
            .keys(&[KeySpec::range(1, -1, 1, &[RO])])
            .doc(
                GROUP,
                "2.2.0",
                "O(1) for every key",
                "Makes a transaction depend on keys staying as they are.",
            )
            .syntax("key*"),
        watch,
    ),
    Command::new(
        row("unwatch", 1, &[NOSCRIPT, LOADING, STALE, FAST, ALLOW_BUSY]).doc(
            GROUP,
            "2.2.0",
            "O(1)",
            "Forgets all watched keys.",
        ),
        unwatch,
    ),
];

const fn row(name: &'static str, arity: i32, flags: &[Flags]) -> Spec {
    Spec::new(name, arity).flags(flags).categories(&[Categories::TRANSACTION])
}

fn multi(call: &mut Call<'_>) -> Outcome {
    if call.session.transaction.is_some() {
        return Err(error::NESTED_MULTI);
    }
    call.session.begin_transaction();
    call.reply.ok();
    DONE
}

fn discard(call: &mut Call<'_>) -> Outcome {
    call.session.end_transaction().ok_or(error::DISCARD_WITHOUT_MULTI)?;
    call.server.unwatch(call.session);
    call.reply.ok();
    DONE
}

fn watch(call: &mut Call<'_>) -> Outcome {
    if call.session.transaction.is_some() {
        return Err(error::WATCH_IN_MULTI);
    }
    let db = call.keys.db();
    for &key in &call.args[1..] {
        let watched = &mut call.session.watch;
        if watched.keys.iter().any(|(other_db, other)| *other_db == db && **other == *key) {
            continue;
        }
        // A key that has expired already is deleted first, so that its deletion is no change.
        call.keys.exists(key, Access::Silent);
        call.keys.watch(key, &watched.flag);
        watched.keys.push((db, key.into()));
    }
    let watch = &call.session.watch;
    *call.session.client.watching.lock() = Some((Arc::clone(&watch.flag), watch.keys.len()));
    call.reply.ok();
    DONE
}

fn unwatch(call: &mut Call<'_>) -> Outcome {
    call.server.unwatch(call.session);
    call.reply.ok();
    DONE
}

fn exec(call: &mut Call<'_>) -> Outcome {
    let transaction = call.session.end_transaction().ok_or(error::EXEC_WITHOUT_MULTI)?;
    let changed = end_watch(call);
    if transaction.refused {
        return Err(error::EXECABORT);
    }
    if changed {
        call.reply.null_array();
        return DONE;
    }
    call.session.frozen_us = None;
    call.reply.array(transaction.queued.len());
    let server = call.server;
    for (id, request) in &transaction.queued {
        let (begun, listed, args) = (monotonic_ns(), &server.catalog.all()[*id], request.args());
        call.session.follow_user(&server.acl);
        if let Err(denied) = permission::check(call.session.identity.user(), listed, &args) {
            let refusal = permission::refuse_queued(server, call.session, (listed, &args), denied);
            server.stats.error(refusal.code());
            call.reply.error(refusal.text());
            continue;
        }
        let (spec, by) = (&listed.command.spec, call.session.client.clone());
        monitor::before(server, spec, &args, call.session, Source::Client(&by));
        let outcome = call.run_nested(listed, &args);
        monitor::after(server, spec, &args, call.session, Source::Client(&by));
        if let Err(error) = &outcome {
            server.stats.error(error.code());
            call.reply.error(error.text());
        }
        account(server, listed, &args, call.session, monotonic_ns().saturating_sub(begun), outcome.is_err());
    }
    DONE
}

/// Takes back what is watched, under the locks of EXEC; tells whether any of it has changed or expired.
fn end_watch(call: &mut Call<'_>) -> bool {
    let Watch { flag, keys } = call.session.end_watch();
    let db = call.keys.db();
    for (watched_db, key) in &keys {
        call.keys.select(*watched_db);
        call.keys.exists(key, Access::Silent);
        call.keys.unwatch(key, &flag);
    }
    call.keys.select(db);
    flag.is_raised()
}
