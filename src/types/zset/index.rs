//! From the hash of a member to the leaf that holds it.
//!
//! An entry is one `u64`: 32 bits of the member's hash above the number of a leaf. The member itself is
//! not here; whoever asks looks into the leaves named (nearly always one) and compares. The same entry may
//! stand twice, for two members of one leaf whose 32 bits agree, so the index is a multiset.
//!
//! Linear hashing over pages: the number of pages follows the number of entries one page at a time, and no
//! directory exists. Pages are numbered by the hash bits from the top, reversed, and each page is sorted:
//!
//! ```text
//! 5 pages                 page 0   page 4   page 2   page 1        page 3
//! hashes beginning with   000      001      01       10            11
//! ```
//!
//! So page 1 is next to split, its upper half moving to page 5, and a walk in hash order is a walk over
//! prefixes. A cursor that names a hash therefore stays true whatever splits or merges meanwhile.
//! Pages are allocated as long as they need to be, a size class at a time: nothing doubles.

use std::sync::Arc;

use super::slab::ChunkedVec;
use crate::base::size_class::size_class;

/// Entries per page on average; a page that has just been split holds half of one that waits for it.
const AVERAGE: usize = if cfg!(test) { 3 } else { 64 };

/// Two counters before the elements of an `Arc<[T]>`.
const ARC: usize = 16;

/// One page: the number of entries, the entries in order, room for more.
#[derive(Clone)]
struct Page(Arc<[u64]>);

impl Page {
    fn with_room(entries: usize) -> Page {
        let words = (size_class(ARC + (1 + entries) * 8) - ARC) / 8;
        Page(std::iter::repeat_n(0, words).collect())
    }

    fn of(entries: &[u64]) -> Page {
        let mut page = Page::with_room(entries.len());
        let words = page.words();
        words[0] = entries.len() as u64;
        words[1..=entries.len()].copy_from_slice(entries);
        page
    }

    #[inline]
    fn entries(&self) -> &[u64] {
        &self.0[1..=self.0[0] as usize]
    }

    fn words(&mut self) -> &mut [u64] {
        Arc::make_mut(&mut self.0)
    }

    /// The first position whose entry is not below `entry`. Hashes are spread evenly over a page, so the
    /// search begins where the entry should be, which is mostly in the right cache line.
    #[inline]
    fn lower_bound(&self, entry: u64, prefix_bits: u32) -> usize {
        let entries = self.entries();
        let mut at = expected_at(entries.len(), entry, prefix_bits);
        while at < entries.len() && entries[at] < entry {
            at += 1;
        }
        while at > 0 && entries[at - 1] >= entry {
            at -= 1;
        }
        at
    }

    /// The entries that begin with `hash`: their first position and the run.
    #[inline]
    fn run(&self, hash: u32, prefix_bits: u32) -> (usize, &[u64]) {
        let entries = self.entries();
        let start = self.lower_bound(first_of(hash), prefix_bits);
        let len = entries[start..].iter().take_while(|&&entry| hash_in(entry) == hash).count();
        (start, &entries[start..start + len])
    }

    fn insert(&mut self, entry: u64, prefix_bits: u32) {
        let count = self.entries().len();
        if count + 1 == self.0.len() {
            let mut grown = Page::with_room(count + 1);
            grown.words()[..=count].copy_from_slice(&self.0);
            *self = grown;
        }
        let at = 1 + self.lower_bound(entry, prefix_bits);
        let words = self.words();
        words.copy_within(at..=count, at + 1);
        words[at] = entry;
        words[0] += 1;
    }

    /// Removes one copy of the entry, which must be there.
    fn remove(&mut self, entry: u64, prefix_bits: u32) {
        let count = self.entries().len();
        let at = 1 + self.lower_bound(entry, prefix_bits);
        let words = self.words();
        debug_assert!(at <= count && words[at] == entry, "the index holds what the leaves hold");
        words.copy_within(at + 1..=count, at);
        words[0] -= 1;
        if count * 2 < words.len() {
            *self = Page::of(self.entries());
        }
    }
}

/// Where among `len` evenly spread entries of a page an entry should be.
#[inline]
fn expected_at(len: usize, entry: u64, prefix_bits: u32) -> usize {
    let fraction = (entry << prefix_bits) >> 32;
    ((fraction * len as u64) >> 32) as usize
}

/// The smallest entry of a hash.
#[inline]
fn first_of(hash: u32) -> u64 {
    u64::from(hash) << 32
}

#[inline]
fn entry(hash: u32, leaf: u32) -> u64 {
    first_of(hash) | u64::from(leaf)
}

/// The hash of an entry.
#[inline]
pub(super) fn hash_in(entry: u64) -> u32 {
    (entry >> 32) as u32
}

/// The leaf of an entry.
#[inline]
pub(super) fn leaf_in(entry: u64) -> u32 {
    entry as u32
}

