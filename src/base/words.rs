//! Lines as words, and words as text that reads back to the same bytes: redis.conf, inline requests, manifests.
//!
//! ```text
//! set "a\tkey\x00" v      escapes inside double quotes: \n \r \t \b \a \xHH; before any other byte, that byte
//! set 'it\'s' v           inside single quotes only \' is an escape
//! set k ab"c d"           a quote may open in the middle of a word: abc d
//! set k "a"b              but what follows its end must be blank or the end of the line: an error
//! ```
//!
//! A `#` is nothing special here: where it opens a comment depends on the directive, so [`Words`] lets its caller look
//! before each word.

use super::c_text::{is_space, until_nul};

/// A quote was left open, or what followed its end was not blank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnbalancedQuotes;

/// The words of one line, taken one at a time.
pub struct Words<'a> {
    rest: &'a [u8],
}

impl<'a> Words<'a> {
    /// The words of all of `line`, in which a NUL is a byte like any other.
    pub fn new(line: &'a [u8]) -> Self {
        Words { rest: line }
    }

    /// The words of `line` up to its first NUL byte, if any: where C's string functions see its end.
    pub fn until_nul(line: &'a [u8]) -> Self {
        Words { rest: until_nul(line) }
    }

    /// The text not read yet, without leading blanks.
    pub fn rest(&mut self) -> &'a [u8] {
        let blanks = self.rest.iter().take_while(|byte| is_space(**byte)).count();
        self.rest = &self.rest[blanks..];
        self.rest
    }

    /// The next word, unquoted; `None` at the end of the line.
    ///
    /// # Errors
    /// If its quotes aren't balanced.
    pub fn next_word(&mut self) -> Result<Option<Vec<u8>>, UnbalancedQuotes> {
        let mut word = Vec::new();
        Ok(self.next_into(&mut word)?.then_some(word))
    }

    /// Appends the next word, unquoted, to `out`; false at the end of the line.
    ///
    /// # Errors
    /// If its quotes aren't balanced; a part of it may have been appended.
    pub fn next_into(&mut self, out: &mut Vec<u8>) -> Result<bool, UnbalancedQuotes> {
        let mut rest = self.rest();
        if rest.is_empty() {
            return Ok(false);
        }
        while let [first, tail @ ..] = rest {
            match first {
                b' ' | b'\n' | b'\r' | b'\t' => break,
                b'"' | b'\'' => {
                    let read = if *first == b'"' { double_quoted } else { single_quoted };
                    rest = read(tail, out)?;
                    if rest.first().is_some_and(|next| !is_space(*next)) {
                        return Err(UnbalancedQuotes);
                    }
                    break;
                }
                other => out.push(*other),
            }
            rest = tail;
        }
        self.rest = rest;
        Ok(true)
    }
}

/// Splits a whole line, up to its first NUL byte, into words.
///
/// # Errors
/// If the quotes of one aren't balanced.
pub fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, UnbalancedQuotes> {
    let mut words = Words::until_nul(line);
    std::iter::from_fn(|| words.next_word().transpose()).collect()
}

/// Appends `bytes` to `out` as a double-quoted word of printable ASCII.
pub fn quote_into(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => out.extend([b'\\', byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            0x07 => out.extend(b"\\a"),
            0x08 => out.extend(b"\\b"),
            b' '..=b'~' => out.push(byte),
            _ => out.extend(format!("\\x{byte:02x}").as_bytes()),
        }
    }
    out.push(b'"');
}

/// Removes blanks and line ends on both sides, as a line of the file is read.
pub fn trim(line: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let Some(start) = line.iter().position(|byte| !blank(byte)) else { return &[] };
    let end = line.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &line[start..end]
}

/// Appends what stands before the closing double quote; gives what stands behind it.
fn double_quoted<'a>(mut rest: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], UnbalancedQuotes> {
    loop {
        let (byte, tail) = match rest {
            [b'"', tail @ ..] => return Ok(tail),
            [b'\\', b'x', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex(*high) << 4 | hex(*low), tail)
            }
            [b'\\', escaped, tail @ ..] => (unescape(*escaped), tail),
            [byte, tail @ ..] => (*byte, tail),
            [] => return Err(UnbalancedQuotes),
        };
        out.push(byte);
        rest = tail;
    }
}

/// The same for single quotes.
fn single_quoted<'a>(mut rest: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], UnbalancedQuotes> {
    loop {
        let (byte, tail) = match rest {
            [b'\'', tail @ ..] => return Ok(tail),
            [b'\\', b'\'', tail @ ..] => (b'\'', tail),
            [byte, tail @ ..] => (*byte, tail),
            [] => return Err(UnbalancedQuotes),
        };
        out.push(byte);
        rest = tail;
    }
}

fn unescape(escaped: u8) -> u8 {
    match escaped {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

/// The value of a hexadecimal digit.
fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn splits_as_redis_does() {
        let cases: [(&[u8], &[&[u8]]); 16] = [
            (b"", &[]),
            (b" \t\x0b\x0c\r\n ", &[]),
            (b"set k v", &[b"set", b"k", b"v"]),
            (b"  set\t\tk  v  ", &[b"set", b"k", b"v"]),
            (b"\"a b\" 'c d'", &[b"a b", b"c d"]),
            (b"\"\" ''", &[b"", b""]),
            (b"ab\"c d\"", &[b"abc d"]),
            (b"ab'c d' e", &[b"abc d", b"e"]),
            (b"a 'd\"e' f", &[b"a", b"d\"e", b"f"]),
            (br#""\n\r\t\b\a\q\"\\""#, &[b"\n\r\t\x08\x07q\"\\"]),
            (br#""\x00\xfF\xg0\x1""#, &[b"\x00\xffxg0x1"]),
            (br"'\'\n'", &[br"'\n"]),
            (b"\"a\"\x0bb", &[b"a", b"b"]),
            (b"a\x0bb", &[b"a\x0bb"]),
            (b"a\\\"b c\"", &[b"a\\b c"]),
            (b"a b\0c", &[b"a", b"b"]),
        ];
        for (line, expected) in cases {
            assert_eq!(split(line).expect("balanced"), expected, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn a_nul_may_be_a_byte_like_any_other() {
        let (mut words, mut out) = (Words::new(b"a b\0c \"d\0\""), b"kept".to_vec());
        let mut ends = Vec::new();
        while words.next_into(&mut out) == Ok(true) {
            ends.push(out.len());
        }
        assert_eq!((out.as_slice(), ends), (&b"keptab\0cd\0"[..], vec![5, 8, 10]));
    }

    #[test]
    fn refuses_unbalanced_quotes() {
        let lines: [&[u8]; 10] =
            [b"\"", b"\"a", b"'a", b"\"a\"b", b"'a'b", b"\"a\\\"", b"'a\\'", b"\"a\\", b"k \"", b"\"a\0\""];
        for line in lines {
            assert_eq!(split(line), Err(UnbalancedQuotes), "{}", line.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn quoted_words_read_back(word: Vec<u8>) {
            let mut line = Vec::new();
            quote_into(&mut line, &word);
            prop_assert!(line.iter().all(|byte| matches!(byte, b' '..=b'~')));
            prop_assert_eq!(split(&line).unwrap(), vec![word]);
        }

        #[test]
        fn any_line_is_safe(line: Vec<u8>) {
            let _ = split(&line);
            prop_assert!(trim(&line).len() <= line.len());
        }
    }
}
