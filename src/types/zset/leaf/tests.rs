//! Leaves by themselves: records of every length, holes, order.

use super::*;

fn members(leaf: &Leaf, apart: &Apart) -> Vec<(f64, Vec<u8>)> {
    (0..leaf.len()).map(|slot| (leaf.score(slot), leaf.member(slot, apart).to_vec())).collect()
}

#[test]
fn records_of_every_kind_survive_moves() {
    let mut apart = Apart::default();
    for len in [0, 1, 24, 127, 128, 300] {
        let member = vec![b'x'; len];
        let mut leaf = Leaf::of_one(1.0, 9, Record::Inline(&member));
        let far = Record::store(&[b'y'; 600], &mut apart);
        leaf.append(&Leaf::of_one(2.0, 9, far));
        let expected = vec![(1.0, member.clone()), (2.0, vec![b'y'; 600])];
        assert_eq!(members(&leaf, &apart), expected);
        assert_eq!(leaf.find(9, &member, &apart), Some(0));
        let upper = leaf.split_off(1);
        assert_eq!(members(&leaf, &apart), expected[..1]);
        assert_eq!(members(&upper, &apart), expected[1..]);
        assert_eq!(upper.apart_in(0..1).count(), 1);
    }
}

#[test]
fn holes_are_closed_before_a_leaf_is_full() {
    let apart = Apart::default();
    let mut leaf = Leaf::of_one(0.0, 0, Record::Inline(b"member"));
    while matches!(leaf.insert(leaf.len(), leaf.len() as f64, 0, Record::Inline(b"member")), Room::Made) {}
    let (full, bytes) = (leaf.len(), leaf.memory_bytes());
    for round in 0..1000 {
        leaf.remove(round % full..round % full + 1);
        let score = f64::from(round as u32);
        assert!(matches!(leaf.insert(round % full, score, 0, Record::Inline(b"newone")), Room::Made));
        assert_eq!(leaf.member(round % full, &apart), b"newone");
    }
    assert_eq!((leaf.len(), leaf.memory_bytes()), (full, bytes));
    leaf.remove(1..full);
    assert!(leaf.memory_bytes() < bytes / 2);
}

#[test]
fn reorder_moves_one_entry_between_any_two_places() {
    let apart = Apart::default();
    for (from, to) in (0..5).flat_map(|from| (0..5).map(move |to| (from, to))) {
        let mut leaf = Leaf::of_one(0.0, 0, Record::Inline(b"0"));
        let mut model = vec![(0.0, b"0".to_vec())];
        for n in 1..5u8 {
            let member = [b'0' + n];
            assert!(matches!(leaf.insert(leaf.len(), f64::from(n), n, Record::Inline(&member)), Room::Made));
            model.push((f64::from(n), member.to_vec()));
        }
        leaf.reorder(from, to, 9.0);
        let (_, member) = model.remove(from);
        assert_eq!(leaf.find(from as u8, &member, &apart), Some(to));
        model.insert(to, (9.0, member));
        assert_eq!(members(&leaf, &apart), model);
    }
}

#[test]
fn scores_below_counts_across_lines() {
    for count in 0..40 {
        for limit in 0..42 {
            let found = scores_below(count, f64::from(limit), |at| at as f64);
            assert_eq!(found, count.min(limit as usize));
        }
    }
}
