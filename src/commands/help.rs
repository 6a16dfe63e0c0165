//! HELP, the same in all containers.

use super::{Call, DONE, Outcome};
use crate::command::row::*;

/// The row of a container's HELP, without categories.
pub const fn row(name: &'static str, group: &'static str, since: &'static str) -> Spec {
    Spec::new(name, 2).flags(&[LOADING, STALE]).doc(group, since, "O(1)", "Tells the subcommands.")
}

/// Answers HELP: each subcommand with its arguments, and what it does in one or more lines.
pub fn answer(call: &mut Call<'_>, subcommands: &[(&str, &str)]) -> Outcome {
    let container = call.args[0].to_ascii_uppercase();
    let array = call.reply.defer();
    call.reply
        .simple([&container, &b" <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"[..]].concat());
    let mut lines = 1;
    for (usage, meaning) in subcommands.iter().chain(&[("HELP", "Print this help.")]) {
        call.reply.simple(usage);
        for line in meaning.lines() {
            call.reply.simple(format!("    {line}"));
            lines += 1;
        }
        lines += 1;
    }
    call.reply.finish_array(array, lines);
    DONE
}
