//! ACL CAT, DRYRUN, GENPASS.

use std::fs::File;
use std::io::Read;

use crate::acl::{Denied, Vocabulary};
use crate::command::spec::Categories;
use crate::command::{args, error};

use super::super::permission;
use super::super::{Call, DONE, Found, Outcome};

/// Bits of a password if no number is given.
const PASSWORD_BITS: i64 = 256;
/// The most that are given, in bits.
const PASSWORD_BITS_MAX: i64 = 4096;

pub(super) fn cat(call: &mut Call<'_>) -> Outcome {
    match *call.args {
        [_, _] => {
            call.reply.array(Categories::NAMES.len());
            Categories::NAMES.iter().for_each(|(_, name)| call.reply.bulk(name.as_bytes()));
        }
        [_, _, name] => {
            let category = Vocabulary::category(name).ok_or_else(|| error::unknown_category(name))?;
            let vocabulary = call.server.acl.vocabulary();
            let found: Vec<usize> = vocabulary.of_category(category).collect();
            call.reply.array(found.len());
            found.iter().for_each(|&id| call.reply.bulk(vocabulary.name(id).as_bytes()));
        }
        _ => return Err(error::subcommand_syntax(call.args)),
    }
    DONE
}

pub(super) fn dryrun(call: &mut Call<'_>) -> Outcome {
    let (name, args) = (call.args[2], &call.args[3..]);
    let user = call.server.acl.get(name).ok_or_else(|| error::user_not_found(name))?;
    let Found::Command(listed) = call.server.catalog.find(args) else {
        return Err(error::command_not_found(args[0]));
    };
    let spec = &listed.command.spec;
    if !spec.admits(args.len()) {
        return Err(error::wrong_arity(spec.name));
    }
    match permission::check(&user, listed, args) {
        Ok(()) => call.reply.ok(),
        Err(denied) => {
            let what = match denied {
                Denied::Command => spec.name.as_bytes(),
                Denied::Key(at) | Denied::Channel(at) => args[at],
            };
            let (verb, noun) = match denied {
                Denied::Command => ("run", "command"),
                Denied::Key(_) => ("access", "key"),
                Denied::Channel(_) => ("access", "channel"),
            };
            call.reply.bulk(&error::has_no_permissions(user.name(), verb, what, noun));
        }
    }
    DONE
}

pub(super) fn genpass(call: &mut Call<'_>) -> Outcome {
    let bits = match *call.args {
        [_, _] => PASSWORD_BITS,
        [_, _, bits] => args::int(bits)?,
        _ => return Err(error::subcommand_syntax(call.args)),
    };
    if !(1..=PASSWORD_BITS_MAX).contains(&bits) {
        return Err(error::GENPASS_BITS);
    }
    let digits = (bits as usize).div_ceil(4);
    let mut bytes = vec![0; digits];
    // A password must come from the system's randomness or not at all.
    if let Err(failure) = File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes)) {
        tracing::warn!("ACL GENPASS finds no randomness: {failure}");
        return Err(error::INTERNAL);
    }
    let password: Vec<u8> = bytes.iter().map(|byte| b"0123456789abcdef"[usize::from(byte & 15)]).collect();
    call.reply.bulk(&password);
    DONE
}
