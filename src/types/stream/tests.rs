//! Streams against `BTreeMap`s, with tiny chunks and with clones held while writing.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;
type Bytes = &'static [u8];

#[derive(Clone, Debug, Default)]
struct Model {
    entries: BTreeMap<StreamId, Pairs>,
    counters: Counters,
    groups: BTreeMap<Bytes, GroupModel>,
}

#[derive(Clone, Debug, Default)]
struct GroupModel {
    last_id: StreamId,
    /// Consumer, time and count of what is pending.
    pending: BTreeMap<StreamId, (Bytes, i64, u64)>,
    consumers: BTreeSet<Bytes>,
}

/// One step of a random history. Numbers pick among what is there.
#[derive(Clone, Debug)]
enum Step {
    Append { ms: u64, seq: u64, shape: u8 },
    AppendAuto,
    Delete(Vec<usize>),
    Trim { keep: usize, by_id: bool, whole_chunks: bool, limit: u64 },
    AddGroup { group: u8, at: usize },
    RemoveGroup(u8),
    SetGroupId { group: u8, at: usize },
    ReadNew { group: u8, consumer: u8, limit: usize, noack: bool },
    ReadHistory { group: u8, consumer: u8, at: usize, limit: usize },
    Ack { group: u8, picks: Vec<usize> },
    Claim { group: u8, consumer: u8, picks: Vec<usize>, force: bool, just_id: bool, min_idle: i64 },
    AutoClaim { group: u8, consumer: u8, at: usize, limit: usize, just_id: bool, min_idle: i64 },
    DeleteConsumer { group: u8, consumer: u8 },
    Snapshot,
}

fn step() -> impl Strategy<Value = Step> {
    let group = || 0..2u8;
    let consumer = || 0..3u8;
    let pick = || 0..1000usize;
    let picks = || prop::collection::vec(0..1000usize, 1..5);
    prop_oneof![
        10 => (0..3u64, 0..200u64, any::<u8>()).prop_map(|(ms, seq, shape)| Step::Append { ms, seq, shape }),
        3 => Just(Step::AppendAuto),
        4 => picks().prop_map(Step::Delete),
        3 => (0..20usize, any::<bool>(), any::<bool>(), 0..6u64).prop_map(
            |(keep, by_id, whole_chunks, limit)| Step::Trim { keep, by_id, whole_chunks, limit }
        ),
        2 => (group(), pick()).prop_map(|(group, at)| Step::AddGroup { group, at }),
        1 => group().prop_map(Step::RemoveGroup),
        1 => (group(), pick()).prop_map(|(group, at)| Step::SetGroupId { group, at }),
        6 => (group(), consumer(), 0..8usize, prop::bool::weighted(0.1)).prop_map(
            |(group, consumer, limit, noack)| Step::ReadNew { group, consumer, limit, noack }
        ),
        2 => (group(), consumer(), pick(), 0..5usize).prop_map(
            |(group, consumer, at, limit)| Step::ReadHistory { group, consumer, at, limit }
        ),
        3 => (group(), picks()).prop_map(|(group, picks)| Step::Ack { group, picks }),
        3 => (group(), consumer(), picks(), any::<bool>(), any::<bool>(), 0..60i64).prop_map(
            |(group, consumer, picks, force, just_id, min_idle)| {
                Step::Claim { group, consumer, picks, force, just_id, min_idle }
            }
        ),
        3 => (group(), consumer(), pick(), 1..5usize, any::<bool>(), 0..60i64).prop_map(
            |(group, consumer, at, limit, just_id, min_idle)| {
                Step::AutoClaim { group, consumer, at, limit, just_id, min_idle }
            }
        ),
        1 => (group(), consumer()).prop_map(|(group, consumer)| Step::DeleteConsumer { group, consumer }),
        2 => Just(Step::Snapshot),
    ]
}

fn group_name(group: u8) -> Bytes {
    [b"readers", b"writers"][usize::from(group)]
}

fn consumer_name(consumer: u8) -> Bytes {
    [&b"ann"[..], b"bob", b"cyd"][usize::from(consumer)]
}

