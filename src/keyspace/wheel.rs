//! A hierarchical timing wheel: when to look at which key, in about ten bytes a key and constant time.
//!
//! Time is cut into ticks of 16 ms, counted from the Unix epoch, and a tick number into bytes. An item goes to the
//! level of the highest byte in which its tick differs from the present one, into the slot which that byte names:
//!
//! ```text
//! present tick  00 00 00 19 b0 51 c4 07
//! item due at   00 00 00 19 b0 51 c4 9e  -> level 0, slot 9e      within 4 s
//!               00 00 00 19 b0 53 11 22  -> level 2, slot 53      within 75 hours
//! level         7  6  5  4  3  2  1  0
//! ```
//!
//! So the occupied slots of a level lie ahead of the present within one round, lower levels are due before
//! higher ones, and the next thing to do is the first occupied slot of the lowest level that has one. When time
//! reaches a slot of level 0, its items fire. When it reaches one of a higher level, its items move down: each at
//! most once per level in its life. Eight levels reach as far as 64-bit ticks, so no deadline is too far.
//!
//! **Budget.** Both are done item by item, until a budget is used up. A slot that was begun is finished before
//! time goes on: `draining` is its level.
//!
//! **Storage.** An item is the hash of its key and the bytes of its tick below its level; the slot implies the
//! rest. That makes 8 bytes at level 0, 9 up to 17 minutes, 10 up to 75 hours. A slot keeps them in chunks of up
//! to 4 KB, of which only the last has room to spare, and that grows in small steps. Slots exist while
//! something is in them, levels until the wheel is empty.
//!
//! **Few items.** A level alone takes 2 KB, a slot with one item 64 bytes, and there are as many wheels as shards. So
//! up to 256 items are kept in a plain list, which is looked through; an empty wheel is a few words.
//!
//! **Precision.** A deadline is rounded up to a tick: an item never fires before it, and less than a tick after
//! it when `advance` is called that often. If the clock goes back, items wait until it has caught up.

use crate::base::size_class::size_class;

/// The length of a tick, in ms.
const TICK_MS: u64 = 16;
/// Bytes of a tick number.
const LEVELS: usize = 8;
/// Values of a byte.
const SLOTS: usize = 256;
/// Bytes of a hash.
const HASH: usize = size_of::<u64>();
/// The longest chunk, in bytes.
const CHUNK: usize = 4096;
/// What a deadline within hours takes, in bytes.
pub const BYTES_PER_DEADLINE: usize = 10;
/// So many items need no levels.
const FEW: usize = if cfg!(test) { 32 } else { 256 };

/// Hashes of keys by deadline. See the head of this file.
pub struct Wheel {
    /// The present tick: all before it are done with.
    at: u64,
    len: usize,
    /// The level, above 0, whose slot at the present tick is moving down; 0 if none is.
    draining: usize,
    items: Items,
}

enum Items {
    /// At most [`FEW`], in no order.
    Few(Vec<Item>),
    Many(Box<[Option<Box<Level>>; LEVELS]>),
}

/// When it is due, and the hash of its key.
struct Item {
    tick: u64,
    hash: u64,
}

struct Level {
    slots: [Option<Box<Slot>>; SLOTS],
    /// Which slots exist, a bit for each.
    occupied: [u64; SLOTS / 64],
}

/// Items of equal length, one after another, last in first out.
#[derive(Default)]
struct Slot {
    /// The last chunk: the only one that isn't full.
    tail: Vec<u8>,
    full: Vec<Box<[u8]>>,
}

impl Wheel {
    /// An empty wheel at a time in Unix ms.
    pub fn new(now_ms: i64) -> Self {
        Wheel { at: tick_of(now_ms), len: 0, draining: 0, items: Items::Few(Vec::new()) }
    }

    /// Has `hash` fire once `deadline_ms` has come: at the next call of `advance` if it has. Equal items fire
    /// each for itself.
    pub fn insert(&mut self, deadline_ms: i64, hash: u64) {
        self.len += 1;
        let tick = due_tick(deadline_ms);
        match &mut self.items {
            Items::Few(items) if items.len() < FEW => {
                if items.len() == items.capacity() {
                    items.reserve_exact(items.len() / 4 + 1);
                }
                items.push(Item { tick, hash });
            }
            Items::Few(_) => {
                self.spread();
                self.place(tick, hash);
            }
            Items::Many(_) => self.place(tick, hash),
        }
    }

