//! The list against a deque of byte strings, and the encodings at the commands at which Redis changes them.

use std::collections::VecDeque;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

type Model = VecDeque<Vec<u8>>;

fn limits(max_listpack_size: i32) -> ListLimits {
    ListLimits { max_listpack_size, packed_threshold: 0 }
}

fn push(list: &mut List, end: End, value: &[u8], limits: &ListLimits) {
    list.push(end, std::iter::once(value), limits);
}

/// `0`, `1`, ... pushed at the tail.
fn numbers(count: usize, limits: &ListLimits) -> List {
    let mut list = List::new();
    for n in 0..count {
        push(&mut list, End::Tail, n.to_string().as_bytes(), limits);
    }
    list
}

fn texts(list: &List) -> Model {
    list.iter().map(Item::to_vec).collect()
}

fn assert_is(list: &List, model: &Model) {
    assert_eq!(texts(list), *model);
    assert!(list.iter().rev().map(Item::to_vec).eq(model.iter().rev().cloned()));
    assert_eq!((list.len(), list.is_empty()), (model.len(), model.is_empty()));
    assert_eq!(list.chunks().map(ChunkRef::len).sum::<usize>(), model.len());
    if let Form::Quick(quick) = &list.0 {
        quick.rope.check();
    }
}

#[test]
fn becomes_a_quicklist_past_the_limit_and_a_listpack_at_half() {
    let limits = limits(4);
    let mut list = numbers(4, &limits);
    assert_eq!(list.encoding(), "listpack");
    push(&mut list, End::Head, b"x", &limits);
    assert_eq!((list.encoding(), list.chunks().count()), ("quicklist", 2));
    // The new head is a chunk of its own, so two chunks are left until it goes.
    assert_eq!(list.discard(End::Tail, 3, &limits), 3);
    assert_eq!(list.encoding(), "quicklist");
    assert_eq!(list.pop(End::Head, &limits, |item| item.to_vec()), Some(b"x".to_vec()));
    assert_eq!((list.encoding(), texts(&list)), ("listpack", VecDeque::from([b"0".to_vec()])));
}

#[test]
fn one_chunk_above_half_the_limit_stays_a_quicklist() {
    let limits = limits(4);
    let mut list = numbers(5, &limits);
    list.trim(0, -2, &limits);
    assert_eq!((list.encoding(), list.chunks().count(), list.len()), ("quicklist", 1, 4));
    list.pop(End::Tail, &limits, |_| ());
    assert_eq!((list.encoding(), list.len()), ("quicklist", 3));
    list.pop(End::Tail, &limits, |_| ());
    assert_eq!((list.encoding(), list.len()), ("listpack", 2));
}

#[test]
fn a_quicklist_keeps_its_limit_and_leaves_by_the_present_one() {
    let mut list = numbers(5, &limits(4));
    for n in 5..12 {
        push(&mut list, End::Tail, n.to_string().as_bytes(), &limits(100));
    }
    assert!(list.chunks().map(ChunkRef::len).eq([4, 4, 4]));
    list.discard(End::Tail, 8, &limits(8));
    assert_eq!((list.encoding(), list.len()), ("listpack", 4));
}

#[test]
fn a_removal_of_nothing_leaves_the_form() {
    let small = limits(4);
    let mut list = numbers(5, &small);
    list.discard(End::Tail, 1, &small);
    assert_eq!(list.encoding(), "quicklist");
    assert_eq!(list.remove(b"none", 0, &limits(100)), 0);
    assert_eq!(list.encoding(), "quicklist");
    assert_eq!(list.remove(b"3", 0, &limits(100)), 1);
    assert_eq!(list.encoding(), "listpack");
}

