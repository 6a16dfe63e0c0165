//! Commands end to end inside the process: look up, admit, lock, execute, reply.
#![allow(missing_docs)] // Criterion's macros make public functions.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use redstart::config::Config;
use redstart::dispatch::Local;
use redstart::server::assemble;

const KEYS: u64 = 100_000;

fn dispatch(c: &mut Criterion) {
    let server = assemble(Config::new(), 2).expect("the defaults are valid");
    let mut client = Local::new(server);
    for n in 0..KEYS {
        client.run(&[b"SET", format!("key:{n:012}").as_bytes(), &[b'x'; 100]]);
    }
    let mut group = c.benchmark_group("dispatch");
    group.bench_function("ping", |b| b.iter(|| black_box(client.run(&[b"PING"]).len())));
    let key = || format!("key:{:012}", fastrand::u64(..KEYS));
    group.bench_function("get", |b| b.iter(|| black_box(client.run(&[b"GET", key().as_bytes()]).len())));
    group.bench_function("set", |b| {
        b.iter(|| black_box(client.run(&[b"SET", key().as_bytes(), &[b'y'; 100]]).len()));
    });
    group.bench_function("incr", |b| b.iter(|| black_box(client.run(&[b"INCR", b"counter"]).len())));
    group.finish();
}

criterion_group!(benches, dispatch);
criterion_main!(benches);
