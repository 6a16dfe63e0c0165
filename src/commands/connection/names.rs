//! CLIENT SETNAME, GETNAME, SETINFO: how a client calls itself.

use crate::command::{Error, error};

use super::super::{Call, DONE, Outcome};

/// Whether a text can stand in a line of CLIENT LIST.
fn is_plain(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_graphic)
}

/// Refuses a name that couldn't stand in a line of CLIENT LIST.
pub(super) fn check_name(name: &[u8]) -> Result<(), Error> {
    if is_plain(name) { Ok(()) } else { Err(error::CLIENT_NAME) }
}

/// Names the connection; an empty name takes the name away.
pub(super) fn set_name(call: &Call<'_>, name: &[u8]) -> Result<(), Error> {
    check_name(name)?;
    call.session.client.names.lock().name = text(name);
    Ok(())
}

/// A checked text; nothing in it gets lost.
fn text(plain: &[u8]) -> String {
    String::from_utf8_lossy(plain).into_owned()
}

pub(super) fn setname(call: &mut Call<'_>) -> Outcome {
    set_name(call, call.args[2])?;
    call.reply.ok();
    DONE
}

pub(super) fn getname(call: &mut Call<'_>) -> Outcome {
    let names = call.session.client.names.lock();
    if names.name.is_empty() {
        call.reply.null();
    } else {
        call.reply.bulk(names.name.as_bytes());
    }
    drop(names);
    DONE
}

pub(super) fn setinfo(call: &mut Call<'_>) -> Outcome {
    let (attribute, value) = (call.args[2], call.args[3]);
    let is_name = attribute.eq_ignore_ascii_case(b"lib-name");
    if !is_name && !attribute.eq_ignore_ascii_case(b"lib-ver") {
        return Err(error::unrecognized_option(attribute));
    }
    if !is_plain(value) {
        return Err(error::attribute_characters(attribute));
    }
    let mut names = call.session.client.names.lock();
    let which = if is_name { &mut names.lib_name } else { &mut names.lib_ver };
    *which = text(value);
    drop(names);
    call.reply.ok();
    DONE
}
