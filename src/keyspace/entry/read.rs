//! Reading an entry: a borrowed view whose results live as long as the table is borrowed.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;

use super::code::{CODES, Code, Shape};
use super::{BODY_AT, CLOCK_AT, Entry, FORM_MASK, HAS_DEADLINE};
use crate::base::size_class::size_class;
use crate::keyspace::value::{Form, Ref, Stored, Str, StrRef, Type, Value};
use crate::types::{hash::Hash, list::List, set::Set, stream::Stream, zset::Zset};

/// A shared view of an entry that somebody else owns for at least `'a`.
#[derive(Clone, Copy)]
pub struct EntryRef<'a>(NonNull<u8>, PhantomData<&'a Entry>);

impl<'a> EntryRef<'a> {
    pub(super) fn new(entry: &'a Entry) -> EntryRef<'a> {
        EntryRef(entry.0, PhantomData)
    }

    /// Borrows the entry behind the address in a table's slot.
    ///
    /// # Safety
    /// `address` must come from [`Entry::into_address`], and the entry must outlive `'a` unchanged.
    #[inline]
    pub(in crate::keyspace) unsafe fn from_address(address: usize) -> EntryRef<'a> {
        let pointer = NonNull::new(std::ptr::with_exposed_provenance_mut(address));
        EntryRef(pointer.expect("entries are never null"), PhantomData)
    }

    #[inline]
    pub(super) fn byte(self, at: usize) -> u8 {
        // SAFETY: callers stay below the entry's length, which is at least 8.
        unsafe { *self.0.as_ptr().add(at) }
    }