    /// Moves time to `now_ms` and hands the hashes that are due to `fired`, in no particular order within a tick.
    /// Handles at most `budget` items, those included that only come nearer; true if some remain to be handled.
    pub fn advance(&mut self, now_ms: i64, budget: usize, fired: &mut impl FnMut(u64)) -> bool {
        let now = tick_of(now_ms);
        if let Items::Few(items) = &mut self.items {
            let more = fire(items, now, budget, fired);
            self.len = items.len();
            self.at = self.at.max(now);
            return more;
        }
        let mut left = budget;
        while let Some((level, due)) = self.next_slot().filter(|(_, due)| *due <= now) {
            if left == 0 {
                return true;
            }
            left -= 1;
            self.at = due;
            let (offset, hash, emptied) = self.take(level);
            if level == 0 {
                self.len -= 1;
                fired(hash);
            } else {
                self.draining = if emptied { 0 } else { level };
                self.place(due + offset, hash);
            }
        }
        self.at = self.at.max(now);
        if self.is_empty() {
            self.items = Items::Few(Vec::new());
        }
        false
    }

    /// Takes the item of `hash` out while items are few; else it stays and fires.
    pub fn forget(&mut self, hash: u64) {
        if let Items::Few(items) = &mut self.items
            && let Some(index) = items.iter().position(|item| item.hash == hash)
        {
            items.swap_remove(index);
            self.len = items.len();
        }
    }

    /// The hash of a random item. Where items are many, those that share their slot with few come more often.
    pub fn random(&self) -> Option<u64> {
        match &self.items {
            Items::Few(items) => fastrand::choice(items).map(|item| item.hash),
            Items::Many(levels) => {
                let slots = |level: &Option<Box<Level>>| level.as_ref().map_or(0, |level| level.slots());
                let mut nth = fastrand::usize(..levels.iter().map(slots).sum::<usize>().max(1));
                levels.iter().enumerate().find_map(|(number, level)| {
                    let level = level.as_ref()?;
                    if nth < level.slots() {
                        return level.random(nth, HASH + number);
                    }
                    nth -= level.slots();
                    None
                })
            }
        }
    }

    /// Items in the wheel.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Moves items that are no longer few to levels.
    #[cold]
    fn spread(&mut self) {
        let levels = Items::Many(Box::new([const { None }; LEVELS]));
        if let Items::Few(items) = std::mem::replace(&mut self.items, levels) {
            items.into_iter().for_each(|Item { tick, hash }| self.place(tick, hash));
        }
    }

    #[inline]
    fn levels(&self) -> &[Option<Box<Level>>] {
        match &self.items {
            Items::Few(_) => &[],
            Items::Many(levels) => &levels[..],
        }
    }

    #[inline]
    fn levels_mut(&mut self) -> &mut [Option<Box<Level>>] {
        match &mut self.items {
            Items::Few(_) => &mut [],
            Items::Many(levels) => &mut levels[..],
        }
    }

    /// Of many items, the level to go on with and the tick when its next slot is due.
    fn next_slot(&self) -> Option<(usize, u64)> {
        if self.draining > 0 {
            return Some((self.draining, self.at));
        }
        let in_levels = self.levels().iter().enumerate();
        let (level, slot) =
            in_levels.filter_map(|(level, slots)| Some((level, slots.as_ref()?.first()?))).next()?;
        // Its bytes above the level are those of the present, those below are 0.
        let round = self.at & !0 << (8 * level) << 8;
        Some((level, round | (slot as u64) << (8 * level)))
    }

    /// Puts an item among many into its slot, as seen from the present tick.
    fn place(&mut self, due: u64, hash: u64) {
        let due = due.max(self.at);
        let level = highest_byte(due ^ self.at);
        let mut item = [0; 2 * HASH];
        item[..HASH].copy_from_slice(&hash.to_le_bytes());
        item[HASH..].copy_from_slice(&due.to_le_bytes());
        let slots = self.levels_mut()[level].get_or_insert_with(Level::new);
        slots.push(byte(due, level), &item[..HASH + level]);
    }

