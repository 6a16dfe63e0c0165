//! What the directives say, typed and by theme: what the rest of the server reads.

use super::theme::aof::Aof;
use super::theme::clients::Clients;
use super::theme::debug::Debugging;
use super::theme::encodings::Encodings;
use super::theme::execution::Execution;
use super::theme::logging::Logging;
use super::theme::memory::Memory;
use super::theme::network::Network;
use super::theme::observe::Observe;
use super::theme::process::Process;
use super::theme::replication::Replication;
use super::theme::security::Security;
use super::theme::snapshots::Snapshots;
use super::theme::tls::Tls;
use super::values::Values;

/// All settings at one moment. It never changes: CONFIG SET makes another one. A part of the server that
/// needs one theme takes that theme, not the whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Listening and sockets.
    pub network: Network,
    /// TLS.
    pub tls: Tls,
    /// Start, stop and surroundings.
    pub process: Process,
    /// The log.
    pub log: Logging,
    /// Users and rights.
    pub security: Security,
    /// Limits of clients.
    pub clients: Clients,
    /// Memory, eviction, freeing.
    pub memory: Memory,
    /// Thresholds of encodings.
    pub encodings: Encodings,
    /// Scripts and housekeeping.
    pub execution: Execution,
    /// RDB files, and the directory of all files.
    pub snapshots: Snapshots,
    /// The append only file.
    pub aof: Aof,
    /// Primary and replicas.
    pub replication: Replication,
    /// Slow log, latency, events, metrics.
    pub observe: Observe,
    /// For tests.
    pub debug: Debugging,
}

impl Settings {
    /// The port that stands for the server: the one of TLS if there is no other.
    pub fn main_port(&self) -> u16 {
        if self.network.port == 0 { self.tls.port } else { self.network.port }
    }

    pub(super) fn read(values: &Values) -> Self {
        Settings {
            network: Network::read(values),
            tls: Tls::read(values),
            process: Process::read(values),
            log: Logging::read(values),
            security: Security::read(values),
            clients: Clients::read(values),
            memory: Memory::read(values),
            encodings: Encodings::read(values),
            execution: Execution::read(values),
            snapshots: Snapshots::read(values),
            aof: Aof::read(values),
            replication: Replication::read(values),
            observe: Observe::read(values),
            debug: Debugging::read(values),
        }
    }
}
