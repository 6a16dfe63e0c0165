//! Encodings that are read only: those of versions 1 to 9, and what clusters add.

use super::contents::{Contents, contents, encoding};
use super::keys;
use crate::persist::rdb::{Item, Limits, Reader, payload};

fn value(bytes: &[u8]) -> (&'static str, Contents) {
    let value = payload::read(bytes, &Limits::default())
        .unwrap_or_else(|error| panic!("{}: {error}", bytes.escape_ascii()));
    (encoding(&value), contents(&value, true))
}

fn strings(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// A ziplist of "a", 1, "b", 2.
const ZIPLIST: &[u8] = b"\x15\0\0\0\x12\0\0\0\x04\0\0\x01a\x03\xf2\x02\x01b\x03\xf3\xff";

fn of_ziplist(type_code: u8, count: &[u8]) -> Vec<u8> {
    [&[type_code], count, &[ZIPLIST.len() as u8], ZIPLIST].concat()
}

#[test]
fn lists_and_sets() {
    assert_eq!(value(b"\x01\x03\x01a\xc0\x05\x00"), ("listpack", Contents::List(strings(&["a", "5", ""]))));
    let abc = Contents::List(strings(&["a", "1", "b", "2"]));
    assert_eq!(value(&of_ziplist(10, &[])), ("listpack", abc));
    let abc = Contents::List(strings(&["a", "1", "b", "2"]));
    assert_eq!(value(&of_ziplist(14, &[1])), ("listpack", abc));
    let members = Contents::Set(strings(&["-1", "300"]).into_iter().collect());
    assert_eq!(value(b"\x02\x02\xc0\xff\xc1\x2c\x01"), ("intset", members));
}

#[test]
fn hashes() {
    let wanted = || {
        let pair = |field: &str, value: &str| (field.as_bytes().to_vec(), (value.as_bytes().to_vec(), None));
        Contents::Hash([pair("a", "1"), pair("b", "2")].into_iter().collect())
    };
    assert_eq!(value(b"\x04\x02\x01a\xc0\x01\x01b\xc0\x02"), ("listpack", wanted()));
    assert_eq!(value(b"\x09\x0d\x02\x01a\x01\x00\x31\x01b\x01\x01\x32.\xff"), ("listpack", wanted()));
    assert_eq!(value(&of_ziplist(13, &[])), ("listpack", wanted()));
    let long = [&b"\x09\x40\x4c\x01\x01a\x46\x00"[..], &[b'x'; 70], b"\xff"].concat();
    assert_eq!(value(&long).0, "hashtable", "too long a value for a listpack");
}

#[test]
fn sorted_sets() {
    let wanted = || Contents::Zset(vec![(b"a".to_vec(), 1.0), (b"b".to_vec(), 2.0)]);
    assert_eq!(value(b"\x03\x02\x01b\x012\x01a\x031.0"), ("listpack", wanted()));
    assert_eq!(value(&of_ziplist(12, &[])), ("listpack", wanted()));
    let infinite = Contents::Zset(vec![(b"b".to_vec(), f64::NEG_INFINITY), (b"a".to_vec(), f64::INFINITY)]);
    assert_eq!(value(b"\x03\x02\x01a\xfe\x01b\xff"), ("listpack", infinite));
}

#[test]
fn streams_of_5_and_6() {
    let stream = super::stream();
    let (master, listpack) = stream.log().chunks().next().unwrap();
    let id = [0, 0, 1, 0x8b, 0xcf, 0xe5, 0x68, 0, 0, 0, 0, 0, 0, 0, 0, 3];
    assert_eq!(master.to_bytes()[..8], id[..8]);
    let bytes = [
        &b"\x0f\x01\x10"[..],
        &master.to_bytes(),
        &[0x40, listpack.len() as u8],
        &listpack,
        b"\x02\x81\0\0\x01\x8b\xcf\xe5\x68\0\x03\x01\x01g\x81\0\0\x01\x8b\xcf\xe5\x68\0\x03\x01",
        &id,
        &[7, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, b'c', 9, 0, 0, 0, 0, 0, 0, 0, 1],
        &id,
    ]
    .concat();
    let (_, Contents::Stream(text)) = value(&bytes) else { panic!("no stream") };
    assert!(text.contains("first_id: StreamId { ms: 1700000000000, seq: 1 }"), "{text}");
    assert!(text.contains("entries_added: 2"), "{text}");
    assert!(text.contains("[103] 1700000000000-3 Some(2)"), "{text}");
    assert!(text.contains("[99] 9 Some(9) [StreamId { ms: 1700000000000, seq: 3 }]"), "{text}");
}

#[test]
fn files_without_checksum_and_with_seconds() {
    let file = b"REDIS0003\xfe\x02\xfd\x80\x43\x6d\x38\x00\x01a\x01b\xfc\xe8\x03\0\0\0\0\0\0\x00\x01c\x01d\x00\x01e\x01f\xff";
    let found = keys(file).unwrap();
    let about: Vec<_> = found.iter().map(|key| (key.db, &key.key[..], key.deadline)).collect();
    assert_eq!(about, [(2, &b"a"[..], Some(946_684_800_000)), (2, b"c", Some(1000)), (2, b"e", None)]);
}

#[test]
fn a_zero_for_checksum_means_none_was_made() {
    assert_eq!(keys(b"REDIS0009\x00\x01a\x01b\xff\0\0\0\0\0\0\0\0").unwrap().len(), 1);
}

#[test]
fn notes_and_empty_collections_are_passed_over() {
    // A slot's sizes, an empty set and an empty hash, then a key that has a deadline for itself only.
    let file = b"REDIS0012\xf4\x05\x06\x07\xfd\x01\0\0\0\x02\x01s\x00\x04\x01h\x00\x00\x01k\xc0\x01\xff\0\0\0\0\0\0\0\0rest";
    let mut reader = Reader::new(&file[..], Limits::default()).unwrap();
    for empty in [b"s", b"h"] {
        assert!(matches!(reader.next().unwrap(), Some(Item::Empty(key)) if key == empty));
    }
    let Some(Item::Key(record)) = reader.next().unwrap() else { panic!("no key") };
    assert_eq!((&record.key[..], record.deadline), (&b"k"[..], None));
    assert!(reader.next().unwrap().is_none() && reader.next().unwrap().is_none());
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut reader.into_rest(), &mut rest).unwrap();
    assert_eq!(rest, "rest");
}
