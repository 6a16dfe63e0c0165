//! 64-bit integers as decimal text.

/// Text of one integer, at most 20 bytes, without allocation.
pub type IntText = itoa::Buffer;

/// Reads a decimal integer in canonical form only: no spaces, no `+`, no leading zeros, no `-0`.
///
/// This is the form in which a value may be stored as an integer and printed back to the same bytes.
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let magnitude = parse_digits(digits)?;
    if !negative {
        return i64::try_from(magnitude).ok();
    }
    if magnitude == 0 {
        return None;
    }
    0i64.checked_sub_unsigned(magnitude)
}

/// Reads an unsigned decimal integer in canonical form only: no sign, no spaces, no leading zeros.
#[inline]
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    parse_digits(text)
}

#[inline]
fn parse_digits(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 20 || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    let mut value = 0u64;
    for &digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_the_canonical_form() {
        for good in [0, 1, -1, i64::MAX, i64::MIN, 42] {
            assert_eq!(parse_i64(good.to_string().as_bytes()), Some(good));
        }
        for bad in
            ["", "-", "+1", " 1", "1 ", "01", "-0", "0x1", "9223372036854775808", "-9223372036854775809"]
        {
            assert_eq!(parse_i64(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn unsigned_reaches_the_last_value() {
        assert_eq!(parse_u64(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(parse_u64(b"18446744073709551616"), None);
        assert_eq!(parse_u64(b"-1"), None);
    }
}
