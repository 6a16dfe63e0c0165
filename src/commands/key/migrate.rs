//! MIGRATE: moves keys to another server by RESTORE there and deleting here what it acknowledges.
//!
//! Connecting, with AUTH and SELECT, takes no lock. The transfer happens under the locks of the keys, so that
//! nobody changes or deletes here what already is there; it is bounded by the timeout, as in Redis.

use std::time::Duration;

use crate::base::num::parse_i64;
use crate::command::keys::{Find, InvalidKeys};
use crate::command::row::*;
use crate::command::{Error, args, error};
use crate::config::EventClasses;
use crate::keyspace::Access;
use crate::persist::rdb;

use super::super::{Call, Command, DONE, Install, Next, Outcome};
use super::target::{Broken, Target};
use super::{GROUP, row};

/// Where the options begin.
const OPTIONS: usize = 6;
/// The time in ms that 0 or less means.
const DEFAULT_TIMEOUT: u64 = 1000;
const ALL_BEHIND: Find = Find::Range { last: -1, step: 1, limit: 0 };

pub(super) const MIGRATE: Command = Command::new(
    row(
        "migrate",
        -6,
        &[WRITE],
        &[
            KeySpec::at(3, &[RW, ACCESS, KeyFlags::DELETE]),
            KeySpec::behind("KEYS", -2, ALL_BEHIND, &[RW, ACCESS, KeyFlags::DELETE, INCOMPLETE]),
        ],
    )
    .categories(&[Categories::KEYSPACE, Categories::DANGEROUS])
    .tips(&["nondeterministic_output"])
    .doc(
        GROUP,
        "2.6.0",
        "O(N) where N is the number of bytes of the values.",
        "Moves keys to another server.",
    )
    .syntax(
        "host port:integer key-selector:<key|empty-string=''> destination-db:integer timeout:integer \
         [COPY@3.0.0] [REPLACE@3.0.0] [authentication:<AUTH auth/password@4.0.7|\
         AUTH2 auth2:(username password)@6.0.0>] [KEYS keys:key#1/key*@3.0.6]",
    ),
    migrate,
)
.find_keys(|args| keys(args).map(|keys| keys.collect()));

/// What a request asks for, beside the keys.
struct Options {
    copy: bool,
    replace: bool,
    /// AUTH with its arguments, or nothing.
    auth: Vec<Vec<u8>>,
    host: Vec<u8>,
    port: Option<u16>,
    db: i64,
    timeout: Duration,
}

/// Where the keys stand: none if a key and KEYS are both given.
fn keys(args: &[&[u8]]) -> Result<std::ops::Range<usize>, InvalidKeys> {
    let mut at = OPTIONS;
    while let Some(word) = args.get(at) {
        at += match &word.to_ascii_lowercase()[..] {
            b"keys" if !args[3].is_empty() => return Ok(0..0),
            b"keys" => return Ok(at + 1..args.len()),
            b"auth" => 2,
            b"auth2" => 3,
            _ => 1,
        };
    }
    Ok(3..4.min(args.len()))
}

fn options(call: &mut Call<'_>) -> Result<Options, Error> {
    let (mut copy, mut replace, mut auth) = (false, false, Vec::new());
    let all = call.args;
    let mut args = call.args_from(OPTIONS);
    while !args.is_empty() {
        if args.word("COPY") {
            copy = true;
        } else if args.word("REPLACE") {
            replace = true;
        } else if args.word("KEYS") {
            if !all[3].is_empty() {
                return Err(error::MIGRATE_KEY_AND_KEYS);
            }
            break;
        } else {
            let words = if args.word("AUTH") {
                1
            } else if args.word("AUTH2") {
                2
            } else {
                return Err(error::SYNTAX);
            };
            let first = all.len() - args.len();
            let secrets = args.take_many(words).ok_or(error::SYNTAX)?;
            (first..first + words).for_each(|index| call.redact(index));
            auth = [&[&b"AUTH"[..]], secrets].concat().into_iter().map(<[u8]>::to_vec).collect();
        }
    }
    let timeout = u64::try_from(args::int(all[5])?).ok().filter(|&ms| ms > 0).unwrap_or(DEFAULT_TIMEOUT);
    Ok(Options {
        copy,
        replace,
        auth,
        host: all[1].to_vec(),
        port: parse_i64(all[2]).and_then(|port| port.try_into().ok()),
        db: args::int(all[4])?,
        timeout: Duration::from_millis(timeout),
    })
}

