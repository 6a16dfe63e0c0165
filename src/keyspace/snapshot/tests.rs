//! Snapshots against copies taken at the cut, while one thread or several change everything in every way.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::keyspace::{
    Access, Clock, Effects, Eviction, Expiry, Measure, Plan, Str, StrRef, View, WrongType,
};
use crate::types::hash::{Hash, HashLimits};
use crate::types::list::{End, List, ListLimits};
use crate::types::listpack::Item;
use crate::types::set::{Set, SetLimits};
use crate::types::zset::{AddFlags, Zset, ZsetLimits};

const DATABASES: usize = 3;
const NOW: i64 = 1_700_000_000_000;

/// What a key held: its value as text, and its deadline.
type Copies = BTreeMap<(usize, Vec<u8>), (String, Option<i64>)>;

fn clock(now: i64) -> Clock {
    Clock { now, lfu: None, no_touch: false, events: 0, keep_expired: false, wall: now }
}

fn text(value: &Value) -> String {
    match value {
        Value::Str(Str::Int(n)) => n.to_string(),
        Value::Str(Str::Bytes(bytes) | Str::Raw(bytes)) => bytes.escape_ascii().to_string(),
        Value::Str(Str::Shared(bytes)) => bytes.escape_ascii().to_string(),
        Value::List(list) => lines(list.iter().map(bytes)),
        Value::Set(set) => lines(set.iter().map(bytes)),
        Value::Hash(hash) => {
            lines(hash.iter().map(|entry| (bytes(entry.field), bytes(entry.value), entry.deadline)))
        }
        Value::Zset(zset) => lines(zset.iter_all().map(|(member, score)| (bytes(member), score))),
        Value::Stream(stream) => lines(stream.log().chunks()),
    }
}

fn bytes(item: Item<'_>) -> Vec<u8> {
    match item {
        Item::Int(n) => n.to_string().into_bytes(),
        Item::Bytes(bytes) => bytes.to_vec(),
    }
}

fn lines<T: Debug>(items: impl Iterator<Item = T>) -> String {
    items.map(|item| format!("{item:?}")).collect::<Vec<_>>().join("\n")
}

/// Everything there is, copied.
fn copies(keyspace: &Keyspace, held: &mut Held<'_>) -> Copies {
    let mut copies = Copies::new();
    for index in 0..keyspace.shards() {
        for db in 0..DATABASES {
            for entry in held.shard(index).db(db).table.iter() {
                let kept = (text(&entry.share_value()), entry.deadline());
                assert!(copies.insert((db, entry.key().to_vec()), kept).is_none());
            }
        }
    }
    copies
}

fn note(seen: &mut Copies, frozen: Frozen) {
    let old = seen.insert((frozen.db, frozen.key.into_vec()), (text(&frozen.value), frozen.deadline));
    assert!(old.is_none(), "an entry came twice");
}

#[track_caller]
fn assert_same(seen: &Copies, expected: &Copies) {
    let missing = expected.keys().filter(|key| !seen.contains_key(*key)).count();
    let invented = seen.keys().filter(|key| !expected.contains_key(*key)).count();
    assert_eq!((missing, invented), (0, 0), "of {}", expected.len());
    for (key, kept) in expected {
        assert_eq!(&seen[key], kept, "{key:?}");
    }
}

fn key(number: usize) -> Vec<u8> {
    format!("key:{number}").into_bytes()
}

/// Two of `keys` keys, perhaps the same.
fn two(keys: usize) -> [Vec<u8>; 2] {
    [(); 2].map(|()| key(fastrand::usize(..keys)))
}

