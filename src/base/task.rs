//! Tasks of the worker threads, so that none is ever left in the hands of a worker that doesn't go on.
//!
//! Some workers sit still at times, see `server/crew.rs`. What a worker has in its queue others take over, but not the
//! tasks that it has deferred: those that tokio interrupts when their budget is spent, and those that yield to it. So
//! tasks get no budget here; they give way by [`requeue`], or by [`defer`], which is counted. Whoever could go on for
//! long without waiting does so now and then.

use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use tokio::task::{JoinHandle, unconstrained};

/// Tasks that are deferred.
static DEFERRED: AtomicUsize = AtomicUsize::new(0);

/// Starts a task.
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(unconstrained(future))
}

/// Whether the calling thread may start tasks.
pub fn can_spawn() -> bool {
    tokio::runtime::Handle::try_current().is_ok()
}

/// Goes to the back of the worker's queue: the tasks that are ready have their turn first.
pub async fn requeue() {
    let mut requeued = false;
    poll_fn(|context| {
        if std::mem::replace(&mut requeued, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Goes on when nothing else is ready, and nothing has come over the network either. It is for long work in steps: to
/// look at the network costs a system call.
pub async fn defer() {
    let _deferred = Deferred::new();
    tokio::task::yield_now().await;
}

/// Whether any task is deferred.
pub fn is_any_deferred() -> bool {
    DEFERRED.load(Ordering::Relaxed) > 0
}

struct Deferred;

impl Deferred {
    fn new() -> Deferred {
        DEFERRED.fetch_add(1, Ordering::Relaxed);
        Deferred
    }
}

impl Drop for Deferred {
    fn drop(&mut self) {
        DEFERRED.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    async fn order_of<F: Future<Output = ()> + Send + 'static>(give_way: fn() -> F) -> Vec<&'static str> {
        let order = Arc::new(Mutex::new(Vec::new()));
        let start = |_| {
            let order = Arc::clone(&order);
            spawn(async move {
                order.lock().push("before");
                give_way().await;
                order.lock().push("after");
            })
        };
        for task in (0..3).map(start).collect::<Vec<_>>() {
            task.await.expect("it ends");
        }
        let order = order.lock();
        order.clone()
    }

    #[tokio::test]
    async fn those_who_are_ready_go_first() {
        let expected = ["before", "before", "before", "after", "after", "after"];
        assert_eq!(order_of(requeue).await, expected);
        assert_eq!(order_of(defer).await, expected);
    }
}
