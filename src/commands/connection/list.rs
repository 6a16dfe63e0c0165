//! CLIENT LIST and CLIENT INFO.

use std::sync::Arc;

use crate::client::{Client, OutputClass, Running};
use crate::command::{Error, args, error};

use super::super::{Call, DONE, Outcome};

/// A client's type as CLIENT LIST and CLIENT KILL name it; none for a primary, which is no client here.
pub(super) fn type_by_name(name: &[u8]) -> Result<Option<OutputClass>, Error> {
    match name.to_ascii_lowercase().as_slice() {
        b"normal" => Ok(Some(OutputClass::Normal)),
        b"slave" | b"replica" => Ok(Some(OutputClass::Replica)),
        b"pubsub" => Ok(Some(OutputClass::Pubsub)),
        b"master" => Ok(None),
        _ => Err(error::unknown_client_type(name)),
    }
}

pub(super) fn info(call: &mut Call<'_>) -> Outcome {
    let mut text = String::new();
    describe(call, &call.session.client, &mut text);
    call.reply.verbatim("txt", text.as_bytes());
    DONE
}

pub(super) fn list(call: &mut Call<'_>) -> Outcome {
    let clients = chosen(call)?;
    let mut text = String::with_capacity(clients.len() * 400);
    clients.iter().for_each(|client| describe(call, client, &mut text));
    call.reply.verbatim("txt", text.as_bytes());
    DONE
}

/// The clients that the options of CLIENT LIST choose.
fn chosen(call: &Call<'_>) -> Result<Vec<Arc<Client>>, Error> {
    let registry = &call.server.clients;
    match &call.args[2..] {
        [] => Ok(registry.all()),
        [option, name] if option.eq_ignore_ascii_case(b"type") => {
            let class = type_by_name(name)?;
            Ok(registry.all().into_iter().filter(|client| Some(client.class()) == class).collect())
        }
        [option, ids @ ..] if option.eq_ignore_ascii_case(b"id") && !ids.is_empty() => {
            let mut found = Vec::new();
            for id in ids {
                let id = args::int(id).map_err(|_| error::INVALID_CLIENT_ID)?;
                found.extend(u64::try_from(id).ok().and_then(|id| registry.get(id)));
            }
            Ok(found)
        }
        _ => Err(error::SYNTAX),
    }
}

fn describe(call: &Call<'_>, client: &Client, text: &mut String) {
    let own = client.id == call.session.client.id;
    let running = if own {
        let arguments = call.args.iter().map(|arg| arg.len()).sum();
        Running { arguments, replies: call.reply.len() }
    } else {
        Running::default()
    };
    text.push_str(&client.describe(call.server.command_name(client), running));
    text.push('\n');
}
