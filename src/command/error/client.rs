//! The texts about connections: HELLO, CLIENT, what subscribers and monitors may do.

use super::{Error, quoting};
use crate::base::c_text::until_nul;

texts! {
    /// HELLO with a version that is no number.
    PROTOCOL_NOT_AN_INTEGER = "ERR Protocol version is not an integer or out of range";
    /// CLIENT SETNAME.
    CLIENT_NAME = "ERR Client names cannot contain spaces, newlines or special characters.";
    /// CLIENT LIST ID.
    INVALID_CLIENT_ID = "ERR Invalid client ID";
    /// CLIENT KILL of an address that nobody has.
    NO_SUCH_CLIENT = "ERR No such client";
    /// CLIENT KILL ID.
    CLIENT_ID_NOT_POSITIVE = "ERR client-id should be greater than 0";
    /// CLIENT KILL MAXAGE.
    MAXAGE_NOT_AN_INTEGER = "ERR maxage is not an integer or out of range";
    /// CLIENT KILL MAXAGE.
    MAXAGE_NOT_POSITIVE = "ERR maxage should be greater than 0";
    /// CLIENT PAUSE.
    PAUSE_MODE = "ERR CLIENT PAUSE mode must be WRITE or ALL";
    /// CLIENT TRACKING with two REDIRECT.
    REDIRECT_TWICE = "ERR A client can only redirect to a single other client";
    /// CLIENT TRACKING REDIRECT to nobody.
    NO_REDIRECT_TARGET = "ERR The client ID you want redirect to does not exist";
    /// CLIENT TRACKING PREFIX.
    PREFIX_WITHOUT_BCAST = "ERR PREFIX option requires BCAST mode to be enabled";
    /// CLIENT TRACKING into or out of broadcast mode.
    TRACKING_BCAST_SWITCH = "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.";
    /// CLIENT TRACKING BCAST OPTIN.
    TRACKING_OPT_WITH_BCAST = "ERR OPTIN and OPTOUT are not compatible with BCAST";
    /// CLIENT TRACKING OPTIN OPTOUT.
    TRACKING_BOTH_OPTS = "ERR You can't specify both OPTIN mode and OPTOUT mode";
    /// CLIENT TRACKING from OPTIN to OPTOUT or back.
    TRACKING_OPT_SWITCH = "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.";
    /// CLIENT CACHING without tracking.
    CACHING_WITHOUT_TRACKING = "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled";
    /// CLIENT CACHING YES where keys are tracked anyway.
    CACHING_YES = "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.";
    /// CLIENT CACHING NO where no key is tracked.
    CACHING_NO = "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.";
    /// MONITOR within MULTI.
    MONITOR_IN_TRANSACTION = "ERR MONITOR isn't allowed for DENY BLOCKING client";
    /// A monitor that wants to work with keys.
    MONITOR_TOUCHES_KEYS = "ERR Replica can't interact with the keyspace";
    /// CLIENT UNBLOCK.
    UNBLOCK_REASON = "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR";
}

/// `ERR Syntax error in HELLO option 'x'`.
pub fn hello_option(option: &[u8]) -> Error {
    quoting("ERR Syntax error in HELLO option '", option, "'")
}

/// `ERR Unknown client type 'x'`.
pub fn unknown_client_type(name: &[u8]) -> Error {
    quoting("ERR Unknown client type '", name, "'")
}

/// `ERR lib-name cannot contain spaces, newlines or special characters.`
pub fn attribute_characters(attribute: &[u8]) -> Error {
    quoting("ERR ", attribute, " cannot contain spaces, newlines or special characters.")
}

/// `ERR Prefix 'a' overlaps with an existing prefix 'b'. ...`; `which` prefix the other one is.
pub fn prefix_overlaps(prefix: &[u8], which: &str, other: &[u8]) -> Error {
    let (prefix, other) = (until_nul(prefix), until_nul(other));
    let (which, end) = (which.as_bytes(), b"'. Prefixes for a single client must not overlap.");
    Error::new([b"ERR Prefix '", prefix, b"' overlaps with ", which, b" prefix '", other, end].concat())
}

/// What a RESP2 subscriber is told who wants to do something else.
pub fn subscribers_only(name: &str) -> Error {
    Error::new(format!(
        "ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
    ))
}
