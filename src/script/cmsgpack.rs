//! The library `cmsgpack`: Lua values to MessagePack and back.
//!
//! It works below mlua's safe layer, by the rules of [`raw`](super::raw): where an error may leave, nothing alive has
//! a destructor. What is written goes to the slot's scratch.
#![allow(unsafe_code)]
#![deny(clippy::indexing_slicing)]

use std::ffi::c_int;
use std::sync::Arc;

use mlua::ffi::{self, lua_State};
use mlua::{Lua, Table};

use super::number::truncated;
use super::push::push_text;
use super::raise::complain;
use super::raw::{self, Slot, fence, slot_of};
use super::views::reveal;
use super::{OUTPUT_MAX, RETURNED_MAX};

/// Tables nested deeper are written as nil: a table may contain itself.
const ENCODE_DEPTH_MAX: usize = 16;
/// Nesting that is refused: each level takes some of the thread's stack.
const DECODE_DEPTH_MAX: usize = 1000;
/// Elements that a table gets room for on the mere word of its header.
const TRUSTED: u64 = 64;

/// The table `cmsgpack`.
///
/// # Errors
/// If Lua has no memory left.
pub fn table(lua: &Lua, slot: &Arc<Slot>) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("_NAME", "cmsgpack")?;
    table.raw_set("_VERSION", "lua-cmsgpack 0.4.0")?;
    table.raw_set("_DESCRIPTION", "MessagePack C implementation for Lua")?;
    let functions: [(&str, ffi::lua_CFunction); 4] =
        [("pack", pack), ("unpack", unpack), ("unpack_one", unpack_one), ("unpack_limit", unpack_limit)];
    raw::functions(lua, slot, &table, &functions)?;
    Ok(table)
}

unsafe extern "C-unwind" fn pack(state: *mut lua_State) -> c_int {
    // SAFETY: a function of the interpreter, with its slot.
    unsafe { pack_all(state) }
}

unsafe extern "C-unwind" fn unpack(state: *mut lua_State) -> c_int {
    // SAFETY: a function of the interpreter.
    unsafe { unpack_part(state, false, i64::MAX, 0) }
}

unsafe extern "C-unwind" fn unpack_one(state: *mut lua_State) -> c_int {
    // SAFETY: a function of the interpreter.
    unsafe {
        let offset = truncated(ffi::luaL_optnumber(state, 2, 0.0));
        unpack_part(state, true, 1, offset)
    }
}

unsafe extern "C-unwind" fn unpack_limit(state: *mut lua_State) -> c_int {
    // SAFETY: a function of the interpreter.
    unsafe {
        let limit = truncated(ffi::luaL_checknumber(state, 2));
        let offset = truncated(ffi::luaL_optnumber(state, 3, 0.0));
        unpack_part(state, true, limit, offset)
    }
}

/// Packs the arguments; nothing unwinds from here, see [`raw`](super::raw).
unsafe extern "C" fn pack_all(state: *mut lua_State) -> c_int {
    // SAFETY: as for `pack`. No Lua code runs meanwhile: tables are read raw.
    unsafe {
        let count = ffi::lua_gettop(state);
        if count == 0 {
            return ffi::luaL_argerror(state, 0, c"MessagePack pack needs input.".as_ptr());
        }
        let mut encoder = Encoder { state, out: slot_of(state).scratch() };
        for at in 1..=count {
            ffi::luaL_checkstack(state, 1, c"in function pack".as_ptr());
            ffi::lua_pushvalue(state, at);
            encoder.value(0);
            ffi::lua_pop(state, 1);
        }
        push_text(state, encoder.out);
        1
    }
}

struct Encoder<'a> {
    state: *mut lua_State,
    out: &'a mut Vec<u8>,
}

