//! INFO: sections of `name:value` lines.
//!
//! A section is a list of [`Row`]s in a file of its own, beside the struct of facts that its rows read. A row is the
//! only place that knows a field: INFO prints it, and /metrics exports it if it names a metric. What has not a fixed
//! number of lines (databases, commands) is written by a function.

mod clients;
mod commands;
mod memory;
mod persistence;
mod process;
mod replication;
mod row;
mod stats;

use super::Facts;

pub use self::clients::ClientFacts;
pub use self::commands::{buckets, distribution, usec_at};
pub use self::memory::MemoryFacts;
pub use self::persistence::{AofFacts, CurrentSave, LoadingFacts, PersistenceFacts};
pub use self::process::{CpuFacts, Listener, ServerFacts};
pub use self::replication::ReplicationFacts;
pub use self::row::{Kind, Metric, Row, Value};
pub use self::stats::StatsFacts;

/// The rows that /metrics exports as well.
pub mod rows {
    pub use super::clients::ROWS as CLIENTS;
    pub use super::memory::ROWS as MEMORY;
    pub use super::persistence::ROWS as PERSISTENCE;
    pub use super::process::{CPU_ROWS as CPU, SERVER_ROWS as SERVER};
    pub use super::replication::ROWS as REPLICATION;
    pub use super::stats::ROWS as STATS;
}

/// A section, in the order in which INFO tells them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Section {
    /// The process.
    Server,
    /// Connections.
    Clients,
    /// Memory.
    Memory,
    /// Files and loading.
    Persistence,
    /// Counters.
    Stats,
    /// Primary and replicas.
    Replication,
    /// Processor time.
    Cpu,
    /// Modules, of which there are none.
    Modules,
    /// Counters of each command.
    CommandStats,
    /// Error replies by code.
    ErrorStats,
    /// Percentiles of each command's duration.
    LatencyStats,
    /// Cluster mode, which there isn't.
    Cluster,
    /// Databases.
    Keyspace,
    /// For developers: only told when it is named.
    Debug,
}

impl Section {
    /// Sections with their titles and the names that ask for them.
    const TABLE: [(Section, &'static str, &'static [&'static str]); 14] = [
        (Section::Server, "Server", &["server"]),
        (Section::Clients, "Clients", &["clients"]),
        (Section::Memory, "Memory", &["memory"]),
        (Section::Persistence, "Persistence", &["persistence"]),
        (Section::Stats, "Stats", &["stats"]),
        (Section::Replication, "Replication", &["replication"]),
        (Section::Cpu, "CPU", &["cpu"]),
        (Section::Modules, "Modules", &["modules", "module_list"]),
        (Section::CommandStats, "Commandstats", &["commandstats"]),
        (Section::ErrorStats, "Errorstats", &["errorstats"]),
        (Section::LatencyStats, "Latencystats", &["latencystats"]),
        (Section::Cluster, "Cluster", &["cluster"]),
        (Section::Keyspace, "Keyspace", &["keyspace"]),
        (Section::Debug, "Debug", &["debug"]),
    ];

    /// Whether INFO without arguments tells it.
    fn is_default(self) -> bool {
        !matches!(self, Section::CommandStats | Section::LatencyStats | Section::Debug)
    }

    fn write(self, out: &mut String, facts: &dyn Facts, memory: Option<&MemoryFacts>) {
        match self {
            Section::Server => process::write_server(out, &facts.server()),
            Section::Clients => row::write(out, clients::ROWS, &facts.clients()),
            Section::Memory => memory.into_iter().for_each(|facts| row::write(out, memory::ROWS, facts)),
            Section::Persistence => row::write(out, persistence::ROWS, &facts.persistence()),
            Section::Stats => row::write(out, stats::ROWS, &facts.stats()),
            Section::Replication => row::write(out, replication::ROWS, &facts.replication()),
            Section::Cpu => row::write(out, process::CPU_ROWS, &facts.cpu()),
            Section::Modules => {}
            Section::CommandStats => commands::write_totals(out, &facts.commands()),
            Section::ErrorStats => commands::write_errors(out, &facts.errors()),
            Section::LatencyStats => commands::write_latencies(out, facts),
            Section::Cluster => out.push_str("cluster_enabled:0\r\n"),
            Section::Keyspace => write_keyspace(out, facts),
            Section::Debug => row::write(out, stats::DEBUG_ROWS, &facts.stats()),
        }
    }
}

/// The sections that INFO's arguments ask for: names in any case, `default`, `all` and `everything`; without any
/// argument the default ones. What isn't a section asks for nothing.
pub fn select(args: &[&[u8]]) -> Vec<Section> {
    let asks = |word: &str| args.iter().any(|arg| arg.eq_ignore_ascii_case(word.as_bytes()));
    let all = asks("all") || asks("everything");
    let default = args.is_empty() || asks("default");
    let wanted = |(section, _, names): &(Section, &str, &[&str])| {
        names.iter().any(|name| asks(name))
            || (all && *section != Section::Debug)
            || (default && section.is_default())
    };
    Section::TABLE.iter().filter(|row| wanted(row)).map(|(section, ..)| *section).collect()
}

/// The text of these sections.
pub fn text(sections: &[Section], facts: &dyn Facts) -> String {
    // Before the text takes memory of its own.
    let memory = sections.contains(&Section::Memory).then(|| facts.memory());
    let mut out = String::with_capacity(8 * 1024);
    for section in sections {
        if !out.is_empty() {
            out.push_str("\r\n");
        }
        let title =
            Section::TABLE.iter().find(|(listed, ..)| listed == section).map_or("", |(_, title, _)| title);
        out.push_str("# ");
        out.push_str(title);
        out.push_str("\r\n");
        section.write(&mut out, facts, memory.as_ref());
    }
    out
}

fn write_keyspace(out: &mut String, facts: &dyn Facts) {
    for (db, facts) in facts.databases().iter().enumerate().filter(|(_, facts)| facts.keys > 0) {
        out.push_str(&format!(
            "db{db}:keys={},expires={},avg_ttl={},subexpiry={}\r\n",
            facts.keys, facts.expires, facts.avg_ttl, facts.subexpiry
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(args: &[&str]) -> Vec<Section> {
        select(&args.iter().map(|arg| arg.as_bytes()).collect::<Vec<_>>())
    }

    #[test]
    fn arguments_choose_sections() {
        use Section::*;
        let default = [
            Server,
            Clients,
            Memory,
            Persistence,
            Stats,
            Replication,
            Cpu,
            Modules,
            ErrorStats,
            Cluster,
            Keyspace,
        ];
        assert_eq!(selected(&[]), default);
        assert_eq!(selected(&["DEFAULT"]), default);
        assert_eq!(selected(&["nothing"]), []);
        assert_eq!(selected(&["keyspace", "CPU", "nothing", "cpu"]), [Cpu, Keyspace]);
        assert_eq!(selected(&["default", "commandstats"]).len(), 12);
        assert_eq!(selected(&["all"]).len(), 13);
        assert_eq!(selected(&["all"]), selected(&["everything", "server"]));
        assert_eq!(selected(&["everything", "debug"]).len(), 14);
        assert_eq!(selected(&["modules"]), selected(&["module_list"]));
    }
}
