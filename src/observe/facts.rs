//! Where INFO and /metrics get what they tell.
//!
//! The server implements [`Facts`]; tests do with numbers of their own. Each fact is a plain value of the moment at
//! which it was asked for. Nobody who answers may wait for the locks of shards or for the gate: /metrics answers
//! while a command keeps everything for itself.

use hdrhistogram::Histogram;

use super::info::{
    ClientFacts, CpuFacts, MemoryFacts, PersistenceFacts, ReplicationFacts, ServerFacts, StatsFacts,
};
use super::latency::Sample;
use super::slow_log::SlowLogSummary;
use super::stats::CommandTotals;
use crate::config::Settings;
use crate::keyspace::Lateness;
use std::sync::Arc;

/// See the head of this file.
pub trait Facts: Send + Sync {
    /// The process.
    fn server(&self) -> ServerFacts;
    /// The connections.
    fn clients(&self) -> ClientFacts;
    /// Memory.
    fn memory(&self) -> MemoryFacts;
    /// Files and loading.
    fn persistence(&self) -> PersistenceFacts;
    /// Counters.
    fn stats(&self) -> StatsFacts;
    /// Primary and replicas.
    fn replication(&self) -> ReplicationFacts;
    /// Processor time.
    fn cpu(&self) -> CpuFacts;
    /// Commands that were called at least once, with their full names.
    fn commands(&self) -> Vec<(&'static str, CommandTotals)>;
    /// Tells the durations of those commands in ns, one command after the other: all at once would take megabytes.
    fn latencies(&self, tell: &mut dyn FnMut(&'static str, &Histogram<u64>));
    /// Error replies by their codes.
    fn errors(&self) -> Vec<(String, u64)>;
    /// All databases, from 0 on.
    fn databases(&self) -> Vec<DatabaseFacts>;
    /// The last sample of each event of the latency monitor, and the worst ever in ms.
    fn latency_events(&self) -> Vec<(&'static str, Sample, u64)>;
    /// The slow log.
    fn slow_log(&self) -> SlowLogSummary;
    /// The configuration.
    fn settings(&self) -> Arc<Settings>;
    /// How late keys were that expired in the background.
    fn lateness(&self) -> Lateness;
    /// Keys in each shard.
    fn shard_sizes(&self) -> Vec<usize>;
    /// Whether clients are served.
    fn readiness(&self) -> Readiness;
}

/// Where the server is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Readiness {
    /// Not all data is there yet.
    Loading,
    /// Serving.
    Ready,
    /// Shutting down.
    Stopping,
}

/// One database.
#[derive(Clone, Copy, Default, Debug)]
pub struct DatabaseFacts {
    /// Keys.
    pub keys: u64,
    /// Keys with a deadline.
    pub expires: u64,
    /// Mean time to live of those, in ms; 0 if not known.
    pub avg_ttl: u64,
    /// Hashes with a field that has a deadline.
    pub subexpiry: u64,
}
