//! Hashes against `BTreeMap`, with limits so small that every form and every change of form happens.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Field to value and deadline.
type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>;

const SMALL: HashLimits = HashLimits { max_listpack_entries: 6, max_listpack_value: 5 };
const ROOMY: HashLimits = HashLimits { max_listpack_entries: 100, max_listpack_value: 100 };

#[derive(Clone, Debug)]
enum Op {
    Prepare(usize),
    Set(Vec<u8>, Vec<u8>),
    SetKeeping(Vec<u8>, Vec<u8>),
    Remove(Vec<u8>),
    SetDeadline(Vec<u8>, i64, Option<Condition>),
    ClearDeadline(Vec<u8>),
    Wait(i64),
    ExpireDue(usize),
}

fn field() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (0u32..12).prop_map(|n| n.to_string().into_bytes()),
        "[a-d]{1,2}".prop_map(String::into_bytes)
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => any::<i16>().prop_map(|n| n.to_string().into_bytes()),
        8 => "[x-z]{0,5}".prop_map(String::into_bytes),
        1 => Just(b"too long".to_vec()),
        1 => Just(vec![b'v'; 1200]),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let condition = prop::option::of(prop_oneof![
        Just(Condition::NoDeadline),
        Just(Condition::HasDeadline),
        Just(Condition::Later),
        Just(Condition::Earlier)
    ]);
    prop_oneof![
        1 => (0usize..20).prop_map(Op::Prepare),
        8 => (field(), value()).prop_map(|(f, v)| Op::Set(f, v)),
        3 => (field(), value()).prop_map(|(f, v)| Op::SetKeeping(f, v)),
        6 => field().prop_map(Op::Remove),
        8 => (field(), -3i64..60, condition).prop_map(|(f, at, c)| Op::SetDeadline(f, at, c)),
        3 => field().prop_map(Op::ClearDeadline),
        3 => (0i64..10).prop_map(Op::Wait),
        2 => (0usize..5).prop_map(Op::ExpireDue),
    ]
}

struct Run {
    hash: Hash,
    model: Model,
    now: i64,
    limits: HashLimits,
}

impl Run {
    fn is_live(&self, field: &[u8]) -> bool {
        self.model.get(field).is_some_and(|(_, at)| at.is_none_or(|at| at >= self.now))
    }

    fn apply(&mut self, op: &Op) {
        let (now, limits) = (self.now, &self.limits);
        match op {
            Op::Prepare(pairs) => self.hash.prepare((0..2 * pairs).map(|_| &b"x"[..]), limits),
            Op::Set(field, value) => {
                let old = self.model.insert(field.clone(), (value.clone(), None));
                assert_eq!(self.hash.set(field, value, limits), old.is_none());
            }
            Op::SetKeeping(field, value) => {
                let deadline = self.model.get(field).and_then(|(_, at)| *at);
                let old = self.model.insert(field.clone(), (value.clone(), deadline));
                assert_eq!(self.hash.set_keeping_deadline(field, value, limits), old.is_none());
            }
            Op::Remove(field) => assert_eq!(self.hash.remove(field), self.model.remove(field).is_some()),
            Op::SetDeadline(field, after, condition) => self.set_deadline(field, now + after, *condition),
            Op::ClearDeadline(field) => {
                let expected = match self.model.get(field) {
                    Some((_, None)) => ClearDeadline::NoDeadline,
                    Some(_) if self.is_live(field) => ClearDeadline::Cleared,
                    _ => ClearDeadline::NoField,
                };
                assert_eq!(self.hash.clear_deadline(field, now), expected);
                if expected == ClearDeadline::Cleared {
                    self.model.entry(field.clone()).and_modify(|(_, at)| *at = None);
                }
            }
            Op::Wait(ms) => self.now += ms,
            Op::ExpireDue(budget) => {
                let due = self.model.values().filter(|(_, at)| at.is_some_and(|at| at <= now)).count();
                let expired = self.hash.expire_due(now, *budget);
                assert_eq!(expired.len(), due.min(*budget));
                for field in expired {
                    let removed = self.model.remove(&field);
                    assert!(removed.is_some_and(|(_, at)| at.is_some_and(|at| at <= now)));
                }
            }
        }
    }

