//! Sorted sets.

mod bounds;
mod slab;
mod index;
mod iter;
mod large;
mod leaf;
mod prune;
mod tree;
