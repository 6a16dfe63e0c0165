//! A payload on its way into an entry: which form a value takes, and its bytes.

use std::borrow::Cow;
use std::ptr::NonNull;
use std::sync::Arc;

use super::code::Code;
use super::{INLINE_MAX, INLINE_PACKED_MAX};
use crate::base::num::parse_i64;
use crate::base::size_class::size_class;
use crate::keyspace::value::{Stored, Str, Value};

/// A payload on its way into an entry.
pub(super) enum Payload<'a> {
    Inline(Code, Cow<'a, [u8]>),
    Int(i64),
    Pointer(Code, NonNull<u8>),
}

impl<'a> Payload<'a> {
    /// The most compact form of a string.
    pub(super) fn string(bytes: &'a [u8]) -> Payload<'a> {
        match parse_i64(bytes) {
            Some(n) => Payload::Int(n),
            None if bytes.len() <= INLINE_MAX => Payload::Inline(Code::StrInline, Cow::Borrowed(bytes)),
            None => Payload::heap(bytes.to_vec()),
        }
    }

    pub(super) fn heap(bytes: Vec<u8>) -> Payload<'static> {
        Payload::Pointer(Code::StrHeap, non_null(Arc::into_raw(Arc::new(bytes)).cast_mut().cast()))
    }

    /// The form of a collection behind a head of `head` bytes that costs least.
    pub(super) fn collection<T: Stored>(value: T, head: usize) -> Payload<'static> {
        match value.into_packed() {
            Ok((form, bytes)) => {
                let inline = size_class(head + inline_len(bytes.len()));
                let apart = size_class(head + 8) + size_class(bytes.len());
                if bytes.len() <= INLINE_PACKED_MAX && inline <= apart {
                    Payload::Inline(Code::packed(T::TYPE, form, true), Cow::Owned(bytes))
                } else {
                    let code = Code::packed(T::TYPE, form, false);
                    Payload::Pointer(code, non_null(Box::into_raw(bytes.into_boxed_slice()).cast()))
                }
            }
            Err(large) => {
                Payload::Pointer(Code::large(T::TYPE), non_null(Box::into_raw(Box::new(large)).cast()))
            }
        }
    }

    pub(super) fn value(value: Value, head: usize) -> Payload<'static> {
        match value {
            Value::Str(Str::Int(n)) => Payload::Int(n),
            Value::Str(Str::Bytes(bytes)) if bytes.len() <= INLINE_MAX => {
                Payload::Inline(Code::StrInline, Cow::Owned(bytes))
            }
            Value::Str(Str::Bytes(bytes)) => Payload::heap(bytes),
            Value::Str(Str::Raw(bytes)) if bytes.len() <= INLINE_MAX => {
                Payload::Inline(Code::StrInlineRaw, Cow::Owned(bytes))
            }
            Value::Str(Str::Raw(bytes)) => Payload::heap(bytes),
            Value::Str(Str::Shared(shared)) => {
                Payload::Pointer(Code::StrHeap, non_null(Arc::into_raw(shared).cast_mut().cast()))
            }
            Value::List(list) => Payload::collection(list, head),
            Value::Set(set) => Payload::collection(set, head),
            Value::Hash(hash) => Payload::collection(hash, head),
            Value::Zset(zset) => Payload::collection(zset, head),
            Value::Stream(stream) => Payload::collection(stream, head),
        }
    }

    pub(super) fn code(&self) -> Code {
        match self {
            Payload::Inline(code, _) | Payload::Pointer(code, _) => *code,
            Payload::Int(n) if fits_24_bits(*n) => Code::StrInt24,
            Payload::Int(_) => Code::StrInt64,
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Payload::Inline(_, bytes) => inline_len(bytes.len()),
            Payload::Int(n) if fits_24_bits(*n) => 3,
            Payload::Int(_) | Payload::Pointer(..) => 8,
        }
    }

    pub(super) fn write(&self, to: &mut [u8]) {
        match self {
            Payload::Inline(_, bytes) => {
                let at = if bytes.len() < 255 {
                    to[0] = bytes.len() as u8;
                    1
                } else {
                    to[0] = 255;
                    to[1..3].copy_from_slice(&(bytes.len() as u16).to_le_bytes());
                    3
                };
                to[at..at + bytes.len()].copy_from_slice(bytes);
            }
            Payload::Int(n) if fits_24_bits(*n) => to[..3].copy_from_slice(&n.to_le_bytes()[..3]),
            Payload::Int(n) => to[..8].copy_from_slice(&n.to_le_bytes()),
            Payload::Pointer(_, pointer) => {
                to[..8].copy_from_slice(&pointer.as_ptr().expose_provenance().to_le_bytes());
            }
        }
    }
}

fn non_null(pointer: *mut u8) -> NonNull<u8> {
    NonNull::new(pointer).expect("boxes and arcs are never null")
}

fn fits_24_bits(n: i64) -> bool {
    (-(1 << 23)..1 << 23).contains(&n)
}

const fn inline_len(len: usize) -> usize {
    len + if len < 255 { 1 } else { 3 }
}
