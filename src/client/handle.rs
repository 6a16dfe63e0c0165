//! The part of a connection that others see: what it is, what it does, and the ways to reach it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;

use super::limits::{ClientLimits, OUTPUT_FREE, OutputClass};
use super::outbox::Outbox;
use crate::acl::DEFAULT_USER;
use crate::base::clock;
use crate::keyspace::watch::WatchFlag;
use crate::pubsub::{Message, Subscriber, Way};
use crate::resp::Protocol;

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
        /// Not told of keys that it changes itself.
        const TRACKING_NOLOOP = 1 << 14;
        /// `R`: the client that takes its invalidations is gone.
        const TRACKING_BROKEN = 1 << 9;
        /// `B`: client-side caching in broadcast mode.
        const TRACKING_BCAST = 1 << 10;
        /// `c`: to be closed when its replies are written.
        const CLOSE_AFTER_REPLY = 1 << 11;
        /// `A`: to be closed as soon as possible.
        const CLOSE_ASAP = 1 << 12;
        /// Its task should give back its buffers.
        const RELEASE = 1 << 13;

        /// Those about client-side caching.
        const ANY_TRACKING = Self::TRACKING.bits()
            | Self::TRACKING_BROKEN.bits()
            | Self::TRACKING_BCAST.bits()
            | Self::TRACKING_NOLOOP.bits();
        /// Those whose silence is no reason to close.
        const MAY_BE_SILENT = Self::BLOCKED.bits() | Self::PUBSUB.bits() | Self::MONITOR.bits();
    }
}

/// Why the server ends a connection without waiting for its replies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Ending {
    /// CLIENT KILL.
    Killed = 1,
    /// Above `client-output-buffer-limit`.
    OutputLimit,
    /// Silent for longer than `timeout`.
    Idle,
    /// Among the largest when all clients together took too much.
    Evicted,
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
    /// The user.
    pub user: Box<[u8]>,
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
    /// When it last sent or took something, in monotonic ms.
    pub last_seen_ms: AtomicI64,
    /// The selected database.
    pub db: AtomicUsize,
    /// 2 or 3.
    pub resp: AtomicU8,
    /// The catalog number of the last command, `u32::MAX` before the first.
    pub last_command: AtomicU32,
    /// Bytes received.
    pub bytes_in: AtomicU64,
    /// Bytes sent by its own task.
    pub bytes_out: AtomicU64,
    /// The read buffer.
    pub query: QueryFigures,
    /// The reply buffer.
    pub reply: ReplyFigures,
    /// Subscribed channels, patterns, shard channels.
    pub subscriptions: [AtomicUsize; 3],
    /// Commands queued in MULTI, -1 outside.
    pub queued: AtomicI64,
    /// What it watches, if anything: what is raised when a key changes, and how many keys.
    pub watching: Mutex<Option<(Arc<WatchFlag>, usize)>>,
    /// Bytes of the commands queued in MULTI.
    pub transaction_bytes: AtomicUsize,
    /// Prefixes that it listens to for client-side caching.
    pub prefixes: AtomicUsize,
    /// The number of the client that takes its invalidations; 0: itself.
    pub redirect: AtomicU64,
    flags: AtomicU32,
    /// An [`Ending`]; 0 while it may live.
    ending: AtomicU8,
    /// Since when it has been above its soft output limit, in monotonic ms; 0 if it isn't.
    soft_since_ms: AtomicI64,
    /// Bytes that it counts for under `maxmemory-clients`.
    share: AtomicUsize,
    limits: Arc<ClientLimits>,
}

/// Figures of a read buffer, in bytes.
#[derive(Default)]
pub struct QueryFigures {
    /// Read and not yet run through.
    pub used: AtomicUsize,
    /// Those of `used` that are arguments of a request whose end hasn't come, with their headers.
    pub arguments: AtomicUsize,
    /// Free space behind that.
    pub free: AtomicUsize,
    /// The most that was used since somebody last looked whether the buffer is too large.
    pub peak: AtomicUsize,
}

/// Figures of a reply buffer, in bytes.
#[derive(Default)]
pub struct ReplyFigures {
    /// Waits for the peer to take it; 0 unless a write is blocked.
    pub unsent: AtomicUsize,
    /// Allocated.
    pub capacity: AtomicUsize,
    /// The most that was written at once lately.
    pub peak: AtomicUsize,
}

