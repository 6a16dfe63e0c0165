//! CLIENT KILL.

use crate::acl::Users;
use crate::client::{Client, OutputClass};
use crate::command::{Args, Error, args, error};

use super::super::{Call, DONE, Outcome};
use super::list::type_by_name;

/// Whom to kill: those to whom everything that is given applies.
#[derive(Default)]
struct Filter<'a> {
    addr: Option<&'a [u8]>,
    laddr: Option<&'a [u8]>,
    id: Option<u64>,
    /// `Some(None)`: a type that no client has.
    class: Option<Option<OutputClass>>,
    user: Option<&'a [u8]>,
    /// Seconds.
    max_age: Option<i64>,
    /// Whether the caller may be among them.
    include_me: bool,
}

pub(super) fn kill(call: &mut Call<'_>) -> Outcome {
    let old_form = call.args.len() == 3;
    let filter = if old_form {
        Filter { addr: Some(call.args[2]), include_me: true, ..Filter::default() }
    } else {
        Filter::parse(call.args_from(2), &call.server.acl)?
    };
    let mut killed = 0;
    for client in call.server.clients.all() {
        let own = client.id == call.session.client.id;
        if own && !filter.include_me || !filter.applies_to(&client) {
            continue;
        }
        if own {
            // The reply is sent first.
            call.session.closing = true;
        } else {
            call.server.clients.kill(&client);
        }
        killed += 1;
    }
    match (old_form, killed) {
        (true, 0) => return Err(error::NO_SUCH_CLIENT),
        (true, _) => call.reply.ok(),
        (false, _) => call.reply.int(killed),
    }
    DONE
}

impl<'a> Filter<'a> {
    fn parse(mut args: Args<'a>, users: &Users) -> Result<Filter<'a>, Error> {
        let mut filter = Filter::default();
        while let Some(option) = args.take() {
            let value = args.want()?;
            match option.to_ascii_lowercase().as_slice() {
                b"id" => filter.id = Some(id(value)?),
                b"maxage" => filter.max_age = Some(max_age(value)?),
                b"type" => filter.class = Some(type_by_name(value)?),
                b"addr" => filter.addr = Some(value),
                b"laddr" => filter.laddr = Some(value),
                b"user" if users.get(value).is_none() => return Err(error::no_such_user(value)),
                b"user" => filter.user = Some(value),
                b"skipme" if value.eq_ignore_ascii_case(b"yes") => filter.include_me = false,
                b"skipme" if value.eq_ignore_ascii_case(b"no") => filter.include_me = true,
                _ => return Err(error::SYNTAX),
            }
        }
        Ok(filter)
    }

    fn applies_to(&self, client: &Client) -> bool {
        self.addr.is_none_or(|addr| client.addr.as_bytes() == addr)
            && self.laddr.is_none_or(|laddr| client.laddr.as_bytes() == laddr)
            && self.class.is_none_or(|class| class == Some(client.class()))
            && self.id.is_none_or(|id| client.id == id)
            && self.user.is_none_or(|user| *client.names.lock().user == *user)
            && self.max_age.is_none_or(|age| client.age_seconds() >= age)
    }
}

fn id(arg: &[u8]) -> Result<u64, Error> {
    let id = args::int(arg).ok().and_then(|id| u64::try_from(id).ok());
    id.filter(|&id| id > 0).ok_or(error::CLIENT_ID_NOT_POSITIVE)
}

fn max_age(arg: &[u8]) -> Result<i64, Error> {
    match args::int(arg) {
        Err(_) => Err(error::MAXAGE_NOT_AN_INTEGER),
        Ok(age) if age <= 0 => Err(error::MAXAGE_NOT_POSITIVE),
        Ok(age) => Ok(age),
    }
}
