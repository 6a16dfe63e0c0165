//! A collection opened for changing, put back into its entry when the guard is dropped.

use std::ops::{Deref, DerefMut};

use super::entry::{Entry, Taken};
use super::table::Position;
use super::value::{Stored, WrongType};
use super::view::Place;

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

    /// Puts the collection back and says of its key that `count` things in it have changed, as
    /// [`View::changed`](super::View::changed) does, without another look-up; says nothing if `count` is zero.
    #[inline]
    pub fn changed(mut self, key: &[u8], class: u32, event: &'static str, count: usize) {
        self.close();
        if count > 0 {
            self.place.changed(key, class, event);
            self.place.effects.dirty += count as u64 - 1;
        }
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
                self.note_expiry(value.next_expiry());
                if value.is_void() && !T::KEPT_WHEN_VOID {
                    self.remove(at);
                } else {
                    self.place.database.table.open(at).put(value);
                }
            }
            Source::InPlace(at) => {
                let value: &T =
                    self.place.database.table.large(at).expect("the form was matched when opening");
                let gone = value.is_void() && !T::KEPT_WHEN_VOID;
                let packed = value.is_packed();
                self.note_expiry(value.next_expiry());
                if gone {
                    self.remove(at);
                } else if packed {
                    self.place.database.table.open(at).repack::<T>();
                }
            }
        }
    }

    #[inline]
    fn note_expiry(&mut self, now: Option<i64>) {
        if now != self.next_expiry {
            self.place.database.field_deadline_moved(self.place.local, self.next_expiry, now);
            self.place.publish();
        }
    }

    #[cold]
    fn remove(&mut self, at: Position) {
        let entry = self.place.database.remove(at);
        self.place.publish();
        self.place.effects.garbage.push(entry.into_value());
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