/// A history under way: both sides, and the steps' clock.
struct Run {
    stream: Stream,
    model: Model,
    limits: StreamLimits,
    now: i64,
}

impl Run {
    fn apply(&mut self, step: &Step) {
        self.now += 7;
        match *step {
            Step::Append { ms, seq, shape } => self.append(ms, seq, shape),
            Step::AppendAuto => {
                let id = self.stream.log_mut().append(NewId::Auto, &["k", "v"], &self.limits, self.now);
                self.appended(id.expect("IDs abound"), vec![(b"k".to_vec(), b"v".to_vec())]);
            }
            Step::Delete(ref picks) => self.delete(picks),
            Step::Trim { keep, by_id, whole_chunks, limit } => self.trim(keep, by_id, whole_chunks, limit),
            Step::AddGroup { group, at } => {
                let (name, last_id) = (group_name(group), self.pick(at));
                let added = self.stream.add_group(name, Group::new(last_id, None));
                assert_eq!(added, !self.model.groups.contains_key(name));
                self.model.groups.entry(name).or_insert(GroupModel { last_id, ..GroupModel::default() });
            }
            Step::RemoveGroup(group) => {
                let name = group_name(group);
                let removed = self.stream.remove_group(name).is_some();
                assert_eq!(removed, self.model.groups.remove(name).is_some());
            }
            Step::Snapshot => {}
            ref step => self.apply_to_group(step),
        }
    }

    /// The ID of some entry, or one near.
    fn pick(&self, pick: usize) -> StreamId {
        let near = self.model.entries.keys().nth(pick / 3 % self.model.entries.len().max(1));
        let id = near.copied().unwrap_or(self.model.counters.last_id);
        match pick % 9 {
            0 => id.next().unwrap_or(id),
            1 => id.prev().unwrap_or(id),
            _ => id,
        }
    }

    fn append(&mut self, ms: u64, seq: u64, shape: u8) {
        let last = self.model.counters.last_id;
        let id = StreamId::new(last.ms + ms, if ms == 0 { last.seq + seq } else { seq });
        let value = "-".repeat(usize::from(shape) / 4) + &(i64::from(shape) * 1_000_003).to_string();
        let fields: &[&str] = match shape % 4 {
            0 => &["temp", "20", "id", &value],
            1 => &["temp", &value, "id", "7"],
            2 => &["other", &value],
            _ => &["17", &value, "temp", ""],
        };
        let added = self.stream.log_mut().append(NewId::Given(id), fields, &self.limits, 0);
        if id > last {
            let pairs = fields.chunks(2).map(|pair| (pair[0].into(), pair[1].into()));
            self.appended(added.expect("the ID is larger than the last one"), pairs.collect());
        } else {
            assert_eq!(added, Err(AppendError::NotGreater));
        }
    }

    fn appended(&mut self, id: StreamId, pairs: Pairs) {
        self.model.entries.insert(id, pairs);
        self.model.counters.last_id = id;
        self.model.counters.entries_added += 1;
    }

    fn delete(&mut self, picks: &[usize]) {
        let ids: Vec<StreamId> = picks.iter().map(|pick| self.pick(*pick)).collect();
        let mut deleted = 0;
        for id in &ids {
            if self.model.entries.remove(id).is_some() {
                deleted += 1;
                let max = &mut self.model.counters.max_deleted_id;
                *max = (*max).max(*id);
            }
        }
        assert_eq!(self.stream.log_mut().delete(&ids), deleted);
    }

    fn trim(&mut self, keep: usize, by_id: bool, whole_chunks: bool, limit: u64) {
        let limit = if whole_chunks { limit * 3 } else { 0 };
        let before = self.model.entries.len();
        let first_kept = self.pick(keep * 3 + 2);
        let (keep, doomed) = if by_id {
            (Keep::From(first_kept), self.model.entries.range(..first_kept).count())
        } else {
            (Keep::Newest(keep as u64), before.saturating_sub(keep))
        };
        let removed = self.stream.log_mut().trim(&Trim { keep, whole_chunks, limit }) as usize;
        if whole_chunks {
            assert!(removed <= doomed);
            assert!(limit == 0 || removed as u64 <= limit);
            // What is left of the doomed is in one chunk with others, or the limit forbade it.
            let living = self.stream.log().chunks().next().map_or(0, living_in);
            assert!(removed + living > doomed || limit > 0 || living == 0);
        } else {
            assert_eq!(removed, doomed);
        }
        for _ in 0..removed {
            self.model.entries.pop_first();
        }
    }

