//! What is written is read again, in every version, and DUMP payloads likewise.

use proptest::prelude::*;

use super::contents::{contents, encoding};
use super::{file, keys, samples};
use crate::keyspace::Value;
use crate::persist::rdb::{Limits, Options, VERSION, Writer, dump, restore, version_for};
use crate::types::hash::{Hash, HashLimits, NEVER};
use crate::types::list::{End, List, ListLimits};
use crate::types::set::{Set, SetLimits};
use crate::types::stream::{GroupLoader, NewId, Stream, StreamId, StreamLimits};
use crate::types::zset::{AddFlags, Zset, ZsetLimits};

fn has_field_deadlines(value: &Value) -> bool {
    matches!(value, Value::Hash(hash) if hash.next_expiry().is_some())
}

fn check_file(value: &Value, options: Options, limits: &Limits) {
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    let written = writer.key(b"key", value.clone(), Some(77), None, None);
    if has_field_deadlines(value) && options.version < 12 {
        assert!(written.is_err(), "a version that can't hold deadlines took them");
        return;
    }
    written.unwrap();
    let bytes = writer.finish().unwrap();
    let mut reader = super::Reader::new(&bytes[..], *limits).unwrap();
    let Some(super::Item::Key(record)) = reader.next().unwrap() else { panic!("no key") };
    assert!(reader.next().unwrap().is_none());
    assert_eq!(reader.offset(), bytes.len() as u64);
    assert_eq!((&record.key[..], record.deadline), (&b"key"[..], Some(77)));
    let active = options.version >= 11;
    assert_eq!(contents(&record.value, true), contents(value, active));
    if options.version == VERSION {
        assert_eq!(encoding(&record.value), encoding(value));
    }
}

fn check(value: &Value, limits: &Limits) {
    for version in 10..=VERSION {
        for compress in [false, true] {
            check_file(value, Options { compress, checksum: compress, version }, limits);
        }
    }
    for compress in [false, true] {
        let restored = restore(&dump(value.clone(), compress), limits, true).unwrap();
        assert_eq!(contents(&restored, true), contents(value, true));
        assert_eq!(encoding(&restored), encoding(value));
    }
}

#[test]
fn a_file_of_all_forms() {
    let values = samples();
    let bytes = file(&values, Options { compress: true, checksum: true, version: version_for(true) });
    let found = keys(&bytes).unwrap();
    assert_eq!(found.len(), values.len());
    for (n, (record, value)) in found.iter().zip(&values).enumerate() {
        assert_eq!(record.key, format!("key:{n}").into_bytes());
        assert_eq!((record.idle_seconds, record.frequency), (Some(70), Some(9)));
        assert_eq!(record.deadline.is_some(), n == 0);
        assert_eq!(contents(&record.value, true), contents(value, true));
    }
}

#[test]
fn collections_of_many_chunks() {
    let limits = Limits::default();
    let name = |n: usize| format!("member:{n}").into_bytes();
    let names: Vec<Vec<u8>> = (0..5000).map(name).collect();
    let mut list = List::new();
    list.push(End::Tail, names.iter().map(Vec::as_slice), &limits.list);
    list.push(End::Tail, [&[b'x'; 20_000][..]].into_iter(), &limits.list);
    let (mut set, mut hash, mut zset) = (Set::new(), Hash::new(), Zset::new());
    for (n, name) in names.iter().enumerate() {
        set.insert(name, &limits.set);
        hash.set(name, name, &limits.hash);
        zset.add(name, (n % 700) as f64, AddFlags::default(), &limits.zset).unwrap();
    }
    for value in [Value::List(list), Value::Set(set), Value::Hash(hash), Value::Zset(zset)] {
        check(&value, &limits);
    }
}

#[test]
fn the_earliest_deadline_may_have_gone() {
    let limits =
        Limits { hash: HashLimits { max_listpack_entries: 1, ..HashLimits::default() }, ..Limits::default() };
    let mut hash = Hash::new();
    for (n, field) in ["a", "b", "c"].iter().enumerate() {
        hash.set(field.as_bytes(), b"value", &limits.hash);
        hash.set_deadline(field.as_bytes(), 1000 + n as i64, None, NEVER);
    }
    hash.remove(b"a");
    check(&Value::Hash(hash), &limits);
}

/// Members of all lengths and kinds, some of them twice.
fn elements() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let element = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        (-200i64..200).prop_map(|n| n.to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..100),
        (1usize..400).prop_map(|n| b"abc".repeat(n)),
    ];
    prop::collection::vec(element, 1..40)
}

fn limits() -> impl Strategy<Value = Limits> {
    (prop_oneof![Just(2usize), Just(16), Just(200)], prop_oneof![Just(8usize), Just(2000)]).prop_map(
        |(entries, value)| Limits {
            list: ListLimits { max_listpack_size: entries as i32, packed_threshold: value },
            set: SetLimits {
                max_intset_entries: entries,
                max_listpack_entries: entries,
                max_listpack_value: value,
            },
            hash: HashLimits { max_listpack_entries: entries, max_listpack_value: value },
            zset: ZsetLimits { max_listpack_entries: entries, max_listpack_value: value },
        },
    )
}

fn built_stream(parts: &[Vec<u8>], limits: &StreamLimits) -> Stream {
    let mut stream = Stream::default();
    let mut group = GroupLoader::new(StreamId::new(3, 3), (parts.len() > 3).then_some(3));
    group.consumer(b"early", -5, None).unwrap();
    for (n, pair) in parts.chunks(2).enumerate() {
        let id = StreamId::new(n as u64 / 4 * 1_000_000, n as u64 + 1);
        let fields = [&b"field"[..], &pair[0], &pair[pair.len() - 1], b"value"];
        stream
            .log_mut()
            .append(NewId::Given(id), &fields[..if n % 3 == 0 { 2 } else { 4 }], limits, 0)
            .unwrap();
        group.pending(id, n as i64, n as u64).unwrap();
        group.consumer(format!("consumer {n}").as_bytes(), 7, Some(n as i64)).unwrap();
        group.owns(id).unwrap();
        if n % 5 == 4 {
            stream.log_mut().delete(&[id]);
        }
    }
    stream.add_group(&parts[0], group.finish().unwrap());
    stream
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_type_comes_back(parts in elements(), deadlines in any::<bool>(), limits in limits()) {
        check(&Value::string(parts[0].clone()), &limits);
        let mut list = List::new();
        list.push(End::Tail, parts.iter().map(Vec::as_slice), &limits.list);
        check(&Value::List(list), &limits);
        let (mut set, mut hash, mut zset) = (Set::new(), Hash::new(), Zset::new());
        for (n, part) in parts.iter().enumerate() {
            set.insert(part, &limits.set);
            hash.set(part, &parts[n / 2], &limits.hash);
            if deadlines && n % 2 == 0 {
                hash.set_deadline(part, 4_102_444_800_000 - n as i64, None, NEVER);
            }
            zset.add(part, n as f64 / 4.0 - 3.0, AddFlags::default(), &limits.zset).unwrap();
        }
        for value in [Value::Set(set), Value::Hash(hash), Value::Zset(zset)] {
            check(&value, &limits);
        }
        let chunk = StreamLimits { max_bytes: 0, max_entries: limits.set.max_intset_entries as u64 };
        check(&Value::Stream(built_stream(&parts, &chunk)), &limits);
    }
}
