//! ACL LOG: what was refused lately, equal refusals as one entry.

use std::collections::VecDeque;

use parking_lot::Mutex;

use super::check::Denied;

/// Equal refusals that are no further apart than this are one entry, in ms.
const SAME_WITHIN_MS: i64 = 60_000;
/// So many of the latest entries are compared.
const COMPARED: usize = 10;

/// Why something was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The command isn't allowed.
    Command,
    /// A key isn't allowed.
    Key,
    /// A channel isn't allowed.
    Channel,
    /// The password was wrong.
    Auth,
}

impl Reason {
    /// The word of ACL LOG.
    pub fn word(self) -> &'static str {
        match self {
            Reason::Command => "command",
            Reason::Key => "key",
            Reason::Channel => "channel",
            Reason::Auth => "auth",
        }
    }
}

impl From<Denied> for Reason {
    fn from(denied: Denied) -> Reason {
        match denied {
            Denied::Command => Reason::Command,
            Denied::Key(_) => Reason::Key,
            Denied::Channel(_) => Reason::Channel,
        }
    }
}

/// Where a command came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Context {
    /// From the client.
    Toplevel,
    /// From the client, in a transaction.
    Multi,
    /// From a script.
    Script,
}

impl Context {
    /// The word of ACL LOG.
    pub fn word(self) -> &'static str {
        match self {
            Context::Toplevel => "toplevel",
            Context::Multi => "multi",
            Context::Script => "lua",
        }
    }
}

/// A refusal, or several equal ones.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// How often.
    pub count: u64,
    /// Why.
    pub reason: Reason,
    /// Where.
    pub context: Context,
    /// The command, the key or the channel.
    pub object: Vec<u8>,
    /// The user's name.
    pub user: Vec<u8>,
    /// The client that was refused last, as in CLIENT LIST.
    pub client: String,
    /// Ascending number, unique in the life of the process.
    pub id: u64,
    /// When it happened first, in Unix ms.
    pub created_ms: i64,
    /// When it happened last, in Unix ms.
    pub updated_ms: i64,
}

impl Entry {
    /// A refusal at a moment in Unix ms.
    pub fn new(
        reason: Reason,
        context: Context,
        object: &[u8],
        user: &[u8],
        client: String,
        now: i64,
    ) -> Entry {
        let (object, user) = (object.to_vec(), user.to_vec());
        Entry { count: 1, reason, context, object, user, client, id: 0, created_ms: now, updated_ms: now }
    }

    fn is_same(&self, other: &Entry) -> bool {
        self.reason == other.reason
            && self.context == other.context
            && self.updated_ms.abs_diff(other.updated_ms) <= SAME_WITHIN_MS.unsigned_abs()
            && self.object == other.object
            && self.user == other.user
    }
}

/// See the head of this file. Only refusals take its lock.
#[derive(Default)]
pub struct Log {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// The latest in front.
    entries: VecDeque<Entry>,
    next_id: u64,
}

impl Log {
    /// Notes a refusal, and drops the oldest entries beyond `max_len`.
    pub fn note(&self, entry: Entry, max_len: usize) {
        let mut inner = self.inner.lock();
        if max_len == 0 {
            inner.entries.clear();
            return;
        }
        let same = inner.entries.iter().take(COMPARED).position(|known| known.is_same(&entry));
        if let Some(mut known) = same.and_then(|at| inner.entries.remove(at)) {
            known.count += 1;
            known.client = entry.client;
            known.updated_ms = entry.updated_ms;
            inner.entries.push_front(known);
            return;
        }
        let id = inner.next_id;
        inner.next_id += 1;
        inner.entries.push_front(Entry { id, ..entry });
        inner.entries.truncate(max_len);
    }

    /// The latest entries, the latest first.
    pub fn latest(&self, count: usize) -> Vec<Entry> {
        self.inner.lock().entries.iter().take(count).cloned().collect()
    }

    /// Drops all entries; numbers go on.
    pub fn clear(&self) {
        self.inner.lock().entries = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(object: &str, now: i64) -> Entry {
        Entry::new(Reason::Key, Context::Toplevel, object.as_bytes(), b"u", format!("at {now}"), now)
    }

    #[test]
    fn equal_refusals_are_one_entry_for_a_minute() {
        let log = Log::default();
        for (object, now) in [("a", 0), ("b", 10), ("a", 60_000), ("a", 120_001)] {
            log.note(entry(object, now), 10);
        }
        let seen: Vec<_> = log
            .latest(10)
            .into_iter()
            .map(|e| (e.id, e.count, e.created_ms, e.updated_ms, e.client))
            .collect();
        let expected =
            [(2, 1, 120_001, 120_001, "at 120001"), (0, 2, 0, 60_000, "at 60000"), (1, 1, 10, 10, "at 10")];
        assert_eq!(seen, expected.map(|(id, n, from, to, client)| (id, n, from, to, client.to_owned())));
    }

    #[test]
    fn the_oldest_go_and_numbers_stay() {
        let log = Log::default();
        for object in ["a", "b", "c"] {
            log.note(entry(object, 0), 2);
        }
        assert_eq!(log.latest(9).iter().map(|e| e.id).collect::<Vec<_>>(), [2, 1]);
        log.clear();
        log.note(entry("a", 0), 2);
        assert_eq!(log.latest(9)[0].id, 3);
        log.note(entry("a", 0), 0);
        assert!(log.latest(9).is_empty());
    }
}
