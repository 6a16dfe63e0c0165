//! What a process that breaks leaves in the log, in the frame that Redis's users and tools know.
//!
//! ```text
//! SIGSEGV … ─▶ on_crash, on the thread's reserve stack
//!                ├─ which signal, where: plain writes of bytes that lie on the stack
//!                ├─ the stack, the facts: best effort, since they allocate and take locks
//!                └─ the signal's default action, so that exit status and core file are those of the signal
//! ```
//!
//! A thread that breaks may hold any lock, the allocator's too, and the report may wait for it: then the timer that
//! was set before ends the process. A thread that breaks once more ends it at once: the signals are blocked meanwhile,
//! and the kernel lets no blocked fault pass. A second thread that breaks waits for the end that the first one brings.
//!
//! Other threads go on while the report is written. Stopping them could only be done by further signals.
//!
//! `unsafe`: signal handlers and the stacks they run on can't be had without.

#![allow(unsafe_code)]

use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::ffi::CString;
use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::panic::catch_unwind;
use std::path::Path;
use std::process;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, SystemTime};

use libc::{c_int, c_void, siginfo_t};
use nix::fcntl::{OFlag, open};
use nix::sys::signal::{self, SaFlags, SigAction, SigHandler, SigSet, Signal};
use nix::sys::stat::Mode;
use nix::unistd::{alarm, gettid, pause};

use crate::config::REDIS_VERSION;

/// The signals of a process that is broken.
const CRASHES: [Signal; 5] =
    [Signal::SIGSEGV, Signal::SIGBUS, Signal::SIGFPE, Signal::SIGILL, Signal::SIGABRT];
/// How long a report may take, in seconds.
const PATIENCE: u32 = 20;
/// Bytes of a reserve stack: looking up the names of a stack's functions takes some 100 KB. Memory is only taken by a
/// crash.
const RESERVE: usize = 512 * 1024;
/// Bytes below it that nobody may touch: at least a page, on any machine.
const GUARD: usize = 64 * 1024;

const START: &str = "\n\n=== REDIS BUG REPORT START: Cut & paste starting from here ===\n";
const END: &str = "\n=== REDIS BUG REPORT END. Make sure to include from START to END. ===\n\n";

/// Tells facts about the server, piece by piece: first those that are told most safely. The number is the
/// [client's](serving) that the broken thread served last, 0 if none.
pub type TellFacts = dyn Fn(u64, &mut dyn FnMut(&str)) + Send + Sync;

/// Where a report goes, and who knows the facts.
struct Reporter {
    log: Place,
    tell_facts: Box<TellFacts>,
}

static REPORTER: OnceLock<Reporter> = OnceLock::new();
/// The thread that broke first; 0 while none has.
static BROKEN: AtomicI32 = AtomicI32::new(0);
/// The signal that the process ends by.
static SIGNAL: AtomicI32 = AtomicI32::new(0);

thread_local! {
    static SERVED: Cell<u64> = const { Cell::new(0) };
    static STACK: RefCell<Option<ReserveStack>> = const { RefCell::new(None) };
}

/// Notes which client this thread serves.
#[inline]
pub fn serving(client: u64) {
    SERVED.set(client);
}

/// Says where reports go, the file of the log or standard output, and who tells the facts; once per process. Nothing
/// is caught before [`set_enabled`].
pub fn prepare(log: Option<&Path>, tell_facts: Box<TellFacts>) {
    let file = log.and_then(|path| CString::new(path.as_os_str().as_bytes()).ok());
    let stdout = || io::stdout().as_fd().try_clone_to_owned().ok().map(|fd| Place::Stdout(fd.into()));
    let Some(log) = file.map(Place::File).or_else(stdout) else { return };
    // Of several servers in one process, as tests have, the first one's log is that of the process.
    let _ = REPORTER.set(Reporter { log, tell_facts });
}

