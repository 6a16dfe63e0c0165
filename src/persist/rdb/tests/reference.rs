//! Files that Redis 7.4 wrote, against their manifest: `db b'key' type encoding digest deadline` a line.

use super::contents::encoding;
use super::{Record, keys};
use crate::keyspace::Digest;

fn data(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/data/rdb/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A key as a line of the manifest, without the encoding.
fn line(record: &Record) -> String {
    let Record { db, key, value, deadline, .. } = record;
    let (kind, digest) = (value.type_of().name(), Digest::of_value(value, deadline.is_some()).to_hex());
    format!("{db} b'{}' {kind} {digest} {}", key.escape_ascii(), deadline.unwrap_or(-1))
}

/// Takes the encoding out of a line of the manifest.
fn split(line: &str) -> Option<(String, &str)> {
    let (_, encoding) = line.rsplit_once(' ')?.0.rsplit_once(' ')?.0.rsplit_once(' ')?;
    Some((line.replacen(&format!(" {encoding} "), " ", 1), encoding))
}

#[test]
fn all_types_as_redis_has_them() {
    let manifest = String::from_utf8(data("redis-7.4-all-types-lfu.manifest.txt")).unwrap();
    // The lines before the keys are about the server.
    let lines = manifest.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    let wanted: Vec<(String, &str)> = lines.filter_map(split).collect();
    assert_eq!(wanted.len(), 37);
    for name in ["redis-7.4-all-types-lfu.rdb", "redis-7.4-all-types-nocompress.rdb"] {
        let records = keys(&data(name)).unwrap();
        assert_eq!(records.len(), wanted.len(), "{name}");
        for record in &records {
            let line = line(record);
            let (_, form) = wanted.iter().find(|(wanted, _)| *wanted == line).expect(&line);
            // The other forms come from how a value grew; what a file lists one by one is packed if it fits.
            if matches!(*form, "int" | "intset" | "listpack" | "listpackex" | "quicklist" | "stream") {
                assert_eq!(encoding(&record.value), *form, "{line}");
            }
        }
        let counts_accesses = name.contains("lfu");
        assert!(records.iter().all(|record| record.frequency.is_some() == counts_accesses), "{name}");
    }
}
