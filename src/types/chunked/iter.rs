//! Walks in hash order.

use smallvec::SmallVec;

use super::leaf::Leaf;
use super::node::{Child, Node, spot_of};
use super::{Shape, record};

/// The leaves below a child, in hash order.
pub(super) struct Leaves<'a, S: Shape> {
    /// What is left to visit in each node on the way down.
    path: SmallVec<[std::slice::Iter<'a, Child<S>>; 4]>,
}

impl<'a, S: Shape> Leaves<'a, S> {
    pub fn all(root: &'a Child<S>) -> Self {
        let mut leaves = Leaves { path: SmallVec::new() };
        leaves.path.push(std::slice::from_ref(root).iter());
        leaves
    }

    /// The leaves from that of `position` on.
    pub fn from(root: &'a Child<S>, position: u64) -> Self {
        let mut leaves = Self::all(root);
        let (mut child, mut level) = (root, 0);
        while let Child::Branch(branch) = child {
            let node: &Node<S> = &branch.node;
            let index = node.child(spot_of(position, level));
            if let Some(rest) = leaves.path.last_mut() {
                rest.next();
            }
            leaves.path.push(node.children[index..].iter());
            (child, level) = (&node.children[index], level + 1);
        }
        leaves
    }
}

impl<'a, S: Shape> Iterator for Leaves<'a, S> {
    type Item = &'a Leaf<S>;

    fn next(&mut self) -> Option<&'a Leaf<S>> {
        loop {
            match self.path.last_mut()?.next() {
                None => drop(self.path.pop()),
                Some(Child::Leaf(leaf)) => return Some(leaf),
                Some(Child::Branch(branch)) => self.path.push(branch.node.children.iter()),
            }
        }
    }
}

/// The elements of a table, in hash order; made by [`Table::iter`](super::Table::iter).
pub struct Iter<'a, S: Shape> {
    leaves: Leaves<'a, S>,
    leaf: Option<&'a Leaf<S>>,
    at: usize,
    left: usize,
}

impl<'a, S: Shape> Iter<'a, S> {
    pub(super) fn new(root: &'a Child<S>) -> Self {
        Iter { leaves: Leaves::all(root), leaf: None, at: 0, left: root.len() }
    }
}

impl<'a, S: Shape> Iterator for Iter<'a, S> {
    type Item = (&'a [u8], S::Value<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(leaf) = self.leaf.filter(|leaf| self.at < leaf.len()) {
                let element = leaf.get(self.at);
                self.at += 1;
                self.left -= 1;
                return Some(element);
            }
            self.leaf = Some(self.leaves.next()?);
            self.at = 0;
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<S: Shape> ExactSizeIterator for Iter<'_, S> {}

/// Bits of a position that a scan's cursor leaves out: clients that keep cursors in doubles have 53 bits.
const CURSOR_SHIFT: u32 = 16;

/// See [`Table::scan`](super::Table::scan).
pub(super) fn scan<'a, S: Shape>(
    root: &'a Child<S>,
    cursor: u64,
    count: usize,
    mut visit: impl FnMut(&'a [u8], S::Value<'a>),
) -> u64 {
    let Some(start) = cursor.checked_mul(1 << CURSOR_SHIFT) else { return 0 };
    let (mut visited, mut last) = (0, cursor);
    for leaf in Leaves::from(root, start) {
        let page = leaf.page();
        let place = |i| S::position(record::key(page.record(i))) >> CURSOR_SHIFT;
        let mut at = 0;
        while at < page.len {
            // Elements with equal tags are in no order: they are visited together.
            let tag = page.tag(at);
            let end = (at..page.len).find(|&i| page.tag(i) != tag).unwrap_or(page.len);
            let first = (at..end).map(place).min().expect("a group has elements");
            if visited >= count && first > last {
                return first;
            }
            for i in (at..end).filter(|&i| place(i) >= cursor) {
                let (key, value) = leaf.get(i);
                visit(key, value);
                visited += 1;
                last = last.max(place(i));
            }
            at = end;
        }
    }
    0
}
