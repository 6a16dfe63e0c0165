//! A large unordered collection: a persistent hash table in chunks.
//!
//! ```text
//! Table ─▶ node ─┬▶ leaf                        node: 64 ways, by six bits of the position
//!                ├▶ node ─┬▶ leaf               leaf: a page of up to 64 elements
//!                │        └▶ leaf
//!                └▶ leaf                        every arrow is an Arc
//! ```
//!
//! **Position.** An element's position is the keyed hash of its key, 64 bits. The trie branches on its
//! highest bits first, so everything here is in hash order: iteration, and the cursor of [`Table::scan`].
//!
//! **Sharing.** Cloning a table clones one `Arc`. Who writes while a clone is alive copies the path (two or
//! three nodes at a million elements) and the one leaf; unshared parts are changed in place. A reader with
//! a clone sees the table of the moment it was made, on any thread, for as long as it likes.
//!
//! **Space.** An element costs its bytes, a slot of four, and a share of the slack: a page takes the size
//! class that fits and grows to the next one, so nothing doubles. See [`page`].
//!
//! **Growth.** A full leaf is split by the next bit of the position, and small buddies are joined again.
//! No operation ever touches more than the leaves it changes and the path to them.
//!
//! **Hostile input.** The seed of the hash is random, so nobody can aim at a leaf. The depth is bounded by
//! the bits of a position; leaves whose elements agree in all of these grow on instead.
//!
//! What the elements carry besides their key is a [`Shape`]: nothing for the members of sets, a value and
//! perhaps a deadline for the fields of hashes. A shape may summarise values, such as by their earliest
//! deadline; every node knows the summary of what is below it, so [`Table::extract`] finds what is due
//! without an index, and sharing costs summaries nothing.

mod approach;
mod iter;
mod leaf;
mod node;
mod page;
mod record;
mod sample;
#[cfg(test)]
mod tests;

pub use self::iter::Iter;
pub use self::record::{read_varint, varint_size, write_varint};
pub use self::sample::distinct_ranks;

use self::iter::Leaves;
use self::leaf::Leaf;
use self::node::{Child, Place, Spot, Way, spot_of};
use crate::base::hash::hash;
use crate::types::parting::Parting;

/// A table of more allocations than this is better freed elsewhere than under a lock.
const SLOW_TO_FREE: usize = 64;

