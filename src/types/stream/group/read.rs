//! Handing entries to consumers (XREADGROUP).

use super::super::id::StreamId;
use super::super::log::{Entry, Log};
use super::{Delivery, Group};

/// What a consumer that asked for new entries (`>`) got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewEntries {
    /// Whether the consumer was made by asking.
    pub consumer_created: bool,
    /// How many entries were handed out.
    pub count: usize,
    /// The first entry handed out and the last one; all entries between them are handed out too.
    pub span: Option<(StreamId, StreamId)>,
}

/// What a consumer that asked for its own pending entries got.
#[derive(Clone, Debug)]
pub struct History<'a> {
    /// Whether the consumer was made by asking.
    pub consumer_created: bool,
    /// The entries in ascending order.
    pub rows: Vec<HistoryRow<'a>>,
}

/// An entry that was handed out before.
#[derive(Clone, Debug)]
pub struct HistoryRow<'a> {
    /// Its ID.
    pub id: StreamId,
    /// The entry, unless it was deleted meanwhile.
    pub entry: Option<Entry<'a>>,
}

impl Group {
    /// Hands the entries after the group's last ID to a consumer, at most `limit` of them, and moves
    /// the group on. They become pending with one delivery at `now`, unless `noack`.
    ///
    /// Entries that are pending already (the group was set back) change hands.
    pub fn read_new(
        &mut self,
        log: &Log,
        consumer: &[u8],
        limit: Option<usize>,
        noack: bool,
        now: i64,
    ) -> NewEntries {
        let (key, consumer_created) = self.see_consumer(consumer, now);
        let mut read = NewEntries { consumer_created, count: 0, span: None };
        let Some(start) = self.last_id.next() else { return read };
        for entry in log.range(start, StreamId::MAX).take(limit.unwrap_or(usize::MAX)) {
            self.advance(log, entry.id());
            if !noack {
                self.assign(entry.id(), Delivery { time: now, count: 1, consumer: key });
            }
            read.count += 1;
            let first = read.span.map_or(entry.id(), |(first, _)| first);
            read.span = Some((first, entry.id()));
        }
        if read.count > 0 && !noack {
            self.activate(key, now);
        }
        read
    }

    /// Hands a consumer its own pending entries from `start` on once more, at most `limit` of them.
    /// Each counts as delivered again at `now`, unless the entry is gone.
    pub fn read_history<'a>(
        &mut self,
        log: &'a Log,
        consumer: &[u8],
        start: StreamId,
        limit: Option<usize>,
        now: i64,
    ) -> History<'a> {
        let (key, consumer_created) = self.see_consumer(consumer, now);
        let Some(consumer) = self.consumers.get(&key) else {
            return History { consumer_created, rows: Vec::new() };
        };
        let ids = consumer.pending.iter_from(&start).take(limit.unwrap_or(usize::MAX));
        let mut entries = log.finder();
        let rows: Vec<_> = ids.map(|(id, ())| HistoryRow { id: *id, entry: entries.get(*id) }).collect();
        for row in rows.iter().filter(|row| row.entry.is_some()) {
            if let Some(delivery) = self.pending.get_mut(&row.id) {
                delivery.time = now;
                delivery.count = delivery.count.wrapping_add(1);
            }
        }
        History { consumer_created, rows }
    }

    /// Moves on to an entry after the last one, counting it if the count is, or gets, certain.
    fn advance(&mut self, log: &Log, id: StreamId) {
        match &mut self.entries_read {
            Some(read) if !log.has_tombstones_from(id) => *read = read.wrapping_add(1),
            read => {
                if log.entries_added() > 0 {
                    *read = log.entries_added_until(id);
                }
            }
        }
        self.last_id = id;
    }
}
