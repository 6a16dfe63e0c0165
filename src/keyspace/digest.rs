//! The digest of data that DEBUG DIGEST and DEBUG DIGEST-VALUE tell: equal data, equal digests, here and in Redis.
//!
//! It is made of SHA-1 sums in two ways. What has no order (keys, members, fields) is *added*: the sums of the
//! parts are xored, so that any order gives the same. What has an order (elements of a list, a field and then its
//! value) is *mixed*: each part is added and the result summed again, so that the order shows. Encodings don't.

use sha1_smol::Sha1;

use crate::base::num::{DoubleText, IntText};
use crate::types::hash;
use crate::types::listpack::Item;
use crate::types::stream::{Stream, StreamId};

use super::entry::EntryRef;
use super::value::{Type, Value};
use super::view::View;

/// A digest in the making; all zeros at first.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Digest([u8; 20]);

impl Digest {
    /// The digest of a value, without the name of its key.
    pub fn of_value(value: &Value, is_volatile: bool) -> Digest {
        let mut digest = Digest::default();
        digest.mix_value(value, is_volatile);
        digest
    }

    /// The digest in hexadecimal digits.
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Adds something whose order doesn't count.
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

    fn mix_value(&mut self, value: &Value, is_volatile: bool) {
        self.mix(&type_number(value.type_of()).to_be_bytes());
        match value {
            Value::Str(string) => self.mix(string.as_ref().bytes(&mut IntText::new())),
            Value::List(list) => list.iter().for_each(|element| self.mix_item(element)),
            Value::Set(set) => set.iter().for_each(|member| self.add(member.as_bytes(&mut IntText::new()))),
            Value::Zset(zset) => zset.iter_all().for_each(|(member, score)| {
                let mut pair = Digest::default();
                pair.mix_item(member);
                pair.mix(DoubleText::shortest(score).as_bytes());
                self.add(&pair.0);
            }),
            Value::Hash(hash) => hash.iter().for_each(|entry| self.add(&of_field(entry).0)),
            Value::Stream(stream) => self.mix_stream(stream),
        }
        if is_volatile {
            self.add(b"!!expire!!");
        }
    }

    /// Entries only: groups, and what the stream remembers of deleted entries, don't count.
    fn mix_stream(&mut self, stream: &Stream) {
        for entry in stream.log().range(StreamId::MIN, StreamId::MAX) {
            let id = entry.id();
            self.mix(format!("{}.{}", id.ms, id.seq).as_bytes());
            for (field, value) in entry.fields() {
                self.mix_item(field);
                self.mix_item(value);
            }
        }
    }
}

impl View<'_> {
    /// The digest of all databases. The view must hold everything.
    pub fn digest(&mut self) -> Digest {
        let (mut whole, selected) = (Digest::default(), self.db());
        for db in 0..self.keyspace().databases() {
            self.select(db);
            if self.keyspace().len(db) == 0 {
                continue;
            }
            let number = u32::try_from(db).expect("databases are few");
            whole.mix(&number.to_be_bytes());
            self.walk(&mut |entry| whole.add(&of_entry(entry).0));
        }
        self.select(selected);
        whole
    }
}

fn of_entry(entry: EntryRef<'_>) -> Digest {
    let mut digest = Digest::default();
    digest.mix(entry.key());
    digest.mix_value(&entry.share_value(), entry.deadline().is_some());
    digest
}

fn of_field(entry: hash::Entry<'_>) -> Digest {
    let mut digest = Digest::default();
    digest.mix_item(entry.field);
    digest.mix_item(entry.value);
    if entry.deadline.is_some() {
        digest.add(b"!!hexpire!!");
    }
    digest
}

/// The number of a type in Redis; 5 is that of modules.
fn type_number(kind: Type) -> u32 {
    match kind {
        Type::String => 0,
        Type::List => 1,
        Type::Set => 2,
        Type::Zset => 3,
        Type::Hash => 4,
        Type::Stream => 6,
    }
}
