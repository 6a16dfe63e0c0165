//! Lua values to JSON. Below mlua's safe layer, by the rules of [`raw`](crate::script::raw).
#![allow(unsafe_code)]
#![deny(clippy::indexing_slicing)]

use std::ffi::{CStr, c_int};

use mlua::ffi::{self, lua_State};

use super::{Config, DEPTH_MAX, Options};
use crate::script::OUTPUT_MAX;
use crate::script::number::general;
use crate::script::push::push_text;
use crate::script::raise::complain;
use crate::script::raw::{fence, owned_by, slot_of};
use crate::script::views::reveal;

/// `cjson.encode(value)`.
pub unsafe extern "C-unwind" fn encode(state: *mut lua_State) -> c_int {
    // SAFETY: a function of the interpreter, with its slot.
    unsafe { encode_one(state) }
}

/// Nothing unwinds from here, see [`raw`](crate::script::raw).
unsafe extern "C" fn encode_one(state: *mut lua_State) -> c_int {
    // SAFETY: as for `encode`. No Lua code runs meanwhile: tables are read raw.
    unsafe {
        if ffi::lua_gettop(state) != 1 {
            return ffi::luaL_argerror(state, 1, c"expected 1 argument".as_ptr());
        }
        let slot = slot_of(state);
        let config = *owned_by::<Options>(state).lock();
        let mut encoder = Encoder { state, config, out: slot.scratch() };
        encoder.value(0);
        push_text(state, encoder.out);
        1
    }
}

struct Encoder<'a> {
    state: *mut lua_State,
    config: Config,
    out: &'a mut Vec<u8>,
}

