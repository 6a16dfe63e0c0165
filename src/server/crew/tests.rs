//! Tests of the bench: who sits, who is called, and that nobody's task is left behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::Bench;
use crate::base::task;

fn runtime(workers: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(workers).enable_all().build().expect("a runtime")
}

/// Waits until so many sit.
fn wait_for(bench: &Bench, taken: usize) {
    for _ in 0..10_000 {
        if bench.places.lock().taken == taken {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("{} sit instead of {taken}", bench.places.lock().taken);
}

#[test]
fn as_many_sit_as_are_wanted() {
    let runtime = runtime(4);
    let bench = Arc::new(Bench::default());
    for wanted in [3, 1, 2, 0, 3, 2, 3, 0] {
        bench.seat(wanted, runtime.handle());
        wait_for(&bench, wanted);
    }
    runtime.shutdown_background();
}

#[test]
fn the_others_do_the_work() {
    let runtime = runtime(4);
    let bench = Arc::new(Bench::default());
    let done = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..400)
        .map(|_| {
            let done = Arc::clone(&done);
            runtime.spawn(tokio::task::unconstrained(async move {
                for _ in 0..200 {
                    task::requeue().await;
                    tokio::time::sleep(Duration::from_micros(10)).await;
                }
                done.fetch_add(1, Ordering::Relaxed);
            }))
        })
        .collect();
    // They sit down and get up while all that runs.
    for round in 0..60 {
        bench.seat(if round % 2 == 0 { 3 } else { 1 }, runtime.handle());
        std::thread::sleep(Duration::from_millis(2));
        bench.stretch();
        runtime.handle().spawn(async {});
    }
    bench.seat(3, runtime.handle());
    wait_for(&bench, 3);
    runtime.block_on(async {
        for task in tasks {
            task.await.expect("it ends");
        }
    });
    assert_eq!(done.load(Ordering::Relaxed), 400);
    bench.seat(0, runtime.handle());
    wait_for(&bench, 0);
}