    fn set_deadline(&mut self, field: &[u8], at: i64, condition: Option<Condition>) {
        let told = self.hash.set_deadline(field, at, condition, self.now);
        let Some((_, old)) = self.model.get_mut(field) else { return assert_eq!(told, SetDeadline::NoField) };
        let is_met = match condition {
            None => true,
            Some(Condition::NoDeadline) => old.is_none(),
            Some(Condition::HasDeadline) => old.is_some(),
            Some(Condition::Later) => old.is_some_and(|old| at > old),
            Some(Condition::Earlier) => old.is_none_or(|old| at < old),
        };
        if !is_met {
            assert_eq!(told, SetDeadline::NotMet);
        } else if at <= self.now {
            assert_eq!(told, SetDeadline::Removed);
            self.model.remove(field);
        } else {
            assert_eq!(told, SetDeadline::Set);
            *old = Some(at);
        }
    }

    fn check(&self) {
        let Run { hash, model, now, limits } = self;
        assert_eq!(&content(hash), model);
        assert_eq!((hash.len(), hash.is_empty()), (model.len(), model.is_empty()));
        assert_eq!(hash.next_expiry(), model.values().filter_map(|(_, at)| *at).min());
        assert_eq!(hash.live_len(*now), model.keys().filter(|field| self.is_live(field)).count());
        if let Some(triples) = hash.as_timed_listpack() {
            assert!(timed::is_ordered(triples));
        }
        if hash.encoding() != "hashtable" {
            let longest = hash.iter().map(|entry| entry.field.len().max(entry.value.len())).max();
            assert!(hash.len() <= limits.max_listpack_entries);
            assert!(longest.is_none_or(|longest| longest <= limits.max_listpack_value));
        }
    }

    fn check_reads(&self, field: &[u8]) {
        let Run { hash, model, now, .. } = self;
        let live = self.is_live(field);
        let expected = match model.get(field) {
            None => (Lookup::Missing, FieldDeadline::NoField),
            Some(_) if !live => (Lookup::Expired, FieldDeadline::NoField),
            Some((value, at)) => {
                let found = hash.get(field, NEVER);
                assert!(found.value().is_some_and(|item| item.eq_bytes(value)));
                (found, at.map_or(FieldDeadline::NoDeadline, FieldDeadline::At))
            }
        };
        assert_eq!((hash.get(field, *now), hash.deadline(field, *now)), expected);
    }
}

fn content(hash: &Hash) -> Model {
    let content: Model = hash.iter().map(|e| (e.field.to_vec(), (e.value.to_vec(), e.deadline))).collect();
    assert_eq!(content.len(), hash.iter().count(), "each field once");
    content
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn behaves_like_a_map(ops in prop::collection::vec(op(), 0..60), roomy: bool) {
        let limits = if roomy { ROOMY } else { SMALL };
        let mut run = Run { hash: Hash::new(), model: Model::new(), now: 1000, limits };
        let mut clones = Vec::new();
        for op in &ops {
            clones.push((run.hash.clone(), run.model.clone()));
            run.apply(op);
            run.check();
        }
        for n in 0..12 {
            run.check_reads(n.to_string().as_bytes());
        }
        for (clone, then) in &clones {
            prop_assert_eq!(&content(clone), then);
        }
    }

    #[test]
    fn samples_are_distinct_fields(fields in prop::collection::vec(field(), 0..20), count in 0usize..25) {
        let mut hash = Hash::new();
        for field in &fields {
            hash.set(field, field, &SMALL);
        }
        let (mut sample, mut visits) = (Model::new(), 0);
        hash.sample(count, |e| drop(sample.insert(e.field.to_vec(), (e.value.to_vec(), e.deadline))));
        prop_assert_eq!(sample.len(), count.min(hash.len()));
        prop_assert!(sample.iter().all(|(field, (value, _))| field == value && fields.contains(field)));
        hash.sample_with_repeats(count, |_| visits += 1);
        prop_assert_eq!(visits, if hash.is_empty() { 0 } else { count });
        prop_assert_eq!(hash.random().is_some(), !hash.is_empty());
    }
}

