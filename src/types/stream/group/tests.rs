//! Groups: the counts that Redis estimates, the times, the options of claims, and loading.

use super::super::id::NewId;
use super::super::{Keep, StreamLimits, Trim};
use super::*;

const fn id(ms: u64, seq: u64) -> StreamId {
    StreamId::new(ms, seq)
}

/// Entries 1-0, 2-0, ... as many as asked for.
fn counting(entries: u64) -> Log {
    let mut log = Log::default();
    grow(&mut log, entries);
    log
}

fn grow(log: &mut Log, until: u64) {
    for ms in log.last_id().ms + 1..=until {
        let added = log.append(NewId::Given(id(ms, 0)), &["a", "b"], &StreamLimits::default(), 0);
        assert_eq!(added, Ok(id(ms, 0)));
    }
}

fn counts(group: &Group, log: &Log) -> (Option<i64>, Option<i64>) {
    (group.entries_read(), group.lag(log))
}

fn read(group: &mut Group, log: &Log, limit: usize) -> usize {
    group.read_new(log, b"c", Some(limit), false, 0).count
}

#[test]
fn reads_are_counted_and_so_is_the_lag() {
    let mut log = counting(5);
    let mut group = Group::new(StreamId::MIN, None);
    assert_eq!(counts(&group, &log), (None, Some(5)));
    assert_eq!(read(&mut group, &log, 1), 1);
    assert_eq!(counts(&group, &log), (Some(1), Some(4)));
    assert_eq!(read(&mut group, &log, 10), 4);
    assert_eq!(counts(&group, &log), (Some(5), Some(0)));
    grow(&mut log, 6);
    assert_eq!(counts(&group, &log), (Some(5), Some(1)));
}

#[test]
fn a_group_that_begins_within_the_stream_learns_its_count_at_the_end() {
    let log = counting(5);
    let mut group = Group::new(id(2, 0), None);
    assert_eq!(counts(&group, &log), (None, None));
    read(&mut group, &log, 1);
    assert_eq!(counts(&group, &log), (None, None));
    read(&mut group, &log, 2);
    assert_eq!(counts(&group, &log), (Some(5), Some(0)));
}

#[test]
fn tombstones_ahead_make_the_count_uncertain() {
    let mut log = counting(5);
    let mut group = Group::new(StreamId::MIN, None);
    read(&mut group, &log, 1);
    log.delete(&[id(3, 0)]);
    assert_eq!(counts(&group, &log), (Some(1), None));
    read(&mut group, &log, 1);
    assert_eq!(counts(&group, &log), (None, None));
    // Once the stream begins after the tombstone, all is clear again.
    log.trim(&Trim { keep: Keep::From(id(4, 0)), whole_chunks: false, limit: 0 });
    assert_eq!(counts(&group, &log), (None, Some(2)));
    read(&mut group, &log, 1);
    assert_eq!(counts(&group, &log), (Some(4), Some(1)));
}

#[test]
fn a_given_count_is_believed() {
    let log = counting(5);
    let mut group = Group::new(StreamId::MIN, Some(7));
    assert_eq!(counts(&group, &log), (Some(7), Some(-2)));
    group.set_id(id(5, 0), Some(3));
    assert_eq!(counts(&group, &log), (Some(3), Some(2)));
    assert_eq!(counts(&Group::new(id(9, 0), None), &log), (None, None));
    assert_eq!(counts(&Group::new(id(9, 0), None), &Log::default()), (None, Some(0)));
}

#[test]
fn asking_is_seen_and_getting_is_activity() {
    let log = counting(3);
    let mut group = Group::new(StreamId::MIN, None);
    let times = |group: &Group, name: &[u8]| {
        group.consumer(name).map(|consumer| (consumer.seen_time(), consumer.active_time()))
    };
    assert!(group.create_consumer(b"a", 5));
    assert!(!group.create_consumer(b"a", 6));
    assert_eq!(times(&group, b"a"), Some((5, None)));
    assert!(group.read_new(&log, b"n", Some(1), true, 7).consumer_created);
    assert_eq!(times(&group, b"n"), Some((7, None)), "without acknowledgement it isn't activity");
    group.read_new(&log, b"a", None, false, 8);
    assert_eq!(times(&group, b"a"), Some((8, Some(8))));
    group.read_new(&log, b"a", None, false, 9);
    assert_eq!(times(&group, b"a"), Some((9, Some(8))));
    group.read_history(&log, b"a", StreamId::MIN, None, 10);
    assert_eq!(times(&group, b"a"), Some((10, Some(8))));
    group.claim(&log, b"a", &[id(2, 0)], &Claim { min_idle: 100, ..Claim::default() }, 11);
    assert_eq!(times(&group, b"a"), Some((11, Some(8))));
    group.claim(&log, b"a", &[id(2, 0)], &Claim::default(), 12);
    assert_eq!(times(&group, b"a"), Some((12, Some(12))));
    assert_eq!(times(&group, b"nobody"), None);
}

#[test]
fn history_tells_what_is_gone() {
    let mut log = counting(3);
    let mut group = Group::new(StreamId::MIN, None);
    group.read_new(&log, b"c", None, false, 1);
    log.delete(&[id(2, 0)]);
    let history = group.read_history(&log, b"c", id(2, 0), None, 9);
    let rows: Vec<_> = history.rows.iter().map(|row| (row.id, row.entry.is_some())).collect();
    assert_eq!(rows, [(id(2, 0), false), (id(3, 0), true)]);
    let pending: Vec<_> = group.pending(StreamId::MIN, StreamId::MAX).map(|p| (p.time, p.count)).collect();
    assert_eq!(pending, [(1, 1), (1, 1), (9, 2)]);
}

