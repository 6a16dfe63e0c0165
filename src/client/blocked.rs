//! Clients blocked on keys: what each waits for, and who may end its waiting.
//!
//! A blocked client holds a ticket, registered with its keys in the keyspace. Whoever ends the waiting, a push
//! that serves it, its own timeout, CLIENT UNBLOCK, the end of its connection, claims it first; only one of them
//! can. The client's own task then takes the reply and takes its ticket back from the keys.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use dashmap::DashMap;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::handle::{Client, ClientFlags};
use super::request::OwnedRequest;
use crate::acl::Identity;
use crate::keyspace::Type;
use crate::resp::{Protocol, Reply};

/// What a client waits for.
pub struct Waiting {
    /// The database of its keys.
    pub db: usize,
    /// The protocol of its reply.
    pub protocol: Protocol,
    /// Who it is.
    pub identity: Identity,
    /// What it asked for, to be run again when a key is signalled.
    pub request: OwnedRequest,
    /// The catalog number of the command.
    pub command: usize,
    /// Whether what it reads is remembered for client-side caching.
    pub remembers: bool,
    /// The keys it waits for.
    pub keys: Vec<Vec<u8>>,
    /// The type that a key must have to be worth running the command.
    pub wants: Type,
    /// Whether it is also run when a key has gone or has another type: it then answers an error.
    pub wakes_on_loss: bool,
    /// Whether it gives up at some time.
    pub gives_up: bool,
    /// What it is answered then.
    pub timeout_reply: fn(&mut Reply),
}

/// One blocked client.
pub struct Blocked {
    /// Its place in the order of arrival.
    pub ticket: u64,
    /// Who it is.
    pub client: Arc<Client>,
    /// What it waits for.
    pub waits: Waiting,
    claimed: AtomicBool,
    answer: Mutex<Option<Vec<u8>>>,
    done: Notify,
}

impl Blocked {
    /// Takes the right to end the waiting; false if somebody else has it. Who may give it back, because the client's
    /// command may find nothing, claims with all shards of that command locked: so nobody else of that kind meets a
    /// claim that doesn't last.
    pub fn claim(&self) -> bool {
        // Acquire and release: whoever claims sees what an earlier holder did before giving the claim back.
        self.claimed.compare_exchange(false, true, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Gives the right back: there was nothing for the client.
    pub fn give_back(&self) {
        self.claimed.store(false, Ordering::Release);
    }

    /// Ends the waiting with the bytes of a reply. The caller has claimed it.
    pub fn answer(&self, reply: Vec<u8>) {
        *self.answer.lock() = Some(reply);
        self.done.notify_one();
    }

    /// Waits for [`Blocked::answer`].
    pub async fn answered(&self) -> Vec<u8> {
        loop {
            if let Some(answer) = self.answer.lock().take() {
                return answer;
            }
            self.done.notified().await;
        }
    }
}

/// All blocked clients.
#[derive(Default)]
pub struct BlockedClients {
    by_ticket: DashMap<u64, Arc<Blocked>>,
    next: AtomicU64,
    /// How many of them wake when a key is lost.
    on_loss: AtomicUsize,
}

impl BlockedClients {
    /// Registers a client under a new ticket.
    pub fn add(&self, client: &Arc<Client>, waits: Waiting) -> Arc<Blocked> {
        let ticket = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        client.set_flags(ClientFlags::BLOCKED, true);
        self.on_loss.fetch_add(waits.wakes_on_loss.into(), Ordering::Relaxed);
        let blocked = Arc::new(Blocked {
            ticket,
            client: Arc::clone(client),
            waits,
            claimed: AtomicBool::new(false),
            answer: Mutex::new(None),
            done: Notify::new(),
        });
        self.by_ticket.insert(ticket, Arc::clone(&blocked));
        blocked
    }

    /// Forgets a client; its own task does this, once.
    pub fn remove(&self, blocked: &Blocked) {
        if self.by_ticket.remove(&blocked.ticket).is_some() {
            self.on_loss.fetch_sub(blocked.waits.wakes_on_loss.into(), Ordering::Relaxed);
            blocked.client.set_flags(ClientFlags::BLOCKED, false);
        }
    }

    /// The client of a ticket.
    pub fn get(&self, ticket: u64) -> Option<Arc<Blocked>> {
        self.by_ticket.get(&ticket).map(|blocked| Arc::clone(&blocked))
    }

    /// The blocked client of a connection's number.
    pub fn of_client(&self, id: u64) -> Option<Arc<Blocked>> {
        self.by_ticket.iter().find(|blocked| blocked.client.id == id).map(|blocked| Arc::clone(&blocked))
    }

    /// How many of the clients give up at some time.
    pub fn impatient(&self) -> usize {
        self.by_ticket.iter().filter(|blocked| blocked.waits.gives_up).count()
    }

    /// How many keys somebody is blocked on, and how many of those somebody who wakes when they are lost.
    pub fn keys(&self) -> (usize, usize) {
        let (mut all, mut lossy) = (HashSet::new(), HashSet::new());
        for blocked in &self.by_ticket {
            let keys = blocked.waits.keys.iter().map(|key| (blocked.waits.db, key.clone()));
            if blocked.waits.wakes_on_loss {
                lossy.extend(keys.clone());
            }
            all.extend(keys);
        }
        (all.len(), lossy.len())
    }

    /// Whether anybody wakes when a key is lost.
    pub fn any_on_loss(&self) -> bool {
        self.on_loss.load(Ordering::Relaxed) != 0
    }
}
