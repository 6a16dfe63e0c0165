//! The CLIENT container, and those of its commands that are a line or two.

use crate::client::{ClientFlags, ReplyMode};
use crate::command::error;
use crate::command::row::*;

use super::super::{Call, Command, DONE, Outcome, help};
use super::{GROUP, kill, list, names, pause, row, tracking};

pub(super) const CLIENT: Command = Command::container(
    Spec::new("client", -2).doc(
        GROUP,
        "2.4.0",
        "Depends on subcommand.",
        "A container for client connection commands.",
    ),
    &[
        Command::new(
            sub("client|caching", 3)
                .doc(GROUP, "6.0.0", "O(1)", "Says whether the next command's keys are tracked.")
                .syntax("mode:<YES|NO>"),
            tracking::caching,
        ),
        Command::new(
            sub("client|getredir", 2).doc(
                GROUP,
                "6.0.0",
                "O(1)",
                "Returns the number of the client that takes this connection's invalidations.",
            ),
            tracking::getredir,
        ),
        Command::new(
            sub("client|getname", 2).doc(GROUP, "2.6.9", "O(1)", "Returns the name of the connection."),
            names::getname,
        ),
        Command::new(help::row("client|help", GROUP, "5.0.0").categories(&[Categories::CONNECTION]), help),
        Command::new(
            sub("client|id", 2).doc(GROUP, "5.0.0", "O(1)", "Returns the number of the connection."),
            id,
        ),
        Command::new(
            sub("client|info", 2).tips(&["nondeterministic_output"]).doc(
                GROUP,
                "6.2.0",
                "O(1)",
                "Describes the connection.",
            ),
            list::info,
        ),
        Command::new(
            admin("client|kill", -3)
                .doc(
                    GROUP,
                    "2.4.0",
                    "O(N) where N is the number of client connections",
                    "Closes connections.",
                )
                .syntax(
                    "filter:<old-format/ip:port@!2.8.12|new-format:<[ID client-id:integer@2.8.12]|\
                     [TYPE client-type:<NORMAL|MASTER@3.2.0|SLAVE|REPLICA@5.0.0|PUBSUB>@2.8.12]|\
                     [USER username]|[ADDR addr/ip:port]|[LADDR laddr/ip:port@6.2.0]|\
                     [SKIPME skipme:<YES|NO>]|[MAXAGE maxage:integer@7.4.0]>*>",
                ),
            kill::kill,
        ),
        Command::new(
            admin("client|list", -2)
                .tips(&["nondeterministic_output"])
                .doc(
                    GROUP,
                    "2.4.0",
                    "O(N) where N is the number of client connections",
                    "Describes the connections.",
                )
                .syntax(
                    "[TYPE client-type:<NORMAL|MASTER|REPLICA|PUBSUB>@5.0.0] [ID client-id:integer*@6.2.0]",
                ),
            list::list,
        ),
        Command::new(
            admin("client|no-evict", 3)
                .doc(
                    GROUP,
                    "7.0.0",
                    "O(1)",
                    "Says whether the connection may be closed when clients use too much memory.",
                )
                .syntax("enabled:<ON|OFF>"),
            no_evict,
        ),
        Command::new(
            sub("client|no-touch", 3)
                .doc(
                    GROUP,
                    "7.2.0",
                    "O(1)",
                    "Says whether the connection's commands leave the access times of keys alone.",
                )
                .syntax("enabled:<ON|OFF>"),
            no_touch,
        ),
        Command::new(
            row("client|pause", -3, &[ADMIN, LOADING, NOSCRIPT, STALE, EXCLUSIVE, KEEPS_CACHING])
                .doc(GROUP, "3.0.0", "O(1)", "Holds commands back for some time.")
                .syntax("timeout:integer [mode:<WRITE|ALL>@6.2.0]"),
            pause::pause,
        ),
        Command::new(
            sub("client|reply", 3)
                .doc(GROUP, "3.2.0", "O(1)", "Says whether commands are answered.")
                .syntax("action:<ON|OFF|SKIP>"),
            reply,
        ),
        Command::new(
            sub("client|setinfo", 4)
                .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
                .doc(GROUP, "7.2.0", "O(1)", "Tells name or version of the client's library.")
                .syntax("attr:<LIB-NAME libname|LIB-VER libver>"),
            names::setinfo,
        ),
        Command::new(
            sub("client|setname", 3)
                .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
                .doc(GROUP, "2.6.9", "O(1)", "Names the connection.")
                .syntax("connection-name"),
            names::setname,
        ),
        Command::new(
            sub("client|tracking", -3)
                .doc(
                    GROUP,
                    "6.0.0",
                    "O(1). Some options may introduce additional complexity.",
                    "Says whether the connection is told when keys that it has read change.",
                )
                .syntax(
                    "status:<ON|OFF> [REDIRECT client-id:integer] [PREFIX prefix**] \
                     [BCAST] [OPTIN] [OPTOUT] [NOLOOP]",
                ),
            tracking::tracking,
        ),
        Command::new(
            sub("client|trackinginfo", 2).doc(
                GROUP,
                "6.2.0",
                "O(1)",
                "Returns what the connection has said about client-side caching.",
            ),
            tracking::trackinginfo,
        ),
        Command::new(
            admin("client|unblock", -3)
                .doc(
                    GROUP,
                    "5.0.0",
                    "O(log N) where N is the number of client connections",
                    "Ends the waiting of a client that is blocked on keys.",
                )
                .syntax("client-id:integer [unblock-type:<TIMEOUT|ERROR>]"),
            pause::unblock,
        ),
        Command::new(
            admin("client|unpause", 2).doc(
                GROUP,
                "6.2.0",
                "O(N) Where N is the number of paused clients",
                "Ends what CLIENT PAUSE began.",
            ),
            pause::unpause,
        ),
    ],
);

