//! Files and payloads as a whole.

mod contents;
mod damage;
mod old;
mod reference;
mod round_trip;

use super::{Item, Limits, Options, Reader, Record, Writer};
use crate::keyspace::Value;
use crate::types::hash::Hash;
use crate::types::list::{End, List};
use crate::types::set::Set;
use crate::types::stream::{GroupLoader, NewId, Stream, StreamId, StreamLimits};
use crate::types::zset::{AddFlags, Zset};

/// All keys of a file.
fn keys(file: &[u8]) -> Result<Vec<Record>, super::Error> {
    let mut reader = Reader::new(file, Limits::default())?;
    let mut keys = Vec::new();
    while let Some(item) = reader.next()? {
        if let Item::Key(record) = item {
            keys.push(record);
        }
    }
    Ok(keys)
}

/// A file of these values, each under a key of its own.
fn file(values: &[Value], options: Options) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    writer.aux(b"redis-ver", b"7.4.1").unwrap();
    writer.function(b"#!lua name=x\n").unwrap();
    writer.select(0, values.len() as u64, 1).unwrap();
    for (n, value) in values.iter().enumerate() {
        let name = format!("key:{n}");
        writer
            .key(name.as_bytes(), value.clone(), (n == 0).then_some(4_102_444_800_000), Some(70), Some(9))
            .unwrap();
    }
    writer.finish().unwrap()
}

/// A value of each type in each form, all small.
fn samples() -> Vec<Value> {
    let limits = Limits::default();
    let tiny = Limits {
        set: crate::types::set::SetLimits { max_intset_entries: 2, max_listpack_entries: 2, ..limits.set },
        hash: crate::types::hash::HashLimits { max_listpack_entries: 2, ..limits.hash },
        zset: crate::types::zset::ZsetLimits { max_listpack_entries: 2, ..limits.zset },
        list: crate::types::list::ListLimits { max_listpack_size: 2, packed_threshold: 9 },
    };
    let mut values: Vec<Value> = ["", "text", "-128", "300", "-70000", "5000000000"]
        .iter()
        .map(|text| Value::string(text.as_bytes().to_vec()))
        .collect();
    values.push(Value::string(b"abcabc".repeat(20)));
    for limits in [limits, tiny] {
        let members = [&b"one"[..], b"2", b"three", b"four and more"];
        let mut list = List::new();
        list.push(End::Tail, members.into_iter(), &limits.list);
        let (mut set, mut ints) = (Set::new(), Set::new());
        let (mut hash, mut timed, mut zset) = (Hash::new(), Hash::new(), Zset::new());
        for (n, member) in members.iter().enumerate() {
            set.insert(member, &limits.set);
            ints.insert(format!("{}", n * 50_000).as_bytes(), &limits.set);
            hash.set(member, b"value", &limits.hash);
            timed.set(member, b"value", &limits.hash);
            zset.add(member, n as f64 / 3.0, AddFlags::default(), &limits.zset).unwrap();
        }
        timed.set_deadline(b"2", 4_102_444_800_123, None, 0);
        timed.set_deadline(b"one", 4_102_444_900_000, None, 0);
        values.extend([Value::List(list), Value::Set(set), Value::Set(ints)]);
        values.extend([Value::Hash(hash), Value::Hash(timed), Value::Zset(zset)]);
    }
    values.push(Value::Stream(stream()));
    values
}

/// A stream of two chunks with a deleted entry, two groups and pending entries.
fn stream() -> Stream {
    let limits = StreamLimits { max_bytes: 0, max_entries: 3 };
    let mut stream = Stream::default();
    let id = |seq| StreamId::new(1_700_000_000_000, seq);
    for seq in 1..=5 {
        stream.log_mut().append(NewId::Given(id(seq)), &["field", "value"], &limits, 0).unwrap();
    }
    stream.log_mut().delete(&[id(2)]);
    let mut group = GroupLoader::new(id(4), Some(4));
    for seq in [1, 3, 4] {
        group.pending(id(seq), 1_700_000_000_500, seq).unwrap();
    }
    group.consumer(b"alice", 1_700_000_000_600, Some(1_700_000_000_500)).unwrap();
    group.owns(id(1)).unwrap();
    group.owns(id(4)).unwrap();
    group.consumer(b"bob", 1_700_000_000_700, None).unwrap();
    group.owns(id(3)).unwrap();
    stream.add_group(b"workers", group.finish().unwrap());
    stream.add_group(b"idle", GroupLoader::new(StreamId::MIN, None).finish().unwrap());
    stream
}
