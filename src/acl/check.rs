//! Checking a request against a user.

use super::pattern::Access;
use super::selector::Selector;
use super::user::User;
use crate::base::glob;
use crate::command::keys::KeyFlags;

/// Which arguments of a command are channels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Channels {
    /// The first is published to.
    Published,
    /// All are subscribed to.
    Subscribed,
    /// All are patterns that are subscribed to: each must be allowed as it is written.
    Patterns,
}

/// A key of a request: which argument it is, and what happens with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyUse {
    /// The index of the argument.
    pub at: usize,
    /// What happens with it.
    pub flags: KeyFlags,
}

/// What a user wants to do.
pub struct Request<'a> {
    /// The command's number.
    pub command: usize,
    /// Whether everybody may run it: what a connection begins with.
    pub for_all: bool,
    /// The arguments, the name being the first.
    pub args: &'a [&'a [u8]],
    /// Its keys.
    pub keys: &'a [KeyUse],
    /// Its channels.
    pub channels: Option<Channels>,
}

/// What isn't allowed. Of several reasons the greatest is told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Denied {
    /// The command.
    Command,
    /// The key at this argument.
    Key(usize),
    /// The channel at this argument.
    Channel(usize),
}

impl User {
    /// Whether the user may do this.
    ///
    /// # Errors
    /// What isn't allowed.
    pub fn check(&self, request: &Request<'_>) -> Result<(), Denied> {
        let mut reason = Denied::Command;
        for selector in self.selectors() {
            match selector.check(request) {
                Ok(()) => return Ok(()),
                Err(denied) => reason = reason.max(denied),
            }
        }
        Err(reason)
    }

    /// Whether the user may do this and read every key besides.
    pub fn may_read_all_keys(&self, request: &Request<'_>) -> bool {
        let allows =
            |selector: &Selector| selector.allows_every_key(Access::READ) && selector.check(request).is_ok();
        self.selectors().iter().any(allows)
    }
}

impl Selector {
    fn check(&self, request: &Request<'_>) -> Result<(), Denied> {
        let args = request.args;
        if !request.for_all && !self.allows_command(request.command, args.get(1).copied()) {
            return Err(Denied::Command);
        }
        let denied = |key: &&KeyUse| !self.allows_key(args[key.at], Access::of(key.flags));
        if let Some(key) = request.keys.iter().find(denied) {
            return Err(Denied::Key(key.at));
        }
        let (Some(channels), Some(allowed)) = (request.channels, self.channels()) else { return Ok(()) };
        let end = if channels == Channels::Published { args.len().min(2) } else { args.len() };
        let is_pattern = channels == Channels::Patterns;
        let denied = |&at: &usize| !allows_channel(allowed, args[at], is_pattern);
        (1..end).find(denied).map_or(Ok(()), |at| Err(Denied::Channel(at)))
    }
}

/// Whether globs allow a channel. A pattern must be one of them.
pub fn allows_channel(globs: &[Box<[u8]>], channel: &[u8], is_pattern: bool) -> bool {
    globs.iter().any(|glob| if is_pattern { **glob == *channel } else { glob::matches(glob, channel, false) })
}
