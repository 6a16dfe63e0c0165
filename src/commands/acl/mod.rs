//! ACL: users and what they may do.

mod cut;
mod file;
mod log;
mod tell;
mod users;

use crate::command::row::*;

use super::{Call, Command, Outcome, help};

pub use self::file::load_at_start;

/// The family's rows.
pub const COMMANDS: &[Command] = &[ACL];

const GROUP: &str = "server";
const ALL_NODES: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];
const PER_USER: &str = "O(N) where N is the number of users";
const PER_RULE: &str = "O(N) where N is the number of rules";

/// A subcommand for everybody.
const fn sub(name: &'static str, arity: i32) -> Spec {
    Spec::new(name, arity).flags(&[LOADING, NOSCRIPT, STALE])
}

/// A subcommand that concerns all users.
const fn admin(name: &'static str, arity: i32) -> Spec {
    Spec::new(name, arity).flags(&[ADMIN, LOADING, NOSCRIPT, STALE])
}

const ACL: Command = Command::container(
    Spec::new("acl", -2).doc(
        GROUP,
        "6.0.0",
        "Depends on subcommand.",
        "A container for Access List Control commands.",
    ),
    &[
        Command::new(
            sub("acl|cat", -2)
                .doc(
                    GROUP,
                    "6.0.0",
                    "O(1) since the categories and commands are a fixed set.",
                    "Returns the categories, or the commands of one.",
                )
                .syntax("[category]"),
            tell::cat,
        ),
        Command::new(
            admin("acl|deluser", -3)
                .tips(ALL_NODES)
                .doc(
                    GROUP,
                    "6.0.0",
                    "O(1) amortized time considering the typical user.",
                    "Deletes users, and ends their connections.",
                )
                .syntax("username*"),
            users::deluser,
        ),
        Command::new(
            admin("acl|dryrun", -4)
                .doc(GROUP, "7.0.0", "O(1).", "Tells whether a user may run a command, without running it.")
                .syntax("username command [arg*]"),
            tell::dryrun,
        ),
        Command::new(
            sub("acl|genpass", -2)
                .doc(GROUP, "6.0.0", "O(1)", "Returns a random password.")
                .syntax("[bits:integer]"),
            tell::genpass,
        ),
        Command::new(
            admin("acl|getuser", 3)
                .doc(GROUP, "6.0.0", PER_RULE, "Returns the rules of a user.")
                .syntax("username"),
            users::getuser,
        ),
        Command::new(help::row("acl|help", GROUP, "6.0.0"), acl_help),
        Command::new(
            admin("acl|list", 2).doc(GROUP, "6.0.0", PER_USER, "Returns all users with their rules."),
            users::list,
        ),
        Command::new(
            admin("acl|load", 2).doc(GROUP, "6.0.0", PER_USER, "Reads the users from their file."),
            file::load,
        ),
        Command::new(
            admin("acl|log", -2)
                .doc(
                    GROUP,
                    "6.0.0",
                    "O(N) with N being the number of entries shown.",
                    "Returns what was refused lately, or forgets it.",
                )
                .syntax("[operation:<count:integer|RESET>]"),
            log::log,
        ),
        Command::new(
            admin("acl|save", 2).tips(ALL_NODES).doc(
                GROUP,
                "6.0.0",
                PER_USER,
                "Writes the users into their file.",
            ),
            file::save,
        ),
        Command::new(
            admin("acl|setuser", -3)
                .tips(ALL_NODES)
                .doc(GROUP, "6.0.0", PER_RULE, "Makes a user, or changes what one may do.")
                .syntax("username [rule*]"),
            users::setuser,
        ),
        Command::new(
            admin("acl|users", 2).doc(GROUP, "6.0.0", PER_USER, "Returns the names of all users."),
            users::users,
        ),
        Command::new(
            sub("acl|whoami", 2).doc(GROUP, "6.0.0", "O(1)", "Returns the connection's user."),
            users::whoami,
        ),
    ],
);

fn acl_help(call: &mut Call<'_>) -> Outcome {
    help::answer(
        call,
        &[
            ("CAT [<category>]", "The commands of a category, or all categories."),
            ("DELUSER <username> [<username> ...]", "Delete users."),
            ("DRYRUN <username> <command> [<arg> ...]", "Whether the user may run this command."),
            ("GETUSER <username>", "The user's rules."),
            ("GENPASS [<bits>]", "A random password of 256 bits, or as many as asked for."),
            ("LIST", "All users, as lines of a configuration file."),
            ("LOAD", "Read the users from their file."),
            ("LOG [<count> | RESET]", "What was refused lately; or forget it."),
            ("SAVE", "Write the users into their file."),
            ("SETUSER <username> <attribute> [<attribute> ...]", "Make a user, or change one."),
            ("USERS", "The names of all users."),
            ("WHOAMI", "The user of this connection."),
        ],
    )
}
