//! From the words of a line or of CONFIG SET to a value, with Redis's reasons for refusing.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::base::c_text::until_nul;
use crate::base::num::{parse_f64, parse_i64};

use super::choices::{Names, ShutdownFlags, code_of};
use super::directive::Kind;
use super::errors::{ValueError, os_text};
use super::value::{EventClasses, OutputLimit, Primary, SavePoint, Value};

/// Addresses one directive may list.
const ADDRESSES_MAX: usize = 16;

/// What parsing needs to know beside the words.
pub(super) struct Context<'a> {
    /// The value so far: limits of classes that the words don't name stay.
    pub current: &'a Value,
    /// Absolute; relative paths start here.
    pub dir: &'a Path,
}

impl Kind {
    /// The value a fresh server has. `cwd` is absolute.
    pub(super) fn default(&self, cwd: &Path) -> Value {
        match *self {
            Kind::YesNo(default) => Value::YesNo(default),
            Kind::Integer { default, .. } => Value::Integer(default),
            Kind::Size { default, .. } => Value::Size(default),
            Kind::Octal { default, .. } | Kind::Choice { default, .. } => Value::Code(default),
            Kind::ShutdownFlags => Value::Code(0),
            Kind::Text { default, .. } => Value::Text(default.as_bytes().into()),
            Kind::Save(points) => {
                Value::Save(points.iter().map(|&(seconds, changes)| SavePoint { seconds, changes }).collect())
            }
            Kind::OutputLimits(limits) => Value::OutputLimits(limits),
            Kind::Addresses(addresses) => {
                Value::Addresses(addresses.iter().map(|&address| address.to_owned()).collect())
            }
            Kind::OomScores(scores) => Value::OomScores(scores),
            Kind::Percentiles(percentiles) => Value::Percentiles(percentiles.to_vec()),
            Kind::Events => Value::Events(EventClasses::default()),
            Kind::Primary => Value::Primary(None),
            Kind::Dir => Value::Dir(cwd.to_owned()),
        }
    }

    /// Reads the words of a value. Nothing is changed by it, outside or in.
    pub(super) fn parse(&self, words: &[&[u8]], context: &Context) -> Result<Value, ValueError> {
        let one = || match *words {
            [word] => Ok(word),
            _ => Err(ValueError::WordCount),
        };
        match *self {
            Kind::YesNo(_) => parse_yes_no(one()?),
            Kind::Integer { min, max, clamp, .. } => parse_integer(one()?, (min, max), clamp),
            Kind::Size { min, max, floor, percent, .. } => {
                parse_bounded_size(one()?, (min, max), floor, percent)
            }
            Kind::Octal { max, .. } => parse_octal(one()?, max),
            Kind::Choice { names, .. } => {
                code_of(names, one()?).map(Value::Code).ok_or(ValueError::NotOneOf(names))
            }
            Kind::Text { check, .. } => {
                let word = one()?;
                check(word)?;
                Ok(Value::Text(word.into()))
            }
            Kind::Events => EventClasses::parse(one()?).map(Value::Events).ok_or(ValueError::EventClass),
            Kind::Dir => parse_dir(one()?, context.dir),
            Kind::ShutdownFlags => parse_shutdown_flags(words),
            Kind::Save(_) => parse_save(words),
            Kind::OutputLimits(_) => parse_output_limits(words, context.current),
            Kind::Addresses(_) => parse_addresses(words),
            Kind::OomScores(_) => parse_oom_scores(words),
            Kind::Percentiles(_) => parse_percentiles(words),
            Kind::Primary => parse_primary(words),
        }
    }
}

/// More digits than these are no size.
const SIZE_DIGITS_MAX: usize = 127;

/// Bytes with an optional unit in any case: `b`, `k` `m` `g` for powers of 1000, `kb` `mb` `gb` for powers
/// of 1024. `None` with another unit or too many digits.
///
/// As Redis takes it: no digits are 0, too high a number is the highest, and with its unit it goes round.
pub fn parse_size(text: &[u8]) -> Option<u64> {
    let text = until_nul(text);
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, unit) = text.split_at(digits);
    let factor = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    let append = |number: u64, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    let number = digits.iter().fold(0, append);
    (digits.len() <= SIZE_DIGITS_MAX).then(|| number.wrapping_mul(factor))
}

