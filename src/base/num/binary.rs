//! Binary floating point common to both widths: rounding to a given precision, and C's hex floats.

/// A magnitude too wide for its format: `mantissa * 2^exponent`, plus something below the last bit if `sticky`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wide {
    pub mantissa: u128,
    pub exponent: i64,
    pub sticky: bool,
}

impl Wide {
    /// Rounds to nearest, ties to even, giving `(mantissa, exponent)` and whether anything was lost.
    ///
    /// The mantissa has exactly `precision` bits (at most 64), or fewer if the exponent is `min_exponent`.
    /// The exponent is unbounded above. A zero keeps `min_exponent`.
    pub fn round(self, precision: u32, min_exponent: i64) -> (u64, i64, bool) {
        if self.mantissa == 0 {
            return (0, min_exponent, self.sticky);
        }
        let leading = self.mantissa.leading_zeros();
        let normal = self.mantissa << leading;
        let exponent = self.exponent - i64::from(leading);
        let target = (exponent + i64::from(128 - precision)).max(min_exponent);
        // At least 128 - precision bits go.
        let drop = target - exponent;
        if drop > 128 {
            return (0, min_exponent, true);
        }
        let drop = drop as u32;
        let kept = normal.checked_shr(drop).unwrap_or(0);
        let rest = normal << (128 - drop);
        const HALF: u128 = 1 << 127;
        let up = rest > HALF || (rest == HALF && (self.sticky || kept & 1 == 1));
        let lost = rest != 0 || self.sticky;
        let rounded = kept + u128::from(up);
        if rounded >> precision != 0 {
            return ((rounded >> 1) as u64, target + 1, lost);
        }
        (rounded as u64, target, lost)
    }
}

/// What follows `0x` if the text is a C hex float; the sign and the prefix are already gone.
pub(super) fn hex_digits(text: &[u8]) -> Option<&[u8]> {
    match text {
        [b'0', b'x' | b'X', rest @ ..] => Some(rest),
        _ => None,
    }
}

/// Reads `h.hhh[p[+-]d]`, the whole of it, at least one digit.
pub(super) fn parse_hex(text: &[u8]) -> Option<Wide> {
    let end = text.iter().position(|byte| matches!(byte, b'p' | b'P')).unwrap_or(text.len());
    let mut wide = Wide { mantissa: 0, exponent: 0, sticky: false };
    let (mut digits, mut point) = (0usize, false);
    for &byte in &text[..end] {
        if byte == b'.' && !point {
            point = true;
            continue;
        }
        let digit = char::from(byte).to_digit(16)?;
        digits += 1;
        if wide.mantissa >> 124 == 0 {
            wide.mantissa = wide.mantissa << 4 | u128::from(digit);
            wide.exponent -= if point { 4 } else { 0 };
        } else {
            wide.sticky |= digit != 0;
            wide.exponent += if point { 0 } else { 4 };
        }
    }
    if digits == 0 {
        return None;
    }
    if end < text.len() {
        wide.exponent += parse_exponent(&text[end + 1..])?;
    }
    Some(wide)
}

/// Reads a signed decimal exponent, the whole text; beyond any float's range it saturates.
pub(super) fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0i64;
    for &byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = (value * 10 + i64::from(byte - b'0')).min(1 << 40);
    }
    Some(if negative { -value } else { value })
}

/// Splits off a leading sign; true is negative.
pub(super) fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}
