//! Chunks against bytes that Redis 7.4.1 wrote, against damage, and against themselves.

use super::*;

/// What `DUMP` holds after the commands that [`sample`] mirrors.
const FROM_REDIS: &[u8] = b"]\x00\x00\x00\x1f\x00\x03\x01\x01\x01\x02\x01\x84temp\x05\x82id\x03\x00\x01\
    \x02\x01\x00\x01\x00\x01\x14\x01\xf3Na\xbc\x00\x05\x05\x01\
    \x03\x01\x01\x01\xdf\x9c\x02\x15\x01\x05\x01\x05\x01\
    \x00\x01\x01\x01\xdf\x9d\x02\x01\x01\x85other\x06\x81x\x02\x06\x01\
    \x02\x01\x02\x01\xdf\x9c\x02\x83abc\x04\xf1x\xec\x03\x05\x01\xff";

const MASTER: StreamId = StreamId::new(1, 100);

const fn id(ms: u64, seq: u64) -> StreamId {
    StreamId::new(ms, seq)
}

fn sample() -> Chunk {
    let mut chunk = Chunk::new(MASTER, &["temp", "20", "id", "12345678"], 0);
    chunk.append(MASTER, id(2, 0), ["temp", "21", "id", "5"].chunks_exact(2));
    chunk.append(MASTER, id(2, 1), ["other", "x"].chunks_exact(2));
    chunk.append(MASTER, id(3, 0), ["temp", "abc", "id", "-5000"].chunks_exact(2));
    assert!(chunk.delete(MASTER, id(2, 0)));
    chunk
}

/// IDs, life and contents as texts, in order.
fn contents(chunk: &Chunk) -> Vec<(StreamId, bool, Vec<String>)> {
    let mut walk = chunk.walk_from(MASTER, StreamId::MIN);
    let mut all = Vec::new();
    while let Some(at) = walk.advance() {
        let entry = at.entry();
        assert_eq!(entry.fields().count(), entry.len());
        let parts = entry.fields().flat_map(|(field, value)| [field, value]);
        let texts = parts.map(|item| String::from_utf8_lossy(&item.to_vec()).into_owned()).collect();
        all.push((at.id(), at.is_living(), texts));
    }
    all
}

/// Checks the counts, the walk back, and what is remembered of tombstones.
fn check(chunk: &Chunk) {
    let forward = contents(chunk);
    assert_eq!(chunk.living(), forward.iter().filter(|(_, living, _)| *living).count() as u64);
    let mut back = chunk.walk_back();
    for (id, living, texts) in forward.iter().rev() {
        let at = back.advance().expect("as many entries backward");
        assert_eq!((at.id(), at.is_living()), (*id, *living));
        assert_eq!(at.entry().len() * 2, texts.len());
    }
    assert!(back.advance().is_none());
    let dead = forward.iter().filter(|(_, living, _)| !living).count();
    assert!(chunk.deleted as usize >= dead);
    // As it is saved and loaded again, tombstones before all others included.
    let listpack = chunk.to_listpack(MASTER);
    assert_eq!(chunk.packed_len(), listpack.len());
    let loaded = Chunk::from_listpack(MASTER, listpack.clone()).expect("it is a chunk");
    assert_eq!(loaded.to_listpack(MASTER).escape_ascii().to_string(), listpack.escape_ascii().to_string());
    assert_eq!((loaded.living, loaded.deleted, loaded.last), (chunk.living, chunk.deleted, chunk.last));
    let all = contents(&loaded);
    assert_eq!(all.len(), (chunk.living + chunk.deleted) as usize);
    assert!(all.ends_with(&forward));
}

#[test]
fn is_byte_for_byte_what_redis_makes() {
    let chunk = sample();
    assert_eq!(chunk.to_listpack(MASTER).escape_ascii().to_string(), FROM_REDIS.escape_ascii().to_string());
    check(&chunk);
}

#[test]
fn reads_what_redis_made() {
    let chunk = Chunk::from_listpack(MASTER, FROM_REDIS.to_vec()).expect("it is a chunk");
    let texts = |texts: &[&str]| texts.iter().map(|text| text.to_string()).collect::<Vec<_>>();
    assert_eq!(
        contents(&chunk),
        [
            (id(1, 100), true, texts(&["temp", "20", "id", "12345678"])),
            (id(2, 0), false, texts(&["temp", "21", "id", "5"])),
            (id(2, 1), true, texts(&["other", "x"])),
            (id(3, 0), true, texts(&["temp", "abc", "id", "-5000"])),
        ]
    );
    assert_eq!(chunk.last_id(), id(3, 0));
    check(&chunk);
}

#[test]
fn damaged_bytes_are_refused_or_harmless() {
    let mut accepted = 0;
    for at in 0..FROM_REDIS.len() {
        for byte in [0, 1, 2, 3, 5, 0x7F, 0x80, 0x84, 0xC0, 0xDF, 0xE0, 0xF0, 0xF1, 0xF4, 0xFF] {
            let mut bytes = FROM_REDIS.to_vec();
            bytes[at] = byte;
            let Ok(mut chunk) = Chunk::from_listpack(MASTER, bytes) else { continue };
            accepted += 1;
            check(&chunk);
            chunk.append(MASTER, id(9, 9), ["temp", "1", "id", "2"].chunks_exact(2));
            assert!(chunk.delete(MASTER, id(9, 9)));
            chunk.delete_first(|deleted, _| deleted < 2);
            check(&chunk);
        }
    }
    assert!(accepted > 100, "only {accepted} survived");
}

