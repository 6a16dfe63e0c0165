//! The keyspace as commands see it, against plain maps: views over several shards, expiry, walks, renewal of the
//! wheels. Run under AddressSanitizer as well.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::config::EventClasses;
use crate::types::list::{End, List, ListLimits};

const NOW: i64 = 1_700_000_000_000;

/// A keyspace and a clock.
struct Fixture {
    keyspace: Keyspace,
    effects: Effects,
    now: i64,
}

impl Fixture {
    /// With `2^bits` shards and two databases.
    fn new(bits: u8) -> Fixture {
        let mut keyspace = Keyspace::new(bits, 2, 1);
        // A wheel begins at the real time, which is far from the one of these tests.
        for cell in &mut keyspace.shards {
            *cell.shard.get_mut() = Shard::new(bits, 2, NOW);
        }
        Fixture { keyspace, effects: Effects::default(), now: NOW }
    }

    fn clock(&self) -> Clock {
        Clock {
            now: self.now,
            wall: self.now,
            lfu: None,
            no_touch: false,
            events: EventClasses::EXPIRED,
            keep_expired: false,
        }
    }

    /// A view that holds everything.
    fn view(&mut self, db: usize) -> View<'_> {
        let clock = self.clock();
        let held = self.keyspace.hold(Plan::Everything);
        View::new(&self.keyspace, held, db, clock, &mut self.effects)
    }

    /// A view that holds nothing, as walks have.
    fn walker(&mut self, db: usize) -> View<'_> {
        let clock = self.clock();
        View::new(&self.keyspace, Held::Nothing, db, clock, &mut self.effects)
    }

    /// Expires all that is due, in steps of `budget`.
    fn expire(&mut self, budget: usize) -> u64 {
        let clock = self.clock();
        let mut expired = 0;
        for shard in 0..self.keyspace.shards() {
            loop {
                let report = self.keyspace.expire_due(shard, clock, budget, &mut self.effects);
                expired += report.expired;
                if !report.more {
                    break;
                }
            }
        }
        expired
    }

    /// Items in all wheels.
    fn items(&self) -> usize {
        let items =
            |shard: usize| (0..2).map(|db| self.keyspace.lock(shard).db(db).deadlines.len()).sum::<usize>();
        (0..self.keyspace.shards()).map(items).sum()
    }
}

fn key(number: usize) -> Vec<u8> {
    format!("key:{number}").into_bytes()
}

#[test]
fn a_view_holds_only_what_its_plan_says() {
    let fixture = Fixture::new(4);
    let hash = Keyspace::hash(b"a");
    let mut effects = Effects::default();
    let mut view = View::new(
        &fixture.keyspace,
        fixture.keyspace.hold(Plan::Keys(&[hash])),
        0,
        fixture.clock(),
        &mut effects,
    );
    view.set_string(b"a", b"1", Expiry::Clear);
    assert!(view.exists(b"a", Access::Silent) && !view.has_everything());
    let elsewhere = (0..)
        .map(key)
        .find(|key| fixture.keyspace.shard_of(Keyspace::hash(key)) != fixture.keyspace.shard_of(hash));
    let elsewhere = elsewhere.expect("there are sixteen shards");
    let trespass = std::panic::AssertUnwindSafe(|| view.exists(&elsewhere, Access::Silent));
    assert!(std::panic::catch_unwind(trespass).is_err());
}

#[test]
fn a_known_hash_is_for_its_key_only() {
    let mut fixture = Fixture::new(4);
    let (known, other) = (b"known".to_vec(), b"other".to_vec());
    let mut view = fixture.view(0);
    view.know(&known, Keyspace::hash(&known));
    view.set_string(&known, b"1", Expiry::Clear);
    view.set_string(&other, b"2", Expiry::Clear);
    drop(view);
    assert!(fixture.view(0).exists(&known, Access::Silent) && fixture.view(0).exists(&other, Access::Silent));
}

