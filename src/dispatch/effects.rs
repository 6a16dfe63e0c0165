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
    count_changes(server, effects);
    if !effects.is_settled() {
        Keyspace::discard(effects.garbage.drain(..));
        announce(server, effects);
        if !effects.stale.is_empty() {
            server.listeners.invalidate(&server.clients, &effects.stale);
            effects.stale.clear();
        }
        if std::mem::take(&mut effects.all_stale) {
            server.listeners.invalidate_all(&server.clients);
        }
    }
}

/// Adds the changes to those of all commands.
#[inline]
pub fn count_changes(server: &Server, effects: &mut Effects) {
    if effects.dirty != 0 {
        server.dirty.fetch_add(std::mem::take(&mut effects.dirty), Ordering::Relaxed);
    }
}

/// Publishes the keyspace events collected so far. Under the locks of their keys this has everybody hear the events of
/// a key in the order of its changes; it takes locks of the broker and of outboxes only, and writes to no socket.
#[inline]
pub fn announce(server: &Server, effects: &mut Effects) {
    if !effects.events.is_empty() {
        notify(server, &effects.events);
        effects.events.clear();
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
            server.pubsub.queue(&[b"__keyspace@", db, b"__:", key].concat(), name.as_bytes());
        }
        if classes & EventClasses::KEYEVENT != 0 {
            server.pubsub.queue(&[b"__keyevent@", db, b"__:", name.as_bytes()].concat(), key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use crate::commands::Server;
    use crate::config::{Config, LogLevel};
    use crate::dispatch::Local;
    use crate::observe::log::Log;
    use crate::pubsub::{Kind, Message, Subscriber, Subscriptions, Way};
    use crate::resp::Protocol;

    /// Keeps what it hears.
    #[derive(Default)]
    struct Listener(Mutex<Vec<u8>>);

    impl Subscriber for Listener {
        fn id(&self) -> u64 {
            1
        }

        fn deliver(&self, message: &Message<'_>, _way: Way) -> bool {
            self.0.lock().extend_from_slice(message.frame(Protocol::Resp2));
            false
        }

        fn send(&self, _buffer: &mut Vec<u8>) {}
    }

    #[test]
    fn events_of_a_key_come_in_the_order_of_its_changes() {
        const ROUNDS: usize = 2000;
        const REQUESTS: [&[&[u8]]; 2] = [&[b"SETNX", b"k", b"v"], &[b"DEL", b"k"]];
        let log = Log::start(LogLevel::Nothing, None);
        let server = Arc::new(Server::new(Config::new(), log, 2, "no").expect("no renames"));
        Local::new(server.clone()).run(&[b"CONFIG", b"SET", b"notify-keyspace-events", b"K$g"]);
        let listener = Arc::new(Listener::default());
        let mut subscriptions = Subscriptions::new(server.pubsub.clone(), listener.clone());
        subscriptions.subscribe(Kind::Channel, b"__keyspace@0__:k");
        // Of two who set a key that is missing, and delete one that is there, each makes way for the other.
        std::thread::scope(|scope| {
            for request in REQUESTS {
                let mut client = Local::new(server.clone());
                scope.spawn(move || {
                    let mut done = 0;
                    while done < ROUNDS {
                        done += usize::from(client.run(request) == b":1\r\n");
                        std::thread::yield_now();
                    }
                });
            }
        });
        let heard = listener.0.lock();
        let heard = String::from_utf8_lossy(&heard);
        let heard: Vec<&str> = heard.lines().filter(|line| ["set", "del"].contains(line)).collect();
        assert_eq!(heard, ["set", "del"].repeat(ROUNDS));
    }
}
