//! The 80-bit extended float in which Redis computes INCRBYFLOAT and HINCRBYFLOAT.
//!
//! Clients see sums such as `3.0 + 1.1 = 4.1` because Redis adds in x87 `long double` and prints 17
//! decimals; in a 64-bit double the text would be `4.0999999999999996`. So the format is reproduced here
//! in integers: a 64-bit mantissa with no hidden bit, exponents from -16445 (subnormals) to 16320 of the
//! last bit, round to nearest even. Parsing and printing are exact: short numbers take a path in `u128`,
//! others one in big integers.

use std::ops::Add;

use super::big::Big;
use super::binary::{Wide, hex_digits, parse_exponent, parse_hex, split_sign};

/// An x87 extended-precision number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LongDouble {
    negative: bool,
    magnitude: Magnitude,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Magnitude {
    /// `mantissa * 2^exponent`; the top bit of the mantissa is set unless the exponent is the least.
    Finite {
        mantissa: u64,
        exponent: i32,
    },
    Infinite,
    NotANumber,
}

/// Exponent of the last mantissa bit: of subnormals and zero, and of the largest numbers.
const LEAST_EXPONENT: i32 = -16445;
const GREATEST_EXPONENT: i32 = 16320;

/// Redis copies the text into a buffer of this size, with a NUL at its end.
const TEXT_LIMIT: usize = 5 * 1024;

/// Numbers from `10^LEAST_DECIMAL` are not rounded to zero; those from `10^GREATEST_DECIMAL` are infinite.
const LEAST_DECIMAL: i64 = -4951;
const GREATEST_DECIMAL: i64 = 4933;

/// `5^27` is the last power of five within 63 bits.
const POWERS_OF_FIVE: usize = 28;

static POWER_OF_FIVE: [u64; POWERS_OF_FIVE] = {
    let mut powers = [1; POWERS_OF_FIVE];
    let mut index = 1;
    while index < POWERS_OF_FIVE {
        powers[index] = powers[index - 1] * 5;
        index += 1;
    }
    powers
};

impl LongDouble {
    /// Reads a number as C's `strtold` does, all of it: decimal, hex, or `inf`/`infinity` in any case.
    ///
    /// Refused are spaces, NaN, texts of 5 KB or more, and numbers that would become infinite or zero.
    pub fn parse(text: &[u8]) -> Option<LongDouble> {
        if text.len() >= TEXT_LIMIT {
            return None;
        }
        let (negative, body) = split_sign(text);
        if body.eq_ignore_ascii_case(b"inf") || body.eq_ignore_ascii_case(b"infinity") {
            return Some(LongDouble { negative, magnitude: Magnitude::Infinite });
        }
        let (wide, zero) = match hex_digits(body) {
            Some(hex) => {
                let wide = parse_hex(hex)?;
                (wide, wide.mantissa == 0)
            }
            None => {
                let decimal = Decimal::scan(body)?;
                (decimal.to_wide()?, decimal.significant.is_empty())
            }
        };
        let number = LongDouble::from_wide(negative, wide);
        (number.is_finite() && number.is_zero() == zero).then_some(number)
    }

    /// Neither infinite nor NaN.
    pub fn is_finite(self) -> bool {
        matches!(self.magnitude, Magnitude::Finite { .. })
    }

    fn is_zero(self) -> bool {
        matches!(self.magnitude, Magnitude::Finite { mantissa: 0, .. })
    }

    /// Appends Redis's "human" text: 17 decimals, rounded, without trailing zeros; never an exponent.
    ///
    /// At most 4952 bytes. Zero has no sign.
    pub fn write_human(self, out: &mut Vec<u8>) {
        let (mantissa, exponent) = match self.magnitude {
            Magnitude::Finite { mantissa, exponent } => (mantissa, exponent),
            Magnitude::Infinite => {
                return out.extend_from_slice(if self.negative { b"-inf" } else { b"inf" });
            }
            Magnitude::NotANumber => return out.extend_from_slice(b"nan"),
        };
        if exponent >= 0 {
            if self.negative {
                out.push(b'-');
            }
            return write_integer(mantissa, exponent.unsigned_abs(), out);
        }
        let (whole, decimals) = split_decimals(mantissa, exponent.unsigned_abs());
        if self.negative && (whole, decimals) != (0, 0) {
            out.push(b'-');
        }
        let mut buffer = itoa::Buffer::new();
        out.extend_from_slice(buffer.format(whole).as_bytes());
        if decimals != 0 {
            let digits = buffer.format(decimals).as_bytes();
            out.push(b'.');
            out.resize(out.len() + 17 - digits.len(), b'0');
            let last = digits.iter().rposition(|&digit| digit != b'0').map_or(0, |last| last + 1);
            out.extend_from_slice(&digits[..last]);
        }
    }

