//! From a script's result to a reply: the way back of [`push`](super::push).
#![allow(unsafe_code)]

use std::borrow::Cow;
use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use mlua::ffi::{self, lua_State};

use super::OUTPUT_MAX;
use super::number::truncated;
use super::push::COUNTED_FIELD;
use super::raw::Slot;
use crate::base::c_text::until_nul;
use crate::resp::Reply;

/// How deep a result's tables may nest.
const DEPTH_MAX: usize = 200;

/// Where a result goes.
pub struct Output<'a> {
    reply: &'a mut Reply,
    /// Where the reply's bytes end at the latest, but for the last value.
    len_max: usize,
    typed: bool,
    slot: &'a Slot,
}

impl<'a> Output<'a> {
    /// Writes to the reply, which calls nothing of the interpreter. A panic doesn't unwind through that: it ends the
    /// script instead.
    unsafe fn put<R>(&mut self, state: *mut lua_State, write: impl FnOnce(&mut Reply) -> R) -> R {
        match catch_unwind(AssertUnwindSafe(|| write(self.reply))) {
            Ok(written) => written,
            Err(panic) => {
                // It would not be dropped by the error.
                self.slot.break_off(panic);
                // SAFETY: as for `write_result`; nothing alive has a destructor.
                unsafe {
                    ffi::lua_pushnil(state);
                    ffi::lua_error(state)
                }
            }
        }
    }

    /// At the end of a reply. `typed` says that the script has chosen RESP3, in which truth values are told as such;
    /// the run that is in the slot hears of errors.
    pub fn new(reply: &'a mut Reply, typed: bool, slot: &'a Slot) -> Self {
        let len_max = reply.len().saturating_add(OUTPUT_MAX);
        Output { reply, len_max, typed, slot }
    }
}

/// Writes the value at the top, which stays there.
///
/// # Safety
/// The caller is a function of the interpreter, and lets errors leave; so nothing here has a destructor.
pub unsafe extern "C" fn write_result(state: *mut lua_State, out: &mut Output<'_>) {
    // SAFETY: as the caller promises.
    unsafe { write_value(state, 0, out) };
}

unsafe fn write_value(state: *mut lua_State, depth: usize, out: &mut Output<'_>) {
    // SAFETY: as for `write_result`; each level needs at most four values' room. A text is copied while its value
    // is on the stack.
    unsafe {
        if out.reply.len() > out.len_max {
            ffi::lua_pushstring(state, c"reply too long".as_ptr());
            ffi::lua_error(state);
        }
        if depth > DEPTH_MAX || ffi::lua_checkstack(state, 4) == 0 {
            return write_error(state, b"ERR reached lua stack limit", false, out);
        }
        match ffi::lua_type(state, -1) {
            ffi::LUA_TSTRING => out.put(state, |reply| reply.bulk(text(state))),
            ffi::LUA_TNUMBER => {
                let value = truncated(ffi::lua_tonumber(state, -1));
                out.put(state, |reply| reply.int(value));
            }
            ffi::LUA_TBOOLEAN => match ffi::lua_toboolean(state, -1) != 0 {
                value if out.typed => out.put(state, |reply| reply.bool(value)),
                true => out.put(state, |reply| reply.int(1)),
                false => out.put(state, Reply::null),
            },
            ffi::LUA_TTABLE => {
                if !write_single(state, out) {
                    write_aggregate(state, depth, out);
                }
            }
            _ => out.put(state, Reply::null),
        }
    }
}

/// The text at the top.
unsafe fn text<'s>(state: *mut lua_State) -> &'s [u8] {
    let mut len = 0;
    // SAFETY: the caller has seen that it is a string, and uses it while that is on the stack.
    unsafe { std::slice::from_raw_parts(ffi::lua_tolstring(state, -1, &mut len).cast(), len) }
}

/// A text whose line breaks are spaces.
fn on_one_line(text: &[u8]) -> Cow<'_, [u8]> {
    let breaks = |byte: u8| matches!(byte, b'\r' | b'\n');
    if !text.iter().copied().any(breaks) {
        return Cow::Borrowed(text);
    }
    text.iter().map(|&byte| if breaks(byte) { b' ' } else { byte }).collect()
}