#[test]
fn a_collection_that_becomes_empty_takes_its_key_along() {
    let mut fixture = Fixture::new(2);
    let limits = ListLimits::default();
    let mut view = fixture.view(0);
    drop(view.write_or_new::<List>(b"l").expect("an absent key has no type"));
    assert!(!view.exists(b"l", Access::Silent));
    for len in [1, 5000] {
        let mut list = view.write_or_new::<List>(b"l").expect("an absent key has no type");
        assert!(list.is_fresh());
        list.push(End::Tail, (0..len).map(|_| &b"element"[..]), &limits);
        drop(list);
        assert_eq!(view.read::<List>(b"l").expect("a list").map(|list| list.len()), Some(len));
        assert!(view.string(b"l").is_err());
        let mut list = view.write::<List>(b"l").expect("a list").expect("is there");
        assert!(!list.is_fresh());
        list.discard(End::Head, len, &limits);
        drop(list);
        assert!(!view.exists(b"l", Access::Silent));
    }
    view.set_string(b"s", b"x", Expiry::Clear);
    assert!(view.write::<List>(b"s").is_err() && view.write_or_new::<List>(b"s").is_err());
    drop(view);
    assert_eq!(fixture.keyspace.len(0), 1);
}

#[test]
fn a_reader_keeps_what_it_took() {
    let mut fixture = Fixture::new(2);
    let limits = ListLimits::default();
    for len in [3, 5000] {
        let mut view = fixture.view(0);
        let mut list = view.write_or_new::<List>(b"l").expect("absent or a list");
        list.push(End::Tail, (0..len).map(|_| &b"element"[..]), &limits);
        drop(list);
        let taken = view.read::<List>(b"l").expect("a list").expect("is there").to_owned();
        let before = taken.len();
        view.write::<List>(b"l").expect("a list").expect("is there").discard(End::Head, 2, &limits);
        view.delete(b"l");
        drop(view);
        fixture.effects.garbage.clear();
        assert_eq!((taken.len(), taken.iter().count()), (before, before));
    }
}

#[test]
fn clearing_and_swapping_keep_the_counts() {
    let mut fixture = Fixture::new(3);
    for number in 0..500 {
        let expiry = if number % 5 == 0 { Expiry::At(NOW + 50) } else { Expiry::Clear };
        fixture.view(number % 2).set_string(&key(number), b"x", expiry);
    }
    fixture.view(0).swap(0, 1);
    assert!(
        fixture.view(1).exists(&key(0), Access::Silent) && !fixture.view(0).exists(&key(0), Access::Silent)
    );
    assert_eq!(fixture.view(1).clear().iter().map(Remains::len).sum::<usize>(), 250);
    let keyspace = &fixture.keyspace;
    assert_eq!([0, 1].map(|db| (keyspace.len(db), keyspace.volatile(db))), [(250, 50), (0, 0)]);
    fixture.now += 100;
    assert_eq!(fixture.expire(7), 50);
    assert_eq!((fixture.keyspace.len(0), fixture.keyspace.volatile(0)), (200, 0));
}

/// What a key should hold.
#[derive(Clone, PartialEq, Debug)]
struct Kept {
    value: Vec<u8>,
    deadline: Option<i64>,
}

#[derive(Clone, Debug)]
enum Step {
    Set(usize, Vec<u8>, Option<i64>),
    SetKeeping(usize, Vec<u8>),
    Append(usize, Vec<u8>),
    Delete(usize),
    Move(usize, usize),
    Copy(usize, usize),
    Deadline(usize, Option<i64>),
    Find(usize),
    Wait(i64),
    Expire(usize),
    Renew,
    Swap,
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let number = || 0..25usize;
    let value = || {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            prop::collection::vec(any::<u8>(), 1000..1100),
            any::<i32>().prop_map(|number| number.to_string().into_bytes()),
        ]
    };
    let span = || -20..500i64;
    let step = prop_oneof![
        4 => (number(), value(), prop::option::of(span())).prop_map(|(n, value, span)| Step::Set(n, value, span)),
        1 => (number(), value()).prop_map(|(n, value)| Step::SetKeeping(n, value)),
        2 => (number(), value()).prop_map(|(n, tail)| Step::Append(n, tail)),
        2 => number().prop_map(Step::Delete),
        2 => (number(), number()).prop_map(|(from, to)| Step::Move(from, to)),
        1 => (number(), number()).prop_map(|(from, to)| Step::Copy(from, to)),
        3 => (number(), prop::option::of(span())).prop_map(|(n, span)| Step::Deadline(n, span)),
        4 => number().prop_map(Step::Find),
        3 => (0..120i64).prop_map(Step::Wait),
        2 => (1..40usize).prop_map(Step::Expire),
        1 => Just(Step::Renew),
        1 => Just(Step::Swap),
    ];
    prop::collection::vec((0..2usize, step), 1..80)
}

type Model = [BTreeMap<Vec<u8>, Kept>; 2];

