//! Expiry: deleting keys whose time has come, on sight or in bounded steps.

use super::clock::Clock;
use super::deadlines::Renewed;
use super::effects::Effects;
use super::entry::EntryRef;
use super::shard::Database;
use super::view::Place;
use super::{Keyspace, Shard};

/// How many items of the wheel one locked step looks at.
const STEP: usize = 128;
/// How many fields of hashes one locked step deletes.
const FIELDS_PER_STEP: usize = 512;
/// How many buckets one locked step of a wheel's renewal walks over.
const BUCKETS_PER_STEP: usize = 64;

/// What a round of active expiry did.
#[derive(Default, Clone, Copy)]
pub struct ExpiryReport {
    /// Keys deleted.
    pub expired: u64,
    /// Whether more keys are due than the budget allowed.
    pub more: bool,
    lateness: Lateness,
}

/// How late keys were when they were deleted in the background: a histogram.
#[derive(Default, Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lateness {
    /// Keys by the first bound that is not below their lateness; the last count is beyond all bounds.
    pub counts: [u64; Lateness::BOUNDS_MS.len() + 1],
    /// All their lateness added up, in ms.
    pub sum_ms: u64,
}

impl Lateness {
    /// The upper ends of the buckets, in ms.
    pub const BOUNDS_MS: [u64; 8] = [10, 20, 50, 100, 250, 1000, 5000, 60_000];

    fn note(&mut self, late_ms: u64) {
        self.counts[Self::BOUNDS_MS.partition_point(|&bound| bound < late_ms)] += 1;
        self.sum_ms = self.sum_ms.saturating_add(late_ms);
    }

    pub(super) fn add(&mut self, other: &Lateness) {
        self.counts.iter_mut().zip(other.counts).for_each(|(count, more)| *count += more);
        self.sum_ms = self.sum_ms.saturating_add(other.sum_ms);
    }
}

impl Keyspace {
    /// Deletes keys of one shard whose deadline has passed, at most `budget` wheel items, in locked steps so
    /// short that nobody waits for them noticeably. What the deletions cause is noted in `effects`.
    pub fn expire_due(
        &self,
        shard: usize,
        clock: Clock,
        budget: usize,
        effects: &mut Effects,
    ) -> ExpiryReport {
        let mut report = ExpiryReport::default();
        effects.propagation.listen(self.journal.verbs());
        let counts = self.counts(shard);
        let volatile = (0..self.databases()).filter(|&db| counts.volatile(db) + counts.timed(db) > 0);
        for db in volatile {
            let mut left = budget;
            while left > 0 {
                let step = left.min(STEP);
                let mut locked = self.lock(shard);
                let more = self.expire_step(&mut locked, (shard, db), clock, step, effects, &mut report);
                drop(locked);
                left -= step;
                report.more |= more && left == 0;
                if !more {
                    break;
                }
            }
        }
        if report.expired > 0 {
            self.lateness.lock().add(&report.lateness);
        }
        report
    }

    /// How late keys have been.
    pub fn lateness(&self) -> Lateness {
        *self.lateness.lock()
    }

    fn expire_step(
        &self,
        shard: &mut Shard,
        (index, db): (usize, usize),
        clock: Clock,
        step: usize,
        effects: &mut Effects,
        report: &mut ExpiryReport,
    ) -> bool {
        let (database, tracked) = shard.parts(db);
        let mut fired: Vec<u64> = Vec::with_capacity(step);
        let mut more = database.deadlines.advance(clock.now, step, &mut |local| fired.push(local));
        let mut fields = FIELDS_PER_STEP;
        let counts = self.counts(index);
        for local in fired {
            let mut place = Place { database, tracked, counts, effects, clock: &clock, db, local };
            // An item whose key is gone finds nothing; one whose key lives longer by now goes back.
            let due = |deadline: i64| deadline <= clock.now;
            let expired = |entry: EntryRef<'_>| entry.deadline().is_some_and(due);
            while let Some(at) = place.database.table.find_by(local, expired) {
                let deadline = place.database.table.entry(at).deadline().unwrap_or(clock.now);
                report.lateness.note(clock.now.abs_diff(deadline));
                place.expire_entry(at);
                self.journal.append(&mut place.effects.propagation);
                report.expired += 1;
            }
            let same = |entry: EntryRef<'_>| self.local(Keyspace::hash(entry.key())) == local;
            let find = |database: &Database| {
                database.table.find_by(local, |entry| entry.due().is_some() && same(entry))
            };
            if let Some(at) = find(place.database) {
                fields -= place.expire_fields(at, fields);
                self.journal.append_each(&mut place.effects.propagation);
            }
            if let Some(later) = find(place.database).and_then(|at| place.database.table.entry(at).due()) {
                place.database.deadlines.insert(later, local);
                more |= due(later);
            }
        }
        more
    }

    /// Goes a short step on with renewing the wheels of a shard that hold mostly items of keys that are gone or
    /// have become persistent; true if more steps are to follow.
    pub fn renew_deadlines(&self, shard: usize, now: i64) -> bool {
        let mut old = Vec::new();
        let mut more = false;
        let mut locked = self.lock(shard);
        for db in 0..self.databases() {
            let Database { deadlines, table, volatile, timed, .. } = locked.db_mut(db);
            match deadlines.renew(table, *volatile + *timed, now, BUCKETS_PER_STEP) {
                Renewed::Idle => {}
                Renewed::More => more = true,
                Renewed::Done(wheel) => old.push(wheel),
            }
        }
        // The old wheels are freed after unlocking.
        drop(locked);
        more
    }
}
