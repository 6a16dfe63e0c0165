//! Set: an intset or a listpack while it is small, a chunked hash table when it is large.
//!
//! ```text
//! Set ─ Ints(IntSet)             OBJECT ENCODING "intset"      integers only, sorted
//!     ├ Packed(Listpack)         "listpack"                    in order of insertion
//!     └ Large(Table<Members>)    "hashtable"                   in hash order
//! ```
//!
//! The form changes at the operations at which it changes in Redis, by [`SetLimits`]: a set starts as an
//! intset if its first member is an integer, turns into a listpack at the first member that is none, and
//! into a table when it gets too large. It turns back only where a command builds a new set.
//!
//! A large set is shared, not copied, by `clone`; see [`chunked`](crate::types::chunked). An operation that
//! leaves the set empty leaves the removal of its key to the caller.

mod algebra;
mod iter;
mod random;

#[cfg(test)]
mod tests;

pub use self::algebra::{difference, intersect, intersection, union};
pub use self::iter::Iter;

use crate::base::num::IntText;
use crate::base::size_class::size_class;
use crate::types::chunked::{Members, Table};
use crate::types::intset::IntSet;
use crate::types::listpack::{Encoded, Item, Listpack, ListpackRef, encoded_len};

/// Up to which sizes the small forms are used: the directives `set-max-...`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetLimits {
    /// Members of an intset.
    pub max_intset_entries: usize,
    /// Members of a listpack.
    pub max_listpack_entries: usize,
    /// Bytes of a member of a listpack.
    pub max_listpack_value: usize,
}

impl Default for SetLimits {
    fn default() -> Self {
        SetLimits { max_intset_entries: 512, max_listpack_entries: 128, max_listpack_value: 64 }
    }
}

impl SetLimits {
    /// The format of an intset ends at 2^32 members; Redis stops at 2^30.
    fn intset_entries(&self) -> usize {
        self.max_intset_entries.min(1 << 30)
    }

    /// A set of more members than these is large, whatever they are.
    fn small_entries(&self) -> usize {
        self.max_intset_entries.max(self.max_listpack_entries)
    }
}

/// A set of byte strings.
#[derive(Clone, Debug)]
pub struct Set(Form);

#[derive(Clone, Debug)]
enum Form {
    Ints(IntSet),
    Packed(Listpack),
    Large(Table<Members>),
}

/// A small set as the bytes that entries and RDB files hold.
#[derive(Clone, Debug)]
pub enum Packed {
    /// Integers only.
    IntSet(IntSet),
    /// Any members.
    Listpack(Listpack),
}

/// A member is in the set twice: the bytes it was made from are damaged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Duplicate;

impl Set {
    /// An empty set.
    pub fn new() -> Self {
        Set(Form::Ints(IntSet::new()))
    }

    /// A small set. Duplicates in a listpack are not looked for; see [`fit`](Set::fit).
    pub fn from_packed(packed: Packed) -> Self {
        Set(match packed {
            Packed::IntSet(ints) => Form::Ints(ints),
            Packed::Listpack(listpack) => Form::Packed(listpack),
        })
    }

    /// The bytes of a small set, or the set itself if it is large.
    pub fn into_packed(self) -> Result<Packed, Set> {
        match self.0 {
            Form::Ints(ints) => Ok(Packed::IntSet(ints)),
            Form::Packed(listpack) => Ok(Packed::Listpack(listpack)),
            Form::Large(_) => Err(self),
        }
    }

    /// An empty set for loading `len` members one by one, as an RDB file lists those of a table.
    pub fn for_loading(len: usize, limits: &SetLimits) -> Self {
        if len > limits.intset_entries() { Set(Form::Large(Table::default())) } else { Set::new() }
    }

    /// Gives a small set that came from outside a form within the limits.
    ///
    /// # Errors
    /// If a member is there twice.
    pub fn fit(&mut self, limits: &SetLimits) -> Result<(), Duplicate> {
        let len = self.len();
        match &self.0 {
            Form::Ints(_) if len > limits.intset_entries() => self.enlarge(),
            Form::Packed(_) if len > limits.max_listpack_entries => self.enlarge(),
            _ => {}
        }
        if self.len() == len { Ok(()) } else { Err(Duplicate) }
    }

    /// The intset, in that form.
    pub fn as_intset(&self) -> Option<&IntSet> {
        match &self.0 {
            Form::Ints(ints) => Some(ints),
            _ => None,
        }
    }

