//! The table `redis`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mlua::{Lua, MultiValue, Result, Table, Value};
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::arguments::Arguments;
use super::raise::{fail, fail_reply};
use super::raw::{self, Slot};
use super::register::{self, Loading};
use super::{Host, sha_of};
use crate::base::c_text::until_nul;
use crate::base::num::{DoubleText, exact_i64};
use crate::config::REDIS_VERSION;
use crate::resp::{Protocol, Reply};

/// What a running script has for its commands.
pub struct Session<'a> {
    /// The script's SHA1, or the function's name.
    pub name: &'a [u8],
    /// Runs them.
    pub host: &'a mut dyn Host,
    /// The protocol that the script has chosen for their replies.
    pub protocol: Protocol,
    /// Kept from command to command.
    pub reply: Reply,
}

/// Flags of `redis.set_repl`: who gets what a script changes.
const REPL_AOF: i64 = 1;
const REPL_REPLICA: i64 = 2;
const REPL_ALL: i64 = REPL_AOF | REPL_REPLICA;

/// The table; its functions find the run in the slot.
///
/// # Errors
/// If Lua has no memory left.
pub fn table(lua: &Lua, slot: &Arc<Slot>) -> Result<Table> {
    let api = lua.create_table()?;
    raw::functions(lua, slot, &api, &raw::CALLS)?;
    let own = Arc::clone(slot);
    api.raw_set("setresp", lua.create_function(move |lua, args| setresp(lua, &own, args))?)?;
    let own = Arc::clone(slot);
    api.raw_set("acl_check_cmd", lua.create_function(move |_, args| may_call(&own, &args))?)?;
    constants(&api)?;
    let repl = [
        ("REPL_NONE", 0),
        ("REPL_AOF", REPL_AOF),
        ("REPL_SLAVE", REPL_REPLICA),
        ("REPL_REPLICA", REPL_REPLICA),
        ("REPL_ALL", REPL_ALL),
    ];
    for (name, flags) in repl {
        api.raw_set(name, flags)?;
    }
    api.raw_set("log", lua.create_function(log)?)?;
    api.raw_set("sha1hex", lua.create_function(sha1hex)?)?;
    api.raw_set("error_reply", lua.create_function(|lua, args| error_reply(lua, &args))?)?;
    api.raw_set("status_reply", lua.create_function(|lua, args| status_reply(lua, &args))?)?;
    let own = Arc::clone(slot);
    api.raw_set("set_repl", lua.create_function(move |lua, args| set_repl(lua, &own, args))?)?;
    api.raw_set("replicate_commands", lua.create_function(|_, _: MultiValue| Ok(true))?)?;
    api.raw_set("breakpoint", lua.create_function(|_, _: MultiValue| Ok(false))?)?;
    api.raw_set("debug", lua.create_function(|_, _: MultiValue| Ok(()))?)?;
    Ok(api)
}

/// The table that the code of a library sees while it is loaded.
///
/// # Errors
/// If Lua has no memory left.
pub fn library_table(lua: &Lua, loading: &Arc<Mutex<Option<Loading>>>) -> Result<Table> {
    let api = lua.create_table()?;
    constants(&api)?;
    api.raw_set("log", lua.create_function(log)?)?;
    api.raw_set("register_function", register::function(lua, loading)?)?;
    Ok(api)
}

fn constants(api: &Table) -> Result<()> {
    api.raw_set("REDIS_VERSION", REDIS_VERSION)?;
    api.raw_set("REDIS_VERSION_NUM", 0x0007_0401)?;
    for (name, level) in [("LOG_DEBUG", 0), ("LOG_VERBOSE", 1), ("LOG_NOTICE", 2), ("LOG_WARNING", 3)] {
        api.raw_set(name, level)?;
    }
    Ok(())
}

/// The text of a number, as an argument of a command.
pub struct Text(SmallVec<[u8; 24]>);

