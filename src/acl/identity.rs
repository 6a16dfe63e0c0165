//! Who a connection is: its user, and whether it has shown that.

use std::sync::Arc;

use super::DEFAULT_USER;
use super::user::User;
use super::users::Users;

/// The user of one session, held so that reading it takes no lock; see the head of the folder.
#[derive(Clone)]
pub struct Identity {
    user: Arc<User>,
    /// Whether the user may do everything: what every command asks.
    unrestricted: bool,
    /// Whether it has authenticated, or began when that wasn't asked for.
    authenticated: bool,
    /// Whether the default user needs no password: then nobody must authenticate.
    open: bool,
    /// Of the users when this was read.
    version: u64,
    /// Whether it stays who it is, whatever becomes of the users: the server itself, and nobody.
    fixed: bool,
}

/// What a look at the users came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Nothing has changed.
    None,
    /// Something may have.
    Refreshed,
    /// The user has been deleted: the connection must end, and is nobody's now.
    Deleted,
}

impl Identity {
    /// Of a connection that begins.
    pub fn new(users: &Users) -> Identity {
        // The version first: users that are newer than it only cost one look too many.
        let version = users.version();
        let user = users.default_user();
        let open = is_open(&user);
        let unrestricted = user.is_unrestricted();
        Identity { user, unrestricted, authenticated: open, open, version, fixed: false }
    }

    /// The server itself: it may do everything.
    pub fn server(users: &Users) -> Identity {
        let user = Arc::new(User::default_user(users.rules(false)));
        let version = users.version();
        Identity { user, unrestricted: true, authenticated: true, open: true, version, fixed: true }
    }

    /// Who it is.
    pub fn user(&self) -> &Arc<User> {
        &self.user
    }

    /// Whether it may do everything.
    #[inline]
    pub fn is_unrestricted(&self) -> bool {
        self.unrestricted
    }

    /// Whether it has authenticated, or didn't have to when it began.
    pub fn is_authenticated(&self) -> bool {
        self.authenticated
    }

    /// Whether commands other than those of a connection's beginning need AUTH first.
    #[inline]
    pub fn must_authenticate(&self) -> bool {
        !self.authenticated && !self.open
    }

    /// Becomes another user, who has shown a password.
    pub fn become_user(&mut self, user: Arc<User>) {
        self.unrestricted = user.is_unrestricted();
        self.user = user;
        self.authenticated = true;
    }

    /// Becomes nobody, who may do nothing, for the little that is left of the connection.
    pub fn forget(&mut self, users: &Users) {
        let nobody = Arc::new(User::new(DEFAULT_USER, users.rules(false)));
        *self = Identity { user: nobody, unrestricted: false, authenticated: false, fixed: true, ..*self };
    }

    /// Looks whether the users have changed, and follows. One load if not.
    #[inline]
    pub fn refresh(&mut self, users: &Users) -> Change {
        if self.version == users.version() { Change::None } else { self.follow(users) }
    }

    #[cold]
    fn follow(&mut self, users: &Users) -> Change {
        self.version = users.version();
        if self.fixed {
            return Change::None;
        }
        self.open = is_open(&users.default_user());
        match users.get(self.user.name()) {
            Some(user) => {
                self.unrestricted = user.is_unrestricted();
                self.user = user;
                Change::Refreshed
            }
            None => {
                self.forget(users);
                Change::Deleted
            }
        }
    }
}

/// Whether a connection that begins is this user without AUTH.
fn is_open(user: &User) -> bool {
    debug_assert_eq!(user.name(), DEFAULT_USER);
    user.needs_no_password() && user.is_enabled()
}
