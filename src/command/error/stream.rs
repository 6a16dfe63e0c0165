//! The texts about streams and their groups that name what was asked for.

use super::{Error, quoting};
use crate::base::c_text::until_nul;

/// `ERR Unbalanced 'x' list of streams: for each stream key an ID or 'y' must be specified.`
pub fn unbalanced_streams(command: &str, special: char) -> Error {
    Error::new(format!(
        "ERR Unbalanced '{command}' list of streams: for each stream key an ID or '{special}' must be specified."
    ))
}

/// `ERR Unrecognized XCLAIM option 'x'`.
pub fn unknown_claim_option(option: &[u8]) -> Error {
    quoting("ERR Unrecognized XCLAIM option '", option, "'")
}

/// `NOGROUP No such key 'x' or consumer group 'y'`.
pub fn no_key_or_group(key: &[u8], group: &[u8]) -> Error {
    let (key, group) = (until_nul(key), until_nul(group));
    Error::new([b"NOGROUP No such key '", key, b"' or consumer group '", group, b"'"].concat())
}

/// `NOGROUP No such key 'x' or consumer group 'y' in XREADGROUP with GROUP option`.
pub fn no_group_to_read(key: &[u8], group: &[u8]) -> Error {
    Error::new([no_key_or_group(key, group).text(), b" in XREADGROUP with GROUP option"].concat())
}

/// `NOGROUP No such consumer group 'y' for key name 'x'`.
pub fn no_group(key: &[u8], group: &[u8]) -> Error {
    let (key, group) = (until_nul(key), until_nul(group));
    Error::new([b"NOGROUP No such consumer group '", group, b"' for key name '", key, b"'"].concat())
}