    fn apply_to_group(&mut self, step: &Step) {
        let picks = |picks: &[usize]| picks.iter().map(|pick| self.pick(*pick)).collect::<Vec<_>>();
        match *step {
            Step::SetGroupId { group, at } => {
                let id = self.pick(at);
                self.with_group(group, |_, group, model, _, _| {
                    group.set_id(id, None);
                    model.last_id = id;
                });
            }
            Step::ReadNew { group, consumer, limit, noack } => {
                self.with_group(group, |log, group, model, entries, now| {
                    let limit = (limit > 0).then_some(limit);
                    read_new(log, group, model, entries, consumer_name(consumer), limit, noack, now);
                });
            }
            Step::ReadHistory { group, consumer, at, limit } => {
                let start = self.pick(at);
                self.with_group(group, |log, group, model, entries, now| {
                    let limit = (limit > 0).then_some(limit);
                    read_history(log, group, model, entries, consumer_name(consumer), start, limit, now);
                });
            }
            Step::Ack { group, picks: ref ids } => {
                let ids = picks(ids);
                self.with_group(group, |_, group, model, _, _| {
                    for id in ids {
                        assert_eq!(group.ack(id), model.pending.remove(&id).is_some());
                    }
                });
            }
            Step::Claim { group, consumer, picks: ref ids, force, just_id, min_idle } => {
                let ids = picks(ids);
                let claim = Claim { min_idle, force, just_id, ..Claim::default() };
                self.with_group(group, |log, group, model, entries, now| {
                    claim_ids(log, group, model, entries, consumer_name(consumer), &ids, &claim, now);
                });
            }
            Step::AutoClaim { group, consumer, at, limit, just_id, min_idle } => {
                let claim = AutoClaim { min_idle, start: self.pick(at), limit, just_id };
                self.with_group(group, |log, group, model, entries, now| {
                    auto_claim(log, group, model, entries, consumer_name(consumer), &claim, now);
                });
            }
            Step::DeleteConsumer { group, consumer } => {
                self.with_group(group, |_, group, model, _, _| {
                    let name = consumer_name(consumer);
                    let pending = model.pending.values().filter(|(owner, ..)| *owner == name).count();
                    model.pending.retain(|_, (owner, ..)| *owner != name);
                    let expected = model.consumers.remove(name).then_some(pending);
                    assert_eq!(group.delete_consumer(name), expected);
                });
            }
            _ => {}
        }
    }

    fn with_group(
        &mut self,
        group: u8,
        act: impl FnOnce(&Log, &mut Group, &mut GroupModel, &BTreeMap<StreamId, Pairs>, i64),
    ) {
        let name = group_name(group);
        match (self.stream.group_mut(name), self.model.groups.get_mut(name)) {
            (Some((log, group)), Some(model)) => act(log, group, model, &self.model.entries, self.now),
            (None, None) => {}
            _ => panic!("one side has the group, the other not"),
        }
    }
}

fn living_in((master, listpack): (StreamId, Vec<u8>)) -> usize {
    let chunk = chunk::Chunk::from_listpack(master, listpack).expect("our own chunks are sound");
    chunk.living() as usize
}

