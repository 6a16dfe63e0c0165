//! Below mlua's safe layer: running a script and `redis.call`, on which the speed of scripts depends.
//!
//! The safe layer makes functions for every run, since they borrow what the run borrows, and a reference with two
//! protected calls for every value: a script of two calls cost 12 us by it, four times what Redis takes. Here the
//! functions live as long as the interpreter and find the run through a [`Slot`].
//!
//! **What makes this sound.**
//! 1. A Lua error leaves by `longjmp`. So where the interpreter is called and could raise, no value with a
//!    destructor is alive in the frames of this file: they hold numbers, references and raw pointers.
//! 2. What has destructors (the command and all it does) happens in [`run_command`], which calls nothing of the
//!    interpreter that allocates or raises, and lets no panic out; so does each step of writing a result.
//! 3. Making values of replies and texts, and texts of values, raises anywhere, so it can't be fenced off as a whole.
//!    But what takes a reply or a text apart, or writes to one, calls nothing of the interpreter and is behind a
//!    [`fence`], step by step: a panic in it, which would be a bug, becomes an error of the script. What is left calls
//!    the interpreter with what such a step has given. It is `extern "C"`, so that nothing ever unwinds through the
//!    interpreter, and clippy sees to it that it doesn't index.
//! 4. A reply is moved out of the session before values are made of it: whatever a collection or an error may run
//!    in between finds an empty one.
//! 5. The interpreter belongs to one [`Vm`](super::Vm), which is behind a lock: one thread at a time.
#![allow(unsafe_code)]

use std::any::Any;
use std::cell::{Cell, RefCell, UnsafeCell};
use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

use mlua::ffi::{self, lua_State};
use mlua::{Function, Lua, Table};
use smallvec::SmallVec;

use super::api::{Session, Text};
use super::push::{COUNTED_FIELD, push_reply, push_text};
use super::write::{Output, write_result};
use crate::resp::{Protocol, Reply};

/// Where functions of the interpreter find the run that calls them, and what outlives an error that leaves them.
#[derive(Default)]
pub struct Slot {
    session: Cell<*mut Session<'static>>,
    /// Replies that values are being made of, the outer ones first; see the head of this file.
    in_flight: RefCell<SmallVec<[Reply; 1]>>,
    /// Where libraries write texts before they make values of them.
    scratch: UnsafeCell<Vec<u8>>,
    /// The panic that has ended the run.
    broken: Cell<Option<Box<dyn Any + Send>>>,
}

/// What the scratch may hold from run to run, in bytes.
const SCRATCH_KEPT: usize = 64 << 10;

// SAFETY: used by whoever holds the interpreter, one thread at a time.
unsafe impl Send for Slot {}
// SAFETY: as above.
unsafe impl Sync for Slot {}

impl Slot {
    /// Does something with the session of the run, if one is on. It must not call the interpreter.
    pub fn with<R>(&self, work: impl FnOnce(&mut Session<'_>) -> R) -> Option<R> {
        let session = self.session.replace(ptr::null_mut());
        if session.is_null() {
            return None;
        }
        let taken = Taken { slot: self, session };
        // SAFETY: `Engine::run` keeps the session while it is in the slot, and nobody else has it: it was taken out.
        Some(work(unsafe { &mut *taken.session }))
    }

    /// Somewhere to write a text, empty.
    ///
    /// # Safety
    /// Only for functions of the interpreter that run no Lua code while they use it.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn scratch(&self) -> &mut Vec<u8> {
        // SAFETY: the interpreter runs one function at a time, and the caller lets no other one run.
        let scratch = unsafe { &mut *self.scratch.get() };
        scratch.clear();
        scratch
    }

    /// Notes the panic that ends the run.
    pub fn break_off(&self, panic: Box<dyn Any + Send>) {
        self.broken.set(Some(panic));
    }

