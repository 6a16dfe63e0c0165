//! Sorted sets of either form against a model, at sizes where one becomes the other.

use std::collections::BTreeMap;
use std::ops::Range;

use proptest::prelude::*;

use super::*;

const TINY: ZsetLimits = ZsetLimits { max_listpack_entries: 20, max_listpack_value: 12 };
const NEVER: ZsetLimits = ZsetLimits { max_listpack_entries: 0, max_listpack_value: 0 };
const ALWAYS: ZsetLimits = ZsetLimits { max_listpack_entries: usize::MAX, max_listpack_value: usize::MAX };
const FORMS: [ZsetLimits; 3] = [TINY, NEVER, ALWAYS];

type Model = BTreeMap<Vec<u8>, f64>;

fn sorted(model: &Model) -> Vec<(Vec<u8>, f64)> {
    let mut entries: Vec<_> = model.iter().map(|(member, &score)| (member.clone(), score)).collect();
    entries.sort_by(|a, b| a.1.partial_cmp(&b.1).expect("no NaN"));
    entries
}

fn entries(set: &Zset, ranks: Range<usize>, direction: Direction) -> Vec<(Vec<u8>, f64)> {
    set.iter(ranks, direction).map(|(member, score)| (member.to_vec(), score)).collect()
}

fn all(set: &Zset) -> Vec<(Vec<u8>, f64)> {
    entries(set, 0..usize::MAX, Direction::Forward)
}

fn zset(pairs: &[(&str, f64)], limits: &ZsetLimits) -> Zset {
    let pairs = pairs.iter().map(|(member, score)| (member.as_bytes().to_vec(), *score)).collect();
    Zset::from_pairs(pairs, limits).expect("no duplicates")
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (0u32..60).prop_map(|n| format!("m{n}").into_bytes()),
        4 => (-30i32..30).prop_map(|n| n.to_string().into_bytes()),
        1 => (0usize..16).prop_map(|len| vec![b'x'; len]),
    ]
}

fn score() -> impl Strategy<Value = f64> {
    let odd =
        vec![0.0, -0.0, 0.1, -1e-7, 1e300, 5e18, -3e15, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE];
    prop_oneof![
        4 => (-10i32..10).prop_map(f64::from),
        2 => (-100i32..100).prop_map(|n| f64::from(n) / 8.0),
        1 => prop::sample::select(odd),
    ]
}

fn flags() -> impl Strategy<Value = AddFlags> {
    let choices: Vec<AddFlags> = (0..32u8)
        .map(|bits| AddFlags {
            nx: bits & 1 != 0,
            xx: bits & 2 != 0,
            gt: bits & 4 != 0,
            lt: bits & 8 != 0,
            incr: bits & 16 != 0,
        })
        .filter(|flags| !(flags.nx && (flags.xx || flags.gt || flags.lt)) && !(flags.gt && flags.lt))
        .collect();
    prop_oneof![2 => Just(AddFlags::default()), 3 => prop::sample::select(choices)]
}

#[derive(Clone, Debug)]
enum Op {
    Add(Vec<u8>, f64, AddFlags),
    Remove(Vec<u8>),
    Pop(bool),
    RemoveRanks(usize, usize),
    Hold,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        20 => (member(), score(), flags()).prop_map(|(member, score, flags)| Op::Add(member, score, flags)),
        4 => member().prop_map(Op::Remove),
        2 => any::<bool>().prop_map(Op::Pop),
        1 => (0usize..60, 0usize..9).prop_map(|(start, len)| Op::RemoveRanks(start, len)),
        1 => Just(Op::Hold),
    ]
}

/// ZADD for one member, written down once more from its manual page.
fn add_to_model(
    model: &mut Model,
    member: &[u8],
    score: f64,
    flags: AddFlags,
) -> Result<AddOutcome, NotANumber> {
    match model.get(member).copied() {
        None if flags.xx => Ok(AddOutcome::Skipped),
        None => {
            model.insert(member.to_vec(), score);
            Ok(AddOutcome::Added(score))
        }
        Some(_) if flags.nx => Ok(AddOutcome::Skipped),
        Some(old) => {
            let new = if flags.incr { old + score } else { score };
            match new.partial_cmp(&old) {
                None => Err(NotANumber),
                Some(order) if flags.gt && order.is_le() || flags.lt && order.is_ge() => {
                    Ok(AddOutcome::Skipped)
                }
                Some(order) if order.is_eq() => Ok(AddOutcome::Unchanged(new)),
                Some(_) => {
                    model.insert(member.to_vec(), new);
                    Ok(AddOutcome::Updated(new))
                }
            }
        }
    }
}

