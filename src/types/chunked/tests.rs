//! The table against a `BTreeMap`, with positions as they are and with positions that clump.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::leaf::FULL_LEN;
use super::node::{BITS, Child, LAST_LEVEL};
use super::page::Place;
use super::*;

/// Values of any bytes, summarised by their greatest first byte. Positions keep `BITS` of the hash.
struct Bytes<const KEEP: u64>;

impl<const KEEP: u64> Shape for Bytes<KEEP> {
    type Value<'a> = &'a [u8];
    type Summary = u8;
    const NOTHING: u8 = 0;

    fn summary(value: &[u8]) -> u8 {
        value.first().copied().unwrap_or(0)
    }
    fn join(a: u8, b: u8) -> u8 {
        a.max(b)
    }
    fn same(a: Self::Value<'_>, b: Self::Value<'_>) -> bool {
        a == b
    }
    fn size(value: &[u8]) -> usize {
        varint_size(value.len()) + value.len()
    }
    fn write(value: &[u8], to: &mut [u8]) {
        let start = write_varint(value.len(), to);
        to[start..start + value.len()].copy_from_slice(value);
    }
    fn read(bytes: &[u8]) -> (&[u8], usize) {
        let (len, start) = read_varint(bytes);
        (&bytes[start..start + len], start + len)
    }
    fn position(key: &[u8]) -> u64 {
        hash(key) & KEEP
    }
}

const EVEN: u64 = u64::MAX;
/// Long common prefixes, splits at every level, and more equal positions than a leaf likes.
const CLUMPED: u64 = 0xC000_0010_0000_0103;

/// Checks what the structure promises of a child for positions whose `fixed` highest bits are `prefix`.
fn check<const KEEP: u64>(child: &Child<Bytes<KEEP>>, level: u32, prefix: u64, fixed: u32) {
    match child {
        Child::Leaf(leaf) => {
            let mask = u64::MAX.checked_shl(u64::BITS - fixed).unwrap_or(0);
            check_leaf(leaf, level.saturating_sub(1), |position| position & mask == prefix);
            let last = fixed == (LAST_LEVEL + 1) * BITS;
            assert!(leaf.len() <= FULL_LEN || last, "a leaf of {} could be split", leaf.len());
        }
        Child::Branch(branch) => {
            let children = &branch.node.children;
            assert!(level <= LAST_LEVEL);
            assert_eq!(branch.len, children.iter().map(Child::len).sum::<usize>());
            assert_eq!(branch.summary, children.iter().map(Child::summary).max().unwrap_or(0));
            assert!(children.len() > 1 || matches!(children[0], Child::Branch(_)) || level == 0);
            let spots: Vec<_> = branch.node.spots().collect();
            for pair in spots.windows(2) {
                let buddies = pair[0].span == pair[1].span && pair[0].start % (2 * pair[0].span) == 0;
                if let [Child::Leaf(head), Child::Leaf(tail)] = &children[pair[0].index..=pair[1].index] {
                    assert!(!buddies || !head.may_join(tail), "small buddies have been joined");
                }
            }
            for spot in spots {
                let prefix = prefix | u64::from(spot.start) << (u64::BITS - BITS * (level + 1));
                let fixed = BITS * (level + 1) - spot.span.trailing_zeros();
                assert!(matches!(children[spot.index], Child::Leaf(_)) || spot.span == 1);
                check(&children[spot.index], level + 1, prefix, fixed);
            }
        }
    }
}

fn check_leaf<const KEEP: u64>(leaf: &Leaf<Bytes<KEEP>>, level: u32, belongs: impl Fn(u64) -> bool) {
    let page = leaf.page();
    let (mut live, mut apart, mut summary) = (0, 0, 0);
    for i in 0..page.len {
        let (key, value, size) = record::read::<Bytes<KEEP>>(page.record(i));
        let position = Bytes::<KEEP>::position(key);
        assert!(belongs(position));
        assert_eq!(page.tag(i), position_tag(position, level));
        assert!(i == 0 || page.tag(i) >= page.tag(i - 1), "slots are sorted");
        summary = summary.max(Bytes::<KEEP>::summary(value));
        match page.place(i) {
            Place::Within(_) => live += size,
            Place::Apart(_) => apart += 1,
        }
    }
    assert_eq!((live, apart, summary), (page.live(), page.apart.len(), leaf.summary()));
    assert!(page.dead() * 4 <= page.block.len());
}

#[derive(Clone, Debug)]
enum Op {
    Insert(u16, Vec<u8>),
    Set(u16, Vec<u8>),
    Remove(u16),
    Extract { from: u8, budget: usize },
    Clone,
}

