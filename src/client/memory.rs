//! `maxmemory-clients`: what all clients take together, and when some of them have to go.
//!
//! Each client has a share, noted by its own task when its buffers change and by others when they have much for it.
//! The sum of the shares only tells when to look: then the registry weighs all clients anew and ends the largest until
//! the rest takes less than the limit. Without a limit nothing is noted.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use crate::base::clock;
use crate::config::{ClientsMemory, Settings};

/// Less isn't enough to talk to a server, in bytes: smaller limits are taken for this one.
const LEAST: u64 = 128 << 10;
/// After everybody went who may, and it was not enough, it is looked again after so many ms.
const RESIGNED_MS: i64 = 100;

/// The limit and the sum. Relaxed accesses: a change that is seen a moment later is acted on a moment later.
#[derive(Default)]
pub struct ClientMemory {
    /// In bytes; 0 for none.
    limit: AtomicUsize,
    /// Of all shares, in bytes, modulo 2^64. Clients that go while others weigh them can leave it wrong for a while;
    /// weighing everybody sets it right.
    sum: AtomicUsize,
    /// Nobody can go before this monotonic ms.
    resigned_until: AtomicI64,
}

impl ClientMemory {
    /// Takes over the settings.
    pub(super) fn set_limit(&self, settings: &Settings) {
        let bytes = match settings.clients.maxmemory_clients {
            ClientsMemory::Bytes(bytes) => bytes,
            ClientsMemory::PercentOfMaxmemory(share) => {
                (u128::from(settings.memory.maxmemory) * u128::from(share) / 100) as u64
            }
        };
        let limit = if bytes == 0 { 0 } else { bytes.max(LEAST) };
        self.limit.store(limit as usize, Ordering::Relaxed);
        self.resigned_until.store(0, Ordering::Relaxed);
    }

    /// In bytes; none if there is no limit.
    #[inline]
    pub(super) fn limit(&self) -> Option<usize> {
        Some(self.limit.load(Ordering::Relaxed)).filter(|limit| *limit != 0)
    }

    /// Notes that a client's share has changed.
    pub(super) fn replace(&self, old: usize, new: usize) {
        self.sum.fetch_add(new.wrapping_sub(old), Ordering::Relaxed);
    }

    /// Whether clients should go.
    #[inline]
    pub(super) fn is_exceeded(&self) -> bool {
        let Some(limit) = self.limit() else { return false };
        // Below zero is nothing.
        let sum = self.sum.load(Ordering::Relaxed) as isize;
        sum >= 0
            && sum as usize >= limit
            && clock::monotonic_ms() >= self.resigned_until.load(Ordering::Relaxed)
    }

    /// Nobody who is left may go: no use in trying again at once. Tells whether this is news.
    pub(super) fn resign(&self) -> bool {
        self.resigned_until.swap(clock::monotonic_ms() + RESIGNED_MS, Ordering::Relaxed) == 0
    }
}
