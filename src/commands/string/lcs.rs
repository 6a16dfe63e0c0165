//! LCS: the longest common subsequence of two strings.

use crate::command::row::*;
use crate::command::{Error, args, error};
use crate::keyspace::{StrRef, WrongType};
use crate::types::lcs::{self, Lcs as Table, LcsError};

use super::super::{Call, Command, DONE, Outcome};
use super::{GROUP, row};

pub(super) const LCS: Command = Command::new(
    row("lcs", -3, &[READONLY], &[KeySpec::range(1, 1, 1, &[RO, ACCESS])])
        .doc(
            GROUP,
            "7.0.0",
            "O(N*M) where N and M are the lengths of the strings.",
            "Finds the longest common subsequence of two strings.",
        )
        .syntax("key1:key key2:key [LEN] [IDX] [MINMATCHLEN min-match-len:integer] [WITHMATCHLEN]"),
    run,
);

#[derive(Default)]
struct Options {
    length: bool,
    ranges: bool,
    with_lengths: bool,
    min_length: usize,
}

fn options(call: &Call<'_>) -> Result<Options, Error> {
    let mut options = Options::default();
    let mut args = call.args_from(3);
    while !args.is_empty() {
        if args.word("IDX") {
            options.ranges = true;
        } else if args.word("LEN") {
            options.length = true;
        } else if args.word("WITHMATCHLEN") {
            options.with_lengths = true;
        } else if args.len() > 1 && args.word("MINMATCHLEN") {
            options.min_length = args::int(args.want()?)?.max(0) as usize;
        } else {
            return Err(error::SYNTAX);
        }
    }
    if options.length && options.ranges {
        return Err(error::LCS_LEN_AND_IDX);
    }
    Ok(options)
}

fn operand(call: &mut Call<'_>, index: usize) -> Result<Vec<u8>, Error> {
    let string = call.keys.string(call.args[index]).map_err(|WrongType| error::LCS_NOT_STRINGS)?;
    Ok(string.map_or_else(Vec::new, StrRef::to_vec))
}

fn run(call: &mut Call<'_>) -> Outcome {
    let (a, b) = (operand(call, 1), operand(call, 2));
    let (a, b) = (a?, b?);
    let options = options(call)?;
    lcs::check(a.len(), b.len(), call.settings().clients.proto_max_bulk_len as u64).map_err(|refused| {
        match refused {
            LcsError::StringTooLong => error::LCS_TOO_LONG,
            LcsError::TableTooLarge => error::LCS_NO_MEMORY,
        }
    })?;
    if options.length {
        call.reply.int(lcs::length(&a, &b) as i64);
        return DONE;
    }
    let table = Table::new(&a, &b);
    if options.ranges {
        reply_ranges(call, &table, &options);
    } else {
        call.reply.bulk(&table.text());
    }
    DONE
}

fn reply_ranges(call: &mut Call<'_>, table: &Table<'_>, options: &Options) {
    call.reply.map(2);
    call.reply.bulk(b"matches");
    let matches: Vec<_> = table.matches().filter(|found| found.size() >= options.min_length).collect();
    call.reply.array(matches.len());
    for found in matches {
        call.reply.array(2 + usize::from(options.with_lengths));
        for range in [&found.a, &found.b] {
            call.reply.array(2);
            call.reply.int(range.start as i64);
            call.reply.int(range.end as i64 - 1);
        }
        if options.with_lengths {
            call.reply.int(found.size() as i64);
        }
    }
    call.reply.bulk(b"len");
    call.reply.int(table.len() as i64);
}
