//! What a command sees of the keyspace: keys of its database, found as in a single-threaded server.
//!
//! A look-up that meets an expired key deletes it, as Redis does, and the key counts as absent. Reads touch the
//! access clock and count hits and misses, according to [`Access`]. Whatever a change causes for others is
//! noted in [`Effects`].

use super::clock::Clock;
use super::effects::{Effects, Event};
use super::entry::{Entry, EntryRef};
use super::guard::RefMut;
use super::lock::{Held, Plan};
use super::shard::Database;
use super::table::Position;
use super::track::Tracked;
use super::value::{Ref, Stored, Str, StrRef, Type, Value, WrongType};
use super::{Counts, Keyspace, Shard};
use crate::config::EventClasses;

/// How a look-up counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading the value: counts a hit or a miss and touches the access clock.
    Read,
    /// The same even for a client that asked not to touch access clocks: TOUCH.
    Touch,
    /// Asking about the key: counts a hit or a miss.
    Ask,
    /// Looking at how the key is kept: the same, but nobody hears of a miss.
    Inspect,
    /// On the way to a change: touches the access clock.
    Write,
    /// Leaves no trace.
    Silent,
}

impl Access {
    /// Whether it counts a hit or a miss.
    #[inline]
    fn is_reading(self) -> bool {
        !matches!(self, Access::Write | Access::Silent)
    }
}

/// What a new value does to the deadline of its key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// The key keeps the deadline it has.
    Keep,
    /// The key has none afterwards.
    Clear,
    /// The key expires at this Unix time in ms.
    At(i64),
}

/// The keyspace as one command sees it.
pub struct View<'a> {
    keyspace: &'a Keyspace,
    held: Held<'a>,
    db: usize,
    clock: Clock,
    /// What the command causes.
    pub effects: &'a mut Effects,
    /// The hash of a key that the lock plan has computed already, by its address and length.
    known: (*const u8, usize, u64),
}

