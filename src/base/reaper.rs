//! Freeing what takes long to free: by a background thread, or by whoever has nobody waiting for it.

use std::any::Any;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};

static PENDING: AtomicUsize = AtomicUsize::new(0);
static FREED: AtomicU64 = AtomicU64::new(0);
static THREAD: LazyLock<Sender<(usize, Box<dyn Any + Send>)>> = LazyLock::new(|| {
    let (sender, receiver) = channel::<(usize, Box<dyn Any + Send>)>();
    let run = move || {
        for (objects, buried) in receiver {
            free(objects, buried);
        }
    };
    std::thread::Builder::new().name("redstart-reaper".into()).spawn(run).expect("a thread at start-up");
    sender
});

/// Has `what`, which counts as `objects` values, dropped on the background thread.
pub fn bury(objects: usize, what: impl Any + Send) {
    PENDING.fetch_add(objects, Ordering::Relaxed);
    // The receiver lives as long as the process.
    let _ = THREAD.send((objects, Box::new(what)));
}

/// Drops `what`, which counts as `objects` values, on the calling thread.
pub fn free_here(objects: usize, what: impl Any) {
    PENDING.fetch_add(objects, Ordering::Relaxed);
    free(objects, what);
}

fn free(objects: usize, what: impl Any) {
    drop(what);
    FREED.fetch_add(objects as u64, Ordering::Relaxed);
    // Release, and the other counter first: who sees nothing pending also sees all counted.
    PENDING.fetch_sub(objects, Ordering::Release);
}

/// Values that wait to be freed.
pub fn pending() -> usize {
    PENDING.load(Ordering::Acquire)
}

/// Values freed so far.
pub fn freed() -> u64 {
    FREED.load(Ordering::Relaxed)
}

/// Starts the count of freed values at zero again.
pub fn reset_freed() {
    FREED.store(0, Ordering::Relaxed);
}