#[expect(clippy::too_many_arguments, reason = "both sides of one command")]
fn read_new(
    log: &Log,
    group: &mut Group,
    model: &mut GroupModel,
    entries: &BTreeMap<StreamId, Pairs>,
    consumer: Bytes,
    limit: Option<usize>,
    noack: bool,
    now: i64,
) {
    let after = model.last_id.next().expect("no test reaches the last ID");
    let ids: Vec<StreamId> =
        entries.range(after..).take(limit.unwrap_or(usize::MAX)).map(|(id, _)| *id).collect();
    let read = group.read_new(log, consumer, limit, noack, now);
    assert_eq!(read.consumer_created, model.consumers.insert(consumer));
    assert_eq!((read.count, read.span), (ids.len(), ids.first().copied().zip(ids.last().copied())));
    for id in ids {
        model.last_id = id;
        if !noack {
            model.pending.insert(id, (consumer, now, 1));
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "both sides of one command")]
fn read_history(
    log: &Log,
    group: &mut Group,
    model: &mut GroupModel,
    entries: &BTreeMap<StreamId, Pairs>,
    consumer: Bytes,
    start: StreamId,
    limit: Option<usize>,
    now: i64,
) {
    let history = group.read_history(log, consumer, start, limit, now);
    assert_eq!(history.consumer_created, model.consumers.insert(consumer));
    let own = model.pending.range_mut(start..).filter(|(_, (owner, ..))| *owner == consumer);
    let mut rows = history.rows.iter();
    for (id, (_, time, count)) in own.take(limit.unwrap_or(usize::MAX)) {
        let row = rows.next().expect("a row per pending entry");
        assert_eq!((row.id, row.entry.is_some()), (*id, entries.contains_key(id)));
        if row.entry.is_some() {
            (*time, *count) = (now, *count + 1);
        }
    }
    assert!(rows.next().is_none());
}

#[expect(clippy::too_many_arguments, reason = "both sides of one command")]
fn claim_ids(
    log: &Log,
    group: &mut Group,
    model: &mut GroupModel,
    entries: &BTreeMap<StreamId, Pairs>,
    consumer: Bytes,
    ids: &[StreamId],
    claim: &Claim,
    now: i64,
) {
    let claimed = group.claim(log, consumer, ids, claim, now);
    assert_eq!(claimed.consumer_created, model.consumers.insert(consumer));
    let mut found = claimed.entries.iter().map(|entry| (entry.id, entry.entry.is_some(), entry.count));
    for id in ids {
        let pending = model.pending.get(id).copied();
        if !entries.contains_key(id) {
            if let Some((_, _, count)) = model.pending.remove(id) {
                assert_eq!(found.next(), Some((*id, false, count)));
            }
        } else if let Some((_, time, count)) = pending.or(claim.force.then_some((consumer, i64::MIN, 1)))
            && (pending.is_none() || now - time >= claim.min_idle)
        {
            let count = count + u64::from(!claim.just_id);
            model.pending.insert(*id, (consumer, now, count));
            assert_eq!(found.next(), Some((*id, true, count)));
        }
    }
    assert_eq!(found.next(), None);
}

fn auto_claim(
    log: &Log,
    group: &mut Group,
    model: &mut GroupModel,
    entries: &BTreeMap<StreamId, Pairs>,
    consumer: Bytes,
    claim: &AutoClaim,
    now: i64,
) {
    let claimed = group.auto_claim(log, consumer, claim, now);
    assert_eq!(claimed.consumer_created, model.consumers.insert(consumer));
    let mut found = claimed.entries.iter().map(|entry| (entry.id, entry.entry.is_some())).peekable();
    let candidates: Vec<StreamId> = model.pending.range(claim.start..).map(|(id, _)| *id).collect();
    let looked_at = candidates.iter().position(|id| *id == claimed.next).unwrap_or(candidates.len());
    assert!(looked_at <= claim.limit * 10);
    assert!(looked_at == candidates.len() || looked_at == claim.limit * 10 || found.len() == claim.limit);
    for id in &candidates[..looked_at] {
        let (_, time, count) = model.pending[id];
        if !entries.contains_key(id) {
            model.pending.remove(id);
            assert_eq!(found.next(), Some((*id, false)));
        } else if now - time >= claim.min_idle {
            model.pending.insert(*id, (consumer, now, count + u64::from(!claim.just_id)));
            assert_eq!(found.next(), Some((*id, true)));
        }
    }
    assert_eq!(found.next(), None);
}

/// Whether the stream is what the model says, as far as one can see.
fn check(stream: &Stream, model: &Model) {
    let log = stream.log();
    let pairs = |entry: Entry<'_>| {
        (entry.id(), entry.fields().map(|(field, value)| (field.to_vec(), value.to_vec())).collect::<Pairs>())
    };
    let all = model.entries.iter().map(|(id, pairs)| (*id, pairs.clone()));
    assert!(log.range(StreamId::MIN, StreamId::MAX).map(pairs).eq(all.clone()));
    assert!(log.range_back(StreamId::MIN, StreamId::MAX).map(pairs).eq(all.rev()));
    let first_id = model.entries.keys().next().copied().unwrap_or_default();
    assert_eq!(log.counters(), Counters { first_id, ..model.counters });
    assert_eq!(log.len(), model.entries.len() as u64);
    for id in model.entries.keys() {
        assert_eq!(log.range(*id, *id).next().map(|entry| entry.id()), Some(*id));
        let after = model.entries.range(*id..).take(3).map(|(id, _)| *id);
        assert!(log.range(*id, StreamId::MAX).take(3).map(|entry| entry.id()).eq(after));
        let before = model.entries.range(..*id).rev().take(3).map(|(id, _)| *id);
        let end = id.prev().unwrap_or_default();
        assert!(log.range_back(StreamId::MIN, end).take(3).map(|entry| entry.id()).eq(before));
    }
    assert!(stream.groups().map(|(name, _)| name).eq(model.groups.keys().copied()));
    for ((_, group), model) in stream.groups().zip(model.groups.values()) {
        check_group(group, model);
    }
}

