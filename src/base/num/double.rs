//! Doubles as text: what Redis accepts as a float and how it prints scores and other doubles.

use super::binary::{Wide, hex_digits, parse_hex, split_sign};
use super::grisu;
use super::parse_i64;
use crate::base::c_text::{is_space, until_nul};

/// Reads a double as Redis reads increments, scores and other float arguments.
///
/// The whole text must be a number by C's `strtod`: decimal, hex (`0x1.8p3`), or `inf`/`infinity` in any
/// case, each with an optional sign. Refused are spaces, NaN, and numbers so large or small that they
/// would become infinite or zero.
#[inline]
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let number = strtod(text)?;
    let refused = number.out_of_range && (number.value == 0.0 || number.value.is_infinite());
    (!refused).then_some(number.value)
}

/// A double read by [`parse_f64_lenient`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LenientDouble {
    /// The number, infinite or zero if it was too large or too small.
    pub value: f64,
    /// C's ERANGE: the number overflowed, or underflowed and lost precision.
    pub out_of_range: bool,
}

/// Reads a double where Redis calls `strtod` and only checks that it stopped at the end of a C string
/// (score ranges, the weights of SORT): leading white space is skipped, the empty text is 0, a NUL ends
/// the text, overflow gives an infinity. NaN is refused.
pub fn parse_f64_lenient(text: &[u8]) -> Option<LenientDouble> {
    let text = until_nul(text);
    if text.is_empty() {
        return Some(LenientDouble { value: 0.0, out_of_range: false });
    }
    let start = text.iter().position(|&byte| !is_space(byte))?;
    strtod(&text[start..])
}

/// The whole of `text` by the grammar of `strtod`, without leading white space; `None` for NaN too.
fn strtod(text: &[u8]) -> Option<LenientDouble> {
    if text.len() <= 15 {
        // Fewer than 53 bits, so the conversion is exact.
        let small = digits(text).or_else(|| parse_i64(text));
        if let Some(small) = small {
            return Some(LenientDouble { value: small as f64, out_of_range: false });
        }
    }
    let (negative, magnitude) = split_sign(text);
    if let Some(hex) = hex_digits(magnitude) {
        return Some(from_wide(negative, parse_hex(hex)?));
    }
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    if value.is_nan() {
        return None;
    }
    let out_of_range = match value.classify() {
        std::num::FpCategory::Normal => false,
        // Decimals that are exact subnormals have hundreds of digits: taken as rounded.
        std::num::FpCategory::Subnormal => true,
        std::num::FpCategory::Infinite => magnitude.iter().any(u8::is_ascii_digit),
        _ => magnitude
            .iter()
            .take_while(|byte| !matches!(byte, b'e' | b'E'))
            .any(|byte| matches!(byte, b'1'..=b'9')),
    };
    Some(LenientDouble { value, out_of_range })
}

/// The number of up to 15 digits, of which the first may be zeros.
#[inline]
fn digits(text: &[u8]) -> Option<i64> {
    let digit = |number, byte: &u8| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'));
    if text.is_empty() { None } else { text.iter().try_fold(0, digit) }
}

fn from_wide(negative: bool, wide: Wide) -> LenientDouble {
    const HIDDEN: u64 = 1 << 52;
    let (mantissa, exponent, lost) = wide.round(53, -1074);
    let (bits, out_of_range) = if mantissa < HIDDEN {
        (mantissa, lost)
    } else if exponent > 971 {
        (f64::INFINITY.to_bits(), true)
    } else {
        // A normal number: -1074 has the biased exponent 1.
        (((exponent + 1075) as u64) << 52 | (mantissa & (HIDDEN - 1)), false)
    };
    let value = f64::from_bits(bits);
    LenientDouble { value: if negative { -value } else { value }, out_of_range }
}

/// The integer a double is equal to, if it is one within half the range of `i64`.
///
/// Such doubles Redis prints as integers.
#[inline]
pub fn exact_i64(value: f64) -> Option<i64> {
    const LIMIT: f64 = (1u64 << 62) as f64;
    if !(-LIMIT..=LIMIT).contains(&value) {
        return None;
    }
    let integer = value as i64;
    (integer as f64 == value).then_some(integer)
}

/// The text Redis gives for a double in replies, at most 25 bytes, without allocation.
///
/// Integers within half the range of `i64` have no exponent; others are the digits of Grisu2, with an
/// exponent if the number is very small, or has eight zeros or more after its digits. `inf`, `-inf`,
/// `nan`, `-0`.
#[derive(Clone, Copy)]
pub struct DoubleText {
    bytes: [u8; 32],
    len: usize,
}

