//! Hash: a listpack while it is small, a chunked hash table when it is large.
//!
//! ```text
//! Hash ─ Packed(Listpack)        OBJECT ENCODING "listpack"     field, value, field, value, ...
//!      ├ Timed(Listpack)         "listpackex"                   field, value, deadline, ...
//!      └ Large(Table<Fields>)    "hashtable"                    in hash order
//! ```
//!
//! **Form.** It changes at the operations at which it changes in Redis, by [`HashLimits`], and never back.
//! The first command that deals with deadlines makes a listpack a timed one, whether or not it sets any.
//!
//! **Deadlines** are Unix times in ms. A timed listpack is ordered by them, with 0 for none at the end. In a
//! table a field carries its own, and each node knows the earliest one below it. A field is *expired* when
//! its deadline lies before `now`, and stays in the hash and in [`Hash::len`] until somebody removes it: a
//! reader who met it, or [`Hash::expire_due`]. Who must not see fields expire, a replica or a loader, gives
//! [`NEVER`] for `now`.
//!
//! A large hash is shared, not copied, by `clone`; see [`chunked`](crate::types::chunked). An operation that
//! leaves the hash empty leaves the removal of its key to the caller.

mod deadline;
mod fields;
mod iter;
mod random;
mod timed;

#[cfg(test)]
mod tests;

pub use self::deadline::{ClearDeadline, Condition, FieldDeadline, SetDeadline};
pub use self::iter::{Entry, Iter};

use self::fields::{FieldValue, Fields};
use crate::base::num::IntText;
use crate::base::size_class::size_class;
use crate::types::chunked::Table;
use crate::types::listpack::{Encoded, Item, Listpack, ListpackRef, Pos};

/// A `now` at which nothing has expired.
pub const NEVER: i64 = i64::MIN;

/// Up to which sizes the small forms are used: the directives `hash-max-listpack-...`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HashLimits {
    /// Fields of a listpack.
    pub max_listpack_entries: usize,
    /// Bytes of a field or value of a listpack.
    pub max_listpack_value: usize,
}

impl Default for HashLimits {
    fn default() -> Self {
        HashLimits { max_listpack_entries: 128, max_listpack_value: 64 }
    }
}

/// A map from byte strings to byte strings, whose fields may have deadlines.
#[derive(Clone, Debug)]
pub struct Hash(Form);

#[derive(Clone, Debug)]
enum Form {
    Packed(Listpack),
    Timed(Listpack),
    Large(Table<Fields>),
}

/// What a reader finds of a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lookup<'a> {
    /// There is no such field.
    Missing,
    /// Its deadline has passed; it is still in the hash.
    Expired,
    /// Its value.
    Found(Item<'a>),
}

impl<'a> Lookup<'a> {
    /// The value, if there is one to be seen.
    pub fn value(self) -> Option<Item<'a>> {
        match self {
            Lookup::Found(value) => Some(value),
            Lookup::Missing | Lookup::Expired => None,
        }
    }
}

/// Why a listpack is not a hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HashError {
    /// The number of elements is not a multiple of what makes up a field.
    Count,
    /// A deadline is no integer, or negative, or they are not in order.
    Deadline,
    /// A field is there twice.
    Duplicate,
}

impl Hash {
    /// An empty hash.
    pub fn new() -> Self {
        Hash(Form::Packed(Listpack::new()))
    }

    /// A small hash of a listpack made by [`into_listpack`](Hash::into_listpack).
    pub fn from_listpack(listpack: Listpack) -> Self {
        Hash(Form::Packed(listpack))
    }

    /// A small hash of a listpack that came from outside: of field and value, or of field, value and
    /// deadline if it is `timed`. It becomes large if it exceeds the limits.
    ///
    /// Fields that are there twice are found only if it becomes large.
    ///
    /// # Errors
    /// If the elements don't come out even, the deadlines are out of order, or a large hash would have a field twice.
    pub fn from_foreign(listpack: Listpack, timed: bool, limits: &HashLimits) -> Result<Self, HashError> {
        let elements = listpack.len();
        let per_field = if timed { timed::PER_FIELD } else { 2 };
        if !elements.is_multiple_of(per_field) {
            return Err(HashError::Count);
        }
        if timed && !timed::is_ordered(listpack.as_ref()) {
            return Err(HashError::Deadline);
        }
        let mut hash = Hash(if timed { Form::Timed(listpack) } else { Form::Packed(listpack) });
        if elements / per_field > limits.max_listpack_entries {
            hash.enlarge();
        }
        if hash.len() == elements / per_field { Ok(hash) } else { Err(HashError::Duplicate) }
    }

    /// An empty hash for loading `len` fields with [`load`](Hash::load), as an RDB file lists those of a
    /// table.
    pub fn for_loading(len: usize, timed: bool, limits: &HashLimits) -> Self {
        Hash(match (len > limits.max_listpack_entries, timed) {
            (true, _) => Form::Large(Table::default()),
            (false, true) => Form::Timed(Listpack::new()),
            (false, false) => Form::Packed(Listpack::new()),
        })
    }

