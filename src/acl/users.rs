//! All users, by name.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use super::DEFAULT_USER;
use super::error::SetError;
use super::selector::Rules;
use super::user::User;
use super::vocabulary::Vocabulary;

/// Users by name, in its order.
pub type Table = BTreeMap<Box<[u8]>, Arc<User>>;

/// See the head of this file. The default user is always there.
pub struct Users {
    vocabulary: Vocabulary,
    table: RwLock<Table>,
    /// Moves with every change. Released with the table changed, so that who acquires a new version finds users at
    /// least as new.
    version: AtomicU64,
}

/// A user before and after a change.
pub struct Replaced {
    /// Before; none if the user is new.
    pub before: Option<Arc<User>>,
    /// After.
    pub after: Arc<User>,
}

impl Users {
    /// Only the default user.
    pub fn new(vocabulary: Vocabulary) -> Users {
        let user = User::default_user(Rules { vocabulary: &vocabulary, all_channels: false });
        let table = Table::from([(DEFAULT_USER.into(), Arc::new(user))]);
        Users { vocabulary, table: RwLock::new(table), version: AtomicU64::new(0) }
    }

    /// The commands.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// What rules are read against, with `acl-pubsub-default` as it is.
    pub fn rules(&self, all_channels: bool) -> Rules<'_> {
        Rules { vocabulary: &self.vocabulary, all_channels }
    }

    /// Moves when anything changes. Costs one load.
    #[inline]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// A user by name.
    pub fn get(&self, name: &[u8]) -> Option<Arc<User>> {
        self.table.read().get(name).cloned()
    }

    /// The default user.
    pub fn default_user(&self) -> Arc<User> {
        self.get(DEFAULT_USER).expect("the default user is always there")
    }

    /// All users in the order of their names.
    pub fn all(&self) -> Vec<Arc<User>> {
        self.table.read().values().cloned().collect()
    }

    /// Applies rules to a user, who is made if there is none: all of them or nothing.
    ///
    /// # Errors
    /// The first rule's that isn't one.
    pub fn set(
        &self,
        name: &[u8],
        words: &[impl AsRef<[u8]>],
        all_channels: bool,
    ) -> Result<Replaced, SetError> {
        let rules = self.rules(all_channels);
        let mut table = self.table.write();
        let before = table.get(name).cloned();
        let mut user = before.as_deref().map_or_else(|| User::new(name, rules), User::clone);
        user.apply_all(words, rules)?;
        let after = Arc::new(user);
        table.insert(name.into(), Arc::clone(&after));
        self.moved();
        Ok(Replaced { before, after })
    }

    /// `requirepass`: the password of the default user; none: it needs none.
    pub fn set_default_password(&self, password: Option<&[u8]>) {
        let add = password.map_or_else(|| b"nopass".to_vec(), |password| [b">", password].concat());
        self.set(DEFAULT_USER, &[&b"resetpass"[..], &add], false).expect("these are rules");
    }

    /// Deletes a user; not the default one. Tells whether there was one.
    pub fn delete(&self, name: &[u8]) -> bool {
        let mut table = self.table.write();
        let deleted = name != DEFAULT_USER && table.remove(name).is_some();
        if deleted {
            self.moved();
        }
        deleted
    }

    /// Puts other users in the place of all; a default user that isn't among them is as if nothing were configured.
    /// Returns those there were.
    pub fn replace(&self, mut users: Table) -> Table {
        let default = || Arc::new(User::default_user(self.rules(false)));
        users.entry(DEFAULT_USER.into()).or_insert_with(default);
        let mut table = self.table.write();
        let before = std::mem::replace(&mut *table, users);
        self.moved();
        before
    }

    /// To be called with the table locked for writing.
    fn moved(&self) {
        self.version.fetch_add(1, Ordering::Release);
    }
}

impl Replaced {
    /// The globs of the channels that the user may use now, if that is not at least all that was allowed before, as
    /// far as the rules themselves tell.
    pub fn narrowed_channels(&self) -> Option<Vec<Box<[u8]>>> {
        let before = self.before.as_ref()?;
        let after: Option<Vec<&[Box<[u8]>]>> =
            self.after.selectors().iter().map(|selector| selector.channels()).collect();
        // A selector that allows all channels leaves nothing to look at.
        let after = after?.concat();
        let is_kept = |globs: &[Box<[u8]>]| globs.iter().all(|glob| after.contains(glob));
        let all_kept = before.selectors().iter().all(|selector| selector.channels().is_some_and(is_kept));
        (!all_kept).then_some(after)
    }
}