/// Whether a crash is reported.
pub fn set_enabled(enabled: bool) {
    let handler = match enabled {
        true => SigHandler::SigAction(on_crash),
        false => SigHandler::SigDfl,
    };
    let mut blocked = SigSet::empty();
    CRASHES.iter().for_each(|&crash| blocked.add(crash));
    let action = SigAction::new(handler, SaFlags::SA_ONSTACK, blocked);
    for crash in CRASHES {
        // SAFETY: the handler is made for a process in any state, as the head of this file says.
        let set = unsafe { signal::sigaction(crash, &action) };
        set.expect("signals that may be caught");
    }
}

/// Gives the calling thread a stack for the report of its crash, until it ends: its own may be what is full.
pub fn protect_thread() {
    // Without one it still reports its crash, but not where it was.
    STACK.with_borrow_mut(|stack| *stack = ReserveStack::new());
}

/// A failure that the server itself has found.
pub struct Failure<'a> {
    /// What has failed, in lines.
    pub lines: &'a [String],
    /// Whether to tell the stack and the facts.
    pub reported: bool,
    /// Whether to exit with status 1 and not by SIGABRT.
    pub exits: bool,
}

/// Reports a failure and ends the process.
pub fn fail(failure: &Failure<'_>) -> ! {
    SIGNAL.store(Signal::SIGABRT as i32, Ordering::SeqCst);
    // The report must not be made a second time for the end that this brings.
    set_enabled(false);
    set_timer();
    raw(START);
    failure.lines.iter().for_each(|line| say(format_args!("{line}")));
    if failure.reported {
        tell();
    }
    raw(END);
    if failure.exits {
        process::exit(1);
    }
    process::abort()
}

extern "C" fn on_crash(number: c_int, info: *mut siginfo_t, _: *mut c_void) {
    let me = gettid().as_raw();
    match BROKEN.compare_exchange(0, me, Ordering::SeqCst, Ordering::SeqCst) {
        Ok(_) => {
            SIGNAL.store(number, Ordering::SeqCst);
            set_timer();
            // SAFETY: the kernel gives handlers of this kind a siginfo that lives as long as they run.
            report(number, unsafe { &*info });
        }
        Err(first) if first == me => say(format_args!("Crashed while reporting a crash.")),
        Err(_) => loop {
            pause();
        },
    }
    // Blocked until this returns; then it ends the process in this thread's name.
    let _ = die_by(number);
}

fn report(number: c_int, info: &siginfo_t) {
    raw(START);
    say(format_args!("Redis {REDIS_VERSION} crashed by signal: {number}, si_code: {}", info.si_code));
    // Above 0 are the processor's own; others were sent by somebody.
    if info.si_code > 0 && (number == libc::SIGSEGV || number == libc::SIGBUS) {
        // SAFETY: a field of plain bytes, whoever has filled it.
        say(format_args!("Accessing address: {:p}", unsafe { info.si_addr() }));
    }
    if info.si_code == libc::SI_USER {
        // SAFETY: as above.
        let (pid, uid) = unsafe { (info.si_pid(), info.si_uid()) };
        say(format_args!("Killed by PID: {pid}, UID: {uid}"));
    }
    match has_reserve_stack() {
        true => tell(),
        false => say(format_args!("A thread without a stack in reserve: no more can be told.")),
    }
    raw(END);
}

/// The stack and the facts: best effort.
fn tell() {
    let told = catch_unwind(|| {
        raw("\n------ STACK TRACE ------\n");
        let name = std::thread::current().name().unwrap_or("?").to_owned();
        raw(&format!("{} {name} *\n{}", gettid(), Backtrace::force_capture()));
        raw("\n------ STACK TRACE DONE ------\n");
        if let Some(reporter) = REPORTER.get() {
            (reporter.tell_facts)(SERVED.get(), &mut raw);
        }
    });
    if told.is_err() {
        raw("\nThe rest can't be told: telling it failed.\n");
    }
}

