//! The fields of a large hash: a value, and a deadline if there is one.
//!
//! The length of the value is written doubled, plus one if a deadline of eight bytes stands before it. So a
//! field without a deadline pays nothing for those that have one.

use crate::types::chunked::{Shape, read_varint, varint_size, write_varint};

/// The shape of the tables of hashes. What is known of many fields is the earliest of their deadlines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields;

/// A value with the deadline of its field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FieldValue<'a> {
    pub bytes: &'a [u8],
    pub deadline: Option<i64>,
}

const DEADLINE: usize = size_of::<i64>();

impl Shape for Fields {
    type Value<'a> = FieldValue<'a>;
    type Summary = i64;
    const NOTHING: i64 = i64::MAX;

    #[inline]
    fn summary(value: FieldValue<'_>) -> i64 {
        value.deadline.unwrap_or(Self::NOTHING)
    }

    #[inline]
    fn join(a: i64, b: i64) -> i64 {
        a.min(b)
    }

    #[inline]
    fn same(a: FieldValue<'_>, b: FieldValue<'_>) -> bool {
        a == b
    }

    #[inline]
    fn size(value: FieldValue<'_>) -> usize {
        let deadline = if value.deadline.is_some() { DEADLINE } else { 0 };
        varint_size(value.bytes.len() << 1) + deadline + value.bytes.len()
    }

    #[inline]
    fn write(value: FieldValue<'_>, to: &mut [u8]) {
        let mut at = write_varint(value.bytes.len() << 1 | usize::from(value.deadline.is_some()), to);
        if let Some(deadline) = value.deadline {
            to[at..at + DEADLINE].copy_from_slice(&deadline.to_le_bytes());
            at += DEADLINE;
        }
        to[at..at + value.bytes.len()].copy_from_slice(value.bytes);
    }

    #[inline]
    fn read(bytes: &[u8]) -> (FieldValue<'_>, usize) {
        let (head, mut at) = read_varint(bytes);
        let deadline = if head & 1 == 0 {
            None
        } else {
            let field = bytes[at..at + DEADLINE].try_into().expect("eight bytes");
            at += DEADLINE;
            Some(i64::from_le_bytes(field))
        };
        let end = at + (head >> 1);
        (FieldValue { bytes: &bytes[at..end], deadline }, end)
    }
}
