//! `# Memory`: what is used, for what, and what the allocator holds for it.

use super::row::{Row, Value, zero};
use crate::base::alloc;

/// What `# Memory` tells; all in bytes if nothing else is said.
#[derive(Clone, Copy, Default, Debug)]
pub struct MemoryFacts {
    /// In use by the process.
    pub used: u64,
    /// The most ever in use.
    pub peak: u64,
    /// In physical memory.
    pub resident: u64,
    /// In use when the server had started.
    pub startup: u64,
    /// In use for connections.
    pub clients: u64,
    /// In use to find keys.
    pub tables: u64,
    /// In use to know when keys expire.
    pub deadlines: u64,
    /// In use by the interpreter of scripts.
    pub script_vm: u64,
    /// In use for the texts of scripts.
    pub script_texts: u64,
    /// Scripts that are known, a count.
    pub scripts: u64,
    /// In use by the interpreter of functions.
    pub function_vm: u64,
    /// In use for the codes of libraries.
    pub function_texts: u64,
    /// Functions, a count.
    pub functions: u64,
    /// Libraries of functions, a count.
    pub libraries: u64,
    /// What the allocator holds.
    pub allocator: alloc::Stats,
    /// Of the machine.
    pub system: u64,
    /// `maxmemory`; 0 for no limit.
    pub max: u64,
    /// `maxmemory-policy`.
    pub policy: &'static str,
    /// What `maxmemory` doesn't count.
    pub uncounted: u64,
    /// In use for what waits to be written to the AOF.
    pub aof_buffer: u64,
    /// Values that wait to be freed, a count.
    pub pending_frees: u64,
    /// Values freed in the background, a count.
    pub frees: u64,
}

impl MemoryFacts {
    /// What is not data.
    pub fn overhead(&self) -> u64 {
        let caches = self.script_texts + self.function_texts;
        self.startup + self.clients + self.tables + self.deadlines + self.aof_buffer + caches
    }

    /// What is.
    pub fn dataset(&self) -> u64 {
        self.used.saturating_sub(self.overhead())
    }
}

/// `a` divided by `b`; by 1 if there is no `b`.
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b.max(1) as f64
}

/// `a` less `b`, which may be below zero.
fn difference(a: u64, b: u64) -> Value {
    Value::Int(a as i64 - b as i64)
}

const fn row(name: &'static str, value: fn(&MemoryFacts) -> Value) -> Row<MemoryFacts> {
    Row::new(name, value)
}

