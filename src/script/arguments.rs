//! What library functions share: their arguments, checked as Lua's auxiliary library does.

use mlua::{Lua, LuaString, MultiValue, Result, Value};

use super::number::truncated;
use super::raise::bad_argument;

/// The arguments of one call of a function; they count from 1.
pub struct Arguments<'a> {
    /// The interpreter.
    pub lua: &'a Lua,
    /// The function's name.
    pub function: &'static str,
    /// The arguments.
    pub values: MultiValue,
}

impl<'a> Arguments<'a> {
    /// The arguments of a call.
    pub fn new(lua: &'a Lua, function: &'static str, values: MultiValue) -> Self {
        Arguments { lua, function, values }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// One of them.
    pub fn get(&self, at: usize) -> Option<&Value> {
        self.values.get(at - 1)
    }

    /// A number, or a text that is one.
    ///
    /// # Errors
    /// If it is neither.
    pub fn number(&self, at: usize) -> Result<f64> {
        match self.get(at) {
            Some(Value::Number(value)) => Ok(*value),
            Some(Value::Integer(value)) => Ok(*value as f64),
            Some(other @ Value::String(_)) => match self.lua.coerce_number(other.clone())? {
                Some(value) => Ok(value),
                None => Err(self.expected(at, "number")),
            },
            _ => Err(self.expected(at, "number")),
        }
    }

    /// An integer: a number without its fraction.
    ///
    /// # Errors
    /// If it is no number.
    pub fn integer(&self, at: usize) -> Result<i64> {
        self.number(at).map(truncated)
    }

    /// A text; a number is turned into one.
    ///
    /// # Errors
    /// If it is neither.
    pub fn string(&self, at: usize) -> Result<LuaString> {
        match self.get(at) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(other @ (Value::Number(_) | Value::Integer(_))) => {
                self.lua.coerce_string(other.clone())?.ok_or_else(|| self.expected(at, "string"))
            }
            _ => Err(self.expected(at, "string")),
        }
    }

    /// An argument is of the wrong type.
    pub fn expected(&self, at: usize, wanted: &str) -> mlua::Error {
        let got = self.get(at).map_or("no value", type_name);
        self.bad(at, format!("{wanted} expected, got {got}"))
    }

    /// An argument is wrong.
    pub fn bad(&self, at: usize, what: impl AsRef<[u8]>) -> mlua::Error {
        bad_argument(self.lua, at, self.function, what.as_ref())
    }
}

/// The name of a value's type, as Lua has it.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Integer(_) => "number",
        Value::LightUserData(_) | Value::Error(_) => "userdata",
        other => other.type_name(),
    }
}
