//! What SCAN, SSCAN, HSCAN and ZSCAN share: the cursor, COUNT and MATCH, and the frame of the reply.

use super::{Call, DONE, Next, Outcome};
use crate::base::{glob, num};
use crate::command::{Args, Error, args, error};
use crate::keyspace::Stored;
use crate::resp::Reply;

/// A COUNT above this makes work that a large collection is better given on a reference, without locks.
const QUICK_COUNT: usize = 1024;

/// COUNT and MATCH, and what HSCAN takes besides.
pub struct ScanOptions<'a> {
    /// About how many elements to visit.
    pub count: usize,
    /// What elements must match; none where anything does.
    pub pattern: Option<&'a [u8]>,
    /// NOVALUES: only the fields of a hash.
    pub without_values: bool,
}

impl<'a> ScanOptions<'a> {
    /// Reads the options up to the last argument. What is neither COUNT nor MATCH is offered to `other`, which
    /// tells whether it took it.
    ///
    /// # Errors
    /// A syntax error; a COUNT that is no number; NOVALUES where `other` doesn't take it.
    pub fn parse(
        mut args: Args<'a>,
        mut other: impl FnMut(&mut Args<'a>) -> Result<bool, Error>,
    ) -> Result<Self, Error> {
        let mut options = ScanOptions { count: 10, pattern: None, without_values: false };
        while !args.is_empty() {
            if args.len() > 1 && args.word("COUNT") {
                let count = args::int(args.want()?)?;
                options.count =
                    usize::try_from(count).ok().filter(|&count| count > 0).ok_or(error::SYNTAX)?;
            } else if args.len() > 1 && args.word("MATCH") {
                options.pattern = Some(args.want()?).filter(|pattern| !glob::is_everything(pattern));
            } else if !other(&mut args)? {
                return Err(if args.word("NOVALUES") { error::NOVALUES } else { error::SYNTAX });
            }
        }
        Ok(options)
    }

    /// Whether MATCH lets an element through.
    #[inline]
    pub fn matches(&self, element: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, element, false))
    }

    /// The same options, to be taken along after the request is gone.
    fn to_owned(&self) -> OwnedScanOptions {
        OwnedScanOptions {
            count: self.count,
            pattern: self.pattern.map(Box::from),
            without_values: self.without_values,
        }
    }
}

/// Options that outlive their request.
struct OwnedScanOptions {
    count: usize,
    pattern: Option<Box<[u8]>>,
    without_values: bool,
}

impl OwnedScanOptions {
    /// The options.
    fn borrow(&self) -> ScanOptions<'_> {
        ScanOptions {
            count: self.count,
            pattern: self.pattern.as_deref(),
            without_values: self.without_values,
        }
    }
}

/// Reads a cursor: an unsigned number that, as in Redis, may have spaces or a sign in front of it, and leading
/// zeros. What isn't an integer of 64 bits by itself may even be below zero: it counts from 2^64 down.
///
/// # Errors
/// `ERR invalid cursor`.
pub fn cursor(arg: &[u8]) -> Result<u64, Error> {
    if num::parse_i64(arg).is_some_and(i64::is_negative) {
        return Err(error::INVALID_CURSOR);
    }
    let text = arg.trim_ascii_start();
    let negated = text.strip_prefix(b"-");
    let digits = negated.or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let significant = digits.iter().position(|&digit| digit != b'0').unwrap_or(digits.len());
    let number = match &digits[significant..] {
        [] if !digits.is_empty() => 0,
        number => num::parse_u64(number).ok_or(error::INVALID_CURSOR)?,
    };
    Ok(if negated.is_some() { number.wrapping_neg() } else { number })
}

/// Answers a page: `visit` scans from a cursor on, writes the elements that it finds and returns the next cursor
/// and how many it has written.
pub fn page(reply: &mut Reply, visit: impl FnOnce(&mut Reply) -> (u64, usize)) {
    // The cursor stands in front and is known last.
    let mut elements = Reply::new(reply.protocol());
    let (next, count) = visit(&mut elements);
    reply.array(2);
    reply.bulk(num::IntText::new().format(next).as_bytes());
    reply.array(count);
    reply.raw(elements.as_bytes());
}

/// SSCAN, HSCAN and ZSCAN: answers a page of the collection at the first argument as `write` does, which gets the
/// cursor. A long page of a large collection is written without locks. Only where there are values NOVALUES is taken.
///
/// # Errors
/// If the key is of another type, and what is wrong with cursor and options.
pub fn scan<T: Stored + Send + 'static>(
    call: &mut Call<'_>,
    has_values: bool,
    is_large: fn(&T) -> bool,
    write: impl FnOnce(&mut Reply, &T, u64, &ScanOptions<'_>) + Send + 'static,
) -> Outcome {
    let from = cursor(call.args[2])?;
    let (args, may_put_off) = (call.args_from(3), call.may_put_off());
    let Some(collection) = call.keys.read::<T>(call.args[1])? else {
        // Nothing, and the end.
        page(call.reply, |_| (0, 0));
        return DONE;
    };
    let mut without_values = false;
    let mut options = ScanOptions::parse(args, |args| {
        let taken = has_values && args.word("NOVALUES");
        without_values |= taken;
        Ok(taken)
    })?;
    options.without_values = without_values;
    if may_put_off && options.count > QUICK_COUNT && is_large(&collection) {
        let (collection, options) = (collection.to_owned(), options.to_owned());
        return Ok(Next::Later(Box::new(move |reply| write(reply, &collection, from, &options.borrow()))));
    }
    write(call.reply, &collection, from, &options);
    DONE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_as_strtoull_reads_them() {
        for (text, value) in [
            ("0", 0),
            ("00", 0),
            ("-0", 0),
            ("17", 17),
            (" +017", 17),
            (" -01", u64::MAX),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(cursor(text.as_bytes()), Ok(value), "{text}");
        }
        for text in ["", " ", "+", "-1", "1 ", "x", "1x", "++1", "18446744073709551616", "1e3"] {
            assert_eq!(cursor(text.as_bytes()), Err(error::INVALID_CURSOR), "{text}");
        }
    }

    #[test]
    fn options_in_any_order_and_the_last_one_counts() {
        let parse = |words: &[&'static str]| -> Result<(usize, bool), Error> {
            let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
            let options = ScanOptions::parse(Args::new(&words), |_| Ok(false))?;
            Ok((options.count, options.matches(b"abc")))
        };
        assert_eq!(parse(&[]), Ok((10, true)));
        assert_eq!(parse(&["match", "x*", "Count", "5", "MATCH", "a*"]), Ok((5, true)));
        assert_eq!(parse(&["MATCH", "x", "MATCH", "*"]), Ok((10, true)));
        assert_eq!(parse(&["COUNT", "0"]), Err(error::SYNTAX));
        assert_eq!(parse(&["COUNT", "-1"]), Err(error::SYNTAX));
        assert_eq!(parse(&["COUNT", "x"]), Err(error::NOT_AN_INTEGER));
        assert_eq!(parse(&["COUNT"]), Err(error::SYNTAX));
        assert_eq!(parse(&["NOVALUES"]), Err(error::NOVALUES));
    }
}
