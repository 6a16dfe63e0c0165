//! Damaged input: refused or read, but never a panic, and never more memory than the input is worth.

use super::contents::contents;
use super::{file, keys, samples};
use crate::base::crc::crc64;
use crate::persist::rdb::{
    Error, Item, Limits, Options, Reader, Reason, RestoreError, VERSION, dump, payload, restore,
};

const OPTIONS: Options = Options { compress: false, checksum: true, version: VERSION };

/// Reads all there is without minding the checksum, and uses what came.
fn read_anyhow(file: &[u8]) -> Result<(), Error> {
    let mut reader = Reader::new(file, Limits::default())?.without_checksum();
    while let Some(item) = reader.next()? {
        if let Item::Key(record) = item {
            contents(&record.value, true);
            dump(record.value, false);
        }
    }
    Ok(())
}

#[test]
fn a_file_that_ends_early_is_refused() {
    let bytes = file(&samples(), OPTIONS);
    assert!(keys(&bytes).is_ok());
    for end in 0..bytes.len() {
        let error = keys(&bytes[..end]).err().unwrap_or_else(|| panic!("cut at {end}"));
        assert!(matches!(error.reason, Reason::Truncated), "cut at {end}: {error}");
        assert!(error.offset <= end as u64);
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    for compress in [false, true] {
        let bytes = file(&samples(), Options { compress, ..OPTIONS });
        // Steps of seven meet each bit of a byte in turn.
        for bit in (0..8 * bytes.len()).step_by(7) {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // Another version may be one that has no checksum.
            assert!(keys(&flipped).is_err() || (5..9).contains(&(bit / 8)), "bit {bit}");
            let _ = read_anyhow(&flipped);
        }
    }
}

#[test]
fn damaged_payloads_are_harmless() {
    let limits = Limits::default();
    for value in samples() {
        for compress in [false, true] {
            let whole = dump(value.clone(), compress);
            for end in 0..whole.len() {
                assert!(matches!(restore(&whole[..end], &limits, true), Err(RestoreError::Footer)));
            }
            let body = &whole[..whole.len() - 10];
            for end in 0..body.len() {
                assert!(payload::read(&body[..end], &limits).is_err(), "cut at {end}");
            }
            for bit in 0..8 * body.len() {
                let mut flipped = body.to_vec();
                flipped[bit / 8] ^= 1 << (bit % 8);
                if let Ok(value) = payload::read(&flipped, &limits) {
                    contents(&value, true);
                    dump(value, false);
                }
            }
        }
    }
}

#[test]
fn random_bytes_are_harmless() {
    let mut random = fastrand::Rng::with_seed(7);
    for type_code in 0..30 {
        for _ in 0..300 {
            let mut bytes = vec![0; random.usize(1..60)];
            random.fill(&mut bytes);
            bytes[0] = type_code;
            let _ = payload::read(&bytes, &Limits::default());
        }
    }
}

#[test]
fn lengths_that_nobody_backs_cost_nothing() {
    for type_code in [0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 24, 25] {
        for length in [
            &b"\x80\xff\xff\xff\xff"[..],
            b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff",
            b"\x81\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            let bytes = [&[type_code][..], &[0; 8][..if type_code >= 24 { 8 } else { 0 }], length].concat();
            let error = payload::read(&bytes, &Limits::default()).err().expect("refused");
            assert!(matches!(error.reason, Reason::Truncated), "{type_code}: {error}");
        }
    }
    // A compressed string that claims more than its bytes can give.
    let bomb = b"\x00\xc3\x05\x81\x00\x00\x00\xff\xff\xff\xff\xff\xe0\xff\x00\x00a";
    assert!(payload::read(bomb, &Limits::default()).is_err());
}

#[test]
fn footers_are_checked() {
    let limits = Limits::default();
    let whole = dump(crate::keyspace::Value::string(b"10".to_vec()), true);
    assert_eq!(whole, b"\x00\xc0\n\x0c\x00\xa5\xe9\x63\x85\xf4\x84\xfd\xf2", "as Redis 7.4 has it");
    let signed = |body: &[u8], version: u8| {
        let mut bytes = [body, &[version, 0]].concat();
        let sum = crc64(0, &bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes
    };
    assert!(restore(&signed(b"\x00\xc0\n", 6), &limits, true).is_ok());
    assert!(matches!(restore(&signed(b"\x00\xc0\n", 13), &limits, true), Err(RestoreError::Footer)));
    assert!(matches!(restore(&signed(b"\x00\xc0\n\n", 12), &limits, true), Err(RestoreError::Data(_))));
    assert!(matches!(restore(b"", &limits, true), Err(RestoreError::Footer)));
}

/// The reason for which a value of these bytes is refused.
fn refusal(bytes: &[u8]) -> String {
    payload::read(bytes, &Limits::default()).err().map_or("taken".to_owned(), |error| error.to_string())
}

#[test]
fn contradictions_are_named() {
    for (bytes, wanted) in [
        (&b"\x02\x02\x01a\x01a"[..], "a member is in a set twice at offset 4"),
        (b"\x04\x02\x01a\x01b\x01a\x01c", "a field is in a hash twice at offset 8"),
        (b"\x0b\x0c\x02\0\0\0\x02\0\0\0\x02\0\x01\0", "Intset integrity check failed at offset 1"),
        (b"\x0b\x0c\x02\0\0\0\x02\0\0\0\x01\0\x01\0", "Intset integrity check failed at offset 1"),
        (b"\x0b\x08\x02\0\0\0\0\0\0\0", "Intset integrity check failed at offset 1"),
        (b"\x14\x0b\x0b\0\0\0\x02\0\x01\x01\x01\x01\xff", "a member is in a set twice at offset 1"),
        (b"\x14\x0b\x0b\0\0\0\x03\0\x01\x01\x02\x01\xff", "Set listpack integrity check failed at offset 1"),
        (b"\x10\x09\x09\0\0\0\x01\0\x01\x01\xff", "a hash has a field without a value at offset 1"),
        (b"\x11\x0b\x0b\0\0\0\x02\0\x01\x01\x02\x01\xff", "taken"),
        (
            b"\x05\x01\x01a\0\0\0\0\0\0\xf8\x7f",
            "a sorted set has a member twice or a score that is none at offset 4",
        ),
        (b"\x12\x01\x03\x01a", "a chunk of a list that is neither element nor listpack at offset 2"),
        (b"\x02\x00", "empty collection at offset 1"),
        (b"\x0f\x00\x01\x00\x00\x00", "a stream has no entries but counts some at offset 2"),
        (
            b"\x07\x81\x45\x17\xa3\x5f\x4b\xe1\x04\x01",
            "data of the module type 'RRejX0vhB' can't be loaded at offset 1",
        ),
        (
            b"\x16\x00",
            "a hash with field deadlines in the format of 7.4's release candidates can't be loaded at offset 0",
        ),
        (b"\x08", "unknown code 8 at offset 0"),
        (b"\x00\xc4", "unknown code 196 at offset 1"),
    ] {
        assert_eq!(refusal(bytes), wanted, "{}", bytes.escape_ascii());
    }
}

#[test]
fn pending_entries_have_one_owner() {
    let id = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
    // No chunks, no entries, last ID 1-1, first 0-0, deleted 0-0, one entry added; group "g" read to 1-1.
    let head = b"\x13\x00\x00\x01\x01\x00\x00\x00\x00\x01\x01\x01g\x01\x01\x01";
    let pending = [&[1][..], &id, &[0; 8], &[1]].concat();
    let consumer = |name: u8, owns: &[u8]| [&[1, name][..], &[0; 8], owns].concat();
    let own = [&[1][..], &id].concat();
    let stream = |consumers: &[Vec<u8>]| {
        let count = [consumers.len() as u8];
        [&head[..], &pending, &count, &consumers.concat()].concat()
    };
    assert_eq!(refusal(&stream(&[consumer(b'a', &own), consumer(b'b', &[0])])), "taken");
    let reason = |consumers: &[Vec<u8>]| refusal(&stream(consumers)).split(" at ").next().unwrap().to_owned();
    assert_eq!(reason(&[consumer(b'a', &[0])]), "an entry is pending for no consumer");
    assert_eq!(
        reason(&[consumer(b'a', &own), consumer(b'b', &own)]),
        "an entry is pending for two consumers"
    );
    assert_eq!(reason(&[consumer(b'a', &own), consumer(b'a', &[0])]), "Duplicate stream consumer detected");
}

#[test]
fn heads_of_files_are_checked() {
    for (bytes, wanted) in [
        (&b"REDIS0013\xff"[..], "Can't handle RDB format version 13 at offset 5"),
        (b"REDIS0000\xff", "Can't handle RDB format version 0 at offset 5"),
        (b"REDIS+012\xff", "Can't handle RDB format version 0 at offset 5"),
        (b"RADIS0012\xff", "Wrong signature trying to load DB from file at offset 0"),
        (b"REDIS0012\xfa\x01a", "unexpected end at offset 12"),
        (
            b"REDIS0012\xf6",
            "a function in the format of 7.0's release candidates can't be loaded at offset 9",
        ),
        (
            b"REDIS0012\xfe\x81\xff\xff\xff\xff\xff\xff\xff\xff",
            "the number of a database is out of range at offset 10",
        ),
        (
            b"REDIS0012\xff12345678",
            "RDB CRC error: 3837363534333231 is stored, the bytes come to d3f4be2041dbd010 at offset 10",
        ),
    ] {
        let error = keys(bytes).err().unwrap_or_else(|| panic!("{} is taken", bytes.escape_ascii()));
        assert_eq!(error.to_string(), wanted);
    }
}
