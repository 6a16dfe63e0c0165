//! The table against a HashMap, through growth, splits and shrinking. Run under AddressSanitizer as well.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;

use super::segment::Bucket;
use super::*;

/// A table with the hashes that a shard gives it.
struct Fixture {
    table: Table,
    bits: u8,
}

impl Fixture {
    fn new(bits: u8) -> Fixture {
        Fixture { table: Table::new(bits), bits }
    }

    /// Bytes of the directory and the buckets.
    fn memory_bytes(&self) -> usize {
        let Table { segments, directory, .. } = &self.table;
        let buckets: usize = segments.iter().map(|s| s.buckets.len() * size_of::<Bucket>()).sum();
        buckets + segments.capacity() * size_of::<Segment>() + directory.capacity() * size_of::<u32>()
    }

    fn hash(&self, key: &[u8]) -> u64 {
        hash::hash(key) << self.bits
    }

    fn find(&self, key: &[u8]) -> Option<Position> {
        self.table.find(self.hash(key), key)
    }

    fn put(&mut self, key: &[u8], value: &[u8]) {
        match self.find(key) {
            Some(at) => self.table.open(at).set_string(value),
            None => {
                let at = self.table.insert(self.hash(key), Entry::with_string(key, value, None, 0));
                assert_eq!(self.table.entry(at).key(), key);
            }
        }
    }

    fn remove(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        let at = self.find(key)?;
        let entry = self.table.remove(at);
        assert_eq!(entry.as_ref().key(), key);
        Some(entry.as_ref().string()?.to_vec())
    }

    #[track_caller]
    fn check(&self, model: &HashMap<Vec<u8>, Vec<u8>>) {
        assert_eq!((self.table.len(), self.table.is_empty()), (model.len(), model.is_empty()));
        for (key, value) in model {
            let at = self.find(key).expect("every key is found");
            assert_eq!(self.table.entry(at).string().expect("a string").to_vec(), *value);
        }
        let mut keys: Vec<&[u8]> = self.table.iter().map(EntryRef::key).collect();
        let mut expected: Vec<&[u8]> = model.keys().map(Vec::as_slice).collect();
        keys.sort_unstable();
        expected.sort_unstable();
        assert_eq!(keys, expected);
        assert_eq!(self.scan_all().into_keys().collect::<Vec<_>>(), expected);
    }

    /// How often a whole walk visits each key.
    fn scan_all(&self) -> BTreeMap<Vec<u8>, usize> {
        let mut visits = BTreeMap::new();
        let mut next = Some(0);
        while let Some(cursor) = next {
            next = self.table.scan(cursor, &mut |hash, entry| {
                assert_eq!(hash, self.hash(entry.key()));
                *visits.entry(entry.key().to_vec()).or_default() += 1;
            });
            assert!(next.is_none_or(|next| next > cursor), "a walk goes on");
        }
        visits
    }
}

fn key(number: usize) -> Vec<u8> {
    format!("key:{number}").into_bytes()
}

#[test]
fn an_empty_table_allocates_nothing() {
    let fixture = Fixture::new(3);
    assert_eq!(fixture.memory_bytes(), 0);
    assert!(fixture.find(b"k").is_none() && fixture.table.random().is_none());
    assert_eq!(fixture.table.scan(0, &mut |_, _| panic!("nothing to visit")), None);
}

#[test]
fn grows_and_shrinks_with_slots_well_used() {
    for bits in [0, 5, 12] {
        let mut fixture = Fixture::new(bits);
        let count = 30_000;
        for number in 0..count {
            fixture.put(&key(number), b"v");
            if number > 1000 && number % 997 == 0 {
                let each = fixture.memory_bytes() as f64 / (number + 1) as f64;
                assert!((8.0..13.5).contains(&each), "{each} bytes each for {number}");
            }
        }
        for number in 0..count {
            assert!(fixture.find(&key(number)).is_some(), "{number}");
        }
        assert!(fixture.find(&key(count)).is_none());
        for number in 0..count - 1 {
            assert_eq!(fixture.remove(&key(number)).as_deref(), Some(&b"v"[..]), "{number}");
        }
        assert!(fixture.memory_bytes() < 16 * 1024, "{}", fixture.memory_bytes());
        assert_eq!(fixture.table.random().map(|entry| entry.key().to_vec()), Some(key(count - 1)));
        assert!(fixture.remove(&key(count - 1)).is_some());
        assert_eq!(fixture.memory_bytes(), 0);
    }
}

#[test]
fn what_is_reserved_is_filled_with_hardly_any_growing() {
    for (bits, count) in [(0, 1), (0, 7), (3, 640), (5, 641), (2, 30_000)] {
        let mut fixture = Fixture::new(bits);
        fixture.table.reserve(count);
        let reserved = fixture.memory_bytes();
        let mut model = HashMap::new();
        for number in 0..count {
            fixture.put(&key(number), b"v");
            model.insert(key(number), b"v".to_vec());
        }
        fixture.check(&model);
        // Chance may bring a segment more than its share: then it grows by a step.
        assert!(fixture.memory_bytes() <= reserved + reserved / 4, "{count}");
        assert!(count < 100 || reserved / count < 15, "{reserved} bytes for {count}");
        (0..count).for_each(|number| assert!(fixture.remove(&key(number)).is_some()));
        assert_eq!(fixture.memory_bytes(), 0);
    }
}

#[test]
fn a_walk_visits_every_entry_once() {
    let mut fixture = Fixture::new(4);
    for number in 0..20_000 {
        fixture.put(&key(number), b"v");
    }
    let visits = fixture.scan_all();
    assert_eq!(visits.len(), 20_000);
    assert!(visits.values().all(|&visits| visits == 1));
}

