//! Values as the rest of the program sees them, whatever form the entry keeps them in.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::sync::Arc;

use crate::base::num::IntText;
use crate::types::{hash::Hash, list::List, set::Set, stream::Stream, zset::Zset};

/// The type of a value, as TYPE tells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    /// "string"
    String,
    /// "list"
    List,
    /// "set"
    Set,
    /// "hash"
    Hash,
    /// "zset"
    Zset,
    /// "stream"
    Stream,
}

impl Type {
    const ALL: [Type; 6] = [Type::String, Type::List, Type::Set, Type::Hash, Type::Zset, Type::Stream];

    /// The type of a name in any case.
    pub fn named(name: &[u8]) -> Option<Type> {
        Type::ALL.into_iter().find(|kind| name.eq_ignore_ascii_case(kind.name().as_bytes()))
    }

    /// The name that TYPE answers and SCAN's TYPE option takes.
    pub fn name(self) -> &'static str {
        match self {
            Type::String => "string",
            Type::List => "list",
            Type::Set => "set",
            Type::Hash => "hash",
            Type::Zset => "zset",
            Type::Stream => "stream",
        }
    }
}

/// The value of a key is of another type than the command works on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WrongType;

/// An owned value.
#[derive(Clone)]
pub enum Value {
    /// A string.
    Str(Str),
    /// A list.
    List(List),
    /// A set.
    Set(Set),
    /// A hash.
    Hash(Hash),
    /// A sorted set.
    Zset(Zset),
    /// A stream.
    Stream(Stream),
}

impl Value {
    /// A string in its most compact form.
    pub fn string(bytes: Vec<u8>) -> Value {
        Value::Str(match crate::base::num::parse_i64(&bytes) {
            Some(n) => Str::Int(n),
            None => Str::Bytes(bytes),
        })
    }

    /// The type.
    pub fn type_of(&self) -> Type {
        match self {
            Value::Str(_) => Type::String,
            Value::List(_) => Type::List,
            Value::Set(_) => Type::Set,
            Value::Hash(_) => Type::Hash,
            Value::Zset(_) => Type::Zset,
            Value::Stream(_) => Type::Stream,
        }
    }

    /// Whether `other`, shared from the same key earlier, shows that nothing has changed since. Strings count as
    /// changed.
    pub fn is_unchanged_since(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::List(now), Value::List(then)) => now.is_unchanged_since(then),
            (Value::Set(now), Value::Set(then)) => now.is_unchanged_since(then),
            (Value::Hash(now), Value::Hash(then)) => now.is_unchanged_since(then),
            (Value::Zset(now), Value::Zset(then)) => now.is_unchanged_since(then),
            (Value::Stream(now), Value::Stream(then)) => now.is_unchanged_since(then),
            _ => false,
        }
    }

    /// Bytes that a collection takes; a string tells 0: freeing it takes no time.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Value::Str(_) => 0,
            Value::List(list) => list.memory_bytes(),
            Value::Set(set) => set.memory_bytes(),
            Value::Hash(hash) => hash.memory_bytes(),
            Value::Zset(zset) => zset.memory_bytes(),
            Value::Stream(stream) => stream.memory_bytes(),
        }
    }

    /// Whether freeing it takes long enough to leave it to the background thread.
    pub fn is_large(&self) -> bool {
        match self {
            Value::Str(_) => false,
            Value::List(list) => list.is_large(),
            Value::Set(set) => set.is_large(),
            Value::Hash(hash) => hash.is_large(),
            Value::Zset(zset) => zset.is_large(),
            Value::Stream(stream) => stream.is_large(),
        }
    }
}

/// An owned string.
#[derive(Clone)]
pub enum Str {
    /// Canonical integer text.
    Int(i64),
    /// Bytes as a client gave them.
    Bytes(Vec<u8>),
    /// Bytes that were changed in place.
    Raw(Vec<u8>),
    /// Bytes on the heap that a reader or snapshot may share.
    Shared(Arc<Vec<u8>>),
}

