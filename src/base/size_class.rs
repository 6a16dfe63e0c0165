//! The sizes that jemalloc really hands out, as arithmetic.
//!
//! With a quantum of 8 bytes: 8, 16, 24, ... 64, then four classes per doubling (80, 96, 112, 128, 160, ...).
//! Beyond 14 KB sizes are whole pages. Whoever stores several things in one allocation asks here what a choice costs.

/// The largest class that shares pages with others, in bytes.
const SMALL_MAX: usize = 14 * 1024;
const PAGE: usize = 4096;

/// Bytes that an allocation of `size` bytes occupies.
#[inline]
pub const fn size_class(size: usize) -> usize {
    if size <= 64 {
        return if size == 0 { 8 } else { (size + 7) & !7 };
    }
    if size > SMALL_MAX {
        return size.next_multiple_of(PAGE);
    }
    // The class spacing is a quarter of the power of two below `size`.
    let spacing = 1usize << ((usize::BITS - 1 - (size - 1).leading_zeros()) - 2);
    (size + spacing - 1) & !(spacing - 1)
}

#[cfg(test)]
mod tests {
    use super::size_class;

    #[test]
    fn steps_by_eight_then_by_quarters() {
        for (size, class) in [
            (1, 8),
            (8, 8),
            (9, 16),
            (24, 24),
            (63, 64),
            (64, 64),
            (65, 80),
            (128, 128),
            (129, 160),
            (257, 320),
            (8192, 8192),
            (8193, 10240),
            (14 * 1024, 14 * 1024),
            (32_769, 36_864),
            (1 << 20, 1 << 20),
        ] {
            assert_eq!(size_class(size), class, "{size}");
        }
    }
}