fn hash_of(fields: std::ops::Range<u32>, limits: &HashLimits) -> Hash {
    let mut hash = Hash::new();
    for n in fields {
        hash.set(n.to_string().as_bytes(), b"v", limits);
    }
    hash
}

#[test]
fn forms_change_where_they_do_in_redis() {
    assert_eq!(hash_of(0..6, &SMALL).encoding(), "listpack");
    assert_eq!(hash_of(0..7, &SMALL).encoding(), "hashtable");
    let mut hash = hash_of(0..6, &SMALL);
    assert_eq!(hash.set_deadline(b"none", 2000, None, 1000), SetDeadline::NoField);
    assert_eq!(hash.encoding(), "listpackex", "even though no field has a deadline");
    assert_eq!(hash.into_listpack().map_err(|hash| hash.len()), Err(6));
    // The number of arguments decides even if fields are repeated, and so does their length.
    for (pairs, expected) in [(6, "listpack"), (7, "hashtable")] {
        let mut hash = Hash::new();
        hash.prepare((0..2 * pairs).map(|_| &b"same"[..]), &SMALL);
        assert_eq!(hash.encoding(), expected);
    }
    for (value, expected) in [("exact", "listpack"), ("longer", "hashtable")] {
        let (mut prepared, mut set) = (Hash::new(), Hash::new());
        prepared.prepare([&b"f"[..], value.as_bytes()].into_iter(), &SMALL);
        set.set(value.as_bytes(), b"v", &SMALL);
        assert_eq!((prepared.encoding(), set.encoding()), (expected, expected));
    }
}

#[test]
fn each_field_is_chosen_as_often_as_any_other() {
    fastrand::seed(11);
    for limits in [ROOMY, SMALL] {
        let hash = hash_of(0..40, &limits);
        let mut hits = BTreeMap::new();
        for _ in 0..1500 {
            hash.sample(10, |entry| *hits.entry(entry.field.to_vec()).or_insert(0) += 1);
            hash.sample(2, |entry| *hits.entry(entry.field.to_vec()).or_insert(0) += 1);
            hash.sample_with_repeats(10, |entry| *hits.entry(entry.field.to_vec()).or_insert(0) += 1);
        }
        // 825 each on average; six standard deviations are 172.
        assert!(hits.len() == 40 && hits.values().all(|hits| (653..997).contains(hits)), "{hits:?}");
    }
}

#[test]
fn a_timed_listpack_has_the_layout_of_redis() {
    let mut hash = Hash::new();
    for (field, deadline) in [("a", None), ("b", Some(3000)), ("c", Some(2000)), ("d", Some(2000))] {
        hash.load(field.as_bytes(), b"1", deadline, &ROOMY);
    }
    let elements = |hash: &Hash| -> Vec<String> {
        let items = hash.as_timed_listpack().expect("timed").iter();
        items.map(|item| String::from_utf8_lossy(&item.to_vec()).into_owned()).collect()
    };
    assert_eq!(elements(&hash).join(" "), "d 1 2000 c 1 2000 b 1 3000 a 1 0");
    hash.set(b"c", b"2", &ROOMY);
    hash.set_keeping_deadline(b"b", b"2", &ROOMY);
    assert_eq!(elements(&hash).join(" "), "d 1 2000 b 2 3000 a 1 0 c 2 0");
    assert_eq!(hash.expire_due(2000, 10), [b"d"]);
    assert_eq!(elements(&hash).join(" "), "b 2 3000 a 1 0 c 2 0");
}

