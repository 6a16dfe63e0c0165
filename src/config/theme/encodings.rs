//! Up to which size values stay in compact form. OBJECT ENCODING tells the same names at the same sizes
//! as Redis.

use crate::config::directive::Unit::Count;
use crate::config::directive::{Directive, INT_MAX, integer, size};
use crate::config::values::Values;

/// Bounds of sizes that Redis keeps as `size_t`.
const BYTES: (u64, u64) = (0, i64::MAX.cast_unsigned());
const ELEMENTS: (i64, i64) = (0, i64::MAX);

pub(in crate::config) const ROWS: &[Directive] = &[
    integer("hash-max-listpack-entries", 512, ELEMENTS, Count, "Fields of a compact hash.")
        .alias("hash-max-ziplist-entries"),
    size("hash-max-listpack-value", 64, BYTES, "Longest field or value of a compact hash.")
        .alias("hash-max-ziplist-value"),
    integer(
        "list-max-listpack-size",
        -2,
        (i32::MIN as i64, INT_MAX),
        Count,
        "Elements per node of a list; -1 to -5 mean 4, 8, 16, 32, 64 kb per node.",
    )
    .alias("list-max-ziplist-size"),
    integer("set-max-intset-entries", 512, ELEMENTS, Count, "Members of a compact set of integers."),
    integer("set-max-listpack-entries", 128, ELEMENTS, Count, "Members of a compact set."),
    integer("set-max-listpack-value", 64, ELEMENTS, Count, "Bytes of the longest member of a compact set."),
    integer("zset-max-listpack-entries", 128, ELEMENTS, Count, "Members of a compact sorted set.")
        .alias("zset-max-ziplist-entries"),
    size("zset-max-listpack-value", 64, BYTES, "Longest member of a compact sorted set.")
        .alias("zset-max-ziplist-value"),
    size("hll-sparse-max-bytes", 3000, BYTES, "Size at which a HyperLogLog becomes dense."),
    size("stream-node-max-bytes", 4096, BYTES, "Bytes per node of a stream; 0 for no limit."),
    integer("stream-node-max-entries", 100, ELEMENTS, Count, "Entries per node of a stream; 0 for no limit."),
    integer("list-compress-depth", 0, (0, INT_MAX), Count, "Told by DEBUG OBJECT; no node is compressed."),
];

/// Thresholds of encodings: entries are counts, values are bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encodings {
    /// Fields of a listpack hash.
    pub hash_max_listpack_entries: usize,
    /// Bytes of its longest field or value.
    pub hash_max_listpack_value: usize,
    /// Positive: elements per node; -1 to -5: 4, 8, 16, 32, 64 KiB per node.
    pub list_max_listpack_size: i32,
    /// Nodes at each end that Redis leaves uncompressed, 0 for all. No node is compressed here.
    pub list_compress_depth: i32,
    /// Members of an intset.
    pub set_max_intset_entries: usize,
    /// Members of a listpack set.
    pub set_max_listpack_entries: usize,
    /// Bytes of its longest member.
    pub set_max_listpack_value: usize,
    /// Members of a listpack zset.
    pub zset_max_listpack_entries: usize,
    /// Bytes of its longest member.
    pub zset_max_listpack_value: usize,
    /// Bytes of a sparse HyperLogLog.
    pub hll_sparse_max_bytes: usize,
    /// Bytes per node; 0 for no limit.
    pub stream_node_max_bytes: usize,
    /// Entries per node; 0 for no limit.
    pub stream_node_max_entries: u64,
}

impl Encodings {
    pub(in crate::config) fn read(values: &Values) -> Self {
        Encodings {
            hash_max_listpack_entries: values.integer("hash-max-listpack-entries"),
            hash_max_listpack_value: values.length("hash-max-listpack-value"),
            list_max_listpack_size: values.integer("list-max-listpack-size"),
            list_compress_depth: values.integer("list-compress-depth"),
            set_max_intset_entries: values.integer("set-max-intset-entries"),
            set_max_listpack_entries: values.integer("set-max-listpack-entries"),
            set_max_listpack_value: values.integer("set-max-listpack-value"),
            zset_max_listpack_entries: values.integer("zset-max-listpack-entries"),
            zset_max_listpack_value: values.length("zset-max-listpack-value"),
            hll_sparse_max_bytes: values.length("hll-sparse-max-bytes"),
            stream_node_max_bytes: values.length("stream-node-max-bytes"),
            stream_node_max_entries: values.integer("stream-node-max-entries"),
        }
    }
}
