//! The one keyed hash of the process.
//!
//! Keys and members are hostile input, so the seed is random per process: nobody outside can choose
//! keys that collide. One 64-bit hash serves everything: a table takes shard, segment, bucket and tag
//! from different bits of it.

use std::hash::{BuildHasher, Hasher, RandomState as SeedSource};
use std::sync::LazyLock;

use ahash::RandomState;

static STATE: LazyLock<RandomState> = LazyLock::new(|| {
    // The standard library's hasher is seeded by the operating system; its outputs seed ours.
    let seed = |n: u64| SeedSource::new().hash_one(n);
    RandomState::with_seeds(seed(1), seed(2), seed(3), seed(4))
});

/// Hashes bytes; the same bytes give the same hash for the life of the process only.
#[inline]
pub fn hash(bytes: &[u8]) -> u64 {
    // As a `Hash` slices would feed their length beforehand; this hasher takes note of it by itself.
    let mut hasher = STATE.build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::hash;

    #[test]
    fn depends_on_every_byte_and_on_the_length() {
        assert_eq!(hash(b"key"), hash(b"key"));
        for other in [&b"kex"[..], b"key\0", b"ke", b""] {
            assert_ne!(hash(b"key"), hash(other));
        }
    }
}