impl Encoder<'_> {
    /// Writes something that calls nothing of the interpreter.
    unsafe fn put(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if fence(|| write(self.out)).is_none() {
            // SAFETY: as for `pack_all`.
            unsafe { complain(self.state, format_args!("internal error")) }
        }
    }

    /// Writes the value at the top, which stays there.
    unsafe fn value(&mut self, depth: usize) {
        let state = self.state;
        // SAFETY: as for `pack_all`.
        unsafe {
            if self.out.len() > OUTPUT_MAX {
                complain(state, format_args!("MessagePack text too long"));
            }
            match ffi::lua_type(state, -1) {
                ffi::LUA_TBOOLEAN => {
                    let mark = if ffi::lua_toboolean(state, -1) != 0 { 0xc3 } else { 0xc2 };
                    self.put(|out| out.push(mark));
                }
                ffi::LUA_TNUMBER => {
                    let value = ffi::lua_tonumber(state, -1);
                    self.put(|out| encode_number(value, out));
                }
                ffi::LUA_TSTRING => {
                    let mut len = 0;
                    let text = ffi::lua_tolstring(state, -1, &mut len).cast::<u8>();
                    let text = std::slice::from_raw_parts(text, len);
                    self.put(|out| encode_text(text, out));
                }
                ffi::LUA_TTABLE if depth < ENCODE_DEPTH_MAX => self.table(depth),
                _ => self.put(|out| out.push(0xc0)),
            }
        }
    }

    unsafe fn table(&mut self, depth: usize) {
        let state = self.state;
        let (mut max, mut count, mut is_array) = (0.0_f64, 0_usize, true);
        // SAFETY: as for `pack_all`; the table isn't changed while it is walked through.
        unsafe {
            ffi::luaL_checkstack(state, 4, c"in function pack".as_ptr());
            reveal(state);
            ffi::lua_pushnil(state);
            while ffi::lua_next(state, -2) != 0 {
                let number = ffi::lua_type(state, -2) == ffi::LUA_TNUMBER;
                let key = if number { ffi::lua_tonumber(state, -2) } else { 0.0 };
                is_array &= key > 0.0 && key.trunc() == key;
                max = max.max(key);
                count += 1;
                ffi::lua_pop(state, 1);
            }
            if is_array && max == count as f64 {
                self.put(|out| collection(0x90, 0xdc, count, out));
                for at in 1..=count {
                    ffi::lua_rawgeti_(state, -1, at as c_int);
                    self.value(depth + 1);
                    ffi::lua_pop(state, 1);
                }
                return;
            }
            self.put(|out| collection(0x80, 0xde, count, out));
            ffi::lua_pushnil(state);
            while ffi::lua_next(state, -2) != 0 {
                ffi::lua_pushvalue(state, -2);
                self.value(depth + 1);
                ffi::lua_pop(state, 1);
                self.value(depth + 1);
                ffi::lua_pop(state, 1);
            }
        }
    }
}

/// The header of an array or a map: what is short is in the mark.
fn collection(short: u8, long: u8, len: usize, out: &mut Vec<u8>) {
    if len < 16 { out.push(short | len as u8) } else { header(long, len, out) }
}

fn encode_text(text: &[u8], out: &mut Vec<u8>) {
    match text.len() {
        len @ 0..=31 => out.push(0xa0 | len as u8),
        len @ 32..=0xff => out.extend_from_slice(&[0xd9, len as u8]),
        len => header(0xda, len, out),
    }
    out.extend_from_slice(text);
}

/// A header of 16 bits of length, or the next mark with 32.
fn header(mark: u8, len: usize, out: &mut Vec<u8>) {
    if let Ok(len) = u16::try_from(len) {
        out.push(mark);
        out.extend_from_slice(&len.to_be_bytes());
    } else {
        out.push(mark + 1);
        out.extend_from_slice(&(len as u32).to_be_bytes());
    }
}

fn encode_number(value: f64, out: &mut Vec<u8>) {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if value == value.trunc() && (-BEYOND..BEYOND).contains(&value) {
        encode_int(value as i64, out);
    } else if f64::from(value as f32) == value {
        out.push(0xca);
        out.extend_from_slice(&(value as f32).to_be_bytes());
    } else {
        out.push(0xcb);
        out.extend_from_slice(&value.to_be_bytes());
    }
}

