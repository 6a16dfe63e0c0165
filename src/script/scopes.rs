//! What functions of Lua's own library see of the prelude's functions on the stack, and of their arguments.
//!
//! The functions of `prelude.lua` have an environment of their own, by which they are known: scripts see the globals
//! in its place and can't change it.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ptr;

use mlua::ffi::{self, lua_State};
use mlua::{Lua, Table};

use super::guards::{go_on, guarded};
use super::views::refuse;

/// `getfenv` and `setfenv`, checked, by name.
///
/// # Errors
/// If Lua has no memory left.
pub fn base(lua: &Lua, own: &Table) -> mlua::Result<Table> {
    guarded(lua, &lua.globals(), own, &[("getfenv", getfenv), ("setfenv", setfenv)])
}

/// Functions of the prelude behind a check of their arguments, so that what is wrong is told of the script.
///
/// # Errors
/// If Lua has no memory left.
pub fn fronts(lua: &Lua, own: &Table, functions: &Table) -> mlua::Result<Table> {
    guarded(lua, functions, own, &[("load", load), ("resume", resume), ("xpcall", xpcall)])
}

unsafe extern "C-unwind" fn getfenv(state: *mut lua_State) -> c_int {
    // SAFETY: a function of the interpreter, whose second upvalue is the environment of the prelude.
    unsafe {
        let count = go_on(state);
        let own = ffi::lua_upvalueindex(2);
        if ffi::lua_rawequal(state, -1, own) != 0 {
            ffi::lua_getfield(state, own, c"globals".as_ptr());
        }
        count
    }
}

unsafe extern "C-unwind" fn setfenv(state: *mut lua_State) -> c_int {
    // SAFETY: a function of the interpreter; nothing alive has a destructor.
    unsafe {
        ffi::luaL_checktype(state, 2, ffi::LUA_TTABLE);
        let is_level = ffi::lua_isnumber(state, 1) != 0;
        // Level 0 stands for the globals of all scripts.
        if is_level && ffi::lua_tonumber(state, 1) == 0.0 || is_of_prelude(state) {
            refuse(state);
        }
        go_on(state)
    }
}

/// Whether the first argument is a function of the prelude or the level of one.
unsafe fn is_of_prelude(state: *mut lua_State) -> bool {
    // SAFETY: as for `setfenv`; the record of a level is read only if there is such a level.
    unsafe {
        if ffi::lua_type(state, 1) == ffi::LUA_TFUNCTION {
            ffi::lua_pushvalue(state, 1);
        } else {
            let level = ffi::lua_tointeger(state, 1) as c_int;
            let mut record = MaybeUninit::<ffi::lua_Debug>::zeroed();
            if level < 0 || ffi::lua_getstack(state, level, record.as_mut_ptr()) == 0 {
                return false;
            }
            ffi::lua_getinfo(state, c"f".as_ptr(), record.as_mut_ptr());
        }
        ffi::lua_getfenv(state, -1);
        let is_own = ffi::lua_rawequal(state, -1, ffi::lua_upvalueindex(2)) != 0;
        ffi::lua_pop(state, 2);
        is_own
    }
}

unsafe extern "C-unwind" fn load(state: *mut lua_State) -> c_int {
    // SAFETY: a function of the interpreter.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TFUNCTION);
        ffi::luaL_optlstring(state, 2, c"".as_ptr(), ptr::null_mut());
        hand_over(state)
    }
}

unsafe extern "C-unwind" fn resume(state: *mut lua_State) -> c_int {
    // SAFETY: a function of the interpreter.
    unsafe {
        if ffi::lua_type(state, 1) != ffi::LUA_TTHREAD {
            return ffi::luaL_argerror(state, 1, c"coroutine expected".as_ptr());
        }
        hand_over(state)
    }
}

unsafe extern "C-unwind" fn xpcall(state: *mut lua_State) -> c_int {
    // SAFETY: a function of the interpreter.
    unsafe {
        ffi::luaL_checkany(state, 2);
        hand_over(state)
    }
}

/// Calls the function of the prelude with the same arguments.
unsafe fn hand_over(state: *mut lua_State) -> c_int {
    // SAFETY: a function of the interpreter, nothing alive in its frame.
    unsafe {
        let count = ffi::lua_gettop(state);
        ffi::lua_pushvalue(state, ffi::lua_upvalueindex(1));
        ffi::lua_insert(state, 1);
        ffi::lua_call(state, count, ffi::LUA_MULTRET);
        ffi::lua_gettop(state)
    }
}
