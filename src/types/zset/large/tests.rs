//! The large form against a `BTreeMap`, with tiny nodes and a hash that collides, and its invariants.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::types::zset::bounds::{LexBound, ScoreBound};

type Model = BTreeMap<Vec<u8>, f64>;

fn sorted(model: &Model) -> Vec<(Vec<u8>, f64)> {
    let mut entries: Vec<_> = model.iter().map(|(member, &score)| (member.clone(), score)).collect();
    // Stable, and `-0.0 == 0.0`.
    entries.sort_by(|a, b| a.1.partial_cmp(&b.1).expect("no NaN"));
    entries
}

fn entries(large: &Large) -> Vec<(Vec<u8>, f64)> {
    large.walk(0..large.len(), false).map(|(member, score)| (member.to_vec(), score)).collect()
}

/// What the heads of `tree.rs` and `index.rs` promise.
fn check(large: &Large) {
    let mut leaves = HashSet::new();
    let mut depths = HashSet::new();
    assert_eq!(check_node(large, &large.root, (&None, &None), 0, &mut leaves, &mut depths), large.len);
    assert!(depths.len() <= 1, "all leaves are equally deep");
    assert_eq!(leaves.len(), large.store.leaves.used(), "no leaf is lost");
    let apart = large.walk(0..large.len, false).filter(|(member, _)| member.len() > 24).count();
    assert_eq!(large.store.apart.used(), apart, "no member is lost");
    let mut indexed = 0;
    assert_eq!(
        large.store.index.walk(0, |_, run| {
            indexed += run.len();
            true
        }),
        None
    );
    assert_eq!(indexed, large.len, "the index holds what the tree holds");
}

/// A separator's score and member.
type Limit = Option<(f64, Vec<u8>)>;

fn limit(inner: &Inner, at: usize) -> Limit {
    let separator = inner.separator(at);
    Some((separator.score, separator.member.into()))
}

fn is_at_most(limit: &Limit, score: f64, member: &[u8]) -> bool {
    limit.as_ref().is_some_and(|(least, name)| *least < score || (*least == score && **name <= *member))
}

fn check_node(
    large: &Large,
    inner: &Inner,
    (low, high): (&Limit, &Limit),
    depth: usize,
    leaves: &mut HashSet<u32>,
    depths: &mut HashSet<usize>,
) -> usize {
    assert_eq!(inner.counts.len(), inner.children.len());
    for at in 0..inner.children.len() {
        let least = if at == 0 { low.clone() } else { limit(inner, at) };
        let bound = if at + 1 < inner.children.len() { limit(inner, at + 1) } else { high.clone() };
        let count = match &inner.children[at] {
            Node::Inner(child) => check_node(large, child, (&least, &bound), depth + 1, leaves, depths),
            Node::Leaf(leaf) => {
                depths.insert(depth);
                assert!(leaves.insert(*leaf), "a leaf has one parent");
                check_leaf(large, *leaf, (&least, &bound))
            }
        };
        assert_eq!(inner.counts[at], count);
        assert!(count > 0, "no child is empty");
    }
    inner.len()
}

fn check_leaf(large: &Large, number: u32, (low, high): (&Limit, &Limit)) -> usize {
    let leaf = large.store.leaves.get(number);
    for slot in 0..leaf.len() {
        let (member, score) = large.store.entry(number, slot);
        assert!(low.is_none() || is_at_most(low, score, member));
        assert!(!is_at_most(high, score, member));
        let found = large.find(member).expect("the index leads to every member");
        assert_eq!((found.leaf, found.slot), (number, slot));
    }
    leaf.len()
}

#[derive(Clone, Debug)]
enum Op {
    Put(Vec<u8>, f64),
    Remove(Vec<u8>),
    RemoveRank(usize),
    RemoveRanks(usize, usize),
    Hold,
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (0u32..400).prop_map(|n| format!("m{n:03}").into_bytes()),
        2 => (0u32..50).prop_map(|n| n.to_string().into_bytes()),
        1 => (0usize..60, 0u8..3).prop_map(|(len, byte)| vec![byte; len]),
    ]
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-20i32..20).prop_map(f64::from),
        4 => (-2000i32..2000).prop_map(|n| f64::from(n) / 8.0),
        1 => prop::sample::select(vec![0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE]),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        60 => (member(), score()).prop_map(|(member, score)| Op::Put(member, score)),
        15 => member().prop_map(Op::Remove),
        10 => any::<usize>().prop_map(Op::RemoveRank),
        2 => (any::<usize>(), 0usize..60).prop_map(|(start, len)| Op::RemoveRanks(start, len)),
        1 => Just(Op::Hold),
    ]
}

fn put(large: &mut Large, member: &[u8], score: f64) {
    match large.find(member) {
        Some(found) if found.score == score => {}
        Some(found) => large.update(member, found, score),
        None => large.insert(member, score),
    }
}