impl Client {
    pub(super) fn new(
        id: u64,
        (addr, laddr): (String, String),
        fd: i32,
        flags: ClientFlags,
        limits: Arc<ClientLimits>,
    ) -> Client {
        let now = clock::monotonic_ms();
        Client {
            id,
            addr,
            laddr,
            created_ms: now,
            fd,
            outbox: Outbox::default(),
            names: Mutex::new(Names { user: DEFAULT_USER.into(), ..Names::default() }),
            last_seen_ms: AtomicI64::new(now),
            db: AtomicUsize::new(0),
            resp: AtomicU8::new(2),
            last_command: AtomicU32::new(u32::MAX),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            query: QueryFigures::default(),
            reply: ReplyFigures::default(),
            subscriptions: [const { AtomicUsize::new(0) }; 3],
            queued: AtomicI64::new(-1),
            watching: Mutex::new(None),
            transaction_bytes: AtomicUsize::new(0),
            prefixes: AtomicUsize::new(0),
            redirect: AtomicU64::new(0),
            flags: AtomicU32::new(flags.bits()),
            ending: AtomicU8::new(0),
            soft_since_ms: AtomicI64::new(0),
            share: AtomicUsize::new(0),
            limits,
        }
    }

    /// Its flags at this moment.
    #[inline]
    pub fn flags(&self) -> ClientFlags {
        ClientFlags::from_bits_truncate(self.flags.load(Ordering::Relaxed))
    }

    /// How many keys it watches, and whether one of them has changed: then the others don't matter, and it is said to
    /// watch none.
    pub fn watched(&self) -> (usize, bool) {
        match &*self.watching.lock() {
            Some((flag, _)) if flag.is_raised() => (0, true),
            Some((_, count)) => (*count, false),
            None => (0, false),
        }
    }

    /// Sets or clears flags.
    pub fn set_flags(&self, flags: ClientFlags, on: bool) {
        if on {
            self.flags.fetch_or(flags.bits(), Ordering::Relaxed);
        } else {
            self.flags.fetch_and(!flags.bits(), Ordering::Relaxed);
        }
    }

    /// Has the connection closed as soon as its task notices, without writing what is pending. The first reason
    /// stays.
    pub fn end(&self, why: Ending) {
        self.set_flags(ClientFlags::CLOSE_ASAP, true);
        // Release: the task that sees the mark also sees the flag.
        let first = self.ending.compare_exchange(0, why as u8, Ordering::Release, Ordering::Relaxed);
        if first.is_ok() {
            self.outbox.close();
        }
    }

    /// Whether somebody has asked to close the connection.
    #[inline]
    pub fn is_ended(&self) -> bool {
        self.ending.load(Ordering::Acquire) != 0
    }

    /// Why it is to be closed, if it is.
    pub fn ending(&self) -> Option<Ending> {
        [Ending::Killed, Ending::OutputLimit, Ending::Idle, Ending::Evicted]
            .into_iter()
            .find(|&why| why as u8 == self.ending.load(Ordering::Acquire))
    }

    /// Whether it speaks RESP3.
    #[inline]
    pub fn is_resp3(&self) -> bool {
        self.resp.load(Ordering::Relaxed) == 3
    }

    /// Whether it is about to go: nothing that is sent to it now would be of use.
    pub fn is_leaving(&self) -> bool {
        self.flags().intersects(ClientFlags::CLOSE_AFTER_REPLY | ClientFlags::CLOSE_ASAP)
    }

    /// Sends it something behind what waits for it, and ends it if that is more than it may have waiting.
    pub fn push(&self, frame: Bytes) {
        let waiting = self.outbox.push(frame);
        self.check_waiting(waiting);
    }

    /// The same, but it may be written by the caller itself if the client waits with nothing to send.
    pub fn push_at_once(&self, frame: Bytes) {
        let waiting = self.outbox.write_or_push(frame);
        self.check_waiting(waiting);
    }

    fn check_waiting(&self, bytes: usize) {
        // The clock is read only for those who lag behind.
        if bytes > OUTPUT_FREE {
            self.check_output(clock::monotonic_ms());
            self.weigh();
        }
    }

    /// Whether its buffers count under `maxmemory-clients`.
    pub fn is_weighed(&self) -> bool {
        self.limits.memory.limit().is_some()
    }

    /// Notes its share under `maxmemory-clients`, if there is such a limit. Returns it in bytes.
    #[inline]
    pub fn weigh(&self) -> usize {
        if self.limits.memory.limit().is_none() || self.is_ended() {
            return 0;
        }
        let share = self.memory_bytes();
        self.set_share(share);
        share
    }

    /// Sets its share; to 0 when it goes.
    pub(super) fn set_share(&self, share: usize) {
        let old = self.share.swap(share, Ordering::Relaxed);
        if old != share {
            self.limits.memory.replace(old, share);
        }
    }

    /// Notes what was received, and how long the read buffer is now. Only its own task does.
    #[inline]
    pub fn received(&self, bytes: usize, buffered: usize) {
        self.last_seen_ms.store(clock::monotonic_ms(), Ordering::Relaxed);
        self.bytes_in.store(self.bytes_in.load(Ordering::Relaxed) + bytes as u64, Ordering::Relaxed);
        if buffered > self.query.peak.load(Ordering::Relaxed) {
            self.query.peak.store(buffered, Ordering::Relaxed);
        }
    }

