//! The lanes of clients that ask for a lot: they wait for each other, so that nobody else waits for all of them.
//!
//! A client whose turn was cut short because its replies were long lets others have theirs. If it went on as soon as
//! a worker thread is free, it would only join a queue in which a thousand such clients may stand, and every other
//! client in between. So it waits for a lane, of which there are as many as threads: each thread then has hardly more
//! than one of them before whoever comes with a short request. They get their lanes in the order in which they ask.
//!
//! A lane is held while commands run, never while the client is waited for.

use std::sync::LazyLock;
use std::thread::available_parallelism;

use tokio::sync::{Semaphore, SemaphorePermit};

static LANES: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(available_parallelism().map_or(2, usize::from).max(2)));

/// Lets others have their turn, then waits for a lane.
pub(super) async fn enter() -> SemaphorePermit<'static> {
    tokio::task::yield_now().await;
    // Apart, since it is rare and would make every connection's task larger.
    Box::pin(LANES.acquire()).await.expect("the lanes are never closed")
}
