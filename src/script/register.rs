//! `redis.register_function`, which only the code of a library may call while it is loaded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mlua::{Function, Lua, MultiValue, Result, Table, Value};
use parking_lot::Mutex;

use super::library::check_name;
use super::raise::fail_reply;
use super::{ScriptFlags, shebang};

/// How long a library's code may run while it is loaded.
const TIMEOUT: Duration = Duration::from_millis(500);

/// A function as a library has registered it.
pub struct Wanted {
    /// Its name.
    pub name: Box<[u8]>,
    /// What it is said to do.
    pub description: Option<Box<[u8]>>,
    /// What it promises or asks for.
    pub flags: ScriptFlags,
    /// What runs.
    pub callback: Function,
}

/// A library that is being loaded.
pub struct Loading {
    begun: Instant,
    /// What it has registered so far.
    pub functions: Vec<Wanted>,
}

impl Loading {
    /// A library whose code is about to run.
    pub fn new() -> Self {
        Loading { begun: Instant::now(), functions: Vec::new() }
    }

    /// Checks that the code doesn't take too long.
    ///
    /// # Errors
    /// If it does.
    pub fn check_time(&self) -> Result<()> {
        if self.begun.elapsed() > TIMEOUT { Err(fail_reply("ERR FUNCTION LOAD timeout")) } else { Ok(()) }
    }
}

/// Makes the function; it notes what it is given in the library that is being loaded.
///
/// # Errors
/// If Lua has no memory left.
pub fn function(lua: &Lua, loading: &Arc<Mutex<Option<Loading>>>) -> Result<Function> {
    let loading = Arc::clone(loading);
    lua.create_function(move |_, args: MultiValue| {
        let wanted = match args.len() {
            1 => named(args.front()),
            2 => positional(&args),
            _ => Err("wrong number of arguments to redis.register_function"),
        };
        let wanted = wanted.map_err(refused)?;
        check_name(&wanted.name).map_err(refused)?;
        let mut loading = loading.lock();
        let only = "redis.register_function can only be called on FUNCTION LOAD command";
        let library = loading.as_mut().ok_or_else(|| refused(only))?;
        if library.functions.iter().any(|other| other.name == wanted.name) {
            return Err(refused("Function already exists in the library"));
        }
        library.functions.push(wanted);
        Ok(())
    })
}

fn refused(what: &'static str) -> mlua::Error {
    fail_reply(format!("ERR {what}"))
}

fn positional(args: &MultiValue) -> std::result::Result<Wanted, &'static str> {
    let name = args.front().and_then(text);
    let name = name.ok_or("first argument to redis.register_function must be a string")?;
    match args.get(1) {
        Some(Value::Function(callback)) => {
            let callback = callback.clone();
            Ok(Wanted { name, description: None, flags: ScriptFlags::empty(), callback })
        }
        _ => Err("second argument to redis.register_function must be a function"),
    }
}

fn named(argument: Option<&Value>) -> std::result::Result<Wanted, &'static str> {
    let Some(Value::Table(table)) = argument else {
        return Err(
            "calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).",
        );
    };
    let (mut name, mut description, mut callback, mut flags) = (None, None, None, ScriptFlags::empty());
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair.map_err(|_| "unknown argument given to redis.register_function")?;
        let key = text(&key).ok_or("named argument key given to redis.register_function is not a string")?;
        match key.to_ascii_lowercase().as_slice() {
            b"function_name" => {
                let what = "function_name argument given to redis.register_function must be a string";
                name = Some(text(&value).ok_or(what)?);
            }
            b"description" => {
                let what = "description argument given to redis.register_function must be a string";
                description = Some(text(&value).ok_or(what)?);
            }
            b"callback" => match value {
                Value::Function(function) => callback = Some(function),
                _ => return Err("callback argument given to redis.register_function must be a function"),
            },
            b"flags" => match value {
                Value::Table(names) => flags = flags_of(&names).ok_or("unknown flag given")?,
                _ => {
                    return Err(
                        "flags argument to redis.register_function must be a table representing function flags",
                    );
                }
            },
            _ => return Err("unknown argument given to redis.register_function"),
        }
    }
    let name = name.ok_or("redis.register_function must get a function name argument")?;
    let callback = callback.ok_or("redis.register_function must get a callback argument")?;
    Ok(Wanted { name, description, flags, callback })
}

/// The flags whose names a table lists; none if one is unknown.
fn flags_of(names: &Table) -> Option<ScriptFlags> {
    let mut flags = ScriptFlags::empty();
    for at in 1.. {
        match names.raw_get(at).ok()? {
            Value::Nil => break,
            name => flags |= shebang::flag(&text(&name)?.to_ascii_lowercase())?,
        }
    }
    Some(flags)
}

/// A text, or a number's.
fn text(value: &Value) -> Option<Box<[u8]>> {
    match value {
        Value::String(text) => Some((*text.as_bytes()).into()),
        Value::Number(_) | Value::Integer(_) => Some(value.to_string().ok()?.into_bytes().into()),
        _ => None,
    }
}
