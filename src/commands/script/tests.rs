//! Scripts run in the process: what they may not do, and what hostile ones come to.

use crate::commands::testing::Rig;
use crate::script::forced;

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
fn scripts_that_may_write_need_what_writes_need() {
    let mut client = client();
    client.set("min-replicas-to-write", "1");
    let refused = "-NOREPLICAS Not enough good replicas to write.\r\n";
    assert_eq!(eval(&mut client, "#!lua\nreturn 1"), refused);
    assert_eq!(eval(&mut client, "#!lua flags=no-writes\nreturn 1"), ":1\r\n");
    assert_eq!(eval(&mut client, "return redis.call('EXISTS', 'k')"), ":0\r\n");
    let caught = "return redis.pcall('SET', 'k', 'v').err";
    assert!(eval(&mut client, caught).contains("NOREPLICAS "));
    client.set("min-replicas-to-write", "0");
    client.session.out_of_memory.set(true);
    let refused = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
    assert_eq!(eval(&mut client, "#!lua\nreturn 1"), refused);
    let eval_ro = client.call(&[b"EVAL_RO", b"#!lua\nreturn 1", b"0"]);
    assert_eq!(String::from_utf8_lossy(&eval_ro), refused);
    client.nested = true;
    let refused =
        "-OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'\r\n";
    assert_eq!(eval(&mut client, "#!lua\nreturn 1"), refused);
    client.nested = false;
    assert_eq!(eval(&mut client, "#!lua flags=allow-oom\nreturn 1"), ":1\r\n");
}

#[test]
fn a_panic_in_a_library_is_an_error_of_the_script() {
    for script in [
        "return redis.call('MSET', 'a', '1', 'b', '2')",
        "redis.setresp(3) redis.call('HSET', 'h', 'f', '1') return redis.call('HGETALL', 'h').map.f",
        "return cjson.decode('{\"a\": [1, 2.5, \"x\\\\n\", null, true]}').a[2]",
        "return cjson.encode({1, 'x', {a = 0.5}})",
        "return cmsgpack.unpack(cmsgpack.pack({1, 'x', {a = 0.5}, true}))[1]",
        "return cjson.encode({true, false, cjson.null, {a = {}, [2] = 'x'}})",
        "return select(2, cmsgpack.unpack_one('\\147\\1\\161x\\192', 0))[2]",
        "return cmsgpack.unpack_limit('\\129\\161a\\203\\63\\248\\0\\0\\0\\0\\0\\0\\195', 2, 0)",
    ] {
        let mut client = client();
        let expected = eval(&mut client, script);
        assert!(!expected.starts_with('-'), "{expected}");
        for steps in 0.. {
            forced::panic_after(steps);
            let reply = eval(&mut client, script);
            if !forced::calm() {
                assert!(steps > 0 && reply == expected, "{reply}");
                break;
            }
            assert!(reply.starts_with('-'), "{script}: {reply}");
            // Nothing is left of it.
            assert_eq!(eval(&mut client, script), expected);
        }
    }
}

#[test]
fn hostile_scripts_get_an_error() {
    let mut client = client();
    for script in [
        "return {unpack({}, 0, 2147483647)}",
        "return {unpack({}, -2147483648, 2147483647)}",
        "return struct.unpack('I2147483648', 'a')",
        "return struct.unpack('b', 'a', -2^63)",
        "return cmsgpack.unpack('\\221\\255\\255\\255\\255')",
        "local function f() return f() + 1 end return f()",
    ] {
        assert!(eval(&mut client, script).starts_with("-ERR "), "{script}");
    }
}

