//! Numbers as C converts them and as its `%.14g` prints them.

/// An integer, without the fraction: what has no place in 64 bits is the least of them.
pub fn truncated(value: f64) -> i64 {
    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value);
    if fits { value as i64 } else { i64::MIN }
}

/// Appends a number with at most `precision` significant digits; not for NaN and infinities.
pub fn general(value: f64, precision: usize, out: &mut Vec<u8>) {
    if value == value.trunc() && value.abs() < 1e14 && precision == 14 {
        if value == 0.0 && value.is_sign_negative() {
            out.push(b'-');
        }
        out.extend_from_slice(itoa::Buffer::new().format(value as i64).as_bytes());
        return;
    }
    let scientific = format!("{value:.*e}", precision - 1);
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if exponent < -4 || exponent >= precision as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        let text = format!("{}e{sign}{:02}", without_zeros(mantissa), exponent.abs());
        out.extend_from_slice(text.as_bytes());
    } else {
        let decimals = (precision as i32 - 1 - exponent).max(0) as usize;
        out.extend_from_slice(without_zeros(&format!("{value:.decimals$}")).as_bytes());
    }
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::general;

    #[test]
    fn as_c_prints() {
        let cases = [
            (0.1, "0.1"),
            (1.0, "1"),
            (-0.0, "-0"),
            (1e14, "1e+14"),
            (123_456_789_012_345.0, "1.2345678901234e+14"),
            (1.5e300, "1.5e+300"),
            (1e-5, "1e-05"),
            (0.0001, "0.0001"),
            (2.123_456_789_012_345_6, "2.1234567890123"),
            (99_999_999_999_999.9, "1e+14"),
            (-2.5, "-2.5"),
        ];
        for (value, expected) in cases {
            let mut out = Vec::new();
            general(value, 14, &mut out);
            assert_eq!(String::from_utf8(out).expect("digits"), expected);
        }
    }
}