    /// The listpack, in that form.
    pub fn as_listpack(&self) -> Option<ListpackRef<'_>> {
        match &self.0 {
            Form::Packed(listpack) => Some(listpack.as_ref()),
            _ => None,
        }
    }

    /// What OBJECT ENCODING tells: "intset", "listpack" or "hashtable".
    pub fn encoding(&self) -> &'static str {
        match self.0 {
            Form::Ints(_) => "intset",
            Form::Packed(_) => "listpack",
            Form::Large(_) => "hashtable",
        }
    }

    /// Number of members.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Ints(ints) => ints.len(),
            Form::Packed(listpack) => listpack.len(),
            Form::Large(table) => table.len(),
        }
    }

    /// Whether there is no member.
    #[inline]
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Form::Ints(ints) => ints.is_empty(),
            Form::Packed(listpack) => listpack.is_empty(),
            Form::Large(table) => table.is_empty(),
        }
    }

    /// Whether freeing it takes long enough to leave it to the background thread.
    pub fn is_large(&self) -> bool {
        matches!(&self.0, Form::Large(table) if table.is_slow_to_free())
    }

    /// Bytes in the allocator beside the `Set` itself; a very large set is extrapolated from a part.
    pub fn memory_bytes(&self) -> usize {
        match &self.0 {
            Form::Ints(ints) => size_class(ints.as_bytes().len()),
            Form::Packed(listpack) => size_class(listpack.byte_len()),
            Form::Large(table) => table.memory_bytes(),
        }
    }

    /// Whether `other`, a clone of this set made earlier, shows that nothing has changed since.
    pub fn is_unchanged_since(&self, other: &Set) -> bool {
        match (&self.0, &other.0) {
            (Form::Ints(a), Form::Ints(b)) => a == b,
            (Form::Packed(a), Form::Packed(b)) => a == b,
            (Form::Large(a), Form::Large(b)) => a.is_same(b),
            _ => false,
        }
    }

    /// Whether `member` is in it.
    #[inline]
    pub fn contains(&self, member: &[u8]) -> bool {
        self.contains_item(Item::Bytes(member))
    }

    /// Whether a member of another set is in it.
    pub fn contains_item(&self, member: Item<'_>) -> bool {
        match &self.0 {
            Form::Ints(ints) => member.integer().is_some_and(|n| ints.contains(n)),
            Form::Packed(listpack) => listpack.as_ref().find_encoded(&member.into(), 0).is_some(),
            Form::Large(table) => table.contains(member.as_bytes(&mut IntText::new())),
        }
    }

    /// Asks for what looking for these members will read, so that the look-ups don't wait for memory one after the other.
    pub fn approach<'m>(&self, members: impl Iterator<Item = &'m [u8]>) {
        if let Form::Large(table) = &self.0 {
            table.approach(members);
        }
    }

    /// Makes ready for adding `count` members of which `first` is the first, as SADD does: chooses the form
    /// of an empty set, and makes a small one large that would become too large.
    #[inline]
    pub fn prepare(&mut self, first: &[u8], count: usize, limits: &SetLimits) {
        match &self.0 {
            Form::Large(table) if !table.is_empty() => {}
            _ => self.choose_form(first, count, limits),
        }
    }

    fn choose_form(&mut self, first: &[u8], count: usize, limits: &SetLimits) {
        if !self.is_empty() {
            let limit = match self.0 {
                Form::Ints(_) => limits.max_intset_entries,
                Form::Packed(_) => limits.max_listpack_entries,
                Form::Large(_) => usize::MAX,
            };
            if count > limit {
                self.enlarge();
            }
        } else if count <= limits.max_intset_entries && Item::Bytes(first).integer().is_some() {
            self.0 = Form::Ints(IntSet::new());
        } else if count <= limits.max_listpack_entries {
            self.0 = Form::Packed(Listpack::new());
        } else {
            self.0 = Form::Large(Table::default());
        }
    }

    /// Adds a member, and tells whether it is new.
    #[inline]
    pub fn insert(&mut self, member: &[u8], limits: &SetLimits) -> bool {
        match &mut self.0 {
            Form::Large(table) => table.insert(member, ()),
            _ => self.insert_item(Item::Bytes(member), limits),
        }
    }

    /// Adds a member of another set, and tells whether it is new.
    pub fn insert_item(&mut self, member: Item<'_>, limits: &SetLimits) -> bool {
        match &mut self.0 {
            Form::Large(table) => return table.insert(member.as_bytes(&mut IntText::new()), ()),
            Form::Packed(listpack) => {
                let encoded = Encoded::from(member);
                if listpack.as_ref().find_encoded(&encoded, 0).is_some() {
                    return false;
                }
                let len = member.len();
                if listpack.len() < limits.max_listpack_entries
                    && len <= limits.max_listpack_value
                    && listpack.has_room_for(len)
                {
                    listpack.push_back(encoded);
                    return true;
                }
            }
            Form::Ints(ints) => {
                if let Some(n) = member.integer() {
                    let new = ints.insert(n);
                    if new && ints.len() > limits.intset_entries() {
                        self.enlarge();
                    }
                    return new;
                }
                if let Some(mut listpack) = listpack_of(ints, member.len(), limits) {
                    listpack.push_back(member);
                    self.0 = Form::Packed(listpack);
                    return true;
                }
            }
        }
        self.enlarge();
        self.insert_item(member, limits)
    }

    /// Removes a member, and tells whether it was there.
    #[inline]
    pub fn remove(&mut self, member: &[u8]) -> bool {
        self.remove_item(Item::Bytes(member))
    }

    /// Removes a member of another set, and tells whether it was there.
    pub fn remove_item(&mut self, member: Item<'_>) -> bool {
        match &mut self.0 {
            Form::Ints(ints) => member.integer().is_some_and(|n| ints.remove(n)),
            Form::Packed(listpack) => {
                let found = listpack.as_ref().find_encoded(&member.into(), 0);
                found.map(|pos| listpack.delete(pos)).is_some()
            }
            Form::Large(table) => table.remove(member.as_bytes(&mut IntText::new())),
        }
    }

    /// The members.
    pub fn iter(&self) -> Iter<'_> {
        Iter::new(&self.0)
    }

    /// Gives all members to `visit`, until that fails; see [`Table::consume`].
    ///
    /// # Errors
    /// What `visit` says.
    pub fn consume<E>(self, mut visit: impl FnMut(Item<'_>) -> Result<(), E>) -> Result<(), E> {
        match self.0 {
            Form::Large(table) => table.consume(|member, ()| visit(Item::Bytes(member))),
            Form::Ints(_) | Form::Packed(_) => self.iter().try_for_each(visit),
        }
    }

    /// Visits members from a cursor on and returns the next cursor, 0 at the end. A small set is visited
    /// whole; for a large one see [`Table::scan`].
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(Item<'a>)) -> u64 {
        match &self.0 {
            Form::Large(table) => table.scan(cursor, count, |member, ()| visit(Item::Bytes(member))),
            _ => {
                self.iter().for_each(visit);
                0
            }
        }
    }

    /// Turns into a table.
    fn enlarge(&mut self) {
        let mut table = Table::default();
        let mut text = IntText::new();
        for member in self.iter() {
            table.insert(member.as_bytes(&mut text), ());
        }
        self.0 = Form::Large(table);
    }

    /// Turns into an intset if there are few enough members, which are known to be integers.
    fn pack_integers(&mut self, limits: &SetLimits) {
        if matches!(self.0, Form::Ints(_)) || self.len() > limits.intset_entries() {
            return;
        }
        // In ascending order each of them is appended.
        let mut values: Vec<i64> = self.iter().filter_map(Item::integer).collect();
        values.sort_unstable();
        let mut ints = IntSet::new();
        for value in values {
            ints.insert(value);
        }
        self.0 = Form::Ints(ints);
    }
}

/// The intset as a listpack, if it and a member of `len` bytes stay within the limits.
fn listpack_of(ints: &IntSet, len: usize, limits: &SetLimits) -> Option<Listpack> {
    let ends = [ints.min(), ints.max()].map(|end| {
        end.map_or((0, 0), |n| {
            let text = Item::Int(n).to_vec();
            (text.len(), encoded_len(&text))
        })
    });
    // No integer between the two takes more than both.
    let longest = ends[0].0.max(ends[1].0);
    let bytes = ends[0].1.max(ends[1].1).saturating_mul(ints.len()).saturating_add(len);
    let fits = ints.len() < limits.max_listpack_entries
        && len.max(longest) <= limits.max_listpack_value
        && bytes <= Listpack::MAX_BYTES;
    fits.then(|| {
        let mut listpack = Listpack::new();
        for n in ints.iter() {
            listpack.push_back(n);
        }
        listpack
    })
}

impl Default for Set {
    fn default() -> Self {
        Set::new()
    }
}