#[test]
fn claims_set_what_they_are_told() {
    let log = counting(3);
    let mut group = Group::new(StreamId::MIN, None);
    let mut claim = |claim: Claim| {
        let claimed = group.claim(&log, b"c", &[id(2, 0)], &Claim { force: true, ..claim }, 1000);
        let entry = claimed.entries.first().expect("it is forced");
        assert_eq!(
            (&*entry.owner, entry.entry.as_ref().map(|entry| entry.id())),
            (&b"c"[..], Some(id(2, 0)))
        );
        (entry.time, entry.count, claimed.last_id_raised)
    };
    assert_eq!(claim(Claim { just_id: true, ..Claim::default() }), (1000, 1, false));
    assert_eq!(claim(Claim::default()), (1000, 2, false));
    assert_eq!(claim(Claim { time: Some(400), ..Claim::default() }), (400, 3, false));
    assert_eq!(claim(Claim { time: Some(-1), ..Claim::default() }), (1000, 4, false));
    assert_eq!(claim(Claim { time: Some(1001), ..Claim::default() }), (1000, 5, false));
    assert_eq!(claim(Claim { count: Some(77), just_id: true, ..Claim::default() }), (1000, 77, false));
    assert_eq!(claim(Claim { last_id: id(3, 0), ..Claim::default() }), (1000, 78, true));
    assert_eq!(claim(Claim { last_id: id(2, 0), ..Claim::default() }), (1000, 79, false));
    assert_eq!(group.last_id(), id(3, 0));
    let forced =
        group.claim(&log, b"d", &[id(1, 0), id(9, 0)], &Claim { force: true, ..Claim::default() }, 0);
    assert_eq!(forced.entries.len(), 1, "what the stream doesn't have can't be forced");
    assert_eq!(forced.entries[0].count, 2);
    group.check();
}

#[test]
fn what_was_dropped_names_its_last_owner() {
    let mut log = counting(3);
    let mut group = Group::new(StreamId::MIN, None);
    group.read_new(&log, b"old", None, false, 4);
    log.delete(&[id(1, 0), id(3, 0)]);
    let claimed = group.claim(&log, b"new", &[id(1, 0)], &Claim::default(), 9);
    let [gone] = &claimed.entries[..] else { panic!("one entry is gone") };
    assert_eq!((&*gone.owner, gone.time, gone.count, gone.entry.is_none()), (&b"old"[..], 4, 1, true));
    let auto = AutoClaim { min_idle: 0, start: StreamId::MIN, limit: 10, just_id: false };
    let claimed = group.auto_claim(&log, b"new", &auto, 9);
    let owners: Vec<_> = claimed.entries.iter().map(|entry| (entry.id.ms, &*entry.owner)).collect();
    assert_eq!(owners, [(2, &b"new"[..]), (3, b"old")]);
    assert_eq!(claimed.next, StreamId::MIN);
    assert_eq!(group.pending_span(), Some((id(2, 0), id(2, 0))));
    group.check();
}

#[test]
fn automatic_claims_look_at_ten_times_their_limit() {
    let log = counting(50);
    let mut group = Group::new(StreamId::MIN, None);
    group.read_new(&log, b"old", None, false, 100);
    group.claim(&log, b"old", &[id(35, 0)], &Claim { time: Some(1), ..Claim::default() }, 100);
    let mut auto = AutoClaim { min_idle: 50, start: StreamId::MIN, limit: 2, just_id: true };
    let mut seen = Vec::new();
    loop {
        let claimed = group.auto_claim(&log, b"new", &auto, 100);
        seen.push((auto.start.ms, claimed.entries.len()));
        auto.start = claimed.next;
        if auto.start == StreamId::MIN {
            break;
        }
    }
    assert_eq!(seen, [(0, 0), (21, 1), (41, 0)]);
}

#[test]
fn deleting_a_consumer_deletes_what_is_pending_for_it() {
    let log = counting(4);
    let mut group = Group::new(StreamId::MIN, None);
    group.read_new(&log, b"a", Some(3), false, 0);
    group.read_new(&log, b"b", None, false, 0);
    assert_eq!(group.delete_consumer(b"a"), Some(3));
    assert_eq!(group.delete_consumer(b"a"), None);
    assert_eq!(group.pending_span(), Some((id(4, 0), id(4, 0))));
    assert!(group.create_consumer(b"a", 0));
    assert_eq!(group.consumer(b"a").map(Consumer::pending_count), Some(0));
    group.check();
}

#[test]
fn loading_refuses_what_does_not_fit_together() {
    let mut loader = GroupLoader::new(id(1, 0), None);
    assert_eq!(loader.pending(id(1, 0), 5, 1), Ok(()));
    assert_eq!(loader.pending(id(1, 0), 5, 1), Err(GroupError::DuplicatePending));
    assert_eq!(loader.owns(id(1, 0)), Err(GroupError::Unowned), "there is no consumer yet");
    assert_eq!(loader.consumer(b"a", 1, None), Ok(()));
    assert_eq!(loader.consumer(b"a", 1, None), Err(GroupError::DuplicateConsumer));
    assert_eq!(loader.owns(id(2, 0)), Err(GroupError::UnknownPending));
    assert_eq!(loader.owns(id(1, 0)), Ok(()));
    assert_eq!(loader.consumer(b"b", 2, Some(3)), Ok(()));
    assert_eq!(loader.owns(id(1, 0)), Err(GroupError::OwnedTwice));
    assert_eq!(loader.pending(id(3, 0), 5, 1), Ok(()));
    assert_eq!(loader.finish().map(|_| ()), Err(GroupError::Unowned));
}