fn apply(large: &mut Large, model: &mut Model, op: &Op) {
    match op {
        Op::Put(member, score) => {
            put(large, member, *score);
            let old = model.entry(member.clone()).or_insert(*score);
            if *old != *score {
                *old = *score;
            }
        }
        Op::Remove(member) => {
            let found = large.find(member);
            assert_eq!(found.map(|found| found.score), model.remove(member));
            if let Some(found) = found {
                large.remove(member, found);
            }
        }
        Op::RemoveRank(rank) if !model.is_empty() => {
            let rank = rank % model.len();
            let (member, score) = sorted(model)[rank].clone();
            large.remove_rank(rank, |m, s| assert_eq!((m, s), (&member[..], score)));
            model.remove(&member);
        }
        Op::RemoveRanks(start, len) => {
            let start = start % (model.len() + 1);
            let end = (start + len).min(model.len());
            large.remove_ranks(start..end);
            for (member, _) in &sorted(model)[start..end] {
                model.remove(member);
            }
        }
        Op::RemoveRank(_) | Op::Hold => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn behaves_as_a_map_while_clones_stay_as_they_were(
        start in prop::collection::btree_map(member(), score(), 0..300),
        ops in prop::collection::vec(op(), 1..400),
    ) {
        let mut model: Model = start;
        let mut large = Large::build(sorted(&model).into_iter());
        check(&large);
        let mut held = Vec::new();
        for op in &ops {
            apply(&mut large, &mut model, op);
            if matches!(op, Op::Hold) {
                held.push((large.clone(), sorted(&model)));
                check(&large);
            }
        }
        check(&large);
        let expected = sorted(&model);
        prop_assert_eq!(&entries(&large), &expected);
        let backward: Vec<_> = large.walk(0..large.len(), true).map(|(m, s)| (m.to_vec(), s)).collect();
        prop_assert!(backward.into_iter().rev().eq(expected));
        for (clone, expected) in &held {
            check(clone);
            prop_assert_eq!(&entries(clone), expected);
        }
    }

    #[test]
    fn ranks_and_cuts_agree_with_a_sorted_vector(
        model in prop::collection::btree_map(member(), score(), 0..300),
        probes in prop::collection::vec((score(), any::<bool>()), 20),
    ) {
        let all = sorted(&model);
        let mut large = Large::build(std::iter::empty::<(&[u8], f64)>());
        for (member, score) in &model {
            large.insert(member, *score);
        }
        for (rank, (member, score)) in all.iter().enumerate() {
            prop_assert_eq!(large.at(rank), (&member[..], *score));
            let found = large.find(member).expect("every member is there");
            prop_assert_eq!(large.rank(member, found), rank);
        }
        for (value, exclusive) in probes {
            let bound = ScoreBound { value, exclusive };
            let count = |keep: &dyn Fn(f64) -> bool| all.iter().filter(|(_, score)| keep(*score)).count();
            prop_assert_eq!(large.rank_of_cut(&Cut::FromScore(bound)), count(&|score| !bound.admits_as_min(score)));
            prop_assert_eq!(large.rank_of_cut(&Cut::ToScore(bound)), count(&|score| bound.admits_as_max(score)));
        }
    }

    #[test]
    fn lex_cuts_agree_where_scores_are_equal(
        members in prop::collection::btree_set(member(), 0..300),
        probes in prop::collection::vec((member(), any::<bool>()), 20),
    ) {
        let mut large = Large::build(std::iter::empty::<(&[u8], f64)>());
        for member in &members {
            large.insert(member, 0.0);
        }
        for (member, exclusive) in probes {
            let bound = LexBound::Value { bytes: &member, exclusive };
            let below = members.iter().filter(|member| !bound.admits_as_min(member)).count();
            prop_assert_eq!(large.rank_of_cut(&Cut::FromMember(bound)), below);
            let within = members.iter().filter(|member| bound.admits_as_max(member)).count();
            prop_assert_eq!(large.rank_of_cut(&Cut::ToMember(bound)), within);
        }
    }

    #[test]
    fn a_scan_meets_all_who_stay(
        model in prop::collection::btree_map(member(), score(), 1..300),
        ops in prop::collection::vec(op(), 200),
        count in 1usize..20,
    ) {
        let mut model: Model = model;
        let mut large = Large::build(sorted(&model).into_iter());
        let mut stayed: HashSet<Vec<u8>> = model.keys().cloned().collect();
        let mut seen = HashSet::new();
        let mut ops = ops.into_iter();
        let mut cursor = 0;
        loop {
            cursor = large.scan(cursor, count, |member, _| { seen.insert(member.to_vec()); });
            if cursor == 0 {
                break;
            }
            for op in ops.by_ref().take(3) {
                apply(&mut large, &mut model, &op);
                stayed.retain(|member| model.contains_key(member));
            }
        }
        prop_assert!(seen.is_superset(&stayed));
    }
}

#[test]
fn a_scan_in_peace_meets_everyone_once() {
    let mut large = Large::build(std::iter::empty::<(&[u8], f64)>());
    for n in 0..2000 {
        large.insert(format!("m{n}").as_bytes(), f64::from(n % 7));
    }
    let (mut cursor, mut seen) = (0, Vec::new());
    loop {
        cursor = large.scan(cursor, 10, |member, _| seen.push(member.to_vec()));
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(seen.len(), 2000);
    assert_eq!(seen.into_iter().collect::<HashSet<_>>().len(), 2000);
}

#[test]
fn memory_returns_when_a_set_shrinks() {
    let mut large = Large::build((0..5000).map(|n| (format!("m{n:05}"), f64::from(n))));
    let before = large.memory_bytes();
    while large.len() > 3 {
        large.remove_rank(large.len() / 2, |_, _| ());
    }
    check(&large);
    assert!(large.memory_bytes() * 20 < before, "{} of {before}", large.memory_bytes());
}

#[test]
fn gaps_are_closed_where_ranks_are_removed() {
    let mut large = Large::build((0..4000).map(|n| (format!("m{n:05}"), f64::from(n))));
    let full = large.store.leaves.used();
    // One of each seven stays, so that few leaves go as a whole.
    for start in 0..large.len() / 7 {
        large.remove_ranks(start..start + 6);
    }
    check(&large);
    assert!(large.store.leaves.used() < full / 2, "{} of {full}", large.store.leaves.used());
}
