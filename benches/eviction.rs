//! Writes at `maxmemory`, each of which has to evict about one key first, against the same writes without a limit.
#![allow(missing_docs)] // Criterion's macros make public functions.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use redstart::config::Config;
use redstart::dispatch::Local;
use redstart::server::assemble;

/// Values have up to so many bytes.
const VALUE: usize = 512;

fn write(client: &mut Local, n: u64) -> usize {
    let key = format!("key:{n:012}");
    client.run(&[b"SET", key.as_bytes(), &[b'x'; VALUE][..fastrand::usize(1..VALUE)]]).len()
}

fn eviction(c: &mut Criterion) {
    let mut group = c.benchmark_group("set_at_the_limit");
    for policy in ["noeviction", "allkeys-random", "allkeys-lru", "allkeys-lfu", "volatile-ttl"] {
        let server = assemble(Config::new(), 2).expect("the defaults are valid");
        let mut client = Local::new(server);
        client.run(&[b"CONFIG", b"SET", b"maxmemory-policy", policy.as_bytes()]);
        // For noeviction there is no limit: that is what the others are compared with.
        if policy != "noeviction" {
            client.run(&[b"CONFIG", b"SET", b"maxmemory", b"32mb"]);
        }
        let volatile = policy.starts_with("volatile");
        let mut n = 0;
        let mut next = |client: &mut Local| {
            // Without a limit the same keys come again and again, or memory would grow with the time measured.
            n = if policy == "noeviction" { (n + 1) % 100_000 } else { n + 1 };
            let length = write(client, n);
            if volatile {
                client.run(&[b"EXPIRE", format!("key:{n:012}").as_bytes(), b"1000"]);
            }
            length
        };
        for _ in 0..200_000 {
            black_box(next(&mut client));
        }
        group.bench_function(BenchmarkId::from_parameter(policy), |b| {
            b.iter(|| black_box(next(&mut client)));
        });
    }
    group.finish();
}

criterion_group!(benches, eviction);
criterion_main!(benches);
