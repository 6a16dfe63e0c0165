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
        }
    }
}

impl<T: Stored> Drop for RefMut<'_, T> {
    fn drop(&mut self) {
        let value: &T = self;
        let (void, packed, next_expiry) = (value.is_void(), value.is_packed(), value.next_expiry());
        let gone = void && !T::KEPT_WHEN_VOID;
        if next_expiry != self.next_expiry && !self.is_fresh() {
            self.place.database.field_deadline_moved(self.place.local, self.next_expiry, next_expiry);
            self.place.publish();
        }
        match &mut self.source {
            Source::Moved(at, _) | Source::InPlace(at) if gone => {
                let entry: Entry = self.place.database.remove(*at);
                self.place.publish();
                self.place.effects.garbage.push(entry.into_value());
            }
            Source::Moved(at, value) => self.place.database.table.open(*at).put(std::mem::take(value)),
            Source::InPlace(at) if packed => self.place.database.table.open(*at).repack::<T>(),
            Source::Fresh(key, value) if !void => {
                let entry = Entry::with_collection(key, std::mem::take(value), self.place.fresh_clock());
                self.place.insert(entry);
            }
            Source::InPlace(_) | Source::Fresh(..) => {}
        }
    }
}