    /// Forgets what a run has left.
    fn clean(&self) {
        self.in_flight.borrow_mut().clear();
        // SAFETY: no function of the interpreter runs.
        let scratch = unsafe { self.scratch() };
        scratch.shrink_to(SCRATCH_KEPT);
    }
}

/// Does something that calls nothing of the interpreter; none if it panics. What it gives has no destructor, so errors
/// may be raised while it is there.
pub fn fence<R: Copy>(work: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(|| {
        #[cfg(test)]
        forced::panic_if_wanted();
        work()
    }))
    .ok()
}

/// Panics behind the [`fence`], for tests.
#[cfg(test)]
pub mod forced {
    use std::cell::Cell;

    thread_local! {
        static STEPS: Cell<Option<u32>> = const { Cell::new(None) };
    }

    /// Has the calling thread panic behind the fence after so many steps.
    pub fn panic_after(steps: u32) {
        STEPS.set(Some(steps));
    }

    /// No panic any more. Tells whether there was one.
    pub fn calm() -> bool {
        STEPS.take().is_none()
    }

    pub(super) fn panic_if_wanted() {
        match STEPS.get() {
            None => {}
            Some(0) => {
                STEPS.set(None);
                panic!("forced");
            }
            Some(left) => STEPS.set(Some(left - 1)),
        }
    }
}

/// The slot of a function of the interpreter that [`functions`] has made.
///
/// # Safety
/// As it says; the slot lives as long as the interpreter.
pub unsafe fn slot_of<'s>(state: *mut lua_State) -> &'s Slot {
    // SAFETY: as the caller promises.
    unsafe { &*ffi::lua_touserdata(state, ffi::lua_upvalueindex(1)).cast::<Slot>() }
}

/// Makes functions of the interpreter that find the slot, and puts them into a table.
///
/// # Errors
/// If Lua has no memory left.
pub fn functions(
    lua: &Lua,
    slot: &Arc<Slot>,
    table: &Table,
    functions: &[(&str, ffi::lua_CFunction)],
) -> mlua::Result<()> {
    let address = Arc::as_ptr(slot).cast_mut().cast::<c_void>();
    for &(name, function) in functions {
        // SAFETY: the engine keeps the slot alive as long as the interpreter; the closure takes its one upvalue.
        let made: Function = unsafe {
            lua.exec_raw((), |state| {
                ffi::lua_pushlightuserdata(state, address);
                ffi::lua_pushcclosure(state, function, 1);
            })?
        };
        table.raw_set(name, made)?;
    }
    Ok(())
}

/// The same for functions that own something together: [`owned_by`] gives it to them.
///
/// # Errors
/// If Lua has no memory left.
pub fn owners<T: Send + Sync + 'static>(
    lua: &Lua,
    slot: &Arc<Slot>,
    owned: &Arc<T>,
    table: &Table,
    functions: &[(&str, ffi::lua_CFunction)],
) -> mlua::Result<()> {
    let address = Arc::as_ptr(owned).cast_mut().cast::<c_void>();
    let slot = Arc::as_ptr(slot).cast_mut().cast::<c_void>();
    let keeper = lua.create_any_userdata(Arc::clone(owned))?;
    for &(name, function) in functions {
        // SAFETY: the engine keeps the slot alive as long as the interpreter, and the keeper what is owned as long as
        // the closure; that takes these three from the stack.
        let made: Function = unsafe {
            lua.exec_raw(&keeper, |state| {
                ffi::lua_pushlightuserdata(state, slot);
                ffi::lua_insert(state, 1);
                ffi::lua_pushlightuserdata(state, address);
                ffi::lua_insert(state, 2);
                ffi::lua_pushcclosure(state, function, 3);
            })?
        };
        table.raw_set(name, made)?;
    }
    Ok(())
}

/// What a function of the interpreter that [`owners`] has made owns.
///
/// # Safety
/// As it says, and it is a `T`.
pub unsafe fn owned_by<'s, T>(state: *mut lua_State) -> &'s T {
    // SAFETY: as the caller promises.
    unsafe { &*ffi::lua_touserdata(state, ffi::lua_upvalueindex(2)).cast::<T>() }
}

