//! The log's numbers, as Redis 7.4.1 tells them.

use super::*;

const fn id(ms: u64, seq: u64) -> StreamId {
    StreamId::new(ms, seq)
}

fn add(log: &mut Log, id: NewId, now: i64) -> Result<StreamId, AppendError> {
    log.append(id, &["item", "1"], &StreamLimits::default(), now)
}

/// Entries 1-0, 2-0, ... as many as asked for.
fn counting(entries: u64) -> Log {
    let mut log = Log::default();
    for ms in 1..=entries {
        assert_eq!(add(&mut log, NewId::Given(id(ms, 0)), 0), Ok(id(ms, 0)));
    }
    log
}

fn ids(log: &Log) -> Vec<u64> {
    log.range(StreamId::MIN, StreamId::MAX).map(|entry| entry.id().ms).collect()
}

#[test]
fn new_ids_never_go_back() {
    let mut log = Log::default();
    assert_eq!(add(&mut log, NewId::Given(id(0, 0)), 0), Err(AppendError::NotGreater));
    assert_eq!(add(&mut log, NewId::AutoSeq(0), 0), Ok(id(0, 1)));
    assert_eq!(add(&mut log, NewId::Auto, 500), Ok(id(500, 0)));
    assert_eq!(add(&mut log, NewId::Auto, 500), Ok(id(500, 1)));
    assert_eq!(add(&mut log, NewId::Auto, 499), Ok(id(500, 2)));
    assert_eq!(add(&mut log, NewId::Auto, -5), Ok(id(500, 3)));
    assert_eq!(add(&mut log, NewId::AutoSeq(500), 0), Ok(id(500, 4)));
    assert_eq!(add(&mut log, NewId::AutoSeq(499), 0), Err(AppendError::NotGreater));
    assert_eq!(add(&mut log, NewId::AutoSeq(501), 0), Ok(id(501, 0)));
    assert_eq!(add(&mut log, NewId::Given(id(501, 0)), 0), Err(AppendError::NotGreater));
    assert_eq!(log.len(), 7);
}

#[test]
fn the_last_id_is_the_end() {
    let mut log = Log::default();
    assert_eq!(add(&mut log, NewId::Given(id(7, u64::MAX)), 0), Ok(id(7, u64::MAX)));
    assert_eq!(add(&mut log, NewId::AutoSeq(7), 0), Err(AppendError::NotGreater));
    assert_eq!(add(&mut log, NewId::Auto, 7), Ok(id(8, 0)));
    assert_eq!(add(&mut log, NewId::Given(StreamId::MAX), 0), Ok(StreamId::MAX));
    for next in [NewId::Auto, NewId::AutoSeq(u64::MAX), NewId::Given(StreamId::MAX)] {
        assert_eq!(add(&mut log, next, 9), Err(AppendError::Exhausted));
    }
    assert_eq!(log.last().map(|entry| entry.id()), Some(StreamId::MAX));
}

#[test]
fn more_than_a_gigabyte_is_refused() {
    let mut log = Log::default();
    let megabyte = vec![b'x'; 1 << 20];
    let refused = log.append(NewId::Auto, &[&megabyte; 1026], &StreamLimits::default(), 1);
    assert_eq!(refused, Err(AppendError::TooLarge));
    assert!(log.is_empty() && log.last_id() == StreamId::MIN);
}

#[test]
fn approximate_trims_take_whole_chunks() {
    let trim = |keep, limit| Trim { keep, whole_chunks: true, limit };
    let mut log = counting(1000);
    assert_eq!(log.trim(&trim(Keep::Newest(555), 0)), 400);
    assert_eq!(log.trim(&trim(Keep::Newest(555), 0)), 0);
    assert_eq!(log.trim(&trim(Keep::Newest(0), 250)), 200);
    assert_eq!(log.trim(&trim(Keep::Newest(0), 99)), 0);
    assert_eq!(log.trim(&trim(Keep::From(id(700, 0)), 0)), 0);
    assert_eq!(log.trim(&trim(Keep::From(id(701, 0)), 0)), 100);
    assert_eq!((log.len(), log.counters().first_id), (300, id(701, 0)));
    assert_eq!(log.trim(&trim(Keep::Newest(0), 0)), 300);
    assert_eq!((log.chunk_count(), log.counters().first_id), (0, StreamId::MIN));
    assert_eq!((log.last_id(), log.entries_added()), (id(1000, 0), 1000));
}

#[test]
fn the_default_limit_of_trims_is_a_hundred_chunks() {
    let limit = |max_entries| StreamLimits { max_bytes: 0, max_entries }.default_trim_limit();
    assert_eq!(
        [100, 1, 0, 10_000, 10_001, u64::MAX].map(limit),
        [10_000, 100, 10_000, 1_000_000, 1_000_000, 1_000_000]
    );
}

#[test]
fn exact_trims_go_within_chunks_and_leave_tombstones() {
    let mut log = counting(250);
    let trim = |keep| Trim { keep, whole_chunks: false, limit: 0 };
    assert_eq!(log.trim(&trim(Keep::Newest(7))), 243);
    assert_eq!((ids(&log), log.chunk_count()), ((244..=250).collect(), 1));
    assert_eq!(log.trim(&trim(Keep::From(id(248, 0)))), 4);
    assert_eq!(log.delete(&[id(250, 0)]), 1);
    // The last living entries die, but not the tombstone behind them: the chunk stays, as in Redis.
    assert_eq!(log.trim(&trim(Keep::From(id(250, 0)))), 2);
    assert_eq!((log.len(), log.chunk_count(), log.counters().first_id), (0, 1, StreamId::MIN));
    assert_eq!(log.trim(&trim(Keep::From(id(251, 0)))), 0);
    assert_eq!(log.chunk_count(), 0);
}

