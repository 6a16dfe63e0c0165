//! The thresholds of encodings as the types take them.

use super::Encodings;
use crate::types::hash::HashLimits;
use crate::types::list::ListLimits;
use crate::types::set::SetLimits;
use crate::types::zset::ZsetLimits;

impl Encodings {
    /// Those of lists; `packed_threshold` is what DEBUG QUICKLIST-PACKED-THRESHOLD sets, or 0.
    pub fn list_limits(&self, packed_threshold: usize) -> ListLimits {
        ListLimits { max_listpack_size: self.list_max_listpack_size, packed_threshold }
    }

    /// Those of sets.
    pub fn set_limits(&self) -> SetLimits {
        SetLimits {
            max_intset_entries: self.set_max_intset_entries,
            max_listpack_entries: self.set_max_listpack_entries,
            max_listpack_value: self.set_max_listpack_value,
        }
    }

    /// Those of hashes.
    pub fn hash_limits(&self) -> HashLimits {
        HashLimits {
            max_listpack_entries: self.hash_max_listpack_entries,
            max_listpack_value: self.hash_max_listpack_value,
        }
    }

    /// Those of sorted sets.
    pub fn zset_limits(&self) -> ZsetLimits {
        ZsetLimits {
            max_listpack_entries: self.zset_max_listpack_entries,
            max_listpack_value: self.zset_max_listpack_value,
        }
    }
}
