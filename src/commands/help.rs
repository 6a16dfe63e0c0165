//! The answer to HELP of a container.

use crate::resp::Reply;

/// Answers what a container can do: a line per subcommand, followed by indented lines of explanation.
pub fn reply_help(reply: &mut Reply, name: &str, lines: &[&str]) {
    reply.array(lines.len() + 3);
    reply.simple(format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    lines.iter().for_each(|line| reply.simple(line));
    reply.simple("HELP");
    reply.simple("    Print this help.");
}
