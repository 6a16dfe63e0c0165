//! What is pending in a group, to be listed (XPENDING, XINFO, saving).

use super::super::id::StreamId;
use super::super::tree::Forward;
use super::{Consumer, Delivery, Group};

/// One entry that was handed out and not confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingEntry<'a> {
    /// The entry's ID; the entry itself may be gone.
    pub id: StreamId,
    /// Name of the consumer that has it.
    pub consumer: &'a [u8],
    /// When it was last handed out, in milliseconds since the Unix epoch.
    pub time: i64,
    /// How often it was handed out.
    pub count: u64,
}

impl PendingEntry<'_> {
    /// Milliseconds since it was last handed out; negative if that lies in the future.
    pub fn idle(&self, now: i64) -> i64 {
        now.saturating_sub(self.time)
    }
}

/// Pending entries in ascending order of their IDs.
pub struct PendingEntries<'a> {
    group: &'a Group,
    ids: Ids<'a>,
    end: StreamId,
}

/// Whose entries are listed.
enum Ids<'a> {
    Group(Forward<'a, StreamId, Delivery>),
    Consumer(Forward<'a, StreamId, ()>),
}

impl Group {
    /// Number of pending entries.
    pub fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// The smallest and the largest ID pending.
    pub fn pending_span(&self) -> Option<(StreamId, StreamId)> {
        Some((*self.pending.first()?.0, *self.pending.last()?.0))
    }

    /// The pending entries from `start` to `end`, both included.
    pub fn pending(&self, start: StreamId, end: StreamId) -> PendingEntries<'_> {
        PendingEntries { group: self, ids: Ids::Group(self.pending.iter_from(&start)), end }
    }

    /// The entries from `start` to `end`, both included, that are pending for one of this group's consumers.
    pub fn pending_of<'a>(
        &'a self,
        consumer: &'a Consumer,
        start: StreamId,
        end: StreamId,
    ) -> PendingEntries<'a> {
        PendingEntries { group: self, ids: Ids::Consumer(consumer.pending.iter_from(&start)), end }
    }
}

impl<'a> Iterator for PendingEntries<'a> {
    type Item = PendingEntry<'a>;

    fn next(&mut self) -> Option<PendingEntry<'a>> {
        let (id, delivery) = match &mut self.ids {
            Ids::Group(ids) => ids.next()?,
            Ids::Consumer(ids) => {
                let (id, ()) = ids.next()?;
                (id, self.group.pending.get(id)?)
            }
        };
        if *id > self.end {
            return None;
        }
        let consumer = self.group.consumers.get(&delivery.consumer)?;
        Some(PendingEntry { id: *id, consumer: consumer.name(), time: delivery.time, count: delivery.count })
    }
}
