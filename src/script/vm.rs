//! The interpreter: making it, compiling scripts, running them.

use std::ffi::c_int;
use std::sync::Arc;

use mlua::{Function, HookTriggers, Lua, LuaString, MultiValue, StdLib, Table, Value, VmState};
use parking_lot::Mutex;

use super::cjson;
use super::guards;
use super::heap::Owned;
use super::push::COUNTED;
use super::raise::{self, Raised};
use super::raw::{Ended, Engine, Job, Slot};
use super::register::{Loading, Wanted};
use super::{Failure, Host, Run, Running, ScriptFlags, api, bits, cmsgpack, scopes, structs, views};
use crate::base::c_text::until_nul;
use crate::resp::{Protocol, Reply};

/// Instructions between looks at whether the script has been killed.
const HOOK_PERIOD: u32 = 100_000;
/// The most that scripts may allocate, in bytes. Below 2 GiB: the parser counts in 32 bits (CVE-2025-46819).
const MEMORY_MAX: usize = if cfg!(test) { 16 << 20 } else { 1 << 30 };

/// A state that is collected in less than a millisecond, in bytes.
const SMALL: usize = 1 << 20;

/// What the interpreter says when it has no memory left.
const NO_MEMORY: &[u8] = b"not enough memory";

/// One Lua state; see the head of the folder.
pub struct Vm {
    lua: Lua,
    /// Compiles a text, as scripts do.
    loadstring: Function,
    /// Has them show what libraries see while they are loaded, or all.
    show: Function,
    /// The interpreter itself: it ends after all that mlua has made of it.
    owned: Owned,
    /// Runs what is compiled. It outlives the interpreter, whose finalizers may still look for a run.
    engine: Engine,
    kind: Kind,
    loading: Arc<Mutex<Option<Loading>>>,
    failure: Arc<Mutex<Option<Thrown>>>,
    /// Options of the library `cjson`.
    json: Arc<cjson::Options>,
    running: Arc<Running>,
    /// Kept from run to run.
    reply: Reply,
}

/// Compiled code of an interpreter, until it is given back with [`Vm::forget`].
#[derive(Clone, Copy)]
pub struct Code(c_int);

/// A function that a library has registered.
pub struct Registered {
    /// Its name.
    pub name: Box<[u8]>,
    /// What it is said to do.
    pub description: Option<Box<[u8]>>,
    /// What it promises or asks for.
    pub flags: ScriptFlags,
    /// What runs.
    pub code: Code,
}

/// What an interpreter is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The scripts of EVAL.
    Scripts,
    /// The functions of libraries.
    Functions,
}

/// An error that nobody caught.
struct Thrown {
    text: Vec<u8>,
    place: Option<(String, usize)>,
    /// Whether it says that it has been counted.
    counted: bool,
}

