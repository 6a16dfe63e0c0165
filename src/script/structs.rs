//! The library `struct`: values to and from C's binary layouts.

use mlua::{Error, Lua, MultiValue, Result, Table, Value};

use super::RETURNED_MAX;
use super::arguments::Arguments;
use super::raise::fail;

/// The widest integer, in bytes.
const INTEGER_MAX: usize = 32;
/// The widest alignment that C asks for.
const ALIGN_MAX: usize = 8;

/// The table `struct`.
///
/// # Errors
/// If Lua has no memory left.
pub fn table(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    let pack_all = |lua: &Lua, mut args: MultiValue| {
        // The library has a nil behind its arguments: the first that is missing is told as that.
        args.push_back(Value::Nil);
        pack(&Arguments::new(lua, "pack", args))
    };
    table.raw_set("pack", lua.create_function(pack_all)?)?;
    table
        .raw_set("unpack", lua.create_function(|lua, args| unpack(&Arguments::new(lua, "unpack", args)))?)?;
    table.raw_set("size", lua.create_function(|lua, args| size(&Arguments::new(lua, "size", args)))?)?;
    Ok(table)
}

/// A format that is read option by option.
struct Format<'a, 'l> {
    args: &'a Arguments<'l>,
    text: Vec<u8>,
    at: usize,
    big_endian: bool,
    align: usize,
}

impl<'a, 'l> Format<'a, 'l> {
    fn new(args: &'a Arguments<'l>) -> Result<Self> {
        let text = args.string(1)?.as_bytes().to_vec();
        Ok(Format { args, text, at: 0, big_endian: cfg!(target_endian = "big"), align: 1 })
    }

    /// The next option and its size.
    fn next(&mut self) -> Result<Option<(u8, usize)>> {
        let Some(&option) = self.text.get(self.at).filter(|byte| **byte != 0) else { return Ok(None) };
        self.at += 1;
        let size = match option {
            b'B' | b'b' | b'x' => 1,
            b'H' | b'h' => 2,
            b'L' | b'l' | b'T' | b'd' => 8,
            b'f' => 4,
            b'c' => self.number(1)?,
            b'i' | b'I' => {
                let size = self.number(4)?;
                if size > INTEGER_MAX {
                    let text = format!("integral size {size} is larger than limit of {INTEGER_MAX}");
                    return Err(fail(self.args.lua, text));
                }
                size
            }
            _ => 0,
        };
        Ok(Some((option, size)))
    }

    fn number(&mut self, default: usize) -> Result<usize> {
        if !self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            return Ok(default);
        }
        let mut number = 0_i32;
        while let Some(digit) = self.text.get(self.at).filter(|byte| byte.is_ascii_digit()) {
            let next = number.checked_mul(10).and_then(|tens| tens.checked_add(i32::from(digit - b'0')));
            number = next.ok_or_else(|| fail(self.args.lua, "integral size overflow"))?;
            self.at += 1;
        }
        Ok(number as usize)
    }

    /// Bytes to skip before an option at `position`.
    fn padding(&self, position: usize, option: u8, size: usize) -> usize {
        if size == 0 || option == b'c' {
            return 0;
        }
        let size = size.min(self.align);
        size.wrapping_sub(position & size.wrapping_sub(1)) & size.wrapping_sub(1)
    }

    fn control(&mut self, option: u8) -> Result<()> {
        match option {
            b' ' => {}
            b'>' => self.big_endian = true,
            b'<' => self.big_endian = false,
            b'!' => {
                let align = self.number(ALIGN_MAX)?;
                if !align.is_power_of_two() {
                    return Err(fail(self.args.lua, format!("alignment {align} is not a power of 2")));
                }
                self.align = align;
            }
            _ => {
                return Err(self.args.bad(1, [b"invalid format option '", &[option][..], b"'"].concat()));
            }
        }
        Ok(())
    }
}

fn pack(args: &Arguments<'_>) -> Result<Value> {
    let mut format = Format::new(args)?;
    let (mut out, mut arg) = (Vec::new(), 2);
    while let Some((option, size)) = format.next()? {
        out.resize(out.len() + format.padding(out.len(), option, size), 0);
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let number = args.number(arg)?;
                let bits = if number < 0.0 { number as i64 as u64 } else { number as u64 };
                put_bits(bits, size, format.big_endian, &mut out);
            }
            b'x' => out.push(0),
            b'f' => {
                let bits = (args.number(arg)? as f32).to_bits();
                put_bits(bits.into(), size, format.big_endian, &mut out);
            }
            b'd' => put_bits(args.number(arg)?.to_bits(), size, format.big_endian, &mut out),
            b'c' | b's' => {
                let text = args.string(arg)?;
                let text = text.as_bytes();
                let size = if size == 0 { text.len() } else { size };
                let Some(text) = text.get(..size) else { return Err(args.bad(arg + 1, "string too short")) };
                out.extend_from_slice(text);
                if option == b's' {
                    out.push(0);
                }
            }
            _ => {
                format.control(option)?;
                continue;
            }
        }
        arg += usize::from(option != b'x');
    }
    Ok(Value::String(args.lua.create_string(&out)?))
}

