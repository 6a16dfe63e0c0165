//! Changing a collection: in one go with [`View::update`], or opened and put back when the guard is dropped.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use super::entry::{Entry, Taken};
use super::table::Position;
use super::value::{Stored, WrongType};
use super::view::{Access, Place, View};

impl View<'_> {
    /// Changes an existing collection and says so: `change` gets the collection and gives its result and how many
    /// things it has changed, of which [`View::changed`] then tells by the class and the name of `event`, unless
    /// they are none. A key whose collection has become empty is deleted.
    #[inline]
    pub fn update<T: Stored, R>(
        &mut self,
        key: &[u8],
        event: (u32, &'static str),
        change: impl FnOnce(&mut T) -> (R, usize),
    ) -> Result<Option<R>, WrongType> {
        let mut place = self.place(key);
        match place.find(key, Access::Write) {
            None => Ok(None),
            Some(at) => place.update(at, key, event, change).map(Some),
        }
    }

    /// The same with a new collection if the key is absent; it is stored unless it stays empty.
    #[inline]
    pub fn update_or_new<T: Stored, R>(
        &mut self,
        key: &[u8],
        event: (u32, &'static str),
        change: impl FnOnce(&mut T) -> (R, usize),
    ) -> Result<R, WrongType> {
        let mut place = self.place(key);
        match place.find(key, Access::Write) {
            None => Ok(RefMut::<T>::fresh(place, key).update(key, event, change)),
            Some(at) => place.update(at, key, event, change),
        }
    }
}

impl Place<'_> {
    /// See [`View::update`].
    #[inline]
    fn update<T: Stored, R>(
        mut self,
        at: Position,
        key: &[u8],
        event: (u32, &'static str),
        change: impl FnOnce(&mut T) -> (R, usize),
    ) -> Result<R, WrongType> {
        let mut broken = Broken::<T> { place: &mut self, at, begun: None, of: PhantomData };
        let Some(value) = broken.place.database.large_mut::<T>(at, broken.place.local) else {
            std::mem::forget(broken);
            return Ok(RefMut::<T>::open(self, at)?.update(key, event, change));
        };
        let expiry = value.next_expiry();
        broken.begun = Some(expiry);
        let (result, count) = change(value);
        let (fate, expiry_now) = (Fate::of(value), value.next_expiry());
        std::mem::forget(broken);
        self.note_expiry(expiry, expiry_now);
        if fate != Fate::Stays {
            self.settle::<T>(at, fate);
        }
        self.changed_times(key, event, count);
        Ok(result)
    }

    /// Does what is due after an entry's large collection was changed, whose first part would have expired at `expiry`
    /// before.
    fn settle_large<T: Stored>(&mut self, at: Position, expiry: Option<i64>) {
        let value: &T = self.database.table.large(at).expect("the form was matched when opening");
        let (fate, expiry_now) = (Fate::of(value), value.next_expiry());
        self.note_expiry(expiry, expiry_now);
        self.settle::<T>(at, fate);
    }

    /// Says that `count` things behind a key were changed.
    #[inline]
    fn changed_times(&mut self, key: &[u8], (class, event): (u32, &'static str), count: usize) {
        if count > 0 {
            self.changed(key, class, event);
            self.effects.dirty += count as u64 - 1;
        }
    }

    /// Takes note that the first part of a collection expires at another time than before.
    #[inline]
    fn note_expiry(&mut self, before: Option<i64>, now: Option<i64>) {
        if before != now {
            self.database.field_deadline_moved(self.local, before, now);
            self.publish();
        }
    }

    /// Does with an entry what a change of its large collection made necessary.
    #[cold]
    fn settle<T: Stored>(&mut self, at: Position, fate: Fate) {
        match fate {
            Fate::Stays => {}
            Fate::Goes => self.remove(at),
            Fate::IsPacked => self.database.table.open(at).repack::<T>(),
        }
    }

    #[cold]
    fn remove(&mut self, at: Position) {
        let entry = self.database.remove(at);
        self.publish();
        self.effects.garbage.push(entry.into_value());
    }
}

/// A change of a large collection under way. It is dropped only when the change panics, and does then what is due after
/// whatever has changed until there: so no empty collection stays, and no deadline of a field is forgotten.
struct Broken<'p, 'v, T: Stored> {
    place: &'p mut Place<'v>,
    at: Position,
    /// When the first part of the collection would have expired before the change; none if that has not begun.
    begun: Option<Option<i64>>,
    of: PhantomData<T>,
}

impl<T: Stored> Drop for Broken<'_, '_, T> {
    #[cold]
    fn drop(&mut self) {
        if let Some(expiry) = self.begun {
            self.place.settle_large::<T>(self.at, expiry);
        }
    }
}

/// What becomes of an entry after its large collection was changed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    /// Nothing is left in the collection.
    Goes,
    /// The collection has a packed form by now.
    IsPacked,
}

impl Fate {
    #[inline]
    fn of<T: Stored>(value: &T) -> Fate {
        if value.is_void() && !T::KEPT_WHEN_VOID {
            Fate::Goes
        } else if value.is_packed() {
            Fate::IsPacked
        } else {
            Fate::Stays
        }
    }
}

/// A collection opened for changing; see [`View::write`](super::View::write).
///
/// A packed collection is moved out of its entry into the guard; a large one is changed where it is. When the
/// guard is dropped, a key whose collection is empty is deleted, and a new one that has something is stored; a
/// hash whose fields now begin to expire earlier is noted in the wheel.
pub struct RefMut<'v, T: Stored> {
    place: Place<'v>,
    source: Source<T>,
    /// When its first part would have expired, as of opening it.
    next_expiry: Option<i64>,
}