    /// The text of [`write_human`](Self::write_human).
    pub fn to_human_text(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(40);
        self.write_human(&mut out);
        out
    }

    fn from_wide(negative: bool, wide: Wide) -> LongDouble {
        let (mantissa, exponent, _) = wide.round(64, i64::from(LEAST_EXPONENT));
        let magnitude = match i32::try_from(exponent) {
            Ok(exponent) if exponent <= GREATEST_EXPONENT => Magnitude::Finite { mantissa, exponent },
            _ => Magnitude::Infinite,
        };
        LongDouble { negative, magnitude }
    }
}

impl Add for LongDouble {
    type Output = LongDouble;

    /// The sum, rounded to nearest even; infinities of opposite signs give NaN.
    fn add(self, other: LongDouble) -> LongDouble {
        match (self.magnitude, other.magnitude) {
            (Magnitude::Finite { exponent: own, .. }, Magnitude::Finite { exponent: others, .. }) => {
                if own >= others { add_finite(self, other) } else { add_finite(other, self) }
            }
            (Magnitude::NotANumber, _) | (Magnitude::Infinite, Magnitude::Finite { .. }) => self,
            (Magnitude::Infinite, Magnitude::Infinite) if self.negative != other.negative => {
                LongDouble { negative: false, magnitude: Magnitude::NotANumber }
            }
            _ => other,
        }
    }
}

impl From<i64> for LongDouble {
    fn from(value: i64) -> LongDouble {
        let mantissa = u128::from(value.unsigned_abs());
        LongDouble::from_wide(value < 0, Wide { mantissa, exponent: 0, sticky: false })
    }
}

impl From<f64> for LongDouble {
    fn from(value: f64) -> LongDouble {
        let negative = value.is_sign_negative();
        if !value.is_finite() {
            let magnitude = if value.is_nan() { Magnitude::NotANumber } else { Magnitude::Infinite };
            return LongDouble { negative, magnitude };
        }
        let bits = value.to_bits();
        let (fraction, biased) = (bits & ((1 << 52) - 1), (bits >> 52 & 0x7ff) as i64);
        let (mantissa, exponent) =
            if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) };
        LongDouble::from_wide(negative, Wide { mantissa: mantissa.into(), exponent, sticky: false })
    }
}

/// Adds finite numbers; the exponent of `high` is not below that of `low`.
fn add_finite(high: LongDouble, low: LongDouble) -> LongDouble {
    let (
        Magnitude::Finite { mantissa: upper, exponent },
        Magnitude::Finite { mantissa: lower, exponent: low_exponent },
    ) = (high.magnitude, low.magnitude)
    else {
        unreachable!("both are finite");
    };
    // 62 bits below the last one: a subtraction loses at most one unless it is exact.
    const BELOW: u32 = 62;
    let upper = u128::from(upper) << BELOW;
    let lower = u128::from(lower) << BELOW;
    let distance = exponent.abs_diff(low_exponent);
    let (shifted, sticky) = if distance < 128 {
        (lower >> distance, lower & ((1 << distance) - 1) != 0)
    } else {
        (0, lower != 0)
    };
    let (negative, mantissa) = if high.negative == low.negative {
        (high.negative, upper + shifted)
    } else if upper > shifted {
        (high.negative, upper - shifted - u128::from(sticky))
    } else {
        // Equal exponents, so nothing was shifted out. A zero sum is positive.
        (low.negative && shifted != upper, shifted - upper)
    };
    LongDouble::from_wide(
        negative,
        Wide { mantissa, exponent: i64::from(exponent) - i64::from(BELOW), sticky },
    )
}

/// Appends `mantissa * 2^shift`.
fn write_integer(mantissa: u64, shift: u32, out: &mut Vec<u8>) {
    if shift <= 64 {
        let value = u128::from(mantissa) << shift;
        return out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }
    let mut value = Big::from_u64(mantissa);
    value.shift_left(shift as usize);
    value.write_decimal(out);
}

