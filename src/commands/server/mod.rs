//! The server itself: its parts, and the commands about it (COMMAND, CONFIG, INFO, SLOWLOG, LATENCY, ...).

pub mod aof;
mod cluster;
mod command;
pub mod config;
mod facts;
pub mod flush;
mod history;
mod info;
mod latency;
mod lolwut;
mod module;
pub mod monitor;
mod parts;
pub mod rdb;
mod replication;
mod save;
mod shutdown;
mod slowlog;
#[cfg(test)]
mod tests;

use super::Command;

pub use self::config::{follow_oom_score, give_back_unused};
pub use self::parts::{Identity, Listening, PutBack, SPARE_THREADS, Server};
pub use self::shutdown::{Shutdown, ShutdownRequest};

/// The family's rows.
pub const COMMANDS: &[Command] = &[
    aof::BGREWRITEAOF,
    command::COMMAND,
    config::CONFIG,
    info::INFO,
    info::TIME,
    latency::LATENCY,
    lolwut::LOLWUT,
    module::MODULE,
    monitor::MONITOR,
    replication::REPLICAOF,
    replication::ROLE,
    replication::SLAVEOF,
    save::BGSAVE,
    save::LASTSAVE,
    save::SAVE,
    slowlog::SLOWLOG,
    cluster::ASKING,
    cluster::CLUSTER,
    cluster::READONLY_MODE,
    cluster::READWRITE_MODE,
];