#[test]
fn a_failed_insert_or_set_makes_room_all_the_same() {
    let limits = limits(-1);
    let large = [b'x'; 5000];
    let mut list = numbers(3, &limits);
    assert!(!list.insert(Side::After, b"none", &large, &limits));
    assert_eq!(list.encoding(), "quicklist");
    let mut list = numbers(3, &limits);
    assert!(!list.set(3, &large, &limits));
    assert_eq!(list.encoding(), "quicklist");
}

#[test]
fn oversized_elements_are_chunks_of_their_own() {
    let limits = limits(-1);
    let large = [b'x'; 5000];
    let mut list = numbers(6, &limits);
    assert!(list.set(2, &large, &limits));
    let lens: Vec<_> = list.chunks().map(ChunkRef::len).collect();
    assert_eq!(lens, [2, 1, 3]);
    assert!(matches!(list.chunks().nth(1), Some(ChunkRef::Plain(element)) if element == large));
    assert_eq!(list.get(2), Some(Item::Bytes(&large)));
    assert_eq!(list.positions(&large, End::Tail, 4).next(), Some(2));
    // A small element in its place joins the chunk that follows.
    assert!(list.set(2, b"2", &limits));
    assert_eq!((list.chunks().count(), texts(&list)), (2, texts(&numbers(6, &limits))));
}

#[test]
fn a_builder_chooses_the_form_by_the_whole_limit() {
    let limits = limits(4);
    let build = |count: usize| {
        let mut builder = ListBuilder::new(limits);
        for n in 0..count {
            builder.push(n.to_string().as_bytes());
        }
        builder.finish()
    };
    assert_eq!((build(4).encoding(), build(5).encoding()), ("listpack", "quicklist"));
    let mut builder = ListBuilder::new(limits);
    builder.push_plain(b"alone".to_vec());
    builder.push_listpack(Listpack::new());
    let list = builder.finish();
    assert_eq!((list.encoding(), list.len()), ("quicklist", 1));
}

#[test]
fn ranges_are_clamped() {
    for list in [numbers(10, &limits(-1)), numbers(10, &limits(3))] {
        let range =
            |start, stop| list.range(start, stop).map(|item| item.integer().expect("a number")).collect();
        let of = |range: std::ops::Range<i64>| range.collect::<Vec<_>>();
        for ((start, stop), wanted) in [
            ((0, -1), of(0..10)),
            ((2, 4), of(2..5)),
            ((-3, 100), of(7..10)),
            ((-100, 1), of(0..2)),
            ((5, 4), of(0..0)),
            ((10, 20), of(0..0)),
            ((i64::MIN, i64::MAX), of(0..10)),
            ((i64::MAX, i64::MIN), of(0..0)),
        ] {
            let got: Vec<_> = range(start, stop);
            assert_eq!((got, list.range(start, stop).len()), (wanted.clone(), wanted.len()));
        }
        let mut some = list.range(1, -1);
        let mut visited = Vec::new();
        some.visit_while(|item| {
            visited.push(item);
            visited.len() < 5
        });
        assert_eq!((visited, some.indexes()), ((1..6).map(Item::Int).collect(), 6..10));
        let mut visited = Vec::new();
        some.visit_while(|item| {
            visited.push(item);
            true
        });
        assert_eq!((visited, some.next()), ((6..10).map(Item::Int).collect(), None));
        let mut both = list.range(2, 7);
        assert_eq!((both.next(), both.next_back(), both.len()), (Some(Item::Int(2)), Some(Item::Int(7)), 4));
        assert!(both.eq((3..7).map(Item::Int)));
        assert_eq!((list.get(-10), list.get(-11), list.get(10)), (Some(Item::Int(0)), None, None));
        assert_eq!((list.get(i64::MIN), list.get(i64::MAX)), (None, None));
    }
}

