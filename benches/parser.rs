//! Parsing requests: nanoseconds per request of a pipeline of sixteen.
#![allow(missing_docs)] // Criterion's macros make public functions.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use redstart::resp::{Batch, Limits, Parser};

const DEPTH: usize = 16;

fn pipeline(args: &[&[u8]]) -> Vec<u8> {
    let mut request = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        request.extend(format!("${}\r\n", arg.len()).into_bytes());
        request.extend_from_slice(arg);
        request.extend_from_slice(b"\r\n");
    }
    request.repeat(DEPTH)
}

fn parse(c: &mut Criterion) {
    let mut group = c.benchmark_group("parse");
    group.throughput(Throughput::Elements(DEPTH as u64));
    let value = [b'x'; 100];
    let requests: [(&str, &[&[u8]]); 3] = [
        ("get", &[b"GET", b"key:000000000042"]),
        ("set_100b", &[b"SET", b"key:000000000042", &value]),
        ("ping_inline", &[]),
    ];
    for (name, args) in requests {
        let input = if args.is_empty() { b"PING\r\n".repeat(DEPTH) } else { pipeline(args) };
        let (mut parser, mut batch, limits) = (Parser::new(), Batch::new(), Limits::default());
        group.bench_function(name, |b| {
            b.iter(|| {
                batch.clear();
                black_box(parser.parse(&input, &limits, &mut batch, 64))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, parse);
criterion_main!(benches);
