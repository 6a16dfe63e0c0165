//! The library `cjson`: its options, and Lua values to JSON. Reading JSON is in [`decode`].

mod decode;

use std::sync::Arc;

use mlua::{Lua, MultiValue, Result, Table, Value};
use parking_lot::Mutex;

use super::OUTPUT_MAX;
use super::arguments::{Arguments, type_name};
use super::number::general;
use super::raise::fail;

/// Nesting that no option allows: each level takes some of the thread's stack.
const DEPTH_MAX: i64 = 1000;

/// Options; a script begins with the defaults, so that none sees what another has set.
#[derive(Clone, Copy)]
pub struct Config {
    sparse_convert: bool,
    sparse_ratio: i64,
    sparse_safe: i64,
    encode_depth: i64,
    decode_depth: i64,
    /// 0: an error; 1: as they are; 2: `null`.
    encode_invalid: u8,
    decode_invalid: bool,
    precision: i64,
    keep_buffer: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            sparse_convert: false,
            sparse_ratio: 2,
            sparse_safe: 10,
            encode_depth: 1000,
            decode_depth: 1000,
            encode_invalid: 0,
            decode_invalid: false,
            precision: 14,
            keep_buffer: true,
        }
    }
}

type Shared = Arc<Mutex<Config>>;

/// The table `cjson`.
///
/// # Errors
/// If Lua has no memory left.
pub fn table(lua: &Lua, config: &Shared) -> Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("null", Value::NULL)?;
    table.raw_set("_NAME", "cjson")?;
    table.raw_set("_VERSION", "2.1.0")?;
    let shared = Arc::clone(config);
    table.raw_set("encode", lua.create_function(move |lua, args| encode(lua, &shared, args))?)?;
    let shared = Arc::clone(config);
    table.raw_set("decode", lua.create_function(move |lua, args| decode::decode(lua, &shared, args))?)?;
    type OptionOf = fn(&Arguments<'_>, &mut Config) -> Result<MultiValue>;
    let options: [(&'static str, usize, OptionOf); 7] = [
        ("encode_sparse_array", 3, sparse_array),
        ("encode_max_depth", 1, |args, config| depth(args, &mut config.encode_depth)),
        ("decode_max_depth", 1, |args, config| depth(args, &mut config.decode_depth)),
        ("encode_number_precision", 1, |args, config| {
            integer(args, 1, &mut config.precision, 1, 14).map(one)
        }),
        ("encode_keep_buffer", 1, |args, config| switch(args, 1, &mut config.keep_buffer).map(one)),
        ("encode_invalid_numbers", 1, invalid_numbers),
        ("decode_invalid_numbers", 1, |args, config| switch(args, 1, &mut config.decode_invalid).map(one)),
    ];
    for (name, most, option) in options {
        let shared = Arc::clone(config);
        let function = move |lua: &Lua, args: MultiValue| {
            let args = Arguments::new(lua, name, args);
            if args.len() > most {
                return Err(args.bad(most + 1, "found too many arguments"));
            }
            let mut config = *shared.lock();
            let result = option(&args, &mut config)?;
            *shared.lock() = config;
            Ok(result)
        };
        table.raw_set(name, lua.create_function(function)?)?;
    }
    Ok(table)
}

fn one(value: Value) -> MultiValue {
    MultiValue::from_iter([value])
}

fn sparse_array(args: &Arguments<'_>, config: &mut Config) -> Result<MultiValue> {
    let convert = switch(args, 1, &mut config.sparse_convert)?;
    let ratio = integer(args, 2, &mut config.sparse_ratio, 0, i64::from(i32::MAX))?;
    let safe = integer(args, 3, &mut config.sparse_safe, 0, i64::from(i32::MAX))?;
    Ok(MultiValue::from_iter([convert, ratio, safe]))
}

fn depth(args: &Arguments<'_>, setting: &mut i64) -> Result<MultiValue> {
    integer(args, 1, setting, 1, i64::from(i32::MAX)).map(one)
}

fn invalid_numbers(args: &Arguments<'_>, config: &mut Config) -> Result<MultiValue> {
    match args.get(1) {
        None | Some(Value::Nil) => {}
        Some(Value::Boolean(on)) => config.encode_invalid = u8::from(*on),
        _ => {
            let text = args.string(1)?;
            let names: [&[u8]; 3] = [b"off", b"on", b"null"];
            let Some(at) = names.iter().position(|name| *text.as_bytes() == **name) else {
                return Err(args.bad(1, &format!("invalid option '{}'", text.to_string_lossy())));
            };
            config.encode_invalid = at as u8;
        }
    }
    let value = match config.encode_invalid {
        2 => Value::String(args.lua.create_string("null")?),
        other => Value::Boolean(other == 1),
    };
    Ok(one(value))
}

fn integer(args: &Arguments<'_>, at: usize, setting: &mut i64, min: i64, max: i64) -> Result<Value> {
    if !matches!(args.get(at), None | Some(Value::Nil)) {
        let value = args.integer(at)?;
        if !(min..=max).contains(&value) {
            return Err(args.bad(1, &format!("expected integer between {min} and {max}")));
        }
        *setting = value;
    }
    Ok(Value::Number(*setting as f64))
}

fn switch(args: &Arguments<'_>, at: usize, setting: &mut bool) -> Result<Value> {
    match args.get(at) {
        None | Some(Value::Nil) => {}
        Some(Value::Boolean(on)) => *setting = *on,
        _ => {
            let text = args.string(at)?;
            *setting = match &*text.as_bytes() {
                b"on" => true,
                b"off" => false,
                _ => return Err(args.bad(at, &format!("invalid option '{}'", text.to_string_lossy()))),
            };
        }
    }
    Ok(Value::Boolean(*setting))
}

fn encode(lua: &Lua, config: &Shared, args: MultiValue) -> Result<Value> {
    let args = Arguments::new(lua, "encode", args);
    if args.len() != 1 {
        return Err(args.bad(1, "expected 1 argument"));
    }
    let mut encoder = Encoder { lua, config: *config.lock(), out: Vec::new() };
    encoder.value(&args.values[0], 0)?;
    Ok(Value::String(lua.create_string(&encoder.out)?))
}

struct Encoder<'a> {
    lua: &'a Lua,
    config: Config,
    out: Vec<u8>,
}

