//! Bringing near what several look-ups of members will read: the index together, then the leaves, then the records. See
//! [`chunked`](crate::types::chunked) for sets and hashes.

use smallvec::SmallVec;

use super::large::Large;
use super::leaf::Leaf;
use super::tree::{Store, hash_of};
use crate::base::prefetch::prefetch;

/// A sorted set of fewer members is near anyway.
const FAR_FROM: usize = 2048;
/// As many look-ups are made ready for at a time as callers have at the most.
const AT_ONCE: usize = 32;

impl Large {
    /// Asks for what looking for these members will read. Some dozens at a time: more would push each other out again.
    pub fn approach<'m>(&self, members: impl Iterator<Item = &'m [u8]>) {
        if self.len() < FAR_FROM {
            return;
        }
        let Store { leaves, index, .. } = self.store();
        let hashes: SmallVec<[u32; AT_ONCE]> = members.map(hash_of).collect();
        index.warm(&hashes);
        let mut found: SmallVec<[(&Leaf, u8); AT_ONCE]> = SmallVec::new();
        for &hash in &hashes {
            if let Some(number) = index.candidates(hash).next() {
                let leaf = leaves.get(number);
                leaf.approach_slots();
                found.push((leaf, hash as u8));
            }
        }
        for (leaf, tag) in found {
            leaf.approach_tagged(tag);
        }
    }
}

impl Leaf {
    /// Asks for the header, the tags and the offsets of most leaves.
    fn approach_slots(&self) {
        for line in 0..4 {
            prefetch(self.as_ptr().wrapping_add(64 * line));
        }
    }

    /// Asks for the score and the record of the first slot with a tag.
    fn approach_tagged(&self, tag: u8) {
        if let Some(slot) = self.tagged(tag).next() {
            let [score, record] = self.parts_at(slot);
            prefetch(self.as_ptr().wrapping_add(score));
            prefetch(self.as_ptr().wrapping_add(record));
        }
    }
}
