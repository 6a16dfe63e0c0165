//! The library `cmsgpack`: Lua values to MessagePack and back.

use mlua::{Lua, MultiValue, Result, Table, Value};

use super::OUTPUT_MAX;
use super::arguments::Arguments;
use super::raise::{Raised, fail};

/// Tables nested deeper are written as nil: a table may contain itself.
const ENCODE_DEPTH_MAX: usize = 16;
/// Nesting that is refused: each level takes some of the thread's stack.
const DECODE_DEPTH_MAX: usize = 1000;

/// The table `cmsgpack`.
///
/// # Errors
/// If Lua has no memory left.
pub fn table(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("_NAME", "cmsgpack")?;
    table.raw_set("_VERSION", "lua-cmsgpack 0.4.0")?;
    table.raw_set("_DESCRIPTION", "MessagePack C implementation for Lua")?;
    table.raw_set("pack", lua.create_function(pack)?)?;
    let all = |lua: &Lua, args| unpack(&Arguments::new(lua, "unpack", args), None);
    table.raw_set("unpack", lua.create_function(all)?)?;
    let one = |lua: &Lua, args| {
        let args = Arguments::new(lua, "unpack_one", args);
        let offset = optional(&args, 2)?;
        unpack(&args, Some((1, offset)))
    };
    table.raw_set("unpack_one", lua.create_function(one)?)?;
    let limit = |lua: &Lua, args| {
        let args = Arguments::new(lua, "unpack_limit", args);
        let (limit, offset) = (args.integer(2)?, optional(&args, 3)?);
        unpack(&args, Some((limit, offset)))
    };
    table.raw_set("unpack_limit", lua.create_function(limit)?)?;
    Ok(table)
}

fn optional(args: &Arguments<'_>, at: usize) -> Result<i64> {
    if matches!(args.get(at), None | Some(Value::Nil)) { Ok(0) } else { args.integer(at) }
}

fn pack(lua: &Lua, args: MultiValue) -> Result<Value> {
    let args = Arguments::new(lua, "pack", args);
    if args.len() == 0 {
        return Err(args.bad(0, "MessagePack pack needs input."));
    }
    let mut out = Vec::new();
    for value in &args.values {
        encode(value, 0, &mut out)?;
    }
    Ok(Value::String(lua.create_string(&out)?))
}

fn encode(value: &Value, depth: usize, out: &mut Vec<u8>) -> Result<()> {
    if out.len() > OUTPUT_MAX {
        return Err(mlua::Error::external(Raised::Text(b"MessagePack text too long".to_vec())));
    }
    match value {
        Value::Boolean(value) => out.push(if *value { 0xc3 } else { 0xc2 }),
        Value::Integer(value) => encode_int(*value, out),
        Value::Number(value) => encode_number(*value, out),
        Value::String(text) => {
            let text = text.as_bytes();
            match text.len() {
                len @ 0..=31 => out.push(0xa0 | len as u8),
                len @ 32..=0xff => out.extend_from_slice(&[0xd9, len as u8]),
                len => header(0xda, len, out),
            }
            out.extend_from_slice(&text);
        }
        Value::Table(table) if depth < ENCODE_DEPTH_MAX => return encode_table(table, depth, out),
        _ => out.push(0xc0),
    }
    Ok(())
}

/// A header of 16 bits of length, or the next mark with 32.
fn header(mark: u8, len: usize, out: &mut Vec<u8>) {
    if let Ok(len) = u16::try_from(len) {
        out.push(mark);
        out.extend_from_slice(&len.to_be_bytes());
    } else {
        out.push(mark + 1);
        out.extend_from_slice(&(len as u32).to_be_bytes());
    }
}

fn encode_number(value: f64, out: &mut Vec<u8>) {
    if value == value.trunc() && (-9.223_372_036_854_775e18..9.223_372_036_854_775e18).contains(&value) {
        encode_int(value as i64, out);
    } else if f64::from(value as f32) == value {
        out.push(0xca);
        out.extend_from_slice(&(value as f32).to_be_bytes());
    } else {
        out.push(0xcb);
        out.extend_from_slice(&value.to_be_bytes());
    }
}

fn encode_int(value: i64, out: &mut Vec<u8>) {
    let bytes = value.to_be_bytes();
    let (mark, width) = match value {
        -32..=127 => return out.push(value as u8),
        128..=0xff => (0xcc, 1),
        0x100..=0xffff => (0xcd, 2),
        0x1_0000..=0xffff_ffff => (0xce, 4),
        0x1_0000_0000.. => (0xcf, 8),
        -128..=-33 => (0xd0, 1),
        -0x8000..=-129 => (0xd1, 2),
        -0x8000_0000..=-0x8001 => (0xd2, 4),
        _ => (0xd3, 8),
    };
    out.push(mark);
    out.extend_from_slice(&bytes[8 - width..]);
}

