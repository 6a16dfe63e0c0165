//! Sets against `BTreeSet`, with limits so small that every form and every change of form happens.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

type Model = BTreeSet<Vec<u8>>;

const SMALL: SetLimits = SetLimits { max_intset_entries: 8, max_listpack_entries: 6, max_listpack_value: 5 };

fn members(set: &Set) -> Model {
    let members: Model = set.iter().map(Item::to_vec).collect();
    assert_eq!((members.len(), set.iter().count()), (set.len(), set.len()), "each member once");
    members
}

/// Integers, short strings, strings too long for a listpack, and texts that are nearly integers.
fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (-9i64..9).prop_map(|n| n.to_string().into_bytes()),
        1 => prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(123_456)].prop_map(|n| n.to_string().into_bytes()),
        3 => "[a-f]{1,2}".prop_map(String::into_bytes),
        1 => prop_oneof![Just("toolong"), Just("007"), Just("-0"), Just("")].prop_map(|s| s.as_bytes().to_vec()),
    ]
}

#[derive(Clone, Debug)]
enum Op {
    Add(Vec<Vec<u8>>),
    Remove(Vec<u8>),
    Pop,
    PopMany(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => prop::collection::vec(member(), 1..12).prop_map(Op::Add),
        8 => member().prop_map(Op::Remove),
        2 => Just(Op::Pop),
        1 => (0usize..30).prop_map(Op::PopMany),
    ]
}

fn build(members: &[Vec<u8>]) -> Set {
    let mut set = Set::new();
    if let Some(first) = members.first() {
        set.prepare(first, 1, &SMALL);
    }
    for member in members {
        set.insert(member, &SMALL);
    }
    set
}

/// What a form promises of its members.
fn check_form(set: &Set) {
    match set.encoding() {
        "intset" => assert!(set.len() <= 8 && set.iter().all(|member| matches!(member, Item::Int(_)))),
        "listpack" => assert!(set.len() <= 6 && set.iter().all(|member| member.len() <= 5)),
        _ => assert!(set.as_intset().is_none() && set.as_listpack().is_none()),
    }
}