fn apply(set: &mut Zset, model: &mut Model, op: &Op, limits: &ZsetLimits) {
    match op {
        Op::Add(member, score, flags) => {
            let expected = add_to_model(model, member, *score, *flags);
            assert_eq!(set.add(member, *score, *flags, limits), expected);
        }
        Op::Remove(member) => assert_eq!(set.remove(member), model.remove(member)),
        Op::Pop(min) => {
            let entries = sorted(model);
            let expected = if *min { entries.first() } else { entries.last() };
            expected.map(|(member, _)| model.remove(member));
            assert_eq!(set.pop(if *min { End::Min } else { End::Max }), expected.cloned());
        }
        Op::RemoveRanks(start, len) => {
            let ranks = *start..start + len;
            let gone: Vec<_> = sorted(model).into_iter().skip(*start).take(*len).collect();
            assert_eq!(set.remove_ranks(ranks), gone.len());
            model.retain(|member, _| gone.iter().all(|(other, _)| other != member));
        }
        Op::Hold => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn behaves_as_a_map_in_every_form(ops in prop::collection::vec(op(), 1..150)) {
        for limits in FORMS {
            let (mut set, mut model, mut held) = (Zset::new(), Model::new(), Vec::new());
            for op in &ops {
                apply(&mut set, &mut model, op, &limits);
                if matches!(op, Op::Hold) {
                    prop_assert!(set.is_unchanged_since(&set.clone()));
                    held.push((set.clone(), sorted(&model)));
                }
            }
            let expected = sorted(&model);
            prop_assert_eq!(set.len(), expected.len());
            prop_assert_eq!(all(&set), expected.clone());
            for (rank, (member, score)) in expected.iter().enumerate() {
                prop_assert_eq!(set.score(member), Some(*score));
                prop_assert_eq!(set.rank(member), Some((rank, *score)));
                prop_assert_eq!(set.reverse_rank(member), Some((expected.len() - 1 - rank, *score)));
                let at = set.at(rank).map(|(member, score)| (member.to_vec(), score));
                prop_assert_eq!(at, Some((member.clone(), *score)));
            }
            prop_assert!(set.at(expected.len()).is_none());
            for (clone, expected) in &held {
                prop_assert_eq!(&all(clone), expected);
            }
        }
    }

    #[test]
    fn ranges_agree_in_every_form(
        model in prop::collection::btree_map(member(), score(), 0..50),
        bounds in prop::collection::vec((score(), any::<bool>(), score(), any::<bool>()), 8),
        start in 0usize..50, len in 0usize..50,
    ) {
        let expected = sorted(&model);
        for limits in FORMS {
            let set = Zset::from_pairs(model.clone().into_iter().collect(), &limits).expect("a map");
            let part: Vec<_> = expected.iter().skip(start).take(len).cloned().collect();
            prop_assert_eq!(&entries(&set, start..start + len, Direction::Forward), &part);
            let reverse = entries(&set, start..start + len, Direction::Reverse);
            prop_assert!(reverse.into_iter().rev().eq(part));
            for &(value, exclusive, high, high_exclusive) in &bounds {
                let (min, max) = (ScoreBound { value, exclusive }, ScoreBound { value: high, exclusive: high_exclusive });
                let within = |score| min.admits_as_min(score) && max.admits_as_max(score);
                let part: Vec<_> = expected.iter().filter(|(_, score)| within(*score)).cloned().collect();
                prop_assert_eq!(entries(&set, set.score_range(min, max), Direction::Forward), part);
            }
        }
    }

    #[test]
    fn lex_ranges_agree_in_every_form(
        members in prop::collection::btree_set(member(), 0..50),
        bounds in prop::collection::vec((member(), any::<bool>(), member(), any::<bool>()), 8),
    ) {
        for limits in FORMS {
            let pairs = members.iter().map(|member| (member.clone(), 3.5)).collect();
            let set = Zset::from_pairs(pairs, &limits).expect("a set");
            for (low, exclusive, high, high_exclusive) in &bounds {
                let given = [
                    LexBound::Value { bytes: low, exclusive: *exclusive },
                    LexBound::Value { bytes: high, exclusive: *high_exclusive },
                    LexBound::Min,
                    LexBound::Max,
                ];
                for (min, max) in given.iter().flat_map(|&min| given.map(|max| (min, max))) {
                    let within = |member: &&Vec<u8>| min.admits_as_min(member) && max.admits_as_max(member);
                    let expected: Vec<_> = members.iter().filter(within).map(|member| (member.clone(), 3.5)).collect();
                    for direction in [Direction::Forward, Direction::Reverse] {
                        let range = set.lex_range(min, max, direction);
                        prop_assert_eq!(entries(&set, range, Direction::Forward), &expected[..]);
                    }
                }
            }
        }
    }

    #[test]
    fn bytes_of_a_small_set_make_the_same_set(model in prop::collection::btree_map(member(), score(), 0..50)) {
        let set = Zset::from_pairs(model.into_iter().collect(), &ALWAYS).expect("a map");
        let expected = all(&set);
        let Ok(listpack) = set.into_listpack() else { panic!("small") };
        prop_assert_eq!(&all(&Zset::from_listpack(listpack.clone())), &expected);
        prop_assert_eq!(all(&Zset::from_foreign(listpack, &TINY).expect("sound")), expected);
    }
}

fn filled(count: usize, limits: &ZsetLimits) -> Zset {
    let mut set = Zset::new();
    for n in 0..count {
        let outcome = set.add(format!("m{n}").as_bytes(), n as f64, AddFlags::default(), limits);
        assert_eq!(outcome, Ok(AddOutcome::Added(n as f64)));
    }
    set
}

#[test]
fn a_set_grows_out_of_the_listpack_as_in_redis() {
    let limits = ZsetLimits::default();
    assert_eq!(filled(128, &limits).encoding(), "listpack");
    let mut set = filled(129, &limits);
    assert_eq!(set.encoding(), "skiplist");
    set.remove_ranks(1..129);
    assert_eq!(set.encoding(), "skiplist", "and not back");
    for (len, encoding) in [(64, "listpack"), (65, "skiplist")] {
        let mut set = filled(3, &limits);
        set.add(&vec![b'x'; len], 1.0, AddFlags::default(), &limits).expect("a number");
        assert_eq!(set.encoding(), encoding);
        assert_eq!(set.len(), 4);
        let mut set = Zset::new();
        set.prepare(len, 128, &limits);
        assert_eq!(set.encoding(), encoding);
    }
    let mut set = filled(3, &limits);
    set.prepare(999, 128, &limits);
    assert_eq!(set.encoding(), "listpack", "the length of a member counts for a new key only");
    set.prepare(1, 129, &limits);
    assert_eq!(set.encoding(), "skiplist");
}

#[test]
fn the_listpack_has_the_bytes_of_redis() {
    let set = zset(&[("a", 1.0), ("17", -0.0), ("b", 3.25), ("c", f64::INFINITY), ("d", 5e18)], &ALWAYS);
    let items: Vec<_> = set.as_listpack().expect("small").iter().collect();
    let expected = [
        Item::Int(17),
        Item::Int(0),
        Item::Bytes(b"a"),
        Item::Int(1),
        Item::Bytes(b"b"),
        Item::Bytes(b"3.25"),
        Item::Bytes(b"d"),
        Item::Bytes(b"5e+18"),
        Item::Bytes(b"c"),
        Item::Bytes(b"inf"),
    ];
    assert_eq!(items, expected);
}

#[test]
fn a_small_set_of_eight_is_its_listpack() {
    let set = filled(8, &ZsetLimits::default());
    assert_eq!(set.as_listpack().expect("small").byte_len(), 7 + 8 * (4 + 2));
    assert_eq!(set.memory_bytes(), size_class(7 + 8 * 6));
}

#[test]
fn a_large_set_keeps_the_sign_of_zero() {
    let set = zset(&[("a", -0.0)], &NEVER);
    assert!(set.score(b"a").expect("there").is_sign_negative());
}

#[test]
fn nan_is_refused() {
    for limits in [ALWAYS, NEVER] {
        let mut set = zset(&[("a", f64::INFINITY)], &limits);
        let incr = AddFlags { incr: true, ..AddFlags::default() };
        assert_eq!(set.add(b"a", f64::NEG_INFINITY, incr, &limits), Err(NotANumber));
        assert_eq!(set.add(b"b", f64::NAN, AddFlags::default(), &limits), Err(NotANumber));
        assert_eq!(all(&set), [(b"a".to_vec(), f64::INFINITY)]);
        assert!(Zset::from_pairs(vec![(b"a".to_vec(), f64::NAN)], &limits).is_err());
    }
}

#[test]
fn malformed_pairs_are_refused_and_disorder_is_mended() {
    let listpack = |items: &[&str]| {
        let mut listpack = Listpack::new();
        items.iter().for_each(|item| listpack.push_back(item.as_bytes()));
        listpack
    };
    for bad in
        [&["a"][..], &["a", "x"], &["a", "nan"], &["a", "1", "a", "2"], &["a", "1", "b", "2", "a", "3"]]
    {
        assert!(Zset::from_foreign(listpack(bad), &TINY).is_err(), "{bad:?}");
    }
    let set = Zset::from_foreign(listpack(&["b", "2", "a", "1"]), &TINY).expect("sound");
    assert_eq!(all(&set), [(b"a".to_vec(), 1.0), (b"b".to_vec(), 2.0)]);
    let twice = || vec![(b"a".to_vec(), 1.0), (b"b".to_vec(), 2.0), (b"a".to_vec(), 3.0)];
    assert!(Zset::from_pairs(twice(), &NEVER).is_err());
    assert!(Zset::from_pairs(twice(), &ALWAYS).is_err());
}

#[test]
fn lex_ranges_over_different_scores_are_those_of_a_listpack() {
    // In order: b 1, d 2, a 3, e 4. Redis reads from one end to the first member outside.
    let set = zset(&[("b", 1.0), ("d", 2.0), ("a", 3.0), ("e", 4.0)], &ALWAYS);
    let value = |bytes: &'static [u8]| LexBound::Value { bytes, exclusive: false };
    let range = |min, max, direction| set.lex_range(min, max, direction);
    assert_eq!(range(value(b"b"), value(b"d"), Direction::Forward), 0..3, "only a member above ends it");
    assert_eq!(range(value(b"c"), value(b"e"), Direction::Forward), 1..4);
    assert_eq!(range(value(b"b"), value(b"e"), Direction::Reverse), 3..4, "a is below");
    assert_eq!(range(value(b"f"), LexBound::Max, Direction::Forward), 0..0, "the last member is below");
}

#[test]
fn equal_scores_are_in_order_of_members() {
    for limits in [ALWAYS, NEVER] {
        let mut set = zset(&[("b", 5.0), ("m", 6.0), ("x", 7.0)], &limits);
        for (score, order) in [(5.0, ["b", "m", "x"]), (7.0, ["b", "m", "x"]), (6.0, ["b", "m", "x"])] {
            set.add(b"m", score, AddFlags::default(), &limits).expect("a number");
            assert!(all(&set).iter().map(|(member, _)| &member[..]).eq(order.map(str::as_bytes)));
        }
        for (member, score, order) in
            [("x", 5.0, ["b", "x", "m"]), ("b", 6.0, ["x", "b", "m"]), ("x", 6.0, ["b", "m", "x"])]
        {
            set.add(member.as_bytes(), score, AddFlags::default(), &limits).expect("a number");
            assert!(all(&set).iter().map(|(member, _)| &member[..]).eq(order.map(str::as_bytes)));
        }
        set.add(b"z", 6.5, AddFlags::default(), &limits).expect("a number");
        set.add(b"z", 6.0, AddFlags::default(), &limits).expect("a number");
        set.add(b"a", 5.0, AddFlags::default(), &limits).expect("a number");
        set.add(b"a", 6.0, AddFlags::default(), &limits).expect("a number");
        assert!(
            all(&set).iter().map(|(member, _)| &member[..]).eq(["a", "b", "m", "x", "z"].map(str::as_bytes))
        );
        set.add(b"x", 5.0, AddFlags::default(), &limits).expect("a number");
        set.add(b"a", 5.0, AddFlags::default(), &limits).expect("a number");
        assert!(
            all(&set).iter().map(|(member, _)| &member[..]).eq(["a", "x", "b", "m", "z"].map(str::as_bytes))
        );
    }
}

#[test]
fn a_slice_has_the_form_that_fits_it() {
    let large = filled(200, &NEVER);
    let part = large.slice(50..60, &TINY);
    assert_eq!((part.encoding(), all(&part)), ("listpack", all(&large)[50..60].to_vec()));
    assert_eq!(large.slice(50..90, &TINY).encoding(), "skiplist");
    assert!(large.slice(0..usize::MAX, &TINY).is_unchanged_since(&large), "the whole is shared");
    assert!(large.slice(200..300, &TINY).is_empty());
}

#[test]
fn samples_are_distinct_or_repeated() {
    for limits in [ALWAYS, NEVER] {
        let set = filled(90, &limits);
        for count in [0, 1, 5, 50, 90, 200] {
            let mut seen = std::collections::HashSet::new();
            set.sample(count, |member, score| {
                assert_eq!(set.score(&member.to_vec()), Some(score));
                assert!(seen.insert(member.to_vec()));
            });
            assert_eq!(seen.len(), count.min(90));
            let mut visits = 0;
            set.sample_with_repeats(count, |_, _| visits += 1);
            assert_eq!(visits, count);
        }
        assert!(set.random().is_some());
        assert!(Zset::new().random().is_none());
    }
}

#[test]
fn a_scan_visits_small_sets_whole_and_large_ones_by_cursor() {
    let set = filled(100, &ALWAYS);
    let mut visits = 0;
    assert_eq!(set.scan(77, 1, |_, _| visits += 1), 0);
    assert_eq!(visits, 100);
    let set = filled(100, &NEVER);
    let (mut cursor, mut visits, mut calls) = (0, 0, 0);
    loop {
        cursor = set.scan(cursor, 10, |_, _| visits += 1);
        calls += 1;
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(visits, 100);
    assert!((5..=11).contains(&calls), "{calls}");
    assert_eq!(set.scan(u64::MAX, 10, |_, _| ()), 0);
}

mod algebra {
    use super::*;
    use crate::types::set::{Set, SetLimits};

    fn pairs(result: &Scored) -> Vec<(Vec<u8>, f64)> {
        result.iter().map(|(member, score)| (member.to_vec(), score)).collect()
    }

    fn input(set: &Zset, weight: f64) -> Input<'_> {
        Input { source: Source::Zset(set), weight }
    }

    /// What the loops of Redis do, for members of all inputs in order of size.
    fn naive(models: &[(&Model, f64)], aggregate: Aggregate, every: bool) -> Vec<(Vec<u8>, f64)> {
        let mut models = models.to_vec();
        models.sort_by_key(|(model, _)| model.len());
        let mut result = Model::new();
        let members = models.iter().flat_map(|(model, _)| model.keys());
        for member in members {
            let scores: Vec<f64> = models
                .iter()
                .filter_map(|(model, weight)| model.get(member).map(|score| score * weight))
                .collect();
            if every && scores.len() < models.len() {
                continue;
            }
            let number = |score: f64| if score.is_nan() { 0.0 } else { score };
            let mut sum = number(scores[0]);
            for &score in &scores[1..] {
                let score = if every { score } else { number(score) };
                sum = match aggregate {
                    Aggregate::Sum => number(sum + score),
                    Aggregate::Min if score < sum => score,
                    Aggregate::Max if score > sum => score,
                    _ => sum,
                };
            }
            result.insert(member.clone(), sum);
        }
        sorted(&result)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn operations_agree_with_maps(
            models in prop::collection::vec(prop::collection::btree_map(member(), score(), 0..40), 1..4),
            weights in prop::collection::vec(prop::sample::select(vec![1.0, 0.0, -2.0, 0.5, f64::INFINITY]), 4),
            large in any::<bool>(),
            limit in 1usize..9,
        ) {
            let limits = if large { NEVER } else { ALWAYS };
            let build = |model: &Model| Zset::from_pairs(model.clone().into_iter().collect(), &limits).expect("a map");
            let sets: Vec<Zset> = models.iter().map(build).collect();
            let inputs: Vec<Input> = sets.iter().zip(&weights).map(|(set, weight)| input(set, *weight)).collect();
            let weighted: Vec<(&Model, f64)> = models.iter().zip(weights.iter().copied()).collect();
            for aggregate in [Aggregate::Sum, Aggregate::Min, Aggregate::Max] {
                let result = union(&inputs, aggregate);
                prop_assert_eq!(pairs(&result), naive(&weighted, aggregate, false));
                prop_assert_eq!(all(&result.to_zset(&TINY)), pairs(&result));
                prop_assert_eq!(pairs(&intersection(&inputs, aggregate)), naive(&weighted, aggregate, true));
            }
            let common = naive(&weighted, Aggregate::Sum, true).len();
            prop_assert_eq!(intersection_len(&inputs, usize::MAX), common);
            prop_assert_eq!(intersection_len(&inputs, limit), common.min(limit));
            let mut rest = models[0].clone();
            rest.retain(|member, _| models[1..].iter().all(|model| !model.contains_key(member)));
            let sources: Vec<Source> = sets.iter().map(Source::Zset).collect();
            prop_assert_eq!(pairs(&difference(&sources)), sorted(&rest));
        }
    }

    #[test]
    fn sets_count_as_scores_of_one_and_missing_keys_as_nothing() {
        let mut set = Set::new();
        for member in ["a", "2", "z"] {
            set.insert(member.as_bytes(), &SetLimits::default());
        }
        let zset = zset(&[("a", 5.0), ("2", 7.0), ("b", 9.0)], &ALWAYS);
        let inputs = [input(&zset, 2.0), Input { source: Source::Set(&set), weight: 3.0 }];
        let both = intersection(&inputs, Aggregate::Sum);
        assert_eq!(pairs(&both), [(b"a".to_vec(), 13.0), (b"2".to_vec(), 17.0)]);
        assert_eq!(union(&inputs, Aggregate::Min).len(), 4);
        let missing = Input { source: Source::Missing, weight: 1.0 };
        assert!(intersection(&[inputs[0], missing], Aggregate::Sum).is_empty());
        assert_eq!(union(&[inputs[0], missing], Aggregate::Sum).len(), 3);
        let rest = difference(&[Source::Set(&set), Source::Zset(&zset), Source::Missing]);
        assert_eq!(pairs(&rest), [(b"z".to_vec(), 1.0)]);
        assert!(difference(&[Source::Missing, Source::Set(&set)]).is_empty());
    }

    #[test]
    fn smaller_inputs_are_aggregated_first() {
        let three = zset(&[("a", f64::INFINITY), ("b", 0.0), ("c", 0.0)], &ALWAYS);
        let two = zset(&[("a", f64::NEG_INFINITY), ("b", 0.0)], &ALWAYS);
        let one = zset(&[("a", 5.0)], &ALWAYS);
        let inputs = [input(&three, 1.0), input(&two, 1.0), input(&one, 1.0)];
        // (5 - inf) + inf, not (inf - inf) + 5.
        assert_eq!(pairs(&intersection(&inputs, Aggregate::Sum)), [(b"a".to_vec(), 0.0)]);
        assert_eq!(
            union(&inputs, Aggregate::Sum).iter().find(|(member, _)| *member == b"a"),
            Some((&b"a"[..], 0.0))
        );
    }

    #[test]
    fn many_sets_are_subtracted_at_once() {
        let first = filled(100, &NEVER);
        let small: Vec<Zset> = (0..8).map(|n| zset(&[(&format!("m{n}"), 0.0)], &ALWAYS)).collect();
        let sources: Vec<Source> = std::iter::once(&first).chain(&small).map(Source::Zset).collect();
        assert_eq!(difference(&sources).len(), 92);
    }
}