/// The fields.
pub const ROWS: &[Row<MemoryFacts>] = &[
    row("used_memory", |facts| Value::Count(facts.used)).gauge("memory_used_bytes"),
    row("used_memory_human", |facts| Value::Human(facts.used)),
    row("used_memory_rss", |facts| Value::Count(facts.resident)).gauge("memory_used_rss_bytes"),
    row("used_memory_rss_human", |facts| Value::Human(facts.resident)),
    row("used_memory_peak", |facts| Value::Count(facts.peak)).gauge("memory_used_peak_bytes"),
    row("used_memory_peak_human", |facts| Value::Human(facts.peak)),
    row("used_memory_peak_perc", |facts| Value::Percent(100.0 * ratio(facts.used, facts.peak))),
    row("used_memory_overhead", |facts| Value::Count(facts.overhead())).gauge("memory_used_overhead_bytes"),
    row("used_memory_startup", |facts| Value::Count(facts.startup)).gauge("memory_used_startup_bytes"),
    row("used_memory_dataset", |facts| Value::Count(facts.dataset())).gauge("memory_used_dataset_bytes"),
    row("used_memory_dataset_perc", |facts| {
        Value::Percent(100.0 * ratio(facts.dataset(), facts.used.saturating_sub(facts.startup)))
    }),
    row("allocator_allocated", |facts| Value::Count(facts.allocator.allocated as u64))
        .gauge("allocator_allocated_bytes"),
    row("allocator_active", |facts| Value::Count(facts.allocator.active as u64))
        .gauge("allocator_active_bytes"),
    row("allocator_resident", |facts| Value::Count(facts.allocator.resident as u64))
        .gauge("allocator_resident_bytes"),
    row("allocator_muzzy", |facts| Value::Count(facts.allocator.muzzy as u64)).gauge("allocator_muzzy_bytes"),
    row("total_system_memory", |facts| Value::Count(facts.system)).gauge("total_system_memory_bytes"),
    row("total_system_memory_human", |facts| Value::Human(facts.system)),
    row("used_memory_lua", |facts| Value::Count(facts.script_vm)).gauge("memory_used_lua_bytes"),
    row("used_memory_vm_eval", |facts| Value::Count(facts.script_vm)).gauge("memory_used_vm_eval_bytes"),
    row("used_memory_lua_human", |facts| Value::Human(facts.script_vm)),
    row("used_memory_scripts_eval", |facts| Value::Count(facts.script_texts))
        .gauge("memory_used_scripts_eval_bytes"),
    row("number_of_cached_scripts", |facts| Value::Count(facts.scripts)).gauge("number_of_cached_scripts"),
    row("number_of_functions", |facts| Value::Count(facts.functions)).gauge("number_of_functions"),
    row("number_of_libraries", |facts| Value::Count(facts.libraries)).gauge("number_of_libraries"),
    row("used_memory_vm_functions", |facts| Value::Count(facts.function_vm))
        .gauge("memory_used_vm_functions_bytes"),
    row("used_memory_vm_total", |facts| Value::Count(facts.script_vm + facts.function_vm))
        .gauge("memory_used_vm_total"),
    row("used_memory_vm_total_human", |facts| Value::Human(facts.script_vm + facts.function_vm)),
    row("used_memory_functions", |facts| Value::Count(facts.function_texts))
        .gauge("memory_used_functions_bytes"),
    row("used_memory_scripts", |facts| Value::Count(facts.script_texts + facts.function_texts))
        .gauge("memory_used_scripts_bytes"),
    row("used_memory_scripts_human", |facts| Value::Human(facts.script_texts + facts.function_texts)),
    row("maxmemory", |facts| Value::Count(facts.max)).gauge("memory_max_bytes"),
    row("maxmemory_human", |facts| Value::Human(facts.max)),
    row("maxmemory_policy", |facts| Value::Text(facts.policy.into())),
    row("allocator_frag_ratio", |facts| {
        Value::Ratio(ratio(facts.allocator.active as u64, facts.allocator.allocated as u64))
    })
    .gauge("allocator_frag_ratio"),
    row("allocator_frag_bytes", |facts| {
        Value::Count(facts.allocator.active.saturating_sub(facts.allocator.allocated) as u64)
    })
    .gauge("allocator_frag_bytes"),
    row("allocator_rss_ratio", |facts| {
        Value::Ratio(ratio(facts.allocator.resident as u64, facts.allocator.active as u64))
    })
    .gauge("allocator_rss_ratio"),
    row("allocator_rss_bytes", |facts| {
        difference(facts.allocator.resident as u64, facts.allocator.active as u64)
    })
    .gauge("allocator_rss_bytes"),
    row("rss_overhead_ratio", |facts| Value::Ratio(ratio(facts.resident, facts.allocator.resident as u64))),
    row("rss_overhead_bytes", |facts| difference(facts.resident, facts.allocator.resident as u64)),
    row("mem_fragmentation_ratio", |facts| Value::Ratio(ratio(facts.resident, facts.used)))
        .gauge("mem_fragmentation_ratio"),
    row("mem_fragmentation_bytes", |facts| difference(facts.resident, facts.used))
        .gauge("mem_fragmentation_bytes"),
    row("mem_not_counted_for_evict", |facts| Value::Count(facts.uncounted))
        .gauge("mem_not_counted_for_eviction_bytes"),
    row("mem_replication_backlog", zero).gauge("mem_replication_backlog_bytes"),
    row("mem_total_replication_buffers", zero).gauge("mem_total_replication_buffers_bytes"),
    row("mem_clients_slaves", zero).gauge("mem_clients_slaves"),
    row("mem_clients_normal", |facts| Value::Count(facts.clients)).gauge("mem_clients_normal"),
    row("mem_cluster_links", zero).gauge("mem_cluster_links_bytes"),
    row("mem_aof_buffer", |facts| Value::Count(facts.aof_buffer)).gauge("mem_aof_buffer_bytes"),
    row("mem_allocator", |_| Value::Text(format!("jemalloc-{}", alloc::version()).into())),
    // Tables grow segment by segment: there is never a second one.
    row("mem_overhead_db_hashtable_rehashing", zero).gauge("mem_overhead_db_hashtable_rehashing_bytes"),
    row("active_defrag_running", zero).gauge("active_defrag_running"),
    row("lazyfree_pending_objects", |facts| Value::Count(facts.pending_frees))
        .gauge("lazyfree_pending_objects"),
    row("lazyfreed_objects", |facts| Value::Count(facts.frees)).gauge("lazyfreed_objects"),
];
