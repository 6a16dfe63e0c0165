//! How many threads serve clients, a small number for each thread, by which it finds its own lane of counters, and the
//! bell for whoever watches over them.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::Duration;

static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static INDEX: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// How many threads serve clients: one per core, and two at least, so that a long command strands nobody.
pub fn count() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).max(2)
}

/// The number of the calling thread: 0, 1, 2, ... in the order of first use.
#[inline]
pub fn index() -> usize {
    INDEX.with(|cell| match cell.get() {
        usize::MAX => {
            let index = NEXT.fetch_add(1, Ordering::Relaxed);
            cell.set(index);
            index
        }
        index => index,
    })
}

thread_local! {
    static JUST_AWAKE: Cell<bool> = const { Cell::new(false) };
}

/// The calling worker has slept, and is about to run the tasks that it was woken for.
pub fn wake_up() {
    JUST_AWAKE.with(|awake| awake.set(true));
}

/// Whether the calling task is the first to ask since its worker woke up. Of several tasks that the network has woken
/// tokio runs the last one first: who wants the order of events goes to the back of the queue then.
#[inline]
pub fn is_first_since_sleep() -> bool {
    JUST_AWAKE.with(|awake| awake.replace(false))
}

/// Whoever watches over the workers. It sleeps while nothing happens.
static WATCHER: OnceLock<Thread> = OnceLock::new();
static ASLEEP: AtomicBool = AtomicBool::new(false);

/// Says that there is work, to a watcher that sleeps.
#[inline]
pub fn ring() {
    if ASLEEP.load(Ordering::Relaxed) {
        wake_the_watcher();
    }
}

#[cold]
fn wake_the_watcher() {
    if ASLEEP.swap(false, Ordering::Relaxed)
        && let Some(watcher) = WATCHER.get()
    {
        watcher.unpark();
    }
}

/// Threads that do long work for a command and have left their worker to another thread.
static AWAY: AtomicUsize = AtomicUsize::new(0);

/// Does long work for a command, for which the calling thread has left its worker to another thread.
pub fn while_away<R>(work: impl FnOnce() -> R) -> R {
    struct Back;
    impl Drop for Back {
        fn drop(&mut self) {
            AWAY.fetch_sub(1, Ordering::Relaxed);
        }
    }
    AWAY.fetch_add(1, Ordering::Relaxed);
    let _back = Back;
    work()
}

/// Whether any thread is away. If many are, there may be none left to take over.
pub fn is_any_away() -> bool {
    AWAY.load(Ordering::Relaxed) > 0
}

/// Sleeps until [`ring`] or for so long; tells whether it rang. For one thread only, the first to call it.
pub fn sleep_until_ring(longest: Duration) -> bool {
    WATCHER.get_or_init(std::thread::current);
    ASLEEP.store(true, Ordering::Relaxed);
    std::thread::park_timeout(longest);
    !ASLEEP.swap(false, Ordering::Relaxed)
}