#[test]
fn a_clone_is_a_snapshot_and_costs_one_path() {
    let limits = limits(-2);
    let mut list = numbers(100_000, &limits);
    let before = list.clone();
    push(&mut list, End::Tail, b"new", &limits);
    let addresses = |list: &List| list.chunks().map(|chunk| chunk.bytes().as_ptr()).collect::<Vec<_>>();
    let (old, new) = (addresses(&before), addresses(&list));
    assert_eq!(old.iter().zip(&new).filter(|(old, new)| old != new).count(), 1, "of {}", old.len());
    assert_eq!((before.len(), list.len()), (100_000, 100_001));
}

#[test]
fn memory_is_told_within_a_twentieth() {
    let limits = limits(-2);
    let mut list = List::new();
    for n in 0..20_000 {
        push(&mut list, End::Tail, format!("element:{n:08}").as_bytes(), &limits);
    }
    let per_element = list.memory_bytes() as f64 / 20_000.0;
    assert!((18.0..19.0).contains(&per_element), "{per_element}");
    list.trim(0, 0, &limits);
    assert!(list.memory_bytes() < 100);
}

#[derive(Clone, Debug)]
enum Op {
    Push(End, Vec<Vec<u8>>),
    Pop(End),
    Rotate(End, End),
    Discard(End, usize),
    Trim(i64, i64),
    Set(i64, Vec<u8>),
    Insert(Side, Vec<u8>, Vec<u8>),
    Remove(Vec<u8>, i64),
    Clone,
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (0i64..12).prop_map(|n| n.to_string().into_bytes()),
        3 => (0usize..12).prop_map(|len| vec![b'x'; len]),
        1 => (60usize..300).prop_map(|len| vec![b'y'; len]),
    ]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Head), Just(End::Tail)]
}

fn op() -> impl Strategy<Value = Op> {
    let side = prop_oneof![Just(Side::Before), Just(Side::After)];
    prop_oneof![
        6 => (end(), vec(value(), 1..12)).prop_map(|(end, values)| Op::Push(end, values)),
        2 => end().prop_map(Op::Pop),
        1 => (end(), end()).prop_map(|(from, to)| Op::Rotate(from, to)),
        1 => (end(), 0usize..8).prop_map(|(end, count)| Op::Discard(end, count)),
        1 => (-40i64..8, -8i64..40).prop_map(|(start, stop)| Op::Trim(start, stop)),
        3 => (-30i64..30, value()).prop_map(|(index, value)| Op::Set(index, value)),
        6 => (side, value(), value()).prop_map(|(side, pivot, value)| Op::Insert(side, pivot, value)),
        1 => (value(), -3i64..4).prop_map(|(value, count)| Op::Remove(value, count)),
        1 => Just(Op::Clone),
    ]
}

fn index(model: &Model, index: i64) -> Option<usize> {
    let index = if index < 0 { model.len() as i64 + index } else { index };
    (0..model.len() as i64).contains(&index).then_some(index as usize)
}

fn push_model(model: &mut Model, end: End, value: Vec<u8>) {
    match end {
        End::Head => model.push_front(value),
        End::Tail => model.push_back(value),
    }
}

fn pop_model(model: &mut Model, end: End) -> Option<Vec<u8>> {
    match end {
        End::Head => model.pop_front(),
        End::Tail => model.pop_back(),
    }
}

