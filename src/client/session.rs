//! The state of one connection that its commands change. Its task owns it.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::handle::{Client, ClientFlags, Ending};
use super::monitors::Monitors;
use super::tracking::{Listeners, Tracking};
use super::transaction::{self, Transaction, Watch};
use crate::acl::{Change, DEFAULT_USER, Identity, User, Users};
use crate::config::Settings;
use crate::keyspace::Keyspace;
use crate::pubsub::{Broker, Kind, Subscriptions};
use crate::resp::Reply;

/// What CLIENT REPLY asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplyMode {
    /// Replies are sent.
    On,
    /// None until further notice.
    Off,
    /// None for the next command.
    SkipNext,
    /// None for the command that runs now.
    Skipping,
}

/// See the head of this file.
pub struct Session {
    /// What others see of the connection.
    pub client: Arc<Client>,
    /// The configuration as of the beginning of this turn.
    pub settings: Arc<Settings>,
    /// The selected database.
    pub db: usize,
    /// Who the client is.
    pub identity: Identity,
    /// Whether replies are sent.
    pub reply_mode: ReplyMode,
    /// Commands queued since MULTI.
    pub transaction: Option<Transaction>,
    /// What WATCH watches.
    pub watch: Watch,
    /// CLIENT NO-TOUCH.
    pub no_touch: bool,
    /// Which arguments of the running command are secrets.
    pub redacted: Vec<usize>,
    /// The time for all commands of the running transaction or script, in Unix us, once one has asked.
    pub frozen_us: Option<i64>,
    /// Whether more memory was used than `maxmemory` allows, and no key could go, when the running command was admitted:
    /// for scripts, which are not refused as a whole.
    pub out_of_memory: Cell<bool>,
    /// Whether the connection closes when its replies are written.
    pub closing: bool,
    /// The position of the journal behind the last change that the connection made.
    pub written: u64,
    /// Whether it replays the journal: nothing expires then, and nothing is refused.
    pub replays: bool,
    /// Whether the command that runs replies by pushes, which CLIENT REPLY doesn't silence.
    pub pushes: bool,
    /// Client-side caching; none: off.
    pub tracking: Option<Box<Tracking>>,
    /// Whether it is a monitor.
    pub monitors: bool,
    /// What it is subscribed to; none: it isn't a subscriber.
    subscriptions: Option<Box<Subscriptions>>,
}

impl Session {
    /// The session of a connection that has just been accepted.
    pub fn new(client: Arc<Client>, settings: Arc<Settings>, identity: Identity) -> Session {
        Session {
            client,
            settings,
            db: 0,
            identity,
            reply_mode: ReplyMode::On,
            transaction: None,
            watch: Watch::default(),
            no_touch: false,
            redacted: Vec::new(),
            frozen_us: None,
            out_of_memory: Cell::new(false),
            closing: false,
            written: 0,
            replays: false,
            pushes: false,
            tracking: None,
            monitors: false,
            subscriptions: None,
        }
    }

    /// Whether commands other than those of a connection's beginning need AUTH first. Who came when no password
    /// was asked for stays in when one is set.
    #[inline]
    pub fn must_authenticate(&self) -> bool {
        self.identity.must_authenticate()
    }

    /// Makes the client another user, who has shown a password.
    pub fn become_user(&mut self, user: Arc<User>) {
        self.client.names.lock().user = user.name().into();
        self.identity.become_user(user);
    }

    /// Makes the client nobody; it closes when its replies are written.
    pub fn lose_user(&mut self, users: &Users) {
        self.identity.forget(users);
        self.client.names.lock().user = DEFAULT_USER.into();
        self.closing = true;
    }

    /// Looks whether the client's user has changed; false if there is no such user any more: then the client ends.
    #[inline]
    pub fn follow_user(&mut self, users: &Users) -> bool {
        let lives = self.identity.refresh(users) != Change::Deleted;
        if !lives {
            self.client.end(Ending::Killed);
        }
        lives
    }

    /// Whether it speaks RESP3.
    #[inline]
    pub fn is_resp3(&self) -> bool {
        self.client.is_resp3()
    }

    /// Selects a database that is known to exist.
    pub fn select(&mut self, db: usize) {
        self.db = db;
        self.client.db.store(db, Ordering::Relaxed);
    }

