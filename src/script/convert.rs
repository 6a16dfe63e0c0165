//! Between replies and Lua values.
//!
//! ```text
//! reply    :1    $1 a    +OK         -ERR x       *2      $-1 (RESP2)   _ (RESP3)   ,1.5           %1         ~1
//! Lua      1     "a"     {ok="OK"}   {err="..."}  {1, 2}  false         nil         {double=1.5}   {map={}}   {set={}}
//! ```

use mlua::{Error, Lua, Result, Table, Value};

use crate::base::num::parse_i64;
use crate::resp::Reply;

/// How deep a result's tables may nest.
const DEPTH_MAX: usize = 200;

/// The Lua value of one reply.
///
/// # Errors
/// If Lua has no memory left.
pub fn read_reply(lua: &Lua, bytes: &[u8]) -> Result<Value> {
    Parser { lua, rest: bytes }.value()
}

/// `{err=text}`, as a command's error is told.
///
/// # Errors
/// If Lua has no memory left.
pub fn error_table(lua: &Lua, text: &[u8]) -> Result<Table> {
    let table = single(lua, "err", Value::String(lua.create_string(text)?))?;
    table.raw_set("ignore_error_stats_update", true)?;
    Ok(table)
}

fn single(lua: &Lua, name: &str, value: Value) -> Result<Table> {
    let table = lua.create_table()?;
    table.raw_set(name, value)?;
    Ok(table)
}

struct Parser<'a> {
    lua: &'a Lua,
    rest: &'a [u8],
}

impl<'a> Parser<'a> {
    fn line(&mut self) -> Result<&'a [u8]> {
        let end = memchr::memchr(b'\r', self.rest).ok_or_else(broken)?;
        let line = &self.rest[..end];
        self.rest = self.rest.get(end + 2..).ok_or_else(broken)?;
        Ok(line)
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8]> {
        let bytes = self.rest.get(..len).ok_or_else(broken)?;
        self.rest = self.rest.get(len + 2..).ok_or_else(broken)?;
        Ok(bytes)
    }

    fn value(&mut self) -> Result<Value> {
        let (mark, rest) = self.rest.split_first().ok_or_else(broken)?;
        self.rest = rest;
        let line = self.line()?;
        let lua = self.lua;
        let text = |bytes: &[u8]| Ok::<_, Error>(Value::String(lua.create_string(bytes)?));
        Ok(match mark {
            b':' => Value::Number(number(line)? as f64),
            b'$' => match number(line)? {
                -1 => Value::Boolean(false),
                len => text(self.bytes(len as usize)?)?,
            },
            b'+' => Value::Table(single(lua, "ok", text(line)?)?),
            b'-' => Value::Table(error_table(lua, line)?),
            b'_' => Value::Nil,
            b'#' => Value::Boolean(line == b"t"),
            b',' => {
                let value = crate::base::num::parse_f64(line).unwrap_or(f64::NAN);
                Value::Table(single(lua, "double", Value::Number(value))?)
            }
            b'(' => Value::Table(single(lua, "big_number", text(line)?)?),
            b'=' => {
                let bytes = self.bytes(number(line)? as usize)?;
                let (format, string) = bytes.split_at_checked(4).ok_or_else(broken)?;
                let inner = single(lua, "string", text(string)?)?;
                inner.raw_set("format", text(&format[..3])?)?;
                Value::Table(single(lua, "verbatim_string", Value::Table(inner))?)
            }
            b'*' | b'>' => match number(line)? {
                -1 => Value::Boolean(false),
                len => Value::Table(self.array(len as usize)?),
            },
            b'%' => {
                let map = lua.create_table()?;
                for _ in 0..number(line)? {
                    let (key, value) = (self.value()?, self.value()?);
                    set_unless_nil(&map, key, value)?;
                }
                Value::Table(single(lua, "map", Value::Table(map))?)
            }
            b'~' => {
                let set = lua.create_table()?;
                for _ in 0..number(line)? {
                    let member = self.value()?;
                    set_unless_nil(&set, member, Value::Boolean(true))?;
                }
                Value::Table(single(lua, "set", Value::Table(set))?)
            }
            b'|' => {
                for _ in 0..number(line)? {
                    self.value()?;
                    self.value()?;
                }
                self.value()?
            }
            _ => return Err(broken()),
        })
    }

    fn array(&mut self, len: usize) -> Result<Table> {
        // Each element has at least three bytes: no more room than the reply can fill.
        let table = self.lua.create_table_with_capacity(len.min(self.rest.len()), 0)?;
        for at in 1..=len {
            table.raw_seti(at, self.value()?)?;
        }
        Ok(table)
    }
}