#[test]
fn deleting_keeps_first_and_largest() {
    let mut log = counting(5);
    assert_eq!(log.delete(&[id(4, 0), id(4, 0), id(9, 9), id(1, 0)]), 2);
    assert_eq!(ids(&log), [2, 3, 5]);
    assert_eq!((log.counters().first_id, log.counters().max_deleted_id), (id(2, 0), id(4, 0)));
    assert_eq!(log.delete(&[id(5, 0), id(2, 0), id(3, 0)]), 3);
    assert_eq!((log.chunk_count(), log.counters().first_id), (0, StreamId::MIN));
    assert_eq!(log.counters().max_deleted_id, id(5, 0));
}

#[test]
fn setting_the_last_id_is_checked() {
    let mut log = counting(5);
    log.delete(&[id(5, 0)]);
    assert_eq!(log.set_id(id(4, 9), None, None), Err(SetIdError::BelowMaxDeleted));
    assert_eq!(log.set_id(id(7, 0), Some(3), None), Err(SetIdError::AddedBelowLength));
    assert_eq!(log.set_id(id(7, 0), Some(40), Some(id(6, 0))), Ok(()));
    let expected =
        Counters { last_id: id(7, 0), first_id: id(1, 0), max_deleted_id: id(6, 0), entries_added: 40 };
    assert_eq!(log.counters(), expected);
    assert_eq!(log.set_id(id(8, 0), None, Some(id(2, 0))), Ok(()));
    assert_eq!(log.set_id(id(3, 0), None, None), Err(SetIdError::BelowTop));
    assert_eq!(log.set_id(id(4, 0), None, Some(StreamId::MIN)), Ok(()));
    assert_eq!(log.counters().max_deleted_id, id(2, 0));
    assert!(log.has_tombstones_from(id(2, 0)));
    assert_eq!(log.set_id(id(4, 0), None, Some(id(1, 0))), Ok(()));
    assert!(log.has_tombstones_from(StreamId::MIN), "the first ID counts, even where an entry is");
}

#[test]
fn entries_may_follow_below_a_tombstone() {
    let mut log = counting(5);
    log.delete(&[id(5, 0)]);
    assert_eq!(log.set_id(id(6, 0), None, Some(id(1, 0))), Ok(()));
    assert_eq!(log.set_id(id(4, 0), None, None), Ok(()));
    assert_eq!(add(&mut log, NewId::Given(id(4, 5)), 0), Ok(id(4, 5)));
    assert_eq!(ids(&log), [1, 2, 3, 4, 4]);
    assert_eq!(log.range(id(4, 5), id(4, 5)).next().map(|entry| entry.id()), Some(id(4, 5)));
    assert_eq!(log.range(id(4, 1), id(9, 0)).count(), 1);
    assert_eq!(log.range_back(id(4, 0), id(4, 5)).count(), 2);
    assert_eq!(log.delete(&[id(4, 5), id(4, 0)]), 2);
    assert_eq!(log.last().map(|entry| entry.id()), Some(id(3, 0)));
}

#[test]
fn what_was_added_until_an_id_is_known_at_the_edges_only() {
    assert_eq!(Log::default().entries_added_until(id(5, 0)), Some(0));
    let mut log = counting(5);
    let until = |log: &Log| [0, 1, 2, 5, 6].map(|ms| log.entries_added_until(id(ms, 0)));
    assert_eq!(until(&log), [Some(0), Some(1), None, Some(5), None]);
    log.trim(&Trim { keep: Keep::Newest(4), whole_chunks: false, limit: 0 });
    assert_eq!(until(&log), [Some(1), Some(1), Some(2), Some(5), None]);
    log.delete(&[id(3, 0)]);
    assert_eq!(until(&log), [None, None, None, Some(5), None]);
    assert!(log.has_tombstones_from(id(3, 0)) && !log.has_tombstones_from(id(3, 1)));
    log.trim(&Trim { keep: Keep::From(id(4, 0)), whole_chunks: false, limit: 0 });
    assert_eq!(until(&log), [Some(3), Some(3), Some(3), Some(5), None]);
    assert!(!log.has_tombstones_from(StreamId::MIN));
    log.delete(&[id(4, 0), id(5, 0)]);
    assert_eq!(until(&log), [Some(5), Some(5), Some(5), Some(5), None]);
    assert!(!log.has_tombstones_from(StreamId::MIN));
}

#[test]
fn chunks_load_once_and_old_files_get_their_counters() {
    let mut log = counting(150);
    log.delete(&[id(1, 0)]);
    let mut copy = Log::default();
    for (master, listpack) in log.chunks() {
        assert_eq!(copy.load_chunk(master, listpack.clone()), Ok(()));
        assert_eq!(copy.load_chunk(master, listpack), Err(ChunkError::DuplicateMaster));
    }
    copy.load_last_id(log.last_id());
    assert_eq!(ids(&copy), ids(&log));
    let expected = Counters { max_deleted_id: StreamId::MIN, entries_added: 149, ..log.counters() };
    assert_eq!(copy.counters(), expected);
}