#[test]
fn offsets_that_no_integer_holds_are_told_by_their_low_bits() {
    let mut client = client();
    let invalid = "Invalid request to unpack with offset of 0 and limit of 1.";
    for (call, why) in [
        ("unpack_one, '\\1', 2^31", "Start offset -2147483648 greater than input length 1."),
        ("unpack_one, '\\1', 2^32 + 5", "Start offset 5 greater than input length 1."),
        ("unpack_one, '\\1', 1e300", invalid),
        ("unpack_one, '\\1', 0 / 0", invalid),
        ("unpack_limit, '\\1', 2^63", invalid),
    ] {
        let reply = eval(&mut client, &format!("return select(2, pcall(cmsgpack.{call}))"));
        assert!(reply.contains(why), "{call}: {reply}");
    }
}

#[test]
fn one_frame_leaves_whatever_an_error_says() {
    let mut client = client();
    assert_eq!(eval(&mut client, "return {err='a\\r\\n+b'}"), "-a  +b\r\n");
    assert_eq!(eval(&mut client, "return redis.status_reply('a\\r\\nb')"), "+a  b\r\n");
}

#[test]
fn errors_keep_their_bytes() {
    let mut client = client();
    let told = client.call(&[b"EVAL", b"error('a\\255b')", b"0"]);
    assert!(told.starts_with(b"-ERR user_script:1: a\xffb script: "), "{}", told.escape_ascii());
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

#[test]
fn the_debugger_can_only_be_switched_off() {
    let mut client = client();
    assert_eq!(call(&mut client, &["SCRIPT", "DEBUG", "No"]), "+OK\r\n");
    assert_eq!(call(&mut client, &["SCRIPT", "DEBUG", "maybe"]), "-ERR Use SCRIPT DEBUG YES/SYNC/NO\r\n");
    for mode in ["YES", "sync"] {
        let answer = call(&mut client, &["SCRIPT", "DEBUG", mode]);
        assert_eq!(answer, "-ERR SCRIPT DEBUG is not supported by this server\r\n");
    }
}

const LIBRARY: &str = "#!lua name=lib\n\
    redis.register_function('first', function(keys, args) return {keys[1], args[1], #keys, #args} end)\n\
    redis.register_function{function_name='second', description='d', flags={'no-writes'},\n\
        callback=function() return redis.call('get', 'k') end}\n\
    redis.register_function('third', function(keys) error('no') end)";

fn call(client: &mut Rig, words: &[&str]) -> String {
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    String::from_utf8_lossy(&client.call(&words)).into_owned()
}

#[test]
fn functions_are_called() {
    let mut client = client();
    assert_eq!(call(&mut client, &["FUNCTION", "LOAD", LIBRARY]), "$3\r\nlib\r\n");
    client.check(&[
        ("FCALL first 1 x y", "*4 $1 x $1 y :1 :1"),
        ("FCALL FIRST 0", "*0"),
        ("FCALL_RO second 0", "$-1"),
        ("FCALL_RO first 0", "-ERR Can not execute a script with write flag using *_ro command."),
        ("FCALL third 0", "-ERR user_function:5: no script: third, on @user_function:5."),
        ("FCALL fourth 0", "-ERR Function not found"),
        ("FCALL first x", "-ERR Bad number of keys provided"),
        ("FCALL first 2 x", "-ERR Number of keys can't be greater than number of args"),
        ("FCALL first -1", "-ERR Number of keys can't be negative"),
        ("FUNCTION DELETE other", "-ERR Library not found"),
        ("FUNCTION DELETE lib", "+OK"),
        ("FCALL first 0", "-ERR Function not found"),
    ]);
}

#[test]
fn a_library_that_fails_changes_nothing() {
    let mut client = client();
    call(&mut client, &["FUNCTION", "LOAD", LIBRARY]);
    let register = "redis.register_function";
    for (body, told) in [
        ("return 1", "No functions registered"),
        ("redis.call('ping')", "nonexistent global variable 'call'"),
        ("planted = 1", "Attempt to modify a readonly table"),
        ("foo(", "Error compiling function: user_function:2:"),
        (&format!("{register}('a-b', function() end)"), "names can only contain"),
        (&format!("{register}('FIRST', function() end)"), "Function FIRST already exists"),
        (&format!("{register}('a', function() end) {register}('a', 1)"), "second argument"),
        (&format!("{register}{{function_name='a', callback=function() end, flags={{'x'}}}}"), "unknown flag"),
        ("while true do end", "FUNCTION LOAD timeout"),
    ] {
        let code = format!("#!lua name=other\n{body}");
        let answer = call(&mut client, &["FUNCTION", "LOAD", &code]);
        assert!(answer.starts_with("-ERR") && answer.contains(told), "{body}: {answer}");
        let replaced = call(&mut client, &["FUNCTION", "LOAD", "REPLACE", "#!lua name=lib\nreturn 1"]);
        assert!(replaced.contains("No functions registered"), "{replaced}");
        assert!(call(&mut client, &["FCALL", "first", "1", "x"]).starts_with("*"));
    }
}

#[test]
fn dumps_of_functions_are_restored() {
    let mut client = client();
    call(&mut client, &["FUNCTION", "LOAD", LIBRARY]);
    let reply = client.call(&[b"FUNCTION", b"DUMP"]);
    let start = reply.iter().position(|byte| *byte == b'\n').expect("a bulk") + 1;
    let dump = &reply[start..reply.len() - 2];
    let mut restore = |policy: &[u8]| {
        String::from_utf8_lossy(&client.call(&[b"FUNCTION", b"RESTORE", dump, policy])).into_owned()
    };
    assert_eq!(restore(b"APPEND"), "-ERR Library lib already exists\r\n");
    assert_eq!(restore(b"REPLACE"), "+OK\r\n");
    assert_eq!(restore(b"FLUSH"), "+OK\r\n");
    assert!(restore(b"KEEP").starts_with("-ERR Wrong restore policy given"));
    client.check(&[
        ("FUNCTION RESTORE garbage", "-ERR DUMP payload version or checksum are wrong"),
        ("FCALL_RO second 0", "$-1"),
        ("FUNCTION FLUSH", "+OK"),
        ("FCALL_RO second 0", "-ERR Function not found"),
    ]);
    assert_eq!(String::from_utf8_lossy(&client.call(&[b"FUNCTION", b"RESTORE", dump])), "+OK\r\n");
    client.check(&[("FCALL_RO second 0", "$-1")]);
}

#[test]
fn a_command_with_many_arguments_has_room_for_its_reply() {
    let script =
        "local a = {} for i = 1, 7999 do a[i] = i end return redis.call('rpush', 'l', unpack(a, 1, 7900))";
    assert_eq!(eval(&mut client(), script), ":7900\r\n");
}

#[test]
fn time_stands_still() {
    let script = "local a = redis.call('time') for i = 1, 300000 do end local b = redis.call('time')
        return a[1] == b[1] and a[2] == b[2] and #a[2]";
    assert!(eval(&mut client(), script).starts_with(':'));
}

#[test]
fn time_goes_on_for_a_slow_script() {
    let mut client = client();
    client.check(&[("CONFIG SET busy-reply-threshold 5", "+OK")]);
    let script = "local a = redis.call('time') for i = 1, 1000 do for j = 1, 100000 do end
        if redis.call('time')[2] ~= a[2] then return 'on' end end";
    assert_eq!(eval(&mut client, script), "$2\r\non\r\n");
}

#[test]
fn commands_that_are_not_for_scripts_may_be_let_in() {
    let mut client = client();
    let refused = "-ERR This Redis command is not allowed from script";
    assert!(eval(&mut client, "return redis.call('client', 'id')").starts_with(refused));
    client.check(&[("DEBUG SET-DISABLE-DENY-SCRIPTS 1", "+OK")]);
    assert!(eval(&mut client, "return redis.call('client', 'id')").starts_with(':'));
    assert!(eval(&mut client, "return redis.call('eval', 'return 1', 0)").starts_with(refused));
    client.check(&[("DEBUG SET-DISABLE-DENY-SCRIPTS 0", "+OK")]);
    assert!(eval(&mut client, "return redis.call('client', 'id')").starts_with(refused));
    assert_eq!(eval(&mut client, "return {big_number = '12\\r\\n3'}"), "$5\r\n12  3\r\n");
}

#[test]
fn library_functions_name_the_script() {
    let mut client = client();
    for (call, wrong) in [
        ("next()", "#1 to 'next' (table expected, got no value)"),
        ("rawget({})", "#2 to 'rawget' (value expected)"),
        ("pairs()", "#1 to 'pairs' (table expected, got no value)"),
        ("setmetatable({}, 1)", "#2 to 'setmetatable' (nil or table expected)"),
        ("getfenv(100)", "#1 to 'getfenv' (invalid level)"),
        ("setfenv(1)", "#2 to 'setfenv' (table expected, got no value)"),
        ("load(1)", "#1 to 'load' (function expected, got number)"),
        ("xpcall(error)", "#2 to 'xpcall' (value expected)"),
        ("table.sort({1, 2}, 1)", "#2 to 'sort' (function expected, got number)"),
        ("collectgarbage('x')", "#1 to 'collectgarbage' (invalid option 'x')"),
    ] {
        let told = eval(&mut client, &format!("return {call}"));
        assert!(told.starts_with(&format!("-ERR user_script:1: bad argument {wrong} script: ")), "{told}");
        assert!(told.ends_with(", on @user_script:1.\r\n"), "{told}");
    }
    let read = "local n = 0 return load(function() n = n + 1 return ({'return ', 42})[n] end)()";
    assert_eq!(eval(&mut client, read), ":42\r\n");
    let thrown = "return {tostring(load(function() error('x', 0) end)), select(2, load(error))}";
    assert_eq!(eval(&mut client, thrown), "*1\r\n$3\r\nnil\r\n");
}

#[test]
fn shared_tables_look_like_tables() {
    let mut client = client();
    for library in ["redis", "cjson", "string", "bit"] {
        let seen =
            format!("return {{type(getmetatable({library})), type(next({library})), type(_G.{library})}}");
        assert_eq!(eval(&mut client, &seen), "*3\r\n$3\r\nnil\r\n$6\r\nstring\r\n$5\r\ntable\r\n");
        let told = eval(&mut client, &format!("return cjson.encode({{{library}}})"));
        assert!(told.contains("Cannot serialise function: type not supported"), "{told}");
    }
    assert_eq!(eval(&mut client, "return cmsgpack.pack(os)"), "$8\r\n\u{fffd}\u{fffd}clock\u{fffd}\r\n");
    let walked = "local n = 0 table.foreach(bit, function() n = n + 1 end) for _ in pairs(bit) do n = n - 1 end \
                  return n";
    assert_eq!(eval(&mut client, walked), ":0\r\n");
}

#[test]
fn texts_end_where_c_ends_them() {
    let mut client = client();
    for (script, answer) in [
        ("return redis.status_reply('a\\0b')", "+a\r\n"),
        ("return redis.error_reply('a\\0b').err", "$5\r\nERR a\r\n"),
        ("return {err = 'E a\\0b'}", "-E a\r\n"),
    ] {
        assert_eq!(eval(&mut client, script), answer);
    }
    assert!(eval(&mut client, "error('a\\0b', 0)").starts_with("-ERR a script: "));
    for script in ["redis.log(0/0, 'x')", "redis.set_repl(0/0)"] {
        assert!(eval(&mut client, script).starts_with("-ERR Invalid "), "{script}");
    }
}

#[test]
fn errors_keep_bytes_that_are_no_text() {
    let mut client = client();
    for (script, told) in [
        (&b"return \xff"[..], &b"unexpected symbol near '\xff'\r\n"[..]),
        (b"struct.pack('\\255')", b"(invalid format option '\xff') "),
    ] {
        let answer = client.call(&[b"EVAL", script, b"0"]);
        assert!(answer.windows(told.len()).any(|part| part == told), "{}", answer.escape_ascii());
    }
}
