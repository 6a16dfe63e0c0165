//! Every error text that a client can see, byte for byte as Redis says it.

use std::borrow::Cow;

use crate::keyspace::WrongType;

/// An error reply: its text with the code in front, without `-` and line end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error(Cow<'static, [u8]>);

impl Error {
    /// A text known at compile time.
    pub const fn fixed(text: &'static str) -> Error {
        Error(Cow::Borrowed(text.as_bytes()))
    }

    /// A text made at run time.
    pub fn new(text: impl Into<Vec<u8>>) -> Error {
        Error(Cow::Owned(text.into()))
    }

    /// The text, the code in front.
    pub fn text(&self) -> &[u8] {
        &self.0
    }

    /// The code: the first word of the text.
    pub fn code(&self) -> &[u8] {
        self.0.split(|&byte| byte == b' ').next().unwrap_or_default()
    }
}

impl From<WrongType> for Error {
    fn from(_: WrongType) -> Error {
        WRONG_TYPE
    }
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: Error = Error::fixed($text);)*
    };
}

texts! {
    /// An option that is unknown, incomplete or contradicts another.
    SYNTAX = "ERR syntax error";
    /// The key holds another type.
    WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value";
    /// Not a canonical 64-bit integer.
    NOT_AN_INTEGER = "ERR value is not an integer or out of range";
    /// Not a double.
    NOT_A_FLOAT = "ERR value is not a valid float";
    /// Below zero where only zero and more is allowed.
    NOT_POSITIVE = "ERR value is out of range, must be positive";
    /// The value at the key is no number of the kind.
    HASH_NOT_AN_INTEGER = "ERR hash value is not an integer";
    /// RENAME, OBJECT and others on an absent key.
    NO_SUCH_KEY = "ERR no such key";
    /// A result beyond 64 bits.
    INCR_OVERFLOW = "ERR increment or decrement would overflow";
    /// DECRBY of the smallest integer.
    DECR_OVERFLOW = "ERR decrement would overflow";
    /// A result that is no finite number.
    INCR_NAN = "ERR increment would produce NaN or Infinity";
    /// A string beyond `proto-max-bulk-len`.
    STRING_TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    /// SELECT, MOVE, COPY, SWAPDB.
    DB_OUT_OF_RANGE = "ERR DB index is out of range";
    /// MOVE or COPY onto itself.
    SAME_OBJECT = "ERR source and destination objects are the same";
    /// An index beyond both ends.
    INDEX_OUT_OF_RANGE = "ERR index out of range";
    /// An offset below zero.
    OFFSET_OUT_OF_RANGE = "ERR offset is out of range";
    /// A cursor that is no number.
    INVALID_CURSOR = "ERR invalid cursor";
    /// AUTH without a password being set.
    AUTH_NOT_SET = "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?";
    /// A wrong user name or password.
    WRONG_PASSWORD = "WRONGPASS invalid username-password pair or user is disabled.";
    /// Anything before AUTH.
    NOAUTH = "NOAUTH Authentication required.";
    /// HELLO before AUTH.
    NOAUTH_HELLO = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time";
    /// HELLO with another version than 2 or 3.
    NOPROTO = "NOPROTO unsupported protocol version";
    /// No memory left and nothing may be evicted.
    OOM = "OOM command not allowed when used memory > 'maxmemory'.";
    /// An expiry that can't be represented is told by `invalid_expire`.
    TIMEOUT_NEGATIVE = "ERR timeout is negative";
    /// A timeout that is no number.
    TIMEOUT_NOT_FLOAT = "ERR timeout is not a float or out of range";
    /// A timeout beyond 64 bits of ms.
    TIMEOUT_OUT_OF_RANGE = "ERR timeout is out of range";
    /// A script has been running for too long.
    BUSY = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
    /// A key count of zero where one is needed.
    NUMKEYS_NOT_POSITIVE = "ERR numkeys should be greater than 0";
    /// A command that MULTI can't queue.
    NOT_IN_TRANSACTION = "ERR Command not allowed inside a transaction";
    /// MULTI within MULTI.
    NESTED_MULTI = "ERR MULTI calls can not be nested";
    /// EXEC without MULTI.
    EXEC_WITHOUT_MULTI = "ERR EXEC without MULTI";
    /// DISCARD without MULTI.
    DISCARD_WITHOUT_MULTI = "ERR DISCARD without MULTI";
    /// WATCH within MULTI.
    WATCH_IN_MULTI = "ERR WATCH inside MULTI is not allowed";
    /// EXEC after a command was refused.
    EXECABORT = "EXECABORT Transaction discarded because of previous errors.";
    /// A blocked client whose key has gone or changed its type.
    UNBLOCKED = "UNBLOCKED client unblocked via CLIENT UNBLOCK";
    /// LCS of a key that holds no string.
    LCS_NOT_STRINGS = "ERR The specified keys must contain string values";
    /// LCS with LEN and IDX.
    LCS_LEN_AND_IDX = "ERR If you want both the length and indexes, please just use IDX.";
    /// LCS of strings close to 4 GB.
    LCS_TOO_LONG = "ERR String too long for LCS";
    /// LCS whose table would be too large.
    LCS_NO_MEMORY = "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
    /// EVALSHA of a script that the server doesn't know.
    NOSCRIPT = "NOSCRIPT No matching script. Please use EVAL.";
    /// EVAL with fewer arguments than keys.
    SCRIPT_KEYS_BEYOND_ARGS = "ERR Number of keys can't be greater than number of args";
    /// EVAL with a count of keys below zero.
    SCRIPT_KEYS_NEGATIVE = "ERR Number of keys can't be negative";
    /// A script that may write, run by a read-only command.
    SCRIPT_WRITES_IN_RO = "ERR Can not execute a script with write flag using *_ro command.";
    /// A script calls what is no command.
    SCRIPT_UNKNOWN_COMMAND = "ERR Unknown Redis command called from script";
    /// A script calls a command with too few or too many arguments.
    SCRIPT_WRONG_ARITY = "ERR Wrong number of args calling Redis command from script";
    /// A script calls a command that scripts may not call.
    SCRIPT_COMMAND_NOT_ALLOWED = "ERR This Redis command is not allowed from script";
    /// A read-only script calls a command that writes.
    SCRIPT_MAY_NOT_WRITE = "ERR Write commands are not allowed from read-only scripts.";
    /// SCRIPT FLUSH with another mode.
    SCRIPT_FLUSH_MODE = "ERR SCRIPT FLUSH only support SYNC|ASYNC option";
    /// SCRIPT DEBUG, which there isn't.
    SCRIPT_DEBUG = "ERR SCRIPT DEBUG is not supported by this server";
    /// SCRIPT KILL while no script runs.
    NOTBUSY = "NOTBUSY No scripts in execution right now.";
    /// SCRIPT KILL of a script that has written.
    UNKILLABLE = "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.";
    /// A handler panicked; the log has the details.
    INTERNAL = "ERR internal error, see the server log";
}

