//! The state of one connection that its commands change. Its task owns it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::registry::{Client, ClientFlags};
use super::transaction::{self, Transaction, Watch};
use crate::config::Settings;
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
    /// Whether the client may run commands that need a user.
    pub authenticated: bool,
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
}

impl Session {
    /// The session of a connection that has just been accepted.
    pub fn new(client: Arc<Client>, settings: Arc<Settings>, authenticated: bool) -> Session {
        Session {
            client,
            settings,
            db: 0,
            authenticated,
            reply_mode: ReplyMode::On,
            transaction: None,
            watch: Watch::default(),
            no_touch: false,
            redacted: Vec::new(),
        }
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
        self.client.transaction.1.store(0, Ordering::Relaxed);
        std::mem::take(&mut self.watch)
    }

    /// Whether the client has subscriptions.
    pub fn is_subscribed(&self) -> bool {
        self.client.flags().contains(ClientFlags::PUBSUB)
    }

    /// Moves what others have sent into the client's own reply, so that it stands before what follows.
    pub fn drain_outbox(&self, reply: &mut Reply) {
        for frame in self.client.outbox.take() {
            reply.raw(&frame);
        }
    }
}