/// `mantissa / 2^shift` as a whole part and 17 decimals, ties to even; `shift` is not 0.
fn split_decimals(mantissa: u64, shift: u32) -> (u64, u64) {
    const SCALE: u64 = 10u64.pow(17);
    let whole = mantissa.checked_shr(shift).unwrap_or(0);
    let part = mantissa - whole.checked_shl(shift).unwrap_or(0);
    if shift > 127 {
        // Below 10^-18.
        return (whole, 0);
    }
    // Less than 2^121.
    let scaled = u128::from(part) * u128::from(SCALE);
    let (decimals, rest, half) = (scaled >> shift, scaled & ((1 << shift) - 1), 1 << (shift - 1));
    let up = rest > half || (rest == half && decimals & 1 == 1);
    match decimals as u64 + u64::from(up) {
        SCALE => (whole + 1, 0),
        decimals => (whole, decimals),
    }
}

/// A decimal number as it stands in its text.
struct Decimal<'a> {
    /// From the first digit that is not 0 to the last digit, possibly with a point; empty for zero.
    significant: &'a [u8],
    /// Digits in `significant`.
    digits: usize,
    /// Power of ten of the last digit.
    exponent: i64,
}

impl Decimal<'_> {
    /// Splits `ddd.ddd[e[+-]ddd]`, the whole text.
    fn scan(text: &[u8]) -> Option<Decimal<'_>> {
        let end = text.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(text.len());
        let mut exponent = if end < text.len() { parse_exponent(&text[end + 1..])? } else { 0 };
        let number = &text[..end];
        let point = number.iter().position(|&byte| byte == b'.');
        let (whole, part) = match point {
            Some(point) => (&number[..point], &number[point + 1..]),
            None => (number, &number[end..]),
        };
        if whole.len() + part.len() == 0 || !whole.iter().chain(part).all(u8::is_ascii_digit) {
            return None;
        }
        exponent -= part.len() as i64;
        let first = number.iter().position(|byte| matches!(byte, b'1'..=b'9')).unwrap_or(end);
        let significant = &number[first..];
        let has_point = point.is_some_and(|point| point > first);
        Some(Decimal { significant, digits: significant.len() - usize::from(has_point), exponent })
    }

    /// The value to at least 65 bits; `None` if it is certainly too large, or so small that it is zero.
    fn to_wide(&self) -> Option<Wide> {
        let zero = Wide { mantissa: 0, exponent: 0, sticky: false };
        if self.digits == 0 {
            return Some(zero);
        }
        // The number is at least 10^(top - 1) and less than 10^top.
        let top = self.digits as i64 + self.exponent;
        if top > GREATEST_DECIMAL || top <= LEAST_DECIMAL {
            return None;
        }
        let power = self.exponent.unsigned_abs() as usize;
        if self.digits <= 19 && power < POWERS_OF_FIVE {
            return Some(self.small_to_wide(POWER_OF_FIVE[power]));
        }
        let mut value = Big::from_decimal(self.significant);
        if self.exponent >= 0 {
            value.multiply_power_of_five(power as u32);
            return Some(value.to_wide(self.exponent));
        }
        let mut divisor = Big::from_u64(1);
        divisor.multiply_power_of_five(power as u32);
        Some(value.divide_to_wide(divisor, self.exponent))
    }

    /// For up to 19 digits, times or divided by a power of five below 2^63.
    fn small_to_wide(&self, power_of_five: u64) -> Wide {
        let digits = self.significant.iter().filter(|&&byte| byte != b'.');
        let value = digits.fold(0u64, |value, digit| value * 10 + u64::from(digit - b'0'));
        let (value, power_of_five) = (u128::from(value), u128::from(power_of_five));
        if self.exponent >= 0 {
            return Wide { mantissa: value * power_of_five, exponent: self.exponent, sticky: false };
        }
        // With the top bit set, the quotient has 65 bits or more.
        let shift = value.leading_zeros();
        let numerator = value << shift;
        Wide {
            mantissa: numerator / power_of_five,
            exponent: self.exponent - i64::from(shift),
            sticky: numerator % power_of_five != 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> LongDouble {
        LongDouble::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text} is a number"))
    }

    fn human(number: LongDouble) -> String {
        String::from_utf8(number.to_human_text()).unwrap()
    }

    fn sum(a: &str, b: &str) -> String {
        human(parse(a) + parse(b))
    }

    #[test]
    fn adds_as_an_x87_does() {
        for (a, b, expected) in [
            ("3.0", "1.1", "4.1"),
            ("0.1", "0.2", "0.3"),
            ("5.0e3", "2.0e2", "5200"),
            ("1", "-1", "0"),
            ("-0", "-0", "0"),
            ("1e-30", "-2e-30", "0"),
            ("18446744073709551615", "1", "18446744073709551616"),
            ("18446744073709551615", "0.5", "18446744073709551616"),
            ("18446744073709551614", "0.5", "18446744073709551614"),
            ("9223372036854775807", "0.5", "9223372036854775807.5"),
            ("0x1p64", "-0x1p-100", "18446744073709551616"),
            ("0x1p64", "-0.75", "18446744073709551615"),
            ("1e4932", "inf", "inf"),
            ("inf", "-inf", "nan"),
            ("-1.1e4932", "-1.1e4932", "-inf"),
        ] {
            assert_eq!(sum(a, b), expected, "{a} + {b}");
            assert_eq!(sum(b, a), expected, "{b} + {a}");
        }
    }

    #[test]
    fn prints_exactly_without_exponent() {
        assert_eq!(human(parse("1e30")), "1000000000000000000024696061952");
        assert_eq!(human(parse("0.000000000000000006")), "0.00000000000000001");
        assert_eq!(human(parse("-0x1p-18")), "-0.00000381469726562");
        assert_eq!(human(parse("0.99999999999999999999")), "1");
        assert_eq!(human(LongDouble::from(i64::MIN)), i64::MIN.to_string());
        assert_eq!(human(LongDouble::from(0.1)), "0.10000000000000001");
        assert_eq!(human(LongDouble::from(5e-324)), "0");
        let most = human(parse("1.18973149535723176502e+4932"));
        assert_eq!((most.len(), &most[..20]), (4933, "11897314953572317650"));
    }

    #[test]
    fn refuses_what_redis_refuses() {
        for bad in [
            "",
            "-",
            " 1",
            "1 ",
            "nan",
            "e5",
            ".",
            "1e",
            "0x",
            "0x1p",
            "1e4933",
            "-0x1p16384",
            "1e-4952",
            "0x1p-16447",
            "1.8225997659412373e-4951",
            "1.18973149535723176506e+4932",
            "infinit",
        ] {
            assert_eq!(LongDouble::parse(bad.as_bytes()), None, "{bad}");
        }
        assert!(LongDouble::parse(&[b'0'; TEXT_LIMIT - 1]).is_some());
        assert!(LongDouble::parse(&[b'0'; TEXT_LIMIT]).is_none());
    }

    #[test]
    fn reaches_both_ends() {
        let least = parse("1.8225997659412374e-4951");
        assert_eq!(least.magnitude, Magnitude::Finite { mantissa: 1, exponent: LEAST_EXPONENT });
        assert_eq!(parse("0x1p-16445"), least);
        let greatest = Magnitude::Finite { mantissa: u64::MAX, exponent: GREATEST_EXPONENT };
        assert_eq!(parse("0x1.fffffffffffffffep16383").magnitude, greatest);
        assert_eq!(parse("1.18973149535723176505e+4932").magnitude, greatest);
        assert_eq!(parse("inf").magnitude, Magnitude::Infinite);
    }

    proptest! {
        /// The same number through the short path, the multiplying and the dividing long paths.
        #[test]
        fn all_paths_of_the_parser_agree(value: u32, power in 0usize..20) {
            let plain = parse(&format!("{value}e{power}"));
            let zeros = "0".repeat(40);
            prop_assert_eq!(parse(&format!("{value}{zeros}e{}", power as i32 - 40)), plain);
            prop_assert_eq!(parse(&format!("{value}.{zeros}e{power}")), plain);
            prop_assert_eq!(parse(&format!("0.{zeros}{value}e{}", power + 50 - (10 - digits(value)))), plain);
        }

        #[test]
        fn sums_of_integers_are_exact(a: i64, b: i64) {
            let exact = i128::from(a) + i128::from(b);
            prop_assert_eq!(human(LongDouble::from(a) + LongDouble::from(b)), exact.to_string());
        }

        #[test]
        fn sums_of_doubles_round_to_the_same_double(a in -1e9f64..1e9, b in -1e9f64..1e9) {
            // Both ends have 30 bits before the point, so the 64-bit sum is a rounding of more than 80 bits.
            let text = human(LongDouble::from(a) + LongDouble::from(b));
            let value: f64 = text.parse().unwrap();
            prop_assert!((value - (a + b)).abs() <= (a + b).abs() * 1e-15 + 1e-17, "{} {}", text, a + b);
        }
    }

    fn digits(value: u32) -> usize {
        value.to_string().len()
    }
}
