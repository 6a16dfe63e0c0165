//! The library `cjson`: its functions and options. Writing JSON is in [`encode`], reading it in [`decode`].

mod decode;
mod encode;

use std::sync::Arc;

use mlua::{Lua, LuaString, MultiValue, Result, Table, Value};
use parking_lot::Mutex;

use super::arguments::Arguments;
use super::raw::{self, Slot};
use crate::base::c_text::until_nul;

/// Nesting that no option allows: each level takes some of the thread's stack.
const DEPTH_MAX: i64 = 1000;

/// The options that the functions of one instance share: those of the library, or those of what `cjson.new` has made.
/// A script finds the library with the defaults, so that none sees what another has set.
pub type Options = Mutex<Config>;

/// The values of the options.
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
            decode_invalid: true,
            precision: 14,
            keep_buffer: true,
        }
    }
}

/// An instance: the table `cjson` itself, or another one with options of its own.
///
/// # Errors
/// If Lua has no memory left.
pub fn table(lua: &Lua, slot: &Arc<Slot>, options: &Arc<Options>) -> Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("null", Value::NULL)?;
    table.raw_set("_NAME", "cjson")?;
    table.raw_set("_VERSION", "2.1.0")?;
    raw::owners(lua, slot, options, &table, &[("encode", encode::encode), ("decode", decode::decode)])?;
    type OptionOf = fn(&Arguments<'_>, &mut Config) -> Result<MultiValue>;
    let setters: [(&'static str, usize, OptionOf); 7] = [
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
    for (name, most, option) in setters {
        let options = Arc::clone(options);
        let function = move |lua: &Lua, args: MultiValue| {
            let args = Arguments::new(lua, name, args);
            if args.len() > most {
                return Err(args.bad(most + 1, "found too many arguments"));
            }
            let mut config = *options.lock();
            let result = option(&args, &mut config)?;
            *options.lock() = config;
            Ok(result)
        };
        table.raw_set(name, lua.create_function(function)?)?;
    }
    let slot = Arc::clone(slot);
    let new = lua.create_function(move |lua, _: MultiValue| self::table(lua, &slot, &Arc::default()))?;
    table.raw_set("new", new)?;
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
                return Err(args.bad(1, invalid_option(&text)));
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
            return Err(args.bad(1, format!("expected integer between {min} and {max}")));
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
                _ => return Err(args.bad(at, invalid_option(&text))),
            };
        }
    }
    Ok(Value::Boolean(*setting))
}

fn invalid_option(option: &LuaString) -> Vec<u8> {
    [b"invalid option '", until_nul(&option.as_bytes()), b"'"].concat()
}