    /// The listpack of a small hash without deadlines, or the hash itself.
    pub fn into_listpack(self) -> Result<Listpack, Hash> {
        match self.0 {
            Form::Packed(listpack) => Ok(listpack),
            Form::Timed(_) | Form::Large(_) => Err(self),
        }
    }

    /// The listpack of fields and values, in that form.
    pub fn as_listpack(&self) -> Option<ListpackRef<'_>> {
        match &self.0 {
            Form::Packed(listpack) => Some(listpack.as_ref()),
            Form::Timed(_) | Form::Large(_) => None,
        }
    }

    /// The listpack of fields, values and deadlines, in that form.
    pub fn as_timed_listpack(&self) -> Option<ListpackRef<'_>> {
        match &self.0 {
            Form::Timed(listpack) => Some(listpack.as_ref()),
            Form::Packed(_) | Form::Large(_) => None,
        }
    }

    /// What OBJECT ENCODING tells: "listpack", "listpackex" or "hashtable".
    pub fn encoding(&self) -> &'static str {
        match self.0 {
            Form::Packed(_) => "listpack",
            Form::Timed(_) => "listpackex",
            Form::Large(_) => "hashtable",
        }
    }

    /// Number of fields, with those that are expired.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Packed(listpack) => listpack.len() / 2,
            Form::Timed(listpack) => listpack.len() / timed::PER_FIELD,
            Form::Large(table) => table.len(),
        }
    }

    /// Number of fields that are not expired.
    pub fn live_len(&self, now: i64) -> usize {
        if self.next_expiry().is_none_or(|at| at >= now) {
            return self.len();
        }
        self.iter().filter(|entry| !entry.is_expired(now)).count()
    }

    /// Whether there is no field, expired or not.
    #[inline]
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Form::Packed(listpack) | Form::Timed(listpack) => listpack.is_empty(),
            Form::Large(table) => table.is_empty(),
        }
    }

    /// Whether freeing it takes long enough to leave it to the background thread.
    pub fn is_large(&self) -> bool {
        matches!(&self.0, Form::Large(table) if table.is_slow_to_free())
    }

    /// Asks for what looking for these fields will read, so that the look-ups don't wait for memory one after the other.
    pub fn approach<'f>(&self, fields: impl Iterator<Item = &'f [u8]>) {
        if let Form::Large(table) = &self.0 {
            table.approach(fields);
        }
    }

    /// Bytes in the allocator beside the `Hash` itself; a very large hash is extrapolated from a part.
    pub fn memory_bytes(&self) -> usize {
        match &self.0 {
            Form::Packed(listpack) | Form::Timed(listpack) => size_class(listpack.byte_len()),
            Form::Large(table) => table.memory_bytes(),
        }
    }

    /// Whether `other`, a clone of this hash made earlier, shows that nothing has changed since.
    pub fn is_unchanged_since(&self, other: &Hash) -> bool {
        match (&self.0, &other.0) {
            (Form::Packed(a), Form::Packed(b)) | (Form::Timed(a), Form::Timed(b)) => a == b,
            (Form::Large(a), Form::Large(b)) => a.is_same(b),
            _ => false,
        }
    }

    /// The value of a field.
    pub fn get(&self, field: &[u8], now: i64) -> Lookup<'_> {
        match self.find(field) {
            None => Lookup::Missing,
            Some(found) if found.is_expired(now) => Lookup::Expired,
            Some(found) => Lookup::Found(found.value),
        }
    }

    /// Makes ready for setting `pairs`, fields and values in turn, as HSET does: a small hash that would
    /// become too large, or gets too long a field or value, becomes large.
    pub fn prepare<'v>(&mut self, pairs: impl Iterator<Item = &'v [u8]>, limits: &HashLimits) {
        if let Form::Large(_) = self.0 {
            return;
        }
        let (mut count, mut bytes, mut longest) = (0, 0, 0);
        for element in pairs {
            count += 1;
            bytes += element.len();
            longest = longest.max(element.len());
        }
        if count / 2 > limits.max_listpack_entries || !self.takes(longest, bytes, limits) {
            self.enlarge();
        }
    }

    /// Sets the value of a field and clears its deadline; tells whether the field is new, also if it is
    /// expired.
    pub fn set(&mut self, field: &[u8], value: &[u8], limits: &HashLimits) -> bool {
        self.put(field, value, false, limits)
    }

    /// Sets the value of a field, whose deadline stays, as HINCRBY does; tells whether the field is new.
    pub fn set_keeping_deadline(&mut self, field: &[u8], value: &[u8], limits: &HashLimits) -> bool {
        self.put(field, value, true, limits)
    }

    /// Adds a field while loading; tells whether it is new.
    pub fn load(&mut self, field: &[u8], value: &[u8], deadline: Option<i64>, limits: &HashLimits) -> bool {
        if let Form::Large(table) = &mut self.0 {
            return table.set(field, FieldValue { bytes: value, deadline });
        }
        let new = self.put(field, value, false, limits);
        if let Some(at) = deadline {
            self.set_deadline(field, at, None, NEVER);
        }
        new
    }

    /// Removes a field, expired or not, and tells whether it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        let (listpack, per_field) = match &mut self.0 {
            Form::Packed(listpack) => (listpack, 2),
            Form::Timed(listpack) => (listpack, timed::PER_FIELD),
            Form::Large(table) => return table.remove(field),
        };
        let found = listpack.as_ref().find(field, per_field - 1);
        found.map(|pos| listpack.delete_from(pos, per_field)).is_some()
    }

    /// All fields, expired or not.
    pub fn iter(&self) -> Iter<'_> {
        Iter::new(&self.0)
    }

    /// Gives all fields, expired or not, to `visit`, until that fails; see [`Table::consume`].
    ///
    /// # Errors
    /// What `visit` says.
    pub fn consume<E>(self, mut visit: impl FnMut(Entry<'_>) -> Result<(), E>) -> Result<(), E> {
        match self.0 {
            Form::Large(table) => table.consume(|field, value| visit(Entry::large(field, value))),
            Form::Packed(_) | Form::Timed(_) => self.iter().try_for_each(visit),
        }
    }

    /// Visits fields, expired or not, from a cursor on and returns the next cursor, 0 at the end. A small
    /// hash is visited whole; for a large one see [`Table::scan`].
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(Entry<'a>)) -> u64 {
        match &self.0 {
            Form::Large(table) => table.scan(cursor, count, |field, value| visit(Entry::large(field, value))),
            Form::Packed(_) | Form::Timed(_) => {
                self.iter().for_each(visit);
                0
            }
        }
    }

    /// Whether its form can take `bytes` more bytes, of fields and values up to the `longest`.
    fn takes(&self, longest: usize, bytes: usize, limits: &HashLimits) -> bool {
        match &self.0 {
            Form::Packed(listpack) | Form::Timed(listpack) => {
                longest <= limits.max_listpack_value && listpack.has_room_for(bytes)
            }
            Form::Large(_) => true,
        }
    }

    fn put(&mut self, field: &[u8], value: &[u8], keep_deadline: bool, limits: &HashLimits) -> bool {
        if !self.takes(field.len().max(value.len()), field.len() + value.len(), limits) {
            self.enlarge();
        }
        let new = match &mut self.0 {
            Form::Packed(listpack) => put_packed(listpack, field, value),
            Form::Timed(listpack) => timed::put(listpack, field, value, keep_deadline),
            Form::Large(table) => {
                return table.set_with(field, |old| {
                    let deadline = old.filter(|_| keep_deadline).and_then(|old| old.deadline);
                    FieldValue { bytes: value, deadline }
                });
            }
        };
        if new && self.len() > limits.max_listpack_entries {
            self.enlarge();
        }
        new
    }

    /// A field with its value and deadline.
    fn find(&self, field: &[u8]) -> Option<Found<'_>> {
        match &self.0 {
            Form::Packed(listpack) => {
                let listpack = listpack.as_ref();
                let pos = listpack.find(field, 1)?;
                Some(Found { value: listpack.at(after(listpack, pos)), deadline: None })
            }
            Form::Timed(listpack) => timed::find(listpack.as_ref(), field).map(|(_, found)| found),
            Form::Large(table) => {
                let value = table.get(field)?;
                Some(Found { value: Item::Bytes(value.bytes), deadline: value.deadline })
            }
        }
    }

    /// Turns into a table.
    fn enlarge(&mut self) {
        let mut table = Table::default();
        let (mut field_text, mut value_text) = (IntText::new(), IntText::new());
        for entry in self.iter() {
            let bytes = entry.value.as_bytes(&mut value_text);
            let value = FieldValue { bytes, deadline: entry.deadline };
            table.insert(entry.field.as_bytes(&mut field_text), value);
        }
        self.0 = Form::Large(table);
    }
}

impl Default for Hash {
    fn default() -> Self {
        Hash::new()
    }
}

/// What belongs to a field.
#[derive(Clone, Copy)]
struct Found<'a> {
    value: Item<'a>,
    deadline: Option<i64>,
}

impl Found<'_> {
    fn is_expired(&self, now: i64) -> bool {
        has_passed(self.deadline, now)
    }
}

/// Whether a deadline lies before `now`.
#[inline]
fn has_passed(deadline: Option<i64>, now: i64) -> bool {
    deadline.is_some_and(|at| at < now)
}

fn put_packed(listpack: &mut Listpack, field: &[u8], value: &[u8]) -> bool {
    let encoded = Encoded::from(field);
    match listpack.as_ref().find_encoded(&encoded, 1) {
        Some(pos) => {
            listpack.replace(after(listpack.as_ref(), pos), value);
            false
        }
        None => {
            listpack.push_back(encoded);
            listpack.push_back(value);
            true
        }
    }
}

/// The position after that of a field or of its value.
fn after(listpack: ListpackRef<'_>, pos: Pos) -> Pos {
    listpack.next(pos).expect("a field has a value, and in a timed listpack a deadline")
}