impl<'a> View<'a> {
    /// A view of database `db` through the shards that are held.
    #[inline]
    pub fn new(
        keyspace: &'a Keyspace,
        held: Held<'a>,
        db: usize,
        clock: Clock,
        effects: &'a mut Effects,
    ) -> View<'a> {
        View { keyspace, held, db, clock, effects, known: (std::ptr::null(), 0, 0) }
    }

    /// A view for a part of the command, with its effects: a command of a transaction or a script.
    ///
    /// # Panics
    /// If the part needs a shard that this command doesn't hold.
    pub fn lend(&mut self, db: usize, plan: Plan<'_>) -> View<'_> {
        let held = self.held.lend(self.keyspace, plan);
        View::new(self.keyspace, held, db, self.clock, self.effects)
    }

    /// Tells the hash of a key beforehand.
    #[inline]
    pub fn know(&mut self, key: &[u8], hash: u64) {
        self.known = (key.as_ptr(), key.len(), hash);
    }

    /// The selected database.
    pub fn db(&self) -> usize {
        self.db
    }

    /// Selects another database for the look-ups that follow.
    ///
    /// # Panics
    /// If there is no such database.
    pub fn select(&mut self, db: usize) {
        assert!(db < self.keyspace.databases());
        self.db = db;
    }

    /// Unix time in ms, constant while the command runs.
    #[inline]
    pub fn now(&self) -> i64 {
        self.clock.now
    }

    /// Unix time in ms, even while the journal is replayed and nothing expires.
    #[inline]
    pub fn wall(&self) -> i64 {
        self.clock.wall
    }

    /// The time and the switches under which the command runs.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// The keyspace behind the view, for what takes its own locks shard by shard.
    pub fn keyspace(&self) -> &'a Keyspace {
        self.keyspace
    }

    /// What is held.
    pub fn held_mut(&mut self) -> &mut Held<'a> {
        &mut self.held
    }

    /// Whether the command runs behind the closed gate and holds every shard.
    pub fn has_everything(&self) -> bool {
        self.held.is_everything()
    }

    #[inline]
    fn hash(&self, key: &[u8]) -> u64 {
        let (at, len, hash) = self.known;
        if std::ptr::eq(at, key.as_ptr()) && len == key.len() { hash } else { Keyspace::hash(key) }
    }

    #[inline]
    pub(super) fn place(&mut self, key: &[u8]) -> Place<'_> {
        let hash = self.hash(key);
        let shard = self.keyspace.shard_of(hash);
        let (database, tracked) = self.held.shard(shard).parts(self.db);
        Place {
            counts: self.keyspace.counts(shard),
            database,
            tracked,
            effects: self.effects,
            clock: &self.clock,
            db: self.db,
            local: self.keyspace.local(hash),
        }
    }

    /// Finds a key, deleting it if it has expired.
    #[inline]
    pub fn find(&mut self, key: &[u8], access: Access) -> Option<EntryRef<'_>> {
        let mut place = self.place(key);
        let at = place.find(key, access)?;
        let Place { database, .. } = place;
        Some(database.table.entry(at))
    }

    /// Finds a key that is there, be it that it has expired and nobody has deleted it yet.
    pub fn find_undeleted(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        let Place { database, local, .. } = self.place(key);
        let at = database.table.find(local, key)?;
        Some(database.table.entry(at))
    }

    /// Asks for what looking for these elements of a key's collection will read; leaves no trace.
    pub fn approach<'e>(&mut self, key: &[u8], elements: impl Iterator<Item = &'e [u8]>) {
        if let Some(entry) = self.find_undeleted(key) {
            entry.approach(elements);
        }
    }

    /// Whether a key exists.
    pub fn exists(&mut self, key: &[u8], access: Access) -> bool {
        self.place(key).find(key, access).is_some()
    }

    /// Reads a string.
    #[inline]
    pub fn string(&mut self, key: &[u8]) -> Result<Option<StrRef<'_>>, WrongType> {
        match self.find(key, Access::Read) {
            None => Ok(None),
            Some(entry) => entry.string().map(Some).ok_or(WrongType),
        }
    }

    /// Reads a collection.
    #[inline]
    pub fn read<T: Stored>(&mut self, key: &[u8]) -> Result<Option<Ref<'_, T>>, WrongType> {
        match self.find(key, Access::Read) {
            None => Ok(None),
            Some(entry) => entry.collection().map(Some).ok_or(WrongType),
        }
    }

    /// Opens an existing collection for changing. It is put back when the guard is dropped; a key whose
    /// collection has become empty is deleted.
    #[inline]
    pub fn write<T: Stored>(&mut self, key: &[u8]) -> Result<Option<RefMut<'_, T>>, WrongType> {
        let mut place = self.place(key);
        match place.find(key, Access::Write) {
            None => Ok(None),
            Some(at) => RefMut::open(place, at).map(Some),
        }
    }

    /// Opens a collection for changing, a new one if the key is absent. A new one that is still empty when
    /// the guard is dropped is not stored.
    #[inline]
    pub fn write_or_new<T: Stored>(&mut self, key: &[u8]) -> Result<RefMut<'_, T>, WrongType> {
        let mut place = self.place(key);
        match place.find(key, Access::Write) {
            None => Ok(RefMut::fresh(place, key)),
            Some(at) => RefMut::open(place, at),
        }
    }

    /// Sets a string in its most compact form, whatever the key held before.
    #[inline]
    pub fn set_string(&mut self, key: &[u8], bytes: &[u8], expiry: Expiry) {
        self.place(key).set_string(key, bytes, expiry);
    }

    /// The same, and says so as [`View::changed`] does.
    #[inline]
    pub fn store_string(&mut self, key: &[u8], bytes: &[u8], expiry: Expiry, event: &'static str) {
        let mut place = self.place(key);
        place.set_string(key, bytes, expiry);
        place.changed(key, EventClasses::STRING, event);
    }

    /// Changes a string that is an integer and says so, as [`View::changed`] does: `change` gets the string, if the
    /// key is there, and gives the new integer. The deadline of the key stays.
    ///
    /// # Errors
    /// If the key holds another type, and those of `change`; then nothing has changed.
    #[inline]
    pub fn update_integer<E: From<WrongType>>(
        &mut self,
        key: &[u8],
        event: &'static str,
        change: impl FnOnce(Option<StrRef<'_>>) -> Result<i64, E>,
    ) -> Result<i64, E> {
        let mut place = self.place(key);
        let value = match place.find(key, Access::Write) {
            None => {
                let value = change(None)?;
                place.insert(Entry::new(key, Value::Str(Str::Int(value)), None, place.fresh_clock()));
                value
            }
            Some(at) => {
                let value = change(Some(place.database.table.entry(at).string().ok_or(WrongType)?))?;
                place.database.open(at, place.local).set_integer(value);
                value
            }
        };
        place.changed(key, EventClasses::STRING, event);
        Ok(value)
    }

    /// Opens an existing string for changing it in place.
    pub fn edit_string<R>(&mut self, key: &[u8], edit: impl FnOnce(&mut Vec<u8>) -> R) -> Option<R> {
        let mut place = self.place(key);
        let at = place.find(key, Access::Silent)?;
        let mut entry = place.database.open(at, place.local);
        let mut bytes = entry.take_string()?;
        let result = edit(&mut bytes);
        entry.put_string(bytes);
        Some(result)
    }

    /// Stores a value, whatever the key held before. An empty collection deletes the key.
    pub fn set(&mut self, key: &[u8], value: Value, expiry: Expiry) {
        let mut place = self.place(key);
        match place.find(key, Access::Write) {
            None => {
                let deadline = if let Expiry::At(at) = expiry { Some(at) } else { None };
                place.insert(Entry::new(key, value, deadline, place.fresh_clock()));
            }
            Some(at) => {
                place.expire(at, expiry);
                place.replace(at, value);
            }
        }
    }

    /// Deletes a key; tells whether it was there (an expired one was not).
    pub fn delete(&mut self, key: &[u8]) -> bool {
        self.take(key).map(|(value, _)| self.effects.garbage.push(value)).is_some()
    }

    /// Takes a key out with its value and its deadline.
    pub fn take(&mut self, key: &[u8]) -> Option<(Value, Option<i64>)> {
        let mut place = self.place(key);
        let at = place.find(key, Access::Silent)?;
        let entry = place.database.remove(at);
        place.publish();
        let deadline = entry.as_ref().deadline();
        Some((entry.into_value(), deadline))
    }

    /// Sets or clears the deadline of a key; tells whether the key was there.
    pub fn set_deadline(&mut self, key: &[u8], deadline: Option<i64>) -> bool {
        let mut place = self.place(key);
        let Some(at) = place.find(key, Access::Silent) else { return false };
        place.expire(at, deadline.map_or(Expiry::Clear, Expiry::At));
        true
    }

    /// Says that a key was changed: watchers, blocked clients, keyspace events and the count of changes follow.
    #[inline]
    pub fn changed(&mut self, key: &[u8], class: u32, event: &'static str) {
        self.place(key).changed(key, class, event);
    }

    /// Tells watchers, those who remember the key and blocked clients that it was changed, without counting or naming
    /// a change.
    #[inline]
    pub fn touch(&mut self, key: &[u8]) {
        self.place(key).touched(key);
    }

    /// Has the clients that are blocked on a key try again, though it counts as unchanged for watchers.
    pub fn wake(&mut self, key: &[u8]) {
        self.place(key).wake(key);
    }

    /// Notes a keyspace event, if anybody listens to its class.
    #[inline]
    pub fn event(&mut self, key: &[u8], class: u32, name: &'static str) {
        if self.clock.events & class != 0 {
            self.effects.note(Event { class, name, db: self.db, key: key.into() });
        }
    }

    /// Registers a watcher of a key.
    pub fn watch(&mut self, key: &[u8], flag: &std::sync::Arc<super::watch::WatchFlag>) {
        self.place(key).database.watched.add(key, flag);
    }

    /// Takes a watcher of a key back.
    pub fn unwatch(&mut self, key: &[u8], flag: &std::sync::Arc<super::watch::WatchFlag>) {
        self.place(key).database.watched.remove(key, flag);
    }

    /// Registers a blocked client's ticket on a key.
    pub fn wait(&mut self, key: &[u8], ticket: u64) {
        self.place(key).database.waiters.add(key, ticket);
    }

    /// Ends the view and gives back what it was made of.
    pub fn into_parts(self) -> (Held<'a>, &'a mut Effects) {
        (self.held, self.effects)
    }

    /// Whether any shard is held.
    pub(super) fn holds_shards(&self) -> bool {
        !matches!(self.held, Held::Nothing)
    }

    /// Lets `work` have a shard that is held, or locks it for that long.
    ///
    /// # Panics
    /// If only other shards are held: taking one more could wait for somebody who waits for those.
    pub(super) fn with_shard<R>(
        &mut self,
        shard: usize,
        work: impl FnOnce(&mut Shard, &mut Effects) -> R,
    ) -> R {
        match self.held {
            Held::Nothing => work(&mut self.keyspace.lock(shard), self.effects),
            _ => work(self.held.shard(shard), self.effects),
        }
    }
}

