//! The hash table: look-ups and insertions at sizes inside and outside of the caches.
#![allow(missing_docs)] // Criterion's macros make public functions.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use redstart::base::hash::hash;
use redstart::keyspace::Entry;
use redstart::keyspace::table::Table;

fn key(n: u64) -> [u8; 16] {
    let mut key = *b"key:000000000000";
    let mut n = n;
    for digit in key[4..].iter_mut().rev() {
        *digit = b'0' + (n % 10) as u8;
        n /= 10;
    }
    key
}

fn filled(keys: u64) -> Table {
    let mut table = Table::new(0);
    for n in 0..keys {
        let key = key(n);
        table.insert(hash(&key), Entry::with_string(&key, &[b'x'; 100], None, 0));
    }
    table
}

fn find(c: &mut Criterion) {
    let mut group = c.benchmark_group("table_find");
    for keys in [1_000, 100_000, 1_000_000] {
        let table = filled(keys);
        group.bench_function(BenchmarkId::from_parameter(keys), |b| {
            b.iter(|| {
                let key = key(fastrand::u64(..keys));
                black_box(table.find(hash(&key), &key))
            });
        });
    }
    group.finish();
}

fn insert(c: &mut Criterion) {
    let mut group = c.benchmark_group("table_insert_10000");
    group.sample_size(20);
    group.bench_function("into_empty", |b| b.iter_batched(|| (), |()| filled(10_000), BatchSize::LargeInput));
    group.finish();
}

criterion_group!(benches, find, insert);
criterion_main!(benches);