/// What the elements of a table carry besides their key.
pub trait Shape: 'static {
    /// What goes with a key.
    type Value<'a>: Copy;
    /// What is known of many values together.
    type Summary: Copy + PartialEq + Send + Sync;
    /// The summary of no values, and of those that don't matter.
    const NOTHING: Self::Summary;

    /// The summary of one value.
    fn summary(value: Self::Value<'_>) -> Self::Summary;
    /// The summary of two groups; in whatever order groups are joined, the outcome is the same.
    fn join(a: Self::Summary, b: Self::Summary) -> Self::Summary;
    /// Whether two values are the same.
    fn same(a: Self::Value<'_>, b: Self::Value<'_>) -> bool;
    /// Bytes that `write` writes.
    fn size(value: Self::Value<'_>) -> usize;
    /// Writes a value to the front of `to`.
    fn write(value: Self::Value<'_>, to: &mut [u8]);
    /// Reads a value from the front of `bytes`, and tells the bytes it took.
    fn read(bytes: &[u8]) -> (Self::Value<'_>, usize);
    /// Where a key stands.
    #[inline]
    fn position(key: &[u8]) -> u64 {
        hash(key)
    }
}

/// Keys without values: the members of a set.
#[derive(Clone, Copy, Debug)]
pub struct Members;

impl Shape for Members {
    type Value<'a> = ();
    type Summary = ();
    const NOTHING: () = ();

    fn summary((): ()) {}
    fn join((): (), (): ()) {}
    fn same((): (), (): ()) -> bool {
        true
    }
    fn size((): ()) -> usize {
        0
    }
    fn write((): (), _: &mut [u8]) {}
    fn read(_: &[u8]) -> ((), usize) {
        ((), 0)
    }
}

/// A persistent hash table; see the head of this module.
pub struct Table<S: Shape> {
    root: Child<S>,
}

const _: () = assert!(size_of::<Table<Members>>() == 32);

impl<S: Shape> Clone for Table<S> {
    fn clone(&self) -> Self {
        Table { root: self.root.clone() }
    }
}

impl<S: Shape> Default for Table<S> {
    fn default() -> Self {
        Table { root: Child::Leaf(Leaf::default()) }
    }
}

impl<S: Shape> std::fmt::Debug for Table<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<S: Shape> Table<S> {
    /// Elements.
    #[inline]
    pub fn len(&self) -> usize {
        self.root.len()
    }

    /// Whether there are no elements.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The summary of all values.
    #[inline]
    pub fn summary(&self) -> S::Summary {
        self.root.summary()
    }

    /// The value of `key`.
    #[inline]
    pub fn get(&self, key: &[u8]) -> Option<S::Value<'_>> {
        self.find(S::position(key), key).value()
    }

    /// Whether `key` is here.
    #[inline]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.find(S::position(key), key).behind_key.is_some()
    }

    /// Adds an element unless its key is here already, and tells whether it did.
    pub fn insert(&mut self, key: &[u8], value: S::Value<'_>) -> bool {
        let position = S::position(key);
        let Found { leaf, place, behind_key: None } = self.find(position, key) else { return false };
        let is_full = leaf.is_full();
        self.add(position, place, is_full, key, value);
        true
    }

    /// Adds an element or replaces the value of its key, and tells whether the key is new.
    #[inline]
    pub fn set(&mut self, key: &[u8], value: S::Value<'_>) -> bool {
        self.set_with(key, |_| value)
    }

    /// The same with a value that depends on the one that the key has had.
    pub fn set_with<'v>(
        &mut self,
        key: &[u8],
        value: impl FnOnce(Option<S::Value<'_>>) -> S::Value<'v>,
    ) -> bool {
        let position = S::position(key);
        let found = self.find(position, key);
        let place = found.place;
        let Some(old) = found.value() else {
            let is_full = found.leaf.is_full();
            self.add(position, place, is_full, key, value(None));
            return true;
        };
        let value = value(Some(old));
        if S::same(old, value) {
            // What stays as it is needs no part of the table for itself.
        } else if S::size(old) == S::size(value) && S::summary(old) == S::summary(value) {
            self.root.overwrite(place, key, value);
        } else {
            self.root.change(position, 0, |leaf| leaf.replace(place.slot, key, value));
        }
        false
    }

    /// Removes an element, and tells whether it was here.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let position = S::position(key);
        let Found { place, behind_key: Some(_), .. } = self.find(position, key) else { return false };
        self.root.change(position, 0, |leaf| leaf.remove(place.slot));
        true
    }

    /// Removes at most `budget` elements whose value is `due`, looking only where the summary is `worth`
    /// it, and gives their keys to `removed`.
    pub fn extract(
        &mut self,
        worth: impl Fn(S::Summary) -> bool,
        due: impl Fn(S::Value<'_>) -> bool,
        mut budget: usize,
        mut removed: impl FnMut(&[u8]),
    ) {
        if worth(self.summary()) {
            let mut extract = node::Extract { worth: &worth, due: &due, removed: &mut removed };
            self.root.extract(0, &mut budget, &mut extract);
        }
    }

    /// The elements in hash order.
    pub fn iter(&self) -> Iter<'_, S> {
        Iter::new(&self.root)
    }

    /// Gives every element to `visit`, until that fails: in hash order, but for parts that somebody else has changed in
    /// their clone of the table. Those come sooner and are freed.
    ///
    /// # Errors
    /// What `visit` says.
    pub fn consume<E>(self, mut visit: impl FnMut(&[u8], S::Value<'_>) -> Result<(), E>) -> Result<(), E> {
        let parting = Parting::of(Leaves::all(&self.root).cloned());
        drop(self);
        for leaf in parting {
            (0..leaf.len()).try_for_each(|i| {
                let (key, value) = leaf.get(i);
                visit(key, value)
            })?;
        }
        Ok(())
    }

    /// The element of a rank in hash order, below [`len`](Table::len).
    pub fn nth(&self, mut rank: usize) -> Option<(&[u8], S::Value<'_>)> {
        let mut child = &self.root;
        if rank >= child.len() {
            return None;
        }
        loop {
            match child {
                Child::Leaf(leaf) => return Some(leaf.get(rank)),
                Child::Branch(branch) => {
                    child = branch.node.children.iter().find(|child| {
                        let here = rank < child.len();
                        rank -= if here { 0 } else { child.len() };
                        here
                    })?;
                }
            }
        }
    }

    /// An element at random, each as likely as any other.
    pub fn random(&self) -> Option<(&[u8], S::Value<'_>)> {
        if self.is_empty() { None } else { self.nth(fastrand::usize(..self.len())) }
    }

    /// Visits elements from a position in hash order on: `count` of them, or a few more where positions
    /// agree, or fewer at the end. Returns where to go on, or 0 after the last.
    ///
    /// A scan from 0 until 0 comes back visits each element that is present all the while, whatever is
    /// added and removed meanwhile. Cursors are below 2^48; of a greater one nothing is visited.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, visit: impl FnMut(&'a [u8], S::Value<'a>)) -> u64 {
        iter::scan(&self.root, cursor, count, visit)
    }

    /// Bytes in the allocator beside the `Table` itself. Of a very large table only a part is looked at.
    pub fn memory_bytes(&self) -> usize {
        const LEAVES: usize = 1024;
        if self.len() <= LEAVES * leaf::FULL_LEN {
            return self.root.memory();
        }
        let (mut bytes, mut elements) = (0, 0);
        for leaf in Leaves::all(&self.root).take(LEAVES) {
            // A leaf, and the room for it in its node, some of which is unused.
            bytes += leaf.memory() + size_of::<Child<S>>() * 5 / 4;
            elements += leaf.len();
        }
        (bytes as f64 / elements.max(1) as f64 * self.len() as f64) as usize
    }

    /// Allocations, about.
    pub fn allocations(&self) -> usize {
        const FILLED: usize = leaf::FULL_LEN * 2 / 3;
        if self.len() <= SLOW_TO_FREE * FILLED { self.root.allocations() } else { self.len() / FILLED }
    }

    /// Whether freeing it takes some time.
    pub fn is_slow_to_free(&self) -> bool {
        self.allocations() > SLOW_TO_FREE
    }

    /// Whether `other`, a clone made earlier, is what this table still is.
    pub fn is_same(&self, other: &Table<S>) -> bool {
        self.root.is_same(&other.root)
    }

    /// Adds an element whose key is not here, where it was looked for.
    fn add(&mut self, position: u64, place: Place, is_full: bool, key: &[u8], value: S::Value<'_>) {
        let place = if is_full {
            self.root.make_room(position);
            self.find(position, key).place
        } else {
            place
        };
        self.root.insert(place, key, value);
    }

    /// Looks for a key whose position is given.
    #[inline(always)]
    fn find(&self, position: u64, key: &[u8]) -> Found<'_, S> {
        let Landing { leaf, way, tag, near } = self.land(position);
        let (slot, behind_key) = leaf.page().find(tag, near, key);
        Found { leaf, place: Place { way, tag, slot }, behind_key }
    }

    /// Goes down to the leaf of a position.
    #[inline(always)]
    fn land(&self, position: u64) -> Landing<'_, S> {
        let (mut child, mut way, mut spot) = (&self.root, Way::default(), Spot::WHOLE);
        // What of the position is below this level, and below the one before.
        let (mut rest, mut rest_above) = (position, position);
        loop {
            match child {
                Child::Leaf(leaf) => {
                    let tag = position_tag(rest_above, 0);
                    return Landing { leaf, way, tag, near: spot.share(tag, leaf.len()) };
                }
                Child::Branch(branch) => {
                    spot = branch.node.spot(spot_of(rest, 0));
                    child = &branch.node.children[spot.index];
                    way.go_on(spot.index);
                    (rest, rest_above) = (rest << node::BITS, rest);
                }
            }
        }
    }
}

/// Where a position leads.
struct Landing<'t, S: Shape> {
    leaf: &'t Leaf<S>,
    way: Way,
    /// The tag that elements of the position have there.
    tag: u16,
    /// The slot at which that is to be expected: positions are spread evenly.
    near: usize,
}

/// Where a key is, or would be.
struct Found<'t, S: Shape> {
    leaf: &'t Leaf<S>,
    place: Place,
    /// The bytes that follow the key, if it is here.
    behind_key: Option<&'t [u8]>,
}

impl<'t, S: Shape> Found<'t, S> {
    /// The value of the key, if it is here.
    #[inline]
    fn value(&self) -> Option<S::Value<'t>> {
        self.behind_key.map(|bytes| S::read(bytes).0)
    }
}

/// The tag of a position in leaves below a node at `level`.
#[inline]
fn position_tag(position: u64, level: u32) -> u16 {
    ((position << (node::BITS * level)) >> (u64::BITS - u16::BITS)) as u16
}