/// Has the process end even if the report doesn't.
fn set_timer() {
    let action = SigAction::new(SigHandler::Handler(on_timeout), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing but what a handler may.
    let set = unsafe { signal::sigaction(Signal::SIGALRM, &action) };
    if set.is_ok() {
        alarm::set(PATIENCE);
    }
}

extern "C" fn on_timeout(_: c_int) {
    say(format_args!("The report takes too long: no more of it."));
    raw(END);
    let number = SIGNAL.load(Ordering::SeqCst);
    let _ = die_by(number);
    // This thread may be the broken one, in which the signal is blocked; then another one is ended by it.
    let _ = Signal::try_from(number).and_then(|crash| signal::kill(nix::unistd::getpid(), crash));
    std::thread::sleep(Duration::from_secs(1));
    // SAFETY: ends the process without running anything of it.
    unsafe { libc::_exit(128 + number) }
}

/// Raises a signal with its default action.
fn die_by(number: c_int) -> nix::Result<()> {
    let crash = Signal::try_from(number)?;
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: no handler of ours.
    unsafe { signal::sigaction(crash, &default) }?;
    signal::raise(crash)
}

/// Where the log is.
enum Place {
    /// Opened anew for each piece, as for each line of the log.
    File(CString),
    Stdout(File),
}

impl Place {
    /// Writes, without allocating.
    fn append(&self, bytes: &[u8]) {
        // There is nowhere left to say that the log can't be written.
        let _ = match self {
            Place::File(path) => {
                let flags = OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_CREAT | OFlag::O_CLOEXEC;
                let opened = open(path.as_c_str(), flags, Mode::from_bits_truncate(0o644));
                opened.map_err(io::Error::from).and_then(|file| File::from(file).write_all(bytes))
            }
            Place::Stdout(file) => (&*file).write_all(bytes),
        };
    }
}

/// Writes text as it is.
fn raw(text: &str) {
    if let Some(reporter) = REPORTER.get() {
        reporter.log.append(text.as_bytes());
    }
}

/// Writes a line with its origin and the time.
fn say(text: fmt::Arguments<'_>) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut line = Line { bytes: [0; 512], length: 0 };
    // A line that is too long is cut.
    let _ = writeln!(line, "{}:signal-handler ({now}) {text}", process::id());
    if let (Some(reporter), Some(bytes)) = (REPORTER.get(), line.bytes.get(..line.length)) {
        reporter.log.append(bytes);
    }
}

/// A line that lies on the stack.
struct Line {
    bytes: [u8; 512],
    length: usize,
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = &mut self.bytes[self.length..];
        let fits = text.len().min(room.len());
        room[..fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.length += fits;
        if fits < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

/// Memory that a thread's handlers run on; with the guard below it.
struct ReserveStack(*mut c_void);

impl ReserveStack {
    fn new() -> Option<ReserveStack> {
        let (length, flags) =
            (GUARD + RESERVE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE);
        // SAFETY: new memory, at an address that the kernel chooses.
        let memory =
            unsafe { libc::mmap(ptr::null_mut(), length, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        if memory == libc::MAP_FAILED {
            return None;
        }
        let stack = ReserveStack(memory);
        // SAFETY: the lower end of what was just mapped, in which nothing is.
        let guarded = unsafe { libc::mprotect(memory, GUARD, libc::PROT_NONE) } == 0;
        let described =
            libc::stack_t { ss_sp: memory.wrapping_byte_add(GUARD), ss_flags: 0, ss_size: RESERVE };
        // SAFETY: the memory above the guard stays mapped until the thread has no such stack any more: see `drop`.
        let taken = unsafe { libc::sigaltstack(&described, ptr::null_mut()) } == 0;
        (guarded && taken).then_some(stack)
    }
}

impl Drop for ReserveStack {
    fn drop(&mut self) {
        let none = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: RESERVE };
        // SAFETY: a thread runs its destructors outside of handlers, so the stack isn't in use; after the first call
        // the kernel doesn't know it any more.
        unsafe {
            if libc::sigaltstack(&none, ptr::null_mut()) == 0 {
                libc::munmap(self.0, GUARD + RESERVE);
            }
        }
    }
}

/// Whether handlers of the calling thread have the room that telling takes.
fn has_reserve_stack() -> bool {
    let mut current = MaybeUninit::<libc::stack_t>::uninit();
    // SAFETY: the call fills what the pointer names, unless it fails.
    unsafe {
        libc::sigaltstack(ptr::null(), current.as_mut_ptr()) == 0 && current.assume_init().ss_size >= RESERVE
    }
}

#[cfg(test)]
mod tests;