fn apply(set: &mut Set, model: &mut Model, op: &Op) {
    match op {
        Op::Add(new) => {
            set.prepare(&new[0], new.len(), &SMALL);
            for member in new {
                assert_eq!(set.insert(member, &SMALL), model.insert(member.clone()));
            }
        }
        Op::Remove(member) => assert_eq!(set.remove(member), model.remove(member)),
        Op::Pop => {
            let popped = set.pop();
            assert_eq!(popped.is_some(), !model.is_empty());
            assert!(popped.is_none_or(|member| model.remove(&member)));
        }
        Op::PopMany(count) => {
            let mut popped = 0;
            set.pop_many(*count, &SMALL, |member| {
                assert!(model.remove(&member.to_vec()));
                popped += 1;
            });
            assert!(popped == *count || model.is_empty());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn behaves_like_a_tree_set(ops in prop::collection::vec(op(), 0..40)) {
        let (mut set, mut model) = (Set::new(), Model::new());
        let mut clones = Vec::new();
        for op in &ops {
            clones.push((set.clone(), model.clone()));
            apply(&mut set, &mut model, op);
            check_form(&set);
            prop_assert_eq!(&members(&set), &model);
            prop_assert_eq!(set.is_empty(), model.is_empty());
        }
        for (clone, then) in &clones {
            prop_assert_eq!(&members(clone), then);
        }
        for n in -20i64..20 {
            let member = n.to_string().into_bytes();
            prop_assert_eq!(set.contains(&member), model.contains(&member));
            prop_assert_eq!(set.contains_item(Item::Int(n)), model.contains(&member));
        }
    }

    #[test]
    fn sets_combine_like_tree_sets(groups in prop::collection::vec(prop::collection::vec(member(), 0..20), 1..4)) {
        let sets: Vec<Set> = groups.iter().map(|group| build(group)).collect();
        let models: Vec<Model> = sets.iter().map(members).collect();
        let refs: Vec<&Set> = sets.iter().collect();
        let every = |member: &&Vec<u8>| models.iter().all(|model| model.contains(*member));
        let common: Model = models[0].iter().filter(every).cloned().collect();
        let all: Model = models.iter().flatten().cloned().collect();
        let rest: Model = models[0].iter().filter(|m| !models[1..].iter().any(|o| o.contains(*m))).cloned().collect();

        let (inter, union, diff) =
            (intersection(&refs, &SMALL), union(&refs, &SMALL), difference(refs[0], &refs[1..], &SMALL));
        prop_assert_eq!(&members(&inter), &common);
        prop_assert_eq!(members(&union), all);
        prop_assert_eq!(members(&diff), rest);
        for set in [&inter, &union, &diff] {
            check_form(set);
        }
        for limit in [0, 1, 3, usize::MAX] {
            let mut seen = Model::new();
            let found = intersect(&refs, limit, |member| drop(seen.replace(member.to_vec())));
            prop_assert_eq!((found, seen.len()), (common.len().min(limit), common.len().min(limit)));
            prop_assert!(seen.is_subset(&common));
        }
        // The sets they were made from are as before, though a result may share parts with them.
        prop_assert_eq!(sets.iter().map(members).collect::<Vec<_>>(), models);
    }

    #[test]
    fn samples_are_distinct_members(group in prop::collection::vec(member(), 0..20), count in 0usize..25) {
        let set = build(&group);
        let (mut sample, mut visits) = (Model::new(), 0);
        set.sample(count, |member| drop(sample.replace(member.to_vec())));
        prop_assert_eq!(sample.len(), count.min(set.len()));
        prop_assert!(sample.iter().all(|member| set.contains(member)));
        set.sample_with_repeats(count, |member| visits += usize::from(set.contains_item(member)));
        prop_assert_eq!(visits, if set.is_empty() { 0 } else { count });
        prop_assert_eq!(set.random().is_some(), !set.is_empty());
    }
}

fn texts(range: std::ops::Range<i64>) -> Vec<Vec<u8>> {
    range.map(|n| n.to_string().into_bytes()).collect()
}

fn encoding_of(members: &[&str], limits: &SetLimits) -> &'static str {
    let mut set = Set::new();
    set.prepare(members[0].as_bytes(), members.len(), limits);
    members.iter().for_each(|member| {
        set.insert(member.as_bytes(), limits);
    });
    set.encoding()
}

#[test]
fn forms_change_where_they_do_in_redis() {
    assert_eq!(encoding_of(&["1", "2"], &SMALL), "intset");
    assert_eq!(encoding_of(&["1", "b"], &SMALL), "listpack");
    assert_eq!(encoding_of(&["b", "1"], &SMALL), "listpack");
    assert_eq!(encoding_of(&["b", "exact"], &SMALL), "listpack");
    assert_eq!(encoding_of(&["1", "exact"], &SMALL), "listpack");
    assert_eq!(encoding_of(&["b", "longer"], &SMALL), "hashtable");
    assert_eq!(encoding_of(&["1", "longer"], &SMALL), "hashtable");
    // An integer may be longer than the listpack's members, which shows when it has to become one.
    assert_eq!(encoding_of(&["1234567", "1"], &SMALL), "intset");
    assert_eq!(encoding_of(&["1234567", "b"], &SMALL), "hashtable");
    // The number of arguments decides even if they are all the same.
    assert_eq!(encoding_of(&["1"; 9], &SMALL), "hashtable");
    assert_eq!(encoding_of(&["b"; 7], &SMALL), "hashtable");
    assert_eq!(encoding_of(&["b"; 6], &SMALL), "listpack");
    let no_ints = SetLimits { max_intset_entries: 0, ..SMALL };
    assert_eq!(encoding_of(&["1"], &no_ints), "listpack");
    let none = SetLimits { max_listpack_entries: 0, ..no_ints };
    assert_eq!(encoding_of(&["1"], &none), "hashtable");
}

#[test]
fn a_full_intset_becomes_a_table_and_popping_makes_it_small_again() {
    let mut set = build(&texts(0..8));
    assert_eq!(set.encoding(), "intset");
    set.insert(b"8", &SMALL);
    assert_eq!(set.encoding(), "hashtable");
    let mut all = build(&texts(0..100));
    all.pop_many(60, &SMALL, |_| ());
    assert_eq!((all.len(), all.encoding()), (40, "hashtable"));
    all.pop_many(35, &SMALL, |_| ());
    assert_eq!((all.len(), all.encoding()), (5, "listpack"));
}

#[test]
fn an_intersection_of_tables_is_an_intset_if_it_can_be() {
    let (a, b) = (build(&texts(0..100)), build(&texts(95..200)));
    let result = intersection(&[&a, &b], &SMALL);
    assert_eq!((result.encoding(), result.len()), ("intset", 5));
    assert_eq!(result.as_intset().and_then(IntSet::min), Some(95));
}

#[test]
fn results_share_with_large_sets() {
    let (large, small) = (build(&texts(0..5000)), build(&texts(4990..5010)));
    assert_eq!(union(&[&small, &large], &SMALL).len(), 5010);
    let less = difference(&large, &[&small], &SMALL);
    assert_eq!((less.len(), large.len(), less.contains(b"4990")), (4990, 5000, false));
}

#[test]
fn a_scan_of_a_large_set_goes_on_from_its_cursor() {
    let set = build(&texts(0..1000));
    let (mut seen, mut cursor, mut steps) = (Model::new(), 0, 0);
    loop {
        cursor = set.scan(cursor, 10, |member| assert!(seen.insert(member.to_vec())));
        steps += 1;
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(seen, members(&set));
    assert!((90..=100).contains(&steps), "{steps}");
    assert_eq!(build(&texts(0..5)).scan(77, 1, |_| ()), 0);
}

#[test]
fn loading_finds_duplicates_where_it_matters() {
    let mut listpack = Listpack::new();
    (0..7).for_each(|n| listpack.push_back(n % 6));
    let mut set = Set::from_packed(Packed::Listpack(listpack));
    assert_eq!(set.fit(&SMALL), Err(Duplicate));
    let ints = build(&texts(0..8)).into_packed().expect("an intset");
    let mut set = Set::from_packed(ints);
    assert_eq!(set.fit(&SetLimits { max_intset_entries: 7, ..SMALL }), Ok(()));
    assert_eq!((set.encoding(), set.len()), ("hashtable", 8));
    assert_eq!(Set::for_loading(8, &SMALL).encoding(), "intset");
    assert_eq!(Set::for_loading(9, &SMALL).encoding(), "hashtable");
}

#[test]
fn a_clone_tells_whether_anything_changed() {
    for texts in [texts(0..3), texts(0..300)] {
        let mut set = build(&texts);
        let before = set.clone();
        assert!(set.is_unchanged_since(&before));
        assert!(!set.insert(b"1", &SMALL) && set.is_unchanged_since(&before));
        assert!(set.remove(b"1") && !set.is_unchanged_since(&before));
        assert_eq!((before.len(), set.len()), (texts.len(), texts.len() - 1));
    }
}

#[test]
fn each_member_is_chosen_as_often_as_any_other() {
    fastrand::seed(11);
    let roomy = SetLimits { max_intset_entries: 40, max_listpack_entries: 40, max_listpack_value: 5 };
    let words: Vec<_> = (0..40).map(|n| format!("w{n}").into_bytes()).collect();
    for (members, limits) in [(texts(0..40), &roomy), (words.clone(), &roomy), (words, &SMALL)] {
        let mut set = Set::new();
        members.iter().for_each(|member| assert!(set.insert(member, limits)));
        type Choose = fn(&Set, &SetLimits, &mut dyn FnMut(Item<'_>));
        let ways: [Choose; 5] = [
            |set, _, hit| set.sample(10, hit),
            |set, _, hit| set.sample(2, hit),
            |set, _, hit| set.sample_with_repeats(10, hit),
            |set, limits, hit| set.clone().pop_many(10, limits, hit),
            |set, limits, hit| set.clone().pop_many(36, limits, hit),
        ];
        for choose in ways {
            let mut hits = std::collections::BTreeMap::new();
            for _ in 0..1500 {
                choose(&set, limits, &mut |member| *hits.entry(member.to_vec()).or_insert(0) += 1);
            }
            let mean = f64::from(hits.values().sum::<i32>()) / 40.0;
            let slack = 6.0 * mean.sqrt();
            assert_eq!(hits.len(), 40);
            assert!(hits.values().all(|&n| (f64::from(n) - mean).abs() < slack), "{hits:?}");
        }
    }
}
