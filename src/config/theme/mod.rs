//! The directives by theme. Each file holds the rows of its theme and the typed settings made of them,
//! so a new directive that acts is written in one place.

use super::table::Theme;

pub mod aof;
pub mod clients;
pub mod cluster;
pub mod debug;
pub mod encodings;
pub mod execution;
pub mod logging;
pub mod memory;
pub mod network;
pub mod observe;
pub mod process;
pub mod replication;
pub mod security;
pub mod snapshots;
pub mod tls;

/// All themes in the order of the example file.
pub(super) static ALL: &[Theme] = &[
    Theme { title: "Network", rows: network::ROWS },
    Theme { title: "TLS", rows: tls::ROWS },
    Theme { title: "Process", rows: process::ROWS },
    Theme { title: "Logging", rows: logging::ROWS },
    Theme { title: "Security", rows: security::ROWS },
    Theme { title: "Clients", rows: clients::ROWS },
    Theme { title: "Memory and eviction", rows: memory::ROWS },
    Theme { title: "Encodings of small values", rows: encodings::ROWS },
    Theme { title: "Execution and housekeeping", rows: execution::ROWS },
    Theme { title: "Snapshots (RDB)", rows: snapshots::ROWS },
    Theme { title: "Append only file (AOF)", rows: aof::ROWS },
    Theme { title: "Replication", rows: replication::ROWS },
    Theme { title: "Observation", rows: observe::ROWS },
    Theme { title: "Cluster", rows: cluster::ROWS },
    Theme { title: "Testing", rows: debug::ROWS },
];