fn apply(list: &mut List, model: &mut Model, limits: &ListLimits, op: Op) {
    match op {
        Op::Push(end, values) => {
            list.push(end, values.iter().map(Vec::as_slice), limits);
            values.into_iter().for_each(|value| push_model(model, end, value));
        }
        Op::Pop(end) => assert_eq!(list.pop(end, limits, |item| item.to_vec()), pop_model(model, end)),
        Op::Rotate(from, to) => {
            let moved = pop_model(model, from);
            assert_eq!(list.rotate(from, to, limits, |item| item.to_vec()), moved);
            moved.into_iter().for_each(|value| push_model(model, to, value));
        }
        Op::Discard(end, count) => {
            let gone = (0..count).map_while(|_| pop_model(model, end)).count();
            assert_eq!(list.discard(end, count, limits), gone);
        }
        Op::Trim(start, stop) => {
            let len = model.len();
            let from = if start < 0 { (len as i64 + start).max(0) } else { start };
            let to = if stop < 0 { len as i64 + stop } else { stop };
            let kept = |at: &usize| (from..=to).contains(&(*at as i64));
            *model = model.drain(..).enumerate().filter(|(at, _)| kept(at)).map(|(_, value)| value).collect();
            assert_eq!(list.trim(start, stop, limits), len - model.len());
        }
        Op::Set(at, value) => {
            let at_model = index(model, at);
            assert_eq!(list.set(at, &value, limits), at_model.is_some());
            at_model.into_iter().for_each(|at| model[at] = value.clone());
        }
        Op::Insert(side, pivot, value) => {
            let at = model.iter().position(|other| *other == pivot);
            assert_eq!(list.insert(side, &pivot, &value, limits), at.is_some());
            let after = usize::from(side == Side::After);
            at.into_iter().for_each(|at| model.insert(at + after, value.clone()));
        }
        Op::Remove(value, count) => {
            let mut at: Vec<_> = (0..model.len()).filter(|&at| model[at] == value).collect();
            if count < 0 {
                at.reverse();
            }
            at.truncate(if count == 0 { at.len() } else { count.unsigned_abs() as usize });
            assert_eq!(list.remove(&value, count, limits), at.len());
            at.sort_unstable();
            at.iter().rev().for_each(|&at| {
                model.remove(at);
            });
        }
        Op::Clone => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Limits so small that every form, split and merge occurs; clones must stay what they were.
    #[test]
    fn behaves_like_a_deque(
        max_listpack_size in prop_oneof![Just(-1), 0..12i32],
        packed_threshold in prop_oneof![Just(0usize), 1..200usize],
        ops in vec(op(), 1..120),
    ) {
        let limits = ListLimits { max_listpack_size, packed_threshold };
        let (mut list, mut model) = (List::new(), Model::new());
        let mut held = Vec::new();
        for op in ops {
            if matches!(op, Op::Clone) {
                held.push((list.clone(), model.clone()));
                held.drain(..held.len().saturating_sub(3));
            }
            apply(&mut list, &mut model, &limits, op);
            assert_is(&list, &model);
        }
        for (list, model) in &held {
            assert_is(list, model);
        }
        for value in [&b"1"[..], b"xx", b""] {
            for most in [0, 5, usize::MAX] {
                let heads: Vec<_> = list.positions(value, End::Head, most).collect();
                let wanted: Vec<_> = (0..model.len().min(most)).filter(|&at| model[at] == value).collect();
                prop_assert_eq!(heads, wanted);
                let tails: Vec<_> = list.positions(value, End::Tail, most).collect();
                let seen = model.len().saturating_sub(most)..model.len();
                let wanted: Vec<_> = seen.rev().filter(|&at| model[at] == value).collect();
                prop_assert_eq!(tails, wanted);
            }
        }
        for at in -2..model.len() as i64 + 2 {
            let wanted = index(&model, at).map(|at| model[at].clone());
            prop_assert_eq!(list.get(at).map(Item::to_vec), wanted);
        }
    }

    /// The same far above the limits, where the tree is several nodes deep.
    #[test]
    fn deep_trees_behave_like_a_deque(count in 100..600usize, ops in vec(op(), 1..60)) {
        let limits = limits(2);
        let mut list = numbers(count, &limits);
        let mut model = texts(&list);
        let (held, was) = (list.clone(), model.clone());
        for op in ops {
            // Trims from the middle, since those of the strategy leave little.
            let op = match op {
                Op::Trim(start, stop) => Op::Trim(start.abs(), stop - 40),
                op => op,
            };
            apply(&mut list, &mut model, &limits, op);
            assert_is(&list, &model);
        }
        assert_is(&held, &was);
    }
}