/// A session that is out of its slot for the moment.
struct Taken<'a> {
    slot: &'a Slot,
    session: *mut Session<'static>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.slot.session.set(self.session);
    }
}

/// What is called, with what.
pub struct Job<'a> {
    /// The compiled code, from [`Engine::keep`].
    pub code: c_int,
    /// The keys.
    pub keys: &'a [&'a [u8]],
    /// The other arguments.
    pub args: &'a [&'a [u8]],
    /// Whether they are given as arguments, as functions get them; else as `KEYS` and `ARGV`.
    pub passed: bool,
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// Its result is written.
    Well,
    /// An error has reached the handler.
    Thrown,
    /// There was no memory, not even for that.
    Exhausted,
    /// There was a panic, which is a bug.
    Broken,
}

/// The interpreter with what running scripts needs of it.
pub struct Engine {
    state: *mut lua_State,
    slot: Arc<Slot>,
    /// References into the registry: the function [`run_job`], the error handler, the scripts' globals.
    runner: c_int,
    handler: c_int,
    env: c_int,
    /// The texts "KEYS" and "ARGV".
    names: [c_int; 2],
}

// SAFETY: the pointer is to the interpreter that the owner of the engine owns as well, and that may be sent.
unsafe impl Send for Engine {}

/// What [`run_job`] is given.
struct Task<'a> {
    engine: &'a Engine,
    job: &'a Job<'a>,
    out: &'a mut Reply,
    ended: Ended,
}

impl Engine {
    /// An engine for an interpreter whose scripts have these globals; `handler` gets the errors that nobody caught.
    ///
    /// # Errors
    /// If Lua has no memory left.
    pub fn new(lua: &Lua, slot: &Arc<Slot>, handler: &Function, env: &Table) -> mlua::Result<Engine> {
        let mut engine = Engine {
            state: ptr::null_mut(),
            slot: Arc::clone(slot),
            runner: ffi::LUA_NOREF,
            handler: ffi::LUA_NOREF,
            env: ffi::LUA_NOREF,
            names: [ffi::LUA_NOREF; 2],
        };
        // SAFETY: the values are at the top of the stack, and each reference takes one.
        unsafe {
            let runner = lua.create_c_function(run_job)?;
            lua.exec_raw::<()>((env, handler, runner, "ARGV", "KEYS"), |state| {
                engine.names = [(); 2].map(|()| ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX));
                engine.runner = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
                engine.handler = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
                engine.env = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
                engine.state = state;
            })?;
        }
        Ok(engine)
    }

    /// Keeps compiled code for [`Job::code`].
    ///
    /// # Errors
    /// If Lua has no memory left.
    pub fn keep(&self, lua: &Lua, code: Function) -> mlua::Result<c_int> {
        let mut reference = ffi::LUA_NOREF;
        // SAFETY: the function is at the top of the stack, where the reference takes it from.
        unsafe {
            lua.exec_raw::<()>(code, |state| reference = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX))?;
        }
        Ok(reference)
    }

    /// Lets go of code.
    pub fn forget(&self, lua: &Lua, code: c_int) {
        // Under protection: the list of free references may need a new slot. Without memory the code stays.
        // SAFETY: the reference came from `keep`.
        let _ =
            unsafe { lua.exec_raw::<()>((), |state| ffi::luaL_unref(state, ffi::LUA_REGISTRYINDEX, code)) };
    }

    /// Goes on with the collection by some microseconds, after compiling: that leaves more garbage than it makes.
    pub fn collect_some(&self, lua: &Lua) {
        /// In Lua's KB of work, of which it does two for each.
        const STEP: c_int = 32;
        // Under protection: tables of the interpreter may be made smaller, which takes memory.
        // SAFETY: nothing of ours is touched.
        let _ = unsafe { lua.exec_raw::<()>((), |state| _ = ffi::lua_gc(state, ffi::LUA_GCSTEP, STEP)) };
    }

    /// Runs code and writes its result.
    pub fn run(&self, job: &Job<'_>, session: &mut Session<'_>, out: &mut Reply) -> Ended {
        let mut task = Task { engine: self, job, out, ended: Ended::Exhausted };
        let before = self.slot.session.replace(ptr::from_mut(session).cast());
        // SAFETY: at the base of a stack there is room for C functions' 20 values; none of these calls raises. The
        // task outlives the call that gets its address. The session is in the slot only during the call.
        unsafe {
            let top = ffi::lua_gettop(self.state);
            ffi::lua_rawgeti_(self.state, ffi::LUA_REGISTRYINDEX, self.runner);
            ffi::lua_pushlightuserdata(self.state, ptr::from_mut(&mut task).cast::<c_void>());
            if ffi::lua_pcall(self.state, 1, 0, 0) != ffi::LUA_OK {
                task.ended = Ended::Exhausted;
            }
            ffi::lua_settop(self.state, top);
        }
        self.slot.session.set(before);
        if self.slot.broken.take().is_some() {
            tracing::error!("panic while the result of a script was written");
            task.ended = Ended::Broken;
        }
        self.slot.clean();
        task.ended
    }
}

