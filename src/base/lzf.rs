//! LZF, the compression of strings in RDB files and DUMP payloads.
//!
//! A compressed text is a sequence of literal runs and references into what came before:
//!
//! ```text
//! 000lllll                    l+1 literal bytes follow (1 to 32)
//! lllooooo oooooooo           copy l+2 bytes (3 to 8) from o+1 bytes back (1 to 8192)
//! 111ooooo llllllll oooooooo  copy l+9 bytes (9 to 264) from o+1 bytes back
//! ```
//!
//! Any encoder of this format is readable by any decoder; ours finds references through a hash of three
//! bytes, one candidate each, without looking back over what it passed.

const MAX_LITERALS: usize = 32;
const MAX_DISTANCE: usize = 8192;
const MIN_MATCH: usize = 3;
const MAX_MATCH: usize = 264;
/// The best that three bytes can do.
const MAX_EXPANSION: usize = MAX_MATCH / 3;
const TABLE_BITS: u32 = 14;

/// Compresses one text after another.
///
/// It holds a table of 64 KB: for each hash of three bytes the place last seen. Places are counted over
/// all texts, so places in earlier texts are recognized by being too low and the table needs no clearing.
pub struct Compressor {
    table: Box<[u32]>,
    /// Place of the current text's first byte; 0 in the table means none.
    base: u32,
}

impl Default for Compressor {
    fn default() -> Self {
        Self::new()
    }
}

impl Compressor {
    /// Makes a compressor that has seen nothing.
    pub fn new() -> Self {
        Compressor { table: vec![0; 1 << TABLE_BITS].into(), base: 1 }
    }

    /// Appends the compressed `text` to `out` if it takes `limit` bytes at most; else leaves `out` as it was.
    ///
    /// Texts of 2 GB and more are left alone.
    #[must_use]
    pub fn compress(&mut self, text: &[u8], limit: usize, out: &mut Vec<u8>) -> bool {
        let Some(places) = u32::try_from(text.len()).ok().filter(|&len| len <= u32::MAX / 2) else {
            return false;
        };
        if self.base.checked_add(places).is_none() {
            self.table.fill(0);
            self.base = 1;
        }
        let start = out.len();
        let fits = self.write(text, start.saturating_add(limit), out);
        self.base += places;
        if !fits {
            out.truncate(start);
        }
        fits
    }

    /// False as soon as `out` has more than `end` bytes.
    fn write(&mut self, text: &[u8], end: usize, out: &mut Vec<u8>) -> bool {
        let (mut at, mut literals) = (0, 0);
        while at + MIN_MATCH <= text.len() {
            let Some((distance, length)) = self.find(text, at) else {
                at += 1;
                continue;
            };
            write_literals(&text[literals..at], out);
            write_reference(distance - 1, length - 2, out);
            if out.len() > end {
                return false;
            }
            at += length;
            literals = at;
            // Enter the last two places passed, so that a repetition goes on being found.
            for place in at - 2..at {
                if place + MIN_MATCH <= text.len() {
                    self.enter(text, place);
                }
            }
        }
        write_literals(&text[literals..], out);
        out.len() <= end
    }

    /// Puts a place into the table; what was there before.
    fn enter(&mut self, text: &[u8], at: usize) -> u32 {
        let key = u32::from(text[at]) | u32::from(text[at + 1]) << 8 | u32::from(text[at + 2]) << 16;
        let slot = key.wrapping_mul(0x9e37_79b1) >> (32 - TABLE_BITS);
        std::mem::replace(&mut self.table[slot as usize], self.base + at as u32)
    }

    /// A match for what stands at `at`, as distance and length.
    fn find(&mut self, text: &[u8], at: usize) -> Option<(usize, usize)> {
        let candidate = self.enter(text, at).checked_sub(self.base)? as usize;
        let distance = at - candidate;
        if distance > MAX_DISTANCE || text[candidate..candidate + MIN_MATCH] != text[at..at + MIN_MATCH] {
            return None;
        }
        let ahead = &text[at..text.len().min(at + MAX_MATCH)];
        let length = ahead.iter().zip(&text[candidate..]).take_while(|(a, b)| a == b).count();
        Some((distance, length))
    }
}

fn write_literals(literals: &[u8], out: &mut Vec<u8>) {
    for run in literals.chunks(MAX_LITERALS) {
        out.push(run.len() as u8 - 1);
        out.extend_from_slice(run);
    }
}

