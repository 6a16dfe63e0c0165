//! An entry: one key with its deadline, its access clock and its value, in one allocation.
//!
//! ```text
//! byte 0        form: what the payload is (5 bits) and whether a deadline follows (1 bit)
//! bytes 1..4    access clock, 24 bits: LRU seconds, or LFU minutes and counter
//! 8 bytes       deadline in Unix ms, only when the form says so
//! 1 or 5 bytes  key length: one byte below 255, else 255 and a u32
//!               key
//!               payload: an inline string or packed collection (length, bytes), an integer of 3 or
//!               8 bytes, or a pointer of 8 bytes to a heap string, a packed collection or a large one
//! ```
//!
//! **Ownership.** An `Entry` owns its allocation and whatever its payload points to; dropping it frees both.
//! `into_value` moves the payload out. Nothing else in the program dereferences the pointer.
//!
//! **Size.** The allocation always has the size of jemalloc's class for the bytes in use, so a value that
//! grows or shrinks within its class is rewritten in place, and freeing names the size that was asked for.
//!
//! **Inline or apart.** A packed collection lives inline when that costs no more than an allocation of its
//! own: 111 bytes of listpack behind 23 bytes of header would need the class of 160, apart they take
//! 32 + 112.
#![allow(unsafe_code)]

mod code;
mod payload;
mod read;

#[cfg(test)]
mod tests;

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::ptr::NonNull;
use std::sync::Arc;

pub use self::read::EntryRef;

use self::code::{Code, Shape};
use self::payload::Payload;
use super::value::{Stored, Str, Type, Value};
use crate::base::num::parse_i64;
use crate::base::prefetch::prefetch;
use crate::base::size_class::size_class;

/// The longest string or packed collection kept inline, in bytes.
pub const INLINE_MAX: usize = 1024;
/// The longest packed collection kept inline: reading one copies it, so it stays short.
const INLINE_PACKED_MAX: usize = 192;
/// The longest key, in bytes: the longest bulk a client can send.
pub const KEY_MAX: usize = u32::MAX as usize;

const HAS_DEADLINE: u8 = 1 << 5;
const FORM_MASK: u8 = HAS_DEADLINE - 1;
const CLOCK_AT: usize = 1;
const BODY_AT: usize = 4;

/// An owned entry; see the head of this file.
#[repr(transparent)]
pub struct Entry(NonNull<u8>);

// SAFETY: an entry owns its allocation alone, and everything a payload can hold is `Send + Sync`.
unsafe impl Send for Entry {}
// SAFETY: as above; shared access only reads.
unsafe impl Sync for Entry {}

const _: () = assert!(size_of::<Option<Entry>>() == 8);

const fn key_field_len(len: usize) -> usize {
    len + if len < 255 { 1 } else { 5 }
}

const fn head_len(key: usize, deadline: bool) -> usize {
    BODY_AT + if deadline { 8 } else { 0 } + key_field_len(key)
}

fn layout_for(len: usize) -> Layout {
    // The class of any length that fits in memory is a valid size for an alignment of 8.
    Layout::from_size_align(size_class(len), 8).expect("entry size overflows")
}

impl Entry {
    /// Makes an entry for `key`.
    ///
    /// # Panics
    /// If the key is longer than [`KEY_MAX`].
    pub fn new(key: &[u8], value: Value, deadline: Option<i64>, clock: u32) -> Entry {
        let head = head_len(key.len(), deadline.is_some());
        Entry::build(key, &Payload::value(value, head), deadline, clock)
    }

    /// Makes an entry for a string of given bytes, in its most compact form.
    #[inline]
    pub fn with_string(key: &[u8], bytes: &[u8], deadline: Option<i64>, clock: u32) -> Entry {
        Entry::build(key, &Payload::string(bytes), deadline, clock)
    }

    /// Makes an entry for a collection, without a deadline.
    pub fn with_collection<T: Stored>(key: &[u8], value: T, clock: u32) -> Entry {
        let payload = Payload::collection(value, head_len(key.len(), false));
        Entry::build(key, &payload, None, clock)
    }