impl Vm {
    /// A state with all libraries.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn new(running: Arc<Running>, kind: Kind) -> mlua::Result<Vm> {
        let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH | StdLib::OS;
        let (mut owned, lua) = Owned::new(libraries)?;
        let failure = Arc::new(Mutex::new(None));
        let (slot, json) = (Arc::new(Slot::default()), Arc::new(cjson::Options::default()));
        let api = api::table(&lua, &slot)?;
        let libraries = lua.create_table()?;
        libraries.raw_set("bit", bits::table(&lua)?)?;
        libraries.raw_set("cjson", cjson::table(&lua, &slot, &json)?)?;
        libraries.raw_set("cmsgpack", cmsgpack::table(&lua, &slot)?)?;
        libraries.raw_set("struct", structs::table(&lua)?)?;
        let own = lua.create_table()?;
        let host = host_table(&lua, &running, &own)?;
        let loading = Arc::new(Mutex::new(None));
        host.raw_set("library", api::library_table(&lua, &loading)?)?;
        let prelude = lua.load(include_str!("prelude.lua")).set_name("=prelude");
        let prelude = prelude.set_environment(own).into_function()?;
        let (globals, env, show): (Table, Table, Function) = prelude.call((host, &api, libraries))?;
        let loadstring = env.raw_get("loadstring")?;
        lua.set_globals(globals)?;
        let engine = Engine::new(&lua, &slot, &error_handler(&lua, &failure)?, &env)?;
        let (stop, library, own) = (Arc::clone(&running), Arc::clone(&loading), Arc::clone(&slot));
        lua.set_global_hook(HookTriggers::new().every_nth_instruction(HOOK_PERIOD), move |_, _| {
            if let Some(library) = &*library.lock() {
                return library.check_time().map(|()| VmState::Continue);
            }
            if stop.takes_long() {
                own.with(|session| stop.tell(session.name, session.host.command()));
            }
            own.with(|session| {
                if session.host.patience().is_some_and(|patience| stop.is_slow(patience)) {
                    session.host.time_goes_on();
                }
            });
            alive(&stop).map(|()| VmState::Continue)
        })?;
        owned.set_limit(MEMORY_MAX);
        let reply = Reply::default();
        Ok(Vm { lua, loadstring, show, owned, engine, kind, loading, failure, json, running, reply })
    }

    /// Bytes that the state holds; without garbage, if the state is so small that this takes no time.
    pub fn used_memory(&mut self) -> usize {
        if self.owned.used() < SMALL {
            self.collect();
        }
        self.owned.used()
    }

    /// Compiles a script.
    ///
    /// # Errors
    /// What the compiler says.
    pub fn compile(&mut self, code: &[u8]) -> Result<Code, Vec<u8>> {
        let code = self.parse(code)?;
        self.engine.keep(&self.lua, code).map(Code).map_err(|error| raise::plain(&error))
    }

    /// Runs the code of a library and returns what it has registered.
    ///
    /// # Errors
    /// What the compiler says, or what the code threw.
    pub fn load(&mut self, code: &[u8]) -> Result<Vec<Registered>, Vec<u8>> {
        let wrong = |what: Vec<u8>| [b"Error registering functions: ", what.as_slice()].concat();
        let code =
            self.parse(code).map_err(|what| [b"Error compiling function: ", what.as_slice()].concat())?;
        *self.loading.lock() = Some(Loading::new());
        let outcome = self.show.call::<()>(true).and_then(|()| code.call::<()>(()));
        let shown = self.show.call::<()>(false);
        let loaded = self.loading.lock().take();
        outcome.and(shown).map_err(|error| wrong(told(&error)))?;
        let mut functions = Vec::new();
        for Wanted { name, description, flags, callback } in loaded.into_iter().flat_map(|it| it.functions) {
            let code = self.engine.keep(&self.lua, callback).map_err(|error| wrong(told(&error)))?;
            functions.push(Registered { name, description, flags, code: Code(code) });
        }
        self.engine.collect_some(&self.lua);
        Ok(functions)
    }

    /// Frees what is garbage. That may take memory, so there has to be some.
    fn collect(&mut self) {
        self.owned.set_limit(usize::MAX);
        let _ = self.lua.gc_collect();
        self.owned.set_limit(MEMORY_MAX);
    }

    fn parse(&mut self, code: &[u8]) -> Result<Function, Vec<u8>> {
        let parsed = self.parse_once(code);
        if !matches!(&parsed, Err(text) if text == NO_MEMORY) {
            return parsed;
        }
        // Garbage of other scripts: the parser works without the collector.
        self.collect();
        self.parse_once(code)
    }

    fn parse_once(&self, code: &[u8]) -> Result<Function, Vec<u8>> {
        let name = match self.kind {
            Kind::Scripts => "@user_script",
            Kind::Functions => "@user_function",
        };
        if code.first() == Some(&guards::BYTECODE_MARK) {
            return Err(format!("{}:1: unexpected symbol near '?'", &name[1..]).into_bytes());
        }
        let text = self.lua.create_string(code).map_err(|error| raise::plain(&error))?;
        let parsed: mlua::Result<(Option<Function>, Option<LuaString>)> = self.loadstring.call((text, name));
        let (function, problem) = parsed.map_err(|error| raise::plain(&error))?;
        function.ok_or_else(|| problem.map(|text| text.as_bytes().to_vec()).unwrap_or_default())
    }

    /// Lets go of a script.
    pub fn forget(&mut self, code: Code) {
        self.engine.forget(&self.lua, code.0);
    }

    /// Runs a script and writes its result.
    ///
    /// # Errors
    /// What it threw, or why it couldn't go on.
    pub fn run(
        &mut self,
        code: Code,
        run: &Run<'_>,
        host: &mut dyn Host,
        out: &mut Reply,
    ) -> Result<(), Failure> {
        *self.json.lock() = cjson::Config::default();
        self.running.begin(self.kind);
        let reply = std::mem::take(&mut self.reply);
        let mut session = api::Session { host, name: run.name, protocol: Protocol::Resp2, reply };
        let job = Job { code: code.0, keys: run.keys, args: run.args, passed: self.kind == Kind::Functions };
        let ended = self.engine.run(&job, &mut session, out);
        self.reply = session.reply;
        self.running.end();
        if ended == Ended::Exhausted || self.owned.used() > MEMORY_MAX / 2 {
            // Most of it is garbage now; the next script must not fail for it. What is less leaves the collector time
            // to come to an end by itself.
            self.collect();
        }
        self.owned.settle();
        let thrown = self.failure.lock().take();
        match (ended, thrown) {
            (Ended::Well, _) => Ok(()),
            (_, Some(thrown)) => Err(Failure { counted: thrown.counted, text: thrown.told(run.name) }),
            (Ended::Thrown, None) => Err(told_plain(run.name, b"execution failure")),
            (Ended::Broken, None) => Err(told_plain(run.name, b"internal error")),
            (Ended::Exhausted, None) => Err(told_plain(run.name, b"not enough memory")),
        }
    }
}