/// A subcommand for everybody.
const fn sub(name: &'static str, arity: i32) -> Spec {
    row(name, arity, &[LOADING, NOSCRIPT, STALE, KEEPS_CACHING])
}

/// A subcommand that concerns other clients.
const fn admin(name: &'static str, arity: i32) -> Spec {
    row(name, arity, &[ADMIN, LOADING, NOSCRIPT, STALE, KEEPS_CACHING])
}

fn id(call: &mut Call<'_>) -> Outcome {
    call.reply.int(call.session.client.id as i64);
    DONE
}

fn reply(call: &mut Call<'_>) -> Outcome {
    let word = call.args[2];
    let session = &mut *call.session;
    if word.eq_ignore_ascii_case(b"on") {
        session.reply_mode = ReplyMode::On;
        call.reply.ok();
    } else if word.eq_ignore_ascii_case(b"off") {
        session.reply_mode = ReplyMode::Off;
    } else if word.eq_ignore_ascii_case(b"skip") {
        if session.reply_mode != ReplyMode::Off {
            session.reply_mode = ReplyMode::SkipNext;
        }
    } else {
        return Err(error::SYNTAX);
    }
    DONE
}

fn no_evict(call: &mut Call<'_>) -> Outcome {
    let on = on_or_off(call)?;
    call.session.client.set_flags(ClientFlags::NO_EVICT, on);
    call.server.evict_clients();
    call.reply.ok();
    DONE
}

fn no_touch(call: &mut Call<'_>) -> Outcome {
    let on = on_or_off(call)?;
    call.session.client.set_flags(ClientFlags::NO_TOUCH, on);
    call.session.no_touch = on;
    call.reply.ok();
    DONE
}

fn on_or_off(call: &Call<'_>) -> Result<bool, error::Error> {
    match call.args[2].to_ascii_lowercase().as_slice() {
        b"on" => Ok(true),
        b"off" => Ok(false),
        _ => Err(error::SYNTAX),
    }
}

fn help(call: &mut Call<'_>) -> Outcome {
    help::answer(
        call,
        &[
            (
                "CACHING (YES|NO)",
                "Whether the keys of the next command are tracked, in OPTIN and OPTOUT mode.",
            ),
            ("GETREDIR", "The number of the client that takes the invalidations of this one."),
            ("GETNAME", "The name of this connection."),
            ("ID", "The number of this connection."),
            ("INFO", "This connection in one line."),
            ("KILL <ip:port>", "Close the connection from this address."),
            (
                "KILL <option> <value> [<option> <value> [...]]",
                "Close all connections to which every option applies:\n* ADDR (<ip:port>|<unixsocket>:0)\n  It comes from this address.\n* LADDR (<ip:port>|<unixsocket>:0)\n  It goes to this address of ours.\n* TYPE (NORMAL|MASTER|REPLICA|PUBSUB)\n  It is of this type.\n* USER <username>\n  It belongs to this user.\n* SKIPME (YES|NO)\n  Whether this connection stays open (default: yes).\n* ID <client-id>\n  It has this number.\n* MAXAGE <maxage>\n  It has been open for at least so many seconds.",
            ),
            (
                "LIST [options ...]",
                "All connections, a line each. Options:\n* TYPE (NORMAL|MASTER|REPLICA|PUBSUB)\n  Only those of this type.\n* ID <client-id> [<client-id> ...]\n  Only those with these numbers.",
            ),
            ("UNPAUSE", "Let clients go on that PAUSE holds back."),
            (
                "PAUSE <timeout> [WRITE|ALL]",
                "Hold back all commands, or just writes, for <timeout> milliseconds.",
            ),
            ("REPLY (ON|OFF|SKIP)", "Whether this connection's commands are answered."),
            ("SETNAME <name>", "Name this connection."),
            (
                "SETINFO <option> <value>",
                "Tell what library the client uses. Options are:\n* LIB-NAME: its name.\n* LIB-VER: its version.",
            ),
            ("UNBLOCK <clientid> [TIMEOUT|ERROR]", "End the waiting of a blocked client."),
            (
                "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]\n         [OPTIN] [OPTOUT] [NOLOOP]",
                "Client-side caching: whether to tell when keys change that this connection has read.",
            ),
            ("TRACKINGINFO", "What this connection has said about client-side caching."),
            ("NO-EVICT (ON|OFF)", "Whether this connection stays when clients use too much memory."),
            ("NO-TOUCH (ON|OFF)", "Whether this connection's commands leave the access times of keys alone."),
        ],
    )
}
