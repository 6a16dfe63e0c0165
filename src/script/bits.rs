//! The library `bit`: operations on 32-bit integers.

use mlua::{Lua, MultiValue, Result, Table};

use super::arguments::Arguments;

/// Adding it to a double leaves the integer, modulo 2^32, in the low bits.
const INTEGER_MAGIC: f64 = 6_755_399_441_055_744.0;

/// Makes an integer of another.
type Change = fn(i32) -> i32;
/// Takes two integers together.
type Fold = fn(i32, i32) -> i32;
/// Moves bits by a count below 32.
type Shift = fn(i32, u32) -> i32;

/// The table `bit`.
///
/// # Errors
/// If Lua has no memory left.
pub fn table(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    let changes: [(&str, Change); 3] = [("tobit", |x| x), ("bnot", |x| !x), ("bswap", i32::swap_bytes)];
    for (name, operation) in changes {
        let function = move |lua: &Lua, args: MultiValue| {
            Ok(f64::from(operation(bits(&Arguments::new(lua, name, args), 1)?)))
        };
        table.raw_set(name, lua.create_function(function)?)?;
    }
    let folds: [(&str, Fold); 3] = [("band", |a, b| a & b), ("bor", |a, b| a | b), ("bxor", |a, b| a ^ b)];
    for (name, operation) in folds {
        let function = move |lua: &Lua, args: MultiValue| {
            let args = Arguments::new(lua, name, args);
            let first = bits(&args, 1)?;
            let all = (2..=args.len())
                .try_fold(first, |sum, at| Ok::<_, mlua::Error>(operation(sum, bits(&args, at)?)));
            Ok(f64::from(all?))
        };
        table.raw_set(name, lua.create_function(function)?)?;
    }
    let shifts: [(&str, Shift); 5] = [
        ("lshift", |x, n| x << n),
        ("rshift", |x, n| (x as u32 >> n) as i32),
        ("arshift", |x, n| x >> n),
        ("rol", i32::rotate_left),
        ("ror", i32::rotate_right),
    ];
    for (name, operation) in shifts {
        let function = move |lua: &Lua, args: MultiValue| {
            let args = Arguments::new(lua, name, args);
            Ok(f64::from(operation(bits(&args, 1)?, bits(&args, 2)? as u32 & 31)))
        };
        table.raw_set(name, lua.create_function(function)?)?;
    }
    table.raw_set("tohex", lua.create_function(tohex)?)?;
    Ok(table)
}

fn bits(args: &Arguments<'_>, at: usize) -> Result<i32> {
    Ok((args.number(at)? + INTEGER_MAGIC).to_bits() as i32)
}

/// Hexadecimal digits, as many as the second argument says; below zero: in upper case.
fn tohex(lua: &Lua, args: MultiValue) -> Result<String> {
    let args = Arguments::new(lua, "tohex", args);
    let value = bits(&args, 1)? as u32;
    let count = if args.len() >= 2 { bits(&args, 2)? } else { 8 };
    let digits = count.unsigned_abs().min(8) as usize;
    let text = if count < 0 { format!("{value:08X}") } else { format!("{value:08x}") };
    Ok(text[8 - digits..].to_owned())
}
