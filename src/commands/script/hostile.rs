//! Scripts that want to break out, break down, or never end. Run under AddressSanitizer as well.

use std::cell::RefCell;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::commands::testing::Rig;
use crate::script::forced;

fn eval(client: &mut Rig, script: &str) -> String {
    String::from_utf8_lossy(&client.call(&[b"EVAL", script.as_bytes(), b"0"])).into_owned()
}

/// Runs scripts one after the other: each must answer this, and the interpreter works on.
#[track_caller]
fn answers(cases: &[(&str, &str)]) {
    let mut client = Rig::new();
    for (script, wanted) in cases {
        let told = eval(&mut client, script);
        assert!(told.starts_with(wanted), "{script}: {told}");
        assert_eq!(eval(&mut client, "return 7"), ":7\r\n", "after {script}");
    }
}

/// Runs with the stack that workers have.
fn on_a_worker(work: impl FnOnce() + Send + 'static) {
    let worker = std::thread::Builder::new().stack_size(8 << 20).spawn(work).expect("a thread");
    worker.join().expect("no panic");
}

#[test]
fn bytecode_is_refused_everywhere() {
    answers(&[
        ("\u{1b}Lua", "-ERR Error compiling script"),
        ("return loadstring(string.dump(function() return 1 end)) == nil", ":1"),
        (
            "local s = string.dump(function() end) return load(function() local x = s s = nil return x end) == nil",
            ":1",
        ),
        ("return {loadstring('\\27Lua')}", "*0"),
        ("return select(2, loadstring('\\27Lua'))", "$30\r\nattempt to load a binary chunk"),
    ]);
}

#[test]
fn libraries_check_their_lengths() {
    on_a_worker(|| {
        answers(&[
            // struct: CVE-2015-8080, CVE-2020-14147
            ("return struct.unpack('I2147483648', 'a')", "-ERR"),
            ("return struct.pack('I4294967297', 1)", "-ERR"),
            ("return struct.size('I99999999999999999999')", "-ERR"),
            ("return struct.unpack('>I2147483647', '10')", "-ERR"),
            ("return struct.unpack('i', '1234', 2147483647)", "-ERR"),
            ("return struct.unpack('c0', 'x')", "-ERR"),
            ("return struct.unpack('bc0', '\\255x')", "-ERR"),
            ("return struct.unpack(string.rep('b', 9000), string.rep('x', 9000))", "-ERR"),
            // cmsgpack: CVE-2018-11218
            ("return cmsgpack.unpack('\\221\\255\\255\\255\\255')", "-ERR"),
            ("return cmsgpack.unpack('\\219\\255\\255\\255\\255x')", "-ERR"),
            ("return cmsgpack.unpack(string.rep('\\1', 100000))", "-ERR"),
            ("return cmsgpack.unpack_limit('\\1', 1, -1)", "-ERR"),
            ("return cmsgpack.unpack(string.rep('\\145', 100000))", "-ERR"),
            // cjson: CVE-2022-24834
            ("return #cjson.encode(string.rep('\\0', 1000000))", ":6000002"),
            ("return cjson.encode({[2^30] = 1})", "-ERR"),
            ("return cjson.decode(string.rep('[', 100000))", "-ERR"),
            // bit: CVE-2024-31449
            ("return bit.tohex(255, -2147483648)", "$8\r\n000000FF"),
            ("return bit.tohex(65535, -2147483647)", "$8\r\n0000FFFF"),
        ]);
    });
}

