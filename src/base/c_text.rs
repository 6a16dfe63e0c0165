//! Bytes as the C functions see them through which Redis reads texts.

/// A text as C's string functions take it: up to its first NUL byte, if it has one.
#[inline]
pub fn until_nul(text: &[u8]) -> &[u8] {
    &text[..memchr::memchr(0, text).unwrap_or(text.len())]
}

/// White space by `isspace`: the vertical tab and the form feed count.
#[inline]
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_ends_at_its_first_nul() {
        for (text, expected) in [(&b"a\0b\0"[..], &b"a"[..]), (b"\0a", b""), (b"ab", b"ab"), (b"", b"")] {
            assert_eq!(until_nul(text), expected);
        }
    }

    #[test]
    fn space_is_what_c_says() {
        let space: Vec<u8> = (0..=u8::MAX).filter(|&byte| is_space(byte)).collect();
        assert_eq!(space, b"\t\n\x0b\x0c\r ");
    }
}
