//! Freeing what takes long to free: by a background thread, or by whoever has nobody waiting for it.

use std::any::Any;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};

static PENDING: AtomicUsize = AtomicUsize::new(0);
static PENDING_BYTES: AtomicUsize = AtomicUsize::new(0);
static FREED: AtomicU64 = AtomicU64::new(0);
static THREAD: LazyLock<Sender<Buried>> = LazyLock::new(|| {
    let (sender, receiver) = channel::<Buried>();
    let run = move || receiver.into_iter().for_each(free);
    std::thread::Builder::new().name("redstart-reaper".into()).spawn(run).expect("a thread at start-up");
    sender
});

struct Buried {
    objects: usize,
    bytes: usize,
    what: Box<dyn Any + Send>,
}

/// Has `what`, which counts as `objects` values and takes about so many bytes, dropped on the background thread. Who
/// doesn't know the bytes says 0: eviction looks at them, and may evict more than it has to.
pub fn bury(objects: usize, bytes: usize, what: impl Any + Send) {
    PENDING.fetch_add(objects, Ordering::Relaxed);
    PENDING_BYTES.fetch_add(bytes, Ordering::Relaxed);
    // The receiver lives as long as the process.
    let _ = THREAD.send(Buried { objects, bytes, what: Box::new(what) });
}

/// Drops `what`, which counts as `objects` values, on the calling thread.
pub fn free_here(objects: usize, what: impl Any + Send) {
    PENDING.fetch_add(objects, Ordering::Relaxed);
    free(Buried { objects, bytes: 0, what: Box::new(what) });
}

fn free(buried: Buried) {
    let Buried { objects, bytes, what } = buried;
    drop(what);
    PENDING_BYTES.fetch_sub(bytes, Ordering::Relaxed);
    FREED.fetch_add(objects as u64, Ordering::Relaxed);
    // Release, and the other counter first: who sees nothing pending also sees all counted.
    PENDING.fetch_sub(objects, Ordering::Release);
}

/// Values that wait to be freed.
pub fn pending() -> usize {
    PENDING.load(Ordering::Acquire)
}

/// About how many bytes they take.
pub fn pending_bytes() -> usize {
    PENDING_BYTES.load(Ordering::Relaxed)
}

/// Values freed so far.
pub fn freed() -> u64 {
    FREED.load(Ordering::Relaxed)
}

/// Starts the count of freed values at zero again.
pub fn reset_freed() {
    FREED.store(0, Ordering::Relaxed);
}
