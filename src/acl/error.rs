//! What can be wrong with rules, in Redis's words.

use std::fmt::{self, Display, Formatter};

use crate::base::c_text::until_nul;

/// Why a rule isn't one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RuleError {
    /// No such command or category.
    Unknown,
    /// Not understood, or a pattern with blanks.
    Syntax,
    /// A key pattern where all keys are allowed already.
    AllKeys,
    /// A channel pattern where all channels are allowed already.
    AllChannels,
    /// The password to remove isn't there.
    NoSuchPassword,
    /// Not the hexadecimal text of a SHA-256.
    Hash,
    /// A first argument of a subcommand.
    FirstArgumentOfSubcommand,
    /// A user that a configuration file has defined before.
    Duplicate,
}

impl Display for RuleError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "Unknown command or category name in ACL",
            Self::Syntax => "Syntax error",
            Self::AllKeys => {
                "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to start with an empty list of patterns"
            }
            Self::AllChannels => {
                "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels"
            }
            Self::NoSuchPassword => "The password you are trying to remove from the user does not exist",
            Self::Hash => {
                "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
            }
            Self::FirstArgumentOfSubcommand => "Allowing first-arg of a subcommand is not supported",
            Self::Duplicate => "Duplicate user found. A user can only be defined once in config files",
        })
    }
}

/// Why a user can't be given some rules.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SetError {
    /// A selector that begins with this word isn't closed.
    Unmatched(Vec<u8>),
    /// A rule that isn't one, and why.
    Rule(Vec<u8>, RuleError),
}

impl SetError {
    /// The text of ACL SETUSER.
    pub fn text(&self) -> Vec<u8> {
        match self {
            SetError::Unmatched(word) => {
                [&b"Unmatched parenthesis in acl selector starting at '"[..], word, b"'."].concat()
            }
            SetError::Rule(rule, why) => {
                let why = why.to_string();
                // To Redis a zero byte ends the text.
                [&b"Error in ACL SETUSER modifier '"[..], until_nul(rule), b"': ", why.as_bytes()].concat()
            }
        }
    }

    /// The word at fault and what is wrong, for lines of a configuration file.
    pub fn parts(&self) -> (&[u8], RuleError) {
        match self {
            SetError::Unmatched(word) => (word, RuleError::Syntax),
            SetError::Rule(rule, why) => (rule, *why),
        }
    }
}
