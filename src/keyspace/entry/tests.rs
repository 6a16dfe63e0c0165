//! Entries in every form, changed into every other one, against plain values. Run under AddressSanitizer as well.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::types::hash::{Hash, HashLimits};
use crate::types::list::{End, List, ListLimits};
use crate::types::set::{Set, SetLimits};
use crate::types::stream::{NewId, Stream, StreamLimits};
use crate::types::zset::{AddFlags, Zset, ZsetLimits};

/// A value that can be made again and again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Int,
    Bytes,
    Raw,
    Shared,
    List,
    Ints,
    Words,
    Hash,
    Zset,
    Stream,
}

const KINDS: [Kind; 10] = [
    Kind::Int,
    Kind::Bytes,
    Kind::Raw,
    Kind::Shared,
    Kind::List,
    Kind::Ints,
    Kind::Words,
    Kind::Hash,
    Kind::Zset,
    Kind::Stream,
];

/// Sizes on both sides of every border: 3 and 8 bytes of integer, inline, apart and large.
const SIZES: [usize; 12] = [1, 2, 20, 60, 100, 129, 254, 255, 513, 1024, 1025, 3000];

fn word(number: usize) -> Vec<u8> {
    format!("w{number}").into_bytes()
}

/// A value of a size: a length in bytes, or a number of elements, which is never 0.
fn make(kind: Kind, size: usize) -> Value {
    let text = || (0..size).map(|at| b'a' + (at % 23) as u8).collect::<Vec<u8>>();
    let numbers = 0..size.max(1);
    match kind {
        Kind::Int => {
            Value::Str(Str::Int(if size.is_multiple_of(2) { size as i64 } else { -(size as i64) << 30 }))
        }
        Kind::Bytes => Value::Str(Str::Bytes(text())),
        Kind::Raw => Value::Str(Str::Raw(text())),
        Kind::Shared => Value::Str(Str::Shared(Arc::new(text()))),
        Kind::List => {
            let words: Vec<Vec<u8>> = numbers.map(word).collect();
            let mut list = List::new();
            list.push(End::Tail, words.iter().map(Vec::as_slice), &ListLimits::default());
            Value::List(list)
        }
        Kind::Ints | Kind::Words => {
            let mut set = Set::new();
            for number in numbers {
                let member = if kind == Kind::Ints { number.to_string().into_bytes() } else { word(number) };
                set.insert(&member, &SetLimits::default());
            }
            Value::Set(set)
        }
        Kind::Hash => {
            let mut hash = Hash::new();
            for n in numbers {
                hash.set(&word(n), &word(n + 1), &HashLimits::default());
            }
            Value::Hash(hash)
        }
        Kind::Zset => {
            let mut zset = Zset::new();
            for number in numbers {
                let added =
                    zset.add(&word(number), number as f64, AddFlags::default(), &ZsetLimits::default());
                added.expect("a number");
            }
            Value::Zset(zset)
        }
        Kind::Stream => {
            let mut stream = Stream::default();
            for number in 1..=size.max(1) {
                let fields = [b"f".to_vec(), word(number)];
                let limits = StreamLimits::default();
                stream.log_mut().append(NewId::Auto, &fields, &limits, number as i64).expect("ascending");
            }
            Value::Stream(stream)
        }
    }
}

/// What is in a value, in an order of its own.
fn contents(value: &Value) -> Vec<Vec<u8>> {
    let mut found = match value {
        Value::Str(Str::Int(number)) => vec![number.to_string().into_bytes()],
        Value::Str(Str::Bytes(bytes) | Str::Raw(bytes)) => vec![bytes.clone()],
        Value::Str(Str::Shared(bytes)) => vec![bytes.to_vec()],
        Value::List(list) => return list.iter().map(|item| item.to_vec()).collect(),
        Value::Set(set) => set.iter().map(|item| item.to_vec()).collect(),
        Value::Hash(hash) => {
            hash.iter().map(|entry| [entry.field.to_vec(), entry.value.to_vec()].concat()).collect()
        }
        Value::Zset(zset) => {
            let mut pairs = Vec::new();
            zset.scan(0, usize::MAX, |member, score| {
                pairs.push([member.to_vec(), vec![score as u8]].concat());
            });
            pairs
        }
        Value::Stream(stream) => {
            vec![stream.log().last_id().to_bytes().to_vec(), vec![stream.log().len() as u8]]
        }
    };
    found.sort();
    found
}

/// What an entry should hold.
#[derive(Clone, Debug)]
struct Model {
    key: Vec<u8>,
    contents: Vec<Vec<u8>>,
    kind: Type,
    deadline: Option<i64>,
    clock: u32,
}

