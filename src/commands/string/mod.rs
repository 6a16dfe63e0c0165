//! Strings: values that are bytes or numbers.

mod basic;
mod lcs;
mod number;
mod range;

use crate::command::row::*;
use crate::command::{Args, Error, args, error};
use crate::keyspace::{Access, Expiry};
use crate::resp::Reply;

use super::call::write_string;
use super::span::Span;
use super::{Call, Command, DONE, Next, Outcome};

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    basic::GET,
    basic::SET,
    basic::SETNX,
    basic::SETEX,
    basic::PSETEX,
    basic::GETEX,
    basic::GETDEL,
    basic::GETSET,
    basic::MGET,
    basic::MSET,
    basic::MSETNX,
    number::INCR,
    number::DECR,
    number::INCRBY,
    number::DECRBY,
    number::INCRBYFLOAT,
    range::APPEND,
    range::STRLEN,
    range::SETRANGE,
    range::GETRANGE,
    range::SUBSTR,
    lcs::LCS,
];

const GROUP: &str = "string";

/// The span that the word of an option names, without case.
fn span_named(word: &[u8]) -> Option<Span> {
    let spans: [(&[u8], Span); 4] = [
        (b"EX", Span::Seconds),
        (b"PX", Span::Milliseconds),
        (b"EXAT", Span::UnixSeconds),
        (b"PXAT", Span::UnixMilliseconds),
    ];
    spans.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|&(_, span)| span)
}

/// The deadline in Unix ms that an argument asks for; only times after 1970 are valid.
fn deadline(span: Span, arg: &[u8], now: i64, command: &str) -> Result<i64, Error> {
    let amount = Some(args::int(arg)?).filter(|&amount| amount > 0);
    amount.and_then(|amount| span.unix_ms(amount, now)).ok_or_else(|| error::invalid_expire(command))
}

/// The options that SET and GETEX share.
#[derive(Default)]
struct ExpiryOptions<'a> {
    span: Option<(Span, &'a [u8])>,
    keep: bool,
    persist: bool,
}

impl<'a> ExpiryOptions<'a> {
    /// Takes an expiry option if one is next: each at most one of its kind, and none beside another.
    fn take(&mut self, args: &mut Args<'a>) -> Result<bool, Error> {
        let Some(span) = args.peek().and_then(span_named) else { return Ok(false) };
        let other = self.span.is_some_and(|(taken, _)| taken != span);
        args.take();
        if other || self.keep || self.persist {
            return Err(error::SYNTAX);
        }
        self.span = Some((span, args.want()?));
        Ok(true)
    }

    fn expiry(&self, now: i64, command: &str) -> Result<Option<Expiry>, Error> {
        let Some((span, arg)) = self.span else { return Ok(None) };
        deadline(span, arg, now, command).map(|deadline| Some(Expiry::At(deadline)))
    }
}

/// Refuses a string that would be longer than `proto-max-bulk-len`.
fn check_length(call: &Call<'_>, offset: u64, len: usize) -> Result<(), Error> {
    match offset.checked_add(len as u64) {
        Some(total) if total <= call.settings().clients.proto_max_bulk_len as u64 => Ok(()),
        _ => Err(error::STRING_TOO_LONG),
    }
}

/// Answers the string at a key, or null.
fn reply_string(call: &mut Call<'_>, key: &[u8]) -> Result<(), Error> {
    match call.keys.string(key)? {
        Some(string) => write_string(call.reply, string),
        None => call.reply.null(),
    }
    Ok(())
}

/// Longer strings are answered from a reference, without locks.
const AT_ONCE_BYTES: usize = 1 << 20;

/// Answers a part of the string at a key, which is there and long.
#[cold]
fn reply_long(
    call: &mut Call<'_>,
    key: &[u8],
    part: impl FnOnce(&[u8]) -> &[u8] + Send + 'static,
) -> Outcome {
    let may_put_off = call.may_put_off();
    let string = call.keys.find(key, Access::Silent).and_then(|entry| entry.share_string());
    let write = move |reply: &mut Reply| reply.bulk(part(&string.unwrap_or_default()));
    if may_put_off {
        return Ok(Next::Later(Box::new(write)));
    }
    write(call.reply);
    DONE
}

const fn row(name: &'static str, arity: i32, flags: &[Flags], keys: &'static [KeySpec]) -> Spec {
    Spec::new(name, arity).flags(flags).keys(keys).categories(&[Categories::STRING])
}
