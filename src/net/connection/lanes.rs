//! The lanes of clients that are sent a lot: they wait for each other, so that nobody else waits for all of them.
//!
//! To make and write a quarter of a megabyte takes far longer than a short command. If each client with so long
//! replies wrote them as soon as a thread is free, a thousand such clients would stand in the queue before whoever
//! comes with a short command. So each waits for a lane, of which there are as many as threads: each thread then has
//! hardly more than one of them before it. They get their lanes in the order in which they ask.

use std::sync::LazyLock;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::base::{task, worker};

static LANES: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(worker::count()));

/// Lets others have their turn, then waits for a lane. It is for the time of one write, not for waiting.
pub(super) async fn enter() -> SemaphorePermit<'static> {
    task::defer().await;
    LANES.acquire().await.expect("the lanes are never closed")
}