fn encode_table(table: &Table, depth: usize, out: &mut Vec<u8>) -> Result<()> {
    let (mut max, mut count, mut is_array) = (0.0_f64, 0_usize, true);
    for pair in table.pairs::<Value, Value>() {
        let key = match pair?.0 {
            Value::Integer(key) => key as f64,
            Value::Number(key) => key,
            _ => 0.0,
        };
        is_array &= key > 0.0 && key.trunc() == key;
        max = max.max(key);
        count += 1;
    }
    if is_array && max == count as f64 {
        if count < 16 {
            out.push(0x90 | count as u8);
        } else {
            header(0xdc, count, out);
        }
        for at in 1..=count {
            encode(&table.raw_get(at)?, depth + 1, out)?;
        }
        return Ok(());
    }
    if count < 16 {
        out.push(0x80 | count as u8);
    } else {
        header(0xde, count, out);
    }
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        encode(&key, depth + 1, out)?;
        encode(&value, depth + 1, out)?;
    }
    Ok(())
}

/// Reads values; with a limit and an offset, the offset after them comes first, -1 at the end.
fn unpack(args: &Arguments<'_>, part: Option<(i64, i64)>) -> Result<MultiValue> {
    let lua = args.lua;
    let text = args.string(1)?;
    let text = text.as_bytes();
    let part = part.filter(|part| *part != (0, 0));
    let (limit, offset) = part.unwrap_or((i64::MAX, 0));
    if limit < 0 || offset < 0 {
        let text = format!("Invalid request to unpack with offset of {offset} and limit of {}.", text.len());
        return Err(fail(lua, text));
    }
    let Some(rest) = text.get(offset as usize..) else {
        let text = format!("Start offset {offset} greater than input length {}.", text.len());
        return Err(fail(lua, text));
    };
    let mut decoder = Decoder { lua, rest };
    let mut values = MultiValue::new();
    while !decoder.rest.is_empty() && (values.len() as i64) < limit {
        if values.len() >= 7900 {
            return Err(fail(
                lua,
                "stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)",
            ));
        }
        values.push_back(decoder.value(0)?);
    }
    if part.is_some() {
        let left = decoder.rest.len();
        let next = if left == 0 { -1.0 } else { (text.len() - left) as f64 };
        values.push_front(Value::Number(next));
    }
    Ok(values)
}

struct Decoder<'a> {
    lua: &'a Lua,
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return Err(fail(self.lua, "Missing bytes in input."));
        };
        self.rest = rest;
        Ok(taken)
    }

    fn unsigned(&mut self, width: usize) -> Result<u64> {
        Ok(self.take(width)?.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
    }

    fn signed(&mut self, width: usize) -> Result<Value> {
        let unused = 64 - 8 * width as u32;
        Ok(Value::Number(((self.unsigned(width)? << unused) as i64 >> unused) as f64))
    }

    fn string(&mut self, len: u64) -> Result<Value> {
        let bytes = self.take(len as usize)?;
        Ok(Value::String(self.lua.create_string(bytes)?))
    }

    fn value(&mut self, depth: usize) -> Result<Value> {
        let bad = || fail(self.lua, "Bad data format in input.");
        if depth > DECODE_DEPTH_MAX {
            return Err(bad());
        }
        let mark = self.take(1)?[0];
        match mark {
            0..=0x7f => Ok(Value::Number(f64::from(mark))),
            0x80..=0x8f => self.map(u64::from(mark & 15), depth),
            0x90..=0x9f => self.array(u64::from(mark & 15), depth),
            0xa0..=0xbf => self.string(u64::from(mark & 31)),
            0xc0 => Ok(Value::Nil),
            0xc2 => Ok(Value::Boolean(false)),
            0xc3 => Ok(Value::Boolean(true)),
            0xca => Ok(Value::Number(f64::from(f32::from_bits(self.unsigned(4)? as u32)))),
            0xcb => Ok(Value::Number(f64::from_bits(self.unsigned(8)?))),
            0xcc..=0xcf => Ok(Value::Number(self.unsigned(1 << (mark - 0xcc))? as f64)),
            0xd0..=0xd3 => self.signed(1 << (mark - 0xd0)),
            0xd9..=0xdb => {
                let len = self.unsigned(1 << (mark - 0xd9))?;
                self.string(len)
            }
            0xdc | 0xdd => {
                let len = self.unsigned(2 << (mark - 0xdc))?;
                self.array(len, depth)
            }
            0xde | 0xdf => {
                let len = self.unsigned(2 << (mark - 0xde))?;
                self.map(len, depth)
            }
            0xe0.. => Ok(Value::Number(f64::from(mark as i8))),
            _ => Err(bad()),
        }
    }

    fn array(&mut self, len: u64, depth: usize) -> Result<Value> {
        let table = self.lua.create_table()?;
        for at in 1..=len {
            table.raw_seti(at as usize, self.value(depth + 1)?)?;
        }
        Ok(Value::Table(table))
    }

    fn map(&mut self, len: u64, depth: usize) -> Result<Value> {
        let table = self.lua.create_table()?;
        for _ in 0..len {
            let (key, value) = (self.value(depth + 1)?, self.value(depth + 1)?);
            match key {
                Value::Nil => return Err(fail(self.lua, "table index is nil")),
                Value::Number(key) if key.is_nan() => return Err(fail(self.lua, "table index is NaN")),
                key => table.raw_set(key, value)?,
            }
        }
        Ok(Value::Table(table))
    }
}
