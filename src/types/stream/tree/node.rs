//! The nodes of the tree: search, insertion and removal.

use std::borrow::Borrow;
use std::sync::Arc;

use super::{JOINED, MAX, SMALL};

/// A leaf with its entries or a branch with its children.
#[derive(Clone, Debug)]
pub(super) enum Node<K, V> {
    Leaf(Leaf<K, V>),
    Branch(Branch<K, V>),
}

/// Entries in ascending order of their keys; as many values as keys.
#[derive(Clone, Debug)]
pub(super) struct Leaf<K, V> {
    pub(super) keys: Vec<K>,
    pub(super) values: Vec<V>,
}

/// Children in ascending order; as many bounds as children.
#[derive(Clone, Debug)]
pub(super) struct Branch<K, V> {
    firsts: Vec<K>,
    pub(super) children: Vec<Arc<Node<K, V>>>,
}

/// What an insertion did below a node.
pub(super) enum Inserted<K, V> {
    /// The key was there with this value.
    Replaced(V),
    /// There is one entry more.
    Added,
    /// There is one entry more, and the node gave away its upper part: a lower bound of it, and the part.
    Split(K, Arc<Node<K, V>>),
}

impl<K, V> Node<K, V> {
    /// A leaf of one entry.
    pub(super) fn leaf(key: K, value: V) -> Self {
        Self::Leaf(Leaf { keys: vec![key], values: vec![value] })
    }

    /// Entries of a leaf, children of a branch.
    fn width(&self) -> usize {
        match self {
            Self::Leaf(leaf) => leaf.keys.len(),
            Self::Branch(branch) => branch.children.len(),
        }
    }
}

impl<K: Ord, V> Node<K, V> {
    pub(super) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let mut node = self;
        loop {
            match node {
                Self::Leaf(leaf) => return leaf.find(key).ok().map(|at| &leaf.values[at]),
                Self::Branch(branch) => node = &branch.children[branch.child(key)],
            }
        }
    }
}

impl<K: Ord + Clone, V> Node<K, V> {
    /// A branch over two nodes; `bound` parts their keys.
    pub(super) fn branch(left: Arc<Self>, bound: K, right: Arc<Self>) -> Self {
        // The first bound is never looked at, but it must be some key.
        Self::Branch(Branch { firsts: vec![bound.clone(), bound], children: vec![left, right] })
    }
}

impl<K: Ord, V> Leaf<K, V> {
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.keys.binary_search_by(|probe| probe.borrow().cmp(key))
    }
}

impl<K: Ord, V> Branch<K, V> {
    /// The child under which the key is, or would be.
    #[inline]
    fn child<Q: Ord + ?Sized>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
    {
        self.last_child_where(&|first| first.borrow() <= key)
    }

    /// The last child whose lower bound is such; all bounds before it are, and the first child's counts so.
    #[inline]
    pub(super) fn last_child_where(&self, such: &impl Fn(&K) -> bool) -> usize {
        self.firsts[1..].partition_point(such)
    }
}

/// The value of a key. Copies what is shared on the way.
pub(super) fn get_mut<'a, K, V, Q>(node: &'a mut Arc<Node<K, V>>, key: &Q) -> Option<&'a mut V>
where
    K: Ord + Clone + Borrow<Q>,
    V: Clone,
    Q: Ord + ?Sized,
{
    match Arc::make_mut(node) {
        Node::Leaf(leaf) => leaf.find(key).ok().map(|at| &mut leaf.values[at]),
        Node::Branch(branch) => {
            let child = branch.child(key);
            get_mut(&mut branch.children[child], key)
        }
    }
}

/// The entry with the largest key. Copies what is shared on the way.
pub(super) fn last_mut<K: Clone, V: Clone>(node: &mut Arc<Node<K, V>>) -> (&K, &mut V) {
    const NEVER_EMPTY: &str = "no node is empty";
    match Arc::make_mut(node) {
        Node::Leaf(leaf) => {
            (leaf.keys.last().expect(NEVER_EMPTY), leaf.values.last_mut().expect(NEVER_EMPTY))
        }
        Node::Branch(branch) => last_mut(branch.children.last_mut().expect(NEVER_EMPTY)),
    }
}

/// Inserts below a node; `at_edge` says that nothing lies to the right of it.
pub(super) fn insert<K: Ord + Clone, V: Clone>(
    node: &mut Arc<Node<K, V>>,
    key: K,
    value: V,
    at_edge: bool,
) -> Inserted<K, V> {
    match Arc::make_mut(node) {
        Node::Leaf(leaf) => match leaf.find(&key) {
            Ok(at) => Inserted::Replaced(std::mem::replace(&mut leaf.values[at], value)),
            Err(at) => leaf.insert(at, key, value, at_edge),
        },
        Node::Branch(branch) => {
            let child = branch.child(&key);
            let at_edge = at_edge && child + 1 == branch.children.len();
            match insert(&mut branch.children[child], key, value, at_edge) {
                Inserted::Split(bound, right) => branch.insert(child + 1, bound, right, at_edge),
                done => done,
            }
        }
    }
}

