//! The members of a set in the order of its form.

use super::Form;
use crate::types::chunked::{self, Members};
use crate::types::intset::IntSet;
use crate::types::listpack::{self, Item};

/// The members of a set; made by [`Set::iter`](super::Set::iter).
pub struct Iter<'a>(Inner<'a>);

enum Inner<'a> {
    Ints { ints: &'a IntSet, at: usize },
    Packed(listpack::Iter<'a>),
    Large(chunked::Iter<'a, Members>),
}

impl<'a> Iter<'a> {
    pub(super) fn new(form: &'a Form) -> Self {
        Iter(match form {
            Form::Ints(ints) => Inner::Ints { ints, at: 0 },
            Form::Packed(listpack) => Inner::Packed(listpack.iter()),
            Form::Large(table) => Inner::Large(table.iter()),
        })
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        match &mut self.0 {
            Inner::Ints { ints, at } => {
                let n = ints.get(*at)?;
                *at += 1;
                Some(Item::Int(n))
            }
            Inner::Packed(items) => items.next(),
            Inner::Large(members) => members.next().map(|(member, ())| Item::Bytes(member)),
        }
    }
}