    /// Takes an item from the slot of a level that the present tick is in: how many ticks later it is due, its
    /// hash, and whether it was the last one.
    fn take(&mut self, level: usize) -> (u64, u64, bool) {
        let slot = byte(self.at, level);
        let slots = self.levels_mut()[level].as_mut().expect("the level has an occupied slot");
        let (item, emptied) = slots.pop(slot, HASH + level);
        let (hash, offset) = item.split_at(HASH);
        let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("half an item"));
        (number(offset), number(hash), emptied)
    }
}

impl Level {
    fn new() -> Box<Level> {
        Box::new(Level { slots: [const { None }; SLOTS], occupied: [0; SLOTS / 64] })
    }

    /// The lowest occupied slot.
    #[inline]
    fn first(&self) -> Option<usize> {
        let word = self.occupied.iter().position(|word| *word != 0)?;
        Some(word * 64 + self.occupied[word].trailing_zeros() as usize)
    }

    /// How many slots have items.
    fn slots(&self) -> usize {
        self.occupied.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The hash of a random item of the occupied slot with a number.
    fn random(&self, nth: usize, len: usize) -> Option<u64> {
        self.slots.iter().flatten().nth(nth)?.random(len)
    }

    fn push(&mut self, slot: usize, item: &[u8]) {
        self.occupied[slot / 64] |= 1 << (slot % 64);
        self.slots[slot].get_or_insert_default().push(item);
    }

    /// An item of an occupied slot, filled up with zeros, and whether that was the last one.
    fn pop(&mut self, slot: usize, len: usize) -> ([u8; 2 * HASH], bool) {
        let items = self.slots[slot].as_mut().expect("the slot is occupied");
        let item = items.pop(len);
        let emptied = items.tail.is_empty();
        if emptied {
            self.slots[slot] = None;
            self.occupied[slot / 64] &= !(1 << (slot % 64));
        }
        (item, emptied)
    }
}

impl Slot {
    fn push(&mut self, item: &[u8]) {
        if self.tail.len() + item.len() > self.tail.capacity() {
            self.grow(item.len());
        }
        self.tail.extend_from_slice(item);
    }

    /// Makes room for an item: an eighth more, or a new chunk.
    #[cold]
    fn grow(&mut self, item: usize) {
        if self.tail.len() + item > CHUNK {
            self.full.push(std::mem::take(&mut self.tail).into_boxed_slice());
        }
        let len = self.tail.len();
        let capacity = size_class(len + item + len / 8).min(CHUNK);
        self.tail.reserve_exact(capacity - len);
    }

    fn pop(&mut self, len: usize) -> [u8; 2 * HASH] {
        let mut item = [0; 2 * HASH];
        let rest = self.tail.len() - len;
        item[..len].copy_from_slice(&self.tail[rest..]);
        self.tail.truncate(rest);
        if rest == 0 {
            self.tail = self.full.pop().map_or_else(Vec::new, Vec::from);
        }
        item
    }

