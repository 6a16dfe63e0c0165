//! Where the server listens and how it treats sockets.

use std::path::PathBuf;

use crate::config::directive::Unit::{Count, Seconds};
use crate::config::directive::{Directive, INT_MAX, Kind, integer, optional, yes_no};
use crate::config::values::Values;

pub(in crate::config) const ROWS: &[Directive] = &[
    Directive::new(
        "bind",
        Kind::Addresses(&["*", "-::*"]),
        "Addresses to listen on; one with '-' in front may be missing on this host.",
    ),
    integer("port", 6379, (0, 65535), Count, "TCP port; 0 listens on none."),
    yes_no(
        "protected-mode",
        true,
        "Refuse clients from other hosts as long as the default user has no password.",
    ),
    optional("unixsocket", "Path of a Unix socket to listen on.").immutable(),
    Directive::new(
        "unixsocketperm",
        Kind::Octal { default: 0, max: 0o777 },
        "Permissions of the Unix socket; 0 leaves them to the umask.",
    )
    .immutable(),
    integer("tcp-backlog", 511, (0, INT_MAX), Count, "Connections the kernel queues before accept.")
        .immutable(),
    integer("tcp-keepalive", 300, (0, INT_MAX), Seconds, "Probe silent connections this often; 0 never."),
    integer("timeout", 0, (0, INT_MAX), Seconds, "Close connections idle for this long; 0 never."),
    optional(
        "bind-source-addr",
        "Source address of connections to a primary; those of MIGRATE leave it to the system.",
    )
    .kept(),
    integer(
        "socket-mark-id",
        0,
        (0, u32::MAX as i64),
        Count,
        "Mark of the listening sockets for packet filters.",
    )
    .immutable()
    .kept(),
    integer("max-new-connections-per-cycle", 10, (1, 1000), Count, "Accepting isn't done in cycles.").kept(),
    integer("max-new-tls-connections-per-cycle", 1, (1, 1000), Count, "Accepting isn't done in cycles.")
        .kept(),
    integer("io-threads", 1, (1, 128), Count, "Every core executes commands anyway.").immutable().kept(),
    yes_no("io-threads-do-reads", false, "Every core executes commands anyway.").immutable().kept(),
];

/// Listening and sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Addresses; a leading `-` means that the address may be missing. None: no TCP at all.
    pub bind: Vec<String>,
    /// 0 for none.
    pub port: u16,
    /// Without a password, answer only loopback clients.
    pub protected_mode: bool,
    /// Path of the Unix socket.
    pub unixsocket: Option<PathBuf>,
    /// Permission bits of the Unix socket, if set.
    pub unixsocket_perm: Option<u32>,
    /// Length of the kernel's queue.
    pub tcp_backlog: u32,
    /// Seconds between probes; 0 for none.
    pub tcp_keepalive_s: u32,
    /// Seconds of idleness; 0 for ever.
    pub timeout_s: u32,
}

impl Network {
    pub(in crate::config) fn read(values: &Values) -> Self {
        Network {
            bind: values.addresses("bind"),
            port: values.integer("port"),
            protected_mode: values.yes("protected-mode"),
            unixsocket: values.path("unixsocket"),
            unixsocket_perm: Some(values.code("unixsocketperm")).filter(|&bits| bits != 0),
            tcp_backlog: values.integer("tcp-backlog"),
            tcp_keepalive_s: values.integer("tcp-keepalive"),
            timeout_s: values.integer("timeout"),
        }
    }
}