    /// Notes what was sent at once. Only its own task does.
    #[inline]
    pub fn sent(&self, bytes: usize) {
        self.bytes_out.store(self.bytes_out.load(Ordering::Relaxed) + bytes as u64, Ordering::Relaxed);
        if bytes > self.reply.peak.load(Ordering::Relaxed) {
            self.reply.peak.store(bytes, Ordering::Relaxed);
        }
    }

    /// The class whose output limits hold for it.
    pub fn class(&self) -> OutputClass {
        let subscribed = self.flags().contains(ClientFlags::PUBSUB);
        if subscribed { OutputClass::Pubsub } else { OutputClass::Normal }
    }

    /// Bytes that wait for the peer to take them, unless they are few: what output limits count.
    pub fn output_bytes(&self) -> usize {
        let unsent = self.reply.unsent.load(Ordering::Relaxed) + self.outbox.bytes();
        if unsent > OUTPUT_FREE { unsent } else { 0 }
    }

    /// The most that may wait to be sent, in bytes, before its limits can end it; 0 if they can't.
    pub fn output_limit(&self) -> usize {
        let limit = self.limits.of(self.class());
        limit.hard_bytes.max(limit.soft_bytes) as usize
    }

    /// Ends the connection if more waits to be sent than its class may have, at once or for too long.
    pub fn check_output(&self, now_ms: i64) {
        self.check_bytes(self.output_bytes(), now_ms);
    }

    /// Ends the connection if what is about to be sent, with what waits behind it, is more than its class may
    /// have; tells whether it has been ended.
    #[inline]
    pub fn refuses_to_send(&self, bytes: usize) -> bool {
        let unsent = bytes + self.outbox.bytes();
        if unsent > OUTPUT_FREE {
            self.check_bytes(unsent, clock::monotonic_ms());
        }
        self.is_ended()
    }

    fn check_bytes(&self, used: usize, now_ms: i64) {
        let limit = self.limits.of(self.class());
        let above = |bytes: u64| bytes != 0 && used as u64 >= bytes;
        if above(limit.hard_bytes) {
            return self.end(Ending::OutputLimit);
        }
        if !above(limit.soft_bytes) {
            return self.soft_since_ms.store(0, Ordering::Relaxed);
        }
        match self.soft_since_ms.load(Ordering::Relaxed) {
            // 0 has a meaning of its own.
            0 => self.soft_since_ms.store(now_ms.max(1), Ordering::Relaxed),
            since if (now_ms - since) as u64 > limit.soft_seconds.saturating_mul(1000) => {
                self.end(Ending::OutputLimit);
            }
            _ => {}
        }
    }

    /// Whether it holds buffers that could be given back.
    pub(super) fn has_buffers(&self) -> bool {
        let query = self.query.free.load(Ordering::Relaxed);
        query > 0 || self.reply.capacity.load(Ordering::Relaxed) > 0
    }

    /// Whether its read buffer is large and less than half of it was needed since this was last asked.
    pub(super) fn has_outgrown_its_buffer(&self) -> bool {
        const LARGE: usize = 32 * 1024;
        let used = self.query.used.load(Ordering::Relaxed);
        let peak = self.query.peak.swap(used, Ordering::Relaxed);
        let capacity = used + self.query.free.load(Ordering::Relaxed);
        capacity > LARGE && peak < capacity / 2
    }

    pub(super) fn ask_to_release(&self) {
        self.set_flags(ClientFlags::RELEASE, true);
        self.outbox.wake();
    }

    /// Whether it came over loopback or the unix socket.
    pub fn is_local(&self) -> bool {
        let ip = self.addr.rsplit_once(':').map_or("", |(ip, _)| ip.trim_matches(['[', ']']));
        self.flags().contains(ClientFlags::UNIX_SOCKET)
            || ip.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
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

impl Subscriber for Client {
    fn id(&self) -> u64 {
        self.id
    }

    fn deliver(&self, message: &Message<'_>, way: Way) -> bool {
        let protocol = if self.is_resp3() { Protocol::Resp3 } else { Protocol::Resp2 };
        let frame = message.frame(protocol).clone();
        match way {
            Way::AtOnce => self.push_at_once(frame),
            Way::ByItself => self.push(frame),
            Way::Round => {
                let (waiting, is_first) = self.outbox.push_to_send(frame);
                self.check_waiting(waiting);
                return is_first;
            }
        }
        false
    }

    fn send(&self, buffer: &mut Vec<u8>) {
        self.outbox.send(buffer);
    }
}
