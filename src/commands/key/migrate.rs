//! MIGRATE: moves keys to another server by RESTORE there and deleting here what it acknowledges.
//!
//! Connecting, with AUTH and SELECT, takes no lock. The transfer happens under the locks of the keys, so that
//! nobody changes or deletes here what already is there; it is bounded by the timeout, as in Redis. A connection is
//! kept for the next command to the same server. If one that was kept fails before it has acknowledged a key, all is
//! sent again on a new one: what the target had done unseen shows as BUSYKEY, or REPLACE does it again.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use crate::base::num::parse_i64;
use crate::command::keys::{Find, InvalidKeys};
use crate::command::row::*;
use crate::command::{Error, args, error};
use crate::config::EventClasses;
use crate::keyspace::Access;
use crate::persist::rdb;

use super::super::{Call, Command, DONE, Install, Next, Outcome};
use super::target::{Address, Answer, Broken, Requests, Target};
use super::{GROUP, Targets, row};

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
    /// None if its port isn't one.
    address: Option<Address>,
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
    let port = parse_i64(all[2]).and_then(|port| port.try_into().ok());
    let timeout = u64::try_from(args::int(all[5])?).ok().filter(|&ms| ms > 0).unwrap_or(DEFAULT_TIMEOUT);
    Ok(Options {
        copy,
        replace,
        address: port.map(|port| Address { host: all[1].to_vec(), port, auth }),
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
        let server = Arc::clone(call.server);
        return Ok(Next::Compute(Box::new(move || -> Install {
            let target = connect(&server.targets, &options);
            Box::new(move |call| transfer(call, &options, keys, target?))
        })));
    }
    let target = connect(&call.server.targets, &options)?;
    transfer(call, &options, keys, target)
}

/// A connection that was kept or a new one, ready for the keys.
fn connect(targets: &Targets, options: &Options) -> Result<Target, Error> {
    let kept = options.address.as_ref().and_then(|address| targets.take(address));
    let Some(mut target) = kept else { return connect_anew(options) };
    match target.set_timeout(options.timeout).is_ok().then(|| prepare(&mut target, options)) {
        Some(Ok(ready)) => ready.map(|()| target).map_err(|text| error::target_replied(&text)),
        Some(Err(failed)) if failed.late => Err(broken(failed)),
        // It has ended since.
        Some(Err(_)) | None => connect_anew(options),
    }
}

/// Connects, and makes it ready for the keys.
fn connect_anew(options: &Options) -> Result<Target, Error> {
    let address = options.address.clone().ok_or(error::MIGRATE_CONNECTING)?;
    let target = Target::connect(address, options.timeout);
    let mut target = target.map_err(|failed| match failed.kind() {
        // As Redis words it, which hears of a refusal when it writes.
        ErrorKind::ConnectionRefused => error::MIGRATE_WRITING,
        _ => error::MIGRATE_CONNECTING,
    })?;
    prepare(&mut target, options).map_err(broken)?.map_err(|text| error::target_replied(&text))?;
    Ok(target)
}

/// Gives the password, which may be another one by now, and selects the database, if it isn't yet.
fn prepare(target: &mut Target, options: &Options) -> Answer {
    let auth = target.address.auth.clone();
    if !auth.is_empty() {
        let auth: Vec<&[u8]> = auth.iter().map(Vec::as_slice).collect();
        if let Err(text) = ask(target, &auth)? {
            return Ok(Err(text));
        }
    }
    if target.db == Some(options.db) {
        return Ok(Ok(()));
    }
    let selected = ask(target, &[b"SELECT", options.db.to_string().as_bytes()])?;
    target.db = selected.is_ok().then_some(options.db);
    Ok(selected)
}

fn ask(target: &mut Target, args: &[&[u8]]) -> Answer {
    let mut request = Requests::default();
    request.queue(args);
    target.send(&request)?;
    target.answer()
}

/// Sends the keys that are still there and deletes those that the target acknowledges.
fn transfer(
    call: &mut Call<'_>,
    options: &Options,
    keys: std::ops::Range<usize>,
    mut target: Target,
) -> Outcome {
    let (requests, sent) = requests(call, options, keys);
    if sent.is_empty() {
        call.server.targets.keep(target);
        call.reply.simple("NOKEY");
        return DONE;
    }
    let mut first = target.send(&requests).and_then(|()| target.answer());
    if target.reused && first.as_ref().is_err_and(|broken| !broken.late) {
        target = connect_anew(options)?;
        first = target.send(&requests).and_then(|()| target.answer());
    }
    let mut deleted = vec![&b"DEL"[..]];
    let moved = take_answers(call, options, &sent, first, &mut target, &mut deleted);
    // Whatever else went wrong: these are there and no longer here. A reader of the journal has no target.
    match deleted.len() {
        1 => call.keys.propagate_nothing(),
        _ => call.keys.propagate_instead(&deleted),
    }
    let refused = moved?;
    call.server.targets.keep(target);
    match refused {
        Some(error) => Err(error),
        None => {
            call.reply.ok();
            DONE
        }
    }
}

/// What has to be asked for, and the keys that are asked for.
fn requests<'a>(
    call: &mut Call<'a>,
    options: &Options,
    keys: std::ops::Range<usize>,
) -> (Requests, Vec<&'a [u8]>) {
    let (now, compress) = (call.keys.now(), call.settings().snapshots.compression);
    let (mut requests, mut sent) = (Requests::default(), Vec::new());
    for &key in &call.args[keys] {
        let Some(entry) = call.keys.find(key, Access::Silent) else { continue };
        let ttl = entry.deadline().map_or(0, |at| (at - now).max(1)).to_string();
        let payload = rdb::dump(entry.share_value(), compress);
        let restore = [&b"RESTORE"[..], key, ttl.as_bytes(), &payload, b"REPLACE"];
        requests.queue(&restore[..if options.replace { 5 } else { 4 }]);
        sent.push(key);
    }
    (requests, sent)
}

/// Takes the answers to requests, the first of which has been read: deletes the keys that the target acknowledges and
/// notes them in `deleted`. Returns what it refused, if it did; an error if not all answers came.
fn take_answers<'a>(
    call: &mut Call<'_>,
    options: &Options,
    sent: &[&'a [u8]],
    first: Answer,
    target: &mut Target,
    deleted: &mut Vec<&'a [u8]>,
) -> Result<Option<Error>, Error> {
    let mut refused = None;
    let mut first = Some(first);
    for &key in sent {
        match first.take().unwrap_or_else(|| target.answer()) {
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
            Err(failed) => return Err(refused.unwrap_or(broken(failed))),
        }
    }
    Ok(refused)
}

fn broken(broken: Broken) -> Error {
    match broken.writing {
        true => error::MIGRATE_WRITING,
        false => error::MIGRATE_READING,
    }
}