fn parse_bounded_size(
    word: &[u8],
    (min, max): (u64, u64),
    floor: u64,
    percent: bool,
) -> Result<Value, ValueError> {
    let share = match parse_size(word) {
        // Redis keeps percentages as negative numbers of bytes, and takes one for the other.
        Some(bytes) if percent && bytes.cast_signed() < 0 => bytes.cast_signed().wrapping_neg(),
        Some(bytes) if bytes < min || bytes > max => {
            return Err(ValueError::Outside(i64::try_from(min).unwrap_or(i64::MAX), max));
        }
        Some(bytes) => return Ok(Value::Size(bytes.max(floor))),
        None if !percent => return Err(ValueError::NotSize),
        None => {
            let share = word.strip_suffix(b"%").and_then(parse_i64).filter(|&share| share >= 0);
            share.ok_or(ValueError::NotSizeOrPercent)?
        }
    };
    match share {
        0 => Ok(Value::Size(0)),
        share @ 1..=100 => Ok(Value::Percent(share as u32)),
        _ => Err(ValueError::PercentAbove(100)),
    }
}

fn parse_octal(word: &[u8], max: u32) -> Result<Value, ValueError> {
    let digits = std::str::from_utf8(word).map_err(|_| ValueError::NotOctal)?;
    let bits = i64::from_str_radix(digits, 8).map_err(|_| ValueError::NotOctal)?;
    match u32::try_from(bits) {
        Ok(bits) if bits <= max => Ok(Value::Code(bits)),
        _ => Err(ValueError::OutsideOctal(0, max)),
    }
}

fn parse_yes_no(word: &[u8]) -> Result<Value, ValueError> {
    if word.eq_ignore_ascii_case(b"yes") {
        Ok(Value::YesNo(true))
    } else if word.eq_ignore_ascii_case(b"no") {
        Ok(Value::YesNo(false))
    } else {
        Err(ValueError::NotYesNo)
    }
}

fn parse_integer(word: &[u8], (min, max): (i64, i64), clamp: (i64, i64)) -> Result<Value, ValueError> {
    let number = parse_i64(word).ok_or(ValueError::NotInteger)?;
    if number < min || number > max {
        return Err(ValueError::Outside(min, max.max(0).cast_unsigned()));
    }
    Ok(Value::Integer(number.clamp(clamp.0, clamp.1)))
}

fn parse_shutdown_flags(words: &[&[u8]]) -> Result<Value, ValueError> {
    const NAMES: Names = ShutdownFlags::NAMES;
    if words.is_empty() {
        return Err(ValueError::NotOneOf(NAMES));
    }
    let mut bits = 0;
    for word in words {
        bits |= code_of(NAMES, word).ok_or(ValueError::NotOneOf(NAMES))?;
    }
    let flags = ShutdownFlags::from_bits(bits);
    if flags.save && flags.nosave {
        return Err(ValueError::SaveAndNosave);
    }
    Ok(Value::Code(bits))
}

fn parse_save(words: &[&[u8]]) -> Result<Value, ValueError> {
    let words = without_single_empty(words);
    if !words.len().is_multiple_of(2) {
        return Err(ValueError::SavePoints);
    }
    let mut points = Vec::with_capacity(words.len() / 2);
    for pair in words.chunks_exact(2) {
        let seconds = lenient::<i64>(pair[0]).filter(|&seconds| seconds >= 1);
        let changes = lenient::<i32>(pair[1]).filter(|&changes| changes >= 0);
        let (Some(seconds), Some(changes)) = (seconds, changes) else {
            return Err(ValueError::SavePoints);
        };
        points
            .push(SavePoint { seconds: seconds.unsigned_abs(), changes: u64::from(changes.unsigned_abs()) });
    }
    Ok(Value::Save(points))
}

