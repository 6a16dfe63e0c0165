//! Client-side caching: telling clients that what they remember is no longer true.
//!
//! ```text
//!   a command reads ──▶ keyspace: Tracked (key → readers)          CLIENT TRACKING ON BCAST ──▶ Listeners
//!                            │ a change takes the readers out                                  (prefix → clients)
//!                            ▼                                                                      │
//!   Effects::stale ──▶ after unlocking: invalidate ──▶ who? ◀───────────────────────────────────────┘
//!                                                       │ the client itself, or the one it redirects to
//!                                                       ▼
//!                                          its outbox ──▶ behind the reply that is being written
//! ```
//!
//! **Who decides.** A connection's [`Tracking`] belongs to its own task and says whether its next read is entered
//! in the table (see `keyspace::track`). What others need to know of it stands in its [`Client`]: the flags and the
//! redirection. A reader in the table is only a number: whether that client still tracks is asked when it matters.
//!
//! **Which message.** RESP3 has pushes: `invalidate` with the keys, or with a null for all of them. In RESP2 only a
//! subscriber can be told, one to whom another client redirects: it gets a message of the channel
//! `__redis__:invalidate`. One message is encoded at most once for each of the two forms.
//!
//! **When.** The message is in the outbox before the writer's reply leaves. An outbox is emptied between replies,
//! never within one, so a client that changes its own keys hears of it behind its reply, and of an eviction that
//! its command made necessary before it.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::RwLock;

use super::handle::{Client, ClientFlags};
use super::registry::Registry;
use crate::keyspace::{Keyspace, Stale};
use crate::resp::{Protocol, Reply};

/// Where subscribers that speak RESP2 are told.
const CHANNEL: &[u8] = b"__redis__:invalidate";

/// Which reads of a client are remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrackingMode {
    /// All.
    All,
    /// Those after CLIENT CACHING YES.
    OptIn,
    /// Those that CLIENT CACHING NO doesn't precede.
    OptOut,
    /// None: it hears of all keys with its prefixes.
    Broadcast,
}

/// What a connection that tracks knows of it.
pub struct Tracking {
    /// Which reads are remembered.
    pub mode: TrackingMode,
    /// Whether CLIENT CACHING was given for the next command or transaction.
    pub caching: bool,
    /// Its prefixes in broadcast mode.
    pub prefixes: BTreeSet<Box<[u8]>>,
}

impl Tracking {
    /// The state of a client that begins to track.
    pub fn new(mode: TrackingMode) -> Tracking {
        Tracking { mode, caching: false, prefixes: BTreeSet::new() }
    }

    /// Whether the keys that are read now are remembered.
    pub fn remembers(&self) -> bool {
        match self.mode {
            TrackingMode::All => true,
            TrackingMode::OptIn => self.caching,
            TrackingMode::OptOut => !self.caching,
            TrackingMode::Broadcast => false,
        }
    }
}

/// The clients in broadcast mode, by the prefixes of the keys that they want to hear of.
#[derive(Default)]
pub struct Listeners {
    table: RwLock<Table>,
    /// How many prefixes there are; written with the table locked.
    prefixes: AtomicUsize,
}

#[derive(Default)]
struct Table {
    clients: HashMap<Box<[u8]>, Vec<Arc<Client>>>,
    /// The lengths of the prefixes and how many have each: so many look-ups does a key cost.
    lengths: BTreeMap<usize, usize>,
}

impl Listeners {
    /// How many prefixes somebody listens to.
    pub fn prefixes(&self) -> usize {
        self.prefixes.load(Ordering::Relaxed)
    }

    /// Has a client hear of the keys with a prefix that it doesn't listen to yet.
    pub fn add(&self, keyspace: &Keyspace, prefix: &[u8], client: &Arc<Client>) {
        let mut table = self.table.write();
        if let Some(clients) = table.clients.get_mut(prefix) {
            return clients.push(Arc::clone(client));
        }
        table.clients.insert(prefix.into(), vec![Arc::clone(client)]);
        *table.lengths.entry(prefix.len()).or_default() += 1;
        self.count(keyspace, &table);
    }

    /// Ends that.
    pub fn remove(&self, keyspace: &Keyspace, prefix: &[u8], client: &Client) {
        let mut table = self.table.write();
        let Some(clients) = table.clients.get_mut(prefix) else { return };
        clients.retain(|other| other.id != client.id);
        if !clients.is_empty() {
            return;
        }
        table.clients.remove(prefix);
        if let Some(count) = table.lengths.get_mut(&prefix.len()) {
            *count -= 1;
        }
        table.lengths.retain(|_, count| *count > 0);
        self.count(keyspace, &table);
    }

