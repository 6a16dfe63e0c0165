//! Reading a whole set while letting go of it.

use std::sync::Arc;

use super::large::Large;
use super::leaf::{Apart, Leaf};
use super::tree::{Inner, Node, Store};
use super::{Direction, Form, Zset};
use crate::types::listpack::Item;
use crate::types::parting::Parting;

impl Zset {
    /// Gives every member with its score to `visit`, until that fails: the highest score first, but for parts of a
    /// large set that somebody else has changed in their copy of it. Those come sooner and are freed.
    ///
    /// # Errors
    /// What `visit` says.
    pub fn consume<E>(self, mut visit: impl FnMut(Item<'_>, f64) -> Result<(), E>) -> Result<(), E> {
        match self.0 {
            Form::Small(_) => {
                self.iter(0..self.len(), Direction::Reverse).try_for_each(|(item, score)| visit(item, score))
            }
            Form::Large(large) => consume(large, |member, score| visit(Item::Bytes(member), score)),
        }
    }
}

fn consume<E>(set: Arc<Large>, mut visit: impl FnMut(&[u8], f64) -> Result<(), E>) -> Result<(), E> {
    let (root, Store { leaves, apart, .. }) = set.parts();
    let mut numbers = Vec::new();
    descend(root, &mut numbers);
    let parting = Parting::of(numbers.iter().map(|&number| leaves.get(number).clone()));
    let apart: Apart = apart.clone();
    drop(set);
    for leaf in parting {
        let leaf: Leaf = leaf;
        (0..leaf.len()).rev().try_for_each(|slot| visit(leaf.member(slot, &apart), leaf.score(slot)))?;
    }
    Ok(())
}

/// The numbers of the leaves from the last to the first. The recursion is as deep as the tree.
fn descend(inner: &Inner, numbers: &mut Vec<u32>) {
    for child in inner.children.iter().rev() {
        match child {
            Node::Leaf(number) => numbers.push(*number),
            Node::Inner(inner) => descend(inner, numbers),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::types::zset::{AddFlags, ZsetLimits};

    #[test]
    fn gives_what_was_there_while_the_other_copy_changes() {
        let limits = ZsetLimits::default();
        let mut set = Zset::new();
        for n in [3, 3000] {
            for member in 0..n {
                // Some are too long for a leaf.
                let name = format!("{member:0width$}", width = if member % 50 == 0 { 700 } else { 5 });
                let added = set.add(name.as_bytes(), f64::from(member % 70), AddFlags::default(), &limits);
                assert!(added.is_ok());
            }
            let expected: BTreeMap<Vec<u8>, f64> =
                set.iter_all().map(|(member, score)| (bytes(member), score)).collect();
            let mut other = set.clone();
            let mut seen = BTreeMap::new();
            let done = set.clone().consume(|member, score| {
                assert_eq!(seen.insert(bytes(member), score), None, "{member:?} comes twice");
                let victim = other.iter(0..1, Direction::Forward).next().map(|(member, _)| bytes(member));
                if let Some(victim) = victim.filter(|_| other.len() > 1) {
                    other.remove(&victim);
                }
                Ok::<(), ()>(())
            });
            assert!(done.is_ok() && seen == expected);
            assert_eq!(set.consume(|_, _| Err(7)), Err(7));
            set = Zset::new();
        }
    }

    fn bytes(item: Item<'_>) -> Vec<u8> {
        item.to_vec()
    }
}