#[test]
fn ranges_are_not_computed_in_32_bits() {
    let mut client = Rig::new();
    // CVE-2025-46817: the length of each of them overflows, or is much.
    for range in [
        "0, 2147483647",
        "-2147483648, 2147483647",
        "2147483648, 5",
        "2147483648, 2147483653",
        "-2, 2147483646",
        "0/0, 5",
        "-1/0, 1/0",
        "1, 1e18",
        "1, 8000",
        "-1, 2147483647",
    ] {
        let told = eval(&mut client, &format!("return {{unpack({{}}, {range})}}"));
        assert!(told.starts_with("-ERR") && told.contains("too many results to unpack"), "{range}: {told}");
    }
    answers(&[
        ("return #{unpack({1, 2, 3})}", ":3"),
        ("return {unpack({1, 2, 3}, 2, '3')}", "*2\r\n:2\r\n:3"),
        ("return {unpack({1, 2}, 3)}", "*0"),
        ("return {unpack({1, 2}, 5, -5)}", "*0"),
        ("return unpack(1)", "-ERR user_script:1: bad argument #1 to 'unpack' (table expected, got number)"),
    ]);
}

#[test]
fn basic_types_have_no_metatables_to_change() {
    // CVE-2022-24735, CVE-2025-46818
    let script = "for _, value in pairs({1, true, 'x', print or type, coroutine.create(type), cjson.null, redis, _G}) do\n\
        local meta = getmetatable(value)\n\
        if meta then\n\
            pcall(function() meta.__index = function() return 'planted' end end)\n\
            pcall(rawset, meta, '__index', function() return 'planted' end)\n\
        end\n\
        pcall(setmetatable, value, {__index = function() return 'planted' end})\n\
    end";
    let mut client = Rig::new();
    eval(&mut client, script);
    let mut finds = |value: &str| {
        eval(
            &mut client,
            &format!("local ok, got = pcall(function() return ({value}).planted end) return ok and got"),
        )
    };
    for value in ["1", "true", "''", "type", "coroutine.create(type)", "cjson.null", "redis", "cjson"] {
        assert_eq!(finds(value), "$-1\r\n", "{value}");
    }
}

#[test]
fn shared_functions_keep_nothing() {
    answers(&[
        ("getfenv(pcall).planted = 1", "-ERR"),
        ("setfenv(pcall, {planted = 1})", "-ERR"),
        ("return pcall(function() setfenv(2, {}) end)", "$-1"),
        ("return rawget(getfenv(pcall), 'planted') == nil and 1", ":1"),
        // A script's own functions may have what it likes.
        ("setfenv(1, {x = 5}) return x", ":5"),
        ("local function f() return y end setfenv(f, {y = 6}) return f()", ":6"),
        ("local function f() setfenv(2, {z = 8}) end f() return z", ":8"),
        ("return getfenv() == _G and getfenv(1) == _G and getfenv(0) == _G", ":1"),
        ("local function f() return getfenv(2) == _G end return (f())", ":1"),
    ]);
}

#[test]
fn the_collector_runs_no_scripts() {
    // CVE-2024-46981 needs finalizers, and nothing could interrupt them.
    answers(&[
        (
            "return getmetatable(newproxy(true))",
            "-ERR user_script:1: newproxy with a metatable is not supported",
        ),
        ("return type(newproxy())", "$8\r\nuserdata"),
        ("return pcall(newproxy, newproxy())", "$-1"),
        (
            "setmetatable({}, {__gc = function() redis.call('set', 'k', 1) end}) collectgarbage() return redis.call('exists', 'k')",
            ":0",
        ),
    ]);
    let mut client = Rig::new();
    assert_eq!(
        eval(
            &mut client,
            "local ok, p = pcall(newproxy, true) if ok then getmetatable(p).__gc = function() collectgarbage() end end return 1"
        ),
        ":1\r\n"
    );
    client.check(&[("SCRIPT FLUSH", "+OK")]);
}

#[test]
fn the_collector_rests_while_the_parser_works() {
    // CVE-2025-49844: the parser's chunk name, and its constants, while everything is garbage.
    answers(&[
        (
            "for i = 1, 300 do\n\
                local junk = {} for j = 1, 50 do junk[j] = ('j'):rep(j) .. i end junk = nil\n\
                local f = loadstring('local a = \"' .. ('x'):rep(i * 10) .. i .. '\" return #a', 'name' .. ('n'):rep(500) .. i)\n\
                assert(f() >= i * 10)\n\
            end return 1",
            ":1",
        ),
        // An error leaves the collector as it was.
        (
            "for i = 1, 20 do pcall(loadstring, 'return 1', {}) pcall(loadstring) pcall(loadstring, 'x x') end return 1",
            ":1",
        ),
        (
            "for i = 1, 100 do local s = ('x'):rep(500000) .. i end return collectgarbage('count') < 12000 and 1",
            ":1",
        ),
        ("return loadstring(('('):rep(100000)) == nil and 1", ":1"),
        ("return loadstring('return ' .. ('{'):rep(100000)) == nil and 1", ":1"),
    ]);
}