fn check_group(group: &Group, model: &GroupModel) {
    group.check();
    assert_eq!(group.last_id(), model.last_id);
    let entry = |(id, (consumer, time, count)): (&StreamId, &(Bytes, i64, u64))| PendingEntry {
        id: *id,
        consumer,
        time: *time,
        count: *count,
    };
    assert!(group.pending(StreamId::MIN, StreamId::MAX).eq(model.pending.iter().map(entry)));
    assert!(group.consumers().map(Consumer::name).eq(model.consumers.iter().copied()));
    for consumer in group.consumers() {
        let own = model.pending.iter().filter(|(_, (owner, ..))| *owner == consumer.name()).map(entry);
        assert!(group.pending_of(consumer, StreamId::MIN, StreamId::MAX).eq(own));
    }
}

/// A stream made anew from what a file would hold of this one.
fn reloaded(stream: &Stream) -> Stream {
    let mut copy = Stream::default();
    for (master, listpack) in stream.log().chunks() {
        copy.log_mut().load_chunk(master, listpack).expect("our own chunks are sound");
    }
    copy.log_mut().load_counters(stream.log().counters());
    for (name, group) in stream.groups() {
        let mut loader = GroupLoader::new(group.last_id(), group.entries_read());
        for entry in group.pending(StreamId::MIN, StreamId::MAX) {
            loader.pending(entry.id, entry.time, entry.count).expect("each entry is pending once");
        }
        for consumer in group.consumers() {
            let times = (consumer.seen_time(), consumer.active_time());
            loader.consumer(consumer.name(), times.0, times.1).expect("names are unique");
            consumer.pending_ids().for_each(|id| loader.owns(id).expect("it is pending"));
        }
        assert!(copy.add_group(name, loader.finish().expect("every entry has its owner")));
    }
    copy
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn behaves_as_the_model_and_clones_stay_as_they_were(
        steps in prop::collection::vec(step(), 1..150),
        max_entries in 0..6u64,
        max_bytes in prop_oneof![Just(0usize), 40..200usize],
    ) {
        let limits = StreamLimits { max_bytes, max_entries };
        let mut run = Run { stream: Stream::default(), model: Model::default(), limits, now: 0 };
        let mut held: Vec<(Stream, Model)> = Vec::new();
        for step in &steps {
            run.apply(step);
            if matches!(step, Step::Snapshot) {
                check(&run.stream, &run.model);
                held.push((run.stream.clone(), run.model.clone()));
            }
        }
        check(&run.stream, &run.model);
        check(&reloaded(&run.stream), &run.model);
        for (stream, model) in &held {
            check(stream, model);
        }
    }
}