/// Some change to one or two keys, in some database of a view.
fn change(view: &mut View<'_>, [key_a, key_b]: [Vec<u8>; 2]) {
    let word = format!("{:x}", fastrand::u16(..)).into_bytes();
    let limits = HashLimits { max_listpack_entries: 8, max_listpack_value: 64 };
    view.select(fastrand::usize(..DATABASES));
    match fastrand::u8(..18) {
        0 => view.set_string(&key_a, &word, Expiry::Clear),
        1 => view.set_string(&key_a, &vec![b'x'; fastrand::usize(..3000)], Expiry::Keep),
        2 => view.set_string(&key_a, b"soon gone", Expiry::At(NOW + fastrand::i64(-5..200))),
        3 => {
            let _ = view.update_integer::<WrongType>(&key_a, "incrby", |_| Ok(fastrand::i64(..)));
        }
        4 | 5 => {
            view.edit_string(&key_a, |bytes| bytes.extend_from_slice(&word));
        }
        6 | 7 => {
            view.delete(&key_a);
        }
        8 => {
            view.set_deadline(&key_a, fastrand::bool().then(|| NOW + fastrand::i64(0..300)));
        }
        9 => {
            if let Some(lifted) = view.lift(&key_a) {
                view.delete(&key_b);
                view.put_down(&key_b, lifted);
            }
        }
        10 => {
            if let Some(copy) = view.duplicate(&key_a) {
                view.select(fastrand::usize(..DATABASES));
                view.delete(&key_b);
                view.put_down(&key_b, copy);
            }
        }
        11 => {
            if let Ok(mut list) = view.write_or_new::<List>(&key_a) {
                list.push(End::Tail, std::iter::repeat_n(&word.repeat(60)[..], 9), &ListLimits::default());
                list.discard(End::Head, 2, &ListLimits::default());
            }
        }
        12 => {
            if let Ok(mut hash) = view.write_or_new::<Hash>(&key_a) {
                (0..4).for_each(|n| {
                    hash.set(&[&word[..], &[b'a' + n]].concat(), &word, &limits);
                });
                if fastrand::bool() {
                    let field = [&word[..], b"a"].concat();
                    hash.set_deadline(&field, NOW + fastrand::i64(1..200), None, NOW);
                }
            }
        }
        13 => {
            if let Ok(Some(mut hash)) = view.write::<Hash>(&key_a) {
                let first = hash.iter().next().map(|entry| bytes(entry.field));
                first.into_iter().for_each(|field| assert!(hash.remove(&field)));
            }
        }
        14 => {
            if let Ok(mut set) = view.write_or_new::<Set>(&key_a) {
                (0..9).for_each(|n| _ = set.insert(&word.repeat(n), &SetLimits::default()));
            }
        }
        15 => {
            if let Ok(mut zset) = view.write_or_new::<Zset>(&key_a) {
                let limits = ZsetLimits { max_listpack_entries: 4, max_listpack_value: 64 };
                let added = zset.add(&word, fastrand::f64(), AddFlags::default(), &limits);
                assert!(added.is_ok());
            }
        }
        16 => view.set(&key_a, Value::string(word), Expiry::Clear),
        _ => {
            view.find(&key_a, Access::Read);
        }
    }
}

/// A change of everything at once, or something that happens by itself.
fn upheaval(keyspace: &Keyspace, now: i64, effects: &mut Effects) {
    match fastrand::u8(..8) {
        0 => {
            let held = keyspace.hold(Plan::Everything);
            View::new(keyspace, held, fastrand::usize(..DATABASES), clock(now), effects).clear();
        }
        1 => {
            let held = keyspace.hold(Plan::Everything);
            View::new(keyspace, held, 0, clock(now), effects).swap(0, 1 + fastrand::usize(..DATABASES - 1));
        }
        2 | 3 => {
            let rule = Eviction { volatile_only: fastrand::bool(), measure: Measure::Random, samples: 3 };
            keyspace.evict_one(rule, clock(now), effects);
        }
        _ => {
            let shard = fastrand::usize(..keyspace.shards());
            keyspace.expire_due(shard, clock(now), 100, effects);
            keyspace.renew_deadlines(shard, now);
        }
    }
}

/// Fills a keyspace with keys of all kinds.
fn filled(bits: u8, keys: usize) -> Keyspace {
    let mut keyspace = Keyspace::new(bits, DATABASES, 4);
    // A wheel begins at the real time, which is far from the one of these tests.
    for cell in &mut keyspace.shards {
        *cell.shard.get_mut() = Shard::new(bits, DATABASES, NOW);
    }
    let mut effects = Effects::default();
    let mut view = View::new(&keyspace, keyspace.hold(Plan::Everything), 0, clock(NOW), &mut effects);
    (0..keys * 2).for_each(|_| change(&mut view, two(keys)));
    drop(view);
    keyspace
}

#[test]
fn a_walk_gives_the_instant_of_the_cut() {
    for round in 0..12 {
        let keys = [5, 60, 1500][round % 3];
        let keyspace = filled(round as u8 % 4, keys);
        let mut held = keyspace.hold(Plan::Everything);
        let expected = copies(&keyspace, &mut held);
        let snapshot = keyspace.cut(&mut held).expect("none is under way");
        assert!(keyspace.cut(&mut held).is_none(), "one at a time");
        drop(held);
        assert_eq!(snapshot.sizes().iter().map(|size| size.keys).sum::<usize>(), expected.len());
        let mut seen = Copies::new();
        let mut effects = Effects::default();
        let mut now = NOW;
        // Whatever comes, everything goes on changing: other keys, more keys, whole databases.
        let changes_each = fastrand::usize(..20);
        let walked = snapshot.walk(&keyspace, |frozen| {
            note(&mut seen, frozen);
            let mut view = View::new(&keyspace, keyspace.hold(Plan::Everything), 0, clock(now), &mut effects);
            (0..changes_each).for_each(|_| change(&mut view, two(keys * 2)));
            drop(view);
            if fastrand::u8(..30) == 0 {
                now += 16;
                upheaval(&keyspace, now, &mut effects);
            }
            Ok::<(), ()>(())
        });
        assert_eq!(walked, Ok(()));
        assert_same(&seen, &expected);
        assert!(no_marks(&keyspace));
    }
}

fn no_marks(keyspace: &Keyspace) -> bool {
    (0..keyspace.shards()).all(|index| keyspace.lock(index).databases_mut().iter().all(|db| db.cut.is_none()))
}