/// Where a key belongs: its part of the database, and what a look-up there needs.
pub(super) struct Place<'v> {
    pub(super) database: &'v mut Database,
    pub(super) tracked: &'v mut Tracked,
    pub(super) counts: &'v Counts,
    pub(super) effects: &'v mut Effects,
    pub(super) clock: &'v Clock,
    pub(super) db: usize,
    pub(super) local: u64,
}

impl<'v> Place<'v> {
    #[inline]
    pub(super) fn find(&mut self, key: &[u8], access: Access) -> Option<Position> {
        let found = self.database.table.find(self.local, key);
        if let Some(at) = found {
            let entry = self.database.table.entry(at);
            if entry.deadline().is_none_or(|deadline| deadline > self.clock.now) {
                let accessed = entry.clock();
                if access.is_reading() {
                    self.counts.looked_up(true);
                }
                self.touch(at, accessed, access);
                return Some(at);
            }
        }
        self.miss(found, key, access);
        None
    }

    /// A key was not there, or it has expired: then it goes.
    fn miss(&mut self, expired: Option<Position>, key: &[u8], access: Access) {
        if let Some(at) = expired
            && !(access.is_reading() && self.clock.keep_expired)
        {
            self.expire_entry(at);
        }
        if access.is_reading() {
            self.counts.looked_up(false);
        }
        if matches!(access, Access::Read | Access::Touch | Access::Ask) {
            self.note(EventClasses::KEY_MISS, "keymiss", key);
        }
    }