/// Both fields are as stored: distance less 1, length less 2.
fn write_reference(distance: usize, length: usize, out: &mut Vec<u8>) {
    let high = (distance >> 8) as u8;
    if length < 7 {
        out.push((length as u8) << 5 | high);
    } else {
        out.push(7 << 5 | high);
        out.push((length - 7) as u8);
    }
    out.push(distance as u8);
}

/// Restores a text of exactly `len` bytes; `None` if the input is damaged or gives another length.
///
/// Takes no more memory than the input can account for, whatever `len` says.
pub fn decompress(mut input: &[u8], len: usize) -> Option<Vec<u8>> {
    if len > input.len().saturating_mul(MAX_EXPANSION) {
        return None;
    }
    let mut out = Vec::with_capacity(len);
    while let [control, rest @ ..] = input {
        let field = usize::from(*control & 31);
        let length = match control >> 5 {
            0 => {
                let (literals, rest) = rest.split_at_checked(field + 1)?;
                out.extend_from_slice(literals);
                input = rest;
                if out.len() > len {
                    return None;
                }
                continue;
            }
            7 => {
                let (extra, rest) = rest.split_first()?;
                input = rest;
                usize::from(*extra) + 9
            }
            short => {
                input = rest;
                usize::from(short) + 2
            }
        };
        let (low, rest) = input.split_first()?;
        input = rest;
        let start = out.len().checked_sub((field << 8 | usize::from(*low)) + 1)?;
        if length > len - out.len() {
            return None;
        }
        copy_within(&mut out, start, length);
    }
    (out.len() == len).then_some(out)
}

/// Appends `length` bytes that begin at `start`; they may run into the appended ones.
fn copy_within(out: &mut Vec<u8>, start: usize, mut length: usize) {
    while length > 0 {
        let step = length.min(out.len() - start);
        out.extend_from_within(start..start + step);
        length -= step;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compressed(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        assert!(Compressor::new().compress(text, text.len() * 2 + 1, &mut out));
        out
    }

    #[test]
    fn writes_the_three_forms() {
        assert_eq!(compressed(b"abcdef"), b"\x05abcdef");
        assert_eq!(compressed(b"abcabcx"), b"\x02abc\x20\x02\0x");
        assert_eq!(compressed(&[b'a'; 300]), b"\0a\xe0\xff\0\xe0\x1a\0");
        assert_eq!(compressed(b""), b"");
    }

    #[test]
    fn keeps_to_the_limit() {
        let text = b"abcabcabcabc".repeat(10);
        let mut out = b"before".to_vec();
        let needed = compressed(&text).len();
        assert!(!Compressor::new().compress(&text, needed - 1, &mut out));
        assert_eq!(out, b"before");
        assert!(Compressor::new().compress(&text, needed, &mut out));
        assert_eq!(out.len(), 6 + needed);
    }

    #[test]
    fn refuses_damaged_input() {
        assert_eq!(decompress(b"\x02abc\x20\x02\0x", 7).as_deref(), Some(&b"abcabcx"[..]));
        for (input, len) in [
            (&b"\x02abc\x20\x02\0x"[..], 6),
            (b"\x02abc\x20\x02\0x", 8),
            (b"\x02ab", 3),
            (b"\x02abc\x20\x03", 6),
            (b"\x02abc\x20", 6),
            (b"\x02abc\xe0", 12),
            (b"\x02abc\xe0\x00", 12),
            (b"", 1),
            (b"\0a", usize::MAX),
        ] {
            assert_eq!(decompress(input, len), None, "{input:?} {len}");
        }
    }

    #[test]
    fn places_may_wrap_around() {
        let mut compressor = Compressor::new();
        compressor.base = u32::MAX - 10;
        for _ in 0..2 {
            let mut out = Vec::new();
            assert!(compressor.compress(b"abcabcabcabcabc", 100, &mut out));
            assert_eq!(decompress(&out, 15).unwrap(), b"abcabcabcabcabc");
        }
    }

    proptest! {
        #[test]
        fn texts_come_back(texts in prop::collection::vec("[ab]{0,400}|[a-d]{0,3000}|.{0,50}", 1..5)) {
            let mut compressor = Compressor::new();
            for text in texts {
                let mut out = Vec::new();
                prop_assert!(compressor.compress(text.as_bytes(), text.len() * 2 + 1, &mut out));
                prop_assert_eq!(decompress(&out, text.len()).unwrap(), text.as_bytes());
            }
        }

        #[test]
        fn hostile_input_is_harmless(input: Vec<u8>, len in 0usize..100_000) {
            if let Some(text) = decompress(&input, len) {
                prop_assert_eq!(text.len(), len);
            }
        }
    }
}
