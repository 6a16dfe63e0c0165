//! The limit of memory, what goes when it is reached, and who frees.

use crate::config::choices::EvictionPolicy;
use crate::config::directive::Unit::{Count, Minutes, Percent};
use crate::config::directive::{Directive, INT_MAX, choice, integer, size, yes_no};
use crate::config::values::Values;

const DEFRAG: &str = "The allocator's size classes are chosen to avoid fragmentation.";

pub(in crate::config) const ROWS: &[Directive] = &[
    size("maxmemory", 0, (0, u64::MAX), "Most bytes for data; 0 for no limit."),
    choice(
        "maxmemory-policy",
        EvictionPolicy::NAMES,
        7,
        "What to evict at the limit; noeviction refuses writes instead.",
    ),
    integer("maxmemory-samples", 5, (1, 64), Count, "Keys to compare per eviction; more are more exact."),
    integer(
        "maxmemory-eviction-tenacity",
        10,
        (0, 100),
        Count,
        "How long one command may evict; 100 until it is enough.",
    ),
    integer("lfu-log-factor", 10, (0, INT_MAX), Count, "How slowly the counter of accesses grows."),
    integer(
        "lfu-decay-time",
        1,
        (0, INT_MAX),
        Minutes,
        "Time after which the counter of accesses loses one.",
    ),
    yes_no(
        "lazyfree-lazy-eviction",
        false,
        "The AOF has UNLINK for evicted keys, not DEL. Large values are freed in the background anyway.",
    ),
    yes_no("lazyfree-lazy-expire", false, "The AOF has UNLINK for expired keys, not DEL."),
    yes_no(
        "lazyfree-lazy-server-del",
        false,
        "The AOF has UNLINK for keys that commands do away with, not DEL.",
    ),
    yes_no("lazyfree-lazy-user-del", false, "DEL and UNLINK do the same.").kept(),
    yes_no("lazyfree-lazy-user-flush", false, "Make FLUSHALL, FLUSHDB and SCRIPT FLUSH ASYNC unless told."),
    yes_no(
        "activedefrag",
        false,
        "CONFIG SET refuses yes: the allocator avoids fragmentation by its size classes.",
    ),
    size("active-defrag-ignore-bytes", 100 << 20, (1, i64::MAX.cast_unsigned()), DEFRAG).kept(),
    integer("active-defrag-threshold-lower", 10, (0, 1000), Percent, DEFRAG).kept(),
    integer("active-defrag-threshold-upper", 100, (0, 1000), Percent, DEFRAG).kept(),
    integer("active-defrag-cycle-min", 1, (1, 99), Percent, DEFRAG).kept(),
    integer("active-defrag-cycle-max", 25, (1, 99), Percent, DEFRAG).kept(),
    integer("active-defrag-max-scan-fields", 1000, (1, i64::MAX), Count, DEFRAG).kept(),
];

/// Memory and eviction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Bytes; 0 for no limit.
    pub maxmemory: u64,
    /// What to evict.
    pub maxmemory_policy: EvictionPolicy,
    /// Keys compared per eviction, 1 to 64.
    pub maxmemory_samples: u32,
    /// 0 to 100: how long one command may evict.
    pub eviction_tenacity: u32,
    /// Asked for, though there is none: CONFIG SET refuses it, and the log says so at the start.
    pub active_defrag: bool,
    /// How slowly the access counter grows.
    pub lfu_log_factor: u32,
    /// Minutes per step of decay; 0 for none.
    pub lfu_decay_minutes: u32,
    /// The journal has UNLINK for evicted keys, not DEL.
    pub lazyfree_eviction: bool,
    /// The journal has UNLINK for expired keys, not DEL.
    pub lazyfree_expire: bool,
    /// The journal has UNLINK for keys that commands do away with, not DEL.
    pub lazyfree_server_del: bool,
    /// FLUSHALL and its kin are ASYNC unless told.
    pub lazyfree_user_flush: bool,
}

impl Memory {
    pub(in crate::config) fn read(values: &Values) -> Self {
        Memory {
            maxmemory: values.size("maxmemory"),
            maxmemory_policy: EvictionPolicy::from_code(values.code("maxmemory-policy")),
            maxmemory_samples: values.integer("maxmemory-samples"),
            eviction_tenacity: values.integer("maxmemory-eviction-tenacity"),
            active_defrag: values.yes("activedefrag"),
            lfu_log_factor: values.integer("lfu-log-factor"),
            lfu_decay_minutes: values.integer("lfu-decay-time"),
            lazyfree_eviction: values.yes("lazyfree-lazy-eviction"),
            lazyfree_expire: values.yes("lazyfree-lazy-expire"),
            lazyfree_server_del: values.yes("lazyfree-lazy-server-del"),
            lazyfree_user_flush: values.yes("lazyfree-lazy-user-flush"),
        }
    }
}