#[test]
fn long_brackets_end_where_they_end() {
    // CVE-2025-46819
    let level = "=".repeat(70_000);
    let mut client = Rig::new();
    assert_eq!(
        eval(&mut client, &format!("--[{level}[ x ]{level}]\nreturn [{level}[a]{level}]")),
        "$1\r\na\r\n"
    );
    for script in [
        format!("return [{level}[a"),
        format!("--[{level}[a]="),
        "return [=".into(),
        "return [=[".into(),
        "return \"\\".into(),
    ] {
        assert!(eval(&mut client, &script).starts_with("-ERR Error compiling script"));
    }
}

#[test]
fn patterns_take_a_bounded_part_of_the_stack() {
    on_a_worker(|| {
        answers(&[
            (
                "return string.find(('a'):rep(100000), ('a?'):rep(100000))",
                "-ERR user_script:1: pattern too complex",
            ),
            ("return ('a'):rep(100000):gsub(('a*'):rep(100000), '')", "-ERR"),
            ("return string.gfind('a', ('a-'):rep(100000))", "-ERR"),
            ("return string.match('a', ('('):rep(100000))", "-ERR"),
            ("return string.find(('a'):rep(2000), ('a?'):rep(2000))", ":1"),
            ("return string.find(('*'):rep(9000), ('*'):rep(9000), 1, true)", ":1"),
            ("return string.find(('a'):rep(9000), ('a'):rep(9000))", ":1"),
            (
                "return string.find(1)",
                "-ERR user_script:1: bad argument #2 to 'find' (string expected, got no value)",
            ),
        ]);
    });
}

#[test]
fn recursion_ends() {
    on_a_worker(|| {
        answers(&[
            ("local function f() return f() + 1 end return f()", "-ERR"),
            ("local function f() return (pcall(f)) and 1 end return f()", ":1"),
            ("local function f() return (string.gsub('x', 'x', f)) end return f()", "-ERR"),
            ("local function f() return coroutine.wrap(f)() end return f()", "-ERR"),
            ("local function f() return (coroutine.resume(coroutine.create(f))) end return f()", ":1"),
            (
                "local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k + 1] end return t[1]",
                "-ERR",
            ),
            (
                "local t = setmetatable({}, {}) getmetatable(t).__concat = function(a, b) return a .. b end return t .. t",
                "-ERR",
            ),
            ("local function f(e) error(e) end return xpcall(function() error('x') end, f)", "$-1"),
            ("local t = {} t[1] = t return t", "*1\r\n*1"),
            ("local t = {} t.map = t return t", ""),
            ("local t = {} for i = 1, 8000 do t = {t} end return t", "*1"),
            ("local t = {} for i = 1, 8000 do t = {t} end return cjson.encode(t)", "-ERR"),
            ("local t = {} t[1] = t return cjson.encode(t)", "-ERR"),
            ("local t = {} t[1] = t return #cmsgpack.pack(t)", ":"),
            ("return (('('):rep(8000) .. ')'):rep(1):len()", ":8001"),
        ]);
    });
}

#[test]
fn memory_is_bounded() {
    on_a_worker(|| {
        answers(&[
            ("local s = 'x' while true do s = s .. s end", "-ERR"),
            ("return ('x'):rep(2000000000)", "-ERR"),
            ("local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(100000) .. i end", "-ERR"),
            ("local t = {} for i = 1, 1e9 do t[i] = redis.call('echo', ('x'):rep(100000) .. i) end", "-ERR"),
            (
                "local t, s = {}, ('x'):rep(100000) for i = 1, 4000 do t[i] = s end return table.concat(t)",
                "-ERR",
            ),
            (
                "return pcall(function() local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(100000) .. i end end)",
                "$-1",
            ),
        ]);
    });
}