impl Thrown {
    fn told(self, sha: &[u8]) -> Vec<u8> {
        let mut text = self.text;
        if let Some((source, line)) = self.place {
            text.extend_from_slice(b" script: ");
            text.extend_from_slice(sha);
            text.extend_from_slice(format!(", on {source}:{line}.").as_bytes());
        }
        text
    }
}

/// The answer to a script that ended without reaching its error handler.
fn told_plain(sha: &[u8], what: &[u8]) -> Failure {
    let what = &what[..what.len().min(100)];
    Failure { text: [b"ERR Error running script ", sha, b", ", what].concat(), counted: false }
}

/// # Errors
/// If the script has been killed.
fn alive(running: &Running) -> mlua::Result<()> {
    if running.is_killed() {
        return Err(raise::fail_reply("ERR Script killed by user with SCRIPT KILL..."));
    }
    Ok(())
}

/// Keeps what nobody caught.
fn error_handler(lua: &Lua, failure: &Arc<Mutex<Option<Thrown>>>) -> mlua::Result<Function> {
    let failure = Arc::clone(failure);
    lua.create_function(move |lua, problem: Value| {
        *failure.lock() = Some(thrown(lua, &problem));
        Ok(())
    })
}

/// What the prelude needs of this side.
fn host_table(lua: &Lua, running: &Arc<Running>, own: &Table) -> mlua::Result<Table> {
    let host = lua.create_table()?;
    host.raw_set("globals", lua.globals())?;
    let refuse = |lua: &Lua, _: MultiValue| -> mlua::Result<()> {
        Err(raise::fail(lua, "Attempt to modify a readonly table"))
    };
    host.raw_set("refuse", lua.create_function(refuse)?)?;
    let missing = |lua: &Lua, (_, name): (Value, Value)| -> mlua::Result<()> {
        let name = lua.coerce_string(name)?.map(|name| name.as_bytes().to_vec()).unwrap_or_default();
        let text = [b"Script attempted to access nonexistent global variable '", name.as_slice(), b"'"];
        Err(raise::fail(lua, text.concat()))
    };
    host.raw_set("missing", lua.create_function(missing)?)?;
    let message = |lua: &Lua, problem: Value| match raise::text_of(&problem) {
        Some(text) => Ok(Value::String(lua.create_string(text)?)),
        None => Ok(problem),
    };
    host.raw_set("message", lua.create_function(message)?)?;
    host.raw_set("object", lua.create_function(error_object)?)?;
    host.raw_set("mark", views::mark())?;
    host.raw_set(
        "base",
        lua.create_sequence_from([guards::base(lua, own)?, views::base(lua, own)?, scopes::base(lua, own)?])?,
    )?;
    host.raw_set("tables", views::tables(lua, own)?)?;
    host.raw_set("patterns", guards::patterns(lua, own)?)?;
    let scope = own.clone();
    host.raw_set("behind_checks", lua.create_function(move |lua, them| scopes::fronts(lua, &scope, &them))?)?;
    let stop = Arc::clone(running);
    host.raw_set("check_alive", lua.create_function(move |_, ()| alive(&stop))?)?;
    api::random(lua, &host)?;
    Ok(host)
}