    fn build(key: &[u8], payload: &Payload<'_>, deadline: Option<i64>, clock: u32) -> Entry {
        assert!(key.len() <= KEY_MAX, "key too long");
        let payload_at = head_len(key.len(), deadline.is_some());
        let layout = layout_for(payload_at + payload.len());
        // SAFETY: the layout's size is at least 8.
        let Some(memory) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        let entry = Entry(memory);
        // SAFETY: the allocation is fresh, `layout.size()` bytes long and not shared yet; zeroing it first
        // makes every byte initialised before a slice over it exists.
        let bytes = unsafe {
            memory.as_ptr().write_bytes(0, layout.size());
            std::slice::from_raw_parts_mut(memory.as_ptr(), layout.size())
        };
        bytes[0] = payload.code() as u8 | if deadline.is_some() { HAS_DEADLINE } else { 0 };
        bytes[CLOCK_AT..BODY_AT].copy_from_slice(&clock.to_le_bytes()[..3]);
        let mut at = BODY_AT;
        if let Some(deadline) = deadline {
            bytes[at..at + 8].copy_from_slice(&deadline.to_le_bytes());
            at += 8;
        }
        if key.len() < 255 {
            bytes[at] = key.len() as u8;
            at += 1;
        } else {
            bytes[at] = 255;
            bytes[at + 1..at + 5].copy_from_slice(&(key.len() as u32).to_le_bytes());
            at += 5;
        }
        bytes[at..at + key.len()].copy_from_slice(key);
        payload.write(&mut bytes[payload_at..]);
        entry
    }

