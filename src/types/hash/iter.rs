//! The fields of a hash in the order of its form.

use super::fields::{FieldValue, Fields};
use super::{Form, has_passed, timed};
use crate::types::chunked;
use crate::types::listpack::{self, Item};

/// A field with its value and, if it has one, its deadline in Unix ms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry<'a> {
    /// The field.
    pub field: Item<'a>,
    /// Its value.
    pub value: Item<'a>,
    /// Its deadline.
    pub deadline: Option<i64>,
}

impl<'a> Entry<'a> {
    /// Whether its deadline lies before `now`.
    #[inline]
    pub fn is_expired(&self, now: i64) -> bool {
        has_passed(self.deadline, now)
    }

    pub(super) fn large(field: &'a [u8], value: FieldValue<'a>) -> Self {
        Entry { field: Item::Bytes(field), value: Item::Bytes(value.bytes), deadline: value.deadline }
    }
}

/// The fields of a hash; made by [`Hash::iter`](super::Hash::iter).
pub struct Iter<'a>(Inner<'a>);

enum Inner<'a> {
    Packed(listpack::Iter<'a>),
    Timed(listpack::Iter<'a>),
    Large(chunked::Iter<'a, Fields>),
}

impl<'a> Iter<'a> {
    pub(super) fn new(form: &'a Form) -> Self {
        Iter(match form {
            Form::Packed(listpack) => Inner::Packed(listpack.iter()),
            Form::Timed(listpack) => Inner::Timed(listpack.iter()),
            Form::Large(table) => Inner::Large(table.iter()),
        })
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        match &mut self.0 {
            Inner::Packed(items) => {
                Some(Entry { field: items.next()?, value: items.next()?, deadline: None })
            }
            Inner::Timed(items) => {
                let (field, value) = (items.next()?, items.next()?);
                Some(Entry { field, value, deadline: timed::deadline(items.next()?) })
            }
            Inner::Large(fields) => fields.next().map(|(field, value)| Entry::large(field, value)),
        }
    }
}
