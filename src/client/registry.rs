//! The registry of all connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use dashmap::DashMap;
use parking_lot::Mutex;

use super::handle::{Client, ClientFlags, Ending};
use super::limits::{ClientLimits, OutputClass};
use crate::base::clock;

/// How long a client may be silent before its buffers are given back, in ms.
const BUFFERS_KEPT_MS: i64 = 2000;

/// All connections.
#[derive(Default)]
pub struct Registry {
    clients: DashMap<u64, Arc<Client>>,
    next_id: AtomicU64,
    count: AtomicUsize,
    /// Their limits.
    pub limits: Arc<ClientLimits>,
    /// Held by who evicts: two at once would end more than they have to.
    evicting: Mutex<()>,
}

impl Registry {
    /// Registers a connection.
    pub fn add(&self, addr: String, laddr: String, fd: i32, flags: ClientFlags) -> Arc<Client> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed) + 1;
        let client = Arc::new(Client::new(id, (addr, laddr), fd, flags, Arc::clone(&self.limits)));
        self.clients.insert(client.id, Arc::clone(&client));
        self.count.fetch_add(1, Ordering::Relaxed);
        client
    }

    /// Forgets a connection.
    pub fn remove(&self, id: u64) {
        if let Some((_, client)) = self.clients.remove(&id) {
            self.count.fetch_sub(1, Ordering::Relaxed);
            client.set_share(0);
        }
    }

    /// Ends a connection: it is forgotten at once and closed as soon as its task notices, without being sent
    /// what is pending.
    pub fn kill(&self, client: &Client) {
        client.end(Ending::Killed);
        self.remove(client.id);
    }

    /// If all clients together take more than `maxmemory-clients`: ends the largest until they don't, and returns
    /// those. They are forgotten at once.
    #[inline]
    pub fn evict(&self) -> Vec<Arc<Client>> {
        if self.limits.memory.is_exceeded() { self.evict_largest() } else { Vec::new() }
    }

    /// Weighs all clients, so that `maxmemory-clients` holds for those who do nothing too.
    pub fn weigh(&self) {
        if self.limits.memory.limit().is_some() {
            self.for_each(|client| _ = client.weigh());
        }
    }

    #[cold]
    fn evict_largest(&self) -> Vec<Arc<Client>> {
        let _one_at_a_time = self.evicting.lock();
        let memory = &self.limits.memory;
        let mut clients: Vec<_> = self.all().into_iter().map(|client| (client.weigh(), client)).collect();
        let mut sum: usize = clients.iter().map(|(share, _)| share).sum();
        clients.sort_by_key(|(share, _)| std::cmp::Reverse(*share));
        let may_go = |client: &Client| {
            !client.flags().contains(ClientFlags::NO_EVICT) && client.class() != OutputClass::Replica
        };
        let mut evicted = Vec::new();
        for (share, client) in clients {
            if memory.limit().is_none_or(|limit| sum < limit) {
                return evicted;
            }
            if share > 0 && may_go(&client) {
                client.end(Ending::Evicted);
                self.remove(client.id);
                sum -= share;
                evicted.push(client);
            }
        }
        if memory.limit().is_some_and(|limit| sum >= limit) && memory.resign() {
            tracing::warn!("Over client maxmemory after evicting all evictable clients");
        }
        evicted
    }

    /// A connection by its number.
    pub fn get(&self, id: u64) -> Option<Arc<Client>> {
        self.clients.get(&id).map(|client| Arc::clone(&client))
    }

    /// How many connections there are.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether nobody is connected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Looks at all connections, in no order.
    pub fn for_each(&self, mut look: impl FnMut(&Client)) {
        self.clients.iter().for_each(|client| look(&client));
    }

    /// All connections, in the order of connecting.
    pub fn all(&self) -> Vec<Arc<Client>> {
        let mut all: Vec<_> = self.clients.iter().map(|client| Arc::clone(&client)).collect();
        all.sort_unstable_by_key(|client| client.id);
        all
    }

    /// What time does to clients: ends those silent for longer than `timeout_ms` (0: never) and those above their
    /// soft output limit for too long, and has the silent ones give back their buffers, unless those are kept.
    pub fn tend(&self, timeout_ms: i64, keep_buffers: bool) {
        let now = clock::monotonic_ms();
        for client in &self.clients {
            let silent = now - client.last_seen_ms.load(Ordering::Relaxed);
            if timeout_ms > 0 && silent > timeout_ms && !client.flags().intersects(ClientFlags::MAY_BE_SILENT)
            {
                client.end(Ending::Idle);
            } else {
                client.check_output(now);
                let idle = silent > BUFFERS_KEPT_MS && client.has_buffers();
                if !keep_buffers && (idle || client.has_outgrown_its_buffer()) {
                    client.ask_to_release();
                }
            }
        }
    }
}
