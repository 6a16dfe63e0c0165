//! Lines of a redis.conf as words, and words as text that reads back to the same bytes.
//!
//! A word ends at a blank. Inside `"..."` the escapes `\n \r \t \b \a \xHH` and `\` before any other
//! byte are understood, inside `'...'` only `\'`. A closing quote must be followed by a blank or the end.
//! A `#` opens a comment at the start of a line only, as in Redis; whether it also opens one further on
//! depends on the directive, so [`Words`] lets its caller ask before each word.

/// A quote that is never closed, or is closed in the middle of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnbalancedQuotes;

/// The words of one line, taken one at a time.
pub struct Words<'a> {
    rest: &'a [u8],
}

impl<'a> Words<'a> {
    /// Reads `line` up to its first NUL byte, if any.
    pub fn new(line: &'a [u8]) -> Self {
        let end = line.iter().position(|&byte| byte == 0).unwrap_or(line.len());
        Words { rest: &line[..end] }
    }

    /// The text not read yet, without leading blanks.
    pub fn rest(&mut self) -> &'a [u8] {
        let start = self.rest.iter().position(|&byte| !is_blank(byte)).unwrap_or(self.rest.len());
        self.rest = &self.rest[start..];
        self.rest
    }

    /// The next word, unquoted; `None` at the end of the line.
    pub fn next_word(&mut self) -> Result<Option<Vec<u8>>, UnbalancedQuotes> {
        let text = self.rest();
        if text.is_empty() {
            return Ok(None);
        }
        let mut word = Vec::new();
        let mut at = 0;
        while let Some(&byte) = text.get(at) {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => break,
                b'"' | b'\'' => {
                    let read = if byte == b'"' { read_double } else { read_single };
                    at += 1 + read(&text[at + 1..], &mut word).ok_or(UnbalancedQuotes)?;
                    if text.get(at).is_some_and(|&next| !is_blank(next)) {
                        return Err(UnbalancedQuotes);
                    }
                    break;
                }
                _ => {
                    word.push(byte);
                    at += 1;
                }
            }
        }
        self.rest = &text[at..];
        Ok(Some(word))
    }
}

/// Splits a whole line into words.
pub fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, UnbalancedQuotes> {
    let mut words = Words::new(line);
    let mut all = Vec::new();
    while let Some(word) = words.next_word()? {
        all.push(word);
    }
    Ok(all)
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

/// Appends the inside of a double-quoted word; the number of bytes read, with the closing quote.
fn read_double(text: &[u8], word: &mut Vec<u8>) -> Option<usize> {
    let mut at = 0;
    loop {
        match &text[at..] {
            [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                word.push(hex(*high) << 4 | hex(*low));
                at += 4;
            }
            [b'\\', escaped, ..] => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                at += 2;
            }
            [b'"', ..] => return Some(at + 1),
            [byte, ..] => {
                word.push(*byte);
                at += 1;
            }
            [] => return None,
        }
    }
}

/// Appends the inside of a single-quoted word; the number of bytes read, with the closing quote.
fn read_single(text: &[u8], word: &mut Vec<u8>) -> Option<usize> {
    let mut at = 0;
    loop {
        match &text[at..] {
            [b'\\', b'\'', ..] => {
                word.push(b'\'');
                at += 2;
            }
            [b'\'', ..] => return Some(at + 1),
            [byte, ..] => {
                word.push(*byte);
                at += 1;
            }
            [] => return None,
        }
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(line: &str) -> Vec<String> {
        let words = split(line.as_bytes()).unwrap();
        words.into_iter().map(|word| String::from_utf8(word).unwrap()).collect()
    }

    #[test]
    fn splits_as_redis_does() {
        assert_eq!(words("  save  900\t1 "), ["save", "900", "1"]);
        assert_eq!(words(r#"a "b c" 'd"e' f"#), ["a", "b c", "d\"e", "f"]);
        assert_eq!(words(r#"x "" '' "\x41\n\"\q" 'it\'s \n'"#), ["x", "", "", "A\n\"q", "it's \\n"]);
        assert_eq!(words(r#"ab"cd" e"#), ["abcd", "e"]);
        assert!(words("").is_empty());
        assert_eq!(words("a b\0c"), ["a", "b"]);
    }

    #[test]
    fn refuses_unbalanced_quotes() {
        for line in ["\"", "a 'b", "\"a\"b", "'a'b", "x \"y\\\""] {
            assert_eq!(split(line.as_bytes()), Err(UnbalancedQuotes), "{line}");
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
