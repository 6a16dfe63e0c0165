//! What scripts see of the tables that all of them share.
//!
//! A view is an empty table that stands for a real one. Its metatable, made by `prelude.lua`, reads from the real
//! table, refuses writes, and names the real table under a [`mark`] that no script can get hold of. Lua's raw functions
//! go past metatables, so those that scripts see are behind a check of this file: the ones that read go on with the
//! real table, the ones that write are refused.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};

use mlua::ffi::{self, lua_State};
use mlua::{LightUserData, Lua, Table};

use super::guards::{Checked, go_on, guarded, push_str};

/// The key of the real table in the metatable of a view: the address of this.
static MARK: u8 = 0;

/// The key of the real table in the metatable of a view.
pub fn mark() -> LightUserData {
    LightUserData(mark_address().cast_mut())
}

fn mark_address() -> *const c_void {
    (&raw const MARK).cast()
}

/// Lua's basic functions that go past metatables, checked, by name.
///
/// # Errors
/// If Lua has no memory left.
pub fn base(lua: &Lua, own: &Table) -> mlua::Result<Table> {
    let originals = lua.globals();
    let checked: [Checked; 5] = [
        ("next", reading),
        ("rawget", reading),
        ("rawset", writing),
        ("setmetatable", writing),
        ("getmetatable", getmetatable),
    ];
    let table = guarded(lua, &originals, own, &checked)?;
    let next = lua.create_table_from([("pairs", originals.raw_get::<mlua::Function>("next")?)])?;
    let pairs: Table = guarded(lua, &next, own, &[("pairs", pairs)])?;
    table.raw_set("pairs", pairs.raw_get::<mlua::Function>("pairs")?)?;
    Ok(table)
}

/// The functions of `table` that take views, checked, by name.
///
/// # Errors
/// If Lua has no memory left.
pub fn tables(lua: &Lua, own: &Table) -> mlua::Result<Table> {
    let checked: [Checked; 4] =
        [("insert", writing), ("remove", writing), ("sort", writing), ("foreach", reading)];
    guarded(lua, &lua.globals().raw_get("table")?, own, &checked)
}

/// Puts the real table in the place of a view at the top of the stack; it takes two more slots meanwhile.
///
/// # Safety
/// For functions of the interpreter, which don't give the table to scripts.
pub unsafe fn reveal(state: *mut lua_State) {
    // SAFETY: as the caller promises; nothing here raises.
    unsafe {
        if push_real(state, -1) {
            ffi::lua_replace(state, -2);
        }
    }
}

/// Pushes the real table of a view; nothing if the value isn't one.
unsafe fn push_real(state: *mut lua_State, at: c_int) -> bool {
    // SAFETY: raw reads of the stack, which has room; nothing here raises.
    unsafe {
        if ffi::lua_type(state, at) != ffi::LUA_TTABLE || ffi::lua_getmetatable(state, at) == 0 {
            return false;
        }
        let is_view = ffi::lua_rawgetp(state, -1, mark_address()) == ffi::LUA_TTABLE;
        ffi::lua_remove(state, -2);
        if !is_view {
            ffi::lua_pop(state, 1);
        }
        is_view
    }
}

unsafe extern "C-unwind" fn reading(state: *mut lua_State) -> c_int {
    // SAFETY: a function of the interpreter, which gives keys and values only.
    unsafe {
        if push_real(state, 1) {
            ffi::lua_replace(state, 1);
        }
        go_on(state)
    }
}

unsafe extern "C-unwind" fn writing(state: *mut lua_State) -> c_int {
    // SAFETY: a function of the interpreter.
    unsafe {
        if push_real(state, 1) {
            refuse(state);
        }
        go_on(state)
    }
}

/// `pairs`, whose upvalue is `next`.
unsafe extern "C-unwind" fn pairs(state: *mut lua_State) -> c_int {
    // SAFETY: a function of the interpreter; nothing alive has a destructor.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        let is_view = push_real(state, 1);
        ffi::lua_pushvalue(state, ffi::lua_upvalueindex(1));
        if is_view {
            ffi::lua_pushcclosure(state, reading, 1);
        }
        ffi::lua_pushvalue(state, 1);
        ffi::lua_pushnil(state);
        3
    }
}

/// Views seem to have no metatable, but for that of the globals, which is a view as well.
unsafe extern "C-unwind" fn getmetatable(state: *mut lua_State) -> c_int {
    // SAFETY: a function of the interpreter.
    unsafe {
        let count = go_on(state);
        if ffi::lua_type(state, -1) == ffi::LUA_TBOOLEAN && push_real(state, 1) {
            ffi::lua_pushnil(state);
        }
        count
    }
}

/// Raises the error of whoever writes to a view, which tells no place.
///
/// # Safety
/// For functions of the interpreter, nothing alive in their frames.
pub unsafe fn refuse(state: *mut lua_State) -> ! {
    // SAFETY: as the caller promises.
    unsafe {
        push_str(state, "Attempt to modify a readonly table");
        ffi::lua_error(state)
    }
}