/// Tells threads that the test is over, however it ends.
struct Finish<'a>(&'a AtomicBool);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn threads_that_change_everything_dont_blur_the_instant() {
    const KEYS: usize = 3000;
    let keyspace = filled(4, KEYS);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _finish = Finish(&over);
        for _ in 0..3 {
            scope.spawn(|| {
                let mut effects = Effects::default();
                while !over.load(Ordering::Relaxed) {
                    let Some(pass) = keyspace.gate.try_enter() else { continue };
                    for _ in 0..100 {
                        let keys = two(KEYS * 4);
                        let hashes = [&keys[0], &keys[1]].map(|key| Keyspace::hash(key));
                        let held = keyspace.hold(Plan::Keys(&hashes));
                        change(&mut View::new(&keyspace, held, 0, clock(NOW), &mut effects), keys);
                    }
                    drop(pass);
                    if fastrand::u8(..4) == 0
                        && let Some(_closed) = keyspace.gate.try_close()
                    {
                        upheaval(&keyspace, NOW + fastrand::i64(..300), &mut effects);
                    }
                    effects = Effects::default();
                }
            });
        }
        for _ in 0..8 {
            let closed = loop {
                if let Some(closed) = keyspace.gate.try_close() {
                    break closed;
                }
            };
            let mut held = keyspace.hold(Plan::Everything);
            let expected = copies(&keyspace, &mut held);
            let snapshot = keyspace.cut(&mut held).expect("none is under way");
            drop(held);
            drop(closed);
            let mut seen = Copies::new();
            let walked = snapshot.walk(&keyspace, |frozen| {
                note(&mut seen, frozen);
                Ok::<(), ()>(())
            });
            assert_eq!(walked, Ok(()));
            assert_same(&seen, &expected);
        }
    });
}

#[test]
fn what_belongs_together_stays_together() {
    // Money moves between accounts under the locks of both: at any instant the sum is the same.
    const ACCOUNTS: usize = 2000;
    let keyspace = Keyspace::new(4, 1, 4);
    let account = |number: usize| format!("account:{number}").into_bytes();
    let over = AtomicBool::new(false);
    for number in 0..ACCOUNTS {
        let held = keyspace.hold(Plan::Everything);
        View::new(&keyspace, held, 0, clock(NOW), &mut Effects::default()).set_string(
            &account(number),
            b"100",
            Expiry::Keep,
        );
    }
    std::thread::scope(|scope| {
        let _finish = Finish(&over);
        for _ in 0..3 {
            scope.spawn(|| {
                let mut effects = Effects::default();
                while !over.load(Ordering::Relaxed) {
                    let Some(_pass) = keyspace.gate.try_enter() else { continue };
                    let [from, to] = [(); 2].map(|()| account(fastrand::usize(..ACCOUNTS)));
                    let held = keyspace.hold(Plan::Keys(&[Keyspace::hash(&from), Keyspace::hash(&to)]));
                    let mut view = View::new(&keyspace, held, 0, clock(NOW), &mut effects);
                    for (key, amount) in [(&from, -1), (&to, 1)] {
                        let old = view.string(key).ok().flatten().and_then(StrRef::integer);
                        view.set_string(
                            key,
                            (old.expect("a number") + amount).to_string().as_bytes(),
                            Expiry::Keep,
                        );
                    }
                }
            });
        }
        for _ in 0..12 {
            let closed = std::iter::repeat_with(|| keyspace.gate.try_close()).flatten().next();
            let snapshot = keyspace.cut(&mut keyspace.hold(Plan::Everything)).expect("none is under way");
            drop(closed);
            let (mut sum, mut count) = (0, 0);
            let walked = snapshot.walk(&keyspace, |frozen| {
                let Value::Str(Str::Int(amount)) = frozen.value else { return Err("no number") };
                (sum, count) = (sum + amount, count + 1);
                Ok(())
            });
            assert_eq!((walked, sum, count), (Ok(()), 100 * ACCOUNTS as i64, ACCOUNTS));
        }
    });
}

#[test]
fn a_snapshot_that_is_given_up_leaves_nothing() {
    let keyspace = filled(2, 1000);
    let mut effects = Effects::default();
    let cut = || keyspace.cut(&mut keyspace.hold(Plan::Everything));
    let mut left = 100;
    let walked = cut().expect("none is under way").walk(&keyspace, |_| {
        left -= 1;
        if left == 0 { Err("full") } else { Ok(()) }
    });
    assert_eq!(walked, Err("full"));
    assert!(no_marks(&keyspace));
    // One that was never walked: its marks go when writers meet them, or with the next cut.
    drop(cut().expect("the last one is over"));
    let mut view = View::new(&keyspace, keyspace.hold(Plan::Everything), 0, clock(NOW), &mut effects);
    (0..5000).for_each(|_| change(&mut view, two(1000)));
    (0..DATABASES).for_each(|db| {
        view.select(db);
        view.clear();
    });
    drop(view);
    assert!(no_marks(&keyspace));
    let empty = cut().expect("the last one is over");
    assert_eq!(empty.walk(&keyspace, |_| Err("there is nothing")), Ok(()));
}
