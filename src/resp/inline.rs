//! Inline requests: a line split into arguments, quoted or bare.
//!
//! ```text
//! set "a\tkey\x00" v      escapes inside double quotes: \n \r \t \b \a \xHH; before any other byte, that byte
//! set 'it\'s' v           inside single quotes only \' is an escape
//! set k ab"c d"           a quote may open in the middle of an argument: abc d
//! set k "a"b              but what follows its end must be blank or the end of the line: an error
//! ```

use super::batch::ArgRange;

/// A quote was left open, or what followed its end was not blank.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct UnbalancedQuotes;

/// Appends the arguments of `line` to `args`, and their bytes without quotes and escapes to `text`,
/// into which the ranges point. `text` and `line` together must be shorter than 4 GiB.
///
/// After an error some arguments may have been appended.
pub(super) fn split(
    line: &[u8],
    text: &mut Vec<u8>,
    args: &mut Vec<ArgRange>,
) -> Result<(), UnbalancedQuotes> {
    let mut rest = skip_blanks(line);
    while !rest.is_empty() {
        let start = text.len();
        rest = skip_blanks(argument(rest, text)?);
        args.push(ArgRange::new(start, text.len() - start));
    }
    Ok(())
}

/// Moves one argument to `text`; gives what follows it.
fn argument<'a>(mut rest: &'a [u8], text: &mut Vec<u8>) -> Result<&'a [u8], UnbalancedQuotes> {
    while let [first, tail @ ..] = rest {
        match first {
            b' ' | b'\n' | b'\r' | b'\t' => break,
            b'"' => return double_quoted(tail, text).and_then(end_of_quotes),
            b'\'' => return single_quoted(tail, text).and_then(end_of_quotes),
            other => text.push(*other),
        }
        rest = tail;
    }
    Ok(rest)
}

fn double_quoted<'a>(mut rest: &'a [u8], text: &mut Vec<u8>) -> Result<&'a [u8], UnbalancedQuotes> {
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
        text.push(byte);
        rest = tail;
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], text: &mut Vec<u8>) -> Result<&'a [u8], UnbalancedQuotes> {
    loop {
        let (byte, tail) = match rest {
            [b'\'', tail @ ..] => return Ok(tail),
            [b'\\', b'\'', tail @ ..] => (b'\'', tail),
            [byte, tail @ ..] => (*byte, tail),
            [] => return Err(UnbalancedQuotes),
        };
        text.push(byte);
        rest = tail;
    }
}

fn end_of_quotes(rest: &[u8]) -> Result<&[u8], UnbalancedQuotes> {
    match rest {
        [next, ..] if !is_blank(*next) => Err(UnbalancedQuotes),
        _ => Ok(rest),
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

/// C's `isspace`: the vertical tab counts.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn skip_blanks(line: &[u8]) -> &[u8] {
    let blanks = line.iter().take_while(|byte| is_blank(**byte)).count();
    &line[blanks..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args_of(line: &[u8]) -> Option<Vec<Vec<u8>>> {
        let (mut text, mut args) = (b"kept".to_vec(), Vec::new());
        split(line, &mut text, &mut args).ok()?;
        assert!(text.starts_with(b"kept"));
        Some(args.iter().map(|arg| arg.of(&text).to_vec()).collect())
    }

    #[test]
    fn splits_as_redis_does() {
        let cases: [(&[u8], &[&[u8]]); 14] = [
            (b"", &[]),
            (b" \t\x0b\x0c\r\n ", &[]),
            (b"set k v", &[b"set", b"k", b"v"]),
            (b"  set\t\tk  v  ", &[b"set", b"k", b"v"]),
            (b"\"a b\" 'c d'", &[b"a b", b"c d"]),
            (b"\"\" ''", &[b"", b""]),
            (b"ab\"c d\"", &[b"abc d"]),
            (b"ab'c d' e", &[b"abc d", b"e"]),
            (br#""\n\r\t\b\a\q\"\\""#, &[b"\n\r\t\x08\x07q\"\\"]),
            (br#""\x00\xfF\xg0\x1""#, &[b"\x00\xffxg0x1"]),
            (br"'\'\n'", &[br"'\n"]),
            (b"\"a\"\x0bb", &[b"a", b"b"]),
            (b"a\x0bb", &[b"a\x0bb"]),
            (b"a\\\"b c\"", &[b"a\\b c"]),
        ];
        for (line, expected) in cases {
            assert_eq!(args_of(line).expect("balanced"), expected, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn refuses_unbalanced_quotes() {
        for line in [&b"\"a"[..], b"'a", b"\"a\"b", b"'a'b", b"\"a\\\"", b"'a\\'", b"\"a\\", b"k \""] {
            assert_eq!(args_of(line), None, "{}", line.escape_ascii());
        }
    }
}
