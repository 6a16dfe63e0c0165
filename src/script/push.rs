//! From replies to Lua values.
//!
//! ```text
//! reply    :1    $1 a    +OK         -ERR x       *2      $-1 (RESP2)   _ (RESP3)   ,1.5           %1         ~1
//! Lua      1     "a"     {ok="OK"}   {err="..."}  {1, 2}  false         nil         {double=1.5}   {map={}}   {set={}}
//! ```
//!
//! Everything here may raise Lua errors, so nothing in it has a destructor; see [`raw`](super::raw).
#![allow(unsafe_code)]
#![deny(clippy::indexing_slicing)]

use std::ffi::{CStr, c_int};

use mlua::ffi::{self, lua_State};

use super::raw::fence;
use crate::base::num::{parse_f64, parse_i64};

/// The field of an error of a command: it has been counted.
pub const COUNTED: &str = "ignore_error_stats_update";
/// The same for the interpreter.
pub const COUNTED_FIELD: &CStr = c"ignore_error_stats_update";

/// Pushes the value of one reply.
///
/// # Safety
/// The caller is a function of the interpreter, and lets errors leave.
pub unsafe fn push_reply(state: *mut lua_State, bytes: &[u8]) {
    let mut parser = Parser { state, rest: bytes };
    // SAFETY: as the caller promises.
    unsafe {
        if parser.value().is_none() {
            ffi::lua_pushstring(state, c"broken reply".as_ptr());
            ffi::lua_error(state);
        }
    }
}

