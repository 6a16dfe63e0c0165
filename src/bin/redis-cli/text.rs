//! Bytes as text for people, and back.

use redstart::base::words;

/// Bytes in double quotes with escapes, so that nothing in them can disturb a terminal.
pub fn quote(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 2);
    words::quote_into(&mut out, bytes);
    out
}

/// As [`quote`], as a string.
pub fn quoted(bytes: &[u8]) -> String {
    lossy(&quote(bytes))
}

/// Bytes as a string; what is no UTF-8 shows as such.
pub fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The words of a line, unquoted; `None` where quotes don't match.
pub fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    words::split(line).ok()
}

/// What a text that may be quoted stands for; `None` where it isn't exactly one word.
pub fn unquote(text: &[u8]) -> Option<Vec<u8>> {
    let mut words = split(text)?.into_iter();
    let word = words.next()?;
    words.next().is_none().then_some(word)
}

/// The number that a text begins with, as C's `strtoll` reads it: 0 where there is none.
pub fn leading_integer(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    let value =
        digits.fold(0i64, |value, byte| value.saturating_mul(10).saturating_add(i64::from(byte - b'0')));
    if negative { -value } else { value }
}

/// A number of bytes with a unit: `1003B`, `4.03K`, `100.00M`. Nothing above the T's.
pub fn human_bytes(bytes: i64) -> String {
    let sign = if bytes < 0 { "-" } else { "" };
    let size = bytes.unsigned_abs();
    if size < 1024 {
        return format!("{sign}{size}B");
    }
    let units = [(10, 'K'), (20, 'M'), (30, 'G'), (40, 'T')];
    let fits = units.iter().find(|(power, _)| size >> power < 1024);
    fits.map_or_else(String::new, |(power, unit)| {
        format!("{sign}{:.2}{unit}", size as f64 / (1u64 << power) as f64)
    })
}

/// Equal but for the case of ASCII letters.
pub fn is(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_at_the_start() {
        for (text, expected) in
            [("12x", 12), ("-3", -3), (" +4 5", 4), ("x", 0), ("", 0), ("99999999999999999999", i64::MAX)]
        {
            assert_eq!(leading_integer(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn sizes_for_people() {
        for (bytes, expected) in [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.00K"),
            (4127, "4.03K"),
            (-2048, "-2.00K"),
            (104_857_600, "100.00M"),
            (1 << 30, "1.00G"),
            (1 << 41, "2.00T"),
            (1 << 50, ""),
        ] {
            assert_eq!(human_bytes(bytes), expected);
        }
    }

    #[test]
    fn quoting_and_back() {
        assert_eq!(quoted(b"a\x00\"\xff\n"), r#""a\x00\"\xff\n""#);
        assert_eq!(unquote(br#""\x00 \x01""#).as_deref(), Some(&b"\x00 \x01"[..]));
        assert_eq!(unquote(b"a b"), None);
        assert_eq!(unquote(b"\"a"), None);
        assert_eq!(unquote(b""), None);
    }
}