fn migrate(call: &mut Call<'_>) -> Outcome {
    let options = options(call)?;
    let keys = keys(call.args).unwrap_or(0..0);
    if !keys.clone().any(|at| call.keys.exists(call.args[at], Access::Read)) {
        call.reply.simple("NOKEY");
        return DONE;
    }
    if call.may_put_off() {
        return Ok(Next::Compute(Box::new(move || -> Install {
            let target = connect(&options);
            Box::new(move |call| transfer(call, &options, keys, target?))
        })));
    }
    let target = connect(&options)?;
    transfer(call, &options, keys, target)
}

/// Connects, gives the password and selects the database.
fn connect(options: &Options) -> Result<Target, Error> {
    let port = options.port.ok_or(error::MIGRATE_CONNECTING)?;
    let target = Target::connect(&options.host, port, options.timeout);
    let mut target = target.map_err(|_| error::MIGRATE_CONNECTING)?;
    let db = options.db.to_string();
    let select = [&b"SELECT"[..], db.as_bytes()];
    let auth: Vec<&[u8]> = options.auth.iter().map(Vec::as_slice).collect();
    for command in [&auth[..], &select].into_iter().filter(|command| !command.is_empty()) {
        target.queue(command);
        target.send().map_err(broken)?;
        target.answer().map_err(broken)?.map_err(|text| error::target_replied(&text))?;
    }
    Ok(target)
}

/// Sends the keys that are still there and deletes those that the target acknowledges.
fn transfer(
    call: &mut Call<'_>,
    options: &Options,
    keys: std::ops::Range<usize>,
    mut target: Target,
) -> Outcome {
    let (now, compress) = (call.keys.now(), call.settings().snapshots.compression);
    let mut sent = Vec::new();
    for &key in &call.args[keys] {
        let Some(entry) = call.keys.find(key, Access::Silent) else { continue };
        let ttl = entry.deadline().map_or(0, |at| (at - now).max(1)).to_string();
        let payload = rdb::dump(entry.share_value(), compress);
        let restore = [&b"RESTORE"[..], key, ttl.as_bytes(), &payload, b"REPLACE"];
        target.queue(&restore[..if options.replace { 5 } else { 4 }]);
        sent.push(key);
    }
    if sent.is_empty() {
        call.reply.simple("NOKEY");
        return DONE;
    }
    target.send().map_err(broken)?;
    let mut deleted = vec![&b"DEL"[..]];
    let moved = take_answers(call, options, &sent, &mut target, &mut deleted);
    // Whatever else went wrong: these are there and no longer here. A reader of the journal has no target.
    match deleted.len() {
        1 => call.keys.propagate_nothing(),
        _ => call.keys.propagate_instead(&deleted),
    }
    moved?;
    call.reply.ok();
    DONE
}

/// Deletes the keys that the target acknowledges and notes them in `deleted`.
fn take_answers<'a>(
    call: &mut Call<'_>,
    options: &Options,
    sent: &[&'a [u8]],
    target: &mut Target,
    deleted: &mut Vec<&'a [u8]>,
) -> Result<(), Error> {
    let mut refused = None;
    for &key in sent {
        match target.answer().map_err(broken) {
            Ok(Ok(())) if options.copy => {}
            // A key that is named twice has gone the second time.
            Ok(Ok(())) => {
                if call.keys.delete(key) {
                    call.keys.changed(key, EventClasses::GENERIC, "del");
                    deleted.push(key);
                }
            }
            Ok(Err(text)) => {
                refused.get_or_insert_with(|| error::target_replied(&text));
            }
            Err(error) => return Err(refused.unwrap_or(error)),
        }
    }
    refused.map_or(Ok(()), Err)
}

fn broken(broken: Broken) -> Error {
    match broken {
        Broken::Writing => error::MIGRATE_WRITING,
        Broken::Reading => error::MIGRATE_READING,
    }
}