/// Does the same to a view and to the model.
fn apply(fixture: &mut Fixture, model: &mut Model, db: usize, step: Step) {
    let now = fixture.now;
    // What has expired counts as absent, whether it is still there or not.
    model
        .iter_mut()
        .for_each(|keys| keys.retain(|_, kept| kept.deadline.is_none_or(|deadline| deadline > now)));
    let keys = &mut model[db];
    match step {
        Step::Set(n, value, span) => {
            let deadline = span.map(|span| now + span);
            fixture.view(db).set_string(&key(n), &value, deadline.map_or(Expiry::Clear, Expiry::At));
            keys.insert(key(n), Kept { value, deadline });
        }
        Step::SetKeeping(n, value) => {
            fixture.view(db).set_string(&key(n), &value, Expiry::Keep);
            keys.entry(key(n)).or_insert(Kept { value: Vec::new(), deadline: None }).value = value;
        }
        Step::Append(n, tail) => {
            let len = fixture.view(db).edit_string(&key(n), |bytes| {
                bytes.extend_from_slice(&tail);
                bytes.len()
            });
            let kept = keys.get_mut(&key(n));
            kept.into_iter().for_each(|kept| kept.value.extend_from_slice(&tail));
            assert_eq!(len, keys.get(&key(n)).map(|kept| kept.value.len()));
        }
        Step::Delete(n) => assert_eq!(fixture.view(db).delete(&key(n)), keys.remove(&key(n)).is_some()),
        Step::Move(from, to) => {
            let mut view = fixture.view(db);
            let lifted = view.lift(&key(from));
            assert_eq!(lifted.is_some(), keys.contains_key(&key(from)));
            if let Some(lifted) = lifted {
                view.delete(&key(to));
                view.put_down(&key(to), lifted);
                let kept = keys.remove(&key(from)).expect("was there");
                keys.insert(key(to), kept);
            }
        }
        Step::Copy(from, to) => {
            let mut view = fixture.view(db);
            if let Some(copy) = view.duplicate(&key(from)) {
                view.select(1 - db);
                view.delete(&key(to));
                view.put_down(&key(to), copy);
                let kept = keys[&key(from)].clone();
                model[1 - db].insert(key(to), kept);
            } else {
                assert!(!keys.contains_key(&key(from)));
            }
        }
        Step::Deadline(n, span) => {
            let deadline = span.map(|span| now + span);
            let set = fixture.view(db).set_deadline(&key(n), deadline);
            assert_eq!(set, keys.contains_key(&key(n)));
            keys.get_mut(&key(n)).into_iter().for_each(|kept| kept.deadline = deadline);
        }
        Step::Find(n) => {
            let mut view = fixture.view(db);
            let found = view.find(&key(n), Access::Read).map(|entry| Kept {
                value: entry.string().expect("strings only").to_vec(),
                deadline: entry.deadline(),
            });
            assert_eq!(found.as_ref(), keys.get(&key(n)));
        }
        Step::Wait(time) => fixture.now += time,
        Step::Expire(budget) => {
            fixture.expire(budget);
            let kept_ms = 16;
            let late = |kept: &Kept| kept.deadline.is_some_and(|deadline| deadline <= now - kept_ms);
            fixture.walker(db).walk(&mut |entry| {
                assert!(
                    !late(&Kept { value: Vec::new(), deadline: entry.deadline() }),
                    "{entry_key:?} is late",
                    entry_key = entry.key()
                );
            });
        }
        Step::Renew => {
            for shard in 0..fixture.keyspace.shards() {
                fixture.keyspace.renew_deadlines(shard, now);
            }
        }
        Step::Swap => {
            fixture.view(0).swap(0, 1);
            model.swap(0, 1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_a_map(bits in 0u8..4, steps in steps()) {
        let mut fixture = Fixture::new(bits);
        let mut model = Model::default();
        for (db, step) in steps {
            apply(&mut fixture, &mut model, db, step);
        }
        // At the end of time only what has no deadline is left, and the counters say so.
        fixture.now += 10_000;
        fixture.expire(1000);
        for (db, keys) in model.iter().enumerate() {
            let mut left = BTreeMap::new();
            fixture.view(db).walk(&mut |entry| {
                left.insert(entry.key().to_vec(), entry.string().expect("strings only").to_vec());
            });
            let expected: BTreeMap<Vec<u8>, Vec<u8>> =
                keys.iter().filter(|(_, kept)| kept.deadline.is_none()).map(|(k, v)| (k.clone(), v.value.clone())).collect();
            prop_assert_eq!(fixture.keyspace.len(db), expected.len());
            prop_assert_eq!(fixture.keyspace.volatile(db), 0);
            prop_assert_eq!(left, expected);
        }
    }
}

#[test]
fn scan_returns_every_key_that_is_there_throughout() {
    for round in 0..25usize {
        let mut fixture = Fixture::new(round as u8 % 5);
        let stable = 20 + 100 * round;
        for number in 0..stable {
            fixture.view(0).set_string(&key(number), b"stable", Expiry::Clear);
        }
        let (mut seen, mut others, mut made) = (BTreeSet::new(), Vec::new(), stable);
        let mut cursor = 0;
        loop {
            let count = [1, 10, 100][fastrand::usize(..3)];
            cursor = fixture.walker(0).scan(cursor, count, &mut |entry| {
                seen.insert(entry.key().to_vec());
            });
            if cursor == 0 {
                break;
            }
            for _ in 0..fastrand::usize(..30) {
                if fastrand::bool() || others.is_empty() {
                    others.push(key(made));
                    fixture.view(0).set_string(&key(made), b"other", Expiry::Clear);
                    made += 1;
                } else {
                    let gone = others.swap_remove(fastrand::usize(..others.len()));
                    assert!(fixture.view(0).delete(&gone));
                }
            }
        }
        for number in 0..stable {
            assert!(seen.contains(&key(number)), "round {round}: {number} of {stable} is missing");
        }
    }
}

#[test]
fn scan_cursors_survive_a_double() {
    let mut fixture = Fixture::new(5);
    for number in 0..2000 {
        fixture.view(0).set_string(&key(number), b"x", Expiry::Clear);
    }
    let (mut cursor, mut visited) = (0, 0);
    loop {
        cursor = fixture.walker(0).scan(cursor, 3, &mut |_| visited += 1);
        assert_eq!(cursor as f64 as u64, cursor);
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(visited, 2000);
}

#[test]
fn a_scan_of_a_sparse_table_is_bounded() {
    let mut fixture = Fixture::new(0);
    for number in 0..20_000 {
        fixture.view(0).set_string(&key(number), b"x", Expiry::Clear);
    }
    for number in 1..20_000 {
        fixture.view(0).delete(&key(number));
    }
    let (mut calls, mut cursor, mut visited) = (0, 0, 0);
    loop {
        cursor = fixture.walker(0).scan(cursor, 1, &mut |_| visited += 1);
        calls += 1;
        if cursor == 0 {
            break;
        }
    }
    assert!(visited == 1 && (2..100).contains(&calls), "{visited} in {calls} calls");
}

#[test]
fn keys_expire_on_time_in_steps_of_any_size() {
    for budget in [1, 5, 1000] {
        let mut fixture = Fixture::new(2);
        for number in 0..2000 {
            let deadline = NOW + 1 + number as i64 % 700;
            fixture.view(0).set_string(&key(number), b"x", Expiry::At(deadline));
            // Some live longer by now, some shorter, some for ever.
            match number % 10 {
                0 => assert!(fixture.view(0).set_deadline(&key(number), Some(deadline + 400))),
                1 => assert!(fixture.view(0).set_deadline(&key(number), Some(NOW + 1))),
                2 => assert!(fixture.view(0).set_deadline(&key(number), None)),
                _ => {}
            }
        }
        let mut expired = 0;
        while fixture.now < NOW + 1200 {
            fixture.now += 16;
            expired += fixture.expire(budget);
            let late = fixture.now - 16;
            fixture
                .view(0)
                .walk(&mut |entry| assert!(entry.deadline().is_none_or(|deadline| deadline > late)));
        }
        assert_eq!((expired, fixture.keyspace.len(0), fixture.items()), (1800, 200, 0));
        assert_eq!(fixture.effects.events.len(), 1800);
        let lateness = fixture.keyspace.lateness();
        assert_eq!(lateness.counts[..2].iter().sum::<u64>(), 1800, "in steps of 16 ms: {lateness:?}");
        assert!((1800..1800 * 16).contains(&lateness.sum_ms), "{lateness:?}");
    }
}

/// Runs renewal to its end, `between` each two steps; the number of steps.
fn renew(fixture: &mut Fixture, mut between: impl FnMut(&mut Fixture)) -> usize {
    let mut steps = 0;
    for shard in 0..fixture.keyspace.shards() {
        loop {
            steps += 1;
            if !fixture.keyspace.renew_deadlines(shard, fixture.now) {
                break;
            }
            between(fixture);
        }
    }
    steps
}

#[test]
fn wheels_full_of_leftovers_are_renewed_in_short_steps() {
    let mut fixture = Fixture::new(1);
    for number in 0..10_000 {
        fixture.view(0).set_string(&key(number), b"x", Expiry::Clear);
    }
    // Locks: taken for long and released at once.
    for number in 0..40_000 {
        let lock = format!("lock:{}", number % 50).into_bytes();
        fixture.view(0).set_string(&lock, b"x", Expiry::At(NOW + 3_600_000));
        if number < 39_950 {
            fixture.view(0).delete(&lock);
        }
    }
    assert_eq!((fixture.items(), fixture.keyspace.volatile(0)), (40_000, 50));
    let steps = renew(&mut fixture, |_| ());
    // At most 64 buckets of up to 8 keys a step.
    assert!(steps > 10_000 / (64 * 8), "{steps} steps");
    assert_eq!(fixture.items(), 50);
    assert_eq!(renew(&mut fixture, |_| ()), 2, "nothing is left to do");
    fixture.now += 3_600_016;
    assert_eq!(fixture.expire(100), 50);
    assert_eq!((fixture.keyspace.len(0), fixture.items()), (10_000, 0));
}

#[test]
fn few_leftovers_are_left_alone() {
    let mut fixture = Fixture::new(0);
    for number in 0..4000 {
        fixture.view(0).set_string(&key(number), b"x", Expiry::At(NOW + 1000));
        fixture.view(0).delete(&key(number));
    }
    assert_eq!(renew(&mut fixture, |_| ()), 1);
    assert_eq!(fixture.items(), 4000);
    fixture.now += 1016;
    // Nobody has a deadline, so nothing fires; the items go with the next renewal or once somebody has one.
    assert_eq!((fixture.expire(10), fixture.items()), (0, 4000));
    let deadline = fixture.now + 1000;
    fixture.view(0).set_string(b"k", b"x", Expiry::At(deadline));
    fixture.now += 16;
    assert_eq!((fixture.expire(10), fixture.items()), (0, 1));
    fixture.now += 1000;
    assert_eq!((fixture.expire(10), fixture.items()), (1, 0));
}

#[test]
fn keys_expire_on_time_while_their_wheel_is_renewed() {
    let mut fixture = Fixture::new(1);
    let mut deadlines: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
    for number in 0..12_000 {
        fixture.view(0).set_string(&key(number), b"x", Expiry::At(NOW + 1_000_000));
        if number >= 3000 {
            fixture.view(0).delete(&key(number));
        } else {
            deadlines.insert(key(number), NOW + 1_000_000);
        }
    }
    for round in 0..6 {
        // Garbage enough for another renewal.
        for number in 0..24_000 {
            let lock = format!("lock:{number}").into_bytes();
            fixture.view(0).set_string(&lock, b"x", Expiry::At(NOW + 1_000_000));
            fixture.view(0).delete(&lock);
        }
        let steps = renew(&mut fixture, |fixture| {
            fixture.now += 16;
            fixture.expire(50);
            let late = fixture.now - 16;
            deadlines.retain(|_, &mut deadline| deadline > late);
            for _ in 0..30 {
                let name = key(fastrand::usize(..4000));
                match fastrand::u8(..4) {
                    0 => {
                        fixture.view(0).delete(&name);
                        deadlines.remove(&name);
                    }
                    1 if fixture.view(0).exists(&name, Access::Silent) => {
                        fixture.view(0).set_deadline(&name, None);
                        deadlines.insert(name, i64::MAX);
                    }
                    _ => {
                        let deadline = fixture.now + fastrand::i64(1..400);
                        fixture.view(0).set_string(&name, b"x", Expiry::At(deadline));
                        deadlines.insert(name, deadline);
                    }
                }
            }
            let now = fixture.now;
            fixture.walker(0).walk(&mut |entry| {
                let deadline = entry.deadline().unwrap_or(i64::MAX);
                assert!(deadline > late, "late by {} ms", now - deadline);
                assert_eq!(deadlines.get(entry.key()), Some(&deadline));
            });
        });
        assert!(steps > 2, "round {round} renewed nothing");
    }
    fixture.now = NOW + 1_000_016;
    fixture.expire(1000);
    let kept = deadlines.values().filter(|&&deadline| deadline == i64::MAX).count();
    assert_eq!((fixture.keyspace.len(0), fixture.keyspace.volatile(0)), (kept, 0));
}
