//! Collections: what an operation costs against the size of what it works on, 10^3 to 10^6 elements (and 10^7
//! with `REDSTART_BENCH_HUGE` set). Each works at a place chosen at random, and none changes the size for good.
#![allow(missing_docs)] // Criterion's macros make public functions.

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use redstart::types::hash::{Hash, HashLimits};
use redstart::types::list::{End, List, ListLimits, Side};
use redstart::types::set::{Set, SetLimits};
use redstart::types::stream::{NewId, Stream, StreamId, StreamLimits};
use redstart::types::zset::{AddFlags, Direction, ScoreBound, Zset, ZsetLimits};

fn sizes() -> Vec<u64> {
    let huge = std::env::var_os("REDSTART_BENCH_HUGE").map(|_| 10_000_000);
    [1_000, 10_000, 100_000, 1_000_000].into_iter().chain(huge).collect()
}

fn name(n: u64) -> Vec<u8> {
    format!("element:{n:012}").into_bytes()
}

/// A name out of `count`.
fn any(count: u64) -> Vec<u8> {
    name(fastrand::u64(..count))
}

fn group<'c>(c: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = c.benchmark_group(name);
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(50))
        .measurement_time(Duration::from_millis(250));
    group
}

fn list(c: &mut Criterion) {
    let limits = ListLimits::default();
    let mut group = group(c, "list");
    for size in sizes() {
        let mut list = List::new();
        for n in 0..size {
            list.push(End::Tail, std::iter::once(&name(n)[..]), &limits);
        }
        let at = |what| BenchmarkId::new(what, size);
        let middle = size as i64 / 2;
        group.bench_function(at("LINDEX middle"), |b| b.iter(|| black_box(list.get(black_box(middle)))));
        group.bench_function(at("LSET middle"), |b| {
            b.iter(|| assert!(list.set(black_box(middle), b"element:replaced....", &limits)));
        });
        group.bench_function(at("LPUSH + LPOP"), |b| {
            b.iter(|| {
                list.push(End::Head, std::iter::once(&b"element:pushed"[..]), &limits);
                black_box(list.pop(End::Head, &limits, |item| item.len()))
            });
        });
        // The pivot is one of the first: what is measured is the insertion, not the search for the pivot.
        let pivot = name(100);
        group.bench_function(at("LINSERT + LREM"), |b| {
            b.iter(|| {
                assert!(list.insert(Side::Before, &pivot, b"inserted", &limits));
                black_box(list.remove(b"inserted", 1, &limits))
            });
        });
        group.bench_function(at("LRANGE 100 middle"), |b| {
            b.iter(|| list.range(middle, middle + 99).map(|item| item.len()).sum::<usize>());
        });
    }
}

fn set(c: &mut Criterion) {
    let limits = SetLimits::default();
    let mut group = group(c, "set");
    for size in sizes() {
        let mut set = Set::new();
        for n in 0..size {
            set.insert(&name(n), &limits);
        }
        let at = |what| BenchmarkId::new(what, size);
        group.bench_function(at("SISMEMBER"), |b| b.iter(|| black_box(set.contains(&any(size)))));
        group.bench_function(at("SADD + SREM"), |b| {
            b.iter(|| {
                let new = name(size + fastrand::u64(..size));
                set.insert(&new, &limits);
                black_box(set.remove(&new))
            });
        });
    }
}

fn hash(c: &mut Criterion) {
    let limits = HashLimits::default();
    let mut group = group(c, "hash");
    for size in sizes() {
        let mut hash = Hash::new();
        for n in 0..size {
            hash.set(&name(n), b"value", &limits);
        }
        let at = |what| BenchmarkId::new(what, size);
        group.bench_function(at("HGET"), |b| {
            b.iter(|| black_box(hash.get(&any(size), 0).value().map(|value| value.len())));
        });
        group.bench_function(at("HSET"), |b| b.iter(|| black_box(hash.set(&any(size), b"other", &limits))));
    }
}

fn zset(c: &mut Criterion) {
    let limits = ZsetLimits::default();
    let mut group = group(c, "zset");
    for size in sizes() {
        let mut zset = Zset::new();
        for n in 0..size {
            let score = fastrand::u64(..size) as f64;
            zset.add(&name(n), score, AddFlags::default(), &limits).expect("a number");
        }
        let at = |what| BenchmarkId::new(what, size);
        group.bench_function(at("ZSCORE"), |b| b.iter(|| black_box(zset.score(&any(size)))));
        group.bench_function(at("ZRANK"), |b| b.iter(|| black_box(zset.rank(&any(size)))));
        group.bench_function(at("ZADD"), |b| {
            b.iter(|| {
                let score = fastrand::u64(..size) as f64;
                black_box(zset.add(&any(size), score, AddFlags::default(), &limits).is_ok())
            });
        });
        group.bench_function(at("ZRANGE 10 by score"), |b| {
            b.iter(|| {
                let min = ScoreBound { value: fastrand::u64(..size) as f64, exclusive: false };
                let max = ScoreBound { value: f64::INFINITY, exclusive: false };
                let found = zset.score_range(min, max);
                let some = found.start..found.end.min(found.start + 10);
                zset.iter(some, Direction::Forward).map(|(item, _)| item.len()).sum::<usize>()
            });
        });
        group.bench_function(at("ZRANGE 10 by index"), |b| {
            b.iter(|| {
                let from = fastrand::usize(..size as usize - 10);
                zset.iter(from..from + 10, Direction::Forward).map(|(item, _)| item.len()).sum::<usize>()
            });
        });
    }
}

fn stream(c: &mut Criterion) {
    let limits = StreamLimits::default();
    let mut group = group(c, "stream");
    for size in sizes() {
        let mut stream = Stream::default();
        let append = |stream: &mut Stream, n| {
            let id = NewId::Given(StreamId { ms: n, seq: 0 });
            stream.log_mut().append(id, &[&b"field"[..], b"value"], &limits, 0).expect("ids ascend")
        };
        for n in 1..=size {
            append(&mut stream, n);
        }
        let at = |what| BenchmarkId::new(what, size);
        group.bench_function(at("XRANGE of one"), |b| {
            b.iter(|| {
                let id = StreamId { ms: fastrand::u64(1..=size), seq: 0 };
                stream.log().range(id, id).count()
            });
        });
        group.bench_function(at("XRANGE 10"), |b| {
            b.iter(|| {
                let from = StreamId { ms: fastrand::u64(1..=size - 10), seq: 0 };
                stream.log().range(from, StreamId::MAX).take(10).count()
            });
        });
        let mut next = size;
        group.bench_function(at("XADD"), |b| {
            b.iter(|| {
                next += 1;
                black_box(append(&mut stream, next))
            });
        });
    }
}

criterion_group!(benches, list, set, hash, zset, stream);
criterion_main!(benches);
