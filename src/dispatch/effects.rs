//! Handing over what commands have caused, after their locks are released.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::commands::Server;
use crate::keyspace::{Effects, Keyspace};

/// Hands over everything that has been collected; nothing is left in `effects` afterwards.
#[inline]
pub fn settle(server: &Arc<Server>, effects: &mut Effects) {
    if effects.dirty != 0 {
        server.dirty.fetch_add(std::mem::take(&mut effects.dirty), Ordering::Relaxed);
    }
    if !effects.is_settled() {
        Keyspace::discard(effects.garbage.drain(..));
        effects.events.clear();
    }
}