    /// Begins a transaction.
    pub fn begin_transaction(&mut self) {
        self.transaction = Some(Transaction::default());
        transaction::mark(&self.client, true);
    }

    /// Ends the transaction, if there is one, and hands it over.
    pub fn end_transaction(&mut self) -> Option<Transaction> {
        let ended = self.transaction.take();
        if ended.is_some() {
            transaction::mark(&self.client, false);
        }
        ended
    }

    /// Stops watching; whoever calls this takes the keys' registrations back.
    pub fn end_watch(&mut self) -> Watch {
        if !self.watch.keys.is_empty() {
            *self.client.watching.lock() = None;
        }
        std::mem::take(&mut self.watch)
    }

    /// Whether the client has subscriptions.
    #[inline]
    pub fn is_subscribed(&self) -> bool {
        self.subscriptions.is_some()
    }

    /// Whether nothing special holds for its commands: its user may do everything, it is not within MULTI, no reads
    /// are remembered for it, and it gets their replies and nothing else.
    #[inline]
    pub fn is_plain(&self) -> bool {
        let unrestricted = self.identity.is_unrestricted() && !self.must_authenticate();
        let hears_replies = self.reply_mode == ReplyMode::On && !self.expects_pushes();
        unrestricted && hears_replies && self.transaction.is_none() && !self.replays
    }

    /// Whether others may send it something that has its place between replies.
    #[inline]
    pub fn expects_pushes(&self) -> bool {
        self.subscriptions.is_some() || self.tracking.is_some()
    }

    /// Ends client-side caching.
    pub fn end_tracking(&mut self, listeners: &Listeners, keyspace: &Keyspace) {
        self.client.set_flags(ClientFlags::ANY_TRACKING, false);
        for prefix in self.tracking.take().iter().flat_map(|tracking| &tracking.prefixes) {
            listeners.remove(keyspace, prefix, &self.client);
        }
    }

    /// A command has run: what CLIENT CACHING said holds for it, or for the transaction that it belongs to, unless it
    /// leaves that for the next one.
    pub fn used_caching(&mut self, keeps: bool) {
        if !keeps && self.transaction.is_none() {
            self.tracking.iter_mut().for_each(|tracking| tracking.caching = false);
        }
    }

    /// Ends being a monitor.
    pub fn end_monitoring(&mut self, monitors: &Monitors) {
        if std::mem::take(&mut self.monitors) {
            monitors.remove(&self.client);
        }
    }

    /// Changes what the client is subscribed to; what others see of it follows.
    pub fn subscriptions<R>(
        &mut self,
        broker: &Arc<Broker>,
        change: impl FnOnce(&mut Subscriptions) -> R,
    ) -> R {
        let subscriptions = self.subscriptions.get_or_insert_with(|| {
            let subscriber: Arc<Client> = Arc::clone(&self.client);
            Box::new(Subscriptions::new(Arc::clone(broker), subscriber))
        });
        let result = change(subscriptions);
        for (count, kind) in self.client.subscriptions.iter().zip(Kind::ALL) {
            count.store(subscriptions.len(kind), Ordering::Relaxed);
        }
        let subscribed = !subscriptions.is_empty();
        self.client.set_flags(ClientFlags::PUBSUB, subscribed);
        if !subscribed {
            self.subscriptions = None;
        }
        result
    }

    /// Goes back to how a connection begins, as RESET does, except for the library's name. What is in the outbox
    /// stays there.
    pub fn reset(&mut self, users: &Users) {
        self.select(0);
        self.identity = Identity::new(users);
        // Whose reply is being skipped goes without one, be it this very RESET.
        if self.reply_mode != ReplyMode::Skipping {
            self.reply_mode = ReplyMode::On;
        }
        self.no_touch = false;
        self.subscriptions = None;
        self.client.subscriptions.iter().for_each(|count| count.store(0, Ordering::Relaxed));
        let cleared = ClientFlags::PUBSUB | ClientFlags::NO_TOUCH | ClientFlags::NO_EVICT;
        self.client.set_flags(cleared, false);
        let mut names = self.client.names.lock();
        names.name.clear();
        names.user = DEFAULT_USER.into();
    }

    /// Moves what others have sent into the client's own reply, so that it stands before what follows.
    pub fn drain_outbox(&self, reply: &mut Reply) {
        for frame in self.client.outbox.take() {
            reply.raw(&frame);
        }
    }
}
