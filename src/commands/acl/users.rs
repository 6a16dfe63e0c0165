//! ACL SETUSER, DELUSER, GETUSER, LIST, USERS, WHOAMI.

use crate::acl::{DEFAULT_USER, Selector, has_blanks};
use crate::command::{Error, error};
use crate::resp::Reply;

use super::super::{Call, DONE, Outcome};
use super::cut::{cut_pubsub, cut_user};

/// Keeps what a user's administration says out of logs.
fn redact_rest(call: &mut Call<'_>) {
    (2..call.args.len()).for_each(|index| call.redact(index));
}

pub(super) fn setuser(call: &mut Call<'_>) -> Outcome {
    redact_rest(call);
    let (name, rules) = (call.args[2], &call.args[3..]);
    if has_blanks(name) {
        return Err(error::USERNAME_BLANKS);
    }
    let all_channels = call.server.config.settings().security.acl_pubsub_allchannels;
    let replaced = call.server.acl.set(name, rules, all_channels);
    let replaced = replaced.map_err(|why| Error::new([b"ERR ", why.text().as_slice()].concat()))?;
    if cut_pubsub(call.server, &replaced, call.session.client.id) {
        call.session.lose_user(&call.server.acl);
    }
    call.reply.ok();
    DONE
}

pub(super) fn deluser(call: &mut Call<'_>) -> Outcome {
    redact_rest(call);
    let names = &call.args[2..];
    if names.contains(&DEFAULT_USER) {
        return Err(error::DEFAULT_USER_STAYS);
    }
    let mut deleted = 0;
    for name in names {
        if call.server.acl.delete(name) {
            deleted += 1;
            if cut_user(call.server, name, call.session.client.id) {
                call.session.lose_user(&call.server.acl);
            }
        }
    }
    call.reply.int(deleted);
    DONE
}

pub(super) fn getuser(call: &mut Call<'_>) -> Outcome {
    redact_rest(call);
    let Some(user) = call.server.acl.get(call.args[2]) else {
        call.reply.null();
        return DONE;
    };
    let reply = &mut *call.reply;
    reply.map(6);
    reply.bulk(b"flags");
    reply.set(user.flags().count());
    user.flags().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"passwords");
    reply.array(user.passwords().len());
    user.passwords().for_each(|password| reply.bulk(password.as_bytes()));
    let [root, others @ ..] = user.selectors() else { unreachable!("there is always a root") };
    write_selector(reply, root);
    reply.bulk(b"selectors");
    reply.array(others.len());
    for selector in others {
        reply.map(3);
        write_selector(reply, selector);
    }
    DONE
}

/// Three pairs of a map.
fn write_selector(reply: &mut Reply, selector: &Selector) {
    let mut write = |name: &[u8], describe: fn(&Selector, &mut Vec<u8>)| {
        let mut text = Vec::new();
        describe(selector, &mut text);
        reply.bulk(name);
        reply.bulk(&text);
    };
    write(b"commands", Selector::describe_commands);
    write(b"keys", Selector::describe_keys);
    write(b"channels", Selector::describe_channels);
}

pub(super) fn list(call: &mut Call<'_>) -> Outcome {
    let users = call.server.acl.all();
    call.reply.array(users.len());
    users.iter().for_each(|user| call.reply.bulk(&user.line()));
    DONE
}

pub(super) fn users(call: &mut Call<'_>) -> Outcome {
    let users = call.server.acl.all();
    call.reply.array(users.len());
    users.iter().for_each(|user| call.reply.bulk(user.name()));
    DONE
}

pub(super) fn whoami(call: &mut Call<'_>) -> Outcome {
    call.reply.bulk(call.session.identity.user().name());
    DONE
}