#[test]
fn truncated_and_senseless_chunks_are_refused() {
    for len in 0..FROM_REDIS.len() {
        assert!(Chunk::from_listpack(MASTER, FROM_REDIS[..len].to_vec()).is_err());
    }
    for elements in [
        &[][..],
        &[0, 0],
        &[0, 0, 0],
        &[0, 0, 1, 0],
        &[0, 0, -1, 0],
        &[-1, 1, 0, 0],
        &[i64::MAX, i64::MAX, 0, 0],
        &[0, 0, i64::MAX, 0],
        &[0, 0, 0, 1],
        &[1, 0, 0, 0],
        &[1, 0, 0, 0, 0, 0, 0, i64::MAX, 4],
        &[1, 0, 0, 0, 0, 0, 0, -1, 2],
        &[1, 0, 0, 0, 2, 0, 0, 4],
        &[1, 0, 0, 0, 200, 0, 0, 3],
        &[0, 0, 0, 0, 2, 0, 0, 3],
    ] {
        let mut listpack = Listpack::new();
        elements.iter().for_each(|element| listpack.push_back(*element));
        let refused = Chunk::from_listpack(MASTER, listpack.into_vec());
        assert_eq!(refused.map(|_| ()), Err(ChunkError::Entries), "{elements:?}");
    }
}

#[test]
fn wrong_counts_are_corrected() {
    let mut listpack = Listpack::new();
    [2, 0, 0, 0, 3, 0, 0, 3, 2, 0, 1, 3].iter().for_each(|element| listpack.push_back(*element));
    let chunk = Chunk::from_listpack(MASTER, listpack.into_vec()).expect("only its counts are wrong");
    assert_eq!(chunk.living(), 1);
    check(&chunk);
}

#[test]
fn limits_decide_about_room_as_in_redis() {
    let chunk = sample();
    let limits = |max_bytes, max_entries| StreamLimits { max_bytes, max_entries };
    let len = chunk.packed_len();
    assert!(chunk.has_room(10, &limits(0, 0)));
    assert!(chunk.has_room(10, &limits(len + 11, 0)));
    assert!(!chunk.has_room(10, &limits(len + 10, 0)));
    assert!(chunk.has_room(10, &limits(0, 5)));
    assert!(!chunk.has_room(10, &limits(0, 4)), "tombstones count");
}

#[test]
fn a_walk_may_begin_anywhere() {
    let mut chunk = Chunk::new(MASTER, &["a", "0"], 0);
    // Dense within a few milliseconds, then sparse.
    let ids: Vec<StreamId> =
        (101..160).map(|seq| id(1, seq)).chain((2..40).map(|ms| id(ms * ms, 1000 - ms))).collect();
    for id in &ids {
        chunk.append(MASTER, *id, ["a", "1"].chunks_exact(2));
    }
    for step in [1000, 7, 3, 2] {
        for id in ids.iter().step_by(step).filter(|id| id.seq % 5 != 0) {
            chunk.delete(MASTER, *id);
        }
        check(&chunk);
        for start in ids.iter().flat_map(|id| [id.prev(), Some(*id), id.next()]).flatten() {
            let living = |from| {
                let mut walk = chunk.walk_from(MASTER, from);
                let mut ids = Vec::new();
                while let Some(at) = walk.advance() {
                    ids.extend((at.is_living() && at.id() >= start).then(|| at.id()));
                }
                ids
            };
            assert_eq!(living(start), living(StreamId::MIN), "from {start}");
        }
    }
}

#[test]
fn trimming_entry_by_entry_remembers_where_life_begins() {
    let mut chunk = Chunk::new(MASTER, &["a", "0"], 0);
    for ms in 2..=100 {
        chunk.append(MASTER, id(ms, 0), ["a", "1"].chunks_exact(2));
    }
    assert!(chunk.delete(MASTER, id(3, 0)));
    assert_eq!(chunk.delete_first(|_, id| id.ms < 2), 1);
    // On the way up and down the counts change their widths, which moves the entries.
    for ms in 101..=300 {
        chunk.append(MASTER, id(ms, 0), ["a", "1"].chunks_exact(2));
        check(&chunk);
    }
    let living: Vec<StreamId> = (2..=300).filter(|ms| *ms != 3).map(|ms| id(ms, 0)).collect();
    for (trimmed, next) in living.iter().enumerate() {
        assert_eq!(chunk.living(), (living.len() - trimmed) as u64);
        let entries = contents(&chunk);
        let dead = entries.iter().take_while(|(_, living, _)| !living).count();
        assert_eq!(entries[dead].0, *next);
        assert!(dead == 0 || trimmed == 0, "only appending forgets it");
        assert_eq!(chunk.delete_first(|deleted, _| deleted < 1), 1);
    }
    check(&chunk);
}

#[test]
fn ids_may_leap_anywhere() {
    let leaps = [0, 1, 63, 64, 127, 128, 8191, 1 << 20, 1 << 35, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX];
    let mut chunk = Chunk::new(MASTER, &["a", "0"], 0);
    let mut expected = vec![MASTER];
    for id in leaps.iter().flat_map(|ms| leaps.iter().rev().map(|seq| id(*ms, *seq))) {
        chunk.append(MASTER, id, ["a", "1"].chunks_exact(2));
        expected.push(id);
    }
    assert!(contents(&chunk).iter().map(|(id, ..)| *id).eq(expected));
    check(&chunk);
}

#[test]
fn a_chunk_is_smaller_than_its_listpack() {
    let mut chunk = Chunk::new(MASTER, &["temp", "20", "id", "00000000"], 0);
    for seq in 101..200 {
        chunk.append(MASTER, id(1, seq), ["temp", "21", "id", "00000001"].chunks_exact(2));
    }
    check(&chunk);
    assert!(chunk.byte_len() * 8 < chunk.packed_len() * 5, "{} of {}", chunk.byte_len(), chunk.packed_len());
}