/// `ERR wrong number of arguments for 'x' command`.
pub fn wrong_arity(name: &str) -> Error {
    Error::new(format!("ERR wrong number of arguments for '{name}' command"))
}

/// `ERR invalid expire time in 'x' command`.
pub fn invalid_expire(name: &str) -> Error {
    Error::new(format!("ERR invalid expire time in '{name}' command"))
}

/// `ERR unknown command 'x', with args beginning with: 'a' 'b' `.
pub fn unknown_command(args: &[&[u8]]) -> Error {
    let mut text = b"ERR unknown command '".to_vec();
    text.extend_from_slice(&args[0][..args[0].len().min(128)]);
    text.extend_from_slice(b"', with args beginning with: ");
    let mut shown = 0;
    for arg in &args[1..] {
        if shown >= 128 {
            break;
        }
        let clipped = &arg[..arg.len().min(128 - shown)];
        text.push(b'\'');
        text.extend_from_slice(clipped);
        text.extend_from_slice(b"' ");
        shown += clipped.len() + 3;
    }
    Error::new(text)
}

/// `ERR unknown subcommand 'x'. Try CONTAINER HELP.`
pub fn unknown_subcommand(container: &str, sub: &[u8]) -> Error {
    let mut text = b"ERR unknown subcommand '".to_vec();
    text.extend_from_slice(&sub[..sub.len().min(128)]);
    text.extend_from_slice(format!("'. Try {} HELP.", container.to_uppercase()).as_bytes());
    Error::new(text)
}
