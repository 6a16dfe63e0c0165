//! The collections that entries hold, and how each is packed into bytes while it is small.

use super::value::{Form, Stored, Type, Value};
use crate::types::hash::Hash;
use crate::types::intset::IntSet;
use crate::types::list::List;
use crate::types::listpack::Listpack;
use crate::types::set::{self, Set};
use crate::types::stream::Stream;
use crate::types::zset::Zset;

impl Stored for List {
    const TYPE: Type = Type::List;

    fn into_packed(self) -> Result<(Form, Vec<u8>), Self> {
        self.into_listpack().map(|listpack| (Form::Listpack, listpack.into_vec()))
    }

    fn from_packed(_: Form, bytes: Vec<u8>) -> Self {
        List::from_listpack(Listpack::from_vec(bytes))
    }

    fn is_packed(&self) -> bool {
        self.as_listpack().is_some()
    }

    fn is_void(&self) -> bool {
        self.is_empty()
    }

    fn is_unchanged_since(&self, then: &Self) -> bool {
        List::is_unchanged_since(self, then)
    }

    fn into_value(self) -> Value {
        Value::List(self)
    }
}

impl Stored for Set {
    const TYPE: Type = Type::Set;

    fn into_packed(self) -> Result<(Form, Vec<u8>), Self> {
        Set::into_packed(self).map(|packed| match packed {
            set::Packed::IntSet(ints) => (Form::IntSet, ints.into_vec()),
            set::Packed::Listpack(listpack) => (Form::Listpack, listpack.into_vec()),
        })
    }

    fn from_packed(form: Form, bytes: Vec<u8>) -> Self {
        Set::from_packed(match form {
            Form::IntSet => set::Packed::IntSet(IntSet::from_vec(bytes)),
            Form::Listpack => set::Packed::Listpack(Listpack::from_vec(bytes)),
        })
    }

    fn is_packed(&self) -> bool {
        self.as_intset().is_some() || self.as_listpack().is_some()
    }

    fn is_void(&self) -> bool {
        self.is_empty()
    }

    fn is_unchanged_since(&self, then: &Self) -> bool {
        Set::is_unchanged_since(self, then)
    }

    fn into_value(self) -> Value {
        Value::Set(self)
    }
}

impl Stored for Hash {
    const TYPE: Type = Type::Hash;

    fn into_packed(self) -> Result<(Form, Vec<u8>), Self> {
        self.into_listpack().map(|listpack| (Form::Listpack, listpack.into_vec()))
    }

    fn from_packed(_: Form, bytes: Vec<u8>) -> Self {
        Hash::from_listpack(Listpack::from_vec(bytes))
    }

    fn is_packed(&self) -> bool {
        self.as_listpack().is_some()
    }

    fn is_void(&self) -> bool {
        self.is_empty()
    }

    fn is_unchanged_since(&self, then: &Self) -> bool {
        Hash::is_unchanged_since(self, then)
    }

    fn into_value(self) -> Value {
        Value::Hash(self)
    }

    #[inline]
    fn next_expiry(&self) -> Option<i64> {
        Hash::next_expiry(self)
    }
}

impl Stored for Zset {
    const TYPE: Type = Type::Zset;

    fn into_packed(self) -> Result<(Form, Vec<u8>), Self> {
        self.into_listpack().map(|listpack| (Form::Listpack, listpack.into_vec()))
    }

    fn from_packed(_: Form, bytes: Vec<u8>) -> Self {
        Zset::from_listpack(Listpack::from_vec(bytes))
    }

    fn is_packed(&self) -> bool {
        self.as_listpack().is_some()
    }

    fn is_void(&self) -> bool {
        self.is_empty()
    }

    fn is_unchanged_since(&self, then: &Self) -> bool {
        Zset::is_unchanged_since(self, then)
    }

    fn into_value(self) -> Value {
        Value::Zset(self)
    }
}

/// A stream has no packed form, and it stays when its last entry goes: only one that never had an entry, an
/// id or a group is void.
impl Stored for Stream {
    const TYPE: Type = Type::Stream;
    const KEPT_WHEN_VOID: bool = true;

    fn into_packed(self) -> Result<(Form, Vec<u8>), Self> {
        Err(self)
    }

    fn from_packed(_: Form, _: Vec<u8>) -> Self {
        unreachable!("into_packed never gives bytes")
    }

    fn is_packed(&self) -> bool {
        false
    }

    fn is_void(&self) -> bool {
        self.log().is_empty() && self.log().counters() == Default::default() && self.group_count() == 0
    }

    fn is_unchanged_since(&self, then: &Self) -> bool {
        Stream::is_unchanged_since(self, then)
    }

    fn into_value(self) -> Value {
        Value::Stream(self)
    }
}
