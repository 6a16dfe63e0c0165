//! Where encodings are written to: lengths, strings and numbers, buffered and summed up.

use std::io::{self, Write};

use crate::base::crc::crc64;
use crate::base::lzf::Compressor;
use crate::base::num::{IntText, parse_i64};
use crate::types::listpack::Item;

/// Bytes that are collected before they are handed on.
const BUFFER: usize = 64 << 10;
/// Longer strings are worth compressing.
const INCOMPRESSIBLE: usize = 20;
/// What compression must save at least.
const LEAST_SAVING: usize = 4;
/// Longer strings are not the text of an integer of 32 bits.
const LONGEST_INTEGER: usize = 11;

/// A buffered writer that knows the numbers and strings of the format.
pub(super) struct Sink<W> {
    out: W,
    buffer: Vec<u8>,
    /// CRC-64 of the bytes handed on so far, if one is wanted.
    crc: Option<u64>,
    compress: bool,
    /// Made when the first string is compressed: it holds a table of 64 KB.
    compressor: Option<Compressor>,
    compressed: Vec<u8>,
}

impl<W: Write> Sink<W> {
    /// A sink into `out`.
    pub fn new(out: W, compress: bool, checksum: bool) -> Self {
        Sink {
            out,
            buffer: Vec::new(),
            crc: checksum.then_some(0),
            compress,
            compressor: None,
            compressed: Vec::new(),
        }
    }

    /// The CRC-64 of all bytes so far, if one is wanted.
    pub fn checksum(&mut self) -> io::Result<Option<u64>> {
        self.flush()?;
        Ok(self.crc)
    }

    /// Hands on what is buffered, and gives back where it went.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush()?;
        self.out.flush()?;
        Ok(self.out)
    }

    /// Writes bytes as they are.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.buffer.len() + bytes.len() > BUFFER {
            self.flush()?;
            if bytes.len() >= BUFFER {
                return self.pass(bytes);
            }
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes a byte.
    #[inline]
    pub fn byte(&mut self, byte: u8) -> io::Result<()> {
        self.put(&[byte])
    }

    /// Writes a length in its shortest form.
    #[inline]
    pub fn length(&mut self, length: u64) -> io::Result<()> {
        let bytes = length.to_be_bytes();
        match length {
            0..0x40 => self.put(&bytes[7..]),
            0x40..0x4000 => self.put(&[0x40 | bytes[6], bytes[7]]),
            0x4000..=0xFFFF_FFFF => self.put(&[0x80, bytes[4], bytes[5], bytes[6], bytes[7]]),
            _ => {
                self.byte(0x81)?;
                self.put(&bytes)
            }
        }
    }

    /// Writes a string: as an integer if it is the text of a small one, compressed if that saves something.
    pub fn string(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() <= LONGEST_INTEGER
            && let Some(n) = parse_i64(bytes)
        {
            return self.integer(n);
        }
        if self.compress && bytes.len() > INCOMPRESSIBLE && self.compress(bytes) {
            let compressed = std::mem::take(&mut self.compressed);
            self.byte(0xC3)?;
            self.length(compressed.len() as u64)?;
            self.length(bytes.len() as u64)?;
            self.put(&compressed)?;
            self.compressed = compressed;
            return Ok(());
        }
        self.length(bytes.len() as u64)?;
        self.put(bytes)
    }

    /// Writes the text of an integer as a string.
    pub fn integer(&mut self, n: i64) -> io::Result<()> {
        let bytes = n.to_le_bytes();
        if i8::try_from(n).is_ok() {
            self.put(&[0xC0, bytes[0]])
        } else if i16::try_from(n).is_ok() {
            self.put(&[0xC1, bytes[0], bytes[1]])
        } else if i32::try_from(n).is_ok() {
            self.put(&[0xC2, bytes[0], bytes[1], bytes[2], bytes[3]])
        } else {
            let mut text = IntText::new();
            let text = text.format(n).as_bytes();
            self.length(text.len() as u64)?;
            self.put(text)
        }
    }

    /// Writes an element of a collection as a string.
    pub fn element(&mut self, element: Item<'_>) -> io::Result<()> {
        match element {
            Item::Int(n) => self.integer(n),
            Item::Bytes(bytes) => self.string(bytes),
        }
    }

    /// Writes a time in ms.
    pub fn time(&mut self, ms: i64) -> io::Result<()> {
        self.put(&ms.to_le_bytes())
    }

    /// Leaves the compressed text in `compressed`, if it is short enough.
    fn compress(&mut self, bytes: &[u8]) -> bool {
        self.compressed.clear();
        let compressor = self.compressor.get_or_insert_with(Compressor::new);
        compressor.compress(bytes, bytes.len() - LEAST_SAVING, &mut self.compressed)
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let handed_on = self.pass(&buffer);
        buffer.clear();
        self.buffer = buffer;
        handed_on
    }

    fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.crc = self.crc.map(|crc| crc64(crc, bytes));
        Ok(())
    }
}