/// A page, and how many of the top bits of a hash are equal for all of it.
#[derive(Clone, Copy)]
struct Place {
    page: usize,
    prefix_bits: u32,
}

/// The index; cloning counts a reference for every 256 pages.
#[derive(Clone)]
pub(super) struct Index {
    pages: ChunkedVec<Page>,
    len: usize,
}

impl Index {
    /// Builds it at once from `(hash, leaf)` pairs in any order.
    pub fn build(pairs: impl Iterator<Item = (u32, u32)>) -> Index {
        let mut entries: Vec<u64> = pairs.map(|(hash, leaf)| entry(hash, leaf)).collect();
        entries.sort_unstable();
        let mut index = Index { pages: ChunkedVec::default(), len: entries.len() };
        let pages = (entries.len() / AVERAGE).max(1);
        for _ in 0..pages {
            index.pages.push(Page(Arc::new([])));
        }
        let (mut rest, mut first) = (&entries[..], 0);
        loop {
            let next = index.after_page(first);
            let count = next.map_or(rest.len(), |next| rest.partition_point(|&entry| hash_in(entry) < next));
            let place = index.place_of(first);
            *index.pages.get_mut(place.page) = Page::of(&rest[..count]);
            rest = &rest[count..];
            match next {
                Some(next) => first = next,
                None => return index,
            }
        }
    }

    /// The leaves that may hold a member of this hash.
    #[inline]
    pub fn candidates(&self, hash: u32) -> impl Iterator<Item = u32> {
        let Place { page, prefix_bits } = self.place_of(hash);
        let (_, run) = self.pages.get(page).run(hash, prefix_bits);
        run.iter().map(|&entry| leaf_in(entry))
    }

    /// Adds one entry.
    pub fn insert(&mut self, hash: u32, leaf: u32) {
        let Place { page, prefix_bits } = self.place_of(hash);
        self.pages.get_mut(page).insert(entry(hash, leaf), prefix_bits);
        self.len += 1;
        if self.len > self.pages.len() * AVERAGE {
            self.split();
        }
    }

    /// Removes one entry, which must be there.
    pub fn remove(&mut self, hash: u32, leaf: u32) {
        let Place { page, prefix_bits } = self.place_of(hash);
        self.pages.get_mut(page).remove(entry(hash, leaf), prefix_bits);
        self.len -= 1;
        // Well below the point of splitting, so that a boundary isn't crossed back and forth.
        if self.len < (self.pages.len() - 1) * (AVERAGE / 2) {
            self.merge();
        }
    }

    /// Loads what `relocate` and others will need for these hashes. The loads don't wait for one another.
    pub fn warm(&self, hashes: &[u32]) {
        let loaded = hashes.iter().fold(0, |loaded, &hash| {
            let Place { page, prefix_bits } = self.place_of(hash);
            let entries = self.pages.get(page).entries();
            loaded
                ^ entries.get(expected_at(entries.len(), first_of(hash), prefix_bits)).copied().unwrap_or(0)
        });
        std::hint::black_box(loaded);
    }

    /// Follows a member from leaf to leaf.
    pub fn relocate(&mut self, hash: u32, from: u32, to: u32) {
        let Place { page, prefix_bits } = self.place_of(hash);
        let page = self.pages.get_mut(page);
        let (start, run) = page.run(hash, prefix_bits);
        if let [only] = run {
            debug_assert_eq!(leaf_in(*only), from, "the index holds what the leaves hold");
            page.words()[1 + start] = entry(hash, to);
        } else {
            page.remove(entry(hash, from), prefix_bits);
            page.insert(entry(hash, to), prefix_bits);
        }
    }

    /// Calls `visit` with runs of equal hash, in the order of the hashes from `from` on, until it says
    /// stop; answers the hash to go on from, or nothing at the end. A run may name a leaf twice.
    pub fn walk(&self, from: u32, mut visit: impl FnMut(u32, &[u64]) -> bool) -> Option<u32> {
        let mut from = from;
        loop {
            let Place { page, prefix_bits } = self.place_of(from);
            let page = self.pages.get(page);
            let start = page.lower_bound(first_of(from), prefix_bits);
            for run in page.entries()[start..].chunk_by(|a, b| hash_in(*a) == hash_in(*b)) {
                let hash = hash_in(run[0]);
                if !visit(hash, run) {
                    return hash.checked_add(1);
                }
            }
            from = self.after_page(from)?;
        }
    }

    /// Bytes of the index.
    pub fn memory_bytes(&self) -> usize {
        let pages = self.pages.iter().map(|page| size_class(ARC + page.0.len() * 8)).sum::<usize>();
        self.pages.memory_bytes() + pages
    }