    fn random(&self, len: usize) -> Option<u64> {
        let chunk = fastrand::usize(..=self.full.len());
        let chunk = self.full.get(chunk).map_or(&self.tail[..], |chunk| &chunk[..]);
        let at = fastrand::usize(..chunk.len() / len) * len;
        let hash = chunk[at..].first_chunk::<HASH>()?;
        Some(u64::from_le_bytes(*hash))
    }
}

/// Takes out of a few items those that are due, at most `budget`; true if some remain.
fn fire(items: &mut Vec<Item>, now: u64, budget: usize, fired: &mut impl FnMut(u64)) -> bool {
    let mut left = budget;
    let mut index = 0;
    while index < items.len() {
        if items[index].tick > now {
            index += 1;
        } else if left == 0 {
            return true;
        } else {
            left -= 1;
            fired(items.swap_remove(index).hash);
        }
    }
    if items.is_empty() {
        *items = Vec::new();
    }
    false
}

/// The tick that a time lies in.
fn tick_of(ms: i64) -> u64 {
    ms.max(0) as u64 / TICK_MS
}

/// The first tick that begins at a deadline or after it.
fn due_tick(deadline_ms: i64) -> u64 {
    (deadline_ms.max(0) as u64).div_ceil(TICK_MS)
}

/// The index of the highest byte that isn't 0; 0 if there is none.
#[inline]
fn highest_byte(value: u64) -> usize {
    (value | 1).ilog2() as usize / 8
}

#[inline]
fn byte(tick: u64, level: usize) -> usize {
    (tick >> (8 * level)) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_790_000_000_123;
    const HOUR: i64 = 3_600_000;

    impl Wheel {
        /// Bytes allocated for the items.
        fn memory_bytes(&self) -> usize {
            let class = |bytes| if bytes == 0 { 0 } else { size_class(bytes) };
            match &self.items {
                Items::Few(items) => class(items.capacity() * size_of::<Item>()),
                Items::Many(levels) => {
                    let bytes = |level: &Level| size_class(size_of::<Level>()) + level.memory_bytes();
                    class(size_of_val(&**levels))
                        + levels.iter().flatten().map(|level| bytes(level)).sum::<usize>()
                }
            }
        }
    }

    impl Level {
        fn memory_bytes(&self) -> usize {
            let slots = self.slots.iter().flatten();
            slots.map(|slot| size_class(size_of::<Slot>()) + slot.memory_bytes()).sum()
        }
    }

    impl Slot {
        fn memory_bytes(&self) -> usize {
            let list = self.full.capacity() * size_of::<Box<[u8]>>();
            let full = self.full.iter().map(|chunk| size_class(chunk.len())).sum::<usize>();
            let class = |bytes| if bytes == 0 { 0 } else { size_class(bytes) };
            class(self.tail.capacity()) + class(list) + full
        }
    }

    /// Advances in steps of `budget` until nothing is left to do; gives what fired and the number of steps.
    fn advance(wheel: &mut Wheel, now: i64, budget: usize) -> (Vec<u64>, usize) {
        let mut fired = Vec::new();
        for steps in 1.. {
            let before = fired.len();
            let more = wheel.advance(now, budget, &mut |hash| fired.push(hash));
            assert!(fired.len() - before <= budget);
            if !more {
                return (fired, steps);
            }
        }
        unreachable!("time ends first");
    }

    #[test]
    fn fires_at_the_tick_after_the_deadline_and_not_before() {
        let distances = [0, 1, 15, 16, 17, 4095, 4096, 70_000, HOUR, 30 * 24 * HOUR, 5000 * 24 * HOUR];
        for (distance, count) in
            distances.into_iter().flat_map(|distance| [(distance, 1), (distance, FEW + 1)])
        {
            let mut wheel = Wheel::new(NOW);
            let deadline = NOW + distance;
            (0..count).for_each(|_| wheel.insert(deadline, 7));
            let tick = (deadline + 15) / 16 * 16;
            // Time comes in leaps, or the wheel is looked at now and then.
            for now in [NOW + distance / 2, deadline - 1, tick - 1] {
                if now < tick {
                    assert_eq!(advance(&mut wheel, now, 10).0, [0; 0], "{distance} at {now}");
                }
            }
            assert_eq!(advance(&mut wheel, tick, 10).0, vec![7; count], "{distance}");
            assert!(wheel.is_empty() && wheel.memory_bytes() == 0);
        }
    }

    #[test]
    fn past_and_far_deadlines_are_fine() {
        let mut wheel = Wheel::new(NOW);
        for (hash, deadline) in [i64::MIN, -1, 0, NOW - HOUR, NOW].into_iter().enumerate() {
            wheel.insert(deadline, hash as u64);
        }
        for deadline in [i64::MAX, i64::MAX - 1, 1 << 50] {
            wheel.insert(deadline, 99);
        }
        let (mut fired, _) = advance(&mut wheel, NOW + 16, 100);
        fired.sort_unstable();
        assert_eq!(fired, [0, 1, 2, 3, 4]);
        assert_eq!(advance(&mut wheel, 1 << 50, 100).0, [99]);
        assert_eq!(wheel.len(), 2);
        // The tick at which these two are due begins behind the last ms there is.
        assert_eq!(advance(&mut wheel, i64::MAX, 100).0, [0; 0]);
        assert_eq!(wheel.len(), 2);
    }

    #[test]
    fn a_clock_that_goes_back_loses_nothing() {
        let mut wheel = Wheel::new(NOW);
        wheel.insert(NOW + 100, 1);
        assert_eq!(advance(&mut wheel, NOW - HOUR, 10).0, [0; 0]);
        wheel.insert(NOW - HOUR + 100, 2);
        assert_eq!(advance(&mut wheel, NOW + 200, 10).0.len(), 2);
    }

    #[test]
    fn random_items_are_any_of_those_that_are_there() {
        for count in [0, 1, FEW, FEW + 1, 5000] {
            let mut wheel = Wheel::new(NOW);
            for hash in 0..count as u64 {
                // Half of them in one slot, the others anywhere.
                let distance = if hash % 2 == 0 { HOUR } else { fastrand::i64(0..100 * HOUR) };
                wheel.insert(NOW + distance, hash);
            }
            let mut seen = std::collections::HashSet::new();
            for _ in 0..count * 100 {
                let hash = wheel.random().expect("there are items");
                assert!(hash < count as u64);
                seen.insert(hash);
            }
            assert!(seen.len() >= count / 2, "{} of {count}", seen.len());
            assert_eq!(wheel.random().is_none(), count == 0);
            wheel.forget(0);
            assert_eq!(wheel.len(), if count <= FEW { count.saturating_sub(1) } else { count });
        }
    }

    #[test]
    fn a_million_at_once_come_in_small_steps() {
        let mut wheel = Wheel::new(NOW);
        for hash in 0..1_000_000 {
            wheel.insert(NOW + 2 * HOUR, hash);
        }
        let (fired, steps) = advance(&mut wheel, NOW + 2 * HOUR + 16, 1000);
        assert_eq!(fired.iter().sum::<u64>(), 999_999 * 500_000);
        // Each went through levels 2 and 1 at most.
        assert!((1000..=3001).contains(&steps), "{steps}");
        assert_eq!(wheel.memory_bytes(), 0);
    }

    #[test]
    fn a_million_take_about_ten_bytes_each() {
        for (span, most) in [(15 * 60_000, 9.2), (HOUR, 10.0), (48 * HOUR, 10.3)] {
            let mut wheel = Wheel::new(NOW);
            let mut random = fastrand::Rng::with_seed(1);
            for _ in 0..1_000_000 {
                wheel.insert(NOW + random.i64(0..span), random.u64(..));
            }
            let each = wheel.memory_bytes() as f64 / 1e6;
            assert!(each <= most, "{each} bytes within {span} ms");
        }
        assert!(size_of::<Wheel>() <= 48);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(i64),
        Advance(i64, usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let span = || prop_oneof![0i64..100, 0..10_000i64, 0..3_000_000i64, 0..1i64 << 40];
        let step = prop_oneof![
            3 => (-50_000i64..1).prop_map(Step::Insert),
            9 => span().prop_map(Step::Insert),
            4 => (span(), 0usize..20).prop_map(|(leap, budget)| Step::Advance(leap, budget)),
        ];
        prop::collection::vec(step, 0..150)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn agrees_with_a_sorted_map(start in 0..NOW, steps in steps()) {
            let (mut wheel, mut now) = (Wheel::new(start), start);
            let mut model: BTreeMap<u64, i64> = BTreeMap::new();
            for (id, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Insert(distance) => {
                        model.insert(id as u64, now + distance);
                        wheel.insert(now + distance, id as u64);
                    }
                    Step::Advance(leap, budget) => {
                        now += leap;
                        let mut fired = Vec::new();
                        let more = wheel.advance(now, budget, &mut |id| fired.push(id));
                        prop_assert!(fired.len() <= budget);
                        for id in fired {
                            let deadline = model.remove(&id).expect("fires once");
                            prop_assert!(deadline <= now, "{} at {}", deadline, now);
                        }
                        let late = model.values().filter(|deadline| **deadline <= now - 16).count();
                        prop_assert!(more || late == 0, "{} late at {}", late, now);
                    }
                }
                prop_assert_eq!(wheel.len(), model.len());
            }
            let (fired, _) = advance(&mut wheel, i64::MAX, 7);
            prop_assert_eq!(fired.len(), model.len());
            prop_assert_eq!(wheel.memory_bytes(), 0);
        }
    }
}
