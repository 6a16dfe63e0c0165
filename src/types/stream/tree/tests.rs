//! The tree against `BTreeMap`, with clones held while writing.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::Tree;

/// One step of a random history.
#[derive(Clone, Debug)]
enum Step {
    Insert(u16),
    Append,
    Remove(u16),
    RemoveFirst(u8),
    RemoveStretch(u16, u16),
    Change(u16),
    Snapshot,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<u16>().prop_map(Step::Insert),
        6 => Just(Step::Append),
        4 => any::<u16>().prop_map(Step::Remove),
        2 => any::<u8>().prop_map(Step::RemoveFirst),
        1 => (any::<u16>(), 0..400u16).prop_map(|(from, many)| Step::RemoveStretch(from, many)),
        2 => any::<u16>().prop_map(Step::Change),
        1 => Just(Step::Snapshot),
    ]
}

type Model = BTreeMap<u32, u32>;

fn check(tree: &Tree<u32, u32>, model: &Model) {
    assert_eq!(tree.len(), model.len());
    match &tree.root {
        Some(root) => assert_eq!(root.check(None, None).0, model.len()),
        None => assert!(model.is_empty()),
    }
    assert!(tree.iter().eq(model.iter()));
    assert!(tree.iter_back().eq(model.iter().rev()));
    assert_eq!(tree.first(), model.first_key_value());
    assert_eq!(tree.last(), model.last_key_value());
}

fn apply(tree: &mut Tree<u32, u32>, model: &mut Model, step: &Step, serial: u32) {
    match *step {
        Step::Insert(key) => {
            assert_eq!(tree.insert(u32::from(key), serial), model.insert(u32::from(key), serial));
        }
        Step::Append => {
            let from = model.last_key_value().map_or(0, |(key, _)| key + 1);
            for key in from..from + 40 {
                tree.insert(key, serial);
                model.insert(key, serial);
            }
        }
        Step::Remove(near) => {
            let key = model.range(u32::from(near)..).next().map_or(u32::from(near), |(key, _)| *key);
            assert_eq!(tree.remove(&key), model.remove(&key));
        }
        Step::RemoveFirst(many) => {
            for _ in 0..many {
                let first = tree.first().map(|(key, _)| *key);
                assert_eq!(
                    first.and_then(|key| tree.remove(&key)),
                    model.pop_first().map(|(_, value)| value)
                );
            }
        }
        Step::RemoveStretch(from, many) => {
            let keys: Vec<u32> =
                model.range(u32::from(from)..).take(usize::from(many)).map(|(key, _)| *key).collect();
            // One in nine stays, so that leaves grow thin without dying out.
            for key in keys.into_iter().filter(|key| key % 9 != 0) {
                assert_eq!(tree.remove(&key), model.remove(&key));
            }
        }
        Step::Change(near) => {
            let key = u32::from(near);
            assert_eq!(tree.get(&key), model.get(&key));
            assert_eq!(
                tree.get_mut(&key).map(|value| *value += 1),
                model.get_mut(&key).map(|value| *value += 1)
            );
            let last = tree.last_mut().map(|(key, value)| {
                *value ^= 1;
                *key
            });
            if let Some(key) = last {
                *model.get_mut(&key).expect("the model has the tree's keys") ^= 1;
            }
            assert!(tree.iter_from(&key).take(100).eq(model.range(key..).take(100)));
            assert!(tree.iter_back_from(&key).take(100).eq(model.range(..=key).rev().take(100)));
        }
        Step::Snapshot => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn behaves_as_a_sorted_map_and_clones_stay_as_they_were(
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let mut tree = Tree::default();
        let mut model = Model::new();
        let mut held: Vec<(Tree<u32, u32>, Model)> = Vec::new();
        for (serial, step) in steps.iter().enumerate() {
            apply(&mut tree, &mut model, step, serial as u32);
            if matches!(step, Step::Snapshot) {
                check(&tree, &model);
                held.push((tree.clone(), model.clone()));
            }
        }
        check(&tree, &model);
        for (tree, model) in &held {
            check(tree, model);
        }
    }
}

#[test]
fn ascending_keys_fill_their_nodes() {
    let mut tree = Tree::default();
    for key in 0..10_000u32 {
        tree.insert(key, ());
    }
    let root = tree.root.as_ref().expect("it has entries");
    assert_eq!(root.check(None, None), (10_000, 3));
    let mut leaves = 0;
    let mut last_leaf_key = None;
    for (key, ()) in tree.iter() {
        if last_leaf_key.is_none_or(|last| *key >= last + 64) {
            leaves += 1;
            last_leaf_key = Some(*key);
        }
    }
    assert_eq!(leaves, 10_000usize.div_ceil(64));
}

#[test]
fn stragglers_do_not_keep_the_tree_large() {
    let mut tree = Tree::default();
    for key in 0..100_000u32 {
        tree.insert(key, ());
    }
    for key in (0..100_000).filter(|key| key % 100 != 0) {
        assert_eq!(tree.remove(&key), Some(()));
    }
    let (entries, depth) = tree.root.as_ref().expect("it has entries").check(None, None);
    assert_eq!((entries, depth), (1000, 2));
}

#[test]
fn joined_branches_keep_what_came_below_their_bounds() {
    let mut tree = Tree::default();
    // A full branch of 64 full leaves, and one of 10.
    for key in 0..64 * 64 + 64 * 10 {
        tree.insert(key, ());
    }
    let right = 64 * 64;
    // The second branch loses its first leaf; then comes a key that belongs where that was.
    for key in right..right + 64 {
        tree.remove(&key);
    }
    tree.insert(right + 4, ());
    // With the first branch thinned out, a removal in the second one joins them.
    for key in 0..64 * 40 {
        tree.remove(&key);
    }
    tree.remove(&(right + 639));
    let (entries, depth) = tree.root.as_ref().expect("it has entries").check(None, None);
    assert_eq!((entries, depth), (64 * 24 + 1 + 64 * 9 - 1, 2));
    assert!(tree.contains(&(right + 4)));
}
