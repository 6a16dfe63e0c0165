//! SSCAN.

use crate::base::num::IntText;
use crate::command::row::*;
use crate::resp::Reply;
use crate::types::set::Set;

use super::super::call::write_item;
use super::super::scan::{self, QUICK_COUNT, ScanOptions};
use super::super::{Call, Command, DONE, Next, Outcome};
use super::{GROUP, row};

pub(super) const SSCAN: Command = Command::new(
    row("sscan", -3, &[READONLY], &[KeySpec::at(1, &[RO, ACCESS])])
        .tips(&["nondeterministic_output"])
        .doc(
            GROUP,
            "2.8.0",
            "O(1) a call; O(N) from cursor 0 back to 0, N being the number of members",
            "Visits the members of a set some at a time.",
        )
        .syntax("key cursor:integer [MATCH pattern:pattern] [COUNT count:integer]"),
    sscan,
);

fn sscan(call: &mut Call<'_>) -> Outcome {
    let cursor = scan::cursor(call.args[2])?;
    let (options, may_put_off) = (call.args_from(3), call.may_put_off());
    let Some(set) = call.keys.read::<Set>(call.args[1])? else {
        scan::empty_page(call.reply);
        return DONE;
    };
    let options = ScanOptions::parse(options, |_| Ok(false))?;
    if may_put_off && set.is_large() && options.count > QUICK_COUNT {
        let (set, options) = (set.to_owned(), options.to_owned());
        return Ok(Next::Later(Box::new(move |reply| write_page(reply, &set, cursor, &options.borrow()))));
    }
    write_page(call.reply, &set, cursor, &options);
    DONE
}

fn write_page(reply: &mut Reply, set: &Set, cursor: u64, options: &ScanOptions<'_>) {
    scan::page(reply, |reply| {
        let mut found = 0;
        let next = set.scan(cursor, options.count, |member| {
            if options.matches(member.as_bytes(&mut IntText::new())) {
                write_item(reply, member);
                found += 1;
            }
        });
        (next, found)
    });
}