impl Encoder<'_> {
    /// Raises an error about a value of the stack.
    unsafe fn refuse(&self, at: c_int, why: &str) -> ! {
        // SAFETY: as for `encode_one`; names of types are constants of the interpreter.
        unsafe {
            let name = CStr::from_ptr(ffi::luaL_typename(self.state, at));
            complain(
                self.state,
                format_args!("Cannot serialise {}: {why}", name.to_str().unwrap_or_default()),
            )
        }
    }

    /// Writes something that calls nothing of the interpreter.
    unsafe fn put(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if fence(|| write(self.out)).is_none() {
            // SAFETY: as for `encode_one`.
            unsafe { complain(self.state, format_args!("Cannot serialise, internal error")) }
        }
    }

    /// Writes some constant bytes.
    unsafe fn add(&mut self, bytes: &'static [u8]) {
        // SAFETY: as for `encode_one`.
        unsafe { self.put(|out| out.extend_from_slice(bytes)) }
    }

    /// Writes the value at the top, which stays there.
    unsafe fn value(&mut self, depth: i64) {
        let state = self.state;
        // SAFETY: as for `encode_one`. A text is copied while its value is on the stack.
        unsafe {
            if self.out.len() > OUTPUT_MAX {
                self.refuse(-1, "text too long");
            }
            match ffi::lua_type(state, -1) {
                ffi::LUA_TNIL => self.add(b"null"),
                ffi::LUA_TBOOLEAN if ffi::lua_toboolean(state, -1) != 0 => self.add(b"true"),
                ffi::LUA_TBOOLEAN => self.add(b"false"),
                ffi::LUA_TNUMBER => self.number(),
                ffi::LUA_TSTRING => self.string(-1),
                ffi::LUA_TTABLE => self.table(depth + 1),
                ffi::LUA_TLIGHTUSERDATA if ffi::lua_touserdata(state, -1).is_null() => self.add(b"null"),
                _ => self.refuse(-1, "type not supported"),
            }
        }
    }

    /// Writes the number at the top.
    unsafe fn number(&mut self) {
        // SAFETY: as for `encode_one`.
        let value = unsafe { ffi::lua_tonumber(self.state, -1) };
        if value.is_finite() {
            let precision = self.config.precision as usize;
            // SAFETY: as above.
            return unsafe { self.put(|out| general(value, precision, out)) };
        }
        // SAFETY: as above.
        unsafe {
            match self.config.encode_invalid {
                0 => self.refuse(-1, "must not be NaN or Inf"),
                2 => self.add(b"null"),
                _ if value.is_nan() => self.add(b"nan"),
                _ => self.add(if value > 0.0 { b"inf" } else { b"-inf" }),
            }
        }
    }

    /// Writes a text of the stack.
    unsafe fn string(&mut self, at: c_int) {
        let mut len = 0;
        // SAFETY: the caller has seen that it is a text, and nothing moves it while it is on the stack.
        unsafe {
            let bytes = ffi::lua_tolstring(self.state, at, &mut len).cast::<u8>();
            let text = std::slice::from_raw_parts(bytes, len);
            self.put(|out| quote(text, out));
        }
    }

    unsafe fn table(&mut self, depth: i64) {
        // SAFETY: as for `encode_one`.
        unsafe {
            let deep = depth > self.config.encode_depth.min(DEPTH_MAX);
            if deep || ffi::lua_checkstack(self.state, 4) == 0 {
                complain(self.state, format_args!("Cannot serialise, excessive nesting ({depth})"));
            }
            reveal(self.state);
            match self.array_length() {
                Some(len) if len > 0 => self.array(len, depth),
                _ => self.object(depth),
            }
        }
    }

    /// The greatest key of the table at the top, if all are positive integers and not too sparse. The library has 32
    /// bits for it, where a greater one, as of a time in ms, becomes the least: what has such keys is an object.
    unsafe fn array_length(&self) -> Option<i64> {
        let state = self.state;
        let (mut max, mut items) = (0_i32, 0);
        // SAFETY: as for `encode_one`; nobody changes the table meanwhile.
        unsafe {
            ffi::lua_pushnil(state);
            while ffi::lua_next(state, -2) != 0 {
                let is_number = ffi::lua_type(state, -2) == ffi::LUA_TNUMBER;
                let key = if is_number { ffi::lua_tonumber(state, -2) } else { 0.0 };
                if key < 1.0 || key.floor() != key {
                    ffi::lua_pop(state, 2);
                    return None;
                }
                if key > f64::from(max) {
                    max = if key > f64::from(i32::MAX) { i32::MIN } else { key as i32 };
                }
                items += 1;
                ffi::lua_pop(state, 1);
            }
            let Config { sparse_convert, sparse_ratio, sparse_safe, .. } = self.config;
            let max = i64::from(max);
            if sparse_ratio > 0 && max > items * sparse_ratio && max > sparse_safe {
                if !sparse_convert {
                    self.refuse(-1, "excessively sparse array");
                }
                return None;
            }
            Some(max)
        }
    }

    unsafe fn array(&mut self, len: i64, depth: i64) {
        // SAFETY: as for `encode_one`; the length fits.
        unsafe {
            for at in 1..=len {
                self.add(if at > 1 { b"," } else { b"[" });
                ffi::lua_rawgeti_(self.state, -1, at as c_int);
                self.value(depth);
                ffi::lua_pop(self.state, 1);
            }
            self.add(b"]");
        }
    }

    unsafe fn object(&mut self, depth: i64) {
        let state = self.state;
        let mut first = true;
        // SAFETY: as for `encode_one`; nobody changes the table meanwhile.
        unsafe {
            self.add(b"{");
            ffi::lua_pushnil(state);
            while ffi::lua_next(state, -2) != 0 {
                if !std::mem::take(&mut first) {
                    self.add(b",");
                }
                match ffi::lua_type(state, -2) {
                    ffi::LUA_TSTRING => self.string(-2),
                    ffi::LUA_TNUMBER => {
                        self.add(b"\"");
                        ffi::lua_pushvalue(state, -2);
                        self.number();
                        ffi::lua_pop(state, 1);
                        self.add(b"\"");
                    }
                    _ => self.refuse(-2, "table key must be a number or string"),
                }
                self.add(b":");
                self.value(depth);
                ffi::lua_pop(state, 1);
            }
            self.add(b"}");
        }
    }
}

/// Writes a text in quotes, with escapes where JSON or the library wants them.
fn quote(text: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(text.len() + 2);
    out.push(b'"');
    for &byte in text {
        let short = match byte {
            b'"' | b'\\' | b'/' => byte,
            8 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            12 => b'f',
            b'\r' => b'r',
            0..=31 | 127 => {
                let digit = |half: u8| DIGITS.get(usize::from(half & 15)).copied().unwrap_or(b'0');
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte)]);
                continue;
            }
            _ => {
                out.push(byte);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
    out.push(b'"');
}