#[track_caller]
fn check(entry: &Entry, model: &Model) {
    let entry = entry.as_ref();
    assert_eq!((entry.key(), entry.deadline()), (model.key.as_slice(), model.deadline));
    assert_eq!((entry.clock(), entry.type_of()), (model.clock & 0xFF_FFFF, model.kind));
    assert_eq!(contents(&entry.share_value()), model.contents);
    assert!(entry.memory_bytes() >= entry.len());
    assert!(!entry.encoding().is_empty());
}

fn entry_and_model(key: &[u8], value: Value, deadline: Option<i64>) -> (Entry, Model) {
    let model = Model {
        key: key.to_vec(),
        contents: contents(&value),
        kind: value.type_of(),
        deadline,
        clock: 0xAB_CDEF,
    };
    (Entry::new(key, value, deadline, model.clock), model)
}

#[test]
fn every_form_gives_back_what_it_was_given() {
    for kind in KINDS {
        for size in SIZES {
            for deadline in [None, Some(i64::MIN), Some(1_700_000_000_000)] {
                let (entry, model) = entry_and_model(b"key", make(kind, size), deadline);
                check(&entry, &model);
                assert_eq!(contents(&entry.into_value()), model.contents, "{kind:?} {size}");
            }
        }
    }
}

#[test]
fn keys_of_any_length() {
    for len in [0, 1, 254, 255, 256, 300, 70_000] {
        let key = vec![b'k'; len];
        for kind in KINDS {
            let (mut entry, mut model) = entry_and_model(&key, make(kind, 40), None);
            check(&entry, &model);
            entry.set_deadline(Some(5));
            model.deadline = Some(5);
            check(&entry, &model);
        }
    }
}

#[test]
fn deadlines_come_and_go_in_every_form() {
    for kind in KINDS {
        for size in SIZES {
            let (mut entry, mut model) = entry_and_model(b"a longer key", make(kind, size), None);
            for deadline in [Some(1), Some(i64::MAX), None, None, Some(-7), None] {
                entry.set_deadline(deadline);
                model.deadline = deadline;
                check(&entry, &model);
            }
        }
    }
}

#[test]
fn every_form_follows_every_other() {
    for old in KINDS {
        for new in KINDS {
            for (old_size, new_size) in [(3, 3), (3, 400), (400, 3), (2000, 1500)] {
                let (mut entry, mut model) = entry_and_model(b"key", make(old, old_size), Some(9));
                let before = model.contents.clone();
                let value = make(new, new_size);
                model.contents = contents(&value);
                model.kind = value.type_of();
                let replaced = entry.replace(value);
                assert_eq!(contents(&replaced), before, "{old:?} {new:?}");
                check(&entry, &model);
            }
        }
    }
}

#[test]
fn strings_grow_and_shrink_through_all_classes() {
    let (mut entry, mut model) = entry_and_model(b"k", make(Kind::Bytes, 0), None);
    for len in (0..2100).chain((0..2100).rev()) {
        let text = vec![b'x'; len];
        entry.set_string(&text);
        model.contents = vec![text];
        check(&entry, &model);
    }
}

#[test]
fn strings_take_their_most_compact_form() {
    for (text, encoding, len) in [
        ("0", "int", 3),
        ("-8388608", "int", 3),
        ("8388608", "int", 8),
        ("9223372036854775807", "int", 8),
        ("9223372036854775808", "embstr", 20),
        ("007", "embstr", 4),
        ("", "embstr", 1),
        (&"x".repeat(44), "embstr", 45),
        (&"x".repeat(45), "raw", 46),
        (&"x".repeat(1024), "raw", 1027),
        (&"x".repeat(1025), "raw", 8),
    ] {
        let entry = Entry::with_string(b"k", text.as_bytes(), None, 0);
        assert_eq!((entry.as_ref().encoding(), entry.as_ref().len()), (encoding, 4 + 2 + len), "{text}");
    }
}

#[test]
fn a_string_that_was_changed_in_place_is_raw() {
    for size in SIZES {
        for kind in [Kind::Int, Kind::Bytes, Kind::Raw, Kind::Shared] {
            let (mut entry, mut model) = entry_and_model(b"k", make(kind, size), Some(3));
            let mut bytes = entry.take_string().expect("a string");
            bytes.push(b'7');
            model.contents[0].push(b'7');
            entry.put_string(bytes);
            check(&entry, &model);
            assert_eq!(entry.as_ref().encoding(), "raw");
            entry.set_string(b"7");
            assert_eq!(entry.as_ref().encoding(), "int");
        }
    }
    assert!(entry_and_model(b"k", make(Kind::List, 3), None).0.take_string().is_none());
}