/// What an error handler of a script gets for an error of a library: a table or a text.
fn error_object(lua: &Lua, problem: Value) -> mlua::Result<Value> {
    let Value::Error(error) = &problem else { return Ok(problem) };
    match raise::raised(error) {
        Some(Raised::Reply(text)) => Ok(Value::Table(raise::error_table(lua, text)?)),
        _ => {
            let text = raise::text_of(&problem).unwrap_or_default();
            Ok(Value::String(lua.create_string(text)?))
        }
    }
}

/// The text of a library's error, its code in front.
fn told(error: &mlua::Error) -> Vec<u8> {
    match raise::raised(error) {
        Some(Raised::Reply(text)) => text.clone(),
        Some(Raised::Text(text)) => with_code(text),
        None => with_code(&raise::plain(error)),
    }
}

fn with_code(text: &[u8]) -> Vec<u8> {
    [b"ERR ", text].concat()
}

/// An error that no script caught, as it is answered.
fn thrown(lua: &Lua, problem: &Value) -> Thrown {
    let text = match problem {
        Value::Error(error) => told(error),
        Value::Table(_) => raise::text_of(problem).unwrap_or_else(|| b"ERR unknown error".to_vec()),
        Value::String(text) => with_code(&text.as_bytes()),
        other => with_code(other.to_string().unwrap_or_default().as_bytes()),
    };
    let counted = matches!(problem, Value::Table(table) if table.raw_get(COUNTED).unwrap_or(false));
    let text = until_nul(&text).to_vec();
    Thrown { text, place: raise::place(lua), counted }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A host whose commands answer `+OK`, but for `panic`; it panics as well when it hears of an error of its own
    /// choice.
    #[derive(Default)]
    struct Shaky {
        calls: usize,
    }

    impl Host for Shaky {
        fn call(&mut self, args: &[&[u8]], reply: &mut Reply) -> Result<(), Vec<u8>> {
            self.calls += 1;
            let _alive = args.iter().map(|arg| arg.to_vec()).collect::<Vec<_>>();
            match args[0] {
                b"panic" => panic!("as the test wants it"),
                b"refused" => Err(b"ERR refused".to_vec()),
                _ => {
                    reply.ok();
                    Ok(())
                }
            }
        }

        fn answers_error(&mut self, text: &[u8], _counted: bool) {
            assert!(text != b"ERR panic", "as the test wants it");
        }

        fn command(&self) -> Vec<Box<[u8]>> {
            Vec::new()
        }

        fn patience(&self) -> Option<Duration> {
            None
        }

        fn time_goes_on(&mut self) {}

        fn journal(&mut self, _kept: bool) {}

        fn may_call(&mut self, args: &[&[u8]]) -> Option<bool> {
            assert!(args[0] != b"panic", "as the test wants it");
            Some(true)
        }
    }

    /// What a script answers, or its error.
    fn run(vm: &mut Vm, host: &mut Shaky, script: &str) -> Result<String, String> {
        let code = vm.compile(script.as_bytes()).expect("it compiles");
        let (mut out, run) = (Reply::default(), Run { name: b"sha", keys: &[], args: &[] });
        let outcome = vm.run(code, &run, host, &mut out);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        outcome.map(|()| text(out.as_bytes())).map_err(|failure| text(&failure.text))
    }

    #[test]
    fn panics_end_commands_and_scripts_but_not_the_process() {
        let mut vm = Vm::new(Arc::default(), Kind::Scripts).expect("memory");
        let mut host = Shaky::default();
        let cases = [
            ("return redis.call('panic').err", Err("ERR internal error script: sha, on @user_script:1.")),
            ("return redis.pcall('panic')", Ok("-ERR internal error\r\n")),
            ("return {pcall(redis.call, 'panic')}", Ok("*2\r\n$-1\r\n$18\r\nERR internal error\r\n")),
            (
                "return {1, redis.error_reply('ERR panic'), 2}",
                Err("ERR Error running script sha, internal error"),
            ),
            ("return {redis.pcall('refused'), redis.call('fine')}", Ok("*2\r\n-ERR refused\r\n+OK\r\n")),
        ];
        for (script, wanted) in cases {
            let told = run(&mut vm, &mut host, script);
            assert_eq!(told.as_deref().map_err(String::as_str), wanted, "{script}");
            assert_eq!(
                run(&mut vm, &mut host, "return redis.call('fine').ok").as_deref(),
                Ok("$2\r\nOK\r\n")
            );
        }
    }

    #[test]
    fn panics_in_the_safe_layer_end_scripts_but_not_the_process() {
        let mut vm = Vm::new(Arc::default(), Kind::Scripts).expect("memory");
        let mut host = Shaky::default();
        for script in [
            "return redis.acl_check_cmd('panic')",
            "return {pcall(redis.acl_check_cmd, 'panic')}",
            "local ok, why = pcall(redis.acl_check_cmd, 'panic') return tostring(why)",
            "local ok, why = pcall(redis.acl_check_cmd, 'panic') error(why)",
            "local inner = coroutine.wrap(function() redis.acl_check_cmd('panic') end) return inner()",
            "return xpcall(function() redis.acl_check_cmd('panic') end, function(why) return why end)",
        ] {
            let told = run(&mut vm, &mut host, script);
            assert!(told.as_deref().is_err() || told.as_deref() == Ok("$-1\r\n"), "{script}: {told:?}");
            let fine = "return {redis.call('fine').ok, redis.acl_check_cmd('fine')}";
            assert_eq!(run(&mut vm, &mut host, fine).as_deref(), Ok("*2\r\n$2\r\nOK\r\n:1\r\n"));
        }
    }

    #[test]
    fn errors_that_leave_in_between_keep_nothing() {
        let mut vm = Vm::new(Arc::default(), Kind::Scripts).expect("memory");
        let mut host = Shaky::default();
        let mut used = 0;
        for round in 0..300 {
            let script = "local big = ('x'):rep(10000)
                for i = 1, 20 do
                    pcall(redis.call, 'refused', big, i, 1.5)
                    pcall(redis.call, {})
                    pcall(cjson.encode, {big, {type}})
                    pcall(cjson.decode, '[\"' .. big .. '\\\\n\", [x')
                    pcall(cmsgpack.pack, {big, ('x'):rep(100)})
                    pcall(cmsgpack.unpack, '\\221\\0\\0\\0\\9\\161')
                end
                return redis.call('refused', big)";
            let told = run(&mut vm, &mut host, script);
            assert_eq!(told.expect_err("it fails"), "ERR refused script: sha, on @user_script:10.");
            vm.collect();
            if round == 100 {
                used = vm.used_memory();
            }
        }
        // The compiled scripts stay.
        assert!(vm.used_memory() < used + (1 << 20), "{used} {}", vm.used_memory());
        assert_eq!(host.calls, 300 * 21);
    }
}
