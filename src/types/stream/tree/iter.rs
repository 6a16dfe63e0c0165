//! Iteration over the tree, in both directions.

use std::borrow::Borrow;

use super::node::{Leaf, Node};

/// Entries in ascending order of their keys.
pub struct Forward<'a, K, V> {
    root: Option<&'a Node<K, V>>,
    leaf: Option<&'a Leaf<K, V>>,
    /// Position in `leaf` of the entry to come; may be its end.
    at: usize,
}

/// Entries in descending order of their keys.
pub struct Backward<'a, K, V> {
    root: Option<&'a Node<K, V>>,
    leaf: Option<&'a Leaf<K, V>>,
    /// Position in `leaf` behind the entry to come; may be 0.
    end: usize,
}

impl<'a, K, V> Forward<'a, K, V> {
    pub(super) fn from_first(root: Option<&'a Node<K, V>>) -> Self {
        Self { root, leaf: root.map(first_leaf), at: 0 }
    }
}

impl<'a, K: Ord, V> Forward<'a, K, V> {
    pub(super) fn from_key<Q: Ord + ?Sized>(root: Option<&'a Node<K, V>>, key: &Q) -> Self
    where
        K: Borrow<Q>,
    {
        match root.and_then(|root| seek_forward(root, &|probe| probe.borrow() < key)) {
            Some((leaf, at)) => Self { root, leaf: Some(leaf), at },
            None => Self { root, leaf: None, at: 0 },
        }
    }
}

impl<'a, K: Ord, V> Iterator for Forward<'a, K, V> {
    type Item = (&'a K, &'a V);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let mut leaf = self.leaf?;
        if self.at == leaf.keys.len() {
            let done = leaf.keys.last()?;
            (leaf, self.at) = match self.root.and_then(|root| seek_forward(root, &|probe| probe <= done)) {
                Some(found) => found,
                None => {
                    self.leaf = None;
                    return None;
                }
            };
            self.leaf = Some(leaf);
        }
        let at = self.at;
        self.at += 1;
        Some((&leaf.keys[at], &leaf.values[at]))
    }
}

impl<'a, K, V> Backward<'a, K, V> {
    pub(super) fn from_last(root: Option<&'a Node<K, V>>) -> Self {
        let leaf = root.map(last_leaf);
        Self { root, leaf, end: leaf.map_or(0, |leaf| leaf.keys.len()) }
    }
}

impl<'a, K: Ord, V> Backward<'a, K, V> {
    pub(super) fn from_key<Q: Ord + ?Sized>(root: Option<&'a Node<K, V>>, key: &Q) -> Self
    where
        K: Borrow<Q>,
    {
        match root.and_then(|root| seek_backward(root, &|probe| probe.borrow() <= key)) {
            Some((leaf, end)) => Self { root, leaf: Some(leaf), end },
            None => Self { root, leaf: None, end: 0 },
        }
    }
}

impl<'a, K: Ord, V> Iterator for Backward<'a, K, V> {
    type Item = (&'a K, &'a V);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let mut leaf = self.leaf?;
        if self.end == 0 {
            let done = leaf.keys.first()?;
            (leaf, self.end) = match self.root.and_then(|root| seek_backward(root, &|probe| probe < done)) {
                Some(found) => found,
                None => {
                    self.leaf = None;
                    return None;
                }
            };
            self.leaf = Some(leaf);
        }
        self.end -= 1;
        Some((&leaf.keys[self.end], &leaf.values[self.end]))
    }
}

fn first_leaf<K, V>(mut node: &Node<K, V>) -> &Leaf<K, V> {
    loop {
        match node {
            Node::Leaf(leaf) => return leaf,
            Node::Branch(branch) => node = &branch.children[0],
        }
    }
}

fn last_leaf<K, V>(mut node: &Node<K, V>) -> &Leaf<K, V> {
    loop {
        match node {
            Node::Leaf(leaf) => return leaf,
            Node::Branch(branch) => node = &branch.children[branch.children.len() - 1],
        }
    }
}

/// The first entry that isn't `before` what is sought: its leaf and its position there.
fn seek_forward<'a, K: Ord, V>(
    node: &'a Node<K, V>,
    before: &impl Fn(&K) -> bool,
) -> Option<(&'a Leaf<K, V>, usize)> {
    match node {
        Node::Leaf(leaf) => {
            let at = leaf.keys.partition_point(before);
            (at < leaf.keys.len()).then_some((leaf, at))
        }
        Node::Branch(branch) => {
            let child = branch.last_child_where(before);
            let next = || branch.children.get(child + 1).map(|next| (first_leaf(next), 0));
            seek_forward(&branch.children[child], before).or_else(next)
        }
    }
}

/// The last entry that is `within` what is sought: its leaf and the position behind it.
fn seek_backward<'a, K: Ord, V>(
    node: &'a Node<K, V>,
    within: &impl Fn(&K) -> bool,
) -> Option<(&'a Leaf<K, V>, usize)> {
    match node {
        Node::Leaf(leaf) => {
            let end = leaf.keys.partition_point(within);
            (end > 0).then_some((leaf, end))
        }
        Node::Branch(branch) => {
            let child = branch.last_child_where(within);
            let previous = || {
                let leaf = last_leaf(&branch.children[child.checked_sub(1)?]);
                Some((leaf, leaf.keys.len()))
            };
            seek_backward(&branch.children[child], within).or_else(previous)
        }
    }
}
