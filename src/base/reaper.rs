//! The background thread that frees what takes long to free.

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
            drop(buried);
            PENDING.fetch_sub(objects, Ordering::Relaxed);
            FREED.fetch_add(objects as u64, Ordering::Relaxed);
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

/// Values that wait to be freed.
pub fn pending() -> usize {
    PENDING.load(Ordering::Relaxed)
}

/// Values freed so far.
pub fn freed() -> u64 {
    FREED.load(Ordering::Relaxed)
}

/// Starts the count of freed values at zero again.
pub fn reset_freed() {
    FREED.store(0, Ordering::Relaxed);
}
