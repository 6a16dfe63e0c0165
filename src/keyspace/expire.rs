//! Active expiry: deleting keys when their time comes, in bounded steps.

use super::effects::{Effects, Event};
use super::view::Clock;
use super::{Keyspace, Shard};

/// How many items of the wheel one locked step looks at.
const STEP: usize = 128;

/// What a round of active expiry did.
#[derive(Default, Clone, Copy)]
pub struct ExpiryReport {
    /// Keys deleted.
    pub expired: u64,
    /// Whether more keys are due than the budget allowed.
    pub more: bool,
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
        for db in 0..self.databases() {
            let mut left = budget;
            while left > 0 {
                let mut locked = self.lock(shard);
                if locked.db(db).wheel.is_empty() {
                    break;
                }
                let step = left.min(STEP);
                let more = self.expire_step(&mut locked, (shard, db), clock, step, effects, &mut report);
                drop(locked);
                left -= step;
                report.more |= more && left == 0;
                if !more {
                    break;
                }
            }
        }
        report
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
        let database = shard.db_mut(db);
        let mut fired: Vec<u64> = Vec::with_capacity(step);
        let more = database.wheel.advance(clock.now, step, &mut |local| fired.push(local));
        for local in fired {
            // An item whose key is gone finds nothing; one whose key lives longer by now goes back.
            let due = |deadline: i64| deadline <= clock.now;
            while let Some(at) = database.table.find_by(local, |entry| entry.deadline().is_some_and(due)) {
                let entry = database.remove(at);
                let key = entry.as_ref().key();
                database.watched.touch(key);
                if database.waiters.is_waited_for(key) {
                    effects.ready.push((db, key.into()));
                }
                if clock.events & clock.expired_class != 0 {
                    effects.events.push(Event {
                        class: clock.expired_class,
                        name: "expired",
                        db,
                        key: key.into(),
                    });
                }
                self.counts(index).count_expired();
                report.expired += 1;
                effects.garbage.push(entry.into_value());
            }
            let same = |entry: super::EntryRef<'_>| self.local(Keyspace::hash(entry.key())) == local;
            let later = database.table.find_by(local, |entry| entry.deadline().is_some() && same(entry));
            if let Some(deadline) = later.and_then(|at| database.table.entry(at).deadline()) {
                database.wheel.insert(deadline, local);
            }
        }
        self.counts(index).publish(db, database);
        more
    }

    /// Rebuilds the wheels of a shard that hold mostly items of keys that are gone or have become persistent.
    pub fn tidy_wheels(&self, shard: usize, now: i64) {
        let mut locked = self.lock(shard);
        for db in 0..self.databases() {
            let database = locked.db_mut(db);
            if database.wheel.len() > 2 * database.volatile + 4096 {
                let mut fresh = super::wheel::Wheel::new(now);
                for entry in database.table.iter() {
                    if let Some(deadline) = entry.deadline() {
                        fresh.insert(deadline, self.local(Keyspace::hash(entry.key())));
                    }
                }
                database.wheel = fresh;
            }
        }
    }
}
