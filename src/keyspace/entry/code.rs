//! The forms an entry's payload can have, as the number in its first byte.

use crate::keyspace::value::{Form, Type};

/// What the payload of an entry is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Code {
    /// A string of at most `INLINE_MAX` bytes.
    StrInline,
    /// The same, once modified in place: OBJECT ENCODING tells "raw".
    StrInlineRaw,
    StrInt24,
    StrInt64,
    /// `Arc<Vec<u8>>`.
    StrHeap,
    ListInline,
    ListApart,
    ListLarge,
    SetIntsInline,
    SetIntsApart,
    SetInline,
    SetApart,
    SetLarge,
    HashInline,
    HashApart,
    HashLarge,
    ZsetInline,
    ZsetApart,
    ZsetLarge,
    StreamLarge,
}

pub(super) const CODES: [Code; 20] = [
    Code::StrInline,
    Code::StrInlineRaw,
    Code::StrInt24,
    Code::StrInt64,
    Code::StrHeap,
    Code::ListInline,
    Code::ListApart,
    Code::ListLarge,
    Code::SetIntsInline,
    Code::SetIntsApart,
    Code::SetInline,
    Code::SetApart,
    Code::SetLarge,
    Code::HashInline,
    Code::HashApart,
    Code::HashLarge,
    Code::ZsetInline,
    Code::ZsetApart,
    Code::ZsetLarge,
    Code::StreamLarge,
];

/// How the payload of a form lies in the entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Inline,
    Int24,
    Int64,
    Heap,
    Apart,
    Large,
}

impl Code {
    #[inline]
    pub(super) fn shape(self) -> Shape {
        match self {
            Code::StrInline
            | Code::StrInlineRaw
            | Code::ListInline
            | Code::SetIntsInline
            | Code::SetInline
            | Code::HashInline
            | Code::ZsetInline => Shape::Inline,
            Code::StrInt24 => Shape::Int24,
            Code::StrInt64 => Shape::Int64,
            Code::StrHeap => Shape::Heap,
            Code::ListApart | Code::SetIntsApart | Code::SetApart | Code::HashApart | Code::ZsetApart => {
                Shape::Apart
            }
            Code::ListLarge | Code::SetLarge | Code::HashLarge | Code::ZsetLarge | Code::StreamLarge => {
                Shape::Large
            }
        }
    }

    #[inline]
    pub(super) fn type_of(self) -> Type {
        match self {
            Code::StrInline | Code::StrInlineRaw | Code::StrInt24 | Code::StrInt64 | Code::StrHeap => {
                Type::String
            }
            Code::ListInline | Code::ListApart | Code::ListLarge => Type::List,
            Code::SetIntsInline | Code::SetIntsApart | Code::SetInline | Code::SetApart | Code::SetLarge => {
                Type::Set
            }
            Code::HashInline | Code::HashApart | Code::HashLarge => Type::Hash,
            Code::ZsetInline | Code::ZsetApart | Code::ZsetLarge => Type::Zset,
            Code::StreamLarge => Type::Stream,
        }
    }

    pub(super) fn packed_form(self) -> Form {
        match self {
            Code::SetIntsInline | Code::SetIntsApart => Form::IntSet,
            _ => Form::Listpack,
        }
    }

    pub(super) fn packed(kind: Type, form: Form, inline: bool) -> Code {
        match (kind, form, inline) {
            (Type::List, _, true) => Code::ListInline,
            (Type::List, _, false) => Code::ListApart,
            (Type::Set, Form::IntSet, true) => Code::SetIntsInline,
            (Type::Set, Form::IntSet, false) => Code::SetIntsApart,
            (Type::Set, Form::Listpack, true) => Code::SetInline,
            (Type::Set, Form::Listpack, false) => Code::SetApart,
            (Type::Hash, _, true) => Code::HashInline,
            (Type::Hash, _, false) => Code::HashApart,
            (Type::Zset, _, true) => Code::ZsetInline,
            (Type::Zset, _, false) => Code::ZsetApart,
            (Type::String | Type::Stream, ..) => unreachable!("strings and streams have no packed form"),
        }
    }

    #[inline]
    pub(super) fn large(kind: Type) -> Code {
        match kind {
            Type::List => Code::ListLarge,
            Type::Set => Code::SetLarge,
            Type::Hash => Code::HashLarge,
            Type::Zset => Code::ZsetLarge,
            Type::Stream => Code::StreamLarge,
            Type::String => unreachable!("a string is not a large collection"),
        }
    }
}