impl Encoder<'_> {
    fn refuse(&self, value: &Value, why: &str) -> mlua::Error {
        fail(self.lua, format!("Cannot serialise {}: {why}", type_name(value)))
    }

    fn value(&mut self, value: &Value, depth: i64) -> Result<()> {
        if self.out.len() > OUTPUT_MAX {
            return Err(self.refuse(value, "text too long"));
        }
        match value {
            Value::Nil => self.out.extend_from_slice(b"null"),
            Value::Boolean(true) => self.out.extend_from_slice(b"true"),
            Value::Boolean(false) => self.out.extend_from_slice(b"false"),
            Value::Integer(number) => self.number(*number as f64)?,
            Value::Number(number) => self.number(*number)?,
            Value::String(text) => self.string(&text.as_bytes()),
            Value::Table(table) => return self.table(table, value, depth + 1),
            null if *null == Value::NULL => self.out.extend_from_slice(b"null"),
            other => return Err(self.refuse(other, "type not supported")),
        }
        Ok(())
    }

    fn number(&mut self, value: f64) -> Result<()> {
        if !value.is_finite() {
            match self.config.encode_invalid {
                0 => return Err(self.refuse(&Value::Number(value), "must not be NaN or Inf")),
                2 => self.out.extend_from_slice(b"null"),
                _ if value.is_nan() => self.out.extend_from_slice(b"nan"),
                _ => self.out.extend_from_slice(if value > 0.0 { b"inf" } else { b"-inf" }),
            }
            return Ok(());
        }
        general(value, self.config.precision as usize, &mut self.out);
        Ok(())
    }

    fn string(&mut self, text: &[u8]) {
        self.out.reserve(text.len() + 2);
        self.out.push(b'"');
        for &byte in text {
            let short = match byte {
                b'"' | b'\\' | b'/' => byte,
                8 => b'b',
                b'\t' => b't',
                b'\n' => b'n',
                12 => b'f',
                b'\r' => b'r',
                0..=31 | 127 => {
                    self.out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                    continue;
                }
                _ => {
                    self.out.push(byte);
                    continue;
                }
            };
            self.out.extend_from_slice(&[b'\\', short]);
        }
        self.out.push(b'"');
    }

    fn table(&mut self, table: &Table, value: &Value, depth: i64) -> Result<()> {
        if depth > self.config.encode_depth.min(DEPTH_MAX) {
            return Err(fail(self.lua, format!("Cannot serialise, excessive nesting ({depth})")));
        }
        match self.array_length(table, value)? {
            Some(len) if len > 0 => self.array(table, len, depth),
            _ => self.object(table, depth),
        }
    }

    /// The greatest key, if all are positive integers and not too sparse.
    fn array_length(&self, table: &Table, value: &Value) -> Result<Option<i64>> {
        let (mut max, mut items) = (0.0_f64, 0);
        for pair in table.pairs::<Value, Value>() {
            let key = match pair?.0 {
                Value::Integer(key) => key as f64,
                Value::Number(key) => key,
                _ => return Ok(None),
            };
            if key < 1.0 || key.floor() != key {
                return Ok(None);
            }
            max = max.max(key);
            items += 1;
        }
        let Config { sparse_convert, sparse_ratio, sparse_safe, .. } = self.config;
        let max = max.min(f64::from(i32::MAX)) as i64;
        if sparse_ratio > 0 && max > items * sparse_ratio && max > sparse_safe {
            return if sparse_convert {
                Ok(None)
            } else {
                Err(self.refuse(value, "excessively sparse array"))
            };
        }
        Ok(Some(max))
    }

    fn array(&mut self, table: &Table, len: i64, depth: i64) -> Result<()> {
        self.out.push(b'[');
        for at in 1..=len {
            if at > 1 {
                self.out.push(b',');
            }
            self.value(&table.raw_get(at)?, depth)?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn object(&mut self, table: &Table, depth: i64) -> Result<()> {
        self.out.push(b'{');
        let mut first = true;
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair?;
            if !std::mem::take(&mut first) {
                self.out.push(b',');
            }
            match &key {
                Value::String(key) => self.string(&key.as_bytes()),
                Value::Integer(_) | Value::Number(_) => {
                    let number = self.lua.coerce_number(key)?.unwrap_or_default();
                    self.out.push(b'"');
                    self.number(number)?;
                    self.out.push(b'"');
                }
                other => return Err(self.refuse(other, "table key must be a number or string")),
            }
            self.out.push(b':');
            self.value(&value, depth)?;
        }
        self.out.push(b'}');
        Ok(())
    }
}
