//! The digest of a value that DEBUG DIGEST-VALUE tells, which the manifests of reference files have.

use std::fmt::Write;

use sha1_smol::Sha1;

use crate::base::num::{DoubleText, IntText};
use crate::keyspace::{StrRef, Type, Value};
use crate::types::listpack::Item;
use crate::types::stream::StreamId;

#[derive(Default)]
struct Digest([u8; 20]);

impl Digest {
    /// Mixes in something whose order doesn't count.
    fn add(&mut self, bytes: &[u8]) {
        let sum = Sha1::from(bytes).digest().bytes();
        self.0.iter_mut().zip(sum).for_each(|(own, other)| *own ^= other);
    }

    /// Mixes in something whose order counts.
    fn mix(&mut self, bytes: &[u8]) {
        self.add(bytes);
        self.0 = Sha1::from(self.0).digest().bytes();
    }

    fn mix_item(&mut self, item: Item<'_>) {
        self.mix(item.as_bytes(&mut IntText::new()));
    }
}

/// The digest in hexadecimal digits.
pub(super) fn digest(value: &Value, is_volatile: bool) -> String {
    let mut digest = Digest::default();
    let number: u32 = match value.type_of() {
        Type::String => 0,
        Type::List => 1,
        Type::Set => 2,
        Type::Zset => 3,
        Type::Hash => 4,
        Type::Stream => 6,
    };
    digest.mix(&number.to_be_bytes());
    add_value(&mut digest, value);
    if is_volatile {
        digest.add(b"!!expire!!");
    }
    digest.0.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn add_value(digest: &mut Digest, value: &Value) {
    match value {
        Value::Str(string) => {
            use crate::keyspace::Str;
            let string = match string {
                Str::Int(n) => StrRef::Int(*n),
                Str::Bytes(bytes) | Str::Raw(bytes) => StrRef::Bytes(bytes),
                Str::Shared(bytes) => StrRef::Heap(bytes),
            };
            digest.mix(&string.to_vec());
        }
        Value::List(list) => list.iter().for_each(|item| digest.mix_item(item)),
        Value::Set(set) => set.iter().for_each(|item| digest.add(&item.to_vec())),
        Value::Zset(zset) => zset.iter_all().for_each(|(member, score)| {
            let mut pair = Digest::default();
            pair.mix_item(member);
            pair.mix(DoubleText::new(score).as_bytes());
            digest.add(&pair.0);
        }),
        Value::Hash(hash) => hash.iter().for_each(|entry| {
            let mut pair = Digest::default();
            pair.mix_item(entry.field);
            pair.mix_item(entry.value);
            if entry.deadline.is_some() {
                pair.add(b"!!hexpire!!");
            }
            digest.add(&pair.0);
        }),
        Value::Stream(stream) => {
            for entry in stream.log().range(StreamId::MIN, StreamId::MAX) {
                digest.mix(format!("{}.{}", entry.id().ms, entry.id().seq).as_bytes());
                for (name, value) in entry.fields() {
                    digest.mix_item(name);
                    digest.mix_item(value);
                }
            }
        }
    }
}