fn ops(keys: u16) -> impl Strategy<Value = Vec<Op>> {
    let value = || {
        prop_oneof![
            8 => prop::collection::vec(any::<u8>(), 0..40),
            1 => (any::<u8>(), 900usize..1500).prop_map(|(byte, len)| vec![byte; len]),
        ]
    };
    let op = prop_oneof![
        8 => (0..keys, value()).prop_map(|(k, v)| Op::Insert(k, v)),
        4 => (0..keys, value()).prop_map(|(k, v)| Op::Set(k, v)),
        8 => (0..keys).prop_map(Op::Remove),
        1 => (200u8.., 0usize..20).prop_map(|(from, budget)| Op::Extract { from, budget }),
        1 => Just(Op::Clone),
    ];
    prop::collection::vec(op, 0..300)
}

/// Keys of several lengths, one of them long enough to be kept apart.
fn key(n: u16) -> Vec<u8> {
    match n % 50 {
        0 => [&n.to_le_bytes()[..], &[b'k'; 1100]].concat(),
        _ => [&n.to_le_bytes()[..], &[b'k'; 20][..usize::from(n % 13)]].concat(),
    }
}

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn model_of<const KEEP: u64>(table: &Table<Bytes<KEEP>>) -> Model {
    let model: Model = table.iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
    assert_eq!(model.len(), table.iter().count(), "each key once");
    model
}