    #[inline]
    pub(super) fn slice(self, at: usize, len: usize) -> &'a [u8] {
        // SAFETY: callers pass ranges that the header describes; all bytes of the allocation are initialised.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().add(at), len) }
    }

    #[inline]
    pub(super) fn array<const N: usize>(self, at: usize) -> [u8; N] {
        self.slice(at, N).try_into().expect("slice of N bytes")
    }

    #[inline]
    pub(super) fn code(self) -> Code {
        CODES[(self.byte(0) & FORM_MASK) as usize]
    }

    #[inline]
    fn key_at(self) -> usize {
        if self.byte(0) & HAS_DEADLINE == 0 { BODY_AT } else { BODY_AT + 8 }
    }

    /// Where the key starts and how long it is.
    #[inline]
    pub(super) fn key_span(self) -> (usize, usize) {
        let at = self.key_at();
        match self.byte(at) {
            255 => (at + 5, u32::from_le_bytes(self.array(at + 1)) as usize),
            len => (at + 1, len as usize),
        }
    }

    #[inline]
    pub(super) fn payload_at(self) -> usize {
        let (at, len) = self.key_span();
        at + len
    }

    /// Where the inline bytes start and how many they are.
    #[inline]
    pub(super) fn inline_span(self) -> (usize, usize) {
        let at = self.payload_at();
        match self.byte(at) {
            255 => (at + 3, u16::from_le_bytes(self.array(at + 1)) as usize),
            len => (at + 1, len as usize),
        }
    }

    pub(super) fn len(self) -> usize {
        match self.code().shape() {
            Shape::Inline => {
                let (at, len) = self.inline_span();
                at + len
            }
            Shape::Int24 => self.payload_at() + 3,
            Shape::Int64 | Shape::Heap | Shape::Apart | Shape::Large => self.payload_at() + 8,
        }
    }

    /// The key.
    #[inline]
    pub fn key(self) -> &'a [u8] {
        let (at, len) = self.key_span();
        self.slice(at, len)
    }

    /// The type of the value.
    #[inline]
    pub fn type_of(self) -> Type {
        self.code().type_of()
    }

    /// When the key expires, in Unix ms.
    #[inline]
    pub fn deadline(self) -> Option<i64> {
        (self.byte(0) & HAS_DEADLINE != 0).then(|| i64::from_le_bytes(self.array(BODY_AT)))
    }

    /// When the first field of a hash expires, in Unix ms.
    #[inline]
    pub fn field_deadline(self) -> Option<i64> {
        match self.code() {
            Code::HashLarge => self.collection::<Hash>()?.next_expiry(),
            _ => None,
        }
    }

    /// When time next changes something here: the key expires, or a field of it.
    #[inline]
    pub fn due(self) -> Option<i64> {
        match (self.deadline(), self.field_deadline()) {
            (Some(key), Some(field)) => Some(key.min(field)),
            (key, field) => key.or(field),
        }
    }

    /// The access clock, 24 bits.
    #[inline]
    pub fn clock(self) -> u32 {
        let [a, b, c] = self.array::<3>(CLOCK_AT);
        u32::from_le_bytes([a, b, c, 0])
    }

    /// The string value, if it is one.
    #[inline]
    pub fn string(self) -> Option<StrRef<'a>> {
        Some(match self.code() {
            Code::StrInline | Code::StrInlineRaw => {
                let (at, len) = self.inline_span();
                StrRef::Bytes(self.slice(at, len))
            }
            Code::StrInt24 | Code::StrInt64 => StrRef::Int(self.integer()),
            // SAFETY: the pointer of this form came from `Arc::into_raw`; the entry owns that count.
            Code::StrHeap => StrRef::Heap(unsafe { &*self.pointer().cast::<Vec<u8>>().as_ptr() }),
            _ => return None,
        })
    }

    /// Another owner of a string that lies on the heap, without copying it.
    pub fn share_string(self) -> Option<Arc<Vec<u8>>> {
        (self.code() == Code::StrHeap).then(|| {
            let pointer = self.pointer().cast::<Vec<u8>>().as_ptr();
            // SAFETY: the pointer came from `Arc::into_raw` and the entry keeps its own count alive.
            unsafe {
                Arc::increment_strong_count(pointer);
                Arc::from_raw(pointer)
            }
        })
    }

    pub(super) fn integer(self) -> i64 {
        let at = self.payload_at();
        if self.code() == Code::StrInt64 {
            return i64::from_le_bytes(self.array(at));
        }
        let [a, b, c] = self.array::<3>(at);
        // Shifting the 24 bits to the top and back extends the sign.
        i64::from(i32::from_le_bytes([0, a, b, c]) >> 8)
    }

    #[inline]
    pub(super) fn pointer(self) -> NonNull<u8> {
        let address = usize::from_le_bytes(self.array(self.payload_at()));
        NonNull::new(std::ptr::with_exposed_provenance_mut(address)).expect("payload pointers are never null")
    }

    /// Where the collection of a large form lies; none for other types and forms.
    #[inline]
    pub(in crate::keyspace) fn large<T: Stored>(self) -> Option<NonNull<T>> {
        (self.code() == Code::large(T::TYPE)).then(|| self.pointer().cast())
    }

    /// A reader's view of a collection of type `T`; none when the value is of another type.
    pub fn collection<T: Stored>(self) -> Option<Ref<'a, T>> {
        let code = self.code();
        if code.type_of() != T::TYPE {
            return None;
        }
        Some(match code.shape() {
            Shape::Inline => {
                let (at, len) = self.inline_span();
                Ref::owned(T::from_packed(code.packed_form(), self.slice(at, len).to_vec()))
            }
            Shape::Apart => {
                let (pointer, len) = self.apart_span();
                // SAFETY: this is the allocation that `Vec::into_boxed_slice` gave, length equal to capacity.
                // `Ref::lent` never drops or changes the value, and its lifetime ends before the entry's.
                let bytes = unsafe { Vec::from_raw_parts(pointer.as_ptr(), len, len) };
                Ref::lent(T::from_packed(code.packed_form(), bytes))
            }
            // SAFETY: the pointer came from `Box::<T>::into_raw` for this code, and the entry owns it.
            Shape::Large => Ref::borrowed(unsafe { self.pointer().cast::<T>().as_ref() }),
            Shape::Int24 | Shape::Int64 | Shape::Heap => unreachable!("forms of strings"),
        })
    }

    /// The bytes of a packed collection that lies apart: their length stands in their own header.
    pub(super) fn apart_span(self) -> (NonNull<u8>, usize) {
        let pointer = self.pointer();
        // SAFETY: listpacks are at least 7 bytes long and intsets at least 8.
        let head: [u8; 8] = unsafe {
            let mut head = [0; 8];
            pointer.as_ptr().copy_to_nonoverlapping(head.as_mut_ptr(), 7);
            if self.code().packed_form() == Form::IntSet {
                pointer.as_ptr().add(7).copy_to_nonoverlapping(head.as_mut_ptr().add(7), 1);
            }
            head
        };
        let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes")) as usize;
        match self.code().packed_form() {
            Form::Listpack => (pointer, word(0)),
            Form::IntSet => (pointer, 8 + word(0) * word(4)),
        }
    }

    /// Asks for what looking for these elements of a large collection will read.
    pub fn approach<'e>(self, elements: impl Iterator<Item = &'e [u8]>) {
        match self.code() {
            Code::SetLarge => {
                if let Some(set) = self.collection::<Set>() {
                    set.approach(elements);
                }
            }
            Code::HashLarge => {
                if let Some(hash) = self.collection::<Hash>() {
                    hash.approach(elements);
                }
            }
            Code::ZsetLarge => {
                if let Some(zset) = self.collection::<Zset>() {
                    zset.approach(elements);
                }
            }
            _ => {}
        }
    }

    /// The name OBJECT ENCODING tells.
    pub fn encoding(self) -> &'static str {
        match self.code() {
            Code::StrInt24 | Code::StrInt64 => "int",
            Code::StrInline if self.inline_span().1 <= 44 => "embstr",
            Code::StrInline | Code::StrInlineRaw | Code::StrHeap => "raw",
            Code::SetIntsInline | Code::SetIntsApart => "intset",
            Code::StreamLarge => "stream",
            code if code.shape() != Shape::Large => "listpack",
            Code::ListLarge => self.collection::<List>().map_or("", |v| v.encoding()),
            Code::SetLarge => self.collection::<Set>().map_or("", |v| v.encoding()),
            Code::HashLarge => self.collection::<Hash>().map_or("", |v| v.encoding()),
            _ => self.collection::<Zset>().map_or("", |v| v.encoding()),
        }
    }

    /// Bytes that the entry and its value occupy, as allocated; large collections estimate their own.
    pub fn memory_bytes(self) -> usize {
        let own = size_class(self.len());
        own + match self.code() {
            Code::StrHeap => self.heap_string_bytes(),
            Code::ListLarge => self.collection::<List>().map_or(0, |v| v.memory_bytes()),
            Code::SetLarge => self.collection::<Set>().map_or(0, |v| v.memory_bytes()),
            Code::HashLarge => self.collection::<Hash>().map_or(0, |v| v.memory_bytes()),
            Code::ZsetLarge => self.collection::<Zset>().map_or(0, |v| v.memory_bytes()),
            Code::StreamLarge => self.collection::<Stream>().map_or(0, |v| v.memory_bytes()),
            code if code.shape() == Shape::Apart => size_class(self.apart_span().1),
            _ => 0,
        }
    }

    /// Bytes that a string apart from the entry occupies: the buffer, and its counts and head.
    fn heap_string_bytes(self) -> usize {
        match self.string() {
            Some(StrRef::Heap(bytes)) => size_class(bytes.capacity()) + size_class(40),
            _ => 0,
        }
    }

    /// How many bytes [`share_value`](EntryRef::share_value) copies, about.
    pub fn bytes_to_copy(self) -> usize {
        match self.code().shape() {
            Shape::Apart => self.apart_span().1,
            Shape::Inline => self.inline_span().1,
            Shape::Int24 | Shape::Int64 | Shape::Heap | Shape::Large => 0,
        }
    }

    /// A copy of the value: O(1) for what is large, a copy of the bytes for what is small.
    pub fn share_value(self) -> Value {
        fn whole<T: Stored>(entry: EntryRef<'_>) -> T {
            entry.collection::<T>().expect("the type was matched").to_owned()
        }
        match self.type_of() {
            Type::String => Value::Str(match self.code() {
                Code::StrHeap => Str::Shared(self.share_string().expect("a heap string")),
                Code::StrInlineRaw => {
                    let (at, len) = self.inline_span();
                    Str::Raw(self.slice(at, len).to_vec())
                }
                Code::StrInline => {
                    let (at, len) = self.inline_span();
                    Str::Bytes(self.slice(at, len).to_vec())
                }
                _ => Str::Int(self.integer()),
            }),
            Type::List => Value::List(whole(self)),
            Type::Set => Value::Set(whole(self)),
            Type::Hash => Value::Hash(whole(self)),
            Type::Zset => Value::Zset(whole(self)),
            Type::Stream => Value::Stream(whole(self)),
        }
    }
}
