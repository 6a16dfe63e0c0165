//! What is said about users and what they may do.

use super::Error;

texts! {
    /// A key that the user may not use.
    NO_KEY_PERMISSION = "NOPERM No permissions to access a key";
    /// A channel that the user may not use.
    NO_CHANNEL_PERMISSION = "NOPERM No permissions to access a channel";
    /// The same in a script.
    SCRIPT_NO_KEY_PERMISSION = "ERR ACL failure in script: No permissions to access a key";
    /// The same in a script.
    SCRIPT_NO_CHANNEL_PERMISSION = "ERR ACL failure in script: No permissions to access a channel";
    /// EXEC of a command that isn't allowed any more.
    QUEUED_COMMAND_DENIED = "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer allowed for the following reason: no permission to execute the command or subcommand";
    /// The same because of its keys.
    QUEUED_KEY_DENIED = "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer allowed for the following reason: no permission to touch the specified keys";
    /// The same because of its channels.
    QUEUED_CHANNEL_DENIED = "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer allowed for the following reason: no permission to access one of the channels used as arguments";
    /// SORT BY for a user who may not read all keys.
    SORT_BY_DENIED = "ERR BY option of SORT denied due to insufficient ACL permissions.";
    /// SORT GET for such a user.
    SORT_GET_DENIED = "ERR GET option of SORT denied due to insufficient ACL permissions.";
    /// ACL SETUSER of a name that would break a line.
    USERNAME_BLANKS = "ERR Usernames can't contain spaces or null characters";
    /// ACL DELUSER default.
    DEFAULT_USER_STAYS = "ERR The 'default' user cannot be removed";
    /// ACL SAVE and LOAD without a file.
    NO_ACL_FILE = "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration.";
    /// ACL SAVE that failed.
    ACL_SAVE = "ERR There was an error trying to save the ACLs. Please check the server logs for more information";
    /// ACL GENPASS of too many bits or none.
    GENPASS_BITS = "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096";
}

/// `User u has no permissions to run the 'x' command`, or to access a key or a channel.
pub fn has_no_permissions(user: &[u8], verb: &str, what: &[u8], noun: &str) -> Vec<u8> {
    let verb = format!(" has no permissions to {verb} the '");
    [b"User ", user, verb.as_bytes(), what, b"' ", noun.as_bytes()].concat()
}

fn command_denied(before: &str, user: &[u8], name: &str) -> Error {
    let text = has_no_permissions(user, "run", name.as_bytes(), "command");
    Error::new([before.as_bytes(), &text].concat())
}

/// `NOPERM User u has no permissions to run the 'x' command`.
pub fn may_not_run(user: &[u8], name: &str) -> Error {
    command_denied("NOPERM ", user, name)
}

/// `ERR ACL failure in script: User u has no permissions to run the 'x' command`.
pub fn script_may_not_run(user: &[u8], name: &str) -> Error {
    command_denied("ERR ACL failure in script: ", user, name)
}

/// `ERR Unknown category 'x'`.
pub fn unknown_category(name: &[u8]) -> Error {
    super::quoting("ERR Unknown category '", super::up_to(128, name), "'")
}

/// `ERR User 'x' not found`.
pub fn user_not_found(name: &[u8]) -> Error {
    super::quoting("ERR User '", name, "' not found")
}

/// `ERR Command 'x' not found`.
pub fn command_not_found(name: &[u8]) -> Error {
    super::quoting("ERR Command '", name, "' not found")
}