/// Pushes a field of the table at the top if it has this type.
unsafe fn push_field(state: *mut lua_State, name: &CStr, wanted: i32) -> bool {
    // SAFETY: as for `write_result`; a raw look-up runs nothing.
    unsafe {
        ffi::lua_pushstring(state, name.as_ptr());
        let found = ffi::lua_rawget(state, -2) == wanted;
        if !found {
            ffi::lua_pop(state, 1);
        }
        found
    }
}

/// Writes a table that stands for a single reply, which its fields tell, in the order in which they win.
unsafe fn write_single(state: *mut lua_State, out: &mut Output<'_>) -> bool {
    // SAFETY: as for `write_result`.
    unsafe {
        let top = ffi::lua_gettop(state);
        if push_field(state, c"err", ffi::LUA_TSTRING) {
            let error = until_nul(text(state));
            ffi::lua_pushvalue(state, -2);
            let counted = push_field(state, COUNTED_FIELD, ffi::LUA_TBOOLEAN);
            let counted = counted && ffi::lua_toboolean(state, -1) != 0;
            ffi::lua_settop(state, top + 1);
            write_error(state, error, counted, out);
        } else if push_field(state, c"ok", ffi::LUA_TSTRING) {
            out.put(state, |reply| reply.simple(until_nul(text(state))));
        } else if push_field(state, c"double", ffi::LUA_TNUMBER) {
            let value = ffi::lua_tonumber(state, -1);
            out.put(state, |reply| reply.double(value));
        } else if push_field(state, c"big_number", ffi::LUA_TSTRING) {
            out.put(state, |reply| reply.big_number(on_one_line(text(state))));
        } else {
            return write_verbatim(state, out);
        }
        ffi::lua_pop(state, 1);
        true
    }
}

/// Writes an error, of which the run hears.
unsafe fn write_error(state: *mut lua_State, text: &[u8], counted: bool, out: &mut Output<'_>) {
    let slot = out.slot;
    // SAFETY: as for `write_result`.
    unsafe {
        out.put(state, |reply| {
            reply.error(text);
            slot.with(|session| session.host.answers_error(text, counted));
        });
    }
}

unsafe fn write_verbatim(state: *mut lua_State, out: &mut Output<'_>) -> bool {
    // SAFETY: as for `write_result`.
    unsafe {
        let top = ffi::lua_gettop(state);
        let mut written = false;
        if push_field(state, c"verbatim_string", ffi::LUA_TTABLE)
            && push_field(state, c"format", ffi::LUA_TSTRING)
        {
            let format = text(state);
            ffi::lua_pushvalue(state, -2);
            if push_field(state, c"string", ffi::LUA_TSTRING) {
                let format = std::str::from_utf8(format).unwrap_or("txt");
                out.put(state, |reply| reply.verbatim(format, text(state)));
                written = true;
            }
        }
        ffi::lua_settop(state, top);
        written
    }
}

unsafe fn write_aggregate(state: *mut lua_State, depth: usize, out: &mut Output<'_>) {
    // SAFETY: as for `write_result`.
    unsafe {
        let is_map = push_field(state, c"map", ffi::LUA_TTABLE);
        if !is_map && !push_field(state, c"set", ffi::LUA_TTABLE) {
            return write_array(state, depth, out);
        }
        let (header, mut count) = (out.put(state, Reply::defer), 0);
        ffi::lua_pushnil(state);
        while ffi::lua_next(state, -2) != 0 {
            ffi::lua_pushvalue(state, -2);
            write_value(state, depth + 1, out);
            ffi::lua_pop(state, 1);
            if is_map {
                write_value(state, depth + 1, out);
            }
            ffi::lua_pop(state, 1);
            count += 1;
        }
        ffi::lua_pop(state, 1);
        out.put(state, |reply| match is_map {
            true => reply.finish_map(header, count),
            false => reply.finish_set(header, count),
        });
    }
}

/// Writes the elements from 1 on until one is missing.
unsafe fn write_array(state: *mut lua_State, depth: usize, out: &mut Output<'_>) {
    // SAFETY: as for `write_result`.
    unsafe {
        let (header, mut at) = (out.put(state, Reply::defer), 1);
        while ffi::lua_rawgeti(state, -1, at) != ffi::LUA_TNIL {
            write_value(state, depth + 1, out);
            ffi::lua_pop(state, 1);
            at += 1;
        }
        ffi::lua_pop(state, 1);
        out.put(state, |reply| reply.finish_array(header, at as usize - 1));
    }
}