/// The next piece of a reply, taken apart.
#[derive(Clone, Copy)]
enum Piece<'a> {
    Number(f64),
    Text(&'a [u8]),
    Status(&'a [u8]),
    Error(&'a [u8]),
    Nil,
    Boolean(bool),
    Double(f64),
    BigNumber(&'a [u8]),
    Verbatim {
        format: &'a [u8],
        text: &'a [u8],
    },
    /// So many elements follow.
    Array(c_int),
    /// So many pairs.
    Map(i64),
    /// So many elements.
    Set(i64),
    /// So many values that stand before the one they are about.
    Attributes(i64),
}

/// What is left of a reply; none is returned where it contradicts itself.
struct Parser<'a> {
    state: *mut lua_State,
    rest: &'a [u8],
}

impl<'a> Parser<'a> {
    fn line(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'\r', self.rest)?;
        let (line, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.get(2..)?;
        Some(line)
    }

    fn bytes(&mut self, len: i64) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(usize::try_from(len).ok()?)?;
        self.rest = rest.get(2..)?;
        Some(bytes)
    }

    fn piece(&mut self) -> Option<Piece<'a>> {
        let (mark, rest) = self.rest.split_first()?;
        self.rest = rest;
        let line = self.line()?;
        Some(match mark {
            b':' => Piece::Number(parse_i64(line)? as f64),
            b'$' => match parse_i64(line)? {
                -1 => Piece::Boolean(false),
                len => Piece::Text(self.bytes(len)?),
            },
            b'+' => Piece::Status(line),
            b'-' => Piece::Error(line),
            b'_' => Piece::Nil,
            b'#' => Piece::Boolean(line == b"t"),
            b',' => Piece::Double(parse_f64(line).unwrap_or(f64::NAN)),
            b'(' => Piece::BigNumber(line),
            b'=' => {
                let (format, text) = self.bytes(parse_i64(line)?)?.split_at_checked(4)?;
                Piece::Verbatim { format: format.get(..3)?, text }
            }
            b'*' | b'>' => match parse_i64(line)? {
                -1 => Piece::Boolean(false),
                len => Piece::Array(c_int::try_from(len).ok()?),
            },
            b'%' => Piece::Map(parse_i64(line)?),
            b'~' => Piece::Set(parse_i64(line)?),
            b'|' => Piece::Attributes(parse_i64(line)?.checked_mul(2)?),
            _ => return None,
        })
    }

    /// Pushes the next value.
    unsafe fn value(&mut self) -> Option<()> {
        let piece = fence(|| self.piece()).flatten()?;
        let state = self.state;
        // SAFETY: as for `push_reply`; each level needs at most four values' room.
        unsafe {
            if ffi::lua_checkstack(state, 4) == 0 {
                return None;
            }
            match piece {
                Piece::Number(value) => ffi::lua_pushnumber(state, value),
                Piece::Text(text) => push_text(state, text),
                Piece::Boolean(value) => ffi::lua_pushboolean(state, c_int::from(value)),
                Piece::Nil => ffi::lua_pushnil(state),
                Piece::Status(text) => {
                    ffi::lua_createtable(state, 0, 1);
                    set_text(state, c"ok", text);
                }
                Piece::Error(text) => {
                    ffi::lua_createtable(state, 0, 2);
                    set_text(state, c"err", text);
                    ffi::lua_pushboolean(state, 1);
                    set_field(state, COUNTED_FIELD);
                }
                Piece::Double(value) => {
                    ffi::lua_createtable(state, 0, 1);
                    ffi::lua_pushnumber(state, value);
                    set_field(state, c"double");
                }
                Piece::BigNumber(text) => {
                    ffi::lua_createtable(state, 0, 1);
                    set_text(state, c"big_number", text);
                }
                Piece::Verbatim { format, text } => {
                    ffi::lua_createtable(state, 0, 1);
                    ffi::lua_createtable(state, 0, 2);
                    set_text(state, c"string", text);
                    set_text(state, c"format", format);
                    set_field(state, c"verbatim_string");
                }
                Piece::Array(len) => self.array(len)?,
                Piece::Map(len) => self.pairs(len, c"map")?,
                Piece::Set(len) => self.pairs(len, c"set")?,
                Piece::Attributes(len) => {
                    for _ in 0..len {
                        self.value()?;
                        ffi::lua_pop(state, 1);
                    }
                    self.value()?;
                }
            }
        }
        Some(())
    }

    /// Pushes a table with a field of this name: a table of what follows, of a set's elements to `true`.
    unsafe fn pairs(&mut self, len: i64, name: &CStr) -> Option<()> {
        let state = self.state;
        // SAFETY: as for `value`.
        unsafe {
            ffi::lua_createtable(state, 0, 1);
            ffi::lua_createtable(state, 0, 0);
            for _ in 0..len {
                self.value()?;
                if name == c"map" {
                    self.value()?;
                } else {
                    ffi::lua_pushboolean(state, 1);
                }
                if ffi::lua_type(state, -2) == ffi::LUA_TNIL {
                    ffi::lua_pop(state, 2);
                } else {
                    ffi::lua_rawset(state, -3);
                }
            }
            set_field(state, name);
        }
        Some(())
    }

    unsafe fn array(&mut self, len: c_int) -> Option<()> {
        // Each element has at least three bytes: no more room than the reply can fill.
        let room = c_int::try_from(self.rest.len() / 3).unwrap_or(c_int::MAX).min(len);
        // SAFETY: as for `push_reply`.
        unsafe {
            ffi::lua_createtable(self.state, room, 0);
            for at in 1..=len {
                self.value()?;
                ffi::lua_rawseti(self.state, -2, at.into());
            }
        }
        Some(())
    }
}

/// Pushes a text.
///
/// # Safety
/// As for [`push_reply`].
pub unsafe fn push_text(state: *mut lua_State, text: &[u8]) {
    // SAFETY: the interpreter copies so many bytes.
    unsafe { ffi::lua_pushlstring_(state, text.as_ptr().cast(), text.len()) };
}

/// Sets a field of the table at the top to a text.
unsafe fn set_text(state: *mut lua_State, name: &CStr, text: &[u8]) {
    // SAFETY: as for `push_reply`.
    unsafe {
        push_text(state, text);
        set_field(state, name);
    }
}

/// Sets a field of the table below the top to the value at the top, and takes that away.
unsafe fn set_field(state: *mut lua_State, name: &CStr) {
    // SAFETY: the table has no metatable yet, so this doesn't run anything.
    unsafe { ffi::lua_setfield(state, -2, name.as_ptr()) };
}