    fn count(&self, keyspace: &Keyspace, table: &Table) {
        self.prefixes.store(table.clients.len(), Ordering::Relaxed);
        keyspace.broadcast_changes(!table.clients.is_empty());
    }

    /// Tells all who want to hear of it that keys have changed, or are not tracked any longer.
    pub fn invalidate(&self, clients: &Registry, stale: &[Stale]) {
        for key in stale.iter().filter(|key| !key.readers.is_empty()) {
            let keys = [&*key.key];
            let message = Invalidation::of(Some(&keys));
            for reader in key.readers.iter().filter_map(|&id| clients.get(id)) {
                let flags = reader.flags();
                let own = key.by == reader.id && flags.contains(ClientFlags::TRACKING_NOLOOP);
                let broadcast = flags.contains(ClientFlags::TRACKING_BCAST);
                if flags.contains(ClientFlags::TRACKING) && !broadcast && !own {
                    message.send(clients, &reader);
                }
            }
        }
        if self.prefixes() > 0 {
            self.broadcast(clients, stale);
        }
    }

    /// Tells each listener in one message per prefix. Of changes to the same key the last one counts.
    fn broadcast(&self, clients: &Registry, stale: &[Stale]) {
        let table = self.table.read();
        let mut changes: BTreeMap<&[u8], BTreeMap<&[u8], u64>> = BTreeMap::new();
        for Stale { key, by, .. } in stale.iter().filter(|key| key.changed) {
            for &len in table.lengths.keys().take_while(|&&len| len <= key.len()) {
                if let Some((prefix, _)) = table.clients.get_key_value(&key[..len]) {
                    changes.entry(prefix).or_default().insert(key, *by);
                }
            }
        }
        for (prefix, changed) in changes {
            let keys: Vec<&[u8]> = changed.keys().copied().collect();
            let message = Invalidation::of(Some(&keys));
            for client in &table.clients[prefix] {
                let noloop = client.flags().contains(ClientFlags::TRACKING_NOLOOP);
                if !noloop || changed.values().all(|by| *by != client.id) {
                    message.send(clients, client);
                    continue;
                }
                let by_others = changed.iter().filter(|(_, by)| **by != client.id);
                let keys: Vec<&[u8]> = by_others.map(|(key, _)| *key).collect();
                if !keys.is_empty() {
                    Invalidation::of(Some(&keys)).send(clients, client);
                }
            }
        }
    }

    /// Tells all who track that every key may have changed.
    pub fn invalidate_all(&self, clients: &Registry) {
        let message = Invalidation::of(None);
        let tracks = |client: &Arc<Client>| client.flags().contains(ClientFlags::TRACKING);
        clients.all().iter().filter(|client| tracks(client)).for_each(|client| message.send(clients, client));
    }
}

/// A message about some keys, or about all, and its encodings once they are needed.
struct Invalidation<'a> {
    keys: Option<&'a [&'a [u8]]>,
    resp2: OnceCell<Bytes>,
    resp3: OnceCell<Bytes>,
}

impl<'a> Invalidation<'a> {
    /// About these keys; none: about all.
    fn of(keys: Option<&'a [&'a [u8]]>) -> Invalidation<'a> {
        Invalidation { keys, resp2: OnceCell::new(), resp3: OnceCell::new() }
    }

    /// Sends it to a client that tracks, or where that client redirects it to.
    fn send(&self, clients: &Registry, tracker: &Client) {
        let redirect = tracker.redirect.load(Ordering::Relaxed);
        if redirect == 0 {
            if tracker.is_resp3() {
                tracker.push(self.frame(Protocol::Resp3).clone());
            }
            return;
        }
        match clients.get(redirect).filter(|target| !target.is_leaving()) {
            Some(target) if target.is_resp3() => target.push(self.frame(Protocol::Resp3).clone()),
            Some(target) if target.flags().contains(ClientFlags::PUBSUB) => {
                target.push(self.frame(Protocol::Resp2).clone());
            }
            Some(_) => {}
            None => {
                tracker.set_flags(ClientFlags::TRACKING_BROKEN, true);
                if tracker.is_resp3() {
                    tracker.push(broken(redirect));
                }
            }
        }
    }

    fn frame(&self, protocol: Protocol) -> &Bytes {
        let frame = if protocol == Protocol::Resp3 { &self.resp3 } else { &self.resp2 };
        frame.get_or_init(|| self.encode(protocol))
    }

    fn encode(&self, protocol: Protocol) -> Bytes {
        let mut reply = Reply::new(protocol);
        let keys = self.keys.unwrap_or_default();
        reply.reserve(keys.iter().map(|key| key.len() + 16).sum::<usize>() + 64);
        if protocol == Protocol::Resp3 {
            reply.push(2);
            reply.bulk(b"invalidate");
        } else {
            reply.array(3);
            reply.bulk(b"message");
            reply.bulk(CHANNEL);
        }
        if self.keys.is_none() {
            reply.null();
        } else {
            reply.array(keys.len());
            keys.iter().for_each(|key| reply.bulk(key));
        }
        Bytes::from(reply.take())
    }
}

