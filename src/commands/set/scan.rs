//! SSCAN.

use crate::base::num::IntText;
use crate::command::row::*;
use crate::resp::Reply;
use crate::types::set::Set;

use super::super::Command;
use super::super::call::write_item;
use super::super::scan::{self, ScanOptions};
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
    |call| scan::scan(call, false, Set::is_large, write_page),
);

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