impl Text {
    /// The text of a number.
    pub fn of_number(value: f64) -> Self {
        let mut text = SmallVec::new();
        match exact_i64(value) {
            Some(value) => text.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
            None => text.extend_from_slice(DoubleText::new(value).as_bytes()),
        }
        Text(text)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn may_call(slot: &Slot, args: &MultiValue) -> Result<bool> {
    if args.is_empty() {
        return Err(fail_reply("ERR Please specify at least one argument for this redis lib call"));
    }
    let text = |value: &Value| match value {
        Value::String(text) => Ok(text.as_bytes().to_vec()),
        Value::Integer(value) => Ok(Text::of_number(*value as f64).as_bytes().to_vec()),
        Value::Number(value) => Ok(Text::of_number(*value).as_bytes().to_vec()),
        _ => Err(fail_reply("ERR Lua redis lib command arguments must be strings or integers")),
    };
    let texts: Vec<Vec<u8>> = args.iter().map(text).collect::<Result<_>>()?;
    let args: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
    let may = slot.with(|session| session.host.may_call(&args)).flatten();
    may.ok_or_else(|| fail_reply("ERR Invalid command passed to redis.acl_check_cmd()"))
}

fn setresp(lua: &Lua, slot: &Slot, args: MultiValue) -> Result<()> {
    let args = Arguments::new(lua, "setresp", args);
    if args.len() != 1 {
        return Err(fail_reply("ERR redis.setresp() requires one argument."));
    }
    let protocol = match args.integer(1).unwrap_or_default() {
        2 => Protocol::Resp2,
        3 => Protocol::Resp3,
        _ => return Err(fail_reply("ERR RESP version must be 2 or 3.")),
    };
    slot.with(|session| session.protocol = protocol);
    Ok(())
}

fn log(lua: &Lua, args: MultiValue) -> Result<()> {
    let args = Arguments::new(lua, "log", args);
    if args.len() < 2 {
        return Err(fail_reply("ERR redis.log() requires two arguments or more."));
    }
    let level =
        args.integer(1).map_err(|_| fail_reply("ERR First argument must be a number (log level)."))?;
    if !(0..=3).contains(&level) {
        return Err(fail_reply("ERR Invalid log level."));
    }
    let mut line = String::new();
    for at in 2..=args.len() {
        if let Ok(text) = args.string(at) {
            if at > 2 {
                line.push(' ');
            }
            line.push_str(&text.to_string_lossy());
        }
    }
    match level {
        0 => tracing::trace!("{line}"),
        1 => tracing::debug!("{line}"),
        2 => tracing::info!("{line}"),
        _ => tracing::warn!("{line}"),
    }
    Ok(())
}

fn sha1hex(lua: &Lua, args: MultiValue) -> Result<Value> {
    let args = Arguments::new(lua, "sha1hex", args);
    if args.len() != 1 {
        return Err(fail_reply("ERR wrong number of arguments"));
    }
    let text = args.string(1).map(|text| text.as_bytes().to_vec()).unwrap_or_default();
    Ok(Value::String(lua.create_string(sha_of(&text))?))
}

/// The only argument, if it is a text.
fn only_text(args: &MultiValue) -> Option<Vec<u8>> {
    match args.front() {
        Some(Value::String(text)) if args.len() == 1 => Some(text.as_bytes().to_vec()),
        _ => None,
    }
}

fn error_reply(lua: &Lua, args: &MultiValue) -> Result<Table> {
    let table = lua.create_table()?;
    let text = match only_text(args) {
        None => b"ERR wrong number or type of arguments".to_vec(),
        Some(text) => {
            let text = until_nul(&text);
            let text = text.strip_prefix(b"-").unwrap_or(text);
            let end = text.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |at| at + 1);
            let code: &[u8] = if text.contains(&b' ') { b"" } else { b"ERR " };
            [code, &text[..end]].concat()
        }
    };
    table.raw_set("err", lua.create_string(text)?)?;
    Ok(table)
}

fn status_reply(lua: &Lua, args: &MultiValue) -> Result<Table> {
    let table = lua.create_table()?;
    match only_text(args) {
        None => table.raw_set("err", "ERR wrong number or type of arguments")?,
        Some(text) => table.raw_set("ok", lua.create_string(text)?)?,
    }
    Ok(table)
}

fn set_repl(lua: &Lua, slot: &Slot, args: MultiValue) -> Result<()> {
    let args = Arguments::new(lua, "set_repl", args);
    if args.len() != 1 {
        return Err(fail_reply("ERR redis.set_repl() requires one argument."));
    }
    let flags = args.integer(1).unwrap_or_default();
    if flags & !REPL_ALL != 0 {
        return Err(fail_reply(
            "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.",
        ));
    }
    slot.with(|session| session.host.journal(flags & REPL_AOF != 0));
    Ok(())
}

/// `math.random` and `math.randomseed`, with the generator of C's `lrand48`, the same everywhere.
///
/// # Errors
/// If Lua has no memory left.
pub fn random(lua: &Lua, host: &Table) -> Result<()> {
    let state = Arc::new(AtomicU64::new(seeded(fastrand::i32(..))));
    let seeds = Arc::clone(&state);
    let next = move |lua: &Lua, args: MultiValue| {
        let args = Arguments::new(lua, "random", args);
        let x = state.load(Ordering::Relaxed).wrapping_mul(0x5_DEEC_E66D).wrapping_add(0xB) & ((1 << 48) - 1);
        state.store(x, Ordering::Relaxed);
        let max = f64::from(i32::MAX);
        let part = ((x >> 17) % i32::MAX as u64) as f64 / max;
        let (low, high) = match args.len() {
            0 => return Ok(part),
            1 => (1.0, args.integer(1)? as f64),
            2 => (args.integer(1)? as f64, args.integer(2)? as f64),
            _ => return Err(fail(lua, "wrong number of arguments")),
        };
        if low > high {
            return Err(args.bad(args.len(), "interval is empty"));
        }
        Ok((part * (high - low + 1.0)).floor() + low)
    };
    host.raw_set("random", lua.create_function(next)?)?;
    let seed = move |lua: &Lua, args: MultiValue| {
        let seed = Arguments::new(lua, "randomseed", args).integer(1)?;
        seeds.store(seeded(seed as i32), Ordering::Relaxed);
        Ok(())
    };
    host.raw_set("randomseed", lua.create_function(seed)?)
}

fn seeded(seed: i32) -> u64 {
    u64::from(seed as u32) << 16 | 0x330E
}