    /// The page for a hash.
    #[inline]
    fn place_of(&self, hash: u32) -> Place {
        let pages = self.pages.len();
        let bits = pages.ilog2();
        let half = 1usize << bits;
        let number = hash.reverse_bits() as usize & (2 * half - 1);
        let page = if number < pages { number } else { number - half };
        let is_split = page >= half || page + half < pages;
        Place { page, prefix_bits: bits + u32::from(is_split) }
    }

    /// The first hash beyond the page that `hash` falls into; nothing after the last page.
    fn after_page(&self, hash: u32) -> Option<u32> {
        let shift = u32::BITS - self.place_of(hash).prefix_bits;
        u32::try_from(((u64::from(hash) >> shift) + 1) << shift).ok()
    }

    /// The next page in turn gives its upper half to a new one.
    fn split(&mut self) {
        let pages = self.pages.len();
        let bits = pages.ilog2();
        let page = self.pages.get_mut(pages - (1 << bits));
        let entries = page.entries();
        let middle = entries.partition_point(|&entry| hash_in(entry) << bits >> 31 == 0);
        let (lower, upper) = (Page::of(&entries[..middle]), Page::of(&entries[middle..]));
        *page = lower;
        self.pages.push(upper);
    }

    /// The last page goes back into the one it was split from.
    fn merge(&mut self) {
        let Some(upper) = self.pages.pop() else { return };
        let pages = self.pages.len();
        let lower = self.pages.get_mut(pages - (1 << pages.ilog2()));
        *lower = Page::of(&[lower.entries(), upper.entries()].concat());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn contents(index: &Index) -> Vec<u64> {
        let mut all = Vec::new();
        let end = index.walk(0, |_, run| {
            all.extend_from_slice(run);
            true
        });
        assert_eq!(end, None);
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn behaves_as_a_sorted_multiset(
            hashes in prop::collection::vec(prop_oneof![3 => any::<u32>(), 1 => 0u32..9], 0..300),
            removals in prop::collection::vec(any::<prop::sample::Index>(), 0..300),
            built in 0usize..300,
        ) {
            let pairs: Vec<(u32, u32)> = hashes.iter().enumerate().map(|(at, &hash)| (hash, at as u32 % 5)).collect();
            let built = built.min(pairs.len());
            let mut index = Index::build(pairs[..built].iter().copied());
            let mut model: Vec<u64> = pairs.iter().map(|&(hash, leaf)| entry(hash, leaf)).collect();
            for &(hash, leaf) in &pairs[built..] {
                index.insert(hash, leaf);
            }
            model.sort_unstable();
            prop_assert_eq!(contents(&index), model.clone());
            let clone = index.clone();
            let before = model.clone();
            for (at, removal) in removals.iter().enumerate().take(before.len()) {
                let gone = model.remove(removal.index(model.len()));
                let (hash, leaf) = (hash_in(gone), leaf_in(gone));
                if at % 3 == 0 {
                    index.relocate(hash, leaf, leaf + 7);
                    model.push(entry(hash, leaf + 7));
                    model.sort_unstable();
                } else {
                    index.remove(hash, leaf);
                }
            }
            prop_assert_eq!(contents(&index), model.clone());
            prop_assert_eq!(contents(&clone), before);
            let mut by_hash: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
            for entry in model {
                by_hash.entry(hash_in(entry)).or_default().push(leaf_in(entry));
            }
            for hash in hashes {
                let found: Vec<u32> = index.candidates(hash).collect();
                prop_assert_eq!(found, by_hash.get(&hash).cloned().unwrap_or_default());
            }
        }
    }

    #[test]
    fn pages_follow_the_entries() {
        let mut index = Index::build(std::iter::empty());
        let hashes: Vec<u32> = (0..1000u32).map(|n| n.wrapping_mul(0x9e37_79b9)).collect();
        hashes.iter().for_each(|&hash| index.insert(hash, 1));
        assert_eq!(index.pages.len(), 1000usize.div_ceil(AVERAGE));
        let longest = index.pages.iter().map(|page| page.entries().len()).max();
        assert!(longest <= Some(4 * AVERAGE), "{longest:?}");
        hashes.iter().for_each(|&hash| index.remove(hash, 1));
        assert_eq!(index.pages.len(), 1);
    }

    #[test]
    fn a_walk_goes_on_where_it_stopped() {
        let mut index = Index::build((0..100u32).map(|n| (n << 25 | 5, n)));
        let mut seen = Vec::new();
        let mut from = 0;
        loop {
            let next = index.walk(from, |hash, _| {
                seen.push(hash);
                seen.len() % 7 != 0
            });
            let Some(next) = next else { break };
            from = next;
            // Splits don't matter.
            index.insert(from.wrapping_sub(1), 999);
        }
        seen.dedup();
        assert_eq!(seen, (0..100u32).map(|n| n << 25 | 5).collect::<Vec<_>>());
    }
}
