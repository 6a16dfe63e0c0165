//! What the journal gets of entries that were handed to consumers: who has them now, since when and how often.
//!
//! Each is an XCLAIM that gives the same result wherever the entry was pending before, even nowhere. What a group
//! was given and what changed hands can't be told from the request alone.

use std::sync::Arc;

use crate::base::num::IntText;
use crate::keyspace::View;
use crate::types::stream::{ClaimedEntry, Group, StreamId};

/// See the head of this file.
pub(super) struct Deliveries {
    /// A consumer that was made and that none of the entries tells of.
    created: Option<Vec<u8>>,
    rows: Vec<Row>,
    /// Whether the group has moved on.
    moved: bool,
    /// The last ID that the group was given, and how many entries it has read, if that is known.
    last_id: StreamId,
    entries_read: Option<i64>,
}

struct Row {
    id: StreamId,
    consumer: Arc<[u8]>,
    time: i64,
    count: u64,
}

impl Deliveries {
    /// Entries that were claimed for a consumer. `created` tells whether it was made by that, `moved` whether the group
    /// was moved on.
    pub fn claimed(
        group: &Group,
        (consumer, created): (&[u8], bool),
        claimed: &[ClaimedEntry<'_>],
        moved: bool,
    ) -> Deliveries {
        let row = |entry: &ClaimedEntry<'_>| Row {
            id: entry.id,
            consumer: Arc::clone(&entry.owner),
            time: entry.time,
            count: entry.count,
        };
        let rows: Vec<Row> = claimed.iter().map(row).collect();
        let told = rows.iter().any(|row| *row.consumer == *consumer);
        Deliveries::of(group, (created && !told).then(|| consumer.to_vec()), rows, moved)
    }

    /// Entries that a consumer was given for the first time, at a time in Unix ms.
    pub fn given(
        group: &Group,
        (consumer, created): (&[u8], bool),
        ids: Vec<StreamId>,
        time: i64,
        moved: bool,
    ) -> Deliveries {
        let created = (created && ids.is_empty()).then(|| consumer.to_vec());
        let consumer = Arc::<[u8]>::from(consumer);
        let row = |id| Row { id, consumer: Arc::clone(&consumer), time, count: 1 };
        Deliveries::of(group, created, ids.into_iter().map(row).collect(), moved)
    }

    fn of(group: &Group, created: Option<Vec<u8>>, rows: Vec<Row>, moved: bool) -> Deliveries {
        let (last_id, entries_read) = (group.last_id(), group.entries_read());
        Deliveries { created, rows, moved, last_id, entries_read }
    }

    /// Tells the journal.
    pub fn propagate(&self, keys: &mut View<'_>, key: &[u8], group: &[u8]) {
        keys.propagate_nothing();
        let last_id = self.last_id.text();
        if let Some(consumer) = &self.created {
            keys.propagate_also(&[b"XGROUP", b"CREATECONSUMER", key, group, consumer]);
        }
        for row in &self.rows {
            let (mut time, mut count) = (IntText::new(), IntText::new());
            let (time, count) = (time.format(row.time).as_bytes(), count.format(row.count as i64).as_bytes());
            let (id, consumer) = (row.id.text(), &row.consumer);
            let what: [&[u8]; 6] = [b"XCLAIM", key, group, consumer, b"0", &id];
            let how: [&[u8]; 8] =
                [b"TIME", time, b"RETRYCOUNT", count, b"FORCE", b"JUSTID", b"LASTID", &last_id];
            keys.propagate_also(&[&what[..], &how[..]].concat());
        }
        if self.moved {
            let mut number = IntText::new();
            let read = number.format(self.entries_read.unwrap_or(-1)).as_bytes();
            keys.propagate_also(&[b"XGROUP", b"SETID", key, group, &last_id, b"ENTRIESREAD", read]);
        }
    }
}
