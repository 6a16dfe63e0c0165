//! Processes that break in each way, and what they leave.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};
use std::{env, hint, thread};

use super::*;

/// How the victim breaks.
const HOW: &str = "REDSTART_TEST_CRASH";

/// The end of a process in which only the victim runs.
fn crash(how: &str) -> (String, Option<i32>) {
    let mut command = Command::new(env::current_exe().expect("a test runs"));
    command.args(["observe::crash::tests::victim", "--exact", "--ignored", "--nocapture"]).env(HOW, how);
    let Output { status, stdout, .. } = command.output().expect("it runs again");
    (String::from_utf8_lossy(&stdout).into_owned(), status.signal())
}

#[test]
#[ignore = "breaks the process: the other tests start it in one of its own"]
fn victim() {
    let Ok(how) = env::var(HOW) else { return };
    let facts: Box<TellFacts> = match how.as_str() {
        "panic" => Box::new(|_, _| panic!("no facts")),
        "again" => Box::new(|_, _| process::abort()),
        _ => Box::new(|client, out| out(&format!("client {client}, fine otherwise\n"))),
    };
    prepare(None, facts);
    set_enabled(true);
    let breaking = move || {
        if how != "bare" {
            protect_thread();
        }
        serving(42);
        if how == "overflow" { dig(0) } else { touch_forbidden() }
    };
    thread::Builder::new()
        .name("digger".to_owned())
        .spawn(breaking)
        .expect("a thread")
        .join()
        .expect("no end");
}

/// Calls itself until the stack is full.
#[expect(unconditional_recursion)]
fn dig(depth: usize) -> usize {
    let earth = hint::black_box([depth; 512]);
    dig(depth + 1) + earth[depth % 512]
}

/// Reads what nobody may read.
fn touch_forbidden() -> usize {
    let (flags, kind) = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, libc::PROT_NONE);
    // SAFETY: new memory, at an address that the kernel chooses.
    let memory = unsafe { libc::mmap(ptr::null_mut(), GUARD, kind, flags, -1, 0) };
    assert_ne!(memory, libc::MAP_FAILED);
    // SAFETY: there is memory mapped, which the kernel lets nobody read: that is the point.
    usize::from(unsafe { memory.cast::<u8>().read_volatile() })
}

#[test]
fn a_fault_is_reported_and_ends_the_process_by_its_signal() {
    let (log, signal) = crash("fault");
    assert_eq!(signal, Some(libc::SIGSEGV), "{log}");
    for part in [
        "signal: 11, si_code: 2",
        "Accessing address: 0x",
        "digger *",
        "touch_forbidden",
        "client 42, fine",
        END,
    ] {
        assert!(log.contains(part), "no {part:?} in {log}");
    }
    assert!(!log.contains("Killed by"), "{log}");
}

#[test]
fn a_full_stack_is_reported() {
    let (log, signal) = crash("overflow");
    assert_eq!(signal, Some(libc::SIGSEGV), "{log}");
    assert!(log.contains("dig") && log.contains("client 42, fine") && log.contains(END), "{log}");
}

#[test]
fn without_a_stack_in_reserve_the_signal_is_reported_all_the_same() {
    let (log, signal) = crash("bare");
    assert_eq!(signal, Some(libc::SIGSEGV), "{log}");
    assert!(log.contains("signal: 11") && log.contains("no more can be told") && log.contains(END), "{log}");
}

#[test]
fn a_report_that_fails_ends_the_process_too() {
    let (log, signal) = crash("panic");
    assert_eq!(signal, Some(libc::SIGSEGV), "{log}");
    assert!(log.contains("telling it failed") && log.contains(END), "{log}");
    let (log, signal) = crash("again");
    assert_eq!(signal, Some(libc::SIGABRT), "{log}");
    assert!(log.contains("Crashed while reporting a crash."), "{log}");
}
