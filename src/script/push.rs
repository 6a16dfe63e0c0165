//! From replies to Lua values.
//!
//! ```text
//! reply    :1    $1 a    +OK         -ERR x       *2      $-1 (RESP2)   _ (RESP3)   ,1.5           %1         ~1
//! Lua      1     "a"     {ok="OK"}   {err="..."}  {1, 2}  false         nil         {double=1.5}   {map={}}   {set={}}
//! ```
//!
//! Everything here may raise Lua errors, so nothing in it has a destructor; see [`raw`](super::raw).
#![allow(unsafe_code)]

use std::ffi::{CStr, c_int};

use mlua::ffi::{self, lua_State};

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

/// What is left of a reply; none is returned where it contradicts itself.
struct Parser<'a> {
    state: *mut lua_State,
    rest: &'a [u8],
}

impl<'a> Parser<'a> {
    fn line(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'\r', self.rest)?;
        let line = &self.rest[..end];
        self.rest = self.rest.get(end + 2..)?;
        Some(line)
    }

    fn bytes(&mut self, len: i64) -> Option<&'a [u8]> {
        let len = usize::try_from(len).ok()?;
        let bytes = self.rest.get(..len)?;
        self.rest = self.rest.get(len.checked_add(2)?..)?;
        Some(bytes)
    }

    /// Pushes the next value.
    unsafe fn value(&mut self) -> Option<()> {
        let (mark, rest) = self.rest.split_first()?;
        self.rest = rest;
        let line = self.line()?;
        let state = self.state;
        // SAFETY: as for `push_reply`; each level needs at most four values' room.
        unsafe {
            if ffi::lua_checkstack(state, 4) == 0 {
                return None;
            }
            match mark {
                b':' => ffi::lua_pushnumber(state, parse_i64(line)? as f64),
                b'$' => match parse_i64(line)? {
                    -1 => ffi::lua_pushboolean(state, 0),
                    len => push_text(state, self.bytes(len)?),
                },
                b'+' => {
                    ffi::lua_createtable(state, 0, 1);
                    set_text(state, c"ok", line);
                }
                b'-' => {
                    ffi::lua_createtable(state, 0, 2);
                    set_text(state, c"err", line);
                    ffi::lua_pushboolean(state, 1);
                    set_field(state, COUNTED_FIELD);
                }
                b'_' => ffi::lua_pushnil(state),
                b'#' => ffi::lua_pushboolean(state, c_int::from(line == b"t")),
                b',' => {
                    ffi::lua_createtable(state, 0, 1);
                    ffi::lua_pushnumber(state, parse_f64(line).unwrap_or(f64::NAN));
                    set_field(state, c"double");
                }
                b'(' => {
                    ffi::lua_createtable(state, 0, 1);
                    set_text(state, c"big_number", line);
                }
                b'=' => {
                    let (format, text) = self.bytes(parse_i64(line)?)?.split_at_checked(4)?;
                    ffi::lua_createtable(state, 0, 1);
                    ffi::lua_createtable(state, 0, 2);
                    set_text(state, c"string", text);
                    set_text(state, c"format", &format[..3]);
                    set_field(state, c"verbatim_string");
                }
                b'*' | b'>' => match parse_i64(line)? {
                    -1 => ffi::lua_pushboolean(state, 0),
                    len => self.array(c_int::try_from(len).ok()?)?,
                },
                b'%' | b'~' => {
                    ffi::lua_createtable(state, 0, 1);
                    ffi::lua_createtable(state, 0, 0);
                    for _ in 0..parse_i64(line)? {
                        self.value()?;
                        match mark {
                            b'%' => self.value()?,
                            _ => ffi::lua_pushboolean(state, 1),
                        }
                        if ffi::lua_type(state, -2) == ffi::LUA_TNIL {
                            ffi::lua_pop(state, 2);
                        } else {
                            ffi::lua_rawset(state, -3);
                        }
                    }
                    set_field(state, if *mark == b'%' { c"map" } else { c"set" });
                }
                b'|' => {
                    for _ in 0..parse_i64(line)?.checked_mul(2)? {
                        self.value()?;
                        ffi::lua_pop(state, 1);
                    }
                    self.value()?;
                }
                _ => return None,
            }
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