fn encode_int(value: i64, out: &mut Vec<u8>) {
    let bytes = value.to_be_bytes();
    let (mark, width) = match value {
        -32..=127 => return out.push(value as u8),
        128..=0xff => (0xcc, 1),
        0x100..=0xffff => (0xcd, 2),
        0x1_0000..=0xffff_ffff => (0xce, 4),
        0x1_0000_0000.. => (0xcf, 8),
        -128..=-33 => (0xd0, 1),
        -0x8000..=-129 => (0xd1, 2),
        -0x8000_0000..=-0x8001 => (0xd2, 4),
        _ => (0xd3, 8),
    };
    out.push(mark);
    out.extend_from_slice(bytes.get(8 - width..).unwrap_or_default());
}

/// Reads values; if it `tells`, the offset after them comes first, -1 at the end. Nothing unwinds from here,
/// see [`raw`](super::raw).
unsafe extern "C" fn unpack_part(state: *mut lua_State, tells: bool, limit: i64, offset: i64) -> c_int {
    // SAFETY: as for `unpack`. The text is an argument, so it stays.
    unsafe {
        let mut len = 0;
        let text = ffi::luaL_checklstring(state, 1, &mut len).cast::<u8>();
        // As in Redis: nothing from nowhere is everything.
        let tells = tells && (limit, offset) != (0, 0);
        let limit = if tells { limit } else { i64::MAX };
        // The complaints tell the low 32 bits.
        let (shown, shown_len) = (offset as i32, len as i32);
        if limit < 0 || offset < 0 {
            let why =
                format_args!("Invalid request to unpack with offset of {shown} and limit of {shown_len}.");
            complain(state, why);
        }
        let Some(rest) = std::slice::from_raw_parts(text, len).get(offset as usize..) else {
            complain(state, format_args!("Start offset {shown} greater than input length {shown_len}."));
        };
        ffi::lua_settop(state, 1);
        if tells {
            // Its place.
            ffi::lua_pushnil(state);
        }
        let mut decoder = Decoder { state, rest };
        let mut count = 0;
        while !decoder.rest.is_empty() && count < limit {
            if count >= RETURNED_MAX as i64 {
                let why = "too many return values at once; use unpack_one or unpack_limit instead.";
                complain(state, format_args!("stack overflow ({why})"));
            }
            decoder.value(0);
            count += 1;
        }
        if tells {
            let left = decoder.rest.len();
            ffi::lua_pushnumber(state, if left == 0 { -1.0 } else { (len - left) as f64 });
            ffi::lua_replace(state, 2);
        }
        ffi::lua_gettop(state) - 1
    }
}

/// What a value begins with, taken apart: what it is, or what follows it.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Piece<'a> {
    Number(f64),
    Text(&'a [u8]),
    Nil,
    Boolean(bool),
    /// So many values follow.
    Array(u64),
    /// So many pairs.
    Map(u64),
}

/// Why there is no value.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Flaw {
    Missing,
    Bad,
    /// There was a panic, which is a bug.
    Internal,
}

impl Flaw {
    fn text(self) -> &'static str {
        match self {
            Flaw::Missing => "Missing bytes in input.",
            Flaw::Bad => "Bad data format in input.",
            Flaw::Internal => "internal error",
        }
    }
}

/// Takes bytes off the front.
fn take<'a>(rest: &mut &'a [u8], len: u64) -> Result<&'a [u8], Flaw> {
    usize::try_from(len).ok().and_then(|len| rest.split_off(..len)).ok_or(Flaw::Missing)
}