    /// A view for reading.
    #[inline]
    pub fn as_ref(&self) -> EntryRef<'_> {
        EntryRef::new(self)
    }

    #[inline]
    fn slice_mut(&mut self, at: usize, len: usize) -> &mut [u8] {
        // SAFETY: as `slice`, and `&mut self` makes the access exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_ptr().add(at), len) }
    }

    /// Sets or clears the deadline; moves the entry when its header changes size.
    pub fn set_deadline(&mut self, deadline: Option<i64>) {
        match (self.as_ref().deadline(), deadline) {
            (Some(_), Some(new)) => self.slice_mut(BODY_AT, 8).copy_from_slice(&new.to_le_bytes()),
            (None, None) => {}
            (Some(_), None) => {
                let len = self.as_ref().len();
                self.slice_mut(0, len).copy_within(BODY_AT + 8.., BODY_AT);
                self.set_head(self.as_ref().byte(0) & !HAS_DEADLINE);
                self.resize(len, len - 8);
            }
            (None, Some(new)) => {
                let len = self.as_ref().len();
                self.resize(len, len + 8);
                self.slice_mut(0, len + 8).copy_within(BODY_AT..len, BODY_AT + 8);
                self.slice_mut(BODY_AT, 8).copy_from_slice(&new.to_le_bytes());
                self.set_head(self.as_ref().byte(0) | HAS_DEADLINE);
            }
        }
    }

    fn set_head(&mut self, head: u8) {
        self.slice_mut(0, 1)[0] = head;
    }

    /// Gives the allocation the class of `new` bytes; the bytes up to the smaller length stay.
    fn resize(&mut self, old: usize, new: usize) {
        let (from, to) = (layout_for(old), layout_for(new));
        if from.size() == to.size() {
            return;
        }
        // SAFETY: the memory was allocated with `from`; `to.size()` is at least 8.
        let moved = unsafe { realloc(self.0.as_ptr(), from, to.size()) };
        let Some(memory) = NonNull::new(moved) else { handle_alloc_error(to) };
        self.0 = memory;
        if to.size() > from.size() {
            // SAFETY: the new tail lies within the allocation; initialising it keeps `slice` sound.
            unsafe { memory.as_ptr().add(from.size()).write_bytes(0, to.size() - from.size()) };
        }
    }

    /// Sets the access clock to the low 24 bits of `clock`.
    #[inline]
    pub fn set_clock(&mut self, clock: u32) {
        self.slice_mut(CLOCK_AT, 3).copy_from_slice(&clock.to_le_bytes()[..3]);
    }

    /// Opens a collection of type `T` for changing; [`Entry::put`] must follow unless it is `InPlace`.
    pub fn take<T: Stored>(&mut self) -> Option<Taken<'_, T>> {
        let code = self.as_ref().code();
        if code.type_of() != T::TYPE {
            return None;
        }
        Some(match code.shape() {
            Shape::Inline => {
                let (at, len) = self.as_ref().inline_span();
                Taken::Moved(T::from_packed(code.packed_form(), self.as_ref().slice(at, len).to_vec()))
            }
            Shape::Apart => {
                let (pointer, len) = self.as_ref().apart_span();
                // SAFETY: this is the allocation that `Vec::into_boxed_slice` gave, length equal to capacity,
                // and the next line makes the entry forget it.
                let bytes = unsafe { Vec::from_raw_parts(pointer.as_ptr(), len, len) };
                self.forget_pointer();
                Taken::Moved(T::from_packed(code.packed_form(), bytes))
            }
            // SAFETY: the pointer came from `Box::<T>::into_raw` for this code; `&mut self` is exclusive.
            Shape::Large => Taken::InPlace(unsafe { self.as_ref().pointer().cast::<T>().as_mut() }),
            Shape::Int24 | Shape::Int64 | Shape::Heap => unreachable!("forms of strings"),
        })
    }

    /// Puts back what [`Entry::take`] moved out.
    pub fn put<T: Stored>(&mut self, value: T) {
        let (key_at, key_len) = self.as_ref().key_span();
        let payload = Payload::collection(value, key_at + key_len);
        self.release();
        self.set_payload(&payload);
    }

    /// Moves the large collection behind a packed entry back into packed form, if it has one by now.
    pub fn repack<T: Stored>(&mut self) {
        if self.as_ref().code() != Code::large(T::TYPE) {
            return;
        }
        // SAFETY: the pointer came from `Box::<T>::into_raw` for this code; the entry forgets it next.
        let value = *unsafe { Box::from_raw(self.as_ref().pointer().cast::<T>().as_ptr()) };
        self.forget_pointer();
        self.put(value);
    }

    /// Replaces the value by a string in its most compact form; key, deadline and clock stay.
    #[inline]
    pub fn set_string(&mut self, bytes: &[u8]) {
        if self.as_ref().code() == Code::StrInline {
            let (at, len) = self.as_ref().inline_span();
            if len == bytes.len() && parse_i64(bytes).is_none() {
                return self.slice_mut(at, len).copy_from_slice(bytes);
            }
        }
        self.release();
        self.set_payload(&Payload::string(bytes));
    }

    /// The same for a string that is an integer.
    pub fn set_integer(&mut self, value: i64) {
        let payload = Payload::Int(value);
        if payload.code() == self.as_ref().code() {
            // A counter's next value mostly takes as much room as the last one.
            let at = self.as_ref().payload_at();
            return payload.write(self.slice_mut(at, payload.len()));
        }
        self.release();
        self.set_payload(&payload);
    }

    /// Replaces the value; key, deadline and clock stay. The old value is returned.
    pub fn replace(&mut self, value: Value) -> Value {
        let old = self.take_value();
        let (key_at, key_len) = self.as_ref().key_span();
        self.set_payload(&Payload::value(value, key_at + key_len));
        old
    }

    /// Moves the value out; the key, the deadline and the clock are gone with the entry.
    pub fn into_value(mut self) -> Value {
        self.take_value()
    }

    /// Moves the value out and leaves a valid integer of the same length in its place.
    fn take_value(&mut self) -> Value {
        fn whole<T: Stored>(taken: Option<Taken<'_, T>>) -> Option<T> {
            match taken {
                Some(Taken::Moved(value)) => Some(value),
                _ => None,
            }
        }
        let code = self.as_ref().code();
        match code {
            Code::StrInt24 | Code::StrInt64 => Value::Str(Str::Int(self.as_ref().integer())),
            Code::StrInline | Code::StrInlineRaw => {
                let (at, len) = self.as_ref().inline_span();
                let bytes = self.as_ref().slice(at, len).to_vec();
                Value::Str(if code == Code::StrInline { Str::Bytes(bytes) } else { Str::Raw(bytes) })
            }
            Code::StrHeap => {
                let pointer = self.as_ref().pointer().cast::<Vec<u8>>().as_ptr();
                self.forget_pointer();
                // SAFETY: the pointer came from `Arc::into_raw`; the entry has just given up its count.
                Value::Str(Str::Shared(unsafe { Arc::from_raw(pointer) }))
            }
            // SAFETY: the form is the large one of a list.
            Code::ListLarge => Value::List(unsafe { self.unbox() }),
            // SAFETY: the form is the large one of a set.
            Code::SetLarge => Value::Set(unsafe { self.unbox() }),
            // SAFETY: the form is the large one of a hash.
            Code::HashLarge => Value::Hash(unsafe { self.unbox() }),
            // SAFETY: the form is the large one of a zset.
            Code::ZsetLarge => Value::Zset(unsafe { self.unbox() }),
            // SAFETY: the form is the large one of a stream.
            Code::StreamLarge => Value::Stream(unsafe { self.unbox() }),
            _ => match code.type_of() {
                Type::List => whole(self.take()).map(Value::List),
                Type::Set => whole(self.take()).map(Value::Set),
                Type::Hash => whole(self.take()).map(Value::Hash),
                Type::Zset => whole(self.take()).map(Value::Zset),
                Type::String | Type::Stream => None,
            }
            .expect("packed forms are moved out whole"),
        }
    }

    /// # Safety
    /// The form must be the large one of `T`.
    unsafe fn unbox<T: Stored>(&mut self) -> T {
        let pointer = self.as_ref().pointer().cast::<T>().as_ptr();
        self.forget_pointer();
        // SAFETY: by contract the pointer came from `Box::<T>::into_raw`; the entry has forgotten it.
        *unsafe { Box::from_raw(pointer) }
    }

    /// Turns a form with a pointer into an integer of the same length, so that nothing is freed twice.
    fn forget_pointer(&mut self) {
        let head = self.as_ref().byte(0) & HAS_DEADLINE | Code::StrInt64 as u8;
        let at = self.as_ref().payload_at();
        self.set_head(head);
        self.slice_mut(at, 8).fill(0);
    }

    /// Frees what the payload points to.
    fn release(&mut self) {
        if matches!(self.as_ref().code().shape(), Shape::Heap | Shape::Apart | Shape::Large) {
            drop(self.take_value());
        }
    }

    /// Writes a payload over one that points to nothing, moving the entry when its class changes.
    fn set_payload(&mut self, payload: &Payload<'_>) {
        let (old, at) = (self.as_ref().len(), self.as_ref().payload_at());
        self.resize(old, at + payload.len());
        self.set_head(self.as_ref().byte(0) & HAS_DEADLINE | payload.code() as u8);
        payload.write(self.slice_mut(at, payload.len()));
    }

    /// The string for changing it in place, as a buffer of its own; [`Entry::put_string`] takes it back.
    pub fn take_string(&mut self) -> Option<Vec<u8>> {
        if self.as_ref().type_of() != Type::String {
            return None;
        }
        Some(match self.take_value() {
            Value::Str(Str::Shared(shared)) => Arc::unwrap_or_clone(shared),
            Value::Str(Str::Bytes(bytes) | Str::Raw(bytes)) => bytes,
            Value::Str(Str::Int(n)) => n.to_string().into_bytes(),
            _ => unreachable!("the type was checked"),
        })
    }

    /// Stores a string that was changed in place: never as an integer, OBJECT ENCODING "raw".
    pub fn put_string(&mut self, bytes: Vec<u8>) {
        self.release();
        let payload = Payload::value(Value::Str(Str::Raw(bytes)), 0);
        self.set_payload(&payload);
    }

    /// Asks the processor to load the head of an entry.
    #[inline]
    pub(super) fn prefetch(entry: *const u8) {
        prefetch(entry);
        prefetch(entry.wrapping_add(64));
    }

    /// Gives the entry up as a bare address of 48 bits, a multiple of 8.
    pub(super) fn into_address(self) -> usize {
        let address = self.0.as_ptr().expose_provenance();
        std::mem::forget(self);
        address
    }

    /// Takes an entry back.
    ///
    /// # Safety
    /// `address` must come from [`Entry::into_address`] and be taken back once.
    pub(super) unsafe fn from_address(address: usize) -> Entry {
        Entry(NonNull::new(std::ptr::with_exposed_provenance_mut(address)).expect("entries are never null"))
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.release();
        let layout = layout_for(self.as_ref().len());
        // SAFETY: every path that changes the length keeps the allocation at the class of that length.
        unsafe { dealloc(self.0.as_ptr(), layout) };
    }
}

/// A collection opened for changing.
pub enum Taken<'a, T> {
    /// A packed one, moved out: put it back afterwards.
    Moved(T),
    /// A large one, changed where it is.
    InPlace(&'a mut T),
}
