//! Who may do what.

use std::path::PathBuf;

use crate::config::choices::{Allowed, Names};
use crate::config::directive::Unit::Count;
use crate::config::directive::{Directive, choice, integer, optional, text};
use crate::config::values::Values;

const PUBSUB_DEFAULTS: Names = &[("allchannels", 1), ("resetchannels", 0)];

pub(in crate::config) const ROWS: &[Directive] = &[
    optional("requirepass", "Password of the default user.").sensitive(),
    text("aclfile", "", "File of users; with it no 'user' lines are allowed here.").immutable(),
    choice("acl-pubsub-default", PUBSUB_DEFAULTS, 0, "Channels a new user may use."),
    integer("acllog-max-len", 128, (0, i64::MAX), Count, "Entries ACL LOG keeps."),
    choice(
        "enable-protected-configs",
        Allowed::NAMES,
        0,
        "Who may change protected directives by CONFIG SET; local is loopback only.",
    )
    .immutable(),
    choice("enable-debug-command", Allowed::NAMES, 0, "Who may use DEBUG.").immutable(),
    choice("enable-module-command", Allowed::NAMES, 0, "There are no modules.").immutable().kept(),
];

/// Users and rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Security {
    /// Password of the default user.
    pub requirepass: Option<Box<[u8]>>,
    /// File of users.
    pub aclfile: Option<PathBuf>,
    /// New users may use every channel.
    pub acl_pubsub_allchannels: bool,
    /// Entries of ACL LOG.
    pub acllog_max_len: usize,
    /// Who may change protected directives.
    pub protected_configs: Allowed,
    /// Who may use DEBUG.
    pub debug_command: Allowed,
}

impl Security {
    pub(in crate::config) fn read(values: &Values) -> Self {
        Security {
            requirepass: values.bytes("requirepass"),
            aclfile: values.path("aclfile"),
            acl_pubsub_allchannels: values.code("acl-pubsub-default") == 1,
            acllog_max_len: values.integer("acllog-max-len"),
            protected_configs: Allowed::from_code(values.code("enable-protected-configs")),
            debug_command: Allowed::from_code(values.code("enable-debug-command")),
        }
    }
}