fn run<const KEEP: u64>(ops: &[Op]) {
    let (mut table, mut model) = (Table::<Bytes<KEEP>>::default(), Model::new());
    let mut clones = Vec::new();
    for op in ops {
        match op {
            Op::Insert(k, v) => {
                let new = table.insert(&key(*k), v);
                assert_eq!(new, !model.contains_key(&key(*k)));
                model.entry(key(*k)).or_insert_with(|| v.clone());
            }
            Op::Set(k, v) => assert_eq!(table.set(&key(*k), v), model.insert(key(*k), v.clone()).is_none()),
            Op::Remove(k) => assert_eq!(table.remove(&key(*k)), model.remove(&key(*k)).is_some()),
            Op::Extract { from, budget } => {
                let due = |value: &[u8]| value.first() >= Some(from);
                let before = model.values().filter(|value| due(value)).count();
                let mut removed = 0;
                table.extract(
                    |most| most >= *from,
                    due,
                    *budget,
                    |key| {
                        assert!(due(&model.remove(key).expect("it was here")));
                        removed += 1;
                    },
                );
                assert_eq!(removed, before.min(*budget));
            }
            Op::Clone => clones.push((table.clone(), model.clone())),
        }
        assert_eq!(table.len(), model.len());
        check(&table.root, 0, 0, 0);
    }
    for (clone, then) in clones.iter().chain([&(table, model)]) {
        assert_eq!(&model_of(clone), then);
        for n in 0..400 {
            assert_eq!(clone.get(&key(n)), then.get(&key(n)).map(|value| &value[..]));
        }
        assert_eq!(
            clone.summary(),
            then.values().filter_map(|value| value.first()).max().copied().unwrap_or(0)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn behaves_like_a_map(ops in ops(400)) {
        run::<EVEN>(&ops);
    }

    #[test]
    fn behaves_like_a_map_when_positions_clump(ops in ops(100)) {
        run::<CLUMPED>(&ops);
    }

    #[test]
    fn behaves_like_a_map_when_all_positions_agree(ops in ops(40)) {
        run::<0>(&ops);
    }
}

/// Scans to the end while `change` works on the table between the steps, and returns how often each key came.
fn scan_all<const KEEP: u64>(
    table: &mut Table<Bytes<KEEP>>,
    count: usize,
    mut change: impl FnMut(&mut Table<Bytes<KEEP>>),
) -> BTreeMap<Vec<u8>, u32> {
    let (mut seen, mut cursor) = (BTreeMap::new(), 0);
    loop {
        let next = table.scan(cursor, count, |key, _| *seen.entry(key.to_vec()).or_insert(0) += 1);
        assert!(next == 0 || next > cursor, "the cursor moves on");
        assert!(next < 1 << 48);
        cursor = next;
        if cursor == 0 {
            return seen;
        }
        change(table);
    }
}

fn scan_keeps_its_promise<const KEEP: u64>(count: usize) {
    let mut table = Table::<Bytes<KEEP>>::default();
    for n in 0..300 {
        table.insert(&key(n), b"stays");
    }
    let mut next = 1000;
    let seen = scan_all(&mut table, count, |table| {
        // Grows to several times its size, then shrinks back, while it is scanned.
        for n in next..next + 60 {
            if n < 4000 {
                table.insert(&key(n), b"comes")
            } else {
                table.remove(&key(n - 3000))
            };
        }
        next += 60;
    });
    assert!((0..300).all(|n| seen.contains_key(&key(n))));
    assert!(seen.values().all(|&times| times == 1), "nothing comes twice");
}

#[test]
fn a_scan_sees_all_that_stays() {
    for count in [1, 7, 50] {
        scan_keeps_its_promise::<EVEN>(count);
    }
    scan_keeps_its_promise::<CLUMPED>(10);
    scan_keeps_its_promise::<0>(10);
}

#[test]
fn a_scan_visits_as_many_as_asked() {
    let mut table = Table::<Bytes<EVEN>>::default();
    for n in 0..3000 {
        table.insert(&key(n), b"");
    }
    let mut visited = 0;
    let cursor = table.scan(0, 10, |_, _| visited += 1);
    assert!((10..12).contains(&visited), "{visited}");
    assert_ne!(cursor, 0);
    assert_eq!(table.scan(u64::MAX, 10, |_, _| unreachable!()), 0);
}

#[test]
fn ranks_are_in_the_order_of_iteration() {
    let mut table = Table::<Bytes<EVEN>>::default();
    for n in 0..1000 {
        table.insert(&key(n), b"v");
    }
    for (rank, element) in table.iter().enumerate() {
        assert_eq!(table.nth(rank), Some(element));
    }
    assert_eq!(table.nth(1000), None);
    assert_eq!(table.iter().len(), 1000);
}

#[test]
fn random_elements_are_evenly_chosen() {
    fastrand::seed(3);
    let mut table = Table::<Bytes<EVEN>>::default();
    assert!(table.random().is_none());
    for n in 0..100 {
        table.insert(&n.to_string().into_bytes(), b"");
    }
    let mut hits = BTreeMap::new();
    for _ in 0..20_000 {
        *hits.entry(table.random().map(|(key, _)| key)).or_insert(0) += 1;
    }
    // 200 each on average; six standard deviations are 85.
    assert!(hits.len() == 100 && hits.values().all(|hits| (115..285).contains(hits)), "{hits:?}");
}

#[test]
fn many_equal_positions_make_a_wide_page() {
    let mut table = Table::<Bytes<0>>::default();
    (0..1500u32).for_each(|n| assert!(table.insert(&n.to_le_bytes(), &[n as u8; 20])));
    assert!((0..1500u32).all(|n| table.get(&n.to_le_bytes()) == Some(&[n as u8; 20])));
    check(&table.root, 0, 0, 0);
    (0..1500u32).for_each(|n| assert!(table.remove(&n.to_le_bytes())));
    assert_eq!(table.memory_bytes(), Table::<Bytes<0>>::default().memory_bytes());
}

#[test]
fn a_table_that_shrinks_gives_its_memory_back() {
    let mut table = Table::<Bytes<EVEN>>::default();
    (0..3000u32).for_each(|n| assert!(table.insert(&n.to_le_bytes(), b"value")));
    assert!(table.is_slow_to_free());
    (3..3000u32).for_each(|n| assert!(table.remove(&n.to_le_bytes())));
    assert_eq!((table.allocations(), table.is_slow_to_free()), (1, false));
    assert!(table.memory_bytes() < 128, "{}", table.memory_bytes());
}

#[test]
fn the_memory_of_large_tables_is_estimated_well() {
    let mut table = Table::<Bytes<EVEN>>::default();
    (0..20_000u32).for_each(|n| assert!(table.insert(&n.to_le_bytes(), b"value")));
    let (exact, estimate) = (table.root.memory() as f64, table.memory_bytes() as f64);
    assert!((0.95..1.05).contains(&(estimate / exact)), "{estimate} for {exact}");
}

#[test]
fn a_clone_is_not_the_same_once_something_has_changed() {
    for len in [1, 100, 2000] {
        let mut table = Table::<Bytes<EVEN>>::default();
        // As long as the other, and of the same summary.
        let [old, new] = [1, 2].map(|last| [&vec![0; len][..], &[last]].concat());
        table.insert(b"key", &old);
        let clone = table.clone();
        assert!(!table.set(b"key", &old) && table.is_same(&clone));
        assert!(!table.set(b"key", &new) && !table.is_same(&clone));
        assert_eq!((table.get(b"key"), clone.get(b"key")), (Some(&new[..]), Some(&old[..])));
    }
}

#[test]
fn tables_go_between_threads() {
    fn check<T: Send + Sync>() {}
    check::<Table<Members>>();
}

#[test]
fn a_table_that_is_consumed_gives_what_was_there_while_a_clone_changes() {
    let mut table = Table::<Members>::default();
    let keys: Vec<Vec<u8>> = (0..2000u32).map(|n| n.to_string().into_bytes()).collect();
    assert!(keys.iter().all(|key| table.insert(key, ())));
    let (mut clone, mut seen) = (table.clone(), std::collections::BTreeSet::new());
    let done = table.consume(|key, ()| {
        assert!(seen.insert(key.to_vec()), "{key:?} comes twice");
        clone.remove(&keys[keys.len() - seen.len()]);
        Ok::<(), ()>(())
    });
    assert!(done.is_ok() && seen.len() == keys.len() && clone.is_empty());
}