/// Runs a [`Task`], whose address is its argument.
unsafe extern "C-unwind" fn run_job(state: *mut lua_State) -> c_int {
    // SAFETY: only `Engine::run` calls this, with the address of a task that lives longer. Everything alive here is
    // a number or a reference, so errors may leave.
    unsafe {
        let task = &mut *ffi::lua_touserdata(state, 1).cast::<Task<'_>>();
        let (engine, job) = (task.engine, task.job);
        ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, engine.handler);
        ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, job.code);
        let arguments = if job.passed {
            push_texts(state, job.keys);
            push_texts(state, job.args);
            2
        } else {
            ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, engine.env);
            for (name, texts) in [(engine.names[0], job.keys), (engine.names[1], job.args)] {
                ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, name);
                push_texts(state, texts);
                ffi::lua_rawset(state, -3);
            }
            ffi::lua_settop(state, -2);
            0
        };
        match ffi::lua_pcall(state, arguments, 1, 2) {
            ffi::LUA_OK => {
                let typed = engine.slot.with(|session| session.protocol) == Some(Protocol::Resp3);
                write_result(state, &mut Output::new(task.out, typed, &engine.slot));
                task.ended = Ended::Well;
            }
            ffi::LUA_ERRMEM => {}
            _ => task.ended = Ended::Thrown,
        }
        0
    }
}

/// Pushes a table of texts. May raise.
unsafe fn push_texts(state: *mut lua_State, texts: &[&[u8]]) {
    // SAFETY: the caller runs under a protected call and has room for three values.
    unsafe {
        ffi::lua_createtable(state, c_int::try_from(texts.len()).unwrap_or(0), 0);
        for (at, text) in (1..).zip(texts) {
            push_text(state, text);
            ffi::lua_rawseti(state, -2, at);
        }
    }
}

/// `redis.call`, which raises errors, and `redis.pcall`, which returns them.
pub const CALLS: [(&str, ffi::lua_CFunction); 2] = [("call", call), ("pcall", pcall)];

unsafe extern "C-unwind" fn call(state: *mut lua_State) -> c_int {
    // SAFETY: a function of the interpreter, with its slot for upvalue.
    unsafe { answer(state, true) }
}

unsafe extern "C-unwind" fn pcall(state: *mut lua_State) -> c_int {
    // SAFETY: as above.
    unsafe { answer(state, false) }
}

