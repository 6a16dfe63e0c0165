//! HELLO: the protocol, who the client is and how it calls itself, in one round trip.

use crate::command::row::*;
use crate::command::{args, error};
use crate::config::REDIS_VERSION;
use crate::resp::Protocol;

use super::super::{Call, Command, DONE, Outcome};
use super::auth::authenticate;
use super::names::{check_name, set_name};
use super::{GROUP, row};

pub(super) const HELLO: Command = Command::new(
    row("hello", -1, &[FAST, NOSCRIPT, LOADING, STALE, NO_AUTH, ALLOW_BUSY])
        .doc(GROUP, "6.0.0", "O(1)", "Chooses the protocol, authenticates and names the connection.")
        .syntax("[arguments:(protover:integer [AUTH auth:(username password)] [SETNAME clientname])]"),
    hello,
);

fn hello(call: &mut Call<'_>) -> Outcome {
    let mut args = call.args_from(1);
    let protocol = match args.take() {
        None => None,
        Some(version) => match args::int(version).map_err(|_| error::PROTOCOL_NOT_AN_INTEGER)? {
            2 => Some(Protocol::Resp2),
            3 => Some(Protocol::Resp3),
            _ => return Err(error::NOPROTO),
        },
    };
    let (mut credentials, mut name) = (None, None);
    while let Some(option) = args.take() {
        match args.rest() {
            [user, password, ..] if option.eq_ignore_ascii_case(b"AUTH") => {
                credentials = Some((*user, *password));
                let index = call.args.len() - args.len();
                call.redact(index);
                call.redact(index + 1);
                args.take();
                args.take();
            }
            [new, ..] if option.eq_ignore_ascii_case(b"SETNAME") => {
                check_name(new)?;
                name = args.take();
            }
            _ => return Err(error::hello_option(option)),
        }
    }
    if let Some((user, password)) = credentials {
        authenticate(call, user, password)?;
    }
    if !call.session.identity.is_authenticated() {
        return Err(error::NOAUTH_HELLO);
    }
    if let Some(name) = name {
        set_name(call, name)?;
    }
    if let Some(protocol) = protocol {
        call.speak(protocol);
    }
    greet(call);
    DONE
}

fn greet(call: &mut Call<'_>) {
    let id = call.session.client.id as i64;
    let protocol = call.reply.protocol() as i64;
    let reply = &mut *call.reply;
    reply.map(7);
    for (key, value) in [("server", "redis"), ("version", REDIS_VERSION)] {
        reply.bulk(key.as_bytes());
        reply.bulk(value.as_bytes());
    }
    for (key, value) in [("proto", protocol), ("id", id)] {
        reply.bulk(key.as_bytes());
        reply.int(value);
    }
    for (key, value) in [("mode", "standalone"), ("role", "master")] {
        reply.bulk(key.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"modules");
    reply.array(0);
}
