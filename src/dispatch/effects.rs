//! Handing over what commands have caused, after their locks are released.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::base::num::IntText;
use crate::commands::Server;
use crate::config::EventClasses;
use crate::keyspace::{Effects, Event, Keyspace};

/// Hands over everything that has been collected; nothing is left in `effects` afterwards.
#[inline]
pub fn settle(server: &Arc<Server>, effects: &mut Effects) {
    if effects.dirty != 0 {
        server.dirty.fetch_add(std::mem::take(&mut effects.dirty), Ordering::Relaxed);
    }
    if !effects.is_settled() {
        Keyspace::discard(effects.garbage.drain(..));
        if !effects.events.is_empty() {
            notify(server, &effects.events);
            effects.events.clear();
        }
        if !effects.stale.is_empty() {
            server.listeners.invalidate(&server.clients, &effects.stale);
            effects.stale.clear();
        }
        if std::mem::take(&mut effects.all_stale) {
            server.listeners.invalidate_all(&server.clients);
        }
    }
}

/// How many keys one turn or one round of housekeeping stops tracking.
const UNTRACKED_AT_ONCE: usize = 1000;

/// Stops tracking keys for client-side caching if there are more than `max`; 0: there may be any number.
pub fn limit_tracked(server: &Arc<Server>, max: usize) {
    if max > 0 && server.keyspace.tracked().0 > max {
        let mut effects = Effects::default();
        server.keyspace.limit_tracked(max, UNTRACKED_AT_ONCE, &mut effects);
        settle(server, &mut effects);
    }
}

/// Publishes keyspace events: to the channel of the key, then to the channel of the event.
#[cold]
fn notify(server: &Server, events: &[Event]) {
    if server.pubsub.is_idle() {
        return;
    }
    let classes = server.config.settings().observe.keyspace_events.0;
    let mut number = IntText::new();
    for Event { class, name, db, key } in events {
        let db = number.format(*db).as_bytes();
        // The settings may have changed since the event was noted.
        if classes & class == 0 {
            continue;
        }
        if classes & EventClasses::KEYSPACE != 0 {
            server.pubsub.publish(&[b"__keyspace@", db, b"__:", key].concat(), name.as_bytes());
        }
        if classes & EventClasses::KEYEVENT != 0 {
            server.pubsub.publish(&[b"__keyevent@", db, b"__:", name.as_bytes()].concat(), key);
        }
    }
}