impl DoubleText {
    /// Formats `value`.
    pub fn new(value: f64) -> Self {
        let mut text = DoubleText { bytes: [0; 32], len: 0 };
        if value.is_nan() {
            text.push(b"nan");
        } else if value == 0.0 {
            text.push(if value.is_sign_negative() { b"-0" } else { b"0" });
        } else if let Some(integer) = exact_i64(value) {
            text.push(itoa::Buffer::new().format(integer).as_bytes());
        } else {
            text.push_inexact(value);
        }
        text
    }

    /// The text without the exception for integers: `1e+10` instead of `10000000000`. Digests are of it.
    pub fn shortest(value: f64) -> Self {
        if value.is_nan() || value == 0.0 {
            return DoubleText::new(value);
        }
        let mut text = DoubleText { bytes: [0; 32], len: 0 };
        text.push_inexact(value);
        text
    }

    /// The text.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Anything but NaN and zeros.
    fn push_inexact(&mut self, value: f64) {
        if value < 0.0 {
            self.push(b"-");
        }
        if value.is_infinite() {
            self.push(b"inf");
        } else {
            self.push_digits(&grisu::digits(value.abs()));
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn push_digits(&mut self, found: &grisu::Digits) {
        const ZEROS: &[u8] = b"00000000";
        let (digits, last) = (found.as_bytes(), found.exponent);
        let first = last + digits.len() as i32 - 1;
        if (0..8).contains(&last) {
            self.push(digits);
            self.push(&ZEROS[..last as usize]);
        } else if last < 0 && (last > -7 || first.abs() < 4) {
            if first < 0 {
                self.push(b"0.");
                self.push(&ZEROS[..(-first - 1) as usize]);
                self.push(digits);
            } else {
                let (whole, part) = digits.split_at(first as usize + 1);
                self.push(whole);
                self.push(b".");
                self.push(part);
            }
        } else {
            self.push(&digits[..1]);
            if digits.len() > 1 {
                self.push(b".");
                self.push(&digits[1..]);
            }
            self.push(if first < 0 { b"e-" } else { b"e+" });
            self.push(itoa::Buffer::new().format(first.unsigned_abs()).as_bytes());
        }
    }
}

/// Appends the text Redis gives for a double in replies; see [`DoubleText`].
#[inline]
pub fn format_f64(value: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(DoubleText::new(value).as_bytes());
}

/// Appends a double as C's `%.17g` prints it; ZSCAN gives the scores of large sorted sets so.
pub fn format_f64_17g(value: f64, out: &mut Vec<u8>) {
    if value == 0.0 || !value.is_finite() {
        return format_f64(value, out);
    }
    // `d.ddddddddddddddddde-x`, correctly rounded.
    let text = format!("{value:.16e}");
    let (mantissa, exponent) = text.split_once('e').expect("{:e} always prints an exponent");
    let exponent: i32 = exponent.parse().expect("{:e} prints a decimal exponent");
    let mantissa = match mantissa.strip_prefix('-') {
        Some(rest) => {
            out.push(b'-');
            rest
        }
        None => mantissa,
    };
    let digits: Vec<u8> = mantissa.bytes().filter(|&byte| byte != b'.').collect();
    let significant = digits.iter().rposition(|&digit| digit != b'0').map_or(1, |last| last + 1);
    if (-4..17).contains(&exponent) {
        let whole = usize::try_from(exponent + 1).unwrap_or(0);
        if whole == 0 {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + (-exponent - 1) as usize, b'0');
            out.extend_from_slice(&digits[..significant]);
        } else {
            out.extend_from_slice(&digits[..whole]);
            if significant > whole {
                out.push(b'.');
                out.extend_from_slice(&digits[whole..significant]);
            }
        }
    } else {
        out.push(digits[0]);
        if significant > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..significant]);
        }
        out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
        let magnitude = exponent.unsigned_abs();
        if magnitude < 10 {
            out.push(b'0');
        }
        out.extend_from_slice(itoa::Buffer::new().format(magnitude).as_bytes());
    }
}