#[test]
fn a_field_is_seen_until_its_deadline_has_passed() {
    let mut hash = hash_of(0..3, &ROOMY);
    hash.set_deadline(b"1", 2000, None, 1000);
    for (now, seen) in [(1999, true), (2000, true), (2001, false), (NEVER, true)] {
        assert_eq!(matches!(hash.get(b"1", now), Lookup::Found(_)), seen, "{now}");
        assert_eq!(hash.live_len(now), if seen { 3 } else { 2 });
    }
    assert_eq!(hash.get(b"1", 2001), Lookup::Expired);
    assert_eq!(hash.len(), 3, "until it is removed");
    assert!(hash.expire_due(1999, 10).is_empty());
    assert_eq!(hash.expire_due(2000, 10), [b"1"], "which may happen a moment before");
}

#[test]
fn many_deadlines_in_a_large_hash() {
    let mut hash = hash_of(0..3000, &SMALL);
    for n in 0..3000 {
        let at = 10_000 + i64::from(n % 1000) * 10;
        assert_eq!(hash.set_deadline(n.to_string().as_bytes(), at, None, 0), SetDeadline::Set);
    }
    let mut now = 10_000;
    let mut expired = 0;
    while let Some(next) = hash.next_expiry() {
        assert_eq!(next, now);
        let due = hash.expire_due(now, 2);
        assert_eq!((due.len(), hash.next_expiry()), (2, Some(now)), "two of three");
        expired += 2 + hash.expire_due(now, 2).len();
        now += 10;
    }
    assert_eq!((expired, hash.len()), (3000, 0));
}

#[test]
fn foreign_listpacks_are_checked() {
    let load = |elements: &[&str], timed| {
        let mut listpack = Listpack::new();
        elements.iter().for_each(|element| listpack.push_back(element.as_bytes()));
        Hash::from_foreign(listpack, timed, &SMALL).map(|hash| hash.encoding())
    };
    assert_eq!(load(&["a", "1", "b", "2"], false), Ok("listpack"));
    assert_eq!(load(&["a", "1", "b"], false), Err(HashError::Count));
    assert_eq!(load(&["a", "1", "5", "b", "1", "5", "c", "1", "0"], true), Ok("listpackex"));
    assert_eq!(load(&["a", "1", "0", "b", "1"], true), Err(HashError::Count));
    for [first, second] in [["6", "5"], ["0", "5"], ["x", "0"], ["-1", "0"]] {
        assert_eq!(load(&["a", "1", first, "b", "1", second], true), Err(HashError::Deadline));
    }
    assert_eq!(load(&["x"; 14], false), Err(HashError::Duplicate));
    let many: Vec<String> = (0..14).map(|n| n.to_string()).collect();
    assert_eq!(load(&many.iter().map(String::as_str).collect::<Vec<_>>(), false), Ok("hashtable"));
}

#[test]
fn a_scan_of_a_large_hash_goes_on_from_its_cursor() {
    let hash = hash_of(0..1000, &SMALL);
    let (mut seen, mut cursor) = (Model::new(), 0);
    loop {
        let visit = |e: Entry<'_>| assert!(seen.insert(e.field.to_vec(), (e.value.to_vec(), None)).is_none());
        cursor = hash.scan(cursor, 10, visit);
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(seen, content(&hash));
}

#[test]
fn a_clone_tells_whether_anything_changed() {
    for mut hash in [hash_of(0..5, &SMALL), hash_of(0..500, &SMALL)] {
        let before = hash.clone();
        assert!(hash.is_unchanged_since(&before));
        hash.set(b"1", b"w", &SMALL);
        assert!(!hash.is_unchanged_since(&before));
        assert!(before.get(b"1", NEVER).value().is_some_and(|value| value.eq_bytes(b"v")));
    }
}
