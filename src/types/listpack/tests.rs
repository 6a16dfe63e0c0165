//! Bytes as Redis writes them, and every operation against a vector of byte strings.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::base::num::IntText;

fn packed(elements: &[&[u8]]) -> Listpack {
    let mut listpack = Listpack::new();
    for &element in elements {
        listpack.push_back(element);
    }
    listpack
}

fn texts(listpack: &Listpack) -> Vec<Vec<u8>> {
    listpack.iter().map(Item::to_vec).collect()
}

/// Elements of lengths and values on both sides of every limit of the encodings.
fn element() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (-300i64..300).prop_map(|n| n.to_string().into_bytes()),
        2 => any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        2 => (0u32..63, -2i64..3).prop_map(|(bit, off)| ((1i64 << bit) + off).to_string().into_bytes()),
        2 => (0u32..63, -2i64..3).prop_map(|(bit, off)| (off - (1i64 << bit)).to_string().into_bytes()),
        4 => vec(any::<u8>(), 0..5),
        2 => (60usize..68, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
        2 => (120usize..130, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
        1 => (4090usize..4100, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
        1 => (16_375usize..16_390, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
    ]
}

fn assert_is(listpack: &Listpack, model: &[Vec<u8>]) {
    assert_eq!(texts(listpack), model);
    assert_eq!(listpack.len(), model.len());
    assert_eq!(listpack.is_empty(), model.is_empty());
    assert_eq!(view::check(listpack.as_ref().bytes()), Ok(true));
    let backwards: Vec<_> = listpack.iter().rev().map(Item::to_vec).collect();
    assert!(backwards.iter().rev().eq(model));
}

#[test]
fn has_the_bytes_that_redis_writes() {
    let cases: &[(&[u8], &[u8])] = &[
        (b"0", &[0x00, 1]),
        (b"127", &[0x7F, 1]),
        (b"128", &[0xC0, 0x80, 2]),
        (b"-1", &[0xDF, 0xFF, 2]),
        (b"4095", &[0xCF, 0xFF, 2]),
        (b"-4096", &[0xD0, 0x00, 2]),
        (b"4096", &[0xF1, 0x00, 0x10, 3]),
        (b"-32769", &[0xF2, 0xFF, 0x7F, 0xFF, 4]),
        (b"8388608", &[0xF3, 0x00, 0x00, 0x80, 0x00, 5]),
        (b"9223372036854775807", &[0xF4, 255, 255, 255, 255, 255, 255, 255, 0x7F, 9]),
        (b"", &[0x80, 1]),
        (b"-0", &[0x82, b'-', b'0', 3]),
        (b"007", &[0x83, b'0', b'0', b'7', 4]),
        (b"9223372036854775808", &[0x93, b'9', b'2', b'2', b'3', b'3', b'7', b'2', b'0', b'3', b'6']),
    ];
    for (element, entry) in cases {
        let listpack = packed(&[element]);
        assert!(listpack.as_ref().bytes()[HEADER..].starts_with(entry), "{listpack:?}");
        assert_eq!(listpack.byte_len(), HEADER + encoded_len(element) + 1);
        assert_eq!(texts(&listpack), [*element]);
    }
    let bytes = packed(&[b"a", b"1"]).into_vec();
    assert_eq!(bytes, [12, 0, 0, 0, 2, 0, 0x81, b'a', 2, 1, 1, 0xFF]);
}

#[test]
fn back_lengths_change_where_the_format_says() {
    for (len, back) in [(125, 1), (126, 2), (16_377, 2), (16_378, 3), (2_097_145, 3), (2_097_146, 4)] {
        let element = vec![b'x'; len];
        let head = encoded_len(&element) - len - back;
        assert_eq!(
            head,
            if len < 64 {
                1
            } else if len < 4096 {
                2
            } else {
                5
            },
            "{len}"
        );
        let listpack = packed(&[b"a", &element, b"b"]);
        assert_is(&listpack, &[b"a".to_vec(), element, b"b".to_vec()]);
    }
}

#[test]
fn the_count_becomes_unknown_at_65535() {
    let mut listpack = Listpack::new();
    for n in 0..65_536 {
        listpack.push_back(n);
        if n == 65_533 {
            assert_eq!((listpack.as_ref().header_count(), listpack.len()), (65_534, 65_534));
        }
    }
    assert_eq!((listpack.as_ref().header_count(), listpack.len()), (UNKNOWN_COUNT, 65_536));
    assert_eq!(listpack.as_ref().get(-1), Some(Item::Int(65_535)));
    assert_eq!(listpack.as_ref().get(65_536), None);
    listpack.delete_range(10, 65_000);
    assert_eq!((listpack.len(), listpack.as_ref().get(10)), (536, Some(Item::Int(65_010))));
    assert_eq!(view::check(listpack.as_ref().bytes()), Ok(true), "an unknown count is sound");
}

#[test]
fn refuses_what_is_no_listpack() {
    let good = packed(&[b"a", b"1000", b"bcd"]).into_vec();
    let broken = |index: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[index] = byte;
        view::check(&bytes)
    };
    assert_eq!(view::check(&good[..6]), Err(ListpackError::Frame));
    assert_eq!(broken(0, good.len() as u8 + 1), Err(ListpackError::Frame));
    assert_eq!(broken(good.len() - 1, 0), Err(ListpackError::Frame));
    assert_eq!(broken(4, 2), Err(ListpackError::Count));
    assert_eq!(broken(6, 0xF5), Err(ListpackError::Entry));
    assert_eq!(broken(6, 0xFF), Err(ListpackError::Entry));
    assert_eq!(broken(6, 0x82), Err(ListpackError::Entry));
    assert_eq!(broken(6, 0xF0), Err(ListpackError::Entry));
    assert_eq!(broken(8, 3), Err(ListpackError::Entry));
    assert_eq!(broken(8, 0x82), Err(ListpackError::Entry));
}

#[test]
fn mends_long_encodings() {
    // "7" as a string, 5 in 16 bits, "ab" with a length of 32 bits.
    let foreign = [
        &[25, 0, 0, 0, 4, 0][..],
        &[0x81, b'7', 2],
        &[0xF1, 5, 0, 3],
        &[0xF0, 2, 0, 0, 0, b'a', b'b', 7],
        &[0x81, b'x', 2, END],
    ];
    let foreign = foreign.concat();
    assert_eq!(view::check(&foreign), Ok(false));
    let listpack = Listpack::from_foreign(foreign).expect("well-formed");
    assert_eq!(listpack, packed(&[b"7", b"5", b"ab", b"x"]));
}

#[test]
fn finds_only_where_it_looks() {
    let listpack = packed(&[b"name", b"age", b"age", b"42", b"42", b"name"]);
    let view = listpack.as_ref();
    let index = |pos: Option<Pos>| pos.map(|pos| view.iter_before(pos).count());
    assert_eq!(index(view.find(b"age", 0)), Some(1));
    assert_eq!(index(view.find(b"age", 1)), Some(2));
    assert_eq!(index(view.find(b"42", 0)), Some(3));
    assert_eq!(index(view.find(b"42", 1)), Some(4));
    assert_eq!(index(view.find(b"name", 4)), Some(0));
    assert_eq!(view.find(b"ag", 0), None);
    assert_eq!(view.find(b"043", 0), None);
    let fields: Vec<_> = view.iter().step_by(2).collect();
    assert_eq!(fields, [Item::Bytes(b"name"), Item::Bytes(b"age"), Item::Int(42)]);
}

#[test]
fn items_are_their_text() {
    let mut text = IntText::new();
    for (item, bytes) in [(Item::Int(-12), &b"-12"[..]), (Item::Bytes(b"xy"), b"xy"), (Item::Bytes(b""), b"")]
    {
        assert_eq!(item.as_bytes(&mut text), bytes);
        assert_eq!((item.len(), item.is_empty()), (bytes.len(), bytes.is_empty()));
        assert!(item.eq_bytes(bytes) && !item.eq_bytes(b"-012"));
    }
}

#[test]
fn the_buffer_never_exceeds_its_size_class() {
    let mut listpack = Listpack::new();
    while listpack.byte_len() < 20_000 {
        listpack.push_back(b"element:00000042");
        assert_eq!(listpack.allocated(), size_class(listpack.byte_len()));
    }
    listpack.delete_range(100, 10_000);
    listpack.shrink_to_fit();
    assert_eq!(listpack.allocated(), size_class(listpack.byte_len()));
}

#[test]
fn pushes_at_the_front_move_the_entries_once_for_each_class() {
    let mut listpack = Listpack::new();
    let (mut ends, mut classes) = (std::collections::HashSet::new(), std::collections::HashSet::new());
    while listpack.byte_len() < 8000 {
        listpack.push_front_near(b"element:00000042");
        assert_eq!(listpack.allocated(), size_class(listpack.byte_len()));
        ends.insert(listpack.as_ref().bytes().as_ptr_range().end as usize);
        classes.insert(listpack.allocated());
    }
    assert!(ends.len() <= classes.len(), "{} ends, {} classes", ends.len(), classes.len());
    let end = listpack.as_ref().bytes().as_ptr_range().end;
    while listpack.pop_front(|item| assert_eq!(item, Item::Bytes(b"element:00000042"))).is_some() {
        assert_eq!(listpack.as_ref().bytes().as_ptr_range().end, end);
    }
    assert!(listpack.is_empty() && listpack.has_slack());
    listpack.shrink_to_fit();
    assert_eq!(listpack.into_vec(), Listpack::new().into_vec());
}

#[derive(Clone, Debug)]
enum Op {
    PushFrontNear(Vec<u8>),
    PopFront,
    IntoBytesAndBack,
    Clone,
    PushBack(Vec<u8>),
    PushFront(Vec<u8>),
    InsertBefore(usize, Vec<u8>),
    InsertAfter(usize, Vec<u8>),
    Replace(usize, Vec<u8>),
    Delete(usize),
    DeleteRange(i64, usize),
    DeleteEach(u64),
    SplitAndSwap(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let at = 0usize..40;
    prop_oneof![
        4 => element().prop_map(Op::PushFrontNear),
        2 => Just(Op::PopFront),
        1 => Just(Op::IntoBytesAndBack),
        1 => Just(Op::Clone),
        3 => element().prop_map(Op::PushBack),
        2 => element().prop_map(Op::PushFront),
        2 => (at.clone(), element()).prop_map(|(at, e)| Op::InsertBefore(at, e)),
        2 => (at.clone(), element()).prop_map(|(at, e)| Op::InsertAfter(at, e)),
        2 => (at.clone(), element()).prop_map(|(at, e)| Op::Replace(at, e)),
        2 => at.clone().prop_map(Op::Delete),
        1 => (-20i64..20, 0usize..4).prop_map(|(at, count)| Op::DeleteRange(at, count)),
        1 => any::<u64>().prop_map(|mask| Op::DeleteEach(mask & mask.rotate_left(17) & mask.rotate_left(41))),
        1 => at.prop_map(Op::SplitAndSwap),
    ]
}

fn apply(listpack: &mut Listpack, model: &mut Vec<Vec<u8>>, op: Op) {
    let seek = |listpack: &Listpack, at: usize| listpack.as_ref().seek(at as i64);
    match op {
        Op::PushFrontNear(e) => {
            listpack.push_front_near(&e[..]);
            model.insert(0, e);
        }
        Op::PopFront => {
            let popped = listpack.pop_front(|item| item.to_vec());
            assert_eq!(popped, (!model.is_empty()).then(|| model.remove(0)));
        }
        Op::IntoBytesAndBack => *listpack = Listpack::from_vec(std::mem::take(listpack).into_vec()),
        Op::Clone => {
            let clone = listpack.clone();
            assert_eq!((&clone, clone.byte_len()), (&*listpack, clone.clone().into_vec().capacity()));
            *listpack = clone;
        }
        Op::PushBack(e) => {
            listpack.push_back(&e[..]);
            model.push(e);
        }
        Op::PushFront(e) => {
            listpack.push_front(&e[..]);
            model.insert(0, e);
        }
        Op::InsertBefore(at, e) => {
            let pos = seek(listpack, at).unwrap_or(listpack.as_ref().end());
            listpack.insert_before(pos, &e[..]);
            assert!(listpack.as_ref().at(pos).eq_bytes(&e));
            model.insert(at.min(model.len()), e);
        }
        Op::InsertAfter(at, e) => {
            let Some(pos) = seek(listpack, at) else { return };
            let new = listpack.insert_after(pos, &e[..]);
            assert_eq!(listpack.as_ref().prev(new), Some(pos));
            model.insert(at + 1, e);
        }
        Op::Replace(at, e) => {
            let Some(pos) = seek(listpack, at) else { return };
            listpack.replace(pos, &e[..]);
            model[at] = e;
        }
        Op::Delete(at) => {
            let Some(pos) = seek(listpack, at) else { return };
            let next = listpack.delete(pos).map(|next| listpack.as_ref().at(next).to_vec());
            model.remove(at);
            assert_eq!(next.as_ref(), model.get(at));
        }
        Op::DeleteRange(at, count) => {
            listpack.delete_range(at, count);
            let start = if at < 0 { model.len() as i64 + at } else { at };
            if (0..model.len() as i64).contains(&start) {
                let start = start as usize;
                model.drain(start..(start + count).min(model.len()));
            }
        }
        Op::DeleteEach(mask) => {
            let chosen = |at: usize| at < 64 && mask >> at & 1 == 1;
            let positions: Vec<_> =
                (0..model.len()).filter(|&at| chosen(at)).filter_map(|at| seek(listpack, at)).collect();
            listpack.delete_each(&positions);
            let kept = std::mem::take(model).into_iter().enumerate().filter(|&(at, _)| !chosen(at));
            *model = kept.map(|(_, element)| element).collect();
        }
        Op::SplitAndSwap(at) => {
            let pos = seek(listpack, at).unwrap_or(listpack.as_ref().end());
            let mut tail = listpack.split_off(pos);
            tail.append(listpack.as_ref());
            *listpack = tail;
            let at = at.min(model.len());
            model.rotate_left(at);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn behaves_like_a_vector(ops in vec(op(), 1..60)) {
        let mut listpack = Listpack::new();
        let mut model = Vec::new();
        for op in ops {
            apply(&mut listpack, &mut model, op);
            assert_is(&listpack, &model);
        }
        for (at, e) in model.iter().enumerate() {
            let first = model.iter().position(|other| other == e);
            let found = listpack.as_ref().find(e, 0);
            prop_assert_eq!(found.map(|pos| listpack.as_ref().iter_before(pos).count()), first);
            prop_assert!(listpack.as_ref().get(at as i64).is_some_and(|item| item.eq_bytes(e)));
            prop_assert!(listpack.as_ref().get(at as i64 - model.len() as i64).is_some_and(|i| i.eq_bytes(e)));
        }
    }

    /// Foreign bytes are refused or can be read from both ends.
    #[test]
    fn survives_damage(elements in vec(element(), 1..8), harm in vec((any::<usize>(), any::<u8>()), 1..4)) {
        let refs: Vec<&[u8]> = elements.iter().map(Vec::as_slice).collect();
        let mut bytes = packed(&refs).into_vec();
        for (at, byte) in harm {
            // Mostly the first bytes, where headers and short entries lie.
            let at = at % if at % 3 == 0 { bytes.len() } else { bytes.len().min(24) };
            bytes[at] = byte;
        }
        if let Ok(listpack) = Listpack::from_foreign(bytes) {
            let forwards = texts(&listpack);
            assert_is(&listpack, &forwards);
        }
    }
}