fn set_unless_nil(table: &Table, key: Value, value: Value) -> Result<()> {
    if key.is_nil() { Ok(()) } else { table.raw_set(key, value) }
}

fn number(line: &[u8]) -> Result<i64> {
    parse_i64(line).ok_or_else(broken)
}

fn broken() -> Error {
    Error::runtime("broken reply")
}

/// Writes a script's result. `typed` says that the script has chosen RESP3, in which truth values are told as such.
///
/// # Errors
/// If Lua has no memory left.
pub fn write_value(value: &Value, typed: bool, out: &mut Reply) -> Result<()> {
    write(value, typed, 0, out)
}

fn write(value: &Value, typed: bool, depth: usize, out: &mut Reply) -> Result<()> {
    if depth > DEPTH_MAX {
        out.error("ERR reached lua stack limit");
        return Ok(());
    }
    match value {
        Value::String(text) => out.bulk(&text.as_bytes()),
        Value::Integer(value) => out.int(*value),
        Value::Number(value) => out.int(truncated(*value)),
        Value::Boolean(value) if typed => out.bool(*value),
        Value::Boolean(true) => out.int(1),
        Value::Table(table) => return write_table(table, typed, depth, out),
        _ => out.null(),
    }
    Ok(())
}

/// As C converts: what has no place in 64 bits is the least of them.
fn truncated(value: f64) -> i64 {
    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value);
    if fits { value as i64 } else { i64::MIN }
}

fn write_table(table: &Table, typed: bool, depth: usize, out: &mut Reply) -> Result<()> {
    match shape(table, out)? {
        Shape::Written => Ok(()),
        Shape::Map(map) => {
            let (header, mut pairs) = (out.defer(), 0);
            for pair in map.pairs::<Value, Value>() {
                let (key, value) = pair?;
                write(&key, typed, depth + 1, out)?;
                write(&value, typed, depth + 1, out)?;
                pairs += 1;
            }
            out.finish_map(header, pairs);
            Ok(())
        }
        Shape::Set(set) => {
            let (header, mut members) = (out.defer(), 0);
            for pair in set.pairs::<Value, Value>() {
                write(&pair?.0, typed, depth + 1, out)?;
                members += 1;
            }
            out.finish_set(header, members);
            Ok(())
        }
        Shape::Array => {
            let (header, mut len) = (out.defer(), 0);
            loop {
                let value: Value = table.raw_get(len + 1)?;
                if value.is_nil() {
                    break;
                }
                write(&value, typed, depth + 1, out)?;
                len += 1;
            }
            out.finish_array(header, len);
            Ok(())
        }
    }
}

/// What a table stands for.
enum Shape {
    /// A single reply, which has been written.
    Written,
    Map(Table),
    Set(Table),
    Array,
}

/// Tells what a table stands for by the fields it has, in the order in which they win.
fn shape(table: &Table, out: &mut Reply) -> Result<Shape> {
    if let Value::String(text) = table.raw_get("err")? {
        out.error(text.as_bytes());
        return Ok(Shape::Written);
    }
    if let Value::String(text) = table.raw_get("ok")? {
        out.simple(text.as_bytes());
        return Ok(Shape::Written);
    }
    if let Some(value) = as_number(&table.raw_get("double")?) {
        out.double(value);
        return Ok(Shape::Written);
    }
    if let Value::String(text) = table.raw_get("big_number")? {
        out.big_number(text.as_bytes());
        return Ok(Shape::Written);
    }
    if let Value::Table(verbatim) = table.raw_get("verbatim_string")?
        && let (Value::String(format), Value::String(text)) =
            (verbatim.raw_get("format")?, verbatim.raw_get("string")?)
    {
        out.verbatim(&format.to_string_lossy(), &text.as_bytes());
        return Ok(Shape::Written);
    }
    if let Value::Table(map) = table.raw_get("map")? {
        return Ok(Shape::Map(map));
    }
    if let Value::Table(set) = table.raw_get("set")? {
        return Ok(Shape::Set(set));
    }
    Ok(Shape::Array)
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(value) => Some(*value),
        Value::Integer(value) => Some(*value as f64),
        _ => None,
    }
}