/// Appends `value` with exactly `decimals` (1 to 17) digits after the point, as Redis prints distances.
///
/// The double is scaled by the power of ten and then rounded, so the last digit may differ from C's
/// `%.*f`. If the scaled value is NaN or beyond `i64` the text is that of the least `i64`, as on x86-64.
pub fn format_fixed(value: f64, decimals: u32, out: &mut Vec<u8>) {
    debug_assert!((1..=17).contains(&decimals));
    const LIMIT: f64 = (1u64 << 63) as f64;
    let power = 10u64.pow(decimals);
    let scaled = (value * power as f64).round_ties_even();
    let scaled = if scaled < LIMIT { scaled as i64 } else { i64::MIN };
    if scaled < 0 {
        out.push(b'-');
    }
    let magnitude = scaled.unsigned_abs();
    out.extend_from_slice(itoa::Buffer::new().format(magnitude / power).as_bytes());
    out.push(b'.');
    let mut buffer = itoa::Buffer::new();
    let part = buffer.format(magnitude % power).as_bytes();
    out.resize(out.len() + decimals as usize - part.len(), b'0');
    out.extend_from_slice(part);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(value: f64) -> String {
        String::from_utf8(DoubleText::new(value).as_bytes().to_vec()).unwrap()
    }

    fn written(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn reads_what_strtod_reads() {
        for (input, value) in [
            ("0", 0.0),
            ("-0", -0.0),
            ("3.", 3.0),
            (".5", 0.5),
            ("+1e3", 1000.0),
            ("1E-2", 0.01),
            ("0x10", 16.0),
            ("0x.8p1", 1.0),
            ("-0X1.8P+1", -3.0),
            ("0x1.00000000000008p0", 1.0),
            ("0x1.000000000000081p0", 1.000_000_000_000_000_2),
            ("0x1p-1074", 5e-324),
            ("inf", f64::INFINITY),
            ("-INFINITY", f64::NEG_INFINITY),
            ("4.9406564584124654e-324", 5e-324),
            ("0e999999999999999999999", 0.0),
        ] {
            assert_eq!(parse_f64(input.as_bytes()).map(f64::to_bits), Some(value.to_bits()), "{input}");
        }
    }

    #[test]
    fn refuses_what_redis_refuses() {
        let malformed = "| 1|1 |nan|-nan|1e|1e+|.|0x|0x.|0xp1|1.5.2|1_0|--1|infi|1\0";
        let out_of_range = "1e400|-1e400|1e-400|0x1p1024|0x1p-1076";
        for bad in malformed.split('|').chain(out_of_range.split('|')) {
            assert_eq!(parse_f64(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn lenient_reading_skips_space_and_keeps_infinities() {
        let value = |text: &[u8]| parse_f64_lenient(text).map(|number| (number.value, number.out_of_range));
        assert_eq!(value(b""), Some((0.0, false)));
        assert_eq!(value(b"\0junk"), Some((0.0, false)));
        assert_eq!(value(b" \t\n5\0junk"), Some((5.0, false)));
        assert_eq!(value(b"1e400"), Some((f64::INFINITY, true)));
        assert_eq!(value(b"inf"), Some((f64::INFINITY, false)));
        assert_eq!(value(b"1e-320"), Some((1e-320, true)));
        for bad in [&b" "[..], b" \0", b"5 ", b"nan", b"x"] {
            assert_eq!(value(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn prints_replies_as_redis_does() {
        for (value, expected) in [
            (3.0, "3"),
            (-0.0, "-0"),
            (0.1, "0.1"),
            (1.5e-5, "0.000015"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (1.234_567_890_123_456_7e-3, "0.0012345678901234567"),
            (163_415_631_601_971.88, "163415631601971.87"),
            (6.751_12e21, "6751119999999999000000"),
            (1.234_567_890_123_456_7e-4, "1.2345678901234567e-4"),
            (1e18, "1000000000000000000"),
            (4_611_686_018_427_387_904.0, "4611686018427387904"),
            (4_611_686_018_427_388_928.0, "4611686018427389000"),
            (1e20, "1e+20"),
            (-1.5e300, "-1.5e+300"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(text(value), expected);
        }
    }

    #[test]
    fn prints_seventeen_significant_digits_as_c_does() {
        for (value, expected) in [
            (0.1, "0.10000000000000001"),
            (1e17, "1e+17"),
            (123_456_789.125, "123456789.125"),
            (2f64.powi(-25), "2.9802322387695312e-08"),
            (1e-5, "1.0000000000000001e-05"),
            (-100.0, "-100"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(written(|out| format_f64_17g(value, out)), expected);
        }
    }

    #[test]
    fn prints_fixed_decimals() {
        for (value, decimals, expected) in [
            (0.0, 4, "0.0000"),
            (6.064_295_159_839_17e-5, 4, "0.0001"),
            (-0.01, 4, "-0.0100"),
            (-0.000_01, 4, "0.0000"),
            (166_274.151_6, 4, "166274.1516"),
            (0.01, 17, "0.01000000000000000"),
            (f64::NAN, 4, "-922337203685477.5808"),
        ] {
            assert_eq!(written(|out| format_fixed(value, decimals, out)), expected);
        }
    }

    proptest! {
        #[test]
        fn every_double_reads_back(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(!value.is_nan());
            prop_assert_eq!(text(value).parse::<f64>().unwrap().to_bits(), bits);
            let digits = written(|out| format_f64_17g(value, out));
            prop_assert_eq!(digits.parse::<f64>().unwrap().to_bits(), bits);
        }

        #[test]
        fn hex_reads_back(mantissa in 0u64..1 << 53, exponent in -1100i32..1000) {
            let value = mantissa as f64 * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2);
            prop_assume!(value.is_normal());
            prop_assert_eq!(parse_f64(format!("0x{mantissa:x}p{exponent}").as_bytes()), Some(value));
        }
    }
}
