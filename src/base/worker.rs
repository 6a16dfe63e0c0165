//! How many threads serve clients, and a small number for each thread, by which it finds its own lane of counters.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

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