enum Source<T> {
    /// An existing entry, whose packed value is here meanwhile.
    Moved(Position, T),
    /// An existing entry with a large value.
    InPlace(Position),
    /// An absent key.
    Fresh(Box<[u8]>, T),
    /// The value is where it belongs; so when the guard is about to go.
    Closed,
}

impl<'v, T: Stored> RefMut<'v, T> {
    pub(super) fn open(place: Place<'v>, at: Position) -> Result<Self, WrongType> {
        let (next_expiry, source) = match place.database.open(at, place.local).take::<T>() {
            None => return Err(WrongType),
            Some(Taken::Moved(value)) => (value.next_expiry(), Source::Moved(at, value)),
            Some(Taken::InPlace(value)) => (value.next_expiry(), Source::InPlace(at)),
        };
        Ok(RefMut { place, source, next_expiry })
    }

    pub(super) fn fresh(place: Place<'v>, key: &[u8]) -> Self {
        RefMut { place, source: Source::Fresh(key.into(), T::default()), next_expiry: None }
    }

    /// Whether the key was absent when the guard was made.
    pub fn is_fresh(&self) -> bool {
        matches!(self.source, Source::Fresh(..))
    }

    /// See [`View::update`].
    fn update<R>(
        mut self,
        key: &[u8],
        event: (u32, &'static str),
        change: impl FnOnce(&mut T) -> (R, usize),
    ) -> R {
        let (result, count) = change(&mut self);
        self.close();
        self.place.changed_times(key, event, count);
        result
    }

    /// Puts the collection back, if that hasn't happened yet.
    fn close(&mut self) {
        match std::mem::replace(&mut self.source, Source::Closed) {
            Source::Closed => {}
            Source::Fresh(key, value) => {
                if !value.is_void() {
                    let entry = Entry::with_collection(&key, value, self.place.fresh_clock());
                    self.place.insert(entry);
                }
            }
            Source::Moved(at, value) => {
                self.place.note_expiry(self.next_expiry, value.next_expiry());
                if value.is_void() && !T::KEPT_WHEN_VOID {
                    self.place.remove(at);
                } else {
                    self.place.database.table.open(at).put(value);
                }
            }
            Source::InPlace(at) => self.place.settle_large::<T>(at, self.next_expiry),
        }
    }
}

impl<T: Stored> Deref for RefMut<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match &self.source {
            Source::Moved(_, value) | Source::Fresh(_, value) => value,
            Source::InPlace(at) => {
                self.place.database.table.large(*at).expect("the form was matched when opening")
            }
            Source::Closed => unreachable!("closing ends the guard"),
        }
    }
}

impl<T: Stored> DerefMut for RefMut<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.source {
            Source::Moved(_, value) | Source::Fresh(_, value) => value,
            Source::InPlace(at) => {
                self.place.database.table.large_mut(*at).expect("the form was matched when opening")
            }
            Source::Closed => unreachable!("closing ends the guard"),
        }
    }
}