impl Str {
    /// The string as it would lie in an entry.
    pub fn as_ref(&self) -> StrRef<'_> {
        match self {
            Str::Int(n) => StrRef::Int(*n),
            Str::Bytes(bytes) | Str::Raw(bytes) => StrRef::Bytes(bytes),
            Str::Shared(bytes) => StrRef::Heap(bytes),
        }
    }
}

/// A string as it lies in its entry.
#[derive(Clone, Copy)]
pub enum StrRef<'a> {
    /// Canonical integer text.
    Int(i64),
    /// Bytes inline in the entry.
    Bytes(&'a [u8]),
    /// Bytes on the heap.
    Heap(&'a Vec<u8>),
}

impl<'a> StrRef<'a> {
    /// The bytes; an integer is printed into `text`.
    #[inline]
    pub fn bytes<'b>(self, text: &'b mut IntText) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            StrRef::Int(n) => text.format(n).as_bytes(),
            StrRef::Bytes(bytes) => bytes,
            StrRef::Heap(bytes) => bytes,
        }
    }

    /// The bytes as an owned buffer.
    pub fn to_vec(self) -> Vec<u8> {
        self.bytes(&mut IntText::new()).to_vec()
    }

    /// Length in bytes.
    pub fn len(self) -> usize {
        self.bytes(&mut IntText::new()).len()
    }

    /// Whether it is the empty string.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The integer, if the string is the canonical text of one.
    #[inline]
    pub fn integer(self) -> Option<i64> {
        match self {
            StrRef::Int(n) => Some(n),
            StrRef::Bytes(bytes) => crate::base::num::parse_i64(bytes),
            StrRef::Heap(_) => None,
        }
    }
}

/// What packed bytes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// A listpack.
    Listpack,
    /// An intset.
    IntSet,
}

/// A collection that an entry can hold: packed into bytes while it is small, boxed when large.
pub trait Stored: Clone + Default {
    /// The type it is.
    const TYPE: Type;
    /// Whether a key stays when nothing is left in its collection.
    const KEPT_WHEN_VOID: bool = false;
    /// The bytes, if the form is a packed one; the value itself if not.
    fn into_packed(self) -> Result<(Form, Vec<u8>), Self>;
    /// Takes bytes of `into_packed` back.
    fn from_packed(form: Form, bytes: Vec<u8>) -> Self;
    /// Whether a large value has come to a packed form, so that the entry should take it in.
    fn is_packed(&self) -> bool;
    /// Whether nothing is in it: a new one is then not stored.
    fn is_void(&self) -> bool;
    /// Whether `then`, a clone made earlier, shows that nothing has changed since.
    fn is_unchanged_since(&self, then: &Self) -> bool;
    /// The collection as a value.
    fn into_value(self) -> Value;
    /// When the first part of it expires by itself, in Unix ms.
    #[inline]
    fn next_expiry(&self) -> Option<i64> {
        None
    }
}

/// A reader's view of a collection, alive as long as its shard is locked.
pub struct Ref<'a, T>(Inner<'a, T>);

enum Inner<'a, T> {
    Borrowed(&'a T),
    Owned(T),
    Lent(ManuallyDrop<T>),
}

impl<'a, T: Clone> Ref<'a, T> {
    pub(super) fn borrowed(value: &'a T) -> Self {
        Ref(Inner::Borrowed(value))
    }

    pub(super) fn owned(value: T) -> Self {
        Ref(Inner::Owned(value))
    }

    /// A value whose bytes belong to the entry: it is never dropped.
    pub(super) fn lent(value: T) -> Self {
        Ref(Inner::Lent(ManuallyDrop::new(value)))
    }

    /// A value of its own, to work on after unlocking: O(1) for what is large.
    pub fn to_owned(self) -> T {
        match self.0 {
            Inner::Borrowed(value) => value.clone(),
            Inner::Owned(value) => value,
            Inner::Lent(value) => T::clone(&value),
        }
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match &self.0 {
            Inner::Borrowed(value) => value,
            Inner::Owned(value) => value,
            Inner::Lent(value) => value,
        }
    }
}