fn unsigned(rest: &mut &[u8], width: u64) -> Result<u64, Flaw> {
    Ok(take(rest, width)?.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
}

/// Takes the next piece off the front.
fn piece<'a>(rest: &mut &'a [u8]) -> Result<Piece<'a>, Flaw> {
    let mark = unsigned(rest, 1)? as u8;
    Ok(match mark {
        0..=0x7f => Piece::Number(f64::from(mark)),
        0xe0.. => Piece::Number(f64::from(mark as i8)),
        0xca => Piece::Number(f64::from(f32::from_bits(unsigned(rest, 4)? as u32))),
        0xcb => Piece::Number(f64::from_bits(unsigned(rest, 8)?)),
        0xcc..=0xcf => Piece::Number(unsigned(rest, 1 << (mark - 0xcc))? as f64),
        0xd0..=0xd3 => {
            let width = 1 << (mark - 0xd0);
            let unused = 64 - 8 * width as u32;
            Piece::Number(((unsigned(rest, width)? << unused) as i64 >> unused) as f64)
        }
        0x80..=0x8f => Piece::Map(u64::from(mark & 15)),
        0x90..=0x9f => Piece::Array(u64::from(mark & 15)),
        0xa0..=0xbf => Piece::Text(take(rest, u64::from(mark & 31))?),
        0xc0 => Piece::Nil,
        0xc2 | 0xc3 => Piece::Boolean(mark == 0xc3),
        0xd9..=0xdb => {
            let len = unsigned(rest, 1 << (mark - 0xd9))?;
            Piece::Text(take(rest, len)?)
        }
        0xdc | 0xdd => Piece::Array(unsigned(rest, 2 << (mark - 0xdc))?),
        0xde | 0xdf => Piece::Map(unsigned(rest, 2 << (mark - 0xde))?),
        _ => return Err(Flaw::Bad),
    })
}

struct Decoder<'a> {
    state: *mut lua_State,
    rest: &'a [u8],
}

impl Decoder<'_> {
    /// Pushes the next value.
    unsafe fn value(&mut self, depth: usize) {
        let state = self.state;
        // SAFETY: as for `unpack_part`; each level needs at most four values' room.
        unsafe {
            ffi::luaL_checkstack(state, 4, c"too many values".as_ptr());
            let rest = &mut self.rest;
            match fence(|| piece(rest)).unwrap_or(Err(Flaw::Internal)) {
                Ok(Piece::Number(value)) => ffi::lua_pushnumber(state, value),
                Ok(Piece::Text(text)) => push_text(state, text),
                Ok(Piece::Nil) => ffi::lua_pushnil(state),
                Ok(Piece::Boolean(value)) => ffi::lua_pushboolean(state, c_int::from(value)),
                Ok(Piece::Array(len)) => self.array(len, depth),
                Ok(Piece::Map(len)) => self.map(len, depth),
                Err(flaw) => complain(state, format_args!("{}", flaw.text())),
            }
        }
    }

    /// Refuses to nest deeper than the thread's stack allows.
    unsafe fn descend(&self, depth: usize) {
        if depth >= DECODE_DEPTH_MAX {
            // SAFETY: as for `unpack_part`.
            unsafe { complain(self.state, format_args!("{}", Flaw::Bad.text())) }
        }
    }

    unsafe fn array(&mut self, len: u64, depth: usize) {
        // SAFETY: as for `value`. Each element takes a byte of the input, so their numbers fit.
        unsafe {
            self.descend(depth);
            ffi::lua_createtable(self.state, len.min(TRUSTED) as c_int, 0);
            for at in 1..=len {
                self.value(depth + 1);
                ffi::lua_rawseti_(self.state, -2, at as c_int);
            }
        }
    }

    unsafe fn map(&mut self, len: u64, depth: usize) {
        // SAFETY: as for `value`. Keys that no table takes raise errors.
        unsafe {
            self.descend(depth);
            ffi::lua_createtable(self.state, 0, len.min(TRUSTED) as c_int);
            for _ in 0..len {
                self.value(depth + 1);
                self.value(depth + 1);
                ffi::lua_rawset(self.state, -3);
            }
        }
    }
}