impl<T: Stored> Drop for RefMut<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::super::{Clock, Effects, Expiry, Keyspace, Plan};
    use super::*;
    use crate::config::EventClasses;
    use crate::types::hash::{Hash, HashLimits};
    use crate::types::list::{End, List, ListLimits};

    const EVENT: (u32, &str) = (EventClasses::LIST, "changed");
    const CLOCK: Clock = Clock {
        now: 1,
        lfu: None,
        no_touch: false,
        keep_expired: false,
        events: EventClasses::LIST,
        wall: 1,
    };

    #[test]
    fn an_update_stores_packs_and_deletes_and_tells_how_much_has_changed() {
        let (keyspace, mut effects) = (Keyspace::new(2, 1, 1), Effects::default());
        let limits = ListLimits::default();
        let mut view = View::new(&keyspace, keyspace.hold(Plan::Everything), 0, CLOCK, &mut effects);
        let nothing = |list: &mut List| (list.len(), 0);
        assert_eq!(view.update(b"l", EVENT, nothing), Ok(None));
        assert_eq!(view.update_or_new(b"l", EVENT, nothing), Ok(0));
        assert!(!view.exists(b"l", Access::Silent) && view.effects.events.is_empty());
        for len in [1, 5000] {
            let push = |list: &mut List| {
                list.push(End::Tail, (0..len).map(|_| &b"element"[..]), &limits);
                (list.len(), len)
            };
            let leave = |left: usize| {
                move |list: &mut List| {
                    let gone = list.discard(End::Head, list.len() - left, &limits);
                    (list.len(), gone)
                }
            };
            assert_eq!(view.update_or_new(b"l", EVENT, push), Ok(len));
            assert_eq!(view.update(b"l", EVENT, nothing), Ok(Some(len)));
            assert_eq!(view.update(b"l", EVENT, leave(1)), Ok(Some(1)));
            let encoding = view.find(b"l", Access::Silent).map(|entry| entry.encoding());
            assert_eq!(encoding, Some("listpack"));
            assert_eq!(view.update(b"l", EVENT, push), Ok(Some(len + 1)));
            assert_eq!(view.update(b"l", EVENT, leave(0)), Ok(Some(0)));
            assert!(!view.exists(b"l", Access::Silent));
        }
        view.set_string(b"s", b"x", Expiry::Clear);
        assert_eq!(view.update(b"s", EVENT, nothing), Err(WrongType));
        assert_eq!(view.update_or_new(b"s", EVENT, nothing), Err(WrongType));
        // Pushed twice, left but one, left none; of one element nothing goes when one is left.
        assert_eq!(view.effects.events.len(), 3 + 4);
        assert_eq!(view.effects.dirty, 2 * (1 + 1) + 2 * (5000 + 5000));
    }

    #[test]
    fn a_change_that_panics_is_settled() {
        let (keyspace, mut effects) = (Keyspace::new(2, 1, 1), Effects::default());
        let mut view = View::new(&keyspace, keyspace.hold(Plan::Everything), 0, CLOCK, &mut effects);
        let limits = ListLimits::default();
        let push = |list: &mut List| {
            list.push(End::Tail, (0..5000).map(|_| &b"element"[..]), &limits);
            ((), 5000)
        };
        let empty_and_panic = |list: &mut List| -> ((), usize) {
            list.discard(End::Head, 5000, &limits);
            panic!("as a change may");
        };
        assert_eq!(view.update_or_new(b"l", EVENT, push), Ok(()));
        let broken = AssertUnwindSafe(|| view.update(b"l", EVENT, empty_and_panic));
        assert!(catch_unwind(broken).is_err());
        assert!(!view.exists(b"l", Access::Silent));

        let set = |hash: &mut Hash| (hash.load(b"field", &[b'x'; 100], None, &HashLimits::default()), 1);
        let hurry_and_panic = |hash: &mut Hash| -> ((), usize) {
            hash.set_deadline(b"field", 5, None, 1);
            panic!("as a change may");
        };
        assert_eq!(view.update_or_new(b"h", EVENT, set), Ok(true));
        assert_eq!(view.find(b"h", Access::Silent).map(|entry| entry.encoding()), Some("hashtable"));
        let broken = AssertUnwindSafe(|| view.update(b"h", EVENT, hurry_and_panic));
        assert!(catch_unwind(broken).is_err());
        drop(view);
        assert_eq!(keyspace.sizes()[0].timed, 1);
    }
}
