//! A segment of the table: buckets of one cache line each, probed one after the other.
#![allow(unsafe_code)]

use super::super::entry::EntryRef;
use super::peek;

/// Slots of a bucket.
pub(super) const SLOTS: usize = 8;
/// Bucket counts a segment can have: their bytes are jemalloc's classes, a step about a quarter.
const SIZES: [u16; 24] =
    [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128];
/// How many buckets a search may visit; an insertion that would need more grows the segment.
const MAX_PROBE: usize = 8;

/// A cache line of slots; one that is 0 is empty.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Bucket(pub(super) [u64; SLOTS]);

const _: () = assert!(size_of::<Bucket>() == 64);

/// Slots of a bucket: bit 4 i + 3 stands for slot i.
pub(super) struct Candidates(u32);

impl Iterator for Candidates {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let slot = self.0.trailing_zeros() as usize / 4;
        self.0 &= self.0.wrapping_sub(1);
        (slot < SLOTS).then_some(slot)
    }
}

impl Bucket {
    const EMPTY: Bucket = Bucket([0; SLOTS]);

    /// The slots whose tag is `tag`; one may be empty when the tag is 0.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(super) fn candidates(&self, tag: u64) -> Candidates {
        use std::arch::x86_64::{
            __m128i, _mm_cmpeq_epi16, _mm_load_si128, _mm_movemask_epi8, _mm_packs_epi16, _mm_set1_epi16,
        };
        // Four words of 16 bits a slot, the tag the fourth; packed and gathered, a bit for each word.
        // SAFETY: SSE2 belongs to every processor of this architecture; the four pairs are the whole bucket, which is
        // aligned to 64 bytes.
        let (low, high) = unsafe {
            let wanted = _mm_set1_epi16(tag as i16);
            let pairs: *const __m128i = self.0.as_ptr().cast();
            let equal = |pair: usize| _mm_cmpeq_epi16(_mm_load_si128(pairs.add(pair)), wanted);
            let gathered =
                |pair: usize| _mm_movemask_epi8(_mm_packs_epi16(equal(pair), equal(pair + 1))) as u32;
            (gathered(0), gathered(2))
        };
        Candidates((high << 16 | low) & 0x8888_8888)
    }

    /// The slots whose tag is `tag`; one may be empty when the tag is 0.
    #[cfg(not(target_arch = "x86_64"))]
    #[inline]
    pub(super) fn candidates(&self, tag: u64) -> Candidates {
        let bits = self.0.iter().enumerate().map(|(i, slot)| u32::from(slot >> 48 == tag) << (4 * i + 3));
        Candidates(bits.sum())
    }

    #[inline]
    fn vacancy(&self) -> Option<usize> {
        self.0.iter().position(|&slot| slot == 0)
    }
}

pub(super) struct Segment {
    pub(super) buckets: Box<[Bucket]>,
    /// A bit per bucket: an entry at home here may lie further on.
    overflowed: u128,
    pub(super) len: u32,
    /// How many directory bits all entries of this segment share.
    pub(super) depth: u8,
}

#[inline]
pub(super) fn tag_of(hash: u64) -> u64 {
    // The low bits of the shifted hash are zero: the tag comes from just above them, far below the
    // directory's and the bucket's bits.
    (hash >> 12) & 0xFFFF
}

/// The buckets of a segment: where they begin, how many they are, and how many hash bits led to them.
#[derive(Clone, Copy)]
pub struct Span {
    /// The address of the first one.
    pub address: usize,
    /// How many, at most 128.
    pub buckets: usize,
    /// How many directory bits all entries of the segment share.
    pub depth: u8,
}

impl Span {
    /// The bucket of a hash: monotone in the bits below the directory's.
    #[inline]
    fn home(self, hash: u64) -> usize {
        let position = (hash << self.depth) >> 32;
        ((position * self.buckets as u64) >> 32) as usize
    }

    /// Where the bucket of a hash lies.
    #[inline]
    pub fn bucket_address(self, hash: u64) -> *const u8 {
        std::ptr::without_provenance(self.address + self.home(hash) * size_of::<Bucket>())
    }
}

impl Segment {
    pub(super) fn new(buckets: usize, depth: u8) -> Segment {
        Segment { buckets: vec![Bucket::EMPTY; buckets].into_boxed_slice(), overflowed: 0, len: 0, depth }
    }

    #[inline]
    pub(super) fn span(&self) -> Span {
        Span { address: self.buckets.as_ptr().addr(), buckets: self.buckets.len(), depth: self.depth }
    }

    #[inline]
    pub(super) fn home(&self, hash: u64) -> usize {
        self.span().home(hash)
    }

    #[inline]
    pub(super) fn next(&self, bucket: usize) -> usize {
        if bucket + 1 == self.buckets.len() { 0 } else { bucket + 1 }
    }

    #[inline]
    pub(super) fn overflowed(&self, bucket: usize) -> bool {
        self.overflowed >> bucket & 1 == 1
    }

    #[inline]
    pub(super) fn find(
        &self,
        hash: u64,
        mut matches: impl FnMut(EntryRef<'_>) -> bool,
    ) -> Option<(usize, usize)> {
        let tag = tag_of(hash);
        let mut bucket = self.home(hash);
        for _ in 0..self.buckets.len() {
            let line = &self.buckets[bucket];
            for slot in line.candidates(tag) {
                if line.0[slot] != 0 && matches(peek(line.0[slot])) {
                    return Some((bucket, slot));
                }
            }
            if !self.overflowed(bucket) {
                return None;
            }
            bucket = self.next(bucket);
        }
        None
    }

    /// Puts a packed slot in; gives it back if no bucket within reach has room.
    #[inline]
    pub(super) fn place(&mut self, hash: u64, packed: u64) -> Result<(usize, usize), u64> {
        let mut bucket = self.home(hash);
        for _ in 0..MAX_PROBE.min(self.buckets.len()) {
            if let Some(slot) = self.buckets[bucket].vacancy() {
                self.buckets[bucket].0[slot] = packed;
                self.len += 1;
                return Ok((bucket, slot));
            }
            self.overflowed |= 1 << bucket;
            bucket = self.next(bucket);
        }
        Err(packed)
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = u64> + '_ {
        self.buckets.iter().flat_map(|bucket| bucket.0).filter(|&slot| slot != 0)
    }

    /// Builds segments of `buckets` buckets from a part of this one's slots.
    fn rebuilt(&self, buckets: usize, depth: u8, hashes: &[(u64, u64)]) -> Option<Segment> {
        let mut fresh = Segment::new(buckets, depth);
        hashes.iter().all(|&(hash, slot)| fresh.place(hash, slot).is_ok()).then_some(fresh)
    }

    /// The smallest size above `floor` buckets that takes all of `hashes` within the probing limit.
    pub(super) fn fitting(&self, floor: usize, depth: u8, hashes: &[(u64, u64)]) -> Option<Segment> {
        SIZES
            .iter()
            .map(|&size| usize::from(size))
            .filter(|&size| size >= floor && size * SLOTS >= hashes.len())
            .find_map(|size| self.rebuilt(size, depth, hashes))
    }
}

/// The size that holds `len` entries about 75% full, or the largest.
pub(super) fn roomy(len: usize) -> usize {
    let buckets = (len * 4).div_ceil(3 * SLOTS);
    let size = SIZES.iter().map(|&size| usize::from(size)).find(|&size| size >= buckets);
    size.unwrap_or(SIZES[SIZES.len() - 1].into())
}
