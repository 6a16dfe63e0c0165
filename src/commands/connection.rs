//! Connection: PING, ECHO, SELECT, QUIT.

use crate::command::row::*;
use crate::command::{args, error};

use super::{Call, Command, DONE, Next, Outcome};

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    Command::new(
        Spec::new("ping", -1)
            .flags(&[FAST])
            .categories(&[Categories::CONNECTION])
            .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
            .doc("connection", "1.0.0", "O(1)", "Returns the server's liveliness response."),
        ping,
    ),
    Command::new(
        Spec::new("echo", 2).flags(&[FAST, LOADING, STALE]).categories(&[Categories::CONNECTION]).doc(
            "connection",
            "1.0.0",
            "O(1)",
            "Returns the given string.",
        ),
        echo,
    ),
    Command::new(
        Spec::new("select", 2).flags(&[FAST, LOADING, STALE]).categories(&[Categories::CONNECTION]).doc(
            "connection",
            "1.0.0",
            "O(1)",
            "Changes the selected database.",
        ),
        select,
    ),
    Command::new(
        Spec::new("quit", -1)
            .flags(&[FAST, NOSCRIPT, LOADING, STALE, NO_AUTH, ALLOW_BUSY])
            .categories(&[Categories::CONNECTION])
            .doc("connection", "1.0.0", "O(1)", "Closes the connection."),
        quit,
    ),
];

fn ping(call: &mut Call<'_>) -> Outcome {
    if call.args.len() > 2 {
        return Err(error::wrong_arity("ping"));
    }
    if call.session.is_subscribed() && !call.reply.is_resp3() {
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
    let db = args::int(call.args[1])?;
    let db = usize::try_from(db).ok().filter(|&db| db < call.server.keyspace.databases());
    call.session.select(db.ok_or(error::DB_OUT_OF_RANGE)?);
    call.reply.ok();
    DONE
}

fn quit(call: &mut Call<'_>) -> Outcome {
    call.reply.ok();
    Ok(Next::Close)
}