/// Runs the command that is on the stack and pushes its reply; an error may be raised instead.
unsafe extern "C" fn answer(state: *mut lua_State, raises: bool) -> c_int {
    // SAFETY: the upvalue is the slot's address. After `run_command` only references are alive. The reply lies in
    // the slot until it is taken back, or until the run is over if an error leaves from here.
    unsafe {
        let slot = slot_of(state);
        let ran = run_command(state, slot);
        // Many arguments may have used up the stack.
        ffi::lua_settop(state, 0);
        let bytes: *const [u8] = match slot.in_flight.borrow().last() {
            Some(reply) => ptr::from_ref(reply.as_bytes()),
            None => ptr::from_ref(&[]),
        };
        push_reply(state, &*bytes);
        let failed = (*bytes).first() == Some(&b'-');
        take_back(slot);
        if failed && !ran {
            // Nobody has counted it.
            ffi::lua_pushnil(state);
            ffi::lua_setfield(state, -2, COUNTED_FIELD.as_ptr());
        }
        if failed && raises {
            ffi::lua_error(state);
        }
        1
    }
}

/// Puts a reply that has been read back for the next command.
fn take_back(slot: &Slot) {
    let reply = slot.in_flight.borrow_mut().pop();
    slot.with(|session| session.reply = reply.unwrap_or_default());
}

/// Commands with up to so many arguments need no memory for them.
const ARGUMENTS: usize = 16;

/// Runs the command that is on the stack; its reply is the last one in flight then. Tells whether it was one.
fn run_command(state: *mut lua_State, slot: &Slot) -> bool {
    let mut ran = true;
    let done = catch_unwind(AssertUnwindSafe(|| {
        slot.with(|session| {
            let mut reply = std::mem::take(&mut session.reply);
            reply.clear();
            reply.set_protocol(session.protocol);
            let (numbers, mut args);
            // SAFETY: the texts point into values that stay on the stack until the function returns.
            match unsafe { arguments(state) } {
                Ok(arguments) => {
                    (numbers, args) = (arguments.numbers, arguments.texts);
                    numbers.iter().for_each(|(at, number)| args[*at] = number.as_bytes());
                    if let Err(text) = session.host.call(&args, &mut reply) {
                        reply.clear();
                        reply.error(text);
                    }
                }
                Err(text) => {
                    ran = false;
                    reply.error(text);
                }
            }
            reply
        })
    }));
    let reply = done.ok().flatten().unwrap_or_else(|| {
        let mut reply = Reply::default();
        reply.error("ERR internal error");
        reply
    });
    slot.in_flight.borrow_mut().push(reply);
    ran
}

/// The arguments of a command: texts, in whose place there may be a number.
struct Arguments<'s> {
    texts: SmallVec<[&'s [u8]; ARGUMENTS]>,
    numbers: SmallVec<[(usize, Text); 2]>,
}

/// The arguments of a command.
unsafe fn arguments<'s>(state: *mut lua_State) -> Result<Arguments<'s>, &'static str> {
    // SAFETY: looking at values within the top of the stack neither allocates nor raises: a number isn't asked for
    // as a string, which would turn it into one.
    unsafe {
        let count = ffi::lua_gettop(state);
        if count == 0 {
            return Err("ERR Please specify at least one argument for this redis lib call");
        }
        let mut arguments =
            Arguments { texts: SmallVec::with_capacity(count as usize), numbers: SmallVec::new() };
        for at in 1..=count {
            arguments.texts.push(match ffi::lua_type(state, at) {
                ffi::LUA_TSTRING => {
                    let mut len = 0;
                    let bytes = ffi::lua_tolstring(state, at, &mut len);
                    std::slice::from_raw_parts(bytes.cast(), len)
                }
                ffi::LUA_TNUMBER => {
                    let number = Text::of_number(ffi::lua_tonumber(state, at));
                    arguments.numbers.push((at as usize - 1, number));
                    b""
                }
                _ => return Err("ERR Lua redis lib command arguments must be strings or integers"),
            });
        }
        Ok(arguments)
    }
}
