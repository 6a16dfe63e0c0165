//! Errors that libraries raise in scripts, and their way back out of Lua.
#![allow(unsafe_code)]

use std::fmt;
use std::io::Write;

use mlua::ffi::{self, lua_State};
use mlua::{Error, Lua, Result, Table, Value};

/// An error raised by a library.
#[derive(Debug)]
pub enum Raised {
    /// A text, as `error("...")` gives it.
    Text(Vec<u8>),
    /// A table with this `err`, as `redis.call` gives it.
    Reply(Vec<u8>),
}

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Raised::Text(text) | Raised::Reply(text)) = self;
        f.write_str(&String::from_utf8_lossy(text))
    }
}

impl std::error::Error for Raised {}

/// Raises a text with the place of the caller in front, as `luaL_error` does.
pub fn fail(lua: &Lua, text: impl AsRef<[u8]>) -> Error {
    let mut message = caller(lua).unwrap_or_default().into_bytes();
    message.extend_from_slice(text.as_ref());
    Error::external(Raised::Text(message))
}

/// [`fail`] for functions below mlua's safe layer; what is longer than 200 bytes is cut.
///
/// # Safety
/// The caller is a function of the interpreter, and nothing alive in its frames has a destructor.
pub unsafe fn complain(state: *mut lua_State, text: fmt::Arguments<'_>) -> ! {
    // The last byte stays zero: the text ends there at the latest.
    let mut line = [0_u8; 201];
    // What doesn't fit is left out.
    let _ = (&mut line[..200]).write_fmt(text);
    // SAFETY: as the caller promises; the format takes one text, which is copied before the error leaves.
    unsafe { ffi::luaL_error(state, c"%s".as_ptr(), line.as_ptr()) };
    unreachable!("errors don't return")
}

/// Raises a table with an `err` of this text, its code in front.
pub fn fail_reply(text: impl Into<Vec<u8>>) -> Error {
    Error::external(Raised::Reply(text.into()))
}

/// `{err=text}`, as an error of the library `redis` is told.
///
/// # Errors
/// If Lua has no memory left.
pub fn error_table(lua: &Lua, text: &[u8]) -> Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("err", lua.create_string(text)?)?;
    Ok(table)
}

/// Raises what the standard library says of a bad argument; they count from 1.
pub fn bad_argument(lua: &Lua, at: usize, function: &str, what: &[u8]) -> Error {
    let place = format!("bad argument #{at} to '{function}' (");
    fail(lua, [place.as_bytes(), what, b")"].concat())
}

/// `source:line: ` of the function that called the library; none if it is no Lua function.
fn caller(lua: &Lua) -> Option<String> {
    for level in 1.. {
        let place = lua.inspect_stack(level, |debug| {
            let source = debug.source();
            let short = source.short_src.as_deref().unwrap_or_default().to_owned();
            (short, debug.current_line())
        })?;
        match place {
            (short, _) if short == "prelude" => {}
            (short, Some(line)) => return Some(format!("{short}:{line}: ")),
            (_, None) => return None,
        }
    }
    None
}

/// ` script: ..., on source:line.` without the script's name: where an error that is being handled was raised.
pub fn place(lua: &Lua) -> Option<(String, usize)> {
    for level in 1..1000 {
        let place = lua.inspect_stack(level, |debug| {
            let source = debug.source();
            let name = source.source.as_deref().unwrap_or_default().to_owned();
            let is_c = source.what == "C";
            (name, if is_c { None } else { debug.current_line() })
        })?;
        if let (name, Some(line)) = place
            && name != "=prelude"
        {
            return Some((name, line));
        }
    }
    None
}

/// What a library raised, if the error came from one.
pub fn raised(error: &Error) -> Option<&Raised> {
    match error {
        Error::CallbackError { cause, .. } => raised(cause),
        Error::ExternalError(inner) => inner.downcast_ref(),
        _ => None,
    }
}

/// The text of any error value as `redis.call`'s errors and `pcall` tell it; none if it has no text.
pub fn text_of(problem: &Value) -> Option<Vec<u8>> {
    match problem {
        Value::Error(error) => Some(match raised(error) {
            Some(Raised::Text(text) | Raised::Reply(text)) => text.clone(),
            None => plain(error),
        }),
        Value::String(text) => Some(text.as_bytes().to_vec()),
        Value::Table(table) => match table.raw_get("err") {
            Ok(Value::String(text)) => Some(text.as_bytes().to_vec()),
            _ => None,
        },
        _ => None,
    }
}

/// The text of an error of the interpreter's own.
pub fn plain(error: &Error) -> Vec<u8> {
    match error {
        Error::CallbackError { cause, .. } => plain(cause),
        Error::RuntimeError(text) | Error::MemoryError(text) => {
            text.split("\nstack traceback:").next().unwrap_or_default().as_bytes().to_vec()
        }
        Error::SyntaxError { message, .. } => message.as_bytes().to_vec(),
        other => other.to_string().into_bytes(),
    }
}