#[test]
fn a_shared_string_is_copied_before_it_is_changed() {
    let (mut entry, model) = entry_and_model(b"k", make(Kind::Bytes, 5000), None);
    let shared = entry.as_ref().share_string().expect("on the heap");
    let Value::Str(Str::Shared(again)) = entry.as_ref().share_value() else { panic!("on the heap") };
    assert!(Arc::ptr_eq(&shared, &again));
    let mut bytes = entry.take_string().expect("a string");
    bytes.clear();
    entry.put_string(bytes);
    assert_eq!(model.contents, [shared.to_vec()]);
    assert_eq!(Arc::strong_count(&shared), 2);
    drop(again);
    drop(entry);
    assert_eq!(Arc::strong_count(&shared), 1);
}

/// Opens a list, pushes or pops, and puts it back, as a command does.
fn change_list(entry: &mut Entry, pushes: usize) {
    let limits = ListLimits::default();
    let change = |list: &mut List| {
        if pushes == 0 {
            list.pop(End::Head, &limits, |_| ());
        }
        list.push(End::Tail, (0..pushes).map(|_| &b"pushed"[..]), &limits);
    };
    match entry.take::<List>() {
        Some(Taken::Moved(mut list)) => {
            change(&mut list);
            entry.put(list);
        }
        Some(Taken::InPlace(list)) => {
            change(list);
            if list.as_listpack().is_some() {
                entry.repack::<List>();
            }
        }
        None => panic!("a list"),
    }
}

#[test]
fn a_collection_moves_between_inline_apart_and_large() {
    let (mut entry, mut model) = entry_and_model(b"k", make(Kind::List, 1), Some(7));
    let mut shapes = Vec::new();
    for pushes in [1; 40].into_iter().chain([300; 10]).chain([0; 3040]) {
        if pushes == 0 {
            model.contents.remove(0);
        }
        model.contents.extend((0..pushes).map(|_| b"pushed".to_vec()));
        change_list(&mut entry, pushes);
        if shapes.last() != Some(&entry.as_ref().code()) {
            shapes.push(entry.as_ref().code());
            check(&entry, &model);
        }
    }
    check(&entry, &model);
    // Inline or apart is decided by what costs less, so the two alternate for a while.
    let large = shapes.iter().position(|&shape| shape == Code::ListLarge).expect("thousands of elements");
    for shapes in [&shapes[..large], &shapes[large + 1..]] {
        assert!(shapes.contains(&Code::ListInline) && shapes.contains(&Code::ListApart), "{shapes:?}");
        assert!(!shapes.contains(&Code::ListLarge), "{shapes:?}");
    }
    assert!(entry.take::<Set>().is_none() && entry.as_ref().collection::<Set>().is_none());
}

#[derive(Clone, Debug)]
enum Step {
    SetDeadline(Option<i64>),
    SetClock(u32),
    SetString(Vec<u8>),
    Replace(usize, usize),
    Append(Vec<u8>),
    Clone,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let bytes = || {
        prop_oneof![prop::collection::vec(any::<u8>(), 0..60), prop::collection::vec(any::<u8>(), 0..1400)]
    };
    let step = prop_oneof![
        any::<Option<i64>>().prop_map(Step::SetDeadline),
        any::<u32>().prop_map(Step::SetClock),
        bytes().prop_map(Step::SetString),
        any::<i64>().prop_map(|number| Step::SetString(number.to_string().into_bytes())),
        (0..KINDS.len(), 1..700usize).prop_map(|(kind, size)| Step::Replace(kind, size)),
        bytes().prop_map(Step::Append),
        Just(Step::Clone),
    ];
    prop::collection::vec(step, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_changes_agrees_with_plain_values(
        key in prop::collection::vec(any::<u8>(), 0..300),
        steps in steps(),
    ) {
        let (mut entry, mut model) = entry_and_model(&key, make(Kind::Bytes, 5), None);
        for step in steps {
            match step {
                Step::SetDeadline(deadline) => {
                    entry.set_deadline(deadline);
                    model.deadline = deadline;
                }
                Step::SetClock(clock) => {
                    entry.set_clock(clock);
                    model.clock = clock;
                }
                Step::SetString(bytes) => {
                    entry.set_string(&bytes);
                    (model.contents, model.kind) = (vec![bytes], Type::String);
                }
                Step::Replace(kind, size) => {
                    let value = make(KINDS[kind], size);
                    (model.contents, model.kind) = (contents(&value), value.type_of());
                    entry.replace(value);
                }
                Step::Append(tail) => if let Some(mut bytes) = entry.take_string() {
                    bytes.extend_from_slice(&tail);
                    model.contents[0].extend_from_slice(&tail);
                    entry.put_string(bytes);
                },
                Step::Clone => {
                    let value = entry.as_ref().share_value();
                    entry = Entry::new(&model.key, value, model.deadline, model.clock);
                }
            }
            check(&entry, &model);
        }
        prop_assert_eq!(contents(&entry.into_value()), model.contents);
    }
}