    /// See [`View::set_string`].
    #[inline]
    fn set_string(&mut self, key: &[u8], bytes: &[u8], expiry: Expiry) {
        let Some(at) = self.find(key, Access::Write) else {
            let deadline = if let Expiry::At(at) = expiry { Some(at) } else { None };
            return self.insert(Entry::with_string(key, bytes, deadline, self.fresh_clock()));
        };
        self.expire(at, expiry);
        if self.database.table.entry(at).type_of() != Type::String {
            return self.replace(at, Value::string(bytes.to_vec()));
        }
        self.database.open(at, self.local).set_string(bytes);
    }

    /// Deletes an entry whose deadline has passed and notes what that causes.
    pub(super) fn expire_entry(&mut self, at: Position) {
        let entry = self.database.remove(at);
        let key = entry.as_ref().key();
        self.effects.propagation.expired(self.db, key);
        self.tell(key, 0);
        self.note(EventClasses::EXPIRED, "expired", key);
        self.counts.count_expired();
        self.publish();
        self.effects.garbage.push(entry.into_value());
    }

    /// See [`View::changed`].
    #[inline]
    pub(super) fn changed(&mut self, key: &[u8], class: u32, event: &'static str) {
        self.effects.dirty += 1;
        self.touched(key);
        self.note(class, event, key);
    }

    /// See [`View::touch`].
    #[inline]
    fn touched(&mut self, key: &[u8]) {
        let Database { watched, waiters, .. } = &self.database;
        if !(watched.is_empty() && waiters.is_empty() && self.tracked.is_empty(self.counts)) {
            self.tell(key, self.effects.actor);
        }
    }

    /// Tells watchers, those who remember the key and blocked clients that a client has changed it; 0: nobody has.
    #[cold]
    pub(super) fn tell(&mut self, key: &[u8], by: u64) {
        self.database.watched.touch(key);
        self.tracked.changed(key, by, self.counts, self.effects);
        self.wake(key);
    }

    /// Sets the access clock of an entry, which was accessed `before`, if the access does.
    #[inline]
    fn touch(&mut self, at: Position, before: u32, access: Access) {
        let touches = match access {
            Access::Read | Access::Write => !self.clock.no_touch,
            Access::Touch => true,
            Access::Ask | Access::Inspect | Access::Silent => false,
        };
        if touches {
            let now = self.clock.touched(before);
            if now != before {
                self.database.table.open(at).set_clock(now);
            }
        }
    }

    /// Notes a keyspace event, if anybody listens to its class.
    #[inline]
    pub(super) fn note(&mut self, class: u32, name: &'static str, key: &[u8]) {
        if self.clock.events & class != 0 {
            self.effects.note(Event { class, name, db: self.db, key: key.into() });
        }
    }

    /// Replaces the value of an entry. Its access clock goes on: a key that is often set is a key that is often used.
    fn replace(&mut self, at: Position, value: Value) {
        let old = self.database.replace(at, self.local, value);
        self.publish();
        self.effects.garbage.push(old);
    }

    #[inline]
    fn wake(&mut self, key: &[u8]) {
        if self.database.waiters.is_waited_for(key) {
            self.effects.ready.push((self.db, key.into()));
        }
    }

    pub(super) fn insert(&mut self, entry: Entry) {
        self.note(EventClasses::NEW, "new", entry.as_ref().key());
        self.database.insert(self.local, entry);
        self.publish();
    }

    #[inline]
    fn expire(&mut self, at: Position, expiry: Expiry) {
        let deadline = match expiry {
            Expiry::Keep => return,
            Expiry::Clear => None,
            Expiry::At(deadline) => Some(deadline),
        };
        if deadline.is_some() || self.database.table.entry(at).deadline().is_some() {
            self.database.set_deadline(at, self.local, deadline);
            self.publish();
        }
    }

    #[inline]
    pub(super) fn publish(&mut self) {
        self.counts.publish(self.db, self.database);
    }

    pub(super) fn fresh_clock(&self) -> u32 {
        self.clock.fresh()
    }
}