#[test]
fn few_tables_make_no_endless_output() {
    let long = |last: &str| {
        format!("local t = ('x'):rep(100000) for i = 1, 12 do t = {{t, t, t}} end return {last}")
    };
    answers(&[
        (&long("t"), "-ERR Error running script"),
        (&long("cjson.encode(t)"), "-ERR user_script:1: Cannot serialise"),
        (&long("cmsgpack.pack(t)"), "-ERR user_script:1: MessagePack text too long"),
        (
            "local t = ('x'):rep(100000) for i = 1, 12 do t = {map = {a = t, b = t}} end return t",
            "-ERR Error running script",
        ),
    ]);
}

#[test]
fn any_bytes_are_decoded_or_refused() {
    const JSON: &[u8] =
        b"{\"a\":[1,-2.5e3,\"\\u00e9\\n\\ud83d\\ude00\",null,true,{\"b\":[]}],\"\":{},\"c\":0.1}";
    const PACKED: &[u8] = b"\x85\xa1a\x93\x01\xd1\xff\x00\xcb\x3f\xf8\0\0\0\0\0\0\xa1b\xc0\xa1c\x81\x02\xc3\xa1d\xd9\x03xyz\xa1e\xdc\0\x01\xe0";
    let decodes = "local ok, value = pcall(cjson.decode, ARGV[1])\n\
                   if ok then pcall(cjson.encode, value) end\n\
                   local values = {}\n\
                   pcall(function() values = {cmsgpack.unpack(ARGV[1])} end)\n\
                   pcall(cmsgpack.unpack_limit, ARGV[1], 2, 1)\n\
                   if values[1] then pcall(cmsgpack.pack, values) pcall(cjson.encode, values) end\n\
                   return 1";
    on_a_worker(move || {
        let mut client = Rig::new();
        let mut run = |bytes: &[u8]| {
            let told = client.call(&[b"EVAL", decodes.as_bytes(), b"0", bytes]);
            assert_eq!(told, b":1\r\n", "{:?}", String::from_utf8_lossy(bytes));
        };
        for sample in [JSON, PACKED] {
            (0..=sample.len()).for_each(|len| run(&sample[..len]));
            for _ in 0..2000 {
                let mut bytes = sample.to_vec();
                for _ in 0..fastrand::usize(1..4) {
                    let at = fastrand::usize(..bytes.len());
                    match fastrand::u8(..3) {
                        0 => bytes[at] = fastrand::u8(..),
                        1 => bytes[at] = sample[fastrand::usize(..sample.len())],
                        _ => drop(bytes.drain(at..(at + 3).min(bytes.len() - 1).max(at))),
                    }
                }
                run(&bytes);
            }
        }
    });
}

/// All functions of the libraries that are ours.
const FUNCTIONS: &[&str] = &[
    "cjson.encode",
    "cjson.decode",
    "cjson.encode_sparse_array",
    "cjson.encode_max_depth",
    "cjson.decode_max_depth",
    "cjson.encode_number_precision",
    "cjson.encode_keep_buffer",
    "cjson.encode_invalid_numbers",
    "cjson.decode_invalid_numbers",
    "cmsgpack.pack",
    "cmsgpack.unpack",
    "cmsgpack.unpack_one",
    "cmsgpack.unpack_limit",
    "struct.pack",
    "struct.unpack",
    "struct.size",
    "bit.tobit",
    "bit.bnot",
    "bit.bswap",
    "bit.band",
    "bit.bor",
    "bit.bxor",
    "bit.lshift",
    "bit.rshift",
    "bit.arshift",
    "bit.rol",
    "bit.ror",
    "bit.tohex",
];

