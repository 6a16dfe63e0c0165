//! The registry of all connections and the part of each that others see.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use dashmap::DashMap;
use parking_lot::Mutex;

use super::outbox::Outbox;
use crate::base::clock;

bitflags::bitflags! {
    /// What a connection is or does at the moment, as the letters of CLIENT LIST tell it.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct ClientFlags: u32 {
        /// `x`: in MULTI.
        const MULTI = 1;
        /// `b`: blocked.
        const BLOCKED = 1 << 1;
        /// `P`: has subscriptions.
        const PUBSUB = 1 << 2;
        /// `O`: MONITOR.
        const MONITOR = 1 << 3;
        /// `U`: by the unix socket.
        const UNIX_SOCKET = 1 << 4;
        /// `e`: its buffers are never evicted.
        const NO_EVICT = 1 << 5;
        /// `T`: doesn't touch access clocks.
        const NO_TOUCH = 1 << 6;
        /// `d`: a watched key was changed.
        const DIRTY_CAS = 1 << 7;
        /// `t`: client-side caching.
        const TRACKING = 1 << 8;
        /// `R`: the client that takes its invalidations is gone.
        const TRACKING_BROKEN = 1 << 9;
        /// `B`: client-side caching in broadcast mode.
        const TRACKING_BCAST = 1 << 10;
        /// `c`: to be closed when its replies are written.
        const CLOSE_AFTER_REPLY = 1 << 11;
        /// `A`: to be closed as soon as possible.
        const CLOSE_ASAP = 1 << 12;
    }
}

/// The part of a connection that others see. Its figures are written by the connection's own task with relaxed
/// stores; each is looked at by itself.
pub struct Client {
    /// Unique number, ascending in the order of connecting.
    pub id: u64,
    /// The peer: `ip:port`, or the path of the unix socket with `:0`.
    pub addr: String,
    /// Our end of the connection.
    pub laddr: String,
    /// When it connected, in monotonic ms.
    pub created_ms: i64,
    /// The file descriptor, for CLIENT LIST.
    pub fd: i32,
    /// What others have for it.
    pub outbox: Outbox,
    /// Name and library, as the client told them.
    pub names: Mutex<Names>,
    /// When it last sent something, in monotonic ms.
    pub last_seen_ms: AtomicI64,
    /// The selected database.
    pub db: AtomicUsize,
    /// 2 or 3.
    pub resp: AtomicU8,
    /// The catalog number of the last command, `u32::MAX` before the first.
    pub last_command: AtomicU32,
    /// Bytes received.
    pub bytes_in: AtomicU64,
    /// Bytes sent.
    pub bytes_out: AtomicU64,
    /// Bytes in the read buffer, and its free space.
    pub query_buffer: (AtomicUsize, AtomicUsize),
    /// Bytes of replies not written yet, and the capacity of their buffer.
    pub reply_buffer: (AtomicUsize, AtomicUsize),
    /// Subscribed channels, patterns, shard channels.
    pub subscriptions: [AtomicUsize; 3],
    /// Commands queued in MULTI, -1 outside; and keys watched.
    pub transaction: (AtomicI64, AtomicUsize),
    flags: AtomicU32,
    killed: AtomicBool,
}

/// How a client calls itself.
#[derive(Default, Clone)]
pub struct Names {
    /// CLIENT SETNAME.
    pub name: String,
    /// CLIENT SETINFO LIB-NAME.
    pub lib_name: String,
    /// CLIENT SETINFO LIB-VER.
    pub lib_ver: String,
    /// The authenticated user.
    pub user: String,
}

impl Client {
    /// Its flags at this moment.
    pub fn flags(&self) -> ClientFlags {
        ClientFlags::from_bits_truncate(self.flags.load(Ordering::Relaxed))
    }

    /// Sets or clears flags.
    pub fn set_flags(&self, flags: ClientFlags, on: bool) {
        if on {
            self.flags.fetch_or(flags.bits(), Ordering::Relaxed);
        } else {
            self.flags.fetch_and(!flags.bits(), Ordering::Relaxed);
        }
    }

    /// Has the connection closed as soon as its task notices, without writing what is pending.
    pub fn kill(&self) {
        self.set_flags(ClientFlags::CLOSE_ASAP, true);
        // Release: the task that sees the mark also sees why.
        self.killed.store(true, Ordering::Release);
        self.outbox.wake();
    }

    /// Whether somebody has asked to close the connection.
    #[inline]
    pub fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Acquire)
    }

    /// Whether it came over loopback or the unix socket.
    pub fn is_local(&self) -> bool {
        let ip = self.addr.rsplit_once(':').map_or("", |(ip, _)| ip.trim_matches(['[', ']']));
        self.flags().contains(ClientFlags::UNIX_SOCKET)
            || ip.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
    }

    /// Bytes it holds here: buffers and what it has not taken yet.
    pub fn memory_bytes(&self) -> usize {
        let buffers = [&self.query_buffer.0, &self.query_buffer.1, &self.reply_buffer.1];
        let buffers: usize = buffers.iter().map(|bytes| bytes.load(Ordering::Relaxed)).sum();
        size_of::<Client>() + buffers + self.outbox.pending().0
    }

    /// Seconds since it connected.
    pub fn age_seconds(&self) -> i64 {
        (clock::monotonic_ms() - self.created_ms) / 1000
    }

    /// Seconds since it last sent something.
    pub fn idle_seconds(&self) -> i64 {
        ((clock::monotonic_ms() - self.last_seen_ms.load(Ordering::Relaxed)) / 1000).max(0)
    }
}

/// All connections.
#[derive(Default)]
pub struct Registry {
    clients: DashMap<u64, Arc<Client>>,
    next_id: AtomicU64,
    count: AtomicUsize,
}

impl Registry {
    /// Registers a connection.
    pub fn add(&self, addr: String, laddr: String, fd: i32, flags: ClientFlags) -> Arc<Client> {
        let now = clock::monotonic_ms();
        let client = Arc::new(Client {
            id: self.next_id.fetch_add(1, Ordering::Relaxed) + 1,
            addr,
            laddr,
            created_ms: now,
            fd,
            outbox: Outbox::default(),
            names: Mutex::new(Names { user: "default".to_owned(), ..Names::default() }),
            last_seen_ms: AtomicI64::new(now),
            db: AtomicUsize::new(0),
            resp: AtomicU8::new(2),
            last_command: AtomicU32::new(u32::MAX),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            query_buffer: (AtomicUsize::new(0), AtomicUsize::new(0)),
            reply_buffer: (AtomicUsize::new(0), AtomicUsize::new(0)),
            subscriptions: [const { AtomicUsize::new(0) }; 3],
            transaction: (AtomicI64::new(-1), AtomicUsize::new(0)),
            flags: AtomicU32::new(flags.bits()),
            killed: AtomicBool::new(false),
        });
        self.clients.insert(client.id, Arc::clone(&client));
        self.count.fetch_add(1, Ordering::Relaxed);
        client
    }

    /// Forgets a connection.
    pub fn remove(&self, id: u64) {
        if self.clients.remove(&id).is_some() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
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
}