#[test]
fn a_walk_may_begin_anywhere() {
    let mut fixture = Fixture::new(4);
    for number in 0..3000 {
        fixture.put(&key(number), b"v");
    }
    for _ in 0..200 {
        let start = fastrand::u64(..);
        let mut visited = 0;
        let mut next = Some(start);
        while let Some(cursor) = next {
            next = fixture.table.scan(cursor, &mut |hash, _| {
                assert!(hash >= start);
                visited += 1;
            });
        }
        let expected = (0..3000).filter(|&number| fixture.hash(&key(number)) >= start).count();
        assert_eq!(visited, expected);
    }
}

#[test]
fn a_walk_misses_nothing_while_the_table_changes() {
    for round in 0..30 {
        let mut fixture = Fixture::new(round % 6);
        let stable = 50 + 150 * usize::from(round);
        (0..stable).for_each(|number| fixture.put(&key(number), b"stable"));
        let mut visits: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut others: Vec<Vec<u8>> = Vec::new();
        let mut next = Some(0);
        let mut made = stable;
        while let Some(cursor) = next {
            next = fixture.table.scan(cursor, &mut |_, entry| {
                *visits.entry(entry.key().to_vec()).or_default() += 1;
            });
            // Between two steps the table grows or shrinks, sometimes by much.
            if fastrand::bool() {
                for _ in 0..fastrand::usize(..60) {
                    others.push(key(made));
                    fixture.put(&key(made), b"other");
                    made += 1;
                }
            } else {
                for _ in 0..fastrand::usize(..80).min(others.len()) {
                    let gone = others.swap_remove(fastrand::usize(..others.len()));
                    fixture.remove(&gone).expect("was put");
                }
            }
        }
        for number in 0..stable {
            assert_eq!(visits.get(&key(number)), Some(&1), "round {round}, key {number}");
        }
    }
}

#[test]
fn draining_gives_every_entry_and_leaves_none() {
    let mut fixture = Fixture::new(3);
    for number in 0..2000 {
        fixture.put(&key(number), &vec![b'v'; number]);
    }
    let drained = fixture.table.drain();
    let lens: std::collections::BTreeSet<usize> =
        drained.iter().filter_map(|entry| Some(entry.as_ref().string()?.len())).collect();
    assert_eq!((drained.len(), lens.len()), (2000, 2000));
    assert_eq!((fixture.table.len(), fixture.memory_bytes()), (0, 0));
    fixture.put(b"k", b"v");
    assert!(fixture.find(b"k").is_some() && fixture.find(&key(1)).is_none());
}

#[test]
fn random_entries_are_spread_over_all() {
    let mut fixture = Fixture::new(0);
    for number in 0..100 {
        fixture.put(&key(number), b"v");
    }
    let mut drawn: HashMap<Vec<u8>, usize> = HashMap::new();
    for _ in 0..20_000 {
        *drawn.entry(fixture.table.random().expect("not empty").key().to_vec()).or_default() += 1;
    }
    // 200 on average each; far off either way would be a bias.
    assert_eq!(drawn.len(), 100);
    assert!(drawn.values().all(|times| (60..600).contains(times)), "{drawn:?}");
}

#[test]
fn find_by_offers_every_entry_of_a_hash() {
    let mut fixture = Fixture::new(2);
    for number in 0..500 {
        fixture.put(&key(number), b"v");
    }
    for number in 0..500 {
        let at = fixture.table.find_by(fixture.hash(&key(number)), |entry| entry.key() == key(number));
        assert_eq!(at, fixture.find(&key(number)));
    }
}

#[test]
fn an_opened_entry_that_moves_stays_in_its_slot() {
    let mut fixture = Fixture::new(1);
    fixture.put(b"k", b"v");
    let at = fixture.find(b"k").expect("was put");
    for len in [10, 2000, 500, 0] {
        fixture.table.open(at).set_string(&vec![b'x'; len]);
        fixture.table.open(at).set_deadline(Some(7).filter(|_| len != 500));
        assert_eq!(fixture.find(b"k"), Some(at));
        assert_eq!(fixture.table.entry(at).string().expect("a string").len(), len);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put(usize, Vec<u8>),
    Remove(usize),
    /// Many keys at once, so that segments split.
    Fill(usize),
    /// All but every nth.
    Thin(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let value = || {
        prop_oneof![prop::collection::vec(any::<u8>(), 0..20), prop::collection::vec(any::<u8>(), 1020..1100)]
    };
    let step = prop_oneof![
        6 => (0..400usize, value()).prop_map(|(number, value)| Step::Put(number, value)),
        4 => (0..400usize).prop_map(Step::Remove),
        1 => (0..1500usize).prop_map(Step::Fill),
        1 => (2..9usize).prop_map(Step::Thin),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_a_hash_map(bits in 0u8..=12, steps in steps()) {
        let mut fixture = Fixture::new(bits);
        let mut model: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
        for step in steps {
            match step {
                Step::Put(number, value) => {
                    fixture.put(&key(number), &value);
                    model.insert(key(number), value);
                }
                Step::Remove(number) => {
                    prop_assert_eq!(fixture.remove(&key(number)), model.remove(&key(number)));
                }
                Step::Fill(count) => for number in 0..count {
                    fixture.put(&key(number), b"filled");
                    model.insert(key(number), b"filled".to_vec());
                },
                Step::Thin(nth) => {
                    let mut keys: Vec<Vec<u8>> = model.keys().cloned().collect();
                    keys.sort();
                    for key in keys.iter().enumerate().filter(|(at, _)| at % nth != 0).map(|(_, key)| key) {
                        prop_assert_eq!(fixture.remove(key), model.remove(key));
                    }
                }
            }
            prop_assert_eq!(fixture.table.len(), model.len());
        }
        fixture.check(&model);
    }
}