/// Calls the function that the first argument names; the letters in front of the others tell what they are.
const CALLS: &str = "local args = {}
    for at = 2, #ARGV do
        local kind, text = ARGV[at]:sub(1, 1), ARGV[at]:sub(2)
        if kind == 'n' then args[at - 1] = tonumber(text)
        elseif kind == 't' then args[at - 1] = {text, {text, [text] = at, [0.5] = {}}, tonumber(text), cjson.null}
        elseif kind == 's' then args[at - 1] = text end
    end
    local library, name = ARGV[1]:match('(%w+)%.([%w_]+)')
    local called, results = _G[library][name], {}
    pcall(function() results = {called(unpack(args, 1, #ARGV - 1))} end)
    pcall(cjson.encode, results) pcall(cmsgpack.pack, results)
    return 1";

/// Texts that libraries take, with some bytes changed and the end cut off.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let samples: [&[u8]; 8] = [
        b"{\"a\":[1,-2.5e3,\"\\u00e9\\n\\ud83d\\ude00\",null,true,{\"b\":[]}],\"\":{},\"c\":0.1}",
        b"[[0x1F,nan,-Infinity],1e999,\"\\u0000\"]",
        b"\x85\xa1a\x93\x01\xd1\xff\x00\xcb\x3f\xf8\0\0\0\0\0\0\xa1b\xc0\xa1c\x81\x02\xc3\xa1d\xd9\x03xyz\xa1e\xdc\0\x01\xe0",
        b"\xdf\0\0\0\x01\xdb\0\0\0\x01k\xdd\0\0\0\x02\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xd3\x80\0\0\0\0\0\0\0\xca\0\0\0\0",
        b">!8bBhHlLTi3I32fdxs c3<c0",
        b"<I4c0bc0!2147483647c2147483647",
        b"null",
        b"-12.5",
    ];
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (select(samples.to_vec()), changes, option::of(any::<prop::sample::Index>())).prop_map(
        |(sample, changes, cut)| {
            let mut text = sample.to_vec();
            for (at, byte) in changes {
                let at = at.index(text.len());
                text[at] = byte;
            }
            text.truncate(cut.map_or(usize::MAX, |cut| cut.index(sample.len() + 1)));
            text
        },
    )
}

fn argument() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![
        (-40..40_i64).prop_map(|number| number.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| number.to_string()),
    ];
    prop_oneof![
        4 => mutated().prop_map(|text| [b"s", text.as_slice()].concat()),
        3 => number.prop_map(|number| format!("n{number}").into_bytes()),
        1 => mutated().prop_map(|text| [b"t", text.as_slice()].concat()),
        1 => Just(b"-".to_vec()),
    ]
}

thread_local! {
    static CLIENT: RefCell<Rig> = RefCell::new(Rig::new());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Nor does a panic, which would be a bug, wherever it is.
    #[test]
    fn no_input_ends_the_process(
        function in select(FUNCTIONS),
        args in vec(argument(), 0..5),
        panics in option::of(0..30_u32),
    ) {
        let mut words: Vec<&[u8]> = vec![b"EVAL", CALLS.as_bytes(), b"0", function.as_bytes()];
        words.extend(args.iter().map(Vec::as_slice));
        let replies = CLIENT.with_borrow_mut(|client| {
            panics.into_iter().for_each(forced::panic_after);
            let told = client.call(&words);
            forced::calm();
            [told, client.call(&[b"EVAL", b"return 7", b"0"])]
        });
        let [told, after] = replies.map(|reply| String::from_utf8_lossy(&reply).into_owned());
        // One that is met while the result is written is the script's end.
        let forced = panics.is_some() && told.starts_with("-ERR Error running script");
        prop_assert!(forced || told == ":1\r\n", "{told}");
        prop_assert_eq!(after, ":7\r\n");
    }
}

#[test]
fn scripts_are_forgotten_without_memory() {
    let mut client = Rig::new();
    for number in 0..520 {
        assert_eq!(eval(&mut client, &format!("return {number}")), format!(":{number}\r\n"));
        if number % 100 == 0 {
            eval(&mut client, "local t = {} pcall(function() for i = 1, 1e9 do t[i] = {} end end)");
        }
    }
}

#[test]
fn errors_are_of_any_kind() {
    answers(&[
        ("error()", "-ERR nil"),
        ("error({})", "-ERR unknown error"),
        ("error({err = 'MINE text'})", "-MINE text"),
        ("error({err = {}})", "-ERR unknown error"),
        ("error(setmetatable({}, {__tostring = function() error('x') end}))", "-ERR unknown error"),
        ("error(setmetatable({}, {__index = function() error('x') end}))", "-ERR unknown error"),
        ("error(function() end)", "-ERR"),
        ("error(coroutine.create(type))", "-ERR"),
        ("error(newproxy())", "-ERR"),
        ("error(cjson.null)", "-ERR"),
        ("error('a\\r\\n-b\\r\\n+c')", "-ERR"),
        ("return redis.error_reply('A\\r\\nB\\r\\n')", "-"),
        ("return {err = ('x\\r\\n'):rep(1000)}", "-x"),
        ("local ok, e = pcall(error, {code = 5}) return e.code", ":5"),
        ("local ok, e = pcall(redis.call, 'nope') return {type(e), e}", "*2\r\n$6\r\nstring\r\n"),
        (
            "local ok, e = xpcall(function() redis.call('nope') end, function(e) return e end) return type(e)",
            "$5\r\ntable",
        ),
        ("local ok, e = pcall(error, cjson) return e == cjson and 1", ":1"),
        ("local ok, e = pcall(cjson.decode, '{') return type(e)", "$6\r\nstring"),
        (
            "local ok, e = coroutine.resume(coroutine.create(function() cjson.decode('{') end)) return type(e)",
            "$6\r\nstring",
        ),
        (
            "local ok, e = pcall(coroutine.wrap(function() cjson.decode('{') end)) return type(e)",
            "$6\r\nstring",
        ),
    ]);
    let mut client = Rig::new();
    for script in [
        "error('a\\r\\n-b')",
        "return {err = 'a\\nb\\r'}",
        "error({err = 'X a\\r\\nb'})",
        "return redis.status_reply('a\\nb')",
    ] {
        let told = eval(&mut client, script);
        assert_eq!(told.matches(['\r', '\n']).count(), 2, "{told}");
    }
}

#[test]
fn commands_are_called_from_coroutines() {
    answers(&[
        (
            "local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(redis.call('incr', 'k')) end end) return {co(), co(), co()}",
            "*3\r\n:1\r\n:2\r\n:3",
        ),
        (
            "local co = coroutine.create(function() redis.call('nope') end) local ok, e = coroutine.resume(co) return {tostring(ok), type(e)}",
            "*2\r\n$5\r\nfalse\r\n$5\r\ntable",
        ),
        ("coroutine.yield(1)", "-ERR"),
        ("return redis.call(coroutine.yield)", "-ERR"),
        ("return coroutine.wrap(function() return redis.call('set', 'k2', 'v') end)()", "+OK"),
        ("return coroutine.wrap(function() return redis.pcall('nope') end)()", "-ERR"),
        ("return coroutine.wrap(function() return pcall(coroutine.yield) end)()", "$-1"),
        (
            "local t = {} for i = 1, 50 do t[i] = coroutine.wrap(function() return redis.call('rpush', 'l', i), coroutine.yield() end) t[i]() end return redis.call('llen', 'l')",
            ":50",
        ),
        (
            "local a = {} for i = 1, 7000 do a[i] = i end return coroutine.wrap(function() return redis.call('rpush', 'm', unpack(a)) end)()",
            ":7000",
        ),
        ("return redis.call('lrange', 'm', 0, -1)", "*7000"),
        ("return redis.call()", "-ERR Please specify at least one argument"),
        ("return redis.call({})", "-ERR Lua redis lib command arguments must be strings or integers"),
        ("return redis.call(nil)", "-ERR"),
        ("return redis.call('echo', 0/0)", "$"),
        ("return redis.call('')", "-ERR"),
    ]);
}