fn parse_output_limits(words: &[&[u8]], current: &Value) -> Result<Value, ValueError> {
    let Value::OutputLimits(mut limits) = *current else { return Err(ValueError::LimitWords) };
    if !words.len().is_multiple_of(4) {
        return Err(ValueError::LimitWords);
    }
    for group in words.chunks_exact(4) {
        let class = match group[0].to_ascii_lowercase().as_slice() {
            b"normal" => 0,
            b"slave" | b"replica" => 1,
            b"pubsub" => 2,
            _ => return Err(ValueError::LimitClass),
        };
        let seconds = lenient::<i64>(group[3]).filter(|&seconds| seconds >= 0);
        let (Some(hard_bytes), Some(soft_bytes), Some(seconds)) =
            (parse_size(group[1]), parse_size(group[2]), seconds)
        else {
            return Err(ValueError::LimitNumber);
        };
        limits[class] = OutputLimit { hard_bytes, soft_bytes, soft_seconds: seconds.unsigned_abs() };
    }
    Ok(Value::OutputLimits(limits))
}

fn parse_addresses(words: &[&[u8]]) -> Result<Value, ValueError> {
    if words.len() > ADDRESSES_MAX {
        return Err(ValueError::TooManyAddresses);
    }
    let mut addresses = Vec::with_capacity(words.len());
    for word in without_single_empty(words) {
        if word.is_empty() || word.starts_with(b"#") || !word.iter().all(u8::is_ascii_graphic) {
            return Err(ValueError::Address);
        }
        addresses.push(String::from_utf8_lossy(word).into_owned());
    }
    Ok(Value::Addresses(addresses))
}

fn parse_oom_scores(words: &[&[u8]]) -> Result<Value, ValueError> {
    let words: [&[u8]; 3] = words.try_into().map_err(|_| ValueError::WordCount)?;
    let mut scores = [0; 3];
    for (score, word) in scores.iter_mut().zip(words) {
        let number = lenient::<i32>(word).filter(|number| (-2000..=2000).contains(number));
        *score = number.ok_or(ValueError::OomScore)?;
    }
    Ok(Value::OomScores(scores))
}

fn parse_percentiles(words: &[&[u8]]) -> Result<Value, ValueError> {
    let mut percentiles = Vec::new();
    for word in without_single_empty(words) {
        let number = parse_f64(word).ok_or(ValueError::Percentiles)?;
        if !(0.0..=100.0).contains(&number) {
            return Err(ValueError::PercentileRange);
        }
        percentiles.push(number);
    }
    Ok(Value::Percentiles(percentiles))
}

fn parse_primary(words: &[&[u8]]) -> Result<Value, ValueError> {
    let &[host, port] = words else { return Err(ValueError::WordCount) };
    if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
        return Ok(Value::Primary(None));
    }
    let port = lenient::<u16>(port).ok_or(ValueError::PrimaryPort)?;
    Ok(Value::Primary(Some(Primary { host: String::from_utf8_lossy(host).into_owned(), port })))
}

/// An absolute path without links, as the system would tell after going there.
fn parse_dir(word: &[u8], base: &Path) -> Result<Value, ValueError> {
    let path = match word {
        b"" => PathBuf::new(),
        // The dot asks for the right to enter, not only for the directory's existence.
        _ => base.join(OsStr::from_bytes(word)).join("."),
    };
    path.canonicalize().map(Value::Dir).map_err(|error| ValueError::System(os_text(&error)))
}

/// A single empty word stands for no words.
fn without_single_empty<'a>(words: &'a [&'a [u8]]) -> &'a [&'a [u8]] {
    match words {
        [b""] => &[],
        _ => words,
    }
}

/// A number with leading zeros or `+`, as C's `strtol` takes it where the file asks for no canonical form.
fn lenient<T: FromStr>(word: &[u8]) -> Option<T> {
    std::str::from_utf8(word).ok()?.parse().ok()
}
