//! Taking over what is pending for others (XCLAIM, XAUTOCLAIM).

use std::sync::Arc;

use super::super::id::StreamId;
use super::super::log::{Entry, Log};
use super::{ConsumerKey, Delivery, Group, Name};

/// How many pending entries XAUTOCLAIM looks at per entry that it may return.
const ATTEMPTS_PER_ENTRY: usize = 10;

/// What XCLAIM asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Claim {
    /// Only entries handed out at least so many milliseconds ago; 0 or less for all.
    pub min_idle: i64,
    /// The delivery time to set, in milliseconds since the Unix epoch; now if it is missing, negative or
    /// in the future.
    pub time: Option<i64>,
    /// The delivery count to set.
    pub count: Option<u64>,
    /// Entries that aren't pending become so.
    pub force: bool,
    /// Only the IDs are wanted: this isn't a delivery, so the count stays.
    pub just_id: bool,
    /// The group's last ID becomes at least this.
    pub last_id: StreamId,
}

/// What XAUTOCLAIM asks for.
#[derive(Clone, Copy, Debug)]
pub struct AutoClaim {
    /// Only entries handed out at least so many milliseconds ago; 0 or less for all.
    pub min_idle: i64,
    /// The pending entry to begin with.
    pub start: StreamId,
    /// Most entries to take or drop.
    pub limit: usize,
    /// Only the IDs are wanted: this isn't a delivery, so the count stays.
    pub just_id: bool,
}

/// What XCLAIM did.
#[derive(Clone, Debug)]
pub struct Claimed<'a> {
    /// Whether the consumer was made by asking.
    pub consumer_created: bool,
    /// Whether [`Claim::last_id`] moved the group on.
    pub last_id_raised: bool,
    /// The pending entries taken over or dropped, in the order asked for.
    pub entries: Vec<ClaimedEntry<'a>>,
}

/// What XAUTOCLAIM did.
#[derive(Clone, Debug)]
pub struct AutoClaimed<'a> {
    /// Whether the consumer was made by asking.
    pub consumer_created: bool,
    /// The pending entry to go on with; 0-0 at the end.
    pub next: StreamId,
    /// The pending entries taken over or dropped, in ascending order.
    pub entries: Vec<ClaimedEntry<'a>>,
}

/// A pending entry that was taken over, or dropped because the stream no longer has it.
#[derive(Clone, Debug)]
pub struct ClaimedEntry<'a> {
    /// Its ID.
    pub id: StreamId,
    /// The entry; `None` if it is gone and therefore no longer pending.
    pub entry: Option<Entry<'a>>,
    /// Who has it now, or had it when it was dropped.
    pub owner: Name,
    /// The delivery time, in milliseconds since the Unix epoch.
    pub time: i64,
    /// The delivery count.
    pub count: u64,
}

/// How entries change hands in one command.
struct Taker {
    key: ConsumerKey,
    name: Name,
    time: i64,
    count: Option<u64>,
    just_id: bool,
}

impl Group {
    /// Gives pending entries to a consumer. IDs that aren't pending, or not long enough, are passed over.
    pub fn claim<'a>(
        &mut self,
        log: &'a Log,
        consumer: &[u8],
        ids: &[StreamId],
        claim: &Claim,
        now: i64,
    ) -> Claimed<'a> {
        let last_id_raised = claim.last_id > self.last_id;
        if last_id_raised {
            self.last_id = claim.last_id;
        }
        let time = claim.time.filter(|time| (0..=now).contains(time)).unwrap_or(now);
        let (taker, consumer_created) = self.taker(consumer, time, claim.count, claim.just_id, now);
        let (mut found, mut entries) = (log.finder(), Vec::new());
        for &id in ids {
            let delivery = self.pending.get(&id).copied();
            let Some(entry) = found.get(id) else {
                entries.extend(self.drop_gone(id));
                continue;
            };
            let count = match delivery {
                Some(delivery) if too_fresh(&delivery, claim.min_idle, now) => continue,
                Some(delivery) => delivery.count,
                None if claim.force => 1,
                None => continue,
            };
            entries.push(self.take(entry, count, &taker));
        }
        self.activate_if_taken(taker.key, &entries, now);
        Claimed { consumer_created, last_id_raised, entries }
    }

    /// Gives pending entries from `start` on to a consumer, looking at ten times as many as it may return.
    pub fn auto_claim<'a>(
        &mut self,
        log: &'a Log,
        consumer: &[u8],
        claim: &AutoClaim,
        now: i64,
    ) -> AutoClaimed<'a> {
        let (taker, consumer_created) = self.taker(consumer, now, None, claim.just_id, now);
        let (mut found, mut entries) = (log.finder(), Vec::new());
        let mut next = self.pending_from(Some(claim.start));
        for _ in 0..claim.limit.saturating_mul(ATTEMPTS_PER_ENTRY) {
            let Some((id, delivery)) = next.filter(|_| entries.len() < claim.limit) else { break };
            match found.get(id) {
                None => entries.extend(self.drop_gone(id)),
                Some(_) if too_fresh(&delivery, claim.min_idle, now) => {}
                Some(entry) => entries.push(self.take(entry, delivery.count, &taker)),
            }
            next = self.pending_from(id.next());
        }
        self.activate_if_taken(taker.key, &entries, now);
        AutoClaimed { consumer_created, next: next.map_or(StreamId::MIN, |(id, _)| id), entries }
    }

    fn taker(
        &mut self,
        name: &[u8],
        time: i64,
        count: Option<u64>,
        just_id: bool,
        now: i64,
    ) -> (Taker, bool) {
        let (key, created) = self.see_consumer(name, now);
        (Taker { key, name: self.owner(key), time, count, just_id }, created)
    }

    /// The first pending entry at or after an ID.
    fn pending_from(&self, start: Option<StreamId>) -> Option<(StreamId, Delivery)> {
        self.pending.iter_from(&start?).next().map(|(id, delivery)| (*id, *delivery))
    }

    fn take<'a>(&mut self, entry: Entry<'a>, count: u64, taker: &Taker) -> ClaimedEntry<'a> {
        let counted = if taker.just_id { count } else { count.wrapping_add(1) };
        let count = taker.count.unwrap_or(counted);
        let id = entry.id();
        self.assign(id, Delivery { time: taker.time, count, consumer: taker.key });
        ClaimedEntry { id, entry: Some(entry), owner: Arc::clone(&taker.name), time: taker.time, count }
    }

    fn drop_gone(&mut self, id: StreamId) -> Option<ClaimedEntry<'static>> {
        let Delivery { time, count, consumer } = self.release(id)?;
        Some(ClaimedEntry { id, entry: None, owner: self.owner(consumer), time, count })
    }

    fn owner(&self, key: ConsumerKey) -> Name {
        self.consumers.get(&key).map_or_else(Name::default, |consumer| Arc::clone(&consumer.name))
    }

    fn activate_if_taken(&mut self, key: ConsumerKey, entries: &[ClaimedEntry<'_>], now: i64) {
        if entries.iter().any(|entry| entry.entry.is_some()) {
            self.activate(key, now);
        }
    }
}

fn too_fresh(delivery: &Delivery, min_idle: i64, now: i64) -> bool {
    min_idle > 0 && now.saturating_sub(delivery.time) < min_idle
}
