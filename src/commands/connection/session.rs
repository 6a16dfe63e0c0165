//! PING, ECHO, SELECT, QUIT, RESET.

use crate::command::row::*;
use crate::command::{args, error};

use super::super::{Call, Command, DONE, Next, Outcome};
use super::{GROUP, row};
use crate::resp::Protocol;

pub(super) const PING: Command = Command::new(
    row("ping", -1, &[FAST, SUBSCRIBER, HEALTH])
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .doc(GROUP, "1.0.0", "O(1)", "Answers, which shows that the server does.")
        .syntax("[message]"),
    ping,
);

pub(super) const ECHO: Command = Command::new(
    row("echo", 2, &[FAST, LOADING, STALE])
        .doc(GROUP, "1.0.0", "O(1)", "Returns its argument.")
        .syntax("message"),
    echo,
);

pub(super) const SELECT: Command = Command::new(
    row("select", 2, &[FAST, LOADING, STALE])
        .doc(GROUP, "1.0.0", "O(1)", "Changes the selected database.")
        .syntax("index:integer"),
    select,
);

pub(super) const QUIT: Command = Command::new(
    row("quit", -1, &[FAST, NOSCRIPT, LOADING, STALE, NO_AUTH, ALLOW_BUSY, IMMEDIATE, SUBSCRIBER])
        .doc(GROUP, "1.0.0", "O(1)", "Closes the connection.")
        .deprecated("7.2.0", "just closing the connection"),
    quit,
);

pub(super) const RESET: Command = Command::new(
    row("reset", 1, &[FAST, NOSCRIPT, LOADING, STALE, NO_AUTH, ALLOW_BUSY, IMMEDIATE, SUBSCRIBER]).doc(
        GROUP,
        "6.2.0",
        "O(1)",
        "Makes the connection what it was when it began.",
    ),
    reset,
);

fn ping(call: &mut Call<'_>) -> Outcome {
    if call.args.len() > 2 {
        return Err(error::wrong_arity("ping"));
    }
    if call.session.is_subscribed() && !call.session.is_resp3() {
        call.reply.array(2);
        call.reply.bulk(b"pong");
        call.reply.bulk(call.args.get(1).copied().unwrap_or_default());
        return DONE;
    }
    match call.args.get(1) {
        Some(message) => call.reply.bulk(message),
        None => call.reply.simple("PONG"),
    }
    DONE
}

fn echo(call: &mut Call<'_>) -> Outcome {
    call.reply.bulk(call.args[1]);
    DONE
}

fn select(call: &mut Call<'_>) -> Outcome {
    let db = args::int_in(call.args[1], i32::MIN.into(), i32::MAX.into())?;
    let db = usize::try_from(db).ok().filter(|&db| db < call.server.keyspace.databases());
    call.session.select(db.ok_or(error::DB_OUT_OF_RANGE)?);
    call.reply.ok();
    DONE
}

fn quit(call: &mut Call<'_>) -> Outcome {
    call.reply.ok();
    Ok(Next::Close)
}

fn reset(call: &mut Call<'_>) -> Outcome {
    call.session.end_transaction();
    call.server.unwatch(call.session);
    call.session.end_tracking(&call.server.listeners, &call.server.keyspace);
    call.session.end_monitoring(&call.server.monitors);
    call.session.reset(&call.server.acl);
    // Messages that came before are not lost.
    call.session.drain_outbox(call.reply);
    call.speak(Protocol::Resp2);
    call.reply.simple("RESET");
    DONE
}
