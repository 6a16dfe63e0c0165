//! Every error text that a client can see, byte for byte as Redis says it.

use std::borrow::Cow;

use crate::base::c_text::until_nul;
use crate::keyspace::WrongType;

/// Longest code of an error, in bytes.
const CODE_MAX: usize = 31;

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

    /// The code: the first word of the text; `ERR` if it has no code or none of a sensible length.
    pub fn code(&self) -> &[u8] {
        let space = self.0.iter().take(CODE_MAX).position(|&byte| byte == b' ');
        space.map_or(b"ERR", |end| &self.0[..end])
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

mod aof;
mod client;
mod permission;
mod refusal;
mod stream;

pub use aof::*;
pub use client::*;
pub use permission::*;
pub use refusal::*;
pub use stream::*;

texts! {
    /// An option that is unknown, incomplete or contradicts another.
    SYNTAX = "ERR syntax error";
    /// The key holds another type.
    WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value";
    /// RESTORE of a key that is there.
    BUSY_KEY = "BUSYKEY Target key name already exists.";
    /// RESTORE with a time to live below zero.
    TTL_NEGATIVE = "ERR Invalid TTL value, must be >= 0";
    /// RESTORE with IDLETIME below zero.
    IDLETIME_NEGATIVE = "ERR Invalid IDLETIME value, must be >= 0";
    /// RESTORE with FREQ beyond a byte.
    FREQ_OUT_OF_RANGE = "ERR Invalid FREQ value, must be >= 0 and <= 255";
    /// RESTORE of what is no payload of DUMP, or of a later version.
    PAYLOAD_FOOTER = "ERR DUMP payload version or checksum are wrong";
    /// RESTORE of a payload whose value is damaged.
    PAYLOAD_DATA = "ERR Bad data format";
    /// MIGRATE with a key and with KEYS.
    MIGRATE_KEY_AND_KEYS = "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string";
    /// MIGRATE to a server that doesn't answer.
    MIGRATE_CONNECTING = "IOERR error or timeout connecting to the client";
    /// MIGRATE to a server that stopped taking data.
    MIGRATE_WRITING = "IOERR error or timeout writing to target instance";
    /// MIGRATE to a server that stopped replying.
    MIGRATE_READING = "IOERR error or timeout reading to target instance";
    /// Not a canonical 64-bit integer.
    NOT_AN_INTEGER = "ERR value is not an integer or out of range";
    /// Not a double.
    NOT_A_FLOAT = "ERR value is not a valid float";
    /// Below zero where only zero and more is allowed.
    NOT_POSITIVE = "ERR value is out of range, must be positive";
    /// The value at the key is no number of the kind.
    HASH_NOT_AN_INTEGER = "ERR hash value is not an integer";
    /// HINCRBYFLOAT of a field that holds no number.
    HASH_NOT_A_FLOAT = "ERR hash value is not a float";
    /// HINCRBYFLOAT by what is no finite number.
    NAN_OR_INFINITY = "ERR value is NaN or Infinity";
    /// HEXPIRE and its kin with a time below zero.
    FIELD_EXPIRE_NEGATIVE = "ERR invalid expire time, must be >= 0";
    /// HEXPIRE, HTTL and their kin without FIELDS.
    FIELDS_MISSING = "ERR Mandatory argument FIELDS is missing or not at the right position";
    /// HEXPIRE and its kin with a count of fields that is no number above zero.
    NUMFIELDS_NOT_POSITIVE = "ERR Parameter `numFields` should be greater than 0";
    /// The same of HTTL, HPERSIST and their kin.
    FIELD_COUNT_NOT_POSITIVE = "ERR Number of fields must be a positive integer";
    /// A count of fields that isn't how many there are.
    NUMFIELDS_MISMATCH = "ERR The `numfields` parameter must match the number of arguments";
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
    /// A function runs for longer than `busy-reply-threshold`.
    BUSY_FUNCTION = "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";
    /// LPOS with RANK 0.
    RANK_ZERO = "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list";
    /// COUNT below zero, or no integer.
    COUNT_NEGATIVE = "ERR COUNT can't be negative";
    /// MAXLEN below zero, or no integer.
    MAXLEN_NEGATIVE = "ERR MAXLEN can't be negative";
    /// A key count of zero where one is needed.
    NUMKEYS_NOT_POSITIVE = "ERR numkeys should be greater than 0";
    /// SINTERCARD of more keys than there are arguments.
    NUMKEYS_TOO_LARGE = "ERR Number of keys can't be greater than number of args";
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
    /// CLIENT UNBLOCK ... ERROR, to the client that was blocked.
    UNBLOCKED = "UNBLOCKED client unblocked via CLIENT UNBLOCK";
    /// Not the ID of a stream's entry.
    INVALID_STREAM_ID = "ERR Invalid stream ID specified as stream command argument";
    /// `(` before the last ID there is.
    NO_ID_AFTER_START = "ERR invalid start ID for the interval";
    /// `(` before the first ID there is.
    NO_ID_BEFORE_END = "ERR invalid end ID for the interval";
    /// XADD of 0-0.
    XADD_ZERO_ID = "ERR The ID specified in XADD must be greater than 0-0";
    /// XADD below the last ID.
    XADD_ID_NOT_GREATER = "ERR The ID specified in XADD is equal or smaller than the target stream top item";
    /// XADD to a stream whose last ID is the last there is.
    XADD_EXHAUSTED = "ERR The stream has exhausted the last possible ID, unable to add more items";
    /// XADD of more than 1 GB.
    XADD_TOO_LARGE = "ERR Elements are too large to be stored";
    /// Two trimming strategies.
    TRIM_TWICE = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible";
    /// MAXLEN below zero.
    TRIM_MAXLEN_NEGATIVE = "ERR The MAXLEN argument must be >= 0.";
    /// LIMIT of a trim below zero.
    TRIM_LIMIT_NEGATIVE = "ERR The LIMIT argument must be >= 0.";
    /// LIMIT without MAXLEN and MINID.
    TRIM_LIMIT_ALONE = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy";
    /// LIMIT of an exact trim.
    TRIM_LIMIT_EXACT = "ERR syntax error, LIMIT cannot be used without the special ~ option";
    /// XTRIM without MAXLEN and MINID.
    XTRIM_WITHOUT_STRATEGY = "ERR syntax error, XTRIM must be called with a trimming strategy";
    /// XSETID's ENTRIESADDED below zero.
    XSETID_ADDED_NEGATIVE = "ERR entries_added must be positive";
    /// XSETID below its own MAXDELETEDID.
    XSETID_BELOW_GIVEN_DELETED = "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id";
    /// XSETID below an ID that was deleted.
    XSETID_BELOW_DELETED = "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id";
    /// XSETID below the last entry.
    XSETID_BELOW_TOP = "ERR The ID specified in XSETID is smaller than the target stream top item";
    /// XSETID with fewer entries ever added than there are.
    XSETID_ADDED_BELOW_LENGTH = "ERR The entries_added specified in XSETID is smaller than the target stream length";
    /// XREAD with GROUP.
    XREAD_GROUP = "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.";
    /// XREAD with NOACK.
    XREAD_NOACK = "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.";
    /// XREADGROUP without GROUP.
    XREADGROUP_WITHOUT_GROUP = "ERR Missing GROUP option for XREADGROUP";
    /// XREADGROUP of `$`.
    XREADGROUP_DOLLAR = "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.";
    /// XREADGROUP of `+`.
    XREADGROUP_PLUS = "ERR The + ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The + ID would just return an empty result set.";
    /// XREAD of `>`.
    XREAD_NEW = "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.";
    /// XREAD of `+` where nothing was ever added.
    XREAD_NO_LAST = "ERR the stream last element ID is 0-0";
    /// XGROUP on an absent key.
    XGROUP_NO_KEY = "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.";
    /// ENTRIESREAD below -1.
    ENTRIESREAD_NEGATIVE = "ERR value for ENTRIESREAD must be positive or -1";
    /// XGROUP CREATE of a group that exists.
    BUSYGROUP = "BUSYGROUP Consumer Group name already exists";
    /// XCLAIM's idle time is no integer.
    XCLAIM_MIN_IDLE = "ERR Invalid min-idle-time argument for XCLAIM";
    /// XCLAIM's IDLE is no integer.
    XCLAIM_IDLE = "ERR Invalid IDLE option argument for XCLAIM";
    /// XCLAIM's TIME is no integer.
    XCLAIM_TIME = "ERR Invalid TIME option argument for XCLAIM";
    /// XCLAIM's RETRYCOUNT is no integer.
    XCLAIM_RETRYCOUNT = "ERR Invalid RETRYCOUNT option argument for XCLAIM";
    /// XAUTOCLAIM's idle time is no integer.
    XAUTOCLAIM_MIN_IDLE = "ERR Invalid min-idle-time argument for XAUTOCLAIM";
    /// XAUTOCLAIM's COUNT is no integer, below one, or far too large.
    XAUTOCLAIM_COUNT = "ERR COUNT must be > 0";
    /// XAUTOCLAIM's COUNT is more than any memory could answer.
    XAUTOCLAIM_NO_MEMORY = "ERR Insufficient memory, failed allocating transient memory, COUNT too high.";
    /// A string that is no HyperLogLog.
    NOT_AN_HLL = "WRONGTYPE Key is not a valid HyperLogLog string value.";
    /// A HyperLogLog whose registers make no sense.
    CORRUPTED_HLL = "INVALIDOBJ Corrupted HLL object detected";
    /// PFDEBUG of an absent key.
    NO_SUCH_HLL = "ERR The specified key does not exist";
    /// PFDEBUG DECODE of a dense one.
    HLL_NOT_SPARSE = "ERR HLL encoding is not sparse";
    /// SORT without ALPHA of what isn't numbers.
    SORT_NOT_NUMBERS = "ERR One or more scores can't be converted into double";
    /// A count of zero where one at least is needed.
    COUNT_NOT_POSITIVE = "ERR count should be greater than 0";
    /// A number of random elements beyond what a reply may hold.
    OUT_OF_RANGE = "ERR value is out of range";
    /// SINTERCARD, ZINTERCARD with a LIMIT that is no number or below zero.
    LIMIT_NEGATIVE = "ERR LIMIT can't be negative";
    /// A weight that is no number.
    WEIGHT_NOT_FLOAT = "ERR weight value is not a float";
    /// An end of a range of scores that is no number.
    NOT_A_SCORE_RANGE = "ERR min or max is not a float";
    /// An end of a range of members without its mark.
    NOT_A_LEX_RANGE = "ERR min or max not valid string range item";
    /// A score, or a sum of scores, that is no number.
    SCORE_NAN = "ERR resulting score is not a number (NaN)";
    /// ZADD's NX with XX.
    ZADD_NX_AND_XX = "ERR XX and NX options at the same time are not compatible";
    /// ZADD's GT with LT, or one of them with NX.
    ZADD_GT_LT_NX = "ERR GT, LT, and/or NX options at the same time are not compatible";
    /// ZADD's INCR with several members.
    ZADD_INCR_PAIRS = "ERR INCR option supports a single increment-element pair";
    /// LIMIT of a range of ranks.
    LIMIT_WITHOUT_BY = "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";
    /// WITHSCORES of a range of members.
    WITHSCORES_BY_LEX = "ERR syntax error, WITHSCORES not supported in combination with BYLEX";
    /// A distance in another unit than m, km, ft or mi.
    GEO_UNIT = "ERR unsupported unit provided. please use M, KM, FT, MI";
    /// A radius that is no number.
    GEO_RADIUS_NOT_FLOAT = "ERR need numeric radius";
    /// A radius below zero.
    GEO_RADIUS_NEGATIVE = "ERR radius cannot be negative";
    /// A width that is no number.
    GEO_WIDTH_NOT_FLOAT = "ERR need numeric width";
    /// A height that is no number.
    GEO_HEIGHT_NOT_FLOAT = "ERR need numeric height";
    /// A box with a side below zero.
    GEO_BOX_NEGATIVE = "ERR height or width cannot be negative";
    /// A search from a member that is not there.
    GEO_NO_MEMBER = "ERR could not decode requested zset member";
    /// COUNT of zero or less.
    GEO_COUNT = "ERR COUNT must be > 0";
    /// ANY without COUNT.
    GEO_ANY_WITHOUT_COUNT = "ERR the ANY argument requires COUNT argument";
    /// GEOSEARCHSTORE with options about the reply.
    GEOSEARCHSTORE_WITH = "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options";
    /// GEORADIUS STORE with options about the reply.
    GEORADIUS_STORE_WITH = "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options";
    /// DEBUG QUICKLIST-PACKED-THRESHOLD of 4 GB and more.
    PACKED_THRESHOLD = "ERR argument must be a memory value bigger than 1 and smaller than 4gb";
    /// DEBUG LISTPACK of a value in another form.
    NOT_A_LISTPACK = "ERR Not a listpack encoded object.";
    /// FCALL of a function that isn't there.
    FUNCTION_NOT_FOUND = "ERR Function not found";
    /// FCALL with a count of keys that is none.
    FUNCTION_KEYS = "ERR Bad number of keys provided";
    /// FUNCTION RESTORE with another word than FLUSH, APPEND or REPLACE.
    FUNCTION_RESTORE_POLICY = "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.";
    /// FUNCTION DELETE of a library that isn't there.
    LIBRARY_NOT_FOUND = "ERR Library not found";
    /// FUNCTION FLUSH with another word than SYNC or ASYNC.
    FUNCTION_FLUSH_MODE = "ERR FUNCTION FLUSH only supports SYNC|ASYNC option";
    /// FUNCTION LIST LIBRARYNAME without a pattern.
    LIBRARY_NAME_MISSING = "ERR library name argument was not given";
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
    /// SCRIPT DEBUG YES or SYNC: there is no debugger.
    SCRIPT_DEBUG = "ERR SCRIPT DEBUG is not supported by this server";
    /// SCRIPT DEBUG with another mode.
    SCRIPT_DEBUG_MODE = "ERR Use SCRIPT DEBUG YES/SYNC/NO";
    /// SCRIPT KILL while no script runs.
    NOTBUSY = "NOTBUSY No scripts in execution right now.";
    /// SCRIPT KILL of a script that has written.
    UNKILLABLE = "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.";
    /// COMMAND GETKEYS of a command that doesn't exist.
    INVALID_COMMAND = "ERR Invalid command specified";
    /// COMMAND GETKEYS of a command without keys.
    NO_KEY_ARGUMENTS = "ERR The command has no key arguments";
    /// COMMAND GETKEYS of a command with too few or too many arguments.
    WRONG_NUMBER_OF_ARGUMENTS = "ERR Invalid number of arguments specified for command";
    /// COMMAND GETKEYS of arguments among which no key can be found.
    INVALID_ARGUMENTS = "ERR Invalid arguments specified for command";
    /// CLUSTER, READONLY and others without cluster mode.
    CLUSTER_DISABLED = "ERR This instance has cluster support disabled";
    /// SLOWLOG GET with a count below -1.
    SLOWLOG_COUNT = "ERR count should be greater than or equal to -1";
    /// REPLICAOF with a port outside 0 to 65535.
    INVALID_PRIMARY_PORT = "ERR Invalid master port";
    /// REPLICAOF of a server.
    NO_REPLICATION = "ERR This version of Redstart doesn't replicate: only REPLICAOF NO ONE is possible";
    /// MODULE LOAD and its kin.
    NO_MODULES = "ERR Redstart doesn't load modules";
    /// EXPIRE with NX and another condition.
    NX_WITH_OTHERS = "ERR NX and XX, GT or LT options at the same time are not compatible";
    /// EXPIRE with GT and LT.
    GT_WITH_LT = "ERR GT and LT options at the same time are not compatible";
    /// SCAN, SSCAN or ZSCAN with an option of HSCAN.
    NOVALUES = "ERR NOVALUES option can only be used in HSCAN";
    /// SWAPDB whose first argument is no number of 32 bits.
    INVALID_FIRST_DB = "ERR invalid first DB index";
    /// SWAPDB whose second argument is no number of 32 bits.
    INVALID_SECOND_DB = "ERR invalid second DB index";
    /// OBJECT IDLETIME where access clocks hold LFU counters.
    NO_IDLE_TIME = "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.";
    /// OBJECT FREQ where access clocks hold LRU seconds.
    NO_FREQUENCY = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.";
    /// The number of a bit that is none, or lies beyond `proto-max-bulk-len`.
    BIT_OFFSET = "ERR bit offset is not an integer or out of range";
    /// SETBIT of something other than 0 and 1.
    BIT_VALUE = "ERR bit is not an integer or out of range";
    /// BITPOS of something other than 0 and 1.
    BIT_ARGUMENT = "ERR The bit argument must be 1 or 0.";
    /// BITOP NOT of several keys.
    BITOP_NOT = "ERR BITOP NOT must be called with a single source key.";
    /// A type of a field that is none.
    BITFIELD_TYPE = "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";
    /// BITFIELD OVERFLOW with an unknown word.
    BITFIELD_OVERFLOW = "ERR Invalid OVERFLOW type specified";
    /// BITFIELD_RO with more than GET.
    BITFIELD_RO_WRITES = "ERR BITFIELD_RO only supports the GET subcommand";
    /// A timeout that is no integer.
    TIMEOUT_NOT_INTEGER = "ERR timeout is not an integer or out of range";
    /// WAITAOF for the own AOF where there is none.
    WAITAOF_WITHOUT_AOF = "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";
    /// DEBUG PROTOCOL of an unknown type.
    DEBUG_PROTOCOL = "ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false";
    /// DEBUG PROTOCOL of a type that only RESP3 has.
    DEBUG_PROTOCOL_RESP2 = "ERR RESP2 is not supported by this command";
    /// MEMORY PURGE that the allocator refused.
    PURGE_FAILED = "ERR Error purging dirty pages";
    /// A handler panicked; the log has the details.
    INTERNAL = "ERR internal error, see the server log";
}

texts! {
    /// SSUBSCRIBE within MULTI.
    SSUBSCRIBE_IN_TRANSACTION = "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client";
    /// SHUTDOWN ABORT.
    NO_SHUTDOWN = "ERR No shutdown in progress.";
    /// SHUTDOWN that has not saved what it had to.
    SHUTDOWN_FAILED = "ERR Errors trying to SHUTDOWN. Check logs.";
    /// SAVE or BGSAVE during another.
    SAVE_IN_PROGRESS = "ERR Background save already in progress";
    /// BGSAVE while something else has the snapshot.
    REWRITE_IN_PROGRESS = "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible.";
    /// Only the log says more.
    FAILED = "ERR";
    /// A write while snapshots fail.
    MISCONF = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.";
    /// Before the data is there.
    LOADING = "LOADING Redis is loading the dataset in memory";
    /// DEBUG RELOAD with another option.
    RELOAD_OPTION = "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.";
    /// DEBUG RELOAD of a file that is damaged.
    RELOAD_FAILED = "ERR Error trying to load the RDB dump, check server logs.";
}

/// `ERR No such user 'x'`.
pub fn no_such_user(name: &[u8]) -> Error {
    quoting("ERR No such user '", name, "'")
}

/// `ERR Unrecognized option 'x'`.
pub fn unrecognized_option(option: &[u8]) -> Error {
    quoting("ERR Unrecognized option '", option, "'")
}

/// An argument between two texts; it ends at a zero byte to the functions with which Redis makes its own.
fn quoting(before: &str, arg: &[u8], after: &str) -> Error {
    Error::new([before.as_bytes(), until_nul(arg), after.as_bytes()].concat())
}

/// What Redis shows of an argument in a text that has room for so many bytes of it.
fn up_to(room: usize, arg: &[u8]) -> &[u8] {
    until_nul(&arg[..arg.len().min(room)])
}

/// `ERR at least 1 input key is needed for 'x' command`.
pub fn no_input_key(name: &str) -> Error {
    Error::new(format!("ERR at least 1 input key is needed for '{name}' command"))
}

/// A position outside of what can be stored.
pub fn invalid_position(longitude: f64, latitude: f64) -> Error {
    Error::new(format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}"))
}

/// GEOSEARCH without a centre, or with two.
pub fn geo_needs_centre(name: &[u8]) -> Error {
    let mut text = b"ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ".to_vec();
    text.extend_from_slice(name);
    Error::new(text)
}

/// GEOSEARCH without a shape, or with two.
pub fn geo_needs_shape(name: &[u8]) -> Error {
    let mut text = b"ERR exactly one of BYRADIUS and BYBOX can be specified for ".to_vec();
    text.extend_from_slice(name);
    Error::new(text)
}

/// What the target of MIGRATE replied.
pub fn target_replied(text: &[u8]) -> Error {
    quoting("ERR Target instance replied with error: ", text, "")
}

/// EXEC is refused, for a reason that stands for itself elsewhere.
pub fn exec_refused(reason: &Error) -> Error {
    let reason = reason.text();
    let reason = reason.strip_prefix(b"ERR ").unwrap_or(reason);
    Error::new([b"EXECABORT Transaction discarded because of: ", reason].concat())
}

/// FUNCTION LOAD with another word than REPLACE.
pub fn function_load_option(word: &[u8]) -> Error {
    quoting("ERR Unknown option given: ", word, "")
}

/// `ERR Unknown argument x`.
pub fn unknown_argument(word: &[u8]) -> Error {
    quoting("ERR Unknown argument ", word, "")
}

/// `ERR wrong number of arguments for 'x' command`.
pub fn wrong_arity(name: &str) -> Error {
    Error::new(format!("ERR wrong number of arguments for '{name}' command"))
}

/// `ERR invalid expire time in 'x' command`.
pub fn invalid_expire(name: &str) -> Error {
    Error::new(format!("ERR invalid expire time in '{name}' command"))
}

/// `ERR Unknown PFDEBUG subcommand 'x'`.
pub fn unknown_pfdebug(sub: &[u8]) -> Error {
    quoting("ERR Unknown PFDEBUG subcommand '", sub, "'")
}

/// `ERR TESTFAILED x`.
pub fn hll_self_test(what: impl std::fmt::Display) -> Error {
    Error::new(format!("ERR TESTFAILED {what}"))
}

/// `ERR Unsupported option x`.
pub fn unsupported_option(option: &[u8]) -> Error {
    quoting("ERR Unsupported option ", option, "")
}

/// `ERR x command not allowed. If the enable-x-command option is set to "local", ...`
pub fn protected_command(name: &str) -> Error {
    Error::new(format!(
        "ERR {} command not allowed. If the enable-{name}-command option is set to \"local\", you can run it from \
         a local connection, otherwise you need to set this option in the configuration file, and then restart the \
         server.",
        name.to_uppercase()
    ))
}

/// A subcommand of DEBUG that Redis has and this server doesn't.
pub fn debug_unsupported(name: &[u8]) -> Error {
    Error::new([b"ERR DEBUG ", &*name.to_ascii_uppercase(), b" is not supported by Redstart"].concat())
}

/// `ERR unknown command 'x', with args beginning with: 'a' 'b' `.
pub fn unknown_command(args: &[&[u8]]) -> Error {
    let mut text = b"ERR unknown command '".to_vec();
    text.extend_from_slice(up_to(128, args[0]));
    text.extend_from_slice(b"', with args beginning with: ");
    let mut shown = 0;
    for arg in &args[1..] {
        if shown >= 128 {
            break;
        }
        let clipped = up_to(128 - shown, arg);
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
    text.extend_from_slice(up_to(128, sub));
    text.extend_from_slice(format!("'. Try {} HELP.", container.to_uppercase()).as_bytes());
    Error::new(text)
}

/// `ERR unknown subcommand or wrong number of arguments for 'x'. Try CONTAINER HELP.`
pub fn subcommand_syntax(args: &[&[u8]]) -> Error {
    let mut text = b"ERR unknown subcommand or wrong number of arguments for '".to_vec();
    text.extend_from_slice(up_to(128, args[1]));
    text.extend_from_slice(b"'. Try ");
    text.extend_from_slice(&args[0].to_ascii_uppercase());
    text.extend_from_slice(b" HELP.");
    Error::new(text)
}

/// `ERR No samples available for event 'x'`.
pub fn no_latency_samples(event: &[u8]) -> Error {
    quoting("ERR No samples available for event '", event, "'")
}
