//! Adding entries to a chunk.

use std::slice::ChunksExact;

use super::super::id::StreamId;
use super::listpack::{count_len, element_len, int_len};
use super::{Chunk, MS_MOVES, Place, SAME_FIELDS, SEQ_FOLLOWS, usual_step};
use crate::base::size_class::size_class;
use crate::types::listpack::{Encoded, append_back_len, encoded_len};

/// Most bytes of an entry beside its fields and values: head, three numbers, back length.
const FRAME_MAX: usize = 1 + 3 * 10 + 5;
/// What they mostly come to.
const FRAME: usize = 6;
/// Most bytes in which a field or value is wrapped.
const WRAP_MAX: usize = 5;

impl Chunk {
    /// A chunk without entries whose first one will have these fields.
    pub(super) fn with_fields<'e>(
        master_id: StreamId,
        names: impl Iterator<Item = Encoded<'e>>,
        capacity: usize,
    ) -> Chunk {
        let mut bytes = Vec::with_capacity(if capacity == 0 { 0 } else { size_class(capacity) });
        let (mut fields, mut packed) = (0, 0);
        for name in names {
            name.write_bare(&mut bytes);
            packed += element_len(name.size());
            fields += 1;
        }
        packed += count_len(fields as usize);
        let start = Place { at: bytes.len() as u32, before: master_id };
        Chunk { bytes, start, last: master_id, living: 0, deleted: 0, fields, packed: packed as u32 }
    }

    /// Adds an entry of fields, each with its value.
    pub fn append<T: AsRef<[u8]>>(&mut self, master_id: StreamId, id: StreamId, fields: ChunksExact<'_, T>) {
        let same = self.has_fields(fields.clone());
        self.make_room(fields.clone().map(|field| &field[usize::from(same)..]));
        let begin = self.begin(master_id, id, same, fields.len());
        for field in fields {
            if !same {
                self.write(field[0].as_ref().into());
            }
            self.write(field[1].as_ref().into());
        }
        self.end(begin);
        self.living += 1;
    }

    /// Writes what stands before the fields and values of an entry; returns where the entry begins.
    #[inline]
    pub(super) fn begin(
        &mut self,
        master_id: StreamId,
        id: StreamId,
        same_fields: bool,
        fields: usize,
    ) -> usize {
        let begin = self.bytes.len();
        let ms = id.ms.wrapping_sub(self.last.ms);
        let seq = id.seq.wrapping_sub(self.last.seq);
        let mut head = 0;
        self.bytes.push(head);
        if ms != 0 {
            head |= MS_MOVES;
            self.number(zigzag(ms));
        }
        if seq != usual_step(ms != 0) {
            head |= SEQ_FOLLOWS;
            self.number(zigzag(seq));
        }
        // What Redis has there: flags, the differences to the master ID, and the number of elements.
        let mut packed = count_len(0)
            + int_len(id.ms.wrapping_sub(master_id.ms) as i64)
            + int_len(id.seq.wrapping_sub(master_id.seq) as i64);
        if same_fields {
            head |= SAME_FIELDS;
            packed += count_len(fields + 3);
        } else {
            self.number(fields as u64);
            packed += count_len(fields) + count_len(2 * fields + 4);
        }
        self.bytes[begin] = head;
        self.packed += packed as u32;
        self.last = id;
        begin
    }

    /// Writes a field or value.
    #[inline]
    pub(super) fn write(&mut self, element: Encoded<'_>) {
        element.write_bare(&mut self.bytes);
        self.packed += element_len(element.size()) as u32;
    }

    /// Ends the entry that begins there.
    #[inline]
    pub(super) fn end(&mut self, begin: usize) {
        let size = self.bytes.len() - begin;
        append_back_len(&mut self.bytes, size);
    }

    /// Has the buffer hold an entry of these parts too, in steps of the allocator's classes.
    #[inline]
    fn make_room<'a, T: AsRef<[u8]> + 'a>(&mut self, parts: impl Iterator<Item = &'a [T]> + Clone) {
        let sizes = parts.clone().flatten().map(|part| part.as_ref().len() + WRAP_MAX);
        let spare = self.bytes.capacity() - self.bytes.len();
        if FRAME_MAX + sizes.sum::<usize>() > spare {
            let sizes = parts.flatten().map(|part| encoded_len(part.as_ref()));
            let len = self.bytes.len() + FRAME + sizes.sum::<usize>();
            if len > self.bytes.capacity() {
                self.bytes.reserve_exact(size_class(len) - self.bytes.len());
            }
        }
    }

    #[inline]
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    #[inline]
    fn has_fields<T: AsRef<[u8]>>(&self, fields: ChunksExact<'_, T>) -> bool {
        fields.len() == self.fields as usize
            && self.names().zip(fields).all(|(name, field)| name.eq_bytes(field[0].as_ref()))
    }
}

/// Makes small differences in either direction small numbers.
#[inline]
fn zigzag(difference: u64) -> u64 {
    difference << 1 ^ (difference as i64 >> 63) as u64
}