impl<K: Ord + Clone, V: Clone> Leaf<K, V> {
    fn insert(&mut self, at: usize, key: K, value: V, at_edge: bool) -> Inserted<K, V> {
        if self.keys.len() < MAX {
            self.keys.insert(at, key);
            self.values.insert(at, value);
            return Inserted::Added;
        }
        if at_edge && at == MAX {
            return Inserted::Split(key.clone(), Arc::new(Node::leaf(key, value)));
        }
        let half = MAX / 2;
        let mut right = Self { keys: self.keys.split_off(half), values: self.values.split_off(half) };
        let (side, at) = if at <= half { (&mut *self, at) } else { (&mut right, at - half) };
        side.keys.insert(at, key);
        side.values.insert(at, value);
        Inserted::Split(right.keys[0].clone(), Arc::new(Node::Leaf(right)))
    }
}

impl<K: Ord + Clone, V: Clone> Branch<K, V> {
    fn insert(&mut self, at: usize, bound: K, child: Arc<Node<K, V>>, at_edge: bool) -> Inserted<K, V> {
        if self.children.len() < MAX {
            self.firsts.insert(at, bound);
            self.children.insert(at, child);
            return Inserted::Added;
        }
        let keep = if at_edge && at == MAX { MAX } else { MAX / 2 };
        let mut right = Self { firsts: self.firsts.split_off(keep), children: self.children.split_off(keep) };
        let (side, at) = if at <= keep && keep < MAX { (&mut *self, at) } else { (&mut right, at - keep) };
        side.firsts.insert(at, bound);
        side.children.insert(at, child);
        Inserted::Split(right.firsts[0].clone(), Arc::new(Node::Branch(right)))
    }
}

/// Removes a key below a node. The node may end up empty.
pub(super) fn remove<K, V, Q>(node: &mut Arc<Node<K, V>>, key: &Q) -> Option<V>
where
    K: Ord + Clone + Borrow<Q>,
    V: Clone,
    Q: Ord + ?Sized,
{
    match Arc::make_mut(node) {
        Node::Leaf(leaf) => {
            let at = leaf.find(key).ok()?;
            leaf.keys.remove(at);
            let removed = leaf.values.remove(at);
            leaf.release_slack();
            Some(removed)
        }
        Node::Branch(branch) => {
            let child = branch.child(key);
            let removed = remove(&mut branch.children[child], key)?;
            branch.settle(child);
            Some(removed)
        }
    }
}

impl<K, V> Leaf<K, V> {
    /// Gives memory back when three quarters of it lie idle.
    fn release_slack(&mut self) {
        let len = self.keys.len();
        if self.keys.capacity() >= 4 * len && self.keys.capacity() > 4 {
            self.keys.shrink_to(2 * len);
            self.values.shrink_to(2 * len);
        }
    }
}

impl<K: Ord + Clone, V: Clone> Branch<K, V> {
    /// Restores the order of the house after a removal below a child.
    fn settle(&mut self, child: usize) {
        let width = self.children[child].width();
        if width == 0 {
            self.firsts.remove(child);
            self.children.remove(child);
        } else if width < SMALL {
            let fits = |left: usize| {
                let right = self.children.get(left + 1)?;
                (self.children[left].width() + right.width() <= JOINED).then_some(left)
            };
            if let Some(left) = fits(child).or_else(|| fits(child.checked_sub(1)?)) {
                self.join(left);
            }
        }
    }

    /// Moves all of a child's right neighbour into it.
    fn join(&mut self, left: usize) {
        let bound = self.firsts.remove(left + 1);
        let right = Arc::unwrap_or_clone(self.children.remove(left + 1));
        match (Arc::make_mut(&mut self.children[left]), right) {
            (Node::Leaf(left), Node::Leaf(mut right)) => {
                left.keys.append(&mut right.keys);
                left.values.append(&mut right.values);
            }
            (Node::Branch(left), Node::Branch(mut right)) => {
                right.firsts[0] = bound;
                left.firsts.append(&mut right.firsts);
                left.children.append(&mut right.children);
            }
            _ => unreachable!("all leaves are equally deep"),
        }
    }
}

/// Makes the only child of a branch the root, as often as needed.
pub(super) fn drop_levels<K, V>(root: &mut Arc<Node<K, V>>) {
    while let Node::Branch(Branch { children, .. }) = &**root {
        let [only] = &children[..] else { return };
        *root = Arc::clone(only);
    }
}

#[cfg(test)]
impl<K: Ord + std::fmt::Debug, V> Node<K, V> {
    /// Checks widths, order, bounds and depth; returns the number of entries and the depth.
    pub(super) fn check(&self, low: Option<&K>, high: Option<&K>) -> (usize, usize) {
        assert!((1..=MAX).contains(&self.width()), "width {}", self.width());
        match self {
            Self::Leaf(leaf) => {
                assert_eq!(leaf.keys.len(), leaf.values.len());
                assert!(leaf.keys.is_sorted_by(|a, b| a < b));
                assert!(low.is_none_or(|low| *low <= leaf.keys[0]));
                assert!(high.is_none_or(|high| leaf.keys[leaf.keys.len() - 1] < *high));
                (leaf.keys.len(), 1)
            }
            Self::Branch(branch) => {
                assert_eq!(branch.firsts.len(), branch.children.len());
                let mut entries = 0;
                let mut depths = Vec::new();
                for (at, child) in branch.children.iter().enumerate() {
                    let low = if at == 0 { low } else { Some(&branch.firsts[at]) };
                    let high = branch.firsts.get(at + 1).or(high);
                    let (below, depth) = child.check(low, high);
                    entries += below;
                    depths.push(depth);
                }
                assert!(depths.iter().all(|depth| *depth == depths[0]));
                (entries, depths[0] + 1)
            }
        }
    }
}