/// Tells a client that the one it redirects to is gone.
fn broken(redirect: u64) -> Bytes {
    let mut reply = Reply::new(Protocol::Resp3);
    reply.push(2);
    reply.bulk(b"tracking-redir-broken");
    reply.int(redirect as i64);
    Bytes::from(reply.take())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stale(key: &str, by: u64, readers: &[u64]) -> Stale {
        Stale { key: key.as_bytes().into(), by, readers: readers.into(), changed: true }
    }

    fn client(registry: &Registry, flags: ClientFlags) -> Arc<Client> {
        let client = registry.add(String::new(), String::new(), 0, ClientFlags::TRACKING | flags);
        client.resp.store(3, Ordering::Relaxed);
        client
    }

    fn received(client: &Client) -> Vec<String> {
        let text = |frame: Bytes| String::from_utf8_lossy(&frame).replace("\r\n", " ");
        client.outbox.take().into_iter().map(text).collect()
    }

    #[test]
    fn readers_hear_of_their_keys_unless_they_changed_them_themselves() {
        let (registry, listeners) = (Registry::default(), Listeners::default());
        let quiet = client(&registry, ClientFlags::TRACKING_NOLOOP);
        let other = client(&registry, ClientFlags::empty());
        listeners.invalidate(&registry, &[stale("k", quiet.id, &[quiet.id, other.id, 99])]);
        assert_eq!(received(&quiet), [""; 0]);
        assert_eq!(received(&other), [">2 $10 invalidate *1 $1 k "]);
        other.set_flags(ClientFlags::TRACKING, false);
        listeners.invalidate(&registry, &[stale("k", 0, &[quiet.id, other.id])]);
        assert_eq!((received(&quiet).len(), received(&other).len()), (1, 0));
        listeners.invalidate_all(&registry);
        assert_eq!(received(&quiet), [">2 $10 invalidate _ "]);
    }

    #[test]
    fn redirection_reaches_subscribers_or_is_broken() {
        let (registry, listeners) = (Registry::default(), Listeners::default());
        let tracker = client(&registry, ClientFlags::empty());
        let target = registry.add(String::new(), String::new(), 0, ClientFlags::empty());
        tracker.redirect.store(target.id, Ordering::Relaxed);
        let change = [stale("k", 0, &[tracker.id])];
        listeners.invalidate(&registry, &change);
        assert_eq!(received(&target), [""; 0]);
        target.set_flags(ClientFlags::PUBSUB, true);
        listeners.invalidate(&registry, &change);
        listeners.invalidate_all(&registry);
        let begin = "*3 $7 message $20 __redis__:invalidate ";
        assert_eq!(received(&target), [format!("{begin}*1 $1 k "), format!("{begin}$-1 ")]);
        registry.remove(target.id);
        listeners.invalidate(&registry, &change);
        assert_eq!(received(&tracker), [format!(">2 $21 tracking-redir-broken :{} ", target.id)]);
        assert!(tracker.flags().contains(ClientFlags::TRACKING_BROKEN));
    }

    #[test]
    fn listeners_hear_of_prefixes_once_per_batch() {
        let (registry, listeners, keyspace) =
            (Registry::default(), Listeners::default(), Keyspace::new(1, 1, 1));
        let all = client(&registry, ClientFlags::TRACKING_BCAST);
        let some = client(&registry, ClientFlags::TRACKING_BCAST | ClientFlags::TRACKING_NOLOOP);
        listeners.add(&keyspace, b"", &all);
        listeners.add(&keyspace, b"a:", &some);
        listeners.add(&keyspace, b"b:", &some);
        assert_eq!(listeners.prefixes(), 3);
        let batch =
            [stale("a:2", 0, &[]), stale("a:1", some.id, &[]), stale("c", 0, &[]), stale("a:2", 0, &[])];
        listeners.invalidate(&registry, &batch);
        assert_eq!(received(&all), [">2 $10 invalidate *3 $3 a:1 $3 a:2 $1 c "]);
        assert_eq!(received(&some), [">2 $10 invalidate *1 $3 a:2 "]);
        [&b"a:"[..], b"b:"].iter().for_each(|prefix| listeners.remove(&keyspace, prefix, &some));
        listeners.invalidate(&registry, &batch[..1]);
        assert_eq!((listeners.prefixes(), received(&all).len(), received(&some).len()), (1, 1, 0));
    }
}
