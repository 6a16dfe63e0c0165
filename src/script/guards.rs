//! Functions of Lua's own library whose C code trusts its arguments too much, behind a check.
//!
//! - `unpack` computes the length of a range in 32 bits, and overflows (CVE-2025-46817).
//! - `loadstring` parses with objects that the collector doesn't know of (CVE-2025-49844), and takes bytecode
//!   (CVE-2015-4335).
//! - `string.find` and its kin take a frame of the thread's stack for each item of a pattern.
//! - `collectgarbage` can stop the collector for good.
//!
//! A checked function goes on in the original with the frame as it is, so that errors tell what they always tell.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::ptr;

use mlua::ffi::{self, lua_State};
use mlua::{Function, Lua, Table};

/// The most values that `unpack` returns: what a C function's stack holds, with some room.
const UNPACKED_MAX: i64 = 7999;
/// The longest pattern, in bytes: two of them may take two frames of the stack.
const PATTERN_MAX: usize = 4096;
/// What makes Lua take a chunk for compiled code.
pub const BYTECODE_MARK: u8 = 0x1b;

/// A function's name and the check in front of it.
pub type Checked = (&'static str, ffi::lua_CFunction);

/// Functions without a library, checked, by name.
///
/// # Errors
/// If Lua has no memory left.
pub fn base(lua: &Lua, own: &Table) -> mlua::Result<Table> {
    let checked: [Checked; 3] =
        [("unpack", unpack), ("loadstring", loadstring), ("collectgarbage", collectgarbage)];
    guarded(lua, &lua.globals(), own, &checked)
}

/// The functions of `string` that take a pattern, checked, by name.
///
/// # Errors
/// If Lua has no memory left.
pub fn patterns(lua: &Lua, own: &Table) -> mlua::Result<Table> {
    let checked: [Checked; 4] =
        [("find", find), ("match", matching), ("gmatch", matching), ("gsub", matching)];
    guarded(lua, &lua.globals().raw_get("string")?, own, &checked)
}

/// Checks whose upvalues are the original of the same name and the environment of the prelude.
///
/// # Errors
/// If Lua has no memory left.
pub fn guarded(lua: &Lua, originals: &Table, own: &Table, checked: &[Checked]) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    for &(name, function) in checked {
        let original: Function = originals.raw_get(name)?;
        // SAFETY: the upvalues are at the top of the stack, where the closure takes them from.
        let guarded: Function =
            unsafe { lua.exec_raw((original, own), |state| ffi::lua_pushcclosure(state, function, 2))? };
        table.raw_set(name, guarded)?;
    }
    Ok(table)
}

/// Goes on in the original, with the same arguments.
///
/// # Safety
/// For functions made by [`guarded`] of C functions without upvalues; nothing alive in their frames has a destructor.
pub unsafe fn go_on(state: *mut lua_State) -> c_int {
    // SAFETY: as the caller promises.
    unsafe {
        match ffi::lua_tocfunction(state, ffi::lua_upvalueindex(1)) {
            Some(original) => original(state),
            None => ffi::luaL_error(state, c"no such function".as_ptr()),
        }
    }
}

unsafe extern "C-unwind" fn unpack(state: *mut lua_State) -> c_int {
    // SAFETY: a function of the interpreter; only numbers are alive when an error leaves.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        // As C converts them, but told apart from what has no place in an `int`.
        let from = ffi::luaL_optnumber(state, 2, 1.0);
        let to = ffi::luaL_optnumber(state, 3, ffi::lua_objlen(state, 1) as f64);
        let fits = |number: f64| (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&number);
        let many = !fits(from) || !fits(to) || to as i64 - from as i64 >= UNPACKED_MAX;
        if many {
            return ffi::luaL_error(state, c"too many results to unpack".as_ptr());
        }
        go_on(state)
    }
}

unsafe extern "C-unwind" fn loadstring(state: *mut lua_State) -> c_int {
    // SAFETY: a function of the interpreter; nothing alive has a destructor. The text is an argument, so it stays.
    // Between stopping and starting the collector nothing raises: the parser runs under a protected call.
    unsafe {
        let mut len = 0;
        let code = ffi::luaL_checklstring(state, 1, &mut len);
        let name = ffi::luaL_optlstring(state, 2, code, ptr::null_mut());
        if len > 0 && *code.cast::<u8>() == BYTECODE_MARK {
            ffi::lua_pushnil(state);
            push_str(state, "attempt to load a binary chunk");
            return 2;
        }
        ffi::lua_gc(state, ffi::LUA_GCSTOP, 0);
        let status = ffi::luaL_loadbuffer(state, code, len, name);
        ffi::lua_gc(state, ffi::LUA_GCRESTART, 0);
        if status == ffi::LUA_OK {
            return 1;
        }
        ffi::lua_pushnil(state);
        ffi::lua_insert(state, -2);
        2
    }
}

unsafe extern "C-unwind" fn find(state: *mut lua_State) -> c_int {
    // SAFETY: a function of the interpreter.
    unsafe {
        // A fourth argument says that the pattern is a plain text.
        if ffi::lua_toboolean(state, 4) != 0 { go_on(state) } else { matching(state) }
    }
}

unsafe extern "C-unwind" fn matching(state: *mut lua_State) -> c_int {
    // SAFETY: a function of the interpreter; only numbers and a reference are alive when an error leaves. The
    // pattern's bytes are looked at while it is an argument.
    unsafe {
        if ffi::lua_type(state, 2) == ffi::LUA_TSTRING {
            let mut len = 0;
            let pattern = ffi::lua_tolstring(state, 2, &mut len).cast::<u8>();
            if len > PATTERN_MAX && is_complex(std::slice::from_raw_parts(pattern, len)) {
                return ffi::luaL_error(state, c"pattern too complex".as_ptr());
            }
        }
        go_on(state)
    }
}

/// Whether a pattern has many items that take a frame; others are compared in a loop.
fn is_complex(pattern: &[u8]) -> bool {
    pattern.iter().filter(|byte| b"*+-?()".contains(byte)).count() > PATTERN_MAX / 2
}

/// The collector is the interpreter's own: scripts have it work, but don't change how it does.
unsafe extern "C-unwind" fn collectgarbage(state: *mut lua_State) -> c_int {
    let names = [c"collect", c"count", c"step", c"stop", c"restart", c"setpause", c"setstepmul"];
    let mut list = [ptr::null(); 8];
    list.iter_mut().zip(names).for_each(|(at, name)| *at = name.as_ptr());
    // SAFETY: a function of the interpreter; the names are constants, and behind them is a null.
    unsafe {
        if ffi::luaL_checkoption(state, 1, c"collect".as_ptr(), list.as_ptr()) < 3 {
            return go_on(state);
        }
        ffi::lua_pushnumber(state, 0.0);
        1
    }
}

/// Pushes a text.
///
/// # Safety
/// For functions of the interpreter, nothing alive in their frames.
pub unsafe fn push_str(state: *mut lua_State, text: &str) {
    // SAFETY: the interpreter copies so many bytes.
    unsafe { ffi::lua_pushlstring_(state, text.as_ptr().cast(), text.len()) };
}
