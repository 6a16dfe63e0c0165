//! How large a listpack may become: the rules behind `list-max-listpack-size`.

/// Bytes for -1 to -5.
const SIZES: [usize; 5] = [4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10];
/// Bytes that a listpack limited by its number of elements stays within all the same.
const SAFE_BYTES: usize = 8 << 10;
/// What an element is taken to cost in a chunk besides its own bytes.
const ENTRY_OVERHEAD: usize = 8;
/// Header and end mark, which a merge saves.
const FRAME: usize = 7;

/// The limits of a list's listpacks, as configured at the time of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListLimits {
    /// `list-max-listpack-size`: -1 to -5 are 4, 8, 16, 32, 64 KiB; positive values count elements.
    pub max_listpack_size: i32,
    /// Bytes from which on an element gets a chunk of its own, as DEBUG QUICKLIST-PACKED-THRESHOLD sets it;
    /// 0 leaves that to `max_listpack_size`.
    pub packed_threshold: usize,
}

impl Default for ListLimits {
    fn default() -> Self {
        ListLimits { max_listpack_size: -2, packed_threshold: 0 }
    }
}

/// The limit of one chunk. A quicklist keeps the one it was made with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fill {
    Bytes(usize),
    Elements(usize),
}

impl Fill {
    pub fn of(limits: &ListLimits) -> Fill {
        match limits.max_listpack_size {
            size @ ..0 => Fill::Bytes(SIZES[(size.unsigned_abs() as usize - 1).min(SIZES.len() - 1)]),
            count => Fill::Elements(count.unsigned_abs().max(1) as usize),
        }
    }

    /// Whether a listpack of so many bytes and elements is too large.
    #[inline]
    pub fn is_exceeded(self, bytes: usize, elements: usize) -> bool {
        match self {
            Fill::Bytes(limit) => bytes > limit,
            Fill::Elements(limit) => bytes > SAFE_BYTES || elements > limit,
        }
    }

    /// Whether a chunk that is a quicklist's only one is small enough for a plain listpack; `shrinking`
    /// halves the limit, so that a list at the limit doesn't change its form with every command.
    pub fn admits_listpack(self, bytes: usize, elements: usize, shrinking: bool) -> bool {
        let part = if shrinking { 2 } else { 1 };
        match self {
            Fill::Bytes(limit) => bytes <= limit / part,
            Fill::Elements(limit) => elements <= limit / part,
        }
    }

    /// Whether an element needs a chunk of its own.
    #[inline]
    pub fn is_oversized(self, element: &[u8], packed_threshold: usize) -> bool {
        match (packed_threshold, self) {
            (1.., _) => element.len() >= packed_threshold,
            (0, Fill::Bytes(limit)) => element.len() > limit,
            (0, Fill::Elements(_)) => element.len() > SAFE_BYTES,
        }
    }

    /// Whether one more element that is not oversized may go into a chunk of so many bytes and elements.
    #[inline]
    pub fn admits(self, bytes: usize, elements: usize, element: &[u8]) -> bool {
        !self.is_exceeded(bytes + element.len() + ENTRY_OVERHEAD, elements + 1)
    }

    /// Whether chunks of these bytes and elements may become one.
    pub fn admits_merge(self, left: (usize, usize), right: (usize, usize)) -> bool {
        !self.is_exceeded(left.0 + right.0 - FRAME, left.1 + right.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(max_listpack_size: i32) -> Fill {
        Fill::of(&ListLimits { max_listpack_size, packed_threshold: 0 })
    }

    #[test]
    fn negative_sizes_are_kilobytes_and_others_elements() {
        assert_eq!(
            [-1, -2, -5, -6, i32::MIN].map(fill),
            [4096, 8192, 65_536, 65_536, 65_536].map(Fill::Bytes)
        );
        assert_eq!([0, 1, 128].map(fill), [1, 1, 128].map(Fill::Elements));
        assert!(!fill(-2).is_exceeded(8192, 60_000) && fill(-2).is_exceeded(8193, 1));
        assert!(!fill(3).is_exceeded(8192, 3) && fill(3).is_exceeded(8193, 3) && fill(3).is_exceeded(8, 4));
    }

    #[test]
    fn shrinking_waits_for_half_the_limit() {
        assert!(fill(-1).admits_listpack(4096, 1000, false) && !fill(-1).admits_listpack(4096, 1000, true));
        assert!(fill(-1).admits_listpack(2048, 1000, true));
        assert!(fill(5).admits_listpack(100_000, 2, true) && !fill(5).admits_listpack(100, 3, true));
    }

    #[test]
    fn a_threshold_overrules_the_size() {
        let element = [b'x'; 9000];
        assert!(fill(-2).is_oversized(&element, 0) && !fill(-3).is_oversized(&element, 0));
        assert!(fill(7).is_oversized(&element, 0) && !fill(7).is_oversized(&element[..8192], 0));
        assert!(fill(-3).is_oversized(&element[..10], 10) && !fill(-3).is_oversized(&element[..9], 10));
    }
}
