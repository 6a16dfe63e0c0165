//! Scripts run in the process: what they may not do, and what hostile ones come to.

use crate::commands::testing::Rig;

fn client() -> Rig {
    Rig::new()
}

fn eval(client: &mut Rig, script: &str) -> String {
    String::from_utf8_lossy(&client.call(&[b"EVAL", script.as_bytes(), b"0"])).into_owned()
}

/// Runs a script and then another one that must find everything as it was.
#[track_caller]
fn leaves_no_trace(script: &str) {
    let mut client = client();
    eval(&mut client, script);
    let check =
        "return {type(redis.call), ('x'):upper(), cjson.encode({1}), rawget(_G, 'planted') == nil, #_G}";
    assert_eq!(
        eval(&mut client, check),
        "*5\r\n$8\r\nfunction\r\n$1\r\nX\r\n$3\r\n[1]\r\n:1\r\n:0\r\n",
        "{script}"
    );
}

#[test]
fn scripts_share_nothing_they_can_change() {
    for script in [
        "redis.call = nil",
        "rawset(redis, 'call', 1)",
        "rawset(_G, 'planted', 1)",
        "getmetatable('').__index = {}",
        "getmetatable(_G).__index = {}",
        "setmetatable(_G, {})",
        "string.upper = nil",
        "table.insert(_G, 'x')",
        "setfenv(0, {})",
        "getfenv(pairs).planted = 1",
        "getfenv(redis.call).planted = 1",
        "cjson.encode_number_precision(1)",
        "for _, t in pairs(_G) do if type(t) == 'table' then pcall(rawset, t, 'call', 1) end end",
        "local f, t = pairs(redis) rawset(t, 'call', 1)",
        "collectgarbage('stop')",
    ] {
        leaves_no_trace(script);
    }
}

#[test]
fn bytecode_is_refused() {
    let mut client = client();
    assert!(eval(&mut client, "\u{1b}Lua").starts_with("-ERR Error compiling script"));
    let load = "return loadstring(string.dump(function() return 1 end)) == nil";
    assert_eq!(eval(&mut client, load), ":1\r\n");
}

#[test]
fn hostile_scripts_get_an_error() {
    let mut client = client();
    for script in [
        "return {unpack({}, 0, 2147483647)}",
        "return {unpack({}, -2147483648, 2147483647)}",
        "return struct.unpack('I2147483648', 'a')",
        "return cmsgpack.unpack('\\221\\255\\255\\255\\255')",
        "local function f() return f() + 1 end return f()",
    ] {
        assert!(eval(&mut client, script).starts_with("-ERR "), "{script}");
    }
}

#[test]
fn one_frame_leaves_whatever_an_error_says() {
    let mut client = client();
    assert_eq!(eval(&mut client, "return {err='a\\r\\n+b'}"), "-a  +b\r\n");
    assert_eq!(eval(&mut client, "return redis.status_reply('a\\r\\nb')"), "+a  b\r\n");
}

#[test]
fn errors_tell_their_place() {
    let mut client = client();
    let told = eval(&mut client, "\nreturn redis.call('nope')");
    assert!(told.starts_with("-ERR Unknown Redis command called from script script: "), "{told}");
    assert!(told.ends_with(", on @user_script:2.\r\n"), "{told}");
}

#[test]
fn a_script_selects_a_database_for_itself() {
    let mut client = client();
    eval(&mut client, "redis.call('select', 3) redis.call('set', 'k', 'v')");
    assert_eq!(client.call(&[b"GET", b"k"]), b"$-1\r\n");
}

#[test]
fn promises_are_kept() {
    let mut client = client();
    let reads = "#!lua flags=no-writes\nreturn redis.call('set', 'k', 'v')";
    assert!(
        eval(&mut client, reads).starts_with("-ERR Write commands are not allowed from read-only scripts.")
    );
    let answer = client.call(&[b"EVAL_RO", b"#!lua\nreturn 1", b"0"]).to_vec();
    assert!(answer.starts_with(b"-ERR Can not execute a script with write flag using *_ro command."));
}

#[test]
fn scripts_of_eval_make_room_for_newer_ones() {
    let mut client = client();
    let sha = client.call(&[b"SCRIPT", b"LOAD", b"return 'kept'"])[5..45].to_vec();
    let first = crate::script::sha_of(b"return 0");
    for number in 0..=500 {
        eval(&mut client, &format!("return {number}"));
    }
    assert_eq!(client.call(&[b"SCRIPT", b"EXISTS", &first, &sha]), b"*2\r\n:0\r\n:1\r\n");
}