/// Appends the low bytes of some bits; what is wider than they are is filled up with zeros.
fn put_bits(bits: u64, size: usize, big_endian: bool, out: &mut Vec<u8>) {
    let (from, little) = (out.len(), bits.to_le_bytes());
    out.extend((0..size).map(|at| little.get(at).copied().unwrap_or(0)));
    if big_endian {
        out[from..].reverse();
    }
}

/// The low bits of what [`put_bits`] has appended.
fn get_bits(bytes: &[u8], big_endian: bool) -> u64 {
    let fold = |bits: u64, byte: &u8| bits << 8 | u64::from(*byte);
    if big_endian { bytes.iter().fold(0, fold) } else { bytes.iter().rev().fold(0, fold) }
}

fn unpack(args: &Arguments<'_>) -> Result<MultiValue> {
    let mut format = Format::new(args)?;
    let data = args.string(2)?;
    let data = data.as_bytes();
    let from = if matches!(args.get(3), None | Some(Value::Nil)) { 1 } else { args.integer(3)? };
    if from == 0 {
        return Err(args.bad(3, "offset must be 1 or greater"));
    }
    let short = || too_short(args);
    let mut position = from.checked_sub(1).and_then(|at| usize::try_from(at).ok()).ok_or_else(short)?;
    let mut values = MultiValue::new();
    while let Some((option, size)) = format.next()? {
        position = position.saturating_add(format.padding(position, option, size));
        let rest = data.get(position..).ok_or_else(short)?;
        let bytes = rest.get(..size).ok_or_else(short)?;
        if values.len() >= RETURNED_MAX {
            return Err(fail(args.lua, "stack overflow (too many results)"));
        }
        position += match option {
            b'x' => size,
            b'c' | b's' => {
                let (text, taken) = get_text(args, (option, size), rest, &mut values)?;
                values.push_back(Value::String(args.lua.create_string(text)?));
                taken
            }
            _ => {
                match get_number(option, bytes, format.big_endian) {
                    Some(number) => values.push_back(Value::Number(number)),
                    None => format.control(option)?,
                }
                size
            }
        };
    }
    values.push_back(Value::Number(position as f64 + 1.0));
    Ok(values)
}

fn too_short(args: &Arguments<'_>) -> Error {
    args.bad(2, "data string too short")
}

/// The number that fills some bytes; none if the option is not that of a number.
fn get_number(option: u8, bytes: &[u8], big_endian: bool) -> Option<f64> {
    let bits = get_bits(bytes, big_endian);
    Some(match option {
        b'b' | b'h' | b'l' | b'i' => {
            let sign = u64::MAX.wrapping_shl((bytes.len() * 8).wrapping_sub(1) as u32);
            (if bits & sign == 0 { bits } else { bits | sign }) as i64 as f64
        }
        b'B' | b'H' | b'L' | b'T' | b'I' => bits as f64,
        b'f' => f32::from_bits(bits as u32).into(),
        b'd' => f64::from_bits(bits),
        _ => return None,
    })
}

/// The text at the front of the data, and how many bytes it takes there. `s` ends with a NUL byte; `c` has a size, or
/// takes the last of the values for it.
fn get_text<'d>(
    args: &Arguments<'_>,
    (option, size): (u8, usize),
    rest: &'d [u8],
    values: &mut MultiValue,
) -> Result<(&'d [u8], usize)> {
    if option == b's' {
        let end = memchr::memchr(0, rest).ok_or_else(|| fail(args.lua, "unfinished string in data"))?;
        return Ok((&rest[..end], end + 1));
    }
    let size = match size {
        0 => match values.pop_back() {
            Some(Value::Number(last)) if last < 0.0 => usize::MAX,
            Some(Value::Number(last)) => last as usize,
            _ => return Err(fail(args.lua, "format 'c0' needs a previous size")),
        },
        size => size,
    };
    let text = rest.get(..size).ok_or_else(|| too_short(args))?;
    Ok((text, size))
}

fn size(args: &Arguments<'_>) -> Result<f64> {
    let mut format = Format::new(args)?;
    let mut position = 0_usize;
    while let Some((option, size)) = format.next()? {
        position = position.saturating_add(format.padding(position, option, size));
        match option {
            b's' => return Err(args.bad(1, "option 's' has no fixed size")),
            b'c' if size == 0 => return Err(args.bad(1, "option 'c0' has no fixed size")),
            option if !option.is_ascii_alphanumeric() => format.control(option)?,
            _ => {}
        }
        position = position.saturating_add(size);
    }
    Ok(position as f64)
}
